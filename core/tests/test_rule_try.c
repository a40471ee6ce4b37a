#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"

static int run(const char *document, const wh_event *event, char **out) {
    size_t size = 0;
    int code = wh_rule_try(&fake_rules, NULL, document, WH_ZSTR, event, out, &size);

    assert_true(code != WH_OK || strlen(*out) == size);
    return code;
}

static wh_event event_of(const char *payload) {
    wh_event event = WH_EVENT_INIT;

    event.type = "order.paid";
    event.payload = payload;
    event.payload_size = WH_ZSTR;
    return event;
}

static void assert_result(const char *document, const char *payload, const char *expected) {
    wh_event event = event_of(payload);
    char *text;

    assert_int_equal(run(document, &event, &text), WH_OK);
    assert_string_equal(text, expected);
    wh_free(text);
}

static void assert_refused(const char *document, const wh_event *event, int code, const char *sentence) {
    char *text = (char *)"";

    assert_int_equal(run(document, event, &text), code);
    assert_has(wh_last_error(), sentence);
    assert_null(text);
}

#define COST "\"cpu_us\":7,\"memory\":99}"
#define NO_COST "\"cpu_us\":null,\"memory\":null}"
#define NO_ERROR "\"code\":null,\"line\":null,\"message\":null,"

static void a_rule_passes_projects_drops(void **state) {
    (void)state;
    assert_result("{\"rule\":\"pass\"}", "{ \"n\": 1.10 }",
                  "{\"outcome\":\"pass\",\"body\":{ \"n\": 1.10 },\"key\":null,\"headers\":null,\"delay\":0,"
                  "\"path\":null," NO_ERROR COST);
    assert_result("{\"rule\":\"project [1]\"}", "{}",
                  "{\"outcome\":\"project\",\"body\":[1],\"key\":null,\"headers\":null,\"delay\":0,"
                  "\"path\":null," NO_ERROR COST);
    assert_result("{\"rule\":\"drop\"}", "{}",
                  "{\"outcome\":\"drop\",\"body\":null,\"key\":null,\"headers\":null,\"delay\":null,"
                  "\"path\":null," NO_ERROR COST);
}

static void what_the_rule_says_besides_is_told(void **state) {
    (void)state;
    assert_result("{\"rule\":\"extras\"}", "{}",
                  "{\"outcome\":\"pass\",\"body\":{},\"key\":\"k\",\"headers\":{\"X-A\":\"b\"},\"delay\":1000,"
                  "\"path\":null," NO_ERROR COST);
}

/* Of a list whose objects stand for themselves the rule sees those that the filters left; so do fields, and so
 * does who is sent what the rule passed. */
static void a_rule_sees_what_the_filters_left_of_a_list(void **state) {
    static const char list[] = "[{\"a\":1,\"b\": 2},{\"a\":3},{\"a\":1}]";
    static const char *const rows[][2] = {
        { "\"rule\":\"pass\"", "\"outcome\":\"pass\",\"body\":[{\"a\":1,\"b\": 2},{\"a\":1}]," },
        { "\"rule\":\"tell\"", ",\"payload\":[{\"a\":1,\"b\": 2},{\"a\":1}]}" },
        { "\"rule\":\"project [1]\"", "\"outcome\":\"project\",\"body\":[1]," },
        { "\"rule\":\"drop\"", "\"outcome\":\"drop\",\"body\":null," },
        { "\"rule\":\"fail\"", "\"outcome\":\"failed\",\"body\":null," },
        { "\"fields\":\"b\"", "\"outcome\":\"pass\",\"body\":[{\"b\":2},{}]," },
        { "\"rule\":\"pass\",\"fields\":\"b\"", "\"outcome\":\"pass\",\"body\":[{\"b\":2},{}]," },
    };
    wh_event event = event_of(list);
    char document[256], *text;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(document, sizeof document, "{\"profile\":\"unified\",\"filters\":{\"a\":\"1\"},%s}", rows[i][0]);
        assert_int_equal(run(document, &event, &text), WH_OK);
        assert_has(text, rows[i][1]);
        wh_free(text);
    }
    assert_int_equal(run("{\"filters\":{\"a\":\"1\"}}", &event, &text), WH_OK); /* our own: one that holds is enough */
    assert_has(text, list);
    wh_free(text);
    assert_int_equal(run("{\"profile\":\"unified\",\"filters\":{\"a\":\"7\"}}", &event, &text), WH_OK);
    assert_has(text, "\"outcome\":\"filtered\",\"body\":null");
    assert_has(text, "\"path\":\"a\"");
    wh_free(text);
}

static void a_rule_that_fails_is_an_outcome(void **state) {
    (void)state;
    assert_result("{\"rule\":\"fail\"}", "{}",
                  "{\"outcome\":\"failed\",\"body\":null,\"key\":null,\"headers\":null,\"delay\":null,\"path\":null,"
                  "\"code\":\"rule_runtime\",\"line\":3,\"message\":\"no\"," COST);
    assert_result("{\"rule\":\"memory\"}", "{}",
                  "{\"outcome\":\"failed\",\"body\":null,\"key\":null,\"headers\":null,\"delay\":null,\"path\":null,"
                  "\"code\":\"rule_memory\",\"line\":null,\"message\":\"too much\"," COST);
}

