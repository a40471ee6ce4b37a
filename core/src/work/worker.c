/* A worker: one turn of all that can be done now. The same turn is the body of
 * wh_step, of wh_run and of the threads of wh_start. */
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"

#include <string.h>

#define READY_MAXIMUM 256
#define FANOUT_BURST 128   /* events of one turn */
#define FANOUT_US 20000    /* after which a turn begins no other event: slow rules do not keep what is ready waiting */
#define QUEUED_ENOUGH 8192 /* deliveries in memory beyond which no event is fanned out */

/* ----------------------------------------------------------------------- inbox */

/* The lock is held. A worker that was woken and has not looked yet needs no more. */
static void wake_once(whi_worker *worker) {
    if (!worker->woken) {
        worker->woken = 1;
        whi_poller_wake(worker->poller);
    }
}

void whi_worker_wake(whi_worker *worker) {
    pthread_mutex_lock(&worker->lock);
    wake_once(worker);
    pthread_mutex_unlock(&worker->lock);
}

int whi_worker_give_event(whi_worker *worker, whi_event *event) {
    int open;

    event->next = NULL;
    pthread_mutex_lock(&worker->lock);
    open = worker->open;
    if (open) {
        *worker->events_end = event;
        worker->events_end = &event->next;
        wake_once(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!open) {
        whi_event_unref(worker->engine, event);
    }
    return open;
}

int whi_worker_give_delivery(whi_worker *worker, whi_delivery *delivery) {
    int open;

    delivery->next = NULL;
    pthread_mutex_lock(&worker->lock);
    open = worker->open;
    if (open) {
        *worker->deliveries_end = delivery;
        worker->deliveries_end = &delivery->next;
        wake_once(worker);
    }
    pthread_mutex_unlock(&worker->lock);
    if (!open) {
        whi_delivery_free(worker->engine, delivery);
    }
    return open;
}

static void task_done(whi_job *job, int code, const char *sentence) {
    whi_task *task = (whi_task *)job;
    whi_worker *worker = task->worker;
    size_t size = strlen(sentence);

    task->code = code;
    size = size < sizeof task->sentence ? size : sizeof task->sentence - 1;
    memcpy(task->sentence, sentence, size);
    task->sentence[size] = '\0';
    task->next = NULL;
    if (code != WH_OK && task->failed != NULL) {
        task->failed(task);
    }
    pthread_mutex_lock(&worker->lock);
    *worker->tasks_end = task;
    worker->tasks_end = &task->next;
    wake_once(worker);
    pthread_mutex_unlock(&worker->lock);
}

/* Of a worker that is shut nothing is written any more: what it wanted is in the store as it was. */
static void refuse(whi_task *task) {
    task->code = WH_ECLOSED;
    task->sentence[0] = '\0';
    task->back(task);
}

void whi_worker_submit(whi_worker *worker, whi_task *task) {
    task->worker = worker;
    if (!worker->open) {
        refuse(task);
        return;
    }
    task->job.done = task_done;
    atomic_fetch_add(&worker->engine->jobs_begun, 1);
    atomic_fetch_add(&worker->engine->jobs_open, 1);
    whi_writer_submit(worker->engine->writer, &task->job);
}

/* Events go to the worker's own list; deliveries to their lanes; tasks are answered. */
static int take_inbox(whi_worker *worker) {
    whi_delivery *deliveries;
    whi_task *tasks;
    int count = 0;

    pthread_mutex_lock(&worker->lock);
    worker->woken = 0;
    if (worker->events != NULL) {
        *worker->todo_end = worker->events;
        worker->todo_end = worker->events_end;
        worker->events = NULL;
        worker->events_end = &worker->events;
    }
    deliveries = worker->deliveries;
    worker->deliveries = NULL;
    worker->deliveries_end = &worker->deliveries;
    tasks = worker->tasks;
    worker->tasks = NULL;
    worker->tasks_end = &worker->tasks;
    pthread_mutex_unlock(&worker->lock);

    while (deliveries != NULL) {
        whi_delivery *next = deliveries->next;
        whi_lane_push(worker, deliveries);
        deliveries = next;
        count++;
    }
    while (tasks != NULL) {
        whi_task *next = tasks->next;
        tasks->back(tasks);
        atomic_fetch_sub(&worker->engine->jobs_open, 1);
        tasks = next;
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------------ turn */

static int may_fan_out(const whi_worker *worker) {
    return worker->todo != NULL && worker->queued < QUEUED_ENOUGH && !whi_fanout_waits(worker);
}

static int may_begin_another(const whi_worker *worker, int count, int64_t until_us) {
    return may_fan_out(worker) && count < FANOUT_BURST && atomic_load(&worker->engine->stop) == 0 &&
           (count == 0 || whi_monotonic_us() < until_us);
}

static int fan_out(whi_worker *worker) {
    int64_t until_us = whi_monotonic_us() + FANOUT_US;
    int count = 0;

    while (may_begin_another(worker, count, until_us)) {
        whi_event *event = worker->todo;
        worker->todo = event->next;
        if (worker->todo == NULL) {
            worker->todo_end = &worker->todo;
        }
        event->next = NULL;
        whi_fanout(worker, event);
        count++;
    }
    return count;
}

/* Fetching beyond what can be worked on soon would only fill memory. */
static void fetch(whi_worker *worker) {
    if (atomic_load(&worker->rescan)) {
        whi_claim_scan(worker);
    }
    whi_claim_due(worker);
    if (worker->todo == NULL && worker->queued < QUEUED_ENOUGH) {
        whi_claim_events(worker);
    }
}

/* A wait that found nothing may have taken the wake-up. */
static int was_woken(whi_worker *worker) {
    int woken;

    pthread_mutex_lock(&worker->lock);
    woken = worker->woken;
    pthread_mutex_unlock(&worker->lock);
    return woken;
}

/* Before it sleeps while deliveries wait for room, the thread makes room. */
static int wait_for_work(whi_worker *worker, whi_ready *ready, int timeout) {
    int count = 0;

    if (worker->throttled) {
        count = whi_poller_wait(worker->poller, ready, READY_MAXIMUM, 0);
        if (whi_send_pace(worker, count != 0) || count != 0 || was_woken(worker)) {
            return count;
        }
    }
    return whi_poller_wait(worker->poller, ready, READY_MAXIMUM, timeout);
}

/* Whose work it has, it has by the lease; after a pause beyond that, nothing is begun until a beat
 * was committed. */
static int has_lease(whi_worker *worker) {
    int64_t owner = whi_lease_owner(&worker->engine->lease);

    if (owner != 0 && owner != worker->owner) {
        worker->owner = owner;
        whi_lanes_drop(worker);
        atomic_store(&worker->rescan, 1);
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
    }
    whi_send_ready(worker);
}

int whi_worker_step(whi_worker *worker, int timeout) {
    whi_ready ready[READY_MAXIMUM];
    const whi_transport_vtable *transport = worker->engine->transport;
    int count = wait_for_work(worker, ready, timeout);

    if (count < 0) {
        return count;
    }
    worker->done_count = 0;
    transport->ready(worker->transport, ready, count);
    transport->tick(worker->transport);
    worker->done_count += take_inbox(worker);
    whi_upkeep(worker, whi_monotonic_us());
    work(worker);
    whi_record_submit(worker);
    return worker->done_count;
}

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int may_begin(const whi_worker *worker) {
    const wh_engine *engine = worker->engine;

    return atomic_load(&engine->stop) == 0 && whi_lease_owner(&engine->lease) != 0;
}

int whi_worker_timeout(whi_worker *worker) {
    int64_t wait = (whi_upkeep_next(worker) - whi_monotonic_us() + 999) / 1000;
    int transport = worker->engine->transport->timeout(worker->transport);

    if (may_begin(worker) && may_fan_out(worker)) {
        return 0;
    }
    if (worker->throttled && may_begin(worker) && worker->flight_limit < worker->engine->options.limits.in_flight) {
        return 0;
    }
    if (transport >= 0) {
        wait = smaller(wait, transport);
    }
    if (worker->heap_count > 0 && may_begin(worker)) {
        wait = smaller(wait, worker->heap[0]->stored_due - whi_now(worker->engine));
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
    pthread_mutex_init(&worker->lock, NULL);
    worker->events_end = &worker->events;
    worker->deliveries_end = &worker->deliveries;
    worker->tasks_end = &worker->tasks;
    worker->todo_end = &worker->todo;
    whi_decider_init(&worker->decider, engine->options.rules, &engine->options.limits);
    code = whi_poller_new(&worker->poller);
    code = code == WH_OK ? whi_worker_open(worker) : code;
    if (code != WH_OK) {
        whi_worker_free(worker);
        *out = NULL;
    }
    return code;
}

static int open_transport(whi_worker *worker) {
    const wh_engine *engine = worker->engine;
    whi_transport_options options = { &engine->options.limits, engine->policy, engine->options.user_agent,
                                      engine->options.ca_file, worker->poller, 0 };

    return worker->transport == NULL ? engine->transport->open(&worker->transport, &options) : WH_OK;
}

static void set_open(whi_worker *worker, int open) {
    pthread_mutex_lock(&worker->lock);
    worker->open = open;
    pthread_mutex_unlock(&worker->lock);
}

int whi_worker_open(whi_worker *worker) {
    int64_t most = worker->engine->options.limits.in_flight;
    int code = worker->record == NULL ? whi_record_begin(worker) : WH_OK;

    code = code == WH_OK ? open_transport(worker) : code;
    if (code != WH_OK) {
        return code;
    }
    worker->flight_limit = most < WHI_FLIGHTS_START ? (int)most : WHI_FLIGHTS_START;
    atomic_store(&worker->rescan, 1);
    set_open(worker, 1);
    return WH_OK;
}

static void free_events(wh_engine *engine, whi_event *event) {
    while (event != NULL) {
        whi_event *next = event->next;
        whi_event_unref(engine, event);
        event = next;
    }
}

/* The tasks that wait for another try are told that there is none. */
static void end_later_tasks(whi_worker *worker) {
    whi_task *tasks = worker->later_tasks;

    worker->later_tasks = NULL;
    while (tasks != NULL) {
        whi_task *next = tasks->next;
        tasks->code = WH_ECLOSED;
        tasks->back(tasks);
        tasks = next;
    }
}

void whi_worker_shut(whi_worker *worker) {
    set_open(worker, 0);
    if (worker->transport != NULL) {
        worker->engine->transport->close(worker->transport);
        worker->transport = NULL;
    }
    take_inbox(worker);
    end_later_tasks(worker);
    whi_record_free(worker);
    whi_send_free(worker);
    whi_lanes_free(worker);
    free_events(worker->engine, worker->todo);
    free_events(worker->engine, worker->later);
    worker->later = worker->todo = NULL;
    worker->todo_end = &worker->todo;
    worker->owner = 0;
    worker->throttled = 0;
}

void whi_worker_free(whi_worker *worker) {
    if (worker == NULL) {
        return;
    }
    whi_worker_shut(worker);
    whi_fanout_close(worker);
    whi_poller_free(worker->poller);
    pthread_mutex_destroy(&worker->lock);
    whi_free(worker);
}

whi_worker *whi_worker_of(wh_engine *engine, int64_t subscription) {
    return engine->workers[(uint64_t)subscription % (uint64_t)atomic_load(&engine->worker_count)];
}
