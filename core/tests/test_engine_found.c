/* What an engine finds in its store that it would not have written now: by lower limits, by a hand, by
 * other times of keeping. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "log_sql.h"

#define DAY INT64_C(86400000)
#define EVENTS "SELECT count(*) FROM webhook_events"

/* As fixture_run, which has no end where something is stranded: for 15 s at most. */
static void run_for_a_while(wh_engine *engine) {
    int64_t end = whi_monotonic_us() + 15000000;

    while (wh_idle(engine) != 1) {
        assert_true(whi_monotonic_us() < end);
        assert_true(wh_step(engine) >= 0);
    }
}

/* --------------------------------------------------------------------------- lower limits */

#define DEEP "{\"a\":[[[[[[[[[[[[1]]]]]]]]]]]]}"

static wh_engine *accept_deep_and_reopen(const char *file) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine = fixture_open(file, NULL);

    fixture_subscribe(engine, "{\"url\":\"https://example.com/plain\"}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hold\",\"fields\":\"a\"}", NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/skip\",\"fields\":\"a\",\"on_rule_error\":\"skip\"}",
                      NULL);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/send\",\"fields\":\"a\",\"on_rule_error\":\"send\"}",
                      NULL);
    fixture_publish(engine, "a", DEEP, NULL);
    wh_close(engine);
    options.limits = &limits;
    limits.json_depth = 8;
    return fixture_open(file, &options);
}

static int was_sent_to(const char *url) {
    for (size_t i = 0; i < fixture_sent_count; i++) {
        if (strcmp(fixture_sent[i].url, url) == 0) {
            assert_string_equal(fixture_sent[i].body, DEEP);
            return 1;
        }
    }
    return 0;
}

static void a_payload_too_deep_by_now_fails_those_alone_who_look_inside(void **state) {
    wh_engine *engine = accept_deep_and_reopen(fixture_file());

    (void)state;
    run_for_a_while(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_true(was_sent_to("https://example.com/plain"));
    assert_true(was_sent_to("https://example.com/send"));
    assert_int_equal(life_states(engine, "delivered"), 2);
    assert_int_equal(life_states(engine, "held"), 1);
    wh_close(engine);
}

/* ------------------------------------------------------------------------------- by a hand */

static void step_until_sent(wh_engine *engine, size_t count) {
    int64_t end = whi_monotonic_us() + 15000000;

    while (fixture_sent_count < count) {
        assert_true(whi_monotonic_us() < end);
        assert_true(wh_step(engine) >= 0);
    }
}

/* More of them than are read at once; and nobody asks whether the engine is idle, which looks at the
 * store. */
static void events_that_a_hand_deleted_strand_nobody(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\"}", NULL);
    for (int i = 0; i < 300; i++) {
        fixture_publish(engine, "gone", "1", NULL);
    }
    fixture_publish(engine, "good", "1", NULL);
    fixture_publish(engine, "good", "1", NULL);
    life_sql(file, "DELETE FROM webhook_events WHERE type = 'gone'");
    step_until_sent(engine, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_int_equal(life_sql(file, LOG_UNDECIDED), 0);
    wh_close(engine);
}

/* ------------------------------------------------------------------------ times of keeping */

static void pass_days(wh_engine *engine, int days) {
    for (int i = 0; i < days; i++) {
        atomic_fetch_add(&fixture_time, DAY);
        fixture_run(engine);
    }
}

static void delivered_events_stay_as_long_as_retain_says_though_failed_ones_go_sooner(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    (void)state;
    options.retain = 30 * DAY;
    options.retain_failed = DAY;
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{\"url\":\"https://example.com/\",\"retry\":[0]}", NULL);
    fixture_publish(engine, "good", "1", NULL);
    fixture_publish(engine, "good", "1", NULL);
    fixture_run(engine);
    fixture_script.status = 500;
    fixture_publish(engine, "bad", "1", NULL);
    fixture_run(engine);
    fixture_script.status = 200;
    fixture_publish(engine, "last", "1", NULL); /* from which numbers go on: it always stays */
    fixture_run(engine);
    pass_days(engine, 3);
    assert_int_equal(life_sql(file, EVENTS " WHERE type = 'good'"), 2);
    assert_int_equal(life_sql(file, EVENTS " WHERE type = 'bad'"), 0);
    pass_days(engine, 30);
    assert_int_equal(life_sql(file, EVENTS " WHERE type = 'good'"), 0);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_payload_too_deep_by_now_fails_those_alone_who_look_inside),
        TEST(events_that_a_hand_deleted_strand_nobody),
        TEST(delivered_events_stay_as_long_as_retain_says_though_failed_ones_go_sooner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
