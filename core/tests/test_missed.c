/* Deliveries of stored events that a subscription never got. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *engine;
static char id[WH_ID_SIZE];

static int setup(void **state) {
    wh_options options = WH_OPTIONS_INIT;

    fixture_setup(state);
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void publish_as(const char *event, const char *type, const char *tenant, const char *source,
                       const char *payload) {
    wh_event made = WH_EVENT_INIT;

    made.id = event;
    made.type = type;
    made.tenant = tenant;
    made.source = source;
    made.payload = payload;
    made.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &made, NULL), WH_OK);
}

static void publish_numbers(int from, int count) {
    char payload[24];

    for (int i = from; i < from + count; i++) {
        snprintf(payload, sizeof payload, "{\"n\":%d}", i);
        publish_as(NULL, "a", NULL, NULL, payload);
    }
}

static int64_t ask(const wh_query *query, int dry_run) {
    int64_t count = -1;

    assert_int_equal(wh_replay_missed(engine, id, query, dry_run, &count), WH_OK);
    return count;
}

/* Counts first, which makes none, and then makes them. */
static void assert_missed(const wh_query *query, int64_t count) {
    assert_int_equal(ask(query, 1), count);
    assert_int_equal(ask(query, 1), count);
    assert_int_equal(ask(query, 0), count);
    assert_int_equal(ask(query, 0), 0);
}

static void assert_numbers_arrived(int from, int count) {
    assert_int_equal(fixture_sent_count, count);
    for (int i = 0; i < count; i++) {
        char body[24];
        snprintf(body, sizeof body, "{\"n\":%d}", from + i);
        assert_string_equal(fixture_sent[i].body, body);
    }
}

static char *deliveries(const char *state) {
    wh_query query = WH_QUERY_INIT;

    query.state = state;
    return DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
}

static void assert_delivery_has(const char *state, const char *part) {
    char *text = deliveries(state);

    assert_has(text, part);
    wh_free(text);
}

static void update(const char *document) {
    assert_int_equal(wh_subscription_update(engine, id, document, WH_ZSTR), WH_OK);
}

static void what_came_before_it_was_made_is_sent(void **state) {
    (void)state;
    publish_numbers(1, 3);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL "}", id);
    publish_numbers(4, 1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_missed(NULL, 3);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4);
    assert_missed(NULL, 0);
}

/* Fan-out comes to them later, and gives them to nobody who was made after them. */
static void also_when_nobody_has_looked_at_it_yet(void **state) {
    (void)state;
    publish_numbers(1, 2);
    fixture_subscribe(engine, "{" URL "}", id);
    assert_missed(NULL, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
}

static void what_fan_out_will_decide_is_left_to_it(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    publish_numbers(1, 2);
    assert_missed(NULL, 0);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_missed(NULL, 0);
}

static void what_came_during_a_pause_is_sent(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    update("{\"paused\":true}");
    publish_numbers(1, 2);
    fixture_run(engine);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    assert_missed(NULL, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
}

static void what_is_made_during_a_pause_waits_for_its_end(void **state) {
    (void)state;
    publish_numbers(1, 2);
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_run(engine);
    update("{\"paused\":true}");
    assert_missed(NULL, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
}

static void the_present_version_decides(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"filters\":{\"n\":99},\"fields\":\"x\"}", id);
    publish_as(NULL, "a", NULL, NULL, "{\"n\":1,\"x\":5}");
    publish_as(NULL, "a", NULL, NULL, "{\"n\":2,\"x\":6}");
    fixture_run(engine);
    assert_missed(NULL, 0);
    update("{\"filters\":{\"n\":1},\"fields\":\"n\"}");
    assert_missed(NULL, 1);
    assert_delivery_has("waiting", "\"version\":2");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"n\":1}");
}

static void of_another_type_source_or_tenant_nothing_is_missed(void **state) {
    (void)state;
    publish_as("e1", "order.paid", "acme", "shop", "{}");
    publish_as("e2", "note", "acme", "shop", "{}");
    publish_as("e3", "order.paid", "acme", "till", "{}");
    publish_as("e4", "order.paid", "other", "shop", "{}");
    publish_as("e5", "order.paid", NULL, "shop", "{}");
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"tenant\":\"acme\",\"source\":\"shop\",\"events\":[\"order.*\"]}", id);
    assert_missed(NULL, 1);
    assert_delivery_has("waiting", "\"event\":\"e1\"");
    fixture_subscribe(engine, "{" URL ",\"source\":\"shop\"}", id);
    assert_missed(NULL, 1);
    assert_delivery_has("waiting", "\"event\":\"e5\"");
}

