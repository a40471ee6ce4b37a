/* The engine over real HTTP: receivers that answer, fail, hang and lie. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "receiver.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

static wh_engine *open_real(const char *store) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;

    options.allow = allow;
    options.allow_count = 1;
    options.timeout = 2000;
    options.transport = getenv("WEBHOOK_TEST_TRANSPORT");
    if (wh_open(&engine, store, &options) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    return engine;
}

static void subscribe(wh_engine *engine, receiver *to, const char *path, const char *more) {
    char document[400];

    snprintf(document, sizeof document, "{\"url\":\"%s\",\"secrets\":[\"" SECRET "\"]%s}", receiver_url(to, path),
             more);
    fixture_subscribe(engine, document, NULL);
}

static void assert_verified(const received *request) {
    static const char *const names[] = { "webhook-id", "webhook-timestamp", "webhook-signature" };
    const char *const secrets[] = { SECRET };
    wh_header headers[3];
    char values[3][512];

    for (int i = 0; i < 3; i++) {
        const char *value = receiver_header(request, names[i]);
        assert_non_null(value);
        snprintf(values[i], sizeof values[i], "%s", value);
        headers[i] = (wh_header){ names[i], values[i] };
    }
    assert_int_equal(wh_verify(secrets, 1, headers, 3, request->body, request->body_size, 0, 0), WH_OK);
}

static void wait_idle(wh_engine *engine) {
    int idle = wh_idle(engine);

    for (int i = 0; i < 20000 && idle != 1; i++) {
        usleep(1000);
        idle = wh_idle(engine);
    }
    assert_int_equal(idle, 1);
}

static void every_delivery_arrives_signed(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(fixture_file());

    (void)state;
    subscribe(engine, to, "/a", "");
    subscribe(engine, to, "/b", ",\"headers\":{\"X-Env\":\"test\",\"User-Agent\":\"shop\"}");
    for (int i = 0; i < 100; i++) {
        fixture_publish(engine, "order.paid", "{\"n\":1.10}", NULL);
    }
    fixture_run(engine);
    assert_int_equal(receiver_count(to), 200);
    for (size_t i = 0; i < 200; i++) {
        const received *request = receiver_get(to, i);
        assert_string_equal(request->method, "POST");
        assert_string_equal(request->body, "{\"n\":1.10}");
        assert_verified(request);
        if (strcmp(request->path, "/b") == 0) {
            assert_string_equal(receiver_header(request, "X-Env"), "test");
            assert_string_equal(receiver_header(request, "User-Agent"), "shop");
        } else {
            assert_string_equal(receiver_header(request, "User-Agent"), "webhook/" WH_VERSION);
        }
    }
    assert_true(receiver_connections(to) <= 130);
    wh_close(engine);
    receiver_free(to);
}

/* Every fifth request fails at first; with retries at once the order must still hold. */
static void fail_now_and_then(const received *request, receiver_answer *answer, void *payload) {
    atomic_int *count = payload;

    (void)request;
    answer->status = atomic_fetch_add(count, 1) % 5 == 3 ? 503 : 200;
}

static int waits(wh_engine *engine) {
    wh_query query = WH_QUERY_INIT;
    char *page = NULL;
    int some;

    query.state = "waiting";
    assert_int_equal(wh_deliveries(engine, &query, &page, NULL), WH_OK);
    some = strstr(page, "dlv_") != NULL;
    wh_free(page);
    return some;
}

static void threads_and_retries_keep_the_order(void **state) {
    enum { EVENTS = 300, KEYS = 3 };
    atomic_int count = 0;
    receiver *to = receiver_new(fail_now_and_then, &count), *other = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(fixture_file());
    int last[KEYS] = { -1, -1, -1 };

    (void)state;
    subscribe(engine, to, "/ordered", ",\"order\":\"key\",\"retry\":[0,1,1,1,1,1,1,1,1,1]");
    subscribe(engine, other, "/free", "");
    assert_int_equal(wh_start(engine, 4), WH_OK);
    for (int i = 0; i < EVENTS; i++) {
        wh_event event = WH_EVENT_INIT;
        char payload[16], key[4];
        snprintf(payload, sizeof payload, "%d", i);
        snprintf(key, sizeof key, "k%d", i % KEYS);
        event.type = "a";
        event.key = key;
        event.payload = payload;
        event.payload_size = WH_ZSTR;
        assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
    }
    wait_idle(engine);
    for (int i = 0; i < 1000 && waits(engine); i++) { /* for a retry, which is not due yet */
        usleep(1000);
        wait_idle(engine);
    }
    assert_int_equal(receiver_count(other), EVENTS);
    assert_in_range(receiver_count(to), EVENTS, EVENTS * 2);
    for (size_t i = 0; i < receiver_count(to); i++) {
        int n = (int)strtol(receiver_get(to, i)->body, NULL, 10), *before = &last[n % KEYS];
        assert_true(n == *before || n == *before + KEYS || (*before == -1 && n < KEYS));
        *before = n;
    }
    for (int i = 0; i < KEYS; i++) {
        assert_int_equal(last[i], EVENTS - KEYS + i);
    }
    wh_close(engine);
    receiver_free(to);
    receiver_free(other);
}

