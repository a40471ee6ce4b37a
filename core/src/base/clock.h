/* Time and chance, the only doors to both: tests put their own behind them. */
#ifndef WHI_CLOCK_H
#define WHI_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "webhook_backend.h"

/* Milliseconds since 1970 by this clock; NULL is the machine's. */
int64_t whi_clock_now(const wh_clock *clock);

/* 1: it said `before`, and now less by more than a correction that is waited for: what was planned by it may be far. */
static inline int whi_clock_is_put_back(int64_t before, int64_t now) {
    return now < before - 1000;
}

/* Fills size bytes with chance: the clock's, or the operating system's
 * (cryptographic). 0 or WH_EINTERNAL. */
int whi_clock_random(const wh_clock *clock, void *out, size_t size);

/* Microseconds that only ever grow, for measuring; never replaced. */
int64_t whi_monotonic_us(void);

/* us of CPU that the calling thread has used. */
int64_t whi_thread_cpu_us(void);

/* "2026-11-21T10:00:00.000Z" for a time in ms (years 0 to 9999). */
#define WHI_TIME_SIZE 25
void whi_time_text(int64_t ms, char out[WHI_TIME_SIZE]);

/* Reads a time as text: "2026-11-21T10:00:00.000Z"; with any fraction or none, or without the seconds;
 * a blank for the T, as SQLite's CURRENT_TIMESTAMP has it; "+01:00", "+0100" or "+01" for the Z, or nothing,
 * which is UTC too; the date alone; or ms since 1970 in digits. A second of 60 is the next minute.
 * 0 or WH_EINVALID (no sentence). */
int whi_time_parse(const char *text, int64_t *out);

/* The times that a caller may mean. What is below as ms is, as seconds, a time before the year 5138. */
#define WHI_TIME_LEAST INT64_C(100000000000)   /* 1973-03-03T09:46:40.000Z */
#define WHI_TIME_MOST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

/* 0 if it is such a time; WH_EINVALID of the field, with a hint where ms were meant to be something else. */
int whi_time_check(const char *field, int64_t ms);

/* Both: for all that a caller says of a time. */
int whi_time_read(const char *field, const char *text, int64_t *out);

#endif
