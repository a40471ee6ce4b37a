/* Upkeep: what is due by time and belongs to no delivery. The heartbeat, work of
 * processes that died, news from other processes, retention. The first worker does it
 * for its process; everything that writes is a task of the writer. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

#define RELEASE_ROWS 512
#define PURGE_ROWS 128
#define PURGE_EVERY_MS INT64_C(60000)
#define PURGE_PAUSE_MS INT64_C(100)
#define SPILL_US INT64_C(250000)
#define LEASE_MARGIN_US INT64_C(2000000) /* trusted for less than it lasts */

/* ---------------------------------------------------------------------- heartbeat */

typedef struct beat {
    whi_task task;
    wh_engine *engine;
    int64_t owner; /* after the beat */
    int64_t started_us;
    int lost;     /* our row was gone */
    int released; /* rows of a dead process that were freed */
    int more;     /* it has more of them */
} beat;

static int take_over(beat *self, whi_store *store, int64_t now) {
    int64_t dead = 0;
    int code = store->vtable->worker_expired(store, now - WHI_LEASE_US / 1000, &dead);

    self->released = self->more = 0;
    if (code != WH_OK || dead == 0 || dead == self->owner) {
        return code;
    }
    self->more = 1;
    return store->vtable->worker_release(store, dead, whi_now(self->engine), RELEASE_ROWS, &self->released);
}

/* Heartbeats are by the machine's clock even where tests have their own: processes
 * have to agree on it. */
static int run_beat(whi_job *job, whi_store *store) {
    beat *self = (beat *)job;
    int64_t now = whi_clock_now(NULL);
    int code = WH_ENOTFOUND;

    self->lost = 0;
    self->owner = atomic_load(&self->engine->owner);
    if (self->owner != 0) {
        code = store->vtable->worker_beat(store, self->owner, now);
        self->lost = code == WH_ENOTFOUND;
    }
    if (code == WH_ENOTFOUND) {
        code = store->vtable->worker_add(store, now, &self->owner);
    }
    return code == WH_OK ? take_over(self, store, now) : code;
}

static void beaten(beat *self) {
    wh_engine *engine = self->engine;

    if (self->lost) {
        whi_lease_lost(engine, atomic_load(&engine->epoch));
    }
    pthread_mutex_lock(&engine->ident_lock);
    whi_ident_move(&engine->ident, (int)(self->owner & 1023));
    pthread_mutex_unlock(&engine->ident_lock);
    atomic_store(&engine->owner, self->owner);
    atomic_store(&engine->lease_until, self->started_us + WHI_LEASE_US - LEASE_MARGIN_US);
    if (self->released > 0) {
        atomic_store(&engine->more_events, 1);
        whi_stir(engine);
    }
}

static void beat_back(whi_task *task) {
    beat *self = (beat *)task;
    whi_worker *worker = task->worker;

    worker->beating = 0;
    if (task->code == WH_OK) {
        beaten(self);
        worker->next_beat = self->more ? whi_monotonic_us() : self->started_us + WHI_BEAT_US;
    } else {
        whi_log(worker->engine, WH_LOG_ERROR, "no heartbeat now: %s", task->sentence);
        worker->next_beat = whi_monotonic_us() + WHI_BEAT_US / 4;
    }
    whi_free(self);
}

static void begin_beat(whi_worker *worker, int64_t now_us) {
    beat *self = whi_calloc(1, sizeof *self);

    worker->next_beat = now_us + WHI_BEAT_US / 4;
    if (self == NULL) {
        return;
    }
    self->engine = worker->engine;
    self->started_us = now_us;
    self->task.job.run = run_beat;
    self->task.job.rows = 1;
    self->task.back = beat_back;
    worker->beating = 1;
    worker->next_beat = INT64_MAX;
    whi_worker_submit(worker, &self->task);
}

int whi_upkeep_begin(wh_engine *engine) {
    beat self = { 0 };
    int code;

    self.engine = engine;
    self.started_us = whi_monotonic_us();
    self.task.job.run = run_beat;
    code = whi_writer_run(engine->writer, &self.task.job);
    if (code == WH_OK) {
        beaten(&self);
        engine->workers[0]->next_beat = self.more ? 0 : self.started_us + WHI_BEAT_US;
    }
    return code;
}

int whi_lease_holds(const wh_engine *engine, const whi_event *event) {
    return event->epoch == atomic_load(&engine->epoch);
}

