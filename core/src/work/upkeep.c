/* Upkeep: what is due by time and belongs to no delivery. News from other processes, retention,
 * what could not be done and is tried again. The first worker does it for its process; everything
 * that writes is a task of the writer. (The heartbeat is the writer's own: lease.h.) */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

#define PURGE_ROWS 128
#define PURGE_EVERY_MS INT64_C(60000)
#define PURGE_PAUSE_MS INT64_C(100)
#define SPILL_US INT64_C(250000)

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
    int code;

    if (engine->store->vtable->changes(engine->store, &changes) != WH_OK || changes == worker->seen_changes) {
        return;
    }
    code = whi_registry_sync(engine->registry);
    if (code != WH_OK) {
        whi_log(engine, WH_LOG_ERROR, "subscriptions cannot be read now: %s", wh_last_error());
        whi_trouble(engine, code, wh_last_error());
        return;
    }
    worker->seen_changes = changes;
    atomic_store(&engine->more_events, 1);
    whi_stir(engine);
}

void whi_upkeep(whi_worker *worker, int64_t now_us) {
    int64_t now;

    if (worker->retry_claim_at != 0 && now_us >= worker->retry_claim_at) {
        worker->retry_claim_at = 0;
    }
    whi_record_retry(worker, now_us);
    whi_fanout_retry(worker, now_us);
    if (now_us >= worker->next_spill) {
        worker->next_spill = now_us + SPILL_US;
        whi_lane_spill_old(worker, now_us);
    }
    if (worker->index != 0) {
        return;
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

    if ((worker->later != NULL || worker->later_tasks != NULL) && worker->retry_later_at < next) {
        next = worker->retry_later_at;
    }
    if (worker->retry_claim_at != 0 && worker->retry_claim_at < next) {
        next = worker->retry_claim_at;
    }
    if (atomic_load(&worker->rescan)) {
        int64_t soon = whi_monotonic_us() + WHI_LOOK_US; /* it was asked for in vain, or comes with a wake-up */
        next = soon < next ? soon : next;
    }
    if (worker->queued > 0 && worker->next_spill < next) {
        next = worker->next_spill;
    }
    if (worker->index == 0) {
        next = worker->next_look < next ? worker->next_look : next;
    }
    return next == INT64_MAX ? whi_monotonic_us() + INT64_C(60000000) : next;
}
