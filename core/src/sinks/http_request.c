/* Tests: test_engine_order, test_engine_sequence. */
#include "sinks/http_request.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/setting.h"
#include "engine/wrap.h"
#include "pure/sign.h"
#include "systems/envelope.h"
#include "systems/header.h"

#define SIGNATURE_MAXIMUM 4096
#define ENVELOPE_EXTRA 65536 /* around the data, beside what a system puts there of the subscription */

/* "1e20" written out is the longest that data become. What was accepted was within the limits, which may be others by
 * now: here it is but within what they may be. */
static size_t body_maximum(void) {
    return (size_t)whi_setting_most(WHI_PAYLOAD_BYTES) * 5 + (size_t)whi_setting_most(WHI_SUBSCRIPTION_BYTES) +
           ENVELOPE_EXTRA;
}

whi_http_request *whi_http_request_new(wh_engine *engine) {
    whi_http_request *self = whi_calloc(1, sizeof *self);

    if (self != NULL) {
        self->engine = engine;
        whi_buf_init(&self->signature, SIGNATURE_MAXIMUM);
        whi_buf_init(&self->extra, WHI_HEADER_BYTES * 2);
        whi_buf_init(&self->body, body_maximum());
    }
    return self;
}

void whi_http_request_free(whi_http_request *self) {
    if (self != NULL) {
        whi_buf_free(&self->signature);
        whi_buf_free(&self->extra);
        whi_buf_free(&self->body);
        whi_free(self);
    }
}

static void free_signers(whi_http_kept *kept) {
    for (size_t i = 0; i < kept->signer_count; i++) {
        whi_signer_free(kept->signers[i]);
    }
    whi_free(kept->signers);
    kept->signers = NULL;
    kept->signer_count = 0;
}

void whi_http_forget(void *kept) {
    free_signers(kept);
    whi_free(kept);
}

static int ready_signers(whi_http_kept *kept, const whi_subscription *s) {
    int code = WH_OK;

    if (kept->signers != NULL && kept->version == s->version) {
        return WH_OK;
    }
    free_signers(kept);
    kept->signers = whi_calloc(s->secret_count, sizeof(struct whi_signer *));
    if (kept->signers == NULL) {
        return whi_fail_memory();
    }
    while (kept->signer_count < s->secret_count && code == WH_OK) {
        code = whi_signer_new(&kept->signers[kept->signer_count], s->secrets[kept->signer_count]);
        kept->signer_count += code == WH_OK;
    }
    kept->version = s->version;
    if (code != WH_OK) {
        free_signers(kept);
    }
    return code;
}

static int kept_of(whi_http_request *self, whi_http_kept **out) {
    if (*self->kept == NULL) {
        *self->kept = whi_calloc(1, sizeof **out);
    }
    *out = *self->kept;
    return *out != NULL ? WH_OK : whi_fail_memory();
}

static int sign(whi_http_request *self, const whi_subscription *s, int64_t seconds) {
    const char *id = self->parcel->delivery->event->id;
    const whi_request *request = &self->request;
    whi_http_kept *kept;
    int code = kept_of(self, &kept);

    code = code == WH_OK ? ready_signers(kept, s) : code;
    if (code != WH_OK) {
        return code;
    }

    whi_buf_clear(&self->signature);
    whi_buf_text(&self->signature, "webhook-signature: ");
    for (size_t i = 0; i < kept->signer_count && code == WH_OK; i++) {
        if (i > 0) {
            whi_buf_char(&self->signature, ' ');
        }
        code = whi_signer_sign(kept->signers[i], id, seconds, request->body, request->body_size, &self->signature);
    }
    return code == WH_OK ? whi_buf_status(&self->signature) : code;
}

/* Decimal digits of a positive number behind text; cheaper than a format. */
static void line_number(char *out, const char *name, int64_t number) {
    char digits[24];
    size_t count = 0, size = strlen(name);

    memcpy(out, name, size);
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0) {
        out[size++] = digits[--count];
    }
    out[size] = '\0';
}

static int is_same_name(const char *a, const char *b) {
    size_t size = strcspn(a, ":;");

    return size == strcspn(b, ":;") && whi_ascii_same_part(a, b, size);
}

/* A line of the subscription gives way to one of the rule. */
static int is_given(const whi_http_request *self, const char *line) {
    const whi_buf *extra = &self->extra;

    for (size_t at = 0; at < extra->size; at += strlen(extra->data + at) + 1) {
        if (is_same_name(extra->data + at, line)) {
            return 1;
        }
    }
    return 0;
}

/* The headers that rule and subscription want, behind those that are there. */
static int add_lines(whi_http_request *self, const whi_subscription *s) {
    whi_request *request = &self->request;
    whi_buf *extra = &self->extra;
    int code = WH_OK;

    whi_buf_clear(extra);
    if (self->parcel->delivery->headers != NULL) {
        code = whi_wrap_rule_headers(self->parcel->delivery->headers, extra);
    }
    if (code != WH_OK) {
        return code;
    }
    for (size_t at = 0; at < extra->size && request->line_count < WHI_REQUEST_LINES;
         at += strlen(extra->data + at) + 1) {
        request->lines[request->line_count++] = extra->data + at;
    }
    for (size_t i = 0; i < s->header_count && request->line_count < WHI_REQUEST_LINES; i++) {
        if (!is_given(self, s->headers[i])) {
            request->lines[request->line_count++] = s->headers[i];
        }
    }
    return WH_OK;
}

