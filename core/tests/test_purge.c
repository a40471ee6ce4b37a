/* How purging shares the writer with whoever publishes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/ident.h"
#include "pure/delivery.h"
#include "store_kit.h"
#include "work/purge.h"

#define EVENTS 40

/* So many that are over, and one behind them that stays. */
static whi_store *filled(void) {
    whi_store *store = opened(":memory:");

    OK(whi_store_begin(store));
    for (int i = 0; i <= EVENTS; i++) {
        OK(add_event(store, number_at(NOW, i + 1), NULL, NULL));
    }
    OK(decide_up_to(store, number_at(NOW, EVENTS + 1)));
    OK(whi_store_commit(store, NULL));
    return store;
}

static int run_until(whi_store *store, whi_purge_step *step) {
    int before = step->count;

    step->done_before = step->failed_before = INT64_MAX;
    OK(whi_store_begin(store));
    OK(whi_purge_run(store, step));
    OK(whi_store_commit(store, NULL));
    return step->count - before;
}

static void a_step_whose_time_is_over_takes_one_piece(void **state) {
    whi_store *store = filled();
    whi_purge_step step = { .until_us = 0, .most = EVENTS * 2 };

    (void)state;
    assert_int_equal(run_until(store, &step), WHI_PURGE_PIECE);
    assert_int_equal(step.after, number_at(NOW, WHI_PURGE_PIECE));
    assert_int_equal(run_until(store, &step), WHI_PURGE_PIECE);
    whi_store_close(store);
}

static void a_step_that_has_time_goes_on_to_the_end(void **state) {
    whi_store *store = filled();
    whi_purge_step step = { .until_us = INT64_MAX, .most = EVENTS * 2 };

    (void)state;
    assert_int_equal(run_until(store, &step), EVENTS);
    assert_int_equal(step.after, 0);
    whi_store_close(store);
}

static void a_step_takes_no_more_than_it_is_told(void **state) {
    whi_store *store = filled();
    whi_purge_step step = { .until_us = INT64_MAX, .most = WHI_PURGE_PIECE + 3 };

    (void)state;
    assert_int_equal(run_until(store, &step), WHI_PURGE_PIECE + 3);
    whi_store_close(store);
}

/* A fifth of the time at most, as long as that is enough. */
static void who_is_in_time_leaves_most_of_it_to_others(void **state) {
    (void)state;
    assert_int_equal(whi_purge_span(0, 1000000, 0), WHI_PURGE_LEAST_US);
    assert_int_equal(whi_purge_span(600, 1000000, WHI_PURGE_LATE_MS - 1), 300);
    assert_int_equal(whi_purge_span(INT64_MAX, 0, 0), WHI_PURGE_MOST_US);
    for (int64_t took = 0; took < 100000; took += 777) {
        assert_true(whi_purge_pause(took, 0) * 1000 >= took * 4);
        assert_true(whi_purge_pause(took, 0) >= 1);
    }
}

/* What is accepted is written between two steps, and takes twice as long as one at least. */
static void who_is_late_takes_a_third_at_most(void **state) {
    (void)state;
    assert_int_equal(whi_purge_pause(WHI_PURGE_LATE_US, WHI_PURGE_LATE_MS), 1);
    assert_int_equal(whi_purge_span(0, 0, WHI_PURGE_LATE_MS), WHI_PURGE_LEAST_US);
    assert_int_equal(whi_purge_span(600, 0, WHI_PURGE_LATE_MS), 300);
    assert_int_equal(whi_purge_span(300, 4000, WHI_PURGE_LATE_MS), 2000);
    assert_int_equal(whi_purge_span(300, INT64_MAX, WHI_PURGE_LATE_MS), WHI_PURGE_LATE_US);
}

static void who_is_very_late_takes_half(void **state) {
    (void)state;
    assert_int_equal(whi_purge_span(300, 4000, WHI_PURGE_LATER_MS), 4000);
    assert_int_equal(whi_purge_span(300, INT64_MAX, WHI_PURGE_LATER_MS), WHI_PURGE_LATE_US);
    assert_int_equal(whi_purge_pause(WHI_PURGE_LATE_US, WHI_PURGE_LATER_MS), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_whose_time_is_over_takes_one_piece),
        cmocka_unit_test(a_step_that_has_time_goes_on_to_the_end),
        cmocka_unit_test(a_step_takes_no_more_than_it_is_told),
        cmocka_unit_test(who_is_in_time_leaves_most_of_it_to_others),
        cmocka_unit_test(who_is_late_takes_a_third_at_most),
        cmocka_unit_test(who_is_very_late_takes_half),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
