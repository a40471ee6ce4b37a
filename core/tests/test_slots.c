/* Which kind of lane may begin a request, and who is charged for it: work/slots.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "work/slots.h"

#define MOST 64
#define PART (MOST / 4)

static whi_slots slots;
static whi_slot all[MOST]; /* those under way have a list */
static int64_t now_us;

static int setup(void **state) {
    (void)state;
    whi_slots_init(&slots, MOST);
    memset(all, 0, sizeof all);
    now_us = 1000000000;
    return 0;
}

static whi_slot *begin(enum whi_slot_kind kind) {
    whi_slot *slot = all;

    while (slot->list != NULL) {
        slot++;
    }
    whi_slots_take(&slots, slot, kind, now_us);
    return slot;
}

static void end(whi_slot *slot) {
    whi_slots_give(&slots, slot);
    slot->list = NULL;
}

/* As many as may; how many. */
static int begin_all(enum whi_slot_kind kind) {
    int count = 0;

    while (whi_slots_may(&slots, kind)) {
        begin(kind);
        count++;
    }
    return count;
}

static int pass(int64_t us) {
    int old = 0;

    now_us += us;
    while (whi_slots_old(&slots, now_us) != NULL) {
        old++;
    }
    return old;
}

static int total(void) {
    return slots.used[WHI_SLOT_UNKNOWN] + slots.used[WHI_SLOT_QUICK] + slots.used[WHI_SLOT_SLOW];
}

static void slow_ones_have_their_part_and_what_is_common(void **state) {
    (void)state;
    assert_int_equal(begin_all(WHI_SLOT_SLOW), 2 * PART);
    assert_int_equal(begin_all(WHI_SLOT_UNKNOWN), PART);
    assert_int_equal(begin_all(WHI_SLOT_QUICK), PART);
    assert_int_equal(total(), MOST);
}

static void quick_ones_borrow_half_of_what_nobody_uses(void **state) {
    (void)state;
    assert_int_equal(begin_all(WHI_SLOT_QUICK), 3 * PART);
    assert_int_equal(begin_all(WHI_SLOT_UNKNOWN), PART);
    assert_int_equal(begin_all(WHI_SLOT_SLOW), 0);
}

/* What is given back is not lent again while its owner waits. */
static void who_waits_for_its_part_gets_what_is_given_back(void **state) {
    (void)state;
    begin_all(WHI_SLOT_QUICK);
    begin_all(WHI_SLOT_UNKNOWN);
    slots.waiting[WHI_SLOT_SLOW] = slots.waiting[WHI_SLOT_QUICK] = 1;
    for (int i = 0; i < PART; i++) {
        assert_false(whi_slots_may(&slots, WHI_SLOT_SLOW));
        end(&all[i]);
        assert_false(whi_slots_may(&slots, WHI_SLOT_QUICK));
        assert_true(whi_slots_may(&slots, WHI_SLOT_SLOW));
        begin(WHI_SLOT_SLOW);
    }
    assert_int_equal(slots.used[WHI_SLOT_SLOW], PART);
}

static void what_becomes_old_is_told_once(void **state) {
    whi_slot *slot = begin(WHI_SLOT_QUICK);

    (void)state;
    assert_int_equal(whi_slots_next(&slots), now_us + WHI_SLOW_US);
    assert_int_equal(pass(WHI_SLOW_US - 1), 0);
    now_us += 1;
    assert_ptr_equal(whi_slots_old(&slots, now_us), slot);
    assert_int_equal(pass(WHI_SLOW_US), 0);
    assert_int_equal(whi_slots_next(&slots), INT64_MAX);
    assert_int_equal(slots.used[WHI_SLOT_SLOW], 1);
    assert_int_equal(slots.young[WHI_SLOT_QUICK], 0);
    end(slot);
    assert_int_equal(total(), 0);
}

/* However many receivers turn out to hang, those that answer keep their part. */
static void unknown_ones_that_hang_never_take_the_quick_ones_part(void **state) {
    (void)state;
    for (int i = 0; i < 10; i++) {
        begin_all(WHI_SLOT_UNKNOWN);
        pass(WHI_SLOW_US);
        begin_all(WHI_SLOT_SLOW);
    }
    assert_int_equal(total(), 3 * PART);
    assert_int_equal(begin_all(WHI_SLOT_QUICK), PART);
}

/* Where the slow ones have no room, it is its own kind that an old one keeps waiting; and it goes there before any
 * other. */
