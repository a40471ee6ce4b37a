/* What the publishers wrote down: one line for each event, appended in one write, after
 * the engine (or SQLite) had said that it is durable. Processes die, the machine does not:
 * no fsync is needed. */
#ifndef CRASH_JOURNAL_H
#define CRASH_JOURNAL_H

#include "crash.h"

enum journal_kind {
    JOURNAL_ACCEPTED = 'A',
    JOURNAL_ROLLED_BACK = 'R', /* written before ROLLBACK: this event must never be seen */
    JOURNAL_ONCE = 'S',        /* a single_use subscription; id is its path */
};

enum origin { ORIGIN_SERVER = 's', ORIGIN_PUBLISHER = 'p', ORIGIN_SQL = 'q', ORIGIN_DRIVER = 'd' };

typedef struct entry {
    char kind, origin;                        /* the enums above */
    char id[WH_ID_SIZE], key[32], writer[32]; /* writer: the one thread whose events are in sequence */
    int type, drop;
    int64_t begin, end; /* us: when it was handed over, when it was acknowledged */
    uint64_t hash;      /* of the payload */
} entry;

/* Opens it for appending; -1 in soaks, which keep none. */
int journal_open(void);
void journal_write(int fd, const entry *lines, size_t count);

/* Calls for each line, in the order of the file. */
void journal_read(void (*each)(const entry *line, void *payload), void *payload);

#endif
