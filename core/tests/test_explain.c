#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "engine_fixture.h"
#include "fake_rules.h"
#include "fault.h"

#define URL "\"url\":\"https://example.com/hook\""

static wh_engine *engine;
static char event[WH_ID_SIZE], id[WH_ID_SIZE];

static int setup(void **state) {
    wh_options options = WH_OPTIONS_INIT;

    fixture_setup(state);
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    return 0;
}

static int teardown(void **state) {
    wh_close(engine);
    return fixture_setup(state);
}

static char *explain(const char *subscription) {
    return DOCUMENT(wh_explain(engine, event, subscription, NULL, &fixture_handed, &fixture_size));
}

/* The one item, from behind "subscription" on, is this text. */
static void assert_item(const char *subscription, const char *expected) {
    char begin[WH_ID_SIZE * 2 + 64], *text = explain(subscription);
    size_t size = strlen(expected);

    snprintf(begin, sizeof begin, "{\"event\":\"%s\",\"items\":[{\"subscription\":\"%s\",", event, subscription);
    assert_memory_equal(text, begin, strlen(begin));
    if (strncmp(text + strlen(begin), expected, size) != 0 ||
        strcmp(text + strlen(begin) + size, "}],\"next\":null}") != 0) {
        fail_msg("expected %s in %s", expected, text);
    }
    wh_free(text);
}

static void publish(const char *type, const char *payload) {
    fixture_publish(engine, type, payload, event);
    fixture_run(engine);
}

/* Subscribes, publishes {"total":5,"customer":{"country":"FR"}} of type "order.paid", and asks. */
static void assert_outcome(const char *document, const char *expected) {
    fixture_subscribe(engine, document, id);
    publish("order.paid", "{\"total\":5,\"customer\":{\"country\":\"FR\"}}");
    assert_item(id, expected);
}

static void what_the_index_turns_away_is_told(void **state) {
    (void)state;
    assert_outcome("{" URL ",\"events\":[\"invoice.*\"]}", "\"outcome\":\"type\",\"version\":1,\"present\":false");
    assert_outcome("{" URL ",\"tenant\":\"acme\"}", "\"outcome\":\"tenant\",\"version\":1,\"present\":false");
    assert_outcome("{" URL ",\"source\":\"shop\"}", "\"outcome\":\"source\",\"version\":1,\"present\":false");
    assert_outcome("{" URL ",\"paused\":true}", "\"outcome\":\"paused\",\"version\":1,\"present\":false");
    assert_outcome(
        "{" URL ",\"expires_at\":1795000000000}",
        "\"outcome\":\"expired\",\"version\":1,\"present\":false,\"expires_at\":\"2026-11-18T11:06:40.000Z\"");
}

static void of_a_filter_the_path_and_both_values_are_told(void **state) {
    (void)state;
    assert_outcome("{" URL ",\"filters\":{\"total\":5,\"customer.country\":[\"DE\", \"AT\"]}}",
                   "\"outcome\":\"filtered\",\"version\":1,\"present\":false,\"path\":\"customer.country\","
                   "\"expected\":[\"DE\", \"AT\"],\"found\":\"FR\"");
    assert_outcome("{" URL ",\"filters\":{\"customer.name\":\"Ann\"}}",
                   "\"outcome\":\"filtered\",\"version\":1,\"present\":false,\"path\":\"customer.name\","
                   "\"expected\":\"Ann\",\"found\":null");
}

static void over_arrays_a_filter_found_a_list(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"filters\":{\"items.sku.n\":3}}", id);
    publish("a", "{\"items\":[{\"sku\":{\"n\":1}},7,{\"sku\":[{\"n\":[2]},{}]},{}]}");
    assert_item(id, "\"outcome\":\"filtered\",\"version\":1,\"present\":false,\"path\":\"items.sku.n\",\"expected\":3,"
                    "\"found\":[1,[2]]");
    publish("a", "{\"items\":[]}");
    assert_item(id, "\"outcome\":\"filtered\",\"version\":1,\"present\":false,\"path\":\"items.sku.n\",\"expected\":3,"
                    "\"found\":[]");
}

