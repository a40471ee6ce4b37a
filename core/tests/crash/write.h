/* The events of the crash test, and publishing them. */
#ifndef CRASH_WRITE_H
#define CRASH_WRITE_H

#include "crash.h"
#include "journal.h"

#define WRITERS_OF_SERVER 2
#define WRITERS 7 /* in all: two servers, two publishers, SQL */
#define BATCH 4   /* at most */

/* One thread that publishes: its events are accepted in sequence. */
typedef struct writer {
    wh_engine *engine;
    char origin;
    char name[24];
    int journal;
    long next; /* number of its next event */
} writer;

typedef struct draft {
    char payload[224];
    entry line;
} draft;

/* The next event of this writer, with an id of its own. */
void write_draft(writer *self, draft *out);

/* Publishes one event or a batch, and writes down what was acknowledged. */
void write_events(writer *self);

/* As long as the rate asks for; not at all while it is hot. */
void write_rest(void);

#endif
