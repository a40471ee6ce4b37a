/* The engine's insides, shared by the files of this folder.
 *
 * Who may touch what
 *   engine     made once by wh_open; its options never change
 *   writer     its own lock (writer.h)
 *   registry   its own reader-writer lock (registry.h)
 *   worker     one thread: the one in wh_step, or its own after wh_start; the
 *              part named "inbox" is behind a lock
 *   event      payload and names never change; its counters are atomic
 *   delivery   belongs to one worker at a time, or to a job of the writer
 *
 * The way of an event: publish.c makes it durable and puts it into a worker's
 * inbox; fanout.c decides who gets it; lane.c queues a delivery per subscription;
 * send.c signs and sends; record.c writes what came of it; claim.c brings back
 * from the store what waited there; upkeep.c does what is due by time. */
#ifndef WHI_ENGINE_H
#define WHI_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/halt.h"
#include "base/histogram.h"
#include "base/error.h"
#include "base/ident.h"
#include "engine/decide.h"
#include "engine/lease.h"
#include "engine/log.h"
#include "engine/registry.h"
#include "engine/writer.h"
#include "outside/poller.h"
#include "outside/store.h"
#include "outside/transport.h"
#include "pure/address.h"
#include "pure/delivery.h"
#include "webhook.h"
#include "webhook_backend.h"

#define WHI_WORKERS 64
#define WHI_TASK_SENTENCE 256
#define WHI_FLIGHTS_START 64 /* requests at once of a worker: with receivers that answer at once, more only cost */

/* How long a change by another process may go unseen. */
#define WHI_LOOK_US INT64_C(100000)

/* An event in memory. */
typedef struct whi_event {
    struct whi_event *next; /* in an inbox, a list or a record */
    atomic_int refs;
    atomic_int unwritten; /* deliveries that no committed row tells of yet, and 1 while fanning out */
    int64_t number;
    int64_t owner; /* under whose number it is ours, see lease.h; 0: it is not */
    int64_t time, accepted_at;
    int seen_before; /* 1: came from the store, some deliveries may exist */
    int own_id; /* 1: the id is the caller's */
    char id[WH_ID_SIZE];
    const char *type, *tenant, *source, *key, *payload; /* behind this struct, zero-terminated */
    size_t payload_size;
    size_t charged; /* bytes counted in engine->memory_used */
} whi_event;

/* A delivery in memory: queued, under way, or being recorded. */
typedef struct whi_delivery {
    struct whi_delivery *next;
    whi_event *event;               /* a reference */
    whi_registration *registration; /* a reference: where it goes now */
    int64_t version;                /* of the subscription, that made the bytes; 0: not made yet */
    char *body;                     /* NULL: the event's payload */
    size_t body_size;
    char *key;     /* NULL, or what orders it: its turn comes after those before it */
    char *headers; /* NULL, or the rule's, a JSON object */
    int64_t created_at, due, queued_at; /* queued_at: monotonic us */
    int state, attempts, tries;
    int stored;                  /* 1: a committed row tells of it */
    int body_is_new;             /* 1: the stored row has other bytes */
    int abort;                   /* 1: all that waits behind it goes with it */
    int leaves;                  /* 1: its subscription ended with it, and more waits for that than was cancelled */
    int status;                  /* of the last attempt */
    char *error;                 /* of the last attempt or of the rule; NULL */
    struct whi_attempt *attempt; /* to be recorded with it, or NULL */
} whi_delivery;

/* What an attempt came to. */
typedef struct whi_attempt {
    int64_t at, duration_us;
    int code, status;
    size_t response_size;
    char response[];
} whi_attempt;

struct whi_worker;
struct whi_task;
struct whi_record;

/* What one worker has for one subscription. */
typedef struct whi_lane {
    int64_t subscription;
    struct whi_lane *next_ready;
    whi_delivery *head, *tail; /* queued in memory */
    int queued, in_flight;
    int cap;                     /* the subscription's concurrency */
    int window;                  /* requests at once: grows with successes, halves with failures */
    int is_ready;                /* in the worker's ready list */
    int claiming;                /* a claim is under way */
    int asked;                   /* for it since: what came after the claim has looked needs another */
    int heap_at;                 /* place in the worker's heap + 1; 0: not there */
    int64_t parked_due;          /* 0, or that due while the lane had no room */
    int64_t stored_due;          /* earliest due of what waits in the store, INT64_MAX: nothing known */
    int64_t failing_since;       /* ms, 0: the last attempt succeeded */
    struct whi_signer **signers; /* of signers_version */
    size_t signer_count;
    int64_t signers_version;
} whi_lane;

