/* Structs that begin with their size, handed over by programs with older and newer headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/sized.h"
#include "engine_fixture.h"
#include "fake_rules.h"
#include "webhook_http.h"

/* A member that is appended begins where the former struct ended: behind padding it would be what
 * programs built before left there by chance. */
#define NO_PADDING(type, last) _Static_assert(WHI_SIZED_END(type, last) == sizeof(type), #type " ends in padding")
NO_PADDING(wh_limits, rules_bytes);
NO_PADDING(wh_options, proxy);
NO_PADDING(wh_event, key);
NO_PADDING(wh_query, own);
NO_PADDING(wh_backtest, own);
NO_PADDING(wh_verify_options, signature);
NO_PADDING(wh_api_options, metrics);
NO_PADDING(wh_api_request, tenant);
NO_PADDING(wh_api_response, text);
NO_PADDING(wh_api_needs, body_bytes);
NO_PADDING(wh_http_options, address_connections);
NO_PADDING(wh_clock, payload);
NO_PADDING(wh_rule_engine, bytes);
NO_PADDING(wh_rule_input, payload_name);
NO_PADDING(wh_rule_verdict, error);

#define SIZE_FIRST(type) _Static_assert(offsetof(type, size) == 0, #type " does not begin with its size")
SIZE_FIRST(wh_limits);
SIZE_FIRST(wh_options);
SIZE_FIRST(wh_event);
SIZE_FIRST(wh_query);
SIZE_FIRST(wh_backtest);
SIZE_FIRST(wh_verify_options);
SIZE_FIRST(wh_api_options);
SIZE_FIRST(wh_api_request);
SIZE_FIRST(wh_api_response);
SIZE_FIRST(wh_api_needs);
SIZE_FIRST(wh_http_options);
SIZE_FIRST(wh_clock);
SIZE_FIRST(wh_rule_engine);
SIZE_FIRST(wh_rule_input);
SIZE_FIRST(wh_rule_verdict);

typedef struct pair {
    size_t size;
    int64_t first, second;
} pair;

/* ----------------------------------------------------------------------- the function */

static void what_is_shorter_is_filled_up_with_zeros(void **state) {
    pair given = { offsetof(pair, second), 5, 6 }, out = { 9, 9, 9 };

    (void)state;
    assert_int_equal(wh_struct_take(&out, sizeof out, &given, "INIT"), WH_OK);
    assert_int_equal(out.size, sizeof out);
    assert_int_equal(out.first, 5);
    assert_int_equal(out.second, 0);
    given.size = sizeof given.size;
    assert_int_equal(wh_struct_take(&out, sizeof out, &given, "INIT"), WH_OK);
    assert_int_equal(out.first, 0);
}

static void what_is_longer_must_be_zero_where_it_is(void **state) {
    struct {
        pair known;
        int64_t more[2];
    } given = { { sizeof given, 5, 6 }, { 0, 0 } };
    pair out;

    (void)state;
    assert_int_equal(wh_struct_take(&out, sizeof out, &given, "INIT"), WH_OK);
    assert_int_equal(out.size, sizeof out);
    assert_int_equal(out.second, 6);
    given.more[1] = 1;
    assert_int_equal(wh_struct_take(&out, sizeof out, &given, "INIT"), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "size");
    assert_has(wh_last_error(), "size: found 40 bytes set, of which this library knows 24 (INIT)");
    assert_int_equal(whi_sized_read(&out, sizeof out, &given), sizeof given);
    assert_int_equal(out.second, 6);
}

static void what_is_no_size_is_refused(void **state) {
    static const size_t sizes[] = { 0, 1, 2, sizeof(size_t) - 1, sizeof(pair) + 1, 4104, (size_t)1 << 32, SIZE_MAX };

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        pair given = { sizes[i], 5, 6 }, out = { 9, 9, 9 };
        assert_int_equal(wh_struct_take(&out, sizeof out, &given, "WH_PAIR_INIT"), WH_EINVALID);
        assert_has(wh_last_error(), "size: expected that of a struct which begins as WH_PAIR_INIT, found ");
        assert_int_equal(out.size, sizeof out);
        assert_int_equal(out.first, 0);
        assert_false(whi_sized_clear(&given, 0));
        assert_int_equal(given.first, 5);
    }
}

static void what_is_to_be_filled_is_emptied_to_its_end(void **state) {
    pair out = { sizeof out, 5, 6 };

    (void)state;
    assert_false(whi_sized_clear(&out, sizeof out + 8));
    assert_int_equal(out.first, 5);
    assert_true(whi_sized_clear(&out, sizeof out));
    assert_int_equal(out.size, sizeof out);
    assert_int_equal(out.first + out.second, 0);
}

/* ------------------------------------------------------------ programs of the future */

/* A struct as it may be one day, with its size. */
#define GROWN(type, name, ...)                                                                                         \
    struct {                                                                                                           \
        type now;                                                                                                      \
        void *later;                                                                                                   \
    } name = { __VA_ARGS__, NULL };                                                                                    \
    name.now.size = sizeof name

static void assert_unknown(int code) {
    assert_int_equal(code, WH_EINVALID);
    assert_has(wh_last_error(), "of which this library knows");
}

