/* Who may ask: tokens, their schemes, and how often one may guess. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "api_kit.h"
#include "base/base64.h"

static int ask(const char *authorization, const char *path, const char *peer) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_header header = { "authorization", authorization };

    request.method = "GET";
    request.path = path;
    request.headers = &header;
    request.header_count = authorization != NULL;
    request.peer = peer;
    wh_free(api_answer.body);
    return wh_api_handle(api, &request, &api_answer);
}

static void without_a_token_nothing_is_told(void **state) {
    (void)state;
    assert_int_equal(ask(NULL, "/v1/subscriptions", NULL), 401);
    assert_string_equal(api_header("WWW-Authenticate"), "Bearer realm=\"webhook\"");
    assert_int_equal(ask(NULL, "/v2/webhooks", NULL), 401);
    assert_string_equal(api_header("WWW-Authenticate"), "Basic realm=\"webhook\"");
    api_expect(401, "GET", "/unified/webhook", NULL, NULL);
    api_expect(401, "GET", "/webhook", NULL, NULL);
    api_expect(401, "GET", "/v1/metrics", NULL, NULL);
    api_expect(401, "POST", "/v1/events", NULL, "not even JSON");
    api_expect(200, "GET", "/v1/health", NULL, NULL);
    api_expect(200, "GET", "/openapi.json", NULL, NULL);
}

static void a_token_comes_as_bearer_as_basic_or_bare(void **state) {
    char text[512];

    (void)state;
    snprintf(text, sizeof text, "Bearer %s", api_a);
    assert_int_equal(ask(text, "/v1/subscriptions", NULL), 200);
    snprintf(text, sizeof text, "bearer  %s ", api_a);
    assert_int_equal(ask(text, "/unified/webhook", NULL), 200);
    assert_int_equal(ask(api_a, "/unified/webhook", NULL), 200);
    snprintf(text, sizeof text, "Digest %s", api_a);
    assert_int_equal(ask(text, "/webhook", NULL), 401);
    assert_int_equal(ask("", "/webhook", NULL), 401);
    assert_int_equal(ask("Bearer ", "/webhook", NULL), 401);
    assert_int_equal(ask("Basic !", "/webhooks", NULL), 401);
    assert_int_equal(ask("Basic Og==", "/webhooks", NULL), 401);
    assert_int_equal(ask("Basic YWJj", "/webhooks", NULL), 401); /* no colon */
}

static void basic(const char *plain, char *out) {
    memcpy(out, "Basic ", 6);
    whi_base64_encode(plain, strlen(plain), out + 6);
}

static void basic_has_the_token_as_password_or_as_name(void **state) {
    char plain[256], text[512];

    (void)state;
    snprintf(plain, sizeof plain, "anybody:%s", api_a);
    basic(plain, text);
    assert_int_equal(ask(text, "/v2/webhooks", NULL), 200);
    snprintf(plain, sizeof plain, "%s:", api_a);
    basic(plain, text);
    assert_int_equal(ask(text, "/webhooks", NULL), 200);
    basic("anybody:wht_no", text);
    assert_int_equal(ask(text, "/webhooks", NULL), 401);
}

static void a_token_taken_back_is_wrong_at_once(void **state) {
    char target[128];

    (void)state;
    api_expect(201, "POST", "/v1/tokens", api_operator, "{\"tenant\":\"c\",\"name\":\"for c\"}");
    assert_string_equal(api_member("tenant"), "c");
    snprintf(target, sizeof target, "/v1/tokens/%s", api_member("id"));
    {
        char token[WH_SECRET_SIZE];
        snprintf(token, sizeof token, "%s", api_member("token"));
        api_expect(200, "GET", "/v1/subscriptions", token, NULL);
        api_expect(204, "DELETE", target, api_operator, NULL);
        assert_null(api_answer.body);
        api_expect(401, "GET", "/v1/subscriptions", token, NULL);
    }
    api_expect(404, "DELETE", target, api_operator, NULL);
    api_expect(200, "GET", "/v1/tokens?tenant=a", api_operator, NULL);
    api_has("items.0.name", "a");
    assert_null(api_member("items.1"));
    assert_null(strstr(api_text, "wht_"));
    api_expect(403, "GET", "/v1/tokens", api_a, NULL);
    api_expect(403, "GET", "/v1/metrics", api_a, NULL);
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"tenant\":\"no blanks\"}");
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"tenants\":\"x\"}");
}

