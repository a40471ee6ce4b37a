/* Attempts: written with the row that tells of them or by themselves, the first ones and those after them. */
#include "store_places.h"

static const int64_t sub = 5;

static whi_attempt_row attempt_row(int64_t event, int n, const char *response) {
    whi_attempt_row row = { .event = event, .subscription = sub, .n = n, .at = NOW + n, .duration_us = 1000 + n };

    row.code = WH_ESTATUS;
    row.status = 500 + n;
    row.error = "no";
    row.response = response;
    row.response_size = response != NULL ? strlen(response) : 0;
    return row;
}

/* The row in this state with its n-th attempt, if this is its turn; n 0: without one. done: of the row. */
static int tell(whi_store *store, whi_delivery_row row, int64_t turn, int n, const char *response) {
    whi_attempt_row attempt = attempt_row(row.event, n, response);
    int done;

    row.turn = turn;
    row.attempts = n;
    row.attempt = n > 0 ? &attempt : NULL;
    OK(whi_store_delivery_put(store, &row, &done));
    return done;
}

static void tell_alone(whi_store *store, int64_t event, int n, const char *response) {
    whi_attempt_row row = attempt_row(event, n, response);

    OK(whi_store_attempt_add(store, &row));
}

/* The answers in the order of the list: "1:a 2:b". */
typedef struct answers {
    char text[200];
    whi_attempt_row last;
} answers;

static int see_answer(const whi_attempt_row *row, void *payload) {
    answers *all = payload;
    size_t used = strlen(all->text);

    snprintf(all->text + used, sizeof all->text - used, "%s%d:%.*s", used > 0 ? " " : "", row->n,
             (int)row->response_size, row->response != NULL ? row->response : "-");
    all->last = *row;
    return 0;
}

static void expect(whi_store *store, int64_t event, const char *text) {
    answers all = { 0 };

    OK(V(store)->attempt_list(store, event, sub, see_answer, &all));
    assert_string_equal(all.text, text);
}

static int state_of(whi_store *store, int64_t event) {
    seen all = { 0 };

    return V(store)->delivery_get(store, event, sub, see_delivery, &all) == WH_OK ? all.last.state : 0;
}

/* How many were made, as its row says. */
static int count_of(whi_store *store, int64_t event) {
    seen all = { 0 };

    OK(V(store)->delivery_get(store, event, sub, see_delivery, &all));
    return all.last.attempts;
}

static int64_t new_event(whi_store *store, int i) {
    OK(add_event(store, number_at(NOW, i), NULL, NULL));
    return number_at(NOW, i);
}

/* ------------------------------------------------------------------------ with the row */

static void added_with_it(whi_store *store) {
    int64_t event;
    answers all = { 0 };

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_DELIVERED, 0), WHI_TURN_ABSENT, 1, "o"));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->attempt_list(store, event, sub, see_answer, &all));
    assert_string_equal(all.text, "1:o");
    assert_int_equal(all.last.event, event);
    assert_int_equal(all.last.subscription, sub);
    assert_int_equal(all.last.at, NOW + 1);
    assert_int_equal(all.last.duration_us, 1001);
    assert_int_equal(all.last.code, WH_ESTATUS);
    assert_int_equal(all.last.status, 501);
    assert_int_equal(all.last.response_size, 1);
}

static void a_row_is_added_with_its_attempt(void **state) {
    (void)state;
    on_store(added_with_it);
}

static int see_bytes(const whi_attempt_row *row, void *payload) {
    seen *all = payload;

    all->count++;
    all->attempt = *row;
    assert_true(row->response == NULL || memcmp(row->response, "a\0b", 3) == 0);
    assert_true(row->error == NULL);
    return 0;
}

/* What is empty, NULL or has any byte comes back as it was. */
static void bytes(whi_store *store) {
    int64_t event;
    whi_delivery_row row;
    whi_attempt_row attempt;
    seen all = { 0 };
    int done;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    row = delivery(event, sub, WHI_WAITING, NOW);
    attempt = attempt_row(event, 1, NULL);
    attempt.error = NULL;
    attempt.at = attempt.duration_us = attempt.code = attempt.status = 0;
    attempt.response = "a\0b";
    attempt.response_size = 3;
    row.attempt = &attempt;
    row.turn = WHI_TURN_ABSENT;
    OK(whi_store_delivery_put(store, &row, &done));
    attempt.n = row.attempts = 2;
    attempt.response = NULL;
    attempt.response_size = 0;
    row.turn = 0;
    OK(whi_store_delivery_put(store, &row, &done));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->attempt_list(store, event, sub, see_bytes, &all));
    assert_int_equal(all.count, 2);
    assert_true(all.attempt.response == NULL);
}

