#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/filter.h"
#include "webhook.h"

static whi_filter *parse(const char *text) {
    whi_filter *filter;

    if (whi_filter_parse(&filter, text, strlen(text)) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
    return filter;
}

static int passes(const char *filters, const char *payload) {
    whi_filter *filter = parse(filters);
    whi_json json = { 0 };
    int result;

    assert_int_equal(whi_json_scan(&json, payload, strlen(payload), 100), WH_OK);
    result = whi_filter_match(filter, &json, NULL);
    whi_json_free(&json);
    whi_filter_free(filter);
    return result;
}

static void what_holds_passes_and_what_does_not_is_kept_back(void **state) {
    static const struct {
        const char *filters, *payload;
        int passes;
    } rows[] = {
        { "{}", "{\"a\":1}", 1 },
        { "{}", "7", 1 },
        { "{\"a\":1}", "{\"a\":1}", 1 },
        { "{\"a\":1}", "{\"a\":1.0}", 1 },
        { "{\"a\":1}", "{\"a\":2}", 0 },
        { "{\"a\":1}", "{\"b\":1}", 0 },
        { "{\"a\":1}", "{\"a\":\"1\"}", 0 },
        { "{\"a\":1}", "7", 0 },
        { "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":2}", 1 },
        { "{\"a\":1,\"b\":2}", "{\"a\":1,\"b\":3}", 0 },
        { "{\"a\":1}", "{\"a\":2,\"a\":1}", 1 },
        { "{\"a\":1}", "{\"a\":1,\"a\":2}", 0 },
        { "{\"a.b.c\":\"x\"}", "{\"a\":{\"b\":{\"c\":\"\\u0078\"}}}", 1 },
        { "{\"a.b\":\"x\"}", "{\"a.b\":\"x\"}", 0 },
        { "{\"\\u0061\":\"\\u00e9\"}", "{\"a\":\"\xc3\xa9\"}", 1 },
        /* a text equals what is written the same way */
        { "{\"a\":\"12\"}", "{\"a\":12}", 1 },
        { "{\"a\":\"1\\u0032\"}", "{\"a\":12}", 1 },
        { "{\"a\":\"12\"}", "{\"a\":12.0}", 0 },
        { "{\"a\":\"true\"}", "{\"a\":true}", 1 },
        { "{\"a\":\"false\"}", "{\"a\":true}", 0 },
        { "{\"a\":\"null\"}", "{\"a\":null}", 1 },
        { "{\"a\":\"null\"}", "{}", 0 },
        { "{\"a\":\"[]\"}", "{\"a\":[]}", 0 },
        { "{\"a\":\"{}\"}", "{\"a\":{}}", 0 },
        { "{\"a\":\"\\\"x\\\"\"}", "{\"a\":\"x\"}", 0 },
        /* lists: any of them */
        { "{\"a\":[1,\"x\",null]}", "{\"a\":\"x\"}", 1 },
        { "{\"a\":[1,\"x\",null]}", "{}", 1 },
        { "{\"a\":[1,\"x\"]}", "{\"a\":3}", 0 },
        { "{\"a\":[]}", "{\"a\":3}", 0 },
        { "{\"a\":[]}", "{}", 0 },
        /* null: null or absent */
        { "{\"a\":null}", "{\"a\":null}", 1 },
        { "{\"a\":null}", "{}", 1 },
        { "{\"a\":null}", "{\"a\":0}", 0 },
        { "{\"a.b\":null}", "{\"a\":7}", 1 },
        { "{\"a.b\":null}", "{\"a\":{\"b\":false}}", 0 },
        /* arrays */
        { "{\"a\":1}", "{\"a\":[3,2,1]}", 1 },
        { "{\"a\":1}", "{\"a\":[3,[1]]}", 0 },
        { "{\"a\":[8,1]}", "{\"a\":[3,1]}", 1 },
        { "{\"a\":null}", "{\"a\":[]}", 0 },
        { "{\"items.sku\":\"x\"}", "{\"items\":[{\"sku\":\"y\"},{\"sku\":\"x\"}]}", 1 },
        { "{\"items.sku\":\"x\"}", "{\"items\":[{\"sku\":\"y\"},5]}", 0 },
        { "{\"items.tags\":\"x\"}", "{\"items\":[{\"tags\":[\"a\"]},{\"tags\":[\"b\",\"x\"]}]}", 1 },
        { "{\"items.sku\":null}", "{\"items\":[{\"sku\":1},{}]}", 1 },
        { "{\"items.sku\":null}", "{\"items\":[]}", 0 },
        { "{\"sku\":1}", "[{\"sku\":1}]", 1 },
        { "{\"a\":true}", "{\"a\":{\"b\":true}}", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (passes(rows[i].filters, rows[i].payload) != rows[i].passes) {
            fail_msg("%s on %s: expected %d", rows[i].filters, rows[i].payload, rows[i].passes);
        }
    }
}

static void a_broken_filter_names_the_key(void **state) {
    static const struct {
        const char *text;
        int code;
        const char *sentence;
    } rows[] = {
        { "[]", WH_EINVALID, "expected an object of paths and values" },
        { "{\"a\":{}}", WH_EINVALID, "a: expected a text, number, true, false, null or a list of such" },
        { "{\"a\":[[]]}", WH_EINVALID, "a: expected a text, number, true, false, null or a list of such" },
        { "{\"x\":1,\"b\":[1,{}]}", WH_EINVALID, "b: expected a text, number, true, false, null or a list of such" },
        { "{\"\":1}", WH_EINVALID, "\"\": expected a path like \"customer.country\"" },
        { "{\".a\":1}", WH_EINVALID, "\".a\": expected a path like \"customer.country\"" },
        { "{\"a.\":1}", WH_EINVALID, "\"a.\": expected a path like \"customer.country\"" },
        { "{\"a..b\":1}", WH_EINVALID, "\"a..b\": expected a path like \"customer.country\"" },
        { "{\"a\":1", WH_EJSON, "at byte 7: expected ',' or '}', found the end" },
    };
    whi_filter *filter;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_filter_parse(&filter, rows[i].text, strlen(rows[i].text)), rows[i].code);
        assert_null(filter);
        assert_string_equal(wh_last_error(), rows[i].sentence);
    }
}

