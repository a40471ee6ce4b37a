/* The breaker: when it opens, what it lets through, and when it closes. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/breaker.h"

/* Half of four at least within ten seconds; a second, and four at most. */
static const whi_breaker_rule rule = { 50, 4, 10000, 1000, 4000 };

/* What is kept of one that says nothing may be thrown away. */
static void one_is_new_when_its_window_has_passed(void **state) {
    const whi_breaker_rule none = { 0 };
    whi_breaker breaker = { 0 };

    (void)state;
    assert_true(whi_breaker_is_new(&breaker, &rule, 5));
    whi_breaker_note(&breaker, &rule, 5, 1);
    assert_false(whi_breaker_is_new(&breaker, &rule, 5));
    assert_true(whi_breaker_is_new(&breaker, &none, 5));
    assert_false(whi_breaker_is_new(&breaker, &rule, 9000));
    assert_true(whi_breaker_is_new(&breaker, &rule, 30000));
}

static whi_breaker opened(int64_t at) {
    whi_breaker breaker = { 0 };

    for (int i = 0; i < 4; i++) {
        assert_int_equal(whi_breaker_note(&breaker, &rule, at, 1), i == 3);
    }
    return breaker;
}

static void it_opens_at_its_share_of_enough_attempts(void **state) {
    whi_breaker breaker = { 0 };

    (void)state;
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 1), 0); /* one of one: too few */
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 0), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 0), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 0), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 1), 0); /* two of five */
    assert_int_equal(whi_breaker_left(&breaker, 100), INT_MAX);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 100, 1), 1); /* three of six */
    assert_int_equal(whi_breaker_left(&breaker, 100), 0);
}

static void a_success_does_not_open_it(void **state) {
    static const whi_breaker_rule late = { 50, 4, 10000, 1000, 4000 };
    whi_breaker breaker = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(whi_breaker_note(&breaker, &late, 0, 1), 0);
    }
    assert_int_equal(whi_breaker_note(&breaker, &late, 0, 0), 0); /* enough now, and three of four have failed */
    assert_int_equal(whi_breaker_note(&breaker, &late, 0, 1), 1);
}

static void what_is_older_than_the_window_is_forgotten(void **state) {
    whi_breaker breaker = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(whi_breaker_note(&breaker, &rule, 0, 1), 0);
    }
    assert_int_equal(whi_breaker_note(&breaker, &rule, 10000, 1), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 14000, 1), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 16000, 1), 0); /* the half before still counts */
    assert_int_equal(whi_breaker_note(&breaker, &rule, 16000, 1), 1);
}

static void a_probe_goes_alone_and_the_pause_grows(void **state) {
    whi_breaker breaker = opened(5000);

    (void)state;
    assert_int_equal(whi_breaker_when(&breaker, 5000), 6000);
    assert_int_equal(whi_breaker_left(&breaker, 5999), 0);
    for (int64_t at = 6000, pause = 2000; pause <= 8000; pause *= 2) {
        assert_int_equal(whi_breaker_left(&breaker, at), 1);
        assert_int_equal(whi_breaker_take(&breaker), 1);
        assert_int_equal(whi_breaker_left(&breaker, at), 0);
        assert_true(whi_breaker_when(&breaker, at) == INT64_MAX);
        whi_breaker_probed(&breaker, &rule, at, WHI_PROBED_BADLY);
        assert_int_equal(whi_breaker_when(&breaker, at), at + (pause < 4000 ? pause : 4000));
        at += pause < 4000 ? pause : 4000;
    }
}

static void a_good_probe_closes_it(void **state) {
    whi_breaker breaker = opened(0);

    (void)state;
    assert_int_equal(whi_breaker_take(&breaker), 1);
    whi_breaker_probed(&breaker, &rule, 1000, WHI_PROBED_WELL);
    assert_int_equal(whi_breaker_left(&breaker, 1000), INT_MAX);
    assert_int_equal(whi_breaker_take(&breaker), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(whi_breaker_note(&breaker, &rule, 1000, 1), 0); /* it has begun anew */
    }
}

static void a_probe_that_was_cut_is_made_again(void **state) {
    whi_breaker breaker = opened(0);

    (void)state;
    assert_int_equal(whi_breaker_take(&breaker), 1);
    whi_breaker_probed(&breaker, &rule, 1000, WHI_PROBED_NOTHING);
    assert_int_equal(whi_breaker_left(&breaker, 1000), 1);
}

static void what_was_under_way_when_it_opened_changes_nothing(void **state) {
    whi_breaker breaker = opened(0);

    (void)state;
    assert_int_equal(whi_breaker_note(&breaker, &rule, 10, 0), 0);
    assert_int_equal(whi_breaker_note(&breaker, &rule, 10, 1), 0);
    assert_int_equal(whi_breaker_when(&breaker, 10), 1000);
}

static void a_clock_that_is_set_back_makes_no_pause_longer(void **state) {
    whi_breaker breaker = opened(1000000);

    (void)state;
    assert_int_equal(whi_breaker_when(&breaker, 0), 1000);
    assert_int_equal(whi_breaker_left(&breaker, 1000), 1);
}

static void another_address_is_tried_at_once(void **state) {
    whi_breaker breaker = opened(0);

    (void)state;
    whi_breaker_hurry(&breaker, 10);
    assert_int_equal(whi_breaker_left(&breaker, 10), 1);
}

static void without_a_rule_it_never_opens(void **state) {
    static const whi_breaker_rule none = { 0 };
    whi_breaker breaker = { 0 };

    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(whi_breaker_note(&breaker, &none, i, 1), 0);
    }
    assert_int_equal(whi_breaker_left(&breaker, 1000), INT_MAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_is_new_when_its_window_has_passed),
        cmocka_unit_test(it_opens_at_its_share_of_enough_attempts),
        cmocka_unit_test(a_success_does_not_open_it),
        cmocka_unit_test(what_is_older_than_the_window_is_forgotten),
        cmocka_unit_test(a_probe_goes_alone_and_the_pause_grows),
        cmocka_unit_test(a_good_probe_closes_it),
        cmocka_unit_test(a_probe_that_was_cut_is_made_again),
        cmocka_unit_test(what_was_under_way_when_it_opened_changes_nothing),
        cmocka_unit_test(a_clock_that_is_set_back_makes_no_pause_longer),
        cmocka_unit_test(another_address_is_tried_at_once),
        cmocka_unit_test(without_a_rule_it_never_opens),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
