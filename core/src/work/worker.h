/* A worker: what the thread that turns it has. The parts of this folder share it; each says in its
 * header what it does with it.
 *
 * One thread has a worker: the one in wh_step or wh_run, or the worker's own after wh_start. Others
 * reach its inbox alone. */
#ifndef WHI_WORKER_H
#define WHI_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/event.h"
#include "engine/inbox.h"
#include "outside/poller.h"
#include "sinks/sink.h"
#include "work/shares.h"
#include "work/slots.h"
#include "work/timetable.h"

#define WHI_FLIGHTS_LEAST 64 /* requests at once of a worker: with receivers that answer at once, more only cost */

/* How long a change by another process may go unseen. */
#define WHI_LOOK_US INT64_C(100000)

/* Lanes that could send, in their order. */
typedef struct whi_lane_list {
    struct whi_lane *first, **end;
} whi_lane_list;

typedef struct whi_worker_sink {
    const whi_sink_vtable *vtable;
    whi_sink *sink; /* NULL while nobody turns the worker */
} whi_worker_sink;

typedef struct whi_worker {
    whi_inbox inbox; /* first */
    wh_engine *engine;
    int index;
    whi_poller *poller;
    whi_worker_sink sinks[WHI_SINK_KINDS]; /* where deliveries go */
    pthread_t thread;
    int threaded;

    /* the worker's own */
    int64_t owner;                 /* whose work it has */
    int64_t opened_at;             /* ms: since then it has its lanes */
    int64_t clock_at;              /* ms: what the engine's clock said when it was last looked at lanes */
    whi_shares shares;             /* events to fan out */
    int decides_long;              /* the last turn has decided until its time was over */
    struct whi_lagging *lagging;   /* of the first worker; NULL: nothing lags */
    struct whi_remaking *remaking; /* NULL: nothing is made aside; see remake.h */
    struct whi_rulings *rulings;   /* NULL: no answer has waited for one; see rulings.h */
    whi_decider decider;
    const whi_event *scanned;            /* whose payload the decider has; NULL: another one's */
    int budget_is_spent;                 /* of the tenant whose event is fanned out */
    int tenant_is_costly;                /* it takes more than its part of the time: see shares.h */
    whi_table lanes;                     /* by subscription */
    whi_table crowds;                    /* by receiver: see crowd.h */
    whi_lane_list ready[WHI_SLOT_KINDS]; /* by their kinds */
    whi_timetable timetable;             /* lanes with something in the store, and what follows */
    whi_entry tidy, look, spill, purge;
    whi_entry lagging_again, rulings_again;
    whi_entry early;      /* requests that are under way for long: see send.h */
    whi_entry look_again; /* after a wake-up: see upkeep.c */
    whi_entry position_again;
    whi_entry record_again, later_again, reading_again;            /* what failed is tried again */
    void (*lane_due)(struct whi_worker *worker, whi_entry *entry); /* of every lane */
    struct whi_flight *free_flights, *flying;
    whi_slots slots;
    whi_entry slots_again; /* when one under way becomes old, and a lane waits for a slot */
    int in_flight, queued;
    int queued_of[WHI_SLOT_KINDS]; /* of those that are queued, by the kinds of their lanes */
    int flight_limit;              /* young requests to quick lanes at once, and to slow ones, see whi_send_ready */
    int probe_limit;               /* and to unknown ones, see whi_send_pace */
    int flight_least;              /* of both */
    int throttled;                 /* more unknown ones could be tried, but for probe_limit */
    int64_t distance_us;           /* of all answers since paced_us: what the quickest one from there took */
    int64_t paced_us;              /* monotonic */
    struct whi_record *record;     /* collecting for the next job; never NULL */
    int records_open;              /* given to the writer, not come back */
    atomic_int record_failed;      /* 1: one could not be written, so those behind it wait */
    whi_event *later;              /* events whose fan-out failed by what may pass */
    struct whi_task *later_tasks;  /* what could not be written now */
    struct whi_record *failed_records;
    int64_t purge_after;
    int64_t purge_began;     /* ms: this pass of the purge */
    int64_t purge_commit_us; /* what the commit of its last step took */
    int purge_gave_up;       /* it has met what nobody fetches: there may be more */
    int unmerged_looks;      /* in a row that found much: see unmerged.h */
    int64_t position_us;     /* monotonic: when the position was last written alone */
    int64_t seen_changes;    /* of store->changes */
    int store_fd;            /* readable when others have committed; -1: nothing tells */
    int store_watch;         /* what of it the poller watches */
    int looks_left;          /* after this wake-up */
    int64_t look_pause;      /* us to the next of them */
    int64_t seen_told;       /* of the store's news: up to where all lanes were asked for */
    int64_t seen_last;       /* number of the last event that was there */
    int left_out;            /* subscriptions that cannot be read, as the log was told */
    int64_t heard_changes;   /* as seen_changes, but of looks after wake-ups, which may have acted by halves */
    int64_t acted_us;        /* monotonic: when all that others may have changed was last looked for */
    unsigned writer_turns;   /* whi_writer_turns at the last wake-up */
    int taking_rows;         /* of the outbox */
    int64_t scan_after_us;   /* monotonic: the store is not asked for all lanes before */
    int done_count;          /* things done in this step */
} whi_worker;

/* A task of this worker's: see engine/inbox.h. */
static inline void whi_worker_submit(whi_worker *worker, whi_task *task) {
    task->worker = worker;
    whi_inbox_submit(&worker->inbox, task);
}

#endif
