/* Tests: test_engine_life. */
#include "work/turn.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/budget.h"
#include "engine/decide.h"
#include "engine/lease.h"
#include "engine/memory.h"
#include "engine/position.h"
#include "work/fanout.h"
#include "work/fetch.h"
#include "work/lagging.h"
#include "work/lane.h"
#include "work/later.h"
#include "work/poll.h"
#include "work/queue.h"
#include "work/reading.h"
#include "work/record.h"
#include "work/remake.h"
#include "work/rulings.h"
#include "work/send.h"
#include "work/upkeep.h"

#define READY_MAXIMUM 256
#define FANOUT_BURST 128 /* events of one turn */
#define FANOUT_US 1000   /* after which a turn decides no more: answers of receivers wait for it */
#define PART_US 250      /* of an event, before another tenant may go on */
#define LANES_BURST 64   /* lanes that are fetched for in one turn */

/* Why what is under way is cut off. */
#define LAPSED "cut off: this process has not reached its store for too long, and others may have sent it again"
#define STOPPED "cut off: this process was stopped; it is sent again"

/* ------------------------------------------------------------------------ turn */

/* Events go to the shares of their tenants; deliveries to their lanes; tasks are answered. */
static void take_events(whi_worker *worker, whi_event *events) {
    while (events != NULL) {
        whi_event *next = events->next;
        whi_shares_add(&worker->shares, events);
        events = next;
    }
}

/* Of a partition that is another process's, that one is told by the store. */
static void take_due(whi_worker *worker, const whi_due *given) {
    whi_lane *lane;

    if (!whi_position_has(worker->engine->position, given->subscription)) {
        return;
    }
    lane = whi_lane_get(worker, given->subscription, 1);
    if (lane != NULL) {
        whi_lane_stored(worker, lane, given->due);
    } else {
        atomic_store(&worker->inbox.rescan, 1); /* no memory now */
    }
}

static int take_inbox(whi_worker *worker) {
    whi_given given;
    int count = 0;

    whi_inbox_take(&worker->inbox, &given);
    for (int i = 0; i < given.due_count; i++) {
        take_due(worker, &given.dues[i]);
    }
    take_events(worker, given.events);
    while (given.deliveries != NULL) {
        whi_delivery *next = given.deliveries->next;
        whi_queue_push(worker, given.deliveries);
        given.deliveries = next;
        count++;
    }
    while (given.tasks != NULL) {
        whi_task *next = given.tasks->next;
        given.tasks->back(given.tasks);
        atomic_fetch_sub(&worker->engine->jobs_open, 1);
        given.tasks = next;
        count++;
    }
    return count;
}

static int may_fan_out(const whi_worker *worker) {
    return !whi_shares_is_empty(&worker->shares) && !whi_queue_is_full(worker) && !whi_later_waits(worker);
}

static int may_begin_another(const whi_worker *worker, int count) {
    return may_fan_out(worker) && count < FANOUT_BURST && atomic_load(&worker->engine->stop) == 0;
}

/* By the time that it took among those of this worker, by the CPU that it took in its tenant's purse. */
static void fan_out_one(whi_worker *worker, whi_event *event, int64_t until_us) {
    int has_budget = event->tenant[0] != '\0' && whi_budget_is_used(worker->engine);
    int64_t began_us = has_budget ? whi_thread_cpu_us() : 0;

    if (has_budget) {
        whi_event_ref(event); /* for its tenant's name */
    }
    if (event->remakes != NULL) {
        whi_remake(worker, event);
    } else if (!whi_fanout(worker, event, until_us)) {
        whi_shares_add_first(&worker->shares, event);
    }
    if (has_budget) {
        whi_budget_spend(worker->engine, event->tenant, whi_thread_cpu_us() - began_us);
        whi_event_unref(worker->engine, event);
    }
}

/* Of the tenant whose turn it is. What others have decided before is on its way by then, if this one costs much. 1: it
 * has cost much again, and something new has come that may be another's. */
static int fan_out_part(whi_worker *worker, int64_t *now_us) {
    whi_event *event = whi_shares_take(&worker->shares);
    int64_t began_us = *now_us;

    if (worker->queued > 0 && whi_shares_is_costly(&worker->shares)) {
        whi_send_ready(worker);
    }
    worker->tenant_is_costly = whi_shares_is_overdrawn(&worker->shares, began_us);
    fan_out_one(worker, event, began_us + PART_US);
    *now_us = whi_monotonic_us();
    whi_shares_charge(&worker->shares, *now_us - began_us, *now_us);
    return whi_shares_is_costly(&worker->shares) && whi_inbox_was_woken(&worker->inbox);
}

