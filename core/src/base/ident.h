/* Identifiers: numbers inside, prefixed text outside.
 *
 * An event's number grows with time (milliseconds since 2024-01-01 in the upper 41 bits, then a
 * 22-bit counter) and is given inside the commit, so rows are appended where the last ones were, a
 * reader who has seen a number will see no smaller one come, and its text needs no column of its own.
 * The text is 13 digits of Crockford's base 32, in lower case, so it sorts as the
 * number does. */
#ifndef WHI_IDENT_H
#define WHI_IDENT_H

#include <stdint.h>

#include "webhook.h"

#define WHI_IDENT_DIGITS 13

/* "msg_" and 13 digits. out has WH_ID_SIZE bytes. */
void whi_ident_format(const char *prefix, int64_t number, char *out);

/* The number in text of exactly this form; 0 or WH_EINVALID (no sentence). */
int whi_ident_parse(const char *prefix, const char *text, int64_t *out);

/* A delivery is named by its event and its subscription: "dlv_" and 26 digits. */
void whi_ident_delivery(int64_t event, int64_t subscription, char *out);
int whi_ident_parse_delivery(const char *text, int64_t *event, int64_t *subscription);

/* The next event's number in a store whose last one is last (0: none), at this time: larger than all
 * before, also when the clock stands still or goes back. */
int64_t whi_ident_after(int64_t last, int64_t now_ms);

/* The time in ms that is in an event's number; the smallest number of a time. */
int64_t whi_ident_time(int64_t number);
int64_t whi_ident_first(int64_t ms);

/* The least number for a subscription that is made at ms: 1024 to a millisecond since 2024, one of
 * them by chance. It tells when that was, and not how many others there are; until 2302 it is
 * below 2^53, so JavaScript reads it exactly. */
int64_t whi_ident_least(int64_t ms, unsigned chance);

#endif
