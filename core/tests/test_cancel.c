/* Cancelling what waits: which, in which order's turn, and what becomes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "webhook_explain.h"

#define URL "\"url\":\"https://example.com/hook\""
#define LATER "\"jitter\":0,\"retry\":[0,1000]"
#define MANY 1100 /* more than two transactions */

static wh_engine *engine;
static char id[WH_ID_SIZE], event[WH_ID_SIZE];

static int setup(void **state) {
    fixture_setup(state);
    engine = fixture_open(":memory:", NULL);
    fixture_script.status = 500; /* so each waits for its second attempt */
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static wh_query of_subscription(void) {
    wh_query query = WH_QUERY_INIT;

    query.subscription = id;
    return query;
}

static void cancels(const wh_query *query, int dry_run, int64_t expected) {
    int64_t count = -1;

    assert_int_equal(wh_cancel(engine, query, dry_run, &count), WH_OK);
    assert_int_equal(count, expected);
}

static void pass(int64_t ms, size_t count) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
    assert_int_equal(fixture_count(), count);
}

static void an_unknown_subscription_is_not_found(void **state) {
    wh_query query = WH_QUERY_INIT;
    int64_t count = 7;

    (void)state;
    query.subscription = "sub_0000000000001";
    assert_int_equal(wh_cancel(engine, &query, 0, &count), WH_ENOTFOUND);
    assert_string_equal(wh_last_error_field(), "subscription");
    fixture_subscribe(engine, "{\"url\":\"https://example.com/hook\"}", id);
    query.subscription = id;
    cancels(&query, 0, 0);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_int_equal(wh_cancel(engine, &query, 1, &count), WH_ENOTFOUND);
}

static void what_waits_is_counted_and_then_not_sent(void **state) {
    wh_query query;

    (void)state;
    fixture_subscribe(engine, "{" URL "," LATER "}", id);
    query = of_subscription();
    for (int i = 0; i < MANY; i++) {
        fixture_publish(engine, "a", "1", NULL);
    }
    pass(0, MANY);
    cancels(&query, 1, MANY);
    cancels(&query, 1, MANY);
    cancels(&query, 0, MANY);
    cancels(&query, 0, 0);
    pass(5000, MANY);
}

static void it_is_explained_and_can_be_replayed(void **state) {
    wh_query query;
    int64_t count = 0;
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL "," LATER "}", id);
    query = of_subscription();
    fixture_publish(engine, "a", "1", event);
    pass(0, 1);
    cancels(&query, 0, 1);
    text = DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"cancelled\"");
    assert_has(text, "\"error\":\"cancelled by a call\"");
    wh_free(text);
    query.state = "cancelled";
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 1);
    pass(0, 2);
}

static void only_what_the_query_names(void **state) {
    wh_query query;

    (void)state;
    fixture_subscribe(engine, "{" URL "," LATER "}", NULL);
    fixture_subscribe(engine, "{" URL "," LATER "}", id);
    query = of_subscription();
    fixture_publish(engine, "a", "1", event);
    fixture_publish(engine, "b", "2", NULL);
    pass(0, 4);
    query.type = "b";
    cancels(&query, 0, 1);
    query = (wh_query)WH_QUERY_INIT;
    query.event = event;
    cancels(&query, 1, 2);
    query = (wh_query)WH_QUERY_INIT;
    query.until = atomic_load(&fixture_time); /* accepted before now: none */
    cancels(&query, 1, 0);
    query.until++;
    cancels(&query, 1, 3);
    pass(1000, 7);
}

static void what_has_ended_stays_as_it_is(void **state) {
    wh_query query;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    query = of_subscription();
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    fixture_script.status = 200;
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 2);
    cancels(&query, 0, 0);
}

static void the_next_of_an_order_has_its_turn(void **state) {
    wh_query query = WH_QUERY_INIT;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"jitter\":0,\"retry\":[0,100000]}", id);
    fixture_publish(engine, "a", "1", event);
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 1);
    fixture_script.status = 200;
    query.event = event;
    cancels(&query, 0, 1);
    pass(0, 2);
    assert_string_equal(fixture_sent[1].body, "2");
    pass(100000, 2);
}

static void what_is_under_way_stays_cancelled(void **state) {
    wh_query query;
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"jitter\":0,\"retry\":[0,1000,1000]}", id);
    query = of_subscription();
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    fixture_script.hang = 1;
    atomic_fetch_add(&fixture_time, 1000);
    for (int turns = 0; turns < 100 && fixture_count() < 2; turns++) {
        fixture_turn(engine);
    }
    assert_int_equal(fixture_count(), 2);
    cancels(&query, 0, 1);
    fixture_script.hang = 0;
    pass(0, 2);
    pass(1000, 2);
    query.state = "cancelled";
    text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"cancelled\"");
    wh_free(text);
}

static void a_single_use_one_goes_with_its_only_delivery(void **state) {
    wh_query query;
    char *text = NULL;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true," LATER "}", id);
    query = of_subscription();
    fixture_publish(engine, "a", "1", event);
    pass(0, 1);
    cancels(&query, 1, 1);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"used\"");
    wh_free(text);
    cancels(&query, 0, 1);
    assert_int_equal(wh_subscription(engine, id, &text, NULL), WH_ENOTFOUND);
    pass(1000, 1);
}

static void a_query_that_names_nothing_is_refused(void **state) {
    wh_query query = WH_QUERY_INIT;

    (void)state;
    assert_int_equal(wh_cancel(engine, NULL, 0, NULL), WH_EINVALID);
    query.state = "waiting";
    assert_int_equal(wh_cancel(engine, &query, 0, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error(),
                        "query: expected a subscription, event, type, tenant, since or until, found none");
    query.type = "a";
    query.limit = 1; /* all would be cancelled, which it does not look like */
    assert_int_equal(wh_cancel(engine, &query, 0, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error(), "limit: expected none, since all are cancelled that the query names");
    query.limit = 0;
    query.state = "delivered";
    assert_int_equal(wh_cancel(engine, &query, 0, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error(), "state: expected waiting or held, found delivered: that has ended");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_subscription_is_not_found),  TEST(what_waits_is_counted_and_then_not_sent),
        TEST(it_is_explained_and_can_be_replayed),   TEST(only_what_the_query_names),
        TEST(what_has_ended_stays_as_it_is),         TEST(the_next_of_an_order_has_its_turn),
        TEST(what_is_under_way_stays_cancelled),     TEST(a_single_use_one_goes_with_its_only_delivery),
        TEST(a_query_that_names_nothing_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
