/* Tests: test_engine_poll. */
#include "work/poll_run.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/setting.h"
#include "engine/writer.h"
#include "pure/poll.h"
#include "pure/poll_page.h"
#include "work/poll_forget.h"
#include "work/poll_running.h"

#define BARREN 1000             /* pages in a row with nothing new on them: it has no end */
#define NOT_OURS INT64_C(10000) /* ms that the owner of its partition has before others read */

/* ---------------------------------------------------------------------- whom it is for */

static int is_joining(const whi_poll_target *target) {
    return target->row.phase == WHI_POLL_WAITS || target->row.phase == WHI_POLL_JOINS;
}

/* Those whose history is sent are read for as well; in the middle of a reading only those of its beginning. */
static int take_history(whi_poll_running *self, whi_registration *registration) {
    whi_poll_target *target = &self->joins[self->count - 1];
    int is_begun = self->own.row.phase != WHI_POLL_REST;
    int code = whi_poll_target_read(self->engine, target, registration->subscription->id);

    if (code != WH_OK || !target->there || !is_joining(target) || (is_begun && target->row.phase != WHI_POLL_JOINS)) {
        whi_poll_target_free(target);
        return code;
    }
    target->first = 0;
    target->joins = 1;
    target->subscription = registration->subscription->id;
    code = whi_poll_target_want(target, &registration, 1);
    self->targets[self->count++] = target;
    return code;
}

static int take_histories(whi_poll_running *self) {
    int code = WH_OK;

    for (size_t i = 0; i < self->job->count && code == WH_OK && self->count <= WHI_POLL_JOINING; i++) {
        whi_registration *registration = self->job->list[i];
        if (registration->subscription->poll_history && whi_subscription_may_take(registration->subscription)) {
            code = take_history(self, registration);
        }
    }
    return code;
}

/* Events of the poll itself are for those alone that have no history any more. */
static int want(whi_poll_running *self) {
    int code = WH_OK;

    self->own.is_history = self->wants->poll_history && self->job->id == self->wants->id;
    self->own.subscription = self->own.is_history ? self->job->id : 0;
    self->own.chunk = 0;
    for (size_t i = 0; i < self->job->count && code == WH_OK; i++) {
        if (self->own.is_history || !self->job->list[i]->subscription->poll_history) {
            int64_t chunk = self->own.chunk;
            code = whi_poll_target_want(&self->own, &self->job->list[i], 1);
            self->own.chunk = chunk != 0 && chunk < self->own.chunk ? chunk : self->own.chunk;
        }
    }
    self->own.chunk = self->own.chunk == 0 ? WHI_POLL_OBJECTS : self->own.chunk;
    return code;
}

/* -------------------------------------------------------------------- where it goes on */

/* Brent: a name is kept, and another after twice as many pages; who meets it again goes round. */
static const char *check_next(whi_poll_running *self, const char *next) {
    if (self->barren > BARREN) {
        return "1000 pages in a row have nothing new: the list has no end";
    }
    if ((self->own.page != NULL && strcmp(self->own.page, next) == 0) ||
        (self->mark != NULL && strcmp(self->mark, next) == 0)) {
        return "the same page comes again: the list is a circle";
    }
    if (self->round++ == self->power) {
        whi_free(self->mark);
        self->mark = whi_strdup(next, WH_ZSTR);
        self->power = self->power * 2 + 1;
    }
    return NULL;
}

/* ----------------------------------------------------------------------------- pages */

/* For the latest of those that are read for. A source's own token is the poll's, and says nothing of others. */
static void fill_query(const whi_poll_running *self, wh_source_query *query) {
    const wh_backend_poll *row = &self->own.row;
    int64_t since = row->checked_at < row->started_at ? row->checked_at : row->started_at; /* of a clock put back */

    *query = (wh_source_query){ .size = sizeof *query,
                                .tenant = self->wants->tenant,
                                .connection = self->wants->source != NULL ? self->wants->source : "",
                                .object_type = self->wants->poll_type,
                                .filters = self->wants->filters,
                                .fields = self->wants->fields,
                                .page = self->own.page,
                                .limit = self->own.chunk <= 1000 ? self->own.chunk : 100 };
    for (size_t i = 1; i < self->count; i++) {
        since = self->targets[i]->row.checked_at < since ? self->targets[i]->row.checked_at : since;
    }
    if (!row->full) {
        query->changed_since = whi_poll_since(since, row->newest);
        query->state = self->count == 1 ? self->own.state : NULL;
    }
}

