/* JSON as JavaScript writes it. Drawn texts are compared with Node's own in interop/interop_json.mjs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "locale_kit.h"
#include "pure/stringify.h"
#include "webhook.h"

/* JavaScript's text; NULL: it would mean something else. */
static const char *of(const char *text) {
    static char kept[512];
    whi_json json = { 0 };
    whi_buf out;
    int same;

    assert_int_equal(whi_json_scan(&json, text, strlen(text), 64), WH_OK);
    whi_buf_init(&out, sizeof kept);
    whi_buf_text(&out, "before");
    assert_int_equal(whi_stringify(&json, 0, &out, &same), WH_OK);
    assert_memory_equal(out.data, "before", 6);
    assert_true(same || out.size == 6); /* nothing is left behind */
    memcpy(kept, out.data + 6, out.size - 5);
    whi_buf_free(&out);
    whi_json_free(&json);
    return same ? kept : NULL;
}

static void is(const char *text, const char *expected) {
    const char *found = of(text);

    if (expected == NULL ? found != NULL : found == NULL || strcmp(found, expected) != 0) {
        fail_msg("%s: %s instead of %s", text, found != NULL ? found : "nothing",
                 expected != NULL ? expected : "nothing");
    }
}

static void numbers_are_the_shortest_that_mean_the_same(void **state) {
    static const char *const rows[][2] = {
        { "0", "0" },
        { "-0", "0" },
        { "-0.0e7", "0" },
        { "1.10", "1.1" },
        { "-100", "-100" },
        { "1e2", "100" },
        { "1.5E+1", "15" },
        { "0.000001", "0.000001" },
        { "0.0000001", "1e-7" },
        { "12.5e-9", "1.25e-8" },
        { "1e20", "100000000000000000000" },
        { "1e21", "1e+21" },
        { "123456789012345680000", "123456789012345680000" },
        { "9007199254740992", "9007199254740992" },
        { "9007199254740993", NULL },
        { "-9007199254740993", NULL },
        { "9007199254740994", "9007199254740994" },
        { "12345678901234567890", NULL },
        { "0.1", "0.1" },
        { "0.1000000000000000055511151231257827", NULL },
        { "0.30000000000000004", "0.30000000000000004" },
        { "5e-324", "5e-324" },
        { "4.9e-324", NULL },
        { "1.7976931348623157e308", "1.7976931348623157e+308" },
        { "1e400", NULL },
        { "1e-400", NULL },
        { "5.684341886080802e-14", "5.684341886080802e-14" }, /* 2^-44: the nearest of 16 digits is another double */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is(rows[i][0], rows[i][1]);
    }
}

static void a_locales_decimal_point_does_not_matter(void **state) {
    char text[WHI_STRINGIFY_NUMBER];

    (void)state;
    speak_german();
    whi_stringify_number(-1234.5678, text);
    assert_string_equal(text, "-1234.5678");
    whi_stringify_number(ldexp(1, -44), text);
    assert_string_equal(text, "5.684341886080802e-14");
    setlocale(LC_NUMERIC, "C");
}

static void strings_have_the_fewest_escapes(void **state) {
    static const char *const rows[][2] = {
        { "\"a\\/b\"", "\"a/b\"" },
        { "\"\\u00eb\\u00E9\\ud83d\\ude00\"", "\"\xc3\xab\xc3\xa9\xf0\x9f\x98\x80\"" },
        { "\"\\b\\f\\n\\r\\t\\\"\\\\\"", "\"\\b\\f\\n\\r\\t\\\"\\\\\"" },
        { "\"\\u0008\\u000C\\u000a\\u000d\\u0009\\u0022\\u005c\"", "\"\\b\\f\\n\\r\\t\\\"\\\\\"" },
        { "\"\\u0000\\u000B\\u001F\\u007f\"", "\"\\u0000\\u000b\\u001f\x7f\"" },
        { "\"\\uD83D\"", "\"\\ud83d\"" },
        { "\"\\ud83d\\ud83d\\ude00\\ude00\"", "\"\\ud83d\xf0\x9f\x98\x80\\ude00\"" },
        { "\"\\u2028\"", "\"\xe2\x80\xa8\"" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is(rows[i][0], rows[i][1]);
    }
}

static void objects_keep_their_order_where_javascript_does(void **state) {
    static const char *const rows[][2] = {
        { " { \"b\" : [ 1 , { } , [ ] ] ,\t\"a\" : null } ", "{\"b\":[1,{},[]],\"a\":null}" },
        { "[true,false,{\"a\":{\"b\":[[]]}}]", "[true,false,{\"a\":{\"b\":[[]]}}]" },
        { "{\"a\":1,\"a\":1}", NULL },
        { "{\"a\":1,\"b\":2,\"\\u0061\":3}", NULL },
        { "[{\"a\":1},{\"a\":1}]", "[{\"a\":1},{\"a\":1}]" },
        { "{\"a\":1,\"1\":2}", NULL },
        { "{\"2\":1,\"1\":2}", NULL },
        { "{\"0\":1,\"10\":2,\"a\":3}", "{\"0\":1,\"10\":2,\"a\":3}" },
        { "{\"a\":1,\"01\":2,\"-1\":3,\"1.5\":4,\"4294967295\":5,\"\":6}",
          "{\"a\":1,\"01\":2,\"-1\":3,\"1.5\":4,\"4294967295\":5,\"\":6}" },
        { "{\"a\":1,\"4294967294\":2}", NULL },
        { "{\"a\":[{\"b\":{\"c\":1e999}}]}", NULL },
        { "{\"__proto__\":1}", "{\"__proto__\":1}" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        is(rows[i][0], rows[i][1]);
    }
}

static void want_of_memory_is_told(void **state) {
    static const char text[] = "{\"a\\n\":1,\"b\":\"\\u00e9\"}";
    whi_json json = { 0 };
    int same, failed, code;
    long n = 0;

    (void)state;
    assert_int_equal(whi_json_scan(&json, text, strlen(text), 8), WH_OK);
    do {
        whi_buf out;
        whi_buf_init(&out, 100);
        fault_set(n++);
        code = whi_stringify(&json, 0, &out, &same);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_buf_free(&out);
    } while (failed);
    assert_true(n > 3);
    whi_json_free(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_the_shortest_that_mean_the_same),
        cmocka_unit_test(a_locales_decimal_point_does_not_matter),
        cmocka_unit_test(strings_have_the_fewest_escapes),
        cmocka_unit_test(objects_keep_their_order_where_javascript_does),
        cmocka_unit_test(want_of_memory_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
