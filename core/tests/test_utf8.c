#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/utf8.h"

static void every_code_point_is_written_and_read(void **state) {
    (void)state;
    for (uint32_t point = 0; point <= 0x10ffff; point++) {
        char text[4];
        size_t size = whi_utf8_write(point, text);
        int is_surrogate = point >= 0xd800 && point <= 0xdfff;
        assert_int_equal(size, point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4);
        assert_int_equal(whi_utf8_check(text, size), !is_surrogate);
        if (size > 1 && !is_surrogate) {
            assert_int_equal(whi_utf8_length((const unsigned char *)text, size), size);
            assert_int_equal(whi_utf8_length((const unsigned char *)text, size - 1), 0);
            assert_false(whi_utf8_check(text, size - 1));
            assert_int_equal(whi_utf8_read((const unsigned char *)text), point);
        }
    }
}

static void what_the_standard_forbids_is_refused(void **state) {
    static const char *const wrong[] = {
        "\x80", /* nothing that it follows */
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf", /* overlong */
        "\xe0\x9f\xbf",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80", /* the last: a surrogate */
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xff", /* beyond U+10FFFF */
        "\xc3(",
        "\xe2\x82(",
        "\xf0\x9f\x98(", /* cut by a letter */
        "a\xc3",
        "\xe2\x82",
        "\xf0\x9f\x98", /* cut by the end */
    };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_false(whi_utf8_check(wrong[i], strlen(wrong[i])));
    }
    assert_true(whi_utf8_check("", 0));
    assert_true(whi_utf8_check("a\0b", 3));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_written_and_read),
        cmocka_unit_test(what_the_standard_forbids_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