/* A request in the making or under way, taken from a pool. */
typedef struct whi_flight {
    whi_request request;
    struct whi_flight *next; /* in the pool */
    struct whi_flight *flying_next, **flying_link;
    struct whi_worker *worker;
    whi_delivery *delivery;
    whi_lane *lane;
    int64_t started_at; /* ms */
    char id_line[WH_ID_SIZE + 16];
    char time_line[48];
    whi_buf signature; /* or all lines of a profile's */
    whi_buf body;      /* the envelope, where the profile has one */
    whi_buf extra;     /* the lines of the rule's headers */
} whi_flight;

typedef struct whi_worker {
    wh_engine *engine;
    int index;
    whi_poller *poller;
    whi_transport *transport;
    pthread_t thread;
    int threaded;

    /* inbox: other threads put things here, under the lock */
    pthread_mutex_t lock;
    int open; /* 0: nobody turns it, nothing may be given to it but tasks */
    whi_event *events, **events_end;
    whi_delivery *deliveries, **deliveries_end;
    struct whi_task *tasks, **tasks_end; /* finished by the writer */
    int woken;

    /* the worker's own */
    int64_t owner;   /* whose work it has */
    whi_event *todo, **todo_end; /* to fan out */
    whi_decider decider;
    whi_lane **lanes; /* hash table by subscription */
    size_t lane_count, lane_capacity;
    whi_lane *ready, *ready_tail;
    whi_lane **heap; /* lanes with something stored, by due */
    size_t heap_count, heap_capacity;
    whi_flight *free_flights, *flying;
    int in_flight, queued;
    int flight_limit; /* requests at once; grows while the thread would sleep, see whi_send_pace */
    int throttled;    /* more could be sent, but for flight_limit */
    struct whi_record *record; /* collecting for the next job; never NULL */
    int records_open;          /* given to the writer, not come back */
    atomic_int record_failed;  /* 1: one could not be written, so those behind it wait */
    int64_t retry_record_at;   /* monotonic us: when a record that failed is tried again */
    whi_event *later;          /* events whose fan-out failed by what may pass */
    struct whi_task *later_tasks; /* what could not be written now */
    int64_t retry_later_at;    /* monotonic us: when they are tried again */
    int64_t retry_claim_at;    /* monotonic us, 0: when events that could not be claimed are asked for again */
    struct whi_record *failed_records;
    int64_t next_look, next_spill; /* monotonic us */
    int64_t next_purge;                       /* ms */
    int64_t purge_after;
    int64_t seen_changes; /* of store->changes */
    int purging;          /* a task is under way */
    atomic_int rescan;    /* 1: ask the store for all lanes */
    int claiming_events;
    int done_count; /* things done in this step */
} whi_worker;

struct wh_engine {
    unsigned generation; /* of the process that opened it, see base/fork.h */
    whi_halt halt;      /* in the list of those whose threads leave when the process ends */
    wh_options options; /* with defaults filled in; pointers are its own copies */
    char *store_name;
    whi_store *store;
    whi_store *reader; /* for who must not wait: workers and registry; may be the store itself */
    whi_policy *policy;
    const whi_transport_vtable *transport;
    whi_writer *writer;
    whi_registry *registry;
    wh_clock clock_copy;
    const wh_clock *clock;

    whi_lease lease;
    whi_log_memory log;

    pthread_mutex_t trouble_lock;
    int trouble_code; /* WH_OK, or what time does not mend; for the next wh_step to return */
    char trouble_sentence[WHI_ERROR_SIZE];

    pthread_mutex_t promise_lock;
    struct whi_promise *promises, **promises_end; /* of wh_publish_async, to be told */
    atomic_int promises_kept;                     /* those that were decided and not told */

