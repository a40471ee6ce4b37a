/* The machine of health: each row of its table, and what counts as failing for long, by a clock that jumps. */
#include "pure/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)
#define START INT64_C(1790000000000)

static int64_t now;

static void begin(whi_health *health) {
    memset(health, 0, sizeof *health);
    now = START;
}

static enum whi_health_news see(whi_health *health, int what) {
    whi_sight sight = { .what = what, .at = now, .steady = now, .disable_after = 5 * DAY };

    return whi_health_next(health, &sight);
}

static enum whi_health_news see_after(whi_health *health, int what, int64_t ms) {
    now += ms;
    return see(health, what);
}

/* One in each state, as attempts lead there. */
static void lead_to(whi_health *health, int state) {
    begin(health);
    switch (state) {
    case WHI_TROUBLED:
        see(health, WHI_SAW_FAILURE);
        break;
    case WHI_FAILING:
        see(health, WHI_SAW_FAILURE);
        see(health, WHI_SAW_FAILURE);
        see(health, WHI_SAW_FAILURE);
        break;
    case WHI_HEALTH_ENDED:
        see(health, WHI_SAW_GONE);
        break;
    default:
        break;
    }
    assert_int_equal(health->state, state);
}

typedef struct row {
    int from, what, to, news;
} row;

static void each_move_is_as_the_table_says(void **state) {
    static const row rows[] = {
        { WHI_HEALTHY, WHI_SAW_SUCCESS, WHI_HEALTHY, WHI_NO_NEWS },
        { WHI_HEALTHY, WHI_SAW_FAILURE, WHI_TROUBLED, WHI_NO_NEWS },
        { WHI_HEALTHY, WHI_SAW_EXHAUSTED, WHI_FAILING, WHI_NEWS_FAILING },
        { WHI_HEALTHY, WHI_SAW_GONE, WHI_HEALTH_ENDED, WHI_NEWS_DISABLED },
        { WHI_HEALTHY, WHI_SAW_RESUMED, WHI_HEALTHY, WHI_NO_NEWS },
        { WHI_TROUBLED, WHI_SAW_SUCCESS, WHI_HEALTHY, WHI_NO_NEWS },
        { WHI_TROUBLED, WHI_SAW_FAILURE, WHI_TROUBLED, WHI_NO_NEWS },
        { WHI_TROUBLED, WHI_SAW_EXHAUSTED, WHI_FAILING, WHI_NEWS_FAILING },
        { WHI_TROUBLED, WHI_SAW_GONE, WHI_HEALTH_ENDED, WHI_NEWS_DISABLED },
        { WHI_TROUBLED, WHI_SAW_RESUMED, WHI_TROUBLED, WHI_NO_NEWS },
        { WHI_FAILING, WHI_SAW_SUCCESS, WHI_HEALTHY, WHI_NEWS_RECOVERED },
        { WHI_FAILING, WHI_SAW_FAILURE, WHI_FAILING, WHI_NO_NEWS },
        { WHI_FAILING, WHI_SAW_EXHAUSTED, WHI_FAILING, WHI_NO_NEWS },
        { WHI_FAILING, WHI_SAW_GONE, WHI_HEALTH_ENDED, WHI_NEWS_DISABLED },
        { WHI_FAILING, WHI_SAW_RESUMED, WHI_FAILING, WHI_NO_NEWS },
        { WHI_HEALTH_ENDED, WHI_SAW_SUCCESS, WHI_HEALTH_ENDED, WHI_NO_NEWS },
        { WHI_HEALTH_ENDED, WHI_SAW_FAILURE, WHI_HEALTH_ENDED, WHI_NO_NEWS },
        { WHI_HEALTH_ENDED, WHI_SAW_EXHAUSTED, WHI_HEALTH_ENDED, WHI_NO_NEWS },
        { WHI_HEALTH_ENDED, WHI_SAW_GONE, WHI_HEALTH_ENDED, WHI_NO_NEWS },
        { WHI_HEALTH_ENDED, WHI_SAW_RESUMED, WHI_HEALTHY, WHI_NEWS_RECOVERED },
    };
    whi_health health;

    (void)state;
    assert_int_equal(sizeof rows / sizeof rows[0], WHI_HEALTH_STATES * WHI_SIGHTS);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        lead_to(&health, rows[i].from);
        assert_int_equal(see(&health, rows[i].what), rows[i].news);
        assert_int_equal(health.state, rows[i].to);
    }
}

static void the_third_failure_in_a_row_is_news_and_no_other_one(void **state) {
    whi_health health;

    (void)state;
    begin(&health);
    assert_int_equal(see(&health, WHI_SAW_FAILURE), WHI_NO_NEWS);
    assert_int_equal(see_after(&health, WHI_SAW_FAILURE, 5000), WHI_NO_NEWS);
    assert_int_equal(see_after(&health, WHI_SAW_FAILURE, 300000), WHI_NEWS_FAILING);
    assert_int_equal(health.since, START);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(see_after(&health, WHI_SAW_FAILURE, HOUR), WHI_NO_NEWS);
    }
    assert_int_equal(health.failures, 23);
    assert_int_equal(health.failed_at, now);
}

