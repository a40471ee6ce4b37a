/* Deliveries that wait until somebody fetches them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "fake_rules.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define FETCHED "{\"url\":\"poll:\",\"secrets\":[\"" SECRET "\"]}"

/* A page, and its cursor. */
typedef struct page {
    char *text;
    char cursor[4096]; /* "" for none */
} page;

static void fetch(wh_engine *engine, const char *id, const char *cursor, int64_t limit, page *out) {
    const char *mark = "\"cursor\":\"";
    const char *at;

    out->text = DOCUMENT(wh_fetch(engine, id, cursor, limit, 0, &fixture_handed, &fixture_size));
    at = strstr(out->text, mark);
    out->cursor[0] = '\0';
    if (at != NULL) {
        at += strlen(mark);
        snprintf(out->cursor, sizeof out->cursor, "%.*s", (int)strcspn(at, "\""), at);
    }
}

/* The numbers of the bodies, "1,2,". */
static const char *numbers(const page *from) {
    static char out[8192];
    size_t size = 0;

    out[0] = '\0';
    for (const char *at = from->text; (at = strstr(at, "{\\\"n\\\":")) != NULL;) {
        at += strlen("{\\\"n\\\":");
        size += (size_t)snprintf(out + size, sizeof out - size, "%.*s,", (int)strcspn(at, "}"), at);
    }
    return out;
}

static void publish(wh_engine *engine, int from, int to) {
    char payload[32];

    for (int i = from; i <= to; i++) {
        snprintf(payload, sizeof payload, "{\"n\":%d}", i);
        fixture_publish(engine, "order.paid", payload, NULL);
    }
    fixture_run(engine);
}

static void what_waits_comes_in_order_until_its_cursor_acknowledges_it(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];
    page one, two, three, none;

    (void)state;
    fixture_subscribe(engine, FETCHED, id);
    publish(engine, 1, 5);
    assert_int_equal(fixture_sent_count, 0);
    fetch(engine, id, NULL, 3, &one);
    assert_string_equal(numbers(&one), "1,2,3,");
    fetch(engine, id, NULL, 3, &two); /* nobody has said that they came */
    assert_string_equal(numbers(&two), "1,2,3,");
    wh_free(two.text);
    fetch(engine, id, one.cursor, 3, &two);
    assert_string_equal(numbers(&two), "4,5,");
    fetch(engine, id, one.cursor, 3, &three); /* twice is once */
    assert_string_equal(numbers(&three), "4,5,");
    fetch(engine, id, two.cursor, 3, &none);
    assert_string_equal(numbers(&none), "");
    assert_has(none.text, "\"cursor\":null");
    wh_free(one.text);
    wh_free(two.text);
    wh_free(three.text);
    wh_free(none.text);
    wh_close(engine);
}

static void an_item_is_signed_as_it_would_be_sent(void **state) {
    static const char *const names[] = { "webhook-id", "webhook-timestamp", "webhook-signature" };
    const char *const secrets[] = { SECRET };
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], values[3][256];
    wh_header headers[3];
    page got;

    (void)state;
    fixture_subscribe(engine, FETCHED, id);
    publish(engine, 7, 7);
    fetch(engine, id, NULL, 0, &got);
    assert_has(got.text, "\"Content-Type\":\"application/json\"");
    assert_has(got.text, "\"type\":\"order.paid\"");
    for (int i = 0; i < 3; i++) {
        char mark[64];
        const char *at;
        snprintf(mark, sizeof mark, "\"%s\":\"", names[i]);
        at = strstr(got.text, mark);
        assert_non_null(at);
        at += strlen(mark);
        snprintf(values[i], sizeof values[i], "%.*s", (int)strcspn(at, "\""), at);
        headers[i] = (wh_header){ names[i], values[i] };
    }
    assert_int_equal(wh_verify(secrets, 1, headers, 3, "{\"n\":7}", 7, 0, fixture_time), WH_OK);
    wh_free(got.text);
    wh_close(engine);
}

