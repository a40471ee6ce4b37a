/* Lists: newest first, page by page, with a bound on the rows looked at. */
#include "store_places.h"

static void subscription_pages(whi_store *store) {
    whi_store_query query = { .limit = 2 };
    whi_store_place place;
    seen all = { 0 };

    OK(whi_store_begin(store));
    for (int i = 1; i <= 5; i++) {
        subscribe(store, i % 2 ? "odd" : "even", i == 4 ? 2 : 1, "{}");
    }
    OK(whi_store_commit(store, NULL));
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 2);
    assert_int_equal(all.subscriptions[0], 5);
    assert_int_equal(place.more, 1);
    query.before_subscription = place.subscription;
    query.limit = 3;
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 5);
    assert_int_equal(all.subscriptions[4], 1);
    assert_int_equal(place.more, 0);
    query = (whi_store_query){ .tenant = "odd" };
    all.count = 0;
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 3);
    query = (whi_store_query){ .state = 1, .rows = 1, .before_subscription = 5 };
    all.count = 0;
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 0); /* looked at one row, which is not it */
    assert_int_equal(place.more, 1);
    query.before_subscription = place.subscription;
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.subscriptions[0], 3);
    query = (whi_store_query){ .state = 2, .rows = 9 };
    all.count = 0;
    OK(V(store)->subscription_list(store, &query, see_subscription, &all, &place));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.subscriptions[0], 4);
}

static void subscriptions_are_listed_in_pages_newest_first(void **state) {
    (void)state;
    on_store(subscription_pages);
}

/* -------------------------------------------------------------------- lists */

static void event_pages(whi_store *store) {
    int64_t event = number_at(NOW, 0);
    whi_store_query query = { .rows = 2 };
    whi_store_place place;
    seen all = { 0 };
    int pages = 0;

    OK(whi_store_begin(store));
    for (int i = 0; i < 7; i++) {
        OK(add_event(store, event + i, NULL, NULL));
    }
    OK(whi_store_commit(store, NULL));
    do {
        OK(V(store)->event_list(store, &query, see_event, &all, &place));
        query.before_event = place.event;
        pages++;
    } while (place.more);
    assert_int_equal(pages, 4);
    assert_int_equal(all.count, 7);
    for (int i = 0; i < 7; i++) {
        assert_int_equal(all.events[i], event + 6 - i);
    }
    assert_int_equal(all.event.pending, 1);
    query = (whi_store_query){ .since = event + 2, .until = event + 5, .limit = 10, .type = "order.paid" };
    all.count = 0;
    OK(V(store)->event_list(store, &query, see_event, &all, &place));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.events[0], event + 4);
    query.type = "order.lost";
    all.count = 0;
    OK(V(store)->event_list(store, &query, see_event, &all, &place));
    assert_int_equal(all.count, 0);
    query = (whi_store_query){ .tenant = "acme" };
    all.stop_after = 2;
    assert_int_equal(V(store)->event_list(store, &query, see_event, &all, &place), 1);
    assert_int_equal(all.count, 2);
}

/* They stand in no index. */
static void events_of_nobody(whi_store *store) {
    int64_t first = number_at(NOW, 0);
    whi_event_row row = { .number = first + 1,
                          .type = "order.paid",
                          .tenant = "",
                          .time = NOW,
                          .accepted_at = NOW,
                          .payload = "1",
                          .payload_size = 1 };
    whi_delivery_row sent = delivery(first + 1, 7, WHI_DELIVERED, NOW);
    whi_store_query query = { .tenant = "" };
    whi_store_place place;
    seen all = { 0 };
    int known;

    OK(whi_store_begin(store));
    OK(add_event(store, first, NULL, NULL));
    OK(whi_store_event_add(store, &row, &known));
    OK(write_row(store, &sent));
    sent.event = first;
    OK(write_row(store, &sent));
    OK(whi_store_commit(store, NULL));
    OK(V(store)->event_list(store, &query, see_event, &all, &place));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.events[0], first + 1);
    all.count = 0;
    OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
    assert_int_equal(all.count, 1);
    assert_int_equal(all.events[0], first + 1);
}

