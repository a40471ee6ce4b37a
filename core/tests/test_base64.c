#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/base64.h"
#include "webhook.h"

static void that_of_rfc_4648_comes_out_and_goes_in(void **state) {
    static const char *const vectors[][2] = { { "", "" },
                                              { "f", "Zg==" },
                                              { "fo", "Zm8=" },
                                              { "foo", "Zm9v" },
                                              { "foob", "Zm9vYg==" },
                                              { "fooba", "Zm9vYmE=" },
                                              { "foobar", "Zm9vYmFy" } };
    char text[16];
    uint8_t bytes[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
        size_t plain = strlen(vectors[i][0]), letters = strlen(vectors[i][1]);

        assert_int_equal(whi_base64_encode(vectors[i][0], plain, text), letters);
        assert_string_equal(text, vectors[i][1]);
        assert_int_equal(whi_base64_decode(vectors[i][1], letters, bytes, sizeof bytes, &size), WH_OK);
        assert_int_equal(size, plain);
        assert_memory_equal(bytes, vectors[i][0], plain);
    }
}

static void every_byte_value_comes_back(void **state) {
    uint8_t bytes[256], back[256];
    char text[WHI_BASE64_SIZE(256) + 1];
    size_t size;

    (void)state;
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)(i * 167 + 13);
    }
    for (size_t length = 0; length <= sizeof bytes; length++) {
        size_t letters = whi_base64_encode(bytes, length, text);

        assert_int_equal(letters, WHI_BASE64_SIZE(length));
        assert_int_equal(whi_base64_decode(text, letters, back, length, &size), WH_OK);
        assert_int_equal(size, length);
        assert_memory_equal(back, bytes, length);
    }
}

static void what_is_not_the_one_text_of_its_bytes_is_refused(void **state) {
    static const char *const wrong[] = { "Z",    "Zg",       "Zg=",  "Zh==",   "Zm9=",  "=",    "==",   "====",
                                         "Z===", "Zg==Zg==", "Zm 9", "Zm9v\n", " Zm9v", "Zm9-", "Zm9_", "Zm\x80v" };
    uint8_t bytes[16];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(whi_base64_decode(wrong[i], strlen(wrong[i]), bytes, sizeof bytes, &size), WH_EINVALID);
    }
    assert_int_equal(whi_base64_decode("Zm9v", 4, bytes, 2, &size), WH_EINVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(that_of_rfc_4648_comes_out_and_goes_in),
        cmocka_unit_test(every_byte_value_comes_back),
        cmocka_unit_test(what_is_not_the_one_text_of_its_bytes_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
