#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "fault.h"
#include "locale_kit.h"
#include "pure/json.h"
#include "tongue.h"
#include "webhook.h"

#ifndef WEBHOOK_TEST_DATA
#define WEBHOOK_TEST_DATA NULL
#endif

static uint64_t chance_state = 88172645463325252u;

/* xorshift64: http://www.jstatsoft.org/v08/i14 */
static uint64_t chance(void) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return chance_state;
}

/* In memory of its own size, so that a sanitizer sees reading behind the end. */
static char *exact(const char *text, size_t size) {
    char *copy = malloc(size ? size : 1);

    assert_non_null(copy);
    memcpy(copy, text, size);
    return copy;
}

static void scan(whi_json *json, const char *text) {
    memset(json, 0, sizeof *json);
    if (whi_json_scan(json, text, strlen(text), 100) != WH_OK) {
        fail_msg("%s: %s", text, wh_last_error());
    }
}

/* ------------------------------------------------------------------- the test suite */

static const char *suite(const char *part) {
    static char path[1024];
    const char *data = WEBHOOK_TEST_DATA;
    const char *slash = strrchr(__FILE__, '/');

    if (data != NULL) {
        snprintf(path, sizeof path, "%s/json-test-suite/%s", data, part);
    } else {
        snprintf(path, sizeof path, "%.*s/data/json-test-suite/%s", slash ? (int)(slash - __FILE__) : 1,
                 slash ? __FILE__ : ".", part);
    }
    return path;
}

/* Every container's next and count are those of its children, every span is in its parent. */
static uint32_t walk(const whi_json *json, uint32_t node) {
    const whi_json_node *here = &json->nodes[node];
    uint32_t at = node + 1, children = 0;

    while (here->type >= WHI_JSON_ARRAY && at < here->next) {
        assert_true(json->nodes[at].start > here->start && json->nodes[at].end < here->end);
        if (here->type == WHI_JSON_OBJECT) {
            assert_int_equal(json->nodes[at].type, WHI_JSON_STRING);
            at = walk(json, at);
        }
        at = walk(json, at);
        children++;
    }
    assert_true(here->end > here->start && here->end <= json->size);
    assert_true(here->type < WHI_JSON_ARRAY || here->count == children);
    assert_int_equal(at, here->next);
    return at;
}

static int judge(const char *text, size_t size) {
    whi_json json = { 0 };
    char sentence[WHI_ERROR_SIZE];
    char *copy = exact(text, size);
    int code = whi_json_scan(&json, copy, size, 600);

    snprintf(sentence, sizeof sentence, "%s", wh_last_error());
    assert_int_equal(whi_json_check(copy, size, 600), code);
    if (code == WH_OK) {
        assert_int_equal(walk(&json, 0), json.count);
        assert_int_equal(whi_json_equal(&json, 0, &json, 0), 1);
    } else {
        assert_string_equal(wh_last_error(), sentence);
        assert_int_equal(strncmp(sentence, "at byte ", 8), 0);
        assert_int_equal(json.count, 0);
    }
    whi_json_free(&json);
    free(copy);
    return code;
}

static char *read_file(const char *folder, const char *name, size_t *size) {
    static char text[1 << 20];
    char path[2048];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "rb");
    assert_non_null(file);
    *size = fread(text, 1, sizeof text, file);
    fclose(file);
    return text;
}

static int judge_file(const char *folder, const char *name) {
    size_t size;
    const char *text = read_file(folder, name, &size);

    return judge(text, size);
}

static void the_json_test_suite_is_judged_as_it_says(void **state) {
    DIR *folder = opendir(suite("test_parsing"));
    struct dirent *entry;
    int count = 0;

    (void)state;
    if (folder == NULL) {
        fail_msg("no %s", suite("test_parsing"));
        return;
    }
    while ((entry = readdir(folder)) != NULL) {
        char kind = entry->d_name[0];
        int code;
        if (strchr("yni", kind) == NULL || entry->d_name[1] != '_') {
            continue;
        }
        code = judge_file(suite("test_parsing"), entry->d_name);
        count++;
        if ((kind == 'y' && code != WH_OK) || (kind == 'n' && code == WH_OK)) {
            fail_msg("%s: %d", entry->d_name, code);
        }
    }
    closedir(folder);
    assert_true(count > 300);
}

