/* Numbers and their texts: the short way gives what the C library gives. */
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"
#include "pure/json.h"
#include "webhook.h"

static uint64_t chance_state = 88172645463325252u;

/* xorshift64: http://www.jstatsoft.org/v08/i14 */
static uint64_t chance(void) {
    chance_state ^= chance_state << 13;
    chance_state ^= chance_state >> 7;
    chance_state ^= chance_state << 17;
    return chance_state;
}

/* printf's text with the fewest digits that are read as the number, DBL_DIG or more of one that is not tiny. */
static void check_text(double number) {
    char text[40], expected[40];

    for (int digits = fabs(number) < DBL_MIN ? 1 : DBL_DIG; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(expected, sizeof expected, "%.*g", digits, number);
        if (strtod(expected, NULL) == number) {
            break;
        }
    }
    whi_number_write_shortest(text, sizeof text, number);
    assert_string_equal(text, expected);
}

/* The number so many doubles further from zero. */
static double neighbour(double number, int steps) {
    uint64_t bits;

    memcpy(&bits, &number, sizeof bits);
    bits += (uint64_t)steps;
    memcpy(&number, &bits, sizeof bits);
    return number;
}

static void check_around(double number) {
    check_text(number);
    check_text(-number);
    check_text(neighbour(number, 1));
    if (number > 0) {
        check_text(neighbour(number, -1));
    }
}

static void texts_at_the_edges_are_those_of_printf(void **state) {
    static const double edges[] = { 1e-4,  1e-5,         1e14, 1e15, 1e16, 999999999999999.0, 999999999999999.9,
                                    1e22,  1e23,         0.5,  0.3,  1e-7, 123456789012345.0, 99999999999999.95,
                                    0.1,   9999999999.5, 1,    5,    1.1,  0.00012345,        9007199254740993.0,
                                    1e300, 100,          0 };

    (void)state;
    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        check_around(edges[i]);
    }
}

static void drawn_doubles_are_written_as_by_printf(void **state) {
    (void)state;
    for (int i = 0; i < 20000; i++) {
        double whole = (double)(chance() >> chance() % 64), power = 1, number;
        uint64_t bits = chance();
        memcpy(&number, &bits, sizeof number);
        check_text(whole);
        for (uint64_t tens = chance() % 24; tens > 0; tens--) {
            power *= 10;
        }
        check_around(whole / power);
        if (isfinite(number)) {
            check_text(number);
        }
    }
}

static double read_json(const char *text) {
    whi_json json = { 0 };
    double number;

    assert_int_equal(whi_json_scan(&json, text, strlen(text), 1), WH_OK);
    number = whi_json_double(&json, 0);
    whi_json_free(&json);
    return number;
}

static size_t draw_digits(char *out, size_t count) {
    for (size_t i = 0; i < count; i++) {
        out[i] = (char)('0' + chance() % 10);
    }
    return count;
}

static void drawn_texts_are_read_as_by_strtod(void **state) {
    (void)state;
    for (int i = 0; i < 50000; i++) {
        char text[80] = "-";
        size_t used = chance() % 2;
        text[used++] = (char)('1' + chance() % 9);
        used += draw_digits(text + used, chance() % 20);
        if (chance() % 2) {
            text[used++] = '.';
            used += draw_digits(text + used, 1 + chance() % 8);
        }
        text[used] = '\0';
        if (chance() % 2) {
            snprintf(text + used, sizeof text - used, "e%d", (int)(chance() % 60) - 30);
        }
        assert_true(read_json(text) == strtod(text, NULL));
    }
}

/* 2^53 and 10^22 are the last that are exact, so one more is left to strtod. */
static void what_takes_more_than_one_step_is_refused(void **state) {
    double number;

    (void)state;
    assert_true(whi_number_make(INT64_C(1) << 53, 22, &number) && number == 9007199254740992e22);
    assert_true(whi_number_make(-(INT64_C(1) << 53), -22, &number) && number == -9007199254740992e-22);
    assert_false(whi_number_make((INT64_C(1) << 53) + 1, 0, &number));
    assert_false(whi_number_make(-(INT64_C(1) << 53) - 1, 0, &number));
    assert_false(whi_number_make(1, 23, &number));
    assert_false(whi_number_make(1, -23, &number));
    assert_false(whi_number_make(1, INT64_MIN, &number));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_at_the_edges_are_those_of_printf),
        cmocka_unit_test(drawn_doubles_are_written_as_by_printf),
        cmocka_unit_test(drawn_texts_are_read_as_by_strtod),
        cmocka_unit_test(what_takes_more_than_one_step_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
