/* Our own routes: all that the engine can do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "faces/api.h"
#include "systems/registry.h"

#define HOOK "\"url\":\"https://example.com/h\",\"events\":[\"order.*\"]"

static const char *at(const char *format, const char *id) {
    static char targets[4][512];
    static int next;
    char *out = targets[next++ % 4];

    snprintf(out, sizeof targets[0], format, id);
    return out;
}

static void subscriptions_are_made_read_changed_and_deleted(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK ",\"tenant\":\"b\",\"name\":\"n\"}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    assert_string_equal(api_header("Location"), at("/v1/subscriptions/%s", id));
    api_has("tenant", "a"); /* a token's own, whatever is asked for */
    assert_int_equal(strncmp(api_member("secrets.0"), "whsec_", 6), 0);
    api_expect(200, "GET", at("/v1/subscriptions/%s", id), api_a, NULL);
    api_has("url", "https://example.com/h");
    assert_null(api_member("secrets"));
    api_expect(200, "GET", at("/v1/subscriptions/%s/secrets", id), api_a, NULL);
    assert_int_equal(strncmp(api_member("secrets.0"), "whsec_", 6), 0);
    api_expect(200, "PATCH", at("/v1/subscriptions/%s", id), api_a, "{\"name\":\"m\",\"tenant\":\"b\"}");
    api_has("name", "m");
    api_has("tenant", "a");
    api_has("version", "2");
    api_expect(200, "GET", at("/v1/subscriptions/%s/versions/1", id), api_a, NULL);
    api_has("name", "n");
    api_expect(404, "GET", at("/v1/subscriptions/%s/versions/3", id), api_a, NULL);
    api_expect(404, "GET", at("/v1/subscriptions/%s/versions/x", id), api_a, NULL);
    api_expect(404, "GET", at("/v1/subscriptions/%s/versions/99999999999999999999", id), api_a, NULL);
    api_expect(400, "PATCH", at("/v1/subscriptions/%s", id), api_a, "{\"urls\":1}");
    api_has("error.field", "urls");
    api_expect(204, "DELETE", at("/v1/subscriptions/%s", id), api_a, NULL);
    api_expect(404, "GET", at("/v1/subscriptions/%s", id), api_a, NULL);
    api_has("error.code", "not_found");
}

static void lists_go_on_by_their_cursor(void **state) {
    (void)state;
    for (int i = 0; i < 3; i++) {
        api_expect(201, "POST", "/v1/subscriptions", api_a, i ? "{" HOOK "}" : "{" HOOK ",\"paused\":true}");
        api_expect(201, "POST", "/v1/subscriptions", api_b, "{" HOOK "}");
    }
    api_expect(200, "GET", "/v1/subscriptions?limit=2", api_a, NULL);
    assert_null(api_member("items.2"));
    api_expect(200, "GET", at("/v1/subscriptions?limit=2&cursor=%s", api_member("next")), api_a, NULL);
    api_has("items.0.paused", "true");
    assert_null(api_member("items.1"));
    api_has("next", "null");
    api_expect(200, "GET", "/v1/subscriptions?state=paused", api_operator, NULL);
    assert_null(api_member("items.1"));
    api_expect(200, "GET", "/v1/subscriptions?tenant=b", api_operator, NULL);
    assert_null(api_member("items.3"));
    api_expect(400, "GET", "/v1/subscriptions?cursor=x", api_a, NULL);
    api_expect(400, "GET", "/v1/subscriptions?colour=red", api_a, NULL);
    api_has("error.field", "colour");
}

static void events_are_published_byte_for_byte(void **state) {
    static const char payload[] = "{ \"n\": 1.10, \"big\": 9007199254740993,\"a\":[ ],\"u\":\"\\u00e4\" }";
    char body[256], id[WH_ID_SIZE];

    (void)state;
    snprintf(body, sizeof body,
             "{\"type\":\"order.paid\",\"payload\":%s,\"source\":\"shop\",\"key\":\"k 1\","
             "\"time\":\"2026-11-21T10:00:00Z\"}",
             payload);
    api_expect(201, "POST", "/v1/events", api_a, body);
    api_has("duplicate", "false");
    snprintf(id, sizeof id, "%s", api_member("id"));
    assert_string_equal(api_header("Location"), at("/v1/events/%s", id));
    api_expect(200, "GET", at("/v1/events/%s/payload", id), api_a, NULL);
    assert_string_equal(api_text, payload);
    api_expect(200, "GET", at("/v1/events/%s", id), api_a, NULL);
    api_has("tenant", "a");
    api_has("source", "shop");
    api_has("key", "k 1");
    api_has("time", "2026-11-21T10:00:00.000Z");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":null,\"time\":1795000000000}");
    api_expect(201, "POST", "/v1/events", api_operator, "{\"type\":\"t\",\"payload\":0,\"tenant\":\"b\"}");
    api_expect(200, "GET", "/v1/events?type=t", api_b, NULL);
    assert_non_null(api_member("items.0.id"));
    assert_null(api_member("items.1"));
}