static void what_came_after_its_end_is_not_missed(void **state) {
    char document[128];

    (void)state;
    publish_numbers(1, 1);
    atomic_fetch_add(&fixture_time, 10000);
    snprintf(document, sizeof document, "{" URL ",\"expires_at\":%lld}", (long long)fixture_time + 5000);
    fixture_subscribe(engine, document, id);
    atomic_fetch_add(&fixture_time, 10000);
    publish_numbers(2, 1);
    fixture_run(engine);
    assert_missed(NULL, 1);
}

static void what_there_is_in_any_state_is_not_made_again(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0]}", id);
    publish_numbers(1, 1);
    fixture_run(engine);
    fixture_script.status = 500;
    publish_numbers(2, 1);
    fixture_run(engine);
    assert_delivery_has("delivered", "\"state\":\"delivered\"");
    assert_delivery_has("exhausted", "\"state\":\"exhausted\"");
    assert_missed(NULL, 0);
}

static void a_rule_that_fails_does_what_its_policy_says(void **state) {
    (void)state;
    publish_numbers(1, 1);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\",\"on_rule_error\":\"skip\"}", id);
    assert_missed(NULL, 0);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\",\"on_rule_error\":\"send\"}", id);
    assert_missed(NULL, 1);
    fixture_run(engine);
    assert_numbers_arrived(1, 1);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    assert_missed(NULL, 1);
    fixture_run(engine);
    assert_delivery_has("held", "\"error\":\"rule_runtime: line 3: no\"");
    update("{\"rule\":\"pass\"}");
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
}

static void a_rule_gives_bytes_headers_a_key_and_a_delay(void **state) {
    (void)state;
    publish_numbers(1, 1);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"extras\",\"order\":\"key\"}", id);
    publish_numbers(2, 1);
    fixture_run(engine);
    assert_missed(NULL, 1);
    for (int i = 0; i < 2; i++) {
        wh_query query = WH_QUERY_INIT;
        char *text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
        char *second = strstr(text, "},{");
        assert_non_null(second);
        *second = '\0';
        assert_has(text, "\"key\":\"k\"");
        assert_has(second + 1, "\"key\":\"k\"");
        assert_has(second + 1, "\"headers\":{");
        wh_free(text);
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    atomic_fetch_add(&fixture_time, 3600000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
}

static void without_an_order_the_delay_counts_from_now(void **state) {
    (void)state;
    publish_numbers(1, 1);
    fixture_run(engine);
    atomic_fetch_add(&fixture_time, 60000);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"extras\"}", id);
    assert_missed(NULL, 1);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    atomic_fetch_add(&fixture_time, 1000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
}

/* More than the rows, and more than the events, of one page. */
static void many_pages_keep_their_order(void **state) {
    (void)state;
    for (int i = 0; i < 700; i++) {
        publish_as(NULL, "other", NULL, NULL, "{}");
    }
    publish_numbers(0, 700);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"events\":[\"a\"]}", id);
    assert_missed(NULL, 700);
    fixture_run(engine);
    assert_numbers_arrived(0, 700);
}

/* Their bodies are more than a page may have. */
static void what_a_rule_makes_much_of_is_made_in_parts(void **state) {
    size_t size = 20000;
    char *document = malloc(size + 200);
    int used = snprintf(document, size + 200, "{" URL ",\"rule\":\"project [\\\"%0*d\\\"]\"}", (int)size, 7);

    (void)state;
    assert_true(used > (int)size && used < (int)size + 200);
    publish_numbers(0, 130);
    fixture_run(engine);
    fixture_subscribe(engine, document, id);
    free(document);
    assert_missed(NULL, 130);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 130);
    assert_int_equal(fixture_sent[129].body_size, size + 4);
}

