/* How far a process has come in the log, and what it decides: without an engine. */
#include "position_kit.h"

#include <sched.h>

/* ------------------------------------------------------------------------- partitions */

static void subscriptions_are_spread_over_all_partitions(void **state) {
    int count[WH_PARTITIONS] = { 0 };

    (void)state;
    for (int64_t id = 1; id <= 100 * WH_PARTITIONS; id++) {
        int partition = whi_partition_of(id);

        assert_true(partition >= 0 && partition < WH_PARTITIONS);
        count[partition]++;
    }
    for (int i = 0; i < WH_PARTITIONS; i++) {
        assert_in_range(count[i], 40, 200);
    }
}

static void without_a_partition_nothing_is_read(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    assert_true(next_of() == WHI_NOWHERE);
    assert_false(hand(&mark, 1, 0));
    ADOPT(ME, -1, -1, -1, -1, -1); /* a row, and no partition yet */
    assert_true(next_of() == WHI_NOWHERE);
    assert_false(hand(&mark, 1, 0));
    assert_true(now_of(ME) == WHI_NOWHERE);
    assert_false(whi_position_is_due(&position));
    assert_false(whi_position_has(&position, subs[0]));
    assert_int_equal(ADOPT(ME, 0, -1, -1, -1, -1), 1);
    assert_int_equal(ADOPT(ME, 0, -1, -1, -1, -1), 0);
    assert_int_equal(next_of(), 0);
    assert_true(whi_position_has(&position, subs[0]));
    assert_false(whi_position_has(&position, subs[1]));
    give(ME + 1, 0); /* somebody else's */
    assert_true(whi_position_has(&position, subs[0]));
    give(ME, 0);
    assert_false(whi_position_has(&position, subs[0]));
    assert_true(next_of() == WHI_NOWHERE);
}

static void what_is_not_ours_is_not_decided_here(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 10, 25, -1, -1, -1);
    assert_int_equal(next_of(), 10);
    assert_true(hand(&mark, 20, 10));
    assert_true(decides(0, &mark, 20));
    assert_false(decides(1, &mark, 20)); /* whoever had it has come to 25 */
    assert_false(decides(2, &mark, 20));
    decided(&mark);
    assert_true(hand(&mark, 30, 20));
    assert_true(decides(0, &mark, 30));
    assert_true(decides(1, &mark, 30));
    decided(&mark);
}

/* ----------------------------------------------------------------- reading and deciding */

static void the_position_passes_an_event_when_all_before_it_are_decided(void **state) {
    whi_mark a = { .handed = 0 }, b = { .handed = 0 }, c = { .handed = 0 };

    (void)state;
    ADOPT(ME, 5, -1, -1, -1, -1);
    assert_int_equal(now_of(ME), 5);
    assert_true(hand(&a, 10, 5) && hand(&b, 20, 10) && hand(&c, 30, 20));
    assert_int_equal(next_of(), 30);
    assert_int_equal(now_of(ME), 9);
    decided(&b);
    assert_int_equal(now_of(ME), 9);
    decided(&a);
    assert_int_equal(now_of(ME), 29);
    decided(&c);
    assert_int_equal(now_of(ME), 30);
}

static void an_event_is_handed_over_next_to_the_one_before_it(void **state) {
    whi_mark mark = { .handed = 0 }, again = { .handed = 0 };

    (void)state;
    ADOPT(ME, 5, -1, -1, -1, -1);
    assert_false(hand(&mark, 20, 10)); /* 10 lies between */
    assert_false(hand(&mark, 5, 0));
    assert_false(hand(&mark, 4, 0));
    assert_int_equal(next_of(), 5);
    assert_true(hand(&mark, 20, 3)); /* nothing does: 3 was the last before it */
    assert_false(hand(&again, 20, 3));
    assert_false(hand(&again, 19, 3));
    assert_int_equal(now_of(ME), 19);
    decided(&mark);
    assert_int_equal(now_of(ME), 20);
}

static void what_holds_nothing_more_is_passed(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 5, -1, -1, -1, -1);
    assert_false(whi_position_passed(&position, ME, 8, 12)); /* what is between 5 and 8? */
    assert_int_equal(next_of(), 5);
    assert_true(whi_position_passed(&position, ME, 5, 12));
    assert_int_equal(next_of(), 12);
    assert_true(whi_position_passed(&position, ME, 5, 9)); /* an old look */
    assert_int_equal(next_of(), 12);
    assert_false(whi_position_passed(&position, ME + 1, 12, 40));
    assert_int_equal(now_of(ME), 12);
    assert_true(hand(&mark, 15, 12));
    assert_true(whi_position_passed(&position, ME, 15, 40));
    assert_int_equal(now_of(ME), 14);
    decided(&mark);
    assert_int_equal(now_of(ME), 40);
}