static void publishing_again_gives_the_first_one(void **state) {
    wh_api_request request = WH_API_REQUEST_INIT;
    /* As draft-ietf-httpapi-idempotency-key-header has it, and with blanks around it. */
    static const char *const same[] = { "\"k1\"", " \"k1\" ", "\"k1\";a=1", "\"k1\" ;a", "\tk1 " };
    static const char *const wrong[] = { "\"k1",    "\"k1\"x", "\"k\\1\"", "\"k1\\\"", "\"\"",
                                         "\"k\t\"", "",        "a b",      "\"a b\"" };
    wh_header key = { "idempotency-key", "k1" };

    (void)state;
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":1,\"id\":\"k1\"}");
    api_expect(200, "POST", "/v1/events", api_a, "{\"type\":\"t\",\"payload\":2,\"id\":\"k1\"}");
    api_has("duplicate", "true");
    request.method = "POST";
    request.path = "/v1/events";
    request.headers = &key;
    request.header_count = 1;
    request.tenant = "a";
    request.body = "{\"type\":\"t\",\"payload\":3}";
    request.body_size = strlen(request.body);
    wh_free(api_answer.body);
    assert_int_equal(wh_api_handle(api, &request, &api_answer), 200);
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        key.value = same[i];
        wh_free(api_answer.body);
        assert_int_equal(wh_api_handle(api, &request, &api_answer), 200);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        key.value = wrong[i];
        wh_free(api_answer.body);
        assert_int_equal(wh_api_handle(api, &request, &api_answer), 400);
        api_text = api_answer.body;
        api_has("error.field", "Idempotency-Key");
    }
    key.value = "k1";
    request.body = "{\"type\":\"t\",\"payload\":3,\"id\":\"k2\"}";
    request.body_size = strlen(request.body);
    wh_free(api_answer.body);
    assert_int_equal(wh_api_handle(api, &request, &api_answer), 400);
    api_expect(200, "GET", "/v1/events/k1/payload", api_a, NULL);
    assert_string_equal(api_text, "1");
}

static void what_is_no_event_is_refused(void **state) {
    static const char *const bodies[] = {
        "{\"type\":\"t\"}",
        "{\"payload\":1}",
        "{\"type\":\"no blanks\",\"payload\":1}",
        "{\"type\":\"t\",\"payload\":1,\"id\":\"no blanks\"}",
        "{\"type\":\"t\",\"payload\":1,\"time\":\"soon\"}",
        "{\"type\":\"t\",\"payload\":1,\"time\":-1}",
        "{\"type\":\"t\",\"payload\":1,\"time\":1795000000}",
        "{\"type\":\"t\",\"payload\":1,\"time\":1795000000000000}",
        "{\"type\":\"t\",\"payload\":1,\"payloads\":1}",
        "{\"type\":\"t\",\"payload\":1,\"payload\":2}",
        "{\"type\":\"t\\u0000\",\"payload\":1}",
        "{\"type\":\"webhook.subscription.disabled\",\"payload\":1}",
        "{\"type\":\"t\",\"payload\":1,\"key\":\"\\n\"}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        char batch[256];
        api_expect(400, "POST", "/v1/events", api_a, bodies[i]);
        snprintf(batch, sizeof batch, "{\"events\":[{\"type\":\"t\",\"payload\":1},%s]}", bodies[i]);
        api_expect(400, "POST", "/v1/events/batch", api_a, batch);
        assert_int_equal(strncmp(api_member("error.field"), "events[1]", 9), 0);
    }
    api_expect(400, "POST", "/v1/events/batch", api_a, "{\"events\":[1]}");
    api_expect(400, "POST", "/v1/events/batch", api_a, "{\"events\":{}}");
    api_expect(200, "GET", "/v1/events", api_a, NULL);
    assert_string_equal(api_text, "{\"items\":[],\"next\":null}");
}

