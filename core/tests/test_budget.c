/* Budgets: a tenant whose rules have cost what they may waits, and no other does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "engine/budget.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "life_kit.h"

#define EVENTS 50
#define COSTLY ",\"rule\":\"burn 1000\""
#define A_SECOND_MS 10 /* of a second: ten runs of such a rule */

static wh_engine *opened(const char *file) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = &fake_rules;
    return fixture_open(file, &options);
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

static void subscribe(wh_engine *engine, const char *tenant, const char *name, const char *more, char *id) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"https://example.com/%s\",\"tenant\":\"%s\"%s}", name, tenant, more);
    fixture_subscribe(engine, document, id);
}

static void publish(wh_engine *engine, const char *tenant, wh_receipt *receipt) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.tenant = tenant;
    event.payload = "[1]";
    event.payload_size = 3;
    assert_int_equal(wh_publish(engine, &event, receipt), WH_OK);
}

static void publish_to_both(wh_engine *engine) {
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "acme", NULL);
        publish(engine, "beta", NULL);
    }
}

/* So many steps are more than the work takes. */
static void step(wh_engine *engine, int times) {
    for (int i = 0; i < times; i++) {
        fixture_turn(engine);
    }
}

static void step_until(wh_engine *engine, const char *name, size_t count) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (sent_to(name) < count && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(sent_to(name), count);
}

/* Until its purse is empty, or there is nothing more to do. */
static void spend(wh_engine *engine, const char *tenant) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (!whi_budget_is_spent(engine, tenant) && !wh_idle(engine) && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
}

static void assert_over_budget(wh_engine *engine, int count) {
    char expected[40], *stats = DOCUMENT(wh_stats(engine, &fixture_handed, &fixture_size));

    snprintf(expected, sizeof expected, "\"over_budget\":%d,", count);
    assert_has(stats, expected);
    wh_free(stats);
}

static void who_has_spent_its_budget_waits_and_no_other_does(void **state) {
    wh_engine *engine = opened(":memory:");
    int seconds = 0;

    (void)state;
    assert_int_equal(wh_tenant_set(engine, "acme", "{\"cpu_ms\":10}", WH_ZSTR), WH_OK);
    subscribe(engine, "acme", "acme", COSTLY, NULL);
    subscribe(engine, "beta", "beta", COSTLY, NULL);
    publish_to_both(engine);
    step_until(engine, "beta", EVENTS);
    spend(engine, "acme");
    step(engine, 200);
    assert_in_range(sent_to("acme"), 1, 2 * A_SECOND_MS); /* the clock stands */
    assert_int_equal(wh_idle(engine), 0);
    while (!wh_idle(engine) && seconds < 60) {
        seconds++;
        atomic_fetch_add(&fixture_time, 1000);
        spend(engine, "acme");
        assert_true(sent_to("acme") <= (size_t)(seconds + 2) * A_SECOND_MS);
    }
    assert_int_equal(sent_to("acme"), EVENTS);
    assert_true(seconds >= 3);
    life_assert_delivered(engine, 2 * EVENTS);
    assert_over_budget(engine, 0);
    wh_close(engine);
}

static void what_waits_for_a_budget_is_told(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file), *looks_on = opened(file);
    wh_receipt receipt;
    char id[WH_ID_SIZE], *explained;

    (void)state;
    assert_int_equal(wh_tenant_set(looks_on, "acme", "{\"cpu_ms\":10}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_tenant_set(engine, "acme", "{}", WH_ZSTR), WH_OK); /* it knows of it from now on */
    subscribe(engine, "acme", "acme", COSTLY, id);
    assert_over_budget(engine, 0);
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "acme", &receipt);
    }
    step(engine, 200);
    life_wait_sql(file, "SELECT count(*) FROM webhook_lags WHERE waits", 1);
    assert_over_budget(engine, 1);
    assert_over_budget(looks_on, 1);
    explained = DOCUMENT(wh_explain(looks_on, receipt.id, id, NULL, &fixture_handed, &fixture_size));
    assert_has(explained, "\"outcome\":\"pending\"");
    assert_has(explained, "\"reason\":\"waits for the tenant's budget\"");
    wh_free(explained);
    wh_close(looks_on);
    wh_close(engine);
}

