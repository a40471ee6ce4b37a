#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "outside/transport_curl.h"
#include "receiver.h"
#include "wire.h"

typedef struct fixture {
    wire w;
    receiver *r;
} fixture;

static int setup(void **state) {
    static fixture f;

    wire_init(&f.w);
    f.r = receiver_new(NULL, NULL);
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;

    if (f->w.transport != NULL) {
        wire_close(&f->w);
    }
    receiver_free(f->r);
    return 0;
}

/* --------------------------------------------------------------- what is sent */

static void the_request_arrives_as_it_was_given(void **state) {
    fixture *f = *state;
    sending s;
    const received *got;

    wire_open(&f->w, NULL, 0);
    wire_fill(&f->w, &s, receiver_url(f->r, "/hooks?a=b%20c"));
    s.request.lines[1] = "webhook-id: msg_1";
    s.request.lines[2] = "webhook-signature: v1,abc= v1,def=";
    s.request.line_count = 3;
    s.request.body = "{\"a\":\0\"b\"}";
    s.request.body_size = 10;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, 1);
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    assert_true(s.request.duration_us > 0);
    got = receiver_get(f->r, 0);
    assert_string_equal(got->method, "POST");
    assert_string_equal(got->path, "/hooks?a=b%20c");
    assert_int_equal(got->body_size, 10);
    assert_memory_equal(got->body, "{\"a\":\0\"b\"}", 10);
    assert_string_equal(receiver_header(got, "Content-Type"), "application/json");
    assert_string_equal(receiver_header(got, "webhook-id"), "msg_1");
    assert_string_equal(receiver_header(got, "webhook-signature"), "v1,abc= v1,def=");
    assert_string_equal(receiver_header(got, "User-Agent"), "webhook/test");
    assert_string_equal(receiver_header(got, "Content-Length"), "10");
}

static void nothing_is_claimed_that_the_caller_did_not_say(void **state) {
    fixture *f = *state;
    sending s;
    const received *got;

    wire_open(&f->w, NULL, 0);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    s.request.lines[0] = "User-Agent: mine";
    s.request.body_size = 0;
    s.request.body = NULL;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, 1);
    got = receiver_get(f->r, 0);
    assert_string_equal(receiver_header(got, "User-Agent"), "mine");
    assert_null(strstr(got->head, "webhook/test"));
    assert_string_equal(receiver_header(got, "Content-Length"), "0");
    assert_null(receiver_header(got, "Content-Type"));
    assert_null(receiver_header(got, "Accept-Encoding"));
    assert_null(receiver_header(got, "Cookie"));
}

static void a_large_body_goes_out_without_asking(void **state) {
    fixture *f = *state;
    size_t size = 3 * 1024 * 1024;
    char *body = malloc(size);
    sending s;

    assert_non_null(body);
    memset(body, 'b', size);
    wire_open(&f->w, NULL, 0);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    s.request.body = body;
    s.request.body_size = size;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, 1);
    assert_int_equal(s.request.status, 200);
    assert_int_equal(receiver_get(f->r, 0)->body_size, size);
    assert_memory_equal(receiver_get(f->r, 0)->body, body, size);
    assert_null(receiver_header(receiver_get(f->r, 0), "Expect"));
    free(body);
}

static void what_cannot_be_a_request_is_refused_at_once(void **state) {
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    s.request.lines[0] = "X-A: b\r\nX-C: d";
    assert_int_equal(wire_send(&s), WH_EINVALID);
    wire_fill(&f->w, &s, "ftp://127.0.0.1/");
    assert_int_equal(wire_send(&s), WH_EINVALID);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    s.request.line_count = WHI_REQUEST_LINES + 1;
    assert_int_equal(wire_send(&s), WH_EINVALID);
    assert_int_equal(f->w.vtable->timeout(f->w.transport), -1);
}

static void all_lines_that_a_request_can_have_arrive(void **state) {
    fixture *f = *state;
    char lines[WHI_REQUEST_LINES][32], name[32];
    sending s;

    wire_open(&f->w, NULL, 0);
    wire_fill(&f->w, &s, receiver_url(f->r, "/"));
    for (int i = 0; i < WHI_REQUEST_LINES; i++) {
        snprintf(lines[i], sizeof lines[i], "X-Line-%d: %d", i, i);
        s.request.lines[i] = lines[i];
    }
    s.request.line_count = WHI_REQUEST_LINES;
    assert_int_equal(wire_send(&s), WH_OK);
    wire_run(&f->w, 1);
    for (int i = 0; i < WHI_REQUEST_LINES; i++) {
        snprintf(name, sizeof name, "X-Line-%d", i);
        assert_int_equal(strtol(receiver_header(receiver_get(f->r, 0), name), NULL, 10), i);
    }
}

