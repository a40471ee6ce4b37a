/* How late polled sources are, and what waits behind them, as it is told. Covers calls/source_lag.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "calls/insight.h"
#include "engine_fixture.h"
#include "insides.h"
#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"

static wh_engine *engine;
static char id[WH_ID_SIZE];

static wh_engine *opened_with(const char *file) {
    wh_source source = poll_source(WH_SOURCE_ALL);
    wh_engine *made = fixture_open(file, NULL);

    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

static int begin(void **state) {
    poll_reset();
    fixture_setup(state);
    engine = opened_with(":memory:");
    return 0;
}

static int end(void **state) {
    (void)state;
    wh_close(engine);
    poll_reset();
    return 0;
}

/* The list of sources in the statistics; valid until the next. */
static const char *sources_of(wh_engine *asked) {
    static char text[65536];
    char *document = DOCUMENT(wh_stats(asked, &fixture_handed, &fixture_size));
    const char *at = strstr(document, "\"sources\":["), *after = strstr(document, ",\"worst\":");

    assert_non_null(at);
    assert_non_null(after);
    snprintf(text, sizeof text, "%.*s", (int)(after - at), at);
    wh_free(document);
    return text;
}

static void expect_metric(const char *line) {
    whi_buf buf;

    whi_buf_init(&buf, 1 << 20);
    assert_int_equal(whi_insight_measure(engine, &buf), WH_OK);
    whi_buf_char(&buf, '\0');
    assert_has(buf.data, line);
    whi_buf_free(&buf);
}

static int is_down(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered 503";
    return 1;
}

static void minutes(int64_t count) {
    atomic_fetch_add(&fixture_time, count * POLL_MINUTE);
}

/* ------------------------------------------------------------------------------ lag */

static void a_source_that_is_read_in_time_is_not_late(void **state) {
    (void)state;
    assert_string_equal(sources_of(engine), "\"sources\":[]");
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    minutes(59);
    assert_has(sources_of(engine),
               "{\"tenant\":\"\",\"object_type\":\"crm_contact\",\"connection\":\"con\",\"healthy\":true,"
               "\"suspicious\":false,\"refused\":false,\"lag_seconds\":0,\"failures\":0,\"pages_waiting\":0,"
               "\"objects_held\":0,\"subscriptions\":1,\"checked_at\":\"2");
}

/* Since the start of the last reading that succeeded, less the interval, however often it was tried since. */
static void a_source_that_fails_is_ever_later(void **state) {
    (void)state;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    poll_said.answer = is_down;
    poll_later(engine);
    assert_has(sources_of(engine), "\"lag_seconds\":60,\"failures\":1,");
    minutes(1);
    fixture_run(engine);
    assert_has(sources_of(engine), "\"lag_seconds\":120,\"failures\":2,");
    expect_metric("\nwebhook_source_lag_seconds{tenant=\"\",object_type=\"crm_contact\",connection=\"con\"} 120\n");
    expect_metric("\nwebhook_source_failures{tenant=\"\",object_type=\"crm_contact\",connection=\"con\"} 2\n");
    poll_said.answer = NULL;
    minutes(2);
    fixture_run(engine);
    assert_has(sources_of(engine), "\"lag_seconds\":0,\"failures\":0,");
}

static void what_was_never_read_is_late_since_it_was_wanted(void **state) {
    (void)state;
    poll_said.answer = is_down;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_has(sources_of(engine), "\"lag_seconds\":0,\"failures\":1,");
    minutes(63);
    assert_has(sources_of(engine), "\"lag_seconds\":180,");
    assert_has(sources_of(engine), "\"checked_at\":null}");
}

/* Who is paused or disabled wants nothing read. */
static void what_nobody_wants_is_not_late(void **state) {
    (void)state;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    minutes(600);
    fixture_run(engine);
    assert_string_equal(sources_of(engine), "\"sources\":[]");
}

/* By the most eager of those who share a reading, and the latest of a source's readings. */
static void a_source_is_one_however_many_subscriptions_read_it(void **state) {
    (void)state;
    poll_subscribe(engine, "a", ALL, "", id);
    poll_subscribe(engine, "b", "[\"crm_contact.created\"]", "", NULL);
    fixture_subscribe(engine,
                      "{\"url\":\"https://example.com/c\",\"source\":\"con\",\"fields\":\"id\","
                      "\"poll\":{\"type\":\"crm_contact\",\"interval\":1800000}}",
                      NULL);
    fixture_run(engine);
    minutes(32);
    assert_has(sources_of(engine), "\"lag_seconds\":120,");
    assert_has(sources_of(engine), "\"subscriptions\":3,");
    assert_null(strstr(sources_of(engine), "},{"));
}

