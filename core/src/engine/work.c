/* The motor seen from outside: steps, runs, threads, idleness. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

#include <time.h>

/* Takes the right to turn the first worker; released by leave. */
static int enter(wh_engine *engine) {
    int code = WH_OK;

    if (engine == NULL) {
        return whi_fail(WH_EINVALID, "engine: expected one, found NULL");
    }
    pthread_mutex_lock(&engine->work_lock);
    if (atomic_load(&engine->started)) {
        code = whi_fail(WH_EBUSY, "the threads of wh_start do the work");
    } else if (engine->stepping) {
        code = whi_fail(WH_EBUSY, "another thread is in wh_step or wh_run");
    } else {
        code = whi_halt_enter();
        engine->stepping = code == WH_OK;
    }
    pthread_mutex_unlock(&engine->work_lock);
    return code;
}

static void release(wh_engine *engine) {
    pthread_mutex_lock(&engine->work_lock);
    engine->stepping = 0;
    pthread_mutex_unlock(&engine->work_lock);
}

static void leave(wh_engine *engine) {
    whi_halt_leave();
    release(engine);
}

/* Before the first turn, and after a pause that was longer than the lease. */
static int hold_lease(wh_engine *engine) {
    return whi_monotonic_us() < atomic_load(&engine->lease_until) ? WH_OK : whi_upkeep_begin(engine);
}

static int turn(wh_engine *engine, int timeout) {
    int code = hold_lease(engine);

    return code == WH_OK ? whi_worker_step(engine->workers[0], timeout) : code;
}

int wh_step(wh_engine *engine) {
    int code = enter(engine);

    if (code != WH_OK) {
        return code;
    }
    code = turn(engine, 0);
    leave(engine);
    return code;
}

int wh_fd(wh_engine *engine) {
    return engine != NULL ? whi_poller_fd(engine->workers[0]->poller)
                          : whi_fail(WH_EINVALID, "engine: expected one, found NULL");
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
    int64_t now;
};

static int due_lane(int64_t subscription, int64_t due, void *payload) {
    struct due *self = payload;
    whi_registration *registration;
    int rests;

    if (due > self->now) {
        return 0;
    }
    registration = whi_registry_get(self->engine->registry, subscription);
    rests = registration != NULL && !whi_subscription_may_send(registration->subscription);
    whi_registration_unref(registration);
    return rests ? 0 : 1;
}

static int is_quiet(wh_engine *engine) {
    return atomic_load(&engine->events_open) == 0 && atomic_load(&engine->jobs_open) == 0;
}

int wh_idle(wh_engine *engine) {
    struct due self = { engine, 0 };
    const struct whi_store_vtable *store;
    int events = 0, outbox = 0;
    long long begun;

    if (engine == NULL) {
        return whi_fail(WH_EINVALID, "engine: expected one, found NULL");
    }
    begun = atomic_load(&engine->jobs_begun);
    if (!is_quiet(engine)) {
        return 0;
    }
    self.now = whi_now(engine);
    store = engine->store->vtable;
    if (store->work(engine->store, &events, &outbox) != WH_OK || events || outbox) {
        atomic_store(&engine->more_events, 1);
        return 0;
    }
    if (store->lanes(engine->store, due_lane, &self) != WH_OK) {
        return 0;
    }
    /* What a worker took out of the store while we looked is in its memory now. */
    return atomic_load(&engine->jobs_begun) == begun && is_quiet(engine);
}

int wh_run(wh_engine *engine) {
    int code = enter(engine);
    int timeout = 0;

    if (code != WH_OK) {
        return code;
    }
    for (;;) {
        code = turn(engine, timeout);
        code = whi_halting() ? whi_fail(WH_ECLOSED, "the process is ending") : code;
        if (code < 0) {
            break;
        }
        if (code == 0 && wh_idle(engine)) {
            break;
        }
        timeout = code > 0 ? 0 : whi_worker_timeout(engine->workers[0]);
    }
    leave(engine);
    return code;
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
        done = whi_worker_step(worker, timeout);
        timeout = done > 0 ? 0 : whi_worker_timeout(worker);
        if (done < 0) {
            whi_log(engine, WH_LOG_ERROR, "a worker cannot go on now: %s", wh_last_error());
            timeout = 1000;
        }
    }
    whi_halt_leave();
    return NULL;
}

