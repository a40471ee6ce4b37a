/* The engine over real HTTP: receivers that answer, fail, hang and lie. */
#include <setjmp.h>
#include <stdarg.h>
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
    for (int i = 0; i < 20000 && wh_idle(engine) != 1; i++) {
        usleep(1000);
    }
    assert_int_equal(wh_idle(engine), 1);
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
    for (int i = 0; i < 200; i++) {
        fixture_publish(engine, "order.paid", "{}", NULL);
    }
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

static void private_addresses_are_refused_unless_allowed(void **state) {
    receiver *to = receiver_new(NULL, NULL);
    wh_engine *engine = NULL;
    char *text;

    (void)state;
    assert_int_equal(wh_open(&engine, ":memory:", NULL), WH_OK);
    subscribe(engine, to, "/a", ",\"retry\":[0]");
    fixture_publish(engine, "order.paid", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(receiver_connections(to), 0);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"error\":\"address: ");
    assert_has(text, "loopback");
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
        cmocka_unit_test(a_failure_is_tried_again_until_it_succeeds),
        cmocka_unit_test(private_addresses_are_refused_unless_allowed),
        cmocka_unit_test(many_threads_publish_and_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
