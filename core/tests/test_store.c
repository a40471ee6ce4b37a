#include "store_places.h"

/* ------------------------------------------------------------------- events */

static void event_cycle(whi_store *store) {
    int64_t number = number_at(NOW, 1);
    whi_store_work work;
    seen all = { 0 };

    OK(whi_store_begin(store));
    OK(add_event(store, number, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_get(store, number, see_event, &all));
    assert_int_equal(all.count, 1);
    assert_string_equal(all.text, "{\"id\":7}");
    assert_string_equal(all.id, "(null)");
    assert_int_equal(all.event.time, NOW - 5);
    assert_int_equal(all.event.accepted_at, NOW);
    assert_int_equal(all.event.pending, 1);
    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, 1);
    OK(whi_store_begin(store));
    OK(decide_up_to(store, number));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_get(store, number, see_event, &all));
    assert_int_equal(all.event.pending, 0);
    OK(V(store)->work(store, &work));
    assert_int_equal(work.events, 0);
    assert_int_equal(V(store)->event_get(store, number + 1, see_event, &all), WH_ENOTFOUND);
    assert_non_null(strstr(wh_last_error(), "event msg_"));
}

static void an_event_is_kept_with_its_bytes_and_its_times(void **state) {
    (void)state;
    on_store(event_cycle);
}

static void duplicates(whi_store *store) {
    int64_t first = number_at(NOW, 1), found;
    char made[WH_ID_SIZE], unknown[WH_ID_SIZE];
    int known;
    seen all = { 0 };

    whi_ident_format("msg_", first, made);
    whi_ident_format("msg_", first + 77, unknown);
    OK(whi_store_begin(store));
    OK(add_event(store, first, NULL, &known));
    assert_int_equal(known, 0);
    OK(add_event(store, first + 1, "order-7", &known));
    assert_int_equal(known, 0);
    OK(add_event(store, first + 2, "order-7", &known));
    assert_int_equal(known, 1);
    OK(add_event(store, first + 3, made, &known)); /* a made id, given back by a caller */
    assert_int_equal(known, 1);
    OK(add_event(store, first + 4, unknown, &known)); /* has the form, is not there */
    assert_int_equal(known, 0);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_number(store, "order-7", NULL, &found));
    assert_int_equal(found, first + 1);
    OK(V(store)->event_number(store, made, NULL, &found));
    assert_int_equal(found, first);
    OK(V(store)->event_number(store, unknown, NULL, &found));
    assert_int_equal(found, first + 4);
    assert_int_equal(V(store)->event_number(store, "order-8", NULL, &found), WH_ENOTFOUND);
    assert_int_equal(V(store)->event_number(store, "msg_0000000000000", NULL, &found), WH_ENOTFOUND);
    assert_int_equal(V(store)->event_get(store, first + 2, see_event, &all), WH_ENOTFOUND);
    OK(V(store)->event_get(store, first + 1, see_event, &all));
    assert_string_equal(all.id, "order-7");
}

static void an_id_that_is_known_adds_nothing(void **state) {
    (void)state;
    on_store(duplicates);
}

/* --------------------------------------------------------------- deliveries */

static void delivery_cycle(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    whi_delivery_row row = delivery(event, 9, WHI_DELIVERED, 123);
    seen all = { 0 };

    row.body = "[1]";
    row.body_size = 3;
    row.attempts = row.tries = 1;
    row.status = 200;
    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    OK(write_row(store, &row));
    put(store, event, 10, WHI_HELD, 0);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->delivery_get(store, event, 9, see_delivery, &all));
    assert_string_equal(all.body, "[1]");
    assert_string_equal(all.text, "(null)");
    assert_int_equal(all.last.status, 200);
    assert_int_equal(all.last.due, 0); /* not waiting */
    assert_int_equal(all.last.version, 3);
    OK(V(store)->delivery_get(store, event, 10, see_delivery, &all));
    assert_string_equal(all.body, "(null)");
    assert_string_equal(all.text, "{\"id\":7}");
    assert_int_equal(V(store)->delivery_get(store, event, 11, see_delivery, &all), WH_ENOTFOUND);

    row = delivery(event, 9, WHI_WAITING, NOW + 50); /* a replay */
    row.version = 99;
    row.created_at = 1;
    row.attempts = 1;
    row.error = "later";
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->delivery_get(store, event, 9, see_delivery, &all));
    assert_string_equal(all.body, "[1]");
    assert_int_equal(all.last.version, 99);
    assert_int_equal(all.last.created_at, NOW);
    assert_int_equal(all.last.due, NOW + 50);
    assert_int_equal(all.last.tries, 0);
    assert_string_equal(all.error, "later");
}

