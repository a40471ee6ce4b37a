/* Tests: test_engine_poll. */
#include "work/poll_commit.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/notice.h"
#include "engine/version.h"
#include "systems/subscription_make.h"
#include "work/poll_run.h"

void whi_poll_commit_begin(whi_poll_commit *self, wh_engine *engine) {
    *self = (whi_poll_commit){ .engine = engine };
    whi_buf_init(&self->text, SIZE_MAX / 4);
    whi_buf_init(&self->ids, SIZE_MAX / 4);
}

void whi_poll_commit_end(whi_poll_commit *self) {
    whi_buf_free(&self->text);
    whi_buf_free(&self->ids);
    whi_free(self->events);
    whi_free(self->notes);
}

static void empty(whi_poll_commit *self) {
    whi_buf_clear(&self->text);
    whi_buf_clear(&self->ids);
    self->event_count = self->note_count = 0;
    self->joined_count = 0;
    self->ask = 0;
    self->failed = WH_OK;
}

/* ------------------------------------------------------------------- collecting */

static void *one_more(void *list, size_t *room, size_t count, size_t size) {
    size_t larger = *room > 0 ? *room * 2 : 16;
    void *grown;

    if (count < *room) {
        return list;
    }
    grown = whi_realloc(list, larger * size);
    if (grown != NULL) {
        *room = larger;
    }
    return grown;
}

static whi_poll_event *new_event(whi_poll_commit *self, whi_poll_target *target, int change, int kind) {
    void *list = one_more(self->events, &self->event_room, self->event_count, sizeof *self->events);

    if (list == NULL) {
        self->failed = WH_ENOMEM;
        return NULL;
    }
    self->events = list;
    self->events[self->event_count] = (whi_poll_event){ target, change, kind, self->text.size, 0, 0 };
    return &self->events[self->event_count++];
}

/* The last event is open as long as what comes is for it: the objects of each kind come together. */
static whi_poll_event *open_event(whi_poll_commit *self, whi_poll_target *target, int change, int kind, size_t size) {
    whi_poll_event *last = self->event_count > 0 ? &self->events[self->event_count - 1] : NULL;

    if (last != NULL && last->target == target && last->change == change && last->kind == kind &&
        last->objects < (size_t)target->chunk && last->size + size + 1 <= self->event_bytes) {
        self->text.size--; /* the bracket */
        whi_buf_char(&self->text, ',');
        return last;
    }
    last = new_event(self, target, change, kind);
    whi_buf_char(&self->text, '[');
    return last;
}

void whi_poll_commit_tell(whi_poll_commit *self, whi_poll_target *target, int change, int kind, const char *object,
                          size_t size) {
    whi_poll_event *event = self->failed == WH_OK ? open_event(self, target, change, kind, size) : NULL;

    if (event != NULL) {
        whi_buf_add(&self->text, object, size);
        whi_buf_char(&self->text, ']');
        event->size = self->text.size - event->at;
        event->objects++;
    }
}

void whi_poll_commit_tell_none(whi_poll_commit *self, whi_poll_target *target, int change, int kind) {
    whi_poll_event *event = self->failed == WH_OK ? new_event(self, target, change, kind) : NULL;

    if (event != NULL) {
        whi_buf_text(&self->text, "[]");
        event->size = 2;
    }
}

void whi_poll_commit_note(whi_poll_commit *self, whi_poll_target *target, const unsigned char *id, size_t size,
                          int64_t content, int64_t scan) {
    void *list = one_more(self->notes, &self->note_room, self->note_count, sizeof *self->notes);

    if (list == NULL) {
        self->failed = WH_ENOMEM;
        return;
    }
    self->notes = list;
    self->notes[self->note_count++] = (whi_poll_note){ target, self->ids.size, size, content, scan };
    whi_buf_add(&self->ids, id, size);
}

/* ----------------------------------------------------------------------- writing */

