#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"

static void bytes_become_small_digits_and_come_back(void **state) {
    uint8_t bytes[256], again[256];
    char text[WHI_HEX_SIZE(256)];

    (void)state;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    whi_hex_write(bytes, sizeof bytes, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102030405060708090a0b0c0d0e0f10", 34);
    assert_string_equal(text + 506, "fdfeff");
    assert_true(whi_hex_read(text, sizeof again, again));
    assert_memory_equal(again, bytes, sizeof bytes);
    whi_hex_write(bytes, 0, text);
    assert_string_equal(text, "");
}

static void either_case_is_read_and_nothing_else(void **state) {
    uint8_t out[2];

    (void)state;
    assert_true(whi_hex_read("aBCd", 2, out));
    assert_int_equal(out[0] << 8 | out[1], 0xabcd);
    assert_false(whi_hex_read("0g", 1, out));
    assert_false(whi_hex_read("g0", 1, out));
    assert_false(whi_hex_read("0", 1, out)); /* its zero byte is no digit */
    for (int c = -128; c < 128; c++) {
        int is_digit = c > 0 && strchr("0123456789abcdefABCDEF", c) != NULL;
        assert_int_equal(whi_hex_digit((char)c) >= 0, is_digit);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_small_digits_and_come_back),
        cmocka_unit_test(either_case_is_read_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
