/* Backtest: what a changed subscription would have done with what is stored.
 *
 * Events are taken out of the store a few at a time, newest first, and decided about twice,
 * each side with its own decider. Nothing is written.
 *
 * It works behind a gate (engine/gate.h), a few ms at a time, and decides by a thread beside the caller's, which comes
 * after those that deliver (base/helper.h). It reads and tells progress by the caller's own: whoever has the store's
 * lock must not wait for his turn, and a host's function is called where the host called. */
#include "base/clock.h"
#include "base/error.h"
#include "base/helper.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/past.h"
#include "calls/query.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/gate.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "engine/version.h"
#include "pure/delivery.h"
#include "pure/diff.h"
#include "pure/poll.h"
#include "systems/subscription_make.h"

#include <string.h>

#define LAST_DEFAULT 1000
#define LAST_MAXIMUM 1000000
#define SHOWN_DEFAULT 10
#define SHOWN_MAXIMUM 100
#define LINES_MAXIMUM 50              /* of one diff */
#define BATCH_EVENTS 64               /* taken out of the store at once */
#define BATCH_BYTES ((size_t)1 << 20) /* of their payloads, then no more are taken */
#define BATCH_ROWS 20000              /* of other tenants that are passed over between two looks at progress */
#define PIECE_US 2000                 /* of CPU, after which others may go on */
#define TELL_EVENTS 100               /* progress is told after so many, */
#define TELL_US INT64_C(100000)       /* or after so long */
#define ANSWER_MAXIMUM ((size_t)1 << 26)
#define BATCH_FULL 1 /* stops the store's list; errors are negative */

enum outcome { SENT = 0, DROPPED, FILTERED, FAILED, OTHER_TYPE, OTHER_SOURCE };
static const char *const names[] = { "sent", "dropped", "filtered", "failed", "type", "source" };
_Static_assert(sizeof names / sizeof names[0] == OTHER_SOURCE + 1, "a name for each outcome");

/* A subscription, what it said in all, and of the event at hand. */
typedef struct side {
    whi_registration *registration;
    whi_match *patterns;
    whi_decider decider;
    int64_t matched, sent, failed, bytes, cpu_us;
    int64_t worst_us, worst_memory;
    int outcome;
    int goes; /* 1: something is sent */
    whi_decision decision;
    whi_buf body; /* in an envelope that fields are over; empty otherwise */
} side;

typedef struct backtest {
    wh_engine *engine;
    const wh_backtest *options; /* taken: of our own size */
    side now, then;
    int64_t last, shown;
    int64_t events, differ, differences_told, errors_told;
    whi_buf differences, errors;
    int cancelled;
    int64_t told_events, told_us;
    whi_past *batch[BATCH_EVENTS];
    size_t batch_count, batch_bytes, batch_at;
    whi_gate_call call;
    whi_helper helper;
    int64_t used_us; /* of CPU, since it came through the gate */
} backtest;

/* --------------------------------------------------------------------- deciding */

static void forget(side *self) {
    whi_decision_free(&self->decision);
    self->decision.verdict = 0;
    whi_buf_clear(&self->body);
    self->goes = 0;
}

static int outcome_of(const whi_decision *decision) {
    switch (decision->verdict) {
    case WHI_PASS:
    case WHI_PROJECT:
        return SENT;
    case WHI_DROP:
        return DROPPED;
    case WHI_FILTERED:
        return FILTERED;
    default:
        return FAILED;
    }
}

/* 1 in matches when it is for this subscription at all. */
static int match(side *self, const whi_past *event, int *matches) {
    const whi_subscription *s = self->registration->subscription;
    int code = whi_past_fits(self->patterns, event->type, matches);

    self->outcome = OTHER_TYPE;
    if (code == WH_OK && *matches && s->source != NULL && strcmp(s->source, event->source) != 0) {
        self->outcome = OTHER_SOURCE;
        *matches = 0;
    }
    if (code == WH_OK && *matches && !whi_poll_is_for(event->id, s->id, self->registration->hears)) {
        self->outcome = OTHER_TYPE;
        *matches = 0;
    }
    return code;
}

