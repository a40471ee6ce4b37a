/* A tenant's rate: what all of its subscriptions are sent together, by however many workers and processes. */
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
#include "base/ident.h"
#include "engine/tenant_rate.h"
#include "engine_fixture.h"
#include "life_kit.h"
#include "webhook_explain.h"

#define TEN "{\"rate\":{\"count\":10,\"per\":60}}" /* one in six seconds */
#define STEP 6000

static wh_engine *engine;

/* So long after it came to its partitions that all buckets are full. */
static int setup(void **state) {
    fixture_setup(state);
    engine = fixture_open(":memory:", NULL);
    life_settle(engine);
    atomic_fetch_add(&fixture_time, 2 * 86400000);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void set(wh_engine *of, const char *document) {
    assert_int_equal(wh_tenant_set(of, "acme", document, WH_ZSTR), WH_OK);
}

static void subscribe(wh_engine *to, const char *tenant, const char *name, const char *more, char *id) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"https://example.com/%s\",\"tenant\":\"%s\"%s}", name, tenant, more);
    fixture_subscribe(to, document, id);
}

static void publish(wh_engine *to, const char *tenant, int count, char *id) {
    for (int i = 0; i < count; i++) {
        wh_event event = WH_EVENT_INIT;
        wh_receipt receipt;

        event.type = "a";
        event.tenant = tenant;
        event.payload = "[1]";
        event.payload_size = 3;
        assert_int_equal(wh_publish(to, &event, &receipt), WH_OK);
        if (id != NULL) {
            memcpy(id, receipt.id, sizeof receipt.id);
        }
    }
}

static size_t sent_to(const char *name) {
    char url[64];
    size_t count = 0;

    snprintf(url, sizeof url, "https://example.com/%s", name);
    for (size_t i = 0; i < fixture_count(); i++) {
        count += strcmp(fixture_sent[i].url, url) == 0;
    }
    return count;
}

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

/* --------------------------------------------------------------------------- the rate */

static void its_subscriptions_have_it_together(void **state) {
    (void)state;
    set(engine, TEN);
    subscribe(engine, "acme", "one", "", NULL);
    subscribe(engine, "acme", "two", "", NULL);
    publish(engine, "acme", 7, NULL);
    pass(engine, 0, 10);
    pass(engine, STEP - 1, 10);
    pass(engine, 1, 11);
    pass(engine, 3 * STEP, 14);
    life_assert_delivered(engine, 14);
}

static void a_clock_that_is_put_back_keeps_it_no_longer(void **state) {
    (void)state;
    set(engine, TEN);
    subscribe(engine, "acme", "one", "", NULL);
    publish(engine, "acme", 12, NULL);
    pass(engine, 0, 10);
    pass(engine, -3600000, 10);
    publish(engine, "acme", 2, NULL);
    pass(engine, STEP, 11);
    pass(engine, STEP, 12);
}

static void no_other_tenant_waits_for_it(void **state) {
    (void)state;
    set(engine, TEN);
    subscribe(engine, "acme", "one", "", NULL);
    subscribe(engine, "beta", "two", "", NULL);
    subscribe(engine, "", "three", "", NULL);
    publish(engine, "acme", 30, NULL);
    publish(engine, "beta", 30, NULL);
    publish(engine, "", 30, NULL);
    pass(engine, 0, 10 + 30 + 30);
    assert_int_equal(sent_to("one"), 10);
}

/* Each that waits has its turn, whoever has more, and whoever came first. */
static void those_that_wait_take_turns(void **state) {
    (void)state;
    set(engine, "{\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}");
    subscribe(engine, "acme", "one", "", NULL);
    publish(engine, "acme", 12, NULL);
    pass(engine, 0, 1);
    subscribe(engine, "acme", "two", "", NULL);
    subscribe(engine, "acme", "three", "", NULL);
    publish(engine, "acme", 4, NULL);
    pass(engine, 0, 1);
    for (size_t i = 1; i <= 12; i++) {
        pass(engine, STEP, 1 + i);
    }
    assert_int_equal(sent_to("one"), 1 + 4);
    assert_int_equal(sent_to("two"), 4);
    assert_int_equal(sent_to("three"), 4);
    for (size_t i = 13; i <= 23; i++) {
        pass(engine, STEP, 1 + i);
    }
    life_assert_delivered(engine, 24);
}

static void what_comes_overtakes_nobody(void **state) {
    (void)state;
    set(engine, "{\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}");
    subscribe(engine, "acme", "one", ",\"events\":[\"a\"]", NULL);
    publish(engine, "acme", 3, NULL);
    pass(engine, 0, 1);
    subscribe(engine, "acme", "two", "", NULL);
    atomic_fetch_add(&fixture_time, STEP); /* one may go, and nobody has turned yet */
    publish(engine, "acme", 1, NULL);
    pass(engine, 0, 2);
    assert_int_equal(sent_to("one"), 2);
}

