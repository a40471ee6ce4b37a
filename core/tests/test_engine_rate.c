/* A subscription's rate: what it lets go, what waits for it, and who knows of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "webhook_explain.h"

#define URL "\"url\":\"https://example.com/hook\""
#define TEN "\"rate\":{\"count\":10,\"per\":60}" /* one in six seconds */
#define STEP 6000

static wh_engine *engine;
static char id[WH_ID_SIZE];

static int setup(void **state) {
    fixture_setup(state);
    engine = fixture_open(":memory:", NULL);
    life_settle(engine);
    atomic_fetch_add(&fixture_time, 1); /* what is subscribed now is younger than what the engine knows of */
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void publish_many(wh_engine *to, int count) {
    for (int i = 1; i <= count; i++) {
        char payload[24];
        snprintf(payload, sizeof payload, "%d", i);
        fixture_publish(to, "a", payload, NULL);
    }
}

static void update(const char *document) {
    assert_int_equal(wh_subscription_update(engine, id, document, WH_ZSTR), WH_OK);
}

/* What has been sent when so much time has passed. */
static void pass(wh_engine *of, int64_t ms, size_t count) {
    atomic_fetch_add(&fixture_time, ms);
    life_settle(of);
    assert_int_equal(fixture_count(), count);
}

static void assert_stats(const char *part) {
    char *text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));

    assert_has(text, part);
    wh_free(text);
}

static void wait_stats(const char *part) {
    int64_t end = whi_monotonic_us() + 30000000;
    int found = 0;

    while (!found && whi_monotonic_us() < end) {
        char *text = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));
        found = strstr(text, part) != NULL;
        wh_free(text);
        usleep(1000);
    }
    assert_true(found);
}

/* --------------------------------------------------------------------------- the rate */

static void a_burst_goes_at_once_and_the_rest_evenly(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "," TEN "}", id);
    publish_many(engine, 13);
    pass(engine, 0, 10);
    pass(engine, STEP - 1, 10);
    pass(engine, 1, 11);
    pass(engine, 2 * STEP, 13);
    for (size_t i = 0; i < 13; i++) {
        assert_int_equal(strtol(fixture_sent[i].body, NULL, 10), i + 1); /* what came first goes first */
    }
    life_assert_delivered(engine, 13);
    pass(engine, 100 * STEP, 13);
    publish_many(engine, 20); /* no more than the burst has been saved */
    pass(engine, 0, 23);
}

static void a_clock_that_is_put_back_keeps_it_no_longer(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "," TEN "}", id);
    publish_many(engine, 12);
    pass(engine, 0, 10);
    pass(engine, -3600000, 10);
    publish_many(engine, 2);
    pass(engine, STEP, 11);
    pass(engine, STEP, 12);
}

static void what_is_new_does_not_overtake_what_waits(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}", id);
    publish_many(engine, 3);
    pass(engine, 0, 1);
    atomic_fetch_add(&fixture_time, STEP); /* one may go, and nobody has turned yet */
    fixture_publish(engine, "a", "99", NULL);
    pass(engine, 0, 2);
    pass(engine, STEP, 3);
    pass(engine, STEP, 4);
    assert_string_equal(fixture_sent[1].body, "2");
    assert_string_equal(fixture_sent[3].body, "99");
}

static void every_attempt_counts(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"retry\":[0,1,1],\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}", id);
    publish_many(engine, 1);
    pass(engine, 0, 1);
    pass(engine, 10, 1); /* its time has come, and its rate keeps it */
    pass(engine, STEP, 2);
    pass(engine, STEP, 3);
    pass(engine, 10 * STEP, 3);
}

static void replays_obey_it(void **state) {
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":10,\"per\":60,\"burst\":2}}", id);
    publish_many(engine, 2);
    pass(engine, 0, 2);
    query.subscription = id;
    query.state = "delivered";
    assert_int_equal(wh_replay_query(engine, &query, &count), WH_OK);
    assert_int_equal(count, 2);
    pass(engine, 0, 2);
    pass(engine, STEP, 3);
    pass(engine, STEP, 4);
}

