/* Tests: test_engine_lapse. */
#include "work/queue.h"

#include "base/clock.h"
#include "engine/registry.h"
#include "work/allowance.h"
#include "work/lane.h"
#include "work/record.h"

#define QUEUE_MAXIMUM 2048             /* deliveries queued in memory for one subscription */
#define QUEUED_ENOUGH 8192             /* in memory, beyond which no event is fanned out; and for who hangs */
#define QUEUE_TIME_US INT64_C(2000000) /* longer than this nobody waits in memory behind a slow receiver */
#define SPILL_US INT64_C(250000)       /* how often that is looked at */

/* One that was fetched is dropped: its row waits as it did, and is fetched again. */
static void put_back(whi_worker *worker, whi_delivery *delivery) {
    whi_lane *lane = whi_lane_get(worker, delivery->way.subscription, 0);

    whi_delivery_free(worker->engine, delivery);
    if (lane != NULL) {
        whi_lane_stored(worker, lane, whi_now(worker->engine));
    } else {
        atomic_store(&worker->inbox.rescan, 1);
    }
}

/* The store has it, or is given it: it is fetched when the lane has room. */
static void spill(whi_worker *worker, whi_delivery *delivery) {
    if (delivery->turn != WHI_TURN_ABSENT) {
        put_back(worker, delivery);
        return;
    }
    whi_delivery_wait(worker->engine, delivery,
                      whi_delivery_due(worker->engine, delivery, delivery->registration->subscription));
    whi_record_delivery(worker, delivery);
}

static void note(whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    whi_lane_suit(worker, lane, subscription);
    whi_allowance_note(worker, lane, subscription);
}

/* How much goes there, at once and in a time, is of the present version, whichever one decided. */
static void note_present(whi_worker *worker, whi_lane *lane, const whi_registration *registration) {
    whi_registration *now = NULL;

    if (atomic_load_explicit(&registration->ended, memory_order_relaxed) != 0) {
        now = whi_registry_get(worker->engine->registry, registration->subscription->id);
    }
    note(worker, lane, now != NULL ? now->subscription : registration->subscription);
    whi_registration_unref(now);
}

/* Those that nobody knows yet are kept from their slots by nothing else than what hangs. */
static int unknown_hang(const whi_worker *worker) {
    return !whi_slots_may(&worker->slots, WHI_SLOT_UNKNOWN);
}

int whi_queue_is_full(const whi_worker *worker) {
    int others = worker->queued_of[WHI_SLOT_SLOW] + worker->queued_of[WHI_SLOT_BATCH] +
                 (unknown_hang(worker) ? worker->queued_of[WHI_SLOT_UNKNOWN] : 0);

    return worker->queued - others >= QUEUED_ENOUGH || whi_memory_is_full(worker->engine->memory, WHI_POT_RECORDS);
}

int whi_queue_is_crowded(const whi_worker *worker) {
    return worker->queued_of[WHI_SLOT_SLOW] + worker->queued_of[WHI_SLOT_UNKNOWN] >= QUEUED_ENOUGH;
}

int whi_queue_room(const whi_worker *worker, const whi_lane *lane) {
    int room = whi_lane_room(lane);

    if (room > 0 && lane->kind == WHI_SLOT_BATCH && worker->queued_of[WHI_SLOT_BATCH] >= QUEUED_ENOUGH) {
        return whi_lane_coming(lane) == 0;
    }
    if (room > 0 && lane->kind == WHI_SLOT_UNKNOWN && unknown_hang(worker)) {
        return whi_lane_coming(lane) == 0;
    }
    return room;
}

static int has_room(const whi_worker *worker, const whi_lane *lane) {
    if (lane->kind == WHI_SLOT_SLOW) {
        return lane->queued < whi_lane_free(lane) && !whi_queue_is_crowded(worker);
    }
    if (lane->kind == WHI_SLOT_UNKNOWN && unknown_hang(worker)) {
        return lane->queued == 0 && !whi_queue_is_crowded(worker);
    }
    if (lane->kind == WHI_SLOT_BATCH && worker->queued_of[WHI_SLOT_BATCH] >= QUEUED_ENOUGH) {
        return lane->queued == 0;
    }
    return lane->queued < QUEUE_MAXIMUM;
}

