/* Tests: test_engine. */
#include "work/lane.h"

#include <string.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "work/allowance.h"
#include "work/crowd.h"

#define WINDOW_START 8
#define PROBES 1         /* requests at once to whom nobody knows */
#define LANES_MANY 16384 /* kept whether they are used or not */
#define TIDY_US INT64_C(60000000)

static uint32_t hash_lane(const void *entry) {
    return whi_table_spread((uint64_t)((const whi_lane *)entry)->subscription);
}

static int is_lane(const void *entry, const void *key) {
    return ((const whi_lane *)entry)->subscription == *(const int64_t *)key;
}

static const whi_table_kind lane_kind = { hash_lane, is_lane };

whi_lane *whi_lane_get(whi_worker *worker, int64_t subscription, int make) {
    whi_lane *lane = whi_table_get(&worker->lanes, &lane_kind, whi_table_spread((uint64_t)subscription), &subscription);

    if (lane != NULL || !make || whi_table_reserve(&worker->lanes, &lane_kind) != WH_OK) {
        return lane;
    }
    lane = whi_calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->subscription = subscription;
    lane->window = WINDOW_START;
    lane->stored.call = worker->lane_due;
    whi_table_put(&worker->lanes, &lane_kind, lane);
    return lane;
}

static void forget_kept(whi_worker *worker, whi_lane *lane) {
    if (lane->kept != NULL) {
        worker->sinks[lane->sink].vtable->forget(lane->kept);
        lane->kept = NULL;
    }
}

static void free_lane(whi_worker *worker, whi_lane *lane) {
    whi_heap_leave(&worker->timetable.lanes, &lane->stored.item);
    while (lane->head != NULL) {
        whi_delivery *delivery = lane->head;
        lane->head = delivery->next;
        whi_delivery_free(worker->engine, delivery);
    }
    forget_kept(worker, lane);
    whi_allowance_free(worker, lane);
    whi_free(lane);
}

void whi_lanes_free(whi_worker *worker) {
    for (uint32_t i = 0; i < worker->lanes.capacity; i++) {
        if (worker->lanes.slots[i] != NULL) {
            free_lane(worker, worker->lanes.slots[i]);
        }
    }
    whi_table_free(&worker->lanes);
    whi_lanes_init(worker);
}

void whi_lanes_init(whi_worker *worker) {
    worker->queued = 0;
    for (enum whi_slot_kind kind = 0; kind < WHI_SLOT_KINDS; kind++) {
        worker->ready[kind].first = NULL;
        worker->ready[kind].end = &worker->ready[kind].first;
        worker->queued_of[kind] = 0;
        worker->slots.waiting[kind] = 0;
    }
}

/* -------------------------------------------------------------- what waits in the store */

void whi_lane_set_due(whi_worker *worker, whi_lane *lane, int64_t due) {
    if (due == INT64_MAX) {
        whi_heap_leave(&worker->timetable.lanes, &lane->stored.item);
    } else if (whi_timetable_lane(&worker->timetable, &lane->stored, due) != WH_OK) {
        atomic_store(&worker->inbox.rescan, 1); /* no memory now: the store will be asked again */
    }
}

void whi_lane_stored(whi_worker *worker, whi_lane *lane, int64_t due) {
    if (!whi_entry_is_set(&lane->stored) || due < lane->stored.item.due) {
        whi_lane_set_due(worker, lane, due);
    }
}

/* ------------------------------------------------------------------------ the window */

static int window_of(const whi_lane *lane) {
    return lane->window < lane->cap ? lane->window : lane->cap;
}

int whi_lane_free(const whi_lane *lane) {
    return (lane->known ? window_of(lane) : PROBES) - lane->in_flight;
}

int whi_lane_coming(const whi_lane *lane) {
    return lane->queued + lane->remaking;
}

/* A slow one waits long for its turn, and with no more in memory than could go then. */
int whi_lane_room(const whi_lane *lane) {
    int window = lane->cap ? window_of(lane) : lane->window;
    int coming = whi_lane_coming(lane), room = window * 2 - lane->in_flight - coming;

    if (lane->kind == WHI_SLOT_SLOW) {
        room = coming == 0 ? whi_lane_free(lane) : 0;
        return room > 0 ? room : 0;
    }
    return coming > window / 2 || room <= 0 ? 0 : room;
}

