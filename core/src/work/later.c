/* Tests: test_engine_later. */
#include "work/later.h"

#include "base/clock.h"
#include "engine/lease.h"
#include "engine/registry.h"

#define LATER_US INT64_C(1000000)

/* What fails meanwhile does not put it off. */
static void try_later(whi_worker *worker) {
    if (!whi_entry_is_set(&worker->later_again)) {
        whi_timetable_again(&worker->timetable, &worker->later_again, whi_monotonic_us() + LATER_US);
    }
}

void whi_later_event(whi_worker *worker, whi_event *event) {
    event->seen_before = 1;
    event->next = worker->later;
    worker->later = event;
    try_later(worker);
}

int whi_later_waits(const whi_worker *worker) {
    return worker->later != NULL && whi_registry_may_have_order(worker->engine->registry);
}

/* 1: all the deliveries that it has by now are written, so that they are seen; or it is no longer
 * ours, and nobody waits for them. */
static int can_be_tried(const wh_engine *engine, whi_event *event) {
    return atomic_load(&event->unwritten) == 1 || !whi_lease_has(engine->lease, event->owner);
}

static void retry_tasks(whi_worker *worker) {
    whi_task *tasks = worker->later_tasks;

    worker->later_tasks = NULL;
    while (tasks != NULL) {
        whi_task *next = tasks->next;
        whi_worker_submit(worker, tasks);
        tasks = next;
    }
}

void whi_later_task(whi_worker *worker, whi_task *task) {
    whi_task **end = &worker->later_tasks;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    task->next = NULL;
    *end = task;
    try_later(worker);
}

/* Before those that came after it. */
void whi_later_again(whi_worker *worker, whi_entry *entry) {
    whi_event **place = &worker->later;

    (void)entry;
    retry_tasks(worker);
    while (*place != NULL) {
        whi_event *event = *place;
        if (!can_be_tried(worker->engine, event)) {
            place = &event->next;
            continue;
        }
        *place = event->next;
        whi_shares_add_first(&worker->shares, event);
    }
    if (worker->later != NULL) {
        try_later(worker);
    }
}

static void end_tasks(whi_worker *worker) {
    whi_task *tasks = worker->later_tasks;

    worker->later_tasks = NULL;
    while (tasks != NULL) {
        whi_task *next = tasks->next;
        tasks->code = WH_ECLOSED;
        tasks->back(tasks);
        tasks = next;
    }
}

void whi_later_end(whi_worker *worker) {
    whi_event *event = worker->later;

    end_tasks(worker);
    worker->later = NULL;
    while (event != NULL) {
        whi_event *next = event->next;
        whi_event_unref(worker->engine, event);
        event = next;
    }
}