static void an_event_that_is_dropped_undecided_is_never_passed(void **state) {
    whi_mark a = { .handed = 0 }, b = { .handed = 0 }, c = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    assert_true(hand(&a, 10, 0) && hand(&b, 20, 10) && hand(&c, 30, 20));
    whi_position_forget(&position, &c, 30, ME);
    whi_position_forget(&position, &b, 20, ME);
    decided(&a);
    assert_int_equal(now_of(ME), 19);
    assert_true(whi_position_passed(&position, ME, 30, 40));
    assert_int_equal(now_of(ME), 19);
    ADOPT(ME + 1, 19, -1, -1, -1, -1); /* whoever is owner next reads it again */
    assert_int_equal(next_of(), 19);
    assert_true(hand(&b, 20, 10));
    decided(&b);
    assert_int_equal(now_of(ME + 1), 20);
}

static void what_is_decided_may_be_dropped(void **state) {
    whi_mark a = { .handed = 0 }, b = { .handed = 0 }, never = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    assert_true(hand(&a, 10, 0) && hand(&b, 20, 10));
    decided(&a);
    whi_position_forget(&position, &a, 10, ME);
    whi_position_forget(&position, &never, 15, ME);
    assert_int_equal(now_of(ME), 19);
    whi_position_forget(&position, &b, 20, ME - 1); /* of an earlier owner */
    assert_int_equal(now_of(ME), 20);
}

static int no_memory(void) {
    return 1;
}

static void what_there_is_no_memory_for_stays_in_the_log(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    whi_mem_fault = no_memory;
    assert_false(hand(&mark, 10, 0));
    whi_mem_fault = NULL;
    assert_int_equal(next_of(), 0);
    assert_false(hand(&mark, 20, 10));
    assert_false(whi_position_passed(&position, ME, 20, 30));
    assert_int_equal(now_of(ME), 0);
    assert_true(hand(&mark, 10, 0));
    decided(&mark);
}

static void a_position_is_due_once_when_nothing_will_move_it(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    written(ME, 0);
    assert_false(whi_position_is_due(&position));
    assert_true(hand(&mark, 10, 0));
    assert_false(whi_position_is_due(&position)); /* its record will bring it along */
    decided(&mark);
    assert_true(whi_position_is_due(&position));
    written(ME - 1, 10);
    assert_true(whi_position_is_due(&position));
    written(ME, 10);
    assert_false(whi_position_is_due(&position));
    ADOPT(ME, 0, 4, -1, -1, -1); /* with which it went back in the store */
    assert_true(whi_position_passed(&position, ME, 4, 10));
    assert_true(whi_position_is_due(&position));
}

/* The worker learns late of a commit behind which the position has gone back. */
static void a_position_that_was_written_before_going_back_is_due_again(void **state) {
    int64_t value;
    int pass;

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    assert_true(whi_position_passed(&position, ME, 0, 10));
    value = whi_position_now(&position, ME, &pass);
    assert_int_equal(value, 10);
    ADOPT(ME, 10, 4, -1, -1, -1);
    assert_true(whi_position_passed(&position, ME, 4, 10));
    whi_position_written(&position, ME, pass, value);
    assert_true(whi_position_is_due(&position));
}

/* ------------------------------------------------------------------------ without lock */

#define COMINGS 3000

typedef struct asking {
    pthread_mutex_t gate; /* around an ask, and around what may change its answer */
    whi_mark mark;
    atomic_int count, stop;
    int decided; /* how often it was said that it is decided here */
} asking;

static void *ask(void *payload) {
    asking *self = payload;

    while (!atomic_load(&self->stop)) {
        pthread_mutex_lock(&self->gate);
        atomic_fetch_add(&self->count, 1);
        for (int i = 0; i < 20; i++) {
            self->decided += decides(1, &self->mark, 20);
        }
        pthread_mutex_unlock(&self->gate);
    }
    return NULL;
}

