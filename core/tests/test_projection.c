#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "fault.h"
#include "pure/path.h"
#include "pure/projection.h"
#include "webhook.h"

/* out: the projection. Returns the first code that is not WH_OK. */
static int project(const char *list, size_t size, const char *payload, whi_buf *out) {
    whi_json json = { 0 };
    whi_projection *fields = NULL;
    int code = whi_projection_parse(&fields, list, size);

    code = code == WH_OK ? whi_json_scan(&json, payload, strlen(payload), 100) : code;
    code = code == WH_OK ? whi_projection_write(fields, &json, 0, out) : code;
    whi_json_free(&json);
    whi_projection_free(fields);
    return code;
}

static void a_list_keeps_what_it_names_byte_for_byte(void **state) {
    static const char *const rows[][3] = {
        { "id", "{\"id\": 1.10 ,\"x\":2}", "{\"id\":1.10}" },
        { "x,id", "{\"id\":1,\"x\":2}", "{\"id\":1,\"x\":2}" },
        { "", " {\"a\" : 1} ", "{\"a\" : 1}" },
        { " \t\r\n", "[1]", "[1]" },
        { "a.b", "{\"a\":{\"b\":[ 1 , {} ],\"c\":1},\"b\":9}", "{\"a\":{\"b\":[ 1 , {} ]}}" },
        { "a.b,a.c", "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}", "{\"a\":{\"b\":1,\"c\":2}}" },
        { "a(b,c)", "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}", "{\"a\":{\"b\":1,\"c\":2}}" },
        { " a ( b , c ( d ) ) , e ", "{\"a\":{\"b\":1,\"c\":{\"d\":2,\"x\":0}},\"e\":3}",
          "{\"a\":{\"b\":1,\"c\":{\"d\":2}},\"e\":3}" },
        { "a,a.b", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}" },
        { "a.b,a", "{\"a\":{\"b\":1,\"c\":2}}", "{\"a\":{\"b\":1,\"c\":2}}" },
        { "items(sku)", "{\"items\":[{\"sku\":1,\"p\":2},7,\"x\",null,{\"p\":3},[{\"sku\":4}]]}",
          "{\"items\":[{\"sku\":1},{},[{\"sku\":4}]]}" },
        { "a.b", "{\"a\":7}", "{}" },
        { "a.b", "{\"a\":null}", "{}" },
        { "none", "{\"a\":7}", "{}" },
        { "a", "[{\"a\":1,\"b\":2},3,{\"b\":1}]", "[{\"a\":1},{}]" },
        { "a", "12", "12" },
        { "a", "\"text\"", "\"text\"" },
        { "a", "{\"\\u0061\":1,\"b\":2}", "{\"\\u0061\":1}" },
        { "a", "{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":2}" },
        { "a\\.b,c\\,d", "{\"a.b\":1,\"a\":{\"b\":2},\"c,d\":3}", "{\"a.b\":1,\"c,d\":3}" },
        { "\\ a\\ ,\\\\", "{\" a \":1,\"a\":2,\"\\\\\":3}", "{\" a \":1,\"\\\\\":3}" },
        { "two words", "{\"two words\":1,\"two\":2}", "{\"two words\":1}" },
        { "\xc3\xa9", "{\"\\u00e9\":1,\"e\":2}", "{\"\\u00e9\":1}" },
    };
    whi_buf out;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf_init(&out, 1000);
        if (project(rows[i][0], strlen(rows[i][0]), rows[i][1], &out) != WH_OK) {
            fail_msg("%s: %s", rows[i][0], wh_last_error());
        }
        assert_string_equal(out.data, rows[i][2]);
        whi_buf_free(&out);
    }
}

