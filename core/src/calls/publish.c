/* Accepting events: what costs nothing is checked first, then one transaction.
 * Tests: test_engine, test_publish_errors, test_publish_async. */
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/accept.h"
#include "engine/event.h"
#include "engine/handover.h"
#include "engine/inbox.h"
#include "engine/lease.h"
#include "engine/memory.h"
#include "engine/outbox.h"
#include "engine/promise.h"
#include "engine/quota.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "engine/writer.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

typedef struct published {
    whi_event_row row;
    whi_event *kept; /* in memory, or NULL */
    whi_answer answer;
    int repeats; /* 1: an event before it in the batch has its id; known where somebody has a quota */
} published;

typedef struct publication {
    whi_job job;
    wh_engine *engine;
    published *items;
    size_t count;
    int64_t now;
    int64_t changes;   /* of the store, when the outbox was empty */
    int kept;          /* 1: there are workers that it is kept for */
    whi_claim *claims; /* NULL: nobody has a quota */
    size_t claim_count;
    whi_shortage shortage; /* of which it was refused */
} publication;

static int add(publication *self, whi_store *store, size_t i) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_EVENT, &self->items[i].answer, &fact);

    if (code == WH_OK) {
        fact->of.event = self->items[i].row;
    }
    return code;
}

/* One that is refused does no harm to the others of its transaction: it ends well, and adds nothing. */
static int run_publication(whi_job *job, whi_store *store) {
    publication *self = (publication *)job;
    int code = whi_registry_expect(self->engine->registry);

    self->shortage.tenant = NULL;
    if (code == WH_OK) {
        code = whi_outbox_precede(self->engine, store, &self->changes);
    }
    for (size_t i = 0; i < self->claim_count && code == WH_OK && self->shortage.tenant == NULL; i++) {
        code = whi_quota_ask(self->engine, store, &self->claims[i], &self->shortage);
    }
    for (size_t i = 0; i < self->count && code == WH_OK && self->shortage.tenant == NULL; i++) {
        code = add(self, store, i);
    }
    return code;
}

/* ---------------------------------------------------------------------- preparing */

static void fill_row(publication *self, size_t i, const wh_event *event) {
    whi_event_row *row = &self->items[i].row;

    row->id = event->id;
    row->type = event->type;
    row->tenant = event->tenant != NULL ? event->tenant : "";
    row->source = event->source != NULL ? event->source : "";
    row->key = event->key != NULL ? event->key : "";
    row->time = event->time != 0 ? event->time : self->now;
    row->accepted_at = self->now;
    row->payload = event->payload;
    row->payload_size = event->payload_size == WH_ZSTR ? strlen(event->payload) : event->payload_size;
}

