/* Unified.to over HTTP, as its clients ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"

#define BASIC                                                                                                          \
    "\"connection_id\":\"c1\",\"object_type\":\"crm_contact\",\"event\":\"created\",\"hook_url\":\"https://e.com/1\""

static char *make(const char *body) {
    static char ids[4][WH_ID_SIZE];
    static int next;
    char *id = ids[next++ % 4];

    atomic_fetch_add(&fixture_time, 1000);
    api_expect(200, "POST", "/unified/webhook", api_a, body);
    snprintf(id, WH_ID_SIZE, "%s", api_member("id"));
    return id;
}

static const char *one(const char *id, const char *rest) {
    static char target[256];

    snprintf(target, sizeof target, "/unified/webhook/%s%s", id, rest);
    return target;
}

static void a_webhook_is_made_read_changed_and_deleted(void **state) {
    char *id;

    (void)state;
    id = make("{" BASIC ",\"interval\":60,\"db_url\":null,\"fields\":\"\",\"filters\":{\"type\":\"x\"}}");
    api_has("workspace_id", "a");
    api_has("connection_id", "c1");
    api_has("interval", "60");
    api_has("filters.type", "x");
    api_has("is_healthy", "true");
    assert_null(strstr(api_text, "secret"));
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("hook_url", "https://e.com/1");
    api_expect(200, "PUT", one(id, ""), api_a, "{\"is_paused\":true}");
    api_has("is_paused", "true");
    api_has("object_type", "crm_contact"); /* not taken away by leaving it out */
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"is_paused\":false,\"event\":\"updated\"}");
    api_has("event", "updated");
    api_expect(400, "PATCH", one(id, ""), api_a, "{\"event\":\"archived\"}"); /* it would never be met */
    api_has("message", "event: expected \"created\", \"updated\" or \"deleted\", found \"archived\"");
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"event\":\"deleted\"}");
    api_has("event", "deleted");
    api_has("object_type", "crm_contact");
    for (size_t i = 0; i < 3; i++) {
        static const char *const odd[] = { "{\"event\":\"*\"}", "{\"event\":\"Created\"}", "{\"event\":7}" };
        api_expect(400, "PATCH", one(id, ""), api_a, odd[i]);
        api_has("field", "event");
    }
    api_expect(200, "DELETE", one(id, ""), api_a, NULL);
    assert_int_equal(api_answer.body_size, 0);
    assert_string_equal(api_answer.content_type, "application/json"); /* some of the vendor's clients want it */
    api_expect(404, "GET", one(id, ""), api_a, NULL);
    api_expect(404, "DELETE", one(id, ""), api_a, NULL);
}

static void include_all_is_kept(void **state) {
    char target[128];

    (void)state;
    api_expect(200, "POST", "/unified/webhook?include_all=true", api_a, "{" BASIC ",\"interval\":5}");
    snprintf(target, sizeof target, "/v1/subscriptions/%s", api_member("id"));
    api_expect(200, "GET", target, api_a, NULL);
    api_has("details.include_all", "true");
    api_has("details.interval", "5");
    api_expect(400, "POST", "/unified/webhook?include_all=perhaps", api_a, "{" BASIC "}");
}

static void assert_ids(const char *target, const char *const *ids, int count) {
    char path[16];

    api_expect(200, "GET", target, api_a, NULL);
    assert_int_equal(api_text[0], '[');
    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%d.id", i);
        api_has(path, ids[i]);
    }
    snprintf(path, sizeof path, "%d", count);
    assert_null(api_member(path));
}