static void a_broken_list_tells_the_position(void **state) {
    static const char *const rows[][2] = {
        { ",", "at position 1: expected a name, found ','" },
        { "a,", "at position 3: expected a name, found the end" },
        { "a,,b", "at position 3: expected a name, found ','" },
        { "a.", "at position 3: expected a name, found the end" },
        { ".a", "at position 1: expected a name, found '.'" },
        { "a()", "at position 3: expected a name, found ')'" },
        { "a(b", "at position 4: expected ',' or ')', found the end" },
        { "a)", "at position 2: expected ',', found ')'" },
        { "a(b).c", "at position 5: expected ',', found '.'" },
        { "a(b)(c)", "at position 5: expected ',', found '('" },
        { "a(b)c", "at position 5: expected ',', found 'c'" },
        { "a\\", "at position 3: expected the letter that the backslash is for, found the end" },
    };
    whi_projection *fields;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_projection_parse(&fields, rows[i][0], strlen(rows[i][0])), WH_EINVALID);
        assert_null(fields);
        assert_string_equal(wh_last_error(), rows[i][1]);
    }
}

static void a_list_that_is_meant_otherwise_is_found(void **state) {
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "*", "at position 1: found \"*\": " WHI_PATH_ADVICE },
        { "id, items[0].sku", "at position 5: found \"items[0]\": " WHI_PATH_ADVICE },
        { "items(*)", "at position 7: found \"*\": " WHI_PATH_ADVICE },
        { "[\"id\",\"total\"]", "at position 1: found \"[\"id\"\": " WHI_PATH_ADVICE },
        { "$.id", "at position 1: found \"$\": " WHI_PATH_ADVICE },
        { "id total", "at position 3: expected ',', found a blank; one in a name has a backslash in front: \"\\ \"" },
        { "id\n total , x",
          "at position 3: expected ',', found a blank; one in a name has a backslash in front: \"\\ \"" },
    };
    static const char *const good[] = { " id , total ",     "",           " ",   "\\*",
                                        "items\\[0\\].sku", "id\\ total", "\\$", "a(b,\n c)" };
    whi_projection *fields;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_projection_review(rows[i].text, strlen(rows[i].text)), WH_EINVALID);
        assert_string_equal(wh_last_error(), rows[i].sentence);
        assert_int_equal(whi_projection_parse(&fields, rows[i].text, strlen(rows[i].text)), WH_OK);
        whi_projection_free(fields);
    }
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(whi_projection_review(good[i], strlen(good[i])), WH_OK);
    }
    assert_int_equal(whi_projection_review("a,", 2), WH_EINVALID);
}

static void a_zero_byte_is_a_letter_of_a_name(void **state) {
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 100);
    assert_int_equal(project("a\0", 2, "{\"a\":1,\"a\\u0000\":2}", &out), WH_OK);
    assert_string_equal(out.data, "{\"a\\u0000\":2}");
    whi_buf_free(&out);
}

static int parse_many(char repeated, int count, char last) {
    static char text[4000];
    whi_projection *fields;
    int code;

    for (int i = 0; i < count; i++) {
        text[2 * i] = 'a';
        text[2 * i + 1] = repeated;
    }
    text[2 * count] = last;
    code = whi_projection_parse(&fields, text, (size_t)count * 2 + 1);
    whi_projection_free(fields);
    return code;
}

static void names_and_levels_are_bounded(void **state) {
    char name[300];
    whi_projection *fields;

    (void)state;
    assert_int_equal(parse_many(',', 999, 'b'), WH_OK);
    assert_int_equal(parse_many(',', 1000, 'b'), WH_ELIMIT);
    assert_int_equal(parse_many('.', 31, 'b'), WH_OK);
    assert_int_equal(parse_many('.', 32, 'b'), WH_ELIMIT);
    assert_int_equal(parse_many('(', 1500, 'b'), WH_ELIMIT);
    memset(name, 'n', sizeof name);
    assert_int_equal(whi_projection_parse(&fields, name, 256), WH_OK);
    whi_projection_free(fields);
    assert_int_equal(whi_projection_parse(&fields, name, 257), WH_ELIMIT);
    assert_null(fields);
}

