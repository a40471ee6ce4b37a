/* Tests: test_engine. */
#include "work/purge.h"

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/setting.h"
#include "work/unfetched.h"
#include "work/unmerged.h"

#define PURGE_ROWS 128
#define PURGE_EVERY_MS INT64_C(60000)
#define PURGE_PAUSE_MS INT64_C(100)

typedef struct purge {
    whi_task task;
    int64_t now, after;
    int count;
} purge;

/* How long things are kept is asked here, where nobody can change it before they go. */
static int run_purge(whi_job *job, whi_store *store) {
    purge *self = (purge *)job;
    int64_t after = self->task.worker->purge_after, retain, retain_failed;
    int code = whi_setting_now(store, WHI_RETAIN, &retain);

    code = code == WH_OK ? whi_setting_now(store, WHI_RETAIN_FAILED, &retain_failed) : code;
    code = code == WH_OK ? whi_unfetched_end(self->task.worker->engine, store, self->now - retain_failed, PURGE_ROWS)
                         : code;
    code = code == WH_OK ? whi_store_purge(store, whi_ident_first(self->now - retain),
                                           whi_ident_first(self->now - retain_failed), PURGE_ROWS, &after, &self->count)
                         : code;
    self->after = after;
    return code;
}

static void purge_back(whi_task *task) {
    purge *self = (purge *)task;
    whi_worker *worker = task->worker;
    int64_t now = whi_now(worker->engine);

    if (task->code == WH_OK) {
        worker->purge_after = self->after;
    }
    whi_timetable_at(&worker->timetable, &worker->purge,
                     now + (task->code == WH_OK && self->after != 0 ? PURGE_PAUSE_MS : PURGE_EVERY_MS));
    whi_free(self);
}

void whi_purge(whi_worker *worker, whi_entry *entry) {
    int64_t now = whi_now(worker->engine);
    purge *self = whi_calloc(1, sizeof *self);

    if (worker->purge_after == 0) {
        whi_unmerged_look(worker);
    }
    if (self == NULL) {
        whi_timetable_at(&worker->timetable, entry, now + PURGE_EVERY_MS);
        return;
    }
    self->now = now;
    self->task.job.run = run_purge;
    self->task.job.rows = PURGE_ROWS * 4;
    self->task.back = purge_back;
    whi_worker_submit(worker, &self->task);
}