static void lists_are_bare_and_filtered_sorted_and_cut(void **state) {
    /* One and the same time, as clients of all languages write it. */
    static const char *const forms[] = { "1795000002000",
                                         "2026-11-18T11:06:42",
                                         "2026-11-18%2011:06:42Z",
                                         "2026-11-18T13:06:42%2B02:00",
                                         "2026-11-18T03:36:42.0-07:30",
                                         "2026-11-18T13:06:42%2B0200",
                                         "2026-11-18T11:06:42.000999Z",
                                         "2026-11-18T11:06:42.000999999%2B00:00" };
    static const char *const wrong[] = { "2026-11-21T10:00:00%2B24:00",
                                         "2026-11-21T10:00:00-00:60",
                                         "2026-11-21T10:00:00.Z",
                                         "2026-11-21T10:00:00.1234567890Z",
                                         "2026-11-21T10:00:00%2B020",
                                         "2026-11-21T10",
                                         "2026-11-21Z",
                                         "2026-11-21T10:00:00ZZ",
                                         "-5",
                                         "1.5",
                                         "2026-02-29" };
    const char *ids[4];
    char target[256], at[64];

    (void)state;
    ids[0] = make("{" BASIC "}");
    ids[1] =
        make("{\"connection_id\":\"c2\",\"object_type\":\"crm_deal\",\"event\":\"created\",\"hook_url\":\"http://e\"}");
    snprintf(at, sizeof at, "%s", api_member("created_at"));
    ids[2] = make("{" BASIC "}");
    ids[3] = make("{" BASIC "}");
    api_expect(200, "POST", "/unified/webhook", api_b, "{" BASIC "}");
    assert_ids("/unified/webhook", ids, 4);
    assert_ids("/unified/webhook?limit=2&offset=1", (const char *[]){ ids[1], ids[2] }, 2);
    assert_ids("/unified/webhook?offset=9", NULL, 0);
    assert_ids("/unified/webhook?order=desc&limit=1", (const char *[]){ ids[3] }, 1);
    assert_ids("/unified/webhook?connection_id=c2", (const char *[]){ ids[1] }, 1);
    assert_ids("/unified/webhook?object=crm_contact&offset=1", (const char *[]){ ids[2], ids[3] }, 2);
    assert_ids("/unified/webhook?env=Production&limit=1", (const char *[]){ ids[0] }, 1);
    assert_ids("/unified/webhook?env=Sandbox", NULL, 0);
    assert_ids("/unified/webhook?integration_type=hubspot", NULL, 0);
    snprintf(target, sizeof target, "/unified/webhook?created_lte=%s", at);
    assert_ids(target, ids, 2);
    snprintf(target, sizeof target, "/unified/webhook?updated_gte=%s", at);
    assert_ids(target, ids + 1, 3);
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        snprintf(target, sizeof target, "/unified/webhook?created_lte=%s", forms[i]);
        assert_ids(target, ids, 2);
    }
    atomic_fetch_add(&fixture_time, 1000);
    api_expect(200, "PATCH", one(ids[1], ""), api_a, "{\"is_paused\":true}");
    assert_ids("/unified/webhook?sort=updated_at&order=desc&limit=2", (const char *[]){ ids[1], ids[3] }, 2);
    assert_ids("/unified/webhook?sort=updated_at&offset=1&limit=2&connection_id=", (const char *[]){ ids[2], ids[3] },
               2);
    assert_ids("/unified/webhook?sort=name", ids, 4);
    assert_ids("/unified/webhook?sort=name&order=desc&limit=1", (const char *[]){ ids[3] }, 1);
    assert_ids("/unified/webhook?sort=created_at&offset=3", (const char *[]){ ids[3] }, 1);
    api_expect(400, "GET", "/unified/webhook?sort=beauty", api_a, NULL);
    api_has("message", "sort: expected \"name\", \"created_at\" or \"updated_at\", found \"beauty\"");
    api_expect(400, "GET", "/unified/webhook?order=up", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?limit=0", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?offset=-1", api_a, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(target, sizeof target, "/unified/webhook?updated_gte=%s", wrong[i]);
        api_expect(400, "GET", target, api_a, NULL);
    }
    api_expect(400, "GET", "/unified/webhook?updated_gte=yesterday", api_a, NULL);
    api_has("field", "updated_gte");
}