static void a_subscriptions_own_rate_holds_beside_it(void **state) {
    (void)state;
    set(engine, TEN);
    subscribe(engine, "acme", "one", ",\"rate\":{\"count\":2,\"per\":60}", NULL);
    subscribe(engine, "acme", "two", "", NULL);
    publish(engine, "acme", 20, NULL);
    pass(engine, 0, 10);
    assert_in_range(sent_to("one"), 1, 2);
    pass(engine, 5 * STEP, 15);
    assert_in_range(sent_to("one"), 1, 3);
}

/* What a paused one was promised is the others'. */
static void who_waits_no_longer_keeps_nothing(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    set(engine, "{\"rate\":{\"count\":10,\"per\":60,\"burst\":1}}");
    subscribe(engine, "acme", "one", "", id);
    subscribe(engine, "acme", "two", "", NULL);
    publish(engine, "acme", 6, NULL);
    pass(engine, 0, 1);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    pass(engine, 0, 1);
    for (int i = 0; i < 12; i++) {
        atomic_fetch_add(&fixture_time, STEP);
        life_settle(engine);
    }
    assert_int_equal(sent_to("two"), 6);
}

/* ----------------------------------------------------------------------------- changes */

static void a_change_holds_at_once(void **state) {
    (void)state;
    set(engine, "{\"rate\":{\"count\":1,\"per\":86400}}");
    subscribe(engine, "acme", "one", "", NULL);
    subscribe(engine, "acme", "two", "", NULL);
    publish(engine, "acme", 10, NULL);
    pass(engine, 0, 1);
    set(engine, TEN);
    pass(engine, 0, 1);
    pass(engine, STEP, 2);
    pass(engine, 3 * STEP, 5);
    set(engine, "{\"quota_events\":1000}");
    pass(engine, 0, 5);
    set(engine, "{\"rate\":null}");
    pass(engine, 0, 20);
}

static void it_is_read_and_told(void **state) {
    static const struct {
        const char *document, *field;
    } wrong[] = {
        { "{\"rate\":{\"count\":10}}", "rate" },
        { "{\"rate\":{\"count\":0,\"per\":1}}", "rate.count" },
        { "{\"rate\":{\"count\":1,\"per\":1,\"burst\":2}}", "rate.burst" },
        { "{\"rate\":{\"count\":1,\"per\":86401}}", "rate.per" },
        { "{\"rate\":{\"counts\":1}}", "rate" },
        { "{\"rate\":5}", "rate" },
    };
    char *text;

    (void)state;
    set(engine, "{\"rate\":{\"count\":10,\"per\":60,\"burst\":3},\"cpu_ms\":5}");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(wh_tenant_set(engine, "acme", wrong[i].document, WH_ZSTR), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), wrong[i].field);
    }
    text = DOCUMENT(wh_tenant(engine, "acme", &fixture_handed, &fixture_size));
    assert_has(text, "\"cpu_ms\":5,\"rate\":{\"count\":10,\"per\":60,\"burst\":3}");
    wh_free(text);
    set(engine, "{\"rate\":null}");
    text = DOCUMENT(wh_tenant(engine, "acme", &fixture_handed, &fixture_size));
    assert_has(text, "\"cpu_ms\":5,\"rate\":null");
    wh_free(text);
}

/* ----------------------------------------------------------------------------- looking */

static void what_waits_for_it_is_seen_and_not_failing(void **state) {
    char event[WH_ID_SIZE], id[WH_ID_SIZE], *text;

    (void)state;
    set(engine, "{\"rate\":{\"count\":1,\"per\":60}}");
    subscribe(engine, "acme", "one", "", id);
    publish(engine, "acme", 1, NULL);
    publish(engine, "acme", 1, event);
    pass(engine, 0, 1);
    assert_int_equal(wh_idle(engine), 0);
    assert_stats("\"waiting_for_rate\":1");
    text = DOCUMENT(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"outcome\":\"waiting\"");
    assert_has(text, "\"attempts\":0");
    assert_has(text, "\"waits_for\":\"tenant_rate\"");
    wh_free(text);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"health\":\"healthy\"");
    wh_free(text);
    pass(engine, 60000, 2);
    assert_stats("\"waiting_for_rate\":0");
}

/* ------------------------------------------------------------------------- who owns it */

static void after_an_opening_it_begins_empty(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two;

    (void)state;
    set(one, TEN);
    subscribe(one, "acme", "one", "", NULL);
    life_settle(one);
    publish(one, "acme", 5, NULL);
    pass(one, 0, 0); /* it has just come itself */
    pass(one, 5 * STEP, 5);
    wh_close(one);
    two = fixture_open(file, NULL);
    life_settle(two);
    publish(two, "acme", 5, NULL);
    pass(two, 0, 5);
    pass(two, STEP, 6);
    pass(two, 4 * STEP, 10);
    wh_close(two);
}

static int partition_of(const char *id) {
    int64_t number;

    assert_int_equal(whi_ident_parse("sub_", id, &number), WH_OK);
    return (int)whi_partition_of(number);
}

/* Of its four lanes one goes to somebody else: what is there for the three is three quarters. Others may be in the same
 * partition, and go with it. */
