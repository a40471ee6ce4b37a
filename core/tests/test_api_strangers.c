/* The API under people who mean ill: what they may learn of other tenants, and what their
 * requests may cost. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "api_kit.h"
#include "base/clock.h"
#include "base/mem.h"
#include "faces/api.h"
#include "fake_rules.h"
#include "fault.h"

static const char anything[] = "{\"url\":\"https://example.com/h\",\"events\":[\"*\"],\"profile\":\"truto\"}";

static void publish(const char *token, const char *body) {
    api_expect(201, "POST", "/v1/events", token, body);
    fixture_run(api_engine);
    atomic_fetch_add(&fixture_time, 1000);
}

/* ------------------------------------------------------------------------ other tenants */

/* A page's end tells whether the tenant has more, and nothing of what lies between. */
static void the_end_of_a_list_does_not_tell_that_others_have_something(void **state) {
    char target[128];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    api_expect(201, "POST", "/v1/subscriptions", api_b, anything);
    snprintf(target, sizeof target, "/v1/deliveries?limit=1&subscription=%s", api_member("id"));
    publish(api_a, "{\"type\":\"t\",\"payload\":1}");
    publish(api_b, "{\"type\":\"t\",\"payload\":1}");
    api_expect(200, "GET", "/v1/events?limit=1", api_b, NULL);
    assert_non_null(api_member("items.0"));
    api_has("next", "null");
    api_expect(200, "GET", "/v1/deliveries?limit=1", api_b, NULL);
    assert_non_null(api_member("items.0"));
    api_has("next", "null");
    api_expect(200, "GET", target, api_b, NULL);
    assert_non_null(api_member("items.0"));
    api_has("next", "null");
    api_expect(200, "GET", "/log?log_type=webhook&limit=1", api_b, NULL);
    assert_non_null(api_member("result.0"));
    api_has("next_cursor", "null");
    api_expect(200, "GET", "/v1/events?limit=1", api_operator, NULL);
    assert_string_not_equal(api_member("next"), "null");
}

/* Pages of any size, in any place, are those of one's own. */
static void the_pages_of_a_tenant_are_the_same_whatever_others_have(void **state) {
    static const char *const lists[] = { "/v1/events?limit=2", "/v1/deliveries?limit=2", "/v1/deliveries?limit=1",
                                         "/log?log_type=webhook&limit=2" };
    int counts[4] = { 0 };

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_b, anything);
    api_expect(201, "POST", "/v1/subscriptions", api_b, anything);
    api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    for (int i = 0; i < 7; i++) {
        publish(i % 2 ? api_b : api_a, "{\"type\":\"t\",\"payload\":1}");
    }
    for (int i = 0; i < 4; i++) {
        char target[256];
        int is_log = i == 3, pages = 0, size = i == 2 ? 1 : 2;
        snprintf(target, sizeof target, "%s", lists[i]);
        for (;;) {
            const char *next;
            api_expect(200, "GET", target, api_b, NULL);
            for (int k = 0; k < size; k++) {
                char path[32];
                snprintf(path, sizeof path, "%s.%d", is_log ? "result" : "items", k);
                counts[i] += api_member(path) != NULL;
            }
            pages++;
            next = api_member(is_log ? "next_cursor" : "next");
            if (strcmp(next, "null") == 0) {
                break;
            }
            snprintf(target, sizeof target, "%s&%s=%s", lists[i], is_log ? "next_cursor" : "cursor", next);
        }
        assert_int_equal(counts[i], i == 0 ? 3 : 6);
        assert_int_equal(pages, i == 0 ? 2 : 6 / size);
    }
}

/* What waits for it is its tenant's, and the secret of a workspace signs for all of its webhooks. */
static void a_subscription_stays_with_its_tenant(void **state) {
    char target[128];

    (void)state;
    api_expect(200, "POST", "/unified/webhook", api_a,
               "{\"connection_id\":\"c\",\"object_type\":\"o\",\"event\":\"created\",\"hook_url\":\"https://e/\"}");
    api_expect(200, "GET", "/v1/subscriptions", api_a, NULL);
    snprintf(target, sizeof target, "/v1/subscriptions/%s", api_member("items.0.id"));
    api_expect(400, "PATCH", target, api_operator, "{\"tenant\":\"b\"}");
    api_has("error.field", "tenant");
    api_expect(200, "PATCH", target, api_operator, "{\"tenant\":\"a\",\"name\":\"n\"}");
    api_expect(404, "GET", target, api_b, NULL);
    api_expect(200, "GET", target, api_a, NULL);
}