static void a_long_value_that_a_filter_found_is_cut(void **state) {
    char payload[5000] = "{\"a\":\"x", *text;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"filters\":{\"a\":3}}", id);
    for (int i = 0; i < 2000; i++) {
        memcpy(payload + 7 + 2 * i, "\xc3\xa4", 2);
    }
    memcpy(payload + 4007, "\"}", 3);
    publish("a", payload);
    text = explain(id);
    assert_has(text, "\"found\":\"\\\"x\xc3\xa4");
    assert_has(text, "\xc3\xa4\xe2\x80\xa6\"}]");
    assert_true(strlen(text) < 1400);
    wh_free(text);
}

static void what_the_rule_said_and_cost_is_told(void **state) {
    (void)state;
    assert_outcome("{" URL ",\"rule\":\"drop\"}",
                   "\"outcome\":\"dropped\",\"version\":1,\"present\":false,\"cpu_us\":7,\"memory\":99");
    assert_outcome("{" URL ",\"rule\":\"fail\",\"on_rule_error\":\"skip\"}",
                   "\"outcome\":\"failed\",\"version\":1,\"present\":false,\"code\":\"rule_runtime\",\"line\":3,"
                   "\"message\":\"no\",\"cpu_us\":7,\"memory\":99");
    assert_outcome("{" URL ",\"rule\":\"memory\",\"on_rule_error\":\"skip\"}",
                   "\"outcome\":\"failed\",\"version\":1,\"present\":false,\"code\":\"rule_memory\",\"line\":null,"
                   "\"message\":\"too much\",\"cpu_us\":7,\"memory\":99");
}

/* The item with its delivery's id, which the event's and the subscription's make. */
static void assert_delivery(const char *begin, const char *end) {
    char text[512], delivery[WH_ID_SIZE];
    int64_t number, subscription;

    assert_int_equal(whi_ident_parse("msg_", event, &number), WH_OK);
    assert_int_equal(whi_ident_parse("sub_", id, &subscription), WH_OK);
    whi_ident_delivery(number, subscription, delivery);
    snprintf(text, sizeof text, "%s,\"delivery\":\"%s\",%s", begin, delivery, end);
    assert_item(id, text);
}

static void a_delivery_is_told_with_its_state(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"project {\\\"n\\\":1}\",\"retry\":[0]}", id);
    publish("a", "{}");
    assert_delivery("\"outcome\":\"delivered\",\"version\":1,\"present\":false",
                    "\"attempts\":1,\"status\":200,\"error\":null,\"cpu_us\":7,\"memory\":99,\"bytes\":7");
    fixture_script.status = 500;
    publish("a", "{}");
    assert_has(explain(id), "\"outcome\":\"exhausted\"");
    assert_has(fixture_handed, "\"status\":500,\"error\":\"");
    wh_free(fixture_handed);
}

static void a_held_delivery_tells_why(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    publish("a", "{}");
    assert_delivery("\"outcome\":\"held\",\"version\":1,\"present\":false",
                    "\"attempts\":0,\"status\":null,\"error\":\"rule_runtime: line 3: no\",\"code\":\"rule_runtime\","
                    "\"line\":3,\"message\":\"no\",\"cpu_us\":7,\"memory\":99");
}

static void without_a_rule_only_the_size_is_told(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"fields\":\"a\"}", id);
    publish("a", "{\"a\":1,\"b\":2}");
    assert_delivery("\"outcome\":\"delivered\",\"version\":1,\"present\":false",
                    "\"attempts\":1,\"status\":200,\"error\":null,\"bytes\":7");
}

static void with_an_envelope_the_size_is_that_of_what_is_sent(void **state) {
    static const char *const profiles[] = { "unified", "truto", "callfire" };
    char document[256], *text;

    (void)state;
    for (int i = 0; i < 3; i++) {
        snprintf(document, sizeof document, "{" URL ",\"profile\":\"%s\",\"events\":[\"%s.x\"]}", profiles[i],
                 profiles[i]);
        fixture_subscribe(engine, document, id);
        snprintf(document, sizeof document, "%s.x", profiles[i]);
        publish(document, "{\"a\":[1,2]}");
        text = explain(id);
        snprintf(document, sizeof document, "\"bytes\":%zu}", fixture_sent[fixture_sent_count - 1].body_size);
        assert_has(text, document);
        wh_free(text);
    }
}

/* Half a second goes by, so that versions and events have an order. */
static void later(void) {
    atomic_fetch_add(&fixture_time, 500);
}

