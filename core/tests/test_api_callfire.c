/* CallFire over HTTP, as its clients ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"

static char *make(const char *body) {
    static char ids[4][WH_ID_SIZE];
    static int next;
    char *id = ids[next++ % 4];

    api_expect(201, "POST", "/v2/webhooks", api_a, body);
    snprintf(id, WH_ID_SIZE, "%s", api_member("id"));
    return id;
}

static const char *one(const char *id, const char *rest) {
    static char target[256];

    snprintf(target, sizeof target, "/v2/webhooks/%s%s", id, rest);
    return target;
}

static void a_webhook_is_made_read_changed_and_deleted(void **state) {
    char *id, answer[64];

    (void)state;
    id = make("{\"name\":\"n\",\"resource\":\"inboundcall\",\"events\":[\"FINISHED\"],\"callback\":\"http://e.com\","
              "\"secret\":\"s\",\"singleUse\":false,\"nonStrictSsl\":true}");
    snprintf(answer, sizeof answer, "{\"id\":%s}", id);
    assert_string_equal(api_text, answer);
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("resource", "InboundCall");
    api_has("events.0", "Finished");
    api_has("nonStrictSsl", "true");
    api_has("createdAt", "1795000000000");
    assert_null(api_member("secret"));
    api_expect(200, "GET", one(id, "?fields=id,name"), api_a, NULL);
    snprintf(answer, sizeof answer, "{\"id\":%s,\"name\":\"n\"}", id);
    assert_string_equal(api_text, answer);
    api_expect(400, "GET", one(id, "?fields=id("), api_a, NULL);
    api_expect(200, "PUT", one(id, ""), api_a, "{\"name\":\"m\",\"enabled\":false}");
    assert_int_equal(api_answer.body_size, 0);
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("name", "m");
    api_has("enabled", "false");
    api_has("resource", "InboundCall");
    api_expect(204, "DELETE", one(id, ""), api_a, NULL);
    assert_int_equal(api_answer.body_size, 0);
    api_expect(404, "GET", one(id, ""), api_a, NULL);
    api_expect(404, "GET", one("x", ""), api_a, NULL);
    api_expect(400, "POST", "/webhooks", api_a, "{\"callback\":\"http://e\",\"resource\":\"Nothing\"}");
    api_has("internalCode", "101");
    assert_non_null(strstr(api_text, "\"internalCode\":\"101\"")); /* digits, and a text */
}

static void lists_have_a_total_filters_and_a_mask(void **state) {
    (void)state;
    make("{\"name\":\"one\",\"resource\":\"InboundCall\",\"events\":[\"Finished\"],\"callback\":\"http://e.com/1\"}");
    make("{\"name\":\"two\",\"resource\":\"CallBroadcast\",\"events\":[\"Started\",\"Stopped\"],"
         "\"callback\":\"http://e.com/2\",\"enabled\":false}");
    make("{\"name\":\"three\",\"resource\":\"CallBroadcast\",\"events\":[\"Finished\"],\"callback\":\"http://e.com/"
         "3\"}");
    api_expect(201, "POST", "/webhooks", api_b, "{\"callback\":\"http://e\"}");
    api_expect(200, "GET", "/v2/webhooks", api_a, NULL);
    api_has("limit", "100");
    api_has("offset", "0");
    api_has("totalCount", "3");
    api_has("items.2.name", "three");
    api_expect(200, "GET", "/webhooks?limit=1&offset=1", api_a, NULL);
    api_has("totalCount", "3");
    api_has("items.0.name", "two");
    assert_null(api_member("items.1"));
    api_expect(200, "GET", "/webhooks?resource=callbroadcast&limit=1", api_a, NULL);
    api_has("totalCount", "2");
    api_has("items.0.name", "two");
    api_expect(200, "GET", "/webhooks?event=FINISHED&fields=items(name),totalCount", api_a, NULL);
    assert_string_equal(api_text, "{\"items\":[{\"name\":\"one\"},{\"name\":\"three\"}],\"totalCount\":2}");
    api_expect(200, "GET", "/webhooks?callback=http://e.com/3", api_a, NULL);
    api_has("totalCount", "1");
    make("{\"callback\":\"HTTP://E.com:80\"}");
    api_expect(200, "GET", "/webhooks?callback=HTTP://E.com:80&fields=items(callback)", api_a, NULL);
    assert_string_equal(api_text, "{\"items\":[{\"callback\":\"http://e.com/\"}]}"); /* the same one, as we write it */
    api_expect(200, "GET", "/webhooks?callback=http", api_a, NULL);
    api_has("totalCount", "0");
    api_expect(200, "GET", "/webhooks?name=two&enabled=false", api_a, NULL);
    api_has("totalCount", "1");
    api_expect(200, "GET", "/webhooks?name=two&enabled=true", api_a, NULL);
    api_has("totalCount", "0");
    api_expect(400, "GET", "/webhooks?enabled=perhaps", api_a, NULL);
    api_expect(400, "GET", "/webhooks?limit=x", api_a, NULL);
}

