/* Kills and pauses by chance.
 *
 * Kills: SIGKILL of a random process, which is started again at once. Pauses: SIGSTOP of
 * one process, or of a server and a worker together, for longer than a lease may last,
 * under load: all publish without a rest from shortly before it, so that the process
 * stops with transactions and requests under way. Kills go on meanwhile, but
 *   - what is stopped, and goes on, is not killed: what it does then is what we want to see;
 *   - the last pause, of a server and a worker for the longest time, comes when the kills are
 *     done: what it leaves is not brought up by a process that starts;
 *   - one that works, the witness, is spared during a pause: to take over, somebody has to
 *     live for longer than a lease. */
#ifndef CRASH_CAMPAIGN_H
#define CRASH_CAMPAIGN_H

#include "people.h"

#include <stddef.h>

typedef struct campaign_plan {
    int kills, pauses;
    int64_t between_us; /* from kill to kill, on average */
    int64_t gap_us;     /* from the end of a pause to the next, on average */
    int64_t ends_at;    /* us: it goes on until then, whatever the counts; 0: until they are reached */
    unsigned seed;
    person *people;
    size_t count;
    void (*tick)(void *payload); /* each few ms; may be NULL */
    void *payload;
} campaign_plan;

typedef struct disturbance { /* of some process: a kill, or a pause */
    int64_t from, until;     /* us */
} disturbance;

typedef struct campaign_tally {
    int kills, pauses, died; /* died: by themselves */
    int64_t paused_us;
    disturbance *disturbances;
    size_t count;
    int64_t stranded, stranded_us; /* closed_stranded: the most at once, the longest time with any */
    int64_t calm_at;               /* us: from then on only what was stranded is delivered */
} campaign_tally;

void campaign_run(const campaign_plan *plan, campaign_tally *out);

/* 1 if some process was killed, or paused, in this time. */
int campaign_disturbed(const campaign_tally *self, int64_t from, int64_t until);

#endif
