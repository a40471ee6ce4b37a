/* Tests: test_engine. */
#include "work/send.h"

#include <stddef.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/registry.h"
#include "engine/underway.h"
#include "pure/delivery.h"
#include "work/again.h"
#include "work/allowance.h"
#include "work/crowd.h"
#include "work/lane.h"
#include "work/queue.h"
#include "work/record.h"
#include "work/watch.h"

#define SCARCE_MS 1000           /* until what could not be sent for want of something here is tried again */
#define LONG_US INT64_C(2000000) /* under way without a row: the position waits for no receiver longer */
#define LOOK_US INT64_C(500000)  /* how often that is looked at */
#define PACE_US INT64_C(50000)   /* more than most round trips: what comes in clumps is in one of them */
#define PACE_GAIN 2              /* so that it can be seen whether more at once give more answers */
#define QUICKEST_AGES 1024       /* answers in which the quickest one is forgotten: a path may get longer */

/* ----------------------------------------------------------------------- flights */

/* A delivery with a sink, taken from a pool. */
typedef struct whi_flight {
    whi_parcel parcel;
    struct whi_flight *next, **link; /* in the pool, or flying */
    whi_slot slot;
    struct whi_worker *worker;
    whi_lane *lane;
    whi_crowd *crowd; /* of a batch's; else NULL */
    const whi_worker_sink *to;
    int probe; /* 1: what comes of it decides for its lane's breaker */
} whi_flight;

static whi_flight *flight_of(whi_slot *slot) {
    return (whi_flight *)((char *)slot - offsetof(whi_flight, slot));
}

static whi_flight *take_flight(whi_worker *worker) {
    whi_flight *flight = worker->free_flights;

    if (flight != NULL) {
        worker->free_flights = flight->next;
        return flight;
    }
    flight = whi_calloc(1, sizeof *flight);
    if (flight != NULL) {
        flight->worker = worker;
    }
    return flight;
}

static void give_flight(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    flight->parcel.delivery = NULL;
    flight->next = worker->free_flights;
    worker->free_flights = flight;
}

static void unlink_flying(whi_flight *flight) {
    if (flight->next != NULL) {
        flight->next->link = flight->link;
    }
    *flight->link = flight->next;
}

static void link_flying(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    flight->next = worker->flying;
    flight->link = &worker->flying;
    if (worker->flying != NULL) {
        worker->flying->link = &flight->next;
    }
    worker->flying = flight;
}

void whi_send_free(whi_worker *worker) {
    while (worker->flying != NULL) {
        whi_flight *flight = worker->flying;
        unlink_flying(flight);
        whi_slots_give(&worker->slots, &flight->slot);
        atomic_fetch_sub(&worker->engine->flights_open, 1);
        whi_delivery_free(worker->engine, flight->parcel.delivery);
        whi_free(flight);
    }
    worker->in_flight = 0;
    whi_crowds_free(worker);
    while (worker->free_flights != NULL) {
        whi_flight *next = worker->free_flights->next;
        whi_free(worker->free_flights);
        worker->free_flights = next;
    }
}

/* ----------------------------------------------------------------------- results */

static whi_attempt *attempt_of(const whi_parcel *parcel) {
    whi_attempt *attempt = whi_calloc(1, sizeof *attempt + parcel->answer_size);

    if (attempt == NULL) {
        return NULL;
    }
    attempt->at = parcel->started_at;
    attempt->duration_us = parcel->duration_us;
    attempt->code = parcel->code;
    attempt->status = parcel->status;
    attempt->saw = WHI_SAW_NOTHING;
    attempt->response_size = parcel->answer_size;
    if (parcel->answer_size > 0) {
        memcpy(attempt->response, parcel->answer, parcel->answer_size);
    }
    return attempt;
}

static void fail_delivery(whi_worker *worker, whi_lane *lane, whi_parcel *parcel) {
    whi_delivery *delivery = parcel->delivery;
    int64_t now = whi_now(worker->engine), wait = whi_again(worker->engine, lane, parcel);

    delivery->error = whi_strdup(parcel->sentence, WH_ZSTR);
    if (parcel->outcome == WHI_OUTCOME_SET_ASIDE) {
        whi_delivery_move(worker->engine, delivery, WHI_SET_ASIDE, 0);
        return;
    }
    if (wait >= 0) {
        whi_delivery_move(worker->engine, delivery, WHI_RETRY, now + wait);
        return;
    }
    whi_delivery_move(worker->engine, delivery, WHI_EXHAUST, 0);
    atomic_fetch_add_explicit(&worker->engine->count.exhausted, 1, memory_order_relaxed);
}

