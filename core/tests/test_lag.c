/* What is remembered of subscriptions that lag: engine/lag.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/lag.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"
#include "life_kit.h"

/* What has gone back in the log reads again what it had read, but not for those that were there. */
static void none_ends_while_the_log_is_read_again(void **state) {
    int64_t at[WH_PARTITIONS];
    whi_position position;
    whi_lags lags;
    whi_lag *lag;

    (void)state;
    for (int i = 0; i < WH_PARTITIONS; i++) {
        at[i] = i < WH_PARTITIONS / 2 ? 5 : -1;
    }
    whi_position_init(&position);
    whi_lags_init(&lags);
    whi_position_adopt(&position, 1, at, 0);
    assert_int_equal(whi_position_passed(&position, 1, 5, 9), 1);
    for (int i = WH_PARTITIONS / 2; i < WH_PARTITIONS; i++) {
        at[i] = 3;
    }
    whi_position_adopt(&position, 1, at, 0);
    assert_int_equal(whi_lag_new(&lag, 1, 6), WH_OK);
    whi_lags_load(&lags, NULL, lag);
    assert_int_equal(whi_lags_stop(&lags, &position, lag), 0);
    lag->at = 9;
    assert_int_equal(whi_lags_stop(&lags, &position, lag), 1);
    whi_lags_end(&lags, NULL);
    whi_position_end(&position);
}

/* Of an earlier number of this process's something may come late. */
static void what_another_left_is_worth_more_than_what_began_here(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    whi_event_row row = { .number = 7,
                          .id = "evt_x",
                          .type = "a",
                          .tenant = "",
                          .source = "",
                          .key = "",
                          .payload = "1",
                          .payload_size = 1 };
    whi_event *event = whi_event_new(engine, &row);
    whi_lag *lag;

    (void)state;
    assert_int_equal(whi_lags_begin(engine->lags, event, 1, 0), 1);
    assert_int_equal(whi_lag_new(&lag, 1, 3), WH_OK);
    whi_lags_load(engine->lags, engine, lag);
    assert_int_equal(atomic_load(&engine->lags->count), 1);
    whi_lags_remove(engine->lags, lag);
    assert_int_equal(atomic_load(&engine->lags->count), 0);
    whi_event_unref(engine, event);
    wh_close(engine);
}

/* Behind a take-over its row is there and nobody knows: what it has not decided would wait for good. */
static void what_lags_is_not_forgotten_without_memory(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;

    (void)state;
    options.rules = &fake_rules;
    for (long n = 0; n < 6; n++) {
        wh_engine *engine = fixture_open(file, &options);
        int64_t number = fixture_subscribe(engine, "{\"url\":\"https://example.com/slow\",\"rule\":\"pass\"}", NULL);
        char sql[160];
        snprintf(sql, sizeof sql, "INSERT INTO webhook_lags (subscription, position) VALUES (%lld, %lld)",
                 (long long)number, (long long)number);
        life_sql(file, sql);
        fixture_publish(engine, "a", "1", NULL);
        fault_set(n);
        for (int64_t end = whi_monotonic_us() + 200000;
             whi_monotonic_us() < end && fixture_count() < 1 && atomic_load(&fault_left) >= 0;) {
            (void)wh_step(engine);
        }
        (void)fault_clear();
        for (int64_t end = whi_monotonic_us() + 30000000; whi_monotonic_us() < end && fixture_count() < 1;) {
            (void)wh_step(engine);
        }
        assert_int_equal(fixture_count(), 1);
        for (int64_t end = whi_monotonic_us() + 30000000;
             whi_monotonic_us() < end && life_sql(file, "SELECT count(*) FROM webhook_lags") > 0;) {
            (void)wh_step(engine);
        }
        assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_lags"), 0);
        wh_close(engine);
        unlink(file);
        fixture_reset();
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(none_ends_while_the_log_is_read_again),
        TEST(what_another_left_is_worth_more_than_what_began_here),
        TEST(what_lags_is_not_forgotten_without_memory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
