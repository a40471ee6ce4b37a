#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "base/error.h"
#include "systems/check.h"
#include "systems/signature_base.h"
#include "verify_kit.h"

#define SHARED "whsec_uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ=="
#define ED_PUBLIC "whpk_JrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="
#define ED_SECRET "whsk_n4Ni+HpISpVObnQMW0wOhCKROaIKqKtW/2ZYb2p9KcU="
#define RFC_BODY "{\"hello\": \"world\"}"
#define SHA256_OF_BODY "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:"
#define SHA512_OF_BODY                                                                                                 \
    "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:"

/* The request of appendix B.2, without its signature. */
static const wh_header rfc_headers[] = {
    { "Host", "example.com" },
    { "Date", "Tue, 20 Apr 2021 02:07:55 GMT" },
    { "Content-Type", "application/json" },
    { "Content-Digest", SHA512_OF_BODY },
    { "Content-Length", "18" },
};

static int base_of(const char *input, const char *url, whi_buf *out) {
    wh_verify_options options = WH_VERIFY_INIT;
    whi_check check = { &options, NULL, 0, rfc_headers, 5, RFC_BODY, strlen(RFC_BODY) };
    whi_sf_reader reader = { "signature-input", input, 0 };
    whi_sf_member member;
    int code = whi_sf_next(&reader, &member);

    options.url = url;
    whi_buf_init(out, WHI_SIGNATURE_BASE_MAXIMUM);
    return code == 1 ? whi_signature_base(&check, &member, out) : code;
}

#define RFC_URL "http://example.com/foo?param=Value&Pet=dog"

static void the_rfcs_example_with_hmac_is_met(void **state) {
    static const char signature[] = "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=";
    uint8_t key[64], made[WHI_CHECK_DIGEST];
    char text[60];
    size_t size;
    whi_buf base;

    (void)state;
    assert_int_equal(base_of("sig-b25=(\"date\" \"@authority\" \"content-type\");created=1618884473;"
                             "keyid=\"test-shared-secret\"",
                             RFC_URL, &base),
                     WH_OK);
    assert_string_equal(base.data, "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@authority\": example.com\n"
                                   "\"content-type\": application/json\n\"@signature-params\": (\"date\" "
                                   "\"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"");
    assert_int_equal(whi_base64_decode(&SHARED[6], strlen(SHARED) - 6, key, sizeof key, &size), WH_OK);
    whi_check_part part = { base.data, base.size };
    assert_int_equal(whi_check_hmac("SHA256", key, size, &part, 1, made, &size), WH_OK);
    whi_base64_encode(made, size, text);
    assert_string_equal(text, signature);
    whi_buf_free(&base);
}

static void the_rfcs_example_with_ed25519_is_met(void **state) {
    static const char signature[] =
        "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==";
    uint8_t key[32], bytes[64];
    int matched = 0;
    EVP_PKEY *public_key;
    size_t size;
    whi_buf base;

    (void)state;
    assert_int_equal(base_of("sig-b26=( \"date\"  \"@method\" \"@path\" \"@authority\" \"content-type\" "
                             "\"content-length\" ); created=1618884473; keyid=\"test-key-ed25519\"",
                             RFC_URL, &base),
                     WH_OK);
    assert_string_equal(base.data, "\"date\": Tue, 20 Apr 2021 02:07:55 GMT\n\"@method\": POST\n\"@path\": /foo\n"
                                   "\"@authority\": example.com\n\"content-type\": application/json\n"
                                   "\"content-length\": 18\n\"@signature-params\": (\"date\" \"@method\" \"@path\" "
                                   "\"@authority\" \"content-type\" \"content-length\");created=1618884473;"
                                   "keyid=\"test-key-ed25519\"");
    assert_int_equal(whi_base64_decode(&ED_PUBLIC[5], strlen(ED_PUBLIC) - 5, key, sizeof key, &size), WH_OK);
    assert_int_equal(whi_base64_decode(signature, strlen(signature), bytes, sizeof bytes, &size), WH_OK);
    public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, sizeof key);
    assert_int_equal(whi_check_ed25519(public_key, bytes, (const uint8_t *)base.data, base.size, &matched), WH_OK);
    assert_int_equal(matched, 1);
    EVP_PKEY_free(public_key);
    whi_buf_free(&base);
}