/* It is to leave at 10, and what was handed over beyond that was so in the same pass. */
static void let_it_leave(asking *self) {
    int count;

    pthread_mutex_lock(&self->gate);
    assert_true(whi_position_passed(&position, ME, 5, 10));
    whi_position_leave(&position, WH_PARTITIONS);
    self->mark.pass = position.pass;
    count = atomic_load(&self->count);
    pthread_mutex_unlock(&self->gate);
    while (atomic_load(&self->count) == count) {
        sched_yield();
    }
}

/* It is given back, and taken again in a pass of its own: at no moment is an event beyond its end
 * decided for it by the copy that was handed over before. */
static void what_lies_beyond_a_partition_that_leaves_is_never_decided_for_it(void **state) {
    asking self = { .gate = PTHREAD_MUTEX_INITIALIZER };
    pthread_t thread;

    (void)state;
    ADOPT(ME, 5, 5, -1, -1, -1);
    assert_int_equal(pthread_create(&thread, NULL, ask, &self), 0);
    for (int i = 0; i < COMINGS; i++) {
        let_it_leave(&self);
        give(ME, 1);
        ADOPT(ME, 5, 5, -1, -1, -1);
    }
    atomic_store(&self.stop, 1);
    pthread_join(thread, NULL);
    assert_int_equal(self.decided, 0);
}

/* ------------------------------------------------------------------------- going back */

static void a_partition_from_further_back_takes_the_reading_back(void **state) {
    whi_mark a = { .handed = 0 }, b = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    pass_by(10, 0);
    pass_by(20, 10);
    assert_false(whi_position_is_behind(&position));
    whi_position_taking(&position, 12);
    assert_int_equal(now_of(ME), 12); /* nothing is written beyond it from here on */
    assert_int_equal(ADOPT(ME, 0, 12, -1, -1, -1), 1);
    assert_int_equal(next_of(), 12);
    assert_int_equal(now_of(ME), 12);
    assert_true(whi_position_is_behind(&position));
    assert_false(hand(&b, 30, 20)); /* 20 comes again first */
    assert_true(hand(&a, 20, 10));
    assert_false(whi_position_is_behind(&position));
    assert_false(decides(0, &a, 20)); /* it has */
    assert_true(decides(1, &a, 20));
    assert_true(hand(&b, 30, 20));
    assert_true(decides(0, &b, 30));
    assert_true(decides(1, &b, 30));
    decided(&a);
    decided(&b);
    assert_int_equal(now_of(ME), 30);
}

/* It may take some again: nothing will be read before it has. */
static void who_gave_all_back_while_it_was_behind_is_not_behind(void **state) {
    whi_mark a = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    pass_by(10, 0);
    ADOPT(ME, 0, 5, -1, -1, -1);
    assert_true(whi_position_is_behind(&position));
    give(ME, 0);
    give(ME, 1);
    assert_false(whi_position_is_behind(&position));
    assert_int_equal(ADOPT(ME, -1, 5, -1, -1, -1), 1);
    assert_int_equal(next_of(), 5);
    assert_true(hand(&a, 10, 0));
    assert_true(decides(1, &a, 10));
    decided(&a);
    assert_int_equal(now_of(ME), 10);
}

/* It waits in an inbox while the beat adopts a partition. */
static void what_was_handed_over_before_going_back_is_decided_for_who_was_there(void **state) {
    whi_mark early = { .handed = 0 }, again = { .handed = 0 };

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    pass_by(10, 0);
    assert_true(hand(&early, 80, 10));
    pass_by(100, 80);
    ADOPT(ME, 0, 50, -1, -1, -1);
    assert_true(decides(0, &early, 80));
    assert_false(decides(1, &early, 80));
    assert_true(hand(&again, 80, 10));
    assert_false(decides(0, &again, 80));
    assert_true(decides(1, &again, 80));
    decided(&again);
    assert_int_equal(now_of(ME), 79); /* the first is still under way */
    decided(&early);
    assert_int_equal(now_of(ME), 80);
    assert_true(whi_position_passed(&position, ME, 80, 100));
    assert_int_equal(now_of(ME), 100);
}

static void what_was_read_before_going_back_passes_nothing(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 40, -1, -1, -1, -1);
    pass_by(45, 40);
    pass_by(80, 45);
    ADOPT(ME, 40, 50, -1, -1, -1);
    assert_false(whi_position_passed(&position, ME, 80, 90)); /* the end of a page that began at 40 */
    assert_int_equal(next_of(), 50);
    assert_true(hand(&mark, 80, 45));
    assert_true(whi_position_passed(&position, ME, 80, 90));
    assert_int_equal(now_of(ME), 79);
    decided(&mark);
    assert_int_equal(now_of(ME), 90);
}

