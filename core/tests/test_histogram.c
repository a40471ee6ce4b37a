#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/histogram.h"

static long long count_of(whi_histogram *histogram, int step) {
    return atomic_load(&histogram->counts[step]);
}

static void steps_ascend_and_end_where_they_say(void **state) {
    whi_histogram histogram = { 0 };

    (void)state;
    for (int i = 0; i < WHI_HISTOGRAM_STEPS; i++) {
        int64_t end = whi_histogram_steps[i].us;
        assert_true(i == 0 || end > whi_histogram_steps[i - 1].us);
        whi_histogram_add(&histogram, end);
        assert_int_equal(count_of(&histogram, i), i == 0 ? 1 : 2);
        whi_histogram_add(&histogram, end + 1);
        assert_int_equal(count_of(&histogram, i + 1), 1);
    }
}

static void the_sum_is_that_of_all_and_none_is_negative(void **state) {
    whi_histogram histogram = { 0 };

    (void)state;
    whi_histogram_add(&histogram, 7);
    whi_histogram_add(&histogram, 0);
    whi_histogram_add(&histogram, -5);
    whi_histogram_add(&histogram, INT64_C(1) << 50);
    assert_int_equal(count_of(&histogram, 0), 3);
    assert_int_equal(count_of(&histogram, WHI_HISTOGRAM_STEPS), 1);
    assert_int_equal(atomic_load(&histogram.total), (INT64_C(1) << 50) + 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_ascend_and_end_where_they_say),
        cmocka_unit_test(the_sum_is_that_of_all_and_none_is_negative),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
