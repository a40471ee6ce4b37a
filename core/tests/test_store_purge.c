/* What is old goes, in small steps: events, versions of subscriptions, subscriptions that were deleted. */
#include "store_places.h"

static int64_t old_event(whi_store *store, int day, int first, int second) {
    int64_t event = number_at(NOW + day * INT64_C(86400000), 0);
    whi_delivery_row row = delivery(event, 1, first, NOW);
    whi_attempt_row attempt = { .event = event, .subscription = 1, .n = 1 };
    char id[16];

    row.body = "{}";
    row.body_size = 2;
    snprintf(id, sizeof id, "day-%d", day);
    OK(add_event(store, event, id, NULL));
    OK(write_row(store, &row));
    OK(whi_store_attempt_add(store, &attempt));
    put(store, event, 2, second, NOW);
    return event;
}

static int purged(whi_store *store, int64_t done_before, int64_t failed_before, int *steps) {
    int64_t after = 0;
    int count, gone = 0;

    *steps = 0;
    do {
        OK(whi_store_purge(store, done_before, failed_before, 2, &after, &count));
        gone += count;
        *steps += 1;
    } while (after != 0);
    return gone;
}

static void purges(whi_store *store) {
    int64_t done, failed, waiting, other, young, held, pending, found, bare = number_at(NOW, 6);
    int64_t done_before = whi_ident_first(NOW + INT64_C(20) * 86400000);
    int64_t failed_before = whi_ident_first(NOW + INT64_C(10) * 86400000);
    int steps;
    seen all = { 0 };

    OK(whi_store_begin(store));
    OK(add_event(store, bare, NULL, NULL));
    done = old_event(store, 1, WHI_DELIVERED, WHI_CANCELLED);
    waiting = old_event(store, 2, WHI_WAITING, WHI_DELIVERED);
    other = old_event(store, 3, WHI_DELIVERED, WHI_WAITING);
    held = old_event(store, 4, WHI_HELD, WHI_DELIVERED);
    failed = old_event(store, 12, WHI_EXHAUSTED, WHI_DELIVERED);
    OK(decide_up_to(store, failed));
    pending = old_event(store, 13, WHI_DELIVERED, WHI_DELIVERED);
    young = old_event(store, 21, WHI_DELIVERED, WHI_DELIVERED);
    assert_int_equal(purged(store, done_before, failed_before, &steps), 3);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(steps, 4);
    assert_false(is_there(store, done));
    assert_false(is_there(store, held)); /* older than what failed may be */
    assert_false(is_there(store, bare));
    assert_true(is_there(store, waiting));
    assert_true(is_there(store, other));
    assert_true(is_there(store, failed));
    assert_true(is_there(store, pending)); /* beyond somebody's position */
    assert_int_equal(V(store)->event_number(store, "day-1", NULL, &found), WH_ENOTFOUND);
    assert_int_equal(V(store)->delivery_get(store, done, 1, see_delivery, &all), WH_ENOTFOUND);
    OK(V(store)->attempt_list(store, done, 1, see_attempt, &all));
    assert_int_equal(all.count, 0);
    OK(V(store)->delivery_get(store, failed, 1, see_delivery, &all));
    assert_string_equal(all.body, "{}");
    OK(whi_store_begin(store));
    OK(decide_up_to(store, young));
    assert_int_equal(purged(store, done_before, failed_before, &steps), 1);
    OK(whi_store_commit(store, NULL));
    assert_false(is_there(store, pending));
    assert_true(is_there(store, young));
}

static void purging_takes_what_is_old_and_finished_in_small_steps(void **state) {
    (void)state;
    on_store(purges);
}

#define WIDE 1200 /* deliveries of one event: more than go in two steps */

static int log_has(whi_store *store, int64_t number) {
    int64_t upto;
    seen all = { 0 };

    OK(V(store)->event_log(store, number - 1, 1, NULL, see_event, &all, &upto));
    return all.count > 0 && upto == number;
}

static int count_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    (void)event;
    ++*(int *)payload;
    return WH_OK;
}

static int deliveries_of(whi_store *store, int64_t event) {
    whi_store_query query = { .event = event, .limit = WIDE * 2, .rows = WIDE * 2 };
    whi_store_place place;
    int count = 0;

    OK(V(store)->delivery_list(store, &query, count_delivery, &count, &place));
    return count;
}

