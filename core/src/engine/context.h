/* The engine itself: what calls, workers and the store's writer share.
 *
 * Who may touch what
 *   engine     made once by wh_open; its options never change
 *   log        its own lock (log.h)
 *   writer     its own lock (writer.h)
 *   registry   its own reader-writer lock (registry.h)
 *   inboxes    each its own lock (inbox.h)
 *   position   its own lock (position.h)
 *   underway   its own lock (underway.h)
 *   lags       its own lock (lag.h)
 *   budgets    its own lock (budget.h), and so have the rates of tenants (tenant_rate.h)
 *   gate       its own lock (gate.h)
 *   writings   its own lock (written.h)
 *   worker     one thread: the one in wh_step, or its own after wh_start (work/worker.h)
 *   event      payload and names never change; its counters are atomic (event.h)
 *   delivery   belongs to one worker at a time, or to a job of the writer
 *
 * Order of locks: work_lock; subscription_lock, and check_lock inside it; then one of those of the
 * parts (registry, writer, inbox, log, underway, trouble, promise, sources), each held for a few statements without
 * calling another part. The exceptions are the registry's, which reads the store, the look_lock of the
 * sources, inside which it is read and logged, and the position's, inside which an event is put into an inbox. Atomics
 * are sequentially consistent where nothing else is said; where two of them say something together, their order is
 * given beside them.
 *
 * The way of an event: calls/publish.c makes it durable; engine/handover.c puts it into a worker's inbox,
 * from memory or as work/reading.c reads it in the log; work/fanout.c decides who gets it; work/queue.c queues a
 * delivery in its subscription's lane; work/send.c signs and sends; work/record.c writes what came of it; work/fetch.c
 * brings back from the store what waited there; work/upkeep.c does what is due by time. */
#ifndef WHI_CONTEXT_H
#define WHI_CONTEXT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/error.h"
#include "base/halt.h"
#include "base/histogram.h"
#include "engine/log.h"
#include "engine/options.h"
#include "outside/store.h"
#include "outside/transport.h"
#include "pure/address.h"
#include "webhook.h"
#include "webhook_backend.h"

#define WHI_WORKERS 64

/* Counts at a time. */
typedef struct whi_rates {
    int64_t us; /* monotonic */
    long long events, attempts, delivered, failed;
} whi_rates;

/* That of all that waits in the store nothing is due before a time, as long as nothing is committed and no subscription
 * read: what a look at all of it found. */
struct whi_nothing {
    int64_t due;              /* ms of whi_now; 0: nobody has looked */
    int64_t changes, commits; /* store->changes, and the engine's own */
    int64_t place;            /* of the registry */
};

struct wh_engine {
    /* ---- made by wh_open, and never changed */
    unsigned generation; /* of the process that opened it, see base/fork.h */
    whi_options options;
    wh_rule_engine rules; /* what options.rules points to, if there is one */
    wh_clock own_clock;   /* what clock points to, if there is one */
    const wh_clock *clock;
    struct whi_keyring *keyring; /* outlives the stores; NULL: opened without keys */
    whi_store *store;            /* the writer's; calls read by it, too */
    whi_store *reader;           /* for who must not wait: workers and registry; may be the store itself */
    whi_policy *policy;
    const whi_transport_vtable *transport;
    const struct whi_destinations *destinations; /* whi_destinations_built, but for a test's */
    struct whi_writer *writer;
    struct whi_registry *registry;
    struct whi_lease *lease;
    struct whi_position *position;
    struct whi_underway *underway;
    struct whi_lags *lags;
    struct whi_sources *sources;
    _Atomic(struct whi_polls *) polls; /* work/poll.h; NULL: nothing has been due yet. Stays until wh_close */
    struct whi_budgets *budgets;
    struct whi_tenant_rates *tenant_rates;
    struct whi_gate *gate;     /* of calls that look back over much */
    struct whi_memory *memory; /* bytes of what waits in it */
    struct whi_writings *writings;
    struct whi_inbox *inboxes[WHI_WORKERS];  /* of the workers, from the first one on; what was made stays until
                                                wh_close, so that any thread may look */
    struct whi_worker *workers[WHI_WORKERS]; /* the same, for life/ alone */

    whi_logger log;
    whi_halt halt; /* in the list of those whose threads leave when the process ends */

