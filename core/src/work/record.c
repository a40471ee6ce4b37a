/* Tests: test_engine_later. */
#include "work/record.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/notice.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/underway.h"
#include "engine/version.h"
#include "pure/delivery.h"
#include "work/cancel.h"
#include "work/lane.h"
#include "work/watch.h"

#define RETRY_US INT64_C(1000000)
#define POSITION_US INT64_C(50000) /* between two commits for the position alone */

struct whi_record {
    whi_task task;
    whi_delivery *deliveries, **deliveries_end; /* in the order in which they ended */
    int64_t position;                           /* the one that is written with it; WHI_NOWHERE: none */
    int pass;                                   /* of the reading, when that was asked for */
    int64_t number;                             /* of the worker's records, in the order of what they tell */
    int removed;                                /* a subscription ended with it, or was switched off */
    int64_t well;                               /* whose success was handed to the store last */
    int64_t asked;                              /* the owner, as the transaction found it; 0: none */
    whi_answer held;                            /* whether it has its row */
    struct whi_record *next_failed;
};

typedef struct whi_record whi_record;

/* NULL: there is none to record. */
static const whi_attempt_row *attempt_row(const whi_delivery *delivery) {
    whi_attempt *attempt = delivery->attempt;

    if (attempt == NULL) {
        return NULL;
    }
    attempt->row = (whi_attempt_row){ delivery->event->number,
                                      delivery->registration->subscription->id,
                                      delivery->attempts,
                                      attempt->at,
                                      attempt->duration_us,
                                      attempt->code,
                                      attempt->status,
                                      delivery->error,
                                      attempt->response_size ? attempt->response : NULL,
                                      attempt->response_size };
    return &attempt->row;
}

/* The delivery is somebody else's by now; that an attempt was made stays true. */
static int add_attempt(whi_store *store, const whi_delivery *delivery) {
    const whi_attempt_row *row = attempt_row(delivery);
    whi_fact *fact;
    int code = row != NULL ? whi_store_add(store, WH_FACT_ATTEMPT, NULL, &fact) : WH_OK;

    if (code == WH_OK && row != NULL) {
        fact->of.attempt = *row;
    }
    return code;
}

/* What it came to is told to who wants to hear of it; no notice about a notice. */
static int tell(wh_engine *engine, whi_store *store, const whi_delivery *delivery) {
    const whi_attempt *attempt = delivery->attempt;
    whi_notice notice = { .about = delivery->registration->subscription, .event = delivery->event->id };

    if (delivery->state == WHI_EXHAUSTED && !whi_notice_is(delivery->event->type)) {
        notice.type = "webhook.delivery.exhausted";
        notice.reason = wh_error_name(attempt != NULL ? attempt->code : WH_ENOMEM);
        notice.error = delivery->error;
        return whi_notice_write(engine, store, &notice);
    }
    if (delivery->state == WHI_DELIVERED && delivery->abort) {
        notice.type = "webhook.run.aborted";
        notice.reason = delivery->key != NULL ? delivery->key : "";
        return whi_notice_write(engine, store, &notice);
    }
    return WH_OK;
}

static int is_of_latest(const whi_delivery *delivery) {
    return delivery->key != NULL && delivery->registration->subscription->order == WHI_ORDER_LATEST;
}

/* Who has lost its lease may have sent behind a newer one, which another has sent: of a `latest` key that one is
 * to be the last that its receiver gets. owner: 0, or who it is if it has its row. */
static int send_newest_again(wh_engine *engine, whi_store *store, const whi_delivery *delivery, int64_t owner) {
    whi_fact *fact;
    int code;

    if (delivery->attempt == NULL || !is_of_latest(delivery)) {
        return WH_OK;
    }
    code = whi_store_add(store, WH_FACT_DELIVERY_AGAIN, NULL, &fact);
    if (code == WH_OK) {
        fact->of.again.event = delivery->way.event;
        fact->of.again.subscription = delivery->way.subscription;
        fact->of.again.key = delivery->key;
        fact->of.again.unless = owner;
        fact->of.again.now = whi_now(engine);
    }
    return code;
}

/* What a newer one takes the place of is not what is being sent: that ends first. */
static int add_delivery(wh_engine *engine, whi_store *store, whi_delivery *delivery, int64_t owner) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY, &delivery->written, &fact);

    if (code != WH_OK) {
        return code;
    }
    whi_delivery_fill_row(delivery, &fact->of.delivery);
    fact->of.delivery.holder = owner;
    fact->of.delivery.attempt = attempt_row(delivery);
    if (is_of_latest(delivery)) {
        fact->of.delivery.under_way = whi_underway_of(engine->underway, delivery->way.subscription, delivery->key);
    }
    return send_newest_again(engine, store, delivery, owner);
}