/* The sender's name as the system has it, unless rule or subscription gave one. */
static void add_agent(whi_request *request, const char *agent) {
    if (agent == NULL || request->line_count == WHI_REQUEST_LINES) {
        return;
    }
    for (size_t i = 0; i < request->line_count; i++) {
        if (is_same_name(request->lines[i], agent)) {
            return;
        }
    }
    request->lines[request->line_count++] = agent;
}

/* The system's body, and its lines behind those that are there. */
static int wrap(whi_http_request *self, int with_lines) {
    const whi_delivery *delivery = self->parcel->delivery;
    const char *lines[WHI_ENVELOPE_LINES];
    whi_request *request = &self->request;
    whi_wrapping what = { .now = delivery->registration,
                          .version = delivery->version,
                          .event_id = delivery->event->id,
                          .event_type = delivery->event->type,
                          .event_time = delivery->event->time,
                          .unlike = &self->unlike };
    size_t count = 0;
    int code;

    what.data = whi_delivery_bytes(delivery, &what.data_size);
    whi_buf_clear(&self->body);
    whi_buf_clear(&self->signature);
    code = whi_wrap(self->engine, &what, &self->body, with_lines ? &self->signature : NULL, lines, &count);
    memcpy(request->lines + request->line_count, lines, code == WH_OK ? count * sizeof *lines : 0);
    request->line_count += count;
    request->body = self->body.data;
    request->body_size = self->body.size;
    return code;
}

/* Those that are made anew for each attempt. */
static int add_timed_lines(whi_http_request *self, const whi_subscription *s) {
    static const char id_name[] = "webhook-id: ";
    whi_request *request = &self->request;
    const whi_event *event = self->parcel->delivery->event;
    int64_t seconds = self->parcel->started_at / 1000;
    int code = sign(self, s, seconds);

    if (code != WH_OK) {
        return code;
    }
    memcpy(self->id_line, id_name, sizeof id_name - 1);
    memcpy(self->id_line + sizeof id_name - 1, event->id, strlen(event->id) + 1);
    line_number(self->time_line, "webhook-timestamp: ", seconds);
    request->lines[request->line_count++] = self->id_line;
    request->lines[request->line_count++] = self->time_line;
    request->lines[request->line_count++] = self->signature.data;
    return WH_OK;
}

/* What has its place in an order says which: the event's number, which ascends as events are accepted. A
 * request that has left cannot be called back, so an older one may come late (after a pause beyond the lease,
 * after a death), and by the number a receiver knows it. The key is the delivery's own, in the store as in
 * memory: a retry has the number of the first attempt, whatever became of the subscription's order. */
static void add_sequence(whi_http_request *self) {
    const whi_delivery *delivery = self->parcel->delivery;
    whi_request *request = &self->request;

    if (delivery->key != NULL) {
        line_number(self->sequence_line, "webhook-sequence: ", delivery->event->number);
        request->lines[request->line_count++] = self->sequence_line;
    }
}

/* Body and headers as the subscription's system has them. */
static int fill(whi_http_request *self, const whi_subscription *s) {
    const whi_system *system = s->system;
    whi_request *request = &self->request;
    int timed = system->asks & WHI_SIGNS_WITH_TIME, code = WH_OK;

    self->unlike = 0;
    request->lines[0] = "Content-Type: application/json";
    request->line_count = 1;
    if (system->body != NULL || system->sign != NULL) {
        code = wrap(self, !timed);
    } else {
        request->body = whi_delivery_bytes(self->parcel->delivery, &request->body_size);
    }
    code = code == WH_OK && timed ? add_timed_lines(self, s) : code;
    add_sequence(self);
    code = code == WH_OK ? add_lines(self, s) : code;
    add_agent(request, code == WH_OK ? system->agent : NULL);
    return code;
}

int whi_http_fill(whi_http_request *self) {
    const whi_subscription *s = self->parcel->delivery->registration->subscription;
    const whi_options *options = &self->engine->options;
    whi_request *request = &self->request;
    int code = fill(self, s);

    request->url = s->url;
    request->lane = s->id;
    request->connect_timeout = s->timeouts.connect ? s->timeouts.connect : options->connect_timeout;
    request->answer_timeout = s->timeouts.answer;
    request->timeout = s->timeout ? s->timeout : options->timeout;
    request->insecure = s->insecure;
    request->http2 = s->http2;
    request->error = request->status = 0;
    request->duration_us = 0;
    request->retry_after[0] = request->message[0] = '\0';
    request->response = NULL;
    request->response_size = 0;
    return code;
}