static void put_body(whi_store *store, int64_t event, int64_t subscription, int attempts, const char *body) {
    whi_delivery_row row = delivery(event, subscription, WHI_WAITING, NOW);
    seen all = { 0 };

    row.attempts = attempts;
    row.body = body;
    row.body_size = strlen(body);
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->delivery_get(store, event, subscription, see_delivery, &all));
    assert_string_equal(all.body, body);
}

static void bodies(whi_store *store) {
    int64_t event = number_at(NOW, 1);
    seen all = { 0 };

    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    put(store, event, 1, WHI_HELD, 0);
    OK(whi_store_commit(store, NULL));
    put_body(store, event, 1, 0, "[1]"); /* the rule was mended */
    put_body(store, event, 2, 0, "[2]");
    put_body(store, event, 2, 1, "[2]");
    put_body(store, event, 2, 2, "[2,2]");
    put_body(store, event, 3, 2, "");
    OK(V(store)->delivery_get(store, event, 1, see_delivery, &all));
    assert_string_equal(all.body, "[1]");
}

static void a_body_can_be_added_and_changed_later(void **state) {
    (void)state;
    on_store(bodies);
}

static void a_delivery_is_replaced_but_for_its_birth(void **state) {
    (void)state;
    on_store(delivery_cycle);
}

static void lanes(whi_store *store) {
    int64_t event = number_at(NOW, 0);
    seen all = { 0 };

    OK(V(store)->lanes(store, see_lane, &all));
    assert_int_equal(all.count, 0);
    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    OK(add_event(store, event + 1, NULL, NULL));
    put(store, event, 3, WHI_WAITING, NOW + 9);
    put(store, event + 1, 3, WHI_WAITING, NOW + 4);
    put(store, event, 7, WHI_HELD, 0);
    put(store, event, 900, WHI_WAITING, NOW + 1);
    put(store, event, 8, WHI_DELIVERED, 0);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->lanes(store, see_lane, &all));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.subscriptions[0], 3);
    assert_int_equal(all.dues[0], NOW + 4);
    assert_int_equal(all.subscriptions[1], 900);
    assert_int_equal(all.dues[1], NOW + 1);
}

static void lanes_are_the_subscriptions_that_wait_with_their_earliest_time(void **state) {
    (void)state;
    on_store(lanes);
}

static void cancels(whi_store *store) {
    int64_t event = number_at(NOW, 0);
    static const int states[] = { WHI_WAITING, WHI_CANCELLED, WHI_DELIVERED, WHI_EXHAUSTED, WHI_HELD, WHI_WAITING };
    static const int after[] = { WHI_CANCELLED, WHI_CANCELLED, WHI_DELIVERED,
                                 WHI_EXHAUSTED, WHI_CANCELLED, WHI_CANCELLED };
    int count;
    seen all = { 0 };

    OK(whi_store_begin(store));
    for (int i = 0; i < 6; i++) {
        OK(add_event(store, event + i, NULL, NULL));
        put(store, event + i, 5, states[i], NOW);
        put(store, event + i, 6, states[i], NOW);
    }
    OK(whi_store_delivery_cancel(store, 5, NOW, 2, &count));
    assert_int_equal(count, 2);
    OK(whi_store_delivery_cancel(store, 5, NOW, 2, &count));
    assert_int_equal(count, 1);
    OK(whi_store_delivery_cancel(store, 5, NOW, 2, &count));
    assert_int_equal(count, 0);
    OK(whi_store_commit(store, NULL));
    for (int i = 0; i < 6; i++) {
        OK(V(store)->delivery_get(store, event + i, 5, see_delivery, &all));
        assert_int_equal(all.last.state, after[i]);
        assert_int_equal(all.last.turn, states[i] != after[i]);
        OK(V(store)->delivery_get(store, event + i, 6, see_delivery, &all));
        assert_int_equal(all.last.state, states[i]);
    }
}