static void of_a_key_the_latest_that_was_missed_is_sent(void **state) {
    wh_event event = WH_EVENT_INIT;

    (void)state;
    event.type = "a";
    event.key = "k";
    event.payload_size = WH_ZSTR;
    event.payload = "{\"n\":1}";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
    event.payload = "{\"n\":2}";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"order\":\"latest\"}", id);
    assert_missed(NULL, 2);
    fixture_run(engine);
    assert_numbers_arrived(2, 1);
    assert_delivery_has("cancelled", "\"error\":\"superseded\"");
}

static void a_span_a_type_or_one_event_is_asked_for(void **state) {
    wh_query query = WH_QUERY_INIT, span = WH_QUERY_INIT, none = WH_QUERY_INIT;
    int64_t second;

    (void)state;
    publish_as("e1", "a", NULL, NULL, "{}");
    atomic_fetch_add(&fixture_time, 10000);
    second = fixture_time;
    publish_as("e2", "b", NULL, NULL, "{}");
    atomic_fetch_add(&fixture_time, 10000);
    publish_as("e3", "a", NULL, NULL, "{}");
    publish_as("e4", "a", NULL, NULL, "{}");
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL "}", id);
    span.since = second;
    span.until = second + 1;
    none.since = second;
    none.event = "e1";
    query.type = "b";
    assert_int_equal(ask(&query, 1), 1);
    assert_int_equal(ask(&none, 1), 0);
    assert_missed(&span, 1);
    assert_delivery_has("waiting", "\"event\":\"e2\"");
    query = (wh_query)WH_QUERY_INIT;
    query.event = "e3";
    assert_missed(&query, 1);
    assert_delivery_has("waiting", "\"event\":\"e3\"");
    assert_missed(NULL, 2);
}

static void assert_refused(const wh_query *query, int expected, const char *field) {
    int64_t count = -1;

    assert_int_equal(wh_replay_missed(engine, id, query, 0, &count), expected);
    assert_string_equal(wh_last_error_field(), field);
    assert_int_equal(count, 0);
}

static void what_is_wrong_is_refused(void **state) {
    wh_query query = WH_QUERY_INIT;

    (void)state;
    publish_numbers(1, 1);
    snprintf(id, sizeof id, "sub_0000000000009");
    assert_refused(NULL, WH_ENOTFOUND, "subscription");
    snprintf(id, sizeof id, "no id");
    assert_refused(NULL, WH_ENOTFOUND, "subscription");
    assert_int_equal(wh_replay_missed(engine, NULL, NULL, 0, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_replay_missed(NULL, id, NULL, 0, NULL), WH_EINVALID);
    fixture_subscribe(engine, "{" URL "}", id);
    query.state = "held";
    assert_refused(&query, WH_EINVALID, "state");
    query = (wh_query)WH_QUERY_INIT;
    query.limit = 5;
    assert_refused(&query, WH_EINVALID, "limit");
    query = (wh_query)WH_QUERY_INIT;
    query.event = "nothing";
    assert_refused(&query, WH_ENOTFOUND, "event");
    query = (wh_query)WH_QUERY_INIT;
    query.since = 5;
    assert_refused(&query, WH_EINVALID, "since");
    fixture_subscribe(engine, "{" URL ",\"single_use\":true}", id);
    assert_refused(NULL, WH_EINVALID, "subscription");
    assert_has(wh_last_error(), "single_use");
}

/* What would wait for it was to be cancelled. */
static void a_disabled_one_is_to_be_resumed_before(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_script.status = 410;
    publish_numbers(1, 1);
    fixture_run(engine);
    fixture_script.status = 200;
    publish_numbers(2, 2);
    fixture_run(engine);
    assert_refused(NULL, WH_ECONFLICT, "subscription");
    update("{\"paused\":false}");
    assert_missed(NULL, 2);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
}

static void memory_that_runs_out_is_told(void **state) {
    int failed = 1;

    (void)state;
    publish_numbers(1, 3);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"extras\",\"order\":\"key\"}", id);
    for (long n = 0; failed; n++) {
        int64_t count = 0;
        int code;
        fault_set(n);
        code = wh_replay_missed(engine, id, NULL, 1, &count);
        failed = fault_clear();
        assert_true(code == WH_OK || (failed && (code == WH_ENOMEM || code == WH_ESTORE)));
        assert_int_equal(count, code == WH_OK ? 3 : 0);
    }
    assert_missed(NULL, 3);
}