static void a_partition_from_ahead_waits_for_the_others(void **state) {
    whi_mark mark = { .handed = 0 };

    (void)state;
    ADOPT(ME, 10, -1, -1, -1, -1);
    ADOPT(ME, 10, 40, -1, -1, -1);
    assert_int_equal(next_of(), 10);
    assert_false(whi_position_is_behind(&position));
    assert_true(hand(&mark, 30, 10));
    assert_true(decides(0, &mark, 30));
    assert_false(decides(1, &mark, 30));
    decided(&mark);
    assert_true(hand(&mark, 50, 30));
    assert_true(decides(1, &mark, 50));
    decided(&mark);
}

static void taking_that_is_rolled_back_holds_nothing_up(void **state) {
    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    pass_by(10, 0);
    whi_position_taking(&position, 3);
    assert_int_equal(now_of(ME), 3);
    assert_int_equal(next_of(), 10);
    whi_position_taking(&position, WHI_NOWHERE);
    assert_int_equal(now_of(ME), 10);
}

/* --------------------------------------------------------------------------- leaving */

static void a_partition_leaves_when_nothing_of_it_is_in_memory(void **state) {
    whi_mark mark = { .handed = 0 };
    int64_t until;

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    assert_true(hand(&mark, 10, 0));
    assert_false(has_left(0, &until));
    whi_position_leave(&position, 1);
    assert_false(whi_position_has(&position, subs[0])); /* nothing more is fetched for it */
    assert_true(decides(0, &mark, 10));                 /* but what is under way is decided */
    whi_position_hold(&position, subs[0]);
    assert_false(has_left(0, &until));
    decided(&mark);
    assert_false(has_left(0, &until)); /* is being sent */
    whi_position_release(&position, subs[0]);
    assert_true(hand(&mark, 20, 10));
    assert_false(decides(0, &mark, 20));
    decided(&mark);
    assert_int_equal(now_of(ME), 10); /* who comes next has all beyond it */
    assert_true(has_left(0, &until));
    assert_int_equal(until, 10);
    give(ME, 0);
    assert_false(has_left(0, &until));
    assert_true(now_of(ME) == WHI_NOWHERE);
}

static void as_many_leave_as_are_to(void **state) {
    int64_t until;
    int left = 0;

    (void)state;
    ADOPT(ME, 7, 7, 7, 7, 7);
    whi_position_leave(&position, 2);
    whi_position_leave(&position, 1);
    for (int i = 0; i < SUBS; i++) {
        left += has_left(i, &until);
        assert_true(whi_position_has(&position, subs[i]) == !has_left(i, &until));
    }
    assert_int_equal(left, 3);
    whi_position_leave(&position, 99);
    for (int i = 0; i < SUBS; i++) {
        assert_true(has_left(i, &until));
        assert_int_equal(until, 7);
    }
    ADOPT(ME, 7, -1, -1, -1, -1);
    assert_true(whi_position_passed(&position, ME, 7, 20));
    assert_int_equal(now_of(ME), 7); /* the first is still leaving */
}

static void what_was_dropped_undecided_lets_no_partition_leave(void **state) {
    whi_mark mark = { .handed = 0 };
    int64_t until;

    (void)state;
    ADOPT(ME, 0, -1, -1, -1, -1);
    assert_true(hand(&mark, 10, 0));
    whi_position_leave(&position, 1);
    whi_position_forget(&position, &mark, 10, ME);
    assert_false(has_left(0, &until));
}

/* It does not leave behind what whoever had it before has decided. */
static void a_partition_from_ahead_leaves_where_it_came(void **state) {
    int64_t until;

    (void)state;
    ADOPT(ME, 10, 40, -1, -1, -1);
    whi_position_leave(&position, 99);
    assert_true(has_left(0, &until));
    assert_int_equal(until, 10);
    (void)has_left(1, &until);
    assert_int_equal(until, 40);
}

/* ---------------------------------------------------------------------- owners change */