static void the_parts_of_a_url_are_the_rfcs(void **state) {
    static const char *const cases[][3] = {
        /* section 2.2 */
        { "@target-uri", "https://www.example.com/path?param=value", "https://www.example.com/path?param=value" },
        { "@target-uri", "https://www.example.com/path#part", "https://www.example.com/path" },
        { "@authority", "https://www.EXAMPLE.com/path?param=value", "www.example.com" },
        { "@authority", "https://www.example.com:443/", "www.example.com" },
        { "@authority", "http://www.example.com:80", "www.example.com" },
        { "@authority", "http://www.example.com:443/", "www.example.com:443" },
        { "@authority", "http://user:word@[::1]:8080/", "[::1]:8080" },
        { "@authority", "/path", "example.com" },
        { "@scheme", "HTTP://www.example.com/path", "http" },
        { "@request-target", "https://www.example.com/path?param=value", "/path?param=value" },
        { "@request-target", "https://www.example.com/path", "/path" },
        { "@request-target", "/path?", "/path" },
        { "@path", "https://www.example.com/path?param=value", "/path" },
        { "@path", "https://www.example.com?a", "/" },
        { "@query", "https://www.example.com/path?param=value&foo=bar&baz=bat%2Dman",
          "?param=value&foo=bar&baz=bat%2Dman" },
        { "@query", "/path", "?" },
        { "@query", "https://www.example.com/path?", "?" },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char input[60], expected[200];
        whi_buf base;

        snprintf(input, sizeof input, "a=(\"%s\")", cases[i][0]);
        snprintf(expected, sizeof expected, "\"%s\": %s\n\"@signature-params\": (\"%s\")", cases[i][0], cases[i][2],
                 cases[i][0]);
        assert_int_equal(base_of(input, cases[i][1], &base), WH_OK);
        assert_string_equal(base.data, expected);
        whi_buf_free(&base);
    }
}

static void components_that_cannot_be_had_are_refused(void **state) {
    static const struct {
        const char *input, *url;
        int code;
    } cases[] = {
        { "a=(\"@status\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"@query-param\";name=\"a\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"date\";sf)", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"Date\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"date\" \"date\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(date)", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"da te\")", RFC_URL, WH_ESIG_FORMAT },
        { "a=(\"x-none\")", RFC_URL, WH_ESIG_HEADER },
        { "a=(\"@path\")", NULL, WH_ESIG_FORMAT },
        { "a=(\"@scheme\")", "/path", WH_ESIG_FORMAT },
        { "a=(\"@target-uri\")", "/path", WH_ESIG_FORMAT },
        { "a=(\"@path\")", "/a\nb", WH_EINVALID },
        { "a=(\"@path\")", "a", WH_EINVALID },
        { "a=(\"@path\")", "", WH_EINVALID },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        whi_buf base;

        assert_int_equal(base_of(cases[i].input, cases[i].url, &base), cases[i].code);
        assert_string_equal(wh_last_error_field(), cases[i].code == WH_EINVALID ? "url" : "");
        whi_buf_free(&base);
    }
}

static void structured_fields_that_are_not_are_refused(void **state) {
    static const char *const wrong[] = {
        "=1",
        "A=1",
        "a=",
        "a=(",
        "a=(\"b\"",
        "a=(\"b\"\"c\")",
        "a=\"b",
        "a=\"\\x\"",
        "a=\"\x7f\"",
        "a=:A",
        "a=?2",
        "a=1.5",
        "a=1234567890123456",
        "a=-",
        "a=1,",
        "a=1 b=2",
        "a=1;",
        "a=1;b=1;b=2",
        "a=@1",
        "a=%\"x\"",
        "a=1;A",
        "a=();b=",
        "a,b,c,d,e,f,g,h,i,j,k,l,m,n,o,p,q",
        "a;a;b;c;d;e;f;g;h;i;j;k;l;m;n;o;p;q",
    };
    static const char good[] = "a , b=?0;c;d=-12 ,\tc=(\"x\";y=1 tok:en 5 :AA==: );e=*t;f=\"q\\\"\\\\\",d=:AAA=:";
    whi_sf_member member;
    uint8_t bytes[8];
    size_t size;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(whi_sf_find("x", wrong[i], "zz", 2, &member), WH_ESIG_FORMAT);
    }
    assert_int_equal(whi_sf_find("x", "", "zz", 2, &member), 0);
    assert_int_equal(whi_sf_find("x", good, "zz", 2, &member), 0);
    assert_int_equal(whi_sf_find("x", "a,b,a", "a", 1, &member), WH_ESIG_FORMAT);
    assert_int_equal(whi_sf_find("x", good, "b", 1, &member), 1);
    assert_int_equal(member.value.type, WHI_SF_FALSE);
    assert_int_equal(whi_sf_parameter_of(&member, "c")->type, WHI_SF_TRUE);
    assert_int_equal(whi_sf_integer(whi_sf_parameter_of(&member, "d")), -12);
    assert_int_equal(whi_sf_find("x", good, "d", 1, &member), 1);
    assert_int_equal(whi_sf_bytes(&member.value, bytes, sizeof bytes, &size), 1);
    assert_int_equal(size, 2);
    assert_int_equal(whi_sf_bytes(&member.value, bytes, 1, &size), 0);
    assert_int_equal(whi_sf_find("x", good, "c", 1, &member), 1);
    assert_int_equal(member.item_count, 4);

    whi_buf out;
    whi_buf_init(&out, 1000);
    whi_sf_write_list(&out, &member);
    assert_string_equal(out.data, "(\"x\" tok:en 5 :AA==:);e=*t;f=\"q\\\"\\\\\"");
    whi_buf_free(&out);
}