static void operators_see_and_change_what_the_store_goes_by(void **state) {
    (void)state;
    api_expect(200, "GET", "/v1/settings", api_operator, NULL);
    api_has("retain", "604800000");
    api_has("retain_failed", "2592000000");
    api_expect(403, "GET", "/v1/settings", api_a, NULL);
    api_expect(403, "PATCH", "/v1/settings", api_a, "{\"retain\":1}");
    api_expect(401, "PATCH", "/v1/settings", NULL, "{\"retain\":1}");
    api_expect(200, "PATCH", "/v1/settings", api_operator, "{\"retain\":31536000000}");
    api_has("retain", "31536000000");
    api_has("retain_failed", "2592000000");
    api_expect(400, "PATCH", "/v1/settings", api_operator, "{\"retain\":0}");
    api_has("error.field", "retain");
    api_expect(400, "PATCH", "/v1/settings", api_operator, "{\"retains\":1}");
    api_expect(400, "PATCH", "/v1/settings", api_operator, "{\"retain\":1,\"retain\":2}");
    api_expect(405, "DELETE", "/v1/settings", api_operator, NULL);
    api_expect(200, "GET", "/v1/settings", api_operator, NULL);
    api_has("retain", "31536000000");
    api_expect(200, "PATCH", "/v1/settings", api_operator, "{\"retain\":null}");
    api_has("retain", "604800000");
}

static void operators_say_what_a_tenant_may_have(void **state) {
    (void)state;
    api_expect(403, "GET", "/v1/tenants/a", api_a, NULL);
    api_expect(403, "PATCH", "/v1/tenants/a", api_a, "{\"quota_events\":null}");
    api_expect(200, "PATCH", "/v1/tenants/a", api_operator, "{\"quota_events\":1}");
    api_has("tenant", "a");
    api_has("events", "0");
    api_has("quota_events", "1");
    api_has("quota_bytes", "null");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"a\",\"payload\":[1]}");
    api_expect(507, "POST", "/v1/events", api_a, "{\"type\":\"a\",\"payload\":[1]}");
    api_has("error.code", "quota");
    api_has("error.field", "tenant");
    api_expect(200, "GET", "/v1/tenants/a", api_operator, NULL);
    api_has("events", "1");
    api_has("bytes", "3");
    api_expect(400, "PATCH", "/v1/tenants/a", api_operator, "{\"quota_events\":0}");
    api_has("error.field", "quota_events");
    api_expect(400, "PATCH", "/v1/tenants/a", api_operator, "{\"quota\":1}");
    api_expect(400, "GET", "/v1/tenants/no%20blanks", api_operator, NULL);
    api_expect(200, "PATCH", "/v1/settings", api_operator, "{\"tenant_quota_events\":2}");
    api_expect(200, "PATCH", "/v1/tenants/a", api_operator, "{\"quota_events\":null}");
    api_has("quota_events", "2");
    api_expect(201, "POST", "/v1/events", api_a, "{\"type\":\"a\",\"payload\":[1]}");
    api_expect(200, "PATCH", "/v1/settings", api_operator, "{\"tenant_quota_events\":null}");
}

static void who_guesses_too_often_waits_a_minute(void **state) {
    char good[WH_SECRET_SIZE + 8];

    (void)state;
    snprintf(good, sizeof good, "Bearer %s", api_a);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(ask("Bearer wht_wrong", "/webhook", "192.0.2.7"), 401);
    }
    assert_int_equal(ask("Bearer wht_wrong", "/webhook", "192.0.2.7"), 429);
    assert_string_equal(api_header("Retry-After"), "60");
    assert_int_equal(ask("Bearer wht_wrong", "/v1/events", "::ffff:192.0.2.7"), 429);
    assert_int_equal(ask("Bearer wht_wrong", "/v1/events", "192.0.2.8"), 401);
    assert_int_equal(ask(good, "/v1/events", "192.0.2.7"), 200); /* who sits beside the guesser */
    assert_int_equal(ask(NULL, "/v1/health", "192.0.2.7"), 200);
    atomic_fetch_add(&fixture_time, 60000);
    assert_int_equal(ask("Bearer wht_wrong", "/v1/events", "192.0.2.7"), 401);
}

static void an_ipv6_customer_is_counted_as_a_whole(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        char peer[64];
        snprintf(peer, sizeof peer, "2001:db8:1:2:%x::1", i);
        assert_int_equal(ask("Bearer wht_wrong", "/webhook", peer), 401);
    }
    assert_int_equal(ask("Bearer wht_wrong", "/webhook", "2001:db8:1:2::99"), 429);
    assert_int_equal(ask("Bearer wht_wrong", "/webhook", "2001:db8:1:3::99"), 401);
}

static void many_peers_take_no_memory_and_forget_no_guesser(void **state) {
    (void)state;
    for (int i = 0; i < 20; i++) {
        ask("Bearer wht_wrong", "/webhook", "192.0.2.7");
    }
    for (int i = 0; i < 20000; i++) {
        char peer[64];
        snprintf(peer, sizeof peer, "10.0.%d.%d", i / 256, i % 256);
        assert_int_equal(ask("Bearer wht_wrong", "/webhook", peer), 401);
    }
    assert_int_equal(ask("Bearer wht_wrong", "/webhook", "192.0.2.7"), 429);
}