static void what_an_earlier_owner_read_counts_for_nothing(void **state) {
    whi_mark early = { .handed = 0 }, again = { .handed = 0 };
    int64_t owner;

    (void)state;
    ADOPT(ME, 0, 0, -1, -1, -1);
    assert_true(hand(&early, 10, 0));
    pass_by(20, 10);
    whi_position_leave(&position, 1);
    ADOPT(ME + 1, 4, -1, -1, -1, -1);
    assert_int_equal(whi_position_next(&position, &owner), 4);
    assert_int_equal(owner, ME + 1);
    assert_true(now_of(ME) == WHI_NOWHERE);
    assert_int_equal(now_of(ME + 1), 4);
    assert_false(whi_position_passed(&position, ME, 4, 30));
    assert_true(whi_position_has(&position, subs[0]));
    assert_false(whi_position_has(&position, subs[1]));
    whi_position_forget(&position, &early, 10, ME); /* it is not stuck for that */
    assert_true(hand(&again, 10, 0));
    decided(&again);
    assert_int_equal(now_of(ME + 1), 10);
}

static void after_a_reset_nothing_is_ours(void **state) {
    whi_mark mark = { .handed = 0 }, late = { .handed = 0 };
    int64_t owner;

    (void)state;
    ADOPT(ME, 0, 3, -1, -1, -1);
    assert_true(hand(&mark, 10, 0));
    whi_position_taking(&position, 1);
    whi_position_reset(&position);
    assert_true(whi_position_next(&position, &owner) == WHI_NOWHERE);
    assert_int_equal(owner, 0);
    assert_true(now_of(ME) == WHI_NOWHERE && now_of(0) == WHI_NOWHERE);
    assert_false(hand(&late, 20, 10));
    for (int i = 0; i < SUBS; i++) {
        assert_false(whi_position_has(&position, subs[i]));
        assert_false(decides(i, &mark, 10));
    }
    decided(&mark);
    whi_position_forget(&position, &mark, 10, ME);
    ADOPT(ME + 1, 0, -1, -1, -1, -1);
    assert_int_equal(now_of(ME + 1), 0);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(subscriptions_are_spread_over_all_partitions, begin, end),
        cmocka_unit_test_setup_teardown(without_a_partition_nothing_is_read, begin, end),
        cmocka_unit_test_setup_teardown(what_is_not_ours_is_not_decided_here, begin, end),
        cmocka_unit_test_setup_teardown(the_position_passes_an_event_when_all_before_it_are_decided, begin, end),
        cmocka_unit_test_setup_teardown(an_event_is_handed_over_next_to_the_one_before_it, begin, end),
        cmocka_unit_test_setup_teardown(what_holds_nothing_more_is_passed, begin, end),
        cmocka_unit_test_setup_teardown(an_event_that_is_dropped_undecided_is_never_passed, begin, end),
        cmocka_unit_test_setup_teardown(what_is_decided_may_be_dropped, begin, end),
        cmocka_unit_test_setup_teardown(what_there_is_no_memory_for_stays_in_the_log, begin, end),
        cmocka_unit_test_setup_teardown(a_position_is_due_once_when_nothing_will_move_it, begin, end),
        cmocka_unit_test_setup_teardown(a_position_that_was_written_before_going_back_is_due_again, begin, end),
        cmocka_unit_test_setup_teardown(what_lies_beyond_a_partition_that_leaves_is_never_decided_for_it, begin, end),
        cmocka_unit_test_setup_teardown(a_partition_from_further_back_takes_the_reading_back, begin, end),
        cmocka_unit_test_setup_teardown(who_gave_all_back_while_it_was_behind_is_not_behind, begin, end),
        cmocka_unit_test_setup_teardown(what_was_handed_over_before_going_back_is_decided_for_who_was_there, begin,
                                        end),
        cmocka_unit_test_setup_teardown(what_was_read_before_going_back_passes_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_partition_from_ahead_waits_for_the_others, begin, end),
        cmocka_unit_test_setup_teardown(taking_that_is_rolled_back_holds_nothing_up, begin, end),
        cmocka_unit_test_setup_teardown(a_partition_leaves_when_nothing_of_it_is_in_memory, begin, end),
        cmocka_unit_test_setup_teardown(as_many_leave_as_are_to, begin, end),
        cmocka_unit_test_setup_teardown(what_was_dropped_undecided_lets_no_partition_leave, begin, end),
        cmocka_unit_test_setup_teardown(a_partition_from_ahead_leaves_where_it_came, begin, end),
        cmocka_unit_test_setup_teardown(what_an_earlier_owner_read_counts_for_nothing, begin, end),
        cmocka_unit_test_setup_teardown(after_a_reset_nothing_is_ours, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
