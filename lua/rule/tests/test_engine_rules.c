/* The engine with rules: verdicts, failures and their policies, mended rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "webhook_rule.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *open_with_rules(void) {
    wh_options options = WH_OPTIONS_INIT;

    options.rules = wh_rule_lua();
    return fixture_open(":memory:", &options);
}

static void a_rule_drops_passes_and_projects(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    fixture_subscribe(engine,
                      "{" URL ",\"rule\":\"if payload.n == 1 then return false end "
                      "if payload.n == 2 then return true end return {n = payload.n, big = payload.big}\"}",
                      NULL);
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    fixture_publish(engine, "a", "{\"n\": 2}", NULL);
    fixture_publish(engine, "a", "{\"n\":3,\"big\":9007199254740993.10,\"x\":0}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[0].body, "{\"n\": 2}");
    assert_string_equal(fixture_sent[1].body, "{\"big\":9007199254740993.10,\"n\":3}");
    wh_close(engine);
}

static void a_delay_puts_the_first_attempt_off(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"return true, {delay = 5000}\"}", NULL);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    atomic_fetch_add(&fixture_time, 5000);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    wh_close(engine);
}

static void fields_are_taken_of_what_the_rule_says(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"fields\":\"a\",\"rule\":\"return {a = 1, b = payload.b}\"}", NULL);
    fixture_publish(engine, "a", "{\"b\":2}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"a\":1}");
    wh_close(engine);
}

static void a_rule_that_fails_touches_nobody_else(void **state) {
    wh_engine *engine = open_with_rules();
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"name\":\"well\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"return payload.a.b.c\"}", id);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"return payload.a.b.c\",\"on_rule_error\":\"skip\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"return payload.a.b.c\",\"on_rule_error\":\"send\"}", NULL);
    fixture_publish(engine, "a", "{\"x\":{\"v\":1}}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 2);
    assert_string_equal(fixture_sent[0].body, fixture_sent[1].body);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"held\"");
    assert_has(text, "rule_runtime: line 1");
    wh_free(text);

    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"return payload.x\"}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 3);
    assert_string_equal(fixture_sent[2].body, "{\"v\":1}");
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"version\":2");
    assert_null(strstr(text, "held"));
    wh_free(text);
    wh_close(engine);
}

static void a_rule_that_runs_away_is_stopped_and_held(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    char *text;

    (void)state;
    options.rules = wh_rule_lua();
    options.limits = &limits;
    limits.rule_memory_bytes = 1048576;
    limits.rule_cpu_ms = 500; /* enough to fill the memory, also under sanitizers */
    engine = fixture_open(":memory:", &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"while true do end return true\"}", NULL);
    fixture_subscribe(engine,
                      "{" URL ",\"rule\":\"local t = {} while true do t[#t+1] = ('x'):rep(1000) end return t\"}", NULL);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "rule_time");
    assert_has(text, "rule_memory");
    wh_free(text);
    wh_close(engine);
}

static void a_rule_that_fails_again_and_again_is_set_aside(void **state) {
    wh_engine *engine = open_with_rules();
    char id[WH_ID_SIZE];
    char *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"error('no')\"}", id);
    for (int i = 0; i < 120; i++) {
        fixture_publish(engine, "a", "{}", NULL);
        fixture_run(engine);
    }
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"rule\"");
    wh_free(text);
    wh_close(engine);
}

static void a_rule_that_does_not_compile_is_refused_with_its_line(void **state) {
    wh_engine *engine = open_with_rules();

    (void)state;
    assert_int_equal(wh_subscribe(engine, "{" URL ",\"rule\":\"local a = 1\\nreturn a +\"}", WH_ZSTR, NULL),
                     WH_ERULE_SYNTAX);
    assert_has(wh_last_error(), "rule: line 2");
    wh_close(engine);
}

static void a_rule_without_a_return_is_refused_when_it_comes(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;
    wh_rule_engine former = *wh_rule_lua();
    char id[WH_ID_SIZE];
    wh_engine *engine;
    char *text;

    (void)state;
    former.check = NULL;
    options.rules = &former;
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"-- later\"}", id);
    wh_close(engine);
    options.rules = wh_rule_lua();
    engine = fixture_open(file, &options);
    assert_int_equal(wh_subscribe(engine, "{" URL ",\"rule\":\"-- later\"}", WH_ZSTR, NULL), WH_ERULE_SYNTAX);
    assert_has(wh_last_error(), "rule: it has no return, so nothing would ever be sent");
    assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"x\",\"rule\":\"-- later\"}", WH_ZSTR), WH_OK);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"-- now\"}", WH_ZSTR), WH_ERULE_SYNTAX);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_string_equal(text, "{\"items\":[],\"next\":null}");
    wh_free(text);
    wh_close(engine);
}