/* By our version, or by one that we may not know yet. */
static int may_end(const wh_engine *engine, const whi_delivery *delivery) {
    return (delivery->state == WHI_DELIVERED || delivery->state == WHI_EXHAUSTED) &&
           (delivery->registration->subscription->single_use || whi_registry_is_behind(engine->registry));
}

/* 1 in out: the subscription is for this delivery alone, by the version in force; ours may be older,
 * another process may have used it up. */
static int ends_with(wh_engine *engine, whi_store *store, const whi_delivery *delivery, int *out) {
    *out = 0;
    return may_end(engine, delivery) ? whi_version_is_used(store, delivery->registration->subscription, out) : WH_OK;
}

/* 1: what follows from it depends on whether it was written. */
static int has_consequence(const wh_engine *engine, const whi_delivery *delivery) {
    return may_end(engine, delivery) || delivery->state == WHI_EXHAUSTED ||
           (delivery->state == WHI_DELIVERED && delivery->abort);
}

/* What follows is written with it: with its only delivery a single_use subscription ends. */
static int put_with_consequence(whi_record *record, whi_store *store, whi_delivery *delivery) {
    wh_engine *engine = record->task.worker->engine;
    int ends = 0, code = add_delivery(engine, store, delivery, record->asked);

    code = code == WH_OK ? whi_store_flush(store) : code;
    if (code != WH_OK || !delivery->written.done) {
        return code;
    }
    code = tell(engine, store, delivery);
    code = code == WH_OK ? ends_with(engine, store, delivery, &ends) : code;
    if (code != WH_OK || !ends) {
        return code;
    }
    record->removed = 1;
    code = whi_version_remove(engine, store, delivery->registration->subscription->id, &delivery->leaves);
    return code == WH_ENOTFOUND ? WH_OK : code;
}

/* Where many arrive one after the other, the first says it for all. */
static int is_said(whi_record *record, const whi_delivery *delivery) {
    const whi_attempt *attempt = delivery->attempt;
    int64_t before = record->well;

    if (attempt == NULL || attempt->saw == WHI_SAW_NOTHING) {
        return 1;
    }
    record->well = attempt->saw == WHI_SAW_SUCCESS ? delivery->way.subscription : 0;
    return record->well != 0 && before == record->well && !attempt->keep;
}

static int see(whi_record *record, whi_store *store, whi_delivery *delivery) {
    return is_said(record, delivery) ? WH_OK
                                     : whi_watch_see(record->task.worker->engine, store, delivery, record->asked);
}

static int put(whi_record *record, whi_store *store, whi_delivery *delivery) {
    wh_engine *engine = record->task.worker->engine;
    int code;

    delivery->leaves = 0;
    code = has_consequence(engine, delivery) ? put_with_consequence(record, store, delivery)
                                             : add_delivery(engine, store, delivery, record->asked);
    return code == WH_OK ? see(record, store, delivery) : code;
}

/* The delivery is somebody else's by now. */
static int put_attempt(const whi_record *record, whi_store *store, whi_delivery *delivery) {
    int code = add_attempt(store, delivery);

    delivery->written = (whi_answer){ 0 };
    return code == WH_OK ? send_newest_again(record->task.worker->engine, store, delivery, 0) : code;
}

static int ask_for_row(whi_record *record, whi_store *store) {
    whi_fact *fact;
    int code = record->asked != 0 ? whi_store_add(store, WH_FACT_WORKER_HOLDS, &record->held, &fact) : WH_OK;

    if (code == WH_OK && record->asked != 0) {
        fact->of.owner = record->asked;
    }
    return code;
}

/* What is not ours any more is left to whoever has it: only the attempt is kept. */
static int put_all(whi_record *record, whi_store *store) {
    wh_engine *engine = record->task.worker->engine;
    int64_t owner = record->asked;
    int code = WH_OK;

    for (whi_delivery *d = record->deliveries; d != NULL && code == WH_OK; d = d->next) {
        if (d->way.begun) {
            whi_underway_told(engine->underway, &d->way);
        }
        if (d->attempt != NULL) {
            d->attempt->judged = (whi_answer){ 0 };
        }
        code = owner != 0 && d->event->owner == owner ? put(record, store, d) : put_attempt(record, store, d);
    }
    return code;
}

/* When the store has answered: what its answers are news of. */
static int follow_all(whi_record *record, whi_store *store) {
    int code = whi_store_flush(store);

    for (whi_delivery *d = record->deliveries; d != NULL && code == WH_OK; d = d->next) {
        if (whi_watch_is_news(d)) {
            code = whi_watch_follow(record->task.worker->engine, store, d, &record->removed);
        }
    }
    return code;
}

