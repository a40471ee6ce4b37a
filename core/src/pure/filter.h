/* `filters`: conditions on paths, without a rule.
 *
 * A JSON object {"customer.country": "DE", "total": {"$gte": 100}}: each key is a dotted path into the payload, and
 * all of them must hold. What stands at a path is one of:
 *
 *   a text, number, true, false, null   The value equals it. A text also equals a number, true, false or null written
 *                     the same way ("12" holds for 12: the seeds' filters are maps of texts). null holds where the
 *                     member is null or absent.
 *   a list of such    any of them
 *   operators         {"$gt": 5, "$lt": 10}: all of them hold, those that compare of one and the same value
 *   an object of paths  {"items": {"sku": "x", "quantity": {"$gt": 1}}}: all of them hold of what is there; in an
 * array, of one and the same item
 *
 *   $eq $in           as the value or list by itself
 *   $ne $neq $nin     not so; holds where there is nothing, too
 *   $gt $gte $lt $lte   numbers with numbers by their value, exactly; texts with texts, byte by byte
 *   $startsWith $endsWith   a text
 *   $contains         a text, of which it is a part; or an array, of which an item equals it
 *   $exist $exists    true: the member is there, if only as null; false: it is not
 *   $or $and          a list, of which any or all hold: at a path of what may stand at a path, else of objects of paths
 *   $not              one such, which does not hold
 *
 * Over an array on the way, one item that holds is enough, and where the value itself is an array, an item that does.
 * What says "not" is the contrary of that: no item does. A path that is not there does not hold. Time grows with
 * conditions times payload, and with the logarithm of a list's length; no memory is needed to ask. */
#ifndef WHI_FILTER_H
#define WHI_FILTER_H

#include "pure/json.h"

typedef struct whi_filter whi_filter;

/* Reads an object; an empty one gives NULL: everything passes. Errors: WH_EINVALID
 * with the key and what was expected, WH_ELIMIT (more than 100 conditions or 16 levels), WH_ENOMEM. A name
 * that begins with '$' and is no operator is a path, as it was before there were any. */
int whi_filter_parse(whi_filter **out, const char *text, size_t size);
void whi_filter_free(whi_filter *filter);

/* WH_EINVALID for a path that is likely meant otherwise (pure/path.h), or looks like an operator. NULL has none. */
int whi_filter_review(const whi_filter *filter);

/* 1 if all hold. failed, if not NULL, receives the first key that does not, of the outermost object
 * (owned by the filter). */
int whi_filter_match(const whi_filter *filter, const whi_json *payload, const char **failed);

/* Of a payload that is a list: each item asked by itself. Appends a list of those that hold, as their
 * bytes are; returns how many they are. failed: as above, of the last that does not hold, or
 * the first key where there is no item. */
size_t whi_filter_items(const whi_filter *filter, const whi_json *payload, whi_buf *out, const char **failed);

#endif
