/* A subscription's breaker and its retry budget, in an engine, by a clock that stands until it is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "webhook_explain.h"
#include "work/allowance.h"

#define URL "\"url\":\"https://example.com/hook\""
/* Half of four within a minute; ten seconds, and forty at most. */
#define BREAKER "\"breaker\":{\"failures\":50,\"least\":4,\"window\":60,\"pause\":10,\"longest\":40}"
#define PAUSE 10000

static wh_engine *engine;
static char id[WH_ID_SIZE], event[WH_ID_SIZE];

static int setup(void **state) {
    fixture_setup(state);
    engine = fixture_open(":memory:", NULL);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void publish(int count) {
    for (int i = 0; i < count; i++) {
        fixture_publish(engine, "a", "1", event);
    }
}

/* What has been sent when so much time has passed. */
static void pass(int64_t ms, size_t count) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
    assert_int_equal(fixture_count(), count);
}

static void assert_in(int code, char **handed, const char *part) {
    char *text = fixture_text(code, handed, &fixture_size);

    assert_has(text, part);
    wh_free(text);
}
#define SUBSCRIPTION(part) assert_in(wh_subscription(engine, id, &fixture_handed, &fixture_size), &fixture_handed, part)
#define STATS(part) assert_in(wh_stats(engine, &fixture_handed, &fixture_size), &fixture_handed, part)
#define EXPLAIN(part)                                                                                                  \
    assert_in(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size), &fixture_handed, part)

/* One that is open, by four deliveries that are tried again much later. */
static void break_it(void) {
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL "," BREAKER ",\"jitter\":0,\"retry\":[0,100000000,100000000]}", id);
    publish(4);
    pass(0, 4);
}

static void an_open_one_costs_a_probe_alone(void **state) {
    (void)state;
    break_it();
    publish(20);
    pass(0, 4);
    pass(PAUSE - 1, 4);
    pass(1, 5); /* one of twenty, and the next in twice the time */
    pass(2 * PAUSE - 1, 5);
    pass(1, 6);
    pass(4 * PAUSE, 7);
    pass(4 * PAUSE - 1, 7); /* the longest */
    pass(1, 8);
}

static void a_good_probe_lets_all_go(void **state) {
    (void)state;
    break_it();
    publish(20);
    pass(0, 4);
    fixture_script.status = 200;
    pass(PAUSE, 24);
    STATS("\"breakers_open\":0");
    publish(1);
    pass(0, 25);
}

static void what_comes_when_the_pause_is_over_is_the_probe(void **state) {
    (void)state;
    break_it();
    pass(PAUSE, 4); /* nothing waits */
    publish(3);
    pass(0, 5);
    fixture_script.status = 200;
    pass(2 * PAUSE, 7);
}

static void what_waits_uses_nothing_up(void **state) {
    (void)state;
    break_it();
    publish(1);
    pass(0, 4);
    pass(PAUSE - 1, 4);
    EXPLAIN("\"attempts\":0");
    EXPLAIN("\"waits_for\":\"breaker\"");
    SUBSCRIPTION("\"probe_at\":\"2");
    STATS("\"breakers_open\":1");
    assert_int_equal(wh_idle(engine), 1);
    fixture_script.status = 200;
    pass(1, 5);
    SUBSCRIPTION("\"probe_at\":null");
}

/* Nothing is committed meanwhile, so what was seen last would be remembered. */
static void who_asks_whether_there_is_something_to_do_hears_of_the_probe(void **state) {
    (void)state;
    break_it();
    publish(1);
    pass(0, 4);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(wh_idle(engine), 1);
    }
    atomic_fetch_add(&fixture_time, PAUSE - 1);
    assert_int_equal(wh_idle(engine), 1);
    atomic_fetch_add(&fixture_time, 1);
    assert_int_equal(wh_idle(engine), 0);
}