static int parse_paths(int count) {
    char text[4000] = "{";
    size_t used = 1;
    whi_filter *filter;
    int code;

    for (int i = 0; i < count; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"p%d\":1", i ? "," : "", i);
    }
    text[used++] = '}';
    code = whi_filter_parse(&filter, text, used);
    whi_filter_free(filter);
    return code;
}

static void paths_are_bounded(void **state) {
    (void)state;
    assert_int_equal(parse_paths(100), WH_OK);
    assert_int_equal(parse_paths(101), WH_ELIMIT);
}

/* {"a":[list]} on {"a":[list of last only, or of what is not in it]} */
static int passes_long(const char *item, int count, const char *wanted, int wanted_count) {
    whi_buf filters, payload;
    int result;

    whi_buf_init(&filters, 1 << 24);
    whi_buf_init(&payload, 1 << 24);
    whi_buf_text(&filters, "{\"a\":[");
    whi_buf_text(&payload, "{\"a\":[");
    for (int i = 0; i < count; i++) {
        whi_buf_format(&filters, "%s%s%d\"", i ? "," : "", item, i);
    }
    for (int i = 0; i < wanted_count; i++) {
        whi_buf_format(&payload, "%s%s", i ? "," : "", wanted);
    }
    whi_buf_text(&filters, "]}");
    whi_buf_text(&payload, "]}");
    result = passes(filters.data, payload.data);
    whi_buf_free(&filters);
    whi_buf_free(&payload);
    return result;
}

/* Asking for each value of the list at each item would take many minutes. */
static void a_long_list_is_asked_in_good_time(void **state) {
    (void)state;
    assert_int_equal(passes_long("\"", 50000, "7.5", 1000000), 0);
    assert_int_equal(passes_long("\"common beginning ", 20000, "\"common beginning x\"", 50000), 0);
    assert_int_equal(passes_long("\"", 20000, "19999", 1), 1);
    assert_int_equal(passes_long("\"", 20000, "\"0\"", 1), 1);
    assert_int_equal(passes_long("\"", 20000, "\"20000\"", 1), 0);
}