/* What other readers change, each one value in an array or object. equal, other: texts of
 * the same and of another value; decoded: of a string. */
static const struct kept {
    const char *file;
    int code;
    const char *span, *equal, *other, *decoded;
    size_t size;
} kept[] = {
    { "number_-9223372036854775808", WH_OK, "-9223372036854775808", "-9.223372036854775808e18", "-9223372036854775809",
      NULL, 0 },
    { "number_-9223372036854775809", WH_OK, "-9223372036854775809", "-9223372036854775809.0", "-9223372036854775808",
      NULL, 0 },
    { "number_1.0", WH_OK, "1.0", "1", "1.1", NULL, 0 },
    { "number_1.000000000000000005", WH_OK, "1.000000000000000005", "1000000000000000005e-18", "1", NULL, 0 },
    { "number_1000000000000000", WH_OK, "1000000000000000", "1e15", "1e16", NULL, 0 },
    { "number_10000000000000000999", WH_OK, "10000000000000000999", "10000000000000000999.00", "10000000000000001000",
      NULL, 0 },
    { "number_1e-999", WH_OK, "1E-999", "0.1e-998", "0", NULL, 0 },
    { "number_1e6", WH_OK, "1E6", "1000000", "100000", NULL, 0 },
    { "number_9223372036854775807", WH_OK, "9223372036854775807", "9223372036854775807.0", "9223372036854775808", NULL,
      0 },
    { "number_9223372036854775808", WH_OK, "9223372036854775808", "9223372036854775808.0", "9223372036854775807", NULL,
      0 },
    { "object_key_nfc_nfd", WH_OK, "\"NFC\"", "\"NFC\"", "\"NFD\"", "NFC", 3 },
    { "object_key_nfd_nfc", WH_OK, "\"NFC\"", "\"NFC\"", "\"NFD\"", "NFC", 3 },
    { "object_same_key_different_values", WH_OK, "2", "2", "1", NULL, 0 },
    { "object_same_key_same_value", WH_OK, "1", "1", "2", NULL, 0 },
    { "object_same_key_unclear_values", WH_OK, "-0", "0", "1", NULL, 0 },
    { "string_1_escaped_invalid_codepoint", WH_OK, "\"\\uD800\"", "\"\\ufffd\"", "\"\"", "\xef\xbf\xbd", 3 },
    { "string_2_escaped_invalid_codepoints", WH_OK, "\"\\uD800\\uD800\"", "\"\\ufffd\\ufffd\"", "\"\\ufffd\"",
      "\xef\xbf\xbd\xef\xbf\xbd", 6 },
    { "string_3_escaped_invalid_codepoints", WH_OK, "\"\\uD800\\uD800\\uD800\"", "\"\\ufffd\\ufffd\\ufffd\"",
      "\"\\ufffd\"", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 9 },
    { "string_with_escaped_NULL", WH_OK, "\"A\\u0000B\"", "\"\\u0041\\u0000B\"", "\"A\"", "A\0B", 3 },
    { "string_1_invalid_codepoint", WH_EJSON, NULL, NULL, NULL, NULL, 0 },
    { "string_2_invalid_codepoints", WH_EJSON, NULL, NULL, NULL, NULL, 0 },
    { "string_3_invalid_codepoints", WH_EJSON, NULL, NULL, NULL, NULL, 0 },
};

static uint32_t only_value(const whi_json *json) {
    uint32_t node =
        json->nodes[0].type == WHI_JSON_ARRAY ? whi_json_item(json, 0, 0) : whi_json_member(json, 0, "a", 1);

    return node != WHI_JSON_NONE ? node : whi_json_member(json, 0, "\xc3\xa9", 2);
}

