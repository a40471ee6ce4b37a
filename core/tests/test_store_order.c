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

static int64_t owner; /* who claims */

static void events_up_to(whi_store *store, int count) {
    OK(whi_store_begin(store));
    OK(add_worker(store, &owner));
    for (int i = 1; i <= count; i++) {
        OK(add_event(store, i, NULL, NULL));
    }
    OK(whi_store_commit(store, NULL));
}

/* Claims all that is due, as "1 4 ". */
static const char *claimed(whi_store *store) {
    static char text[64];
    seen all = { 0 };
    size_t size = 0;

    OK(whi_store_begin(store));
    OK(claim(store, owner, SUB, NOW + 1000, 10, see_delivery, &all));
    OK(whi_store_commit(store, NULL));
    text[0] = '\0';
    for (int i = 0; i < all.count; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size, "%lld ", (long long)all.events[i]);
    }
    return text;
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
    assert_string_equal(claimed(store), "1 2 4 ");
    assert_string_equal(claimed(store), "");
    put_key(store, 1, WHI_WAITING, "a", 0, 0); /* to be tried again: still its turn */
    assert_string_equal(claimed(store), "1 ");
    put_key(store, 1, WHI_EXHAUSTED, "a", 0, 0);
    assert_string_equal(claimed(store), "3 ");
    put_key(store, 1, WHI_WAITING, "a", 0, 0); /* replayed: behind the one under way, before the newer one */
    assert_string_equal(claimed(store), "");
    put_key(store, 3, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(claimed(store), "1 ");
    put_key(store, 1, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(claimed(store), "5 ");
    put_key(store, 5, WHI_DELIVERED, "a", 0, 0);
    assert_string_equal(claimed(store), "");
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
    assert_string_equal(claimed(store), "2 ");
    put_key(store, 3, WHI_WAITING, "a", 1, 0);
    put_key(store, 4, WHI_WAITING, "a", 1, 0);
    put_key(store, 5, WHI_WAITING, "b", 1, 0);
    assert_int_equal(state_of(store, 3), WHI_CANCELLED);
    assert_string_equal(claimed(store), "5 "); /* 4 waits for 2, which is under way */
    put_key(store, 2, WHI_WAITING, "a", 1, 0); /* 2 failed and would wait for a retry: 4 is worth more */
    assert_int_equal(state_of(store, 2), WHI_CANCELLED);
    assert_string_equal(claimed(store), "4 ");
}

static void the_latest_of_a_key_takes_the_place_of_those_that_wait(void **state) {
    (void)state;
    on_store(latest);
}

static void aborted(whi_store *store) {
    events_up_to(store, 4);
    put_key(store, 1, WHI_WAITING, "run", 0, 0);
    put_key(store, 2, WHI_WAITING, "run", 0, 0);
    put_key(store, 3, WHI_WAITING, "other", 0, 0);
    assert_string_equal(claimed(store), "1 3 ");
    put_key(store, 1, WHI_CANCELLED, "run", 0, 1);
    assert_int_equal(state_of(store, 2), WHI_CANCELLED);
    put_key(store, 4, WHI_WAITING, "run", 0, 0);
    assert_int_equal(state_of(store, 4), WHI_CANCELLED);
    assert_string_equal(error_of(store, 4), "aborted");
    assert_string_equal(claimed(store), "");
    put_key(store, 1, WHI_WAITING, "run", 0, 0); /* replayed: the mark is gone */
    assert_string_equal(claimed(store), "1 ");
}

static void an_aborted_key_takes_all_with_it_and_all_that_come(void **state) {
    (void)state;
    on_store(aborted);
}

static void recovered(whi_store *store) {
    int count = 0;

    events_up_to(store, 2);
    put_key(store, 1, WHI_WAITING, "a", 0, 0);
    put_key(store, 2, WHI_WAITING, "a", 0, 0);
    assert_string_equal(claimed(store), "1 ");
    OK(whi_store_begin(store));
    OK(release_worker(store, owner, NOW, 10, &count));
    OK(whi_store_commit(store, NULL));
    OK(whi_store_begin(store));
    OK(add_worker(store, &owner));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count, 1);
    assert_string_equal(claimed(store), "1 ");
}

static void a_worker_that_dies_loses_no_turn(void **state) {
    (void)state;
    on_store(recovered);
}

static void an_event_deleted_by_hand_gives_its_turn_away(void **state) {
    whi_store *store = opened_here();

    (void)state;
    events_up_to(store, 3);
    for (int i = 1; i <= 3; i++) {
        put_key(store, i, WHI_WAITING, "a", 0, 0);
    }
    if (!other_program("DELETE FROM webhook_events WHERE number = 1")) {
        whi_store_close(store);
        return;
    }
    assert_string_equal(claimed(store), "");
    assert_string_equal(claimed(store), "2 ");
    whi_store_close(store);
}

static void a_long_queue_of_one_key_costs_a_claim_nothing(void **state) {
    whi_store *store = opened_here();
    int64_t due;

    (void)state;
    events_up_to(store, 3000);
    for (int i = 1; i <= 3000; i++) {
        put_key(store, i, WHI_WAITING, "", 0, 0);
    }
    assert_string_equal(claimed(store), "1 ");
    OK(whi_store_begin(store));
    OK(whi_store_lane_due(store, SUB, &due));
    OK(whi_store_commit(store, NULL));
    assert_true(due == WHI_DUE_BEHIND);
    whi_store_close(store);
}

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

static void tokens_and_tenants_secrets_are_kept(void **state) {
    (void)state;
    on_store(tokens);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(of_one_key_one_at_a_time_has_its_turn, clear),
        cmocka_unit_test_teardown(the_latest_of_a_key_takes_the_place_of_those_that_wait, clear),
        cmocka_unit_test_teardown(an_aborted_key_takes_all_with_it_and_all_that_come, clear),
        cmocka_unit_test_teardown(a_worker_that_dies_loses_no_turn, clear),
        cmocka_unit_test_teardown(an_event_deleted_by_hand_gives_its_turn_away, clear),
        cmocka_unit_test_teardown(a_long_queue_of_one_key_costs_a_claim_nothing, clear),
        cmocka_unit_test_teardown(tokens_and_tenants_secrets_are_kept, clear),
    };

    return RUN_IN_PLACES(tests);
}