static void an_error_names_its_field_and_not_what_reads_like_one(void **state) {
    static const struct {
        const char *body, *field;
    } cases[] = {
        { "{\"type\":\"no blanks\",\"payload\":1}", "type" },
        { "{\"type\":\"t\",\"payload\":1,\"payloads\":1}", "payloads" },
        { "{\"type\":\"t\",\"payload\":1,\"a: b\":1}", "a: b" },
        { "{\"type\":\"t\",\"payload\":1,\"event 7: c\":1}", "event 7: c" },
        { "{\"events\":[{\"type\":\"t\",\"payload\":1},{\"type\":\"a b\",\"payload\":1}]}", "events[1].type" },
        { "{\"events\":[{\"type\":\"t\",\"payload\":1},{\"type\":\"t\",\"payload\":1,\"x\":1}]}", "events[1].x" },
        { "{\"events\":[1]}", "events[0]" },
        { "{\"events\":{}}", "events" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *target = i < 4 ? "/v1/events" : "/v1/events/batch";
        api_expect(400, "POST", target, api_a, cases[i].body);
        api_has("error.field", cases[i].field);
    }
    api_expect(400, "POST", "/v1/subscriptions", api_a,
               "{\"url\":\"https://example.com/\",\"events\":[\"a\",\"b c\"]}");
    api_has("error.field", "events[1]");
    api_expect(400, "GET", "/v1/events?event%207:%20=1", api_a, NULL);
    api_has("error.field", "event 7: ");
    api_expect(404, "GET", "/v1/events/msg_0000000000009", api_a, NULL);
    api_has("error.field", "event");
    api_expect(401, "GET", "/v1/events", "wht_none", NULL);
    assert_null(api_member("error.field"));
}

static void a_payload_beyond_the_limit_is_413(void **state) {
    size_t size = 1048576 + 100;
    char *body = malloc(size + 1);

    (void)state;
    memset(body, ' ', size);
    memcpy(body, "{\"type\":\"t\",\"payload\":[1", 24);
    body[size - 2] = ']';
    body[size - 1] = '}';
    body[size] = '\0';
    api_expect(413, "POST", "/v1/events", api_a, body);
    api_has("error.code", "limit");
    api_has("error.field", "payload");
    free(body);
}

static void a_batch_of_too_many_values_is_413(void **state) {
    static const char head[] = "{\"events\":[{\"type\":\"t\",\"payload\":[1";
    size_t size = 2 * 1048576 + 100;
    char *body = malloc(size + 1), *at = body;

    (void)state;
    memcpy(at, head, sizeof head - 1);
    at += sizeof head - 1;
    while (at < body + size - 8) {
        *at++ = ',';
        *at++ = '1';
    }
    memcpy(at, "]}]}", 5);
    api_expect(413, "POST", "/v1/events/batch", api_a, body);
    api_has("error.code", "limit");
    api_has("error.field", "body");
    free(body);
}

static void a_batch_is_all_or_nothing(void **state) {
    (void)state;
    api_expect(201, "POST", "/v1/events/batch", api_a,
               "{\"events\":[{\"type\":\"t\",\"payload\":1,\"id\":\"x\"},{\"type\":\"t\",\"payload\":2}]}");
    api_has("items.0.id", "x");
    api_has("items.1.duplicate", "false");
    api_expect(200, "POST", "/v1/events/batch", api_a, "{\"events\":[{\"type\":\"t\",\"payload\":1,\"id\":\"x\"}]}");
    api_has("items.0.duplicate", "true");
    api_expect(200, "POST", "/v1/events/batch", api_a, "{\"events\":[]}");
}

static void deliveries_are_told_and_sent_again(void **state) {
    char id[WH_ID_SIZE], subscription[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK ",\"retry\":[0]}");
    snprintf(subscription, sizeof subscription, "%s", api_member("id"));
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1},\"id\":\"e\"}");
    fixture_script.status = 500;
    fixture_run(api_engine);
    api_expect(200, "GET", at("/v1/deliveries?state=exhausted&subscription=%s", subscription), api_a, NULL);
    snprintf(id, sizeof id, "%s", api_member("items.0.id"));
    api_expect(200, "GET", "/v1/deliveries?event=e", api_a, NULL);
    api_has("items.0.id", id);
    api_expect(200, "GET", at("/v1/deliveries/%s", id), api_a, NULL);
    api_has("status", "500");
    api_expect(200, "GET", at("/v1/deliveries/%s/attempts", id), api_a, NULL);
    api_has("items.0.n", "1");
    api_expect(200, "GET", at("/v1/deliveries/%s/body", id), api_a, NULL);
    assert_string_equal(api_text, "{\"n\":1}");
    api_expect(200, "POST", at("/v1/deliveries/%s/replay", id), api_a, NULL);
    api_has("replayed", "1");
    fixture_run(api_engine);
    api_expect(200, "POST", "/v1/deliveries/replay", api_a, "{\"dry_run\":true}");
    api_has("replayed", "1");
    api_expect(200, "POST", "/v1/deliveries/replay", api_b, "{\"dry_run\":true}");
    api_has("replayed", "0");
    api_expect(200, "POST", "/v1/deliveries/replay", api_a, at("{\"subscription\":\"%s\"}", subscription));
    api_has("replayed", "1");
    api_expect(200, "POST", "/v1/deliveries/replay", api_a, "{\"dry_run\":true}");
    api_has("replayed", "0");
    api_expect(200, "POST", "/v1/deliveries/cancel", api_b, "{\"type\":\"a\"}");
    api_has("cancelled", "0");
    api_expect(200, "POST", "/v1/deliveries/cancel", api_a, "{\"since\":0,\"dry_run\":true}");
    api_has("cancelled", "1");
    api_expect(400, "POST", "/v1/deliveries/cancel", api_a, "{\"state\":\"delivered\"}");
    fixture_script.status = 200;
    fixture_run(api_engine);
    api_expect(200, "GET", "/v1/deliveries?state=delivered", api_a, NULL);
    api_has("items.0.attempts", "3");
    api_expect(400, "GET", "/v1/deliveries?state=lost", api_a, NULL);
    api_expect(400, "POST", "/v1/deliveries/replay", api_a, "{\"states\":1}");
    api_expect(404, "GET", "/v1/deliveries/dlv_x", api_a, NULL);
}

