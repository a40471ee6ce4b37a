/* Tests: test_engine_order, test_engine_sequence. */
#include "sinks/http_request.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/setting.h"
#include "engine/wrap.h"
#include "pure/gzip.h"
#include "pure/ruling.h"
#include "pure/sign.h"
#include "sinks/http_grant.h"
#include "systems/envelope.h"
#include "systems/header.h"

#define SIGNATURE_MAXIMUM 65536
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
        whi_buf_init(&self->packed, body_maximum() + 1024);
        whi_buf_init(&self->answered, WHI_RULING_LINES);
        whi_buf_init(&self->login, WHI_HEADER_BYTES * 8);
    }
    return self;
}

void whi_http_let_go(whi_http_request *self) {
    whi_grant_unref(self->grant);
    self->grant = NULL;
    whi_peer_unref(self->peer);
    self->peer = NULL;
    whi_wipe(self->login.data, self->login.capacity);
}

void whi_http_request_free(whi_http_request *self) {
    if (self != NULL) {
        whi_http_let_go(self);
        whi_buf_free(&self->packed);
        whi_buf_free(&self->answered);
        whi_buf_free(&self->login);
        whi_buf_free(&self->signature);
        whi_buf_free(&self->extra);
        whi_buf_free(&self->body);
        whi_free(self);
    }
}

#define WHI_LINES_OF_OTHERS (WHI_REQUEST_LINES - WHI_LOGIN_LINES - 4) /* agent, token and packing come behind */
#define COMPRESS_FROM 1024 /* bytes: below, a packet more or less is not saved */

static void forget(whi_http_kept *kept) {
    for (size_t i = 0; i < kept->signer_count; i++) {
        whi_signer_free(kept->signers[i]);
    }
    whi_free(kept->signers);
    kept->signers = NULL;
    kept->signer_count = 0;
    whi_login_free(&kept->login);
    whi_grant_unref(kept->grant);
    kept->grant = NULL;
    whi_peer_unref(kept->peer);
    kept->peer = NULL;
    whi_form_free(kept->form);
    kept->form = NULL;
    kept->is_ready = 0;
}

void whi_http_forget(void *kept) {
    forget(kept);
    whi_free(kept);
}

static int ready_signers(whi_http_kept *kept, const whi_subscription *s) {
    int code = WH_OK;

    kept->signers = whi_calloc(s->secret_count + 1, sizeof(struct whi_signer *));
    if (kept->signers == NULL) {
        return whi_fail_memory();
    }
    while (kept->signer_count < s->secret_count && code == WH_OK) {
        code = whi_signer_new(&kept->signers[kept->signer_count], s->secrets[kept->signer_count]);
        kept->signer_count += code == WH_OK;
    }
    return code;
}

static int ready_login(whi_http_kept *kept, whi_sink *sink, const whi_subscription *s) {
    int code = whi_login_read(&kept->login, s->auth);

    return code == WH_OK && kept->login.type == WHI_LOGIN_OAUTH2
               ? whi_grant_of(sink, s->auth, &kept->login, &kept->grant)
               : code;
}

/* Its own proxy, or the engine's. */
static int ready_peer(whi_http_kept *kept, whi_sink *sink, const whi_subscription *s) {
    const char *proxy = s->proxy != NULL ? s->proxy : sink->engine->options.proxy;

    if (s->tls == NULL && s->proxy == NULL) {
        kept->peer = whi_peer_ref(sink->way);
        return WH_OK;
    }
    return whi_access_peer(&kept->peer, s->tls, proxy);
}

