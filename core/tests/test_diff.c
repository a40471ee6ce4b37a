#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "fault.h"
#include "pure/diff.h"
#include "webhook.h"

static whi_json first, second;
static whi_buf out;
static size_t count;

static int run(const char *a, const char *b, size_t most) {
    int code = whi_json_scan(&first, a, strlen(a), 64);

    whi_buf_clear(&out);
    code = code == WH_OK ? whi_json_scan(&second, b, strlen(b), 64) : code;
    return code == WH_OK ? whi_diff(&first, &second, most, &out, &count) : code;
}

/* The lines, which must be so many as are told. */
static const char *diff(const char *a, const char *b) {
    size_t lines = 0;

    assert_int_equal(run(a, b, 50), WH_OK);
    for (size_t i = 0; i < out.size; i++) {
        lines += out.data[i] == '\n';
    }
    assert_int_equal(lines, count);
    return out.size > 0 ? out.data : "";
}

static int setup(void **state) {
    (void)state;
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    whi_buf_init(&out, 1 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    whi_json_free(&first);
    whi_json_free(&second);
    whi_buf_free(&out);
    return 0;
}

static void what_means_the_same_does_not_differ(void **state) {
    (void)state;
    assert_string_equal(diff("{\"a\":1,\"b\":[true,null]}", " { \"b\" : [ true , null ] , \"a\" : 1 } "), "");
    assert_string_equal(diff("\"\\u0041\\/\"", "\"A/\""), "");
    assert_string_equal(diff("{\"\\u0061\":[]}", "{\"a\": [ ]}"), "");
    assert_string_equal(diff("{\"a\":7,\"a\":1}", "{\"a\":1}"), "");
    assert_string_equal(diff("{}", "{ }"), "");
}

static void each_member_that_differs_has_its_line(void **state) {
    (void)state;
    assert_string_equal(diff("{\"total\":12,\"id\":7}", "{\"id\":7,\"total\":13}"), "- total: 12\n+ total: 13\n");
    assert_string_equal(diff("{\"b\":1,\"a\":{\"x\":\"y\"}}", "{\"c\": {\"d\" : [ 1, \" \" ]}}"),
                        "- a: {\"x\":\"y\"}\n- b: 1\n+ c: {\"d\":[1,\" \"]}\n");
    assert_string_equal(diff("{\"a\":{\"b\":{\"c\":1,\"d\":2}}}", "{\"a\":{\"b\":{\"c\":1,\"d\":3}}}"),
                        "- a.b.d: 2\n+ a.b.d: 3\n");
    assert_string_equal(diff("{\"items\":[{\"sku\":1},{\"sku\":2}]}", "{\"items\":[{\"sku\":1},{\"sku\":3},4]}"),
                        "- items[1].sku: 2\n+ items[1].sku: 3\n+ items[2]: 4\n");
    assert_string_equal(diff("{\"a\":7,\"a\":1}", "{\"a\":7}"), "- a: 1\n+ a: 7\n");
}

static void numbers_are_the_same_only_when_written_the_same(void **state) {
    (void)state;
    assert_string_equal(diff("{\"n\":1}", "{\"n\":1.0}"), "- n: 1\n+ n: 1.0\n");
    assert_string_equal(diff("[9007199254740993]", "[9007199254740992]"),
                        "- [0]: 9007199254740993\n+ [0]: 9007199254740992\n");
}

static void other_types_are_two_lines(void **state) {
    (void)state;
    assert_string_equal(diff("{\"a\":{}}", "{\"a\":[]}"), "- a: {}\n+ a: []\n");
    assert_string_equal(diff("{\"a\":null}", "{}"), "- a: null\n");
    assert_string_equal(diff("12", "\"12\""), "- $: 12\n+ $: \"12\"\n");
}

static void names_that_would_be_misread_are_quoted(void **state) {
    (void)state;
    assert_string_equal(diff("{\"a.b\":1}", "{}"), "- [\"a.b\"]: 1\n");
    assert_string_equal(diff("{\"x\":{\"\":{\"\\n\":1}}}", "{\"x\":{\"\":{}}}"), "- x[\"\"][\"\\n\"]: 1\n");
    assert_string_equal(diff("{\"\\u0000\":1,\"\xc3\xa4\":2}", "{}"), "- [\"\\u0000\"]: 1\n- \xc3\xa4: 2\n");
}

static void long_values_are_cut_between_letters(void **state) {
    char text[700] = "{\"a\":\"x", *line;

    (void)state;
    for (int i = 0; i < 150; i++) {
        memcpy(text + 7 + 2 * i, "\xc3\xa4", 2);
    }
    memcpy(text + 307, "\"}", 3);
    line = strdup(diff(text, "{}"));
    assert_int_equal(strlen(line), 5 + WHI_DIFF_TEXT - 1 + 1); /* one byte less: half a letter */
    assert_memory_equal(line + strlen(line) - 6, "\xc3\xa4\xe2\x80\xa6\n", 6);
    free(line);
}

static void a_value_of_the_longest_length_is_whole(void **state) {
    char text[400] = "[\"";

    (void)state;
    memset(text + 2, 'x', WHI_DIFF_TEXT - 2);
    memcpy(text + WHI_DIFF_TEXT, "\"]", 3);
    assert_int_equal(strlen(diff(text, "[]")), strlen("- [0]: ") + WHI_DIFF_TEXT + 1);
    assert_null(strstr(out.data, "\xe2\x80\xa6"));
}

static void no_more_lines_than_asked_are_told(void **state) {
    (void)state;
    assert_int_equal(run("[1,2,3,4]", "[]", 3), WH_OK);
    assert_int_equal(count, 3);
    assert_string_equal(out.data, "- [0]: 1\n- [1]: 2\n- [2]: 3\n");
    assert_int_equal(run("[1]", "[2]", 1), WH_OK);
    assert_int_equal(count, 1);
}

/* Names that come in the worst order do not make it slow: 2 * 10^10 comparisons would. */
static void large_objects_are_compared_in_time(void **state) {
    enum { MEMBERS = 200000 };
    whi_buf a, b;

    (void)state;
    whi_buf_init(&a, 1 << 24);
    whi_buf_init(&b, 1 << 24);
    for (int i = 0; i < MEMBERS; i++) {
        whi_buf_format(&a, "%c\"m%d\":%d", i ? ',' : '{', i, i);
        whi_buf_format(&b, "%c\"m%d\":%d", i ? ',' : '{', MEMBERS - 1 - i, i == 5 ? 0 : MEMBERS - 1 - i);
    }
    whi_buf_char(&a, '}');
    whi_buf_char(&b, '}');
    assert_string_equal(diff(a.data, b.data), "- m199994: 199994\n+ m199994: 0\n");
    whi_buf_free(&a);
    whi_buf_free(&b);
}

static void memory_that_runs_out_is_told(void **state) {
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        int code;
        whi_buf_free(&out);
        fault_set(n);
        code = run("{\"a\":{\"\\u0062\":1,\"c\":\"x\"},\"d\":[1,2]}", "{\"a\":{\"c\":\"y\"},\"d\":[2]}", 50);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_json_free(&first);
        whi_json_free(&second);
    }
    assert_int_equal(count, 6);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_means_the_same_does_not_differ),
        TEST(each_member_that_differs_has_its_line),
        TEST(numbers_are_the_same_only_when_written_the_same),
        TEST(other_types_are_two_lines),
        TEST(names_that_would_be_misread_are_quoted),
        TEST(long_values_are_cut_between_letters),
        TEST(a_value_of_the_longest_length_is_whole),
        TEST(no_more_lines_than_asked_are_told),
        TEST(large_objects_are_compared_in_time),
        TEST(memory_that_runs_out_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