static int weigh(side *self, const whi_past *event) {
    size_t size;
    int code = whi_past_size(self->registration, event, &self->decision, &size);

    if (code == WH_OK && self->registration->subscription->system->asks & WHI_MASKS_ENVELOPE) {
        code = whi_past_body(self->registration, event, &self->decision, &self->body);
    }
    self->sent++;
    self->bytes += code == WH_OK ? (int64_t)size : 0;
    return code;
}

static void count(side *self) {
    const whi_decision *decision = &self->decision;

    self->cpu_us += decision->cpu_us;
    self->worst_us = decision->cpu_us > self->worst_us ? decision->cpu_us : self->worst_us;
    self->worst_memory = decision->memory > self->worst_memory ? decision->memory : self->worst_memory;
    self->failed += self->outcome == FAILED;
}

static int decide(side *self, const whi_past *event) {
    int matches, code = match(self, event, &matches);

    if (code != WH_OK || !matches) {
        return code;
    }
    self->matched++;
    if (whi_decide_looks_inside(self->registration)) {
        code = whi_decider_scan(&self->decider, event->payload, event->payload_size);
    }
    code = code == WH_OK ? whi_past_decide(&self->decider, event, self->registration, &self->decision) : code;
    if (code != WH_OK) {
        return code;
    }
    self->outcome = outcome_of(&self->decision);
    self->goes = whi_past_goes(self->registration, &self->decision);
    count(self);
    return self->goes ? weigh(self, event) : WH_OK;
}

/* -------------------------------------------------------------------- comparing */

/* What is compared of a side: its data, since an envelope has signatures, except where
 * fields are over the envelope. */
static const char *text_of(const side *self, const whi_past *event, size_t *size) {
    if (self->body.size > 0) {
        *size = self->body.size;
        return self->body.data;
    }
    *size = self->decision.body != NULL ? self->decision.body_size : event->payload_size;
    return self->decision.body != NULL ? self->decision.body : event->payload;
}

/* Lines of what the two sides send otherwise; count 0: nothing. */
static int diff(backtest *self, const whi_past *event, size_t most, whi_buf *lines, size_t *count) {
    size_t size, other;
    const char *text = text_of(&self->now, event, &size), *text_then = text_of(&self->then, event, &other);
    int depth = (int)self->engine->options.limits.json_depth + 8; /* an envelope's own levels */
    whi_json now = { 0 }, then = { 0 };
    int code;

    *count = 0;
    if (size == other && memcmp(text, text_then, size) == 0) {
        return WH_OK;
    }
    code = whi_json_scan(&now, text, size, depth);
    code = code == WH_OK ? whi_json_scan(&then, text_then, other, depth) : code;
    code = code == WH_OK ? whi_diff(&now, &then, most, lines, count) : code;
    whi_json_free(&now);
    whi_json_free(&then);
    return code;
}

static void tell_event(whi_buf *out, int64_t told, const whi_past *event) {
    whi_buf_text(out, told > 0 ? ",{" : "{");
    whi_tell_text(out, "event", event->id);
    whi_tell_text(out, "type", event->type);
}

static void tell_difference(backtest *self, const whi_past *event, const whi_buf *lines) {
    whi_buf *out = &self->differences;
    const char *at = lines->data, *end = lines->size > 0 ? lines->data + lines->size : at;

    tell_event(out, self->differences_told++, event);
    whi_tell_text(out, "now", names[self->now.outcome]);
    whi_tell_text(out, "then", names[self->then.outcome]);
    whi_json_write_name(out, "diff");
    whi_buf_char(out, '[');
    while (at < end) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        whi_buf_text(out, at > lines->data ? "," : "");
        whi_json_write_string(out, at, (size_t)(stop - at));
        at = stop + 1;
    }
    whi_buf_text(out, "]}");
}

static int compare(backtest *self, const whi_past *event) {
    int differs = self->now.outcome != self->then.outcome || self->now.goes != self->then.goes;
    int tells = self->differences_told < self->shown, code = WH_OK;
    size_t count = 0;
    whi_buf lines;

    whi_buf_init(&lines, (size_t)LINES_MAXIMUM * (2 * WHI_DIFF_TEXT + 20));
    if (self->now.goes && self->then.goes) {
        code = diff(self, event, tells ? LINES_MAXIMUM : 1, &lines, &count);
    }
    differs = differs || count > 0;
    if (code == WH_OK && differs) {
        self->differ++;
        if (tells) {
            tell_difference(self, event, &lines);
            code = whi_buf_status(&self->differences);
        }
    }
    whi_buf_free(&lines);
    return code;
}