static void each_has_the_part_of_its_lanes(void **state) {
    whi_tenant_ticket ticket = { 0 };
    whi_partition *other;
    char ids[4][WH_ID_SIZE];
    int64_t left = 8;

    (void)state;
    set(engine, "{\"rate\":{\"count\":8,\"per\":60}}");
    for (int i = 0; i < 4; i++) {
        subscribe(engine, "acme", "one", "", ids[i]);
        left -= partition_of(ids[i]) == partition_of(ids[0]) ? 2 : 0;
    }
    subscribe(engine, "acme", "two", ",\"paused\":true", NULL); /* which sends nothing */
    left = left > 0 ? left : 1;
    life_settle(engine);
    assert_int_equal(whi_tenant_ticket_note(engine, &ticket, "acme"), 1);
    assert_int_equal(whi_tenant_ticket_left(engine, &ticket), 8);
    other = &engine->position->partitions[partition_of(ids[0])];
    atomic_store(&other->from, WHI_NOWHERE);
    atomic_fetch_sub(&engine->position->count, 1);
    atomic_fetch_add(&engine->position->moves, 1);
    assert_int_equal(whi_tenant_ticket_note(engine, &ticket, "acme"), 1);
    assert_int_equal(whi_tenant_ticket_left(engine, &ticket), left);
    while (whi_tenant_ticket_take(engine, &ticket)) {}
    atomic_fetch_add(&fixture_time, 60000);
    assert_int_equal(whi_tenant_ticket_left(engine, &ticket), left);
    whi_tenant_ticket_free(engine, &ticket);
    atomic_store(&other->from, 0);
    atomic_fetch_add(&engine->position->count, 1);
    atomic_fetch_add(&engine->position->moves, 1);
}

static int has_some(const wh_engine *of) {
    int count = atomic_load(&of->position->count);

    return count > 0 && count < WH_PARTITIONS;
}

/* Until both have partitions. */
static void share_out(wh_engine *one, wh_engine *two) {
    int64_t end = whi_monotonic_us() + 60000000;

    while (!has_some(one) || !has_some(two)) {
        assert_true(whi_monotonic_us() < end);
        fixture_turn(one);
        fixture_turn(two);
    }
}

/* Whoever has which lanes: never more than the rate, and the token that each process has at least. */
static void two_engines_keep_it_together(void **state) {
    const char *file = fixture_file();
    wh_engine *one = fixture_open(file, NULL), *two;

    (void)state;
    set(one, TEN);
    for (int i = 0; i < 4; i++) {
        subscribe(one, "acme", "one", "", NULL);
    }
    two = fixture_open(file, NULL);
    share_out(one, two);
    for (int i = 0; i < 15; i++) {
        publish(i % 2 ? one : two, "acme", 1, NULL);
    }
    for (int64_t now = 0; now < 10 * STEP; now += STEP) {
        for (int i = 0; i < 10; i++) {
            fixture_turn(one);
            fixture_turn(two);
        }
        assert_true(fixture_count() <= (size_t)(now / STEP + 1)); /* both have begun with nothing */
        atomic_fetch_add(&fixture_time, STEP);
    }
    wh_close(one);
    for (int i = 0; i < 60; i++) {
        atomic_fetch_add(&fixture_time, STEP);
        life_settle(two);
    }
    assert_int_equal(fixture_count(), 60);
    life_assert_delivered(two, 60);
    wh_close(two);
}

static void two_workers_keep_it_together(void **state) {
    (void)state;
    set(engine, "{\"rate\":{\"count\":30,\"per\":60}}");
    for (int i = 0; i < 20; i++) {
        subscribe(engine, "acme", "one", "", NULL);
    }
    assert_int_equal(wh_start(engine, 2), WH_OK);
    while (atomic_load(&engine->position->count) < WH_PARTITIONS) {
        usleep(500);
    }
    atomic_fetch_add(&fixture_time, 3600000);
    publish(engine, "acme", 2, NULL);
    life_wait_sent(30);
    atomic_fetch_add(&fixture_time, 4000); /* two more */
    life_wait_sent(32);
    assert_int_equal(fixture_count(), 32);
    atomic_fetch_add(&fixture_time, 3600000);
    life_wait_idle(engine);
    assert_int_equal(wh_stop(engine, 1000), WH_OK);
    assert_int_equal(fixture_count(), 40);
    life_assert_delivered(engine, 40);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(its_subscriptions_have_it_together),
        TEST(a_clock_that_is_put_back_keeps_it_no_longer),
        TEST(no_other_tenant_waits_for_it),
        TEST(those_that_wait_take_turns),
        TEST(what_comes_overtakes_nobody),
        TEST(a_subscriptions_own_rate_holds_beside_it),
        TEST(who_waits_no_longer_keeps_nothing),
        TEST(a_change_holds_at_once),
        TEST(it_is_read_and_told),
        TEST(what_waits_for_it_is_seen_and_not_failing),
        TEST(after_an_opening_it_begins_empty),
        TEST(each_has_the_part_of_its_lanes),
        TEST(two_engines_keep_it_together),
        TEST(two_workers_keep_it_together),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
