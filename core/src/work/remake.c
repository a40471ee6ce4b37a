/* Tests: test_engine_remake. */
#include "work/remake.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/lease.h"
#include "engine/registry.h"
#include "pure/delivery.h"
#include "work/aside.h"
#include "work/fanout.h"
#include "work/lane.h"
#include "work/queue.h"
#include "work/record.h"

#define AGAIN_MS 1000

/* Of a worker, from the first one on that is made aside. */
typedef struct whi_remaking {
    struct whi_aside *aside;
    whi_shares waiting; /* for the one that is asked */
    int asks;
    whi_question *unanswered;
} whi_remaking;

static int64_t subscription_of(const whi_event *event) {
    return event->remakes->registration->subscription->id;
}

/* ------------------------------------------------------------------------ its end */

static void count(whi_worker *worker, int64_t subscription, int change) {
    whi_lane *lane = whi_lane_get(worker, subscription, 0);

    if (lane != NULL && lane->remaking + change >= 0) {
        lane->remaking += change;
        whi_lane_left(worker, lane);
    }
}

static void count_aside(whi_worker *worker, int64_t subscription, int change) {
    whi_lane *lane = whi_lane_get(worker, subscription, 0);

    if (lane != NULL && lane->remaking_aside + change >= 0) {
        lane->remaking_aside += change;
    }
}

/* The delivery goes its way, as what was decided says; an error: it is made again later. */
static void give(whi_worker *worker, whi_delivery *delivery, int code, int handed_over) {
    if (handed_over) {
        return;
    }
    if (code != WH_OK) {
        delivery->version = 0;
        whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine) + AGAIN_MS);
    }
    if (delivery->state == WHI_SENDING) {
        whi_queue_push(worker, delivery);
    } else {
        whi_record_delivery(worker, delivery);
    }
}

/* Its row waits as it did. */
static void drop(wh_engine *engine, whi_event *event) {
    whi_delivery_free(engine, event->remakes);
    whi_event_unref(engine, event);
}

static void end(whi_worker *worker, whi_event *event, int code, int handed_over) {
    int64_t subscription = subscription_of(event);

    give(worker, event->remakes, code, handed_over);
    whi_event_unref(worker->engine, event);
    worker->done_count++;
    count(worker, subscription, -1);
}

/* ----------------------------------------------------------------------------- aside */

static void free_question(whi_question *question) {
    whi_decision_free(&question->decision);
    whi_registration_unref(question->registration);
    whi_free(question);
}

static int begin(whi_worker *worker) {
    whi_remaking *self;
    int code;

    if (worker->remaking != NULL) {
        return WH_OK;
    }
    self = whi_calloc(1, sizeof *self);
    code = self != NULL ? whi_shares_init(&self->waiting) : whi_fail_memory();
    if (code == WH_OK) {
        code = whi_aside_new(&self->aside, worker->engine);
    }
    if (code != WH_OK && self != NULL) {
        whi_shares_end(&self->waiting, worker->engine);
        whi_free(self);
        return code;
    }
    worker->remaking = code == WH_OK ? self : NULL;
    return code;
}

static void ask_next(whi_worker *worker);

static void answered(whi_task *task) {
    whi_question *question = (whi_question *)task;
    whi_worker *worker = task->worker;
    whi_remaking *self = worker->remaking;
    whi_event *event = question->event;
    int handed_over = 0, code = task->code;

    self->asks = 0;
    whi_shares_charge(&self->waiting, question->us, whi_monotonic_us());
    whi_budget_spend(worker->engine, event->tenant, question->us);
    count_aside(worker, subscription_of(event), -1);
    if (!worker->inbox.open || !whi_lease_has(worker->engine->lease, event->owner)) {
        count(worker, subscription_of(event), -1);
        drop(worker->engine, event);
    } else {
        code = code == WH_OK ? whi_fanout_remade(worker, event->remakes, &question->decision, &handed_over) : code;
        end(worker, event, code, handed_over);
    }
    free_question(question);
    if (worker->inbox.open) {
        ask_next(worker);
    }
}

