/* Tests: test_engine_trouble. */
#include "work/retire.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/notice.h"
#include "pure/delivery.h"
#include "pure/health.h"
#include "work/disable.h"
#include "work/later.h"
#include "work/record.h"

typedef struct retirement {
    whi_task task;
    wh_engine *engine;
    whi_registration *registration; /* a reference */
    whi_delivery *delivery;         /* NULL, or the one that a single_use subscription gets */
    int taken;                      /* in the transaction: somebody takes a notice of it */
    int found, off;                 /* in the transaction: it is there; it was switched off, or is not to be */
    char reason[16];
} retirement;

static const char disabled[] = "webhook.subscription.disabled";

/* The delivery is one of many, and nothing is told of it. */
static int ask(retirement *self, whi_store *store) {
    self->taken = 0;
    return self->delivery == NULL
               ? whi_notice_ask(self->engine, store, self->registration->subscription->tenant, disabled, &self->taken)
               : WH_OK;
}

static int tell(retirement *self, whi_store *store) {
    return self->found && !self->off && self->taken
               ? whi_notice_add(self->engine, store,
                                &(whi_notice){ .about = self->registration->subscription,
                                               .type = disabled,
                                               .reason = self->reason })
               : WH_OK;
}

static int switch_off(retirement *self, whi_store *store) {
    return whi_disable(self->engine, store, self->registration, self->reason, &self->found, &self->off);
}

/* Another event was first: of one that has a row that is the end, else there is none. */
static int put_delivery(retirement *self, whi_store *store) {
    int mine = self->found && !self->off, done = 0, code = WH_OK;
    whi_delivery_row row;

    whi_delivery_fill_row(self->delivery, &row);
    if (!mine) {
        row.due = 0;
        code = whi_delivery_next(row.state, WHI_CANCEL, &row.state);
    }
    if (code != WH_OK) {
        return code;
    }
    return mine || row.turn != WHI_TURN_ABSENT ? whi_store_delivery_put(store, &row, &done) : WH_OK;
}

static int run_retirement(whi_job *job, whi_store *store) {
    retirement *self = (retirement *)job;
    wh_engine *engine = self->task.worker->engine;
    int code = WH_OK;

    self->found = self->off = 0;
    if (self->delivery != NULL) {
        code = whi_lease_check(engine->lease, store, self->delivery->event->owner);
    }
    code = code == WH_OK ? ask(self, store) : code;
    code = code == WH_OK ? switch_off(self, store) : code;
    if (code == WH_OK) {
        code = self->delivery != NULL ? put_delivery(self, store) : tell(self, store);
    }
    return code == WH_ENOTFOUND ? WH_OK : code; /* the event is somebody else's by now */
}

static void free_retirement(retirement *self) {
    wh_engine *engine = self->task.worker->engine;

    whi_delivery_free(engine, self->delivery);
    whi_registration_unref(self->registration);
    whi_free(self);
}

/* What was used up waits in the store, to be fetched like all that does. */
static void settle_used(retirement *self) {
    whi_worker *worker = self->task.worker;
    whi_delivery *delivery = self->delivery;

    whi_inbox_give_due(worker->engine, delivery->way.subscription, whi_now(worker->engine));
    if (delivery->turn == WHI_TURN_ABSENT) {
        whi_record_written(worker->engine, delivery->event);
    }
}

/* An event that comes for it is not lost: it is tried again. A receiver or a rule that fails will be
 * found to fail once more. */
static void not_now(retirement *self) {
    whi_worker *worker = self->task.worker;

    if (worker->inbox.open) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "%s cannot be switched off now: %s", self->registration->id,
                self->task.sentence);
        whi_trouble(worker->engine, self->task.code, self->task.sentence);
    }
    if (worker->inbox.open && self->delivery != NULL) {
        whi_later_task(worker, &self->task);
    } else {
        free_retirement(self);
    }
}

static void back(whi_task *task) {
    retirement *self = (retirement *)task;
    wh_engine *engine = task->worker->engine;

    atomic_store(&self->registration->retiring, 0);
    if (task->code != WH_OK) {
        not_now(self);
        return;
    }
    whi_registry_sync(engine->registry);
    if (self->delivery != NULL) {
        settle_used(self);
    } else if (self->found && !self->off) {
        atomic_fetch_add_explicit(&engine->count.news[WHI_NEWS_DISABLED - 1], 1, memory_order_relaxed);
        whi_log_fields(&engine->log, WH_LOG_WARNING, "subscription is disabled",
                       (wh_log_field[]){ { "subscription", self->registration->id, 0 },
                                         { "tenant", self->registration->subscription->tenant, 0 },
                                         { "reason", self->reason, 0 } },
                       3);
    }
    free_retirement(self);
}

static retirement *retirement_new(whi_worker *worker, whi_registration *registration, const char *reason) {
    retirement *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return NULL;
    }
    atomic_fetch_add(&registration->refs, 1);
    self->registration = registration;
    self->engine = worker->engine;
    self->task.worker = worker;
    self->task.job.run = run_retirement;
    self->task.job.rows = 4;
    self->task.back = back;
    memcpy(self->reason, reason, strlen(reason) + 1);
    return self;
}

/* Once is enough: until it is done, others find the same. */
void whi_retire(whi_worker *worker, whi_registration *registration, const char *reason) {
    retirement *self;

    if (atomic_exchange(&registration->retiring, 1)) {
        return;
    }
    self = retirement_new(worker, registration, reason);
    if (self == NULL) {
        atomic_store(&registration->retiring, 0);
        return;
    }
    whi_worker_submit(worker, &self->task);
}

int whi_retire_used(whi_worker *worker, whi_delivery *delivery) {
    retirement *self = retirement_new(worker, delivery->registration, "used");

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->delivery = delivery;
    whi_worker_submit(worker, &self->task);
    return WH_OK;
}

void whi_retire_for_rule(whi_worker *worker, const whi_event *event, whi_registration *registration,
                         const char *error) {
    whi_log_fields(
        &worker->engine->log, WH_LOG_WARNING, "rule failed",
        (wh_log_field[]){ { "subscription", registration->id, 0 }, { "event", event->id, 0 }, { "error", error, 0 } },
        3);
    atomic_fetch_add_explicit(&worker->engine->count.rule_failures, 1, memory_order_relaxed);
    if (atomic_fetch_add(&registration->rule_failures, 1) + 1 >= worker->engine->options.limits.rule_failures) {
        whi_retire(worker, registration, "rule");
    }
}