static void an_open_api_asks_for_nothing(void **state) {
    wh_api_options options = WH_API_OPTIONS_INIT;
    wh_api *first = api;

    (void)state;
    options.open = 1;
    assert_int_equal(wh_api_open(&api, api_engine, &options), WH_OK);
    api_expect(200, "GET", "/v1/metrics", NULL, NULL);
    api_expect(201, "POST", "/v1/subscriptions", NULL, "{\"url\":\"http://e\",\"tenant\":\"z\"}");
    api_has("tenant", "z");
    wh_api_close(api);
    api = first;
}

static int ask_open(wh_api *open, const char *host, const char *origin) {
    wh_api_request request = WH_API_REQUEST_INIT;
    wh_header headers[] = { { "Host", host }, { "Origin", origin } };

    request.method = "GET";
    request.path = "/v1/subscriptions";
    request.headers = host != NULL ? headers : headers + 1;
    request.header_count = (size_t)(host != NULL) + (origin != NULL);
    wh_free(api_answer.body);
    return wh_api_handle(open, &request, &api_answer);
}

/* A page that a browser shows can send what it likes to the loopback, under a name that it has pointed there. */
static void no_page_drives_an_open_api(void **state) {
    static const char *const own[] = { "localhost", "localhost:8080", "LOCALHOST", "127.0.0.1:1",
                                       "127.1.2.3", "[::1]",          "[::1]:8080" };
    static const char *const foreign[] = { "evil.example",
                                           "evil.example:8080",
                                           "localhost.evil.example",
                                           "127.0.0.1.evil.example",
                                           "127.0.0.1:80:80",
                                           "10.0.0.1",
                                           "[::2]",
                                           "[::1",
                                           "[::1]x",
                                           "",
                                           "127.0.0.1@evil" };
    static const char *const pages[] = {
        "http://evil.example", "null", "http://localhost", "http://localhost:8081", "https://localhost:8080.evil",
        "localhost:8080",      ""
    };
    wh_api_options options = WH_API_OPTIONS_INIT;
    wh_api *open;

    (void)state;
    options.open = 1;
    assert_int_equal(wh_api_open(&open, api_engine, &options), WH_OK);
    assert_int_equal(ask_open(open, NULL, NULL), 200);
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        assert_int_equal(ask_open(open, own[i], NULL), 200);
    }
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        assert_int_equal(ask_open(open, foreign[i], NULL), 403);
    }
    assert_int_equal(ask_open(open, "localhost:8080", "http://localhost:8080"), 200);
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_int_equal(ask_open(open, "localhost:8080", pages[i]), 403);
    }
    assert_int_equal(ask_open(open, NULL, "http://localhost"), 403);
    wh_api_close(open);
    assert_int_equal(ask_open(api, "evil.example", "http://evil.example"), 401); /* a token is asked for */
}

static void options_are_checked(void **state) {
    wh_api_options options = WH_API_OPTIONS_INIT;
    wh_api *made;

    (void)state;
    assert_int_equal(wh_api_open(NULL, api_engine, NULL), WH_EINVALID);
    assert_int_equal(wh_api_open(&made, NULL, NULL), WH_EINVALID);
    options.size = 2;
    assert_int_equal(wh_api_open(&made, api_engine, &options), WH_EINVALID);
    options = (wh_api_options)WH_API_OPTIONS_INIT;
    options.metrics = 2;
    assert_int_equal(wh_api_open(&made, api_engine, &options), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "metrics");
    options.metrics = 0;
    options.body_bytes = -1;
    assert_int_equal(wh_api_open(&made, api_engine, &options), WH_EINVALID);
    options.body_bytes = 100;
    assert_int_equal(wh_api_open(&made, api_engine, &options), WH_OK);
    assert_int_equal(wh_api_body_bytes(made), 100);
    wh_api_close(made);
    wh_api_close(NULL);
}

/* ------------------------------------------------------------------- tokens with an end */

