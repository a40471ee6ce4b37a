/* Response rules: what they make of answers, by a clock that stands until it is moved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "engine_fixture.h"
#include "webhook_explain.h"
#include "webhook_rule.h"

#define URL "\"url\":\"https://example.com/hook\",\"jitter\":0,\"retry\":[0,1000,1000]"

static wh_engine *engine;
static char id[WH_ID_SIZE];

static int setup(void **state) {
    wh_options options = WH_OPTIONS_INIT;

    fixture_setup(state);
    options.rules = wh_rule_lua();
    engine = fixture_open(":memory:", &options);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static void subscribe(const char *rule) {
    char document[2048];

    snprintf(document, sizeof document, "{" URL ",\"response_rule\":\"%s\"}", rule);
    fixture_subscribe(engine, document, id);
}

/* What has been sent when so much time has passed. */
static void pass(int64_t ms, size_t count) {
    atomic_fetch_add(&fixture_time, ms);
    fixture_run(engine);
    assert_int_equal(fixture_count(), count);
}

static void assert_deliveries(const char *part) {
    wh_query query = WH_QUERY_INIT;
    char *text;

    query.subscription = id;
    text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    assert_has(text, part);
    wh_free(text);
}

static void answer_200(whi_request *request, void *payload) {
    static char body[] = "{\"ok\":false}";

    (void)payload;
    request->status = 200;
    request->response = body;
    request->response_size = strlen(body);
    if (request->headers != NULL) {
        whi_buf_text(request->headers, "X-State: Later\r\nx-state: now\r\n");
    }
}

static void nothing_leaves_the_ordinary_outcome(void **state) {
    (void)state;
    subscribe("if answer.status > 500 then return false end");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"delivered\"");
    assert_deliveries("\"error\":null");
    fixture_script.status = 503;
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 2);
    assert_deliveries("\"error\":\"status: answered 503\"");
    pass(1000, 3);
}

static void success_is_delivered(void **state) {
    (void)state;
    fixture_script.status = 409;
    subscribe("if answer.status == 409 then return { outcome = 'success', reason = 'had it' } end");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"delivered\"");
    assert_deliveries("status: answered 409; response rule: success: had it");
}

static void it_sees_headers_and_body(void **state) {
    (void)state;
    fixture_script.answer = answer_200;
    subscribe("return { reason = answer.headers['x-state'] .. '|' .. answer.body .. '|' .. answer.attempt .. "
              "'|' .. event.type .. '|' .. subscription.id }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("response rule: ordinary: Later, now|{\\\"ok\\\":false}|1|a|sub_");
}

static void a_retry_takes_its_own_time_and_a_place_in_the_list(void **state) {
    (void)state;
    fixture_script.answer = answer_200;
    subscribe("return { outcome = 'retry', after = 30 }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("status: answered 200; response rule: retry in 30000 ms");
    pass(29999, 1);
    pass(1, 2);
    pass(30000, 3);
    assert_deliveries("\"state\":\"exhausted\"");
    pass(1000000, 3);
}

static void a_retry_at_a_time(void **state) {
    (void)state;
    subscribe("return answer.attempt == 1 and { outcome = 'retry', at = event.time + 7000 }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    pass(6999, 1);
    pass(1, 2);
    assert_deliveries("\"state\":\"delivered\"");
}

static void giving_up_is_at_once(void **state) {
    (void)state;
    fixture_script.status = 500;
    subscribe("return { outcome = 'give_up' }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"exhausted\"");
    assert_deliveries("status: answered 500; response rule: give_up");
    pass(100000, 1);
}

static void it_disables_its_subscription(void **state) {
    char *text;

    (void)state;
    subscribe("return { outcome = 'disable' }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"disabled\":\"response_rule\"");
    wh_free(text);
    fixture_publish(engine, "a", "2", NULL);
    pass(0, 1);
}

static void a_pause_rests_its_lane_alone(void **state) {
    (void)state;
    subscribe("if answer.attempt == 1 then return { pause = 60 } end");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    fixture_publish(engine, "a", "2", NULL);
    pass(59999, 1);
    fixture_subscribe(engine, "{" URL ",\"events\":[\"b\"]}", NULL);
    fixture_publish(engine, "b", "3", NULL);
    pass(0, 2);
    assert_string_equal(fixture_sent[1].body, "3");
    pass(1, 4); /* of the first, which takes "b" too, and now has all that waited */
}

static void assert_ordinary_all_the_same(const char *rule, const char *said) {
    subscribe(rule);
    fixture_publish(engine, "a", "1", NULL);
    fixture_run(engine);
    assert_deliveries("\"state\":\"delivered\"");
    assert_deliveries(said);
}

static void what_fails_loses_nothing_and_is_told(void **state) {
    (void)state;
    assert_ordinary_all_the_same("\\nreturn answer.no.such", "response rule failed: rule_runtime: line 2:");
    assert_ordinary_all_the_same("return { outcome = 'maybe' }", "response rule failed: outcome: expected");
    assert_ordinary_all_the_same("return 1", "response rule failed: rule_result");
    assert_ordinary_all_the_same("return { outcome = 'success' }, { key = 'x' }", "\"state\":\"delivered\"");
    assert_ordinary_all_the_same("while true do end", "response rule failed: rule_time: line 1: stopped after");
    assert_ordinary_all_the_same("return { reason = string.rep('x', 20000000) }", "response rule failed: rule_memory");
}

static void without_an_answer_nobody_is_asked(void **state) {
    (void)state;
    fixture_script.status = 0;
    fixture_script.error = WH_ETIMEOUT;
    subscribe("return { outcome = 'success' }");
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"waiting\"");
}

static void assert_subscribe_fails(const char *document, int code, const char *sentence) {
    char made[WH_ID_SIZE];

    assert_int_equal(wh_subscribe(engine, document, WH_ZSTR, made), code);
    assert_has(wh_last_error(), sentence);
    assert_string_equal(wh_last_error_field(), "response_rule");
}

static void it_is_checked_when_it_is_given(void **state) {
    (void)state;
    assert_subscribe_fails("{" URL ",\"response_rule\":\"return (\"}", WH_ERULE_SYNTAX, "response_rule: line 1: ");
    assert_subscribe_fails("{\"url\":\"poll:\",\"response_rule\":\"return false\"}", WH_EINVALID,
                           "expected none, since the url is not of HTTP");
}

static void it_is_read_and_taken_away(void **state) {
    char *text;

    (void)state;
    subscribe("return { outcome = 'give_up' }");
    text = DOCUMENT(wh_subscription(engine, id, &fixture_handed, &fixture_size));
    assert_has(text, "\"response_rule\":\"return { outcome = 'give_up' }\"");
    wh_free(text);
    assert_int_equal(wh_subscription_update(engine, id, "{\"response_rule\":null}", WH_ZSTR), WH_OK);
    fixture_publish(engine, "a", "1", NULL);
    pass(0, 1);
    assert_deliveries("\"state\":\"delivered\"");
}

static int count_delivered(void) {
    wh_query query = WH_QUERY_INIT;
    char *text = DOCUMENT(wh_deliveries(engine, &query, &fixture_handed, &fixture_size));
    int count = 0;

    for (const char *at = text; (at = strstr(at, "\"state\":\"delivered\"")) != NULL; at++) {
        count++;
    }
    wh_free(text);
    return count;
}

static void publish_for(const char *tenant) {
    wh_event event = WH_EVENT_INIT;

    event.type = "a";
    event.tenant = tenant;
    event.payload = "1";
    event.payload_size = 1;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_OK);
}

/* Both have much to say: who hangs is stopped each time, and the other's go out all the same. */
static void one_that_hangs_keeps_no_other(void **state) {
    char document[256];

    (void)state;
    snprintf(document, sizeof document, "{" URL ",\"tenant\":\"bad\",\"response_rule\":\"while true do end\"}");
    fixture_subscribe(engine, document, id);
    fixture_subscribe(engine, "{" URL ",\"tenant\":\"good\"}", NULL);
    for (int i = 0; i < 4; i++) {
        publish_for(i % 2 == 0 ? "bad" : "good");
    }
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 4);
    assert_deliveries("rule_time");
}