/* Nobody takes the deliveries that are gone by then for some that were never made. */
static void purges_a_wide_event(whi_store *store) {
    int64_t wide = number_at(NOW, 1), next = number_at(NOW, 2), last = number_at(NOW, 3), after = 0;
    int count = 0, steps = 0;

    OK(whi_store_begin(store));
    OK(add_event(store, wide, NULL, NULL));
    OK(add_event(store, next, NULL, NULL));
    OK(add_event(store, last, NULL, NULL));
    for (int64_t subscription = 1; subscription <= WIDE; subscription++) {
        put(store, wide, subscription, WHI_DELIVERED, NOW);
    }
    OK(decide_up_to(store, last));
    OK(whi_store_commit(store, NULL));
    assert_true(log_has(store, wide));
    OK(whi_store_begin(store));
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 0);
    assert_in_range(deliveries_of(store, wide), 1, WIDE - 1);
    assert_true(is_there(store, wide));
    assert_false(log_has(store, wide));
    assert_true(is_there(store, next));
    after = 0; /* as whoever comes after the end of a process begins */
    for (int gone = 0; gone < 2; gone += count) {
        OK(whi_store_begin(store));
        OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
        OK(whi_store_commit(store, NULL));
        assert_true(++steps < WIDE);
    }
    assert_int_equal(deliveries_of(store, wide), 0);
    assert_false(is_there(store, wide));
    assert_false(is_there(store, next));
    assert_int_equal(after, 0);
}

static void an_event_with_very_many_deliveries_goes_in_several_steps(void **state) {
    (void)state;
    on_store(purges_a_wide_event);
}

static int purge_all(whi_store *store) {
    int64_t after = 0;
    int count, gone = 0, steps = 0;

    do {
        OK(whi_store_begin(store));
        OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
        OK(whi_store_commit(store, NULL));
        gone += count;
        assert_true(++steps < WIDE);
    } while (after != 0);
    return gone;
}

static int64_t wide_event(whi_store *store, int64_t count) {
    int64_t wide = number_at(NOW, 1), last = number_at(NOW, 2);

    OK(whi_store_begin(store));
    OK(add_event(store, wide, NULL, NULL));
    OK(add_event(store, last, NULL, NULL));
    for (int64_t subscription = 1; subscription <= count; subscription++) {
        put(store, wide, subscription, WHI_DELIVERED, NOW);
    }
    OK(decide_up_to(store, last));
    OK(whi_store_commit(store, NULL));
    return wide;
}

static void put_state(whi_store *store, int64_t event, int64_t subscription, int state) {
    OK(whi_store_begin(store));
    put(store, event, subscription, state, NOW);
    OK(whi_store_commit(store, NULL));
}

static void replays_one_of_a_wide_event(whi_store *store) {
    int64_t wide = wide_event(store, WIDE), after = 0;
    int count;
    seen all = { 0 };

    OK(whi_store_begin(store));
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_in_range(deliveries_of(store, wide), 1, WIDE - 1);
    put_state(store, wide, WIDE, WHI_WAITING);
    assert_int_equal(purge_all(store), 0);
    assert_true(is_there(store, wide));
    OK(V(store)->delivery_get(store, wide, WIDE, see_delivery, &all));
    put_state(store, wide, WIDE, WHI_DELIVERED);
    assert_int_equal(purge_all(store), 1);
    assert_false(is_there(store, wide));
}

static void what_is_replayed_while_its_event_goes_stays_until_it_is_done(void **state) {
    (void)state;
    on_store(replays_one_of_a_wide_event);
}

#define VERY_WIDE 10000 /* more than are looked at in two steps */

/* Everybody who writes waits while it is looked at. */
static void looks_at_a_very_wide_event(whi_store *store) {
    int64_t wide = wide_event(store, VERY_WIDE), after = 0;
    int count;

    put_state(store, wide, VERY_WIDE, WHI_WAITING);
    for (int steps = 0; steps < 2; steps++) {
        OK(whi_store_begin(store));
        OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 10, &after, &count));
        OK(whi_store_commit(store, NULL));
        assert_int_equal(after, wide - 1);
    }
    assert_int_equal(purge_all(store), 0);
    put_state(store, wide, VERY_WIDE, WHI_EXHAUSTED);
    after = 0;
    do {
        OK(whi_store_begin(store));
        OK(whi_store_purge(store, INT64_MAX, wide, 10, &after, &count));
        OK(whi_store_commit(store, NULL));
        assert_int_equal(count, 0); /* what failed is kept for longer */
    } while (after != 0);
    assert_true(log_has(store, wide));
    assert_int_equal(purge_all(store), 1);
    assert_false(is_there(store, wide));
}

static void an_event_with_very_many_deliveries_is_looked_at_in_several_steps(void **state) {
    (void)state;
    on_store(looks_at_a_very_wide_event);
}

static void old_versions_go_when_no_delivery_can_name_them(void **state) {
    whi_store *store = opened_here();
    whi_subscription_row row = { .version = 1, .tenant = "", .status = 1, .document = "{}", .document_size = 2 };
    int64_t late = whi_ident_first(INT64_C(3000000000000)), hour = whi_ident_first(whi_ident_time(0) + 3600000);
    int64_t after = 0;
    int count;
    seen all = { 0 };

    (void)state;
    OK(whi_store_begin(store));
    OK(add_event(store, late, NULL, NULL));
    OK(whi_store_subscription_put(store, &row));
    row.version = 2;
    OK(whi_store_subscription_put(store, &row));
    OK(decide_up_to(store, late));
    OK(add_event(store, late + 2 * hour, NULL, NULL));
    OK(whi_store_purge(store, late, late, 10, &after, &count)); /* the first event is still there */
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_get(store, row.id, 2, see_subscription, &all));
    OK(V(store)->subscription_get(store, row.id, 1, see_subscription, &all));
    OK(whi_store_begin(store));
    OK(whi_store_purge(store, late + 3 * hour, 0, 10, &after, &count));
    assert_int_equal(count, 1);
    OK(whi_store_commit(store, NULL));
    assert_int_equal(V(store)->subscription_get(store, row.id, 1, see_subscription, &all), WH_ENOTFOUND);
    OK(V(store)->subscription_get(store, row.id, 2, see_subscription, &all));
    whi_store_close(store);
}

