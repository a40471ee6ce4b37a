/* The motor seen from outside: steps, runs, threads, idleness.
 *
 * An engine rests, is stepped (one thread is in wh_step or wh_run), or is started (its own threads
 * turn its workers). Who starts, stops or steps it has it for himself meanwhile; others are told that
 * it is busy. All else (publishing, changes, lists) may go on in any state, and during the change
 * from one to another: workers that were made stay until wh_close, and refuse what is given to them
 * while nobody turns them; the store has it then. wh_stop, and a wh_start that failed, leave an
 * engine that rests, with nothing in memory that the store does not have, and no row of its own.
 * Tests: test_engine. */
#include "life/run.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/inbox.h"
#include "engine/lease.h"
#include "engine/looking.h"
#include "engine/promise.h"
#include "engine/registry.h"
#include "engine/writer.h"
#include "work/poll.h"
#include "work/turn.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define RUN_ON_US INT64_C(1000000)

/* Takes the right to turn the engine; released by leave. */
static int enter(wh_engine *engine) {
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_is_open(engine) : code;
    if (code != WH_OK) {
        return code;
    }
    pthread_mutex_lock(&engine->work_lock);
    if (atomic_load(&engine->started)) {
        code = whi_fail(WH_EBUSY, "the engine is started: its own threads do the work");
    } else if (atomic_load(&engine->stepping)) {
        code = whi_fail(WH_EBUSY, "another thread is in a step or a run of this engine");
    } else {
        code = whi_halt_enter();
        atomic_store(&engine->stepping, code == WH_OK);
    }
    pthread_mutex_unlock(&engine->work_lock);
    return code;
}

static void release(wh_engine *engine) {
    pthread_mutex_lock(&engine->work_lock);
    atomic_store(&engine->stepping, 0);
    pthread_mutex_unlock(&engine->work_lock);
}

static void leave(wh_engine *engine) {
    whi_halt_leave();
    release(engine);
}

/* Before the first turn, and after wh_stop. */
static int prepare(wh_engine *engine) {
    whi_worker *worker = engine->workers[0];
    int code = worker->inbox.open ? WH_OK : whi_worker_open(worker);

    return code == WH_OK ? whi_writer_start(engine->writer) : code;
}

/* share: as of whi_lease_want. */
static int turn(wh_engine *engine, int timeout, int share) {
    int code = prepare(engine), done;

    if (code != WH_OK) {
        return code;
    }
    whi_lease_want(engine->lease, share);
    done = whi_worker_step(engine->workers[0], timeout);
    done += done >= 0 ? whi_promise_tell(engine) : 0;
    code = whi_trouble_take(engine);
    return code == WH_OK ? done : code;
}

int wh_step(wh_engine *engine) {
    int code = enter(engine);

    if (code != WH_OK) {
        return code;
    }
    code = turn(engine, 0, 1);
    leave(engine);
    return code;
}

int wh_fd(wh_engine *engine) {
    int code = whi_engine_check(engine);

    return code == WH_OK ? whi_poller_fd(engine->workers[0]->poller) : code;
}

int wh_timeout(wh_engine *engine) {
    int timeout = enter(engine);

    if (timeout != WH_OK) {
        return -1;
    }
    timeout = whi_worker_timeout(engine->workers[0]);
    leave(engine);
    return timeout;
}

/* ------------------------------------------------------------------------ idleness */

struct due {
    wh_engine *engine;
    int64_t now, next; /* next: the earliest that is later, and when one that rests goes on */
};

/* What is due waits on: until this time, or, INT64_MAX, until somebody changes something. 0: it is sent now. */
static int64_t rests_until(wh_engine *engine, const whi_registration *registration) {
    int64_t probe_at = atomic_load(&registration->probe_at), pause = atomic_load(&registration->rests_until);
    int64_t next = probe_at > pause ? probe_at : pause;

    if (!whi_subscription_may_send(registration->subscription)) {
        return INT64_MAX;
    }
    return next > whi_now(engine) ? next : 0;
}

static int due_lane(int64_t subscription, int64_t due, void *payload) {
    struct due *self = payload;
    whi_registration *registration = NULL;
    int64_t next = due;

    if (due <= self->now) {
        registration = whi_registry_get(self->engine->registry, subscription);
        next = registration != NULL ? rests_until(self->engine, registration) : 0;
    }
    whi_registration_unref(registration);
    self->next = next != 0 && next < self->next ? next : self->next;
    return next == 0;
}

/* Nothing that this process has is under way. */
static int is_quiet(wh_engine *engine) {
    return !whi_polls_busy(engine) && atomic_load(&engine->events_open) == 0 && atomic_load(&engine->jobs_open) == 0 &&
           (atomic_load(&engine->promises_kept) == 0 || atomic_load(&engine->started));
}

/* Read before the look: what comes during it has another. */
static struct whi_nothing as_of_now(wh_engine *engine) {
    struct whi_nothing now = { .due = 0, .commits = atomic_load(&engine->commits) };