/* ------------------------------------------------------------ what comes back */

static void status_retry_after_and_body_come_back(void **state) {
    fixture *f = *state;
    sending s;

    receiver_set(
        f->r, "/",
        (receiver_answer){ .status = 503, .headers = "retry-AFTER:   120 \r\n", .body = "later", .body_size = 5 });
    receiver_set(f->r, "/2", (receiver_answer){ .status = 204 });
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 503);
    assert_string_equal(s.request.retry_after, "120");
    assert_string_equal(s.response, "later");
    wire_exchange(&f->w, &s, receiver_url(f->r, "/2"));
    assert_int_equal(s.request.status, 204);
    assert_string_equal(s.request.retry_after, "");
    assert_int_equal(s.request.response_size, 0);
}

static void no_more_of_a_body_is_kept_than_allowed(void **state) {
    fixture *f = *state;
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .body_size = 30000 });
    f->w.limits.response_kept_bytes = 1000;
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.response_size, 1000);
}

static void a_redirect_is_an_answer_and_not_followed(void **state) {
    fixture *f = *state;
    char location[256];
    sending s;

    snprintf(location, sizeof location, "Location: %s\r\n", receiver_url(f->r, "/"));
    receiver_set(f->r, "/", (receiver_answer){ .status = 302, .headers = location });
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 302);
    assert_int_equal(receiver_count(f->r), 1);
}

static void proxies_of_the_environment_do_not_apply(void **state) {
    fixture *f = *state;
    static const char *const names[] = { "http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy" };
    receiver *proxy = receiver_new(NULL, NULL);
    sending s;

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        setenv(names[i], receiver_url(proxy, "/"), 1);
    }
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        unsetenv(names[i]);
    }
    assert_int_equal(s.request.status, 200);
    assert_int_equal(receiver_count(f->r), 1);
    assert_int_equal(receiver_connections(proxy), 0);
    receiver_free(proxy);
}

/* -------------------------------------------------------------------- policy */

static void an_address_that_is_not_allowed_is_not_connected_to(void **state) {
    fixture *f = *state;
    static const char *const urls[] = { "http://127.0.0.1:%d/",          "http://2130706433:%d/",
                                        "http://[::ffff:127.0.0.1]:%d/", "http://[::1]:%d/",
                                        "http://localhost:%d/",          "http://0.0.0.0:%d/" };
    char url[128];
    sending s;

    wire_open(&f->w, NULL, 1);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        snprintf(url, sizeof url, urls[i], receiver_port(f->r));
        wire_exchange(&f->w, &s, url);
        assert_int_equal(s.request.error, WH_EADDRESS);
        assert_int_equal(s.request.status, 0);
        assert_non_null(strstr(s.request.message, "is refused: "));
        assert_non_null(strstr(s.request.message, "allow it with"));
    }
    assert_int_equal(receiver_connections(f->r), 0);
}

static void the_refusal_names_host_and_reason(void **state) {
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 1);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_non_null(strstr(s.request.message, "127.0.0.1 is refused: loopback"));
}

static void a_kept_connection_is_judged_again(void **state) {
    fixture *f = *state;
    whi_policy *strict;
    sending s;

    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.status, 200);
    assert_int_equal(whi_policy_new(&strict, NULL, 0), WH_OK);
    f->w.transport->policy = strict;
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.error, WH_EADDRESS);
    assert_non_null(strstr(s.request.message, "127.0.0.1 is refused: loopback"));
    assert_int_equal(receiver_count(f->r), 1);
    f->w.transport->policy = f->w.policy;
    whi_policy_free(strict);
}

/* ---------------------------------------------------------------- connections */

static void a_lane_keeps_its_connection(void **state) {
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 50; i++) {
        wire_exchange(&f->w, &s, receiver_url(f->r, i % 2 ? "/a" : "/b"));
        assert_int_equal(s.request.status, 200);
    }
    assert_int_equal(receiver_connections(f->r), 1);
    assert_int_equal(f->w.transport->shard_count, 1);
}