/* Of its own tenant's events: others' ids are not there. */
static void a_subscription_is_made_with_what_is_stored(void **state) {
    (void)state;
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1},\"id\":\"e\"}");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.sent\",\"payload\":{\"n\":2}}");
    api_expect(201, "POST", "/v1/events", api_b, "{\"type\":\"order.paid\",\"payload\":{\"n\":3},\"id\":\"f\"}");
    fixture_run(api_engine);
    api_expect(200, "POST", "/v1/subscriptions/since", api_a,
               "{\"subscription\":{" HOOK "},\"since\":\"2000-01-01\",\"dry_run\":true}");
    api_has("missed", "2");
    api_expect(200, "GET", "/v1/subscriptions", api_a, NULL);
    assert_null(strstr(api_text, "sub_"));
    api_expect(404, "POST", "/v1/subscriptions/since", api_a, "{\"subscription\":{" HOOK "},\"event\":\"f\"}");
    api_has("error.field", "event");
    api_expect(400, "POST", "/v1/subscriptions/since", api_a, "{\"subscription\":{" HOOK "}}");
    api_has("error.field", "since");
    api_expect(400, "POST", "/v1/subscriptions/since", api_a, "{\"since\":\"2000-01-01\"}");
    api_has("error.field", "subscription");
    api_expect(400, "POST", "/v1/subscriptions/since", api_a,
               "{\"subscription\":{" HOOK "},\"since\":\"2000-01-01\",\"until\":\"2000-01-01\"}");
    api_expect(400, "POST", "/v1/subscriptions/since", api_a, "{\"subscription\":7,\"since\":\"2000-01-01\"}");
    api_expect(401, "POST", "/v1/subscriptions/since", NULL, "{\"subscription\":{" HOOK "},\"since\":\"2000-01-01\"}");
    api_expect(201, "POST", "/v1/subscriptions/since", api_a,
               "{\"subscription\":{" HOOK ",\"order\":\"fifo\"},\"event\":\"e\"}");
    api_has("tenant", "a");
    api_has("paused", "false");
    assert_non_null(strstr(api_text, "whsec_"));
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
}