static void an_attempt_without_words_is_an_attempt_and_a_zero_byte_is_kept(void **state) {
    (void)state;
    on_store(bytes);
}

static void changed_with_it(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 0, NULL));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "");
    OK(whi_store_begin(store));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 0, 1, "a"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a");
    OK(whi_store_begin(store));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 1, 2, "b"));
    assert_true(tell(store, delivery(event, sub, WHI_HELD, 0), 2, 0, NULL));
    assert_true(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 3, 3, "c"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b 3:c");
    assert_int_equal(count_of(store, event), 3);
    assert_int_equal(state_of(store, event), WHI_DELIVERED);
}

static void each_change_of_a_row_may_bring_an_attempt_and_takes_none_away(void **state) {
    (void)state;
    on_store(changed_with_it);
}

static void any(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ANY, 1, "a"));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ANY, 0, NULL));
    assert_true(tell(store, delivery(event, sub, WHI_DELIVERED, 0), WHI_TURN_ANY, 2, "b"));
    event = new_event(store, 2);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ANY, 0, NULL));
    assert_true(tell(store, delivery(event, sub, WHI_DELIVERED, 0), WHI_TURN_ANY, 1, "c"));
    OK(whi_store_commit(store, NULL));
    expect(store, event - 1, "1:a 2:b");
    expect(store, event, "1:c");
}

static void a_row_that_is_replaced_whatever_it_was_keeps_its_attempts(void **state) {
    (void)state;
    on_store(any);
}

/* --------------------------------------------------------------------- without the row */

static void not_as_it_was(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_HELD, 0), WHI_TURN_ABSENT, 0, NULL));
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), WHI_TURN_ABSENT, 1, "a"));
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 1, 2, "b"));
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 1, 1, "c"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b 3:c");
    assert_int_equal(state_of(store, event), WHI_HELD);
    assert_int_equal(count_of(store, event), 3);
    assert_int_equal(turn_of(store, event, sub), 0); /* so whoever has read it may still change it */
}

static void a_row_that_is_something_else_by_now_stays_and_the_attempt_is_kept(void **state) {
    (void)state;
    on_store(not_as_it_was);
}

static void of_a_key(whi_store *store) {
    int64_t event;
    whi_delivery_row row;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    row = delivery(event, sub, WHI_DELIVERED, 0);
    row.key = "k";
    assert_true(tell(store, row, WHI_TURN_ABSENT, 1, "a"));
    row.state = WHI_WAITING;
    assert_false(tell(store, row, 1, 2, "b"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b");
}

static void a_key_changes_nothing_about_that(void **state) {
    (void)state;
    on_store(of_a_key);
}

static void of_another_holder(whi_store *store) {
    int64_t event, gone;
    whi_delivery_row row;

    OK(whi_store_begin(store));
    OK(whi_store_worker_add(store, 0, &gone));
    OK(whi_store_worker_remove(store, gone));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 0, NULL));
    row = delivery(event, sub, WHI_DELIVERED, 0);
    row.holder = gone;
    assert_false(tell(store, row, 0, 1, "a"));
    assert_false(tell(store, row, 0, 2, "b"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b");
    assert_int_equal(state_of(store, event), WHI_WAITING);
}

static void who_has_no_row_any_more_leaves_the_attempt_behind(void **state) {
    (void)state;
    on_store(of_another_holder);
}

static void nowhere(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 0, 1, "a"));
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 0, 2, "b"));
    tell_alone(store, event, 1, "c");
    tell_alone(store, event, 2, "d");
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 0, NULL));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "");
}

static void an_attempt_of_a_delivery_that_is_not_there_is_not_kept(void **state) {
    (void)state;
    on_store(nowhere);
}

static void alone(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 1, "a"));
    tell_alone(store, event, 2, "b");
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b");
    assert_int_equal(count_of(store, event), 2);
    assert_int_equal(turn_of(store, event, sub), 0);
}