static void orders_obey_it(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\",\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}", id);
    publish_many(engine, 4);
    for (size_t i = 0; i < 4; i++) {
        pass(engine, i == 0 ? 0 : STEP, i + 1);
        assert_int_equal(strtol(fixture_sent[i].body, NULL, 10), i + 1);
    }
}

static void each_subscription_has_its_own(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":1,\"per\":60}}", NULL);
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":2,\"per\":60}}", NULL);
    fixture_subscribe(engine, "{" URL "}", NULL);
    publish_many(engine, 5);
    pass(engine, 0, 1 + 2 + 5);
    pass(engine, 60000, 2 + 4 + 5);
}

/* As many wait in memory as may go, but the receiver hangs: the lane looks again when one of those is gone, and not all
 * the time. */
static void who_hangs_is_not_looked_at_all_the_time(void **state) {
    (void)state;
    atomic_store(&fixture_script.hang, 1);
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":3,\"per\":60}}", id);
    publish_many(engine, 5);
    pass(engine, 0, 1);
    assert_true(wh_timeout(engine) > 0);
    atomic_store(&fixture_script.hang, 0);
    pass(engine, 0, 3);
    pass(engine, 40000, 5);
}

/* ----------------------------------------------------------------------------- changes */

static void a_rate_that_goes_lets_all_go_at_once(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":1,\"per\":86400}}", id);
    publish_many(engine, 5);
    pass(engine, 0, 1);
    update("{\"rate\":null}");
    pass(engine, 0, 5);
}

static void a_higher_rate_counts_at_once(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":1,\"per\":86400}}", id);
    publish_many(engine, 5);
    pass(engine, 0, 1);
    update("{\"rate\":{\"count\":10,\"per\":60}}");
    pass(engine, 0, 1);
    pass(engine, STEP, 2);
    pass(engine, 3 * STEP, 5);
}

static void a_lower_rate_counts_at_once(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "," TEN "}", id);
    publish_many(engine, 2);
    pass(engine, 0, 2);
    update("{\"rate\":{\"count\":1,\"per\":60}}");
    publish_many(engine, 4);
    pass(engine, 0, 3); /* of the eight that were left one has room */
    pass(engine, 59999, 3);
    pass(engine, 1, 4);
}

static void a_rate_that_comes_counts_for_what_is_not_sent(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    publish_many(engine, 5);
    pass(engine, 0, 5);
    publish_many(engine, 5);
    update("{\"rate\":{\"count\":2,\"per\":60}}");
    pass(engine, 0, 7);
    pass(engine, 30000, 8);
}

static void what_waits_rests_while_it_is_paused(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "," TEN "}", id);
    publish_many(engine, 12);
    pass(engine, 0, 10);
    assert_stats("\"waiting_for_rate\":1");
    update("{\"paused\":true}");
    pass(engine, 0, 10);
    assert_stats("\"waiting_for_rate\":0");
    pass(engine, 10 * STEP, 10);
    update("{\"paused\":false}");
    pass(engine, 0, 12);
}

/* ----------------------------------------------------------------------------- looking */

static char *explained(const char *event) {
    return DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
}

static void what_waits_for_it_is_seen_and_not_failing(void **state) {
    char event[WH_ID_SIZE], *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":1,\"per\":60}}", id);
    publish_many(engine, 1);
    fixture_publish(engine, "a", "2", event);
    pass(engine, 0, 1);
    assert_int_equal(wh_idle(engine), 0);
    for (int i = 0; i < 20 && wh_timeout(engine) == 0; i++) { /* what was due by the machine's clock meanwhile */
        life_settle(engine);
    }
    assert_in_range(wh_timeout(engine), 1, 60000);
    assert_stats("\"waiting_for_rate\":1");
    text = explained(event);
    assert_has(text, "\"outcome\":\"waiting\"");
    assert_has(text, "\"attempts\":0");
    assert_has(text, "\"waits_for\":\"rate\"");
    wh_free(text);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"rate\":{\"count\":1,\"per\":60}");
    assert_has(text, "\"health\":\"healthy\"");
    assert_has(text, "\"waiting\":1");
    wh_free(text);
    pass(engine, 60000, 2);
    assert_stats("\"waiting_for_rate\":0");
    text = explained(event);
    assert_null(strstr(text, "waits_for"));
    wh_free(text);
}

