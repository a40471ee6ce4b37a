/* Trying a rule: one payload through filters, rule and fields, without a store. Tests: test_rule_try. */
#include "base/error.h"
#include "base/mem.h"
#include "calls/past.h"
#include "engine/accept.h"
#include "engine/decide.h"
#include "engine/registry.h"
#include "pure/ruling.h"

#include <stdio.h>
#include <string.h>

#define ANSWER_MAXIMUM ((size_t)1 << 30)

typedef struct trying {
    wh_limits limits;
    wh_rule_engine rules;
    whi_registration *registration;
    whi_decider decider;
    wh_event event; /* measured */
    whi_decision decision;
    const char *ruled; /* NULL, or what a response rule said */
} trying;

/* ------------------------------------------------------------------------- reading */

static int read_event(trying *self, const wh_event *event) {
    int code;

    code = whi_accept_take(&self->event, event, &self->limits);
    return code == WH_OK ? whi_decider_scan(&self->decider, self->event.payload, self->event.payload_size) : code;
}

static const char *word(const char *text) {
    return text != NULL ? text : "";
}

/* Of a response rule the payload is an answer. */
static const whi_registration *tried(const trying *self) {
    return self->registration->response != NULL ? self->registration->response : self->registration;
}

static int decide(trying *self) {
    const wh_event *event = &self->event;
    whi_subject subject = { word(event->id),     event->type,      word(event->tenant),
                            word(event->source), word(event->key), event->time };

    return whi_decide(&self->decider, &subject, tried(self), &self->decision);
}

/* ------------------------------------------------------------------------- telling */

static const char *outcome_of(const whi_decision *decision) {
    static const char *const names[] = { [WHI_PASS] = "pass",
                                         [WHI_PROJECT] = "project",
                                         [WHI_DROP] = "drop",
                                         [WHI_FILTERED] = "filtered",
                                         [WHI_FAILED] = "failed" };
    _Static_assert(sizeof names / sizeof names[0] == WHI_FAILED + 1, "WHI_FAILED is the last verdict");

    return names[decision->verdict];
}

static void tell_json(whi_buf *out, const char *name, const char *text, size_t size) {
    whi_json_write_name(out, name);
    whi_buf_add(out, text != NULL ? text : "null", text != NULL ? size : 4);
}

static void tell_number(whi_buf *out, const char *name, int64_t number, int applies) {
    if (applies) {
        whi_tell_int(out, name, number);
    } else {
        whi_tell_text(out, name, NULL);
    }
}

static void tell_body(const trying *self, int passes, whi_buf *out) {
    const whi_decision *decision = &self->decision;

    if (passes && decision->body == NULL) {
        tell_json(out, "body", self->event.payload, self->event.payload_size);
    } else {
        tell_json(out, "body", passes ? decision->body : NULL, decision->body_size);
    }
}

static void tell_error(const whi_decision *decision, whi_buf *out) {
    if (decision->verdict == WHI_FAILED) {
        whi_tell_failure(out, decision->code, &decision->error);
        return;
    }
    whi_tell_text(out, "code", NULL);
    whi_tell_text(out, "line", NULL);
    whi_tell_text(out, "message", NULL);
}

static void tell(const trying *self, whi_buf *out) {
    const whi_decision *decision = &self->decision;
    int passes = decision->verdict == WHI_PASS || decision->verdict == WHI_PROJECT;
    int ran = tried(self)->subscription->rule != NULL && decision->verdict != WHI_FILTERED;

    whi_buf_char(out, '{');
    whi_tell_text(out, "outcome", self->ruled != NULL ? self->ruled : outcome_of(decision));
    tell_body(self, passes, out);
    whi_tell_text(out, "key", decision->key);
    tell_json(out, "headers", decision->headers, decision->headers != NULL ? strlen(decision->headers) : 0);
    tell_number(out, "delay", decision->delay, passes && ran);
    whi_tell_text(out, "path", decision->verdict == WHI_FILTERED ? decision->path : NULL);
    tell_error(decision, out);
    tell_number(out, "cpu_us", decision->cpu_us, ran);
    tell_number(out, "memory", decision->memory, ran);
    whi_buf_char(out, '}');
}

/* Reads what a response rule said, as it is read of an answer. */
static int rule_on(trying *self) {
    whi_decision *decision = &self->decision;
    whi_ruling ruling = WHI_RULING_NONE;
    int code = WH_OK;

    if (self->registration->response == NULL || decision->verdict == WHI_FAILED) {
        return WH_OK;
    }
    if (decision->verdict == WHI_PROJECT) {
        code = whi_ruling_read(&ruling, decision->body, decision->body_size, self->event.time);
    }
    if (code == WH_ERULE_RESULT) {
        decision->verdict = WHI_FAILED;
        decision->code = code;
        snprintf(decision->error.text, sizeof decision->error.text, "%s", wh_last_error());
        return WH_OK;
    }
    self->ruled = whi_ruled_names[ruling.outcome];
    return code;
}

static int try_event(trying *self, const wh_event *event, whi_buf *out) {
    int code = read_event(self, event);

    code = code == WH_OK ? decide(self) : code;
    code = code == WH_OK ? rule_on(self) : code;
    if (code == WH_OK) {
        tell(self, out);
        code = whi_buf_status(out);
    }
    whi_decision_free(&self->decision);
    return code;
}

int wh_rule_try(const wh_rule_engine *rules, const wh_limits *limits, const char *document, size_t size,
                const wh_event *event, char **out, size_t *out_size) {
    trying self = { .limits = { 0 } };
    whi_buf answer;
    int code;

    if (document == NULL || out == NULL) {
        return whi_fail_field(WH_EINVALID, document == NULL ? "document" : "out", "expected one, found NULL");
    }
    *out = NULL;
    whi_buf_init(&answer, ANSWER_MAXIMUM);
    whi_decider_init(&self.decider, rules != NULL ? &self.rules : NULL, &self.limits);
    code = whi_limits_take(&self.limits, limits);
    code = code == WH_OK && rules != NULL ? whi_rules_take(&self.rules, rules) : code;
    code = code == WH_OK ? whi_past_candidate(&self.registration, NULL, document, size, &self.limits) : code;
    code = code == WH_OK ? whi_decider_check(&self.decider, self.registration, NULL) : code;
    if (code == WH_OK && self.registration->response != NULL) {
        code = whi_decider_check(&self.decider, self.registration->response, NULL);
    }
    if (code == WH_OK && event == NULL) {
        whi_buf_text(&answer, "{\"outcome\":\"pass\"}");
    } else if (code == WH_OK) {
        code = try_event(&self, event, &answer);
    }
    whi_decider_close(&self.decider);
    whi_registration_unref(self.registration);
    if (code != WH_OK) {
        whi_buf_free(&answer);
        return code;
    }
    return whi_buf_take(&answer, out, out_size);
}