static void *replay_along(void *payload) {
    *(int64_t *)payload = ask(NULL, 0);
    return NULL;
}

/* The rule takes so long that both have decided before one has written. */
static void of_two_at_once_one_makes_each(void **state) {
    int64_t counts[2] = { 0, 0 };
    pthread_t thread;

    (void)state;
    publish_numbers(0, 100);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"slow 2000\"}", id);
    assert_int_equal(pthread_create(&thread, NULL, replay_along, &counts[0]), 0);
    replay_along(&counts[1]);
    pthread_join(thread, NULL);
    assert_int_equal(counts[0] + counts[1], 100);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 100);
}

static void threads_that_rest_send_it(void **state) {
    (void)state;
    publish_numbers(0, 3);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL "}", id);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    while (!wh_idle(engine)) {}
    assert_int_equal(ask(NULL, 0), 3);
    for (int i = 0; i < 2000 && fixture_count() < 3; i++) {
        usleep(1000);
    }
    assert_int_equal(fixture_count(), 3);
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
}

static void *publish_along(void *payload) {
    (void)payload;
    publish_numbers(1000, 200);
    return NULL;
}

/* Each once, whoever makes it. */
static void it_runs_while_others_publish_and_deliver(void **state) {
    pthread_t thread;
    char *seen = calloc(1200, 1);

    (void)state;
    publish_numbers(0, 200);
    fixture_run(engine);
    fixture_subscribe(engine, "{" URL "}", id);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(pthread_create(&thread, NULL, publish_along, NULL), 0);
    for (int i = 0; i < 10; i++) {
        ask(NULL, 0);
    }
    pthread_join(thread, NULL);
    while (!wh_idle(engine)) {}
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
    assert_int_equal(fixture_sent_count, 400);
    for (size_t i = 0; i < fixture_sent_count; i++) {
        int n = (int)strtol(fixture_sent[i].body + 5, NULL, 10);
        assert_false(seen[n]);
        seen[n] = 1;
    }
    free(seen);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_came_before_it_was_made_is_sent),
        TEST(also_when_nobody_has_looked_at_it_yet),
        TEST(what_fan_out_will_decide_is_left_to_it),
        TEST(what_came_during_a_pause_is_sent),
        TEST(what_is_made_during_a_pause_waits_for_its_end),
        TEST(the_present_version_decides),
        TEST(of_another_type_source_or_tenant_nothing_is_missed),
        TEST(what_came_after_its_end_is_not_missed),
        TEST(what_there_is_in_any_state_is_not_made_again),
        TEST(a_rule_that_fails_does_what_its_policy_says),
        TEST(a_rule_gives_bytes_headers_a_key_and_a_delay),
        TEST(without_an_order_the_delay_counts_from_now),
        TEST(many_pages_keep_their_order),
        TEST(what_a_rule_makes_much_of_is_made_in_parts),
        TEST(of_a_key_the_latest_that_was_missed_is_sent),
        TEST(a_span_a_type_or_one_event_is_asked_for),
        TEST(what_is_wrong_is_refused),
        TEST(a_disabled_one_is_to_be_resumed_before),
        TEST(memory_that_runs_out_is_told),
        TEST(of_two_at_once_one_makes_each),
        TEST(threads_that_rest_send_it),
        TEST(it_runs_while_others_publish_and_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