/* A row in the middle of a reading is its holder's, while that one has a row of its own. */
static int check_holder(const whi_poll_commit *self, whi_store *store, const whi_poll_target *target) {
    int64_t holder = target->row.holder;
    int code;

    if (!self->taken || holder == 0 || holder == self->owner || target->row.phase >= WHI_POLL_WAITS) {
        return WH_OK;
    }
    code = whi_store_worker_holds(store, holder);
    return code == WH_ENOTFOUND ? WH_OK : code == WH_OK ? WH_ECONFLICT : code;
}

static int64_t objects_for(const whi_poll_commit *self, const whi_poll_target *target) {
    int64_t count = 0;

    for (size_t i = 0; i < self->event_count; i++) {
        count += self->events[i].target == target ? (int64_t)self->events[i].objects : 0;
    }
    return count;
}

static int write_row(whi_poll_commit *self, whi_store *store, whi_poll_target *target, int64_t sequence) {
    whi_answer answer = { 0 };
    whi_fact fact = { .kind = WH_FACT_POLL };
    int code;

    fact.of.poll = target->row;
    fact.of.poll.holder = self->leaves ? 0 : self->owner;
    fact.of.poll.sequence = sequence;
    fact.of.poll.sent += objects_for(self, target);
    code = whi_store_write(store, &fact, &answer);
    if (code != WH_OK) {
        return code;
    }
    if (!answer.done) {
        return whi_fail(WH_ECONFLICT, "a poll is in another's hands");
    }
    target->row.seen = answer.number;
    return WH_OK;
}

static int write_event(whi_poll_commit *self, whi_store *store, const whi_poll_event *event, int64_t *sequence) {
    char id[WH_ID_SIZE], type[160];
    whi_event_row row = { .id = id, .type = type, .tenant = self->tenant, .source = self->source };
    int duplicate = 1, code = WH_OK;

    snprintf(type, sizeof type, "%s.%s", self->object_type, whi_poll_change_names[event->change]);
    row.key = "";
    row.time = row.accepted_at = self->now;
    row.payload = self->text.data + event->at;
    row.payload_size = event->size;
    while (duplicate && code == WH_OK) {
        row.number = 0;
        whi_poll_event_id(event->target->row.id, event->kind, ++*sequence, id);
        code = whi_store_event_add(store, &row, &duplicate);
    }
    return code;
}

static int write_events(whi_poll_commit *self, whi_store *store, const whi_poll_target *target, int64_t *sequence) {
    int code = WH_OK;

    for (size_t i = 0; i < self->event_count && code == WH_OK; i++) {
        code = self->events[i].target == target ? write_event(self, store, &self->events[i], sequence) : WH_OK;
    }
    return code;
}

static int write_notes(const whi_poll_commit *self, whi_store *store) {
    int code = WH_OK;

    for (size_t i = 0; i < self->note_count && code == WH_OK; i++) {
        const whi_poll_note *note = &self->notes[i];
        whi_fact *fact;
        code = whi_store_add(store, WH_FACT_SEEN, NULL, &fact);
        if (code == WH_OK) {
            fact->of.object = (wh_backend_seen){ note->target->row.seen, self->ids.data + note->at, note->size,
                                                 note->content, note->scan };
        }
    }
    return code;
}