static void check_kept(const whi_json *json, const struct kept *row) {
    uint32_t node = only_value(json);
    whi_json equal, other;
    size_t size;
    const char *span = whi_json_span(json, node, &size);

    assert_int_equal(size, strlen(row->span));
    assert_memory_equal(span, row->span, size);
    assert_true(row->decoded == NULL || whi_json_string_is(json, node, row->decoded, row->size));
    scan(&equal, row->equal);
    scan(&other, row->other);
    assert_true(whi_json_equal(json, node, &equal, 0));
    assert_false(whi_json_equal(json, node, &other, 0));
    whi_json_free(&equal);
    whi_json_free(&other);
}

static void what_other_readers_change_is_kept(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++) {
        whi_json json = { 0 };
        char name[100];
        const char *text;
        size_t size;
        snprintf(name, sizeof name, "%s.json", kept[i].file);
        text = read_file(suite("test_transform"), name, &size);
        assert_int_equal(whi_json_scan(&json, text, size, 2), kept[i].code);
        if (kept[i].code == WH_OK) {
            check_kept(&json, &kept[i]);
        }
        whi_json_free(&json);
    }
}

/* A text broken in one place is judged the same by scan and check, and never read past. */
static void scan_and_check_agree_on_broken_texts(void **state) {
    static const char good[] =
        "{\"a\":[1,-2.5e+3,true,null,\"\\u00e9\\n\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 and more\"],"
        "\"b\":{\"c\":{}, \"d\" : [ ]}}";
    char text[sizeof good];

    (void)state;
    for (int i = 0; i < 20000; i++) {
        size_t size = chance() % sizeof good;
        memcpy(text, good, sizeof good);
        text[chance() % (sizeof good - 1)] = (char)chance();
        judge(text, chance() & 1 ? size : sizeof good - 1);
    }
}

/* ---------------------------------------------------------------------- the sentences */