/* What of this version is read and set up once. */
static int ready(whi_http_kept *kept, whi_sink *sink, const whi_subscription *s) {
    int code = WH_OK;

    if (kept->is_ready && kept->version == s->version) {
        return WH_OK;
    }
    forget(kept);
    if (s->signature != NULL) {
        code = whi_form_read(&kept->form, s->signature, strlen(s->signature));
    } else if (s->system->asks & WHI_SIGNS_WITH_TIME) {
        code = ready_signers(kept, s);
    }
    if (sink != NULL) { /* a queue's messages have neither */
        code = code == WH_OK && s->auth != NULL ? ready_login(kept, sink, s) : code;
        code = code == WH_OK ? ready_peer(kept, sink, s) : code;
    }
    kept->version = s->version;
    kept->is_ready = code == WH_OK;
    if (code != WH_OK) {
        forget(kept);
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

static int sign(whi_http_request *self, const whi_http_kept *kept, int64_t seconds) {
    const char *id = self->parcel->delivery->event->id;
    const whi_request *request = &self->request;
    int code = WH_OK;

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

/* A line of the subscription gives way to one of the rule. */
static int is_given(const whi_http_request *self, const char *line) {
    const whi_buf *extra = &self->extra;

    for (size_t at = 0; at < extra->size; at += strlen(extra->data + at) + 1) {
        if (whi_header_same_name(extra->data + at, line)) {
            return 1;
        }
    }
    return 0;
}

/* Which login somebody has is not for a rule to say, nor how the body is packed. */
static int is_ours(const whi_http_kept *kept, const whi_subscription *s, const char *line) {
    if (kept->grant != NULL && whi_header_same_name(line, "Authorization:")) {
        return 1;
    }
    for (size_t i = 0; i < kept->login.line_count; i++) {
        if (whi_header_same_name(kept->login.lines[i], line)) {
            return 1;
        }
    }
    for (size_t i = 0; kept->form != NULL && i < kept->form->header_count; i++) {
        if (whi_header_same_name(kept->form->names[i], line)) {
            return 1;
        }
    }
    return s->compress != WHI_COMPRESS_NONE && whi_header_same_name(line, "Content-Encoding:");
}

static void add_login(whi_request *request, const whi_http_kept *kept) {
    for (size_t i = 0; i < kept->login.line_count; i++) {
        request->lines[request->line_count++] = kept->login.lines[i];
    }
}

/* The headers that rule and subscription want, behind those that are there. */
static int add_lines(whi_http_request *self, const whi_http_kept *kept, const whi_subscription *s) {
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
    for (size_t at = 0; at < extra->size && request->line_count < WHI_LINES_OF_OTHERS;
         at += strlen(extra->data + at) + 1) {
        if (!is_ours(kept, s, extra->data + at)) {
            request->lines[request->line_count++] = extra->data + at;
        }
    }
    for (size_t i = 0; i < s->header_count && request->line_count < WHI_LINES_OF_OTHERS; i++) {
        if (!is_given(self, s->headers[i]) && !is_ours(kept, s, s->headers[i])) {
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
        if (whi_header_same_name(request->lines[i], agent)) {
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

static void add_id(whi_http_request *self) {
    static const char id_name[] = "webhook-id: ";
    const whi_event *event = self->parcel->delivery->event;

    memcpy(self->id_line, id_name, sizeof id_name - 1);
    memcpy(self->id_line + sizeof id_name - 1, event->id, strlen(event->id) + 1);
    self->request.lines[self->request.line_count++] = self->id_line;
}

/* The lines of the form, and the id, by which a repeat is known whatever the form. */
static int add_form_lines(whi_http_request *self, const whi_http_kept *kept, const whi_subscription *s) {
    whi_request *request = &self->request;
    const whi_event *event = self->parcel->delivery->event;
    const whi_form_message message = { event->id,     event->type,       s->url, self->parcel->started_at / 1000,
                                       request->body, request->body_size };
    size_t at = 0;
    int code;

    whi_buf_clear(&self->signature);
    code = whi_form_sign(kept->form, &message, s->secrets, s->secret_count, &self->signature);
    for (size_t i = 0; code == WH_OK && i < kept->form->header_count; i++) {
        request->lines[request->line_count++] = self->signature.data + at;
        at += strlen(self->signature.data + at) + 1;
    }
    add_id(self);
    return code;
}

/* Those that are made anew for each attempt. */
static int add_timed_lines(whi_http_request *self, const whi_http_kept *kept) {
    whi_request *request = &self->request;
    int64_t seconds = self->parcel->started_at / 1000;
    int code = sign(self, kept, seconds);

    if (code != WH_OK) {
        return code;
    }
    add_id(self);
    line_number(self->time_line, "webhook-timestamp: ", seconds);
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

static const char *type_line(whi_http_request *self, const whi_subscription *s) {
    if (s->content_type == NULL) {
        return "Content-Type: application/json";
    }
    snprintf(self->type_line, sizeof self->type_line, "Content-Type: %s", s->content_type);
    return self->type_line;
}

/* Behind signing: a receiver verifies what it has unpacked. What does not become smaller is sent as it is. */
static int compress(whi_http_request *self, const whi_subscription *s) {
    whi_request *request = &self->request;
    int code;

    if (s->compress == WHI_COMPRESS_NONE || request->body_size < COMPRESS_FROM) {
        return WH_OK;
    }
    whi_buf_clear(&self->packed);
    code = whi_gzip(request->body, request->body_size, &self->packed);
    if (code == WH_OK && self->packed.size < request->body_size) {
        request->body = self->packed.data;
        request->body_size = self->packed.size;
        request->lines[request->line_count++] = "Content-Encoding: gzip";
    }
    return code;
}

/* Body and headers as the subscription's system has them. */
static int fill(whi_http_request *self, const whi_http_kept *kept, const whi_subscription *s) {
    const whi_system *system = s->system;
    whi_request *request = &self->request;
    int timed = system->asks & WHI_SIGNS_WITH_TIME, code = WH_OK;

    self->unlike = 0;
    request->lines[0] = type_line(self, s);
    request->line_count = 1;
    if (system->body != NULL || system->sign != NULL) {
        code = wrap(self, !timed);
    } else {
        request->body = whi_delivery_bytes(self->parcel->delivery, &request->body_size);
    }
    if (code == WH_OK && timed) {
        code = kept->form != NULL ? add_form_lines(self, kept, s) : add_timed_lines(self, kept);
    }
    add_sequence(self);
    code = code == WH_OK ? add_lines(self, kept, s) : code;
    add_agent(request, code == WH_OK ? system->agent : NULL);
    add_login(request, kept);
    return code == WH_OK ? compress(self, s) : code;
}

int whi_http_fill(whi_http_request *self) {
    const whi_subscription *s = self->parcel->delivery->registration->subscription;
    const whi_options *options = &self->engine->options;
    whi_request *request = &self->request;
    whi_http_kept *kept = NULL;
    int code = kept_of(self, &kept);

    code = code == WH_OK ? ready(kept, self->sink, s) : code;
    code = code == WH_OK ? fill(self, kept, s) : code;
    if (code == WH_OK) {
        self->grant = kept->grant != NULL ? whi_grant_ref(kept->grant) : NULL;
        self->peer = whi_peer_ref(kept->peer);
    }
    request->peer = self->peer;
    request->url = s->url;
    request->lane = s->id;
    request->connect_timeout = s->timeouts.connect ? s->timeouts.connect : options->connect_timeout;
    request->answer_timeout = s->timeouts.answer;
    request->timeout = s->timeout ? s->timeout : options->timeout;
    request->insecure = s->insecure;
    request->http2 = s->http2;
    whi_buf_clear(&self->answered);
    request->headers = s->response_rule != NULL ? &self->answered : NULL;
    request->error = request->status = 0;
    request->duration_us = 0;
    request->retry_after[0] = request->message[0] = '\0';
    request->response = NULL;
    request->response_size = 0;
    return code;
}