static void what_has_no_room_with_the_slow_ones_stays_and_moves_first(void **state) {
    (void)state;
    begin_all(WHI_SLOT_SLOW);
    begin_all(WHI_SLOT_UNKNOWN);
    assert_int_equal(pass(WHI_SLOW_US), 3 * PART);
    assert_int_equal(slots.used[WHI_SLOT_UNKNOWN], PART);
    assert_false(whi_slots_may(&slots, WHI_SLOT_UNKNOWN));
    end(&all[0]);
    assert_int_equal(slots.used[WHI_SLOT_SLOW], 2 * PART);
    assert_int_equal(slots.used[WHI_SLOT_UNKNOWN], PART - 1);
    assert_false(whi_slots_may(&slots, WHI_SLOT_SLOW));
    assert_true(whi_slots_may(&slots, WHI_SLOT_UNKNOWN));
}

/* One for each that waits, the oldest first, and no more while they are ending. */
static void unknown_ones_that_hang_make_room_for_unknown_ones(void **state) {
    (void)state;
    begin_all(WHI_SLOT_SLOW);
    begin_all(WHI_SLOT_UNKNOWN);
    slots.waiting[WHI_SLOT_UNKNOWN] = 2;
    assert_null(whi_slots_yield(&slots));
    assert_false(whi_slots_are_short(&slots));
    pass(WHI_SLOW_US);
    assert_true(whi_slots_are_short(&slots));
    assert_ptr_equal(whi_slots_yield(&slots), &all[2 * PART]);
    assert_ptr_equal(whi_slots_yield(&slots), &all[2 * PART + 1]);
    assert_null(whi_slots_yield(&slots));
    end(&all[2 * PART]);
    slots.waiting[WHI_SLOT_UNKNOWN] = 1;
    assert_true(whi_slots_may(&slots, WHI_SLOT_UNKNOWN));
    assert_null(whi_slots_yield(&slots));
    begin(WHI_SLOT_UNKNOWN);
    assert_null(whi_slots_yield(&slots));
    end(&all[2 * PART + 1]);
    begin(WHI_SLOT_UNKNOWN);
    assert_ptr_equal(whi_slots_yield(&slots), &all[2 * PART + 2]);
}

/* All that the quick ones had, with what they borrowed: whoever of them is left goes on. */
static void quick_ones_that_hang_at_once_leave_room(void **state) {
    (void)state;
    assert_int_equal(begin_all(WHI_SLOT_QUICK), 3 * PART);
    assert_int_equal(pass(WHI_SLOW_US), 3 * PART);
    assert_int_equal(slots.used[WHI_SLOT_QUICK], 0);
    assert_int_equal(begin_all(WHI_SLOT_QUICK), PART);
}

/* Also where the slow ones have all of theirs: then there is less, for whoever comes. */
static void quick_ones_that_hang_beside_slow_ones_leave_some(void **state) {
    (void)state;
    assert_int_equal(begin_all(WHI_SLOT_SLOW), 2 * PART);
    assert_int_equal(begin_all(WHI_SLOT_QUICK), PART + PART / 2);
    assert_false(whi_slots_may(&slots, WHI_SLOT_QUICK));
    pass(WHI_SLOW_US);
    assert_true(whi_slots_may(&slots, WHI_SLOT_UNKNOWN));
    assert_int_equal(begin_all(WHI_SLOT_QUICK), PART / 2);
}

static void few_slots_are_common(void **state) {
    (void)state;
    for (enum whi_slot_kind kind = 0; kind < WHI_SLOT_SHARING; kind++) {
        whi_slots_init(&slots, 3);
        assert_int_equal(begin_all(kind), 3);
    }
    whi_slots_init(&slots, 1);
    begin(WHI_SLOT_UNKNOWN);
    assert_int_equal(pass(WHI_SLOW_US), 1);
    assert_int_equal(slots.used[WHI_SLOT_SLOW], 1);
}

/* Whatever comes in whatever order, as long as no quick one hangs. */
static void what_may_hang_never_has_the_quick_ones_part(void **state) {
    uint32_t chance = 1;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        enum whi_slot_kind kind;
        whi_slot *slot;
        chance = chance * 1664525 + 1013904223;
        kind = (chance >> 8) % WHI_SLOT_SHARING;
        slot = &all[(chance >> 16) % MOST];
        if (slot->list != NULL) {
            end(slot);
        } else if (whi_slots_may(&slots, kind)) {
            whi_slots_take(&slots, slot, kind, now_us);
        }
        now_us += (chance >> 12) % 20000;
        for (whi_slot *each = all; each < all + MOST; each++) {
            if (each->list != NULL && each->charged == WHI_SLOT_QUICK) {
                end(each);
            }
        }
        pass(0);
        assert_true(slots.used[WHI_SLOT_SLOW] <= 2 * PART);
        assert_true(slots.used[WHI_SLOT_SLOW] + slots.used[WHI_SLOT_UNKNOWN] <= 3 * PART);
    }
}