static void filters_come_before_and_fields_behind(void **state) {
    (void)state;
    assert_result("{\"rule\":\"fail\",\"filters\":{\"a.b\":1}}", "{}",
                  "{\"outcome\":\"filtered\",\"body\":null,\"key\":null,\"headers\":null,\"delay\":null,"
                  "\"path\":\"a.b\"," NO_ERROR NO_COST);
    assert_result("{\"rule\":\"project {\\\"a\\\":1,\\\"b\\\":2}\",\"fields\":\"b\"}", "{}",
                  "{\"outcome\":\"project\",\"body\":{\"b\":2},\"key\":null,\"headers\":null,\"delay\":0,"
                  "\"path\":null," NO_ERROR COST);
    assert_result("{\"fields\":\"b\"}", "{\"a\":1,\"b\":2}",
                  "{\"outcome\":\"pass\",\"body\":{\"b\":2},\"key\":null,\"headers\":null,\"delay\":null,"
                  "\"path\":null," NO_ERROR NO_COST);
}

static void the_rule_sees_the_event_and_the_subscription(void **state) {
    wh_event event = event_of("[ 7 ]");
    char *text;

    (void)state;
    event.id = "e1";
    event.tenant = "acme";
    event.source = "shop";
    event.key = "k1";
    event.time = 1795000012345;
    assert_int_equal(run("{\"rule\":\"tell\",\"name\":\"Ann\",\"metadata\":{\"n\":5}}", &event, &text), WH_OK);
    assert_has(text, "\"body\":{\"event\":\"e1\",\"type\":\"order.paid\",\"tenant\":\"acme\",\"source\":\"shop\","
                     "\"key\":\"k1\",\"time\":1795000012345,");
    assert_has(text, "\"name\":\"Ann\",\"meta\":{\"n\":5},\"payload\":[ 7 ]}");
    wh_free(text);
}

static void without_an_event_the_rule_is_only_compiled(void **state) {
    char *text;

    (void)state;
    assert_int_equal(run("{\"rule\":\"fail\"}", NULL, &text), WH_OK);
    assert_string_equal(text, "{\"outcome\":\"pass\"}");
    wh_free(text);
    assert_int_equal(run("{}", NULL, &text), WH_OK);
    wh_free(text);
    assert_refused("{\"rule\":\"oops\"}", NULL, WH_ERULE_SYNTAX, "rule: line 2: what");
}

static void what_is_wrong_is_refused(void **state) {
    wh_event event = event_of("{}");
    wh_limits limits = WH_LIMITS_INIT;
    char *text = NULL;

    (void)state;
    assert_refused("{\"rule\":\"oops\",\"filters\":{\"a\":1}}", &event, WH_ERULE_SYNTAX, "line 2");
    assert_refused("{oops", &event, WH_EJSON, "");
    assert_refused("{\"filters\":{\"\":1}}", &event, WH_EINVALID, "filters");
    assert_refused("{\"colour\":1}", &event, WH_EINVALID, "colour");
    event.payload = "{oops";
    assert_refused("{}", &event, WH_EJSON, "payload");
    event = event_of("{}");
    event.type = "a b";
    assert_refused("{}", &event, WH_EINVALID, "type");
    event = event_of("{}");
    event.size = 0;
    assert_refused("{}", &event, WH_EINVALID, "size");
    event = event_of("{\"a\":1}");
    limits.payload_bytes = 6;
    assert_int_equal(wh_rule_try(&fake_rules, &limits, "{}", 2, &event, &text, NULL), WH_ELIMIT);
    limits.payload_bytes = -1;
    assert_int_equal(wh_rule_try(&fake_rules, &limits, "{}", 2, &event, &text, NULL), WH_EINVALID);
    assert_int_equal(wh_rule_try(&fake_rules, NULL, NULL, 2, &event, &text, NULL), WH_EINVALID);
    assert_int_equal(wh_rule_try(NULL, NULL, "{\"rule\":\"pass\"}", WH_ZSTR, &event, &text, NULL), WH_ERULE_ENGINE);
    assert_int_equal(wh_rule_try(NULL, NULL, "{\"fields\":\"a\"}", WH_ZSTR, &event, &text, NULL), WH_OK);
    assert_has(text, "\"body\":{\"a\":1}");
    wh_free(text);
}

static void memory_that_runs_out_is_told(void **state) {
    wh_event event = event_of("{\"a\":{\"b\":1}}");
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        char *text = NULL;
        int code;
        fault_set(n);
        code = wh_rule_try(&fake_rules, NULL, "{\"rule\":\"tell\",\"filters\":{\"a.b\":1},\"fields\":\"payload(a)\"}",
                           WH_ZSTR, &event, &text, NULL);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        assert_true((code == WH_OK) == (text != NULL));
        wh_free(text);
    }
}

static int run_oddly(void *handle, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    (void)handle;
    (void)rule;
    (void)input;
    out->action = 7;
    return WH_OK;
}

static void an_action_that_is_not_known_is_the_rules_failure(void **state) {
    wh_event event = event_of("{}");
    wh_rule_engine odd = fake_rules;
    char *text;

    (void)state;
    odd.run = run_oddly;
    assert_int_equal(wh_rule_try(&odd, NULL, "{\"rule\":\"pass\"}", WH_ZSTR, &event, &text, NULL), WH_OK);
    assert_has(text, "\"outcome\":\"failed\"");
    assert_has(text,
               "\"code\":\"rule_result\",\"line\":null,\"message\":\"the rule engine's action 7 is not known here\"");
    wh_free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_passes_projects_drops),
        cmocka_unit_test(what_the_rule_says_besides_is_told),
        cmocka_unit_test(a_rule_sees_what_the_filters_left_of_a_list),
        cmocka_unit_test(a_rule_that_fails_is_an_outcome),
        cmocka_unit_test(filters_come_before_and_fields_behind),
        cmocka_unit_test(the_rule_sees_the_event_and_the_subscription),
        cmocka_unit_test(without_an_event_the_rule_is_only_compiled),
        cmocka_unit_test(what_is_wrong_is_refused),
        cmocka_unit_test(an_action_that_is_not_known_is_the_rules_failure),
        cmocka_unit_test(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
