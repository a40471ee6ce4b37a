/* Buckets of tokens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/rate.h"

#define MINUTE 60000

static const whi_rate hundred = { 100, MINUTE, 100 };

static void a_full_one_gives_its_burst_and_then_drips(void **state) {
    whi_bucket bucket = whi_bucket_full(&hundred, 1000);

    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 1000), 100 - i);
        whi_bucket_take(&bucket, &hundred);
    }
    assert_int_equal(whi_bucket_when(&bucket, &hundred, 1000, 1), 1600);
    assert_int_equal(whi_bucket_when(&bucket, &hundred, 1000, 2), 2200);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 1599), 0);
    assert_int_equal(whi_bucket_when(&bucket, &hundred, 1599, 1), 1600);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 1600), 1);
    whi_bucket_take(&bucket, &hundred);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 1600), 0);
}

static void an_empty_one_fills_up_to_its_burst(void **state) {
    whi_bucket bucket = whi_bucket_empty(5000);
    whi_rate rate = { 100, MINUTE, 3 };

    (void)state;
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, 5000), 0);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, 5600), 1);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, 6800), 3);
    assert_int_equal(whi_bucket_when(&bucket, &rate, 7000, 3), 7000);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, INT64_MAX), 3);
}

static void over_a_long_time_it_is_exact(void **state) {
    whi_rate rate = { 7, 1000, 1 };
    whi_bucket bucket = whi_bucket_empty(0);
    int64_t now = 0;

    (void)state;
    for (int i = 1; i <= 7000; i++) {
        now = whi_bucket_when(&bucket, &rate, now, 1);
        assert_int_equal(whi_bucket_tokens(&bucket, &rate, now), 1);
        whi_bucket_take(&bucket, &rate);
        assert_true(i * 1000 <= now * 7);
    }
    assert_in_range(now, 1000000, 1000000 + 7000);
}

static void within_any_time_there_are_count_and_burst_at_most(void **state) {
    whi_rate rate = { 5, 1000, 2 };
    whi_bucket bucket = whi_bucket_full(&rate, 0);
    int64_t sent[200];
    int count = 0;

    (void)state;
    for (int64_t now = 0; count < 200; now += 37) {
        while (count < 200 && whi_bucket_tokens(&bucket, &rate, now) > 0) {
            whi_bucket_take(&bucket, &rate);
            sent[count++] = now;
        }
    }
    for (int i = 7; i < count; i++) {
        assert_true(sent[i] - sent[i - 7] >= 1000);
    }
}

static void another_rate_leaves_what_is_there(void **state) {
    whi_bucket bucket = whi_bucket_full(&hundred, 0);
    whi_rate small = { 10, 1000, 5 }, large = { 1000, 1000, 1000 };

    (void)state;
    whi_bucket_change(&bucket, &hundred, &small, 0);
    assert_int_equal(whi_bucket_tokens(&bucket, &small, 0), 5);
    whi_bucket_change(&bucket, &small, &large, 0);
    assert_int_equal(whi_bucket_tokens(&bucket, &large, 0), 5);
    assert_int_equal(whi_bucket_tokens(&bucket, &large, 100), 105);
    bucket = whi_bucket_empty(0);
    whi_bucket_change(&bucket, &hundred, &small, 300); /* half of a token */
    assert_int_equal(whi_bucket_when(&bucket, &small, 300, 1), 350);
}

/* What it had it has, and it goes on from there at once. */
static void a_clock_that_is_set_back_gives_nothing(void **state) {
    whi_bucket bucket = whi_bucket_empty(10000);

    (void)state;
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 10600), 1);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 4000), 1);
    whi_bucket_take(&bucket, &hundred);
    assert_int_equal(whi_bucket_when(&bucket, &hundred, 4000, 1), 4600);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 4600), 1);
}