/* On the kept connection the receiver reads the second request and closes. */
static void closes_the_first_connection(const received *request, receiver_answer *answer, void *payload) {
    (void)payload;
    if (request->connection == 1 && strcmp(request->path, "/second") == 0) {
        answer->fault = RECEIVER_CLOSE;
    }
}

static void a_kept_connection_that_breaks_is_tried_again_on_a_fresh_one(void **state) {
    fixture *f = *state;
    receiver *r = receiver_new(closes_the_first_connection, NULL);
    sending s;

    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(r, "/first"));
    wire_exchange(&f->w, &s, receiver_url(r, "/second"));
    assert_int_equal(s.request.error, WH_OK);
    assert_int_equal(s.request.status, 200);
    assert_int_equal(receiver_connections(r), 2);
    assert_int_equal(receiver_count(r), 3);
    assert_string_equal(receiver_get(r, 2)->path, "/second");
    assert_memory_equal(receiver_get(r, 2)->body, "{}", 2);
    receiver_free(r);
}

static void a_kept_connection_that_was_closed_meanwhile_is_replaced(void **state) {
    fixture *f = *state;
    sending s;

    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_CLOSE_AFTER });
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 20; i++) {
        wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
        assert_int_equal(s.request.status, 200);
        assert_int_equal(receiver_wait_open(f->r, 0), 0);
        wire_turn(&f->w, 1); /* the closing is seen while the connection is idle */
    }
    assert_int_equal(receiver_connections(f->r), 20);
    assert_int_equal(receiver_count(f->r), 20);
}

static void connections_that_were_closed_are_not_held_open(void **state) {
    fixture *f = *state;
    static sending s[10];

    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_CLOSE_AFTER });
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 10; i++) {
        wire_post(&f->w, &s[i], receiver_url(f->r, "/"));
    }
    wire_run(&f->w, 10);
    for (int i = 0; i < 1000 && f->w.transport->socket_count > 0; i++) {
        wire_turn(&f->w, 10);
    }
    assert_int_equal(f->w.transport->socket_count, 0);
    wire_exchange(&f->w, &s[0], receiver_url(f->r, "/"));
    assert_int_equal(s[0].request.status, 200);
}

static void many_lanes_are_spread_over_shards(void **state) {
    fixture *f = *state;
    enum { LANES = 300 };
    static sending s[LANES];

    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < LANES; i++) {
        wire_fill(&f->w, &s[i], receiver_url(f->r, "/"));
        s[i].request.lane = i;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    wire_run(&f->w, LANES);
    for (int i = 0; i < LANES; i++) {
        assert_int_equal(s[i].request.status, 200);
    }
    assert_true(f->w.transport->shard_count >= LANES / WHI_SHARD_ROUTES);
    for (size_t i = 0; i < f->w.transport->shard_count; i++) {
        assert_true(f->w.transport->shards[i]->sockets <= WHI_SHARD_CONNECTIONS);
        assert_int_equal(f->w.transport->shards[i]->active, 0);
    }
}

static void one_lane_with_many_requests_stays_within_the_size_of_a_shard(void **state) {
    fixture *f = *state;
    enum { REQUESTS = 600 };
    static sending s[REQUESTS];

    receiver_set(f->r, "/", (receiver_answer){ .delay = 300 });
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < REQUESTS; i++) {
        wire_post(&f->w, &s[i], receiver_url(f->r, "/"));
    }
    for (size_t i = 0; i < f->w.transport->shard_count; i++) {
        assert_true(f->w.transport->shards[i]->active <= WHI_SHARD_ACTIVE);
    }
    wire_run(&f->w, REQUESTS);
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(s[i].request.status, 200);
    }
    for (size_t i = 0; i < f->w.transport->shard_count; i++) {
        assert_true(f->w.transport->shards[i]->sockets <= WHI_SHARD_CONNECTIONS);
    }
}

static void there_are_never_more_connections_than_allowed(void **state) {
    fixture *f = *state;
    enum { REQUESTS = 60 };
    static sending s[REQUESTS];
    int before;

    receiver_set(f->r, "/", (receiver_answer){ .delay = 10 });
    f->w.limits.connections = 5;
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < REQUESTS; i++) {
        wire_fill(&f->w, &s[i], receiver_url(f->r, "/"));
        s[i].request.lane = i % 7;
        assert_int_equal(wire_send(&s[i]), WH_OK);
    }
    while (f->w.done_count < REQUESTS) {
        before = f->w.done_count;
        wire_run(&f->w, before + 1);
        assert_true(f->w.transport->socket_count <= 5);
    }
    for (int i = 0; i < REQUESTS; i++) {
        assert_int_equal(s[i].request.error, WH_OK);
        assert_int_equal(s[i].request.status, 200);
    }
}