/* Between two of mine in one millisecond there may be some of others, but not in general. */
static void ids_do_not_tell_how_many_others_there_are(void **state) {
    long long ids[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        for (int others = 0; others < (i == 2 ? 50 : 0); others++) {
            api_expect(201, "POST", "/v1/subscriptions", api_b, anything);
        }
        api_expect(201, "POST", "/v2/webhooks", api_a,
                   "{\"name\":\"n\",\"callback\":\"https://e/\",\"resource\":\"OutboundCall\"}");
        ids[i] = strtoll(api_member("id"), NULL, 10);
        atomic_fetch_add(&fixture_time, 60000);
    }
    assert_true(ids[2] < INT64_C(1) << 53);
    assert_in_range(ids[1] - ids[0], 59999 * 1024, 60001 * 1024);
    assert_in_range(ids[2] - ids[1], 59999 * 1024, 60001 * 1024);
}

static int64_t read_deliveries;
static int (*get_delivery)(whi_store *, int64_t, int64_t, whi_delivery_fn, void *);

static int count_deliveries(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each,
                            void *payload) {
    read_deliveries++;
    return get_delivery(store, event, subscription, each, payload);
}

/* Reading a body takes the longer the larger it is: that of somebody else is not read. */
static void the_time_of_an_answer_does_not_tell_of_foreign_deliveries(void **state) {
    static const char *const formats[] = { "/v1/deliveries/%s", "/v1/deliveries/%s/body", "/v1/deliveries/%s/attempts",
                                           "/v1/deliveries/%s/replay" };
    const whi_store_vtable *kept = api_engine->store->vtable;
    static whi_store_vtable counting;
    char target[256], id[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    publish(api_a, "{\"type\":\"t\",\"payload\":1}");
    api_expect(200, "GET", "/v1/deliveries", api_a, NULL);
    snprintf(id, sizeof id, "%s", api_member("items.0.id"));
    counting = *kept;
    get_delivery = kept->delivery_get;
    counting.delivery_get = count_deliveries;
    api_engine->store->vtable = &counting;
    for (int i = 0; i < 4; i++) {
        snprintf(target, sizeof target, formats[i], id);
        api_send(i < 3 ? "GET" : "POST", target, api_b, NULL);
        assert_int_equal(api_answer.status, 404);
        assert_int_equal(read_deliveries, 0);
    }
    snprintf(target, sizeof target, formats[1], id);
    api_send("GET", target, api_a, NULL);
    assert_int_equal(api_answer.status, 200);
    api_send("GET", target, api_operator, NULL);
    assert_int_equal(api_answer.status, 200);
    api_engine->store->vtable = kept;
}

/* Two tenants may have one id: an operator says whose is meant. */
static void an_operator_names_the_tenant_of_an_event(void **state) {
    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_b, anything);
    publish(api_a, "{\"type\":\"a.x\",\"payload\":1,\"id\":\"e\"}");
    publish(api_b, "{\"type\":\"b.x\",\"payload\":1,\"id\":\"e\"}");
    api_expect(200, "GET", "/v1/events/e?tenant=b", api_operator, NULL);
    api_has("type", "b.x");
    api_expect(200, "GET", "/v1/events/e/explain?tenant=b", api_operator, NULL);
    assert_non_null(strstr(api_text, "delivered"));
    api_expect(200, "GET", "/v1/deliveries?event=e&tenant=b", api_operator, NULL);
    assert_non_null(api_member("items.0"));
    api_expect(200, "POST", "/v1/deliveries/replay", api_operator,
               "{\"event\":\"e\",\"tenant\":\"b\",\"state\":\"delivered\"}");
    api_has("replayed", "1");
}

/* ----------------------------------------------------------------------------- bounds */