static void events_of_no_tenant_are_listed_alone(void **state) {
    (void)state;
    on_store(events_of_nobody);
}

static int64_t add_of_type(whi_store *store, int i, const char *type, const char *tenant) {
    whi_event_row row = {
        .number = number_at(NOW, i), .type = type, .tenant = tenant, .time = NOW, .accepted_at = NOW
    };
    int known;

    row.payload = "1";
    row.payload_size = 1;
    OK(whi_store_event_add(store, &row, &known));
    return row.number;
}

/* How many the pages of one row each come to, all of which are of the type. */
static int count_events(whi_store *store, const char *type, const char *tenant, int *pages) {
    whi_store_query query = { .rows = 1, .type = type, .tenant = tenant };
    whi_store_place place;
    seen all = { 0 };

    *pages = 0;
    do {
        OK(V(store)->event_list(store, &query, see_event, &all, &place));
        query.before_event = place.event;
        ++*pages;
    } while (place.more);
    return all.count;
}

static int count_deliveries(whi_store *store, const char *type, const char *tenant, int *pages) {
    whi_store_query query = { .rows = 1, .type = type, .tenant = tenant };
    whi_store_place place;
    seen all = { 0 };

    *pages = 0;
    do {
        OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
        query.before_event = place.event;
        query.before_subscription = place.subscription;
        ++*pages;
    } while (place.more);
    return all.count;
}

/* Of each event of the type one row is looked at, however many others got it. */
static void of_one_by_type(whi_store *store) {
    whi_store_query query = { .rows = 1, .type = "order.paid", .subscription = 5 };
    whi_store_place place;
    seen all = { 0 };
    int pages = 0;

    OK(whi_store_begin(store));
    for (int i = 0; i < 4; i++) {
        int64_t number = add_of_type(store, i, i == 2 ? "order.lost" : "order.paid", i < 2 ? "acme" : "");
        for (int s = 1; s < 20; s++) {
            whi_delivery_row sent = delivery(number, s, WHI_DELIVERED, NOW);
            OK(write_row(store, &sent));
        }
    }
    OK(whi_store_commit(store, NULL));
    do {
        OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
        query.before_event = place.event;
        query.before_subscription = place.subscription;
        assert_true(++pages < 10);
    } while (place.more);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.subscriptions[0], 5);
    query = (whi_store_query){ .rows = 2, .type = "order.paid", .tenant = "acme", .subscription = 5 };
    OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
    assert_int_equal(all.count, 5);
    query = (whi_store_query){ .rows = 2, .tenant = "acme", .subscription = 5 };
    OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
    assert_int_equal(all.count, 7);
    assert_false(place.more);
}

static void of_one_subscription_others_deliveries_are_not_looked_at(void **state) {
    (void)state;
    on_store(of_one_by_type);
}

/* A page looks at one row: those of other types are none of them. */
static void by_type(whi_store *store) {
    static const char *const tenants[] = { "acme", "beta", "" };
    int pages;

    OK(whi_store_begin(store));
    for (int i = 0; i < 30; i++) {
        int64_t number = add_of_type(store, i, i < 6 ? "order.paid" : "order.lost", tenants[i % 3]);
        for (int s = 7; i < 6 && s < 9; s++) {
            whi_delivery_row sent = delivery(number, s, WHI_DELIVERED, NOW);
            OK(write_row(store, &sent));
        }
    }
    OK(whi_store_commit(store, NULL));
    assert_int_equal(count_events(store, "order.paid", NULL, &pages), 6);
    assert_int_equal(pages, 6);
    assert_int_equal(count_events(store, "order.paid", "acme", &pages), 2);
    assert_int_equal(pages, 2);
    assert_int_equal(count_events(store, "order.paid", "", &pages), 2);
    assert_int_equal(
        count_events(store, "order.none", NULL, &pages) + count_events(store, "order.none", "acme", &pages), 0);
    assert_int_equal(pages, 1);
    assert_int_equal(count_deliveries(store, "order.paid", NULL, &pages), 12);
    assert_in_range(pages, 12, 18); /* the end of an event may be a page of its own */
    assert_int_equal(count_deliveries(store, "order.paid", "beta", &pages), 4);
    assert_in_range(pages, 4, 6);
    assert_int_equal(count_deliveries(store, "order.none", "beta", &pages), 0);
    assert_int_equal(pages, 1);
}