/* --- whole requests */

struct signed_request {
    char input[600], signature[300];
    struct request request;
};

/* Signed here, with OpenSSL alone, over the lines that the caller writes out. */
static void sign_rfc(struct signed_request *out, const char *input, const char *lines, int ed25519) {
    char base[1200];
    uint8_t key[64], bytes[64];
    size_t size, made = sizeof bytes;

    memset(out, 0, sizeof *out);
    snprintf(out->input, sizeof out->input, "sig1=%s", input);
    snprintf(base, sizeof base, "%s\"@signature-params\": %s", lines, input);
    if (ed25519) {
        EVP_MD_CTX *digest = EVP_MD_CTX_new();
        EVP_PKEY *pair;

        assert_int_equal(whi_base64_decode(&ED_SECRET[5], strlen(ED_SECRET) - 5, key, sizeof key, &size), WH_OK);
        pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key, size);
        assert_int_equal(EVP_DigestSignInit(digest, NULL, NULL, NULL, pair), 1);
        assert_int_equal(EVP_DigestSign(digest, bytes, &made, (const uint8_t *)base, strlen(base)), 1);
        EVP_PKEY_free(pair);
        EVP_MD_CTX_free(digest);
    } else {
        unsigned int short_size;

        assert_int_equal(whi_base64_decode(&SHARED[6], strlen(SHARED) - 6, key, sizeof key, &size), WH_OK);
        assert_non_null(HMAC(EVP_sha256(), key, (int)size, (const uint8_t *)base, strlen(base), bytes, &short_size));
        made = short_size;
    }
    memcpy(out->signature, "sig1=:", 6);
    size = 6 + whi_base64_encode(bytes, made, out->signature + 6);
    memcpy(out->signature + size, ":", 2);
    out->request =
        (struct request){ "rfc9421", ed25519 ? ED_PUBLIC : SHARED, RFC_BODY, { { NULL, NULL } }, 0, 0, NULL, RFC_URL };
    set(&out->request, "Signature-Input", out->input);
    set(&out->request, "Signature", out->signature);
    set(&out->request, "Content-Digest", SHA256_OF_BODY);
}

#define LINES "\"@method\": POST\n\"content-digest\": " SHA256_OF_BODY "\n"
#define INPUT(rest) "(\"@method\" \"content-digest\")" rest
#define CREATED INPUT(";created=1700000000")

static void a_signed_request_verifies_with_either_algorithm(void **state) {
    static const char *const more[] = { "", ";keyid=\"k\"", ";nonce=\"n\";tag=\"t\"", ";expires=1700000300" };
    struct signed_request r;
    char input[200];

    (void)state;
    for (int ed25519 = 0; ed25519 < 2; ed25519++) {
        for (size_t i = 0; i < 4; i++) {
            snprintf(input, sizeof input, CREATED "%s", more[i]);
            sign_rfc(&r, input, LINES, ed25519);
            assert_int_equal(verify(&r.request), WH_OK);
            r.request.format = NULL;
            assert_int_equal(verify(&r.request), WH_OK);
            assert_string_equal(found, "rfc9421");
            r.request.method = "PUT";
            assert_int_equal(verify(&r.request), WH_ESIG_MISMATCH);
        }
        snprintf(input, sizeof input, CREATED ";alg=\"%s\"", ed25519 ? "ed25519" : "hmac-sha256");
        sign_rfc(&r, input, LINES, ed25519);
        assert_int_equal(verify(&r.request), WH_OK);
        snprintf(input, sizeof input, CREATED ";alg=\"%s\"", ed25519 ? "hmac-sha256" : "ed25519");
        sign_rfc(&r, input, LINES, ed25519);
        assert_int_equal(verify(&r.request), WH_ESIG_MISMATCH);
    }
    sign_rfc(&r, CREATED, LINES, 1);
    r.request.secret = ED_SECRET;
    assert_int_equal(verify(&r.request), WH_OK);
}

