/* What differs between two JSON values, for people: a line for each member, by its path.
 *
 *     - customer.name: "Ann"        only in the first, or other there
 *     + customer.name: "Anna"       only in the second, or other there
 *
 * Objects are compared by their members' names, whatever their order (of a name that comes
 * twice the last one counts, as in look-ups), arrays place by place, texts by what they say,
 * however it is escaped. White space between tokens is nothing. Numbers are the same only
 * when they are written the same: 1 and 1.0 differ, because readers exist that see it.
 *
 * A path is that of filters, with places in brackets: items[2].sku; a name that would be
 * misread is quoted: ["a.b"]; the value itself is $. Lines are sorted by name within an object.
 * A container that only one side has is one line, written without blanks. */
#ifndef WHI_DIFF_H
#define WHI_DIFF_H

#include <stddef.h>

#include "base/buf.h"
#include "pure/json.h"

#define WHI_DIFF_TEXT 200 /* bytes told of a value or of a path; what was cut ends in "…" */

/* Appends at most so many lines to out, each with a '\n' behind it (there is none within)
 * and at most 2 * WHI_DIFF_TEXT + 20 bytes; count receives how many, 0 when nothing differs.
 * Looks no further when they are told: with most 1 it only tells whether they differ.
 * Time grows with n log n. WH_ENOMEM, WH_ELIMIT (of out). */
int whi_diff(const whi_json *first, const whi_json *second, size_t most, whi_buf *out, size_t *count);

#endif
