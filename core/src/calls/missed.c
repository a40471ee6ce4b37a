/* What a subscription has missed: deliveries of stored events that it never got, since it was paused,
 * disabled or not made yet.
 *
 * The log is walked upwards, so that an order stays one. A page of it is copied, decided about outside of the
 * store, and written in one transaction, each row only where there is none: whoever is interrupted, or comes
 * again, makes nothing twice. What fan-out has yet to decide is left to it, or a delivery that it has in
 * memory would be made here as well; but what came before the subscription was made, it never decides.
 * Tests: test_missed. */
#include "calls/missed.h"

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/past.h"
#include "calls/query.h"
#include "engine/context.h"
#include "engine/inbox.h"
#include "engine/notice.h"
#include "engine/result.h"
#include "engine/underway.h"
#include "engine/version.h"
#include "engine/writer.h"
#include "pure/delivery.h"
#include "pure/poll.h"

#include <string.h>

#define PAGE_ROWS 512                /* of the log that are looked at in one step */
#define PAGE_EVENTS 256              /* of them that are taken: one commit */
#define PAGE_BYTES ((size_t)1 << 20) /* of their payloads, then no more are taken; of bodies, then no more are made */
#define PAGE_ENDS 1                  /* stops the store's walk; errors are negative */

/* A delivery that is to be made. */
typedef struct making {
    whi_past *event;
    whi_decision decision;
    char *key;
    char error[WH_RULE_ERROR_SIZE];
    int state; /* WHI_ABSENT: none */
    whi_answer made;
} making;

typedef struct missed {
    whi_job job;
    wh_engine *engine;
    whi_registration *registration; /* the version that decides */
    whi_match *patterns;
    whi_decider decider;
    const char *type;             /* NULL, or of no other one */
    int foreign;                  /* 1: of none of the engine's own */
    int64_t made_at;              /* the number at which the subscription was made; 0: it is not known */
    int64_t after, before, first; /* of the log: after < number < before; first that fan-out has yet to decide */
    int dry_run;
    making page[PAGE_EVENTS];
    size_t page_count, page_bytes, body_bytes;
    int64_t rows; /* of this page of the log */
    int ended;    /* 1: there is no more of it */
    int64_t now, count;
} missed;

/* ---------------------------------------------------------------------- the log */

static int is_for_it(const missed *self, const whi_event_row *row, int *out) {
    const whi_subscription *s = self->registration->subscription;

    *out = 0;
    if (strcmp(s->tenant, row->tenant != NULL ? row->tenant : "") != 0 ||
        (self->type != NULL && strcmp(self->type, row->type) != 0) || (self->foreign && whi_notice_is(row->type)) ||
        (s->source != NULL && strcmp(s->source, row->source != NULL ? row->source : "") != 0) ||
        (s->expires_at != 0 && row->accepted_at >= s->expires_at) ||
        !whi_poll_is_for(row->id != NULL ? row->id : "", s->id, self->registration->hears)) {
        return WH_OK;
    }
    return whi_past_fits(self->patterns, row->type, out);
}

static int take_event(const whi_event_row *row, void *payload) {
    missed *self = payload;
    making *next = &self->page[self->page_count];
    int fits, code;

    if (row->number >= self->before) {
        self->ended = 1;
        return PAGE_ENDS;
    }
    self->rows++;
    code = is_for_it(self, row, &fits);
    if (code != WH_OK || !fits) {
        return code;
    }
    memset(next, 0, sizeof *next);
    code = whi_past_new(&next->event, row);
    if (code != WH_OK) {
        return code;
    }
    self->page_count++;
    self->page_bytes += row->payload_size;
    return self->page_count == PAGE_EVENTS || self->page_bytes >= PAGE_BYTES ? PAGE_ENDS : WH_OK;
}

/* How far fan-out has come is asked after the page was read: all that was there is decided below that. */
static int look_how_far(missed *self) {
    whi_store_work work;
    int code = self->engine->store->vtable->work(self->engine->store, &work);

    self->first = code == WH_OK && work.first != 0 ? work.first : INT64_MAX;
    return code;
}

/* Of no tenant's events a store has no list: all are looked at, a few at a time. */
static int take_page(missed *self) {
    whi_store *store = self->engine->store;
    const char *tenant = self->registration->subscription->tenant;
    int64_t upto = self->after;
    int code;

    self->page_bytes = self->body_bytes = 0;
    self->rows = 0;
    code = store->vtable->event_log(store, self->after, PAGE_ROWS, tenant[0] != '\0' ? tenant : NULL, take_event, self,
                                    &upto);
    if (code == WH_OK && self->rows < PAGE_ROWS) {
        self->ended = 1;
    }
    self->after = upto;
    return code == WH_OK || code == PAGE_ENDS ? look_how_far(self) : code;
}