/* To it alone, past its types and its rule, and there to be looked at. */
static void a_test_event_tells_what_the_receiver_answers(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK "}");
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK ",\"filters\":{\"no\":1}}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    api_expect(200, "POST", at("/v1/subscriptions/%s/test", id), api_a, NULL);
    api_has("delivered", "true");
    api_has("status", "200");
    api_has("error", "null");
    assert_int_equal(fixture_sent_count, 1);
    assert_string_equal(fixture_sent[0].body, "{\"test\":true}");
    fixture_script.status = 503;
    api_expect(200, "POST", at("/v1/subscriptions/%s/test", id), api_a, "{\"type\":\"a.b\",\"payload\":{\"n\":1.50}}");
    api_has("delivered", "false");
    api_has("status", "503");
    assert_string_equal(fixture_sent[1].body, "{\"n\":1.50}");
    api_expect(200, "GET", at("/v1/deliveries?subscription=%s", id), api_a, NULL);
    api_has("items.0.type", "a.b");
    api_has("items.1.type", "test");
    api_expect(404, "POST", at("/v1/subscriptions/%s/test", id), api_b, NULL);
    api_expect(400, "POST", at("/v1/subscriptions/%s/test", id), api_a, "{\"type\":\"no type\"}");
    api_expect(400, "POST", at("/v1/subscriptions/%s/test", id), api_a, "{\"event\":1}");
    api_expect(200, "PATCH", at("/v1/subscriptions/%s", id), api_a, "{\"paused\":true}");
    api_expect(409, "POST", at("/v1/subscriptions/%s/test", id), api_a, NULL);
    assert_int_equal(fixture_sent_count, 2);
}

static void what_a_subscription_missed_is_counted_and_sent(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1},\"id\":\"e\"}");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.sent\",\"payload\":{\"n\":2}}");
    api_expect(201, "POST", "/v1/events", api_b, "{\"type\":\"order.paid\",\"payload\":{\"n\":3},\"id\":\"f\"}");
    fixture_run(api_engine);
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK "}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    api_expect(404, "POST", at("/v1/subscriptions/%s/missed", id), api_b, NULL);
    api_expect(200, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"dry_run\":true}");
    api_has("missed", "2");
    api_expect(200, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"event\":\"e\",\"since\":\"1990-01-01\"}");
    api_has("missed", "1");
    api_expect(404, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"event\":\"f\"}");
    api_expect(200, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"type\":\"order.paid\"}");
    api_has("missed", "0");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    api_expect(200, "POST", at("/v1/subscriptions/%s/missed", id), api_a, NULL);
    api_has("missed", "1");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
    api_expect(400, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"dry_run\":1}");
    api_has("error.field", "dry_run");
    api_expect(400, "POST", at("/v1/subscriptions/%s/missed", id), api_a, "{\"state\":\"held\"}");
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK ",\"single_use\":true}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    api_expect(400, "POST", at("/v1/subscriptions/%s/missed", id), api_a, NULL);
}

