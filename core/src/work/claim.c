/* Tests: test_engine. */
#include "work/claim.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "pure/delivery.h"
#include "work/cancel.h"
#include "work/fanout.h"
#include "work/lane.h"
#include "work/queue.h"
#include "work/record.h"

#define CLAIM_MAXIMUM 256

/* ----------------------------------------------------------------------- a lane */

typedef struct claim {
    whi_task task;
    int64_t subscription, now, next_due;
    int64_t owner; /* for whom; 0: there is no lease at the moment */
    whi_answer answer;
    int limit;
    whi_registration *registration;
    whi_delivery *head, **tail;
} claim;

static void drop_claimed(claim *self) {
    while (self->head != NULL) {
        whi_delivery *next = self->head->next;
        whi_delivery_free(self->task.worker->engine, self->head);
        self->head = next;
    }
    self->tail = &self->head;
}

static int copy(char **place, const char *text, size_t size) {
    *place = text != NULL ? whi_strdup(text, size) : NULL;
    return text == NULL || *place != NULL ? WH_OK : WH_ENOMEM;
}

static int claimed(const whi_delivery_row *row, const whi_event_row *event_row, void *payload) {
    claim *self = payload;
    wh_engine *engine = self->task.worker->engine;
    whi_event *event = whi_event_new(engine, event_row);
    whi_delivery *delivery = event != NULL ? whi_delivery_new(engine, event, self->registration) : NULL;

    whi_event_unref(engine, event);
    if (delivery == NULL) {
        return whi_fail_memory();
    }
    delivery->version = row->version;
    delivery->attempts = row->attempts;
    delivery->tries = row->tries;
    delivery->created_at = row->created_at;
    delivery->state = WHI_WAITING;
    whi_delivery_move(engine, delivery, WHI_CLAIM, 0);
    delivery->stored = 1;
    delivery->event->owner = self->owner;
    if (copy(&delivery->body, row->body, row->body_size) != WH_OK || copy(&delivery->key, row->key, WH_ZSTR) != WH_OK ||
        copy(&delivery->headers, row->headers, WH_ZSTR) != WH_OK) {
        whi_delivery_free(engine, delivery);
        return whi_fail_memory();
    }
    delivery->body_size = row->body_size;
    *self->tail = delivery;
    self->tail = &delivery->next;
    return 0;
}

/* The store looks whether the owner has its row, and gives nothing to one that has none. */
static int run_claim(whi_job *job, whi_store *store) {
    claim *self = (claim *)job;
    whi_fact *fact;
    int code;

    drop_claimed(self);
    self->answer = (whi_answer){ 0 };
    self->owner = atomic_load(&self->task.worker->engine->lease->owner);
    if (self->owner == 0) {
        return WH_OK;
    }
    code = whi_store_add(store, WH_FACT_DELIVERY_CLAIM, &self->answer, &fact);
    if (code == WH_OK) {
        fact->of.claim.owner = self->owner;
        fact->of.claim.subscription = self->subscription;
        fact->of.claim.now = self->now;
        fact->of.claim.limit = self->limit;
        fact->of.claim.each = claimed;
        fact->of.claim.payload = self;
    }
    return code;
}

/* 1: who claimed has its row. */
static int has_lease(wh_engine *engine, int64_t owner, const whi_answer *answer) {
    if (owner != 0 && !answer->done) {
        whi_lease_lost(engine->lease);
    }
    return answer->done;
}

static void push(whi_worker *worker, whi_delivery *delivery) {
    int handed_over = 0;
    int code = delivery->version == 0 ? whi_fanout_remake(worker, delivery, &handed_over) : WH_OK;

    if (handed_over) {
        return;
    }
    if (code != WH_OK) {
        delivery->version = 0;
        whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine) + 1000);
    }
    if (delivery->state == WHI_SENDING) {
        whi_queue_push(worker, delivery);
    } else {
        whi_record_delivery(worker, delivery);
    }
}

