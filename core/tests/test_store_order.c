/* The order of deliveries with a key, as the store keeps it. */
#include "store_places.h"

#define SUB 7

static void put_key(whi_store *store, int64_t event, int state, const char *key, int latest, int abort) {
    whi_delivery_row row = delivery(event, SUB, state, NOW);

    row.key = key;
    row.latest = latest;
    row.abort = abort;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
}

static void events_up_to(whi_store *store, int count) {
    OK(whi_store_begin(store));
    for (int i = 1; i <= count; i++) {
        OK(add_event(store, i, NULL, NULL));
    }
    OK(whi_store_commit(store, NULL));
}

/* All that is due, as "1 4 ". */
static const char *due(whi_store *store) {
    static char text[64];
    seen all = { 0 };
    size_t size = 0;

    (void)see_due(store, SUB, NOW + 1000, 10, &all);
    text[0] = '\0';
    for (int i = 0; i < all.count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%lld ", (long long)all.events[i]);
    }
    return text;
}

/* Only the latest of "a" counts, and this one is under way. */
static void put_latest(whi_store *store, int64_t event, int64_t under_way) {
    whi_delivery_row row = delivery(event, SUB, WHI_WAITING, NOW);

    row.key = "a";
    row.latest = 1;
    row.under_way = under_way;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
}

static int state_of(whi_store *store, int64_t event) {
    seen all = { 0 };

    OK(V(store)->delivery_get(store, event, SUB, see_delivery, &all));
    return all.states[0];
}

static const char *error_of(whi_store *store, int64_t event) {
    static seen all;

    memset(&all, 0, sizeof all);
    OK(V(store)->delivery_get(store, event, SUB, see_delivery, &all));
    return all.error;
}