static void integers_have_their_edges(void **state) {
    static const char *const ids[] = { "0", "-1", "007", "+7", "7.0", "9223372036854775807", "9223372036854775808" };
    char *id = make("{\"callback\":\"http://e.com\",\"expiresAt\":253402300799999}");

    (void)state;
    api_expect(200, "GET", one(id, ""), api_a, NULL);
    api_has("expiresAt", "253402300799999");
    api_expect(200, "PUT", one(id, ""), api_a, "{\"expiresAt\":100000000000}");
    api_expect(400, "PUT", one(id, ""), api_a, "{\"expiresAt\":1795000000}");
    assert_non_null(strstr(api_text, "expiresAt: expected milliseconds since 1970, found 1795000000, which looks like "
                                     "seconds: 1795000000000"));
    api_expect(400, "PUT", one(id, ""), api_a, "{\"expiresAt\":0}");
    api_expect(400, "PUT", one(id, ""), api_a, "{\"expiresAt\":253402300800000}");
    api_expect(200, "GET", one(id, "?fields=expiresAt"), api_a, NULL);
    assert_string_equal(api_text, "{\"expiresAt\":100000000000}");
    api_expect(200, "PUT", one(id, ""), api_a, "{\"expiresAt\":null}");
    api_expect(200, "GET", one(id, "?fields=expiresAt"), api_a, NULL);
    assert_string_equal(api_text, "{}");
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        api_expect(404, "GET", one(ids[i], ""), api_a, NULL);
    }
}

/* Documented are 400, 401, 403, 404 and 500. */
static void what_is_too_much_is_a_bad_request(void **state) {
    char body[1200] = "{\"callback\":\"http://e.com\",\"name\":\"", *end = body + strlen(body);

    (void)state;
    memset(end, 'n', 300);
    memcpy(end + 300, "\"}", 3);
    api_expect(400, "POST", "/webhooks", api_a, body);
    api_has("httpStatusCode", "400");
    api_has("message", "name: 300 bytes are more than the limit of 256");
    api_expect(201, "POST", "/webhooks", api_a, "{\"callback\":\"http://e.com\"}");
    snprintf(body, sizeof body, "/webhooks/%s", api_member("id"));
    api_expect(400, "PUT", body, api_a,
               "{\"fields\":\"a(b(c(d(e(f(g(h(i(j(k(l(m(n(o(p(q(r(s(t(u(v(w(x(y(z(a(b(c(d(e(f(g(h"
               "))))))))))))))))))))))))))))))))))\"}");
    api_has("httpStatusCode", "400");
}

static void resources_are_listed(void **state) {
    (void)state;
    api_expect(200, "GET", "/v2/webhooks/resources", api_a, NULL);
    api_has("items.10.resource", "OutboundTextDeliveryReport");
    assert_null(api_member("items.11"));
    api_expect(200, "GET", "/webhooks/resources?fields=items(resource)", api_a, NULL);
    assert_null(strstr(api_text, "supportedEvents"));
    api_expect(200, "GET", "/v2/webhooks/resources/contactlist", api_a, NULL);
    assert_string_equal(api_text, "{\"resource\":\"ContactList\",\"supportedEvents\":[\"ValidationFinished\","
                                  "\"ValidationFailed\"]}");
    api_expect(404, "GET", "/v2/webhooks/resources/none", api_a, NULL);
}

static void what_is_no_resource_is_not_shown_as_all_of_them(void **state) {
    static const char *const handlers[] = { "GET", "PUT", "DELETE" };
    static const char *const hidden[] = { "\"order.*\"", "\"InboundCall.Finished\",\"LowBalance.Failed\"",
                                          "\"InboundCall.Started\"" };
    static const char *const shown[] = { "", "\"*\"", "\"InboundCall.*\"", "\"lowbalance.failed\"" };
    char body[256], target[128];

    (void)state;
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        snprintf(body, sizeof body, "{\"profile\":\"callfire\",\"url\":\"http://e.com\",\"events\":[%s]}", hidden[i]);
        api_expect(201, "POST", "/v1/subscriptions", api_a, body);
        api_expect(200, "GET", "/webhooks", api_a, NULL);
        api_has("totalCount", "0");
        api_expect(200, "GET", "/webhooks?tenant=a&all=true&limit=1", api_operator, NULL);
        snprintf(body, sizeof body, "%zu", i + 1);
        api_has("totalCount", body);
        snprintf(target, sizeof target, "/webhooks/%s", api_member("items.0.id"));
        for (size_t k = 0; k < 3; k++) {
            api_expect(404, handlers[k], target, api_a, k == 1 ? "{\"name\":\"n\"}" : NULL);
        }
    }
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++) {
        snprintf(body, sizeof body, "{\"profile\":\"callfire\",\"url\":\"http://e.com\",\"events\":[%s]}", shown[i]);
        api_expect(201, "POST", "/v1/subscriptions", api_a, body);
    }
    api_expect(200, "GET", "/webhooks?fields=items(resource)", api_a, NULL);
    assert_string_equal(api_text, "{\"items\":[{},{},{\"resource\":\"InboundCall\"},{\"resource\":\"LowBalance\"}]}");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_webhook_is_made_read_changed_and_deleted),
        TEST(lists_have_a_total_filters_and_a_mask),
        TEST(integers_have_their_edges),
        TEST(what_is_too_much_is_a_bad_request),
        TEST(resources_are_listed),
        TEST(what_is_no_resource_is_not_shown_as_all_of_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