#define CHANGES 12

/* However many come: who purges goes on until there are no more. */
static void of_many_old_versions_none_stay(void **state) {
    whi_store *store = opened_here();
    whi_subscription_row row = { .tenant = "", .status = 1, .document = "{}", .document_size = 2 };
    int64_t late = whi_ident_first(INT64_C(3000000000000)), hour = whi_ident_first(whi_ident_time(0) + 3600000);
    int64_t after = 0;
    int count, steps = 0;
    seen all = { 0 };

    (void)state;
    OK(whi_store_begin(store));
    OK(add_event(store, late, NULL, NULL));
    OK(decide_up_to(store, late));
    for (row.version = 1; row.version <= CHANGES; row.version++) {
        OK(whi_store_subscription_put(store, &row));
    }
    OK(add_event(store, late + 2 * hour, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    do {
        OK(whi_store_purge(store, late + 3 * hour, late + 3 * hour, 2, &after, &count));
        assert_true(++steps < 4 * CHANGES);
    } while (after != 0);
    OK(whi_store_commit(store, NULL));
    for (int64_t version = 1; version < CHANGES; version++) {
        assert_int_equal(V(store)->subscription_get(store, row.id, version, see_subscription, &all), WH_ENOTFOUND);
    }
    OK(V(store)->subscription_get(store, row.id, CHANGES, see_subscription, &all));
    whi_store_close(store);
}

/* Whoever has not heard of it by then is told to begin again. */
static void a_deleted_subscription_is_forgotten_with_its_versions(void **state) {
    whi_store *store = opened_here();
    whi_subscription_row row = { .version = 1, .tenant = "", .status = 1, .document = "{}", .document_size = 2 };
    int64_t late = whi_ident_first(INT64_C(3000000000000)), hour = whi_ident_first(whi_ident_time(0) + 3600000);
    int64_t after = 0, heard, before, next;
    int count;
    seen all = { 0 };

    (void)state;
    OK(whi_store_begin(store));
    OK(add_event(store, late, NULL, NULL));
    OK(decide_up_to(store, late));
    next = subscribe(store, "", 1, "{}");
    OK(whi_store_subscription_put(store, &row));
    OK(whi_store_commit(store, NULL));
    before = heard = 0;
    OK(V(store)->subscription_changes(store, &before, see_subscription, &all));
    OK(whi_store_begin(store));
    OK(whi_store_subscription_remove(store, row.id, 0));
    OK(add_event(store, late + 2 * hour, NULL, NULL));
    OK(whi_store_purge(store, late, late, 10, &after, &count)); /* its event is still there */
    OK(whi_store_commit(store, NULL));
    heard = before;
    all.count = 0;
    OK(V(store)->subscription_changes(store, &heard, see_subscription, &all));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.deleted[0], 1);
    OK(whi_store_begin(store));
    after = 0;
    OK(whi_store_purge(store, late + 3 * hour, late + 3 * hour, 10, &after, &count));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(V(store)->subscription_get(store, row.id, 1, see_subscription, &all), WH_ENOTFOUND);
    OK(V(store)->subscription_changes(store, &heard, see_subscription, &all));
    assert_int_equal(V(store)->subscription_changes(store, &before, see_subscription, &all), WH_ENOTFOUND);
    all.count = 0;
    before = 0;
    OK(V(store)->subscription_changes(store, &before, see_subscription, &all));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.subscriptions[0], next);
    OK(whi_store_begin(store));
    next = subscribe(store, "", 1, "{}");
    whi_store_rollback(store);
    assert_true(next > row.id); /* the id of one that is forgotten is not given again */
    whi_store_close(store);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(purging_takes_what_is_old_and_finished_in_small_steps, clear),
        cmocka_unit_test_teardown(an_event_with_very_many_deliveries_goes_in_several_steps, clear),
        cmocka_unit_test_teardown(what_is_replayed_while_its_event_goes_stays_until_it_is_done, clear),
        cmocka_unit_test_teardown(an_event_with_very_many_deliveries_is_looked_at_in_several_steps, clear),
        cmocka_unit_test_teardown(old_versions_go_when_no_delivery_can_name_them, clear),
        cmocka_unit_test_teardown(of_many_old_versions_none_stay, clear),
        cmocka_unit_test_teardown(a_deleted_subscription_is_forgotten_with_its_versions, clear),
    };

    return RUN_IN_PLACES(tests);
}