    atomic_llong memory_used;
    atomic_llong events_open;  /* in memory; every delivery in memory holds one */
    atomic_int flights_open;   /* requests under way */
    atomic_llong jobs_open;    /* jobs of workers not come back */
    atomic_llong jobs_begun;
    atomic_int more_events;    /* 1: the store has pending events without an owner */
    atomic_int events_claimed; /* claims of such events under way */
    struct {
        atomic_llong events, attempts, delivered, failed, exhausted, rule_failures;
        whi_histogram requests; /* from sending to the answer, or to giving up */
        whi_histogram waits;    /* from acceptance to the first request */
    } count; /* since the engine was opened, by this process: for looking on */
    atomic_llong mean_payload; /* bytes, of what was accepted lately */
    atomic_int closed; /* wh_close has begun */
    atomic_int next_worker;

    pthread_mutex_t work_lock; /* held by the thread in wh_step; by wh_start and wh_stop */
    atomic_int stepping;
    whi_worker *workers[WHI_WORKERS]; /* what was made stays until wh_close, so that any thread may look */
    atomic_int worker_count;          /* those that are turned; 1 before wh_start */
    atomic_int started;
    atomic_int stop; /* threads: 1 finish what is in flight, and begin nothing; 2 leave */

    pthread_mutex_t subscription_lock; /* one change of a subscription at a time */
    pthread_mutex_t check_lock;        /* around the runtime that checks rules of new subscriptions */
    void *check_rules;
};

/* wh_open with another transport: tests answer without a network. */
int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