/* ------------------------------------------------------------------- the ready lists */

static void join_ready(whi_worker *worker, whi_lane *lane) {
    whi_lane_list *list = &worker->ready[lane->kind];

    lane->is_ready = 1;
    lane->next_ready = NULL;
    lane->ready_link = list->end;
    *list->end = lane;
    list->end = &lane->next_ready;
    worker->slots.waiting[lane->kind]++;
}

static void leave_ready(whi_worker *worker, whi_lane *lane) {
    lane->is_ready = 0;
    *lane->ready_link = lane->next_ready;
    if (lane->next_ready != NULL) {
        lane->next_ready->ready_link = lane->ready_link;
    } else {
        worker->ready[lane->kind].end = lane->ready_link;
    }
    worker->slots.waiting[lane->kind]--;
}

/* One that has none under way may always: nothing of its own would end, and have it ask again. */
int whi_lane_shares(const whi_worker *worker, const whi_lane *lane) {
    int own = lane->in_flight, all = 0;

    if (lane->kind == WHI_SLOT_BATCH && own > 0) {
        all = whi_crowd_count(worker, lane->crowd);
    }
    return whi_slots_share(&worker->slots, lane->kind, all > own ? all : own);
}

void whi_lane_ready(whi_worker *worker, whi_lane *lane) {
    if (!lane->is_ready && lane->head != NULL && whi_lane_free(lane) > 0 && whi_lane_shares(worker, lane)) {
        join_ready(worker, lane);
    }
}

whi_lane *whi_lane_next(whi_worker *worker, enum whi_slot_kind kind) {
    whi_lane *lane = worker->ready[kind].first;

    if (lane != NULL) {
        leave_ready(worker, lane);
    }
    return lane;
}

void whi_lane_set_kind(whi_worker *worker, whi_lane *lane, enum whi_slot_kind kind) {
    int was_ready = lane->is_ready;

    if (kind == lane->kind) {
        return;
    }
    if (was_ready) {
        leave_ready(worker, lane);
    }
    worker->queued_of[lane->kind] -= lane->queued;
    lane->kind = kind;
    worker->queued_of[kind] += lane->queued;
    if (was_ready) {
        join_ready(worker, lane);
    }
}

void whi_lane_suit(whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    int batches = worker->sinks[whi_sink_kind_of(subscription)].vtable->batches;

    lane->cap = batches > 0 ? batches : subscription->concurrency;
    lane->crowd = batches > 0 ? whi_hash(WHI_HASH_BEGIN, subscription->url, strlen(subscription->url)) : 0;
    if ((batches > 0) != (lane->kind == WHI_SLOT_BATCH)) {
        lane->known = 0;
        whi_lane_set_kind(worker, lane, batches > 0 ? WHI_SLOT_BATCH : WHI_SLOT_UNKNOWN);
    }
}

/* ------------------------------------------------------------------------- its bytes */

void whi_lane_weigh(whi_lane *lane, const whi_delivery *delivery, int times) {
    lane->bytes[WHI_POT_EVENTS] += times * (long long)delivery->event->charged;
    lane->bytes[WHI_POT_BODIES] += delivery->body != NULL ? times * (long long)delivery->body_size : 0;
}

int whi_lane_may_have(const whi_worker *worker, const whi_lane *lane, const whi_account *account,
                      const long long more[WHI_POT_RECORDS], int greed) {
    for (enum whi_pot pot = 0; pot < WHI_POT_RECORDS; pot++) {
        if (lane->bytes[pot] > 0 &&
            !whi_memory_may_share(worker->engine->memory, account, pot, lane->bytes[pot] + more[pot], greed)) {
            return 0;
        }
    }
    return 1;
}

/* ------------------------------------------------------------------------- the queue */

void whi_lane_append(whi_worker *worker, whi_lane *lane, whi_delivery *delivery) {
    delivery->next = NULL;
    if (lane->tail != NULL) {
        lane->tail->next = delivery;
    } else {
        lane->head = delivery;
    }
    lane->tail = delivery;
    whi_lane_weigh(lane, delivery, 1);
    lane->queued++;
    worker->queued++;
    worker->queued_of[lane->kind]++;
}

