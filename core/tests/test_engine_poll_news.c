/* What is told of a source that is polled, as events of the engine's own. Covers work/poll_commit.c, pure/poll.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "life_kit.h"
#include "poll_kit.h"

#define ALL "[\"crm_contact.*\"]"
#define NEWS "SELECT count(*) FROM webhook_events WHERE type LIKE 'webhook.source.%'"

static wh_engine *engine;
static char id[WH_ID_SIZE];

static wh_engine *opened_with(const char *file) {
    wh_source source = poll_source(WH_SOURCE_ALL);
    wh_engine *made = fixture_open(file, NULL);

    assert_int_equal(wh_source_add(made, "crm_contact", &source), WH_OK);
    return made;
}

/* A receiver of its own for each kind of news, at a path of its name. */
static void take_news(wh_engine *at) {
    static const char *const kinds[] = { "failing", "recovered", "suspicious" };

    for (size_t i = 0; i < 3; i++) {
        char text[200];
        snprintf(text, sizeof text, "{\"url\":\"https://example.com/%s\",\"events\":[\"webhook.source.%s\"]}", kinds[i],
                 kinds[i]);
        fixture_subscribe(at, text, NULL);
    }
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

/* What was told of this kind so far, one text behind the other; count may be NULL. */
static const char *told(const char *kind, size_t *count) {
    static char text[8192];
    char url[60];
    size_t used = 0, found = 0;

    snprintf(url, sizeof url, "https://example.com/%s", kind);
    text[0] = '\0';
    for (size_t i = 0; i < fixture_sent_count; i++) {
        if (strcmp(fixture_sent[i].url, url) == 0) {
            used += (size_t)snprintf(text + used, sizeof text - used, "%s\n", fixture_sent[i].body);
            found++;
        }
    }
    if (count != NULL) {
        *count = found;
    }
    return text;
}

static void expect_told(size_t failing, size_t suspicious, size_t recovered) {
    size_t count;

    (void)told("failing", &count);
    assert_int_equal(count, failing);
    (void)told("suspicious", &count);
    assert_int_equal(count, suspicious);
    (void)told("recovered", &count);
    assert_int_equal(count, recovered);
}

static int is_down(const wh_source_query *query, wh_source_page *page) {
    (void)query;
    page->code = WH_ESTATUS;
    page->error = "answered 503";
    return 1;
}

static int is_refused(const wh_source_query *query, wh_source_page *page) {
    (void)is_down(query, page);
    page->error = "answered 401";
    page->is_refused = 1;
    return 1;
}

/* Polled, and at rest. */
static void known(int count) {
    poll_many(1, count);
    poll_subscribe(engine, "a", ALL, "", id);
    fixture_run(engine);
}

static void lose_half(void) {
    for (int i = 1; i <= 150; i++) {
        poll_take(i);
    }
}

/* ---------------------------------------------------------------------------- tests */

static void one_that_fails_is_told_after_three_times_and_once(void **state) {
    (void)state;
    take_news(engine);
    known(1);
    poll_said.answer = is_down;
    poll_later(engine);
    poll_later(engine);
    expect_told(0, 0, 0);
    poll_later(engine);
    poll_later(engine);
    poll_later(engine);
    expect_told(1, 0, 0);
    assert_has(
        told("failing", NULL),
        "{\"object_type\":\"crm_contact\",\"connection\":\"con\",\"failures\":3,\"objects_held\":0,\"checked_at\":"
        "\"2");
    assert_has(told("failing", NULL), "\"reason\":\"failing\",\"error\":\"answered 503\"}");
    poll_said.answer = NULL;
    poll_later(engine);
    poll_later(engine);
    expect_told(1, 0, 1);
    assert_has(told("recovered", NULL), "\"failures\":0,");
    assert_has(told("recovered", NULL), "\"reason\":\"read\"}");
}

static void one_failure_is_no_news(void **state) {
    (void)state;
    take_news(engine);
    known(1);
    poll_said.answer = is_down;
    poll_later(engine);
    poll_said.answer = NULL;
    poll_later(engine);
    expect_told(0, 0, 0);
}

static void one_that_may_not_be_read_is_told_at_once(void **state) {
    (void)state;
    take_news(engine);
    known(1);
    poll_said.answer = is_refused;
    poll_later(engine);
    poll_later(engine);
    expect_told(1, 0, 0);
    assert_has(told("failing", NULL), "\"reason\":\"refused\",\"error\":\"answered 401\"}");
}

static void one_that_is_suspicious_is_told_once_until_it_is_believed(void **state) {
    (void)state;
    take_news(engine);
    known(300);
    lose_half();
    poll_later(engine);
    poll_later(engine);
    expect_told(0, 1, 0);
    assert_has(told("suspicious", NULL), "\"failures\":0,\"objects_held\":150,");
    assert_has(told("suspicious", NULL), "\"reason\":\"vanished\"}");
    assert_int_equal(wh_poll_now(engine, id, 1), WH_OK);
    fixture_run(engine);
    expect_told(0, 1, 1);
}

/* One that is suspicious and fails then is told as both, one after the other. */
static void one_that_fails_while_it_is_suspicious_is_told_anew(void **state) {
    (void)state;
    take_news(engine);
    known(300);
    lose_half();
    poll_later(engine);
    poll_said.answer = is_down;
    for (int i = 0; i < 4; i++) {
        poll_later(engine);
    }
    expect_told(1, 1, 0);
    poll_said.answer = NULL;
    poll_later(engine);
    expect_told(1, 2, 0);
}

static void what_nobody_takes_is_not_written(void **state) {
    wh_query query = WH_QUERY_INIT;
    size_t size;
    char *events;

    (void)state;
    query.type = "webhook.source.failing";
    fixture_subscribe(
        engine, "{\"url\":\"https://example.com/failing\",\"tenant\":\"t\",\"events\":[\"webhook.source.*\"]}", NULL);
    known(1);
    poll_said.answer = is_refused;
    poll_later(engine);
    expect_told(0, 0, 0);
    assert_int_equal(wh_events(engine, &query, &events, &size), WH_OK);
    assert_has(events, "\"items\":[]");
    wh_free(events);
}

/* All who share a reading are told of it together, and of what a subscription polls besides not at all. */
static void it_is_told_once_however_many_share_the_reading(void **state) {
    (void)state;
    take_news(engine);
    poll_subscribe(engine, "b", ALL, "", NULL);
    known(1);
    poll_said.answer = is_refused;
    poll_later(engine);
    expect_told(1, 0, 0);
}

/* Whoever reads: the move is in the row, and so another does not tell it again. */
static void two_engines_tell_it_once(void **state) {
    const char *file = fixture_file();
    int64_t failures;
    wh_engine *other;

    (void)state;
    wh_close(engine);
    engine = opened_with(file);
    take_news(engine);
    known(1);
    poll_said.answer = is_refused;
    other = opened_with(file);
    for (int i = 0; i < 3; i++) {
        atomic_fetch_add(&fixture_time, 61 * POLL_MINUTE);
        fixture_run(engine);
        fixture_run(other);
    }
    wh_close(engine);
    engine = other;
    failures = life_sql(file, "SELECT failures FROM webhook_poll");
    assert_true(failures > 0);
    poll_later(engine);
    poll_later(engine);
    assert_true(life_sql(file, "SELECT failures FROM webhook_poll") > failures);
    assert_int_equal(life_sql(file, NEWS), 1);
    poll_said.answer = NULL;
    poll_later(engine);
    poll_later(engine);
    assert_int_equal(life_sql(file, NEWS), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_that_fails_is_told_after_three_times_and_once, begin, end),
        cmocka_unit_test_setup_teardown(one_failure_is_no_news, begin, end),
        cmocka_unit_test_setup_teardown(one_that_may_not_be_read_is_told_at_once, begin, end),
        cmocka_unit_test_setup_teardown(one_that_is_suspicious_is_told_once_until_it_is_believed, begin, end),
        cmocka_unit_test_setup_teardown(one_that_fails_while_it_is_suspicious_is_told_anew, begin, end),
        cmocka_unit_test_setup_teardown(what_nobody_takes_is_not_written, begin, end),
        cmocka_unit_test_setup_teardown(it_is_told_once_however_many_share_the_reading, begin, end),
        cmocka_unit_test_setup_teardown(two_engines_tell_it_once, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