static int ask(whi_worker *worker, whi_event *event) {
    whi_question *question = whi_calloc(1, sizeof *question);
    int code = question != NULL ? WH_OK : whi_fail_memory();

    if (code == WH_OK) {
        question->event = event;
        question->registration = event->remakes->registration;
        atomic_fetch_add(&question->registration->refs, 1);
        question->task.back = answered;
        code = whi_aside_ask(worker->remaking->aside, worker, question);
    }
    if (code != WH_OK && question != NULL) {
        free_question(question);
    }
    return code;
}

/* Where nobody can be asked it is made again later. */
static void ask_next(whi_worker *worker) {
    whi_remaking *self = worker->remaking;
    whi_event *event;

    while (!self->asks && (event = whi_shares_take(&self->waiting)) != NULL) {
        int code = ask(worker, event);
        self->asks = code == WH_OK;
        if (code != WH_OK) {
            count_aside(worker, subscription_of(event), -1);
            end(worker, event, code, 0);
        }
    }
}

/* --------------------------------------------------------------------------- in turns */

void whi_remake_add(whi_worker *worker, whi_delivery *delivery) {
    whi_event *event = delivery->event;

    event->remakes = delivery;
    whi_event_ref(event);
    count(worker, delivery->registration->subscription->id, 1);
    whi_shares_add(&worker->shares, event);
}

/* Also behind one of its subscription that is: they keep their order. */
static int goes_aside(whi_worker *worker, const whi_event *event) {
    const whi_lane *lane = whi_lane_get(worker, subscription_of(event), 0);

    return worker->tenant_is_costly || (lane != NULL && lane->remaking_aside > 0);
}

static void leave_aside(whi_worker *worker, whi_event *event) {
    int code = begin(worker);

    if (code != WH_OK) {
        end(worker, event, code, 0);
        return;
    }
    count_aside(worker, subscription_of(event), 1);
    whi_shares_add(&worker->remaking->waiting, event);
    ask_next(worker);
}

/* The present rule, which may be another one by now. Of a subscription that is no more it is cancelled when it would be
 * sent. */
static void refresh(whi_worker *worker, whi_delivery *delivery) {
    whi_registration *now = whi_registry_get(worker->engine->registry, delivery->registration->subscription->id);

    if (now != NULL) {
        whi_registration_unref(delivery->registration);
        delivery->registration = now;
    }
}

void whi_remake(whi_worker *worker, whi_event *event) {
    int handed_over = 0, code;

    if (!whi_lease_has(worker->engine->lease, event->owner)) {
        count(worker, subscription_of(event), -1);
        drop(worker->engine, event);
        return;
    }
    refresh(worker, event->remakes);
    if (goes_aside(worker, event)) {
        leave_aside(worker, event);
        return;
    }
    code = whi_fanout_remake(worker, event->remakes, &handed_over);
    if (code == WHI_FANOUT_SLOW) {
        leave_aside(worker, event);
    } else {
        end(worker, event, code, handed_over);
    }
}

/* ---------------------------------------------------------------------------- the end */

void whi_remake_stop(whi_worker *worker) {
    whi_remaking *self = worker->remaking;

    if (self != NULL) {
        self->unanswered = whi_aside_free(self->aside);
        self->aside = NULL;
    }
}

void whi_remake_end(whi_worker *worker) {
    whi_remaking *self = worker->remaking;

    if (self == NULL) {
        return;
    }
    while (self->unanswered != NULL) {
        whi_question *next = self->unanswered->following;
        drop(worker->engine, self->unanswered->event);
        free_question(self->unanswered);
        self->unanswered = next;
    }
    whi_shares_end(&self->waiting, worker->engine);
    whi_free(self);
    worker->remaking = NULL;
}