/* A log line; levels as in webhook.h. One that comes again and again is counted, see log.h. */
void whi_log(wh_engine *engine, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

void whi_log_close(wh_engine *engine); /* tells what was counted; after it nothing is logged */

int64_t whi_now(const wh_engine *engine);

/* WH_ECLOSED, from within wh_close: nothing is begun any more. */
int whi_is_open(const wh_engine *engine);

/* What went wrong is told by the next wh_step or wh_run, if time does not mend it. Any thread. */
void whi_trouble(wh_engine *engine, int code, const char *sentence);

/* Puts the defaults where 0 stands. WH_EINVALID. */
int whi_limits_fill(wh_limits *limits);

/* ---- event.c: events and deliveries in memory */
/* 1: the event, and what is sent of it, is this process's. */
int whi_event_is_ours(const wh_engine *engine, const whi_event *event);
whi_event *whi_event_new(wh_engine *engine, const whi_event_row *row); /* one reference; NULL: no memory */
void whi_event_ref(whi_event *event);
void whi_event_unref(wh_engine *engine, whi_event *event);
whi_delivery *whi_delivery_new(wh_engine *engine, whi_event *event, whi_registration *registration);
void whi_delivery_free(wh_engine *engine, whi_delivery *delivery);
void whi_delivery_fill_row(const whi_delivery *delivery, whi_delivery_row *row);
/* The bytes to send. */
const char *whi_delivery_bytes(const whi_delivery *delivery, size_t *size);

/* ---- worker.c */
int whi_worker_new(whi_worker **out, wh_engine *engine, int index);
void whi_worker_free(whi_worker *worker);
/* From now on things may be given to it. Fails without memory. */
int whi_worker_open(whi_worker *worker);
/* Cuts off what is under way and forgets all that it has, which the store has too. Its tasks have
 * been told; nobody turns it. */
void whi_worker_shut(whi_worker *worker);
/* One turn: waits at most timeout ms for something. Returns how many things it did. */
int whi_worker_step(whi_worker *worker, int timeout);
/* ms until the next turn has something to do, -1: unknown. */
int whi_worker_timeout(whi_worker *worker);
void whi_worker_wake(whi_worker *worker);
/* Hands over, if it is open; the lists are taken whole. Any thread. What is not taken is dropped:
 * the store has it. 1: taken. */
int whi_worker_give_event(whi_worker *worker, whi_event *event);
int whi_worker_give_delivery(whi_worker *worker, whi_delivery *delivery);
/* The worker that has a subscription's lane. */
whi_worker *whi_worker_of(wh_engine *engine, int64_t subscription);
/* A job on the worker's behalf: it comes back to the inbox, and `back` is called
 * there with the result. */
typedef struct whi_task {
    whi_job job;
    struct whi_task *next;
    whi_worker *worker;
    int code;
    char sentence[WHI_TASK_SENTENCE];
    void (*back)(struct whi_task *task);   /* on the worker's thread; frees the task */
    void (*failed)(struct whi_task *task); /* NULL, or told at once, on the writer's thread */
} whi_task;

void whi_worker_submit(whi_worker *worker, whi_task *task);

/* ---- fanout.c */
void whi_fanout(whi_worker *worker, whi_event *event); /* takes the reference */
void whi_fanout_close(whi_worker *worker);
/* Puts events whose fan-out failed back to those that are to be fanned out, when their time has come. */
void whi_fanout_retry(whi_worker *worker, int64_t now_us);
/* A task that could not be written now is submitted again then. */
void whi_fanout_later(whi_worker *worker, struct whi_task *task);
/* 1: there is an order, and an event whose fan-out failed, before those that are to be fanned out. */
int whi_fanout_waits(const whi_worker *worker);
/* Makes the bytes of a claimed delivery whose version is 0 and sets its state; handed_over 1: it is
 * somebody else's from now on. */
int whi_fanout_remake(whi_worker *worker, whi_delivery *delivery, int *handed_over);
/* Counts a rule's failures; after many in a row the subscription is set aside. */
void whi_rule_error(whi_worker *worker, const whi_event *event, whi_registration *registration, const char *error);

/* ---- lane.c */
whi_lane *whi_lane_get(whi_worker *worker, int64_t subscription, int make);
void whi_lane_push(whi_worker *worker, whi_delivery *delivery); /* queues, or spills to the store */
void whi_lane_ready(whi_worker *worker, whi_lane *lane);        /* into the ready list if it can send */
whi_delivery *whi_lane_pop(whi_worker *worker, whi_lane *lane);
void whi_lane_stored(whi_worker *worker, whi_lane *lane, int64_t due);  /* something waits in the store */
void whi_lane_set_due(whi_worker *worker, whi_lane *lane, int64_t due); /* exactly this, INT64_MAX: nothing */
void whi_lane_landed(whi_worker *worker, whi_lane *lane);
void whi_lane_outcome(whi_worker *worker, whi_lane *lane, int error, int status, int64_t now);
void whi_lane_spill_old(whi_worker *worker, int64_t now_us); /* what queued too long goes to the store */
/* Something left the lane without having been sent: what was put aside may have room now. */
void whi_lane_left(whi_worker *worker, whi_lane *lane);
/* Drops what is queued and is not ours any more. */
void whi_lanes_drop(whi_worker *worker);
/* How many more a claim should fetch; 0 while it has enough. */
int whi_lane_room(const whi_lane *lane);
void whi_lanes_free(whi_worker *worker);

/* ---- wrap.c */
typedef struct whi_wrapping {
    const whi_registration *now; /* the version in force */
    int64_t version;             /* that made the data; 0: now's */
    const char *event_id, *event_type;
    int64_t event_time;
    const char *data;
    size_t data_size;
} whi_wrapping;
/* Appends the body that is sent, and, if text is not NULL, its headers: see pure/envelope.h. */
int whi_wrap(wh_engine *engine, const whi_wrapping *what, whi_buf *body, whi_buf *text, const char **lines,
             size_t *count);
/* Appends the "Name: value" lines of a JSON object of texts, each with its zero byte. */
int whi_wrap_rule_headers(const char *headers, whi_buf *out);

/* ---- send.c */
void whi_send_ready(whi_worker *worker); /* sends from the ready lanes as far as there is room */
/* Adapts flight_limit: busy is 1 when the poller had something. 1 if it grew. */
int whi_send_pace(whi_worker *worker, int busy);
void whi_send_free(whi_worker *worker);

/* ---- record.c */
/* Makes the worker's next record, before anything is to be recorded: what was sent is never lost
 * for want of memory. */
int whi_record_begin(whi_worker *worker);
void whi_record_delivery(whi_worker *worker, whi_delivery *delivery); /* takes it; state and attempt are set */
void whi_record_finished(whi_worker *worker, whi_event *event);       /* takes a reference */
void whi_record_submit(whi_worker *worker);
void whi_record_retry(whi_worker *worker, int64_t now_us);
int64_t whi_record_next(const whi_worker *worker); /* monotonic us of what is tried again; INT64_MAX: nothing */
void whi_record_free(whi_worker *worker);

/* ---- claim.c */
void whi_claim_due(whi_worker *worker);    /* lanes whose stored deliveries are due */
void whi_claim_events(whi_worker *worker); /* pending events without an owner, and the outbox */
void whi_claim_scan(whi_worker *worker);   /* asks the store for lanes */
/* Cancels what waits for a subscription that is no more, a commit's worth after the other. */
void whi_claim_cancel(whi_worker *worker, int64_t subscription);

/* ---- ending.c: the end of the engine by a fork: the first question of each public function.
 * WH_EINVALID: NULL; WH_ECLOSED: a parent of this process opened it. Before any lock: a thread
 * that is not here may have it. */
int whi_engine_check(const wh_engine *engine);

/* ---- ending.c: the end of the process, see base/halt.h */
void whi_ending_begin(wh_engine *engine); /* a part of wh_open */
int whi_ending_end(wh_engine *engine);    /* the first thing of wh_close; 1: there is no more to do */

/* ---- upkeep.c */
void whi_upkeep(whi_worker *worker, int64_t now_us);
int64_t whi_upkeep_next(const whi_worker *worker); /* monotonic us */

/* ---- records.c */
int whi_query_read(wh_engine *engine, const wh_query *query, whi_store_query *out);
/* The event number that a time bounds from above; 0, open, for 0 alone: before our numbers begin
 * there is nothing, not everything. */
int64_t whi_query_until(int64_t ms);
int whi_delivery_key(const char *id, int64_t *event, int64_t *subscription);

/* ---- subscriptions.c */
/* wh_subscription_update, if the version in force is still this one, 0: any. WH_ECONFLICT. */
int whi_subscription_update(wh_engine *engine, const char *id, int64_t version, const char *document, size_t size);
/* In a transaction: removes a subscription and cancels what waits for it; more 1: there is
 * too much of it for one transaction. WH_ENOTFOUND. */
int whi_subscription_remove(wh_engine *engine, whi_store *store, int64_t id, int *more);
/* Cancels the rest of what waits for a subscription that is removed. */
void whi_subscription_cancel(wh_engine *engine, int64_t id);
/* In a transaction: writes the next version of a subscription, with its status, at this time. */
int whi_subscription_keep(wh_engine *engine, whi_store *store, whi_subscription *subscription);
/* Gives a tenant's subscriptions of the profile "unified" this secret. */
int whi_subscriptions_resign(wh_engine *engine, const char *tenant, const char *secret);
/* A version that was (0: the present one), as a registration with a reference, by the store or by
 * the reader of who must not wait. WH_ENOTFOUND. */
int whi_subscription_at(whi_store *store, int64_t id, int64_t version, whi_registration **out);
/* Workers look at their lanes again: what rested may go on. */
void whi_stir(wh_engine *engine);

/* ---- retire.c: what a worker does to subscriptions, without waiting for the commit */
/* Switches it off, keeps a version, tells. */
void whi_retire(whi_worker *worker, whi_registration *registration, const char *reason);
/* Gives a single_use one its one delivery, if none was faster, and switches it off; takes the
 * delivery. Its event's counter was raised. was: what its row is. Fails without memory. */
int whi_retire_used(whi_worker *worker, whi_delivery *delivery, int was);

/* ---- probe.c */
/* Sends a payload to this subscription alone, whatever it wants, and waits for the answer of
 * its first attempt, at most timeout ms, doing the work itself where nobody else does. 0 when
 * it was a success; else the attempt's code (WH_ETIMEOUT also when there was none in time), with
 * the answer's status (0: none) and a sentence. */
int whi_engine_test(wh_engine *engine, int64_t subscription, const char *type, const char *payload, size_t size,
                    int64_t timeout, int *status, char *error, size_t error_size);

/* ---- notice.c: the engine's own events, "webhook.…" */
/* In a transaction: tells of a subscription, and of a delivery of this event if there is one. */
int whi_notice(wh_engine *engine, whi_store *store, const whi_registration *registration, const char *type,
               const char *event_id, const char *reason);

/* ---- publish.c */
/* All that can be said of an event without the store. */
int whi_publish_row_check(const wh_limits *limits, const wh_event *event);
/* Tells what became of events of wh_publish_async, on the host's thread. How many. */
int whi_publish_tell(wh_engine *engine);

#endif