static void the_largest_are_counted_rightly(void **state) {
    whi_rate rate = { WHI_RATE_COUNT, WHI_RATE_SECONDS * 1000, WHI_RATE_COUNT };
    whi_bucket bucket = whi_bucket_empty(0);

    (void)state;
    assert_int_equal(whi_bucket_when(&bucket, &rate, 0, WHI_RATE_COUNT), WHI_RATE_SECONDS * 1000);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, WHI_RATE_SECONDS * 1000 - 1), WHI_RATE_COUNT - 1);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, WHI_RATE_SECONDS * 1000), WHI_RATE_COUNT);
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, INT64_MAX), WHI_RATE_COUNT);
    whi_bucket_change(&bucket, &rate, &(whi_rate){ 1, WHI_RATE_SECONDS * 1000, 1 }, 1000);
    assert_int_equal(whi_bucket_tokens(&bucket, &(whi_rate){ 1, WHI_RATE_SECONDS * 1000, 1 }, 1000), 1);
}

/* Behind what was promised before; what is there already needs no waiting for. */
static void those_in_line_have_their_tokens_one_after_the_other(void **state) {
    whi_bucket bucket = whi_bucket_empty(0);
    whi_line line = { 0 };

    (void)state;
    assert_int_equal(whi_line_join(&line, &bucket, &hundred, 300, 1), 600);
    assert_int_equal(whi_line_join(&line, &bucket, &hundred, 300, 2), 1800);
    assert_int_equal(whi_line_join(&line, &bucket, &hundred, 600, 1), 2400);
    assert_int_equal(line.promised, 4);
    assert_int_equal(line.waiting, 3);
    assert_int_equal(whi_bucket_tokens(&bucket, &hundred, 2400), 4);
}

/* All come late for what they were promised, of which the bucket holds no more than one: they stand in line again, and
 * do not all come at once for the next one. */
static void who_comes_late_stands_at_the_end(void **state) {
    const whi_rate rate = { 1, 1000, 1 };
    whi_bucket bucket = whi_bucket_empty(0);
    whi_line line = { 0 };

    (void)state;
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(whi_line_join(&line, &bucket, &rate, 0, 1), 1000 * i);
    }
    assert_int_equal(whi_bucket_tokens(&bucket, &rate, 10000), 1);
    whi_bucket_take(&bucket, &rate);
    whi_line_take(&line);
    for (int i = 1; i <= 2; i++) {
        whi_line_give(&line, &rate, 1, 0);
        assert_int_equal(whi_line_join(&line, &bucket, &rate, 10000, 1), 10000 + 1000 * i);
    }
    assert_int_equal(line.promised, 2);
}

static void who_goes_leaves_its_tokens_to_the_others(void **state) {
    whi_bucket bucket = whi_bucket_empty(0);
    whi_line line = { 0 };

    (void)state;
    assert_int_equal(whi_line_join(&line, &bucket, &hundred, 0, 5), 3000);
    whi_line_give(&line, &hundred, 5, 1);
    assert_int_equal(line.promised, 0);
    assert_int_equal(whi_line_join(&line, &bucket, &hundred, 0, 1), 600);
}

static void rates_are_compared_by_what_they_mean(void **state) {
    (void)state;
    assert_true(whi_rate_same(&(whi_rate){ 0, 1, 2 }, &(whi_rate){ 0, 3, 4 }));
    assert_true(whi_rate_same(&hundred, &(whi_rate){ 100, MINUTE, 100 }));
    assert_false(whi_rate_same(&hundred, &(whi_rate){ 100, MINUTE, 99 }));
    assert_false(whi_rate_same(&hundred, &(whi_rate){ 100, 1000, 100 }));
    assert_false(whi_rate_same(&hundred, &(whi_rate){ 0, MINUTE, 100 }));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_one_gives_its_burst_and_then_drips),
        cmocka_unit_test(an_empty_one_fills_up_to_its_burst),
        cmocka_unit_test(over_a_long_time_it_is_exact),
        cmocka_unit_test(within_any_time_there_are_count_and_burst_at_most),
        cmocka_unit_test(another_rate_leaves_what_is_there),
        cmocka_unit_test(a_clock_that_is_set_back_gives_nothing),
        cmocka_unit_test(the_largest_are_counted_rightly),
        cmocka_unit_test(those_in_line_have_their_tokens_one_after_the_other),
        cmocka_unit_test(who_comes_late_stands_at_the_end),
        cmocka_unit_test(who_goes_leaves_its_tokens_to_the_others),
        cmocka_unit_test(rates_are_compared_by_what_they_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