static void idle_connections_make_room_for_new_ones(void **state) {
    fixture *f = *state;
    enum { PORTS = 40 };
    receiver *ports[PORTS];
    sending s;

    f->w.limits.connections = 8;
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < PORTS; i++) {
        ports[i] = receiver_new(NULL, NULL);
        wire_fill(&f->w, &s, receiver_url(ports[i], "/"));
        s.request.lane = i;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, i + 1);
        assert_int_equal(s.request.error, WH_OK);
        assert_true(f->w.transport->socket_count <= 8);
    }
    for (int i = 0; i < PORTS; i++) {
        receiver_free(ports[i]);
    }
}

/* Turns for as long as that, with a request each 50 ms if `s` is one. */
static void turn_for(wire *w, sending *s, int64_t ms) {
    int64_t end = whi_monotonic_us() + ms * 1000;

    while (whi_monotonic_us() < end) {
        if (s != NULL) {
            wire_exchange(w, s, s->request.url);
        }
        wire_turn(w, 50);
    }
}

static void connections_that_nobody_uses_are_closed(void **state) {
    fixture *f = *state;
    sending s;

    f->w.kept_ms = 200;
    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(f->w.transport->socket_count, 1);
    for (int i = 0; i < 400 && f->w.transport->socket_count > 0; i++) {
        wire_turn(&f->w, 50);
    }
    assert_int_equal(f->w.transport->socket_count, 0);
    assert_int_equal(f->w.vtable->timeout(f->w.transport), -1);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    assert_int_equal(s.request.status, 200);
}

static void a_burst_leaves_no_connections_behind_under_traffic(void **state) {
    fixture *f = *state;
    enum { BURST = 12 };
    static sending s[BURST];

    f->w.kept_ms = 1000;
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < BURST; i++) {
        wire_post(&f->w, &s[i], receiver_url(f->r, "/"));
    }
    wire_run(&f->w, BURST);
    assert_true(f->w.transport->socket_count >= BURST / 2);
    for (int i = 0; i < 20 && f->w.transport->socket_count > 1; i++) {
        turn_for(&f->w, &s[0], 1000);
    }
    assert_int_equal(f->w.transport->socket_count, 1);
}

/* Each of a shard's handles has descriptors of its own, so those of lanes that are no more must not
 * be the reason for another one. */
static void lanes_that_are_used_once_make_no_shards(void **state) {
    fixture *f = *state;
    sending s;

    f->w.kept_ms = 20;
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 6 * WHI_SHARD_ROUTES; i++) {
        wire_fill(&f->w, &s, receiver_url(f->r, "/"));
        s.request.lane = i;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, i + 1);
        if (i % WHI_SHARD_ROUTES == WHI_SHARD_ROUTES - 1) {
            turn_for(&f->w, NULL, 60);
        }
    }
    assert_true(f->w.transport->shard_count <= 2);
}

static void routes_that_are_not_used_are_forgotten(void **state) {
    fixture *f = *state;
    sending s;

    wire_open(&f->w, NULL, 0);
    f->w.transport->route_maximum = 10;
    for (int i = 0; i < 100; i++) {
        wire_fill(&f->w, &s, receiver_url(f->r, "/"));
        s.request.lane = i;
        assert_int_equal(wire_send(&s), WH_OK);
        wire_run(&f->w, i + 1);
        assert_true(f->w.transport->route_count <= 10);
    }
}

/* --------------------------------------------------------------------- turning */

typedef struct chain {
    sending s;
    int left;
} chain;

static void send_again(whi_request *request, void *payload) {
    chain *c = payload;

    assert_int_equal(request->status, 200);
    c->s.wire->done_count++;
    if (c->left-- > 0) {
        assert_int_equal(wire_send(&c->s), WH_OK);
    }
}

static void done_may_send_the_next_request(void **state) {
    fixture *f = *state;
    static chain chains[4];

    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 4; i++) {
        wire_fill(&f->w, &chains[i].s, receiver_url(f->r, "/"));
        chains[i].s.request.done = send_again;
        chains[i].s.request.payload = &chains[i];
        chains[i].left = 249;
        assert_int_equal(wire_send(&chains[i].s), WH_OK);
    }
    wire_run(&f->w, 1000);
    assert_int_equal(receiver_count(f->r), 1000);
    assert_true(receiver_connections(f->r) <= 4);
}