/* What is there already needs no more room: its publisher hears of the duplicate, also beyond the quota. */
static int leave_out_known(const publication *self, whi_claim *claim) {
    whi_store *store = self->engine->store;
    int code = WH_OK;

    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        const whi_event_row *row = &self->items[i].row;
        int64_t number;

        if (row->id == NULL || self->items[i].repeats || strcmp(row->tenant, claim->tenant) != 0) {
            continue;
        }
        code = store->vtable->event_number(store, row->id, row->tenant, &number);
        if (code == WH_OK) {
            claim->events--;
            claim->bytes -= (int64_t)row->payload_size;
        }
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

/* By what is committed: who is refused here keeps no writer waiting. */
static int look_for_room(publication *self, whi_claim *claim) {
    int code = whi_quota_look(self->engine, claim, &self->shortage);

    if (code == WH_OK && self->shortage.tenant != NULL) {
        code = leave_out_known(self, claim);
        code = code == WH_OK ? whi_quota_look(self->engine, claim, &self->shortage) : code;
    }
    return code == WH_OK && self->shortage.tenant != NULL ? whi_quota_fail(&self->shortage) : code;
}

/* Of one id the first event is stored, and it alone takes room. */
static void fill_claims(publication *self, whi_claim *claims) {
    for (size_t i = 0; i < self->count; i++) {
        const whi_event_row *row = &self->items[i].row;
        claims[i] = (whi_claim){ row->tenant, row->id, i, 1, (int64_t)row->payload_size };
    }
    whi_quota_sort(claims, self->count);
    for (size_t i = 1; i < self->count; i++) {
        self->items[claims[i].at].repeats = whi_quota_repeats(&claims[i - 1], &claims[i]);
    }
    for (size_t i = 0; i < self->count; i++) {
        if (self->items[claims[i].at].repeats) {
            claims[i].events = claims[i].bytes = 0;
        }
    }
    self->claims = claims;
    self->claim_count = whi_quota_merge(claims, self->count);
}

/* claims: room for as many as there are events, or NULL where nobody has a quota. */
static int claim_room(publication *self, whi_claim *claims) {
    int code = WH_OK;

    if (claims == NULL) {
        return WH_OK;
    }
    fill_claims(self, claims);
    for (size_t i = 0; i < self->claim_count && code == WH_OK; i++) {
        code = look_for_room(self, &claims[i]);
    }
    return code;
}

/* Kept in memory where workers are at work and memory is left; else the store has it. */
static void keep(publication *self, size_t i) {
    wh_engine *engine = self->engine;

    if (self->kept && whi_memory_used(engine->memory, WHI_POT_EVENTS) + (long long)self->items[i].row.payload_size <
                          engine->options.limits.memory_bytes) {
        self->items[i].kept = whi_event_new(engine, &self->items[i].row);
    }
}

static void take_number(publication *self, size_t i) {
    whi_event *kept = self->items[i].kept;

    kept->number = self->items[i].answer.number;
    if (self->items[i].row.id == NULL) {
        whi_ident_format("msg_", kept->number, kept->id);
    }
}

static void hand_over(publication *self) {
    wh_engine *engine = self->engine;
    int left = 0;

    for (size_t i = 0; i < self->count; i++) {
        const whi_answer *answer = &self->items[i].answer;
        whi_event *kept = self->items[i].kept;

        if (kept != NULL && answer->done) {
            take_number(self, i);
            left += !whi_hand_over(engine, whi_hand_over_to(engine), kept, answer->before, 0);
        } else {
            left += answer->done;
            whi_event_unref(engine, kept);
        }
    }
    if (left > 0) {
        whi_hand_over_later(engine);
    }
}

static void drop(publication *self) {
    for (size_t i = 0; i < self->count; i++) {
        whi_event_unref(self->engine, self->items[i].kept);
    }
}

/* In the order of commits, so that workers get them in the order of acceptance. */
static void done(whi_job *job, int code, const char *sentence) {
    publication *self = (publication *)job;

    (void)sentence;
    if (code != WH_OK || self->shortage.tenant != NULL) {
        drop(self);
        return;
    }
    atomic_fetch_add_explicit(&self->engine->count.events, (long long)self->count, memory_order_relaxed);
    atomic_store(&self->engine->outbox_seen, self->changes);
    hand_over(self);
}

static void fill_receipts(const publication *self, wh_receipt *receipts) {
    for (size_t i = 0; i < self->count && receipts != NULL; i++) {
        const whi_event_row *row = &self->items[i].row;
        receipts[i].duplicate = !self->items[i].answer.done;
        if (row->id != NULL) {
            memcpy(receipts[i].id, row->id, strlen(row->id) + 1);
        } else {
            whi_ident_format("msg_", self->items[i].answer.number, receipts[i].id);
        }
    }
}

static int publish(publication *self, const wh_event *events, wh_receipt *receipts, whi_claim *claims) {
    wh_engine *engine = self->engine;
    int code = whi_is_open(engine);

    if (code != WH_OK) {
        return code;
    }
    self->now = whi_now(engine);
    self->kept = atomic_load(&engine->stop) == 0 && whi_lease_owner(engine->lease) != 0;
    for (size_t i = 0; i < self->count; i++) {
        fill_row(self, i, &events[i]);
        self->job.bytes += self->items[i].row.payload_size;
    }
    code = claim_room(self, claims);
    if (code != WH_OK) {
        return code;
    }
    for (size_t i = 0; i < self->count; i++) {
        keep(self, i);
    }
    self->job.rows = (int)self->count;
    self->job.run = run_publication;
    self->job.done = done;
    code = whi_writer_run(engine->writer, &self->job);
    if (code == WH_OK && self->shortage.tenant != NULL) {
        return whi_quota_fail(&self->shortage);
    }
    if (code == WH_OK) {
        fill_receipts(self, receipts);
    }
    return code;
}

int wh_publish(wh_engine *engine, const wh_event *event, wh_receipt *receipt) {
    published item = { 0 };
    publication self = { .engine = engine, .items = &item, .count = 1 };
    whi_claim one;
    wh_limits limits;
    wh_event taken;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (event == NULL) {
        return whi_fail_field(WH_EINVALID, "event", "expected one, found NULL");
    }
    whi_setting_limits(engine, &limits);
    code = whi_accept_publish(&taken, event, &limits);
    return code == WH_OK ? publish(&self, &taken, receipt, whi_quota_is_used(engine) ? &one : NULL) : code;
}

/* ------------------------------------------------------------------ without waiting */

/* An event on its way to the store, whose publisher goes on. All of it is in one piece of memory, but
 * for the event: it is a copy of what was given, and gone to a worker when the result is told. */
typedef struct sending {
    whi_promise promise; /* first: who tells it frees all */
    publication publication;
    published item;
    whi_claim claim;
    whi_event *copy;
} sending;

static sending *sending_of(whi_job *job) {
    return (sending *)((char *)job - offsetof(sending, publication));
}

static int run_promise(whi_job *job, whi_store *store) {
    return run_publication(&sending_of(job)->publication.job, store);
}

/* The leader's thread. It is in the list before the event may be worked on: who sees nothing under
 * way and nothing in the list has been told. */
static void done_promise(whi_job *job, int code, const char *sentence) {
    sending *self = sending_of(job);
    wh_engine *engine = self->publication.engine;
    whi_event *copy = self->copy;

    if (code == WH_OK && self->publication.shortage.tenant != NULL) {
        self->promise.code = whi_quota_fail(&self->publication.shortage);
        sentence = wh_last_error();
    } else {
        self->promise.code = code;
    }
    snprintf(self->promise.error, sizeof self->promise.error, "%s", sentence);
    if (self->promise.code == WH_OK) {
        fill_receipts(&self->publication, &self->promise.receipt);
    }
    whi_promise_count(engine);
    done(job, code, sentence);
    whi_promise_queue(engine, &self->promise);
    whi_event_unref(engine, copy);
    whi_inbox_wake(engine->inboxes[0]);
}

/* What is promised is in memory: no more of it than of all that is. */
static int fail_room(const wh_engine *engine) {
    return whi_fail_field(WH_ELIMIT, "limits.memory_bytes",
                          "%lld bytes of events are on their way: step, and publish then",
                          whi_memory_used(engine->memory, WHI_POT_EVENTS));
}

static int is_within_share(const wh_engine *engine, const whi_event *copy) {
    return whi_memory_may_keep(engine->memory, copy->account, WHI_POT_EVENTS, (long long)copy->charged,
                               WHI_MEMORY_GREED);
}

/* The row's texts are those of the copy. */
static int copy_event(sending *self, const wh_event *event) {
    publication *made = &self->publication;
    whi_event *copy;

    made->now = whi_now(made->engine);
    fill_row(made, 0, event);
    copy = whi_event_new(made->engine, &self->item.row);
    if (copy == NULL) {
        return whi_fail_memory();
    }
    if (!is_within_share(made->engine, copy)) {
        whi_event_unref(made->engine, copy);
        return fail_room(made->engine);
    }
    self->copy = copy;
    self->item.row.id = copy->own_id ? copy->id : NULL;
    self->item.row.type = copy->type;
    self->item.row.tenant = copy->tenant;
    self->item.row.source = copy->source;
    self->item.row.key = copy->key;
    self->item.row.payload = copy->payload;
    return WH_OK;
}

static int promise(wh_engine *engine, const wh_event *event, wh_published_fn told, void *payload) {
    sending *self = whi_calloc(1, sizeof *self);
    publication *made = &self->publication;
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    *made = (publication){ .engine = engine, .items = &self->item, .count = 1 };
    self->promise.done = told;
    self->promise.payload = payload;
    code = copy_event(self, event);
    if (code != WH_OK) {
        whi_free(self);
        return code;
    }
    code = claim_room(made, whi_quota_is_used(engine) ? &self->claim : NULL);
    if (code != WH_OK) {
        whi_event_unref(engine, self->copy);
        whi_free(self);
        return code;
    }
    if (whi_lease_owner(engine->lease) != 0) {
        whi_event_ref(self->copy);
        self->item.kept = self->copy;
    }
    made->job.rows = 1;
    made->job.bytes = self->item.row.payload_size;
    made->job.run = run_promise;
    made->job.done = done_promise;
    whi_writer_submit(engine->writer, &made->job);
    return WH_OK;
}

int wh_publish_async(wh_engine *engine, const wh_event *event, wh_published_fn told, void *payload) {
    int code = whi_engine_check(engine);
    wh_limits limits;
    wh_event taken;

    if (code != WH_OK) {
        return code;
    }
    if (event == NULL || told == NULL) {
        return whi_fail_field(WH_EINVALID, event == NULL ? "event" : "done", "expected one, found NULL");
    }
    if (atomic_load(&engine->started)) {
        return whi_fail(WH_EBUSY, "the engine is started: its own threads do the work, and publishing waits");
    }
    code = whi_is_open(engine);
    whi_setting_limits(engine, &limits);
    code = code == WH_OK ? whi_accept_publish(&taken, event, &limits) : code;
    code = code == WH_OK && whi_memory_is_full(engine->memory, WHI_POT_EVENTS) ? fail_room(engine) : code;
    code = code == WH_OK ? whi_writer_start(engine->writer) : code;
    return code == WH_OK ? promise(engine, &taken, told, payload) : code;
}

/* ------------------------------------------------------------------------- batches */

/* Their program's events may be shorter or longer than ours: the first one says how far they lie
 * apart. */
static int take_events(wh_engine *engine, const wh_event *given, size_t count, wh_event *out) {
    size_t stride = count > 0 ? given->size : 0;
    int code = WH_OK;
    wh_limits limits;

    whi_setting_limits(engine, &limits);
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        const wh_event *event = (const wh_event *)(const void *)((const char *)given + i * stride);
        code = event->size == stride
                   ? whi_accept_publish(&out[i], event, &limits)
                   : whi_fail_field(WH_EINVALID, "size", "expected %zu as in the first event, found %zu", stride,
                                    event->size);
        code = code == WH_OK ? code : whi_fail_within_event(code, i);
    }
    return code;
}