/* 1: the page says what it said before. Where the first one does not, marks cost no more. */
static int is_alike(whi_poll_running *self, const whi_poll_answer *answer) {
    enum whi_poll_sameness found =
        self->own.row.full && !self->own.is_history
            ? whi_poll_same_page(self->job->same, self->compares, answer->items != NULL ? answer->items : "[]",
                                 answer->items != NULL ? answer->items_size : 2, &self->own.row)
            : WHI_POLL_OTHER;

    if (found == WHI_POLL_UNLIKE) {
        self->compares = 0;
        self->own.row.full = WHI_POLL_MARKS;
        whi_poll_step_scans(self, 0);
    }
    self->barren = found == WHI_POLL_ALIKE ? 0 : self->barren;
    return found == WHI_POLL_ALIKE;
}

static int look_into(whi_poll_running *self, const whi_poll_answer *answer, whi_poll_page *page, int *is_page) {
    int code = whi_poll_items(self, &self->own, answer, page);

    *is_page = code == WH_OK;
    code = code == WH_OK ? whi_poll_take(self, answer, page) : code;
    if (code == WH_OK) {
        whi_poll_count_page(self, page);
        whi_poll_same_counted(self->job->same, page);
    }
    return code;
}

/* 1: there is another page. */
static int take_page(whi_poll_running *self, const whi_poll_answer *answer) {
    whi_poll_page page = { 0 };
    const char *circle = NULL;
    int is_page = 1, code = is_alike(self, answer) ? WH_OK : look_into(self, answer, &page, &is_page);

    if (code == WH_OK) {
        circle = answer->next != NULL ? check_next(self, answer->next) : NULL;
        if (circle == NULL) {
            code = whi_poll_target_set(&self->own.page, &self->own.row.page, answer->next);
        }
    }
    if (code == WH_OK && self->own.is_history && answer->next == NULL) {
        whi_poll_tell_last(self);
    }
    if (code != WH_OK || circle != NULL) {
        self->commit.event_count = self->commit.note_count = 0;
        whi_poll_same_forget(self->job->same);
        self->own.row.tries += circle != NULL; /* no use in going on there */
        whi_poll_fail(self, is_page && circle == NULL ? WHI_POLL_PROCESS : WHI_POLL_READ,
                      circle != NULL ? circle : wh_last_error(), NULL);
        whi_poll_page_free(&page);
        return 0;
    }
    code = whi_poll_write_rows(self);
    whi_poll_page_free(&page);
    if (code != WH_OK) {
        whi_poll_same_forget(self->job->same);
        whi_poll_fail_writing(self, code);
        return 0;
    }
    return answer->next != NULL ? 1 : whi_poll_end_pages(self, answer->state);
}

/* The event that was made last has yet to be decided. */
static int is_undecided(whi_poll_running *self) {
    whi_store *store = self->engine->store;
    whi_store_work work;
    char id[WH_ID_SIZE];
    int64_t number;

    whi_poll_event_id(self->own.row.id, WHI_POLL_PART, self->own.row.sequence, id);
    return store->vtable->event_number(store, id, self->wants->tenant, &number) == WH_OK &&
           store->vtable->work(store, &work) == WH_OK && work.events && work.first <= number;
}

/* The page that is read next waits until its receiver has got the one before. */
static int is_blocked(whi_poll_running *self) {
    whi_store *store = self->engine->store;
    int64_t waiting = 0, oldest;

    if (!self->own.is_history) {
        return 0;
    }
    if (!is_undecided(self) &&
        store->vtable->waiting_count(store, self->own.subscription, 1, &waiting, &oldest) == WH_OK && waiting == 0) {
        return 0;
    }
    self->out->is_blocked = 1;
    self->out->due = INT64_MAX;
    return 1;
}

