/* How a reading ends: its run's text, what has vanished, and what its failures lead to.
 * Tests: test_engine_poll, test_engine_poll_faults. */
#include "work/poll_running.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "pure/poll.h"
#include "work/poll_forget.h"

#define GONE_ROWS 500               /* of what has vanished, in one commit */
#define ELSEWHERE INT64_C(2000)     /* ms to the next look at a row that another process is at */
#define TROUBLE INT64_C(10000)      /* ms to the next try where nothing can be written */
#define WAIT_MOST INT64_C(86400000) /* ms that a source may ask to be left alone */
#define WAIT_SHORT INT64_C(60000)   /* ms: below it only some waits in a row are no failures */
#define WAITS 2                     /* short ones in a row */

/* ------------------------------------------------------------------------ ending */

int whi_poll_write_rows(whi_poll_running *self) {
    int code;

    self->commit.targets = self->targets;
    self->commit.target_count = self->count;
    code = whi_poll_commit_write(&self->commit);
    if (code == WH_OK) {
        whi_poll_same_wrote(self->job->same, &self->own);
    }
    return code;
}

int whi_poll_add_run(whi_poll_running *self, const char *text) {
    whi_poll_target *own = &self->own;
    whi_buf runs;
    int code;

    whi_buf_init(&runs, SIZE_MAX / 4);
    code = whi_poll_runs_add(own->runs, text, &runs);
    whi_buf_char(&runs, '\0');
    code = code == WH_OK ? whi_buf_status(&runs) : code;
    code = code == WH_OK ? whi_poll_target_set(&own->runs, &own->row.runs, runs.data) : code;
    whi_buf_free(&runs);
    return code;
}

static void tell_run(whi_poll_running *self, const char *outcome, int stage, const char *error,
                     char text[WHI_POLL_RUN_SIZE]) {
    const wh_backend_poll *row = &self->own.row;
    whi_poll_run run = { .at = row->started_at,
                         .took = whi_now(self->engine) - row->started_at,
                         .pages = row->pages,
                         .objects = row->objects,
                         .sent = row->sent,
                         .gone = row->gone,
                         .skipped = row->skipped,
                         .large = row->large,
                         .outcome = outcome,
                         .stage = (enum whi_poll_stage)stage,
                         .error = error };

    for (size_t i = 1; i < self->count; i++) {
        run.sent += self->targets[i]->row.sent;
    }
    whi_poll_run_text(&run, text);
}

static void log_failure(whi_poll_running *self, const char *text) {
    whi_log(&self->engine->log, WH_LOG_WARNING, "polling %s: %s", self->own.name != NULL ? self->own.name : "", text);
}

/* What cannot be written now is told with the next run that can. */
static void keep_trouble(whi_poll_running *self, const char *text) {
    snprintf(self->job->trouble, WHI_POLL_RUN_SIZE, "%s", text);
    log_failure(self, text);
    self->out->due = whi_now(self->engine) + TROUBLE;
}

/* The row goes on at its page; where that fails once more, from the beginning. */
static void note_failure(whi_poll_target *own, int64_t now, int is_refused) {
    own->row.failures++;
    own->row.tries++;
    own->row.refused = is_refused;
    own->row.next_at = now + whi_poll_backoff(own->row.failures);
    if (own->row.tries > 1) {
        own->row.phase = WHI_POLL_REST;
        (void)whi_poll_target_set(&own->page, &own->row.page, NULL);
    }
}

static int retry_after(const whi_poll_answer *answer) {
    return answer != NULL && answer->retry_after >= 0;
}

/* 1: it has only to wait. Who may not read does not come to it by waiting, and who is sent away for moments again and
 * again is no better off than one that fails: both are asked ever more seldom, and are not healthy in the end. */
static int only_waits(const whi_poll_running *self, const whi_poll_answer *answer) {
    return retry_after(answer) && !answer->is_refused &&
           (answer->retry_after >= WAIT_SHORT || self->own.row.tries < WAITS);
}

