/* Tests: test_engine_trouble. */
#include "work/retire.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/notice.h"
#include "engine/version.h"
#include "pure/delivery.h"
#include "systems/subscription_make.h"
#include "work/later.h"
#include "work/record.h"

typedef struct retirement {
    whi_task task;
    whi_registration *registration; /* a reference */
    whi_delivery *delivery;         /* NULL, or the one that a single_use subscription gets */
    int found, off;                 /* in the transaction: it is there; it was switched off, or is not to be */
    char reason[16];
} retirement;

/* A version that has ended may have been for one event alone, or have had another rule: neither is a
 * reason to switch off what its owner has made of it since. */
static int has_no_reason(const retirement *self, const whi_registration *now) {
    return self->delivery != NULL
               ? !now->subscription->single_use
               : strcmp(self->reason, "rule") == 0 && now->rule_hash != self->registration->rule_hash;
}

static int switch_off(retirement *self, whi_store *store, whi_subscription *subscription) {
    self->off = subscription->disabled != NULL;
    if (self->off) {
        return WH_OK;
    }
    subscription->disabled = whi_strdup(self->reason, WH_ZSTR);
    return subscription->disabled != NULL ? whi_version_keep(self->task.worker->engine, store, subscription)
                                          : whi_fail_memory();
}

static int tell(retirement *self, whi_store *store) {
    return self->found && !self->off ? whi_notice(self->task.worker->engine, store, self->registration,
                                                  "webhook.subscription.disabled", NULL, self->reason)
                                     : WH_OK;
}

static int read_and_switch(retirement *self, whi_store *store) {
    whi_registration *now = NULL;
    whi_subscription *subscription = NULL;
    int code =
        whi_store_subscription_now(store, self->registration->subscription->id, whi_registration_read, (void *)&now);

    self->found = code == WH_OK;
    if (code != WH_OK) {
        return code == WH_ENOTFOUND ? WH_OK : code;
    }
    if (has_no_reason(self, now)) {
        self->off = self->delivery == NULL; /* the delivery is one of many, and nothing is told of a rule */
    } else {
        code = whi_subscription_copy(&subscription, now->subscription);
        code = code == WH_OK ? switch_off(self, store, subscription) : code;
    }
    whi_subscription_free(subscription);
    whi_registration_unref(now);
    return code;
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
    code = code == WH_OK ? read_and_switch(self, store) : code;
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
        whi_log(&engine->log, WH_LOG_INFO, "%s is switched off: %s", self->registration->id, self->reason);
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
    whi_log(&worker->engine->log, WH_LOG_WARNING, "%s: rule failed on event %s: %s", registration->id, event->id,
            error);
    atomic_fetch_add_explicit(&worker->engine->count.rule_failures, 1, memory_order_relaxed);
    if (atomic_fetch_add(&registration->rule_failures, 1) + 1 >= worker->engine->options.limits.rule_failures) {
        whi_retire(worker, registration, "rule");
    }
}
