#include "api_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define CONTACT                                                                                                        \
    "{\"object_type\":\"contact\",\"url\":\"http://127.0.0.1:1/x\",\"auth\":{\"type\":\"bearer\",\"token\":\"hush\"}}"
#define MASKED                                                                                                         \
    "{\"object_type\":\"contact\",\"url\":\"http://127.0.0.1:1/"                                                       \
    "y\",\"auth\":{\"type\":\"bearer\",\"token\":\"********\"}}"

static void operators_keep_sources(void **state) {
    (void)state;
    api_expect(200, "GET", "/v1/sources", api_operator, NULL);
    assert_string_equal(api_text, "{\"items\":[]}");
    api_expect(201, "POST", "/v1/sources", api_operator, CONTACT);
    api_has("object_type", "contact");
    api_has("document.auth.token", "********");
    api_expect(200, "POST", "/v1/sources", api_operator, CONTACT);
    api_expect(200, "PUT", "/v1/sources/contact", api_operator, MASKED);
    api_has("document.url", "http://127.0.0.1:1/y");
    api_expect(200, "GET", "/v1/sources", api_operator, NULL);
    api_has("items.0.object_type", "contact");
    assert_null(strstr(api_text, "hush"));
    api_expect(204, "DELETE", "/v1/sources/contact", api_operator, NULL);
    api_expect(404, "GET", "/v1/sources/contact", api_operator, NULL);
    api_expect(404, "DELETE", "/v1/sources/contact", api_operator, NULL);
}

static void what_is_wrong_is_told(void **state) {
    (void)state;
    api_expect(400, "POST", "/v1/sources", api_operator, "{\"object_type\":\"contact\"}");
    assert_non_null(strstr(api_text, "url"));
    api_expect(400, "POST", "/v1/sources", api_operator, "{\"url\":\"https://a.io/\"}");
    assert_non_null(strstr(api_text, "object_type"));
    api_expect(400, "POST", "/v1/sources", api_operator, MASKED);
    assert_non_null(strstr(api_text, "auth.token"));
    api_expect(400, "PUT", "/v1/sources/other", api_operator, CONTACT);
    assert_non_null(strstr(api_text, "expected the one that the path has"));
}

static void a_test_tells_what_failed(void **state) {
    (void)state;
    api_expect(201, "POST", "/v1/sources", api_operator, CONTACT);
    api_expect(200, "POST", "/v1/sources/contact/test", api_operator, NULL);
    api_has("ok", "false");
    api_has("items", "[]");
    assert_non_null(api_member("code"));
    api_expect(400, "POST", "/v1/sources/contact/test", api_operator, "{\"limit\":\"a\"}");
    api_expect(404, "POST", "/v1/sources/other/test", api_operator, NULL);
}

static void nobody_else_sees_them(void **state) {
    static const char *const rows[][2] = {
        { "GET", "/v1/sources" },         { "POST", "/v1/sources" },           { "GET", "/v1/sources/contact" },
        { "PUT", "/v1/sources/contact" }, { "DELETE", "/v1/sources/contact" }, { "POST", "/v1/sources/contact/test" }
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *body = rows[i][0][0] == 'P' ? CONTACT : NULL;

        api_expect(403, rows[i][0], rows[i][1], api_a, body);
        api_expect(401, rows[i][0], rows[i][1], NULL, body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(operators_keep_sources, api_setup, api_teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_told, api_setup, api_teardown),
        cmocka_unit_test_setup_teardown(a_test_tells_what_failed, api_setup, api_teardown),
        cmocka_unit_test_setup_teardown(nobody_else_sees_them, api_setup, api_teardown),
    };
    return cmocka_run_group_tests_name("api_sources", tests, NULL, NULL);
}