/* ------------------------------------------------------------------------ what waits */

static void pages_that_their_receiver_does_not_take_wait(void **state) {
    (void)state;
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    poll_put(1, "x");
    fixture_script.status = 503;
    poll_later(engine);
    assert_has(sources_of(engine), "\"pages_waiting\":1,");
    expect_metric("\nwebhook_source_pages_waiting{tenant=\"\",object_type=\"crm_contact\",connection=\"con\"} 1\n");
}

static void what_vanished_in_a_crowd_is_held(void **state) {
    (void)state;
    poll_many(1, 300);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    for (int i = 1; i <= 150; i++) {
        poll_take(i);
    }
    poll_later(engine);
    assert_has(sources_of(engine), "\"healthy\":false,\"suspicious\":true,\"refused\":false,\"lag_seconds\":0,");
    assert_has(sources_of(engine), "\"objects_held\":150,");
    expect_metric("\nwebhook_source_suspicious{tenant=\"\",object_type=\"crm_contact\",connection=\"con\"} 1\n");
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    assert_has(sources_of(engine), "\"suspicious\":false,\"refused\":false,\"lag_seconds\":0,");
    assert_has(sources_of(engine), "\"objects_held\":0,");
}

/* --------------------------------------------------------------------------- many */

static void subscribe_to(const char *connection, const char *tenant, int64_t interval) {
    char text[500];

    snprintf(text, sizeof text,
             "{\"url\":\"https://example.com/x\",\"source\":\"%s\",\"tenant\":\"%s\",\"events\":[\"crm_contact.*\"],"
             "\"poll\":{\"type\":\"crm_contact\",\"interval\":%lld}}",
             connection, tenant, (long long)interval);
    fixture_subscribe(engine, text, NULL);
}

static void the_worst_come_first_and_no_more_than_a_hundred(void **state) {
    const char *text;
    int count = 0;

    (void)state;
    assert_int_equal(wh_source_remove(engine, "crm_contact"), WH_OK);
    for (int i = 0; i < 101; i++) {
        char connection[20];
        snprintf(connection, sizeof connection, "c%d", i);
        subscribe_to(connection, i % 2 == 0 ? "even" : "odd", (i == 77 ? 1 : 10) * POLL_MINUTE);
    }
    minutes(11);
    text = sources_of(engine);
    assert_int_equal(
        strncmp(text, "\"sources\":[{\"tenant\":\"odd\",\"object_type\":\"crm_contact\",\"connection\":\"c77\",", 73),
        0);
    for (const char *at = strstr(text, "\"object_type\""); at != NULL; at = strstr(at + 1, "\"object_type\"")) {
        count++;
    }
    assert_int_equal(count, 100);
}

/* Whoever reads: both look at one row. */
static void two_engines_say_the_same(void **state) {
    const char *file = fixture_file();
    char first[4096];
    wh_engine *other;

    (void)state;
    wh_close(engine);
    engine = opened_with(file);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
    other = fixture_open(file, NULL);
    poll_said.answer = is_down;
    poll_later(engine);
    snprintf(first, sizeof first, "%s", sources_of(engine));
    assert_has(first, "\"lag_seconds\":60,\"failures\":1,");
    assert_string_equal(sources_of(other), first);
    wh_close(other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_source_that_is_read_in_time_is_not_late, begin, end),
        cmocka_unit_test_setup_teardown(a_source_that_fails_is_ever_later, begin, end),
        cmocka_unit_test_setup_teardown(what_was_never_read_is_late_since_it_was_wanted, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_wants_is_not_late, begin, end),
        cmocka_unit_test_setup_teardown(a_source_is_one_however_many_subscriptions_read_it, begin, end),
        cmocka_unit_test_setup_teardown(pages_that_their_receiver_does_not_take_wait, begin, end),
        cmocka_unit_test_setup_teardown(what_vanished_in_a_crowd_is_held, begin, end),
        cmocka_unit_test_setup_teardown(the_worst_come_first_and_no_more_than_a_hundred, begin, end),
        cmocka_unit_test_setup_teardown(two_engines_say_the_same, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
