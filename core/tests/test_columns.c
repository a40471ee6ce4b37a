#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"
#include "pure/columns.h"
#include "webhook.h"

static const whi_column_rules narrow = { .bytes = 63, .whole = 131072, .fraction = 16383 };
static const whi_column_rules basic = {
    .letters = 64, .is_basic = 1, .folds = 1, .has_zero = 1, .whole = 35, .fraction = 30
};

static const char *name_of(const whi_column_rules *rules, const char *text, size_t size, const char *word, int apart) {
    static char names[4][WHI_COLUMN_SIZE];
    static int at;
    char *out = names[at++ % 4];

    whi_column_name(out, rules, text, size, word, apart);
    return out;
}

static const char *plain(const whi_column_rules *rules, const char *text) {
    return name_of(rules, text, strlen(text), NULL, 0);
}

static void a_name_that_does_stays(void **state) {
    static const char *const names[] = {
        "name", "first name", "a\"b", "a`b", "\xc3\xa4", "select", "A", "a_", "1", "%s"
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_string_equal(plain(&narrow, names[i]), names[i]);
        assert_string_equal(plain(&basic, names[i]), names[i]);
    }
}

static void a_name_that_does_not_gets_a_hash(void **state) {
    (void)state;
    assert_string_equal(plain(&narrow, "_raw"), "field_raw_4930dd861f");
    assert_int_equal(strncmp(plain(&narrow, "__proto__"), "field__proto___", 15), 0);
    assert_int_equal(strncmp(plain(&narrow, ""), "field_", 6), 0);
    assert_int_equal(strncmp(name_of(&narrow, "a\0b", 3, NULL, 0), "a_b_", 4), 0);
    assert_int_equal(strncmp(plain(&basic, "a "), "a__", 3), 0);
    assert_string_equal(plain(&narrow, "a "), "a ");
    assert_int_equal(strncmp(plain(&basic, " "), "field__", 7), 0); /* not "_": those are the engine's */
    assert_int_equal(strncmp(plain(&basic, "\xf0\x9f\x98\x80"), "field__", 7), 0);
    assert_string_equal(plain(&narrow, "\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
    assert_int_equal(strncmp(plain(&narrow, "a\xff"), "a__", 3), 0);
}

static void fields_that_were_cut_stay_two(void **state) {
    char one[200], other[200];

    (void)state;
    memset(one, 'x', sizeof one);
    memcpy(other, one, sizeof one);
    other[199] = 'y';
    assert_string_not_equal(name_of(&narrow, one, 200, NULL, 0), name_of(&narrow, other, 200, NULL, 0));
    assert_int_equal(strlen(name_of(&narrow, one, 200, NULL, 0)), 63);
    assert_int_equal(strlen(name_of(&narrow, one, 200, "boolean", 0)), 63);
    assert_int_equal(strlen(name_of(&narrow, one, 63, NULL, 0)), 63);
    assert_string_equal(name_of(&narrow, one, 63, NULL, 0) + 60, "xxx");
    assert_int_equal(strlen(name_of(&basic, one, 65, NULL, 0)), 64);
}

static void letters_are_not_cut_in_two(void **state) {
    char text[128], name[WHI_COLUMN_SIZE];

    (void)state;
    for (size_t shift = 0; shift < 4; shift++) {
        memset(text, 'a', sizeof text);
        for (size_t i = shift; i + 4 <= sizeof text; i += 4) {
            memcpy(text + i, "\xf0\x9f\x98\x80", 4);
        }
        whi_column_name(name, &narrow, text, shift + (sizeof text - shift) / 4 * 4, NULL, 0);
        assert_true(whi_utf8_check(name, strlen(name)));
        assert_true(strlen(name) <= 63);
    }
}

static void a_word_and_being_apart_are_told_in_the_name(void **state) {
    (void)state;
    assert_string_equal(name_of(&narrow, "size", 4, "text", 0), "size_text");
    assert_string_equal(name_of(&narrow, "size", 4, NULL, 1), "size_ccdcbe846f");
    assert_string_not_equal(name_of(&basic, "Size", 4, NULL, 1), name_of(&basic, "size", 4, NULL, 1));
    assert_int_equal(strncmp(name_of(&narrow, "size", 4, "text", 1), "size_text_", 10), 0);
}

static void a_table_is_the_prefix_and_the_type(void **state) {
    static const whi_column_rules system = { .bytes = 200, .system = "sqlite_" };
    char name[WHI_COLUMN_SIZE];

    (void)state;
    whi_column_table(name, &narrow, "p_", "crm_contact");
    assert_string_equal(name, "p_crm_contact");
    whi_column_table(name, &narrow, NULL, "_x");
    assert_string_equal(name, "_x");
    whi_column_table(name, &system, NULL, "SQLite_master");
    assert_int_equal(strncmp(name, "table_SQLite_master_", 20), 0);
    whi_column_table(name, &system, NULL, "sqlite\x01master");
    assert_int_equal(strncmp(name, "table_sqlite_master_", 20), 0);
    whi_column_table(name, &narrow, NULL, "");
    assert_int_equal(strncmp(name, "table_", 6), 0);
}

static int kind_of(const whi_column_rules *rules, const char *text) {
    whi_json json = { 0 };
    int kind;

    assert_int_equal(whi_json_scan(&json, text, strlen(text), 10), WH_OK);
    kind = whi_column_kind_of(rules, &json, 0);
    whi_json_free(&json);
    return kind;
}

static void values_have_kinds(void **state) {
    static const struct {
        const char *text;
        int narrow, basic;
    } rows[] = {
        { "null", WHI_COLUMN_NONE, WHI_COLUMN_NONE },
        { "true", WHI_COLUMN_BOOLEAN, WHI_COLUMN_BOOLEAN },
        { "\"a\"", WHI_COLUMN_TEXT, WHI_COLUMN_TEXT },
        { "\"a\\u0000\"", WHI_COLUMN_JSON, WHI_COLUMN_TEXT },
        { "\"a\\\\u0000\"", WHI_COLUMN_TEXT, WHI_COLUMN_TEXT },
        { "[1]", WHI_COLUMN_JSON, WHI_COLUMN_JSON },
        { "{}", WHI_COLUMN_JSON, WHI_COLUMN_JSON },
        { "1", WHI_COLUMN_INTEGER, WHI_COLUMN_INTEGER },
        { "-9223372036854775808", WHI_COLUMN_INTEGER, WHI_COLUMN_INTEGER },
        { "9223372036854775808", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "1.10", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "-0", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "0e999999999999", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "1e34", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "1e35", WHI_COLUMN_DECIMAL, WHI_COLUMN_TEXT },
        { "12345678901234567890123456789012345", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "123456789012345678901234567890123456", WHI_COLUMN_DECIMAL, WHI_COLUMN_TEXT },
        { "1e-30", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "1e-31", WHI_COLUMN_DECIMAL, WHI_COLUMN_TEXT },
        { "0.1e-29", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "0.1e-30", WHI_COLUMN_DECIMAL, WHI_COLUMN_TEXT },
        { "100000e-31", WHI_COLUMN_DECIMAL, WHI_COLUMN_DECIMAL },
        { "1e131071", WHI_COLUMN_DECIMAL, WHI_COLUMN_TEXT },
        { "1e131072", WHI_COLUMN_TEXT, WHI_COLUMN_TEXT },
        { "-1e400000", WHI_COLUMN_TEXT, WHI_COLUMN_TEXT },
        { "1e99999999999999999999", WHI_COLUMN_TEXT, WHI_COLUMN_TEXT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (kind_of(&narrow, rows[i].text) != rows[i].narrow || kind_of(&basic, rows[i].text) != rows[i].basic) {
            fail_msg("%s is of kind %d and %d", rows[i].text, kind_of(&narrow, rows[i].text),
                     kind_of(&basic, rows[i].text));
        }
    }
}

static void a_column_takes_what_loses_nothing(void **state) {
    (void)state;
    for (int kind = 0; kind < WHI_COLUMN_KINDS; kind++) {
        assert_true(whi_column_takes(kind, kind));
        assert_true(whi_column_takes(WHI_COLUMN_OTHER, kind));
    }
    assert_true(whi_column_takes(WHI_COLUMN_DECIMAL, WHI_COLUMN_INTEGER));
    assert_false(whi_column_takes(WHI_COLUMN_INTEGER, WHI_COLUMN_DECIMAL));
    assert_false(whi_column_takes(WHI_COLUMN_TEXT, WHI_COLUMN_INTEGER));
    assert_false(whi_column_takes(WHI_COLUMN_INTEGER, WHI_COLUMN_BOOLEAN));
    assert_true(whi_column_takes(WHI_COLUMN_TEXT, WHI_COLUMN_TIME));
    assert_false(whi_column_takes(WHI_COLUMN_TIME, WHI_COLUMN_TEXT));
}

static void a_time_has_a_date_a_time_and_an_offset(void **state) {
    static const char *const times[] = { "2026-11-21T10:00:00Z", "2026-11-21T10:00:00.123456789Z",
                                         "2026-11-21T10:00:00+01:00", "2026-11-21T10:00:00.5-11:30" };
    static const char *const others[] = { "",
                                          "2026-11-21",
                                          "2026-11-21T10:00:00",
                                          "2026-11-21 10:00:00Z",
                                          "1700000000000",
                                          "2026-13-21T10:00:00Z",
                                          "2026-02-30T10:00:00Z",
                                          "2026-11-21T10:00:00.Z",
                                          "2026-11-21T10:00:00Zx",
                                          "0000-01-01T00:00:00Z",
                                          "2026-11-21T10:00:00+0100",
                                          "2026-11-21T10:00:00.12345678901234567890123456789012345Z" };
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        assert_true(whi_column_time(times[i], strlen(times[i]), &ms));
    }
    assert_true(whi_column_time(times[2], strlen(times[2]), &ms));
    assert_int_equal(ms, INT64_C(1795251600000));
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (whi_column_time(others[i], strlen(others[i]), &ms)) {
            fail_msg("'%s' is taken for a time", others[i]);
        }
    }
    assert_false(whi_column_time("2026-11-21T10:00:00Z\0", 21, &ms));
    assert_true(whi_column_may_be_time("made_at", 7));
    assert_false(whi_column_may_be_time("_at", 3));
    assert_false(whi_column_may_be_time("made", 4));
}

static void names_are_the_same_as_the_database_has_it(void **state) {
    (void)state;
    assert_true(whi_column_is_same(&basic, "Id", "id"));
    assert_false(whi_column_is_same(&narrow, "Id", "id"));
    assert_false(whi_column_is_same(&basic, "id", "ids"));
    assert_string_equal(whi_column_word(WHI_COLUMN_JSON), "json");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_does_stays),
        cmocka_unit_test(a_name_that_does_not_gets_a_hash),
        cmocka_unit_test(fields_that_were_cut_stay_two),
        cmocka_unit_test(letters_are_not_cut_in_two),
        cmocka_unit_test(a_word_and_being_apart_are_told_in_the_name),
        cmocka_unit_test(a_table_is_the_prefix_and_the_type),
        cmocka_unit_test(values_have_kinds),
        cmocka_unit_test(a_column_takes_what_loses_nothing),
        cmocka_unit_test(a_time_has_a_date_a_time_and_an_offset),
        cmocka_unit_test(names_are_the_same_as_the_database_has_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
