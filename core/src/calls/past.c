/* Tests: test_backtest. */
#include "calls/past.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "systems/envelope.h"
#include "systems/subscription_make.h"

/* ------------------------------------------------------------------------ the event */

/* Copies a text to *at, which moves behind it; NULL is "". */
static const char *put(char **at, const char *text, size_t size) {
    char *place = *at;

    if (size > 0) {
        memcpy(place, text, size);
    }
    place[size] = '\0';
    *at = place + size + 1;
    return place;
}

static size_t length(const char *text) {
    return text != NULL ? strlen(text) : 0;
}

static void name(whi_past *self, const whi_event_row *row) {
    size_t size = length(row->id);

    if (row->id == NULL) {
        whi_ident_format("msg_", row->number, self->id);
        return;
    }
    size = size < WH_ID_SIZE ? size : WH_ID_SIZE - 1;
    memcpy(self->id, row->id, size);
    self->id[size] = '\0';
}

int whi_past_new(whi_past **out, const whi_event_row *row) {
    size_t type = length(row->type), tenant = length(row->tenant), source = length(row->source);
    size_t key = length(row->key);
    whi_past *self = whi_alloc(sizeof *self + type + tenant + source + key + row->payload_size + 5);
    char *at;

    *out = self;
    if (self == NULL) {
        return whi_fail_memory();
    }
    at = (char *)(self + 1);
    self->number = row->number;
    self->time = row->time;
    self->accepted_at = row->accepted_at;
    self->pending = row->pending;
    self->type = put(&at, row->type, type);
    self->tenant = put(&at, row->tenant, tenant);
    self->source = put(&at, row->source, source);
    self->key = put(&at, row->key, key);
    self->payload = put(&at, row->payload, row->payload_size);
    self->payload_size = row->payload_size;
    name(self, row);
    return WH_OK;
}

/* ------------------------------------------------------------------- what it meets */

int whi_past_patterns(whi_match **out, const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;
    int code = whi_match_new(out);

    if (code == WH_OK) {
        code = whi_match_add(*out, "", (const char *const *)s->events, s->event_count, *out);
    }
    if (code != WH_OK) {
        whi_match_free(*out);
        *out = NULL;
    }
    return code;
}

static int found(void *value, void *payload) {
    (void)value;
    *(int *)payload = 1;
    return 0;
}

int whi_past_fits(const whi_match *patterns, const char *type, int *out) {
    *out = 0;
    return whi_match_find(patterns, "", type, found, out);
}

int whi_past_candidate(whi_registration **out, const whi_subscription *base, const char *document, size_t size,
                       const wh_limits *limits) {
    whi_subscription *s = NULL;
    int code;

    *out = NULL;
    size = size == WH_ZSTR ? strlen(document) : size;
    if (size > (size_t)limits->subscription_bytes) {
        return whi_fail_size("document", size, (long long)limits->subscription_bytes);
    }
    code = base != NULL ? whi_subscription_copy(&s, base) : whi_subscription_new(&s);
    code = code == WH_OK ? whi_subscription_apply(s, document, size, (size_t)limits->rule_source_bytes, 0) : code;
    if (code != WH_OK) {
        whi_subscription_free(s);
        return code;
    }
    return whi_registration_of(out, s);
}

int whi_past_decide(whi_decider *decider, const whi_past *event, const whi_registration *registration,
                    whi_decision *out) {
    whi_subject subject = { event->id, event->type, event->tenant, event->source, event->key, event->time };
    int code = whi_decide(decider, &subject, registration, out);

    if (code == WH_OK || code == WH_ENOMEM) {
        return code;
    }
    whi_decision_free(out);
    out->verdict = WHI_FAILED;
    out->code = code;
    snprintf(out->error.text, sizeof out->error.text, "%.500s", wh_last_error());
    return WH_OK;
}

int whi_past_goes(const whi_registration *registration, const whi_decision *decision) {
    return decision->verdict == WHI_PASS || decision->verdict == WHI_PROJECT ||
           (decision->verdict == WHI_FAILED && registration->subscription->on_rule_error == WHI_SEND);
}

int whi_past_body(const whi_registration *registration, const whi_past *event, const whi_decision *decision,
                  whi_buf *out) {
    whi_envelope envelope = { .made_by = registration->subscription,
                              .now = registration->subscription,
                              .fields = registration->fields,
                              .event_id = event->id,
                              .event_type = event->type,
                              .event_time = event->time,
                              .data = decision->body != NULL ? decision->body : event->payload,
                              .data_size = decision->body != NULL ? decision->body_size : event->payload_size };
    int code = whi_envelope_body(&envelope, out);

    return code == WH_OK ? whi_buf_status(out) : code;
}

int whi_past_size(const whi_registration *registration, const whi_past *event, const whi_decision *decision,
                  size_t *out) {
    whi_buf body;
    int code;

    if (registration->subscription->system->body == NULL) {
        *out = decision->body != NULL ? decision->body_size : event->payload_size;
        return WH_OK;
    }
    whi_buf_init(&body, SIZE_MAX / 4);
    code = whi_past_body(registration, event, decision, &body);
    *out = body.size;
    whi_buf_free(&body);
    return code;
}

/* ------------------------------------------------------------------------- members */

void whi_tell_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    if (text == NULL) {
        whi_buf_text(out, "null");
    } else {
        whi_json_write_string(out, text, strlen(text));
    }
}

void whi_tell_int(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

void whi_tell_flag(whi_buf *out, const char *name, int flag) {
    whi_json_write_name(out, name);
    whi_buf_text(out, flag ? "true" : "false");
}

void whi_tell_failure(whi_buf *out, int code, const wh_rule_error *error) {
    whi_tell_text(out, "code", wh_error_name(code));
    if (error->line > 0) {
        whi_tell_int(out, "line", error->line);
    } else {
        whi_tell_text(out, "line", NULL);
    }
    whi_tell_text(out, "message", error->text[0] != '\0' ? error->text : wh_error_text(code));
}
