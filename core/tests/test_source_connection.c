#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/source_connection.h"
#include "pure/source_mask.h"

#define BEGIN "{\"object_type\":\"contact\",\"url\":\"https://api.example.com/{connection}\""
#define ACME "\"a-crm\":{\"tenant\":\"acme\",\"auth\":{\"type\":\"bearer\",\"token\":\"one\"}}"
#define BOLT "\"b-crm\":{\"tenant\":\"bolt\"}"

static int may(const char *text, const char *tenant, const char *connection) {
    whi_source_document document;
    int may;

    if (whi_source_document_read(&document, text, strlen(text)) != WH_OK) {
        fail_msg("%s", wh_last_error());
    }
    may = whi_source_may(&document, tenant, connection);
    whi_source_document_free(&document);
    return may;
}

static void a_connection_is_its_tenants(void **state) {
    const char *text = BEGIN ",\"connections\":{" BOLT "," ACME ",\"own\":{}}}";

    (void)state;
    assert_true(may(text, "acme", "a-crm"));
    assert_true(may(text, "bolt", "b-crm"));
    assert_true(may(text, "", "own"));
    assert_false(may(text, "acme", "b-crm"));
    assert_false(may(text, "acme", "own"));
    assert_false(may(text, "acme", "c-crm"));
    assert_false(may(text, "acme", ""));
    assert_false(may(text, "", "a-crm"));
    assert_false(may(BEGIN ",\"connections\":{}}", "acme", "a-crm"));
}

static void tenants_that_are_not_named_may_not(void **state) {
    const char *text = "{\"object_type\":\"c\",\"url\":\"https://a.example/\",\"tenants\":[\"bolt\",\"acme\"]}";

    (void)state;
    assert_true(may(text, "acme", ""));
    assert_true(may(text, "bolt", "x"));
    assert_true(may(text, "", "x"));
    assert_false(may(text, "c", ""));
    assert_false(may("{\"object_type\":\"c\",\"url\":\"https://a.example/\",\"tenants\":[]}", "acme", ""));
    assert_false(may(BEGIN ",\"tenants\":[\"bolt\"],\"connections\":{" ACME "}}", "acme", "a-crm"));
}

/* The API cannot tell them apart either, unless it is told the tenant. */
static void a_connection_that_nobody_vouches_for_is_no_tenants(void **state) {
    (void)state;
    assert_false(may(BEGIN "}", "acme", "a-crm"));
    assert_true(may(BEGIN "}", "", "a-crm"));
    assert_true(may(BEGIN ",\"headers\":{\"X-Tenant\":\"{tenant}\"}}", "acme", "a-crm"));
    assert_true(may("{\"object_type\":\"c\",\"url\":\"https://a.example/\"}", "acme", "a-crm"));
}