static void it_opens_by_its_share_alone(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "," BREAKER ",\"retry\":[0]}", id);
    publish(5);
    pass(0, 5);
    fixture_script.status = 500;
    publish(4); /* one after the other it is four of nine */
    pass(0, 9);
    publish(1);
    pass(0, 10);
    publish(1);
    pass(0, 10);
}

static void a_change_tries_at_once(void **state) {
    (void)state;
    break_it();
    publish(2);
    pass(0, 4);
    fixture_script.status = 200;
    assert_int_equal(wh_subscription_update(engine, id, "{\"url\":\"https://example.com/other\"}", WH_ZSTR), WH_OK);
    pass(0, 6);
}

static void without_it_all_are_tried(void **state) {
    (void)state;
    break_it();
    publish(2);
    pass(0, 4);
    assert_int_equal(wh_subscription_update(engine, id, "{\"breaker\":null}", WH_ZSTR), WH_OK);
    pass(0, 6);
    STATS("\"breakers_open\":0");
}

static void an_order_is_kept(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"order\":\"fifo\"," BREAKER ",\"jitter\":0,\"retry\":[0,0,0,0,0,0]}", id);
    fixture_publish(engine, "a", "1", NULL);
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 4);
    fixture_script.status = 200;
    pass(PAUSE, 6);
    assert_string_equal(fixture_sent[4].body, "1");
    assert_string_equal(fixture_sent[5].body, "2");
}

static void others_go_on(void **state) {
    (void)state;
    break_it();
    fixture_subscribe(engine, "{" URL ",\"events\":[\"a\"]}", NULL);
    publish(10);
    pass(0, 14);
}

static void retries_stay_within_their_budget(void **state) {
    (void)state;
    fixture_script.status = 500;
    fixture_subscribe(engine, "{" URL ",\"jitter\":0,\"retry_budget\":10,\"retry\":[0,1000]}", id);
    publish(100);
    pass(0, 100);
    pass(1000,
         111); /* ten that were saved, and one that the first ten have earned; each further one costs nine tenths */
    pass(7999, 111);
    pass(1, 112);
    pass(8999, 112);
    pass(1, 113);
    pass(900000, 200); /* none is given up for it */
}

static void deliveries_earn_retries(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"jitter\":0,\"retry_budget\":50,\"retry\":[0,1000]}", id);
    fixture_script.status = 500;
    publish(20);
    pass(0, 20);
    pass(1000, 39); /* ten that were saved, and nine and a half that were earned */
    pass(4000, 40);
}

/* A lane that rests is given up when there are very many, and must not forget what it has seen. */
static void a_lane_is_kept_while_it_has_something_to_forget(void **state) {
    const whi_worker *worker = engine->workers[0];
    whi_lane lane = { .breaker_rule = { 50, 4, 60000, 10000, 40000 } };

    (void)state;
    assert_true(whi_allowance_is_full(worker, &lane));
    whi_breaker_note(&lane.breaker, &lane.breaker_rule, whi_now(engine), 1);
    assert_false(whi_allowance_is_full(worker, &lane));
    atomic_fetch_add(&fixture_time, 120000);
    assert_true(whi_allowance_is_full(worker, &lane));
    (void)whi_retry_budget_take(&lane.budget, whi_now(engine), 0);
    assert_false(whi_allowance_is_full(worker, &lane));
    atomic_fetch_add(&fixture_time, WHI_RETRY_DRIP);
    assert_true(whi_allowance_is_full(worker, &lane));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_lane_is_kept_while_it_has_something_to_forget),
        TEST(an_open_one_costs_a_probe_alone),
        TEST(a_good_probe_lets_all_go),
        TEST(what_comes_when_the_pause_is_over_is_the_probe),
        TEST(what_waits_uses_nothing_up),
        TEST(who_asks_whether_there_is_something_to_do_hears_of_the_probe),
        TEST(it_opens_by_its_share_alone),
        TEST(a_change_tries_at_once),
        TEST(without_it_all_are_tried),
        TEST(an_order_is_kept),
        TEST(others_go_on),
        TEST(retries_stay_within_their_budget),
        TEST(deliveries_earn_retries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
