#include "work/lane.h"

#include "base/mem.h"
#include "engine/lease.h"

#define WINDOW_START 8
#define LANES_MANY 16384 /* kept whether they are used or not */

static size_t place_of(int64_t subscription, size_t capacity) {
    return (size_t)((uint64_t)subscription * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (capacity - 1);
}

static int grow(whi_worker *worker) {
    size_t capacity = worker->lane_capacity ? worker->lane_capacity * 2 : 64;
    whi_lane **lanes = whi_calloc(capacity, sizeof *lanes);

    if (lanes == NULL) {
        return WH_ENOMEM;
    }
    for (size_t i = 0; i < worker->lane_capacity; i++) {
        whi_lane *lane = worker->lanes[i];
        size_t at;
        if (lane == NULL) {
            continue;
        }
        at = place_of(lane->subscription, capacity);
        while (lanes[at] != NULL) {
            at = (at + 1) & (capacity - 1);
        }
        lanes[at] = lane;
    }
    whi_free(worker->lanes);
    worker->lanes = lanes;
    worker->lane_capacity = capacity;
    return WH_OK;
}

whi_lane *whi_lane_get(whi_worker *worker, int64_t subscription, int make) {
    size_t at, mask = worker->lane_capacity - 1;
    whi_lane *lane;

    if (worker->lane_capacity > 0) {
        for (at = place_of(subscription, worker->lane_capacity); worker->lanes[at] != NULL; at = (at + 1) & mask) {
            if (worker->lanes[at]->subscription == subscription) {
                return worker->lanes[at];
            }
        }
    }
    if (!make) {
        return NULL;
    }
    if (worker->lane_count + 1 > worker->lane_capacity / 4 * 3 && grow(worker) != WH_OK) {
        return NULL;
    }
    lane = whi_calloc(1, sizeof *lane);
    if (lane == NULL) {
        return NULL;
    }
    lane->subscription = subscription;
    lane->window = WINDOW_START;
    lane->stored.call = worker->lane_due;
    mask = worker->lane_capacity - 1;
    for (at = place_of(subscription, worker->lane_capacity); worker->lanes[at] != NULL; at = (at + 1) & mask) {}
    worker->lanes[at] = lane;
    worker->lane_count++;
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
    whi_free(lane);
}

void whi_lanes_free(whi_worker *worker) {
    for (size_t i = 0; i < worker->lane_capacity; i++) {
        if (worker->lanes[i] != NULL) {
            free_lane(worker, worker->lanes[i]);
        }
    }
    whi_free(worker->lanes);
    worker->lanes = NULL;
    worker->lane_count = worker->lane_capacity = 0;
    worker->ready = worker->ready_tail = NULL;
    worker->queued = 0;
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

/* --------------------------------------------------------------------- the queue */

static int window_of(const whi_lane *lane) {
    return lane->window < lane->cap ? lane->window : lane->cap;
}

int whi_lane_room(const whi_lane *lane) {
    int window = lane->cap ? window_of(lane) : lane->window;
    int room = window * 2 - lane->in_flight - lane->queued;

    return lane->claiming || lane->queued > window / 2 || room <= 0 ? 0 : room;
}

void whi_lane_ready(whi_worker *worker, whi_lane *lane) {
    int room = window_of(lane);

    if (lane->is_ready || lane->head == NULL || lane->in_flight >= room) {
        return;
    }
    lane->is_ready = 1;
    lane->next_ready = NULL;
    if (worker->ready_tail != NULL) {
        worker->ready_tail->next_ready = lane;
    } else {
        worker->ready = lane;
    }
    worker->ready_tail = lane;
}

void whi_lane_append(whi_worker *worker, whi_lane *lane, whi_delivery *delivery) {
    delivery->next = NULL;
    if (lane->tail != NULL) {
        lane->tail->next = delivery;
    } else {
        lane->head = delivery;
    }
    lane->tail = delivery;
    lane->queued++;
    worker->queued++;
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
    lane->queued--;
    worker->queued--;
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
    for (size_t i = 0; i < worker->lane_capacity; i++) {
        if (worker->lanes[i] != NULL) {
            drop_foreign(worker, worker->lanes[i]);
        }
    }
}

static int is_unused(const whi_lane *lane) {
    return lane->head == NULL && lane->in_flight == 0 && !whi_entry_is_set(&lane->stored) && !lane->claiming && !lane->is_ready &&
           lane->failing_since == 0 && lane->parked_due == 0;
}

void whi_lanes_sweep(whi_worker *worker) {
    whi_lane **kept = worker->lane_count > LANES_MANY ? whi_calloc(worker->lane_capacity, sizeof(whi_lane *)) : NULL;

    if (kept == NULL) {
        return;
    }
    for (size_t i = 0; i < worker->lane_capacity; i++) {
        whi_lane *lane = worker->lanes[i];
        size_t at;
        if (lane == NULL) {
            continue;
        }
        if (is_unused(lane)) {
            free_lane(worker, lane);
            worker->lane_count--;
            continue;
        }
        at = place_of(lane->subscription, worker->lane_capacity);
        while (kept[at] != NULL) {
            at = (at + 1) & (worker->lane_capacity - 1);
        }
        kept[at] = lane;
    }
    whi_free(worker->lanes);
    worker->lanes = kept;
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

void whi_lane_outcome(whi_worker *worker, whi_lane *lane, int answers, int overloaded, int64_t now) {
    if (answers) {
        lane->failing_since = 0;
        lane->window += lane->window < WHI_CONCURRENCY_MAXIMUM;
    } else if (lane->failing_since == 0) {
        lane->failing_since = now;
    }
    if (overloaded && lane->window > 1) {
        lane->window /= 2;
    }
    whi_lane_landed(worker, lane);
}
