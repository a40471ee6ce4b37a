/* Tests: test_engine, test_engine_log. */
#include "work/reading.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/handover.h"
#include "engine/lease.h"
#include "engine/memory.h"
#include "engine/outbox.h"
#include "engine/position.h"
#include "engine/registry.h"

#define EVENTS_MAXIMUM 256
#define AGAIN_US INT64_C(1000000)

/* ----------------------------------------------------------------------- the outbox */

typedef struct intake {
    whi_task task;
    whi_answer rows;
} intake;

static int run_intake(whi_job *job, whi_store *store) {
    intake *self = (intake *)job;

    self->rows = (whi_answer){ 0 };
    return whi_outbox_take(self->task.worker->engine, store, &self->rows);
}

static void intake_back(whi_task *task) {
    intake *self = (intake *)task;
    whi_worker *worker = task->worker;
    wh_engine *engine = worker->engine;

    worker->taking_rows = 0;
    if (task->code != WH_OK) {
        whi_log(&engine->log, WH_LOG_ERROR, "the outbox cannot be emptied now: %s", task->sentence);
        whi_trouble(engine, task->code, task->sentence);
        whi_timetable_again(&worker->timetable, &worker->reading_again, whi_monotonic_us() + AGAIN_US);
        atomic_store(&engine->more_rows, 1);
    } else if (self->rows.number >= WHI_OUTBOX_ROWS) {
        atomic_store(&engine->more_rows, 1);
    }
    worker->done_count += (int)self->rows.number;
    whi_free(self);
}

/* By the reader: a transaction is begun for rows alone. Where it cannot be seen, the transaction tells why. */
static int has_rows(wh_engine *engine) {
    whi_store_work work;

    return engine->reader->vtable->work(engine->reader, &work) != WH_OK || work.outbox;
}

static void take_rows(whi_worker *worker) {
    intake *self;

    atomic_store(&worker->engine->more_rows, 0);
    if (!has_rows(worker->engine)) {
        return;
    }
    self = whi_calloc(1, sizeof *self);
    if (self == NULL) {
        atomic_store(&worker->engine->more_rows, 1);
        return;
    }
    self->task.job.run = run_intake;
    self->task.job.rows = WHI_OUTBOX_ROWS;
    self->task.back = intake_back;
    worker->taking_rows = 1;
    whi_worker_submit(worker, &self->task);
}

/* --------------------------------------------------------------------------- the log */

typedef struct reading {
    wh_engine *engine;
    whi_event *head, **tail;
    int count;
    long long bytes;
} reading;

static void drop_events(reading *self) {
    while (self->head != NULL) {
        whi_event *next = self->head->next;
        whi_event_unref(self->engine, self->head);
        self->head = next;
    }
}

static int take_event(const whi_event_row *row, void *payload) {
    reading *self = payload;
    whi_event *event = whi_event_new(self->engine, row);

    if (event == NULL) {
        return whi_fail_memory();
    }
    event->seen_before = 1;
    event->next = NULL;
    *self->tail = event;
    self->tail = &event->next;
    self->count++;
    self->bytes += (long long)row->payload_size;
    return WH_OK;
}

/* One that is refused was handed over meanwhile; or the reading has gone back, or memory is short: then all
 * behind it are refused, too. Returns the number of the last one. */
static int64_t hand_all(reading *self, int64_t after, int64_t owner) {
    whi_inbox *to = whi_hand_over_to(self->engine);

    while (self->head != NULL) {
        whi_event *event = self->head;
        int64_t number = event->number;

        self->head = event->next;
        event->next = NULL;
        whi_hand_over(self->engine, to, event, after, owner);
        after = number;
    }
    return after;
}

static void cannot_read(whi_worker *worker, int code) {
    wh_engine *engine = worker->engine;

    whi_log(&engine->log, WH_LOG_ERROR, "events cannot be read now: %s", wh_last_error());
    whi_trouble(engine, code, wh_last_error());
    whi_timetable_again(&worker->timetable, &worker->reading_again, whi_monotonic_us() + AGAIN_US);
    atomic_store(&engine->more_events, 1);
}

/* The registry is read after the log, so it is no older. */
static int read_log(whi_worker *worker, int limit, int64_t after, int64_t owner) {
    wh_engine *engine = worker->engine;
    whi_store *store = engine->reader;
    reading self = { .engine = engine, .tail = &self.head };
    int64_t upto;
    int code = store->vtable->event_log(store, after, limit, NULL, take_event, &self, &upto);

    code = code == WH_OK ? whi_registry_sync(engine->registry) : code;
    if (code != WH_OK) {
        cannot_read(worker, code);
        drop_events(&self);
        return 0;
    }
    if (self.count >= limit) {
        atomic_store(&engine->more_events, 1);
    }
    if (self.count > 0) {
        atomic_store(&engine->mean_payload, self.bytes / self.count + 1);
    }
    after = hand_all(&self, after, owner);
    if (!whi_position_passed(engine->position, owner, after, upto)) {
        atomic_store(&engine->more_events, 1);
    }
    return self.count;
}

/* As many events as fit into the memory that is left, by their mean size. */
static int events_limit(wh_engine *engine) {
    long long left = engine->options.limits.memory_bytes - whi_memory_used(engine->memory, WHI_POT_EVENTS);
    long long mean = atomic_load(&engine->mean_payload) + 512;
    long long fit = left / mean;

    if (atomic_load(&engine->events_open) == 0 && fit < 1) {
        return 1;
    }
    return fit < EVENTS_MAXIMUM ? (int)(fit < 0 ? 0 : fit) : EVENTS_MAXIMUM;
}

void whi_reading_again(whi_worker *worker, whi_entry *entry) {
    (void)worker;
    (void)entry; /* it is out of the timetable now, and whi_reading asks again */
}

void whi_reading(whi_worker *worker) {
    wh_engine *engine = worker->engine;
    int limit = events_limit(engine);
    int64_t owner, after;

    if (worker->index != 0 || whi_entry_is_set(&worker->reading_again)) {
        return;
    }
    if (!worker->taking_rows && atomic_load(&engine->more_rows)) {
        take_rows(worker);
    }
    if (limit == 0 || !atomic_load(&engine->more_events)) {
        return;
    }
    after = whi_position_next(engine->position, &owner);
    if (after != WHI_NOWHERE) {
        atomic_store(&engine->more_events, 0); /* before the look: what comes after it sets it again */
        worker->done_count += read_log(worker, limit, after, owner);
    }
}
