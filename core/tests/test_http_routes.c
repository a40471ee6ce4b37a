/* The HTTP server over the routes of the API itself: what the API takes for slow is never
 * answered by a thread that reads connections, however its path is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "faces/api.h"

static struct wh_api api;

#define HTTP_KIT_OWN_API
#include "http_kit.h"

/* The API of this test finds the route as the real one does, and answers where it was called. */
static struct {
    int slow; /* the last request's route is; 0 also without one */
    pthread_t thread;
    int handled;
} seen;

int wh_api_open(wh_api **out, wh_engine *engine, const wh_api_options *given) {
    (void)engine;
    (void)given;
    *out = &api;
    return WH_OK;
}

void wh_api_close(wh_api *self) {
    (void)self;
}

int64_t wh_api_body_bytes(const wh_api *self) {
    return self->body_bytes;
}

int wh_api_handle(wh_api *self, const wh_api_request *request, wh_api_response *out) {
    whi_call *call = whi_calloc(1, sizeof *call);

    assert_non_null(call);
    memset(out, 0, sizeof *out);
    call->api = self;
    call->engine = self->engine;
    call->request = request;
    call->response = out;
    whi_buf_init(&call->out, 65536);
    seen.slow = whi_call_read(call) == WH_OK && whi_api_route_find(call) == WH_OK &&
                (call->route->flags & (WHI_ROUTE_SLOW | WHI_ROUTE_ASIDE)) != 0;
    seen.thread = pthread_self();
    seen.handled++;
    whi_call_free(call);
    whi_free(call);
    out->status = 204;
    return out->status;
}

/* One thread reads connections: what is answered by it was not handed over. */
static int open_server(void **state) {
    setup(state);
    assert_int_equal(wh_open(&api.engine, ":memory:", NULL), WH_OK);
    api.body_bytes = 8 << 20;
    options.threads = 1;
    assert_int_equal(wh_http_start(&http, &api, &options), WH_OK);
    return 0;
}

static int close_server(void **state) {
    teardown(state);
    wh_close(api.engine);
    return 0;
}

static pthread_t send_request(const char *method, const char *target) {
    char request[1024];

    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nContent-Length: 2\r\n" CLOSE, method, target);
    memcpy(request + strlen(request), "{}", 3);
    expect(ask(request), "HTTP/1.1 204");
    return seen.thread;
}

static int slow_count;

static void is_where_it_belongs(const char *method, const char *target, pthread_t reader) {
    int slow, handed_over = !pthread_equal(send_request(method, target), reader);

    slow = seen.slow;
    slow_count += slow;
    if (slow != handed_over) {
        fail_msg("%s %s: %s, and %shanded over", method, target, slow ? "slow" : "quick", handed_over ? "" : "not ");
    }
}

/* The route's path with something in place of what stands for anything, and with "/v2" before it
 * where such a one is found too. */
static void fill(const whi_api_route *route, const char *prefix, char *out, size_t size) {
    const char *at = route->path;
    size_t used = (size_t)snprintf(out, size, "%s", prefix);

    for (; *at != '\0'; at++) {
        if (*at == '{') {
            at += strcspn(at, "}");
            used += (size_t)snprintf(out + used, size - used, "abc");
        } else {
            out[used++] = *at;
        }
    }
    out[used] = '\0';
}

/* The ways of writing a path: most of them are the same path for the API, some of them none. */
static void ask_in_all_ways(const char *method, const char *path, pthread_t reader) {
    static const char *const ends[] = { "",     "/",   "//",     "?limit=1", "/?a=/b", "?",
                                        "/%2f", "%2f", "%2ftry", "/try",     ";a=b",   "%20" };
    size_t size = strlen(path);
    char target[512];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(target, sizeof target, "%s%s", path, ends[i]);
        is_where_it_belongs(method, target, reader);
    }
    if (size == 1) {
        return; /* "/" has no letter that could be escaped */
    }
    snprintf(target, sizeof target, "%.*s%%%02x", (int)size - 1, path, (unsigned)path[size - 1]);
    is_where_it_belongs(method, target, reader);
    snprintf(target, sizeof target, "%.*s%%%02X/", (int)size - 1, path, (unsigned)path[size - 1]);
    is_where_it_belongs(method, target, reader);
    snprintf(target, sizeof target, "/%%%02x%s", (unsigned)path[1], path + 2);
    is_where_it_belongs(method, target, reader);
    snprintf(target, sizeof target, "/%s", path);
    is_where_it_belongs(method, target, reader);
    snprintf(target, sizeof target, "http://api.example%s/", path);
    is_where_it_belongs(method, target, reader);
}

static void what_is_slow_never_holds_a_connections_thread(void **state) {
    static const char *const methods[] = { "HEAD", "OPTIONS", "DELETE" };
    static const char *const prefixes[] = { "", "/v2" };
    pthread_t reader = send_request("GET", "/openapi.json");
    whi_api_route one;
    const whi_api_route *route = &one;
    char path[256];

    (void)state;
    slow_count = 0;
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        for (size_t k = 0; k < 2; k++) {
            fill(route, prefixes[k], path, sizeof path);
            ask_in_all_ways(route->method, path, reader);
            for (size_t m = 0; m < sizeof methods / sizeof methods[0]; m++) {
                is_where_it_belongs(methods[m], path, reader);
            }
        }
    }
    assert_true(slow_count >= 5 * 6);
}

static void what_asks_receivers_or_goes_through_many_records_is_slow(void **state) {
    static const char *const slow[] = { "/unified/webhook/{id}/trigger",
                                        "/unified/webhook/{id}/resume",
                                        "/webhook/test",
                                        "/v1/deliveries/replay",
                                        "/v1/deliveries/cancel",
                                        "/v1/events/{id}/explain",
                                        "/v1/rules/try",
                                        "/v1/subscriptions/{id}/backtest",
                                        "/v1/subscriptions/{id}/missed",
                                        "/v1/subscriptions/since",
                                        "/v1/subscriptions/{id}/test",
                                        "/v1/sources/{id}/test" };
    whi_api_route one;
    const whi_api_route *route = &one;

    (void)state;
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        int listed = 0;
        for (size_t k = 0; k < sizeof slow / sizeof slow[0]; k++) {
            listed |= strcmp(route->path, slow[k]) == 0;
        }
        if (listed != ((route->flags & WHI_ROUTE_SLOW) != 0)) {
            fail_msg("%s %s: %s", route->method, route->path, listed ? "is not slow" : "is slow");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_slow_never_holds_a_connections_thread, open_server, close_server),
        cmocka_unit_test(what_asks_receivers_or_goes_through_many_records_is_slow),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