static void failures_with_a_success_between_are_no_news(void **state) {
    whi_health health;

    (void)state;
    for (int i = 0; i < 9; i++) {
        begin(&health);
        assert_int_equal(see(&health, WHI_SAW_FAILURE), WHI_NO_NEWS);
        assert_int_equal(see(&health, WHI_SAW_FAILURE), WHI_NO_NEWS);
        assert_int_equal(see(&health, WHI_SAW_SUCCESS), WHI_NO_NEWS);
        assert_int_equal(health.state, WHI_HEALTHY);
    }
}

/* After `hours` between two of them: how many failures it takes, 0: a thousand are not enough. */
static int failures_until_disabled(int64_t gap) {
    whi_health health;

    begin(&health);
    for (int i = 1; i <= 1000; i++) {
        if (see_after(&health, WHI_SAW_FAILURE, gap) == WHI_NEWS_DISABLED) {
            return i;
        }
    }
    return 0;
}

static void five_days_of_nothing_but_failures_disable(void **state) {
    (void)state;
    assert_int_equal(failures_until_disabled(HOUR), 121);
    assert_int_equal(failures_until_disabled(24 * HOUR), 6);
    assert_int_equal(failures_until_disabled(30 * HOUR), 5);
}

/* A thousand at once say no more than one. */
static void failures_at_once_do_not_disable(void **state) {
    (void)state;
    assert_int_equal(failures_until_disabled(0), 0);
}

static void silence_does_not_count(void **state) {
    (void)state;
    assert_int_equal(failures_until_disabled(30 * HOUR + 1), 0);
    assert_int_equal(failures_until_disabled(6 * DAY), 0);
    assert_int_equal(failures_until_disabled(365 * DAY), 0);
}

static void a_clock_that_jumps_does_not_count(void **state) {
    whi_health health;

    (void)state;
    begin(&health);
    for (int i = 0; i < 100; i++) { /* a year ahead and back again, with a minute between */
        assert_int_not_equal(see_after(&health, WHI_SAW_FAILURE, 365 * DAY), WHI_NEWS_DISABLED);
        assert_int_not_equal(see_after(&health, WHI_SAW_FAILURE, -365 * DAY), WHI_NEWS_DISABLED);
        assert_int_not_equal(see_after(&health, WHI_SAW_FAILURE, 60000), WHI_NEWS_DISABLED);
    }
    assert_int_equal(health.lasted, 100 * 60000);
}

/* The wall clock went on while the machine slept: by the one that stood still a minute is over. */
static void a_machine_that_sleeps_does_not_count(void **state) {
    whi_health health;

    (void)state;
    begin(&health);
    for (int i = 0; i < 100; i++) {
        whi_sight sight = {
            .what = WHI_SAW_FAILURE, .at = START + i * 20 * HOUR, .steady = START + i * 60000, .disable_after = 5 * DAY
        };
        assert_int_not_equal(whi_health_next(&health, &sight), WHI_NEWS_DISABLED);
    }
    assert_int_equal(health.lasted, 99 * 60000);
    assert_int_equal(health.failed_at, START + 99 * 20 * HOUR);
}

static void what_was_before_a_success_is_forgotten(void **state) {
    whi_health health;

    (void)state;
    begin(&health);
    for (int i = 0; i < 100; i++) {
        see_after(&health, WHI_SAW_FAILURE, HOUR);
    }
    assert_int_equal(see(&health, WHI_SAW_SUCCESS), WHI_NEWS_RECOVERED);
    assert_int_equal(health.failures, 100); /* for who tells of it */
}

static void who_has_given_something_up_is_without_hope_until_it_is_resumed(void **state) {
    whi_health health;

    (void)state;
    lead_to(&health, WHI_FAILING);
    assert_true(whi_health_is_hopeful(&health));
    see(&health, WHI_SAW_EXHAUSTED);
    assert_false(whi_health_is_hopeful(&health));
    assert_int_equal(health.exhausted, 1);
    see(&health, WHI_SAW_RESUMED);
    assert_true(whi_health_is_hopeful(&health));
    lead_to(&health, WHI_HEALTH_ENDED);
    health.exhausted = 0;
    assert_false(whi_health_is_hopeful(&health));
}

static void news_and_reasons_have_their_words(void **state) {
    (void)state;
    assert_string_equal(whi_health_news_name(WHI_NO_NEWS), "");
    assert_string_equal(whi_health_news_name(WHI_NEWS_FAILING), "failing");
    assert_string_equal(whi_health_news_name(WHI_NEWS_RECOVERED), "recovered");
    assert_string_equal(whi_health_news_name(WHI_NEWS_DISABLED), "disabled");
    assert_string_equal(whi_health_reason(WHI_SAW_GONE), "gone");
    assert_string_equal(whi_health_reason(WHI_SAW_FAILURE), "failing");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_move_is_as_the_table_says),
        cmocka_unit_test(the_third_failure_in_a_row_is_news_and_no_other_one),
        cmocka_unit_test(failures_with_a_success_between_are_no_news),
        cmocka_unit_test(five_days_of_nothing_but_failures_disable),
        cmocka_unit_test(failures_at_once_do_not_disable),
        cmocka_unit_test(silence_does_not_count),
        cmocka_unit_test(a_clock_that_jumps_does_not_count),
        cmocka_unit_test(a_machine_that_sleeps_does_not_count),
        cmocka_unit_test(what_was_before_a_success_is_forgotten),
        cmocka_unit_test(who_has_given_something_up_is_without_hope_until_it_is_resumed),
        cmocka_unit_test(news_and_reasons_have_their_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
