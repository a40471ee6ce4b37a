/* Subscriptions that lag: those that cannot be decided as fast as events come, since their rules are slow. Each has a
 * position of its own (webhook_lags), and no other waits for it: the engine's position passes what they have not
 * decided.
 *
 *   begins    when a decision takes too long. The events that meet it from then on are its own to decide. They
 *             are held, undecided, until its row is in the store, at the position that the engine has there.
 *   from      all events up to here had been handed to workers when the row was written: of those it decides the
 *             ones that it was met in (numbers), and the workers have decided the others. Beyond it, it reads the
 *             log, and the workers pass it over.
 *   at        it has decided all up to here. The row follows, once all that was handed over up to `from` is
 *             decided and each delivery has its row.
 *   until     when it has read what the workers have read, and is slow no more, or has had nothing to decide for
 *             long, it ends there: the workers decide what comes behind it.
 *
 * Who takes a partition over finds the rows of its subscriptions, and reads on from there. The lock is one of those
 * under which nothing else is asked for. What is the first worker's alone is said so. */
#ifndef WHI_LAG_H
#define WHI_LAG_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/fair.h"
#include "base/table.h"
#include "engine/event.h"

#define WHI_LAG_PAGE 16 /* events that are read at once for one */

typedef struct whi_lag {
    int64_t subscription;
    atomic_llong written; /* its position in the store; -1: it has none there yet */
    atomic_llong until;   /* INT64_MAX while it lags */
    int64_t from;
    int64_t *numbers; /* of events up to `from` that are its own to decide */
    size_t count, capacity;
    whi_event **held; /* while it has no row: references, each undecided for it */
    size_t held_count, held_capacity;
    int64_t least_us;     /* monotonic: it does not end before */
    int fresh;            /* 1: it began here: events up to `from` may be its own */
    atomic_int gone;      /* 1: another process's, or over: the first worker frees it */
    struct whi_lag *next; /* of those that are gone */

    /* the first worker's */
    whi_turn turn;
    int64_t at;
    whi_event *page[WHI_LAG_PAGE];
    int page_count, page_at;
    int64_t page_upto; /* how far the log was read for it */
    int64_t again_us;  /* when to try again what failed */
    int64_t busy_us;   /* when it last had something to decide */
    int64_t took_us;   /* its last decision; 0: there was none */
    int calm;          /* so many decisions in a row were none that takes long */
    int state;         /* see work/lagging.c */
    int64_t page_numbers[WHI_LAG_PAGE];
    size_t page_numbered; /* the page is one of so many numbers, of which some may be there no more */
    struct whi_lag_tenant *tenant;
    struct whi_lag *following; /* in the worker's list */
} whi_lag;

typedef struct whi_lags {
    pthread_mutex_t lock;
    whi_table all;
    whi_lag *gone;
    atomic_int count; /* of all: with none nothing is asked */
    atomic_int news;  /* 1: some have no row, are new to the first worker, or are gone */
} whi_lags;

void whi_lags_init(whi_lags *lags);
void whi_lags_end(whi_lags *lags, wh_engine *engine);

/* A worker has met this subscription in an event that was handed over. 1: it lags, and the event is its own, or
 * another's to decide; 0: it does not; WH_ENOMEM. Any thread. */
int whi_lags_meet(whi_lags *lags, whi_event *event, int64_t subscription);

/* The same, and it lags from now on, for so many us at least. 0: not yet, an earlier lag of it is still ending. */
int whi_lags_begin(whi_lags *lags, whi_event *event, int64_t subscription, int64_t least_us);

/* One that another process has left behind, at this position. WH_OK, WH_ENOMEM. */
int whi_lag_new(whi_lag **out, int64_t subscription, int64_t position);
/* Room for so many more, and for some that may begin meanwhile. WH_ENOMEM: nothing changed. */
int whi_lags_reserve(whi_lags *lags, uint32_t count);
/* Takes it; there is room. One that is there began here, under a number that was lost meanwhile: it is gone. */
void whi_lags_load(whi_lags *lags, wh_engine *engine, whi_lag *lag);

/* Those whose partitions are not this engine's (all: also the others) are gone. */
void whi_lags_drop(whi_lags *lags, const whi_position *position, int all);

/* ---- of the first worker */

/* Calls each one that is there. */
void whi_lags_each(whi_lags *lags, void (*each)(whi_lag *lag, void *payload), void *payload);

/* Those that are gone, by next; the caller frees them. */
whi_lag *whi_lags_take_gone(whi_lags *lags);
void whi_lag_free(wh_engine *engine, whi_lag *lag);

/* Its row is written: at this position, when all up to `from` was handed over. *held receives the events that were
 * held for it; the array is the caller's. */
size_t whi_lags_written(whi_lags *lags, whi_lag *lag, int64_t position, int64_t from, whi_event ***held);

/* The lowest of its numbers, at most so many in ascending order; they stay. out NULL: whether there are some. */
size_t whi_lags_numbers(whi_lags *lags, const whi_lag *lag, int64_t *out, size_t most);
/* These are decided. */
void whi_lags_forget(whi_lags *lags, whi_lag *lag, const int64_t *numbers, size_t count);

/* It has decided all up to `at`. 1: the workers have read no further: it ends there. */
int whi_lags_stop(whi_lags *lags, whi_position *position, whi_lag *lag);
/* All that was handed over up to there is decided: it is gone. */
void whi_lags_remove(whi_lags *lags, whi_lag *lag);

#endif
