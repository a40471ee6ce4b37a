/* Where each of those that lag is: in the rings, and in the store. Tests: test_engine_fair. */
#include "work/lagging_state.h"

#include "base/clock.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/lag.h"
#include "engine/lease.h"
#include "engine/log.h"
#include "work/record.h"

#define AGAIN_US INT64_C(1000000) /* after what could not be done */

void whi_lagging_set_state(whi_lagging *self, whi_lag *lag, int state) {
    lag->state = state;
    if (state == WHI_LAG_READY) {
        whi_fair_join(&lag->tenant->lags, &lag->turn);
        if (!lag->tenant->waits) {
            whi_fair_join(&self->fair, &lag->tenant->turn);
        }
    } else if (lag->tenant != NULL) {
        whi_fair_leave(&lag->tenant->lags, &lag->turn);
        if (lag->tenant->lags.first == NULL) {
            whi_fair_leave(&self->fair, &lag->tenant->turn);
        }
    }
}

/* ------------------------------------------------------------------------------- rows */

/* The positions of a commit. */
typedef struct rows {
    whi_task task;
    int64_t owner;
    size_t count;
    struct row {
        whi_lag *lag;
        int64_t subscription, position; /* -1: it lags no more */
        int fresh;                      /* 1: the first, at the position of the engine */
        int waits;                      /* 1: for its tenant's budget */
        whi_answer answer;
    } list[];
} rows;

void whi_lagging_release(whi_worker *worker, whi_lag *lag, int64_t position, int64_t from) {
    whi_event **held;
    size_t count = whi_lags_written(worker->engine->lags, lag, position, from, &held);

    for (size_t i = 0; i < count; i++) {
        whi_record_written(worker->engine, held[i]);
        whi_event_unref(worker->engine, held[i]);
    }
    whi_free(held);
}

/* What is gone by now was lost with an owner's number, or given away. If its partition is this process's anew, under
 * another number perhaps, then what was read of the store when it was taken counts: a row of the former lag would be
 * one that nobody goes on with, or stand in the place of another's. (What sets it is done before this is run: by the
 * writer's thread, behind the commit that took or gave.) */
static int run_rows(whi_job *job, whi_store *store) {
    rows *self = (rows *)job;
    wh_engine *engine = self->task.worker->engine;
    int code = WH_OK;

    self->owner = atomic_load(&engine->lease->owner);
    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        struct row *row = &self->list[i];
        whi_fact *fact;
        row->answer = (whi_answer){ 0 };
        if (row->lag->gone) {
            continue;
        }
        if (row->fresh) {
            row->position = whi_position_now(engine->position, self->owner, NULL);
        }
        if (self->owner == 0 || row->position == WHI_NOWHERE) {
            continue;
        }
        code = whi_store_add(store, WH_FACT_LAG, &row->answer, &fact);
        if (code == WH_OK) {
            fact->of.lag.owner = self->owner;
            fact->of.lag.subscription = row->subscription;
            fact->of.lag.partition = whi_partition_of(row->subscription);
            fact->of.lag.position = row->position;
            fact->of.lag.waits = row->waits;
        }
    }
    return code;
}

/* The engine's position goes on without it from here on. */
static void begin_reading(whi_worker *worker, whi_lag *lag, int64_t position) {
    int64_t owner, from = whi_position_next(worker->engine->position, &owner);

    whi_lagging_release(worker, lag, position, from);
    if (!lag->gone) {
        whi_lagging_set_state(worker->lagging, lag, WHI_LAG_READY);
    }
}

static void row_is_written(whi_worker *worker, const struct row *row) {
    whi_lag *lag = row->lag;

    if (row->position < 0) {
        whi_lags_remove(worker->engine->lags, lag);
    } else if (!row->answer.done) {
        worker->lagging->rows_us +=
            WHI_LAG_ROWS_US; /* another's by now, or its subscription is no more: it will be told of */
    } else if (row->fresh && lag->state == WHI_LAG_ROWLESS) {
        begin_reading(worker, lag, row->position);
    } else if (!row->fresh) {
        lag->written = row->position;
    }
}

static void rows_back(whi_task *task) {
    rows *self = (rows *)task;
    whi_worker *worker = task->worker;

    worker->lagging->writing = 0;
    worker->lagging->rows_us = whi_monotonic_us();
    if (task->code != WH_OK) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "what lags cannot be recorded now: %s", task->sentence);
        whi_trouble(worker->engine, task->code, task->sentence);
        worker->lagging->rows_us += AGAIN_US;
    }
    for (size_t i = 0; i < self->count && task->code == WH_OK; i++) {
        row_is_written(worker, &self->list[i]);
    }
    worker->done_count++;
    whi_free(self);
}

int whi_lagging_has_passed(whi_worker *worker, int64_t number) {
    int64_t passed = whi_position_now(worker->engine->position, worker->owner, NULL);

    return passed != WHI_NOWHERE && passed >= number;
}

int whi_lagging_has_no_numbers(whi_worker *worker, const whi_lag *lag) {
    return !lag->fresh || whi_lags_numbers(worker->engine->lags, lag, NULL, 1) == 0;
}

/* 1: it has something for its row. */
static int wants_row(whi_worker *worker, whi_lag *lag) {
    if (lag->gone) {
        return 0;
    }
    switch (lag->state) {
    case WHI_LAG_NEW:
        return 0;
    case WHI_LAG_ROWLESS:
        return 1;
    case WHI_LAG_STOPS:
        return whi_lagging_has_passed(worker, lag->until);
    default:
        return lag->at > lag->written && whi_lagging_has_passed(worker, lag->from) &&
               whi_lagging_has_no_numbers(worker, lag);
    }
}

static void add_row(whi_worker *worker, rows *self, whi_lag *lag) {
    struct row *row = &self->list[self->count++];

    row->lag = lag;
    row->subscription = lag->subscription;
    row->fresh = lag->state == WHI_LAG_ROWLESS;
    row->position = lag->state == WHI_LAG_STOPS ? -1 : lag->at;
    row->waits = lag->tenant != NULL && whi_budget_is_spent(worker->engine, lag->tenant->name);
}

static void write_rows(whi_worker *worker) {
    whi_lagging *self = worker->lagging;
    rows *task;

    if (self->writing || self->count == 0) {
        return;
    }
    task = whi_calloc(1, sizeof *task + self->count * sizeof(struct row));
    for (whi_lag *lag = self->list; lag != NULL && task != NULL; lag = lag->following) {
        if (wants_row(worker, lag)) {
            add_row(worker, task, lag);
        }
    }
    if (task == NULL || task->count == 0) {
        whi_free(task);
        return;
    }
    task->task.job.run = run_rows;
    task->task.job.rows = (int)task->count;
    task->task.back = rows_back;
    self->writing = 1;
    whi_worker_submit(worker, &task->task);
}

static int may_write_rows(const whi_worker *worker) {
    const whi_lagging *self = worker->lagging;

    return !atomic_load(&worker->engine->lease->share) || whi_monotonic_us() >= self->rows_us + WHI_LAG_ROWS_US;
}

static int has_rowless(const whi_lagging *self) {
    for (const whi_lag *lag = self->list; lag != NULL; lag = lag->following) {
        if (lag->state == WHI_LAG_ROWLESS && !lag->gone) {
            return 1;
        }
    }
    return 0;
}

void whi_lagging_write_rows(whi_worker *worker) {
    if (may_write_rows(worker) || (has_rowless(worker->lagging) && whi_monotonic_us() >= worker->lagging->rows_us)) {
        write_rows(worker);
    }
}