void whi_lease_lost(wh_engine *engine, int64_t epoch) {
    long long expected = epoch;

    if (atomic_compare_exchange_strong(&engine->epoch, &expected, epoch + 1)) {
        atomic_store(&engine->lease_until, 0);
        atomic_store(&engine->owner, 0);
        whi_log(engine, WH_LOG_WARNING, "this process was silent for too long: its work was given to others");
    }
}

/* ------------------------------------------------------------------- handing back */

typedef struct release {
    whi_job job;
    int64_t owner, now;
    int count;
} release;

static int run_release(whi_job *job, whi_store *store) {
    release *self = (release *)job;

    return store->vtable->worker_release(store, self->owner, self->now, RELEASE_ROWS, &self->count);
}

void whi_upkeep_end(wh_engine *engine) {
    release self = { { 0 }, atomic_load(&engine->owner), whi_now(engine), 0 };

    self.job.run = run_release;
    if (self.owner == 0) {
        return;
    }
    do {
        self.count = 0;
    } while (whi_writer_run(engine->writer, &self.job) == WH_OK && self.count > 0);
    atomic_store(&engine->lease_until, 0);
    atomic_store(&engine->owner, 0);
}

/* --------------------------------------------------------------------- retention */

typedef struct purge {
    whi_task task;
    int64_t done_before, failed_before, after;
    int count;
} purge;

static int run_purge(whi_job *job, whi_store *store) {
    purge *self = (purge *)job;
    int64_t after = self->task.worker->purge_after;
    int code = store->vtable->purge(store, self->done_before, self->failed_before, PURGE_ROWS, &after, &self->count);

    self->after = after;
    return code;
}

static void purge_back(whi_task *task) {
    purge *self = (purge *)task;
    whi_worker *worker = task->worker;
    int64_t now = whi_now(worker->engine);

    worker->purging = 0;
    if (task->code == WH_OK) {
        worker->purge_after = self->after;
    }
    worker->next_purge = now + (task->code == WH_OK && self->after != 0 ? PURGE_PAUSE_MS : PURGE_EVERY_MS);
    whi_free(self);
}

static void begin_purge(whi_worker *worker, int64_t now) {
    const wh_options *options = &worker->engine->options;
    purge *self = whi_calloc(1, sizeof *self);

    worker->next_purge = now + PURGE_EVERY_MS;
    if (self == NULL) {
        return;
    }
    self->done_before = whi_ident_first(now - options->retain);
    self->failed_before = whi_ident_first(now - options->retain_failed);
    self->task.job.run = run_purge;
    self->task.job.rows = PURGE_ROWS * 4;
    self->task.back = purge_back;
    worker->purging = 1;
    whi_worker_submit(worker, &self->task);
}

/* ------------------------------------------------------------------------- news */

static void look(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int64_t changes = 0;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK || changes == worker->seen_changes) {
        return;
    }
    if (whi_registry_sync(engine->registry) != WH_OK) {
        whi_log(engine, WH_LOG_ERROR, "subscriptions cannot be read now: %s", wh_last_error());
        return;
    }
    worker->seen_changes = changes;
    atomic_store(&engine->more_events, 1);
    whi_stir(engine);
}

void whi_upkeep(whi_worker *worker, int64_t now_us) {
    int64_t now;

    whi_record_retry(worker, now_us);
    whi_fanout_retry(worker, now_us);
    if (now_us >= worker->next_spill) {
        worker->next_spill = now_us + SPILL_US;
        whi_lane_spill_old(worker, now_us);
    }
    if (worker->index != 0) {
        return;
    }
    if (now_us >= worker->next_beat && !worker->beating) {
        begin_beat(worker, now_us);
    }
    if (now_us >= worker->next_look) {
        worker->next_look = now_us + WHI_LOOK_US;
        look(worker);
    }
    now = whi_now(worker->engine);
    if (now >= worker->next_purge && !worker->purging) {
        begin_purge(worker, now);
    }
}

int64_t whi_upkeep_next(const whi_worker *worker) {
    int64_t next = whi_record_next(worker);

    if (worker->later != NULL && worker->retry_later_at < next) {
        next = worker->retry_later_at;
    }
    if (worker->retry_claim_at != 0 && worker->retry_claim_at < next) {
        next = worker->retry_claim_at;
    }
    if (worker->queued > 0 && worker->next_spill < next) {
        next = worker->next_spill;
    }
    if (worker->index == 0) {
        next = worker->next_beat < next ? worker->next_beat : next;
        next = worker->next_look < next ? worker->next_look : next;
    }
    return next == INT64_MAX ? whi_monotonic_us() + INT64_C(60000000) : next;
}