static int fan_out(whi_worker *worker) {
    int64_t now_us = whi_monotonic_us(), until_us = now_us + FANOUT_US;
    int count = 0, is_over = 0;

    while (may_begin_another(worker, count) && now_us < until_us && !is_over) {
        is_over = fan_out_part(worker, &now_us);
        count++;
    }
    worker->decides_long = is_over || now_us >= until_us;
    return count;
}

/* Reading beyond what can be decided soon would only fill memory. But where deciding takes long, others than those
 * who make it so may stand behind in the log; half of the memory is for what comes by itself. */
static int may_read(const whi_worker *worker) {
    const wh_engine *engine = worker->engine;

    if (whi_queue_is_full(worker)) {
        return 0;
    }
    return whi_shares_is_empty(&worker->shares) ||
           (worker->decides_long &&
            whi_memory_used(engine->memory, WHI_POT_EVENTS) < engine->options.limits.memory_bytes / 2);
}

/* Of a clock that was put back: what lanes wait for was said by the former one, and may be far. All look again. */
static int64_t look_at_clock(whi_worker *worker) {
    int64_t now = whi_now(worker->engine);

    if (whi_clock_is_put_back(worker->clock_at, now)) {
        whi_heap_hasten(&worker->timetable.lanes, now);
    }
    worker->clock_at = now;
    return now;
}

/* Fetching beyond what can be worked on soon would do the same. */
static void fetch(whi_worker *worker) {
    int64_t now = look_at_clock(worker);

    if (atomic_load(&worker->inbox.rescan) && whi_monotonic_us() >= worker->scan_after_us) {
        whi_fetch_scan(worker);
    }
    whi_timetable_run(worker, &worker->timetable.lanes, now, LANES_BURST);
    if (may_read(worker)) {
        whi_reading(worker);
    }
}

/* Before it sleeps while deliveries wait for room, the thread makes room. */
static int wait_for_work(whi_worker *worker, whi_ready *ready, int timeout) {
    int count = 0;

    if (worker->throttled) {
        count = whi_poller_wait(worker->poller, ready, READY_MAXIMUM, 0);
        if (whi_send_pace(worker, count != 0) || count != 0 || whi_inbox_was_woken(&worker->inbox)) {
            return count;
        }
    }
    return whi_poller_wait(worker->poller, ready, READY_MAXIMUM, timeout);
}

/* Whose work it has, it has by the lease; after a pause beyond that, nothing is begun until a beat
 * was committed, and what is under way ends: it is another's by now, or soon will be. So it does when that beat was
 * faster than this worker, and has brought another number. Answers that have come meanwhile were read. */
static int has_lease(whi_worker *worker) {
    int64_t owner = whi_lease_owner(worker->engine->lease);

    if (owner == 0 || owner != worker->owner) {
        whi_send_cut(worker, LAPSED);
    }
    if (owner != 0 && owner != worker->owner) {
        worker->owner = owner;
        whi_lanes_drop(worker);
        atomic_store(&worker->inbox.rescan, 1);
    }
    return owner != 0;
}

/* What needs the lease. */
static void work(whi_worker *worker) {
    if (!has_lease(worker)) {
        return;
    }
    if (atomic_load(&worker->engine->stop) == 0) {
        worker->done_count += fan_out(worker);
        fetch(worker);
        whi_lagging_turn(worker);
    }
    whi_send_ready(worker);
}

static void turn_sinks(whi_worker *worker, const whi_ready *ready, int count) {
    for (int i = 0; i < WHI_SINK_KINDS; i++) {
        const whi_worker_sink *one = &worker->sinks[i];
        one->vtable->ready(one->sink, ready, count);
        one->vtable->tick(one->sink);
    }
}