static void an_error_tells_the_byte_and_what_was_expected(void **state) {
    static const struct {
        const char *text, *sentence;
    } rows[] = {
        { "", "at byte 1: expected a value, found the end" },
        { "tru", "at byte 1: expected a value, found 't'" },
        { "[1", "at byte 3: expected ',' or ']', found the end" },
        { "[1 2]", "at byte 4: expected ',' or ']', found '2'" },
        { "[1,]", "at byte 4: expected a value, found ']'" },
        { "{\"a\" 1}", "at byte 6: expected ':', found '1'" },
        { "{\"a\":1,}", "at byte 8: expected a member's name, found '}'" },
        { "{\"a\":1", "at byte 7: expected ',' or '}', found the end" },
        { "{a:1}", "at byte 2: expected a member's name, found 'a'" },
        { "[01]", "at byte 3: expected ',' or ']', found '1'" },
        { "-", "at byte 2: expected a digit, found the end" },
        { "1.x", "at byte 3: expected a digit, found 'x'" },
        { "1e+", "at byte 4: expected a digit, found the end" },
        { "\"\n\"", "at byte 2: expected no control character in a string, found byte 0x0a" },
        { "\"\\x\"", "at byte 3: expected an escape: one of \" \\ / b f n r t u, found 'x'" },
        { "\"\\u00g0\"", "at byte 6: expected a hexadecimal digit, found 'g'" },
        { "\"\xff\"", "at byte 2: expected UTF-8, found byte 0xff" },
        { "\"\xed\xa0\x80\"", "at byte 2: expected UTF-8, found byte 0xed" },
        { "\"a", "at byte 3: expected '\"', found the end" },
        { "\xef\xbb\xbf{}", "at byte 1: expected a value, found a byte order mark, which JSON has none of" },
        { "\xff\xfe{", "at byte 1: expected a value, found the byte order mark of UTF-16, and JSON is UTF-8" },
        { "\xfe\xff", "at byte 1: expected a value, found the byte order mark of UTF-16, and JSON is UTF-8" },
        { "{\xe2\x80\x9c\x61\xe2\x80\x9d:1}", "at byte 2: expected a member's name, found U+201C" },
        { "{\"a\":\xc2\xa0"
          "1}",
          "at byte 6: expected a value, found U+00A0" },
        { "[\xf0\x9f\x98\x80]", "at byte 2: expected a value, found U+1F600" },
        { "[\xff\xfe]", "at byte 2: expected a value, found byte 0xff" },
        { "{} x", "at byte 4: expected the end, found 'x'" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(whi_json_check(rows[i].text, strlen(rows[i].text), 10), WH_EJSON);
        assert_string_equal(wh_last_error(), rows[i].sentence);
    }
    assert_int_equal(whi_json_check("[[]]", 4, 2), WH_OK);
    assert_int_equal(whi_json_check("[[[", 3, 2), WH_ELIMIT);
    assert_string_equal(wh_last_error(), "at byte 3: nested deeper than the limit of 2");
    assert_int_equal(whi_json_check("1", WHI_JSON_MAXIMUM + 1, 2), WH_ELIMIT);
}

/* --------------------------------------------------------------------------- the tape */

static void members_are_found_by_their_last_name_and_spans_are_bytes(void **state) {
    static const char text[] =
        " { \"a\" : 1.10 , \"b\\u0061\":[ 1 , {} ,\"x\" ], \"a\":\t{ \"k\" : -0 } , \"\":null}\n";
    whi_json json;
    uint32_t a, list;
    size_t size;
    const char *span;

    (void)state;
    scan(&json, text);
    a = whi_json_member(&json, 0, "a", 1);
    span = whi_json_span(&json, a, &size);
    assert_int_equal(size, 12);
    assert_memory_equal(span, "{ \"k\" : -0 }", 12);
    list = whi_json_member(&json, 0, "ba", 2);
    span = whi_json_span(&json, list, &size);
    assert_memory_equal(span, "[ 1 , {} ,\"x\" ]", size);
    assert_int_equal(json.nodes[list].count, 3);
    assert_int_equal(json.nodes[whi_json_item(&json, list, 1)].type, WHI_JSON_OBJECT);
    assert_int_equal(json.nodes[whi_json_item(&json, list, 2)].type, WHI_JSON_STRING);
    assert_int_equal(whi_json_item(&json, list, 3), WHI_JSON_NONE);
    assert_int_equal(whi_json_item(&json, 0, 0), WHI_JSON_NONE);
    assert_int_equal(json.nodes[whi_json_member(&json, 0, "", 0)].type, WHI_JSON_NULL);
    assert_int_equal(whi_json_member(&json, 0, "A", 1), WHI_JSON_NONE);
    assert_int_equal(whi_json_member(&json, 0, "a\0", 2), WHI_JSON_NONE);
    assert_int_equal(whi_json_member(&json, list, "a", 1), WHI_JSON_NONE);
    assert_int_equal(whi_json_member(&json, WHI_JSON_NONE, "a", 1), WHI_JSON_NONE);
    assert_int_equal(whi_json_first(&json, whi_json_item(&json, list, 1)), WHI_JSON_NONE);
    assert_int_equal(whi_json_first(&json, whi_json_item(&json, list, 0)), WHI_JSON_NONE);
    assert_int_equal(whi_json_first(&json, list), list + 1);
    assert_int_equal(json.nodes[0].count, 4);
    whi_json_free(&json);
}

static void strings_are_decoded(void **state) {
    static const struct {
        const char *json, *text;
        size_t size;
    } rows[] = {
        { "\"\"", "", 0 },
        { "\"plain \xc3\xa9\"", "plain \xc3\xa9", 8 },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t", 8 },
        { "\"a\\u0000b\"", "a\0b", 3 },
        { "\"\\u00e9\\u20AC\"", "\xc3\xa9\xe2\x82\xac", 5 },
        { "\"\\ud83d\\ude00!\"", "\xf0\x9f\x98\x80!", 5 },
        { "\"\\udbff\\udfff\"", "\xf4\x8f\xbf\xbf", 4 },
        { "\"\\ud83d\"", "\xef\xbf\xbd", 3 },
        { "\"\\ude00\\ud83d\"", "\xef\xbf\xbd\xef\xbf\xbd", 6 },
        { "\"\\ud83dx\\n\"", "\xef\xbf\xbdx\n", 5 },
        { "\"\\ud83d\\u0041\"",
          "\xef\xbf\xbd"
          "A",
          4 },
    };
    whi_json json;
    whi_buf scratch;
    size_t size;

    (void)state;
    whi_buf_init(&scratch, 1000);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *text;
        scan(&json, rows[i].json);
        text = whi_json_string(&json, 0, &scratch, &size);
        assert_int_equal(size, rows[i].size);
        assert_memory_equal(text, rows[i].text, size);
        assert_true(whi_json_string_is(&json, 0, rows[i].text, rows[i].size));
        assert_false(whi_json_string_is(&json, 0, "nothing of it", 13));
        assert_false(size > 0 && whi_json_string_is(&json, 0, rows[i].text, rows[i].size - 1));
        whi_json_free(&json);
    }
    whi_buf_free(&scratch);
}

