#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "outside/source_ask.h"

static const char document[] =
    "{\"object_type\":\"o\",\"url\":\"https://{connection}.example.com/v1?x=1\",\"query\":{\"a "
    "b\":\"{page}\",\"n\":\"{state}\","
    "\"since\":\"{changed_since.seconds}\"},\"paging\":{\"by\":\"cursor\",\"next\":\"n\"},\"state\":\"s\","
    "\"headers\":{\"X-Page\":\"p{page}\",\"X-State\":\"{state}\"},\"body\":{\"n\":\"{limit}\"},"
    "\"hosts\":[\"other.example.com\"]}";

static const whi_source_values values = {
    .connection = "c", .page = "a&b", .changed_since = 1764500000999, .limit = 9
};

static int has_line(const whi_source_asked *asked, const char *text) {
    for (const struct curl_slist *line = asked->lines; line != NULL; line = line->next) {
        if (strcmp(line->data, text) == 0) {
            return 1;
        }
    }
    return 0;
}

static void a_request_is_filled_in(void **state) {
    whi_source_document read;
    whi_source_asked asked;

    (void)state;
    assert_int_equal(whi_source_document_read(&read, document, sizeof document - 1), WH_OK);
    assert_int_equal(whi_source_ask(&asked, &read, &values, NULL), WH_OK);
    assert_string_equal(asked.url.data, "https://c.example.com/v1?x=1&a%20b=a%26b&since=1764500000");
    assert_string_equal(asked.body.data, "{\"n\":9}");
    assert_true(has_line(&asked, "X-Page: pa&b"));
    assert_true(has_line(&asked, "Content-Type: application/json"));
    assert_true(has_line(&asked, "Accept: application/json"));
    assert_false(has_line(&asked, "X-State;"));
    whi_source_asked_free(&asked);
    whi_source_document_free(&read);
}

static void the_next_page_is_on_the_same_host_or_on_one_that_is_named(void **state) {
    static const struct {
        const char *link, *whole;
        int code;
    } rows[] = {
        { "?page=2", "https://c.example.com/v1?page=2", WH_OK },
        { "/v2#x", "https://c.example.com/v2", WH_OK },
        { "https://c.example.com:443/y", "https://c.example.com:443/y", WH_OK },
        { "https://OTHER.example.com/y", "https://OTHER.example.com/y", WH_OK },
        { "http://c.example.com/y", NULL, WH_EADDRESS },
        { "http://other.example.com/y", NULL, WH_EADDRESS },
        { "https://c.example.com:444/y", NULL, WH_EADDRESS },
        { "https://c.example.com.evil.io/y", NULL, WH_EADDRESS },
        { "https://evil.io/?https://c.example.com/", NULL, WH_EADDRESS },
        { "//evil.io/", NULL, WH_EADDRESS },
        { "https://c.example.com@evil.io/", NULL, WH_EINVALID },
        { "ftp://c.example.com/", NULL, WH_EINVALID },
    };
    whi_source_document read;
    whi_source_asked asked;

    (void)state;
    assert_int_equal(whi_source_document_read(&read, document, sizeof document - 1), WH_OK);
    assert_int_equal(whi_source_ask(&asked, &read, &values, NULL), WH_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf out;

        whi_buf_init(&out, 10000);
        assert_int_equal(whi_source_next_url(&out, &read, &asked, rows[i].link), rows[i].code);
        if (rows[i].code == WH_OK) {
            assert_string_equal(out.data, rows[i].whole);
        }
        whi_buf_free(&out);
    }
    whi_source_asked_free(&asked);
    whi_source_document_free(&read);
}

static void a_login_is_added(void **state) {
    const struct {
        whi_source_auth auth;
        const char *line, *url;
    } rows[] = {
        { { .type = WHI_SOURCE_BEARER, .token = "t" }, "Authorization: Bearer t", NULL },
        { { .type = WHI_SOURCE_BASIC, .username = "Aladdin", .password = "open sesame" },
          "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
          NULL }, /* the example of RFC 7617 */
        { { .type = WHI_SOURCE_HEADER, .name = "X-Key", .value = "k" }, "X-Key: k", NULL },
        { { .type = WHI_SOURCE_OAUTH2 }, "Authorization: Bearer given", NULL },
        { { .type = WHI_SOURCE_PARAMETER, .name = "key", .value = "a&b" }, NULL, "https://a.io/x?y=1&key=a%26b" },
        { { .type = WHI_SOURCE_PARAMETER, .name = "y", .value = "2" }, NULL, "https://a.io/x?y=1" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_source_asked asked = { .lines = NULL };

        whi_buf_init(&asked.url, 1000);
        whi_buf_text(&asked.url, "https://a.io/x?y=1");
        assert_int_equal(whi_source_ask_login(&asked, &rows[i].auth, "given"), WH_OK);
        assert_true(rows[i].line == NULL || has_line(&asked, rows[i].line));
        assert_true(rows[i].url == NULL || strcmp(asked.url.data, rows[i].url) == 0);
        whi_source_asked_free(&asked);
    }
}

static void a_token_is_asked_for_in_a_form(void **state) {
    whi_source_auth auth = { .type = WHI_SOURCE_OAUTH2,
                             .token_url = "https://a.io/t",
                             .client_id = "i&d",
                             .client_secret = "s",
                             .scope = "a b",
                             .in_body = 1 };
    whi_source_asked asked;

    (void)state;
    assert_int_equal(whi_source_ask_token(&asked, &auth), WH_OK);
    assert_string_equal(asked.body.data, "grant_type=client_credentials&scope=a%20b&client_id=i%26d&client_secret=s");
    assert_true(has_line(&asked, "Content-Type: application/x-www-form-urlencoded"));
    whi_source_asked_free(&asked);
    auth.in_body = 0;
    assert_int_equal(whi_source_ask_token(&asked, &auth), WH_OK);
    assert_string_equal(asked.body.data, "grant_type=client_credentials&scope=a%20b");
    assert_true(has_line(&asked, "Authorization: Basic aSUyNmQ6cw=="));
    whi_source_asked_free(&asked);
}

static void each_allocation_may_fail(void **state) {
    whi_source_document read;
    int failed = 1;

    (void)state;
    assert_int_equal(whi_source_document_read(&read, document, sizeof document - 1), WH_OK);
    for (long n = 0; failed; n++) {
        whi_source_asked asked;
        int code;

        fault_set(n);
        code = whi_source_ask(&asked, &read, &values, NULL);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_source_asked_free(&asked);
    }
    whi_source_document_free(&read);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_filled_in),
        cmocka_unit_test(the_next_page_is_on_the_same_host_or_on_one_that_is_named),
        cmocka_unit_test(a_login_is_added),
        cmocka_unit_test(a_token_is_asked_for_in_a_form),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("source_ask", tests, NULL, NULL);
}
