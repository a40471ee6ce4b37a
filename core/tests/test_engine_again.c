/* What a subscription says of trying again, by a clock that stands until it is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "webhook_explain.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *engine;
static char id[WH_ID_SIZE];

static int setup(void **state) {
    fixture_setup(state);
    engine = fixture_open(":memory:", NULL);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

/* What has been sent when so much time has passed. */
static void pass(int64_t ms, size_t count) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
    assert_int_equal(fixture_count(), count);
}

static void assert_deliveries(const char *part) {
    wh_query query = WH_QUERY_INIT;
    char *text;

    query.subscription = id;
    text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, part);
    wh_free(text);
}

static void each_type_has_its_list(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine,
                      "{" URL ",\"jitter\":0,\"retry\":[{\"events\":[\"order.*\"],\"delays\":[0,1000,1000]},"
                      "{\"delays\":[0]}]}",
                      id);
    fixture_publish(engine, "order.paid", "1", NULL);
    fixture_publish(engine, "user.made", "2", NULL);
    pass(0, 2);
    pass(999, 2);
    pass(1, 3);
    pass(1000, 4);
    pass(100000, 4);
}

static void a_list_ends_by_age(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"jitter\":0,\"retry\":[{\"delays\":[0,1000,4000,4000],\"within\":5}]}", id);
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    pass(1000, 2);
    pass(4000, 3); /* at five seconds, and not at nine */
    assert_deliveries("\"state\":\"exhausted\"");
    assert_deliveries("status: answered 500; not tried again: it would be older than its retry list allows (within)");
}

static void what_is_not_worth_it_is_given_up_at_once(void **state) {
    (void)state;
    fixture_script.status = 404;
    fixture_subscribe(engine, "{" URL ",\"jitter\":0,\"retry\":[0,1000],\"retry_on\":[\"timeout\",503]}", id);
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"exhausted\"");
    assert_deliveries("status: answered 404; not tried again, by retry_on");
    fixture_script.status = 503;
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 2);
    pass(1000, 3);
    fixture_script.status = 0;
    fixture_script.error = WH_ETIMEOUT;
    fixture_publish(engine, "a", "3", NULL);
    pass(0, 4);
    pass(1000, 5);
    fixture_script.error = WH_ECONNECT;
    fixture_publish(engine, "a", "4", NULL);
    pass(0, 6);
    pass(1000, 6);
}

static void giving_up_at_once_is_news_of_its_health(void **state) {
    char *text;

    (void)state;
    fixture_script.status = 404;
    fixture_subscribe(engine, "{" URL ",\"retry_on\":[]}", id);
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"health\":\"failing\"");
    wh_free(text);
}

static void jitter_spreads_up_to_its_share(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"jitter\":100,\"retry\":[0,1000]}", id);
    for (int i = 0; i < 20; i++) {
        fixture_publish(engine, "a", "1", NULL);
    }
    pass(0, 20);
    pass(999, 20);
    atomic_fetch_add(&fixture_time, 501);
    fixture_run(engine);
    assert_in_range(fixture_count(), 21, 39); /* of twenty that are spread over a second not all are in one half */
    pass(500, 40);
}

static int64_t connect_timeout, answer_timeout, timeout;

static void look_at_it(whi_request *request, void *payload) {
    (void)payload;
    connect_timeout = request->connect_timeout;
    answer_timeout = request->answer_timeout;
    timeout = request->timeout;
    request->status = 200;
}

static void the_parts_of_a_request_have_their_times(void **state) {
    (void)state;
    fixture_script.answer = look_at_it;
    fixture_subscribe(engine, "{" URL ",\"timeout\":3000,\"timeouts\":{\"connect\":700,\"answer\":900}}", id);
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_int_equal(connect_timeout, 700);
    assert_int_equal(answer_timeout, 900);
    assert_int_equal(timeout, 3000);
    assert_int_equal(wh_subscription_update(engine, id, "{\"timeouts\":null}", WH_ZSTR), WH_OK);
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 2);
    assert_int_equal(answer_timeout, 0);
    assert_int_not_equal(connect_timeout, 700);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_type_has_its_list, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_ends_by_age, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_worth_it_is_given_up_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(giving_up_at_once_is_news_of_its_health, setup, teardown),
        cmocka_unit_test_setup_teardown(jitter_spreads_up_to_its_share, setup, teardown),
        cmocka_unit_test_setup_teardown(the_parts_of_a_request_have_their_times, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