static void what_is_of_a_type_is_listed_without_a_look_at_the_others(void **state) {
    (void)state;
    on_store(by_type);
}

static void events_are_listed_in_pages_newest_first(void **state) {
    (void)state;
    on_store(event_pages);
}

static int all_pages(whi_store *store, whi_store_query query, seen *all) {
    whi_store_place place;
    int pages = 0;

    memset(all, 0, sizeof *all);
    do {
        int before = all->count;

        OK(V(store)->delivery_list(store, &query, see_delivery, all, &place));
        assert_true(query.limit == 0 || all->count - before <= query.limit);
        query.before_event = place.event;
        query.before_subscription = place.subscription;
        assert_true(++pages < 100);
    } while (place.more);
    return pages;
}

static void delivery_pages(whi_store *store) {
    static const int states[] = { WHI_WAITING, WHI_DELIVERED, WHI_EXHAUSTED, WHI_HELD, WHI_CANCELLED, WHI_DELIVERED };
    int64_t event = number_at(NOW, 0);
    seen all;

    OK(whi_store_begin(store));
    for (int i = 0; i < 6; i++) {
        OK(add_event(store, event + i, NULL, NULL));
        put(store, event + i, 1, states[i], NOW + 9 - i);
        put(store, event + i, 2, WHI_WAITING, NOW - i);
        put(store, event + i, 3, i % 2 ? WHI_HELD : WHI_EXHAUSTED, 0);
    }
    OK(add_event(store, event + 6, NULL, NULL));
    OK(add_event(store, event - 1, NULL, NULL));
    OK(whi_store_commit(store, NULL));
    assert_int_equal(all_pages(store, (whi_store_query){ .limit = 4 }, &all), 5);
    assert_int_equal(all.count, 18);
    for (int i = 0; i < 18; i++) {
        assert_int_equal(all.events[i], event + 5 - i / 3);
        assert_int_equal(all.subscriptions[i], 3 - i % 3);
    }
    all_pages(store, (whi_store_query){ .rows = 5, .subscription = 2 }, &all);
    assert_int_equal(all.count, 6);
    all_pages(store, (whi_store_query){ .event = event + 3, .limit = 1 }, &all);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.subscriptions[0], 3);
    assert_int_equal(all_pages(store, (whi_store_query){ .subscription = 2, .state = 1, .rows = 4 }, &all), 2);
    assert_int_equal(all.count, 6);
    assert_int_equal(all.events[0], event + 5);
    assert_int_equal(all.events[5], event);
    assert_int_equal(all_pages(store, (whi_store_query){ .subscription = 3, .state = 4, .limit = 2 }, &all), 2);
    assert_int_equal(all.count, 3);
    assert_int_equal(all.events[2], event);
    all_pages(store, (whi_store_query){ .subscription = 3, .state = 5, .since = event + 1, .until = event + 4 }, &all);
    assert_int_equal(all.count, 2);
    assert_int_equal(all.events[0], event + 3);
    all_pages(store, (whi_store_query){ .state = WHI_CANCELLED, .rows = 3 }, &all);
    assert_int_equal(all.count, 1);
    for (int64_t rows = 1; rows < 9; rows += 3) { /* of all subscriptions, in the order of their events */
        all_pages(store, (whi_store_query){ .state = WHI_WAITING, .rows = rows }, &all);
        assert_int_equal(all.count, 7);
        assert_int_equal(all.events[6], event);
        assert_int_equal(all.subscriptions[6], 1);
        all_pages(store, (whi_store_query){ .state = WHI_HELD, .limit = rows, .since = event + 1, .until = event + 5 },
                  &all);
        assert_int_equal(all.count, 3);
        assert_int_equal(all.events[0], event + 3);
        assert_int_equal(all.subscriptions[0], 3);
        assert_int_equal(all.subscriptions[1], 1);
        all_pages(store, (whi_store_query){ .state = WHI_EXHAUSTED, .tenant = "acme", .rows = rows }, &all);
        assert_int_equal(all.count, 4);
        all_pages(store, (whi_store_query){ .state = WHI_EXHAUSTED, .tenant = "other", .rows = rows }, &all);
        assert_int_equal(all.count, 0);
    }
    for (int64_t rows = 1; rows < 5; rows++) { /* with events of the tenant that have no deliveries */
        all_pages(store, (whi_store_query){ .tenant = "acme", .rows = rows }, &all);
        assert_int_equal(all.count, 18);
        assert_int_equal(all.events[17], event);
        all_pages(store, (whi_store_query){ .tenant = "acme", .limit = rows, .subscription = 1 }, &all);
        assert_int_equal(all.count, 6);
        all_pages(store, (whi_store_query){ .tenant = "acme", .rows = rows, .since = event + 1, .until = event + 4 },
                  &all);
        assert_int_equal(all.count, 9);
        assert_int_equal(all.events[0], event + 3);
    }
    assert_int_equal(all_pages(store, (whi_store_query){ .tenant = "other" }, &all), 1);
    assert_int_equal(all.count, 0);
    all_pages(store, (whi_store_query){ .type = "order.lost", .rows = 3 }, &all);
    assert_int_equal(all.count, 0);
    assert_string_equal(all.text, "");
}

