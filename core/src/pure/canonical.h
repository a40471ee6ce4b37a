/* One text for values that mean the same: without blanks, names in order, as few escapes as there can be, numbers as
 * their digits and a power of ten, however many there are. For comparing and for hashing; nobody is sent it. */
#ifndef WHI_CANONICAL_H
#define WHI_CANONICAL_H

#include "base/buf.h"
#include "pure/json.h"

/* Appends the value. without: NULL, or names of members that are left out of the outermost object, NULL at the end.
 * The text ends with a zero byte that does not count. WH_ENOMEM, WH_ELIMIT of out. */
int whi_canonical(const whi_json *json, uint32_t node, const char *const *without, whi_buf *out);

#endif