/* It only paused. Who was cut for that once is not cut each time. */
static int may_be_tried(const whi_flight *flight) {
    return flight->parcel.answers && flight->parcel.duration_us < WHI_PAUSE_US &&
           !(flight->lane->yielded && whi_slots_are_short(&flight->worker->slots));
}

/* A failure that comes soon holds no slot for long: it only says that nothing is known of the receiver now. */
static enum whi_slot_kind kind_of(const whi_flight *flight) {
    const whi_parcel *parcel = &flight->parcel;

    if (flight->slot.charged == WHI_SLOT_BATCH) {
        return flight->lane->kind; /* a batch says nothing of requests, nor they of it */
    }
    if (!flight->slot.old && parcel->duration_us < WHI_SLOW_US) {
        return parcel->answers ? WHI_SLOT_QUICK : WHI_SLOT_UNKNOWN;
    }
    return may_be_tried(flight) ? WHI_SLOT_UNKNOWN : WHI_SLOT_SLOW;
}

/* What an answer from there takes when nobody has to wait for it. */
static void note_distance(whi_worker *worker, whi_lane *lane, int64_t took_us) {
    int64_t aged = lane->quickest_us + lane->quickest_us / QUICKEST_AGES + 1;

    lane->quickest_us = lane->quickest_us == 0 || took_us < aged ? took_us : aged;
    worker->distance_us += lane->quickest_us;
}

/* What it says of its receiver. One that is set aside, or aborts what was sent, does its work. */
static enum whi_probed probed(const whi_parcel *parcel) {
    return parcel->answers || parcel->outcome == WHI_OUTCOME_SUCCESS || parcel->outcome == WHI_OUTCOME_SET_ASIDE
               ? WHI_PROBED_WELL
               : WHI_PROBED_BADLY;
}

static void judge_receiver(whi_worker *worker, const whi_flight *flight, enum whi_probed what) {
    whi_registration *registration = flight->parcel.delivery->registration;
    int64_t next = whi_allowance_judge(worker, flight->lane, registration, flight->probe, what);

    if (next != INT64_MAX) {
        whi_lane_stored(worker, flight->lane, next);
    }
}

/* It says nothing of the receiver. */
static void forgo(whi_worker *worker, const whi_flight *flight) {
    judge_receiver(worker, flight, WHI_PROBED_NOTHING);
    whi_lane_landed(worker, flight->lane);
}

static void judge_lane(whi_worker *worker, const whi_flight *flight) {
    const whi_parcel *parcel = &flight->parcel;
    whi_lane *lane = flight->lane;

    if (parcel->answers && flight->slot.charged != WHI_SLOT_BATCH) {
        note_distance(worker, lane, parcel->duration_us);
    }
    lane->known = 1;
    whi_lane_set_kind(worker, lane, kind_of(flight));
    lane->yielded &= lane->kind != WHI_SLOT_QUICK;
    whi_watch_note(lane, parcel);
    judge_receiver(worker, flight, probed(parcel));
    whi_lane_outcome(worker, lane, parcel->answers, parcel->overloaded);
}

/* For looking on. */
static void count_failure(wh_engine *engine, int code) {
    atomic_llong *count = code <= WH_ERESOLVE && code > WH_ESTATUS ? &engine->count.network
                          : code <= WH_ESTATUS && code >= WH_EGONE ? &engine->count.remote
                                                                   : &engine->count.other;

    atomic_fetch_add_explicit(code == WH_EADDRESS ? &engine->count.refused : count, 1, memory_order_relaxed);
}

static void count_attempt(whi_worker *worker, const whi_delivery *delivery) {
    wh_engine *engine = worker->engine;

    if (delivery->attempt != NULL && delivery->attempt->code == WH_EADDRESS) {
        return; /* nobody was asked */
    }
    atomic_fetch_add_explicit(&engine->count.attempts, 1, memory_order_relaxed);
    if (delivery->attempt == NULL) {
        return;
    }
    whi_histogram_add(&engine->count.requests, delivery->attempt->duration_us);
    if (delivery->attempts == 1) {
        whi_histogram_add(&engine->count.waits, (delivery->attempt->at - delivery->event->accepted_at) * 1000);
    }
}

static void land(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    unlink_flying(flight);
    atomic_fetch_sub(&worker->engine->flights_open, 1);
    worker->in_flight--;
    whi_slots_give(&worker->slots, &flight->slot);
    whi_crowd_leave(worker, flight->crowd);
    worker->done_count++;
    flight->lane->in_flight--;
    whi_lane_weigh(flight->lane, flight->parcel.delivery, -1);
}

