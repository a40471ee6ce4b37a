/* Rules that cost much, each below what makes its subscription lag: who else wants something waits for one decision at
 * most, and no turn is longer than a slice. What they cost is told by how many were begun, not by a clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/lag.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "life/open.h"
#include "life_kit.h"

#define COSTLY "https://example.com/costly"
#define GOOD "https://example.com/good"
#define RULES 50

static int runs_at_send; /* how many runs of rules were begun when the good one's request was sent; -1: it was not */

static int send_noting(whi_transport *transport, whi_request *request) {
    if (strcmp(request->url, GOOD) == 0) {
        runs_at_send = atomic_load(&fake_runs);
    }
    return fixture_transport.send(transport, request);
}

static _Atomic(wh_engine *) stopped; /* NULL: nobody stops one */
static atomic_int runs_after_stop;   /* of rules, that were begun then */

static int run_noting(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    wh_engine *engine = atomic_load(&stopped);

    if (engine != NULL && atomic_load(&engine->stop) != 0) {
        atomic_fetch_add(&runs_after_stop, 1);
    }
    return fake_rules.run(runtime, rule, input, out);
}

static wh_engine *opened(void) {
    static whi_transport_vtable noting;
    static wh_rule_engine rules;
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    noting = fixture_transport;
    noting.send = send_noting;
    options.clock = &fixture_clock;
    rules = fake_rules;
    rules.run = run_noting;
    options.rules = &rules;
    runs_at_send = -1;
    assert_int_equal(whi_open(&engine, ":memory:", &options, &noting), WH_OK);
    return engine;
}

static void subscribe(wh_engine *engine, const char *url, const char *more) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"%s\",%s}", url, more);
    fixture_subscribe(engine, document, NULL);
}

static void publish(wh_engine *engine, const char *tenant) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.tenant = tenant;
    event.payload = "1";
    event.payload_size = 1;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

static wh_engine *opened_with_costly_ones(void) {
    wh_engine *engine = opened();

    for (int i = 0; i < RULES; i++) {
        subscribe(engine, COSTLY, "\"tenant\":\"costly\",\"rule\":\"burn 300\"");
    }
    subscribe(engine, GOOD, "\"tenant\":\"good\"");
    fixture_run(engine);
    for (int i = 0; i < 20; i++) {
        publish(engine, "costly");
    }
    return engine;
}

/* They have more to decide than ever ends. */
static void who_comes_in_between_is_sent_before_the_next_costly_one(void **state) {
    wh_engine *engine = opened_with_costly_ones();
    int before;

    (void)state;
    while (atomic_load(&fake_runs) < RULES / 2) {
        assert_true(wh_step(engine) >= 0);
    }
    publish(engine, "good");
    before = atomic_load(&fake_runs);
    while (runs_at_send < 0) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(runs_at_send, before);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, RULES * 20 + 1);
    wh_close(engine);
}

/* 1 ms, and the one that has begun within it, of 300 us each. */
static void a_turn_begins_few_of_them(void **state) {
    wh_engine *engine = opened_with_costly_ones();
    int most = 0;

    (void)state;
    while (atomic_load(&fake_runs) < RULES * 20) {
        int before = atomic_load(&fake_runs), runs;
        assert_true(wh_step(engine) >= 0);
        runs = atomic_load(&fake_runs) - before;
        most = runs > most ? runs : most;
    }
    assert_in_range(most, 1, 4);
    wh_close(engine);
}

/* The turns of the worker are for the others then, and what it wants is decided aside, with nothing lost. */
static void a_tenant_that_costs_much_in_all_lags(void **state) {
    wh_engine *engine = opened_with_costly_ones();
    size_t events = 20, good = 0;

    (void)state;
    while (atomic_load(&engine->lags->count) == 0) {
        publish(engine, "costly");
        publish(engine, "good");
        events++;
        good++;
        assert_true(wh_step(engine) >= 0);
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, RULES * events + good);
    life_assert_delivered(engine, RULES * events + good);
    wh_close(engine);
}

/* With the thread to itself nobody is in its way. */
static void a_tenant_that_is_alone_does_not_lag(void **state) {
    wh_engine *engine = opened();

    (void)state;
    for (int i = 0; i < RULES; i++) {
        subscribe(engine, COSTLY, "\"tenant\":\"costly\",\"rule\":\"burn 300\"");
    }
    fixture_run(engine);
    for (int i = 0; i < 4; i++) {
        publish(engine, "costly");
    }
    while (fixture_sent_count < (size_t)RULES * 4) {
        assert_true(wh_step(engine) >= 0);
        assert_int_equal(atomic_load(&engine->lags->count), 0);
    }
    wh_close(engine);
}

/* What the thread of a worker had begun, and what was asked of the thread aside, which is a turn's worth. */
#define FEW_RUNS 8

static void publish_much(wh_engine *engine, const char *tenant, int count) {
    for (int i = 0; i < count; i++) {
        publish(engine, tenant);
    }
}

/* There are many seconds of rules to run, of a tenant that lags and of one that does not, and a minute of grace: it
 * returns when those that were begun are over. */
static void a_stop_waits_for_what_was_begun_alone(void **state) {
    enum { EVENTS = 200 };
    wh_engine *engine = opened_with_costly_ones();

    (void)state;
    assert_int_equal(wh_start(engine, 1), WH_OK);
    publish_much(engine, "costly", EVENTS);
    while (atomic_load(&engine->lags->count) == 0) {
        publish(engine, "good");
        usleep(1000);
    }
    publish_much(engine, "costly", EVENTS);
    atomic_store(&stopped, engine);
    assert_int_equal(wh_stop(engine, 60000), WH_OK);
    assert_in_range(atomic_load(&runs_after_stop), 0, FEW_RUNS);
    assert_true(atomic_load(&fake_runs) < RULES * 2 * EVENTS);
    atomic_store(&stopped, NULL);
    wh_close(engine);
}

static int setup(void **state) {
    atomic_store(&runs_after_stop, 0);
    atomic_store(&stopped, NULL);
    atomic_store(&fake_runs, 0);
    return fixture_setup(state);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(who_comes_in_between_is_sent_before_the_next_costly_one),
        TEST(a_turn_begins_few_of_them),
        TEST(a_tenant_that_costs_much_in_all_lags),
        TEST(a_tenant_that_is_alone_does_not_lag),
        TEST(a_stop_waits_for_what_was_begun_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
