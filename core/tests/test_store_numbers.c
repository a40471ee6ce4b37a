/* One count for events and for changes of subscriptions: which version was in force at an event. */
#include "store_places.h"

static int64_t seen_since;

static int see_since(const whi_subscription_row *row, void *payload) {
    seen_since = row->since;
    return see_subscription(row, payload);
}

static int64_t change(whi_store *store, int64_t id, int64_t version, int64_t at) {
    whi_subscription_row row = { .id = id, .version = version, .tenant = "", .status = 1, .changed_at = at };

    row.document = "{}";
    row.document_size = 2;
    OK(whi_store_subscription_put(store, &row));
    return row.id;
}

static int64_t accept(whi_store *store, int64_t at) {
    whi_event_row row = { .type = "a", .tenant = "", .payload = "1", .payload_size = 1, .accepted_at = at };
    int known;

    OK(whi_store_event_add(store, &row, &known));
    return row.number;
}

static int64_t since_of(whi_store *store, int64_t id, int64_t version) {
    seen all = { 0 };

    OK(V(store)->subscription_get(store, id, version, see_since, &all));
    return seen_since;
}

/* The version in force at a number; 0: none. */
static int64_t then(whi_store *store, int64_t id, int64_t number) {
    seen all = { 0 };
    int code = V(store)->subscription_then(store, id, number, see_since, &all);

    if (code == WH_ENOTFOUND) {
        assert_int_equal(all.count, 0);
        return 0;
    }
    OK(code);
    assert_int_equal(all.subscriptions[0], id);
    return all.dues[0];
}

static void counted(whi_store *store) {
    int64_t id, events[4], after = 0;
    seen all = { 0 };

    OK(whi_store_begin(store));
    events[0] = accept(store, NOW);
    id = change(store, 0, 1, NOW);
    events[1] = accept(store, NOW);
    (void)change(store, id, 2, NOW);
    (void)change(store, id, 3, NOW + 10);
    events[2] = accept(store, NOW); /* the clock went back */
    OK(whi_store_subscription_remove(store, id, NOW + 20));
    events[3] = accept(store, NOW);
    OK(whi_store_commit(store, NULL));
    assert_true(events[0] < since_of(store, id, 1));
    assert_true(since_of(store, id, 1) < events[1]);
    assert_true(events[1] < since_of(store, id, 2));
    assert_true(since_of(store, id, 2) < since_of(store, id, 3));
    assert_true(since_of(store, id, 3) >= whi_ident_first(NOW + 10));
    assert_true(since_of(store, id, 3) < events[2]);
    assert_true(events[3] > whi_ident_first(NOW + 20));
    assert_int_equal(then(store, id, events[0]), 0);
    assert_int_equal(then(store, id, events[1]), 1);
    assert_int_equal(then(store, id, since_of(store, id, 3)), 2);
    assert_int_equal(then(store, id, events[2]), 3);
    assert_int_equal(then(store, id, events[3]), 0);
    assert_int_equal(then(store, id + 1, events[1]), 0);
    OK(V(store)->subscription_changes(store, &after, see_since, &all));
    assert_int_equal(all.count, 0);
}

static void an_event_has_one_version_of_a_subscription(void **state) {
    (void)state;
    on_store(counted);
}

static void fed(whi_store *store) {
    int64_t id, event, after = 0;
    seen all = { 0 };

    OK(whi_store_begin(store));
    id = change(store, 0, 1, NOW);
    (void)change(store, id, 2, NOW);
    event = accept(store, NOW);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_changes(store, &after, see_since, &all));
    assert_int_equal(all.count, 1);
    assert_int_equal(seen_since, since_of(store, id, 2));
    assert_int_equal(then(store, id, event), 2);
    OK(whi_store_begin(store));
    OK(whi_store_subscription_remove(store, id, NOW));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_changes(store, &after, see_since, &all));
    assert_int_equal(all.deleted[1], 1);
    assert_true(seen_since > event);
}

static void changes_are_told_with_their_numbers(void **state) {
    (void)state;
    on_store(fed);
}

/* Also from one transaction to the next, when a change is the newest of all, or an end. */
static void ascending(whi_store *store) {
    int64_t id, last;

    OK(whi_store_begin(store));
    id = change(store, 0, 1, NOW + 1000);
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    last = accept(store, NOW);
    OK(whi_store_commit(store, NULL));
    assert_true(last > since_of(store, id, 1));
    OK(whi_store_begin(store));
    OK(whi_store_subscription_remove(store, id, NOW + 2000));
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    last = accept(store, NOW);
    OK(whi_store_commit(store, NULL));
    assert_true(last > whi_ident_first(NOW + 2000));
    OK(whi_store_begin(store));
    (void)change(store, 0, 1, NOW + 5000);
    whi_store_rollback(store);
    OK(whi_store_begin(store));
    assert_int_equal(accept(store, NOW), last + 1);
    OK(whi_store_commit(store, NULL));
}

static void numbers_ascend_whatever_the_clock_does(void **state) {
    (void)state;
    on_store(ascending);
}

static void first_undecided(whi_store *store) {
    int64_t numbers[3];
    whi_store_work work;

    OK(V(store)->work(store, &work));
    assert_int_equal(work.first, 0);
    OK(whi_store_begin(store));
    for (int i = 0; i < 3; i++) {
        numbers[i] = accept(store, NOW);
    }
    OK(whi_store_commit(store, NULL));
    OK(V(store)->work(store, &work));
    assert_int_equal(work.first, numbers[0]);
    OK(whi_store_begin(store));
    OK(decide_up_to(store, numbers[1]));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->work(store, &work));
    assert_int_equal(work.first, numbers[2]);
    OK(whi_store_begin(store));
    OK(decide_up_to(store, numbers[2]));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->work(store, &work));
    assert_int_equal(work.first, 0);
}

static void the_first_event_that_is_not_decided_is_told(void **state) {
    (void)state;
    on_store(first_undecided);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_event_has_one_version_of_a_subscription, clear),
        cmocka_unit_test_teardown(changes_are_told_with_their_numbers, clear),
        cmocka_unit_test_teardown(numbers_ascend_whatever_the_clock_does, clear),
        cmocka_unit_test_teardown(the_first_event_that_is_not_decided_is_told, clear),
    };

    return RUN_IN_PLACES(tests);
}