whi_delivery *whi_lane_pop(whi_worker *worker, whi_lane *lane) {
    whi_delivery *delivery = lane->head;

    if (delivery == NULL) {
        return NULL;
    }
    lane->head = delivery->next;
    if (lane->head == NULL) {
        lane->tail = NULL;
    }
    delivery->next = NULL;
    whi_lane_weigh(lane, delivery, -1);
    lane->queued--;
    worker->queued--;
    worker->queued_of[lane->kind]--;
    return delivery;
}

void whi_lane_left(whi_worker *worker, whi_lane *lane) {
    if (lane->parked_due != 0 && whi_lane_room(lane) > 0) {
        whi_lane_stored(worker, lane, lane->parked_due);
        lane->parked_due = 0;
    }
}

/* Keeps the order of those that stay. */
static void drop_foreign(whi_worker *worker, whi_lane *lane) {
    int count = lane->queued;

    while (count-- > 0) {
        whi_delivery *delivery = whi_lane_pop(worker, lane);
        if (whi_lease_has(worker->engine->lease, delivery->event->owner)) {
            whi_lane_append(worker, lane, delivery);
        } else {
            whi_delivery_free(worker->engine, delivery);
        }
    }
    whi_lane_left(worker, lane);
}

void whi_lanes_drop(whi_worker *worker) {
    for (uint32_t i = 0; i < worker->lanes.capacity; i++) {
        if (worker->lanes.slots[i] != NULL) {
            drop_foreign(worker, worker->lanes.slots[i]);
        }
    }
}

static int is_empty(const whi_lane *lane) {
    return lane->head == NULL && lane->in_flight == 0 && lane->remaking == 0 && !whi_entry_is_set(&lane->stored) &&
           !lane->is_ready && lane->parked_due == 0;
}

static int is_unused(const whi_worker *worker, whi_lane *lane) {
    return is_empty(lane) && whi_allowance_is_full(worker, lane);
}

/* Its subscription is no more, or another process's. */
static int is_nobodys(const whi_worker *worker, whi_lane *lane) {
    whi_registration *registration;

    if (!is_empty(lane)) {
        return 0;
    }
    registration = whi_registry_get(worker->engine->registry, lane->subscription);
    whi_registration_unref(registration);
    return registration == NULL || !whi_position_has(worker->engine->position, lane->subscription);
}

static void sweep(whi_worker *worker, int (*goes)(const whi_worker *worker, whi_lane *lane)) {
    whi_table kept = { 0 };

    if (whi_table_resize(&kept, &lane_kind, worker->lanes.capacity) != WH_OK) {
        return;
    }
    for (uint32_t i = 0; i < worker->lanes.capacity; i++) {
        whi_lane *lane = worker->lanes.slots[i];
        if (lane != NULL && goes(worker, lane)) {
            free_lane(worker, lane);
        } else if (lane != NULL) {
            whi_table_put(&kept, &lane_kind, lane);
        }
    }
    whi_table_free(&worker->lanes);
    worker->lanes = kept;
}

void whi_lanes_sweep(whi_worker *worker) {
    if (worker->lanes.count > LANES_MANY) {
        sweep(worker, is_unused);
    }
}

void whi_lanes_tidy(whi_worker *worker, whi_entry *entry) {
    whi_timetable_again(&worker->timetable, entry, whi_monotonic_us() + TIDY_US);
    if (worker->lanes.count > 0) {
        sweep(worker, is_nobodys);
    }
}

const whi_worker_sink *whi_lane_sink(whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    enum whi_sink_kind kind = whi_sink_kind_of(subscription);

    if (kind != lane->sink) {
        forget_kept(worker, lane);
        lane->sink = kind;
    }
    return &worker->sinks[kind];
}

/* A request less is under way: there may be room for what waits, in memory and in the store. */
void whi_lane_landed(whi_worker *worker, whi_lane *lane) {
    whi_lane_left(worker, lane);
    whi_lane_ready(worker, lane);
}

void whi_lane_outcome(whi_worker *worker, whi_lane *lane, int answers, int overloaded) {
    lane->window += answers && lane->window < WHI_CONCURRENCY_MAXIMUM;
    if (overloaded && lane->window > 1) {
        lane->window /= 2;
    }
    whi_lane_landed(worker, lane);
}