static void what_is_wrong_is_named(void **state) {
    static const char *const rows[][2] = {
        { BEGIN ",\"tenants\":\"acme\"}", "tenants: expected one list of texts" },
        { BEGIN ",\"tenants\":[\"\"]}", "tenants: expected a text that is not empty" },
        { BEGIN ",\"connections\":[]}", "connections: expected one object of connections" },
        { BEGIN ",\"connections\":{\"\":{}}}", "connections: expected names that are not empty" },
        { BEGIN ",\"connections\":{\"a\":\"acme\"}}", "connections.a: expected an object" },
        { BEGIN ",\"connections\":{\"a\":{\"tenants\":1}}}", "connections.a: unknown member" },
        { BEGIN ",\"connections\":{" BOLT "," BOLT "}}", "connections.b-crm: is there twice" },
        { BEGIN ",\"connections\":{\"a\":{\"auth\":{\"type\":\"bearer\"}}}}",
          "connections.a.auth.token: expected one" },
        { BEGIN ",\"headers\":{\"Authorization\":\"x\"},\"connections\":{" ACME "}}",
          "headers.authorization: is set by auth" },
        { BEGIN ",\"connections\":{\"a\":{\"variables\":{\"n\":1}}}}", "connections.a.variables.n: expected a text" },
        { BEGIN ",\"connections\":{\"a\":{\"variables\":{\"n\":\"1\"}},\"b\":{}}}",
          "connections.b.variables: expected those of the other connections: it lacks n" },
        { BEGIN ",\"connections\":{\"a\":{},\"b\":{\"variables\":{\"n\":\"1\"}}}}",
          "connections.b.variables: expected those of the other connections, and each once" },
        { BEGIN ",\"query\":{\"q\":\"{variables.n}\"}}", "query.q: {variables.n} is none of the variables" },
        { BEGIN ",\"query\":{\"q\":\"{variables.n}\"},\"connections\":{\"a\":{}}}", "query.q: {variables.n} is none" },
        { "{\"object_type\":\"c\",\"url\":\"https://{variables.n}.a.example/\",\"connections\":{}}",
          "url: expected no variables in the host" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_source_document document;
        assert_true(whi_source_document_read(&document, rows[i][0], strlen(rows[i][0])) != WH_OK);
        if (strstr(wh_last_error(), rows[i][1]) == NULL) {
            fail_msg("%s\nis no: %s", wh_last_error(), rows[i][1]);
        }
        whi_source_document_free(&document);
    }
}

static void a_secret_is_not_shown_by_an_error(void **state) {
    const char *text = BEGIN ",\"connections\":{\"a\":{\"auth\":{\"type\":\"bearer\",\"token\":[\"hidden\"]}}}}";
    whi_source_document document;

    (void)state;
    assert_int_equal(whi_source_document_read(&document, text, strlen(text)), WH_EINVALID);
    assert_null(strstr(wh_last_error(), "hidden"));
    whi_source_document_free(&document);
}

static void check_set(const char *document, const char *id, const char *connection, const char *expected) {
    whi_buf out;

    whi_buf_init(&out, 10000);
    assert_int_equal(whi_source_connection_set(document, strlen(document), id, connection,
                                               connection != NULL ? strlen(connection) : 0, &out),
                     WH_OK);
    whi_buf_char(&out, '\0');
    assert_string_equal(out.data, expected);
    whi_buf_free(&out);
}

static void one_is_set_and_taken_away(void **state) {
    whi_buf out;

    (void)state;
    check_set("{\"a\":1}", "x", "{\"tenant\":\"t\"}", "{\"a\":1,\"connections\":{\"x\":{\"tenant\":\"t\"}}}");
    check_set("{}", "x\"", "{}", "{\"connections\":{\"x\\\"\":{}}}");
    check_set("{\"connections\":null,\"a\":1}", "x", "{}", "{\"a\":1,\"connections\":{\"x\":{}}}");
    check_set("{\"connections\":{\"x\":{},\"y\":{}},\"a\":1}", "\x78", "{\"tenant\":\"t\"}",
              "{\"a\":1,\"connections\":{\"y\":{},\"x\":{\"tenant\":\"t\"}}}");
    check_set("{\"connections\":{\"\\u0078\":{},\"y\":{}},\"a\":1}", "x", NULL, "{\"a\":1,\"connections\":{\"y\":{}}}");
    whi_buf_init(&out, 100);
    assert_int_equal(whi_source_connection_set("{}", 2, "x", NULL, 0, &out), WH_ENOTFOUND);
    assert_int_equal(whi_source_connection_set("{}", 2, "x", "[]", 2, &out), WH_EINVALID);
    assert_int_equal(whi_source_connection_set("{}", 2, "x", "{", 1, &out), WH_EJSON);
    whi_buf_free(&out);
}

static void check_unmasked(const char *text, const char *former, int expected, const char *words) {
    whi_buf out;
    int code;

    whi_buf_init(&out, 10000);
    code = whi_source_unmask(text, strlen(text), former, strlen(former), &out);
    whi_buf_char(&out, '\0');
    assert_int_equal(code, expected);
    if (strstr(code == WH_OK ? out.data : wh_last_error(), words) == NULL) {
        fail_msg("%s", code == WH_OK ? out.data : wh_last_error());
    }
    whi_buf_free(&out);
}

#define KEPT                                                                                                           \
    "{\"url\":\"https://a.example/\",\"connections\":{\"a\":{\"auth\":{\"token\":\"one\"},\"variables\":{"             \
    "\"account\":\"17\",\"api_key\":\"{two}\"}},\"o\":{\"auth\":{\"token_url\":\"https://id.example/\","               \
    "\"client_secret\":\"three\"}}}}"

static void secrets_of_connections_are_masked_and_come_back(void **state) {
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 10000);
    assert_int_equal(whi_source_mask(KEPT, sizeof KEPT - 1, &out), WH_OK);
    whi_buf_char(&out, '\0');
    assert_null(strstr(out.data, "one"));
    assert_null(strstr(out.data, "two"));
    assert_null(strstr(out.data, "three"));
    assert_non_null(strstr(out.data, "\"account\":\"17\",\"api_key\":\"********\""));
    check_unmasked(out.data, KEPT, WH_OK, KEPT);
    whi_buf_free(&out);
    check_unmasked("{\"connections\":{\"b\":{\"auth\":{\"token\":\"********\"}}}}", KEPT, WH_EINVALID,
                   "connections.b.auth.token: expected the secret itself");
    check_unmasked("{\"connections\":{\"a\":{\"auth\":{\"client_secret\":\"********\"}}}}", KEPT, WH_EINVALID,
                   "connections.a.auth.client_secret: expected the secret itself");
    check_unmasked("{\"auth\":{\"token\":\"********\"}}", KEPT, WH_EINVALID, "auth.token: expected the secret itself");
    check_unmasked("{\"connections\":{\"o\":{\"auth\":{\"token_url\":\"https://evil.example/\",\"client_secret\":"
                   "\"********\"}}}}",
                   KEPT, WH_EINVALID, "auth.token_url: leads to another host");
    check_unmasked("{\"url\":\"https://evil.example/\",\"connections\":{\"a\":{\"auth\":{\"token\":\"********\"}}}}",
                   KEPT, WH_EINVALID, "url: leads to another host");
    check_unmasked("{\"connections\":{\"new\":{\"auth\":{\"token_url\":\"https://id2.example/\",\"client_secret\":"
                   "\"x\"}},\"a\":{\"auth\":{\"token\":\"********\"}}}}",
                   KEPT, WH_OK, "\"one\"");
}

static void want_of_memory_is_told(void **state) {
    const char *text = BEGIN ",\"tenants\":[\"acme\"],\"connections\":{" ACME "," BOLT "}}";
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        whi_source_document document;
        int code;
        fault_set(n);
        code = whi_source_document_read(&document, text, strlen(text));
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_source_document_free(&document);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_connection_is_its_tenants),
        cmocka_unit_test(tenants_that_are_not_named_may_not),
        cmocka_unit_test(a_connection_that_nobody_vouches_for_is_no_tenants),
        cmocka_unit_test(what_is_wrong_is_named),
        cmocka_unit_test(a_secret_is_not_shown_by_an_error),
        cmocka_unit_test(one_is_set_and_taken_away),
        cmocka_unit_test(secrets_of_connections_are_masked_and_come_back),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