/* 1000 names in an order that is none, each with a beginning of another: all are found. */
static void many_names_are_all_found(void **state) {
    whi_buf list, payload, out, wanted;

    (void)state;
    whi_buf_init(&list, 1 << 20);
    whi_buf_init(&payload, 1 << 20);
    whi_buf_init(&out, 1 << 20);
    whi_buf_init(&wanted, 1 << 20);
    for (int i = 0; i < 1000; i++) {
        int name = i * 617 % 1000;
        whi_buf_format(&list, "%sn%d", i ? "," : "", name);
        whi_buf_format(&payload, "%s\"\\u006e%d\":%d,\"m%d\":0,\"n%d.\":0", i ? "," : "{", i, i, i, i);
        whi_buf_format(&wanted, "%s\"\\u006e%d\":%d", i ? "," : "{", i, i);
    }
    whi_buf_char(&payload, '}');
    whi_buf_char(&wanted, '}');
    assert_int_equal(project(list.data, list.size, payload.data, &out), WH_OK);
    assert_string_equal(out.data, wanted.data);
    whi_buf_free(&list);
    whi_buf_free(&payload);
    whi_buf_free(&out);
    whi_buf_free(&wanted);
}

/* Never a wrong projection, never a leak. */
static void no_memory_is_told(void **state) {
    int failed = 1;

    (void)state;
    for (long n = 0; failed; n++) {
        whi_buf out;
        int code;
        whi_buf_init(&out, 1000);
        fault_set(n);
        code = project("a(b,c.d),e,f", 12, "{\"\\u0061\":{\"\\u0062\":1,\"c\":{\"d\":2}},\"e\":3,\"g\":4}", &out);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        if (!failed) {
            assert_string_equal(out.data, "{\"\\u0061\":{\"\\u0062\":1,\"c\":{\"d\":2}},\"e\":3}");
        }
        whi_buf_free(&out);
    }
}

static void too_small_a_buffer_is_told(void **state) {
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 5);
    assert_int_equal(project("a", 1, "{\"a\":1}", &out), WH_ELIMIT);
    whi_buf_free(&out);
}

static void all_but_one_member_stays_byte_for_byte(void **state) {
    static const struct {
        const char *value, *rest;
        int found;
    } rows[] = {
        { "{\"id\": 1.10,\"raw\":{\"raw\":1}, \"a\":{\"raw\":2}}", "{\"id\":1.10,\"a\":{\"raw\":2}}", 1 },
        { "[{\"raw\":1},7,{\"r\\u0061w\":2,\"b\":3}]", "[{},7,{\"b\":3}]", 1 },
        { "[{\"b\": 3}]", "[{\"b\":3}]", 0 },
        { "[]", "[]", 0 },
        { "\"raw\"", "\"raw\"", 0 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_json json = { 0 };
        whi_buf out;
        int found = 7;
        whi_buf_init(&out, 1000);
        assert_int_equal(whi_json_scan(&json, rows[i].value, strlen(rows[i].value), 8), WH_OK);
        assert_int_equal(whi_projection_write_without("raw", &json, 0, &found, &out), WH_OK);
        whi_buf_char(&out, '\0');
        assert_string_equal(out.data, rows[i].rest);
        assert_int_equal(found, rows[i].found);
        whi_json_free(&json);
        whi_buf_free(&out);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_keeps_what_it_names_byte_for_byte),
        cmocka_unit_test(a_broken_list_tells_the_position),
        cmocka_unit_test(a_list_that_is_meant_otherwise_is_found),
        cmocka_unit_test(a_zero_byte_is_a_letter_of_a_name),
        cmocka_unit_test(names_and_levels_are_bounded),
        cmocka_unit_test(many_names_are_all_found),
        cmocka_unit_test(all_but_one_member_stays_byte_for_byte),
        cmocka_unit_test(no_memory_is_told),
        cmocka_unit_test(too_small_a_buffer_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