static void cancelling_ends_what_waits_or_is_held_in_steps(void **state) {
    (void)state;
    on_store(cancels);
}

static void attempts(whi_store *store) {
    whi_attempt_row row = { .event = number_at(NOW, 1), .subscription = 2, .n = 2, .at = NOW, .duration_us = 1500 };
    seen all = { 0 };

    row.code = WH_ESTATUS;
    row.status = 500;
    row.error = "the receiver answered 500";
    row.response = "o\0ps";
    row.response_size = 4;
    OK(whi_store_begin(store));
    OK(add_event(store, row.event, NULL, NULL));
    put(store, row.event, 2, WHI_WAITING, NOW);
    OK(whi_store_attempt_add(store, &row));
    row.n = 1;
    row.response = NULL;
    OK(whi_store_attempt_add(store, &row));
    OK(whi_store_attempt_add(store, &row)); /* made by another worker as well */
    OK(whi_store_commit(store, NULL));
    OK(V(store)->attempt_list(store, row.event, 2, see_attempt, &all));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.states[0], 1);
    assert_int_equal(all.states[1], 2);
    assert_int_equal(all.states[2], 3);
    assert_int_equal(all.attempt.duration_us, 1500);
    assert_int_equal(all.attempt.code, WH_ESTATUS);
    assert_string_equal(all.error, "the receiver answered 500");
    all.count = 0;
    all.stop_after = 2;
    assert_int_equal(V(store)->attempt_list(store, row.event, 2, see_attempt, &all), 1);
    assert_int_equal(all.attempt.response_size, 4);
    assert_int_equal(all.count, 2);
}

static void attempts_are_kept_in_order_and_none_is_lost(void **state) {
    (void)state;
    on_store(attempts);
}

/* ------------------------------------------------------------------ workers */

typedef struct beats {
    whi_worker_row row[8];
    int count;
} beats;

static int see_beat(const whi_worker_row *row, void *payload) {
    beats *all = payload;

    all->row[all->count++] = *row;
    return 0;
}

static void workers(whi_store *store) {
    int64_t a, b, c;
    beats all = { 0 };

    OK(whi_store_begin(store));
    OK(whi_store_worker_add(store, 1, &a));
    OK(whi_store_worker_add(store, 1, &b));
    OK(whi_store_worker_beat(store, b, 0)); /* it stays no longer */
    OK(whi_store_worker_list(store, see_beat, &all));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.row[0].owner, a);
    assert_int_equal(all.row[0].beat, 0);
    assert_int_equal(all.row[0].share, 1);
    assert_true(all.row[0].position == INT64_MAX);
    assert_int_equal(all.row[1].owner, b);
    assert_int_equal(all.row[1].beat, 1);
    assert_int_equal(all.row[1].share, 0);
    OK(whi_store_worker_holds(store, b));
    OK(whi_store_worker_remove(store, b));
    assert_int_equal(whi_store_worker_holds(store, b), WH_ENOTFOUND);
    assert_int_equal(whi_store_worker_beat(store, b, 1), WH_ENOTFOUND);
    OK(add_worker(store, &c));
    assert_true(c > b); /* never again */
    OK(whi_store_commit(store, NULL));
}

static void a_worker_has_a_number_of_its_own_and_a_beat(void **state) {
    (void)state;
    on_store(workers);
}

static int put_if(whi_store *store, whi_delivery_row *row, int64_t turn) {
    int done = 7;

    row->turn = turn;
    OK(whi_store_delivery_put(store, row, &done));
    return done;
}