static int move_position(whi_record *record, whi_store *store) {
    whi_fact *fact;
    int code;

    record->position = whi_position_now(record->task.worker->engine->position, record->asked, &record->pass);
    if (record->position == WHI_NOWHERE) {
        return WH_OK;
    }
    code = whi_store_add(store, WH_FACT_POSITION, NULL, &fact);
    if (code == WH_OK) {
        fact->of.position.owner = record->asked;
        fact->of.position.position = record->position;
    }
    return code;
}

static int run_record(whi_job *job, whi_store *store) {
    whi_record *record = (whi_record *)job;
    wh_engine *engine = record->task.worker->engine;
    int code;

    if (atomic_load(&record->task.worker->record_failed)) {
        return whi_fail(WH_EBUSY, "an earlier one waits to be recorded");
    }
    record->removed = 0;
    record->well = 0;
    record->held.code = WH_OK;
    record->asked = atomic_load(&engine->lease->owner);
    code = ask_for_row(record, store);
    code = code == WH_OK ? whi_registry_expect(engine->registry) : code;
    code = code == WH_OK ? put_all(record, store) : code;
    code = code == WH_OK ? follow_all(record, store) : code;
    return code == WH_OK ? move_position(record, store) : code;
}

static void free_record(whi_record *record) {
    wh_engine *engine = record->task.worker->engine;

    while (record->deliveries != NULL) {
        whi_delivery *next = record->deliveries->next;
        whi_delivery_free(engine, record->deliveries);
        record->deliveries = next;
    }
    whi_free(record);
}

/* The subscription's timetable has something at this time. */
static void announce(whi_worker *worker, int64_t subscription, int64_t due) {
    whi_inbox *home = whi_inbox_of(worker->engine, subscription);
    whi_lane *lane = home == &worker->inbox ? whi_lane_get(worker, subscription, 1) : NULL;

    if (lane != NULL) {
        whi_lane_stored(worker, lane, due);
    } else {
        whi_inbox_give_due(worker->engine, subscription, due);
    }
}

/* 1: what waits in the store may be due now: the one behind it, or a newer one that took its place; or somebody
 * has changed its row meanwhile, which nobody looked at while it was here. */
static int is_to_be_looked_for(const whi_delivery *delivery) {
    return (delivery->turn != WHI_TURN_ABSENT && !delivery->written.done) ||
           (delivery->key != NULL && (delivery->state != WHI_WAITING || is_of_latest(delivery)));
}

/* The row is durable: the timetable and the event learn of it, and the one that waits behind
 * it. */
static void settle(whi_worker *worker, whi_delivery *delivery) {
    int64_t subscription = delivery->way.subscription;

    if (delivery->state == WHI_WAITING) {
        announce(worker, subscription, delivery->due);
    }
    if (is_to_be_looked_for(delivery)) {
        announce(worker, subscription, whi_now(worker->engine));
    }
    if (delivery->turn == WHI_TURN_ABSENT) {
        whi_record_written(worker->engine, delivery->event);
    }
}

/* The writer's thread: what stands behind it in the queue must not be written before it. */
static void failed(whi_task *task) {
    atomic_store(&task->worker->record_failed, 1);
}

/* In their order, in which they are tried again: one that was under way may come back after a
 * later one was put here at once. */
static void keep_failed(whi_worker *worker, whi_record *record) {
    whi_record **place = &worker->failed_records;

    while (*place != NULL && (*place)->number < record->number) {
        place = &(*place)->next_failed;
    }
    record->next_failed = *place;
    *place = record;
}

static void settle_all(whi_worker *worker, const whi_record *record) {
    if (record->removed) {
        whi_registry_sync(worker->engine->registry);
    }
    for (whi_delivery *d = record->deliveries; d != NULL; d = d->next) {
        if (d->leaves) {
            whi_cancel(worker, d->registration->subscription->id);
        }
        if (whi_watch_is_news(d)) {
            whi_watch_tell(worker->engine, d);
        }
        settle(worker, d);
    }
}

/* What fails meanwhile does not put it off. */
static void try_later(whi_worker *worker) {
    if (!whi_entry_is_set(&worker->record_again)) {
        whi_timetable_again(&worker->timetable, &worker->record_again, whi_monotonic_us() + RETRY_US);
    }
}