static void update(const char *document) {
    later();
    assert_int_equal(wh_subscription_update(engine, id, document, WH_ZSTR), WH_OK);
    later();
}

/* The present rule will make its bytes, as soon as the subscription goes on. */
static void what_was_released_is_explained_by_the_present_rule(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"fail\"}", id);
    later();
    publish("a", "{}");
    later();
    update("{\"paused\":true,\"rule\":\"project {\\\"n\\\":1}\"}");
    assert_delivery("\"outcome\":\"waiting\",\"version\":2,\"present\":false",
                    "\"attempts\":0,\"status\":null,\"error\":\"rule_runtime: line 3: no\",\"cpu_us\":7,"
                    "\"memory\":99,\"bytes\":7");
}

static void the_version_in_force_then_decided(void **state) {
    char dropped[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"drop\"}", id);
    later();
    publish("a", "{}");
    memcpy(dropped, event, sizeof dropped);
    update("{\"rule\":\"fail\",\"on_rule_error\":\"skip\"}");
    publish("a", "{}");
    update("{\"rule\":\"pass\"}");
    assert_has(explain(id), "\"outcome\":\"failed\",\"version\":2,\"present\":false");
    wh_free(fixture_handed);
    publish("a", "{}");
    assert_has(explain(id), "\"outcome\":\"delivered\",\"version\":3,\"present\":false");
    wh_free(fixture_handed);
    memcpy(event, dropped, sizeof event);
    assert_item(id, "\"outcome\":\"dropped\",\"version\":1,\"present\":false,\"cpu_us\":7,\"memory\":99");
}

/* Versions go with the events that they decided about; here one goes alone. */
static void forget_first_version(const char *file) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(file, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "DELETE FROM webhook_subscription_versions WHERE version = 1", NULL, NULL, NULL),
                     SQLITE_OK);
    sqlite3_close(db);
}

static void a_version_that_is_gone_is_replaced_by_the_present_one(void **state) {
    const char *file = fixture_file();
    wh_options options = WH_OPTIONS_INIT;

    (void)state;
    wh_close(engine);
    options.rules = &fake_rules;
    engine = fixture_open(file, &options);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"drop\"}", id);
    later();
    publish("a", "{}");
    update("{\"rule\":\"fail\",\"on_rule_error\":\"skip\"}");
    forget_first_version(file);
    assert_has(explain(id), "\"outcome\":\"failed\",\"version\":2,\"present\":true");
    wh_free(fixture_handed);
}

static void what_was_made_after_the_event_is_told_so(void **state) {
    (void)state;
    publish("a", "{}");
    later();
    fixture_subscribe(engine, "{" URL "}", id);
    assert_item(id, "\"outcome\":\"later\",\"version\":1,\"present\":false");
}

/* By the version that was there when it was accepted, if that is what it wants now. All within one
 * millisecond: no clock is asked. */
static void an_event_that_waits_for_its_fan_out_is_pending(void **state) {
    char made_later[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"pick n\"}", id);
    fixture_publish(engine, "a", "{\"n\":1}", event);
    fixture_subscribe(engine, "{" URL "}", made_later);
    assert_int_equal(wh_subscription_update(engine, id, "{\"rule\":\"pick m\"}", WH_ZSTR), WH_OK);
    assert_item(id, "\"outcome\":\"pending\",\"version\":1,\"present\":false,\"cpu_us\":7,\"memory\":99,\"bytes\":7");
    assert_item(made_later, "\"outcome\":\"later\",\"version\":1,\"present\":false");
    assert_int_equal(wh_subscription_update(engine, id, "{\"expires_at\":1795000000000}", WH_ZSTR), WH_OK);
    assert_item(id, "\"outcome\":\"expired\",\"version\":1,\"present\":false,"
                    "\"expires_at\":\"2026-11-18T11:06:40.000Z\"");
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":true}", WH_ZSTR), WH_OK);
    assert_item(id, "\"outcome\":\"paused\",\"version\":1,\"present\":false");
    fixture_publish(engine, "a", "{\"m\":1}", event);
    assert_int_equal(wh_subscription_update(engine, id, "{\"paused\":false,\"expires_at\":null}", WH_ZSTR), WH_OK);
    fixture_run(engine);
    assert_has(explain(id), "\"outcome\":\"delivered\",\"version\":4");
    wh_free(fixture_handed);
}

