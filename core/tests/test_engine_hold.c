/* Pauses that hold: what comes meanwhile waits, and goes out in its order afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "life_kit.h"

#define URL "\"url\":\"https://example.com/hook\""
#define DAY INT64_C(86400000)

static wh_engine *engine;
static char id[WH_ID_SIZE];

static wh_engine *open_store(const char *store) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = &fake_rules;
    return fixture_open(store, &options);
}

static int setup(void **state) {
    fixture_setup(state);
    engine = open_store(":memory:");
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void update(const char *document) {
    assert_int_equal(wh_subscription_update(engine, id, document, WH_ZSTR), WH_OK);
}

static void assert_document(const char *part) {
    char *text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));

    assert_has(text, part);
    wh_free(text);
}

static void publish_key(const char *key, int n) {
    char payload[24];

    snprintf(payload, sizeof payload, "%d", n);
    assert_int_equal(life_publish(engine, "a", key, payload), WH_OK);
}

static void assert_sent(const char *const *bodies, size_t count) {
    assert_int_equal(fixture_count(), count);
    for (size_t i = 0; i < count; i++) {
        assert_string_equal(fixture_sent[i].body, bodies[i]);
    }
}

static void what_comes_in_a_pause_that_holds_goes_out_when_it_ends(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"],\"paused\":\"hold\"}", id);
    assert_document("\"paused\":\"hold\"");
    publish_key(NULL, 1);
    publish_key(NULL, 2);
    fixture_publish(engine, "b", "3", NULL); /* by its patterns it is not for it */
    fixture_run(engine);
    assert_int_equal(fixture_count(), 0);
    assert_int_equal(life_states(engine, "waiting"), 2);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
    life_assert_delivered(engine, 2);
}

static void an_order_goes_on_behind_what_was_held(void **state) {
    static const char *const bodies[] = { "1", "2", "3", "4", "5" };

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"}", id);
    publish_key(NULL, 1);
    fixture_run(engine);
    update("{\"paused\":\"hold\"}");
    for (int n = 2; n <= 4; n++) {
        publish_key(NULL, n);
    }
    fixture_run(engine);
    assert_int_equal(fixture_count(), 1);
    update("{\"paused\":false}");
    publish_key(NULL, 5);
    fixture_run(engine);
    assert_sent(bodies, 5);
}

static void of_a_latest_key_the_newest_is_held(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"latest\",\"paused\":\"hold\"}", id);
    publish_key("k", 1);
    publish_key("k", 2);
    publish_key("l", 3);
    publish_key("k", 4);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 2);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
}

static void the_rule_decides_when_it_comes_and_not_when_it_goes(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project 1\",\"paused\":\"hold\"}", id);
    publish_key(NULL, 7);
    fixture_run(engine);
    update("{\"rule\":\"project 2\"}");
    publish_key(NULL, 7);
    fixture_run(engine);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
    assert_int_equal(fixture_sent[0].body[0] + fixture_sent[1].body[0], '1' + '2');
}

static void true_leaves_a_pause_that_holds_and_drop_ends_it(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"paused\":\"hold\"}", id);
    update("{\"paused\":true,\"name\":\"x\"}");
    assert_document("\"paused\":\"hold\"");
    publish_key(NULL, 1);
    fixture_run(engine);
    update("{\"paused\":\"drop\"}");
    assert_document("\"paused\":true");
    publish_key(NULL, 2);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 1); /* what it held stays */
    update("{\"paused\":\"hold\"}");
    publish_key(NULL, 3);
    fixture_run(engine);
    update("{\"paused\":null}");
    assert_document("\"paused\":false");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
}

static void explain_and_lists_say_that_it_waits(void **state) {
    char event[WH_ID_SIZE], *text;
    wh_query query = WH_QUERY_INIT;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"paused\":\"hold\"}", id);
    fixture_publish(engine, "a", "1", event);
    text = DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
    if (strstr(text, "\"outcome\":\"waiting\"") == NULL) { /* threads may not have come to it */
        assert_has(text, "\"outcome\":\"pending\"");
    }
    wh_free(text);
    fixture_run(engine);
    text = DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"outcome\":\"waiting\"");
    wh_free(text);
    query.state = "paused";
    text = DOCUMENT(wh_subscriptions(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, id);
    wh_free(text);
    assert_int_equal(wh_idle(engine), 1);
}

static void what_is_held_is_not_deleted_however_long(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"paused\":\"hold\"}", id);
    publish_key(NULL, 1);
    fixture_publish(engine, "a", "2", NULL); /* from which numbers go on */
    fixture_run(engine);
    for (int i = 0; i < 40; i++) {
        atomic_fetch_add(&fixture_time, DAY);
        fixture_run(engine);
    }
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 2);
}

static void what_comes_after_its_end_is_not_held(void **state) {
    char document[160];

    (void)state;
    snprintf(document, sizeof document, "{" URL ",\"paused\":\"hold\",\"expires_at\":%lld}",
             (long long)atomic_load(&fixture_time) + DAY);
    fixture_subscribe(engine, document, id);
    publish_key(NULL, 1);
    fixture_run(engine);
    atomic_fetch_add(&fixture_time, 2 * DAY);
    publish_key(NULL, 2);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 1);
}

static void one_for_one_event_holds_one(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"paused\":\"hold\",\"single_use\":true}", id);
    publish_key(NULL, 1);
    fixture_run(engine);
    publish_key(NULL, 2);
    fixture_run(engine);
    assert_int_equal(life_states(engine, "waiting"), 1);
    update("{\"paused\":false}");
    fixture_run(engine);
    assert_int_equal(fixture_count(), 1);
    assert_string_equal(fixture_sent[0].body, "1");
}

static void what_is_held_outlives_the_process(void **state) {
    const char *file = fixture_file();
    wh_engine *first = open_store(file);

    (void)state;
    fixture_subscribe(first, "{" URL ",\"order\":\"fifo\",\"paused\":\"hold\"}", id);
    for (int i = 0; i < 2200; i++) { /* more than a lane has room for */
        assert_int_equal(life_publish(first, "a", NULL, "1"), WH_OK);
        if (i % 500 == 0) {
            fixture_run(first);
        }
    }
    wh_close(first);
    first = open_store(file);
    fixture_run(first);
    assert_int_equal(fixture_count(), 0);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries"), 2200);
    assert_int_equal(wh_subscription_update(first, id, "{\"paused\":false}", WH_ZSTR), WH_OK);
    fixture_run(first);
    assert_int_equal(fixture_count(), 2200);
    wh_close(first);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(what_comes_in_a_pause_that_holds_goes_out_when_it_ends),
        TEST(an_order_goes_on_behind_what_was_held),
        TEST(of_a_latest_key_the_newest_is_held),
        TEST(the_rule_decides_when_it_comes_and_not_when_it_goes),
        TEST(true_leaves_a_pause_that_holds_and_drop_ends_it),
        TEST(explain_and_lists_say_that_it_waits),
        TEST(what_is_held_is_not_deleted_however_long),
        TEST(what_comes_after_its_end_is_not_held),
        TEST(one_for_one_event_holds_one),
        TEST(what_is_held_outlives_the_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