static void a_trigger_makes_what_waits_due(void **state) {
    char *id, target[128];

    (void)state;
    id = make("{" BASIC "}");
    snprintf(target, sizeof target, "/v1/subscriptions/%s", id);
    api_expect(200, "PATCH", target, api_a, "{\"retry\":[0,600000]}"); /* it waits for that */
    fixture_script.status = 500;
    api_expect(201, "POST", "/v1/events", api_a,
               "{\"type\":\"crm_contact.created\",\"payload\":[{\"id\":\"1\"}],\"source\":\"c1\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.status = 200;
    api_expect(200, "PUT", one(id, "/trigger"), api_a, NULL);
    assert_int_equal(api_answer.body_size, 0);
    assert_string_equal(api_answer.content_type, "application/json");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
    api_expect(200, "PATCH", one(id, "/trigger"), api_a, "{}");
    api_expect(400, "PATCH", one(id, "/trigger"), api_a, "{");
    api_expect(404, "PUT", one("sub_0000000000zzz", "/trigger"), api_a, NULL);
    api_expect(404, "PUT", one("x", "/trigger"), api_a, NULL);
}

static void what_has_no_connection_or_no_single_event_is_not_shown(void **state) {
    static const char *const hidden[] = {
        "\"events\":[\"crm_contact.updated\"]",
        "\"source\":\"c\"",
        "\"source\":\"c\",\"events\":[\"crm_contact.*\"]",
        "\"source\":\"c\",\"events\":[\"order.paid\"]",
        "\"source\":\"c\",\"events\":[\"crm_contact.updated\",\"crm_contact.created\"]",
        "\"source\":\"c\",\"events\":[\"crm_contact.updated\"],\"filters\":{\"type\":[\"a\",\"b\"]}",
    };
    char body[256];

    (void)state;
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        snprintf(body, sizeof body, "{\"profile\":\"unified\",\"url\":\"http://e.com\",%s}", hidden[i]);
        api_expect(201, "POST", "/v1/subscriptions", api_a, body);
        api_expect(404, "GET", one(api_member("id"), ""), api_a, NULL);
        api_expect(200, "GET", "/unified/webhook", api_a, NULL);
        assert_string_equal(api_text, "[]");
    }
    api_expect(
        201, "POST", "/v1/subscriptions", api_a,
        "{\"profile\":\"unified\",\"url\":\"http://e.com\",\"source\":\"c\",\"events\":[\"crm_contact.updated\"]}");
    api_expect(200, "GET", "/unified/webhook", api_a, NULL);
    api_has("0.event", "updated");
    api_expect(200, "GET", "/unified/webhook?all=true&tenant=a", api_operator, NULL);
    assert_non_null(api_member("6.id"));
}

static void publish(const char *payload) {
    char body[256];

    snprintf(body, sizeof body, "{\"type\":\"crm_contact.created\",\"source\":\"c1\",\"payload\":%s}", payload);
    api_expect(201, "POST", "/v1/events", api_a, body);
    fixture_run(api_engine);
}

static void is_healthy(const char *id, const char *value) {
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("is_healthy", value);
    api_has("is_paused", "false");
}

static void a_webhook_is_healthy_while_it_is_tried_again(void **state) {
    char *id = make("{" BASIC "}"), target[128];

    (void)state;
    snprintf(target, sizeof target, "/v1/subscriptions/%s", id);
    api_expect(200, "PATCH", target, api_a, "{\"retry\":[0,1000,1000,1000]}");
    fixture_script.status = 500;
    publish("{}");
    for (int i = 1; i < 4; i++) {
        assert_int_equal(fixture_sent_count, i);
        is_healthy(id, "true");
        atomic_fetch_add(&fixture_time, 2000);
        fixture_run(api_engine);
    }
    assert_int_equal(fixture_sent_count, 4);
    is_healthy(id, "false"); /* nothing more is tried */
}

static void health_goes_with_a_delivery_that_is_given_up_and_can_be_mended(void **state) {
    char *id = make("{" BASIC "}");

    (void)state;
    fixture_script.status = 500;
    publish("{}");
    assert_int_equal(fixture_sent_count, 4); /* three more, at once */
    is_healthy(id, "false");
    fixture_script.status = 200;
    publish("{}");
    is_healthy(id, "true");
    fixture_script.status = 410; /* the engine switches it off */
    publish("{}");
    is_healthy(id, "false");
    fixture_script.status = 200;
    publish("{}");
    assert_int_equal(fixture_sent_count, 6);
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"is_paused\":false}");
    publish("{}");
    assert_int_equal(fixture_sent_count, 7);
    is_healthy(id, "true");
}