    now.place = whi_registry_place(engine->registry);
    if (engine->store->vtable->changes(engine->store, &now.changes) != WH_OK) {
        now.changes = -1; /* which is not believed */
    }
    return now;
}

static int is_known(wh_engine *engine, const struct whi_nothing *now, int64_t then) {
    const struct whi_nothing *last = &engine->nothing;
    int known;

    pthread_mutex_lock(&engine->idle_lock);
    known = then < last->due && now->changes != -1 && now->changes == last->changes && now->commits == last->commits &&
            now->place == last->place;
    pthread_mutex_unlock(&engine->idle_lock);
    return known;
}

/* Who asks again and again whether there is something to do pays for one look at all lanes, not for each. */
static int look_at_lanes(wh_engine *engine, int64_t then) {
    struct whi_nothing now = as_of_now(engine);
    struct due self = { engine, then, INT64_MAX };
    int code;

    if (is_known(engine, &now, then)) {
        return 0;
    }
    code = engine->reader->vtable->lanes(engine->reader, due_lane, &self);
    if (code == 0) {
        now.due = self.next;
        pthread_mutex_lock(&engine->idle_lock);
        engine->nothing = now;
        pthread_mutex_unlock(&engine->idle_lock);
    }
    return code;
}

/* 1: something is there, 0: nothing; an error of the store is negative. By the reader, which waits for
 * nobody's long list. */
static int look_at_store(wh_engine *engine, int64_t then) {
    const whi_store_vtable *store = engine->reader->vtable;
    whi_store_work work;
    int code = store->work(engine->reader, &work);

    if (code != WH_OK) {
        return code;
    }
    if (work.events) {
        atomic_store(&engine->more_events, 1);
    }
    if (work.outbox) {
        atomic_store(&engine->more_rows, 1);
    }
    if (work.free) {
        whi_lease_offered(engine->lease);
    }
    return work.events || work.outbox ? 1 : look_at_lanes(engine, then);
}

/* Nothing waits in the store, or is under way in another process, that was due then. */
static int is_done(wh_engine *engine, int64_t then) {
    int code = look_at_store(engine, then);

    if (code < 0) {
        whi_trouble(engine, code, wh_last_error());
    }
    return code == WH_OK;
}

static int is_idle(wh_engine *engine, int64_t then) {
    long long begun = atomic_load(&engine->jobs_begun);

    /* What a worker took out of the store while we looked is in its memory now. */
    return is_quiet(engine) && is_done(engine, then) && atomic_load(&engine->jobs_begun) == begun && is_quiet(engine);
}

int wh_idle(wh_engine *engine) {
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    return is_idle(engine, whi_now(engine));
}

/* Deliveries that fail may fall due again faster than all of them can be tried. So it ends, too, when
 * what was due at its beginning has been tried, and what fell due since for a little while. */
typedef struct running {
    int64_t began;    /* ms, by the engine's clock */
    int64_t until_us; /* 0: something is left of what was due then */
    int64_t look_us;  /* when to look although there is work */
} running;

static int is_over(wh_engine *engine, running *self) {
    int64_t now_us = whi_monotonic_us(), now = whi_now(engine);

    self->look_us = now_us + WHI_LOOK_US;
    if (is_idle(engine, now)) {
        return 1;
    }
    self->began = self->began < now ? self->began : now; /* the clock may go back */
    if (self->until_us == 0 && is_idle(engine, self->began)) {
        self->until_us = now_us + RUN_ON_US;
    }
    return self->until_us != 0 && now_us > self->until_us;
}

int wh_run(wh_engine *engine) {
    running self = { 0, 0, 0 };
    int timeout = 0, code = enter(engine);

    if (code != WH_OK) {
        return code;
    }
    self.began = whi_now(engine);
    for (;;) {
        code = turn(engine, timeout, 0);
        code = whi_halting() ? whi_fail(WH_ECLOSED, "the process is ending") : code;
        if (code < 0 || ((code == 0 || whi_monotonic_us() > self.look_us) && is_over(engine, &self))) {
            break;
        }
        timeout = code > 0 ? 0 : whi_worker_timeout(engine->workers[0]);
    }
    if (is_quiet(engine)) {
        whi_lease_rest(engine->lease);
    }
    leave(engine);
    return code < 0 ? code : WH_OK;
}

/* ------------------------------------------------------------------------- threads */

static void *serve(void *payload) {
    whi_worker *worker = payload;
    wh_engine *engine = worker->engine;
    int timeout = 0, done;

    if (whi_halt_enter() != WH_OK) {
        return NULL;
    }
    while (atomic_load(&engine->stop) < 2 && !whi_halting()) {
        if (worker->index == 0) {
            whi_lease_want(engine->lease, 1);
        }
        done = whi_worker_step(worker, timeout);
        timeout = done > 0 ? 0 : whi_worker_timeout(worker);
        if (done < 0) {
            whi_log(&engine->log, WH_LOG_ERROR, "a worker cannot go on now: %s", wh_last_error());
            timeout = 1000;
        }
    }
    whi_halt_leave();
    return NULL;
}

