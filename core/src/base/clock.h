/* Time and chance, the only doors to both: tests put their own behind them. */
#ifndef WHI_CLOCK_H
#define WHI_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "webhook_backend.h"

/* Milliseconds since 1970 by this clock; NULL is the machine's. */
int64_t whi_clock_now(const wh_clock *clock);

/* Fills size bytes with chance: the clock's, or the operating system's
 * (cryptographic). 0 or WH_EINTERNAL. */
int whi_clock_random(const wh_clock *clock, void *out, size_t size);

/* Microseconds that only ever grow, for measuring; never replaced. */
int64_t whi_monotonic_us(void);

/* "2026-11-21T10:00:00.000Z" for a time in ms (years 0 to 9999). */
#define WHI_TIME_SIZE 25
void whi_time_text(int64_t ms, char out[WHI_TIME_SIZE]);

/* Reads such a text, also without the fraction; a second of 60 is the next minute.
 * 0 or WH_EINVALID (no sentence). */
int whi_time_parse(const char *text, int64_t *out);

#endif