static void a_token_with_an_end_is_refused_from_then_on(void **state) {
    char token[WH_SECRET_SIZE], end[64];

    (void)state;
    api_expect(201, "POST", "/v1/tokens", api_operator, "{\"tenant\":\"c\",\"expires_in\":5000}");
    snprintf(token, sizeof token, "%s", api_member("token"));
    snprintf(end, sizeof end, "%s", api_member("expires_at"));
    api_expect(200, "GET", "/v1/me", token, NULL);
    api_has("operator", "false");
    api_has("tenant", "c");
    api_has("expires_at", end);
    fixture_time += 4999;
    api_expect(200, "GET", "/v1/subscriptions", token, NULL);
    api_expect(200, "GET", "/v1/tokens?tenant=c", api_operator, NULL);
    api_has("items.0.expired", "false");
    api_has("items.0.expires_at", end);
    fixture_time += 1;
    api_expect(401, "GET", "/v1/subscriptions", token, NULL);
    api_has("error.message", "the token has expired");
    assert_int_equal(wh_token_check(api_engine, token, NULL, NULL, NULL), WH_ENOTFOUND);
    api_expect(200, "GET", "/v1/tokens?tenant=c", api_operator, NULL);
    api_has("items.0.expired", "true");
    fixture_time += 86400001;
    api_expect(201, "POST", "/v1/tokens", api_operator, "{\"tenant\":\"d\"}");
    api_has("expires_at", "null");
    api_expect(200, "GET", "/v1/tokens?tenant=c", api_operator, NULL);
    assert_null(api_member("items.0"));
    api_expect(401, "GET", "/v1/subscriptions", token, NULL);
    api_has("error.message", "the token is not known");
}

static void an_end_is_checked(void **state) {
    char token[WH_SECRET_SIZE];

    (void)state;
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"expires_in\":0}");
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"expires_in\":-1}");
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"expires_in\":315360000001}");
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"expires_in\":\"1h\"}");
    api_expect(400, "POST", "/v1/tokens", api_operator, "{\"base\":\"http://x\"}");
    assert_int_equal(wh_token_add_for(api_engine, NULL, NULL, -1, token), WH_EINVALID);
    assert_int_equal(wh_token_add_for(api_engine, NULL, NULL, WH_TOKEN_LONGEST + 1, token), WH_EINVALID);
    assert_int_equal(wh_token_add_for(api_engine, NULL, NULL, WH_TOKEN_LONGEST, token), WH_OK);
    assert_int_equal(wh_token_check(api_engine, token, NULL, NULL, NULL), WH_OK);
}

static void who_asks_is_told(void **state) {
    (void)state;
    api_expect(200, "GET", "/v1/me", api_operator, NULL);
    api_has("operator", "true");
    api_has("tenant", "null");
    api_has("expires_at", "null");
    api_expect(401, "GET", "/v1/me", NULL, NULL);
    api_expect(400, "GET", "/v1/me?tenant=a", api_a, NULL);
}

static void begins_with(const char *text, const char *beginning) {
    assert_int_equal(strncmp(text, beginning, strlen(beginning)), 0);
}

static void a_customers_link_has_a_token_that_ends(void **state) {
    const char *url;

    (void)state;
    api_expect(201, "POST", "/v1/portal", api_operator, "{\"tenant\":\"a\",\"base\":\"https://hooks.example/w//\"}");
    url = api_member("url");
    begins_with(url, "https://hooks.example/w/#token=wht_");
    assert_string_equal(strchr(url, '=') + 1, api_member("token"));
    assert_non_null(api_header("Location"));
    {
        char token[WH_SECRET_SIZE];
        snprintf(token, sizeof token, "%s", api_member("token"));
        api_expect(403, "GET", "/v1/stats", token, NULL);
        api_expect(403, "POST", "/v1/portal", token, "{\"tenant\":\"a\"}");
        fixture_time += 3599999;
        api_expect(200, "GET", "/v1/deliveries", token, NULL);
        fixture_time += 1;
        api_expect(401, "GET", "/v1/deliveries", token, NULL);
    }
    api_expect(400, "POST", "/v1/portal", api_operator, "{}");
    api_expect(400, "POST", "/v1/portal", api_operator, "{\"tenant\":\"a\"}"); /* no Host */
    api_expect(400, "POST", "/v1/portal", api_operator, "{\"tenant\":\"a\",\"base\":\"javascript:x\"}");
    api_expect(400, "POST", "/v1/portal", api_operator, "{\"tenant\":\"a\",\"base\":\"http://x/?y\"}");
    api_expect(400, "POST", "/v1/portal", api_operator, "{\"tenant\":\"a b\",\"base\":\"http://x/\"}");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, api_setup, api_teardown)
    const struct CMUnitTest tests[] = {
        TEST(without_a_token_nothing_is_told),
        TEST(a_token_comes_as_bearer_as_basic_or_bare),
        TEST(basic_has_the_token_as_password_or_as_name),
        TEST(a_token_taken_back_is_wrong_at_once),
        TEST(a_token_with_an_end_is_refused_from_then_on),
        TEST(an_end_is_checked),
        TEST(who_asks_is_told),
        TEST(a_customers_link_has_a_token_that_ends),
        TEST(operators_see_and_change_what_the_store_goes_by),
        TEST(operators_say_what_a_tenant_may_have),
        TEST(who_guesses_too_often_waits_a_minute),
        TEST(an_ipv6_customer_is_counted_as_a_whole),
        TEST(many_peers_take_no_memory_and_forget_no_guesser),
        TEST(an_open_api_asks_for_nothing),
        TEST(no_page_drives_an_open_api),
        TEST(options_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
