/* The number of an ordered request, as its receiver reads it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "webhook.h"

static int read_one(const char *value, int64_t *out) {
    wh_header headers[] = { { "webhook-id", "msg_1" }, { "Webhook-Sequence", value } };

    return wh_sequence(headers, 2, out);
}

static void a_number_is_read_in_full(void **state) {
    static const struct {
        const char *text;
        int64_t number;
    } cases[] = {
        { "1", 1 },
        { "9007199254740993", INT64_C(9007199254740993) },
        { "381304971264000001", INT64_C(381304971264000001) },
        { "9223372036854775807", INT64_MAX },
    };
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        number = -1;
        assert_int_equal(read_one(cases[i].text, &number), WH_OK);
        assert_true(number == cases[i].number);
    }
}

static void a_request_without_one_has_none(void **state) {
    wh_header headers[] = {
        { "webhook-id", "1" }, { "webhook-sequences", "1" }, { NULL, "1" }, { "webhook-sequence", NULL }
    };
    int64_t number = -1;

    (void)state;
    assert_int_equal(wh_sequence(headers, 4, &number), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header webhook-sequence: missing");
    assert_true(number == 0);
    number = -1;
    assert_int_equal(wh_sequence(NULL, 0, &number), WH_ESIG_HEADER);
    assert_true(number == 0);
}

static void what_is_no_number_is_a_format_error(void **state) {
    static const char *const wrong[] = {
        "",
        "0",
        "-1",
        "+1",
        " ",
        "1 1",
        "1\n",
        "01",
        "1.0",
        "1e3",
        "0x1",
        "1,2",
        "a",
        "9223372036854775808",
        "18446744073709551617",
        "10000000000000000000",
        "99999999999999999999999999",
    };
    int64_t number;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        number = -1;
        assert_int_equal(read_one(wrong[i], &number), WH_ESIG_FORMAT);
        assert_true(number == 0);
    }
}

static void blanks_around_it_are_no_part_of_it(void **state) {
    int64_t number;

    (void)state;
    assert_int_equal(read_one("\t 17 \t", &number), WH_OK);
    assert_true(number == 17);
}

/* Whoever reads the other one would keep another order. */
static void a_second_one_is_a_format_error(void **state) {
    wh_header headers[] = { { "webhook-sequence", "7" }, { "WEBHOOK-SEQUENCE", "7" } };
    int64_t number = -1;

    (void)state;
    assert_int_equal(wh_sequence(headers, 2, &number), WH_ESIG_FORMAT);
    assert_true(number == 0);
}

static void a_wrong_call_is_told(void **state) {
    wh_header header = { "webhook-sequence", "7" };
    int64_t number;

    (void)state;
    assert_int_equal(wh_sequence(&header, 1, NULL), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "out");
    assert_int_equal(wh_sequence(NULL, 1, &number), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "headers");
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_number_is_read_in_full),
        cmocka_unit_test(a_request_without_one_has_none),
        cmocka_unit_test(what_is_no_number_is_a_format_error),
        cmocka_unit_test(blanks_around_it_are_no_part_of_it),
        cmocka_unit_test(a_second_one_is_a_format_error),
        cmocka_unit_test(a_wrong_call_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