/* Nor does any kind have more than there is, or less than nothing. */
static void no_slot_is_counted_twice(void **state) {
    uint32_t chance = 7;

    (void)state;
    for (int i = 0; i < 200000; i++) {
        int count[WHI_SLOT_SHARING] = { 0 };
        whi_slot *slot;
        chance = chance * 1664525 + 1013904223;
        slot = &all[(chance >> 16) % MOST];
        slots.waiting[(chance >> 4) % WHI_SLOT_SHARING] = (chance >> 9) % 2;
        if (slot->list != NULL) {
            end(slot);
        } else if (whi_slots_may(&slots, (chance >> 8) % WHI_SLOT_SHARING)) {
            whi_slots_take(&slots, slot, (chance >> 8) % WHI_SLOT_SHARING, now_us);
        }
        pass((chance >> 12) % 20000);
        for (int k = 0; k < MOST; k++) {
            count[all[k].charged] += all[k].list != NULL;
        }
        assert_memory_equal(count, slots.used, sizeof count);
        assert_true(total() <= MOST);
    }
}

static void batches_have_no_part_in_it(void **state) {
    whi_slots own;
    whi_slot many[8];

    (void)state;
    whi_slots_init(&own, 4);
    for (int i = 0; i < 8; i++) {
        assert_true(whi_slots_may(&own, WHI_SLOT_BATCH));
        whi_slots_take(&own, &many[i], WHI_SLOT_BATCH, 0);
    }
    assert_true(whi_slots_may(&own, WHI_SLOT_QUICK));
    assert_null(whi_slots_old(&own, WHI_SLOW_US * 2));
    assert_int_equal(whi_slots_next(&own), INT64_MAX);
    for (int i = 0; i < 8; i++) {
        whi_slots_give(&own, &many[i]);
    }
    assert_int_equal(own.used[WHI_SLOT_BATCH], 0);
    own.used[WHI_SLOT_BATCH] = WHI_SLOTS_BATCHED;
    assert_false(whi_slots_may(&own, WHI_SLOT_BATCH));
}

#define HANGING 100

/* However much they have, whoever comes next has a part as large as theirs. */
static void lanes_of_batches_share_what_there_is(void **state) {
    whi_slots own;
    int used[HANGING] = { 0 }, before = -1;

    (void)state;
    whi_slots_init(&own, 4);
    while (before != own.used[WHI_SLOT_BATCH]) {
        before = own.used[WHI_SLOT_BATCH];
        for (int i = 0; i < HANGING; i++) {
            int more = whi_slots_share(&own, WHI_SLOT_BATCH, used[i]);
            used[i] += more;
            own.used[WHI_SLOT_BATCH] += more;
        }
    }
    assert_in_range(WHI_SLOTS_BATCHED - before, WHI_SLOTS_BATCHED / (HANGING + 1) - 1, WHI_SLOTS_BATCHED / HANGING);
    assert_true(whi_slots_may(&own, WHI_SLOT_BATCH));
    assert_true(whi_slots_share(&own, WHI_SLOT_BATCH, 1));
    assert_false(whi_slots_share(&own, WHI_SLOT_BATCH, used[0] + 1));
    own.used[WHI_SLOT_BATCH] = WHI_SLOTS_BATCHED;
    assert_true(whi_slots_share(&own, WHI_SLOT_BATCH, 0));
    assert_false(whi_slots_share(&own, WHI_SLOT_BATCH, 1));
    assert_true(whi_slots_share(&own, WHI_SLOT_QUICK, 1000));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(slow_ones_have_their_part_and_what_is_common),
        TEST(quick_ones_borrow_half_of_what_nobody_uses),
        TEST(who_waits_for_its_part_gets_what_is_given_back),
        TEST(what_becomes_old_is_told_once),
        TEST(unknown_ones_that_hang_never_take_the_quick_ones_part),
        TEST(what_has_no_room_with_the_slow_ones_stays_and_moves_first),
        TEST(unknown_ones_that_hang_make_room_for_unknown_ones),
        TEST(quick_ones_that_hang_at_once_leave_room),
        TEST(quick_ones_that_hang_beside_slow_ones_leave_some),
        TEST(few_slots_are_common),
        TEST(what_may_hang_never_has_the_quick_ones_part),
        TEST(no_slot_is_counted_twice),
        cmocka_unit_test(batches_have_no_part_in_it),
        cmocka_unit_test(lanes_of_batches_share_what_there_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
