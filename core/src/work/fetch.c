/* Tests: test_engine. */
#include "work/fetch.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/underway.h"
#include "pure/delivery.h"
#include "work/allowance.h"
#include "work/cancel.h"
#include "work/lane.h"
#include "work/queue.h"
#include "work/remake.h"

#define FETCH_MAXIMUM 256
#define AGAIN_MS 1000
#define LONG_SCAN_US 5000 /* of CPU: as long as a turn decides */
#define SCAN_SHARE 10     /* beyond that, looking for lanes takes a tenth of the time at most */
#define CROWDED_MS 250    /* until it is looked again whether there is room in memory */

/* ----------------------------------------------------------------------- a lane */

typedef struct fetch {
    whi_worker *worker;
    const whi_lane *lane;
    whi_registration *registration;
    whi_delivery *head, **tail;
    int count;
    long long bytes[WHI_POT_RECORDS]; /* of those that were fetched */
    int cut;                          /* 1: memory holds no more, and the rows behind wait on */
} fetch;

static int copy(char **place, const char *text, size_t size) {
    *place = text != NULL ? whi_strdup(text, size) : NULL;
    return text == NULL || *place != NULL ? WH_OK : whi_fail_memory();
}

static int take_texts(wh_engine *engine, whi_delivery *delivery, const whi_delivery_row *row) {
    char *body;
    int code = copy(&body, row->body, row->body_size);

    whi_delivery_take_body(engine, delivery, body, row->body_size);
    code = code == WH_OK ? copy(&delivery->key, row->key, WH_ZSTR) : code;
    return code == WH_OK ? copy(&delivery->headers, row->headers, WH_ZSTR) : code;
}

static int take_row(wh_engine *engine, whi_delivery *delivery, const whi_delivery_row *row) {
    int code = take_texts(engine, delivery, row);

    delivery->turn = row->turn;
    delivery->version = row->version;
    delivery->attempts = row->attempts;
    delivery->tries = row->tries;
    delivery->created_at = row->created_at;
    delivery->state = WHI_WAITING;
    whi_delivery_move(engine, delivery, WHI_CLAIM, 0);
    return code == WH_OK ? whi_underway_add(engine->underway, &delivery->way) : code;
}

/* Of a key one at a time: while another is on its way this one's row waits, and is looked for when that one is
 * recorded. (What has no bytes yet is not sent as it is.) */
static int begin(wh_engine *engine, whi_delivery *delivery) {
    return delivery->key != NULL && delivery->version != 0
               ? whi_underway_begin(engine->underway, &delivery->way, delivery->key)
               : 1;
}

/* Its event was deleted by hand: there is nothing to send. */
static int drop_row(whi_worker *worker, const whi_delivery_row *row) {
    return whi_cancel_without_event(worker, row->event, row->subscription);
}

/* One piece more than there is room for is in memory then. */
static int is_enough(const wh_engine *engine, const whi_account *account) {
    return !whi_memory_may_keep(engine->memory, account, WHI_POT_EVENTS, 0, WHI_MEMORY_GREED_STORED) ||
           !whi_memory_may_keep(engine->memory, account, WHI_POT_BODIES, 0, WHI_MEMORY_GREED_STORED);
}

static int may_have(const whi_worker *worker, const whi_lane *lane, const whi_account *account,
                    const long long more[WHI_POT_RECORDS]) {
    return whi_lane_may_have(worker, lane, account, more, WHI_MEMORY_GREED_STORED);
}

