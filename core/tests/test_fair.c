/* Deficit round robin: base/fair.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/fair.h"

#define QUANTUM 100

static void nobody_has_a_turn(void **state) {
    whi_fair fair = { 0 };
    whi_turn one = { 0 };

    (void)state;
    assert_null(whi_fair_next(&fair, QUANTUM));
    whi_fair_leave(&fair, &one);
    whi_fair_join(&fair, &one);
    whi_fair_join(&fair, &one);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &one);
    whi_fair_leave(&fair, &one);
    assert_null(whi_fair_next(&fair, QUANTUM));
}

/* What one item costs differs a thousandfold; what each gets does not. */
static void shares_are_equal_whatever_an_item_costs(void **state) {
    static const int64_t costs[] = { 7, 100, 333, 7000 };
    enum { COUNT = sizeof costs / sizeof costs[0] };
    int64_t used[COUNT] = { 0 };
    whi_turn turns[COUNT] = { 0 };
    whi_fair fair = { 0 };

    (void)state;
    for (int i = 0; i < COUNT; i++) {
        whi_fair_join(&fair, &turns[i]);
    }
    for (int i = 0; i < 1000000; i++) {
        whi_turn *turn = whi_fair_next(&fair, QUANTUM);
        turn->credit -= costs[turn - turns];
        used[turn - turns] += costs[turn - turns];
    }
    for (int i = 1; i < COUNT; i++) {
        int64_t off = used[i] - used[0];
        assert_true(off <= 7000 + QUANTUM && off >= -7000 - QUANTUM);
    }
}

static void nobody_waits_for_more_than_a_quantum_of_each_other(void **state) {
    whi_turn many[50] = { 0 }, one = { 0 };
    whi_fair fair = { 0 };
    int64_t waited = 0;

    (void)state;
    for (int i = 0; i < 50; i++) {
        whi_fair_join(&fair, &many[i]);
    }
    whi_fair_join(&fair, &one);
    for (whi_turn *turn = whi_fair_next(&fair, QUANTUM); turn != &one; turn = whi_fair_next(&fair, QUANTUM)) {
        turn->credit -= 10;
        waited += 10;
    }
    assert_true(waited <= 50 * QUANTUM);
}

/* Going away and coming back pays no debt; being alone forgives it. */
static void debts_stay(void **state) {
    whi_turn debtor = { 0 }, other = { 0 };
    whi_fair fair = { 0 };
    int turns = 0;

    (void)state;
    whi_fair_join(&fair, &debtor);
    whi_fair_join(&fair, &other);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &debtor);
    debtor.credit = -1000;
    whi_fair_leave(&fair, &debtor);
    whi_fair_join(&fair, &debtor);
    while (whi_fair_next(&fair, QUANTUM) == &other) {
        other.credit -= QUANTUM;
        turns++;
        assert_true(turns < 100);
    }
    assert_true(turns >= 9 && turns <= 12);
    debtor.credit = -1000000;
    whi_fair_leave(&fair, &other);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &debtor);
    assert_true(debtor.credit > 0);
}

/* One that wants little finds no other before it; one that wants much, in pieces, gets what the others get. */
static void who_comes_first_has_no_more_than_its_share(void **state) {
    whi_turn always = { 0 }, often = { .credit = QUANTUM };
    int64_t used[2] = { 0, 0 };
    whi_fair fair = { 0 };

    (void)state;
    whi_fair_join_first(&fair, &always, QUANTUM);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &always);
    whi_fair_join_first(&fair, &often, QUANTUM);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &often);
    whi_fair_join_first(&fair, &often, QUANTUM);
    for (int i = 0; i < 100000; i++) {
        whi_turn *turn = whi_fair_next(&fair, QUANTUM);
        turn->credit -= 30;
        used[turn == &often] += 30;
        if (turn == &often) {
            whi_fair_leave(&fair, turn);
            whi_fair_join_first(&fair, turn, QUANTUM);
        }
    }
    assert_true(used[1] - used[0] <= 2 * QUANTUM && used[0] - used[1] <= 2 * QUANTUM);
}

/* The last to come are not the first, or one that waits would wait for all that come. */
static void who_comes_first_keeps_the_order_of_coming(void **state) {
    whi_turn debtor = { .credit = -1000 }, turns[4];
    whi_fair fair = { 0 };

    (void)state;
    whi_fair_join_first(&fair, &debtor, QUANTUM);
    for (int i = 0; i < 4; i++) {
        turns[i] = (whi_turn){ .credit = QUANTUM };
        whi_fair_join_first(&fair, &turns[i], QUANTUM);
    }
    whi_fair_leave(&fair, &turns[3]);
    turns[3].credit = QUANTUM;
    whi_fair_join_first(&fair, &turns[3], QUANTUM);
    for (int i = 0; i < 4; i++) {
        assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &turns[i]);
        if (i % 2 == 0) {
            whi_fair_leave(&fair, &turns[i]);
        } else {
            turns[i].credit = 0; /* it goes to the end */
        }
    }
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &turns[1]);
    whi_fair_leave(&fair, &turns[1]);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &turns[3]);
    whi_fair_leave(&fair, &turns[3]);
    turns[0].credit = QUANTUM;
    whi_fair_join_first(&fair, &turns[0], QUANTUM);
    assert_ptr_equal(whi_fair_next(&fair, QUANTUM), &turns[0]);
}

static void who_has_its_turn_may_leave(void **state) {
    whi_turn turns[3] = { 0 };
    whi_fair fair = { 0 };

    (void)state;
    for (int i = 0; i < 3; i++) {
        whi_fair_join(&fair, &turns[i]);
    }
    for (int left = 3; left > 0; left--) {
        whi_turn *turn = whi_fair_next(&fair, QUANTUM);
        assert_non_null(turn);
        whi_fair_leave(&fair, turn);
        assert_false(turn->in_ring);
    }
    assert_null(whi_fair_next(&fair, QUANTUM));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_has_a_turn),
        cmocka_unit_test(shares_are_equal_whatever_an_item_costs),
        cmocka_unit_test(nobody_waits_for_more_than_a_quantum_of_each_other),
        cmocka_unit_test(debts_stay),
        cmocka_unit_test(who_comes_first_has_no_more_than_its_share),
        cmocka_unit_test(who_comes_first_keeps_the_order_of_coming),
        cmocka_unit_test(who_has_its_turn_may_leave),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