static void an_attempt_alone_counts_and_is_no_change(void **state) {
    (void)state;
    on_store(alone);
}

/* -------------------------------------------------------------------------- two workers */

static void both_first(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 1, "a"));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 0, 1, "b"));
    tell_alone(store, event, 1, "c");
    assert_false(tell(store, delivery(event, sub, WHI_DELIVERED, 0), WHI_TURN_ABSENT, 1, "d"));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b 3:c 4:d");
    assert_int_equal(count_of(store, event), 4);
    assert_int_equal(state_of(store, event), WHI_WAITING);
}

static void a_first_attempt_that_two_have_made_is_the_next_one(void **state) {
    (void)state;
    on_store(both_first);
}

static void both_later(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 1, "a"));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 0, 2, "b"));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 1, 2, "c"));
    tell_alone(store, event, 2, "d");
    tell_alone(store, event, 1, "e");
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b 3:c 4:d 5:e");
    assert_int_equal(count_of(store, event), 5);
}

static void a_later_one_that_two_have_made_is_the_next_one_too(void **state) {
    (void)state;
    on_store(both_later);
}

static void out_of_order(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 2, "b"));
    tell_alone(store, event, 3, "c");
    tell_alone(store, event, 1, "a");
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b 3:c");
}

static void a_first_attempt_may_come_after_later_ones(void **state) {
    (void)state;
    on_store(out_of_order);
}

/* ------------------------------------------------------------------------------- going */

static void rolled_back(whi_store *store) {
    int64_t event;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 0, NULL));
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), 0, 1, "a"));
    tell_alone(store, event, 2, "b");
    whi_store_rollback(store);
    expect(store, event, "");
}

static void what_is_rolled_back_was_not_made(void **state) {
    (void)state;
    on_store(rolled_back);
}

static void purged(whi_store *store) {
    int64_t event, last, after = 0;
    int count;

    OK(whi_store_begin(store));
    event = new_event(store, 1);
    assert_true(tell(store, delivery(event, sub, WHI_WAITING, NOW), WHI_TURN_ABSENT, 1, "a"));
    assert_true(tell(store, delivery(event, sub, WHI_DELIVERED, 0), 0, 2, "b"));
    last = new_event(store, 2);
    OK(decide_up_to(store, last));
    OK(whi_store_commit(store, NULL));
    expect(store, event, "1:a 2:b");
    OK(whi_store_begin(store));
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count));
    assert_int_equal(count, 1);
    OK(whi_store_commit(store, NULL));
    assert_false(is_there(store, event));
    expect(store, event, "");
}

static void attempts_go_with_their_event(void **state) {
    (void)state;
    on_store(purged);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_row_is_added_with_its_attempt, clear),
        cmocka_unit_test_teardown(an_attempt_without_words_is_an_attempt_and_a_zero_byte_is_kept, clear),
        cmocka_unit_test_teardown(each_change_of_a_row_may_bring_an_attempt_and_takes_none_away, clear),
        cmocka_unit_test_teardown(a_row_that_is_replaced_whatever_it_was_keeps_its_attempts, clear),
        cmocka_unit_test_teardown(a_row_that_is_something_else_by_now_stays_and_the_attempt_is_kept, clear),
        cmocka_unit_test_teardown(a_key_changes_nothing_about_that, clear),
        cmocka_unit_test_teardown(who_has_no_row_any_more_leaves_the_attempt_behind, clear),
        cmocka_unit_test_teardown(an_attempt_of_a_delivery_that_is_not_there_is_not_kept, clear),
        cmocka_unit_test_teardown(an_attempt_alone_counts_and_is_no_change, clear),
        cmocka_unit_test_teardown(a_first_attempt_that_two_have_made_is_the_next_one, clear),
        cmocka_unit_test_teardown(a_later_one_that_two_have_made_is_the_next_one_too, clear),
        cmocka_unit_test_teardown(a_first_attempt_may_come_after_later_ones, clear),
        cmocka_unit_test_teardown(what_is_rolled_back_was_not_made, clear),
        cmocka_unit_test_teardown(attempts_go_with_their_event, clear),
    };

    return RUN_IN_PLACES(tests);
}