static void mixed_lists_find_each_of_their_values(void **state) {
    static const char filters[] = "{\"a\":[\"b\",3,null,\"a\\u0062\",true,-1.50,\"7\",\"\",12e1,\"false\"]}";
    static const char *const in[] = { "\"b\"", "3.0",   "null", "\"\\u0061b\"", "true",  "-1.5",
                                      "7",     "\"7\"", "\"\"", "120.0",        "false", "\"false\"" };
    static const char *const out[] = { "\"c\"", "4", "\"3\"", "\"a\"", "\"true\"", "1.5", "7.0", "12", "{}", "[[3]]" };
    char payload[100];

    (void)state;
    for (size_t i = 0; i < sizeof in / sizeof in[0]; i++) {
        snprintf(payload, sizeof payload, "{\"a\":%s}", in[i]);
        assert_int_equal(passes(filters, payload), 1);
    }
    for (size_t i = 0; i < sizeof out / sizeof out[0]; i++) {
        snprintf(payload, sizeof payload, "{\"a\":%s}", out[i]);
        assert_int_equal(passes(filters, payload), 0);
    }
}

static void the_path_that_failed_is_told(void **state) {
    whi_filter *filter = parse("{\"a\":1,\"b.c\":2,\"d\":3}");
    whi_json json = { 0 };
    const char *failed = NULL;

    (void)state;
    assert_int_equal(whi_json_scan(&json, "{\"a\":1,\"b\":{\"c\":3}}", 19, 10), WH_OK);
    assert_int_equal(whi_filter_match(filter, &json, &failed), 0);
    assert_string_equal(failed, "b.c");
    whi_json_free(&json);
    whi_filter_free(filter);
}

static void the_empty_filter_is_none(void **state) {
    (void)state;
    assert_null(parse("{}"));
    assert_null(parse(" { } "));
    whi_filter_free(NULL);
}

static void no_memory_is_told_and_matching_needs_none(void **state) {
    static const char text[] = "{\"\\u0061.b\":[\"x\\n\",2],\"c\":3}",
                      payload[] = "{\"a\":{\"b\":\"x\\u000a\"},\"c\":3}";
    whi_json json = { 0 };
    int failed = 1;

    (void)state;
    assert_int_equal(whi_json_scan(&json, payload, sizeof payload - 1, 10), WH_OK);
    for (long n = 0; failed; n++) {
        whi_filter *filter;
        int code;
        fault_set(n);
        code = whi_filter_parse(&filter, text, sizeof text - 1);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        assert_true(failed == (filter == NULL));
        fault_set(0);
        assert_int_equal(whi_filter_match(filter, &json, NULL), 1);
        assert_int_equal(fault_clear(), 0);
        whi_filter_free(filter);
    }
    whi_json_free(&json);
}

static void a_lists_items_are_asked_each_by_itself(void **state) {
    static const struct {
        const char *filters, *payload, *kept;
        size_t count;
    } rows[] = {
        { "{\"a\":1}", "[ {\"a\": 1} , {\"a\":2},{\"a\":1.0}]", "[{\"a\": 1},{\"a\":1.0}]", 2 },
        { "{\"a\":1,\"b\":2}", "[{\"a\":1,\"b\":3},{\"a\":3,\"b\":2}]", "[]", 0 }, /* each half in another one */
        { "{\"a\":1}", "[]", "[]", 0 },
        { "{\"a\":1}", "[[{\"a\":1}],\"a\",1,null]", "[[{\"a\":1}]]", 1 },
        { "{\"a\":null}", "[{\"a\":1},{\"b\":1},{\"a\":null}]", "[{\"b\":1},{\"a\":null}]", 2 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_filter *filter = parse(rows[i].filters);
        const char *failed = NULL;
        whi_json json = { 0 };
        whi_buf out;
        whi_buf_init(&out, 1000);
        assert_int_equal(whi_json_scan(&json, rows[i].payload, strlen(rows[i].payload), 100), WH_OK);
        assert_int_equal(whi_filter_items(filter, &json, &out, &failed), rows[i].count);
        assert_string_equal(out.data, rows[i].kept);
        assert_string_equal(failed, "a");
        whi_buf_free(&out);
        whi_json_free(&json);
        whi_filter_free(filter);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_holds_passes_and_what_does_not_is_kept_back),
        cmocka_unit_test(a_lists_items_are_asked_each_by_itself),
        cmocka_unit_test(a_broken_filter_names_the_key),
        cmocka_unit_test(paths_are_bounded),
        cmocka_unit_test(a_long_list_is_asked_in_good_time),
        cmocka_unit_test(mixed_lists_find_each_of_their_values),
        cmocka_unit_test(the_path_that_failed_is_told),
        cmocka_unit_test(the_empty_filter_is_none),
        cmocka_unit_test(no_memory_is_told_and_matching_needs_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
