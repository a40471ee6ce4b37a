#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "pure/source_template.h"

#define TIME INT64_C(1764500000123) /* 2025-11-30T10:53:20.123Z */

static whi_source_values with(const char *page) {
    return (whi_source_values){
        .tenant = "t&1", .connection = "c", .object_type = "o", .page = page, .changed_since = TIME, .limit = 50
    };
}

static void check_fill(const char *template, enum whi_source_place place, const char *page, int code,
                       const char *expected) {
    whi_source_values values = with(page);
    whi_buf out;
    int missing = 0;

    whi_buf_init(&out, 10000);
    assert_int_equal(whi_source_fill(&out, "f", template, place, &values, &missing), code);
    if (code == WH_OK) {
        assert_int_equal(missing, expected == NULL);
        if (expected != NULL) {
            assert_string_equal(out.size > 0 ? out.data : "", expected);
        }
    } else {
        assert_string_equal(wh_last_error_field(), "f");
    }
    whi_buf_free(&out);
}

static void names_become_values_in_their_place(void **state) {
    (void)state;
    check_fill("{changed_since}", WHI_SOURCE_IN_HEADER, NULL, WH_OK, "2025-11-30T10:53:20.123Z");
    check_fill("{changed_since.seconds} {changed_since.milliseconds}", WHI_SOURCE_IN_HEADER, NULL, WH_OK,
               "1764500000 1764500000123");
    check_fill("gt:{changed_since.seconds}", WHI_SOURCE_IN_QUERY, NULL, WH_OK, "gt%3A1764500000");
    check_fill("{tenant}/{limit}", WHI_SOURCE_IN_QUERY, NULL, WH_OK, "t%261%2F50");
    check_fill("{{page} {page}", WHI_SOURCE_IN_HEADER, "x", WH_OK, "{page} x");
    check_fill("{page}", WHI_SOURCE_IN_QUERY, NULL, WH_OK, NULL);
    check_fill("{state}", WHI_SOURCE_IN_QUERY, NULL, WH_OK, NULL);
    check_fill("a b", WHI_SOURCE_IN_QUERY, NULL, WH_OK, "a%20b");
}

static void a_value_never_leaves_its_place(void **state) {
    (void)state;
    check_fill("{page}", WHI_SOURCE_IN_QUERY, "a&b=c#d\r\n/?\xc3\xa9%00", WH_OK,
               "a%26b%3Dc%23d%0D%0A%2F%3F%C3%A9%2500");
    check_fill("{page}", WHI_SOURCE_IN_PATH, "../x", WH_OK, "..%2Fx");
    check_fill("{page}", WHI_SOURCE_IN_PATH, "..", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_PATH, ".", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_HEADER, "a\r\nHost: b", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_HOST, "shop-1", WH_OK, "shop-1");
    check_fill("{page}", WHI_SOURCE_IN_HOST, "evil.com/", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_HOST, "a.b", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_HOST, "-a", WH_EINVALID, NULL);
    check_fill("{page}", WHI_SOURCE_IN_HOST, "a@b", WH_EINVALID, NULL);
}

static void a_url_has_its_rules_for_each_part(void **state) {
    static const char *const rows[][2] = {
        { "https://{connection}.example.com/v1/{tenant}/x?y={page}", "https://c.example.com/v1/t%261/x?y=a%2Fb" },
        { "https://h/{object_type}?a={state}&b=1", "https://h/o?a=&b=1" },
    };
    whi_source_values values = with("a/b");
    whi_buf out;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf_init(&out, 1000);
        assert_int_equal(whi_source_fill_url(&out, rows[i][0], &values), WH_OK);
        assert_string_equal(out.data, rows[i][1]);
        whi_buf_free(&out);
    }
    whi_buf_init(&out, 1000);
    assert_int_equal(whi_source_fill_url(&out, "https://h/{state}/x", &values), WH_EINVALID);
    assert_string_equal(wh_last_error(), "url: {state} is asked for, and there is none");
    whi_buf_free(&out);
}

static void a_host_keeps_its_end(void **state) {
    static const char *const good[] = { "https://h/{page}", "https://{connection}.h.io/x", "https://a.{tenant}.h.io" };
    static const char *const bad[] = { "https://{connection}/x", "https://a.{connection}", "{connection}://h.io",
                                       "https://h.io:{page}/",   "https://{page}.:80/",    "https://{a}{b}.io/" };

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(whi_source_host_check(good[i]), WH_OK);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(whi_source_host_check(bad[i]), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "url");
    }
}

