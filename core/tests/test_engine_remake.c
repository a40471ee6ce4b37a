/* What was held is remade when it is released, in turns as events are decided: work/remake.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "life/open.h"
#include "life_kit.h"

#define HELD "https://example.com/held"
#define GOOD "https://example.com/good"
#define EVENTS 60

static int runs_at_send; /* how many runs of rules were begun when the good one's request was sent; -1: it was not */

static int send_noting(whi_transport *transport, whi_request *request) {
    if (strcmp(request->url, GOOD) == 0) {
        runs_at_send = atomic_load(&fake_runs);
    }
    return fixture_transport.send(transport, request);
}

static size_t sent_to(const char *url) {
    size_t count = 0;

    for (size_t i = 0; i < fixture_sent_count; i++) {
        count += strcmp(fixture_sent[i].url, url) == 0;
    }
    return count;
}

static void publish(wh_engine *engine, const char *tenant, int n) {
    wh_event event = WH_EVENT_INIT;
    char body[16];

    snprintf(body, sizeof body, "%d", n);
    event.type = "a";
    event.tenant = tenant;
    event.payload = body;
    event.payload_size = WH_ZSTR;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* All of them are held; more are the members of the subscription's document beside its rule. */
static wh_engine *opened_with_held_ones(const char *file, const char *more, char *id) {
    static whi_transport_vtable noting;
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;
    char document[256];

    noting = fixture_transport;
    noting.send = send_noting;
    options.clock = &fixture_clock;
    options.rules = &fake_rules;
    assert_int_equal(whi_open(&engine, file, &options, &noting), WH_OK);
    snprintf(document, sizeof document,
             "{\"url\":\"" HELD "\",\"tenant\":\"many\",\"rule\":\"fail\",\"on_rule_error\":\"hold\"%s}", more);
    fixture_subscribe(engine, document, id);
    fixture_subscribe(engine, "{\"url\":\"" GOOD "\",\"tenant\":\"good\"}", NULL);
    fixture_run(engine);
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "many", i);
    }
    fixture_run(engine);
    assert_int_equal(life_states(engine, "held"), EVENTS);
    runs_at_send = -1;
    return engine;
}

/* Another rule from now on: what was held goes. */
static void release(wh_engine *engine, const char *id, const char *rule) {
    char document[64];

    atomic_store(&fake_runs, 0);
    snprintf(document, sizeof document, "{\"rule\":\"%s\"}", rule);
    assert_int_equal(wh_subscription_update(engine, id, document, WH_ZSTR), WH_OK);
}

/* 1 ms, and the one that has begun within it, of 300 us each. */
static void a_turn_makes_few_of_them(void **state) {
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(":memory:", "", id);
    int most = 0;

    (void)state;
    release(engine, id, "burn 300");
    while (atomic_load(&fake_runs) < EVENTS) {
        int before = atomic_load(&fake_runs), runs;
        assert_true(wh_step(engine) >= 0);
        runs = atomic_load(&fake_runs) - before;
        most = runs > most ? runs : most;
    }
    assert_in_range(most, 1, 4);
    fixture_run(engine);
    assert_int_equal(sent_to(HELD), EVENTS);
    wh_close(engine);
}

static void who_comes_in_between_is_sent_before_the_next_one(void **state) {
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(":memory:", "", id);
    int before;

    (void)state;
    release(engine, id, "burn 300");
    while (atomic_load(&fake_runs) < EVENTS / 4) {
        assert_true(wh_step(engine) >= 0);
    }
    publish(engine, "good", 1);
    before = atomic_load(&fake_runs);
    while (runs_at_send < 0) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(runs_at_send, before);
    fixture_run(engine);
    assert_int_equal(sent_to(HELD), EVENTS);
    wh_close(engine);
}

/* The rule that hangs until it is let go would keep the worker for good. */
static void one_that_takes_long_is_made_aside(void **state) {
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(":memory:", "", id);

    (void)state;
    fake_gate = 0;
    release(engine, id, "gate");
    while (atomic_load(&fake_runs) == 0) {
        assert_true(wh_step(engine) >= 0);
    }
    publish(engine, "good", 1);
    while (sent_to(GOOD) == 0) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(sent_to(HELD), 0);
    assert_int_equal(wh_idle(engine), 0);
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(sent_to(HELD), EVENTS);
    life_assert_delivered(engine, EVENTS + 1);
    wh_close(engine);
}

/* Some are made aside, and some would be made at once behind them. */
static void their_order_is_that_of_the_events(void **state) {
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(":memory:", ",\"order\":\"fifo\"", id);

    (void)state;
    fake_gate = 0;
    release(engine, id, "gate");
    while (atomic_load(&fake_runs) == 0) {
        assert_true(wh_step(engine) >= 0);
    }
    fake_gate = 1;
    fixture_run(engine);
    assert_int_equal(sent_to(HELD), EVENTS);
    for (int i = 0, n = 0; i < (int)fixture_sent_count; i++) {
        if (strcmp(fixture_sent[i].url, HELD) == 0) {
            assert_int_equal(strtol(fixture_sent[i].body, NULL, 10), n++);
        }
    }
    wh_close(engine);
}

/* What is being made aside, and what waits for that, is in the store as it was. What was sent when it was closed may be
 * sent again. */
static void what_is_not_made_when_it_is_closed_is_made_later(void **state) {
    const char *file = fixture_file();
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(file, "", id);
    wh_options options = WH_OPTIONS_INIT;
    size_t before;

    (void)state;
    release(engine, id, "slow 3000");
    while (atomic_load(&fake_runs) < 2) {
        assert_true(wh_step(engine) >= 0);
    }
    wh_close(engine);
    before = sent_to(HELD);
    assert_true(before < EVENTS);
    options.rules = &fake_rules;
    engine = fixture_open(file, &options);
    fixture_run(engine);
    assert_in_range(sent_to(HELD), EVENTS, EVENTS + before);
    life_assert_delivered(engine, EVENTS);
    wh_close(engine);
}

/* What is made and may not be sent is thrown away: its row waits as it did. */
static void of_a_rate_no_more_are_made_than_may_be_sent(void **state) {
    char id[WH_ID_SIZE];
    wh_engine *engine = opened_with_held_ones(":memory:", ",\"rate\":{\"count\":2,\"per\":60}", id);

    (void)state;
    release(engine, id, "burn 300");
    for (int minutes = 0; sent_to(HELD) < EVENTS; minutes++) {
        assert_true(minutes < EVENTS);
        for (int i = 0; i < 200; i++) {
            assert_true(wh_step(engine) >= 0);
        }
        assert_int_equal(atomic_load(&fake_runs), sent_to(HELD));
        atomic_fetch_add(&fixture_time, 60000);
    }
    life_settle(engine);
    life_assert_delivered(engine, EVENTS);
    wh_close(engine);
}

static int setup(void **state) {
    atomic_store(&fake_runs, 0);
    return fixture_setup(state);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup(name, setup)
    const struct CMUnitTest tests[] = {
        TEST(a_turn_makes_few_of_them),
        TEST(who_comes_in_between_is_sent_before_the_next_one),
        TEST(one_that_takes_long_is_made_aside),
        TEST(their_order_is_that_of_the_events),
        TEST(what_is_not_made_when_it_is_closed_is_made_later),
        TEST(of_a_rate_no_more_are_made_than_may_be_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
