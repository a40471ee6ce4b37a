/* A text of JSON that nests too deeply to be scanned, made one that does not: for lists in which one value that does so
 * must not hide the others. */
#ifndef WHI_JSON_PRUNE_H
#define WHI_JSON_PRUNE_H

#include <stddef.h>

#include "pure/json.h"

/* Appends the text, with null in the place of each array and object that is deeper than this many levels. What is in
 * those is not looked at but for its brackets and strings, and of the rest nothing is checked: a scan follows. Time and
 * memory are those of the text. WH_ENOMEM, WH_ELIMIT. */
int whi_json_prune(const char *text, size_t size, int depth, whi_buf *out);

/* whi_json_scan of the deepest texts that it takes; one that nests deeper is pruned first, into pruned, which the
 * caller has made and frees after json. */
int whi_json_scan_pruned(whi_json *json, const char *text, size_t size, whi_buf *pruned);

/* Levels of a value that was not cut, and of which a page has room for others around it; a value that nests deeper may
 * be a part of what it was. */
#define WHI_JSON_WHOLE_DEPTH (WHI_JSON_DEPTH_MAXIMUM - 100)

#endif
