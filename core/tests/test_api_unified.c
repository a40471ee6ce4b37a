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
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"event\":\"archived\"}"); /* the list is open */
    api_has("event", "archived");
    api_has("object_type", "crm_contact");
    for (size_t i = 0; i < 3; i++) {
        static const char *const odd[] = { "{\"event\":\"*\"}", "{\"event\":\"a.b\"}", "{\"event\":7}" };
        api_expect(400, "PATCH", one(id, ""), api_a, odd[i]);
        api_has("field", "event");
    }
    api_expect(200, "DELETE", one(id, ""), api_a, NULL);
    assert_int_equal(api_answer.body_size, 0);
    assert_null(api_answer.content_type);
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
    api_expect(400, "GET", "/unified/webhook?sort=beauty", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?order=up", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?limit=0", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?limit=99999", api_a, NULL);
    api_expect(400, "GET", "/unified/webhook?offset=-1", api_a, NULL);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(target, sizeof target, "/unified/webhook?updated_gte=%s", wrong[i]);
        api_expect(400, "GET", target, api_a, NULL);
    }
    api_expect(400, "GET", "/unified/webhook?updated_gte=yesterday", api_a, NULL);
    api_has("field", "updated_gte");
}

static void a_trigger_makes_what_waits_due(void **state) {
    char *id;

    (void)state;
    id = make("{" BASIC "}");
    fixture_script.status = 500;
    api_expect(201, "POST", "/v1/events", api_a,
               "{\"type\":\"crm_contact.created\",\"payload\":[{\"id\":\"1\"}],\"source\":\"c1\"}");
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 1);
    fixture_script.status = 200;
    api_expect(200, "PUT", one(id, "/trigger"), api_a, NULL);
    assert_int_equal(api_answer.body_size, 0);
    fixture_run(api_engine);
    assert_int_equal(fixture_sent_count, 2);
    api_expect(200, "PATCH", one(id, "/trigger"), api_a, "{}");
    api_expect(400, "PATCH", one(id, "/trigger"), api_a, "{");
    api_expect(404, "PUT", one("sub_0000000000zzz", "/trigger"), api_a, NULL);
    api_expect(404, "PUT", one("x", "/trigger"), api_a, NULL);
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

static void health_is_that_of_the_last_attempt_and_can_be_mended(void **state) {
    char *id = make("{" BASIC "}");

    (void)state;
    fixture_script.status = 500;
    publish("{}");
    is_healthy(id, "false");
    fixture_script.status = 200;
    api_expect(200, "PUT", one(id, "/trigger"), api_a, NULL);
    fixture_run(api_engine);
    is_healthy(id, "true");
    fixture_script.status = 410; /* the engine switches it off */
    publish("{}");
    is_healthy(id, "false");
    api_expect(200, "GET", "/webhooks?enabled=false", api_a, NULL);
    api_has("totalCount", "1");
    fixture_script.status = 200;
    publish("{}");
    assert_int_equal(fixture_sent_count, 3);
    api_expect(200, "PATCH", one(id, ""), api_a, "{\"is_paused\":false}");
    publish("{}");
    assert_int_equal(fixture_sent_count, 4);
    is_healthy(id, "true");
}

static void objects_are_filtered_and_projected(void **state) {
    static const char *const cases[][2] = {
        { "{\"type\":\"lead\",\"id\":12345678901234567890,\"name\":{\"first\":\"\\u00e9\",\"last\":\"b\"}}",
          "{\"data\":[{\"id\":12345678901234567890,\"name\":{\"first\":\"\\u00e9\"}}],\"webhook\":{" },
        { "[{\"type\":\"deal\"},{\"type\":\"lead\",\"id\":1.10}]", "{\"data\":[{},{\"id\":1.10}],\"webhook\":{" },
    };

    (void)state;
    make("{" BASIC ",\"fields\":\"id, name(first)\",\"filters\":{\"type\":\"lead\",\"owner\":\"\",\"none\":null}}");
    publish("{\"type\":\"deal\",\"id\":1}");
    publish("\"lead\"");
    publish("[]");
    assert_int_equal(fixture_sent_count, 0);
    for (int i = 0; i < 2; i++) {
        publish(cases[i][0]);
        assert_int_equal(fixture_sent_count, i + 1);
        assert_memory_equal(fixture_sent[i].body, cases[i][1], strlen(cases[i][1]));
    }
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
        TEST(health_is_that_of_the_last_attempt_and_can_be_mended),
        TEST(objects_are_filtered_and_projected),
        TEST(operators_name_the_tenant),
        TEST(errors_name_the_field),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