static void a_resume_mends_what_failed_and_sends_what_waits(void **state) {
    static const char *const methods[] = { "PUT", "PATCH" };
    char *id = make("{" BASIC "}");

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        size_t before = fixture_sent_count;
        fixture_script.status = 410; /* the engine switches it off */
        publish("{}");
        is_healthy(id, "false");
        fixture_script.status = 200;
        publish("{}"); /* while it was off: not sent later either */
        api_expect(200, methods[i], one(id, "/resume"), api_a, i == 0 ? NULL : "{}");
        api_has("id", id);
        api_has("is_healthy", "true");
        publish("{}");
        assert_int_equal(fixture_sent_count, before + 2);
    }
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"is_paused\":true}");
    api_expect(200, "PUT", one(id, "/resume"), api_a, NULL);
    api_has("is_paused", "true"); /* its owner's, and not of its health */
    api_expect(404, "PUT", one("sub_0000000000zzz", "/resume"), api_a, NULL);
    api_expect(404, "PUT", one(id, "/resume"), api_b, NULL);
    api_expect(405, "GET", one(id, "/resume"), api_a, NULL);
}

/* Their clients know true and false, and some write back all that they read. */
static void a_pause_that_holds_is_theirs_to_end_and_not_to_lose(void **state) {
    char *id = make("{" BASIC "}"), path[128];

    (void)state;
    snprintf(path, sizeof path, "/v1/subscriptions/%s", id);
    api_expect(200, "PATCH", path, api_a, "{\"paused\":\"hold\"}");
    api_has("paused", "hold");
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("is_paused", "true");
    api_expect(200, "PUT", one(id, ""), api_a, "{\"is_paused\":true,\"event\":\"updated\"}");
    api_expect(200, "PUT", one(id, "/resume"), api_a, NULL);
    api_expect(200, "GET", path, api_a, NULL);
    api_has("paused", "hold");
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"is_paused\":false}");
    api_expect(200, "GET", path, api_a, NULL);
    api_has("paused", "false");
    api_expect(400, "PATCH", path, api_a, "{\"paused\":\"held\"}");
}

/* Switched off by the engine while its owner had it on hold. */
static void what_is_healthy_again_holds_as_before(void **state) {
    char *id = make("{" BASIC "}"), path[128];

    (void)state;
    snprintf(path, sizeof path, "/v1/subscriptions/%s", id);
    fixture_script.status = 410;
    publish("{}");
    fixture_script.status = 200;
    api_expect(200, "PATCH", path, api_a, "{\"paused\":\"hold\"}");
    api_has("disabled", "gone");
    api_expect(200, "PUT", one(id, "/resume"), api_a, NULL);
    api_expect(200, "GET", path, api_a, NULL);
    api_has("paused", "hold");
    api_has("disabled", "null");
}

static void lists_are_filtered_by_health(void **state) {
    char *sick = make("{" BASIC "}"), *well;

    (void)state;
    fixture_script.status = 410;
    publish("{}");
    well =
        make("{\"connection_id\":\"c2\",\"object_type\":\"crm_deal\",\"event\":\"created\",\"hook_url\":\"http://e\"}");
    assert_ids("/unified/webhook?is_healthy=true", (const char *[]){ well }, 1);
    assert_ids("/unified/webhook?is_healthy=false", (const char *[]){ sick }, 1);
    assert_ids("/unified/webhook?is_healthy=", (const char *[]){ sick, well }, 2);
    api_expect(400, "GET", "/unified/webhook?is_healthy=maybe", api_a, NULL);
}

