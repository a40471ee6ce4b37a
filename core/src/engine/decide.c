/* Tests: test_rule_try. */
#include "engine/decide.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/poll.h"

void whi_decider_init(whi_decider *self, const wh_rule_engine *engine, const wh_limits *limits) {
    memset(self, 0, sizeof *self);
    self->engine = engine;
    self->limits = limits;
}

void whi_decider_close(whi_decider *self) {
    whi_json_free(&self->json);
    whi_json_free(&self->part);
    if (self->is_open) {
        whi_kept_end(&self->kept);
        self->engine->close(self->rules);
    }
    memset(self, 0, sizeof *self);
}

int whi_decider_scan(whi_decider *self, const char *payload, size_t size) {
    self->scanned = whi_json_scan(&self->json, payload, size, (int)self->limits->json_depth);
    return self->scanned;
}

int whi_decider_scan_stored(whi_decider *self, const char *payload, size_t size) {
    int code = whi_decider_scan(self, payload, size);

    return code == WH_EJSON || code == WH_ELIMIT ? WH_OK : code;
}

/* The first rule opens the runtime. */
static int compiled(whi_decider *self, const whi_registration *registration, void **out, wh_rule_error *error) {
    if (!self->is_open) {
        int code = self->engine->open(&self->rules, self->limits, self->engine->payload);
        if (code != WH_OK) {
            return code;
        }
        self->is_open = 1;
        whi_kept_init(&self->kept, self->engine, self->rules, (size_t)self->limits->rules_bytes);
    }
    return whi_kept_get(&self->kept, registration, out, error);
}

int whi_rule_review(const wh_rule_engine *rules, void *runtime, const whi_subscription *s, const char *before,
                    wh_rule_error *error) {
    if (rules->check == NULL || (before != NULL && strcmp(before, s->rule) == 0)) {
        return WH_OK;
    }
    return rules->check(runtime, s->rule, s->rule_size, error);
}

int whi_decider_check(whi_decider *self, const whi_registration *registration, const char *before) {
    const char *field = registration->is_response ? "response_rule" : "rule";
    wh_rule_error error = { 0 };
    void *rule;
    int code;

    if (registration->subscription->rule == NULL) {
        return WH_OK;
    }
    if (self->engine == NULL) {
        return whi_fail_field(WH_ERULE_ENGINE, field, "there is no rule engine here to run it");
    }
    code = compiled(self, registration, &rule, &error);
    if (code == WH_OK && !registration->is_response) {
        code = whi_rule_review(self->engine, self->rules, registration->subscription, before, &error);
    }
    return code == WH_OK ? WH_OK : whi_fail_rule_of(field, code, &error);
}

/* ------------------------------------------------------------------- decisions */

/* A source that was accepted may be longer than is allowed by now. */
static int is_rules(int code) {
    return (code <= WH_ERULE_SYNTAX && code >= WH_ERULE_ENGINE) || code == WH_ELIMIT;
}

/* What the rule failed with is a decision; that there was no memory for it is none. */
static int failed(int code, const wh_rule_verdict *verdict, whi_decision *out) {
    if (!is_rules(code)) {
        return code;
    }
    out->verdict = WHI_FAILED;
    out->code = code;
    out->error = verdict->error;
    return WH_OK;
}

/* A rule engine may be newer than this library, or wrong. */
static int check_action(wh_rule_verdict *verdict) {
    if (verdict->action >= WH_RULE_DROP && verdict->action <= WH_RULE_PROJECT) {
        return WH_OK;
    }
    snprintf(verdict->error.text, sizeof verdict->error.text, "the rule engine's action %d is not known here",
             verdict->action);
    return WH_ERULE_RESULT;
}

static int keep(char **place, const char *text, size_t size) {
    *place = text != NULL ? whi_strdup(text, size) : NULL;
    return text == NULL || *place != NULL ? WH_OK : whi_fail_memory();
}