static void a_body_stays_json(void **state) {
    static const char *const rows[][2] = {
        { "{\"a\":\"{page}\",\"b\":[\"x {page}\",1.50,null,true]}",
          "{\"a\":\"\\\",\\\"z\\\":{\",\"b\":[\"x \\\",\\\"z\\\":{\",1.50,null,true]}" },
        { "{\"first\":\"{limit}\",\"t\":\"{changed_since.seconds}\"}", "{\"first\":50,\"t\":1764500000}" },
        { "{\"after\":\"{state}\",\"s\":\"a{state}\"}", "{\"after\":null,\"s\":\"a\"}" },
        { "{\"{page}\":\"{{page}\"}", "{\"{page}\":\"{page}\"}" },
        { "[]", "[]" },
        { "{}", "{}" },
    };
    whi_source_values values = with("\",\"z\":{");

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_json json = { 0 };
        whi_buf out;

        whi_buf_init(&out, 1000);
        assert_int_equal(whi_json_scan(&json, rows[i][0], strlen(rows[i][0]), 10), WH_OK);
        assert_int_equal(whi_source_fill_json(&out, &json, 0, &values), WH_OK);
        assert_string_equal(out.data, rows[i][1]);
        whi_buf_free(&out);
        whi_json_free(&json);
    }
}

static void filters_are_filled_in_by_their_names(void **state) {
    static const char filters[] = "{\"status\":\"op\\u0065n&\",\"n\":1}";
    whi_json json = { 0 };
    whi_source_values values = with(NULL);
    whi_buf out;
    int missing;

    (void)state;
    assert_int_equal(whi_json_scan(&json, filters, sizeof filters - 1, 2), WH_OK);
    values.filters = &json;
    whi_buf_init(&out, 100);
    assert_int_equal(whi_source_fill(&out, "f", "{filters.status}", WHI_SOURCE_IN_QUERY, &values, &missing), WH_OK);
    assert_int_equal(missing, 0);
    assert_string_equal(out.data, "open%26");
    assert_int_equal(whi_source_fill(&out, "f", "{filters.n}", WHI_SOURCE_IN_QUERY, &values, &missing), WH_OK);
    assert_int_equal(missing, 1);
    whi_buf_free(&out);
    whi_json_free(&json);
}

static void a_wrong_template_is_named(void **state) {
    static const char *const filters[] = { "status", NULL };
    static const char *const variables[] = { "account", NULL };
    static const char *const bad[] = {
        "{pages}",      "{", "{}", "{page", "{filters.}", "{filters.other}", "{changed_since.x}", "{variables.}",
        "{variables.x}"
    };
    const whi_source_known known = { filters, variables, 0 }, nothing = { NULL, NULL, 0 }, any = { NULL, NULL, 1 };
    unsigned uses = 0;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(whi_source_template_check("query.x", bad[i], &known, &uses), WH_EINVALID);
        assert_string_equal(wh_last_error_field(), "query.x");
    }
    assert_int_equal(uses, 0);
    assert_int_equal(whi_source_template_check("f", "{page}{filters.status}}{{", &known, &uses), WH_OK);
    assert_int_equal(uses, WHI_SOURCE_USES_PAGE | WHI_SOURCE_USES_OTHER);
    assert_int_equal(whi_source_template_check("f", "{changed_since.iso} {state}", &nothing, &uses), WH_OK);
    assert_int_equal(uses, 15);
    assert_int_equal(whi_source_template_check("f", "{variables.account}{connection}{tenant}", &known, &uses), WH_OK);
    assert_int_equal(uses, 63);
    assert_int_equal(whi_source_template_check("f", "{variables.account}", &nothing, &uses), WH_EINVALID);
    assert_int_equal(whi_source_template_check("f", "{variables.account}", &any, &uses), WH_OK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_become_values_in_their_place),
        cmocka_unit_test(a_value_never_leaves_its_place),
        cmocka_unit_test(a_url_has_its_rules_for_each_part),
        cmocka_unit_test(a_host_keeps_its_end),
        cmocka_unit_test(a_body_stays_json),
        cmocka_unit_test(filters_are_filled_in_by_their_names),
        cmocka_unit_test(a_wrong_template_is_named),
    };
    return cmocka_run_group_tests_name("source_template", tests, NULL, NULL);
}
