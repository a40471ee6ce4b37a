/* Whose turn it is, by the first of the key alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "pure/delivery.h"
#include "pure/order.h"

#define LATER 1790000000000

static const whi_order_first nobody = { 0, 0, 0 }, first = { 1, 4, 0 }, due = { 1, 4, LATER },
                             behind = { 1, 4, WHI_DUE_BEHIND }, aborted = { 1, 4, WHI_DUE_ABORTED };

static const int ended[] = { WHI_DELIVERED, WHI_EXHAUSTED, WHI_HELD, WHI_CANCELLED };

static void one_that_is_alone_keeps_its_time(void **state) {
    (void)state;
    assert_int_equal(whi_order_place(WHI_WAITING, 0, &nobody), WHI_PLACE_OWN);
}

static void one_waits_behind_what_is_due_or_will_be(void **state) {
    (void)state;
    assert_int_equal(whi_order_place(WHI_WAITING, 0, &first), WHI_PLACE_BEHIND);
    assert_int_equal(whi_order_place(WHI_WAITING, 0, &due), WHI_PLACE_BEHIND);
}

/* Nobody has the turn: it was given to none yet. */
static void of_those_that_all_wait_behind_one_goes(void **state) {
    (void)state;
    assert_int_equal(whi_order_place(WHI_WAITING, 0, &behind), WHI_PLACE_OWN);
}

static void an_aborted_key_cancels_what_comes(void **state) {
    (void)state;
    assert_int_equal(whi_order_place(WHI_WAITING, 0, &aborted), WHI_PLACE_ABORTED);
    assert_string_equal(whi_order_reason(WHI_PLACE_ABORTED), "aborted");
}

static void a_newer_one_supersedes_whoever_has_the_turn(void **state) {
    static const whi_order_first *const firsts[] = { &nobody, &first, &due, &behind, &aborted };

    (void)state;
    for (size_t i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        assert_int_equal(whi_order_place(WHI_WAITING, 1, firsts[i]), WHI_PLACE_SUPERSEDED);
    }
    assert_string_equal(whi_order_reason(WHI_PLACE_SUPERSEDED), "superseded");
}

static void what_does_not_wait_has_no_place(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++) {
        assert_int_equal(whi_order_place(ended[i], 1, &first), WHI_PLACE_OWN);
    }
    assert_null(whi_order_reason(WHI_PLACE_OWN));
    assert_null(whi_order_reason(WHI_PLACE_BEHIND));
}

static void one_that_ends_gives_the_turn_to_who_waits_behind(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof ended / sizeof ended[0]; i++) {
        assert_true(whi_order_has_ended(ended[i]));
        assert_int_equal(whi_order_next(ended[i], 0, &behind), WHI_NEXT_TURN);
    }
}

static void where_one_has_the_turn_or_nobody_waits_nothing_is_given(void **state) {
    (void)state;
    assert_int_equal(whi_order_next(WHI_DELIVERED, 0, &nobody), WHI_NEXT_NOTHING);
    assert_int_equal(whi_order_next(WHI_DELIVERED, 0, &first), WHI_NEXT_NOTHING);
    assert_int_equal(whi_order_next(WHI_DELIVERED, 0, &due), WHI_NEXT_NOTHING);
    assert_int_equal(whi_order_next(WHI_DELIVERED, 0, &aborted), WHI_NEXT_NOTHING);
}

static void one_that_aborts_takes_all_with_it(void **state) {
    (void)state;
    assert_int_equal(whi_order_next(WHI_CANCELLED, 1, &nobody), WHI_NEXT_ABORT);
    assert_int_equal(whi_order_next(WHI_DELIVERED, 1, &behind), WHI_NEXT_ABORT);
}

static void what_has_not_ended_moves_nobody(void **state) {
    (void)state;
    assert_false(whi_order_has_ended(WHI_WAITING));
    assert_int_equal(whi_order_next(WHI_WAITING, 1, &behind), WHI_NEXT_NOTHING);
    assert_int_equal(whi_order_next(WHI_WAITING, 0, &behind), WHI_NEXT_NOTHING);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_alone_keeps_its_time),
        cmocka_unit_test(one_waits_behind_what_is_due_or_will_be),
        cmocka_unit_test(of_those_that_all_wait_behind_one_goes),
        cmocka_unit_test(an_aborted_key_cancels_what_comes),
        cmocka_unit_test(a_newer_one_supersedes_whoever_has_the_turn),
        cmocka_unit_test(what_does_not_wait_has_no_place),
        cmocka_unit_test(one_that_ends_gives_the_turn_to_who_waits_behind),
        cmocka_unit_test(where_one_has_the_turn_or_nobody_waits_nothing_is_given),
        cmocka_unit_test(one_that_aborts_takes_all_with_it),
        cmocka_unit_test(what_has_not_ended_moves_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
