/* Tests: test_purge, test_engine. */
#include "work/purge.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "work/unfetched.h"
#include "work/unmerged.h"

#define EVERY_MS INT64_C(60000)
#define PAUSE_MS 1 /* between two steps, at least */
#define SHARE 4    /* pauses are so many times as long as steps */
#define MOST 128   /* events of a step, however quickly they go */
#define LATE_MOST 1024
#define UNFETCHED 32 /* deliveries that are given up in one step */
#define ROWS 16      /* as the writer counts: little enough to go along with what others write */

typedef struct purge {
    whi_task task;
    whi_purge_step step;
    int64_t now, took_us;
    int64_t asked_us, done_us; /* monotonic: when the writer got it, and when it was done, before its commit */
    int gave_up;               /* 1: there may be more that nobody fetches */
} purge;

static int is_late(int64_t since_ms) {
    return since_ms >= WHI_PURGE_LATE_MS;
}

static int64_t between(int64_t least, int64_t most, int64_t value) {
    return value < least ? least : value > most ? most : value;
}

int64_t whi_purge_span(int64_t commit_us, int64_t waited_us, int64_t since_ms) {
    int64_t span_us = between(WHI_PURGE_LEAST_US, WHI_PURGE_MOST_US, commit_us / 2);
    int64_t part = since_ms < WHI_PURGE_LATER_MS ? 2 : 1;

    return is_late(since_ms) ? between(span_us, WHI_PURGE_LATE_US, waited_us / part) : span_us;
}

int64_t whi_purge_pause(int64_t took_us, int64_t since_ms) {
    int64_t ms = (took_us * SHARE + 999) / 1000;

    if (is_late(since_ms)) {
        return since_ms < WHI_PURGE_LATER_MS ? PAUSE_MS : 0;
    }
    return ms > PAUSE_MS ? ms : PAUSE_MS;
}

int whi_purge_run(whi_store *store, whi_purge_step *step) {
    int code = WH_OK, count, left = step->most;

    do {
        int piece = left < WHI_PURGE_PIECE ? left : WHI_PURGE_PIECE;

        code = whi_store_purge(store, step->done_before, step->failed_before, piece, &step->after, &count);
        step->count += code == WH_OK ? count : 0;
        left -= piece;
    } while (code == WH_OK && step->after != 0 && left > 0 && whi_monotonic_us() < step->until_us);
    return code;
}

/* At the beginning of a pass, and while there are more: all lanes are looked at for it. */
static int give_up_unfetched(purge *self, whi_store *store, int64_t before) {
    whi_worker *worker = self->task.worker;
    int count = 0, code = WH_OK;

    if ((worker->purge_after == 0 || worker->purge_gave_up) && whi_registry_may_be_fetched(worker->engine->registry)) {
        code = whi_unfetched_end(worker->engine, store, before, UNFETCHED, &count);
    }
    self->gave_up = count > 0;
    return code;
}

/* How long things are kept is asked here, where nobody can change it before they go. */
static int run_purge(whi_job *job, whi_store *store) {
    purge *self = (purge *)job;
    const whi_worker *worker = self->task.worker;
    int64_t retain, retain_failed, began_us = whi_monotonic_us();
    int64_t span_us =
        whi_purge_span(worker->purge_commit_us, began_us - self->asked_us, self->now - worker->purge_began);
    int code = whi_setting_now(store, WHI_RETAIN, &retain);

    code = code == WH_OK ? whi_setting_now(store, WHI_RETAIN_FAILED, &retain_failed) : code;
    if (code != WH_OK) {
        return code;
    }
    self->step = (whi_purge_step){ .done_before = whi_ident_first(self->now - retain),
                                   .failed_before = whi_ident_first(self->now - retain_failed),
                                   .after = worker->purge_after,
                                   .until_us = began_us + span_us,
                                   .most = span_us > WHI_PURGE_MOST_US ? LATE_MOST : MOST };
    code = give_up_unfetched(self, store, self->now - retain_failed);
    code = code == WH_OK ? whi_purge_run(store, &self->step) : code;
    self->done_us = whi_monotonic_us();
    self->took_us = self->done_us - began_us;
    return code;
}

static void purge_back(whi_task *task) {
    purge *self = (purge *)task;
    whi_worker *worker = task->worker;
    int64_t now = whi_now(worker->engine), next = EVERY_MS;

    if (task->code == WH_OK) {
        worker->purge_after = self->step.after;
        worker->purge_gave_up = self->gave_up;
        worker->purge_commit_us = whi_monotonic_us() - self->done_us;
    }
    if (task->code == WH_OK && (self->step.after != 0 || self->gave_up)) {
        next = whi_purge_pause(self->took_us, now - worker->purge_began);
    }
    whi_timetable_at(&worker->timetable, &worker->purge, now + next);
    whi_free(self);
}

/* The first step of a pass, which mostly is the last one, is not put off: who waits until nothing is to be done would
 * wait for it. */
void whi_purge(whi_worker *worker, whi_entry *entry) {
    int64_t now = whi_now(worker->engine);
    purge *self = whi_calloc(1, sizeof *self);

    if (worker->purge_after == 0 && !worker->purge_gave_up) {
        worker->purge_began = now;
        whi_unmerged_look(worker);
    }
    if (self == NULL) {
        whi_timetable_at(&worker->timetable, entry, now + EVERY_MS);
        return;
    }
    self->now = now;
    self->asked_us = whi_monotonic_us();
    self->task.job.run = run_purge;
    self->task.job.rows = ROWS;
    self->task.job.rides = worker->purge_after != 0 && !is_late(now - worker->purge_began);
    self->task.back = purge_back;
    whi_worker_submit(worker, &self->task);
}