/* ---------------------------------------------------------------------------- numbers */

static void integers_are_exact_or_none(void **state) {
    static const struct {
        const char *json;
        int good;
        int64_t value;
    } rows[] = {
        { "0", 1, 0 },
        { "-1", 1, -1 },
        { "9223372036854775807", 1, INT64_MAX },
        { "9223372036854775808", 0, 0 },
        { "-9223372036854775808", 1, INT64_MIN },
        { "-9223372036854775809", 0, 0 },
        { "18446744073709551617", 0, 0 },
        { "99999999999999999999999", 0, 0 },
        { "-0", 0, 0 },
        { "1.0", 0, 0 },
        { "1e3", 0, 0 },
        { "\"1\"", 0, 0 },
        { "null", 0, 0 },
    };
    whi_json json;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scan(&json, rows[i].json);
        assert_int_equal(whi_json_int(&json, 0, &value), rows[i].good);
        assert_true(!rows[i].good || value == rows[i].value);
        whi_json_free(&json);
    }
}

static void a_whole_number_is_one_by_its_value(void **state) {
    static const struct {
        const char *json;
        int good;
        int64_t value;
    } rows[] = {
        { "0", 1, 0 },
        { "-0.0", 1, 0 },
        { "0e5", 1, 0 },
        { "100", 1, 100 },
        { "100.0", 1, 100 },
        { "1e2", 1, 100 },
        { "1.25e2", 1, 125 },
        { "1.25e1", 0, 0 },
        { "12500e-2", 1, 125 },
        { "-2.50E+1", 1, -25 },
        { "9223372036854775807.000", 1, INT64_MAX },
        { "9223372036854775808", 1, INT64_MAX }, /* the nearest */
        { "-1e400", 1, -INT64_MAX },
        { "1e99999999999999999999", 1, INT64_MAX },
        { "0.5", 0, 0 },
        { "1e-1", 0, 0 },
        { "\"1\"", 0, 0 },
    };
    whi_json json;
    int64_t value;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        scan(&json, rows[i].json);
        assert_int_equal(whi_json_whole(&json, 0, &value), rows[i].good);
        assert_true(!rows[i].good || value == rows[i].value);
        whi_json_free(&json);
    }
}

static double double_of(const char *text) {
    whi_json json;
    double value;

    scan(&json, text);
    value = whi_json_double(&json, 0);
    whi_json_free(&json);
    return value;
}

/* head, then so many times digit, then tail */
static double long_double_of(const char *head, char digit, size_t count, const char *tail) {
    char text[2000];

    snprintf(text, sizeof text, "%s", head);
    memset(text + strlen(head), digit, count);
    snprintf(text + strlen(head) + count, sizeof text - strlen(head) - count, "%s", tail);
    return double_of(text);
}