static void refusal_sends_again(whi_request *request, void *payload) {
    chain *c = payload;

    assert_int_equal(request->error, WH_EADDRESS);
    c->s.wire->done_count++;
    if (c->left-- > 0) {
        assert_int_equal(wire_send(&c->s), WH_OK);
    }
}

static void a_request_that_fails_at_once_may_be_sent_again_from_done(void **state) {
    fixture *f = *state;
    chain c;
    char url[64];

    snprintf(url, sizeof url, "http://localhost:%d/", receiver_port(f->r));
    wire_open(&f->w, NULL, 1);
    wire_fill(&f->w, &c.s, url);
    c.s.request.done = refusal_sends_again;
    c.s.request.payload = &c;
    c.left = 99;
    assert_int_equal(wire_send(&c.s), WH_OK);
    wire_run(&f->w, 100);
}

static void closing_drops_what_is_under_way(void **state) {
    fixture *f = *state;
    static sending s[20];

    receiver_set(f->r, "/", (receiver_answer){ .fault = RECEIVER_HANG });
    wire_open(&f->w, NULL, 0);
    for (int i = 0; i < 20; i++) {
        wire_post(&f->w, &s[i], receiver_url(f->r, "/"));
        wire_turn(&f->w, 0);
    }
    wire_close(&f->w);
    f->w.transport = NULL;
    assert_int_equal(f->w.done_count, 0);
    assert_int_equal(receiver_wait_open(f->r, 0), 0);
}

static void descriptors_of_others_are_passed_over(void **state) {
    fixture *f = *state;
    whi_ready ready[] = { { 0, WHI_READ }, { -1, WHI_READ }, { 1000000, WHI_READ | WHI_WRITE } };
    sending s;

    wire_open(&f->w, NULL, 0);
    f->w.vtable->ready(f->w.transport, ready, 3);
    wire_exchange(&f->w, &s, receiver_url(f->r, "/"));
    f->w.vtable->ready(f->w.transport, ready, 3);
    assert_int_equal(s.request.status, 200);
}

static void ipv6_is_spoken(void **state) {
    fixture *f = *state;
    receiver *r = receiver_new_on("::1", NULL, NULL);
    sending s;

    wire_open(&f->w, NULL, 0);
    wire_exchange(&f->w, &s, receiver_url(r, "/"));
    assert_int_equal(s.request.status, 200);
    receiver_free(r);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_request_arrives_as_it_was_given),
        TEST(nothing_is_claimed_that_the_caller_did_not_say),
        TEST(a_large_body_goes_out_without_asking),
        TEST(what_cannot_be_a_request_is_refused_at_once),
        TEST(all_lines_that_a_request_can_have_arrive),
        TEST(status_retry_after_and_body_come_back),
        TEST(no_more_of_a_body_is_kept_than_allowed),
        TEST(a_redirect_is_an_answer_and_not_followed),
        TEST(proxies_of_the_environment_do_not_apply),
        TEST(an_address_that_is_not_allowed_is_not_connected_to),
        TEST(the_refusal_names_host_and_reason),
        TEST(a_kept_connection_is_judged_again),
        TEST(a_lane_keeps_its_connection),
        TEST(a_kept_connection_that_breaks_is_tried_again_on_a_fresh_one),
        TEST(a_kept_connection_that_was_closed_meanwhile_is_replaced),
        TEST(connections_that_were_closed_are_not_held_open),
        TEST(many_lanes_are_spread_over_shards),
        TEST(one_lane_with_many_requests_stays_within_the_size_of_a_shard),
        TEST(there_are_never_more_connections_than_allowed),
        TEST(idle_connections_make_room_for_new_ones),
        TEST(connections_that_nobody_uses_are_closed),
        TEST(a_burst_leaves_no_connections_behind_under_traffic),
        TEST(lanes_that_are_used_once_make_no_shards),
        TEST(routes_that_are_not_used_are_forgotten),
        TEST(done_may_send_the_next_request),
        TEST(a_request_that_fails_at_once_may_be_sent_again_from_done),
        TEST(closing_drops_what_is_under_way),
        TEST(descriptors_of_others_are_passed_over),
        TEST(ipv6_is_spoken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