static void the_body_must_be_the_one_that_was_signed(void **state) {
    struct signed_request r;

    (void)state;
    sign_rfc(&r, CREATED, LINES, 0);
    r.request.body = "{\"hello\": \"worlds\"}";
    assert_int_equal(verify(&r.request), WH_ESIG_MISMATCH);
    assert_non_null(strstr(wh_last_error(), "content-digest"));
    sign_rfc(&r, CREATED, LINES, 0);
    assert_int_equal(verify_with(&r.request, "Content-Digest", SHA512_OF_BODY), WH_ESIG_MISMATCH);
    assert_int_equal(verify_with(&r.request, "Content-Digest", NULL), WH_ESIG_HEADER);
    r.request.headers[6] = (wh_header){ "content-digest", SHA256_OF_BODY };
    assert_int_not_equal(verify(&r.request), WH_OK);

    sign_rfc(&r, "(\"@method\");created=1700000000", "\"@method\": POST\n", 0);
    assert_int_equal(verify(&r.request), WH_ESIG_FORMAT);
    assert_non_null(strstr(wh_last_error(), "does not cover \"content-digest\""));
}

static void every_digest_that_is_known_counts(void **state) {
    static const struct {
        const char *digest;
        int code;
    } cases[] = {
        { SHA512_OF_BODY, WH_OK },
        { SHA256_OF_BODY ", " SHA512_OF_BODY, WH_OK },
        { "md5=:AAAA:, " SHA256_OF_BODY, WH_OK },
        { SHA256_OF_BODY ", sha-512=:AAAA:", WH_ESIG_FORMAT },
        { "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:, " SHA512_OF_BODY, WH_ESIG_MISMATCH },
        { "md5=:AAAA:", WH_ESIG_FORMAT },
        { "sha-256", WH_ESIG_FORMAT },
        { "sha-256=\"x\"", WH_ESIG_FORMAT },
        { SHA256_OF_BODY ", " SHA256_OF_BODY, WH_ESIG_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signed_request r;
        char lines[500];

        snprintf(lines, sizeof lines, "\"@method\": POST\n\"content-digest\": %s\n", cases[i].digest);
        sign_rfc(&r, CREATED, lines, 0);
        assert_int_equal(verify_with(&r.request, "Content-Digest", cases[i].digest), cases[i].code);
    }
}

static void the_time_of_a_signature_counts(void **state) {
    static const struct {
        const char *input;
        int64_t tolerance;
        int code;
    } cases[] = {
        { INPUT(";created=1699999700"), 0, WH_OK },
        { INPUT(";created=1699999699"), 0, WH_ESIG_OLD },
        { INPUT(";created=1700000301"), 0, WH_ESIG_NEW },
        { INPUT(";created=1700000301"), 400, WH_OK },
        { INPUT(";created=-5"), 0, WH_ESIG_OLD },
        { INPUT(";expires=1699999700"), 0, WH_OK },
        { INPUT(";expires=1699999699"), 0, WH_ESIG_OLD },
        { INPUT(";expires=1800000000"), 0, WH_OK },
        { INPUT(";created=1700000000;expires=1699990000"), 0, WH_ESIG_OLD },
        { INPUT(";created=5;expires=9"), -1, WH_OK },
        { INPUT(""), 0, WH_ESIG_FORMAT },
        { INPUT(""), -1, WH_OK },
        { INPUT(";created=\"1700000000\""), 0, WH_ESIG_FORMAT },
        { INPUT(";created=1700000000;alg=ed25519"), 0, WH_ESIG_FORMAT },
        { INPUT(";created=1700000000;alg=\"rsa-pss-sha512\""), 0, WH_ESIG_FORMAT },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct signed_request r;

        sign_rfc(&r, cases[i].input, LINES, 0);
        r.request.tolerance = cases[i].tolerance;
        assert_int_equal(verify(&r.request), cases[i].code);
    }
}

static void one_of_several_labels_suffices(void **state) {
    struct signed_request r;
    char input[900], signature[400];

    (void)state;
    sign_rfc(&r, CREATED, LINES, 0);
    snprintf(input, sizeof input, "proxy=(\"@query-param\";name=\"x\");created=1700000000, %s", r.input);
    snprintf(signature, sizeof signature, "proxy=:AAAA:, %s", r.signature);
    set(&r.request, "Signature-Input", input);
    set(&r.request, "Signature", signature);
    assert_int_equal(verify(&r.request), WH_OK);
    r.request.secret = "another";
    assert_int_equal(verify(&r.request), WH_ESIG_MISMATCH);
    snprintf(input, sizeof input, "%.400s, %.400s", r.input, r.input);
    assert_int_equal(verify_with(&r.request, "Signature-Input", input), WH_ESIG_FORMAT);
    assert_int_equal(verify_with(&r.request, "Signature-Input", ""), WH_ESIG_FORMAT);
    assert_int_equal(verify_with(&r.request, "Signature-Input", "sig1"), WH_ESIG_FORMAT);
    assert_int_equal(verify_with(&r.request, "Signature", "other=:AAAA:"), WH_ESIG_FORMAT);
    assert_int_equal(verify_with(&r.request, "Signature", NULL), WH_ESIG_HEADER);
}

static void a_plain_text_is_a_key_of_its_bytes(void **state) {
    struct signed_request r;
    char base[600], signature[120];

    (void)state;
    sign_rfc(&r, CREATED, LINES, 0);
    snprintf(base, sizeof base, LINES "\"@signature-params\": " CREATED);
    snprintf(signature, sizeof signature, "sig1=:%s:", hmac("plain text", base, 0, 0));
    set(&r.request, "Signature", signature);
    r.request.secret = "plain text";
    assert_int_equal(verify(&r.request), WH_OK);
    r.request.secret = "whpk_broken";
    assert_int_equal(verify(&r.request), WH_ESECRET);
    r.request.secret = "";
    assert_int_equal(verify(&r.request), WH_ESECRET);
}

static void headers_that_come_several_times_are_joined_and_line_breaks_refused(void **state) {
    struct signed_request r;

    (void)state;
    sign_rfc(&r, "(\"x-a\" \"content-digest\");created=1700000000",
             "\"x-a\": 1, 2, 3\n\"content-digest\": " SHA256_OF_BODY "\n", 0);
    r.request.headers[7] = (wh_header){ "X-A", " 1 " };
    r.request.headers[8] = (wh_header){ "x-a", "2, 3\t" };
    assert_int_equal(verify(&r.request), WH_OK);
    r.request.headers[8].value = "2, 3\n";
    assert_int_equal(verify(&r.request), WH_ESIG_FORMAT);
}

/* ---------------------------------------------------------------------- faults */

/* A program that speaks TLS reads this queue to learn how its own calls ended. */
static void nothing_is_left_in_the_queue_of_openssl(void **state) {
    struct signed_request r;

    (void)state;
    sign_rfc(&r, CREATED, LINES, 1);
    r.request.method = "PUT";
    assert_int_equal(verify(&r.request), WH_ESIG_MISMATCH);
    assert_int_equal(ERR_peek_error(), 0);
}

static void any_allocation_may_fail(void **state) {
    (void)state;
    for (int ed25519 = 0; ed25519 < 2; ed25519++) {
        struct signed_request r;

        sign_rfc(&r, CREATED, LINES, ed25519);
        without_memory(&r.request);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rfcs_example_with_hmac_is_met),
        cmocka_unit_test(the_rfcs_example_with_ed25519_is_met),
        cmocka_unit_test(the_parts_of_a_url_are_the_rfcs),
        cmocka_unit_test(components_that_cannot_be_had_are_refused),
        cmocka_unit_test(structured_fields_that_are_not_are_refused),
        cmocka_unit_test(a_signed_request_verifies_with_either_algorithm),
        cmocka_unit_test(the_body_must_be_the_one_that_was_signed),
        cmocka_unit_test(every_digest_that_is_known_counts),
        cmocka_unit_test(the_time_of_a_signature_counts),
        cmocka_unit_test(one_of_several_labels_suffices),
        cmocka_unit_test(a_plain_text_is_a_key_of_its_bytes),
        cmocka_unit_test(headers_that_come_several_times_are_joined_and_line_breaks_refused),
        cmocka_unit_test(nothing_is_left_in_the_queue_of_openssl),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