static int tell_failure(backtest *self, const whi_past *event) {
    const whi_decision *decision = &self->then.decision;

    if (self->then.outcome != FAILED || self->errors_told >= self->shown) {
        return WH_OK;
    }
    tell_event(&self->errors, self->errors_told++, event);
    whi_tell_failure(&self->errors, decision->code, &decision->error);
    whi_buf_char(&self->errors, '}');
    return whi_buf_status(&self->errors);
}

static int run_event(backtest *self, const whi_past *event) {
    int code = decide(&self->now, event);

    code = code == WH_OK ? decide(&self->then, event) : code;
    code = code == WH_OK ? compare(self, event) : code;
    code = code == WH_OK ? tell_failure(self, event) : code;
    forget(&self->now);
    forget(&self->then);
    self->events++;
    return code == WH_OK ? WH_OK : whi_fail_within(code, "event %s", event->id);
}

/* ------------------------------------------------------------------------ walking */

static int is_time_to_tell(const backtest *self) {
    return self->events - self->told_events >= TELL_EVENTS || whi_monotonic_us() - self->told_us >= TELL_US;
}

static void tell_progress(backtest *self) {
    self->told_events = self->events;
    self->told_us = whi_monotonic_us();
    if (self->options->progress != NULL &&
        self->options->progress(self->events, self->last, self->options->payload) != 0) {
        self->cancelled = 1;
    }
}

/* Nobody else waits while the host is told. */
static void let_others(backtest *self) {
    if (is_time_to_tell(self)) {
        whi_gate_leave(&self->call, self->used_us);
        tell_progress(self);
        whi_gate_enter(&self->call);
    } else {
        whi_gate_again(&self->call, self->used_us);
    }
    self->used_us = 0;
}

static int take_event(const whi_event_row *row, void *payload) {
    backtest *self = payload;
    int code = whi_past_new(&self->batch[self->batch_count], row);

    if (code != WH_OK) {
        return code;
    }
    self->batch_count++;
    self->batch_bytes += row->payload_size;
    return self->batch_count == BATCH_EVENTS || self->batch_bytes >= BATCH_BYTES ? BATCH_FULL : WH_OK;
}

/* The next events; more receives 0 at the end. */
static int take_batch(backtest *self, whi_store_query *rows, int *more) {
    whi_store *store = self->engine->store;
    whi_store_place place = { 0 };
    int64_t began_us = whi_thread_cpu_us();
    int code;

    self->batch_bytes = 0;
    self->batch_at = 0;
    rows->limit = self->last - self->events;
    code = store->vtable->event_list(store, rows, take_event, self, &place);
    self->used_us += whi_thread_cpu_us() - began_us;
    *more = place.more || code == BATCH_FULL;
    rows->before_event = place.event;
    return code == BATCH_FULL ? WH_OK : code;
}

/* The helper's: some of the events that were taken. */
static int run_piece(void *payload) {
    backtest *self = payload;
    int64_t began_us = whi_thread_cpu_us(), used_us = 0;
    int code = WH_OK;

    do {
        code = run_event(self, self->batch[self->batch_at++]);
        used_us = whi_thread_cpu_us() - began_us;
    } while (code == WH_OK && self->batch_at < self->batch_count && used_us < PIECE_US && !is_time_to_tell(self));
    self->used_us += used_us;
    return code;
}

/* Decides about the events that were taken, unless taking them failed; lets go of them. */
static int run_batch(backtest *self, int code) {
    while (code == WH_OK && self->batch_at < self->batch_count && !self->cancelled) {
        code = whi_helper_do(&self->helper, run_piece, self);
        let_others(self);
    }
    for (size_t i = 0; i < self->batch_count; i++) {
        whi_free(self->batch[i]);
    }
    self->batch_count = 0;
    return code;
}