static const whi_json *seen(const whi_decider *self) {
    return self->part.count > 0 ? &self->part : &self->json;
}

static void drop_body(whi_decision *out) {
    whi_free(out->body);
    out->body = NULL;
}

static int take_verdict(const wh_rule_verdict *verdict, whi_decision *out) {
    static const int verdicts[] = {
        [WH_RULE_DROP] = WHI_DROP, [WH_RULE_PASS] = WHI_PASS, [WH_RULE_PROJECT] = WHI_PROJECT
    };
    int code = WH_OK;

    out->verdict = verdicts[verdict->action];
    if (out->verdict == WHI_DROP) {
        return WH_OK;
    }
    out->delay = verdict->delay;
    if (out->verdict == WHI_PROJECT) {
        drop_body(out);
        code = keep(&out->body, verdict->body, verdict->body_size);
        out->body_size = verdict->body_size;
    }
    code = code == WH_OK ? keep(&out->key, verdict->key, WH_ZSTR) : code;
    return code == WH_OK ? keep(&out->headers, verdict->headers, verdict->headers_size) : code;
}

static int run_rule(whi_decider *self, const whi_subject *subject, const whi_registration *registration,
                    whi_decision *out) {
    const whi_subscription *s = registration->subscription;
    const char *secret = s->secret_count > 0 ? s->secrets[0] : NULL;
    wh_rule_input input = { .size = sizeof input,
                            .payload = seen(self),
                            .event_id = subject->id,
                            .event_type = subject->type,
                            .event_tenant = subject->tenant,
                            .event_source = subject->source,
                            .event_key = subject->key,
                            .event_time = subject->time,
                            .subscription_id = registration->id,
                            .subscription_name = s->name,
                            .subscription_meta = s->metadata,
                            .subscription_meta_size = s->metadata != NULL ? strlen(s->metadata) : 0,
                            .hash_key = secret,
                            .hash_key_size = secret != NULL ? strlen(secret) : 0,
                            .cpu_us = self->slice_us,
                            .payload_name = registration->is_response ? "answer" : NULL };
    wh_rule_verdict verdict;
    void *rule = NULL;
    int code;

    memset(&verdict, 0, sizeof verdict);
    verdict.size = sizeof verdict;
    if (self->engine == NULL) {
        return failed(WH_ERULE_ENGINE, &verdict, out);
    }
    code = compiled(self, registration, &rule, &verdict.error);
    if (code == WH_OK) {
        code = self->engine->run(self->rules, rule, &input, &verdict);
        code = code == WH_OK ? check_action(&verdict) : code;
    }
    out->cpu_us = verdict.cpu_us;
    out->memory = verdict.memory;
    if (code == WH_ERULE_TIME && self->slice_us > 0) {
        out->verdict = WHI_SLOW;
        code = WH_OK;
    } else {
        code = code == WH_OK ? take_verdict(&verdict, out) : failed(code, &verdict, out);
    }
    whi_kept_ran(&self->kept); /* the verdict's texts may be the rule's, and were taken */
    return code;
}

/* Of a list the items that hold, where the system's lists are of objects that stand for themselves. */
static int narrow(whi_decider *self, const whi_registration *registration, whi_decision *out) {
    size_t kept;
    whi_buf left;
    int code;

    whi_buf_init(&left, WHI_JSON_MAXIMUM);
    kept = whi_filter_items(registration->filter, &self->json, &left, &out->path);
    code = whi_buf_status(&left);
    if (code == WH_OK && kept == 0) {
        out->verdict = WHI_FILTERED;
    } else if (code == WH_OK && kept < self->json.nodes[0].count) {
        code = whi_buf_take(&left, &out->body, &out->body_size);
        code =
            code == WH_OK ? whi_json_scan(&self->part, out->body, out->body_size, (int)self->limits->json_depth) : code;
    }
    whi_buf_free(&left);
    return code;
}