static void turns(whi_store *store) {
    events_up_to(store, 5);
    put_key(store, 1, WHI_WAITING, "a", 0, 0);
    put_key(store, 2, WHI_WAITING, "b", 0, 0);
    put_key(store, 3, WHI_WAITING, "a", 0, 0);
    put_key(store, 4, WHI_WAITING, NULL, 0, 0);
    put_key(store, 5, WHI_WAITING, "a", 0, 0);
    assert_string_equal(due(store), "1 2 4 ");
    assert_string_equal(due(store), "1 2 4 "); /* until what became of them is written */
    put_key(store, 2, WHI_DELIVERED, "b", 0, 0);
    put_key(store, 4, WHI_DELIVERED, NULL, 0, 0);
    put_key(store, 1, WHI_WAITING, "a", 0, 0); /* to be tried again: still its turn */
    assert_string_equal(due(store), "1 ");
    put_key(store, 1, WHI_EXHAUSTED, "a", 0, 0);
    assert_string_equal(due(store), "3 ");
    put_key(store, 1, WHI_WAITING, "a", 0, 0); /* replayed: behind the one under way, before the newer one */
    assert_string_equal(due(store), "3 ");
    put_key(store, 3, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(due(store), "1 ");
    put_key(store, 1, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(due(store), "5 ");
    put_key(store, 5, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(due(store), "");
}

static void of_one_key_one_at_a_time_has_its_turn(void **state) {
    (void)state;
    on_store(turns);
}

static void latest(whi_store *store) {
    events_up_to(store, 5);
    put_key(store, 1, WHI_WAITING, "a", 1, 0);
    put_key(store, 2, WHI_WAITING, "a", 1, 0);
    assert_int_equal(state_of(store, 1), WHI_CANCELLED);
    assert_string_equal(error_of(store, 1), "superseded");
    assert_string_equal(due(store), "2 ");
    put_latest(store, 3, 2);
    put_latest(store, 4, 2);
    put_key(store, 5, WHI_WAITING, "b", 1, 0);
    assert_int_equal(state_of(store, 3), WHI_CANCELLED);
    assert_string_equal(due(store), "2 5 ");   /* 4 waits for 2, which is under way */
    put_key(store, 2, WHI_WAITING, "a", 1, 0); /* 2 failed and would wait for a retry: 4 is worth more */
    assert_int_equal(state_of(store, 2), WHI_CANCELLED);
    assert_string_equal(due(store), "4 5 ");
}

static void the_latest_of_a_key_takes_the_place_of_those_that_wait(void **state) {
    (void)state;
    on_store(latest);
}

/* The one that is under way may be any of them, and is not one of another key. */
static void spared(whi_store *store) {
    events_up_to(store, 4);
    put_key(store, 1, WHI_WAITING, "a", 0, 0);
    put_key(store, 2, WHI_WAITING, "a", 0, 0);
    put_key(store, 3, WHI_WAITING, "a", 0, 0);
    put_latest(store, 4, 1);
    assert_string_equal(due(store), "1 ");
    assert_int_equal(turn_of(store, 1, SUB), 0);
    assert_int_equal(state_of(store, 2), WHI_CANCELLED);
    assert_int_equal(state_of(store, 3), WHI_CANCELLED);
    put_latest(store, 4, 2); /* that ended meanwhile */
    assert_int_equal(state_of(store, 1), WHI_CANCELLED);
    assert_string_equal(due(store), "4 ");
}

static void what_is_under_way_is_not_superseded_and_goes_first(void **state) {
    (void)state;
    on_store(spared);
}

static void aborted(whi_store *store) {
    seen all = { 0 };

    events_up_to(store, 5);
    put_key(store, 1, WHI_WAITING, "run", 0, 0);
    put_key(store, 2, WHI_WAITING, "run", 0, 0);
    put_key(store, 3, WHI_WAITING, "other", 0, 0);
    assert_string_equal(due(store), "1 3 ");
    put_key(store, 1, WHI_CANCELLED, "run", 0, 1);
    assert_int_equal(state_of(store, 2), WHI_CANCELLED);
    put_key(store, 4, WHI_WAITING, "run", 0, 0);
    assert_int_equal(state_of(store, 4), WHI_CANCELLED);
    assert_string_equal(error_of(store, 4), "aborted");
    assert_string_equal(due(store), "3 ");
    put_key(store, 1, WHI_WAITING, "run", 0, 0); /* replayed: the mark is gone */
    assert_string_equal(due(store), "1 3 ");
    put_key(store, 5, WHI_CANCELLED, NULL, 0, 1); /* without a key there is nothing to take along */
    OK(V(store)->delivery_get(store, 5, SUB, see_delivery, &all));
    assert_int_equal(all.last.due, 0);
}

static void an_aborted_key_takes_all_with_it_and_all_that_come(void **state) {
    (void)state;
    on_store(aborted);
}

/* Who has read a row before that finds another turn. */
static void counted(whi_store *store) {
    events_up_to(store, 6);
    for (int i = 1; i <= 3; i++) {
        put_key(store, i, WHI_WAITING, "a", 0, 0);
    }
    put_key(store, 1, WHI_DELIVERED, "a", 0, 0);
    assert_int_equal(turn_of(store, 1, SUB), 1);
    assert_int_equal(turn_of(store, 2, SUB), 1); /* it has its turn */
    assert_int_equal(turn_of(store, 3, SUB), 0);
    put_key(store, 4, WHI_WAITING, "a", 1, 0);
    assert_int_equal(turn_of(store, 2, SUB), 2); /* superseded */
    assert_int_equal(turn_of(store, 3, SUB), 1);
    assert_int_equal(turn_of(store, 4, SUB), 0);
    put_key(store, 5, WHI_WAITING, "b", 0, 0);
    put_key(store, 6, WHI_WAITING, "b", 0, 0);
    put_key(store, 5, WHI_CANCELLED, "b", 0, 1);
    assert_int_equal(turn_of(store, 5, SUB), 1); /* its own change alone */
    assert_int_equal(turn_of(store, 6, SUB), 1); /* aborted */
}

static void what_one_does_to_others_raises_their_turns(void **state) {
    (void)state;
    on_store(counted);
}

static int put_in_turn(whi_store *store, int64_t event, int state, int64_t turn, int latest, int abort) {
    whi_delivery_row row = delivery(event, SUB, state, NOW);
    int done;

    row.key = "a";
    row.turn = turn;
    row.latest = latest;
    row.abort = abort;
    OK(whi_store_begin(store));
    OK(whi_store_delivery_put(store, &row, &done));
    OK(whi_store_commit(store, NULL));
    return done;
}

static void too_late(whi_store *store) {
    events_up_to(store, 3);
    for (int i = 1; i <= 3; i++) {
        put_key(store, i, WHI_WAITING, "a", 0, 0);
    }
    assert_false(put_in_turn(store, 1, WHI_DELIVERED, 1, 0, 0));
    assert_false(put_in_turn(store, 1, WHI_DELIVERED, 1, 0, 1));
    assert_false(put_in_turn(store, 3, WHI_WAITING, WHI_TURN_ABSENT, 1, 0));
    assert_string_equal(due(store), "1 ");
    for (int i = 1; i <= 3; i++) {
        assert_int_equal(state_of(store, i), WHI_WAITING);
        assert_int_equal(turn_of(store, i, SUB), 0);
    }
    assert_true(put_in_turn(store, 1, WHI_DELIVERED, 0, 0, 0));
    assert_string_equal(due(store), "2 ");
}

static void what_is_not_written_moves_no_others(void **state) {
    (void)state;
    on_store(too_late);
}

/* Its bytes are still to be made. */
static void put_released(whi_store *store, int64_t event, const char *key) {
    whi_delivery_row row = delivery(event, SUB, WHI_WAITING, NOW);

    row.version = 0;
    row.key = key;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
}

/* One that comes to its key late, as what was held does when it is released. */
static void late_for_its_key(whi_store *store) {
    events_up_to(store, 6);
    put_released(store, 1, NULL);
    put_key(store, 2, WHI_DELIVERED, "a", 1, 0);
    put_released(store, 3, NULL);
    put_key(store, 1, WHI_WAITING, "a", 1, 0);
    assert_int_equal(state_of(store, 1), WHI_CANCELLED);
    assert_string_equal(error_of(store, 1), "superseded");
    put_key(store, 3, WHI_WAITING, "a", 1, 0); /* the newest */
    assert_string_equal(due(store), "3 ");
    put_key(store, 3, WHI_DELIVERED, "a", 1, 0);
    put_key(store, 5, WHI_DELIVERED, "a", 1, 0);
    put_key(store, 4, WHI_DELIVERED, "a", 1, 0); /* as it may be after a replay */
    put_key(store, 4, WHI_WAITING, "a", 1, 0);   /* whoever replays an older one wants it */
    assert_string_equal(due(store), "4 ");
    put_key(store, 4, WHI_DELIVERED, "a", 1, 0);
    put_key(store, 4, WHI_WAITING, "b", 1, 0); /* of another key it is the newest */
    assert_string_equal(due(store), "4 ");
    put_released(store, 6, "a");
    put_key(store, 6, WHI_WAITING, "a", 1, 0);
    assert_int_equal(state_of(store, 6), WHI_WAITING);
    put_key(store, 6, WHI_DELIVERED, "a", 1, 0);
    put_released(store, 4, "a"); /* with the event's key */
    put_key(store, 4, WHI_WAITING, "a", 1, 0);
    assert_int_equal(state_of(store, 4), WHI_CANCELLED);
}

static void what_comes_to_its_key_late_is_superseded_by_what_was_delivered(void **state) {
    (void)state;
    on_store(late_for_its_key);
}

/* ------------------------------------------------------------------- sent again */

static whi_delivery_row row_of(whi_store *store, int64_t event) {
    seen all = { 0 };

    OK(V(store)->delivery_get(store, event, SUB, see_delivery, &all));
    return all.last;
}

/* After tries, due later. */
static void put_tried(whi_store *store, int64_t event, int state, const char *key) {
    whi_delivery_row row = delivery(event, SUB, state, NOW + 9000);

    row.key = key;
    row.attempts = 5;
    row.tries = 3;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
}

static int again(whi_store *store, int64_t event, const char *key, int64_t unless) {
    int done;

    OK(whi_store_begin(store));
    OK(whi_store_delivery_again(store, event, SUB, key, NOW + 7, unless, &done));
    OK(whi_store_commit(store, NULL));
    return done;
}

static void is_due_again(whi_store *store, int64_t event, int64_t when, int turn) {
    whi_delivery_row row = row_of(store, event);

    assert_int_equal(row.state, WHI_WAITING);
    assert_int_equal(row.due, when);
    assert_int_equal(row.tries, 0);
    assert_int_equal(row.attempts, 5);
    assert_int_equal(row.turn, turn);
}

static void is_untouched(whi_store *store, int64_t event, int state, int turn) {
    whi_delivery_row row = row_of(store, event);

    assert_int_equal(row.state, state);
    assert_int_equal(row.tries, 3);
    assert_int_equal(row.turn, turn);
}

static void waits(whi_store *store) {
    events_up_to(store, 4);
    put_tried(store, 1, WHI_DELIVERED, "a");
    put_tried(store, 2, WHI_DELIVERED, "a");
    put_tried(store, 3, WHI_WAITING, "a");
    put_tried(store, 4, WHI_WAITING, "b");
    assert_int_equal(again(store, 1, "a", 0), 1);
    is_due_again(store, 3, NOW + 7, 1);
    is_untouched(store, 2, WHI_DELIVERED, 0);
    is_untouched(store, 4, WHI_WAITING, 0);
    assert_int_equal(again(store, 3, "a", 0), 0); /* there is none behind it */
    is_due_again(store, 3, NOW + 7, 1);
}

static void behind_a_late_one_the_newest_that_waits_goes_at_once(void **state) {
    (void)state;
    on_store(waits);
}

static void waits_behind(whi_store *store) {
    events_up_to(store, 3);
    put_tried(store, 1, WHI_WAITING, "a");
    put_tried(store, 2, WHI_WAITING, "a");
    put_tried(store, 3, WHI_WAITING, "a");
    assert_int_equal(again(store, 1, "a", 0), 1);
    is_untouched(store, 1, WHI_WAITING, 0);
    is_untouched(store, 2, WHI_WAITING, 0);
    is_untouched(store, 3, WHI_WAITING, 0);
    assert_true(row_of(store, 3).due == WHI_DUE_BEHIND);
}

static void one_that_waits_behind_another_stays_there(void **state) {
    (void)state;
    on_store(waits_behind);
}

static void arrived(whi_store *store) {
    events_up_to(store, 6);
    put_tried(store, 2, WHI_DELIVERED, "a");
    put_tried(store, 3, WHI_DELIVERED, "a");
    put_tried(store, 4, WHI_EXHAUSTED, "a"); /* given up, as all that is no delivered one */
    put_tried(store, 5, WHI_CANCELLED, "a");
    put_tried(store, 6, WHI_DELIVERED, NULL);
    assert_int_equal(again(store, 1, "a", 0), 1);
    is_due_again(store, 3, NOW + 7, 1);
    is_untouched(store, 2, WHI_DELIVERED, 0);
    is_untouched(store, 4, WHI_EXHAUSTED, 0);
    is_untouched(store, 5, WHI_CANCELLED, 0);
    is_untouched(store, 6, WHI_DELIVERED, 0);
    assert_string_equal(due(store), "3 ");
    assert_int_equal(again(store, 3, "a", 0), 0);
    assert_int_equal(again(store, 1, "c", 0), 0);
}

static void the_newest_that_had_arrived_is_sent_again(void **state) {
    (void)state;
    on_store(arrived);
}

static void arrived_before(whi_store *store) {
    events_up_to(store, 3);
    put_tried(store, 2, WHI_WAITING, "a");
    put_tried(store, 3, WHI_DELIVERED, "a");
    assert_int_equal(again(store, 1, "a", 0), 1);
    is_untouched(store, 2, WHI_WAITING, 0);
    is_due_again(store, 3, WHI_DUE_BEHIND, 1);
    put_tried(store, 2, WHI_DELIVERED, "a");
    assert_string_equal(due(store), "3 ");
}

static void it_waits_behind_one_that_has_its_turn(void **state) {
    (void)state;
    on_store(arrived_before);
}

static void arrived_aborted(whi_store *store) {
    events_up_to(store, 3);
    put_tried(store, 3, WHI_DELIVERED, "run");
    put_key(store, 2, WHI_CANCELLED, "run", 0, 1);
    assert_int_equal(again(store, 1, "run", 0), 1);
    is_untouched(store, 3, WHI_DELIVERED, 0);
}

static void of_an_aborted_run_nothing_is_sent_again(void **state) {
    (void)state;
    on_store(arrived_aborted);
}

static void on_time(whi_store *store) {
    int64_t worker;

    events_up_to(store, 2);
    put_tried(store, 2, WHI_DELIVERED, "a");
    OK(whi_store_begin(store));
    OK(add_worker(store, &worker));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(again(store, 1, "a", worker), 0);
    is_untouched(store, 2, WHI_DELIVERED, 0);
    OK(whi_store_begin(store));
    OK(whi_store_worker_remove(store, worker));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(again(store, 1, "a", worker), 1);
    is_due_again(store, 2, NOW + 7, 1);
}

static void who_has_its_row_is_not_late(void **state) {
    (void)state;
    on_store(on_time);
}

/* ------------------------------------------------------------------------ tokens */

static int see_token(const whi_token_row *row, void *payload) {
    char *out = payload;
    size_t size = strlen(out);

    snprintf(out + size, 128 - size, "%s/%s/%s/%d ", row->id, row->tenant ? row->tenant : "*", row->name,
             row->hash[31]);
    return 0;
}

static void tokens(whi_store *store) {
    whi_token_row all = { .id = "tok_2", .name = "root", .created_at = NOW, .hash = { [31] = 5 } };
    whi_token_row one = { .id = "tok_1", .tenant = "acme", .name = "", .created_at = NOW };
    char text[128] = "", secret[WH_SECRET_SIZE];

    OK(whi_store_begin(store));
    OK(whi_store_token_add(store, &all));
    OK(whi_store_token_add(store, &one));
    OK(whi_store_tenant_secret_put(store, "acme", "first", 0));
    OK(whi_store_tenant_secret_put(store, "acme", "second", 0));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->token_list(store, NULL, see_token, text));
    assert_string_equal(text, "tok_1/acme//0 tok_2/*/root/5 ");
    OK(V(store)->tenant_secret(store, "acme", secret));
    assert_string_equal(secret, "first");
    assert_int_equal(V(store)->tenant_secret(store, "other", secret), WH_ENOTFOUND);
    OK(whi_store_begin(store));
    OK(whi_store_tenant_secret_put(store, "acme", "third", 1));
    OK(whi_store_token_remove(store, "tok_1"));
    assert_int_equal(whi_store_token_remove(store, "tok_1"), WH_ENOTFOUND);
    OK(whi_store_commit(store, NULL));
    OK(V(store)->tenant_secret(store, "acme", secret));
    assert_string_equal(secret, "third");
    text[0] = '\0';
    OK(V(store)->token_list(store, "tok_2", see_token, text));
    assert_string_equal(text, "tok_2/*/root/5 ");
    OK(V(store)->token_list(store, "tok_1", see_token, text));
}

static int see_end(const whi_token_row *row, void *payload) {
    char *out = payload;
    size_t size = strlen(out);

    snprintf(out + size, 128 - size, "%s/%lld ", row->id, (long long)row->expires_at);
    return 0;
}

/* What is over goes a day later, when another one comes. */
static void ends(whi_store *store) {
    whi_token_row day = { .id = "tok_1", .name = "", .created_at = NOW, .expires_at = NOW + 10 };
    whi_token_row ever = { .id = "tok_2", .name = "", .created_at = NOW };
    whi_token_row then = { .id = "tok_3", .name = "", .created_at = NOW + 10 + 86400000 };
    whi_token_row later = { .id = "tok_4", .name = "", .created_at = NOW + 11 + 86400000 };
    char text[128] = "", after[128] = "";

    OK(whi_store_begin(store));
    OK(whi_store_token_add(store, &day));
    OK(whi_store_token_add(store, &ever));
    OK(whi_store_token_add(store, &then));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->token_list(store, NULL, see_end, text));
    snprintf(after, sizeof after, "tok_1/%lld tok_2/0 tok_3/0 ", (long long)NOW + 10);
    assert_string_equal(text, after);
    OK(whi_store_begin(store));
    OK(whi_store_token_add(store, &later));
    OK(whi_store_commit(store, NULL));
    text[0] = '\0';
    OK(V(store)->token_list(store, NULL, see_end, text));
    assert_string_equal(text, "tok_2/0 tok_3/0 tok_4/0 ");
}

static void tokens_have_an_end_or_none(void **state) {
    (void)state;
    on_store(ends);
}

static void tokens_and_tenants_secrets_are_kept(void **state) {
    (void)state;
    on_store(tokens);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(of_one_key_one_at_a_time_has_its_turn, clear),
        cmocka_unit_test_teardown(the_latest_of_a_key_takes_the_place_of_those_that_wait, clear),
        cmocka_unit_test_teardown(an_aborted_key_takes_all_with_it_and_all_that_come, clear),
        cmocka_unit_test_teardown(what_is_under_way_is_not_superseded_and_goes_first, clear),
        cmocka_unit_test_teardown(what_one_does_to_others_raises_their_turns, clear),
        cmocka_unit_test_teardown(what_is_not_written_moves_no_others, clear),
        cmocka_unit_test_teardown(what_comes_to_its_key_late_is_superseded_by_what_was_delivered, clear),
        cmocka_unit_test_teardown(behind_a_late_one_the_newest_that_waits_goes_at_once, clear),
        cmocka_unit_test_teardown(one_that_waits_behind_another_stays_there, clear),
        cmocka_unit_test_teardown(the_newest_that_had_arrived_is_sent_again, clear),
        cmocka_unit_test_teardown(it_waits_behind_one_that_has_its_turn, clear),
        cmocka_unit_test_teardown(of_an_aborted_run_nothing_is_sent_again, clear),
        cmocka_unit_test_teardown(who_has_its_row_is_not_late, clear),
        cmocka_unit_test_teardown(tokens_and_tenants_secrets_are_kept, clear),
        cmocka_unit_test_teardown(tokens_have_an_end_or_none, clear),
    };

    return RUN_IN_PLACES(tests);
}