static void cursors_at_the_end_of_all_numbers_lead_nowhere(void **state) {
    (void)state;
    api_expect(200, "GET", "/webhook?prev_cursor=prv_7zzzzzzzzzzzz", api_a, NULL);
    api_has("prev_cursor", "null");
    api_expect(200, "GET", "/webhook?next_cursor=nxt_7zzzzzzzzzzzz", api_a, NULL);
    api_expect(200, "GET", "/v1/subscriptions?cursor=sub_7zzzzzzzzzzzz", api_a, NULL);
    api_expect(200, "GET", "/v1/events?cursor=msg_7zzzzzzzzzzzz&since=253402300799999", api_a, NULL);
    api_expect(200, "GET", "/v1/deliveries?cursor=dlv_7zzzzzzzzzzzz7zzzzzzzzzzzz&until=253402300799999", api_a, NULL);
    api_expect(400, "GET", "/v1/events?cursor=msg_8000000000000", api_a, NULL);
}

static void a_time_beyond_all_calendars_is_refused(void **state) {
    (void)state;
    api_expect(400, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":1,\"time\":999999999999999999}");
    api_expect(400, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":1,\"time\":\"999999999999999999\"}");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":1,\"time\":\"253402300799999\"}");
}

static void open_anew(const wh_options *options) {
    wh_api_close(api);
    wh_close(api_engine);
    api_engine = fixture_open(":memory:", options);
    assert_int_equal(wh_api_open(&api, api_engine, NULL), WH_OK);
    assert_int_equal(wh_token_add(api_engine, "a", "a", api_a), WH_OK);
}

static void a_page_is_never_larger_than_pages_may_be(void **state) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;

    (void)state;
    options.limits = &limits;
    limits.page_items = 3;
    open_anew(&options);
    for (int i = 0; i < 5; i++) {
        api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    }
    api_expect(200, "GET", "/webhooks", api_a, NULL);
    assert_null(api_member("items.3"));
    api_has("limit", "3");
    api_expect(200, "GET", "/webhook", api_a, NULL);
    assert_null(api_member("result.3"));
    api_expect(200, "GET", "/unified/webhook", api_a, NULL);
    assert_null(api_member("3"));
}

/* A change that stands is no error, whatever fails behind it. */
static void a_change_that_is_told_as_failed_did_not_happen(void **state) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_options options = WH_OPTIONS_INIT;
    char target[128];

    (void)state;
    request.method = "PATCH";
    request.path = target;
    request.tenant = "a";
    options.rules = &fake_rules;
    open_anew(&options);
    api_expect(201, "POST", "/v1/subscriptions", api_a,
               "{\"url\":\"https://example.com/h\",\"events\":[\"*\"],\"rule\":\"fail\"}");
    snprintf(target, sizeof target, "/v1/subscriptions/%s", api_member("id"));
    publish(api_a, "{\"type\":\"t\",\"payload\":1}");
    for (long n = 0, failed = 1; failed; n++) {
        char *before = api_dump(), *after, body[64];
        request.body_size = (size_t)snprintf(body, sizeof body, "{\"rule\":\"pick n%ld\"}", n);
        request.body = body;
        wh_free(api_answer.body);
        fault_set(n);
        wh_api_handle(api, &request, &api_answer);
        failed = fault_clear();
        after = api_dump();
        if (api_answer.status >= 400 && strcmp(before, after) != 0) {
            fail_msg("%d, and changed: %ld", api_answer.status, n);
        }
        wh_free(before);
        wh_free(after);
    }
}

/* Nor is it read: only what a batch has may be as large as any body. */
static void a_body_that_is_too_large_for_its_route_is_refused(void **state) {
    whi_api_route one;
    const whi_api_route *route = &one;
    static char body[2097152];
    char target[256];

    (void)state;
    memset(body, '[', sizeof body - 1);
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        if (route->flags & WHI_ROUTE_BODY) {
            snprintf(target, sizeof target, "%.*s", (int)strcspn(route->path, "{"), route->path);
            if (strchr(route->path, '{') != NULL) {
                snprintf(target + strlen(target), 64, "x%s", strchr(route->path, '}') + 1);
            }
            api_expect(route->flags & WHI_ROUTE_BATCH ? 400 : 413, route->method, target, api_operator, body);
        }
    }
}

static int64_t asked_attempts;
static int (*list_attempts)(whi_store *, int64_t, int64_t, whi_attempt_fn, void *);

static int count_attempts(whi_store *store, int64_t event, int64_t subscription, whi_attempt_fn each, void *payload) {
    asked_attempts++;
    return list_attempts(store, event, subscription, each, payload);
}