static void doubles_are_the_nearest_however_long_the_text(void **state) {
    (void)state;
    assert_true(double_of("1.5") == 1.5 && double_of("-2.50e-1") == -0.25);
    assert_true(double_of("0") == 0 && !signbit(double_of("0.0")) && signbit(double_of("-0.0e5")));
    assert_true(isinf(double_of("1e400")) && isinf(double_of("-1e99999999999999999999")));
    assert_true(double_of("1e-99999999999999999999") == 0);
    assert_true(double_of("5e-324") == 5e-324 && double_of("1.7976931348623157e308") == 1.7976931348623157e308);
    assert_true(long_double_of("0.", '0', 600, "1e601") == 1);
    assert_true(isinf(long_double_of("1", '0', 600, "")));
    assert_true(long_double_of("1", '0', 600, "e-600") == 1);
    /* half way between two doubles: a digit far behind decides */
    assert_true(long_double_of("9007199254740993.", '0', 1200, "") == 9007199254740992.0);
    assert_true(long_double_of("9007199254740993.", '0', 1200, "1") == 9007199254740994.0);
    assert_true(long_double_of("0.", '9', 1500, "") == 1);
}

static void check_round_trip(double number) {
    whi_buf out;
    int digits;
    char shorter[40];

    whi_buf_init(&out, 100);
    whi_json_write_double(&out, number);
    assert_int_equal(whi_json_check(out.data, out.size, 1), WH_OK);
    assert_true(double_of(out.data) == number);
    for (digits = 1; digits <= 17; digits++) {
        snprintf(shorter, sizeof shorter, "%.*g", digits, number);
        if (double_of(shorter) == number) {
            break;
        }
    }
    assert_true(out.size <= strlen(shorter));
    whi_buf_free(&out);
}

static void doubles_are_written_with_the_fewest_digits(void **state) {
    static const struct {
        double number;
        const char *text;
    } rows[] = { { 1.5, "1.5" },  { 1e300, "1e+300" },  { 0.1, "0.1" },
                 { -0.0, "-0" },  { 5e-324, "5e-324" }, { 3, "3" },
                 { NAN, "null" }, { INFINITY, "null" }, { 0.1 + 0.2, "0.30000000000000004" } };
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 100);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        whi_buf_clear(&out);
        whi_json_write_double(&out, rows[i].number);
        assert_string_equal(out.data, rows[i].text);
    }
    whi_buf_free(&out);
    for (int i = 0; i < 20000; i++) {
        uint64_t bits = chance();
        double number;
        memcpy(&number, &bits, sizeof number);
        if (isfinite(number)) {
            check_round_trip(number);
        }
        check_round_trip((double)(int64_t)(chance() % 2000000) / 100);
    }
}

static void the_locale_changes_nothing(void **state) {
    whi_buf out;

    (void)state;
    tongue_speak("de_DE.UTF-8");
    whi_buf_init(&out, 100);
    whi_json_write_double(&out, -1234.5);
    assert_string_equal(out.data, "-1234.5");
    assert_true(double_of("-1234.5e1") == -12345.0 && double_of("0.25") == 0.25);
    whi_buf_free(&out);
    tongue_speak("C");
}

/* --------------------------------------------------------------------------- equality */

static int equal(const char *a, const char *b) {
    whi_json x, y;
    int there, back;

    scan(&x, a);
    scan(&y, b);
    there = whi_json_equal(&x, 0, &y, 0);
    back = whi_json_equal(&y, 0, &x, 0);
    whi_json_free(&x);
    whi_json_free(&y);
    assert_int_equal(there, back);
    return there;
}