/* It costs nothing that counts. */
static void what_looks_into_no_payload_does_not_wait(void **state) {
    wh_engine *engine = opened(":memory:");

    (void)state;
    assert_int_equal(wh_tenant_set(engine, "acme", "{\"cpu_ms\":10}", WH_ZSTR), WH_OK);
    subscribe(engine, "acme", "acme", COSTLY, NULL);
    subscribe(engine, "acme", "plain", "", NULL);
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "acme", NULL);
    }
    step_until(engine, "plain", EVENTS);
    assert_in_range(sent_to("acme"), 0, 2 * A_SECOND_MS);
    wh_close(engine);
}

static void what_holds_for_all_holds_for_those_without_their_own(void **state) {
    wh_engine *engine = opened(":memory:");

    (void)state;
    assert_int_equal(wh_settings_set(engine, "{\"tenant_cpu_ms\":10}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_tenant_set(engine, "beta", "{\"cpu_ms\":1000}", WH_ZSTR), WH_OK);
    subscribe(engine, "acme", "acme", COSTLY, NULL);
    subscribe(engine, "beta", "beta", COSTLY, NULL);
    subscribe(engine, "", "nobody", COSTLY, NULL);
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "", NULL);
    }
    publish_to_both(engine);
    step_until(engine, "beta", EVENTS);
    step_until(engine, "nobody", EVENTS);
    assert_in_range(sent_to("acme"), 1, 2 * A_SECOND_MS);
    wh_close(engine);
}

/* Whoever takes over goes on where it was, by its own purse. */
static void what_waited_is_decided_by_who_comes_after(void **state) {
    const char *file = fixture_file();
    wh_engine *engine = opened(file);

    (void)state;
    assert_int_equal(wh_tenant_set(engine, "acme", "{\"cpu_ms\":10}", WH_ZSTR), WH_OK);
    subscribe(engine, "acme", "acme", COSTLY, NULL);
    for (int i = 0; i < EVENTS; i++) {
        publish(engine, "acme", NULL);
    }
    step(engine, 200);
    assert_in_range(sent_to("acme"), 1, 2 * A_SECOND_MS);
    wh_close(engine);
    engine = opened(file);
    assert_int_equal(wh_tenant_set(engine, "acme", "{\"cpu_ms\":null}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(life_sql(file, "SELECT count(*) FROM webhook_deliveries WHERE state = 3"), EVENTS);
    wh_close(engine);
}

/* A purse that is full says nothing: of those there are no more than a thousand or so. */
static void purses_of_who_rests_are_thrown_away(void **state) {
    wh_engine *engine = opened(":memory:");
    char tenant[32];

    (void)state;
    assert_int_equal(wh_settings_set(engine, "{\"tenant_cpu_ms\":10}", WH_ZSTR), WH_OK);
    for (int i = 0; i < 5000; i++) {
        snprintf(tenant, sizeof tenant, "t%d", i);
        whi_budget_spend(engine, tenant, 1);
        atomic_fetch_add(&fixture_time, 1);
    }
    assert_in_range(engine->budgets->all.count, 1, 1024);
    whi_budget_spend(engine, "acme", 10001);
    assert_int_equal(whi_budget_is_spent(engine, "acme"), 1);
    for (int i = 0; i < 5000; i++) {
        snprintf(tenant, sizeof tenant, "u%d", i);
        whi_budget_spend(engine, tenant, 0);
    }
    assert_int_equal(whi_budget_is_spent(engine, "acme"), 1); /* debts stay */
    wh_close(engine);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)

int main(void) {
    static const struct CMUnitTest tests[] = {
        TEST(who_has_spent_its_budget_waits_and_no_other_does),
        TEST(what_waits_for_a_budget_is_told),
        TEST(what_looks_into_no_payload_does_not_wait),
        TEST(what_holds_for_all_holds_for_those_without_their_own),
        TEST(what_waited_is_decided_by_who_comes_after),
        TEST(purses_of_who_rests_are_thrown_away),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