/* It kept the whole event from being fanned out. */
static void a_rule_longer_than_is_allowed_by_now_touches_nobody_else(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine;
    char *text;

    (void)state;
    options.rules = wh_rule_lua();
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{" URL ",\"name\":\"well\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"local short = 'it is not' return true\"}", NULL);
    wh_close(engine);
    options.limits = &limits;
    limits.rule_source_bytes = 20;
    engine = fixture_open(file, &options);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    text = DOCUMENT(wh_deliveries(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"state\":\"held\"");
    assert_has(text, "limit: the source has 37 bytes, at most 20 are allowed");
    wh_free(text);
    wh_close(engine);
}

/* As many as each may have, in a system that signs by lines, and with a number of its order. */
static void all_headers_of_rule_and_subscription_are_sent(void **state) {
    static char document[8192];
    wh_engine *engine = open_with_rules();
    char name[32];
    size_t size = (size_t)snprintf(document, sizeof document,
                                   "{" URL ",\"order\":\"fifo\",\"rule\":\"local h = {} for i = 1, 50 do "
                                   "h['X-Rule-' .. i] = 'r' end return true, {headers = h}\",\"headers\":{");

    (void)state;
    for (int i = 1; i <= 50; i++) {
        size += (size_t)snprintf(document + size, sizeof document - size, "%s\"X-Own-%d\":\"o\"", i > 1 ? "," : "", i);
    }
    snprintf(document + size, sizeof document - size, "}}");
    fixture_subscribe(engine, document, NULL);
    fixture_publish(engine, "a", "{}", NULL);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 1);
    for (int i = 1; i <= 50; i++) {
        snprintf(name, sizeof name, "X-Rule-%d", i);
        assert_string_equal(fixture_header(&fixture_sent[0], name), "r");
        snprintf(name, sizeof name, "X-Own-%d", i);
        assert_string_equal(fixture_header(&fixture_sent[0], name), "o");
    }
    assert_non_null(fixture_header(&fixture_sent[0], "webhook-sequence"));
    wh_close(engine);
}

/* The most that the bodies in memory came to, of those that wait and of those that are being recorded. */
static void note_bodies(const wh_engine *engine, long long most[2]) {
    long long waiting = whi_memory_used(engine->memory, WHI_POT_BODIES);
    long long recorded = whi_memory_used(engine->memory, WHI_POT_RECORDS);

    most[0] = waiting > most[0] ? waiting : most[0];
    most[1] = recorded > most[1] ? recorded : most[1];
}

static void what_rules_made_for_who_hangs_waits_in_the_store(void **state) {
    enum { EVENTS = 300, SIZE = 5000, BOUND = 100000 };
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    long long most[2] = { 0, 0 };
    wh_engine *engine;

    (void)state;
    options.rules = wh_rule_lua();
    options.limits = &limits;
    limits.memory_bytes = BOUND;
    engine = fixture_open(":memory:", &options);
    for (int i = 0; i < 3; i++) {
        fixture_subscribe(engine, "{" URL ",\"rule\":\"return {text = ('y'):rep(5000)}\"}", NULL);
    }
    fixture_script.hang = 1;
    for (int i = 0; i < EVENTS; i++) {
        fixture_publish(engine, "a", "{}", NULL);
        fixture_turn(engine);
        note_bodies(engine, most);
    }
    assert_in_range(most[0], SIZE, BOUND);
    assert_in_range(most[1], 0, BOUND + 3 * 2 * SIZE); /* a thread may have recorded them before they are looked at */
    fixture_script.hang = 0;
    while (!wh_idle(engine)) {
        atomic_fetch_add(&fixture_time, 250);
        fixture_turn(engine);
        note_bodies(engine, most);
    }
    assert_int_equal(fixture_sent_count, 3 * EVENTS);
    assert_in_range(most[0], SIZE, BOUND + SIZE);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_BODIES), 0);
    assert_int_equal(whi_memory_used(engine->memory, WHI_POT_RECORDS), 0);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(a_rule_drops_passes_and_projects),
        TEST(a_delay_puts_the_first_attempt_off),
        TEST(fields_are_taken_of_what_the_rule_says),
        TEST(a_rule_that_fails_touches_nobody_else),
        TEST(a_rule_that_runs_away_is_stopped_and_held),
        TEST(a_rule_that_fails_again_and_again_is_set_aside),
        TEST(a_rule_that_does_not_compile_is_refused_with_its_line),
        TEST(a_rule_without_a_return_is_refused_when_it_comes),
        TEST(all_headers_of_rule_and_subscription_are_sent),
        TEST(what_rules_made_for_who_hangs_waits_in_the_store),
        TEST(a_rule_longer_than_is_allowed_by_now_touches_nobody_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