static void numbers_are_equal_by_value(void **state) {
    static const char *const same[][2] = {
        { "1.0", "1" },
        { "1e2", "100" },
        { "0.1", "0.10" },
        { "-0", "0" },
        { "0e99", "0.000" },
        { "12e-1", "1.2" },
        { "1.20e1", "12" },
        { "100e-2", "1" },
        { "0.001", "1e-3" },
        { "1E+3", "1000.0" },
        { "-1.5", "-15e-1" },
        { "10e999999999999", "1e1000000000000" },
        { "0.1e-999999999999", "1e-1000000000000" },
        { "123456789012345678901234567890", "123456789012345678901234567890.0" },
    };
    static const char *const other[][2] = {
        { "1", "-1" },
        { "1", "2" },
        { "1", "10" },
        { "0", "1" },
        { "0.1", "0.01" },
        { "12", "1.2" },
        { "1", "\"1\"" },
        { "1e1000000000000", "1e1000000000001" },
        { "1e1000000000000", "1e10000000000000" },
        { "1e1000000000000", "1e-1000000000000" },
        { "123456789012345678901234567890", "123456789012345678901234567891" },
        { "9007199254740993", "9007199254740992" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof same / sizeof same[0]; i++) {
        assert_true(equal(same[i][0], same[i][1]));
    }
    for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
        assert_false(equal(other[i][0], other[i][1]));
    }
}

static void values_are_equal_by_what_they_mean(void **state) {
    (void)state;
    assert_true(equal("{\"a\":1,\"b\":[true,null]}", "{ \"b\":[true, null], \"\\u0061\": 1.0 }"));
    assert_true(equal("{\"a\":1,\"a\":2}", "{\"a\":2}"));
    assert_true(equal("{\"a\":1,\"a\":2}", "{\"a\":3,\"a\":4,\"a\":2}"));
    assert_false(equal("{\"a\":1,\"a\":2}", "{\"a\":1}"));
    assert_false(equal("{\"a\":1}", "{\"a\":1,\"b\":1}"));
    assert_false(equal("[1,2]", "[2,1]"));
    assert_false(equal("[1]", "[1,1]"));
    assert_false(equal("{}", "[]"));
    assert_false(equal("true", "false"));
    assert_true(equal("\"\\u00e9\\ud83d\\ude00\"", "\"\xc3\xa9\\uD83D\\uDE00\""));
    assert_true(equal("\"a\\u0000b\"", "\"\\u0061\\u0000\\u0062\""));
    assert_false(equal("\"a\\u0000b\"", "\"a\\u0000c\""));
    assert_false(equal("\"ab\\n\"", "\"ab\""));
}

/* Comparing both ways at each level would take 2^90 steps. */
static void deep_objects_are_compared_in_good_time(void **state) {
    char text[1000] = "";
    size_t used = 0;

    (void)state;
    for (int i = 0; i < 90; i++) {
        used += (size_t)snprintf(text + used, sizeof text - used, "{\"a\":");
    }
    text[used++] = '1';
    memset(text + used, '}', 90);
    assert_true(equal(text, text));
}

/* ---------------------------------------------------------------------------- writing */

static void depth_and_number_of_values_are_told_and_limited(void **state) {
    whi_json json = { 0 };

    (void)state;
    scan(&json, "{\"a\":[1,[2,[]],{}],\"b\":3}");
    assert_int_equal(json.depth, 4);
    assert_true(whi_json_is_deeper(&json, 0, 3) && !whi_json_is_deeper(&json, 0, 4));
    assert_true(whi_json_is_deeper(&json, 2, 2) && !whi_json_is_deeper(&json, 2, 3));
    assert_false(whi_json_is_deeper(&json, 3, 0)); /* 1 */
    assert_true(whi_json_is_deeper(&json, 7, 0) && !whi_json_is_deeper(&json, 7, 1));
    whi_json_free(&json);
    scan(&json, "3");
    assert_int_equal(json.depth, 0);
    whi_json_free(&json);

    json.maximum = 100;
    for (int count = 98; count < 102; count++) { /* and the array itself */
        char text[256] = "[";
        for (int i = 0; i < count; i++) {
            memcpy(text + 1 + 2 * i, "0,", 2);
        }
        text[2 * count] = ']';
        assert_int_equal(whi_json_scan(&json, text, (size_t)(2 * count + 1), 8), count < 100 ? WH_OK : WH_ELIMIT);
        assert_true(json.capacity <= 100);
    }
    whi_json_free(&json);
}