static int walk(backtest *self) {
    whi_store_query rows = { .tenant = self->then.registration->subscription->tenant, .rows = BATCH_ROWS };
    int more = 1, code = WH_OK;

    rows.foreign = self->options->own == 0;
    rows.since = self->options->since ? whi_ident_first(self->options->since) : 0;
    rows.until = whi_query_until(self->options->until);
    self->told_us = whi_monotonic_us();
    while (code == WH_OK && more && !self->cancelled && self->events < self->last) {
        code = run_batch(self, take_batch(self, &rows, &more));
        if (code == WH_OK && !self->cancelled) {
            let_others(self);
        }
    }
    return code;
}

static int walk_behind_gate(backtest *self) {
    int code;

    whi_gate_enter(&self->call);
    code = walk(self);
    whi_gate_leave(&self->call, self->used_us);
    if (code == WH_OK && !self->cancelled) {
        tell_progress(self);
    }
    return code;
}

static int walk_with_helper(backtest *self) {
    int code = whi_helper_start(&self->helper);

    if (code == WH_OK) {
        code = walk_behind_gate(self);
        whi_helper_end(&self->helper);
    }
    return code;
}

static int walk_in_turn(backtest *self) {
    const char *tenant = self->then.registration->subscription->tenant;
    int code = whi_gate_open(self->engine->gate, &self->call, tenant);

    if (code == WH_OK) {
        code = walk_with_helper(self);
        whi_gate_close(&self->call);
    }
    return code;
}

/* ---------------------------------------------------------------------- the sides */

static int ready(side *self, const char *before) {
    int code = whi_past_patterns(&self->patterns, self->registration);

    return code == WH_OK ? whi_decider_check(&self->decider, self->registration, before) : code;
}

/* Everything that the candidate's tenant has, as it is. */
static int take_everything(backtest *self) {
    whi_subscription *s;
    int code = whi_subscription_copy(&s, self->then.registration->subscription);

    if (code != WH_OK) {
        return code;
    }
    whi_subscription_free_texts(s->events, s->event_count);
    whi_free(s->rule);
    whi_free(s->fields);
    whi_free(s->filters);
    whi_free(s->source);
    s->events = NULL;
    s->event_count = 0;
    s->rule = s->fields = s->filters = s->source = NULL;
    return whi_registration_of(&self->now.registration, s);
}

static int take_present(backtest *self) {
    int64_t id;
    int code = whi_ident_parse("sub_", self->options->subscription, &id);

    code = code == WH_OK ? whi_version_at(self->engine->store, id, 0, &self->now.registration) : WH_ENOTFOUND;
    return code == WH_ENOTFOUND ? whi_fail_field(code, "subscription", "no such subscription") : code;
}

static int check_tenants(const backtest *self) {
    return strcmp(self->now.registration->subscription->tenant, self->then.registration->subscription->tenant) == 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "tenant", "expected that of the subscription, whose events are looked at");
}

static int take_sides(backtest *self) {
    const wh_backtest *options = self->options;
    const whi_subscription *base = NULL;
    int code = options->subscription != NULL ? take_present(self) : WH_OK;
    wh_limits limits;

    whi_setting_limits(self->engine, &limits);
    if (code == WH_OK) {
        base = self->now.registration != NULL ? self->now.registration->subscription : NULL;
        code = whi_past_candidate(&self->then.registration, base, options->document, options->document_size, &limits);
    }
    code = code == WH_OK && base == NULL ? take_everything(self) : code;
    code = code == WH_OK ? check_tenants(self) : code;
    code = code == WH_OK ? ready(&self->then, self->now.registration->subscription->rule) : code;
    return code == WH_OK ? whi_past_patterns(&self->now.patterns, self->now.registration) : code;
}

static void open_side(backtest *self, side *one) {
    whi_decider_init(&one->decider, self->engine->options.rules, &self->engine->options.limits);
    whi_buf_init(&one->body, SIZE_MAX / 4);
}

static void close_side(side *self) {
    forget(self);
    whi_buf_free(&self->body);
    whi_decider_close(&self->decider);
    whi_match_free(self->patterns);
    whi_registration_unref(self->registration);
}

/* ---------------------------------------------------------------------- the report */