static int fetched(const whi_delivery_row *row, const whi_event_row *event_row, void *payload) {
    fetch *self = payload;
    wh_engine *engine = self->worker->engine;
    whi_delivery *delivery;
    whi_event *event;
    int code;

    if (self->cut) {
        return WH_OK;
    }
    if (event_row == NULL) {
        return drop_row(self->worker, row);
    }
    event = whi_event_new(engine, event_row);
    delivery = event != NULL ? whi_delivery_new(engine, event, self->registration) : NULL;
    whi_event_unref(engine, event);
    if (delivery == NULL) {
        return whi_fail_memory();
    }
    delivery->event->owner = self->worker->owner;
    code = take_row(engine, delivery, row);
    code = code == WH_OK ? begin(engine, delivery) : code;
    if (code != 1) {
        whi_delivery_free(engine, delivery);
        return code;
    }
    *self->tail = delivery;
    self->tail = &delivery->next;
    self->count++;
    self->bytes[WHI_POT_EVENTS] += (long long)delivery->event->charged;
    self->bytes[WHI_POT_BODIES] += delivery->body != NULL ? (long long)delivery->body_size : 0;
    self->cut = is_enough(engine, delivery->event->account) ||
                !may_have(self->worker, self->lane, delivery->event->account, self->bytes);
    return WH_OK;
}

static int known(int64_t event, void *payload) {
    const fetch *self = payload;

    return whi_underway_has(self->worker->engine->underway, event, self->registration->subscription->id);
}

static void push_all(fetch *self) {
    while (self->head != NULL) {
        whi_delivery *delivery = self->head;
        self->head = delivery->next;
        if (delivery->version == 0) {
            whi_remake_add(self->worker, delivery);
        } else {
            whi_queue_push(self->worker, delivery);
        }
        self->worker->done_count++;
    }
}

static void cannot_fetch(whi_worker *worker, int code) {
    whi_log(&worker->engine->log, WH_LOG_ERROR, "deliveries cannot be fetched now: %s", wh_last_error());
    whi_trouble(worker->engine, code, wh_last_error());
}

/* What was read before it failed is as good as the rest. */
static void fetch_for(whi_worker *worker, whi_lane *lane, whi_registration *registration, int room) {
    whi_store *store = worker->engine->reader;
    fetch self = { worker, lane, registration, NULL, &self.head, 0, { 0 }, 0 };
    int64_t now = whi_now(worker->engine), next;
    whi_store_waiting asked = { lane->subscription, now, room, known, fetched, &self };
    int code = store->vtable->waiting(store, &asked, &next);

    if (code != WH_OK) {
        cannot_fetch(worker, code);
        next = now + AGAIN_MS;
    }
    next = self.cut && next > now ? now : next;
    whi_lane_set_due(worker, lane, next);
    if (next > now) {
        whi_allowance_end(worker, lane, whi_lane_coming(lane) + self.count);
    }
    push_all(&self);
}

static int least_of(int one, int other) {
    return one < other ? one : other;
}

/* As many as there is room for, and as the rate allows beside those that are queued, or will be. */
static void fetch_allowed(whi_worker *worker, whi_lane *lane, whi_registration *registration, int room) {
    int allowed;

    whi_lane_suit(worker, lane, registration->subscription);
    whi_allowance_note(worker, lane, registration->subscription);
    allowed = whi_allowance_left(worker, lane) - whi_lane_coming(lane);
    if (allowed > 0) {
        fetch_for(worker, lane, registration, least_of(least_of(room, FETCH_MAXIMUM), allowed));
        return;
    }
    whi_allowance_wait(worker, lane);
    if (whi_lane_coming(lane) > 0) {
        lane->parked_due = whi_now(worker->engine); /* what the rate allows is there, and waits for its turn */
    } else {
        whi_lane_set_due(worker, lane, whi_allowance_next(worker, lane, registration));
    }
}

enum memory { ENOUGH, WAITS_FOR_TENANT, WAITS_FOR_LANE };

/* What its tenant has in memory is not more than its share, nor is what the lane has of that. */
static enum memory memory_of(const whi_worker *worker, const whi_lane *lane, const char *tenant) {
    static const long long nothing[WHI_POT_RECORDS];
    wh_engine *engine = worker->engine;
    whi_account *account = whi_memory_open(engine->memory, tenant);
    enum memory has = ENOUGH;