static void a_single_use_subscription_is_used_once_by_two_engines_with_threads(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    const char *file = fixture_file();
    wh_engine *one = open_real(file), *two = open_real(file);

    (void)state;
    for (int i = 0; i < 20; i++) {
        char path[16];
        snprintf(path, sizeof path, "/%d", i);
        subscribe(one, to, path, ",\"single_use\":true");
    }
    assert_int_equal(wh_start(one, 2), WH_OK);
    assert_int_equal(wh_start(two, 2), WH_OK);
    for (int i = 0; i < 50; i++) {
        fixture_publish(i % 2 ? one : two, "a", "{}", NULL);
    }
    wait_idle(one);
    wait_idle(two);
    wait_idle(one);
    assert_int_equal(receiver_count(to), 20);
    wh_close(one);
    wh_close(two);
    receiver_free(to);
}

/* 200 in one commit: how long a disk takes for 200 of them is not what is measured. */
static void publish_at_once(wh_engine *engine) {
    wh_event events[200];

    for (int i = 0; i < 200; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "order.paid";
        events[i].payload = "{}";
        events[i].payload_size = 2;
    }
    assert_int_equal(wh_publish_batch(engine, events, 200, NULL), WH_OK);
}

/* Threads: the receivers that fail are tried again, those that hang keep nobody. */
static void those_who_lie_and_hang_keep_nobody_else_waiting(void **state) {
    static const int faults[] = { RECEIVER_CLOSE,        RECEIVER_RESET,       RECEIVER_GARBAGE,   RECEIVER_HANG,
                                  RECEIVER_DRIP_HEADERS, RECEIVER_HUGE_HEADER, RECEIVER_SHORT_BODY };
    enum { LIARS = sizeof faults / sizeof faults[0] };
    receiver *good = receiver_new(NULL, NULL), *liars[LIARS];
    wh_engine *engine = open_real(fixture_file());
    int64_t start;

    (void)state;
    subscribe(engine, good, "/good", "");
    for (size_t i = 0; i < LIARS; i++) {
        liars[i] = receiver_new(NULL, NULL);
        receiver_set(liars[i], "/bad", (receiver_answer){ .fault = faults[i] });
        subscribe(engine, liars[i], "/bad", ",\"retry\":[0],\"timeout\":1500");
    }
    assert_int_equal(wh_start(engine, 2), WH_OK);
    start = whi_monotonic_us();
    publish_at_once(engine);
    assert_int_equal(receiver_wait(good, 200), 0);
    assert_true(whi_monotonic_us() - start < INT64_C(1500000)); /* less than one time-out of a liar */
    assert_int_equal(wh_stop(engine, 0), WH_OK);
    wh_close(engine);
    receiver_free(good);
    for (size_t i = 0; i < LIARS; i++) {
        receiver_free(liars[i]);
    }
}

static void a_failure_is_tried_again_until_it_succeeds(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(fixture_file());
    char *text;

    (void)state;
    receiver_set(to, "/a", (receiver_answer){ .status = 503, .body = "busy", .body_size = 4 });
    subscribe(engine, to, "/a", ",\"retry\":[0,50,50,50,50,50,50,50,50,50]");
    assert_int_equal(wh_start(engine, 1), WH_OK);
    fixture_publish(engine, "order.paid", "{}", NULL);
    assert_int_equal(receiver_wait(to, 2), 0);
    receiver_set(to, "/a", (receiver_answer){ .status = 204 });
    for (int i = 0; i < 5000; i++) {
        text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
        if (strstr(text, "\"delivered\"") != NULL) {
            break;
        }
        wh_free(text);
        text = NULL;
        usleep(1000);
    }
    assert_non_null(text);
    wh_free(text);
    wh_close(engine);
    receiver_free(to);
}

static char told[500]; /* the log's last line, but for what comes of it */

static void keep_line(int level, const char *line, void *payload) {
    (void)payload;
    assert_int_equal(level, WH_LOG_WARNING);
    if (strncmp(line, "subscription is failing", 23) != 0) {
        snprintf(told, sizeof told, "%s", line);
    }
}

static void private_addresses_are_refused_unless_allowed(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine = NULL;
    char *text;

    (void)state;
    options.log = keep_line;
    assert_int_equal(wh_open(&engine, ":memory:", &options), WH_OK);
    subscribe(engine, to, "/a", ",\"retry\":[0]");
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(receiver_connections(to), 0);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"error\":\"address: the host has no address that may be reached\"");
    assert_null(strstr(text, "loopback"));
    assert_has(told, "cannot be delivered to: address: 127.0.0.1 is refused: loopback");
    wh_free(text);
    wh_close(engine);
    receiver_free(to);
}

static void many_threads_publish_and_deliver(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = open_real(fixture_file());

    (void)state;
    for (int i = 0; i < 5; i++) {
        subscribe(engine, to, "/a", "");
    }
    assert_int_equal(wh_start(engine, 2), WH_OK);
    for (int i = 0; i < 100; i++) {
        fixture_publish(engine, "order.paid", "{}", NULL);
    }
    assert_int_equal(receiver_wait(to, 500), 0);
    wait_idle(engine);
    assert_int_equal(receiver_count(to), 500);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    wh_close(engine);
    receiver_free(to);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_delivery_arrives_signed),
        cmocka_unit_test(those_who_lie_and_hang_keep_nobody_else_waiting),
        cmocka_unit_test(threads_and_retries_keep_the_order),
        cmocka_unit_test(a_single_use_subscription_is_used_once_by_two_engines_with_threads),
        cmocka_unit_test(a_failure_is_tried_again_until_it_succeeds),
        cmocka_unit_test(private_addresses_are_refused_unless_allowed),
        cmocka_unit_test(many_threads_publish_and_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
