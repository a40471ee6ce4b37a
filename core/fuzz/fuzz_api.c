/* A request of the HTTP API: the first line "METHOD path?query", header lines, an empty line,
 * and the body, as a client would write it. Every answer has a status and, where it has a body,
 * one of the system's shape; what is refused changes nothing. A method that begins with '!' asks
 * without a token, with '@' by one of tenant "a". */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "engine/context.h"
#include "faces/api.h"
#include "life/open.h"
#include "systems/list.h"
#include "webhook.h"

#define HEADERS 120

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static wh_engine *engine;
static wh_api *api;
static int64_t now;
static int handled;

static void must(int good) {
    if (!good) {
        abort();
    }
}

static int64_t read_now(void *payload) {
    (void)payload;
    return now++;
}

/* Nothing is sent: a delivery stays as it is. */
struct whi_transport {
    int unused;
};

static int open_transport(whi_transport **out, const whi_transport_options *options) {
    (void)options;
    *out = calloc(1, sizeof **out);
    return *out != NULL ? WH_OK : WH_ENOMEM;
}

static void close_transport(whi_transport *transport) {
    free(transport);
}

static int refuse(whi_transport *transport, whi_request *request) {
    (void)transport;
    (void)request;
    return WH_EIO;
}

static void ready(whi_transport *transport, const whi_ready *list, int count) {
    (void)transport;
    (void)list;
    (void)count;
}

static void tick(whi_transport *transport) {
    (void)transport;
}

static int timeout(const whi_transport *transport) {
    (void)transport;
    return -1;
}

static void cut(whi_transport *transport, const whi_request *only, const char *message) {
    (void)transport;
    (void)only;
    (void)message;
}

static const whi_transport_vtable nowhere = { open_transport, close_transport, refuse, ready, tick, timeout, cut };

/* The numbers of subscriptions count from 1, so that inputs can name them. */
static void subscribe(void) {
    now = INT64_C(1700000000000); /* before 2024 */
    must(wh_subscribe(engine, "{\"url\":\"http://e/1\",\"tenant\":\"a\"}", WH_ZSTR, NULL) == WH_OK);
    must(wh_subscribe(engine, "{\"url\":\"http://e/2\",\"tenant\":\"b\",\"profile\":\"truto\"}", WH_ZSTR, NULL) ==
         WH_OK);
    now = INT64_C(1795000000000);
}

/* A fresh store now and then, so that it stays small. */
static void begin(void) {
    static const wh_clock clock = { sizeof clock, read_now, NULL, NULL };
    wh_options options = WH_OPTIONS_INIT;
    wh_event event = WH_EVENT_INIT;

    wh_api_close(api);
    wh_close(engine);
    options.clock = &clock;
    must(whi_open(&engine, ":memory:", &options, &nowhere) == WH_OK);
    must(wh_api_open(&api, engine, NULL) == WH_OK);
    subscribe();
    event.type = "order.paid";
    event.tenant = "a";
    event.id = "e";
    event.payload = "{\"n\":1}";
    event.payload_size = WH_ZSTR;
    must(wh_publish(engine, &event, NULL) == WH_OK);
}

static int see(const whi_subscription_row *row, void *payload) {
    uint64_t *sum = payload;

    *sum = *sum * 31 + (uint64_t)row->id * 7 + (uint64_t)row->version;
    return 0;
}

static int see_event(const whi_event_row *row, void *payload) {
    uint64_t *sum = payload;

    *sum = *sum * 31 + (uint64_t)row->number;
    return 0;
}

/* What the store has, as a number. */
static uint64_t state(void) {
    whi_store_query query = { 0 };
    whi_store_place place;
    uint64_t sum = 1;

    must(engine->store->vtable->subscription_list(engine->store, &query, see, &sum, &place) == WH_OK);
    must(engine->store->vtable->event_list(engine->store, &query, see_event, &sum, &place) == WH_OK);
    return sum;
}

static const char *line(char **at) {
    char *start = *at, *end = strchr(start, '\n');

    *at = end != NULL ? end + 1 : start + strlen(start);
    if (end != NULL) {
        *end = '\0';
    }
    return start;
}

static void check(const wh_api_request *request, const wh_api_response *answer, uint64_t before) {
    const whi_system *system = whi_api_route_system(request->path);
    const char *begins = system == &whi_system_unified    ? "{\"code\":"
                         : system == &whi_system_truto    ? "{\"statusCode\":"
                         : system == &whi_system_callfire ? "{\"httpStatusCode\":"
                                                          : "{\"error\":{\"code\":";

    must(answer->status >= 200 && answer->status < 600);
    if (answer->status >= 400) {
        must(state() == before || answer->status == 502); /* a test's own event stays */
        must(strcmp(request->method, "HEAD") == 0 || strncmp(answer->body, begins, strlen(begins)) == 0);
    }
    if (answer->body != NULL && strcmp(answer->content_type, "application/json") == 0) {
        must(whi_json_check(answer->body, answer->body_size, 256) == WH_OK);
    }
}

static void ask(char *text, const char *body, size_t body_size) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response answer = WH_API_RESPONSE_INIT;
    wh_header headers[HEADERS];
    char *at = text, *first = (char *)line(&at), *path = strchr(first, ' ');
    uint64_t before;

    if (strstr(at, "ontent-") == NULL) { /* a line of its own would be the second one */
        headers[request.header_count++] = (wh_header){ "Content-Type", "application/json" };
    }
    request.tenant = first[0] == '@' ? "a" : NULL;
    wh_api open = *api;
    open.open = first[0] != '!';
    request.method = first + strspn(first, "!@");
    request.path = path != NULL ? path + 1 : "/";
    if (path != NULL) {
        *path = '\0';
        path = strchr(path + 1, '?');
        request.query = path != NULL ? path + 1 : NULL;
    }
    if (path != NULL) {
        *path = '\0';
    }
    while (*at != '\0' && request.header_count < HEADERS) {
        char *name = (char *)line(&at), *colon = strchr(name, ':');
        if (colon != NULL) {
            *colon = '\0';
            headers[request.header_count++] = (wh_header){ name, colon + 1 };
        }
    }
    request.headers = headers;
    request.body = body;
    request.body_size = body_size;
    request.peer = "192.0.2.1";
    before = state();
    must(wh_api_handle(&open, &request, &answer) == answer.status);
    check(&request, &answer, before);
    wh_free(answer.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    size_t head = size, body = size;
    char *text, *rest;

    if (handled++ % 500 == 0) {
        begin();
    }
    for (size_t i = 0; i + 1 < size && head == size; i++) {
        if (data[i] == '\n' && data[i + 1] == '\n') {
            head = i + 1;
            body = i + 2;
        }
    }
    text = malloc(head + 1);
    rest = malloc(size - body > 0 ? size - body : 1); /* of this size exactly: a read behind it shows */
    must(text != NULL && rest != NULL);
    memcpy(text, data, head);
    text[head] = '\0';
    memcpy(rest, data + body, size - body);
    ask(text, rest, size - body);
    free(text);
    free(rest);
    return 0;
}