static void views_tell_of_deliveries_and_of_those_given_up(void **state) {
    char *id = make("{" BASIC "}"), *other, target[128];

    (void)state;
    api_expect(201, "POST", "/v1/subscriptions", api_a, "{\"url\":\"http://e.com/own\"}");
    fixture_script.status = 500;
    publish("{}");
    fixture_script.status = 200;
    atomic_fetch_add(&fixture_time, 5000);
    publish("{}");
    api_expect(200, "GET", "/unified/apicall", api_a, NULL);
    api_has("0.status", "200");
    assert_null(api_member("0.error"));
    api_has("0.webhook_id", id);
    api_has("0.connection_id", "c1");
    api_has("0.workspace_id", "a");
    api_has("0.type", "webhook");
    api_has("0.method", "POST");
    api_has("0.name", "crm_contact.created");
    api_has("0.path", "https://e.com/1");
    api_has("1.status", "500");
    api_has("1.error", "status: answered 500");
    assert_null(api_member("2.id")); /* another system's */
    snprintf(target, sizeof target, "/unified/apicall/%s", api_member("1.id"));
    api_expect(200, "GET", target, api_a, NULL);
    api_has("status", "500");
    api_expect(404, "GET", target, api_b, NULL);
    api_expect(404, "GET", "/unified/apicall/x", api_a, NULL);
    api_expect(200, "GET", "/unified/apicall?limit=1.0&offset=1", api_a, NULL);
    api_has("0.status", "500");
    assert_null(api_member("1.id"));
    for (size_t i = 0; i < 12; i++) {
        static const struct {
            const char *query;
            int count;
        } rows[] = { { "?error=true", 1 },       { "?error=false", 1 },        { "?type=webhook", 2 },
                     { "?type=login", 0 },       { "?connection_id=c1", 2 },   { "?connection_id=c2", 0 },
                     { "?webhook_id=none", 0 },  { "?env=Production", 2 },     { "?env=Sandbox", 0 },
                     { "?is_billable=true", 0 }, { "?integration_type=x", 0 }, { "?updated_gte=2100-01-01", 0 } };
        snprintf(target, sizeof target, "/unified/apicall%s", rows[i].query);
        api_expect(200, "GET", target, api_a, NULL);
        assert_int_equal((api_member("0.id") != NULL) + (api_member("1.id") != NULL), rows[i].count);
    }
    api_expect(400, "GET", "/unified/apicall?order=asc", api_a, NULL);
    api_expect(400, "GET", "/unified/notification?limit=0", api_a, NULL);
    api_expect(200, "GET", "/unified/notification", api_a, NULL);
    api_has("0.event", "WEBHOOK_UNHEALTHY");
    api_has("0.webhook_id", id);
    api_has("0.description", "status: answered 500");
    assert_null(api_member("1.id"));
    api_expect(200, "GET", "/unified/notification", api_b, NULL);
    assert_string_equal(api_text, "[]");
    other = make("{" BASIC "}");
    snprintf(target, sizeof target, "/unified/apicall?webhook_id=%s", other);
    api_expect(200, "GET", target, api_a, NULL);
    assert_string_equal(api_text, "[]");
    api_expect(200, "DELETE", one(id, ""), api_a, NULL); /* what it was sent stays to be seen */
    api_expect(200, "GET", "/unified/apicall", api_a, NULL);
    api_has("1.webhook_id", id);
}

static void objects_are_filtered_and_projected(void **state) {
    static const char *const cases[][2] = {
        { "{\"type\":\"lead\",\"id\":12345678901234567890,\"name\":{\"first\":\"\\u00e9\",\"last\":\"b\"}}",
          "{\"data\":[{\"id\":12345678901234567890,\"name\":{\"first\":\"\\u00e9\"}}],\"webhook\":{" },
        /* what does not match is never in the data */
        { "[{\"type\":\"deal\",\"id\":1},{\"type\":\"lead\",\"id\":1.10},7,null,{\"type\":[\"x\",\"lead\"]}]",
          "{\"data\":[{\"id\":1.1},{}],\"webhook\":{" },
    };

    (void)state;
    make("{" BASIC ",\"fields\":\"id, name(first)\",\"filters\":{\"type\":\"lead\",\"owner\":\"\",\"none\":null}}");
    publish("{\"type\":\"deal\",\"id\":1}");
    publish("\"lead\"");
    publish("[]");
    publish("[{\"type\":\"deal\"},{\"type\":\"contact\"}]");
    assert_int_equal(fixture_sent_count, 0);
    for (int i = 0; i < 2; i++) {
        publish(cases[i][0]);
        assert_int_equal(fixture_sent_count, i + 1);
        assert_memory_equal(fixture_sent[i].body, cases[i][1], strlen(cases[i][1]));
    }
}