/* It was wanted when it was accepted, and the subscription was paused when it was fanned out. */
static void what_was_wanted_and_not_made_was_missed(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    later();
    fixture_publish(engine, "a", "{\"n\":1}", event);
    update("{\"paused\":true}");
    fixture_run(engine);
    assert_item(id, "\"outcome\":\"missed\",\"version\":1,\"present\":false,\"bytes\":7");
    update("{\"paused\":false}");
    assert_item(id, "\"outcome\":\"missed\",\"version\":1,\"present\":false,\"bytes\":7");
}

static void a_subscription_for_one_event_is_used_up_for_the_next(void **state) {
    char filtered[WH_ID_SIZE];

    (void)state;
    fixture_script.hang = 1;
    fixture_subscribe(engine, "{" URL ",\"single_use\":true,\"filters\":{\"n\":1}}", id);
    later();
    fixture_publish(engine, "a", "{}", filtered);
    fixture_publish(engine, "a", "{\"n\":1}", NULL);
    fixture_publish(engine, "a", "{\"n\":1}", event);
    later();
    for (int i = 0; i < 120; i++) { /* a position alone is written 20 times a second */
        fixture_turn(engine);
        usleep(1000);
    }
    assert_item(id, "\"outcome\":\"disabled\",\"version\":1,\"present\":false,\"reason\":\"used\",\"bytes\":7");
    later();
    fixture_publish(engine, "a", "{}", event);
    fixture_turn(engine);
    assert_item(id, "\"outcome\":\"disabled\",\"version\":2,\"present\":false,\"reason\":\"used\"");
    memcpy(event, filtered, sizeof event);
    assert_has(explain(id), "\"outcome\":\"filtered\",\"version\":1,\"present\":false,\"path\":\"n\"");
    wh_free(fixture_handed);
    fixture_script.hang = 0;
}

static void of_a_deleted_subscription_deliveries_are_told(void **state) {
    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"pass\"}", id);
    publish("a", "{}");
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_delivery("\"outcome\":\"delivered\",\"version\":1,\"present\":false",
                    "\"attempts\":1,\"status\":200,\"error\":null,\"cpu_us\":7,\"memory\":99,\"bytes\":2");
    publish("b", "{}");
    assert_int_equal(wh_explain(engine, event, id, NULL, &fixture_handed, &fixture_size), WH_ENOTFOUND);
}

static void all_of_the_tenant_come_page_by_page(void **state) {
    wh_query query = WH_QUERY_INIT;
    char document[128], cursor[WH_ID_SIZE], *next;
    int items = 0, pages = 0;

    (void)state;
    for (int i = 0; i < 7; i++) {
        snprintf(document, sizeof document, "{" URL ",\"tenant\":\"%s\"}", i < 2 ? "other" : "");
        fixture_subscribe(engine, document, NULL);
    }
    publish("a", "{}");
    query.limit = 2;
    do {
        char *text = DOCUMENT(wh_explain(engine, event, NULL, &query, &fixture_handed, &fixture_size));
        for (const char *at = text; (at = strstr(at, "\"outcome\":\"delivered\"")) != NULL; at++) {
            items++;
        }
        next = strstr(text, "\"next\":\"");
        snprintf(cursor, sizeof cursor, "%.17s", next != NULL ? next + 8 : "");
        query.cursor = cursor;
        pages++;
        wh_free(text);
    } while (next != NULL);
    assert_int_equal(items, 5);
    assert_int_equal(pages, 3);
}

static void what_is_not_there_is_not_found(void **state) {
    wh_query query = WH_QUERY_INIT;
    char *text = (char *)"";

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    publish("a", "{}");
    assert_int_equal(wh_explain(engine, "msg_0000000000009", NULL, NULL, &text, NULL), WH_ENOTFOUND);
    assert_string_equal(wh_last_error(), "event: no such event");
    assert_null(text);
    assert_int_equal(wh_explain(engine, event, "sub_0000000000009", NULL, &text, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_explain(engine, event, "nonsense", NULL, &text, NULL), WH_ENOTFOUND);
    assert_string_equal(wh_last_error(), "subscription: no such subscription");
    assert_int_equal(wh_explain(engine, NULL, id, NULL, &text, NULL), WH_EINVALID);
    query.cursor = "sub_";
    assert_int_equal(wh_explain(engine, event, NULL, &query, &text, NULL), WH_EINVALID);
    query.cursor = NULL;
    query.limit = -1;
    assert_int_equal(wh_explain(engine, event, NULL, &query, &text, NULL), WH_EINVALID);
    query.size = 7;
    assert_int_equal(wh_explain(engine, event, NULL, &query, &text, NULL), WH_EINVALID);
}

static void no_secret_is_told(void **state) {
    (void)state;
    fixture_subscribe(engine,
                      "{" URL ",\"secrets\":[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"],"
                      "\"headers\":{\"Authorization\":\"Bearer MfKQ\"}}",
                      NULL);
    publish("a", "{}");
    assert_null(strstr(explain(NULL), "MfKQ"));
    wh_free(fixture_handed);
}

