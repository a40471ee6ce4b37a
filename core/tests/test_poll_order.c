#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/poll_order.h"

static void tenants_take_turns(void **state) {
    const whi_poll_place busy = { 1, 5, 10, 0 }, served = { 0, 7, 10, 0 }, waits = { 0, 6, 90, 9 };

    (void)state;
    assert_true(whi_poll_is_before(&served, &busy));
    assert_false(whi_poll_is_before(&busy, &served));
    assert_true(whi_poll_is_before(&waits, &served)); /* however much the other has had to wait for */
    assert_false(whi_poll_is_before(&served, &waits));
}

static void of_a_tenant_the_earliest_goes_first_and_then_the_one_that_was_read_longest_ago(void **state) {
    const whi_poll_place early = { 0, 7, 10, 4 }, late = { 0, 7, 11, 1 }, older = { 0, 7, 10, 3 };

    (void)state;
    assert_true(whi_poll_is_before(&early, &late));
    assert_true(whi_poll_is_before(&older, &early));
    assert_false(whi_poll_is_before(&early, &older));
    assert_false(whi_poll_is_before(&early, &early));
}

static void a_share_stays_free_for_who_comes_next(void **state) {
    (void)state;
    assert_int_equal(whi_poll_share(8, 1, 1), 8);
    assert_int_equal(whi_poll_share(8, 2, 1), 4);
    assert_int_equal(whi_poll_share(8, 2, 2), 2);
    assert_int_equal(whi_poll_share(8, 100, 7), 1);
    assert_int_equal(whi_poll_share(2, 100, 50), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tenants_take_turns),
        cmocka_unit_test(of_a_tenant_the_earliest_goes_first_and_then_the_one_that_was_read_longest_ago),
        cmocka_unit_test(a_share_stays_free_for_who_comes_next),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