static void what_is_replayed_comes_again_though_a_cursor_has_it(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_query query = WH_QUERY_INIT;
    char id[WH_ID_SIZE];
    page one, two;
    int64_t count;

    (void)state;
    fixture_subscribe(engine, FETCHED, id);
    publish(engine, 1, 1);
    fetch(engine, id, NULL, 0, &one);
    fetch(engine, id, one.cursor, 0, &two);
    assert_string_equal(numbers(&two), "");
    wh_free(two.text);
    query.state = "delivered";
    query.subscription = id;
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 1);
    fetch(engine, id, one.cursor, 0, &two); /* of before that */
    assert_string_equal(numbers(&two), "1,");
    wh_free(one.text);
    wh_free(two.text);
    wh_close(engine);
}

static void lists_and_standing_know_of_it(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text;
    page got, none;

    (void)state;
    fixture_subscribe(engine, FETCHED, id);
    publish(engine, 1, 2);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"waiting\":2");
    assert_has(text, "\"url\":\"poll:\"");
    wh_free(text);
    assert_int_equal(wh_idle(engine), 1);
    fetch(engine, id, NULL, 0, &got);
    fetch(engine, id, got.cursor, 0, &none);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"delivered\"");
    assert_null(strstr(text, "\"waiting\""));
    wh_free(text);
    wh_free(got.text);
    wh_free(none.text);
    wh_close(engine);
}

static void what_nobody_fetches_is_given_up_in_its_time(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], *text;
    page got;

    (void)state;
    assert_int_equal(wh_settings_set(engine, "{\"retain_failed\":86400000}", WH_ZSTR), WH_OK);
    fixture_subscribe(engine, FETCHED, id);
    publish(engine, 1, 2);
    fixture_time += INT64_C(86400000) + 60000;
    publish(engine, 3, 3);
    for (int i = 0; i < 5; i++) {
        fixture_turn(engine);
    }
    fetch(engine, id, NULL, 0, &got);
    assert_string_equal(numbers(&got), "3,");
    wh_free(got.text);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_null(strstr(text, "\"held\""));
    wh_free(text);
    wh_close(engine);
}

/* What waits for its own time is none that is there. */
static void an_answer_is_held_back_though_something_waits_for_later(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t began_us;
    char id[WH_ID_SIZE], *text;

    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{\"url\":\"https://a.example/\",\"retry\":[0,1000000]}", id);
    publish(engine, 1, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"url\":\"poll:\"}", WH_ZSTR), WH_OK);
    began_us = whi_monotonic_us();
    text = DOCUMENT(wh_fetch(engine, id, NULL, 0, 500, &fixture_handed, &fixture_size));
    assert_true(whi_monotonic_us() - began_us >= 500000);
    assert_string_equal(text, "{\"items\":[],\"cursor\":null}");
    wh_free(text);
    wh_close(engine);
}

/* What the rule held has none of the bytes that it lets through. */
static void what_a_rule_held_before_is_not_given_as_it_was_published(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;
    wh_query query = WH_QUERY_INIT;
    char id[WH_ID_SIZE], *text;
    int64_t count;
    page got;

    (void)state;
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{\"url\":\"https://a.example/\",\"rule\":\"fail\"}", id);
    publish(engine, 1, 1);
    assert_int_equal(
        wh_subscription_update(engine, id, "{\"url\":\"poll:\",\"rule\":\"drop\",\"on_rule_error\":\"skip\"}", WH_ZSTR),
        WH_OK);
    fixture_run(engine);
    fetch(engine, id, NULL, 0, &got);
    assert_string_equal(numbers(&got), "");
    wh_free(got.text);
    query.subscription = id;
    query.state = "held";
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 0);
    text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, "\"held\"");
    wh_free(text);
    wh_close(engine);
}

/* However many there are of them: they fill no page. */
static void what_has_no_bytes_hides_nothing_that_waits_behind_it(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE];
    page got;

    (void)state;
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{\"url\":\"https://a.example/\",\"rule\":\"fail\"}", id);
    publish(engine, 1, 3);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":null}", WH_ZSTR), WH_OK); /* they wait again */
    assert_int_equal(wh_subscription_update(engine, id, "{\"url\":\"poll:\"}", WH_ZSTR), WH_OK);
    publish(engine, 4, 6);
    fixture_run(engine);
    fetch(engine, id, NULL, 2, &got);
    assert_string_equal(numbers(&got), "4,5,");
    wh_free(got.text);
    fetch(engine, id, got.cursor, 2, &got);
    assert_string_equal(numbers(&got), "6,");
    wh_free(got.text);
    wh_close(engine);
}

