#include "work/send.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/lease.h"
#include "engine/registry.h"
#include "engine/wrap.h"
#include "pure/delivery.h"
#include "pure/envelope.h"
#include "pure/header.h"
#include "pure/profile.h"
#include "pure/retry.h"
#include "pure/sign.h"
#include "work/lane.h"
#include "work/record.h"
#include "work/retire.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#define SIGNATURE_MAXIMUM 4096
#define SCARCE_MS 1000         /* until what could not be sent for want of something here is tried again */
#define ENVELOPE_EXTRA 65536 /* around the data, beside the webhook that Unified.to puts there */

/* ----------------------------------------------------------------------- flights */

/* A request in the making or under way, taken from a pool. */
typedef struct whi_flight {
    whi_request request;
    struct whi_flight *next; /* in the pool */
    struct whi_flight *flying_next, **flying_link;
    struct whi_worker *worker;
    whi_delivery *delivery;
    whi_lane *lane;
    int64_t started_at; /* ms */
    char id_line[WH_ID_SIZE + 16];
    char time_line[48];
    whi_buf signature; /* or all lines of a profile's */
    whi_buf body;      /* the envelope, where the profile has one */
    whi_buf extra;     /* the lines of the rule's headers */
} whi_flight;

static size_t body_maximum(const wh_limits *limits) {
    return (size_t)limits->payload_bytes * 2 + (size_t)limits->subscription_bytes + ENVELOPE_EXTRA;
}

static whi_flight *take_flight(whi_worker *worker) {
    whi_flight *flight = worker->free_flights;

    if (flight != NULL) {
        worker->free_flights = flight->next;
        return flight;
    }
    flight = whi_calloc(1, sizeof *flight);
    if (flight != NULL) {
        flight->worker = worker;
        whi_buf_init(&flight->signature, SIGNATURE_MAXIMUM);
        whi_buf_init(&flight->extra, WHI_HEADER_BYTES * 2);
        whi_buf_init(&flight->body, body_maximum(&worker->engine->options.limits));
    }
    return flight;
}

static void give_flight(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    flight->delivery = NULL;
    flight->next = worker->free_flights;
    worker->free_flights = flight;
}

static void unlink_flying(whi_flight *flight) {
    if (flight->flying_next != NULL) {
        flight->flying_next->flying_link = flight->flying_link;
    }
    *flight->flying_link = flight->flying_next;
}

static void link_flying(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    flight->flying_next = worker->flying;
    flight->flying_link = &worker->flying;
    if (worker->flying != NULL) {
        worker->flying->flying_link = &flight->flying_next;
    }
    worker->flying = flight;
}

static void free_flight(whi_flight *flight) {
    whi_buf_free(&flight->signature);
    whi_buf_free(&flight->extra);
    whi_buf_free(&flight->body);
    whi_free(flight);
}

void whi_send_free(whi_worker *worker) {
    while (worker->flying != NULL) {
        whi_flight *flight = worker->flying;
        unlink_flying(flight);
        atomic_fetch_sub(&worker->engine->flights_open, 1);
        whi_delivery_free(worker->engine, flight->delivery);
        free_flight(flight);
    }
    worker->in_flight = 0;
    while (worker->free_flights != NULL) {
        whi_flight *next = worker->free_flights->next;
        free_flight(worker->free_flights);
        worker->free_flights = next;
    }
}

/* ----------------------------------------------------------------------- signing */

static void free_signers(whi_lane *lane) {
    for (size_t i = 0; i < lane->signer_count; i++) {
        whi_signer_free(lane->signers[i]);
    }
    whi_free(lane->signers);
    lane->signers = NULL;
    lane->signer_count = 0;
}