static int start_threads(wh_engine *engine, unsigned threads) {
    int code = whi_writer_start(engine->writer);

    for (unsigned i = 0; i < threads && code == WH_OK; i++) {
        whi_worker *worker = engine->workers[i];
        worker->threaded = 1;
        if (pthread_create(&worker->thread, NULL, serve, worker) != 0) {
            worker->threaded = 0;
            code = whi_fail(WH_ENOMEM, "the system starts no more threads");
        }
    }
    return code;
}

static void join_threads(wh_engine *engine) {
    for (int i = 0; i < WHI_WORKERS; i++) {
        whi_worker *worker = engine->workers[i];
        if (worker != NULL && worker->threaded) {
            whi_worker_wake(worker);
            pthread_join(worker->thread, NULL);
            worker->threaded = 0;
        }
    }
    whi_writer_stop(engine->writer);
}

static int make_workers(wh_engine *engine, unsigned threads) {
    int code = WH_OK;

    for (unsigned i = 1; i < threads && code == WH_OK; i++) {
        if (engine->workers[i] == NULL) {
            code = whi_worker_new(&engine->workers[i], engine, (int)i);
        }
    }
    return code;
}

int wh_start(wh_engine *engine, unsigned threads) {
    int code;

    if (threads < 1 || threads > WHI_WORKERS) {
        return whi_fail(WH_EINVALID, "threads: expected 1 to %d, found %u", WHI_WORKERS, threads);
    }
    code = enter(engine);
    if (code != WH_OK) {
        return code;
    }
    atomic_store(&engine->stop, 0);
    code = make_workers(engine, threads);
    if (code == WH_OK) {
        atomic_store(&engine->worker_count, (int)threads);
        atomic_store(&engine->workers[0]->rescan, 1);
        code = hold_lease(engine);
    }
    if (code == WH_OK) {
        code = start_threads(engine, threads);
        if (code != WH_OK) {
            atomic_store(&engine->stop, 2);
            join_threads(engine);
        }
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
    while (whi_monotonic_us() < end &&
           (atomic_load(&engine->flights_open) > 0 || atomic_load(&engine->jobs_open) > 0)) {
        nanosleep(&pause, NULL);
    }
}

/* All that was in memory goes back to the store; the first worker stays for wh_step. */
static void give_back(wh_engine *engine) {
    atomic_store(&engine->worker_count, 1);
    for (int i = 1; i < WHI_WORKERS; i++) {
        whi_worker_free(engine->workers[i]);
        engine->workers[i] = NULL;
    }
    atomic_fetch_add(&engine->epoch, 1);
    whi_upkeep_end(engine);
    atomic_store(&engine->more_events, 1);
    atomic_store(&engine->workers[0]->rescan, 1);
}

int wh_stop(wh_engine *engine, int64_t grace) {
    if (engine == NULL) {
        return whi_fail(WH_EINVALID, "engine: expected one, found NULL");
    }
    pthread_mutex_lock(&engine->work_lock);
    if (!atomic_load(&engine->started) || engine->stepping) {
        pthread_mutex_unlock(&engine->work_lock);
        return atomic_load(&engine->started) ? whi_fail(WH_EBUSY, "another thread stops it already") : WH_OK;
    }
    engine->stepping = 1;
    pthread_mutex_unlock(&engine->work_lock);

    wait_for_flights(engine, grace > 0 ? grace : 0);
    atomic_store(&engine->stop, 2);
    join_threads(engine);
    give_back(engine);
    atomic_store(&engine->started, 0);
    atomic_store(&engine->stop, 0);
    release(engine);
    return WH_OK;
}