/* The time for it may have come while others were under way. */
static void try_when_all_are_back(whi_worker *worker) {
    if (worker->failed_records != NULL && worker->records_open == 0 && !whi_entry_is_set(&worker->record_again)) {
        whi_timetable_again(&worker->timetable, &worker->record_again, whi_monotonic_us());
    }
}

static void back(whi_task *task) {
    whi_record *record = (whi_record *)task;
    whi_worker *worker = task->worker;

    worker->records_open--;
    if (task->code != WH_OK) {
        if (worker->failed_records == NULL) {
            whi_log(&worker->engine->log, WH_LOG_ERROR, "what was sent cannot be recorded now: %s", task->sentence);
            whi_trouble(worker->engine, task->code, task->sentence);
        }
        keep_failed(worker, record);
        try_later(worker);
        return;
    }
    if (record->held.code == WH_ENOTFOUND) {
        whi_lease_lost(worker->engine->lease);
    }
    settle_all(worker, record);
    whi_position_written(worker->engine->position, record->asked, record->pass, record->position);
    free_record(record);
    try_when_all_are_back(worker);
}

int whi_record_begin(whi_worker *worker) {
    whi_record *record = whi_calloc(1, sizeof *record);

    if (record == NULL) {
        return whi_fail_memory();
    }
    record->number = worker->record != NULL ? worker->record->number + 1 : 0;
    record->deliveries_end = &record->deliveries;
    record->position = WHI_NOWHERE;
    record->task.job.rows = 1;
    record->task.worker = worker;
    record->task.job.run = run_record;
    record->task.back = back;
    record->task.failed = failed;
    worker->record = record;
    return WH_OK;
}

void whi_record_delivery(whi_worker *worker, whi_delivery *delivery) {
    whi_record *record = worker->record;

    whi_delivery_count_record(worker->engine, delivery);
    delivery->next = NULL;
    *record->deliveries_end = delivery;
    record->deliveries_end = &delivery->next;
    record->task.job.rows += 2;
    record->task.job.bytes += delivery->body != NULL ? delivery->body_size : 0;
}

void whi_record_written(wh_engine *engine, whi_event *event) {
    if (atomic_fetch_sub(&event->unwritten, 1) == 1) {
        whi_position_decided(engine->position, &event->mark);
    }
}

static void submit(whi_worker *worker, whi_record *record) {
    worker->records_open++;
    whi_worker_submit(worker, &record->task);
}

/* Who runs until nothing is left has it written at once: others, and he himself, wait for that. */
static int may_write_position(whi_worker *worker) {
    int64_t now_us = whi_monotonic_us();

    if (!atomic_load(&worker->engine->lease->share) || now_us >= worker->position_us + POSITION_US) {
        worker->position_us = now_us;
        return 1;
    }
    if (!whi_entry_is_set(&worker->position_again)) {
        whi_timetable_again(&worker->timetable, &worker->position_again, worker->position_us + POSITION_US);
    }
    return 0;
}

/* With nothing under way that would take it along, the position is written by itself, now and then: each
 * such commit wakes all other processes. */
static int is_needed(whi_worker *worker) {
    return worker->record->deliveries != NULL ||
           (worker->records_open == 0 && worker->failed_records == NULL &&
            whi_position_is_due(worker->engine->position) && may_write_position(worker));
}

/* Without memory for another one it goes on collecting. */
void whi_record_submit(whi_worker *worker) {
    whi_record *record = worker->record;

    if (!is_needed(worker)) {
        return;
    }
    if (whi_record_begin(worker) != WH_OK) {
        try_later(worker);
        return;
    }
    if (worker->failed_records != NULL) {
        keep_failed(worker, record);
    } else {
        submit(worker, record);
    }
}

void whi_record_position(whi_worker *worker, whi_entry *entry) {
    (void)worker;
    (void)entry; /* it is out of the timetable now, and whi_record_submit asks again */
}

/* Only when none of them is under way, so that none is overtaken. */
void whi_record_again(whi_worker *worker, whi_entry *entry) {
    whi_record *record = worker->failed_records;

    (void)entry;
    if (record == NULL || worker->records_open > 0) {
        return;
    }
    worker->failed_records = NULL;
    atomic_store(&worker->record_failed, 0);
    while (record != NULL) {
        whi_record *next = record->next_failed;
        submit(worker, record);
        record = next;
    }
}

void whi_record_free(whi_worker *worker) {
    if (worker->record != NULL) {
        free_record(worker->record);
        worker->record = NULL;
    }
    while (worker->failed_records != NULL) {
        whi_record *next = worker->failed_records->next_failed;
        free_record(worker->failed_records);
        worker->failed_records = next;
    }
    atomic_store(&worker->record_failed, 0);
    worker->records_open = 0;
}