/* --------------------------------------------------------------------- deciding */

/* 1 in out: it has been made, or fan-out will. */
static int is_taken_care_of(const missed *self, const whi_past *event, int *out) {
    *out = event->number >= self->first && event->number >= self->made_at;
    return *out ? WH_OK
                : whi_store_has_delivery(self->engine->store, event->number, self->registration->subscription->id, out);
}

static int scan_if_needed(missed *self, const whi_subject *subject, const whi_past *event) {
    self->decider.scanned = WH_OK;
    return whi_result_looks_inside(subject, self->registration)
               ? whi_decider_scan_stored(&self->decider, event->payload, event->payload_size)
               : WH_OK;
}

static int decide(missed *self, making *one) {
    const whi_past *event = one->event;
    const whi_subscription *s = self->registration->subscription;
    whi_subject subject = { event->id, event->type, event->tenant, event->source, event->key, event->time };
    int code = scan_if_needed(self, &subject, event);

    code = code == WH_OK ? whi_past_decide(&self->decider, event, self->registration, &one->decision) : code;
    if (code != WH_OK) {
        return code;
    }
    one->state = whi_result_state(s, &one->decision);
    if (one->decision.verdict == WHI_FAILED) {
        whi_result_sentence(&one->decision, one->error);
    }
    self->body_bytes += one->decision.body_size;
    return one->state == WHI_SENDING ? whi_result_key(&self->decider, &subject, s, &one->decision, &one->key) : WH_OK;
}

static void forget_from(missed *self, size_t first) {
    for (size_t i = first; i < self->page_count; i++) {
        whi_decision_free(&self->page[i].decision);
        whi_free(self->page[i].key);
        whi_free(self->page[i].event);
    }
    self->page_count = first;
}

/* Rules may make much out of little: the page ends here, and the next one begins with what is left. */
static void cut_page(missed *self, size_t count) {
    if (count < self->page_count) {
        self->after = self->page[count - 1].event->number;
        self->ended = 0;
        forget_from(self, count);
    }
}

static int decide_page(missed *self) {
    int code = WH_OK;

    for (size_t i = 0; i < self->page_count && code == WH_OK; i++) {
        int known;
        code = is_taken_care_of(self, self->page[i].event, &known);
        code = code == WH_OK && !known ? decide(self, &self->page[i]) : code;
        if (code == WH_OK && self->body_bytes >= PAGE_BYTES) {
            cut_page(self, i + 1);
        }
    }
    return code;
}

/* --------------------------------------------------------------------- writing */

static void fill_row(const missed *self, const making *one, whi_delivery_row *row) {
    const whi_subscription *s = self->registration->subscription;

    *row = (whi_delivery_row){ .event = one->event->number,
                               .subscription = s->id,
                               .turn = WHI_TURN_ABSENT,
                               .version = s->version,
                               .state = one->state == WHI_HELD ? WHI_HELD : WHI_WAITING,
                               .created_at = self->now,
                               .updated_at = self->now,
                               .error = one->error[0] != '\0' ? one->error : NULL,
                               .body = one->decision.body,
                               .body_size = one->decision.body_size,
                               .key = one->key,
                               .headers = one->decision.headers };
    if (row->state == WHI_WAITING) {
        row->due = self->now + one->decision.delay;
        row->latest = one->key != NULL && s->order == WHI_ORDER_LATEST;
        row->goes_first = one->key != NULL && s->paused == WHI_PAUSE_HOLDS;
    }
    if (row->latest) {
        row->under_way = whi_underway_of(self->engine->underway, s->id, one->key);
    }
}

static int write_row(missed *self, whi_store *store, making *one) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY, &one->made, &fact);

    if (code == WH_OK) {
        fill_row(self, one, &fact->of.delivery);
    }
    return code;
}

static int check_switches(const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    if (s->single_use) {
        return whi_fail_field(WH_EINVALID, "subscription", "it is for one event alone (single_use): it misses none");
    }
    return s->disabled == NULL
               ? WH_OK
               : whi_fail_field(WH_ECONFLICT, "subscription", "it is disabled (%s): resume it before", s->disabled);
}