static void written_strings_are_json_that_reads_back_the_same(void **state) {
    static const char text[] = "\"\\/\b\f\n\r\t\x01\x1f\x7f \xc3\xa9\xf0\x9f\x98\x80\0end";
    whi_json json;
    whi_buf out, scratch;
    const char *back;
    size_t size;

    (void)state;
    whi_buf_init(&out, 1000);
    whi_buf_init(&scratch, 1000);
    whi_json_write_string(&out, text, sizeof text - 1);
    assert_string_equal(out.data, "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f \xc3\xa9\xf0\x9f\x98\x80\\u0000end\"");
    scan(&json, out.data);
    back = whi_json_string(&json, 0, &scratch, &size);
    assert_int_equal(size, sizeof text - 1);
    assert_memory_equal(back, text, size);
    whi_json_free(&json);
    whi_buf_clear(&out);
    whi_json_write_string(&out, "a\xff\xed\xa0\x80z\xc3", 7);
    assert_string_equal(out.data, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\xef\xbf\xbd\"");
    whi_buf_clear(&out);
    whi_buf_char(&out, '{');
    whi_json_write_name(&out, "a");
    whi_buf_char(&out, '1');
    whi_json_write_name(&out, "b\"");
    assert_string_equal(out.data, "{\"a\":1,\"b\\\"\":");
    whi_buf_free(&out);
    whi_buf_free(&scratch);
}

/* ----------------------------------------------------------------------------- memory */

static void no_memory_is_told_and_the_tape_can_be_used_again(void **state) {
    char text[2000];
    whi_json json = { 0 };
    int failed = 1;

    (void)state;
    memset(text, '[', 300);
    memset(text + 300, ']', 300);
    for (long n = 0; failed; n++) {
        int code;
        fault_set(n);
        code = whi_json_scan(&json, text, 600, 300);
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        assert_int_equal(json.count, failed ? 0 : 300);
    }
    fault_set(0);
    assert_int_equal(whi_json_scan(&json, "[1]", 3, 300), WH_OK);
    assert_int_equal(fault_clear(), 0);
    whi_json_free(&json);
}

static void a_string_without_memory_is_null(void **state) {
    whi_buf scratch;
    whi_json json;
    size_t size;

    (void)state;
    scan(&json, "\"a\\n\"");
    whi_buf_init(&scratch, 100);
    fault_set(0);
    assert_null(whi_json_string(&json, 0, &scratch, &size));
    assert_int_equal(fault_clear(), 1);
    assert_memory_equal(whi_json_string(&json, 0, &scratch, &size), "a\n", 2);
    whi_buf_free(&scratch);
    whi_json_free(&json);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_json_test_suite_is_judged_as_it_says),
        cmocka_unit_test(what_other_readers_change_is_kept),
        cmocka_unit_test(scan_and_check_agree_on_broken_texts),
        cmocka_unit_test(an_error_tells_the_byte_and_what_was_expected),
        cmocka_unit_test(members_are_found_by_their_last_name_and_spans_are_bytes),
        cmocka_unit_test(strings_are_decoded),
        cmocka_unit_test(integers_are_exact_or_none),
        cmocka_unit_test(a_whole_number_is_one_by_its_value),
        cmocka_unit_test(doubles_are_the_nearest_however_long_the_text),
        cmocka_unit_test(doubles_are_written_with_the_fewest_digits),
        cmocka_unit_test(the_locale_changes_nothing),
        cmocka_unit_test(numbers_are_equal_by_value),
        cmocka_unit_test(values_are_equal_by_what_they_mean),
        cmocka_unit_test(deep_objects_are_compared_in_good_time),
        cmocka_unit_test(depth_and_number_of_values_are_told_and_limited),
        cmocka_unit_test(written_strings_are_json_that_reads_back_the_same),
        cmocka_unit_test(no_memory_is_told_and_the_tape_can_be_used_again),
        cmocka_unit_test(a_string_without_memory_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