static int ready_signers(whi_lane *lane, const whi_subscription *s) {
    int code = WH_OK;

    if (lane->signers != NULL && lane->signers_version == s->version) {
        return WH_OK;
    }
    free_signers(lane);
    lane->signers = whi_calloc(s->secret_count, sizeof(struct whi_signer *));
    if (lane->signers == NULL) {
        return whi_fail_memory();
    }
    while (lane->signer_count < s->secret_count && code == WH_OK) {
        code = whi_signer_new(&lane->signers[lane->signer_count], s->secrets[lane->signer_count]);
        lane->signer_count += code == WH_OK;
    }
    lane->signers_version = s->version;
    if (code != WH_OK) {
        free_signers(lane);
    }
    return code;
}

static int sign(whi_flight *flight, const whi_subscription *s, int64_t seconds) {
    const char *id = flight->delivery->event->id;
    whi_lane *lane = flight->lane;
    size_t size;
    const char *body = whi_delivery_bytes(flight->delivery, &size);
    int code = ready_signers(lane, s);

    whi_buf_clear(&flight->signature);
    whi_buf_text(&flight->signature, "webhook-signature: ");
    for (size_t i = 0; i < lane->signer_count && code == WH_OK; i++) {
        if (i > 0) {
            whi_buf_char(&flight->signature, ' ');
        }
        code = whi_signer_sign(lane->signers[i], id, seconds, body, size, &flight->signature);
    }
    return code == WH_OK ? whi_buf_status(&flight->signature) : code;
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

    return size == strcspn(b, ":;") && strncasecmp(a, b, size) == 0;
}

/* A line of the subscription gives way to one of the rule. */
static int is_given(const whi_flight *flight, const char *line) {
    const whi_buf *extra = &flight->extra;

    for (size_t at = 0; at < extra->size; at += strlen(extra->data + at) + 1) {
        if (is_same_name(extra->data + at, line)) {
            return 1;
        }
    }
    return 0;
}

/* The headers that rule and subscription want, behind those that are there. */
static int add_lines(whi_flight *flight, const whi_subscription *s) {
    whi_request *request = &flight->request;
    whi_buf *extra = &flight->extra;
    int code = WH_OK;

    whi_buf_clear(extra);
    if (flight->delivery->headers != NULL) {
        code = whi_wrap_rule_headers(flight->delivery->headers, extra);
    }
    if (code != WH_OK) {
        return code;
    }
    for (size_t at = 0; at < extra->size && request->line_count < WHI_REQUEST_LINES;
         at += strlen(extra->data + at) + 1) {
        request->lines[request->line_count++] = extra->data + at;
    }
    for (size_t i = 0; i < s->header_count && request->line_count < WHI_REQUEST_LINES; i++) {
        if (!is_given(flight, s->headers[i])) {
            request->lines[request->line_count++] = s->headers[i];
        }
    }
    return WH_OK;
}

