/* The position: how far this process has come in the log of events, and whose subscriptions it decides.
 *
 * Subscriptions belong to partitions, and a partition to one process at a time (lease.h). A process
 * reads the log once for all of its partitions. What it has read is handed to its workers; an event
 * is decided when each of its deliveries is unwanted or has a row. The position is the last number up
 * to which all are decided, and stands in the store, in the worker's row: whoever takes a partition
 * over reads on from there.
 *
 *   read       all events up to this number were handed to workers
 *   undecided  those of them that are not decided yet, by their numbers
 *   from       of a partition: it decides events beyond this number (those before were decided by whoever
 *              had it, or here)
 *   until      of a partition that is to be given back: it decides nothing beyond this number
 *   held       of a partition: its deliveries in memory, and what is being fetched for it
 *
 * A partition that is taken over from further back takes the reading back to its own position, and
 * begins a new pass. What comes again in it (up to `high`, the end of the pass before) is decided for the
 * partitions that came with this pass, and what was handed over in an earlier pass for those that were
 * there by then: so each partition decides each event once, in the order of the log. No further pass begins
 * before that end is reached. The position in the store goes back in the transaction that takes the
 * partition, and nothing moves it beyond before the reading has gone back, too. A partition that leaves
 * holds the position at its `until`: who inherits the position inherits no gap.
 *
 * All of it goes by the owner's number: what was read under an earlier one counts for nothing. */
#ifndef WHI_POSITION_H
#define WHI_POSITION_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/heap.h"
#include "webhook_backend.h"

#define WHI_NOWHERE INT64_MAX /* position of who has no partition */

/* Of an event that was handed over: its place among the undecided, and for whom it is decided. */
typedef struct whi_mark {
    whi_heap_item item;
    int handed; /* 1: it may be among them */
    int pass;   /* in which it was handed over */
    int again;  /* 1: it was in an earlier one, too */
} whi_mark;

/* Changed under the lock, looked at without it: see whi_position_decides. */
typedef struct whi_partition {
    atomic_llong from, until; /* not ours: from is WHI_NOWHERE */
    atomic_int since;         /* the pass with which it came */
    atomic_llong came;        /* ms: when it came */
    atomic_int held;
} whi_partition;

typedef struct whi_position {
    pthread_mutex_t lock; /* around all but the atomics, which it guards when they change */
    int64_t owner;        /* 0: none, and nothing is handed over */
    int64_t read, high;
    int pass;
    int64_t taking; /* the position of partitions that a commit under way takes; WHI_NOWHERE: none */
    int64_t stuck;  /* before an event that was dropped undecided; WHI_NOWHERE: none */
    int64_t written;
    whi_heap undecided;
    atomic_int count;   /* partitions that are ours, leaving ones included */
    atomic_int leaving; /* of these */
    atomic_llong moves; /* raised by whatever changes which are ours, or leave */
    whi_partition partitions[WH_PARTITIONS];
} whi_position;

void whi_position_init(whi_position *position);
void whi_position_end(whi_position *position);

/* 0 … WH_PARTITIONS - 1, the same in every process. */
int whi_partition_of(int64_t subscription);

/* 1: whether this subscription wants this event, which was handed over, is decided by who has it. Any
 * thread. */
int whi_position_decides(const whi_position *position, int64_t subscription, const whi_mark *mark, int64_t number);

/* 1: what waits for this subscription is fetched and sent here. Any thread. */
int whi_position_has(const whi_position *position, int64_t subscription);

/* 1: it is here, or is leaving. Any thread. */
int whi_position_is_ours(const whi_position *position, int64_t subscription);

/* Something of this subscription is in memory, or no more. Any thread. */
void whi_position_hold(whi_position *position, int64_t subscription);
void whi_position_release(whi_position *position, int64_t subscription);

/* ---- reading and deciding. */

/* The number beyond which the log is to be read, and for which owner; WHI_NOWHERE: nothing is. */
int64_t whi_position_next(whi_position *position, int64_t *owner);

/* With the lock held: 1: this event is the next of the log, `before` being the number of the one before
 * it; it counts as read by this owner, and is undecided. 0: it has been read, or comes too early, or
 * there is no memory: the log has it. */
int whi_position_hand(whi_position *position, whi_mark *mark, int64_t number, int64_t before);

/* All up to `after` was handed over, and there is nothing more in the log up to this number. 0: it was
 * not, and is to be read again. */
int whi_position_passed(whi_position *position, int64_t owner, int64_t after, int64_t upto);

/* The event is decided. */
void whi_position_decided(whi_position *position, whi_mark *mark);

/* The event goes from memory, decided or not. */
void whi_position_forget(whi_position *position, whi_mark *mark, int64_t number, int64_t owner);

/* What may be written as the position of this owner now; WHI_NOWHERE: nothing. pass: NULL, or receives the
 * pass of the reading, for whi_position_written. */
int64_t whi_position_now(whi_position *position, int64_t owner, int *pass);

/* 1: it is not written yet, and nothing undecided is in memory that would soon move it on. */
int whi_position_is_due(whi_position *position);

/* It was written. Who learns of it late may tell of one behind which the store has gone back: that of an
 * earlier pass counts for nothing. */
void whi_position_written(whi_position *position, int64_t owner, int pass, int64_t value);

/* ---- partitions. Of the lease's beat. */

/* 1: what was read once is being read again, so no partition may come or go. */
int whi_position_is_behind(whi_position *position);

/* In the transaction that takes partitions, before anything else is written there: their least
 * position. WHI_NOWHERE: it was rolled back. */
void whi_position_taking(whi_position *position, int64_t least);

/* This owner has given these partitions back. */
void whi_position_given(whi_position *position, int64_t owner, const char given[WH_PARTITIONS]);

/* This is the owner from now on: of another nothing is ours any more. */
void whi_position_begin(whi_position *position, int64_t owner);

/* This owner has these partitions now (ms): their positions, or -1 where it has not. 1: some of them are new. */
int whi_position_adopt(whi_position *position, int64_t owner, const int64_t at[WH_PARTITIONS], int64_t now);

/* When the partition of this subscription came, which is ours: ms. Any thread. */
int64_t whi_position_came(const whi_position *position, int64_t subscription);

/* So many of those that are ours are to be given back. */
void whi_position_leave(whi_position *position, int count);

/* 1: this partition is to be given back, and nothing of it is in memory: at *until. */
int whi_position_has_left(whi_position *position, int partition, int64_t *until);

/* Nothing is ours. */
void whi_position_reset(whi_position *position);

#endif