/* More of them than one sorts: they are found on the way past the others. */
static void many_of_a_state(whi_store *store) {
    int64_t event = number_at(NOW, 0);
    seen all = { 0 };
    whi_store_place place;
    whi_store_query query = { .state = WHI_EXHAUSTED, .limit = 3 };

    OK(whi_store_begin(store));
    for (int i = 0; i < 17000; i++) {
        OK(add_event(store, event + i, NULL, NULL));
        put(store, event + i, 1, i % 100 == 7 ? WHI_DELIVERED : WHI_EXHAUSTED, 0);
    }
    OK(whi_store_commit(store, NULL));
    OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
    assert_int_equal(all.count, 3);
    assert_int_equal(all.events[0], event + 16999);
    query.before_event = event + 9;
    query.before_subscription = 1;
    all.count = 0;
    OK(V(store)->delivery_list(store, &query, see_delivery, &all, &place));
    assert_int_equal(all.events[0], event + 8);
    assert_int_equal(all.events[1], event + 6);
    assert_true(place.more);
}

static void what_there_is_much_of_is_listed_as_what_there_is_little_of(void **state) {
    (void)state;
    on_store(many_of_a_state);
}

static void deliveries_are_listed_in_pages_by_every_filter(void **state) {
    (void)state;
    on_store(delivery_pages);
}

int main(int argc, char **argv) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(subscriptions_are_listed_in_pages_newest_first, clear),
        cmocka_unit_test_teardown(events_are_listed_in_pages_newest_first, clear),
        cmocka_unit_test_teardown(what_is_of_a_type_is_listed_without_a_look_at_the_others, clear),
        cmocka_unit_test_teardown(of_one_subscription_others_deliveries_are_not_looked_at, clear),
        cmocka_unit_test_teardown(events_of_no_tenant_are_listed_alone, clear),
        cmocka_unit_test_teardown(deliveries_are_listed_in_pages_by_every_filter, clear),
        cmocka_unit_test_teardown(what_there_is_much_of_is_listed_as_what_there_is_little_of, clear),
    };

    return RUN_IN_PLACES(tests);
}