/* It may have been deleted or switched off meanwhile, and what waits for it cancelled. */
static int check_now(const missed *self, whi_store *store) {
    whi_registration *now = NULL;
    int code = whi_store_subscription_now(store, self->registration->subscription->id, whi_registration_read, &now);

    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "subscription", "no such subscription");
    }
    code = code == WH_OK ? check_switches(now) : code;
    whi_registration_unref(now);
    return code;
}

static int run_page(whi_job *job, whi_store *store) {
    missed *self = (missed *)job;
    int code = check_now(self, store);

    for (size_t i = 0; i < self->page_count && code == WH_OK; i++) {
        if (self->page[i].state != WHI_ABSENT) {
            code = write_row(self, store, &self->page[i]);
        }
    }
    return code;
}

static int64_t count_page(const missed *self) {
    int64_t count = 0;

    for (size_t i = 0; i < self->page_count; i++) {
        count += self->page[i].state != WHI_ABSENT && (self->dry_run || self->page[i].made.done);
    }
    return count;
}

static int has_some(const missed *self) {
    for (size_t i = 0; i < self->page_count; i++) {
        if (self->page[i].state != WHI_ABSENT) {
            return 1;
        }
    }
    return 0;
}

static int write_page(missed *self) {
    self->job.run = run_page;
    self->job.rows = (int)self->page_count;
    self->job.bytes = self->body_bytes;
    self->now = whi_now(self->engine);
    return whi_writer_run(self->engine->writer, &self->job);
}

static int run_one_page(missed *self) {
    int code = whi_engine_check(self->engine);

    code = code == WH_OK ? take_page(self) : code;
    code = code == WH_OK ? decide_page(self) : code;
    code = code == WH_OK && !self->dry_run && has_some(self) ? write_page(self) : code;
    self->count += code == WH_OK ? count_page(self) : 0;
    forget_from(self, 0);
    return code;
}

/* ------------------------------------------------------------------- what is asked */

static int check_query(const wh_query *query) {
    const char *name = query->tenant != NULL         ? "tenant"
                       : query->subscription != NULL ? "subscription"
                       : query->state != NULL        ? "state"
                       : query->cursor != NULL       ? "cursor"
                       : query->limit != 0           ? "limit"
                                                     : NULL;

    return name == NULL
               ? WH_OK
               : whi_fail_field(WH_EINVALID, name, "expected since, until, event, type or own, and not this one");
}

static int find_subscription(missed *self, const char *subscription) {
    int64_t id;
    int code = subscription != NULL && whi_ident_parse("sub_", subscription, &id) == WH_OK
                   ? whi_version_at(self->engine->store, id, 0, &self->registration)
                   : WH_ENOTFOUND;

    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "subscription", "no such subscription");
    }
    return code == WH_OK ? check_switches(self->registration) : code;
}

static int prepare(missed *self) {
    int code = whi_past_patterns(&self->patterns, self->registration);

    return code == WH_OK ? whi_decider_check(&self->decider, self->registration, self->registration->subscription->rule)
                         : code;
}