static int read_page(whi_poll_running *self) {
    wh_source_query query;
    whi_poll_answer answer;
    int more = 0;

    fill_query(self, &query);
    whi_poll_ask(self->job->source, &query, self->job->stop, &answer);
    if (whi_poll_is_stopped(self)) {
        self->out->due = 0;
    } else if (answer.code != WH_OK) {
        whi_poll_fail(self, answer.is_refused ? WHI_POLL_REFRESH : WHI_POLL_READ, answer.error, &answer);
    } else if (answer.is_unchanged && self->own.row.full) {
        whi_poll_fail(self, WHI_POLL_READ, "unchanged, where all was asked for", NULL);
    } else if (answer.is_unchanged) {
        whi_poll_finish(self, answer.state, 0);
    } else {
        more = take_page(self, &answer);
    }
    whi_poll_answer_free(&answer);
    return more;
}

static void read_pages(whi_poll_running *self) {
    int more = 1;

    while (more && !whi_poll_is_stopped(self) && !is_blocked(self)) {
        more = read_page(self);
    }
}

/* ------------------------------------------------------------------------- beginning */

/* What a suspicious reading has found missing is told by a complete one alone: where somebody has said that it is so,
 * and to histories that it has left over. */
static int is_full(const whi_poll_running *self, int64_t now) {
    const wh_source *own = &self->job->source->own;
    const wh_backend_poll *row = &self->own.row;

    int awaits_all = row->suspicious && (self->count > 1 || (self->asked & WH_POLL_CONFIRM) != 0);

    return self->own.first || awaits_all || row->checked_at > now + WHI_POLL_PUT_BACK ||
           !(own->can & WH_SOURCE_CHANGES) || (own->full_every > 0 && now - row->full_at >= own->full_every);
}

/* What a poll reads for itself alone can be compared with what it has read before. After the first reading more may be
 * known than that has met: it may have begun twice. */
static void begin_same(whi_poll_running *self) {
    if (!self->own.row.full || self->own.is_history || self->own.first) {
        whi_poll_same_forget(self->job->same);
        return;
    }
    self->compares = whi_poll_same_begin(self->job->same, &self->own, &self->limits, self->count > 1);
    self->own.row.full = self->compares ? WHI_POLL_BY_PAGES : WHI_POLL_MARKS;
}

static void begin_reading(whi_poll_running *self, int64_t now) {
    for (size_t i = 0; i < self->count; i++) {
        wh_backend_poll *row = &self->targets[i]->row;
        row->full = is_full(self, now);
        row->pages = row->objects = row->sent = row->gone = row->skipped = row->large = 0;
    }
    self->own.row.phase = WHI_POLL_READS;
    self->own.row.started_at = now;
    for (size_t i = 1; i < self->count; i++) {
        self->targets[i]->row.phase = WHI_POLL_JOINS;
    }
    (void)whi_poll_target_set(&self->own.page, &self->own.row.page, NULL);
    begin_same(self);
    if (!self->compares) {
        whi_poll_step_scans(self, 0);
    }
}

/* Who does not know what was met so far can compare nothing. */
static void go_on(whi_poll_running *self) {
    int knows = whi_poll_same_goes_on(self->job->same, &self->own);

    if (self->own.row.full == WHI_POLL_BY_PAGES && self->own.row.phase == WHI_POLL_READS) {
        self->compares = knows;
        if (!knows) {
            whi_poll_begin_marks(self);
        }
    }
}

static int name_it(whi_poll_running *self) {
    char name[300];

    snprintf(name, sizeof name, "%s %s", self->wants->source != NULL ? self->wants->source : "",
             self->wants->poll_type);
    return whi_poll_target_set(&self->own.name, &self->own.row.name, name);
}