/* The sender's name as the system has it, unless rule or subscription gave one. */
static void add_agent(whi_request *request, int profile) {
    const char *agent = whi_profile_agent(profile);

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

/* Body and headers of a profile with an envelope. */
static int fill_profile(whi_flight *flight, const whi_subscription *s) {
    const whi_delivery *delivery = flight->delivery;
    const char *lines[WHI_ENVELOPE_LINES];
    whi_request *request = &flight->request;
    whi_wrapping what = { .now = delivery->registration,
                          .version = delivery->version,
                          .event_id = delivery->event->id,
                          .event_type = delivery->event->type,
                          .event_time = delivery->event->time };
    size_t count = 0;
    int code;

    what.data = whi_delivery_bytes(delivery, &what.data_size);
    whi_buf_clear(&flight->body);
    whi_buf_clear(&flight->signature);
    code = whi_wrap(flight->worker->engine, &what, &flight->body, &flight->signature, lines, &count);
    if (code != WH_OK) {
        return code;
    }
    request->lines[0] = "Content-Type: application/json";
    memcpy(request->lines + 1, lines, count * sizeof *lines);
    request->line_count = count + 1;
    request->body = flight->body.data;
    request->body_size = flight->body.size;
    code = add_lines(flight, s);
    if (code == WH_OK) {
        add_agent(request, s->profile);
    }
    return code;
}

static int fill_standard(whi_flight *flight, const whi_subscription *s) {
    static const char id_name[] = "webhook-id: ";
    whi_request *request = &flight->request;
    const whi_event *event = flight->delivery->event;
    int64_t seconds = flight->started_at / 1000;
    int code = sign(flight, s, seconds);

    if (code != WH_OK) {
        return code;
    }
    memcpy(flight->id_line, id_name, sizeof id_name - 1);
    memcpy(flight->id_line + sizeof id_name - 1, event->id, strlen(event->id) + 1);
    line_number(flight->time_line, "webhook-timestamp: ", seconds);
    request->lines[0] = "Content-Type: application/json";
    request->lines[1] = flight->id_line;
    request->lines[2] = flight->time_line;
    request->lines[3] = flight->signature.data;
    request->line_count = 4;
    request->body = whi_delivery_bytes(flight->delivery, &request->body_size);
    return add_lines(flight, s);
}

/* ----------------------------------------------------------------------- results */

static void free_error(whi_delivery *delivery) {
    whi_free(delivery->error);
    delivery->error = NULL;
}

static whi_attempt *attempt_of(const whi_flight *flight, int code) {
    const whi_request *request = &flight->request;
    whi_attempt *attempt = whi_calloc(1, sizeof *attempt + request->response_size);

    if (attempt == NULL) {
        return NULL;
    }
    attempt->at = flight->started_at;
    attempt->duration_us = request->duration_us;
    attempt->code = code;
    attempt->status = request->status;
    attempt->response_size = request->response_size;
    if (request->response_size > 0) {
        memcpy(attempt->response, request->response, request->response_size);
    }
    return attempt;
}

static char *sentence_of(const whi_request *request, int code) {
    char text[320];

    if (request->error != WH_OK && request->message[0] != '\0') {
        snprintf(text, sizeof text, "%s: %s", wh_error_name(code), request->message);
    } else if (request->status != 0) {
        snprintf(text, sizeof text, "%s: answered %d", wh_error_name(code), request->status);
    } else {
        snprintf(text, sizeof text, "%s", wh_error_name(code));
    }
    return whi_strdup(text, WH_ZSTR);
}

static void fail_delivery(whi_worker *worker, whi_delivery *delivery, const whi_request *request, int gone) {
    const whi_subscription *s = delivery->registration->subscription;
    size_t count = s->retry_count;
    const int64_t *list = s->retry != NULL ? s->retry : whi_profile_retry(s->profile, &count);
    int64_t now = whi_now(worker->engine), after = whi_retry_after(request->retry_after, now), wait;
    uint32_t chance = 0;

    whi_clock_random(worker->engine->clock, &chance, sizeof chance);
    wait = gone ? -1 : whi_retry_delay(list, count, delivery->tries, after, chance);
    if (wait >= 0) {
        whi_delivery_move(worker->engine, delivery, WHI_RETRY, now + wait);
        return;
    }
    whi_delivery_move(worker->engine, delivery, WHI_EXHAUST, 0);
    atomic_fetch_add_explicit(&worker->engine->count.exhausted, 1, memory_order_relaxed);
}

static void judge_lane(whi_worker *worker, const whi_flight *flight, int gone) {
    whi_lane *lane = flight->lane;
    int64_t now = whi_now(worker->engine);

    whi_lane_outcome(worker, lane, flight->request.error, flight->delivery->abort ? 200 : flight->request.status, now);
    if (gone) {
        whi_retire(worker, flight->delivery->registration, "gone");
    } else if (lane->failing_since != 0 && now - lane->failing_since > worker->engine->options.disable_after) {
        lane->failing_since = 0;
        whi_retire(worker, flight->delivery->registration, "failing");
    }
}

/* For looking on. */
static void count_attempt(whi_worker *worker, const whi_delivery *delivery) {
    wh_engine *engine = worker->engine;

    atomic_fetch_add_explicit(&engine->count.attempts, 1, memory_order_relaxed);
    if (delivery->attempt == NULL) {
        return;
    }
    whi_histogram_add(&engine->count.requests, delivery->attempt->duration_us);
    if (delivery->attempts == 1) {
        whi_histogram_add(&engine->count.waits, (delivery->attempt->at - delivery->event->accepted_at) * 1000);
    }
}

static void land(whi_flight *flight) {
    whi_worker *worker = flight->worker;

    unlink_flying(flight);
    atomic_fetch_sub(&worker->engine->flights_open, 1);
    worker->in_flight--;
    worker->done_count++;
    flight->lane->in_flight--;
}

/* What it lacked was here, so it was no attempt and says nothing of the receiver. */
static void put_back(whi_flight *flight) {
    whi_worker *worker = flight->worker;
    whi_delivery *delivery = flight->delivery;

    whi_log(&worker->engine->log, WH_LOG_WARNING, "deliveries wait, nothing can be sent now: %s", flight->request.message);
    land(flight);
    whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine) + SCARCE_MS);
    whi_lane_landed(worker, flight->lane);
    whi_record_delivery(worker, delivery);
    give_flight(flight);
}