/* The reason of a refused signature may be here, where nobody at the receiver's sees it. */
static void an_attempt_says_what_a_receiver_in_javascript_cannot_verify(void **state) {
    static const char note[] =
        "the data are not as JSON.stringify writes them: a receiver in JavaScript cannot verify this one";
    char target[128], expected[256];

    (void)state;
    make("{" BASIC "}");
    fixture_script.status = 401;
    publish("{\"id\":9007199254740993}");
    api_expect(200, "GET", "/v1/deliveries", api_a, NULL);
    snprintf(target, sizeof target, "/v1/deliveries/%s/attempts", api_member("items.0.id"));
    snprintf(expected, sizeof expected, "status: answered 401; %s", note);
    api_has("items.0.error", expected);
    api_expect(200, "GET", target, api_a, NULL);
    api_has("items.0.error", expected);
    fixture_script.status = 200;
    publish("{\"id\":9007199254740992}");
    api_expect(200, "GET", "/v1/deliveries?state=delivered", api_a, NULL);
    api_has("items.0.error", "null");
    publish("{\"id\":1e400}");
    api_expect(200, "GET", "/v1/deliveries?state=delivered", api_a, NULL);
    api_has("items.0.error", note);
}

static void operators_name_the_tenant(void **state) {
    (void)state;
    api_expect(200, "POST", "/unified/webhook?tenant=b", api_operator, "{" BASIC "}");
    api_has("workspace_id", "b");
    api_expect(200, "GET", "/unified/webhook?tenant=b", api_operator, NULL);
    assert_non_null(api_member("0.id"));
    api_expect(200, "GET", "/unified/webhook?tenant=a", api_operator, NULL);
    assert_string_equal(api_text, "[]");
    api_expect(200, "POST", "/unified/webhook?tenant=b", api_a, "{" BASIC "}");
    api_has("workspace_id", "a"); /* a token's own, whatever is asked for */
}

static void errors_name_the_field(void **state) {
    (void)state;
    api_expect(400, "POST", "/unified/webhook", api_a, "{\"object_type\":\"o\",\"event\":\"created\"}");
    api_has("field", "connection_id");
    api_has("code", "invalid");
    api_expect(400, "POST", "/unified/webhook", api_a, "{" BASIC ",\"interval\":\"soon\"}");
    api_has("field", "interval");
    api_expect(400, "POST", "/unified/webhook", api_a, "{" BASIC);
    api_has("code", "json");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_webhook_is_made_read_changed_and_deleted),
        TEST(include_all_is_kept),
        TEST(lists_are_bare_and_filtered_sorted_and_cut),
        TEST(a_trigger_makes_what_waits_due),
        TEST(what_has_no_connection_or_no_single_event_is_not_shown),
        TEST(a_webhook_is_healthy_while_it_is_tried_again),
        TEST(health_goes_with_a_delivery_that_is_given_up_and_can_be_mended),
        TEST(a_resume_mends_what_failed_and_sends_what_waits),
        TEST(a_pause_that_holds_is_theirs_to_end_and_not_to_lose),
        TEST(what_is_healthy_again_holds_as_before),
        TEST(lists_are_filtered_by_health),
        TEST(views_tell_of_deliveries_and_of_those_given_up),
        TEST(objects_are_filtered_and_projected),
        TEST(an_attempt_says_what_a_receiver_in_javascript_cannot_verify),
        TEST(operators_name_the_tenant),
        TEST(errors_name_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
