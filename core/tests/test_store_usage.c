/* What is kept of each tenant is counted, with what comes and what goes. */
#include "store_places.h"

static void assert_usage(whi_store *store, const char *tenant, int64_t events, int64_t bytes) {
    whi_usage_row now, row;

    OK(V(store)->usage(store, tenant, &row));
    assert_int_equal(row.events, events);
    assert_int_equal(row.bytes, bytes);
    OK(whi_store_begin(store));
    OK(whi_store_usage_now(store, tenant, &now));
    whi_store_rollback(store);
    assert_int_equal(now.events, events);
    assert_int_equal(now.bytes, bytes);
}

static int64_t add(whi_store *store, int i, const char *tenant, const char *payload) {
    whi_event_row row = { .number = number_at(NOW, i), .type = "order.paid", .tenant = tenant, .time = 1 };
    int duplicate;

    row.accepted_at = NOW;
    row.payload = payload;
    row.payload_size = strlen(payload);
    OK(whi_store_event_add(store, &row, &duplicate));
    return row.number;
}

static void purge(whi_store *store, int64_t before) {
    int64_t after = 0;
    int count;

    OK(whi_store_begin(store));
    do {
        OK(whi_store_purge(store, before, before, 10, &after, &count));
    } while (after != 0);
    OK(whi_store_commit(store, NULL));
}

static void counts(whi_store *store) {
    whi_usage_row now;

    assert_usage(store, "acme", 0, 0);
    OK(whi_store_begin(store));
    add(store, 1, "acme", "[1]");
    add(store, 2, "acme", "\"\xc3\xa4\""); /* four bytes, three letters */
    add(store, 3, "beta", "[]");
    add(store, 4, "", "[1,2]");
    OK(whi_store_usage_now(store, "acme", &now));
    assert_int_equal(now.events, 2);
    OK(whi_store_commit(store, NULL));
    assert_usage(store, "acme", 2, 7);
    assert_usage(store, "beta", 1, 2);
    assert_usage(store, "", 0, 0);
    OK(whi_store_begin(store));
    add(store, 5, "acme", "[1]");
    whi_store_rollback(store);
    assert_usage(store, "acme", 2, 7);
}

static void what_is_added_is_counted_and_what_is_rolled_back_is_not(void **state) {
    (void)state;
    on_store(counts);
}

/* Bodies that rules have made, too: each as large as it is now. */
static void goes(whi_store *store) {
    whi_delivery_row row;
    int64_t one;

    OK(whi_store_begin(store));
    one = add(store, 1, "acme", "[1]");
    add(store, 2, "acme", "[2]");
    row = delivery(one, 1, WHI_DELIVERED, 0);
    row.body = "{\"a\":1}";
    row.body_size = 7;
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    assert_usage(store, "acme", 2, 13);
    row.body = "{}";
    row.body_size = 2;
    OK(whi_store_begin(store));
    OK(write_row(store, &row));
    OK(whi_store_commit(store, NULL));
    assert_usage(store, "acme", 2, 8);
    OK(whi_store_begin(store));
    OK(decide_up_to(store, number_at(NOW, 2)));
    OK(whi_store_commit(store, NULL));
    purge(store, INT64_MAX);
    assert_usage(store, "acme", 1, 3);
    if (other_program("DELETE FROM webhook_events")) {
        assert_usage(store, "acme", 0, 0);
    }
}

static void what_is_purged_is_counted_no_more(void **state) {
    (void)state;
    on_store(goes);
}

static int take_any(whi_event_row *row, void *payload) {
    (void)payload;
    row->time = row->accepted_at = NOW;
    return WH_OK;
}

static void moved_in(whi_store *store) {
    whi_fact *fact;

    if (other_program("INSERT INTO webhook_outbox (type, tenant, payload) VALUES ('a', 'acme', '[1]')")) {
        OK(whi_store_begin(store));
        OK(whi_store_add(store, WH_FACT_OUTBOX, NULL, &fact));
        fact->of.outbox.limit = 9;
        fact->of.outbox.judge = take_any;
        OK(whi_store_commit(store, NULL));
        assert_usage(store, "acme", 1, 3);
    }
}

static void what_comes_by_the_outbox_is_counted(void **state) {
    (void)state;
    on_store(moved_in);
}

static void limits(whi_store *store) {
    whi_usage_row row = { .quota_events = 10, .cpu_ms = 7, .rate_count = 3, .rate_per = 1000, .rate_burst = 2 }, found;

    OK(whi_store_begin(store));
    OK(whi_store_usage_limit(store, "acme", &row));
    add(store, 1, "acme", "[1]");
    OK(whi_store_commit(store, NULL));
    OK(V(store)->usage(store, "acme", &found));
    assert_int_equal(found.events, 1);
    assert_int_equal(found.quota_events, 10);
    assert_int_equal(found.quota_bytes, 0);
    assert_int_equal(found.cpu_ms, 7);
    assert_int_equal(found.rate_count, 3);
    assert_int_equal(found.rate_per, 1000);
    assert_int_equal(found.rate_burst, 2);
    row = (whi_usage_row){ 0 };
    OK(whi_store_begin(store));
    OK(whi_store_usage_limit(store, "acme", &row));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->usage(store, "acme", &found));
    assert_int_equal(found.events, 1);
    assert_int_equal(found.quota_events, 0);
    assert_int_equal(found.cpu_ms, 0);
    assert_int_equal(found.rate_count, 0);
}

static void what_a_tenant_may_have_is_kept_beside_what_it_has(void **state) {
    (void)state;
    on_store(limits);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(what_is_added_is_counted_and_what_is_rolled_back_is_not, clear),
        cmocka_unit_test_teardown(what_is_purged_is_counted_no_more, clear),
        cmocka_unit_test_teardown(what_comes_by_the_outbox_is_counted, clear),
        cmocka_unit_test_teardown(what_a_tenant_may_have_is_kept_beside_what_it_has, clear),
    };

    return RUN_IN_PLACES(tests);
}