/* A process that publishes, fetches, acknowledges a part, and is killed in the middle of it. */
static void die_with_some_acknowledged(const char *file, int out) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;
    char id[WH_ID_SIZE];
    page one, two;

    if (wh_open(&engine, file, &options) != WH_OK || wh_subscribe(engine, FETCHED, WH_ZSTR, id) != WH_OK) {
        _exit(1);
    }
    for (int i = 1; i <= 6; i++) {
        wh_event event = WH_EVENT_INIT;
        char payload[32];
        snprintf(payload, sizeof payload, "{\"n\":%d}", i);
        event.type = "order.paid";
        event.payload = payload;
        event.payload_size = WH_ZSTR;
        if (wh_publish(engine, &event, NULL) != WH_OK) {
            _exit(2);
        }
    }
    if (wh_run(engine) < 0) {
        _exit(3);
    }
    fetch(engine, id, NULL, 2, &one);
    fetch(engine, id, one.cursor, 3, &two);
    if (write(out, id, sizeof id) != (ssize_t)sizeof id) {
        _exit(4);
    }
    kill(getpid(), SIGKILL);
}

static void a_kill_loses_nothing_and_repeats_what_was_not_acknowledged(void **state) {
    const char *file = fixture_file();
    char id[WH_ID_SIZE] = "";
    wh_engine *engine;
    int ends[2], status = 0;
    pid_t child;
    page got, none;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        die_with_some_acknowledged(file, ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], id, sizeof id), sizeof id);
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(wh_open(&engine, file, NULL), WH_OK);
    fetch(engine, id, NULL, 0, &got);
    assert_string_equal(numbers(&got), "3,4,5,6,");
    fetch(engine, id, got.cursor, 0, &none);
    assert_string_equal(numbers(&none), "");
    wh_free(got.text);
    wh_free(none.text);
    wh_close(engine);
}

static void wrong_words_are_refused_by_name(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE], other[WH_ID_SIZE], *text = NULL;

    (void)state;
    fixture_subscribe(engine, FETCHED, id);
    fixture_subscribe(engine, "{\"url\":\"https://a.example/\"}", other);
    assert_int_equal(wh_fetch(engine, other, NULL, 0, 0, &text, NULL), WH_ECONFLICT);
    assert_int_equal(wh_fetch(engine, "sub_0000000000000", NULL, 0, 0, &text, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_fetch(engine, id, "x", 0, 0, &text, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "cursor");
    assert_int_equal(wh_fetch(engine, id, "gICAgICAgICAgA..", 0, 0, &text, NULL), WH_EINVALID);
    assert_int_equal(wh_fetch(engine, id, NULL, 251, 0, &text, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "limit");
    assert_int_equal(wh_fetch(engine, id, NULL, 0, 60001, &text, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "wait");
    assert_int_equal(wh_subscribe(engine, "{\"url\":\"poll:\",\"order\":\"fifo\"}", WH_ZSTR, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "order");
    assert_int_equal(wh_subscribe(engine, "{\"url\":\"poll:\",\"profile\":\"truto\"}", WH_ZSTR, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "profile");
    wh_close(engine);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_waits_comes_in_order_until_its_cursor_acknowledges_it, fixture_setup),
        cmocka_unit_test_setup(an_item_is_signed_as_it_would_be_sent, fixture_setup),
        cmocka_unit_test_setup(what_is_replayed_comes_again_though_a_cursor_has_it, fixture_setup),
        cmocka_unit_test_setup(lists_and_standing_know_of_it, fixture_setup),
        cmocka_unit_test_setup(what_nobody_fetches_is_given_up_in_its_time, fixture_setup),
        cmocka_unit_test_setup(an_answer_is_held_back_though_something_waits_for_later, fixture_setup),
        cmocka_unit_test_setup(what_a_rule_held_before_is_not_given_as_it_was_published, fixture_setup),
        cmocka_unit_test_setup(what_has_no_bytes_hides_nothing_that_waits_behind_it, fixture_setup),
        cmocka_unit_test_setup(a_kill_loses_nothing_and_repeats_what_was_not_acknowledged, fixture_setup),
        cmocka_unit_test_setup(wrong_words_are_refused_by_name, fixture_setup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