static void why_and_what_if_are_answered(void **state) {
    char id[WH_ID_SIZE];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK "}");
    snprintf(id, sizeof id, "%s", api_member("id"));
    atomic_fetch_add(&fixture_time, 1000);
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1},\"id\":\"e\"}");
    fixture_run(api_engine);
    api_expect(200, "GET", "/v1/events/e/explain", api_a, NULL);
    api_has("items.0.outcome", "delivered");
    api_expect(200, "GET", at("/v1/events/e/explain?subscription=%s", id), api_a, NULL);
    api_has("items.0.subscription", id);
    api_expect(200, "POST", at("/v1/subscriptions/%s/backtest", id), api_a,
               "{\"document\":{\"filters\":{\"n\":2}},\"last\":10}");
    api_has("sent.now", "1");
    api_has("sent.then", "0");
    api_expect(400, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{\"document\":{\"tenant\":\"b\"}}");
    api_expect(400, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{}");
    api_expect(400, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{\"document\":{},\"last\":1000000}");
    api_expect(200, "POST", "/v1/rules/try", api_a,
               "{\"document\":{\"filters\":{\"n\":1}},\"event\":{\"type\":\"t\",\"payload\":{\"n\":2}}}");
    api_has("outcome", "filtered");
    api_expect(400, "POST", "/v1/rules/try", api_a, "{}");
    api_has("error.message", "document: expected either that, or \"rule\"");
    api_expect(400, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{}");
    api_has("error.message", "document: expected either that, or \"rule\"");
    api_expect(400, "POST", "/v1/rules/try", api_a, "{\"document\":{},\"rule\":\"return true\"}");
    api_expect(422, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{\"rule\":\"return true\"}");
    api_expect(400, "POST", "/v1/rules/try", api_a, "{\"subscription\":{}}");
    api_has("error.message", "subscription: unknown field, expected one of: document, rule, event, payload");
    api_expect(400, "POST", at("/v1/subscriptions/%s/backtest", id), api_a, "{\"candidate\":{}}");
    api_has("error.message",
            "candidate: unknown field, expected one of: document, rule, last, since, until, shown, own");
    api_expect(400, "GET", "/v1/events/e/explain?colour=red", api_a, NULL);
    api_has("error.message", "colour: unknown parameter, expected one of: subscription, limit, cursor, tenant");
    api_expect(422, "POST", "/v1/rules/try", api_a, "{\"rule\":\"return true\",\"payload\":1}"); /* no rule engine */
}

static void health_and_metrics_are_told(void **state) {
    (void)state;
    api_expect(200, "GET", "/v1/health", NULL, NULL);
    api_has("status", "ok");
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{" HOOK "}");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"order.paid\",\"payload\":{\"n\":1}}");
    fixture_run(api_engine);
    api_expect(200, "GET", "/v1/metrics", api_operator, NULL);
    assert_string_equal(api_answer.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_has(api_text, "\nwebhook_delivered_total 1\n");
    assert_has(api_text, "\nwebhook_subscriptions 1\n");
    assert_has(api_text, "\nwebhook_events_pending 0\n");
    assert_has(api_text, "\nwebhook_polls_pending 0\n");
    assert_has(api_text, "\nwebhook_request_seconds_bucket{le=\"0.005\"} ");
    assert_has(api_text, "\nwebhook_request_seconds_bucket{le=\"3600\"} 1\n");
    assert_has(api_text, "\nwebhook_request_seconds_count 1\n");
    assert_has(api_text, "\nwebhook_wait_seconds_bucket{le=\"+Inf\"} 1\nwebhook_wait_seconds_sum 0.000000\n");
}

static void the_document_names_every_route(void **state) {
    whi_api_route one;
    const whi_api_route *route = &one;

    (void)state;
    api_expect(200, "GET", "/openapi.json", NULL, NULL);
    assert_int_equal(strncmp(api_member("openapi"), "3.1.", 4), 0);
    for (size_t i = 0; whi_api_route_at(i, &one); i++) {
        char path[128], method[8] = "", *all = strdup(api_text), *found, *end;
        for (size_t k = 0; route->method[k] != '\0'; k++) {
            method[k] = (char)(route->method[k] + ('a' - 'A'));
            method[k + 1] = '\0';
        }
        snprintf(path, sizeof path, "\n  \"%s\": {", route->path);
        found = strstr(all, path);
        if (found == NULL) {
            fail_msg("%s is not in the document", route->path);
        } else {
            end = strstr(found, "\n  }");
            *end = '\0';
            snprintf(path, sizeof path, "\n   \"%s\": {", method);
            assert_has(found, path);
        }
        free(all);
    }
}

static void the_document_names_every_system(void **state) {
    char name[64];

    (void)state;
    api_expect(200, "GET", "/openapi.json", NULL, NULL);
    for (size_t i = 0; whi_system_names[i] != NULL; i++) {
        snprintf(name, sizeof name, "\n       \"%s\"", whi_system_names[i]);
        assert_has(api_text, name);
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(subscriptions_are_made_read_changed_and_deleted),
        TEST(lists_go_on_by_their_cursor),
        TEST(events_are_published_byte_for_byte),
        TEST(publishing_again_gives_the_first_one),
        TEST(what_is_no_event_is_refused),
        TEST(an_error_names_its_field_and_not_what_reads_like_one),
        TEST(a_payload_beyond_the_limit_is_413),
        TEST(a_batch_of_too_many_values_is_413),
        TEST(a_batch_is_all_or_nothing),
        TEST(deliveries_are_told_and_sent_again),
        TEST(a_subscription_is_made_with_what_is_stored),
        TEST(a_test_event_tells_what_the_receiver_answers),
        TEST(what_a_subscription_missed_is_counted_and_sent),
        TEST(why_and_what_if_are_answered),
        TEST(health_and_metrics_are_told),
        TEST(the_document_names_every_route),
        TEST(the_document_names_every_system),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
