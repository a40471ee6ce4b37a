/* For tests of an engine's life: threads beside it, another program's hands in its file, time. */
#ifndef LIFE_KIT_H
#define LIFE_KIT_H

#include <stdatomic.h>
#include <stdint.h>

#include "webhook.h"

/* Publishes an event; may be called by threads, where nothing may be asserted. key may be NULL. */
int life_publish(wh_engine *engine, const char *type, const char *key, const char *payload);

/* What another program does by plain SQL: the first number of the first row, 0 without one. */
int64_t life_sql(const char *file, const char *sql);

/* Another program that holds the lock of the file, until it lets go. */
struct sqlite3 *life_lock(const char *file);
void life_unlock(struct sqlite3 *other);

/* How many deliveries are in this state, over all pages. */
size_t life_states(wh_engine *engine, const char *state);

/* Waits, at most 30 s, until nothing is due in an engine whose threads work. */
void life_wait_idle(wh_engine *engine);

/* Turns one without threads, at most 30 s, until it has its partitions, nothing more to do, and all is written: what
 * waits for a rate is due, and a run would wait for it by a clock that stands. */
void life_settle(wh_engine *engine);

/* Waits, at most 30 s, until the fixture's transport was given so many requests. */
void life_wait_sent(size_t count);

/* Waits, at most 30 s, until this SQL gives this number. */
void life_wait_sql(const char *file, const char *sql, int64_t number);

/* ms since that whi_monotonic_us. */
int64_t life_ms_since(int64_t us);

/* Nothing waits or is under way, and so many were delivered. */
void life_assert_delivered(wh_engine *engine, size_t count);

#endif