/* Its row is due later, too: until then nobody who waits for what is due waits for it. */
static void try_later(whi_worker *worker, whi_delivery *delivery) {
    whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine) + SCARCE_MS);
    whi_record_delivery(worker, delivery);
}

/* What it lacked was here, so it was no attempt and says nothing of the receiver. */
static void put_back(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    whi_log(&worker->engine->log, WH_LOG_WARNING, "deliveries wait, nothing can be sent now: %s",
            flight->parcel.sentence);
    forgo(worker, flight);
    try_later(worker, flight->parcel.delivery);
    give_flight(flight);
}

static void note_attempt(whi_worker *worker, const whi_parcel *parcel) {
    whi_delivery *delivery = parcel->delivery;

    delivery->attempts++;
    delivery->status = parcel->status;
    delivery->abort = parcel->aborts;
    whi_free(delivery->error);
    delivery->error = NULL;
    delivery->attempt = attempt_of(parcel);
    count_attempt(worker, delivery);
}

/* It says nothing of the receiver, and takes nothing from the retry list. */
static void go_again(whi_flight *flight) {
    whi_worker *worker = flight->worker;
    whi_delivery *delivery = flight->parcel.delivery;

    note_attempt(worker, &flight->parcel);
    delivery->error = whi_strdup(flight->parcel.sentence, WH_ZSTR);
    whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine));
    forgo(worker, flight);
    whi_record_delivery(worker, delivery);
    give_flight(flight);
}

static void judge(whi_flight *flight) {
    whi_worker *worker = flight->worker;
    whi_parcel *parcel = &flight->parcel;
    whi_delivery *delivery = parcel->delivery;
    int success = parcel->outcome == WHI_OUTCOME_SUCCESS;

    note_attempt(worker, parcel);
    delivery->tries++;
    whi_again_earn(worker->engine, flight->lane, delivery);
    if (success) {
        atomic_fetch_add_explicit(&worker->engine->count.delivered, 1, memory_order_relaxed);
        delivery->error = parcel->sentence[0] != '\0' ? whi_strdup(parcel->sentence, WH_ZSTR) : NULL;
        whi_delivery_move(worker->engine, delivery, WHI_SUCCEED, 0);
    } else {
        atomic_fetch_add_explicit(&worker->engine->count.failed, 1, memory_order_relaxed);
        count_failure(worker->engine, parcel->code);
        fail_delivery(worker, flight->lane, parcel);
    }
    judge_lane(worker, flight);
    whi_watch_log(worker->engine, parcel);
    whi_record_delivery(worker, delivery);
    give_flight(flight);
}

static void done(whi_parcel *parcel, void *payload) {
    whi_flight *flight = payload;

    land(flight);
    if (parcel->outcome == WHI_OUTCOME_NONE) {
        put_back(flight);
    } else if (parcel->outcome == WHI_OUTCOME_CUT) {
        go_again(flight);
    } else {
        judge(flight);
    }
}

/* ----------------------------------------------------------------------- sending */

/* Where it goes now; the version that made the bytes stays in delivery->version. Of a subscription that
 * rests the store has it: a row that waits stays as it is. */
static int refresh(whi_worker *worker, whi_delivery *delivery) {
    whi_registration *now = whi_registry_get(worker->engine->registry, delivery->registration->subscription->id);

    if (now == NULL) {
        whi_delivery_move(worker->engine, delivery, WHI_CANCEL, 0);
        return WH_ENOTFOUND;
    }
    whi_registration_unref(delivery->registration);
    delivery->registration = now;
    if (!whi_subscription_may_send(now->subscription)) {
        whi_delivery_wait(worker->engine, delivery, whi_delivery_due(worker->engine, delivery, now->subscription));
        return WH_ECONFLICT;
    }
    return WH_OK;
}

/* Onto its way; what came of it may be told at once. */
static void fly(whi_flight *flight, whi_lane *lane, whi_delivery *delivery, int64_t now_us) {
    whi_worker *worker = flight->worker;
    whi_parcel *parcel = &flight->parcel;
    const whi_subscription *s = delivery->registration->subscription;
    const whi_worker_sink *to = whi_lane_sink(worker, lane, s);

    if (!whi_entry_is_set(&worker->early)) {
        whi_timetable_again(&worker->timetable, &worker->early, now_us + LOOK_US);
    }
    parcel->delivery = delivery;
    parcel->kept = &lane->kept;
    parcel->started_at = whi_now(worker->engine);
    parcel->done = done;
    parcel->payload = flight;
    flight->lane = lane;
    flight->to = to;
    whi_lane_suit(worker, lane, s);
    flight->probe = whi_allowance_take(lane);
    link_flying(flight);
    whi_slots_take(&worker->slots, &flight->slot, lane->kind, now_us);
    flight->crowd = lane->kind == WHI_SLOT_BATCH ? whi_crowd_join(worker, lane->crowd) : NULL;
    lane->in_flight++;
    whi_lane_weigh(lane, delivery, 1);
    worker->in_flight++;
    atomic_fetch_add(&worker->engine->flights_open, 1);
    worker->done_count++;
    to->vtable->submit(to->sink, &parcel, 1);
}