    if (account != NULL && is_enough(engine, account)) {
        has = WAITS_FOR_TENANT;
    } else if (account != NULL && !may_have(worker, lane, account, nothing)) {
        has = WAITS_FOR_LANE;
    }
    whi_memory_close(engine->memory, account);
    return has;
}

/* It has something then, of which some will leave. */
static void wait_for_memory(whi_worker *worker, whi_lane *lane, enum memory has) {
    int64_t now = whi_now(worker->engine);

    if (has == WAITS_FOR_LANE) {
        lane->parked_due = now;
    } else {
        whi_lane_set_due(worker, lane, now + CROWDED_MS);
    }
}

/* Fetched if all that it needs is there: leave to send, and memory. */
static void fetch_if_it_may(whi_worker *worker, whi_lane *lane, whi_registration *registration, int room) {
    const whi_subscription *subscription = registration->subscription;
    enum memory has = memory_of(worker, lane, subscription->tenant);

    if (!whi_subscription_may_send(subscription)) {
        whi_allowance_end(worker, lane, 0);
    } else if (has == ENOUGH) {
        fetch_allowed(worker, lane, registration, room);
    } else {
        wait_for_memory(worker, lane, has);
    }
}

/* A lane that is full is put aside until it has room. The deliveries of a subscription
 * that rests are not fetched; when it changes, the worker asks the store for all lanes. */
static void look_at_lane(whi_worker *worker, whi_lane *lane) {
    int room = whi_queue_room(worker, lane);
    whi_registration *registration;

    if (room == 0) {
        lane->parked_due = lane->stored.item.due;
        return;
    }
    if (lane->kind != WHI_SLOT_QUICK && lane->kind != WHI_SLOT_BATCH && whi_queue_is_crowded(worker)) {
        whi_lane_set_due(worker, lane, whi_now(worker->engine) + CROWDED_MS);
        return;
    }
    registration = whi_registry_get(worker->engine->registry, lane->subscription);
    if (registration == NULL) {
        whi_cancel(worker, lane->subscription);
        return;
    }
    fetch_if_it_may(worker, lane, registration, room);
    whi_registration_unref(registration);
}

/* A lane from a time with another number of workers is left: its own finds it in the store. So is another
 * process's: when it is ours, all lanes are looked for. It is held first: a partition that is not leaving by
 * then is not given back before what is fetched here has ended. */
void whi_fetch_lane(whi_worker *worker, whi_entry *entry) {
    whi_lane *lane = (whi_lane *)entry;
    whi_position *position = worker->engine->position;
    int64_t subscription = lane->subscription;

    whi_position_hold(position, subscription);
    if (whi_inbox_of(worker->engine, subscription) == &worker->inbox && whi_position_has(position, subscription)) {
        look_at_lane(worker, lane);
    } else {
        whi_allowance_end(worker, lane, 0);
    }
    whi_position_release(position, subscription);
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
    } else {
        whi_lane_stored(worker, lane, due);
    }
    return 0;
}

/* Each commit of another process may ask for it, and with very many lanes one follows the other. */
static void note_scan(whi_worker *worker, int64_t took_us) {
    worker->scan_after_us = took_us > LONG_SCAN_US ? whi_monotonic_us() + took_us * SCAN_SHARE : 0;
}

void whi_fetch_scan(whi_worker *worker) {
    whi_store *store = worker->engine->reader;
    int64_t began_us = whi_thread_cpu_us();
    int code;

    atomic_store(&worker->inbox.rescan, 0);
    code = store->vtable->lanes(store, lane_found, worker);
    note_scan(worker, whi_thread_cpu_us() - began_us);
    if (code != WH_OK) {
        whi_log(&worker->engine->log, WH_LOG_ERROR, "the store cannot be read now: %s", wh_last_error());
        whi_trouble(worker->engine, code, wh_last_error());
        atomic_store(&worker->inbox.rescan, 1);
    }
}
