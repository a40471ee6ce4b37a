#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "pure/json_prune.h"

static void check(const char *text, int depth, const char *expected) {
    whi_buf out;

    whi_buf_init(&out, 10000);
    assert_int_equal(whi_json_prune(text, strlen(text), depth, &out), WH_OK);
    whi_buf_char(&out, '\0');
    assert_string_equal(out.data, expected);
    whi_buf_free(&out);
}

static void what_is_deeper_becomes_null(void **state) {
    (void)state;
    check("[1,[2,[3]],{\"a\":{}}]", 3, "[1,[2,[3]],{\"a\":{}}]");
    check("[1,[2,[3]],{\"a\":{}}]", 2, "[1,[2,null],{\"a\":null}]");
    check("[1,[2,[3]],{\"a\":{}}]", 1, "[1,null,null]");
    check("[[[\"]\\\"]\",{\"[\":\"\\\\\"}]],4]", 2, "[[null],4]");
    check("[\"[[[[\",\"\\\"[[[\"]", 1, "[\"[[[[\",\"\\\"[[[\"]");
}

static void a_broken_text_stays_broken(void **state) {
    static const char *const texts[] = { "[[[", "[[[\"", "[[[\"\\", "]]]]", "[[]]]", "[[[}}", "\"", "", "[[[1,]]]]" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        whi_buf out;
        whi_buf_init(&out, 10000);
        assert_int_equal(whi_json_prune(texts[i], strlen(texts[i]), 1, &out), WH_OK);
        assert_int_equal(whi_json_check(out.size > 0 ? out.data : "", out.size, 10), WH_EJSON);
        whi_buf_free(&out);
    }
}

static void a_text_of_any_depth_is_scanned(void **state) {
    size_t levels = 200000, size = 2 * levels + 4;
    char *text = malloc(size);
    whi_json json = { 0 };
    whi_buf pruned;

    (void)state;
    memset(text, '[', levels);
    memset(text + levels, ']', levels);
    memcpy(text + 2 * levels - 1, ",12]", 4);
    whi_buf_init(&pruned, size + 10);
    assert_int_equal(whi_json_scan(&json, text, size - 1, WHI_JSON_DEPTH_MAXIMUM), WH_ELIMIT);
    assert_int_equal(whi_json_scan_pruned(&json, text, 2 * levels + 3, &pruned), WH_OK);
    assert_int_equal(json.depth, WHI_JSON_DEPTH_MAXIMUM);
    assert_int_equal(json.nodes[0].count, 2);
    assert_true(whi_json_is_deeper(&json, 1, WHI_JSON_WHOLE_DEPTH));
    whi_json_free(&json);
    whi_buf_free(&pruned);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_deeper_becomes_null),
        cmocka_unit_test(a_broken_text_stays_broken),
        cmocka_unit_test(a_text_of_any_depth_is_scanned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