/* It is one of those that share the poll from this commit on. */
static int join(whi_poll_commit *self, whi_store *store, int64_t subscription) {
    whi_registration *now = NULL;
    whi_subscription *copy = NULL;
    int code = whi_store_subscription_now(store, subscription, whi_registration_read, (void *)&now);

    if (code == WH_OK) {
        code = whi_subscription_copy(&copy, now->subscription);
    }
    if (code == WH_OK) {
        copy->poll_history = 0;
        code = whi_version_keep(self->engine, store, copy);
    }
    whi_subscription_free(copy);
    whi_registration_unref(now);
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int ask(const whi_poll_commit *self, whi_store *store) {
    whi_fact *fact;
    int code = self->ask != 0 ? whi_store_add(store, WH_FACT_POLL_ASK, NULL, &fact) : WH_ENOTFOUND;

    if (code == WH_OK) {
        fact->of.poll_ask.id = self->ask;
        fact->of.poll_ask.bits = WH_POLL_NOW;
    }
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static const char *reason_of(const whi_poll_commit *self, const wh_backend_poll *row) {
    switch (whi_poll_target_state(self->targets[0])) {
    case WHI_POLL_FAILING:
        return row->refused ? "refused" : "failing";
    case WHI_POLL_SUSPICIOUS:
        return "vanished";
    default:
        return row->asked & WH_POLL_RESUME ? "resumed" : "read";
    }
}

/* Of the reading itself alone: what histories that read along with it wait for is said of it. The turn of its row
 * guards this, too: of two processes one writes the move, and its news. */
static int tell_news(const whi_poll_commit *self, whi_store *store) {
    const whi_poll_target *own = self->targets[0];
    const char *type = whi_poll_news(own->told, whi_poll_target_state(own));
    whi_notice notice = { .about = self->example, .type = type, .error = self->error, .poll = &own->row };

    if (type == NULL) {
        return WH_OK;
    }
    notice.reason = reason_of(self, &own->row);
    return whi_notice_write(self->engine, store, &notice);
}

static int write_targets(whi_poll_commit *self, whi_store *store) {
    int code = WH_OK;

    for (size_t i = 0; i < self->target_count && code == WH_OK; i++) {
        whi_poll_target *target = self->targets[i];
        int64_t sequence = target->row.sequence;
        code = check_holder(self, store, target);
        code = code == WH_OK ? write_events(self, store, target, &sequence) : code;
        code = code == WH_OK ? write_row(self, store, target, sequence) : code;
    }
    return code;
}

static int run(whi_job *job, whi_store *store) {
    whi_poll_commit *self = (whi_poll_commit *)job;
    int code = write_targets(self, store);

    code = code == WH_OK ? tell_news(self, store) : code;
    code = code == WH_OK ? write_notes(self, store) : code;
    code = code == WH_OK ? ask(self, store) : code;
    for (size_t i = 0; i < self->joined_count && code == WH_OK; i++) {
        code = join(self, store, self->joined[i]);
    }
    if (self->event_count > 0) {
        atomic_store(&self->engine->appended, 1);
    }
    return code;
}

/* As the store has them now; it may be that a number was passed over, which says nothing. */
static int read_turns(whi_poll_commit *self) {
    for (size_t i = 0; i < self->target_count; i++) {
        whi_poll_target *target = self->targets[i];
        target->row.turn = target->there ? target->row.turn + 1 : 0;
        target->row.holder = self->owner;
        target->there = 1;
        target->row.asked = 0;
        target->told = whi_poll_target_state(target);
    }
    for (size_t i = 0; i < self->event_count; i++) {
        self->events[i].target->row.sequence++;
        self->events[i].target->row.sent += (int64_t)self->events[i].objects;
    }
    atomic_fetch_add_explicit(&self->engine->count.events, (long long)self->event_count, memory_order_relaxed);
    return WH_OK;
}

int whi_poll_commit_write(whi_poll_commit *self) {
    int code = self->failed != WH_OK ? whi_fail_memory() : whi_buf_status(&self->text);

    code = code == WH_OK ? whi_buf_status(&self->ids) : code;
    if (code == WH_OK) {
        self->owner = whi_lease_owner(self->engine->lease);
        code = self->owner != 0 ? WH_OK : whi_fail(WH_ECONFLICT, "this process has no lease");
    }
    if (code == WH_OK) {
        self->now = whi_now(self->engine);
        self->job.run = run;
        self->job.rows = (int)(self->event_count + self->note_count + self->target_count);
        self->job.bytes = self->text.size;
        code = whi_writer_run(self->engine->writer, &self->job);
    }
    code = code == WH_OK ? read_turns(self) : code;
    empty(self);
    return code;
}
