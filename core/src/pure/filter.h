/* `filters`: equality on paths, without a rule.
 *
 * A JSON object {"customer.country": "DE", "total": 12, "tags": ["a","b"]}: each
 * key is a dotted path into the payload, all of them must hold. A value is a text,
 * a number, true, false, null or a list of such; objects and lists in lists are
 * refused. The value at the path must equal the one given; a text also equals a
 * number, true, false or null written the same way ("12" holds for 12: the seeds'
 * filters are maps of texts). A list means any of its values. Over an array on the
 * way, one item that holds is enough; where the value itself is an array, an item that
 * equals is enough. null holds where the member is null or absent. A path that is not
 * there does not hold. Time grows with paths times payload, and with the logarithm of
 * a list's length. */
#ifndef WHI_FILTER_H
#define WHI_FILTER_H

#include "pure/json.h"

typedef struct whi_filter whi_filter;

/* Reads an object; an empty one gives NULL: everything passes. Errors: WH_EINVALID
 * with the key and what was expected, WH_ELIMIT (more than 100 paths or 16 levels), WH_ENOMEM. */
int whi_filter_parse(whi_filter **out, const char *text, size_t size);
void whi_filter_free(whi_filter *filter);

/* WH_EINVALID for a path that is likely meant otherwise (pure/path.h). NULL has none. */
int whi_filter_review(const whi_filter *filter);

/* 1 if all hold. failed, if not NULL, receives the first path that does not
 * (owned by the filter). */
int whi_filter_match(const whi_filter *filter, const whi_json *payload, const char **failed);

/* Of a payload that is a list: each item asked by itself. Appends a list of those that hold, as their
 * bytes are; returns how many they are. failed: as above, of the last that does not hold, or
 * the first path where there is no item. */
size_t whi_filter_items(const whi_filter *filter, const whi_json *payload, whi_buf *out, const char **failed);

#endif