static void judge(whi_request *request, whi_flight *flight) {
    whi_worker *worker = flight->worker;
    whi_delivery *delivery = flight->delivery;
    const whi_subscription *s = delivery->registration->subscription;
    int code, outcome = whi_profile_outcome(s->profile, delivery->event->type, request->error, request->status, &code,
                                            &delivery->abort);

    land(flight);
    delivery->attempts++;
    delivery->tries++;
    delivery->status = request->status;
    free_error(delivery);
    delivery->attempt = attempt_of(flight, code);
    count_attempt(worker, delivery);
    atomic_store_explicit(&delivery->registration->failing, outcome != WHI_OUTCOME_SUCCESS, memory_order_relaxed);
    if (outcome == WHI_OUTCOME_SUCCESS) {
        atomic_fetch_add_explicit(&worker->engine->count.delivered, 1, memory_order_relaxed);
        whi_delivery_move(worker->engine, delivery, WHI_SUCCEED, 0);
    } else {
        atomic_fetch_add_explicit(&worker->engine->count.failed, 1, memory_order_relaxed);
        delivery->error = sentence_of(request, code);
        fail_delivery(worker, delivery, request, outcome == WHI_OUTCOME_GONE);
    }
    judge_lane(worker, flight, outcome == WHI_OUTCOME_GONE);
    whi_record_delivery(worker, delivery);
    give_flight(flight);
}

/* Want of something here, or of the store: no word about the receiver. */
static int is_here(int error) {
    switch (error) {
    case WH_ERESOURCE:
    case WH_ENOMEM:
    case WH_ESTORE:
    case WH_EFULL:
    case WH_ELOCKED:
    case WH_ECORRUPT:
    case WH_EMOVED:
        return 1;
    default:
        return 0;
    }
}

static void done(whi_request *request, void *payload) {
    whi_flight *flight = payload;

    if (is_here(request->error)) {
        put_back(flight);
    } else {
        judge(request, flight);
    }
}

/* ----------------------------------------------------------------------- sending */

/* Where it goes now; the version that made the bytes stays in delivery->version. */
static int refresh(whi_worker *worker, whi_delivery *delivery) {
    whi_registration *now = whi_registry_get(worker->engine->registry, delivery->registration->subscription->id);

    if (now == NULL) {
        whi_delivery_move(worker->engine, delivery, WHI_CANCEL, 0);
        return WH_ENOTFOUND;
    }
    whi_registration_unref(delivery->registration);
    delivery->registration = now;
    if (!whi_subscription_may_send(now->subscription)) {
        whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine));
        return WH_ECONFLICT;
    }
    return WH_OK;
}