/* The row is this process's from here on. */
static int claim(whi_poll_running *self, int64_t now) {
    int is_begun = self->own.row.phase != WHI_POLL_REST, code = name_it(self);

    self->asked = self->own.row.asked;
    if (self->asked & WH_POLL_RESUME) {
        self->own.row.failures = self->own.row.refused = self->own.row.tries = 0;
    }
    self->goes_on = is_begun && !self->own.is_history;
    if (is_begun) {
        go_on(self);
    } else {
        begin_reading(self, now);
    }
    if (code == WH_OK && self->job->trouble[0] != '\0') {
        code = whi_poll_add_run(self, self->job->trouble);
    }
    self->own.row.asked = self->asked & (self->goes_on ? WH_POLL_RESUME : WH_POLL_NOW | WH_POLL_RESUME);
    self->commit.taken = is_begun;
    code = code == WH_OK ? whi_poll_write_rows(self) : code;
    self->commit.taken = 0;
    if (code == WH_OK) {
        self->job->trouble[0] = '\0';
    }
    return code;
}

/* ms: when it is due; a row in the middle of a reading is so when its time has come, too (it failed), or it was left.
 */
static int64_t due_of(const whi_poll_running *self, int64_t now) {
    const wh_backend_poll *row = &self->own.row;
    int64_t grace = self->job->is_ours || !self->own.there ? 0 : NOT_OURS;

    if (row->phase >= WHI_POLL_WAITS) {
        return INT64_MAX;
    }
    if (row->asked & (WH_POLL_NOW | WH_POLL_RESUME)) {
        return now;
    }
    if (row->started_at > now + WHI_POLL_PUT_BACK) {
        return now;
    }
    return row->next_at + grace;
}

static void run(whi_poll_running *self) {
    int64_t now = whi_now(self->engine), due = due_of(self, now);
    int code;

    self->out->due = due;
    if (due > now) {
        self->out->has_sent = self->own.row.phase == WHI_POLL_WAITS;
        return;
    }
    code = self->own.is_history ? WH_OK : take_histories(self);
    code = code == WH_OK ? claim(self, now) : code;
    if (code != WH_OK) {
        self->own.row.started_at = now;
        whi_poll_fail_writing(self, code);
    } else if (self->own.row.phase == WHI_POLL_TELLS) {
        whi_poll_tell_gone(self, NULL);
    } else {
        read_pages(self);
    }
}

/* A row that was to go when somebody subscribed again goes first. */
static int read_own(whi_poll_running *self) {
    whi_poll_target *own = &self->own;
    whi_poll_version version = { .id = self->job->id };
    int code = whi_poll_target_read(self->engine, own, self->job->id);

    if (code != WH_OK || own->row.phase < WHI_POLL_JOINED) {
        return code;
    }
    version.turn = own->row.turn;
    memcpy(version.salt, own->salt, sizeof version.salt);
    whi_poll_target_free(own);
    code = whi_poll_forget(self->engine, &version);
    return code == WH_OK ? whi_poll_target_read(self->engine, own, self->job->id) : code;
}

static int prepare(whi_poll_running *self) {
    int code = read_own(self);

    whi_setting_limits(self->engine, &self->limits);
    self->commit.object_type = self->wants->poll_type;
    self->commit.tenant = self->wants->tenant;
    self->commit.source = self->wants->source != NULL ? self->wants->source : "";
    self->commit.example = self->wants;
    self->commit.event_bytes = (size_t)self->limits.payload_bytes;
    return code == WH_OK ? want(self) : code;
}

void whi_poll_read(const whi_poll_job *job, whi_poll_result *out) {
    whi_poll_running *self = whi_calloc(1, sizeof *self);

    *out = (whi_poll_result){ whi_now(job->engine) + NOT_OURS, 0, 0 };
    if (self == NULL) {
        return;
    }
    self->job = job;
    self->engine = job->engine;
    self->out = out;
    self->wants = job->list[0]->subscription;
    self->filter = job->list[0]->filter;
    self->targets[0] = &self->own;
    self->count = 1;
    whi_poll_commit_begin(&self->commit, job->engine);
    if (prepare(self) == WH_OK) {
        run(self);
    }
    whi_poll_commit_end(&self->commit);
    for (size_t i = 0; i < self->count; i++) {
        whi_poll_target_free(self->targets[i]);
    }
    whi_free(self->mark);
    whi_free(self);
}