/* A row that waits stays as it is; all else is written. */
static void leave_unsent(whi_worker *worker, whi_delivery *delivery) {
    if (delivery->turn != WHI_TURN_ABSENT && delivery->state != WHI_CANCELLED) {
        whi_delivery_free(worker->engine, delivery);
    } else {
        whi_record_delivery(worker, delivery);
    }
}

static int send_one(whi_worker *worker, whi_lane *lane, int64_t now_us) {
    whi_delivery *delivery = whi_lane_pop(worker, lane);
    whi_flight *flight;

    if (!whi_lease_has(worker->engine->lease, delivery->event->owner)) {
        whi_delivery_free(worker->engine, delivery);
        whi_lane_left(worker, lane);
        return WH_OK;
    }
    if (refresh(worker, delivery) != WH_OK) {
        leave_unsent(worker, delivery);
        whi_lane_left(worker, lane);
        return WH_OK;
    }
    whi_allowance_note(worker, lane, delivery->registration->subscription);
    if (!whi_allowance_claim(worker, lane)) {
        whi_queue_leave(worker, lane, delivery);
        whi_lane_left(worker, lane);
        return WH_OK;
    }
    flight = take_flight(worker);
    if (flight == NULL) {
        whi_lane_left(worker, lane);
        try_later(worker, delivery);
        return whi_fail_memory();
    }
    fly(flight, lane, delivery, now_us);
    return WH_OK;
}

/* A row that waits, as one would be written that is not sent at once. */
static whi_delivery *row_of(wh_engine *engine, const whi_delivery *delivery) {
    whi_delivery *row = whi_delivery_new(engine, delivery->event, delivery->registration);

    if (row == NULL) {
        return NULL;
    }
    row->version = delivery->version;
    row->created_at = delivery->created_at;
    whi_delivery_take_body(engine, row, delivery->body != NULL ? whi_strdup(delivery->body, delivery->body_size) : NULL,
                           delivery->body_size);
    row->headers = delivery->headers != NULL ? whi_strdup(delivery->headers, WH_ZSTR) : NULL;
    if ((delivery->body != NULL && row->body == NULL) || (delivery->headers != NULL && row->headers == NULL)) {
        whi_delivery_free(engine, row);
        return NULL;
    }
    whi_delivery_wait(engine, row, row->created_at);
    return row;
}

/* The row is written before what comes of the request, which changes it: from here on it is as if this had been
 * fetched. */
static void write_row(whi_worker *worker, whi_delivery *delivery) {
    whi_delivery *row = row_of(worker->engine, delivery);

    if (row == NULL || whi_underway_add(worker->engine->underway, &delivery->way) != WH_OK) {
        whi_delivery_free(worker->engine, row);
        return; /* no memory now: once more with the next look */
    }
    delivery->turn = 0;
    whi_record_delivery(worker, row);
}

void whi_send_early(whi_worker *worker, whi_entry *entry) {
    int64_t now_us = whi_monotonic_us();

    for (whi_flight *flight = worker->flying; flight != NULL; flight = flight->next) {
        whi_delivery *delivery = flight->parcel.delivery;
        if (delivery->turn == WHI_TURN_ABSENT && now_us - delivery->queued_at > LONG_US) {
            write_row(worker, delivery);
        }
    }
    if (worker->flying != NULL) {
        whi_timetable_again(&worker->timetable, entry, now_us + LOOK_US);
    }
}

/* It goes back slowly: a moment without answers says nothing. */
static void pace(whi_worker *worker, int64_t now_us) {
    int64_t passed_us = now_us - worker->paced_us, most = worker->slots.most, wanted;

    if (passed_us < PACE_US) {
        return;
    }
    wanted = PACE_GAIN * worker->distance_us / passed_us;
    wanted = wanted < most ? wanted : most;
    worker->flight_limit -= worker->flight_limit / 8;
    worker->flight_limit = wanted > worker->flight_limit ? (int)wanted : worker->flight_limit;
    worker->flight_limit = worker->flight_limit > worker->flight_least ? worker->flight_limit : worker->flight_least;
    worker->paced_us = now_us;
    worker->distance_us = 0;
}

