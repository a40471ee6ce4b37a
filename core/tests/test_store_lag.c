/* Subscriptions that lag behind their workers, and the log as one of a single tenant reads it. */
#include "store_places.h"

#define PARTITION 3 /* the store knows no subscription's: who writes says it */

static int64_t e(int i) {
    return number_at(NOW, i);
}

static void begin(whi_store *store) {
    OK(whi_store_begin(store));
}

static void commit(whi_store *store) {
    OK(whi_store_commit(store, NULL));
}

/* Events from 1 to count, all decided by the worker, who has all partitions. */
static int64_t worker_at(whi_store *store, int count) {
    int64_t owner, position;
    int taken;

    begin(store);
    OK(add_worker(store, &owner));
    OK(whi_store_partition_take(store, owner, WH_PARTITIONS, &position, &taken));
    for (int i = 1; i <= count; i++) {
        OK(add_event(store, e(i), NULL, NULL));
    }
    OK(whi_store_position(store, owner, e(count)));
    commit(store);
    return owner;
}

static int64_t subscribed(whi_store *store) {
    int64_t id;

    begin(store);
    id = subscribe(store, "", 1, "{}");
    commit(store);
    return id;
}

static int lag(whi_store *store, int64_t owner, int64_t subscription, int64_t position) {
    int done = 7;

    begin(store);
    OK(whi_store_lag(store, owner, subscription, PARTITION, position, &done));
    commit(store);
    return done;
}

static seen lags_of(whi_store *store) {
    seen all = { 0 };

    begin(store);
    OK(whi_store_lag_list(store, see_lane, &all));
    commit(store);
    return all;
}

/* The first event that is not decided, 0: all are. */
static int64_t undecided(whi_store *store) {
    whi_store_work work;

    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, work.first != 0);
    return work.first;
}

/* ------------------------------------------------------------------------- whose they are */

static void kept(whi_store *store) {
    int64_t owner = worker_at(store, 6), one = subscribed(store), two = subscribed(store);
    seen all;

    assert_int_equal(lags_of(store).count, 0);
    assert_int_equal(lag(store, owner, two, e(1)), 1);
    assert_int_equal(lag(store, owner, one, e(5)), 1);
    assert_int_equal(lag(store, owner, two, e(3)), 1);
    all = lags_of(store);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.subscriptions[0], one);
    assert_int_equal(all.dues[0], e(5));
    assert_int_equal(all.subscriptions[1], two);
    assert_int_equal(all.dues[1], e(3));
    assert_int_equal(lag(store, owner, one, -1), 1);
    all = lags_of(store);
    assert_int_equal(all.count, 1);
    assert_int_equal(all.subscriptions[0], two);
}

static void a_lag_is_kept_and_moved_until_it_ends(void **state) {
    (void)state;
    on_store(kept);
}

static void listed_in_part(whi_store *store) {
    int64_t owner = worker_at(store, 2);
    seen all = { .stop_after = 1 };

    (void)lag(store, owner, subscribed(store), e(1));
    (void)lag(store, owner, subscribed(store), e(1));
    begin(store);
    assert_int_equal(whi_store_lag_list(store, see_lane, &all), 1);
    assert_int_equal(all.count, 1);
    whi_store_rollback(store);
}

static void who_has_enough_of_the_list_stops_it(void **state) {
    (void)state;
    on_store(listed_in_part);
}

static void of_the_owner(whi_store *store) {
    int64_t owner = worker_at(store, 6), other, subscription = subscribed(store);

    begin(store);
    OK(add_worker(store, &other));
    commit(store);
    assert_int_equal(lag(store, other, subscription, e(1)), 0); /* the partition is not its */
    assert_int_equal(lag(store, owner, subscription, e(2)), 1);
    assert_int_equal(lag(store, other, subscription, -1), 0);
    begin(store);
    OK(whi_store_worker_remove(store, owner));
    commit(store);
    assert_int_equal(lag(store, owner, subscription, e(3)), 0);
    assert_int_equal(lag(store, owner, subscription, -1), 0);
    assert_int_equal(lags_of(store).dues[0], e(2)); /* for whoever has the partition next */
}

static void it_is_written_by_who_has_the_partition(void **state) {
    (void)state;
    on_store(of_the_owner);
}

/* Its row has gone, and what stands in the partition is still its number. */
static void of_the_dead(whi_store *store) {
    int64_t owner = worker_at(store, 6), subscription = subscribed(store);
    char sql[100];

    snprintf(sql, sizeof sql, "DELETE FROM webhook_workers WHERE id = %lld", (long long)owner);
    if (!other_program(sql)) {
        return;
    }
    assert_int_equal(lag(store, owner, subscription, e(2)), 0);
    assert_int_equal(lags_of(store).count, 0);
}

static void it_is_not_written_by_who_has_no_row(void **state) {
    (void)state;
    on_store(of_the_dead);
}

static void of_deleted(whi_store *store) {
    int64_t owner = worker_at(store, 6), gone = subscribed(store), here = subscribed(store);
    whi_subscription_row row = { .id = here, .version = 2, .tenant = "", .status = 1, .document = "{}" };

    row.document_size = 2;
    assert_int_equal(lag(store, owner, gone, e(1)), 1);
    assert_int_equal(lag(store, owner, here, e(2)), 1);
    begin(store);
    OK(whi_store_subscription_remove(store, gone, 0));
    OK(whi_store_subscription_put(store, &row)); /* a change is no end */
    commit(store);
    assert_int_equal(lags_of(store).count, 1);
    assert_int_equal(lags_of(store).subscriptions[0], here);
    assert_int_equal(lag(store, owner, gone, e(1)), 0); /* who has not heard of it yet */
    assert_int_equal(lag(store, owner, here + 77, e(1)), 0);
    assert_int_equal(lags_of(store).count, 1);
}