static void claim_back(whi_task *task) {
    claim *self = (claim *)task;
    whi_worker *worker = task->worker;
    whi_lane *lane = whi_lane_get(worker, self->subscription, 0);

    if (task->code != WH_OK) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "deliveries cannot be claimed now: %s", task->sentence);
        whi_trouble(worker->engine, task->code, task->sentence);
        drop_claimed(self);
        self->next_due = whi_now(worker->engine) + 1000;
    } else {
        self->next_due = has_lease(worker->engine, self->owner, &self->answer) ? self->answer.number : self->now + 1000;
    }
    while (self->head != NULL) {
        whi_delivery *delivery = self->head;
        self->head = delivery->next;
        push(worker, delivery);
        worker->done_count++;
    }
    if (lane != NULL) {
        lane->claiming = 0;
        whi_lane_set_due(worker, lane, lane->asked && task->code == WH_OK ? whi_now(worker->engine) : self->next_due);
        whi_lane_left(worker, lane); /* something may have been put aside because of this claim alone */
    }
    whi_position_release(worker->engine->position, self->subscription);
    whi_registration_unref(self->registration);
    whi_free(self);
}

static int begin_claim(whi_worker *worker, whi_lane *lane, whi_registration *registration, int room, int64_t now) {
    claim *self = whi_calloc(1, sizeof *self);

    if (self == NULL) {
        return WH_ENOMEM;
    }
    self->task.worker = worker;
    self->task.job.run = run_claim;
    self->task.job.rows = room;
    self->task.back = claim_back;
    self->subscription = lane->subscription;
    self->registration = registration;
    self->now = now;
    self->limit = room;
    self->tail = &self->head;
    whi_position_hold(worker->engine->position, lane->subscription);
    lane->claiming = 1;
    lane->asked = 0;
    whi_worker_submit(worker, &self->task);
    return WH_OK;
}

/* A lane that is full is put aside until it has room. The deliveries of a subscription
 * that rests are not fetched; when it changes, the worker asks the store for all lanes. */
void whi_claim_lane(whi_worker *worker, whi_entry *entry) {
    whi_lane *lane = (whi_lane *)entry;
    int64_t now = whi_now(worker->engine);
    int room = whi_lane_room(lane);
    whi_registration *registration;

    if (whi_inbox_of(worker->engine, lane->subscription) != &worker->inbox) {
        return; /* from a time with another number of workers: its own finds it in the store */
    }
    if (!whi_position_has(worker->engine->position, lane->subscription)) {
        return; /* another process's: when it is ours, all lanes are looked for */
    }
    if (room == 0) {
        lane->parked_due = entry->item.due;
        return;
    }
    registration = whi_registry_get(worker->engine->registry, lane->subscription);
    if (registration == NULL) {
        whi_cancel(worker, lane->subscription);
        return;
    }
    if (!whi_subscription_may_send(registration->subscription)) {
        whi_registration_unref(registration);
        return;
    }
    lane->cap = registration->subscription->concurrency;
    room = room < CLAIM_MAXIMUM ? room : CLAIM_MAXIMUM;
    if (begin_claim(worker, lane, registration, room, now) != WH_OK) {
        whi_registration_unref(registration);
        whi_lane_set_due(worker, lane, now + 1000);
    }
}

/* --------------------------------------------------------------------- all lanes */

static int is_known(wh_engine *engine, int64_t subscription) {
    whi_registration *registration = whi_registry_get(engine->registry, subscription);

    whi_registration_unref(registration);
    return registration != NULL;
}

static int lane_found(int64_t subscription, int64_t due, void *payload) {
    whi_worker *worker = payload;
    whi_lane *lane;

    if (whi_inbox_of(worker->engine, subscription) != &worker->inbox ||
        !whi_position_has(worker->engine->position, subscription)) {
        return 0;
    }
    if (due == WHI_DUE_BEHIND && !is_known(worker->engine, subscription)) {
        due = 0; /* nobody gives them their turn any more: they are cancelled */
    }
    lane = whi_lane_get(worker, subscription, 1);
    if (lane == NULL) {
        atomic_store(&worker->inbox.rescan, 1); /* no memory now */
    } else if (lane->claiming) {
        lane->asked = 1;
    } else {
        whi_lane_stored(worker, lane, due);
    }
    return 0;
}

void whi_claim_scan(whi_worker *worker) {
    whi_store *store = worker->engine->reader;
    int code;

    atomic_store(&worker->inbox.rescan, 0);
    code = store->vtable->lanes(store, lane_found, worker);
    if (code != WH_OK) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "the store cannot be read now: %s", wh_last_error());
        whi_trouble(worker->engine, code, wh_last_error());
        atomic_store(&worker->inbox.rescan, 1);
    }
}