/* With a key and without. */
static void compared(whi_store *store, const char *key) {
    int64_t event = number_at(NOW, 0);
    whi_delivery_row row = delivery(event, 5, WHI_WAITING, NOW);
    seen all = { 0 };

    row.key = key;
    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    assert_int_equal(put_if(store, &row, 0), 0); /* there is none */
    assert_int_equal(put_if(store, &row, WHI_TURN_ABSENT), 1);
    row.state = WHI_DELIVERED;
    assert_int_equal(put_if(store, &row, WHI_TURN_ABSENT), 0);
    assert_int_equal(put_if(store, &row, 1), 0);
    assert_int_equal(put_if(store, &row, 0), 1);
    row.state = WHI_WAITING;
    assert_int_equal(put_if(store, &row, 0), 0);
    assert_int_equal(put_if(store, &row, 2), 0);
    OK(whi_store_delivery_now(store, event, 5, see_delivery, &all));
    assert_int_equal(all.last.state, WHI_DELIVERED);
    assert_int_equal(all.last.turn, 1);
    assert_int_equal(put_if(store, &row, WHI_TURN_ANY), 1);
    assert_int_equal(put_if(store, &row, 2), 1); /* also where nothing changes but the turn */
    OK(whi_store_commit(store, NULL));
    assert_int_equal(turn_of(store, event, 5), 3);
}

static void compared_plain(whi_store *store) {
    compared(store, NULL);
}

static void compared_keyed(whi_store *store) {
    compared(store, "k");
}

static void a_delivery_changes_only_in_the_turn_that_it_is_said_to_be_in(void **state) {
    (void)state;
    on_store(compared_plain);
}

static void so_does_one_with_a_key(void **state) {
    (void)state;
    on_store(compared_keyed);
}

static void under_way(whi_store *store) {
    int64_t event = number_at(NOW, 0);
    whi_delivery_row row = delivery(event, 5, WHI_SENDING, 0);
    int done;

    OK(whi_store_begin(store));
    OK(add_event(store, event, NULL, NULL));
    row.turn = WHI_TURN_ANY;
    assert_int_equal(whi_store_delivery_put(store, &row, &done), WH_EINTERNAL);
    whi_store_rollback(store);
}

static void that_one_is_under_way_is_not_kept(void **state) {
    (void)state;
    on_store(under_way);
}

/* Given inside the commit, they grow whatever the clock does, and after all were purged. */
static void numbered(whi_store *store) {
    static const int64_t clocks[] = { NOW, NOW, NOW - 5000, NOW + 10, NOW - 1 };
    whi_event_row row = { .type = "a", .tenant = "", .payload = "1", .payload_size = 1 };
    int64_t last = 0, after = 0;
    int known, count;

    OK(whi_store_begin(store));
    for (int i = 0; i < 5; i++) {
        row.number = 0;
        row.accepted_at = row.time = clocks[i];
        OK(whi_store_event_add(store, &row, &known));
        OK(decide_up_to(store, row.number));
        assert_true(row.number > last);
        assert_true(row.number >= whi_ident_first(clocks[i]));
        last = row.number;
    }
    OK(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count));
    assert_int_equal(count, 4);
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    row.number = 0;
    OK(whi_store_event_add(store, &row, &known));
    assert_int_equal(row.number, last + 1);
    OK(whi_store_commit(store, NULL));
}

static void events_are_numbered_in_the_order_of_commits(void **state) {
    (void)state;
    on_store(numbered);
}

/* ------------------------------------------------------------ subscriptions */

static void subscriptions(whi_store *store) {
    int64_t a, b, c, after = 0, count;
    whi_subscription_row row = { 0 };
    seen all = { 0 };

    OK(whi_store_begin(store));
    a = subscribe(store, "", 1, "{\"a\":1}");
    b = subscribe(store, "acme", 1, "{\"b\":1}");
    c = subscribe(store, "acme", 2, "{\"c\":1}");
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_count(store, &count));
    assert_int_equal(count, 3);
    OK(V(store)->subscription_changes(store, &after, see_subscription, &all));
    assert_int_equal(all.count, 3);
    all.count = 0;
    OK(V(store)->subscription_changes(store, &after, see_subscription, &all));
    assert_int_equal(all.count, 0);

    row = (whi_subscription_row){ .id = a, .version = 2, .tenant = "", .status = 1, .document = "{\"a\":2}" };
    row.document_size = 7;
    OK(whi_store_begin(store));
    OK(whi_store_subscription_put(store, &row));
    OK(whi_store_subscription_remove(store, b, 0));
    assert_int_equal(whi_store_subscription_remove(store, b, 0), WH_ENOTFOUND);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_changes(store, &after, see_subscription, &all));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.subscriptions[0], a);
    assert_int_equal(all.dues[0], 2);
    assert_int_equal(all.subscriptions[1], b);
    assert_int_equal(all.deleted[1], 1);
    OK(V(store)->subscription_count(store, &count));
    assert_int_equal(count, 2);

    all.count = 0;
    after = 0;
    OK(V(store)->subscription_changes(store, &after, see_subscription, &all));
    assert_int_equal(all.count, 2); /* a beginner does not hear of the deleted one */
    OK(V(store)->subscription_get(store, a, 0, see_subscription, &all));
    assert_string_equal(all.text, "{\"a\":2}");
    OK(V(store)->subscription_get(store, a, 1, see_subscription, &all));
    assert_string_equal(all.text, "{\"a\":1}");
    OK(V(store)->subscription_get(store, b, 1, see_subscription, &all));
    assert_string_equal(all.text, "{\"b\":1}");
    assert_int_equal(V(store)->subscription_get(store, b, 0, see_subscription, &all), WH_ENOTFOUND);
    assert_int_equal(V(store)->subscription_get(store, a, 7, see_subscription, &all), WH_ENOTFOUND);
    OK(V(store)->subscription_get(store, c, 0, see_subscription, &all));
    assert_string_equal(all.id, "acme");
}

