/* Where something stands in an answer of somebody's API: names with dots between, "data.items". A backslash takes the
 * next letter as it is, for names with dots in them ("@odata\.nextLink"). "" is the answer itself.
 *
 * A single value is looked for in objects alone. A list of items is looked for in arrays on the way, too, in each of
 * their items: so "data.orders.edges.node" gives the node of each edge. */
#ifndef WHI_SOURCE_PATH_H
#define WHI_SOURCE_PATH_H

#include "pure/json.h"

#define WHI_SOURCE_PATH_MAXIMUM 512 /* bytes of one */

/* WH_EINVALID, of this field: an empty name, a backslash at the end, too long, or one of pure/path.h. */
int whi_source_path_check(const char *field, const char *path);

/* The value at the path below node, or WHI_JSON_NONE. */
uint32_t whi_source_path_find(const whi_json *json, uint32_t node, const char *path);

/* Calls each for every item of the arrays that the path leads to; an object is an item itself where an array was on
 * the way, and null is an empty array. *found 0: the path leads nowhere. Returns what each did, if it is not 0;
 * WH_EINVALID: something else than items stands there. */
int whi_source_path_each(const whi_json *json, uint32_t node, const char *path,
                         int (*each)(const whi_json *json, uint32_t item, void *payload), void *payload, int *found);

#endif