static int start(whi_worker *worker, whi_flight *flight) {
    const whi_subscription *s = flight->delivery->registration->subscription;
    whi_request *request = &flight->request;
    int code;

    flight->started_at = whi_now(worker->engine);
    code = s->profile == WHI_STANDARD ? fill_standard(flight, s) : fill_profile(flight, s);
    if (code != WH_OK) {
        return code;
    }
    request->url = s->url;
    request->lane = s->id;
    request->connect_timeout = worker->engine->options.connect_timeout;
    request->timeout = s->timeout ? s->timeout : worker->engine->options.timeout;
    request->insecure = s->insecure;
    request->http2 = s->http2;
    request->done = done;
    request->payload = flight;
    request->error = request->status = 0;
    request->duration_us = 0;
    request->retry_after[0] = request->message[0] = '\0';
    request->response = NULL;
    request->response_size = 0;
    return worker->engine->transport->send(worker->transport, request);
}

/* It could not even be started: as an attempt that failed at once. */
static void fail_start(whi_flight *flight, int code) {
    whi_request *request = &flight->request;

    request->error = code;
    request->status = 0;
    request->retry_after[0] = '\0';
    request->response_size = 0;
    snprintf(request->message, sizeof request->message, "%s", wh_last_error());
    done(request, flight);
}

static int send_one(whi_worker *worker, whi_lane *lane) {
    whi_delivery *delivery = whi_lane_pop(worker, lane);
    whi_flight *flight;
    int code;

    if (!whi_lease_has(worker->engine->lease, delivery->event->owner)) {
        whi_delivery_free(worker->engine, delivery);
        whi_lane_left(worker, lane);
        return WH_OK;
    }
    if (refresh(worker, delivery) != WH_OK) {
        whi_record_delivery(worker, delivery);
        whi_lane_left(worker, lane);
        return WH_OK;
    }
    flight = take_flight(worker);
    if (flight == NULL) {
        whi_lane_left(worker, lane);
        whi_delivery_wait(worker->engine, delivery, whi_now(worker->engine) + SCARCE_MS);
        whi_record_delivery(worker, delivery);
        return whi_fail_memory();
    }
    flight->delivery = delivery;
    flight->lane = lane;
    link_flying(flight);
    lane->in_flight++;
    worker->in_flight++;
    atomic_fetch_add(&worker->engine->flights_open, 1);
    worker->done_count++;
    code = start(worker, flight);
    if (code != WH_OK) {
        fail_start(flight, code);
    }
    return WH_OK;
}

/* A thread that is busy gains nothing by more requests at once; one that would sleep
 * while deliveries wait does. So the limit grows by half when it would sleep, and goes
 * back slowly while it is busy. */
int whi_send_pace(whi_worker *worker, int busy) {
    int most = (int)worker->engine->options.limits.in_flight;

    if (busy) {
        worker->flight_limit -= worker->flight_limit > WHI_FLIGHTS_START ? 1 + worker->flight_limit / 256 : 0;
        return 0;
    }
    if (!worker->throttled || worker->flight_limit >= most) {
        return 0;
    }
    worker->flight_limit += worker->flight_limit / 2;
    worker->flight_limit = worker->flight_limit < most ? worker->flight_limit : most;
    return 1;
}

/* One from each lane in turn, so that no lane waits for another's queue. */
void whi_send_ready(whi_worker *worker) {
    if (atomic_load(&worker->engine->stop) != 0) {
        return;
    }
    /* Asked for each: a process may be paused between two. */
    while (worker->ready != NULL && worker->in_flight < worker->flight_limit &&
           whi_lease_owner(worker->engine->lease) == worker->owner) {
        whi_lane *lane = worker->ready;
        worker->ready = lane->next_ready;
        if (worker->ready == NULL) {
            worker->ready_tail = NULL;
        }
        lane->is_ready = 0;
        if (lane->head != NULL && send_one(worker, lane) != WH_OK) {
            return;
        }
        whi_lane_ready(worker, lane);
    }
    worker->throttled = worker->ready != NULL;
}