/* However much there is that does not fit, a page looks at so many deliveries; then it ends. */
static void a_page_of_the_log_looks_at_so_many_deliveries_and_goes_on_behind_them(void **state) {
    whi_store *store = NULL;
    const whi_store_vtable *kept;
    static whi_store_vtable counting;
    char target[256];
    int pages = 0;

    (void)state;
    store = api_engine->store;
    api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    for (int i = 0; i < 60; i++) {
        char batch[8192] = "{\"events\":[";
        for (int k = 0; k < 50; k++) {
            snprintf(batch + strlen(batch), 64, "%s{\"type\":\"t\",\"payload\":1}", k ? "," : "");
        }
        memcpy(batch + strlen(batch), "]}", 3);
        api_expect(201, "POST", "/v1/events/batch", api_a, batch);
    }
    fixture_run(api_engine);
    kept = store->vtable;
    counting = *kept;
    list_attempts = kept->attempt_list;
    counting.attempt_list = count_attempts;
    store->vtable = &counting;
    snprintf(target, sizeof target, "/log?log_type=webhook&created_at[gt]=9999-01-01");
    do {
        asked_attempts = 0;
        api_expect(200, "GET", target, api_a, NULL);
        assert_null(api_member("result.0"));
        assert_in_range(asked_attempts, 0, 2000);
        snprintf(target, sizeof target, "/log?log_type=webhook&created_at[gt]=9999-01-01&next_cursor=%s",
                 api_member("next_cursor"));
        pages++;
    } while (strcmp(api_member("next_cursor"), "null") != 0);
    asked_attempts = 0;
    api_expect(200, "GET", "/log?log_type=webhook&created_at[lt]=2020-01-01", api_a, NULL);
    api_has("next_cursor", "null");
    assert_int_equal(asked_attempts, 0);
    store->vtable = kept;
    assert_in_range(pages, 2, 10);
}

static int runs_take_long;

static int run_slowly(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    int64_t until = whi_monotonic_us() + (runs_take_long ? 700000 : 0);

    while (whi_monotonic_us() < until) {}
    return fake_rules.run(runtime, rule, input, out);
}

/* Two seconds, and the rule that was begun: the rest is on the next page. */
static void a_page_of_an_explanation_ends_where_rules_took_long(void **state) {
    wh_rule_engine slow = fake_rules;
    wh_options options = WH_OPTIONS_INIT;
    int found = 0, pages = 0;
    char target[128];

    (void)state;
    slow.run = run_slowly;
    options.rules = &slow;
    open_anew(&options);
    for (int i = 0; i < 4; i++) {
        api_expect(201, "POST", "/v1/subscriptions", api_a,
                   "{\"url\":\"https://example.com/h\",\"events\":[\"*\"],\"rule\":\"pass\"}");
    }
    publish(api_a, "{\"type\":\"t\",\"payload\":1,\"id\":\"e\"}");
    runs_take_long = 1;
    snprintf(target, sizeof target, "/v1/events/e/explain");
    for (int more = 1; more; pages++) {
        api_expect(200, "GET", target, api_a, NULL);
        for (char path[32] = "items.0"; api_member(path) != NULL; found++) {
            snprintf(path + 6, sizeof path - 6, "%d", path[6] - '0' + 1);
        }
        more = strcmp(api_member("next"), "null") != 0;
        snprintf(target, sizeof target, "/v1/events/e/explain?cursor=%s", api_member("next"));
    }
    runs_take_long = 0;
    assert_int_equal(found, 4);
    assert_in_range(pages, 2, 4);
    open_anew(NULL); /* the rules end with this test */
}

/* Backtests that are begun while others are under way. */
#define AT_ONCE 4 /* of a tenant: SLOW_OF_TENANT of faces/api.c */
static int (*list_events)(whi_store *, const whi_store_query *, whi_event_fn, void *, whi_store_place *);
static const char *backtest_target, *backtest_token;

static int backtest_at_once(void) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_api_response answer = WH_API_RESPONSE_INIT;
    char bearer[WH_SECRET_SIZE + 8];
    wh_header headers[] = { { "Authorization", bearer }, { "Content-Type", "application/json" } };
    int status;

    snprintf(bearer, sizeof bearer, "Bearer %s", backtest_token);
    request.method = "POST";
    request.path = backtest_target;
    request.headers = headers;
    request.header_count = 2;
    request.body = "{\"document\":{\"events\":[\"*\"]}}";
    request.body_size = strlen(request.body);
    status = wh_api_handle(api, &request, &answer);
    if (status == 429) {
        assert_string_equal(answer.headers[0].name, "Retry-After");
    }
    wh_free(answer.body);
    return status;
}

