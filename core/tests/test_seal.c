/* Sealing: key files, sealed texts, documents. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/mem.h"
#include "fault.h"
#include "pure/seal_document.h"

#define KEY "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=" /* 00 01 ... 1f */
#define OTHER "//////////////////////////////////////////8="
#define PLACE "subscription 5 version 3 secrets"
#define SECRETS "[\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]"
/* What Python's cryptography makes of it with the nonce 64 65 ... 6f. */
#define SEALED                                                                                                         \
    "seal:1:k1:ZGVmZ2hpamtsbW5vEzmpDgqMNcFzBBS54xdSugmbd3jfG5kn95WUAbfz/wH72wyhAHPIc9+uqVmNcRXZdfCIwpV/gp2/Gw=="

static const uint8_t nonces[WHI_SECRET_MEMBERS][WHI_SEAL_NONCE] = { "defghijklmno", "pqrstuvwxyz!", "bcdefghijklm" };

static whi_keyring keys_of(const char *text) {
    whi_keyring keys;

    assert_int_equal(whi_keyring_read(&keys, text, strlen(text)), WH_OK);
    return keys;
}

static void refuse(const char *text, size_t size, const char *line) {
    whi_keyring keys;

    assert_int_equal(whi_keyring_read(&keys, text, size), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "key_file");
    assert_non_null(strstr(wh_last_error(), line));
    assert_null(strstr(wh_last_error(), "AAEC"));
    assert_int_equal(keys.count, 0);
}

/* --------------------------------------------------------------------------- key files */

static void a_key_file_has_a_key_a_line_and_words_about_them(void **state) {
    whi_keyring keys = keys_of("# ours\n\n  new.key_1-a \t" KEY "\r\n\t# old\nold " OTHER);

    (void)state;
    assert_int_equal(keys.count, 2);
    assert_string_equal(keys.keys[0].id, "new.key_1-a");
    assert_string_equal(keys.keys[1].id, "old");
    assert_int_equal(keys.keys[0].bytes[31], 31);
    assert_int_equal(keys.keys[1].bytes[31], 255);
    assert_ptr_equal(whi_keyring_find(&keys, "old", 3), &keys.keys[1]);
    assert_null(whi_keyring_find(&keys, "ol", 2));
    assert_null(whi_keyring_find(&keys, "older", 5));
}

static void a_key_file_that_is_wrong_says_where_and_shows_nothing(void **state) {
    char many[WHI_SEAL_KEYS * 60 + 60] = "";

    (void)state;
    refuse("", 0, "no key");
    refuse("# a\n", 4, "no key");
    refuse("a " KEY "\nb\n", strlen("a " KEY "\nb\n"), "line 2");
    refuse("a AAEC\n", 7, "line 1: expected a key");
    refuse("a " KEY, strlen("a " KEY) - 1, "line 1: expected a key"); /* cut off */
    refuse("a " KEY "=", strlen("a " KEY "="), "line 1: expected a key");
    refuse("a " KEY " b", strlen("a " KEY " b"), "line 1: expected a key");
    refuse(KEY, strlen(KEY), "line 1: expected an id");
    refuse("a/b " KEY, strlen("a/b " KEY), "line 1: expected an id");
    refuse("a\0b " KEY, 4 + strlen(KEY), "line 1: expected an id");
    refuse("a " KEY "\na " OTHER, strlen("a " KEY "\na " OTHER), "line 2: this id has a key already");
    for (int i = 0; i <= WHI_SEAL_KEYS; i++) {
        snprintf(many + strlen(many), sizeof many - strlen(many), "k%d " KEY "\n", i);
    }
    refuse(many, strlen(many), "line 33: more than 32");
}

/* ------------------------------------------------------------------------------- texts */

static void what_another_implementation_sealed_opens_and_ours_is_the_same(void **state) {
    whi_keyring keys = keys_of("k0 " OTHER "\nk1 " KEY);
    whi_buf out;

    (void)state;
    whi_buf_init(&out, 1000);
    assert_int_equal(whi_unseal(&keys, PLACE, SEALED, strlen(SEALED), &out), WH_OK);
    assert_string_equal(out.data, SECRETS);
    whi_buf_clear(&out);
    assert_int_equal(whi_seal(&keys.keys[1], PLACE, nonces[0], SECRETS, strlen(SECRETS), &out), WH_OK);
    assert_string_equal(out.data, SEALED);
    whi_buf_free(&out);
}

static void expect(int code, const whi_keyring *keys, const char *place, const char *text, const char *words) {
    whi_buf out;

    whi_buf_init(&out, 1000);
    assert_int_equal(whi_unseal(keys, place, text, strlen(text), &out), code);
    assert_int_equal(out.size, 0);
    assert_non_null(strstr(wh_last_error(), words));
    assert_null(strstr(wh_last_error(), "whsec_"));
    whi_buf_free(&out);
}

static void no_letter_of_a_sealed_text_can_be_another(void **state) {
    whi_keyring keys = keys_of("k1 " KEY "\nk2 " OTHER);
    char text[] = SEALED;

    (void)state;
    for (size_t i = 0; i < strlen(SEALED); i++) {
        int was = text[i];

        text[i] = was == 'A' ? 'B' : 'A';
        expect(i == 7 || i == 8 ? WH_EKEY : WH_ECORRUPT, &keys, PLACE, text, PLACE);
        text[i] = (char)was;
    }
    text[8] = '2';
    expect(WH_ECORRUPT, &keys, PLACE, text, "\"k2\"");
}