/* Its first version says so, as long as that one is kept. */
static int look_since_when(missed *self) {
    whi_registration *first = NULL;
    int code = whi_version_at(self->engine->store, self->registration->subscription->id, 1, &first);

    self->made_at = code == WH_OK ? first->since : 0;
    whi_registration_unref(first);
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int take_newest(const whi_event_row *row, void *payload) {
    *(int64_t *)payload = row->number;
    return 0;
}

/* What comes while it walks is not waited for. */
static int take_bounds(missed *self, const whi_store_query *rows) {
    whi_store *store = self->engine->store;
    whi_store_query newest = { .limit = 1 };
    whi_store_place place = { 0 };
    int64_t last = 0;
    int code = store->vtable->event_list(store, &newest, take_newest, &last, &place);

    self->after = rows->since > 0 ? rows->since - 1 : 0;
    self->before = rows->until > 0 && rows->until <= last ? rows->until : last + 1;
    if (rows->event != 0 && (rows->event <= self->after || rows->event >= self->before)) {
        self->ended = 1;
    } else if (rows->event != 0) {
        self->after = rows->event - 1;
        self->before = rows->event + 1;
    }
    return code;
}

static int read_query(missed *self, wh_query *query) {
    whi_store_query rows;
    int code = check_query(query);

    query->tenant = self->registration->subscription->tenant;
    code = code == WH_OK ? whi_query_read(self->engine, query, &rows) : code;
    self->type = query->type;
    whi_query_own(query, &rows);
    self->foreign = rows.foreign;
    return code == WH_OK ? take_bounds(self, &rows) : code;
}

static int walk(missed *self) {
    int code = WH_OK;

    while (code == WH_OK && !self->ended) {
        code = run_one_page(self);
    }
    return code;
}

static int walk_query(missed *self, const char *subscription, wh_query *query) {
    int code = find_subscription(self, subscription);

    code = code == WH_OK ? prepare(self) : code;
    code = code == WH_OK ? read_query(self, query) : code;
    code = code == WH_OK ? look_since_when(self) : code;
    return code == WH_OK ? walk(self) : code;
}

static int walk_from(missed *self, const char *subscription, whi_registration *candidate, int64_t from) {
    const whi_store_query rows = { .since = from };
    int code = WH_OK;

    self->foreign = 1;
    if (candidate != NULL) { /* fan-out will decide nothing for it: it is not made yet */
        atomic_fetch_add(&candidate->refs, 1);
        self->registration = candidate;
        self->made_at = INT64_MAX;
    } else {
        code = find_subscription(self, subscription);
        code = code == WH_OK ? look_since_when(self) : code;
    }
    code = code == WH_OK ? prepare(self) : code;
    code = code == WH_OK ? take_bounds(self, &rows) : code;
    self->before = self->before < self->made_at ? self->before : self->made_at; /* the rest is fan-out's */
    return code == WH_OK ? walk(self) : code;
}

static missed *new_missed(wh_engine *engine, int dry_run) {
    missed *self = whi_calloc(1, sizeof *self);

    if (self != NULL) {
        self->engine = engine;
        self->dry_run = dry_run;
        whi_decider_init(&self->decider, engine->options.rules, &engine->options.limits);
    }
    return self;
}

static void end(missed *self, int64_t *count) {
    wh_engine *engine = self->engine;

    if (count != NULL) {
        *count = self->count;
    }
    if (!self->dry_run && self->registration != NULL) {
        whi_inbox_give_due(engine, self->registration->subscription->id, whi_now(engine));
    }
    whi_decider_close(&self->decider);
    whi_match_free(self->patterns);
    whi_registration_unref(self->registration);
    whi_free(self);
}

/* Who is asked about. */
typedef struct about {
    const char *subscription;
    whi_registration *candidate;
    const wh_query *query; /* NULL: from a number on */
    int64_t from;
    int dry_run;
} about;

/* *twin receives that of the subscription. */
static int run_one(wh_engine *engine, const about *asked, int64_t *count, int64_t *twin) {
    missed *self = new_missed(engine, asked->dry_run);
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    if (asked->query != NULL) {
        wh_query query = *asked->query;
        code = walk_query(self, asked->subscription, &query);
    } else {
        code = walk_from(self, asked->subscription, asked->candidate, asked->from);
    }
    *twin = self->registration != NULL ? self->registration->subscription->twin : 0;
    end(self, count);
    return code;
}

/* A twin has missed its own. One that is disabled alone does not keep the other from what it missed. */
static int run_twin(wh_engine *engine, const about *asked, int64_t number, int64_t *count) {
    about other = *asked;
    int64_t more = 0, none;
    char id[WH_ID_SIZE];
    int code;

    whi_ident_format("sub_", number, id);
    other.subscription = id;
    code = run_one(engine, &other, &more, &none);
    *count += more;
    return code == WH_ECONFLICT || code == WH_ENOTFOUND ? WH_OK : code;
}

static int run_both(wh_engine *engine, const about *asked, int64_t *out) {
    int64_t twin, count = 0;
    int code = run_one(engine, asked, &count, &twin);

    if (code == WH_OK && twin != 0) {
        code = run_twin(engine, asked, twin, &count);
    }
    if (asked->candidate != NULL && asked->candidate->subscription->also != NULL) {
        count *= 2;
    }
    if (out != NULL) {
        *out = count;
    }
    return code;
}

int wh_replay_missed(wh_engine *engine, const char *subscription, const wh_query *given, int dry_run, int64_t *count) {
    about asked = { .subscription = subscription, .dry_run = dry_run };
    wh_query query;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_query_take(&query, given) : code;
    if (code != WH_OK) {
        return code;
    }
    asked.query = &query;
    return run_both(engine, &asked, count);
}

int whi_missed_from(wh_engine *engine, const char *subscription, whi_registration *candidate, int64_t from,
                    int64_t *count) {
    const about asked = {
        .subscription = subscription, .candidate = candidate, .from = from, .dry_run = candidate != NULL
    };

    return run_both(engine, &asked, count);
}