int whi_worker_step(whi_worker *worker, int timeout) {
    whi_ready ready[READY_MAXIMUM];
    int count = wait_for_work(worker, ready, timeout);

    if (count < 0) {
        return count;
    }
    worker->done_count = 0;
    turn_sinks(worker, ready, count);
    whi_upkeep_hear(worker, ready, count);
    worker->done_count += take_inbox(worker);
    whi_upkeep(worker);
    if (worker->index == 0) {
        whi_polls_turn(worker->engine);
    }
    work(worker);
    whi_record_submit(worker);
    return worker->done_count;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int may_begin(const whi_worker *worker) {
    const wh_engine *engine = worker->engine;

    return atomic_load(&engine->stop) == 0 && whi_lease_owner(engine->lease) != 0;
}

/* ms; INT64_MAX: nothing is due in this heap. */
static int64_t wait_by_clock(const whi_worker *worker, const whi_heap *heap) {
    return heap->count > 0 ? whi_timetable_next(heap) - whi_now(worker->engine) : INT64_MAX;
}

int whi_worker_timeout(whi_worker *worker) {
    int64_t wait = (whi_upkeep_next(worker) - whi_monotonic_us() + 999) / 1000;

    if (!worker->inbox.open || (may_begin(worker) && may_fan_out(worker))) {
        return 0;
    }
    if (worker->throttled && may_begin(worker)) {
        return 0;
    }
    for (int i = 0; i < WHI_SINK_KINDS; i++) {
        int sink = worker->sinks[i].vtable->timeout(worker->sinks[i].sink);
        wait = sink >= 0 ? smaller(wait, sink) : wait;
    }
    wait = smaller(wait, wait_by_clock(worker, &worker->timetable.by_clock));
    wait = worker->index == 0 ? smaller(wait, whi_polls_timeout(worker->engine)) : wait;
    if (may_begin(worker)) {
        wait = smaller(wait, wait_by_clock(worker, &worker->timetable.lanes));
    }
    return wait < 0 ? 0 : wait > 60000 ? 60000 : (int)wait;
}

/* ---------------------------------------------------------------- life of a worker */

int whi_worker_new(whi_worker **out, wh_engine *engine, int index) {
    whi_worker *worker = whi_calloc(1, sizeof *worker);
    int code;

    *out = worker;
    if (worker == NULL) {
        return whi_fail_memory();
    }
    worker->engine = engine;
    worker->index = index;
    whi_inbox_init(&worker->inbox, engine);
    for (int i = 0; i < WHI_SINK_KINDS; i++) {
        worker->sinks[i].vtable = whi_sinks[i];
    }
    whi_decider_init(&worker->decider, engine->options.rules, &engine->options.limits);
    code = whi_upkeep_begin(worker);
    code = code == WH_OK ? whi_poller_new(&worker->poller) : code;
    worker->inbox.poller = worker->poller;
    if (code == WH_OK) {
        whi_upkeep_listen(worker);
    }
    code = code == WH_OK ? whi_worker_open(worker) : code;
    if (code != WH_OK) {
        whi_worker_free(worker);
        *out = NULL;
    } else {
        engine->inboxes[index] = &worker->inbox;
    }
    return code;
}

static int open_sinks(whi_worker *worker) {
    int code = WH_OK;

    for (int i = 0; i < WHI_SINK_KINDS && code == WH_OK; i++) {
        whi_worker_sink *one = &worker->sinks[i];
        if (one->sink == NULL) {
            code = one->vtable->open(&one->sink, worker->engine, worker->poller);
        }
    }
    return code;
}

static void close_sinks(whi_worker *worker) {
    for (int i = 0; i < WHI_SINK_KINDS; i++) {
        worker->sinks[i].vtable->close(worker->sinks[i].sink);
        worker->sinks[i].sink = NULL;
    }
}

int whi_worker_open(whi_worker *worker) {
    int64_t most = worker->engine->options.limits.in_flight;
    int code = worker->record == NULL ? whi_record_begin(worker) : WH_OK;

    code = code == WH_OK ? open_sinks(worker) : code;
    if (code == WH_OK && worker->shares.common == NULL) {
        code = whi_shares_init(&worker->shares);
    }
    if (code != WH_OK) {
        return code;
    }
    whi_slots_init(&worker->slots, (int)most);
    whi_lanes_init(worker);
    worker->opened_at = whi_now(worker->engine);
    worker->flight_least = most < WHI_FLIGHTS_LEAST ? (int)most : WHI_FLIGHTS_LEAST;
    worker->flight_limit = worker->probe_limit = worker->flight_least;
    atomic_store(&worker->inbox.rescan, 1);
    whi_inbox_open(&worker->inbox, 1);
    return WH_OK;
}

void whi_worker_cut(whi_worker *worker) {
    if (worker->in_flight == 0 && worker->rulings == NULL) {
        return;
    }
    if (worker->in_flight > 0) {
        whi_send_cut(worker, STOPPED);
        turn_sinks(worker, NULL, 0);
    }
    if (worker->rulings != NULL) {
        whi_rulings_stop(worker);
        take_inbox(worker); /* what has been said of answers counts */
        whi_rulings_settle(worker);
    }
    whi_record_submit(worker);
}

void whi_worker_shut(whi_worker *worker) {
    whi_inbox_open(&worker->inbox, 0);
    close_sinks(worker);
    whi_lagging_stop(worker);
    whi_remake_stop(worker);
    whi_rulings_stop(worker);
    take_inbox(worker);
    whi_lagging_end(worker);
    whi_remake_end(worker);
    whi_rulings_end(worker);
    whi_later_end(worker);
    whi_record_free(worker);
    whi_send_free(worker);
    whi_lanes_free(worker);
    whi_shares_end(&worker->shares, worker->engine);
    worker->owner = 0;
    worker->throttled = 0;
}

void whi_worker_free(whi_worker *worker) {
    if (worker == NULL) {
        return;
    }
    whi_worker_shut(worker);
    whi_fanout_close(worker);
    whi_timetable_end(&worker->timetable);
    whi_poller_free(worker->poller);
    whi_inbox_end(&worker->inbox);
    whi_free(worker);
}