/* ------------------------------------------------------------------------- who owns it */

/* What it had before nobody knows: it is as if it had been empty when this process came to it. */
static void after_an_opening_it_begins_empty(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two;

    (void)state;
    life_settle(one);
    atomic_fetch_add(&fixture_time, 1);
    fixture_subscribe(one, "{" URL "," TEN "}", NULL);
    publish_many(one, 10);
    pass(one, 0, 10);
    publish_many(one, 5);
    wh_close(one);
    two = fixture_open(file, NULL);
    pass(two, 0, 10);
    pass(two, STEP, 11);
    pass(two, 4 * STEP, 15);
    wh_close(two);
}

/* The one has used up what there was; the other begins with nothing, whoever publishes. */
static void two_engines_keep_it_together(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two = fixture_open(file, NULL);

    (void)state;
    fixture_subscribe(one, "{" URL "," TEN "}", NULL);
    fixture_subscribe(one, "{" URL "," TEN "}", NULL);
    for (int i = 0; i < 15; i++) {
        publish_many(i % 2 ? one : two, 1);
    }
    for (int64_t now = 0; now < 10 * STEP; now += STEP) {
        for (int i = 0; i < 10; i++) {
            fixture_turn(one);
            fixture_turn(two);
        }
        assert_true(fixture_count() <= (size_t)(2 * (10 + now / STEP)));
        atomic_fetch_add(&fixture_time, STEP);
    }
    wh_close(one);
    for (int i = 0; i < 20; i++) {
        atomic_fetch_add(&fixture_time, STEP);
        life_settle(two);
    }
    assert_int_equal(fixture_count(), 30);
    life_assert_delivered(two, 30);
    wh_close(two);
}

static void two_workers_keep_it_for_each_subscription(void **state) {
    (void)state;
    assert_int_equal(wh_start(engine, 2), WH_OK);
    while (atomic_load(&engine->position->count) < WH_PARTITIONS) {
        usleep(500);
    }
    atomic_fetch_add(&fixture_time, 1);
    for (int i = 0; i < 20; i++) {
        fixture_subscribe(engine, "{" URL ",\"rate\":{\"count\":3,\"per\":60}}", NULL);
    }
    publish_many(engine, 5);
    life_wait_sent(20 * 3);
    wait_stats("\"waiting_for_rate\":20"); /* so each has found that no more may go */
    assert_int_equal(fixture_count(), 20 * 3);
    atomic_fetch_add(&fixture_time, 20000);
    life_wait_sent(20 * 4);
    assert_int_equal(fixture_count(), 20 * 4);
    atomic_fetch_add(&fixture_time, 20000);
    life_wait_sent(20 * 5);
    life_wait_idle(engine);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    life_assert_delivered(engine, 100);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_burst_goes_at_once_and_the_rest_evenly),
        TEST(a_clock_that_is_put_back_keeps_it_no_longer),
        TEST(what_is_new_does_not_overtake_what_waits),
        TEST(every_attempt_counts),
        TEST(replays_obey_it),
        TEST(orders_obey_it),
        TEST(each_subscription_has_its_own),
        TEST(who_hangs_is_not_looked_at_all_the_time),
        TEST(a_rate_that_goes_lets_all_go_at_once),
        TEST(a_higher_rate_counts_at_once),
        TEST(a_lower_rate_counts_at_once),
        TEST(a_rate_that_comes_counts_for_what_is_not_sent),
        TEST(what_waits_rests_while_it_is_paused),
        TEST(what_waits_for_it_is_seen_and_not_failing),
        TEST(after_an_opening_it_begins_empty),
        TEST(two_engines_keep_it_together),
        TEST(two_workers_keep_it_for_each_subscription),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