    /* ---- who turns it: see life/run.c. Changed under work_lock, looked at by anybody. */
    pthread_mutex_t work_lock; /* around these changes; not held while turning */
    atomic_int stepping;       /* 1: a thread is in wh_step, wh_run, wh_start or wh_stop */
    atomic_int started;        /* 1: threads of its own turn it */
    atomic_int worker_count;   /* those that are turned; 1 before wh_start. The inboxes below it are there */
    atomic_int stop;           /* to the threads: 1 finish what is in flight, and begin nothing; 2 leave */
    atomic_int closed;         /* wh_close has begun: never 0 again */

    /* ---- what is under way; together 0 they say that nothing is in memory (wh_idle) */
    atomic_llong events_open;  /* events in memory; every delivery in memory holds one */
    atomic_int flights_open;   /* deliveries with a sink */
    atomic_llong jobs_open;    /* workers' jobs that have not come back */
    atomic_llong jobs_begun;   /* ever: unchanged, and nothing was taken out of the store meanwhile */
    atomic_llong mean_payload; /* bytes of an event, of those read lately: how many fit into memory */

    atomic_int more_events;   /* 1: the log has, or may have, events that were not read: see work/reading.c */
    atomic_int appended;      /* 1: a transaction that may be under way adds some that nobody hands over */
    atomic_llong outbox_seen; /* store->changes, when the outbox was last empty before an event was added */
    atomic_int more_rows;     /* 1: the outbox has, or may have, rows */
    atomic_int next_worker;   /* whose inbox gets the next event; any value will do */

    atomic_llong settings[8]; /* as they were known at settings_us: see engine/setting.h */
    atomic_llong tenants_own; /* how often tenants were given limits of their own; 0: none has any */
    atomic_llong settings_us;

    atomic_llong commits; /* of this engine */
    pthread_mutex_t idle_lock;
    struct whi_nothing nothing; /* under the lock: life/run.c */

    /* ---- what went wrong, for the next wh_step to return */
    pthread_mutex_t trouble_lock;
    int trouble_code; /* WH_OK, or what time does not mend */
    char trouble_sentence[WHI_ERROR_SIZE];

    /* ---- events of wh_publish_async that were decided: see promise.h */
    pthread_mutex_t promise_lock;
    struct whi_promise *promises, **promises_end;
    atomic_int promises_kept; /* decided and not told; raised before the event may be worked on */

    /* ---- changes of subscriptions */
    pthread_mutex_t looking_lock; /* inside it a check is cut, at most */
    struct whi_looking *looking;  /* looks at receivers that are under way: engine/looking.h */

    pthread_mutex_t subscription_lock; /* one at a time; held during its commit */
    pthread_mutex_t check_lock;        /* around the runtime that checks rules of new subscriptions */
    void *check_rules;                 /* may be NULL when it is open */
    int check_open;

    /* ---- what wh_stats measures rates by */
    pthread_mutex_t rates_lock;
    whi_rates former, latest; /* at least ten seconds apart */
    int64_t opened_at;        /* ms */

    /* ---- counts since it was opened, by this process; for looking on, so their order means nothing */
    struct {
        atomic_llong events, attempts, delivered, failed, exhausted, rule_failures;
        atomic_llong refused;                /* attempts that made no request: the address policy, or no address */
        atomic_llong network, remote, other; /* failed attempts by what failed, refused ones apart */
        atomic_llong rated;                  /* subscriptions for which something due waits for their rate */
        atomic_llong broken;                 /* subscriptions whose breaker is open */
        atomic_llong news[3];                /* of health: failing, recovered, disabled */
        atomic_llong forbidden;              /* moves that the table of pure/delivery.h does not have: faults of ours */
        whi_histogram requests;              /* from sending to the answer, or to giving up */
        whi_histogram waits;                 /* from acceptance to the first request */
    } count;
};

/* The first question of each public function. WH_EINVALID: NULL; WH_ECLOSED: a parent of this
 * process opened it. Asked before any lock: a thread that is not here may have it. */
int whi_engine_check(const wh_engine *engine);

/* WH_ECLOSED, from within wh_close: nothing is begun any more. */
int whi_is_open(const wh_engine *engine);

/* ms since 1970, by the engine's clock. */
int64_t whi_now(const wh_engine *engine);

/* ms since the machine started, whatever its clock is set to, and without the time in which it slept: the same for all
 * processes, so that what one wrote another can measure from. After a start it is less than what was written before, or
 * the time between is at least as long as it seems. With a clock of the program's it is that one. */
int64_t whi_steady(const wh_engine *engine);

/* What went wrong is told by the next wh_step or wh_run, if time does not mend it. Any thread. */
void whi_trouble(wh_engine *engine, int code, const char *sentence);

/* The code of what is to be told, with its sentence as the last error, or WH_OK. It is told once. */
int whi_trouble_take(wh_engine *engine);

#endif
