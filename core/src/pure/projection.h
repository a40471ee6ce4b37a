/* Projection: which members of a payload to keep, without a rule, as `fields` says it.
 *
 * A comma list of paths: "id, customer.email, items(sku,price)". A dotted path and
 * a group mean the same: "a.b,a.c" is "a(b,c)". Over an array a path applies to
 * each item. Naming a member keeps it whole. Names have no comma, dot, parenthesis
 * or leading and trailing blank; a backslash takes the next letter as it is.
 * What is named and absent is left out; an array's items that are not containers,
 * where members of them are asked, are left out too. Kept parts are copied byte for
 * byte, in the payload's own order.
 *
 * Why it is no rule: most subscriptions want some members and nothing else. A list is read once for a
 * version of the subscription, walks the tape of the scan without building anything, can neither loop
 * nor fail, and is text that a form can hold. What needs a condition is a rule. Why it copies spans: a
 * number that was decoded and written again is another number (1.10, 2^53 + 1), and the receiver
 * checks a signature over these bytes. */
#ifndef WHI_PROJECTION_H
#define WHI_PROJECTION_H

#include "pure/json.h"

typedef struct whi_projection whi_projection;

/* Reads the list. An empty or blank text gives NULL in out: everything is kept.
 * Errors: WH_EINVALID with the position and what was expected, WH_ELIMIT (more
 * than 1000 names or 32 levels), WH_ENOMEM. */
int whi_projection_parse(whi_projection **out, const char *text, size_t size);
void whi_projection_free(whi_projection *fields);

/* What is wrong with a list for the person who writes it: also WH_EINVALID for what can be read and
 * is likely meant otherwise. A blank in a name, and those of pure/path.h; a name with a backslash is
 * meant as it is. What is stored already is not asked. */
int whi_projection_review(const char *text, size_t size);

/* Appends the projection of a value to out. A root array is projected item by
 * item. A root that is no container is written whole. */
int whi_projection_write(const whi_projection *fields, const whi_json *json, uint32_t node, whi_buf *out);

/* Appends an object, or a list of such, without the member of this name (letters, as they are written without escapes);
 * what is no object stays. found: 1 if one had it. */
int whi_projection_write_without(const char *name, const whi_json *json, uint32_t node, int *found, whi_buf *out);

#endif