/* The first that looks at the store stands there, behind the gate, and the others before it. */
static atomic_int stands;

static int list_standing(whi_store *store, const whi_store_query *query, whi_event_fn each, void *payload,
                         whi_store_place *place) {
    while (atomic_load(&stands)) {
        usleep(1000);
    }
    return list_events(store, query, each, payload, place);
}

static void *backtest_aside(void *payload) {
    *(int *)payload = backtest_at_once();
    return NULL;
}

static void await_running(int count) {
    for (int n = 0; n < 30000 && whi_turns_running(api->turns) != count; n++) {
        usleep(1000);
    }
    assert_int_equal(whi_turns_running(api->turns), count);
}

static void so_many_costly_requests_of_a_tenant_run_at_once_and_no_more(void **state) {
    const whi_store_vtable *kept = api_engine->store->vtable;
    static whi_store_vtable standing;
    static char target[128];
    pthread_t threads[AT_ONCE];
    int statuses[AT_ONCE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, anything);
    snprintf(target, sizeof target, "/v1/subscriptions/%s/backtest", api_member("id"));
    backtest_target = target;
    backtest_token = api_a;
    publish(api_a, "{\"type\":\"t\",\"payload\":1}");
    list_events = kept->event_list;
    standing = *kept;
    standing.event_list = list_standing;
    api_engine->store->vtable = &standing;
    for (int round = 0; round < 2; round++) { /* what ended makes room */
        atomic_store(&stands, 1);
        for (int i = 0; i < AT_ONCE; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, backtest_aside, &statuses[i]), 0);
        }
        await_running(AT_ONCE);
        assert_int_equal(backtest_at_once(), 429);
        atomic_store(&stands, 0);
        for (int i = 0; i < AT_ONCE; i++) {
            pthread_join(threads[i], NULL);
            assert_int_equal(statuses[i], 200);
        }
    }
    api_engine->store->vtable = kept;
}

/* --------------------------------------------------------------------------- logins */

static int ask(const char *peer, const char *authorization) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_header header = { "Authorization", authorization };

    request.method = "GET";
    request.path = "/v1/subscriptions";
    request.headers = &header;
    request.header_count = 1;
    request.peer = peer;
    wh_free(api_answer.body);
    return wh_api_handle(api, &request, &api_answer);
}

/* Somebody sets the clock right: nobody is locked out for the difference. */
static void a_clock_that_is_set_back_locks_nobody_out_for_longer(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask("192.0.2.7", "Bearer wht_wrong"), 401);
    }
    assert_int_equal(ask("192.0.2.7", "Bearer wht_wrong"), 429);
    atomic_fetch_sub(&fixture_time, 3600000);
    atomic_fetch_add(&fixture_time, 60000);
    assert_int_equal(ask("192.0.2.7", "Bearer wht_wrong"), 401);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_end_of_a_list_does_not_tell_that_others_have_something),
        TEST(the_pages_of_a_tenant_are_the_same_whatever_others_have),
        TEST(a_subscription_stays_with_its_tenant),
        TEST(ids_do_not_tell_how_many_others_there_are),
        TEST(the_time_of_an_answer_does_not_tell_of_foreign_deliveries),
        TEST(an_operator_names_the_tenant_of_an_event),
        TEST(cursors_at_the_end_of_all_numbers_lead_nowhere),
        TEST(a_time_beyond_all_calendars_is_refused),
        TEST(a_page_is_never_larger_than_pages_may_be),
        TEST(a_change_that_is_told_as_failed_did_not_happen),
        TEST(a_body_that_is_too_large_for_its_route_is_refused),
        TEST(a_page_of_the_log_looks_at_so_many_deliveries_and_goes_on_behind_them),
        TEST(a_page_of_an_explanation_ends_where_rules_took_long),
        TEST(so_many_costly_requests_of_a_tenant_run_at_once_and_no_more),
        TEST(a_clock_that_is_set_back_locks_nobody_out_for_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
