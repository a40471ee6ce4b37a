/* Questions about the log of a SQLite store, for tests that look from outside. */
#ifndef LOG_SQL_H
#define LOG_SQL_H

#define LOG_ANY "9223372036854775807"

/* How far the log is done: the least position of workers, of partitions that nobody has, and of lags. */
#define LOG_LEAST                                                                                                      \
    "min((SELECT coalesce(min(position), " LOG_ANY ") FROM webhook_lags), (SELECT coalesce(min(position), " LOG_ANY    \
    ") FROM webhook_workers), (SELECT coalesce(min(position), " LOG_ANY                                                \
    ") FROM webhook_partitions WHERE owner NOT IN (SELECT id FROM webhook_workers)))"

/* Events that are not decided yet, as far as the store knows. */
#define LOG_UNDECIDED "SELECT count(*) FROM webhook_events WHERE alone = 0 AND number > " LOG_LEAST

/* Partitions that somebody has. */
#define LOG_OWNED "SELECT count(*) FROM webhook_partitions WHERE owner IN (SELECT id FROM webhook_workers)"

#endif
