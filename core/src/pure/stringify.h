/* JSON as JavaScript writes it: what JSON.stringify makes of what JSON.parse has read.
 *
 * A receiver that verifies a signature over a part of a body has the part's value and not its bytes: its
 * parser threw them away. So it writes the value anew, without blanks, with as few escapes and digits as
 * there can be. Who signs for it has to sign that text.
 *
 * JavaScript's values are not JSON's: its numbers are doubles, an object has a name once, and names that
 * are indexes ("0" to "4294967294") come first, in their order. Where one of these changes a value there
 * is no text that both sides could mean. */
#ifndef WHI_STRINGIFY_H
#define WHI_STRINGIFY_H

#include "base/buf.h"
#include "pure/json.h"

/* Appends the value; *same is 1 then. Where JavaScript's own text would mean another value, *same is 0 and
 * nothing is appended. WH_ENOMEM, WH_ELIMIT of out. */
int whi_stringify(const whi_json *json, uint32_t node, whi_buf *out, int *same);

#define WHI_STRINGIFY_NUMBER 48 /* bytes: of a number's text and its zero byte */

/* A finite number as Number.prototype.toString writes it, whatever the locale. */
void whi_stringify_number(double number, char out[WHI_STRINGIFY_NUMBER]);

#endif