/* As much of it is its tenant's, and within that its subscription's. */
static int are_within_share(const whi_worker *worker, const whi_lane *lane, const whi_delivery *delivery) {
    const whi_account *account = delivery->event->account;
    long long body = delivery->body != NULL ? (long long)delivery->body_size : 0;
    const long long more[WHI_POT_RECORDS] = {
        [WHI_POT_EVENTS] = (long long)delivery->event->charged, [WHI_POT_BODIES] = body
    };

    return (body == 0 ||
            whi_memory_may_keep(worker->engine->memory, account, WHI_POT_BODIES, body, WHI_MEMORY_GREED)) &&
           whi_lane_may_have(worker, lane, account, more, WHI_MEMORY_GREED);
}

/* Its bytes may wait in memory. Of what was fetched that was asked before (fetch.c). */
static int may_wait(const whi_worker *worker, const whi_lane *lane, const whi_delivery *delivery) {
    return delivery->turn != WHI_TURN_ABSENT || are_within_share(worker, lane, delivery);
}

/* What waits in the store for the rate was there before what has no row yet. */
static int is_allowed(const whi_worker *worker, whi_lane *lane, const whi_delivery *delivery) {
    return !(lane->rated && delivery->turn == WHI_TURN_ABSENT) && whi_allowance_left(worker, lane) > lane->queued;
}

void whi_queue_leave(whi_worker *worker, whi_lane *lane, whi_delivery *delivery) {
    whi_allowance_wait(worker, lane);
    spill(worker, delivery);
}

void whi_queue_push(whi_worker *worker, whi_delivery *delivery) {
    whi_lane *lane = whi_lane_get(worker, delivery->registration->subscription->id, 1);

    if (lane != NULL) {
        note_present(worker, lane, delivery->registration);
    }
    if (lane != NULL && whi_subscription_is_fetched(delivery->registration->subscription)) {
        spill(worker, delivery);
        return;
    }
    if (lane != NULL && !is_allowed(worker, lane, delivery)) {
        whi_queue_leave(worker, lane, delivery);
        return;
    }
    if (lane == NULL || !has_room(worker, lane) || !may_wait(worker, lane, delivery)) {
        spill(worker, delivery);
        return;
    }
    delivery->queued_at = whi_monotonic_us();
    whi_lane_append(worker, lane, delivery);
    if (!whi_entry_is_set(&worker->spill)) {
        whi_timetable_again(&worker->timetable, &worker->spill, delivery->queued_at + SPILL_US);
    }
    whi_lane_ready(worker, lane);
}

/* Its row waits as it is, and it is one of a few: to fetch it once more while its lane waits for a slot would only
 * cost. */
static int is_kept(const whi_lane *lane, const whi_delivery *delivery) {
    return lane->kind == WHI_SLOT_SLOW && delivery->turn != WHI_TURN_ABSENT;
}

/* Room is what makes waiting in memory worth while: a lane that fails or hangs has none. */
static void spill_lane(whi_worker *worker, whi_lane *lane, int64_t now_us) {
    for (int count = lane->queued; count > 0 && lane->head != NULL; count--) {
        whi_delivery *delivery = lane->head;
        if (now_us - delivery->queued_at <= QUEUE_TIME_US) {
            return;
        }
        (void)whi_lane_pop(worker, lane);
        if (is_kept(lane, delivery)) {
            whi_lane_append(worker, lane, delivery);
        } else {
            spill(worker, delivery);
        }
    }
}

void whi_queue_spill(whi_worker *worker, whi_entry *entry) {
    int64_t now_us = whi_monotonic_us();

    for (uint32_t i = 0; worker->queued > 0 && i < worker->lanes.capacity; i++) {
        whi_lane *lane = worker->lanes.slots[i];
        if (lane != NULL && lane->head != NULL) {
            spill_lane(worker, lane, now_us);
        }
    }
    whi_lanes_sweep(worker);
    if (worker->queued > 0) {
        whi_timetable_again(&worker->timetable, entry, now_us + SPILL_US);
    }
}