static void memory_that_runs_out_is_told(void **state) {
    static const char *const documents[] = { "{" URL ",\"rule\":\"tell\",\"events\":[\"a\",\"b.*\"]}",
                                             "{" URL ",\"filters\":{\"a.b\":\"c\"}}", "{" URL ",\"rule\":\"fail\"}",
                                             "{" URL ",\"profile\":\"callfire\",\"fields\":\"events(resource(a))\"}" };
    int failed = 1;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        fixture_subscribe(engine, documents[i], id);
    }
    later();
    publish("a", "{\"a\":[{\"b\":7}]}");
    update("{\"name\":\"x\"}");
    for (long n = 0; failed; n++) {
        char *text = NULL;
        int code;
        fault_set(n);
        code = wh_explain(engine, event, NULL, NULL, &text, NULL);
        failed = fault_clear();
        assert_true(code == WH_OK || (failed && (code == WH_ENOMEM || code == WH_ESTORE)));
        assert_true((code == WH_OK) == (text != NULL));
        wh_free(text);
    }
}

/* ------------------------------------------------------------------- several threads */

static void *publish_many(void *payload) {
    (void)payload;
    for (int i = 0; i < 200; i++) {
        fixture_publish(engine, "a", i % 2 ? "{\"n\":1}" : "{}", NULL);
    }
    return NULL;
}

static void it_explains_while_others_publish_and_deliver(void **state) {
    pthread_t thread;

    (void)state;
    fixture_subscribe(engine, "{" URL ",\"rule\":\"pick n\"}", NULL);
    fixture_subscribe(engine, "{" URL ",\"rule\":\"tell\"}", id);
    fixture_publish(engine, "a", "{\"n\":1}", event);
    assert_int_equal(wh_start(engine, 2), WH_OK);
    assert_int_equal(pthread_create(&thread, NULL, publish_many, NULL), 0);
    for (int i = 0; i < 100; i++) {
        wh_free(explain(i % 2 ? id : NULL));
        if (i % 10 == 0) {
            assert_int_equal(wh_subscription_update(engine, id, "{\"name\":\"x\"}", WH_ZSTR), WH_OK);
        }
    }
    pthread_join(thread, NULL);
    assert_int_equal(wh_stop(engine, 5000), WH_OK);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_the_index_turns_away_is_told),
        TEST(of_a_filter_the_path_and_both_values_are_told),
        TEST(over_arrays_a_filter_found_a_list),
        TEST(a_long_value_that_a_filter_found_is_cut),
        TEST(what_the_rule_said_and_cost_is_told),
        TEST(a_delivery_is_told_with_its_state),
        TEST(a_held_delivery_tells_why),
        TEST(what_was_released_is_explained_by_the_present_rule),
        TEST(without_a_rule_only_the_size_is_told),
        TEST(with_an_envelope_the_size_is_that_of_what_is_sent),
        TEST(the_version_in_force_then_decided),
        TEST(a_version_that_is_gone_is_replaced_by_the_present_one),
        TEST(what_was_made_after_the_event_is_told_so),
        TEST(an_event_that_waits_for_its_fan_out_is_pending),
        TEST(what_was_wanted_and_not_made_was_missed),
        TEST(a_subscription_for_one_event_is_used_up_for_the_next),
        TEST(of_a_deleted_subscription_deliveries_are_told),
        TEST(all_of_the_tenant_come_page_by_page),
        TEST(what_is_not_there_is_not_found),
        TEST(no_secret_is_told),
        TEST(memory_that_runs_out_is_told),
        TEST(it_explains_while_others_publish_and_deliver),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