/* None begins anything before all are there: what threads sent that are taken back would be sent again. */
static int start_threads(wh_engine *engine, unsigned threads) {
    int code = whi_writer_start(engine->writer);

    atomic_store(&engine->stop, 1);
    for (unsigned i = 0; i < threads && code == WH_OK; i++) {
        whi_worker *worker = engine->workers[i];
        worker->threaded = 1;
        if (pthread_create(&worker->thread, NULL, serve, worker) != 0) {
            worker->threaded = 0;
            code = whi_fail(WH_ENOMEM, "the system starts no more threads");
        }
    }
    if (code == WH_OK) {
        atomic_store(&engine->stop, 0);
        whi_stir(engine);
    }
    return code;
}

static void join_threads(wh_engine *engine) {
    atomic_store(&engine->stop, 2);
    for (int i = 0; i < WHI_WORKERS; i++) {
        whi_worker *worker = engine->workers[i];
        if (worker != NULL && worker->threaded) {
            whi_inbox_wake(&worker->inbox);
            pthread_join(worker->thread, NULL);
            worker->threaded = 0;
        }
    }
}

static int make_worker(wh_engine *engine, int i) {
    if (engine->workers[i] == NULL) {
        return whi_worker_new(&engine->workers[i], engine, i);
    }
    return engine->workers[i]->inbox.open ? WH_OK : whi_worker_open(engine->workers[i]);
}

static int make_workers(wh_engine *engine, unsigned threads) {
    int code = WH_OK;

    for (unsigned i = 0; i < threads && code == WH_OK; i++) {
        code = make_worker(engine, (int)i);
    }
    if (code == WH_OK) {
        atomic_store(&engine->worker_count, (int)threads);
    }
    return code;
}

void whi_cut_workers(wh_engine *engine) {
    for (int i = 0; i < WHI_WORKERS; i++) {
        if (engine->workers[i] != NULL) {
            whi_worker_cut(engine->workers[i]);
        }
    }
}

/* No thread turns it. All that was in memory goes back to the store: its marks are freed by one
 * commit, behind which the writer has nothing more of the workers. */
static int rest(wh_engine *engine) {
    int code;

    whi_cut_workers(engine);
    code = whi_lease_end(engine->lease);
    atomic_store(&engine->worker_count, 1);
    for (int i = 0; i < WHI_WORKERS; i++) {
        if (engine->workers[i] != NULL) {
            whi_worker_shut(engine->workers[i]);
        }
    }
    atomic_store(&engine->more_events, 1);
    atomic_store(&engine->more_rows, 1);
    atomic_store(&engine->stop, 0);
    whi_trouble_take(engine); /* the threads' own: who steps next finds out for himself */
    return code;
}

/* What it could not start it takes back: the engine can be stepped, or started again. */
static int fail_start(wh_engine *engine, int code) {
    whi_error error = *whi_error_last();

    join_threads(engine);
    rest(engine);
    return whi_error_again(code, &error);
}

int wh_start(wh_engine *engine, unsigned threads) {
    int code;

    if (threads < 1 || threads > WHI_WORKERS) {
        return whi_fail_field(WH_EINVALID, "threads", "expected 1 to %d, found %u", WHI_WORKERS, threads);
    }
    code = enter(engine);
    if (code != WH_OK) {
        return code;
    }
    code = make_workers(engine, threads);
    code = code == WH_OK ? start_threads(engine, threads) : code;
    if (code != WH_OK) {
        code = fail_start(engine, code);
    }
    atomic_store(&engine->started, code == WH_OK);
    leave(engine);
    return code;
}

/* What is in flight may end; nothing new begins. */
static void wait_for_flights(wh_engine *engine, int64_t grace) {
    const struct timespec pause = { 0, 2000000 };
    int64_t end = whi_monotonic_us() + grace * 1000;

    atomic_store(&engine->stop, 1);
    while (whi_monotonic_us() < end && !whi_halting() &&
           (atomic_load(&engine->flights_open) > 0 || atomic_load(&engine->jobs_open) > 0)) {
        nanosleep(&pause, NULL);
    }
}

int wh_stop(wh_engine *engine, int64_t grace) {
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    pthread_mutex_lock(&engine->work_lock);
    if (!atomic_load(&engine->started) || atomic_load(&engine->stepping)) {
        pthread_mutex_unlock(&engine->work_lock);
        return atomic_load(&engine->started) ? whi_fail(WH_EBUSY, "another thread stops it already") : WH_OK;
    }
    atomic_store(&engine->stepping, 1);
    pthread_mutex_unlock(&engine->work_lock);

    whi_looking_cut(engine);
    wait_for_flights(engine, grace > 0 ? grace : 0);
    join_threads(engine);
    whi_polls_stop(engine); /* nobody wakes them any more */
    code = rest(engine);
    if (code != WH_OK) {
        whi_log(&engine->log, WH_LOG_WARNING, "what it had in work is free when others notice: %s", wh_last_error());
    }
    atomic_store(&engine->started, 0);
    release(engine);
    return WH_OK;
}
