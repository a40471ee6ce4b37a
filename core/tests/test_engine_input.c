/* What the engine says to wrong calls, and what it does when memory runs out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "engine_fixture.h"
#include "fake_rules.h"

#define URL "\"url\":\"https://example.com/hook\""

/* ---------------------------------------------------------------------------- bad input */

static void every_wrong_call_has_its_own_sentence(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL), *none = NULL;
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_event event = WH_EVENT_INIT;
    wh_query query = WH_QUERY_INIT;
    char *out = NULL;
    char id[WH_ID_SIZE];

    (void)state;
    assert_int_equal(wh_open(NULL, ":memory:", NULL), WH_EINVALID);
    assert_int_equal(wh_open(&none, NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_open(&none, "", NULL), WH_EINVALID);
    options.size = 9;
    assert_int_equal(wh_open(&none, ":memory:", &options), WH_EINVALID);
    options.size = sizeof options;
    options.timeout = -1;
    assert_int_equal(wh_open(&none, ":memory:", &options), WH_EINVALID);
    assert_has(wh_last_error(), "timeout");
    options.timeout = 0;
    options.limits = &limits;
    limits.payload_bytes = -5;
    assert_int_equal(wh_open(&none, ":memory:", &options), WH_EINVALID);
    assert_has(wh_last_error(), "limits.payload_bytes");
    assert_null(none);

    assert_int_equal(wh_publish(NULL, &event, NULL), WH_EINVALID);
    assert_int_equal(wh_publish(engine, NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "type: ");
    event.type = "a b";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    event.type = "a";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "payload: ");
    event.payload = "{";
    event.payload_size = 1;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EJSON);
    event.payload = "\"\xff\"";
    event.payload_size = 3;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EJSON);
    event.payload = "{}";
    event.payload_size = 2;
    event.id = "";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "id: ");
    event.id = "msg_06a3ntgpx0r01";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "id: has the form of one that the engine makes");
    event.id = "a.1";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "id: ");
    event.id = NULL;
    event.tenant = "\n";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    event.tenant = NULL;
    event.time = -1;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    event.time = 1795000000;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "time: expected milliseconds since 1970, found 1795000000, which looks like seconds");
    event.time = INT64_C(1795000000000000);
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "beyond the year 9999");
    event.time = 0;
    event.size = 2;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);

    assert_int_equal(wh_subscribe(NULL, "{}", 2, NULL), WH_EINVALID);
    assert_int_equal(wh_subscribe(engine, NULL, 2, NULL), WH_EINVALID);
    assert_int_equal(wh_subscribe(engine, "{}", 2, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "url: ");
    assert_int_equal(wh_subscribe(engine, "[]", 2, NULL), WH_EINVALID);
    assert_int_equal(wh_subscribe(engine, "", 0, NULL), WH_EJSON);

    assert_int_equal(wh_subscription(engine, NULL, &out, NULL), WH_EINVALID);
    assert_int_equal(wh_subscription(engine, "sub_x", &out, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_subscription(engine, "sub_0000000000009", &out, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_subscription(engine, "sub_0000000000009", NULL, NULL), WH_EINVALID);
    assert_int_equal(wh_event_get(engine, "nothing", &out, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_event_get(engine, NULL, &out, NULL), WH_EINVALID);
    assert_int_equal(wh_delivery(engine, "dlv_", &out, NULL), WH_ENOTFOUND);
    assert_int_equal(wh_attempts(engine, NULL, &out, NULL), WH_EINVALID);
    assert_int_equal(wh_replay(engine, "dlv_00000000000010000000000001"), WH_ENOTFOUND);

    query.limit = 5000;
    assert_int_equal(wh_events(engine, &query, &out, NULL), WH_EINVALID);
    query.limit = 0;
    query.state = "asleep";
    assert_int_equal(wh_deliveries(engine, &query, &out, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "state: ");
    assert_int_equal(wh_subscriptions(engine, &query, &out, NULL), WH_EINVALID);
    query.state = NULL;
    query.cursor = "nonsense";
    assert_int_equal(wh_events(engine, &query, &out, NULL), WH_EINVALID);
    query.cursor = NULL;
    query.subscription = "7";
    assert_int_equal(wh_deliveries(engine, &query, &out, NULL), WH_EINVALID);

    assert_int_equal(wh_start(engine, 0), WH_EINVALID);
    assert_int_equal(wh_start(engine, 65), WH_EINVALID);
    assert_int_equal(wh_step(NULL), WH_EINVALID);
    assert_int_equal(wh_idle(NULL), WH_EINVALID);
    wh_close(NULL);
    wh_free(NULL);
    fixture_subscribe(engine, "{" URL "}", id);
    fixture_run(engine);
    assert_int_equal(fixture_sent_count, 0);
    wh_close(engine);
}

static void limits_hold(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_event event = WH_EVENT_INIT;
    wh_engine *engine;

    (void)state;
    options.limits = &limits;
    limits.payload_bytes = 10;
    limits.json_depth = 3;
    limits.batch_events = 1;
    limits.subscriptions = 1;
    limits.subscription_bytes = 100;
    engine = fixture_open(":memory:", &options);
    event.type = "a";
    event.payload = "[1,2,3,4,5]";
    event.payload_size = 11;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_ELIMIT);
    event.payload = "[[[[]]]]";
    event.payload_size = 8;
    assert_int_equal(wh_publish(engine, &event, NULL), WH_ELIMIT);
    assert_int_equal(wh_publish_batch(engine, &event, 2, NULL), WH_ELIMIT);
    assert_string_equal(wh_last_error_field(), "events");
    fixture_subscribe(engine, "{" URL "}", NULL);
    assert_int_equal(wh_subscribe(engine, "{" URL "}", WH_ZSTR, NULL), WH_ELIMIT);
    assert_int_equal(
        wh_subscribe(engine,
                     "{" URL ",\"name\":\"0123456789012345678901234567890123456789012345678901234567890123456789\"}",
                     WH_ZSTR, NULL),
        WH_ELIMIT);
    wh_close(engine);
}

/* ----------------------------------------------------------------------- no memory */

/* The writer's thread allocates, too. */
static atomic_long allocations_left;

static int fails_once(void) {
    return atomic_fetch_sub(&allocations_left, 1) == 0;
}

/* The whole way of an event; any step may be refused for want of memory. */
static int whole_way(const char *store) {
    wh_options options = WH_OPTIONS_INIT;
    wh_event event = WH_EVENT_INIT;
    wh_engine *engine = NULL;
    char id[WH_ID_SIZE], *text = NULL;
    int code;

    options.clock = &fixture_clock;
    code = whi_open(&engine, store, &options, &fixture_transport);
    if (code == WH_OK) {
        code = wh_subscribe(engine, "{" URL ",\"filters\":{\"a\":1},\"fields\":\"a\",\"headers\":{\"X\":\"y\"}}",
                            WH_ZSTR, id);
    }
    event.type = "a";
    event.payload = "{\"a\":1,\"b\":2}";
    event.payload_size = WH_ZSTR;
    code = code == WH_OK ? wh_publish(engine, &event, NULL) : code;
    code = code == WH_OK ? wh_run(engine) : code;
    code = code == WH_OK ? wh_subscription_update(engine, id, "{\"name\":\"n\"}", WH_ZSTR) : code;
    code = code == WH_OK ? wh_deliveries(engine, NULL, &text, NULL) : code;
    wh_free(text);
    wh_close(engine);
    return code;
}

static void no_allocation_that_fails_does_harm(void **state) {
    long n = 0, refused = 0;

    (void)state;
    for (;; n++) {
        int code;
        atomic_store(&allocations_left, n);
        whi_mem_fault = fails_once;
        code = whole_way(":memory:");
        whi_mem_fault = NULL;
        refused += code == WH_ENOMEM;
        assert_true(code == WH_OK || code == WH_ENOMEM);
        if (atomic_load(&allocations_left) >= 0) {
            break;
        }
    }
    assert_true(n > 50);
    assert_true(refused > 20);
}

/* ------------------------------------------------------------------- where it was */

static void assert_failed(int code, const char *field, int64_t index, int64_t line) {
    assert_int_not_equal(code, WH_OK);
    assert_string_equal(wh_last_error_field(), field);
    assert_int_equal(wh_last_error_index(), index);
    assert_int_equal(wh_last_error_line(), line);
}

static int subscribe(wh_engine *engine, const char *document) {
    return wh_subscribe(engine, document, WH_ZSTR, NULL);
}

static void a_failure_tells_where_it_was(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    const char *ranges[] = { "127.0.0.1", "10.0.0.1/8" };
    wh_backtest backtest = WH_BACKTEST_INIT;
    wh_engine *engine, *none;
    char *out;

    (void)state;
    options.allow = ranges;
    options.allow_count = 2;
    assert_failed(wh_open(&none, ":memory:", &options), "allow", 1, 0);
    assert_failed(wh_open(&none, "postgresql://x", NULL), "store", -1, 0);
    options.allow_count = 1;
    options.limits = &limits;
    limits.in_flight = -1;
    assert_failed(wh_open(&none, ":memory:", &options), "limits.in_flight", -1, 0);
    limits.in_flight = 0;
    options.rules = &fake_rules;
    engine = fixture_open(":memory:", &options);
    assert_failed(subscribe(engine, "{\"url\":\"ftp://a/\"}"), "url", -1, 0);
    assert_failed(subscribe(engine, "{"), "document", -1, 0);
    assert_has(wh_last_error(), "document: at byte 2: ");
    backtest.document = "{";
    backtest.document_size = WH_ZSTR;
    assert_failed(wh_backtest_run(engine, &backtest, &out, NULL), "document", -1, 0);
    assert_failed(subscribe(engine, "{\"colour\":1}"), "colour", -1, 0);
    assert_failed(subscribe(engine, "{" URL ",\"events\":[\"a\",\"b\",\"c d\"]}"), "events", 2, 0);
    assert_failed(subscribe(engine, "{" URL ",\"events\":[\"a\",7]}"), "events", 1, 0);
    assert_failed(subscribe(engine, "{" URL ",\"secrets\":[\"whsec_\"]}"), "secrets", 0, 0);
    assert_failed(subscribe(engine, "{" URL ",\"retry\":[0,-1]}"), "retry", 1, 0);
    assert_string_equal(wh_last_error(), "retry[1]: expected an integer from 0 to 2592000000, found -1");
    assert_failed(subscribe(engine, "{" URL ",\"headers\":{\"X-A\":\"\\u0001\"}}"), "headers.X-A", -1, 0);
    assert_failed(subscribe(engine, "{" URL ",\"fields\":\"a(\"}"), "fields", -1, 0);
    assert_failed(subscribe(engine, "{" URL ",\"rule\":\"oops\"}"), "rule", -1, 2);
    assert_failed(wh_subscription_delete(engine, "sub_0000000000009"), "id", -1, 0);
    wh_close(engine);
}

static void assert_opens_not(const wh_options *options, const char *sentence) {
    wh_engine *none;

    assert_int_equal(wh_open(&none, ":memory:", options), WH_EINVALID);
    assert_string_equal(wh_last_error(), sentence);
    assert_null(none);
}

static void structs_that_hang_on_the_options_tell_their_own_size(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = { 0 };
    wh_rule_engine rules = fake_rules;
    wh_clock clock = { 0 };

    (void)state;
    options.clock = &clock;
    assert_opens_not(&options, "clock.size: expected sizeof(wh_clock), found 0");
    options.clock = NULL;
    options.rules = &rules;
    rules.size = 0;
    assert_opens_not(&options, "rules.size: expected sizeof(wh_rule_engine), found 0");
    options.rules = NULL;
    options.limits = &limits;
    assert_opens_not(&options, "limits.size: expected that of a struct which begins as WH_LIMITS_INIT, found 0");
}

static void a_rule_engine_has_all_its_functions(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_rule_engine rules = fake_rules;
    char *out;

    (void)state;
    options.rules = &rules;
    rules.compile = NULL;
    assert_opens_not(&options, "rules.compile: expected a function, found NULL");
    assert_failed(wh_rule_try(&rules, NULL, "{}", WH_ZSTR, NULL, &out, NULL), "rules.compile", -1, 0);
    rules = fake_rules;
    rules.size = offsetof(wh_rule_engine, run);
    assert_opens_not(&options, "rules.run: expected a function, found NULL");
}

static const whi_transport_vtable *transport_of(const char *name) {
    wh_options options = WH_OPTIONS_INIT;
    const whi_transport_vtable *found;
    wh_engine *engine;

    options.transport = name;
    assert_int_equal(wh_open(&engine, ":memory:", &options), WH_OK);
    found = engine->transport;
    wh_close(engine);
    return found;
}

static void the_transport_is_the_one_that_is_named(void **state) {
    wh_options options = WH_OPTIONS_INIT;

    (void)state;
    assert_ptr_equal(transport_of("libcurl"), &whi_transport_curl);
    assert_ptr_equal(transport_of("auto"), &whi_transport_auto);
    assert_true(transport_of(NULL) == &whi_transport_curl ||
                transport_of(NULL) == &whi_transport_auto); /* the build's */
    options.transport = "";
    assert_opens_not(&options, "transport: expected \"auto\" or \"libcurl\", found \"\"");
    options.transport = "Auto\n";
    assert_opens_not(&options, "transport: expected \"auto\" or \"libcurl\", found \"Auto?\"");
    assert_string_equal(wh_last_error_field(), "transport");
}

static void an_id_is_named_once(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event event = WH_EVENT_INIT;

    (void)state;
    event.type = "a";
    event.payload = "1";
    event.payload_size = 1;
    event.id = "msg_06a3ntgpx0r01";
    assert_int_equal(wh_publish(engine, &event, NULL), WH_EINVALID);
    assert_has(wh_last_error(), "id: has the form of one that the engine makes");
    event.id = "a.1";
    assert_failed(wh_publish(engine, &event, NULL), "id", -1, 0);
    assert_string_equal(wh_last_error(), "id: found digits alone after a full stop, which reads like a timestamp");
    wh_close(engine);
}

static void a_failure_of_a_batch_tells_which_event(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_event events[3] = { WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT };

    (void)state;
    for (int i = 0; i < 3; i++) {
        events[i].type = "a";
        events[i].payload = "{}";
        events[i].payload_size = WH_ZSTR;
    }
    events[2].payload = "{\"a\":}";
    assert_failed(wh_publish_batch(engine, events, 3, NULL), "payload", 2, 0);
    assert_has(wh_last_error(), "event 2: payload: at byte 6: ");
    events[0].id = "a b";
    assert_failed(wh_publish_batch(engine, events, 3, NULL), "id", 0, 0);
    assert_failed(wh_publish(engine, &events[0], NULL), "id", -1, 0);
    assert_failed(wh_publish_batch(engine, NULL, 3, NULL), "events", -1, 0);
    wh_close(engine);
}

/* The writer's thread found it: the parts came along. */
static void a_failure_of_a_commit_comes_with_its_parts(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    char id[WH_ID_SIZE];

    (void)state;
    fixture_subscribe(engine, "{" URL "}", id);
    assert_int_equal(wh_subscription_delete(engine, id), WH_OK);
    assert_failed(wh_subscription_update(engine, id, "{\"name\":\"x\"}", WH_ZSTR), "id", -1, 0);
    assert_failed(wh_replay(engine, "dlv_0000000000009_0000000000009"), "delivery", -1, 0);
    assert_failed(wh_token_revoke(engine, "tok_0000000000009"), "id", -1, 0);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(every_wrong_call_has_its_own_sentence),
        TEST(limits_hold),
        TEST(no_allocation_that_fails_does_harm),
        TEST(a_failure_tells_where_it_was),
        TEST(structs_that_hang_on_the_options_tell_their_own_size),
        TEST(a_rule_engine_has_all_its_functions),
        TEST(the_transport_is_the_one_that_is_named),
        TEST(an_id_is_named_once),
        TEST(a_failure_of_a_batch_tells_which_event),
        TEST(a_failure_of_a_commit_comes_with_its_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