static int count_sent(void) {
    return (int)fixture_count();
}

/* Only what never comes takes so long. */
static void step_until(int (*count)(void), int wanted) {
    int64_t end = whi_monotonic_us() + 30000000;

    while (count() < wanted && whi_monotonic_us() < end) {
        assert_true(wh_step(engine) >= 0);
    }
    assert_int_equal(count(), wanted);
}

static void step(int times) {
    for (int i = 0; i < times; i++) {
        fixture_turn(engine);
    }
}

/* One run takes more than the purse holds, and the clock stands. */
static void its_time_is_its_tenants(void **state) {
    (void)state;
    assert_int_equal(wh_tenant_set(engine, "acme", "{\"cpu_ms\":10}", WH_ZSTR), WH_OK);
    fixture_subscribe(engine, "{" URL ",\"tenant\":\"acme\",\"response_rule\":\"while true do end\"}", NULL);
    publish_for("acme");
    publish_for("acme");
    step_until(count_delivered, 1);
    step_until(count_sent, 2);
    step(50);
    assert_int_equal(fixture_count(), 2);
    assert_int_equal(count_delivered(), 1);
    assert_int_equal(wh_idle(engine), 0);
    fixture_subscribe(engine, "{" URL ",\"tenant\":\"beta\",\"response_rule\":\"return nil\"}", NULL);
    publish_for("beta");
    step_until(count_delivered, 2);
    atomic_fetch_add(&fixture_time, 10000);
    fixture_run(engine);
    assert_int_equal(count_delivered(), 3);
}

/* The receiver has them: the ordinary outcome counts. */
static void what_waits_when_the_engine_ends_is_not_sent_again(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    const char *file = fixture_file();

    (void)state;
    wh_close(engine);
    options.rules = wh_rule_lua();
    engine = fixture_open(file, &options);
    subscribe("while true do end");
    fixture_publish(engine, "a", "1", NULL);
    step_until(count_sent, 1);
    step(3); /* its answer is here */
    wh_close(engine);
    engine = fixture_open(file, &options);
    fixture_run(engine);
    assert_int_equal(fixture_count(), 1);
    assert_int_equal(count_delivered(), 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_leaves_the_ordinary_outcome, setup, teardown),
        cmocka_unit_test_setup_teardown(success_is_delivered, setup, teardown),
        cmocka_unit_test_setup_teardown(it_sees_headers_and_body, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_takes_its_own_time_and_a_place_in_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(a_retry_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(giving_up_is_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(it_disables_its_subscription, setup, teardown),
        cmocka_unit_test_setup_teardown(a_pause_rests_its_lane_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(what_fails_loses_nothing_and_is_told, setup, teardown),
        cmocka_unit_test_setup_teardown(without_an_answer_nobody_is_asked, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_checked_when_it_is_given, setup, teardown),
        cmocka_unit_test_setup_teardown(it_is_read_and_taken_away, setup, teardown),
        cmocka_unit_test_setup_teardown(one_that_hangs_keeps_no_other, setup, teardown),
        cmocka_unit_test_setup_teardown(its_time_is_its_tenants, setup, teardown),
        cmocka_unit_test_setup_teardown(what_waits_when_the_engine_ends_is_not_sent_again, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
