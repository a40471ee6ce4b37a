#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hex.h"
#include "pure/hmac.h"

static void assert_mac(EVP_MAC_CTX *mac, const char *text, const char *expected) {
    uint8_t bytes[64];
    char found[WHI_HEX_SIZE(64)];
    size_t size;

    assert_non_null(mac);
    assert_int_equal(EVP_MAC_update(mac, (const uint8_t *)text, strlen(text)), 1);
    assert_int_equal(EVP_MAC_final(mac, bytes, &size, sizeof bytes), 1);
    whi_hex_write(bytes, size, found);
    assert_string_equal(found, expected);
}

/* RFC 2202 and RFC 4231, the second case of each. */
static void it_is_that_of_the_standards(void **state) {
    static const char text[] = "what do ya want for nothing?";
    EVP_MAC_CTX *sha1 = whi_hmac_new("SHA1", "Jefe", 4), *sha256 = whi_hmac_new("SHA256", "Jefe", 4);

    (void)state;
    assert_mac(sha1, text, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79");
    assert_mac(sha256, text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_int_equal(EVP_MAC_init(sha256, NULL, 0, NULL), 1);
    assert_mac(sha256, text, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EVP_MAC_CTX_free(sha1);
    EVP_MAC_CTX_free(sha256);
}

static void a_digest_that_is_none_gives_nothing(void **state) {
    (void)state;
    assert_null(whi_hmac_new("SHA0815", "Jefe", 4));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_that_of_the_standards),
        cmocka_unit_test(a_digest_that_is_none_gives_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