static void note_wait(whi_poll_target *own, int64_t now, int64_t wait) {
    own->row.tries += wait < WAIT_SHORT;
    own->row.next_at = now + (wait < 1000 ? 1000 : wait > WAIT_MOST ? WAIT_MOST : wait);
}

void whi_poll_fail(whi_poll_running *self, int stage, const char *error, const whi_poll_answer *answer) {
    int64_t now = whi_now(self->engine), wait = retry_after(answer) ? answer->retry_after : 0;
    int waits = only_waits(self, answer);
    char text[WHI_POLL_RUN_SIZE];
    int code;

    tell_run(self, waits ? "waits" : "failed", stage, error, text);
    if (waits) {
        note_wait(&self->own, now, wait);
    } else {
        note_failure(&self->own, now, answer != NULL && answer->is_refused);
        wait = wait > WAIT_MOST ? WAIT_MOST : wait;
        self->own.row.next_at = now + wait > self->own.row.next_at ? now + wait : self->own.row.next_at;
        log_failure(self, text);
    }
    code = whi_poll_add_run(self, text);
    self->own.row.asked = self->goes_on ? self->asked & WH_POLL_NOW : 0; /* it is no use to ask at once */
    self->commit.error = error;
    self->commit.leaves = 1; /* it may be that this process has lost the source */
    code = code == WH_OK ? whi_poll_write_rows(self) : code;
    self->commit.leaves = 0;
    self->commit.error = NULL;
    self->out->due = self->own.row.next_at;
    if (code != WH_OK && code != WH_ECONFLICT) {
        keep_trouble(self, text);
    }
}

void whi_poll_fail_writing(whi_poll_running *self, int code) {
    char text[WHI_POLL_RUN_SIZE];

    if (code == WH_ECONFLICT) {
        int has_lease = whi_lease_owner(self->engine->lease) != 0;
        self->out->due = has_lease ? whi_now(self->engine) + ELSEWHERE : 0; /* as soon as it has one again */
        return;
    }
    tell_run(self, "failed", WHI_POLL_DISPATCH, wh_last_error(), text);
    keep_trouble(self, text);
}

void whi_poll_step_scans(whi_poll_running *self, int again) {
    for (size_t i = 0; i < self->count; i++) {
        wh_backend_poll *row = &self->targets[i]->row;
        row->scan = again || row->full ? whi_poll_scan_after(row->scan) : row->scan;
    }
}

static int64_t former_scan(int64_t scan) {
    return scan == 1 ? 120 : scan - 1;
}

static wh_backend_unseen unseen_of(const whi_poll_running *self, const whi_poll_target *target) {
    return (wh_backend_unseen){ .seen = target->row.seen,
                                .scan = target->row.scan,
                                .other = self->own.row.phase == WHI_POLL_READS ? 0 : former_scan(target->row.scan),
                                .limit = GONE_ROWS };
}