static void a_sealed_text_opens_nowhere_else_and_by_no_other_key(void **state) {
    whi_keyring keys = keys_of("k1 " KEY), others = keys_of("k1 " OTHER), none = keys_of("k2 " KEY);

    (void)state;
    expect(WH_ECORRUPT, &keys, "subscription 6 version 3 secrets", SEALED, "subscription 6");
    expect(WH_ECORRUPT, &keys, "subscription 5 version 4 secrets", SEALED, "version 4");
    expect(WH_ECORRUPT, &keys, "subscription 5 version 3 headers", SEALED, "headers");
    expect(WH_ECORRUPT, &others, PLACE, SEALED, "\"k1\"");
    expect(WH_EKEY, &none, PLACE, SEALED, "\"k1\", which is not in the key_file");
    expect(WH_EKEY, NULL, PLACE, SEALED, "\"k1\", which needs the option key_file");
    expect(WH_ECORRUPT, &keys, PLACE, "seal:1:k1:", "damaged");
    expect(WH_ECORRUPT, &keys, PLACE, "seal:1:k1:AAAA", "damaged");
    expect(WH_ECORRUPT, &keys, PLACE, "seal:1:k1", "sealed text");
    expect(WH_ECORRUPT, &keys, PLACE, "seal:2:k1:AAAA", "sealed text");
    expect(WH_ECORRUPT, &keys, PLACE, "seal:1::AAAA", "sealed text");
}

/* --------------------------------------------------------------------------- documents */

static void check_document(const char *document, int sealed) {
    whi_keyring keys = keys_of("k1 " KEY);
    whi_seal_place place = { 5, 3 };
    whi_buf kept, back;
    int is_by;

    whi_buf_init(&kept, 4000);
    whi_buf_init(&back, 4000);
    assert_int_equal(whi_seal_document(&keys.keys[0], &place, nonces, document, strlen(document), &kept), WH_OK);
    assert_int_equal(whi_seal_document_may(kept.data, kept.size), sealed);
    assert_null(strstr(kept.data, "hidden"));
    assert_int_equal(whi_unseal_document(&keys, &place, kept.data, kept.size, &back), WH_OK);
    assert_string_equal(back.data, document);
    assert_int_equal(whi_seal_document_is_by(&keys.keys[0], kept.data, kept.size, &is_by), WH_OK);
    assert_true(is_by);
    if (sealed) {
        whi_seal_place other = { 5, 4 };

        assert_int_equal(whi_unseal_document(&keys, &other, kept.data, kept.size, &back), WH_ECORRUPT);
        memcpy(keys.keys[0].id, "k2", 3);
        assert_int_equal(whi_seal_document_is_by(&keys.keys[0], kept.data, kept.size, &is_by), WH_OK);
        assert_false(is_by);
        assert_int_equal(whi_seal_document_is_by(&keys.keys[0], document, strlen(document), &is_by), WH_OK);
        assert_false(is_by);
    }
    whi_buf_free(&kept);
    whi_buf_free(&back);
}

static void a_document_comes_back_byte_for_byte(void **state) {
    (void)state;
    check_document("{}", 0);
    check_document("{\"id\":\"sub_1\",\"metadata\":{\"secrets\":[1]}}", 0);
    check_document("{\"secrets\":[\"hidden\"]}", 1);
    check_document(
        "{\"a\":1,\"secrets\":[\"hidden\",\"hidden2\"],\"b\":[{}],\"headers\":{\"X\":\"hidden\"},\"c\":null}", 1);
    check_document("{\"headers\": {\"X\" : \"hidden\"} , \"secrets\" : [ \"hidden\" ]}", 1);
}

static void a_document_may_look_as_if_it_were_sealed(void **state) {
    static const char document[] = "{\"name\":\"seal:1:k1:AAAA\",\"url\":\"https://example.com/\"}";
    whi_seal_place place = { 5, 3 };
    whi_buf back;

    (void)state;
    assert_true(whi_seal_document_may(document, strlen(document)));
    whi_buf_init(&back, 1000);
    assert_int_equal(whi_unseal_document(NULL, &place, document, strlen(document), &back), WH_OK);
    assert_string_equal(back.data, document);
    whi_buf_free(&back);
}

static void each_allocation_may_fail(void **state) {
    static const char document[] = "{\"secrets\":[\"hidden\"],\"headers\":{\"X\":\"hidden\"}}";
    whi_keyring keys = keys_of("k1 " KEY);
    whi_seal_place place = { 5, 3 };
    long n = 0;

    (void)state;
    for (int failed = 1; failed; n++) {
        whi_buf kept, back;
        int code;

        whi_buf_init(&kept, 4000);
        whi_buf_init(&back, 4000);
        fault_set(n);
        code = whi_seal_document(&keys.keys[0], &place, nonces, document, strlen(document), &kept);
        code = code == WH_OK ? whi_unseal_document(&keys, &place, kept.data, kept.size, &back) : code;
        failed = fault_clear();
        assert_int_equal(code, failed ? WH_ENOMEM : WH_OK);
        whi_buf_free(&kept);
        whi_buf_free(&back);
    }
    assert_true(n > 4);
}

int main(void) {
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_file_has_a_key_a_line_and_words_about_them),
        cmocka_unit_test(a_key_file_that_is_wrong_says_where_and_shows_nothing),
        cmocka_unit_test(what_another_implementation_sealed_opens_and_ours_is_the_same),
        cmocka_unit_test(no_letter_of_a_sealed_text_can_be_another),
        cmocka_unit_test(a_sealed_text_opens_nowhere_else_and_by_no_other_key),
        cmocka_unit_test(a_document_comes_back_byte_for_byte),
        cmocka_unit_test(a_document_may_look_as_if_it_were_sealed),
        cmocka_unit_test(each_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
