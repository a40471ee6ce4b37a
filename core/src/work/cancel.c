/* Tests: test_engine_trouble. */
#include "work/cancel.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "engine/version.h"
#include "work/lane.h"

typedef struct cancel {
    whi_task task;
    int64_t subscription, now;
    int count;
    int there; /* it is: another process made it, and this one has not read it yet */
} cancel;

static int found(const whi_subscription_row *row, void *payload) {
    (void)row;
    (void)payload;
    return WH_OK;
}

static int run_cancel(whi_job *job, whi_store *store) {
    cancel *self = (cancel *)job;
    int code = whi_store_subscription_now(store, self->subscription, found, NULL);

    self->count = 0;
    self->there = code == WH_OK;
    if (code != WH_ENOTFOUND) {
        return code;
    }
    return whi_store_delivery_cancel(store, self->subscription, self->now, WHI_CANCEL_ROWS, &self->count);
}

/* What is left is cancelled when its lane is looked at again. */
static void cancel_back(whi_task *task) {
    cancel *self = (cancel *)task;
    whi_worker *worker = task->worker;
    int code = task->code;

    if (code == WH_OK && self->there) {
        code = whi_registry_sync(worker->engine->registry);
    }
    if (code != WH_OK || self->there || self->count == WHI_CANCEL_ROWS) {
        whi_lane *lane = whi_lane_get(worker, self->subscription, 1);
        int64_t due = whi_now(worker->engine) + (code != WH_OK ? 1000 : 0);
        if (lane != NULL) {
            whi_lane_stored(worker, lane, due);
        } else {
            atomic_store(&worker->inbox.rescan, 1);
        }
    }
    whi_free(self);
}

void whi_cancel(whi_worker *worker, int64_t subscription) {
    cancel *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        atomic_store(&worker->inbox.rescan, 1);
        return;
    }
    self->task.job.run = run_cancel;
    self->task.job.rows = WHI_CANCEL_ROWS;
    self->task.back = cancel_back;
    self->subscription = subscription;
    self->now = whi_now(worker->engine);
    whi_worker_submit(worker, &self->task);
}

/* ---------------------------------------------------------------- without an event */

typedef struct drop {
    whi_task task;
    int64_t event, subscription;
} drop;

static int run_drop(whi_job *job, whi_store *store) {
    const drop *self = (drop *)job;
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY_DROP, NULL, &fact);

    if (code == WH_OK) {
        fact->of.key.event = self->event;
        fact->of.key.subscription = self->subscription;
    }
    return code;
}

/* The next of its key may have its turn. Where it failed, it is found again with the next search. */
static void drop_back(whi_task *task) {
    if (task->code == WH_OK) {
        atomic_store(&task->worker->inbox.rescan, 1);
    }
    whi_free(task);
}

int whi_cancel_without_event(whi_worker *worker, int64_t event, int64_t subscription) {
    drop *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->task.job.run = run_drop;
    self->task.job.rows = 2;
    self->task.back = drop_back;
    self->event = event;
    self->subscription = subscription;
    whi_worker_submit(worker, &self->task);
    return WH_OK;
}