int whi_send_pace(whi_worker *worker, int busy) {
    if (busy || !worker->throttled) {
        return 0;
    }
    worker->probe_limit += worker->probe_limit / 2 + 1;
    worker->probe_limit = worker->probe_limit < worker->slots.most ? worker->probe_limit : worker->slots.most;
    return 1;
}

void whi_send_cut(whi_worker *worker, const char *sentence) {
    for (int i = 0; i < WHI_SINK_KINDS && worker->in_flight > 0; i++) {
        worker->sinks[i].vtable->cut(worker->sinks[i].sink, NULL, sentence);
    }
}

/* Lanes whose requests have become old since the last look wait with the slow ones from now on. */
static void note_old(whi_worker *worker, int64_t now_us) {
    whi_slot *slot;

    while ((slot = whi_slots_old(&worker->slots, now_us)) != NULL) {
        whi_lane_set_kind(worker, flight_of(slot)->lane, WHI_SLOT_SLOW);
    }
}

#define YIELDED "others that nobody knows yet had no slot, and this one had no answer: it goes again with the slow ones"

/* How many are cut for lanes that nobody knows. */
static int make_room(whi_worker *worker) {
    whi_slot *slot;
    int count = 0;

    while ((slot = whi_slots_yield(&worker->slots)) != NULL) {
        whi_flight *flight = flight_of(slot);
        flight->lane->yielded = 1;
        flight->to->vtable->cut(flight->to->sink, &flight->parcel, YIELDED);
        count++;
    }
    return count;
}

/* What is old costs no CPU while it waits, and its slots bound it. */
static int is_paced(const whi_worker *worker, enum whi_slot_kind kind) {
    int limit = kind == WHI_SLOT_UNKNOWN ? worker->probe_limit : worker->flight_limit;

    return worker->slots.young[kind] >= limit;
}

static int may_send(const whi_worker *worker, enum whi_slot_kind kind) {
    return worker->ready[kind].first != NULL && whi_slots_may(&worker->slots, kind);
}

/* WH_OK; else nothing can be sent now. */
static int send_from(whi_worker *worker, enum whi_slot_kind kind, int64_t now_us) {
    whi_lane *lane = whi_lane_next(worker, kind);
    int may = lane->head != NULL && whi_lane_shares(worker, lane);
    int code = may ? send_one(worker, lane, now_us) : WH_OK;

    if (code == WH_OK) {
        whi_lane_ready(worker, lane);
    }
    if (code == WH_OK && lane->kind == WHI_SLOT_SLOW) {
        whi_lane_left(worker, lane);
    }
    return code;
}

/* One from each kind that may, and of that from each lane in turn: no lane waits for another's queue. How many. */
static int send_round(whi_worker *worker, int64_t now_us) {
    int count = 0;

    for (enum whi_slot_kind kind = 0; kind < WHI_SLOT_KINDS; kind++) {
        /* Asked for each: a process may be paused between two. */
        if (may_send(worker, kind) && !is_paced(worker, kind) &&
            whi_lease_owner(worker->engine->lease) == worker->owner) {
            if (send_from(worker, kind, now_us) != WH_OK) {
                return 0;
            }
            count++;
        }
    }
    return count;
}

void whi_send_again(whi_worker *worker, whi_entry *entry) {
    (void)worker;
    (void)entry; /* it is out of the timetable now, and whi_send_ready puts it back */
}

/* A lane that waits for a slot may have one when something under way becomes old. */
static void wait_for_slots(whi_worker *worker) {
    int64_t next_us = whi_slots_next(&worker->slots);
    int waits = 0;

    worker->throttled = may_send(worker, WHI_SLOT_UNKNOWN) && is_paced(worker, WHI_SLOT_UNKNOWN);
    if (worker->ready[WHI_SLOT_UNKNOWN].first == NULL) {
        worker->probe_limit = worker->flight_least;
    }
    for (enum whi_slot_kind kind = 0; kind < WHI_SLOT_KINDS; kind++) {
        waits |= worker->ready[kind].first != NULL;
    }
    if (waits && next_us != INT64_MAX && !whi_entry_is_set(&worker->slots_again)) {
        whi_timetable_again(&worker->timetable, &worker->slots_again, next_us);
    }
}

void whi_send_ready(whi_worker *worker) {
    int64_t now_us = whi_monotonic_us();

    if (atomic_load(&worker->engine->stop) != 0) {
        return;
    }
    pace(worker, now_us);
    note_old(worker, now_us);
    do {
        while (send_round(worker, now_us) > 0) {}
    } while (make_room(worker) > 0);
    wait_for_slots(worker);
}