static int count_gone(whi_poll_running *self, int64_t *out, int *suspicious) {
    whi_store *store = self->engine->store;
    int code = WH_OK;

    *out = 0;
    *suspicious = 0;
    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        wh_backend_unseen asked = unseen_of(self, self->targets[i]);
        int64_t gone, all;
        code = self->targets[i]->first ? WH_ENOTFOUND : store->vtable->unseen_count(store, &asked, &gone, &all);
        if (code == WH_OK) {
            *suspicious |= whi_poll_is_suspicious(gone, all);
            *out += gone;
        }
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

/* ------------------------------------------------------------------- what has vanished */

typedef struct vanishing {
    whi_poll_running *self;
    whi_poll_target *target;
    size_t count;
    int failed;
} vanishing;

static int vanish(const wh_backend_seen *row, void *payload) {
    vanishing *it = payload;
    whi_buf object;

    whi_buf_init(&object, 4 * WHI_POLL_ID_SIZE + 64);
    whi_buf_text(&object, "{\"id\":");
    whi_poll_id_write(row->id, row->id_size, &object);
    whi_buf_char(&object, '}');
    it->failed = whi_buf_status(&object);
    if (it->failed == WH_OK && it->target->wants[WHI_POLL_IS_DELETED]) {
        whi_poll_commit_tell(&it->self->commit, it->target, WHI_POLL_IS_DELETED, WHI_POLL_CHANGE, object.data,
                             object.size);
    }
    whi_poll_commit_note(&it->self->commit, it->target, row->id, row->id_size, 0, -1);
    it->count++;
    whi_buf_free(&object);
    return it->failed;
}

/* Some hundreds of a target, or of the next one where there are no more. */
static int tell_some(whi_poll_running *self, size_t *told) {
    whi_store *store = self->engine->store;
    vanishing it = { self, NULL, 0, WH_OK };
    int code = WH_OK;

    for (size_t i = 0; i < self->count && code == WH_OK && it.count == 0; i++) {
        wh_backend_unseen asked = unseen_of(self, self->targets[i]);
        it.target = self->targets[i];
        code = it.target->first ? WH_OK : store->vtable->unseen_list(store, &asked, vanish, &it);
    }
    *told = it.count;
    self->own.row.gone += (int64_t)it.count;
    return code;
}

/* --------------------------------------------------------------------------- the end */

static int64_t interval_of(const whi_poll_running *self) {
    int64_t least = INT64_MAX;

    for (size_t i = 0; i < self->job->count; i++) {
        const whi_subscription *s = self->job->list[i]->subscription;
        if (whi_subscription_is_enabled(s) && s->poll_interval < least) {
            least = s->poll_interval;
        }
    }
    return least != INT64_MAX ? least : self->wants->poll_interval;
}

static void end_histories(whi_poll_running *self) {
    for (size_t i = 1; i < self->count; i++) {
        self->targets[i]->row.phase = WHI_POLL_JOINED;
        self->joined[i - 1] = self->targets[i]->subscription;
    }
    self->commit.joined = self->joined;
    self->commit.joined_count = self->count - 1;
}

/* What they have to hear of is not told yet: they join with the next reading, and say why they have not. */
static void keep_histories(whi_poll_running *self) {
    for (size_t i = 1; i < self->count; i++) {
        self->targets[i]->row.suspicious = 1;
    }
}

static void forget_histories(whi_poll_running *self) {
    for (size_t i = 1; i < self->count; i++) {
        const whi_poll_target *target = self->targets[i];
        whi_poll_version version = { .id = target->row.id, .turn = target->row.turn };
        memcpy(version.salt, target->salt, sizeof version.salt);
        (void)whi_poll_forget(self->engine, &version);
    }
}

static void settle(whi_poll_running *self, const char *state, int suspicious) {
    wh_backend_poll *row = &self->own.row;
    int64_t now = whi_now(self->engine);

    row->checked_at = row->started_at;
    row->full_at = row->full ? row->started_at : row->full_at;
    row->failures = row->refused = row->tries = 0;
    row->suspicious = suspicious;
    row->phase = self->own.is_history ? WHI_POLL_WAITS : WHI_POLL_REST;
    row->next_at = self->own.is_history ? INT64_MAX : whi_poll_next(now, interval_of(self), row->id);
    row->asked = row->full ? self->asked & WH_POLL_CONFIRM : 0; /* it is of what vanished, which changes do not say */
    (void)whi_poll_target_set(&self->own.page, &row->page, NULL);
    if (state != NULL) {
        (void)whi_poll_target_set(&self->own.state, &row->state, state);
    }
}

void whi_poll_finish(whi_poll_running *self, const char *state, int suspicious) {
    char text[WHI_POLL_RUN_SIZE];
    int code;

    tell_run(self, suspicious ? "suspicious" : "ok", 0, NULL, text);
    if (suspicious) {
        log_failure(self, text);
    }
    settle(self, state, suspicious);
    code = whi_poll_add_run(self, text);
    if (suspicious) {
        keep_histories(self);
    } else {
        end_histories(self);
    }
    self->commit.ask = self->own.is_history ? self->job->list[0]->poll : 0;
    code = code == WH_OK ? whi_poll_write_rows(self) : code;
    if (code != WH_OK) {
        whi_poll_fail_writing(self, code);
        return;
    }
    if (suspicious) { /* more may be known than was met */
        whi_poll_same_forget(self->job->same);
    } else {
        whi_poll_same_end(self->job->same);
    }
    if (!suspicious) {
        forget_histories(self);
    }
    self->out->due = self->goes_on && (self->asked & WH_POLL_NOW) ? whi_now(self->engine) : self->own.row.next_at;
    self->out->has_sent = self->own.is_history;
}

/* 1: what was not met is missing indeed, if it stays so. */
static int tells_deletions(const whi_poll_running *self) {
    return self->job->source->own.can & WH_SOURCE_ALL && self->own.row.full && !self->own.is_history;
}

int whi_poll_is_stopped(const whi_poll_running *self) {
    return atomic_load(self->job->stop) || whi_halting();
}

void whi_poll_tell_gone(whi_poll_running *self, const char *state) {
    size_t told = 1;
    int code = WH_OK;

    self->own.row.phase = self->own.row.phase == WHI_POLL_AGAIN ? WHI_POLL_TELLS : self->own.row.phase;
    while (code == WH_OK && told > 0 && !whi_poll_is_stopped(self)) {
        code = tell_some(self, &told);
        code = code == WH_OK && told > 0 ? whi_poll_write_rows(self) : code;
    }
    if (code != WH_OK) {
        whi_poll_fail_writing(self, code);
    } else if (told == 0) {
        whi_poll_finish(self, state, 0);
    }
}

static void begin_with_first(whi_poll_running *self) {
    self->barren = 0;
    whi_free(self->mark);
    self->mark = NULL;
    (void)whi_poll_target_set(&self->own.page, &self->own.row.page, NULL);
    whi_poll_step_scans(self, 1);
}

void whi_poll_begin_marks(whi_poll_running *self) {
    self->compares = 0;
    self->own.row.full = WHI_POLL_MARKS;
    begin_with_first(self);
    (void)whi_poll_same_begin(self->job->same, &self->own, &self->limits, 1);
}

static int begin_again(whi_poll_running *self) {
    self->own.row.phase = WHI_POLL_AGAIN;
    begin_with_first(self);
    whi_poll_same_forget(self->job->same); /* what is known may have been met in either of the two */
    return whi_poll_write_rows(self);
}

/* Nothing is marked, and nothing is missing; or it is to be found what is. 1: it is read with marks. */
static int end_compared(whi_poll_running *self, const char *state) {
    int code;

    if (whi_poll_same_is_whole(self->job->same)) {
        whi_poll_finish(self, state, 0);
        return 0;
    }
    whi_poll_begin_marks(self);
    code = whi_poll_write_rows(self);
    if (code != WH_OK) {
        whi_poll_fail_writing(self, code);
    }
    return code == WH_OK;
}

/* 1: what is missing may be missing by mistake: a list moves while its pages are read, and an empty one is what many
 * a source gives that is not itself. */
static int is_doubtful(const wh_backend_poll *row) {
    return row->pages > 1 || row->objects + row->large == 0;
}

int whi_poll_end_pages(whi_poll_running *self, const char *state) {
    int64_t gone = 0;
    int suspicious = 0, code;

    if (self->compares) {
        return end_compared(self, state);
    }
    code = tells_deletions(self) ? count_gone(self, &gone, &suspicious) : WH_OK;

    if (code == WH_OK && gone > 0 && self->own.row.phase == WHI_POLL_READS && is_doubtful(&self->own.row)) {
        code = begin_again(self);
        if (code == WH_OK) {
            return 1;
        }
    }
    if (code != WH_OK) {
        whi_poll_fail_writing(self, code);
    } else if (suspicious && !(self->asked & WH_POLL_CONFIRM)) {
        self->own.row.gone = gone;
        whi_poll_finish(self, state, 1);
    } else if (gone > 0) {
        whi_poll_tell_gone(self, state);
    } else {
        whi_poll_finish(self, state, 0);
    }
    return 0;
}