static void tell_pair(whi_buf *out, const char *name, int64_t now, int64_t then, const char *third, int64_t value) {
    whi_json_write_name(out, name);
    whi_buf_char(out, '{');
    whi_tell_int(out, "now", now);
    whi_tell_int(out, "then", then);
    if (third != NULL) {
        whi_tell_int(out, third, value);
    }
    whi_buf_char(out, '}');
}

static void tell_list(whi_buf *out, const char *name, const whi_buf *items) {
    whi_json_write_name(out, name);
    whi_buf_char(out, '[');
    whi_buf_add(out, items->data, items->size);
    whi_buf_char(out, ']');
}

static int tell(const backtest *self, char **out, size_t *size) {
    const side *now = &self->now, *then = &self->then;
    whi_buf answer;

    whi_buf_init(&answer, ANSWER_MAXIMUM * 2 + 4096);
    whi_buf_char(&answer, '{');
    whi_tell_int(&answer, "events", self->events);
    tell_pair(&answer, "matched", now->matched, then->matched, NULL, 0);
    tell_pair(&answer, "sent", now->sent, then->sent, NULL, 0);
    tell_pair(&answer, "failed", now->failed, then->failed, NULL, 0);
    tell_pair(&answer, "bytes", now->bytes, then->bytes, "saved", now->bytes - then->bytes);
    tell_pair(&answer, "cpu_us", now->cpu_us, then->cpu_us, "worst", then->worst_us);
    whi_json_write_name(&answer, "memory");
    whi_buf_char(&answer, '{');
    whi_tell_int(&answer, "worst", then->worst_memory);
    whi_buf_char(&answer, '}');
    whi_tell_int(&answer, "differ", self->differ);
    whi_tell_flag(&answer, "cancelled", self->cancelled);
    tell_list(&answer, "differences", &self->differences);
    tell_list(&answer, "errors", &self->errors);
    whi_buf_char(&answer, '}');
    return whi_buf_take(&answer, out, size);
}

static int number(const char *name, int64_t value, int64_t normal, int64_t most, int64_t *out) {
    if (value < 0 || value > most) {
        return whi_fail_field(WH_EINVALID, name, "expected 1 to %lld, found %lld", (long long)most, (long long)value);
    }
    *out = value ? value : normal;
    return WH_OK;
}

static int read_options(backtest *self) {
    const wh_backtest *options = self->options;
    int code;

    if (options->document == NULL) {
        return whi_fail_field(WH_EINVALID, "document",
                              "expected a rule, fields, filters, events or metadata, found none");
    }
    if ((options->since != 0 && whi_time_check("since", options->since) != WH_OK) ||
        (options->until != 0 && whi_time_check("until", options->until) != WH_OK)) {
        return WH_EINVALID;
    }
    code = number("last", options->last, LAST_DEFAULT, LAST_MAXIMUM, &self->last);
    return code == WH_OK ? number("shown", options->shown, SHOWN_DEFAULT, SHOWN_MAXIMUM, &self->shown) : code;
}

static int compare_all(backtest *self, char **out, size_t *size) {
    int code = take_sides(self);

    code = code == WH_OK ? walk_in_turn(self) : code;
    return code == WH_OK ? tell(self, out, size) : code;
}

int wh_backtest_run(wh_engine *engine, const wh_backtest *options, char **out, size_t *size) {
    wh_backtest taken;
    backtest *self;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (options == NULL || out == NULL) {
        return whi_fail_field(WH_EINVALID, options == NULL ? "backtest" : "out", "expected one, found NULL");
    }
    *out = NULL;
    code = wh_struct_take(&taken, sizeof taken, options, "WH_BACKTEST_INIT");
    if (code != WH_OK) {
        return code;
    }
    self = whi_calloc(1, sizeof *self);
    if (self == NULL) {
        return whi_fail_memory();
    }
    self->engine = engine;
    self->options = &taken;
    whi_buf_init(&self->differences, ANSWER_MAXIMUM);
    whi_buf_init(&self->errors, ANSWER_MAXIMUM);
    open_side(self, &self->now);
    open_side(self, &self->then);
    code = read_options(self);
    code = code == WH_OK ? compare_all(self, out, size) : code;
    close_side(&self->now);
    close_side(&self->then);
    whi_buf_free(&self->differences);
    whi_buf_free(&self->errors);
    whi_free(self);
    return code;
}