static int filter(whi_decider *self, const whi_registration *registration, whi_decision *out) {
    int is_list = self->json.count > 0 && self->json.nodes[0].type == WHI_JSON_ARRAY;

    if (is_list && registration->subscription->system->asks & WHI_FILTERS_ITEMS) {
        return narrow(self, registration, out);
    }
    if (!whi_filter_match(registration->filter, &self->json, &out->path)) {
        out->verdict = WHI_FILTERED;
    }
    return WH_OK;
}

/* `fields` of what the rule said, or of the payload. A mask over the whole envelope
 * waits for it. */
static int keep_fields(const whi_decider *self, const whi_registration *registration, whi_decision *out) {
    whi_json said = { 0 };
    const whi_json *json = &self->json;
    whi_buf kept;
    int code = WH_OK;

    if (registration->fields == NULL || registration->subscription->system->asks & WHI_MASKS_ENVELOPE) {
        return WH_OK;
    }
    if (out->body != NULL) {
        code = whi_json_scan(&said, out->body, out->body_size, (int)self->limits->json_depth);
        json = &said;
    }
    whi_buf_init(&kept, WHI_JSON_MAXIMUM);
    if (code == WH_OK) {
        code = whi_projection_write(registration->fields, json, 0, &kept);
    }
    if (code == WH_OK) {
        drop_body(out);
        code = whi_buf_take(&kept, &out->body, &out->body_size);
    }
    whi_buf_free(&kept);
    whi_json_free(&said);
    return code;
}

static int drops_raw(const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    return registration->fields == NULL && s->poll_type != NULL && (s->system->asks & WHI_RAW_BY_NAME) != 0;
}

/* Of an object as its source had it; what a rule has made is as the rule wants it. */
static int leave_raw(const whi_decider *self, whi_decision *out) {
    whi_buf rest;
    int found, code;

    whi_buf_init(&rest, WHI_JSON_MAXIMUM);
    code = whi_projection_write_without("raw", &self->json, 0, &found, &rest);
    code = code == WH_OK && found ? whi_buf_take(&rest, &out->body, &out->body_size) : code;
    whi_buf_free(&rest);
    return code;
}

int whi_decide_looks_inside(const whi_registration *registration) {
    return registration->filter != NULL || registration->fields != NULL || registration->subscription->rule != NULL ||
           drops_raw(registration);
}

/* Polling has asked the objects already, by the same filters; of what has vanished nobody knows more than an id. */
static int is_filtered(const whi_subject *subject, const whi_registration *registration) {
    return registration->filter != NULL && whi_poll_event_kind(subject->id, NULL) == WHI_POLL_NONE;
}

int whi_decide(whi_decider *self, const whi_subject *subject, const whi_registration *registration, whi_decision *out) {
    int code = WH_OK;

    memset(out, 0, offsetof(whi_decision, error));
    out->error.line = 0;
    out->error.text[0] = '\0';
    out->verdict = WHI_PASS;
    if (self->scanned != WH_OK && whi_decide_looks_inside(registration)) {
        out->verdict = WHI_FAILED;
        out->code = self->scanned;
        return WH_OK;
    }
    self->part.count = 0;
    code = is_filtered(subject, registration) ? filter(self, registration, out) : WH_OK;
    if (code != WH_OK || out->verdict == WHI_FILTERED) {
        return code;
    }
    if (registration->subscription->rule != NULL) {
        code = run_rule(self, subject, registration, out);
    }
    if (code == WH_OK && (out->verdict == WHI_PASS || out->verdict == WHI_PROJECT)) {
        code = keep_fields(self, registration, out);
    }
    if (code == WH_OK && out->verdict == WHI_PASS && out->body == NULL && drops_raw(registration)) {
        code = leave_raw(self, out);
    }
    return code;
}

void whi_decision_free(whi_decision *decision) {
    whi_free(decision->body);
    whi_free(decision->key);
    whi_free(decision->headers);
    decision->body = decision->key = decision->headers = NULL;
}
