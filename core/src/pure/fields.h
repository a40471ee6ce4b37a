/* `fields`: which members of a payload to keep, without a rule.
 *
 * A comma list of paths: "id, customer.email, items(sku,price)". A dotted path and
 * a group mean the same: "a.b,a.c" is "a(b,c)". Over an array a path applies to
 * each item. Naming a member keeps it whole. Names have no comma, dot, parenthesis
 * or leading and trailing blank; a backslash takes the next letter as it is.
 * What is named and absent is left out; an array's items that are not containers,
 * where members of them are asked, are left out too. Kept parts are copied byte for
 * byte, in the payload's own order. */
#ifndef WHI_FIELDS_H
#define WHI_FIELDS_H

#include "pure/json.h"

typedef struct whi_fields whi_fields;

/* Reads the list. An empty or blank text gives NULL in out: everything is kept.
 * Errors: WH_EINVALID with the position and what was expected, WH_ELIMIT (more
 * than 1000 names or 32 levels), WH_ENOMEM. */
int whi_fields_parse(whi_fields **out, const char *text, size_t size);
void whi_fields_free(whi_fields *fields);

/* Appends the projection of a value to out. A root array is projected item by
 * item. A root that is no container is written whole. */
int whi_fields_project(const whi_fields *fields, const whi_json *json, uint32_t node, whi_buf *out);

#endif