static void it_goes_with_its_subscription(void **state) {
    (void)state;
    on_store(of_deleted);
}

/* ----------------------------------------------------------------------- what it holds up */

static int is_pending(whi_store *store, int i) {
    seen all = { 0 };

    OK(V(store)->event_get(store, e(i), see_event, &all));
    return all.event.pending;
}

static int purged(whi_store *store) {
    int64_t after = 0;
    int count;

    begin(store);
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count));
    commit(store);
    return count;
}

static void held_up(whi_store *store) {
    int64_t owner = worker_at(store, 8), one = subscribed(store), two = subscribed(store);

    assert_int_equal(undecided(store), 0);
    (void)lag(store, owner, one, e(4));
    (void)lag(store, owner, two, e(2));
    assert_int_equal(undecided(store), e(2) + 1);
    assert_int_equal(is_pending(store, 2), 0);
    assert_int_equal(is_pending(store, 3), 1);
    assert_int_equal(purged(store), 2);
    assert_true(is_there(store, e(3)));
    (void)lag(store, owner, two, e(6));
    assert_int_equal(undecided(store), e(4) + 1); /* the other one now */
    assert_int_equal(purged(store), 2);
    (void)lag(store, owner, one, -1);
    assert_int_equal(undecided(store), e(6) + 1);
    (void)lag(store, owner, two, -1);
    assert_int_equal(undecided(store), 0);
    assert_int_equal(is_pending(store, 8), 0);
    assert_int_equal(purged(store), 3); /* the last one stays always */
}

static void the_log_is_done_as_far_as_the_last_that_lags(void **state) {
    (void)state;
    on_store(held_up);
}

static void not_held_up(whi_store *store) {
    int64_t owner = worker_at(store, 4), subscription = subscribed(store);
    whi_answer answer = { 0 };
    whi_fact *fact = NULL;

    (void)lag(store, owner, subscription, e(1));
    begin(store);
    OK(add_event(store, e(5), NULL, NULL));
    OK(whi_store_add(store, WH_FACT_POSITION, &answer, &fact));
    fact->of.position.owner = owner;
    fact->of.position.position = e(5);
    commit(store);
    assert_int_equal(answer.done, 1);
    (void)lag(store, owner, subscription, -1);
    assert_int_equal(undecided(store), 0);
}

static void no_position_waits_for_it(void **state) {
    (void)state;
    on_store(not_held_up);
}

/* ---------------------------------------------------------------- the log of one tenant */

/* "1 3 5 up to 6" */
static const char *log_of(whi_store *store, int after, int limit, const char *tenant) {
    static char text[100];
    seen all = { 0 };
    int64_t upto;
    size_t used = 0;

    OK(V(store)->event_log(store, after > 0 ? e(after) : 0, limit, tenant, see_event, &all, &upto));
    for (int i = 0; i < all.count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%d ", (int)(all.events[i] - e(0)));
    }
    snprintf(text + used, sizeof text - used, "up to %d", (int)(upto - e(0)));
    return text;
}

static void tenants(whi_store *store) {
    static const char *const names[] = { "acme", "", "acme", "other", "", "acme", "acme", "other" };

    begin(store);
    for (int i = 0; i < 8; i++) {
        whi_event_row row = { .number = e(i + 1), .type = "order.paid", .tenant = names[i], .accepted_at = NOW };
        int known;

        row.alone = i == 6;
        row.payload = "{\"id\":7}";
        row.payload_size = 8;
        OK(whi_store_event_add(store, &row, &known));
    }
    commit(store);
    assert_string_equal(log_of(store, 0, 9, NULL), "1 2 3 4 5 6 8 up to 8");
    assert_string_equal(log_of(store, 0, 9, "acme"), "1 3 6 up to 8");
    assert_string_equal(log_of(store, 0, 2, "acme"), "1 3 up to 3");
    assert_string_equal(log_of(store, 3, 1, "acme"), "6 up to 6");
    assert_string_equal(log_of(store, 6, 2, "acme"), "up to 8");
    assert_string_equal(log_of(store, 0, 9, ""), "2 5 up to 8");
    assert_string_equal(log_of(store, 2, 1, ""), "5 up to 5");
    assert_string_equal(log_of(store, 4, 9, "other"), "8 up to 8");
    assert_string_equal(log_of(store, 0, 9, "nobody"), "up to 8");
}

static void of_one_tenant_the_log_is_read_past_the_others(void **state) {
    (void)state;
    on_store(tenants);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_lag_is_kept_and_moved_until_it_ends, clear),
        cmocka_unit_test_teardown(who_has_enough_of_the_list_stops_it, clear),
        cmocka_unit_test_teardown(it_is_written_by_who_has_the_partition, clear),
        cmocka_unit_test_teardown(it_is_not_written_by_who_has_no_row, clear),
        cmocka_unit_test_teardown(it_goes_with_its_subscription, clear),
        cmocka_unit_test_teardown(the_log_is_done_as_far_as_the_last_that_lags, clear),
        cmocka_unit_test_teardown(no_position_waits_for_it, clear),
        cmocka_unit_test_teardown(of_one_tenant_the_log_is_read_past_the_others, clear),
    };

    return RUN_IN_PLACES(tests);
}