static int publish_all(publication *self, const wh_event *events, wh_receipt *receipts) {
    int claims_are_needed = whi_quota_is_used(self->engine), code;
    wh_event *taken = whi_calloc(self->count, sizeof *taken);
    whi_claim *claims = claims_are_needed ? whi_calloc(self->count, sizeof *claims) : NULL;

    self->items = whi_calloc(self->count, sizeof *self->items);
    code = taken != NULL && self->items != NULL && (claims != NULL || !claims_are_needed)
               ? take_events(self->engine, events, self->count, taken)
               : whi_fail_memory();
    code = code == WH_OK ? publish(self, taken, receipts, claims) : code;
    whi_free(taken);
    whi_free(claims);
    whi_free(self->items);
    return code;
}

int wh_publish_batch(wh_engine *engine, const wh_event *events, size_t count, wh_receipt *receipts) {
    publication self = { .engine = engine, .count = count };
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    if (events == NULL && count > 0) {
        return whi_fail_field(WH_EINVALID, "events", "expected one, found NULL");
    }
    if (count > (size_t)engine->options.limits.batch_events) {
        return whi_fail_field(WH_ELIMIT, "events", "%zu events are more than the limit of %lld", count,
                              (long long)engine->options.limits.batch_events);
    }
    return count > 0 ? publish_all(&self, events, receipts) : WH_OK;
}
