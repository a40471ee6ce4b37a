/* Events that wait tenant by tenant: work/shares.h. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "fault.h"
#include "work/shares.h"

static wh_engine *engine;
static whi_shares shares;
static int64_t now_us = 1; /* what all that was taken has cost */

static int setup(void **state) {
    (void)state;
    fixture_reset();
    engine = fixture_open(":memory:", NULL);
    return whi_shares_init(&shares);
}

static int teardown(void **state) {
    (void)state;
    whi_shares_end(&shares, engine);
    assert_int_equal(atomic_load(&engine->events_open), 0);
    wh_close(engine);
    return 0;
}

static whi_event *event_of(const char *tenant, int64_t number) {
    whi_event_row row = { .number = number, .type = "a", .tenant = tenant, .payload = "1", .payload_size = 1 };

    return whi_event_new(engine, &row);
}

static void add(const char *tenant, int64_t number) {
    whi_shares_add(&shares, event_of(tenant, number));
}

/* Takes one that costs so much. */
static int64_t take(int64_t us, char *tenant) {
    whi_event *event = whi_shares_take(&shares);
    int64_t number = event != NULL ? event->number : 0;

    if (event != NULL) {
        snprintf(tenant, 8, "%s", event->tenant);
        whi_shares_charge(&shares, us, now_us += us);
        whi_event_unref(engine, event);
    }
    return number;
}

static void a_tenants_events_keep_their_order(void **state) {
    int64_t last[2] = { 0, 0 };
    char tenant[8];

    (void)state;
    for (int i = 1; i <= 100; i++) {
        add(i % 3 == 0 ? "a" : "", i);
    }
    for (int i = 0; i < 100; i++) {
        int64_t number = take(500, tenant);
        int which = tenant[0] == 'a';
        assert_true(number > last[which]);
        last[which] = number;
    }
    assert_true(whi_shares_is_empty(&shares));
    assert_int_equal(take(0, tenant), 0);
}

static void who_costs_more_gets_fewer_turns(void **state) {
    int taken[2] = { 0, 0 };
    char tenant[8];

    (void)state;
    for (int i = 1; i <= 1000; i++) {
        add("a", i);
        add("b", 1000 + i);
    }
    for (int i = 0; i < 300; i++) {
        int which = take(0, tenant) > 1000;
        taken[which]++;
        whi_shares_charge(&shares, which ? 100 : 9900, now_us);
    }
    assert_true(taken[0] <= 6);
}

static void what_is_put_back_comes_first(void **state) {
    char tenant[8];

    (void)state;
    add("a", 2);
    add("a", 3);
    whi_shares_add_first(&shares, event_of("a", 1));
    assert_int_equal(take(0, tenant), 1);
    assert_int_equal(take(0, tenant), 2);
    assert_int_equal(take(0, tenant), 3);
    whi_shares_add_first(&shares, event_of("a", 4));
    add("a", 5);
    assert_int_equal(take(0, tenant), 4);
    assert_int_equal(take(0, tenant), 5);
}

/* Who wants something now and then does not stand behind one that always does, though that one has not used up its
 * credit yet. */
static void who_wants_little_waits_for_nobody(void **state) {
    char tenant[8];

    (void)state;
    for (int i = 1; i <= 100; i++) {
        add("big", i);
    }
    for (int i = 1; i <= 10; i++) {
        assert_true(take(200, tenant) <= 100);
        assert_true(whi_shares_is_costly(&shares));
        add("small", 100 + i);
        assert_int_equal(take(10, tenant), 100 + i);
        assert_false(whi_shares_is_costly(&shares));
    }
}

/* Its purse is empty then; with nobody beside it, it has none. */
static void who_takes_more_than_a_tenth_overdraws(void **state) {
    char tenant[8];

    (void)state;
    for (int i = 1; i <= 1000; i++) {
        add("big", i);
    }
    for (int i = 0; i < 200; i++) {
        assert_true(take(200, tenant) > 0);
        assert_false(whi_shares_is_overdrawn(&shares, now_us));
    }
    add("small", 2000);
    assert_int_equal(take(10, tenant), 2000);
    assert_false(whi_shares_is_overdrawn(&shares, now_us));
    assert_true(take(200, tenant) > 0);
    assert_true(whi_shares_is_overdrawn(&shares, now_us));
    assert_false(whi_shares_is_overdrawn(&shares, now_us + 1000000));
    now_us += 500000; /* for so long it had none */
    assert_true(take(200, tenant) > 0);
    assert_false(whi_shares_is_overdrawn(&shares, now_us));
}

static void what_is_cheap_overdraws_nothing(void **state) {
    char tenant[8];

    (void)state;
    for (int i = 1; i <= 2000; i++) {
        add(i % 2 == 0 ? "a" : "b", i);
    }
    for (int i = 0; i < 2000; i++) {
        assert_true(take(50, tenant) > 0);
        assert_false(whi_shares_is_overdrawn(&shares, now_us));
    }
}

/* Where there is none, events wait in one line; no later one of a tenant overtakes them. */
static void without_memory_the_order_stays(void **state) {
    char tenant[8];
    int64_t last = 0;

    (void)state;
    for (int i = 1; i <= 40; i++) {
        whi_event *event = event_of("a", i);
        fault_set(i % 2 == 0 && i < 20 ? 0 : 1000);
        if (i == 1) {
            fault_set(0);
        }
        whi_shares_add(&shares, event);
        (void)fault_clear();
    }
    for (int i = 0; i < 40; i++) {
        int64_t number = take(10, tenant);
        assert_true(number > last);
        last = number;
    }
}

static void thousands_of_tenants_leave_nothing_behind(void **state) {
    char tenant[16];

    (void)state;
    for (int i = 1; i <= 5000; i++) {
        snprintf(tenant, sizeof tenant, "t%d", i);
        add(tenant, i);
        assert_int_equal(take(10, tenant), i);
    }
    assert_true(shares.all.count <= 1025);
}

/* All of them have something to do: there is nothing to be tidied up, and it is not tried for each. */
static void thousands_of_tenants_that_wait_are_taken_in_quickly(void **state) {
    int64_t began = whi_thread_cpu_us();
    char tenant[16];

    (void)state;
    for (int i = 1; i <= 20000; i++) {
        snprintf(tenant, sizeof tenant, "t%d", i);
        add(tenant, i);
    }
    began = whi_thread_cpu_us() - began;
    assert_true(began < 1000000);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_tenants_events_keep_their_order),
        TEST(who_costs_more_gets_fewer_turns),
        TEST(what_is_put_back_comes_first),
        TEST(who_wants_little_waits_for_nobody),
        TEST(who_takes_more_than_a_tenth_overdraws),
        TEST(what_is_cheap_overdraws_nothing),
        TEST(without_memory_the_order_stays),
        TEST(thousands_of_tenants_leave_nothing_behind),
        TEST(thousands_of_tenants_that_wait_are_taken_in_quickly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