static void a_newer_program_opens_an_engine_unless_it_wants_more(void **state) {
    wh_engine *engine;
    GROWN(wh_limits, limits, WH_LIMITS_INIT);
    GROWN(wh_options, options, WH_OPTIONS_INIT);
    GROWN(wh_clock, clock, fixture_clock);
    GROWN(wh_rule_engine, rules, fake_rules);

    (void)state;
    limits.now.batch_events = 2;
    options.now.limits = &limits.now;
    options.now.clock = &clock.now;
    options.now.rules = &rules.now;
    assert_int_equal(wh_open(&engine, ":memory:", &options.now), WH_OK); /* the fixture would copy what it knows */
    assert_int_equal(engine->options.limits.batch_events, 2);
    wh_close(engine);
    limits.later = &limits;
    assert_unknown(wh_open(&engine, ":memory:", &options.now));
    assert_string_equal(wh_last_error_field(), "limits.size");
    limits.later = NULL;
    clock.later = &clock;
    assert_unknown(wh_open(&engine, ":memory:", &options.now));
    assert_string_equal(wh_last_error_field(), "clock.size");
    clock.later = NULL;
    rules.later = &rules;
    assert_unknown(wh_open(&engine, ":memory:", &options.now));
    assert_string_equal(wh_last_error_field(), "rules.size");
    rules.later = NULL;
    options.later = &options;
    assert_unknown(wh_open(&engine, ":memory:", &options.now));
}

static void a_newer_programs_events_lie_further_apart(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    struct {
        wh_event now;
        void *later;
    } events[3] = { { WH_EVENT_INIT, NULL }, { WH_EVENT_INIT, NULL }, { WH_EVENT_INIT, NULL } };
    char *text;

    (void)state;
    for (int i = 0; i < 3; i++) {
        static const char *const keys[] = { "a", "b", "c" };
        events[i].now.size = sizeof events[i];
        events[i].now.type = "t";
        events[i].now.key = keys[i];
        events[i].now.payload = "1";
        events[i].now.payload_size = 1;
    }
    assert_int_equal(wh_publish_batch(engine, &events[0].now, 3, NULL), WH_OK);
    assert_int_equal(wh_publish(engine, &events[1].now, NULL), WH_OK);
    text = DOCUMENT(wh_events(engine, NULL, &fixture_handed, &fixture_size));
    assert_has(text, "\"key\":\"c\"");
    wh_free(text);
    events[2].later = events;
    assert_unknown(wh_publish_batch(engine, &events[0].now, 3, NULL));
    assert_int_equal(wh_last_error_index(), 2);
    events[2].later = NULL;
    events[1].now.size = sizeof events[1].now;
    assert_int_equal(wh_publish_batch(engine, &events[0].now, 3, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "size");
    assert_int_equal(wh_last_error_index(), 1);
    wh_close(engine);
}

static void a_newer_program_looks_back(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    int64_t count;
    char *text;
    GROWN(wh_query, query, WH_QUERY_INIT);
    GROWN(wh_backtest, backtest, WH_BACKTEST_INIT);

    (void)state;
    wh_free(DOCUMENT(wh_events(engine, &query.now, &fixture_handed, &fixture_size)));
    backtest.now.document = "{\"fields\":\"id\"}";
    backtest.now.document_size = WH_ZSTR;
    wh_free(DOCUMENT(wh_backtest_run(engine, &backtest.now, &fixture_handed, &fixture_size)));
    query.later = backtest.later = &query;
    assert_unknown(wh_events(engine, &query.now, &text, NULL));
    assert_unknown(wh_subscriptions(engine, &query.now, &text, NULL));
    assert_unknown(wh_deliveries(engine, &query.now, &text, NULL));
    assert_unknown(wh_explain(engine, "msg_0000000000001", NULL, &query.now, &text, NULL));
    assert_unknown(wh_replay_query(engine, &query.now, &count));
    assert_unknown(wh_replay_missed(engine, "sub_0000000000001", &query.now, 0, &count));
    assert_unknown(wh_backtest_run(engine, &backtest.now, &text, NULL));
    wh_close(engine);
}

static void a_newer_program_asks_the_api(void **state) {
    wh_engine *engine = fixture_open(":memory:", NULL);
    wh_api *api, *none;
    GROWN(wh_api_options, options, WH_API_OPTIONS_INIT);
    GROWN(wh_api_request, request, WH_API_REQUEST_INIT);
    GROWN(wh_api_response, response, WH_API_RESPONSE_INIT);
    GROWN(wh_api_needs, needs, WH_API_NEEDS_INIT);

    (void)state;
    options.now.open = 1;
    assert_int_equal(wh_api_open(&api, engine, &options.now), WH_OK);
    options.later = &options;
    assert_unknown(wh_api_open(&none, engine, &options.now));
    request.now.method = "GET";
    request.now.path = "/v1/events";
    response.later = needs.later = &response; /* what is told there is nothing */
    assert_int_equal(wh_api_handle(api, &request.now, &response.now), 200);
    assert_int_equal(response.now.size, sizeof response);
    assert_null(response.later);
    wh_free(response.now.body);
    request.later = &request;
    assert_int_equal(wh_api_handle(api, &request.now, &response.now), 500);
    assert_null(response.now.body);
    wh_api_look(api, &request.now, &needs.now);
    assert_true(needs.now.body_bytes > 0);
    assert_null(needs.later);
    response.now.size = 0;
    response.now.status = 7;
    assert_int_equal(wh_api_handle(api, &request.now, &response.now), 500);
    assert_int_equal(response.now.status, 7);
    wh_api_close(api);
    wh_close(engine);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_setup)
    const struct CMUnitTest tests[] = {
        TEST(what_is_shorter_is_filled_up_with_zeros),
        TEST(what_is_longer_must_be_zero_where_it_is),
        TEST(what_is_no_size_is_refused),
        TEST(what_is_to_be_filled_is_emptied_to_its_end),
        TEST(a_newer_program_opens_an_engine_unless_it_wants_more),
        TEST(a_newer_programs_events_lie_further_apart),
        TEST(a_newer_program_looks_back),
        TEST(a_newer_program_asks_the_api),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
