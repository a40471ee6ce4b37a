/* Deliveries that are in memory, and their keys: engine/underway.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine/underway.h"
#include "fault.h"
#include "webhook.h"

static whi_underway underway;

static int setup(void **state) {
    (void)state;
    whi_underway_init(&underway);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    whi_underway_end(&underway);
    return 0;
}

static whi_way way_of(int64_t event, int64_t subscription) {
    return (whi_way){ .event = event, .subscription = subscription };
}

static void what_was_fetched_is_known_until_it_leaves(void **state) {
    whi_way one = way_of(1, 7), other = way_of(2, 7), third = way_of(1, 8);

    (void)state;
    assert_false(whi_underway_has(&underway, 1, 7));
    assert_int_equal(whi_underway_add(&underway, &one), WH_OK);
    assert_int_equal(whi_underway_add(&underway, &other), WH_OK);
    assert_true(whi_underway_has(&underway, 1, 7));
    assert_true(whi_underway_has(&underway, 2, 7));
    assert_false(whi_underway_has(&underway, 1, 8));
    assert_int_equal(whi_underway_add(&underway, &third), WH_OK);
    whi_underway_leave(&underway, &one);
    whi_underway_leave(&underway, &one);
    assert_false(whi_underway_has(&underway, 1, 7));
    assert_true(whi_underway_has(&underway, 2, 7));
    assert_true(whi_underway_has(&underway, 1, 8));
    whi_underway_leave(&underway, &other);
    whi_underway_leave(&underway, &third);
    assert_int_equal(underway.rows.count, 0);
}

static void of_a_key_one_at_a_time_has_begun(void **state) {
    char a[] = "a", same[] = "a";
    whi_way one = way_of(1, 7), other = way_of(2, 7), elsewhere = way_of(2, 8), of_b = way_of(3, 7);

    (void)state;
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 0);
    assert_int_equal(whi_underway_begin(&underway, &one, a), 1);
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 1);
    assert_int_equal(whi_underway_begin(&underway, &other, same), 0);
    assert_int_equal(whi_underway_begin(&underway, &elsewhere, same), 1);
    assert_int_equal(whi_underway_begin(&underway, &of_b, ""), 1);
    whi_underway_leave(&underway, &other); /* it has not begun, and takes nothing along */
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 1);
    whi_underway_leave(&underway, &one);
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 0);
    assert_int_equal(whi_underway_begin(&underway, &other, same), 1);
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 2);
    whi_underway_leave(&underway, &other);
    whi_underway_leave(&underway, &elsewhere);
    whi_underway_leave(&underway, &of_b);
    assert_int_equal(underway.keys.count, 0);
}

static void what_is_told_of_keeps_its_key_and_lets_newer_ones_pass(void **state) {
    char a[] = "a";
    whi_way one = way_of(1, 7), other = way_of(2, 7);

    (void)state;
    assert_int_equal(whi_underway_begin(&underway, &one, a), 1);
    whi_underway_told(&underway, &one);
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 0);
    assert_int_equal(whi_underway_begin(&underway, &other, a), 0);
    whi_underway_leave(&underway, &one);
    assert_int_equal(whi_underway_begin(&underway, &other, a), 1);
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 2);
    whi_underway_leave(&underway, &other);
}

static void a_thousand_of_them_are_told_apart(void **state) {
    static whi_way ways[1000];
    static char keys[1000][16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        ways[i] = way_of(i / 10 + 1, i % 10 + 1);
        snprintf(keys[i], sizeof keys[i], "%d", i / 10);
        assert_int_equal(whi_underway_add(&underway, &ways[i]), WH_OK);
        assert_int_equal(whi_underway_begin(&underway, &ways[i], keys[i]), 1);
    }
    for (int i = 0; i < 1000; i += 2) {
        whi_underway_leave(&underway, &ways[i]);
    }
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(whi_underway_has(&underway, i / 10 + 1, i % 10 + 1), i % 2);
        assert_int_equal(whi_underway_of(&underway, i % 10 + 1, keys[i]), i % 2 ? i / 10 + 1 : 0);
    }
    for (int i = 1; i < 1000; i += 2) {
        whi_underway_leave(&underway, &ways[i]);
    }
    assert_int_equal(underway.rows.count, 0);
    assert_int_equal(underway.keys.count, 0);
}

static void without_memory_it_is_not_there(void **state) {
    whi_way one = way_of(1, 7);

    (void)state;
    fault_set(0);
    assert_int_equal(whi_underway_add(&underway, &one), WH_ENOMEM);
    assert_true(fault_clear());
    assert_false(whi_underway_has(&underway, 1, 7));
    fault_set(0);
    assert_int_equal(whi_underway_begin(&underway, &one, "a"), WH_ENOMEM);
    assert_true(fault_clear());
    assert_int_equal(whi_underway_of(&underway, 7, "a"), 0);
    whi_underway_leave(&underway, &one);
    assert_int_equal(whi_underway_add(&underway, &one), WH_OK);
    whi_underway_leave(&underway, &one);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_fetched_is_known_until_it_leaves),
        TEST(of_a_key_one_at_a_time_has_begun),
        TEST(what_is_told_of_keeps_its_key_and_lets_newer_ones_pass),
        TEST(a_thousand_of_them_are_told_apart),
        TEST(without_memory_it_is_not_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
