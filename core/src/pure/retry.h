/* When the next attempt is made. Pure: chance comes in as a number. */
#ifndef WHI_RETRY_H
#define WHI_RETRY_H

#include <stddef.h>
#include <stdint.h>

#define WHI_RETRY_MAXIMUM 100                       /* attempts of one delivery */
#define WHI_RETRY_DELAY_MAXIMUM INT64_C(2592000000) /* 30 days: one delay of a list */
#define WHI_RETRY_AFTER_MAXIMUM INT64_C(86400000)   /* a receiver's Retry-After counts up to a day */

/* Milliseconds to wait before attempt number `attempts + 1`, when `attempts` have
 * been made; -1 when the list is used up. Every delay but the first gets up to
 * jitter (0 to 100) percent more, by chance (0 to UINT32_MAX). retry_after (ms, 0 for none)
 * only makes it longer, and chance is added to it as well. */
int64_t whi_retry_delay(const int64_t *list, size_t count, int attempts, int64_t retry_after, int jitter,
                        uint32_t chance);

/* Milliseconds that a Retry-After header asks for (RFC 9110 10.2.3: seconds or a
 * date, read against now_ms), 0 if it cannot be read or lies in the past. */
int64_t whi_retry_after(const char *value, int64_t now_ms);

#endif