static void subscriptions_keep_their_versions_and_tell_their_changes(void **state) {
    (void)state;
    on_store(subscriptions);
}

static void versions(whi_store *store) {
    whi_subscription_row row = { .version = 1, .tenant = "", .status = 1, .document = "{}", .document_size = 2 };

    OK(whi_store_begin(store));
    OK(whi_store_subscription_put(store, &row));
    row.version = 2;
    OK(whi_store_subscription_put(store, &row));
    assert_int_equal(whi_store_subscription_put(store, &row), WH_ECONFLICT);
    row.version = 1;
    assert_int_equal(whi_store_subscription_put(store, &row), WH_ECONFLICT);
    row.version = 2;
    row.status = 3; /* another process disabled it */
    assert_int_equal(whi_store_subscription_put(store, &row), WH_ECONFLICT);
    row.id = 77;
    assert_int_equal(whi_store_subscription_put(store, &row), WH_ENOTFOUND);
    whi_store_rollback(store);
}

static void a_change_that_does_not_know_the_last_one_is_a_conflict(void **state) {
    (void)state;
    on_store(versions);
}

static void ids_of_subscriptions_are_never_used_again(void **state) {
    whi_store *store = opened_here();
    int64_t id;

    (void)state;
    OK(whi_store_begin(store));
    id = subscribe(store, "", 1, "{}");
    OK(whi_store_subscription_remove(store, id, 0));
    assert_true(subscribe(store, "", 1, "{}") > id);
    OK(whi_store_commit(store, NULL));
    whi_store_close(store);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_event_is_kept_with_its_bytes_and_its_times, clear),
        cmocka_unit_test_teardown(an_id_that_is_known_adds_nothing, clear),
        cmocka_unit_test_teardown(a_delivery_is_replaced_but_for_its_birth, clear),
        cmocka_unit_test_teardown(a_body_can_be_added_and_changed_later, clear),
        cmocka_unit_test_teardown(lanes_are_the_subscriptions_that_wait_with_their_earliest_time, clear),
        cmocka_unit_test_teardown(cancelling_ends_what_waits_or_is_held_in_steps, clear),
        cmocka_unit_test_teardown(attempts_are_kept_in_order_and_none_is_lost, clear),
        cmocka_unit_test_teardown(a_worker_has_a_number_of_its_own_and_a_beat, clear),
        cmocka_unit_test_teardown(a_delivery_changes_only_in_the_turn_that_it_is_said_to_be_in, clear),
        cmocka_unit_test_teardown(so_does_one_with_a_key, clear),
        cmocka_unit_test_teardown(that_one_is_under_way_is_not_kept, clear),
        cmocka_unit_test_teardown(events_are_numbered_in_the_order_of_commits, clear),
        cmocka_unit_test_teardown(subscriptions_keep_their_versions_and_tell_their_changes, clear),
        cmocka_unit_test_teardown(a_change_that_does_not_know_the_last_one_is_a_conflict, clear),
        cmocka_unit_test_teardown(ids_of_subscriptions_are_never_used_again, clear),
    };

    return RUN_IN_PLACES(tests);
}
