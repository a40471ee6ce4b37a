#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/err.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/sign.h"
#include "webhook.h"

#define SECRET "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
#define OTHER "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX"
#define PAIR "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
#define SEED "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbc="
#define PUBLIC "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
#define ID "msg_p5jXN8AQM9LWM0D4loKWxJek"
#define STAMP 1614265330
#define STAMP_TEXT "1614265330"
#define NOW (INT64_C(1614265330) * 1000)
#define BODY "{\"test\": 2432232314}"
#define V1 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
#define V1A "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="

/* ------------------------------------------------------------------ secrets */

static void a_secret_that_cannot_be_read_is_refused_without_showing_it(void **state) {
    static const char *const wrong[] = {
        "",
        "whsec_",
        "whsk_",
        "whpk_",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa w",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
        "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "whpk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        /* the seed of one pair, the public key of another */
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvw==",
    };

    (void)state;
    assert_int_equal(whi_secret_check(NULL, 1), WH_ESECRET);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        whi_error_clear();
        assert_int_equal(whi_secret_check(wrong[i], 1), WH_ESECRET);
        assert_true(strncmp(wh_last_error(), "secret: ", 8) == 0);
        assert_null(strstr(wh_last_error(), "MfKQ"));
        assert_null(strstr(wh_last_error(), "6Xb"));
    }
}

static void a_secret_may_hold_1_to_128_bytes(void **state) {
    char text[6 + WHI_BASE64_SIZE(129) + 1] = "whsec_";
    uint8_t bytes[129] = { 0 };

    (void)state;
    assert_int_equal(whi_secret_check("whsec_AA==", 0), WH_OK);
    assert_int_equal(whi_secret_check("AA==", 0), WH_OK);
    whi_base64_encode(bytes, 128, text + 6);
    assert_int_equal(whi_secret_check(text, 0), WH_OK);
    whi_base64_encode(bytes, 129, text + 6);
    assert_int_equal(whi_secret_check(text, 0), WH_ESECRET);
}

static void a_public_key_checks_only_where_public_keys_are_allowed(void **state) {
    whi_signer *signer;

    (void)state;
    assert_int_equal(whi_secret_check(PUBLIC, 1), WH_OK);
    assert_int_equal(whi_secret_check(PUBLIC, 0), WH_ESECRET);
    assert_int_equal(whi_signer_new(&signer, PUBLIC), WH_ESECRET);
    assert_null(signer);
}

static void the_public_key_of_a_secret_is_the_published_one(void **state) {
    char text[WH_SECRET_SIZE];

    (void)state;
    assert_int_equal(whi_secret_public(PAIR, text), WH_OK);
    assert_string_equal(text, PUBLIC);
    assert_int_equal(whi_secret_public(SEED, text), WH_OK);
    assert_string_equal(text, PUBLIC);
    assert_int_equal(whi_secret_public(SECRET, text), WH_ESECRET);
}

static void fresh_secrets_can_be_read_and_differ(void **state) {
    char a[WH_SECRET_SIZE], b[WH_SECRET_SIZE], c[WH_SECRET_SIZE];
    char *volatile nowhere = NULL;

    (void)state;
    assert_int_equal(wh_secret(nowhere), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "out");
    assert_int_equal(wh_secret_pair(a, nowhere), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "public_key");
    assert_int_equal(wh_secret(a), WH_OK);
    assert_int_equal(wh_secret(b), WH_OK);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), 6 + 32);
    assert_int_equal(whi_secret_check(a, 0), WH_OK);
    assert_int_equal(wh_secret_pair(a, b), WH_OK);
    assert_int_equal(whi_secret_check(a, 0), WH_OK);
    assert_int_equal(whi_secret_public(a, c), WH_OK);
    assert_string_equal(b, c);
}

/* ------------------------------------------------------------------- signing */

/* The text of a member of one line of signatures.json, which escapes nothing but
 * quotes; 0 if it is not there. */
static int member(const char *line, const char *name, char *out, size_t room) {
    char key[64];
    const char *at;
    size_t size = 0;

    snprintf(key, sizeof key, "\"%s\": ", name);
    at = strstr(line, key);
    if (at == NULL) {
        return 0;
    }
    at += strlen(key);
    if (*at != '"') {
        size = strspn(at, "0123456789");
        memcpy(out, at, size);
    } else {
        for (at++; *at != '"' && size + 1 < room; at++) {
            at += *at == '\\';
            out[size++] = *at;
        }
    }
    out[size] = '\0';
    return 1;
}

static FILE *data_open(const char *name) {
    char path[1024];
    const char *slash = strrchr(__FILE__, '/');
    FILE *file;

    snprintf(path, sizeof path, "%.*sdata/%s", slash != NULL ? (int)(slash + 1 - __FILE__) : 0, __FILE__, name);
    file = fopen(path, "r");
    if (file == NULL) {
        fail_msg("cannot open %s", path);
    }
    return file;
}

static void check_vector(const char *line, const char *secret_name, const char *verify_name) {
    char secret[200], verify[200], id[100], stamp[32], body[1000], signature[200], *out;
    const char *signing = secret, *verifying = verify;

    assert_true(member(line, secret_name, secret, sizeof secret) && member(line, verify_name, verify, sizeof verify) &&
                member(line, "id", id, sizeof id) && member(line, "timestamp", stamp, sizeof stamp) &&
                member(line, "body", body, sizeof body) && member(line, "signature", signature, sizeof signature));
    assert_int_equal(wh_sign(&signing, 1, id, strtoll(stamp, NULL, 10), body, WH_ZSTR, &out), WH_OK);
    assert_string_equal(out, signature);
    wh_free(out);

    wh_header headers[] = { { "webhook-id", id }, { "webhook-timestamp", stamp }, { "webhook-signature", signature } };
    assert_int_equal(wh_verify(&verifying, 1, headers, 3, body, strlen(body), -1, 0), WH_OK);
}

static void published_vectors_are_met_both_ways(void **state) {
    FILE *file = data_open("signatures.json");
    char line[4096], scheme[64];
    int checked = 0;

    (void)state;
    while (fgets(line, sizeof line, file) != NULL) {
        if (!member(line, "scheme", scheme, sizeof scheme)) {
            continue;
        }
        if (strcmp(scheme, "standard-v1") == 0) {
            check_vector(line, "secret", "secret");
            checked++;
        } else if (strcmp(scheme, "standard-v1a") == 0) {
            check_vector(line, "private_key", "public_key");
            check_vector(line, "private_key", "private_key");
            checked++;
        }
    }
    fclose(file);
    assert_true(checked >= 2);
}

static void a_signer_signs_any_number_of_messages_with_one_key(void **state) {
    static const char *const secrets[] = { SECRET, PAIR }, *const expected[] = { V1, V1A };
    whi_signer *signer;
    whi_buf buf;

    (void)state;
    whi_buf_init(&buf, 1000);
    for (int s = 0; s < 2; s++) {
        assert_int_equal(whi_signer_new(&signer, secrets[s]), WH_OK);
        for (int i = 0; i < 3; i++) {
            whi_buf_clear(&buf);
            assert_int_equal(whi_signer_sign(signer, "other", i, NULL, 0, &buf), WH_OK);
            whi_buf_clear(&buf);
            assert_int_equal(whi_signer_sign(signer, ID, STAMP, BODY, strlen(BODY), &buf), WH_OK);
            assert_string_equal(buf.data, expected[s]);
        }
        whi_signer_free(signer);
    }
    whi_buf_free(&buf);
    whi_signer_free(NULL);
}

static void several_secrets_sign_in_their_order(void **state) {
    static const char *const secrets[] = { SECRET, PAIR, "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", SEED };
    char *out;

    (void)state;
    assert_int_equal(wh_sign(secrets, 4, ID, STAMP, BODY, WH_ZSTR, &out), WH_OK);
    assert_string_equal(out, V1 " " V1A " " V1 " " V1A);
    wh_free(out);
}

static void as_many_signatures_as_may_be_made_are_verified(void **state) {
    const char *secrets[65];
    char *out;

    (void)state;
    for (int i = 0; i < 65; i++) {
        secrets[i] = PAIR;
    }
    assert_int_equal(wh_sign(secrets, 64, ID, STAMP, BODY, WH_ZSTR, &out), WH_OK);
    wh_header headers[] = { { "webhook-id", ID }, { "webhook-timestamp", STAMP_TEXT }, { "webhook-signature", out } };
    assert_int_equal(wh_verify(secrets, 1, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_OK);
    wh_free(out);
    assert_int_equal(wh_sign(secrets, 65, ID, STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
}

static void what_cannot_be_signed_names_the_field(void **state) {
    static const char *const good[] = { SECRET }, *const bad[] = { SECRET, PUBLIC };
    char *out = (char *)1;

    (void)state;
    assert_int_equal(wh_sign(good, 0, ID, STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_null(out);
    assert_int_equal(wh_sign(NULL, 1, ID, STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_int_equal(wh_sign(good, 1, ID, STAMP, BODY, WH_ZSTR, NULL), WH_EINVALID);
    assert_int_equal(wh_sign(good, 1, NULL, STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_int_equal(wh_sign(good, 1, "", STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_int_equal(wh_sign(good, 1, "a\nb", STAMP, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_int_equal(wh_sign(good, 1, ID, -1, BODY, WH_ZSTR, &out), WH_EINVALID);
    assert_string_equal(wh_last_error(), "timestamp: found -1, expected seconds since 1970");
    assert_int_equal(wh_sign(good, 1, ID, STAMP, NULL, 1, &out), WH_EINVALID);
    assert_int_equal(wh_sign(bad, 2, ID, STAMP, BODY, WH_ZSTR, &out), WH_ESECRET);
    assert_true(strncmp(wh_last_error(), "secrets[1]: ", 12) == 0);
    assert_null(strstr(wh_last_error(), "secret: "));
    assert_null(out);
}

/* "a.1" at 2 with "x" and "a" at 1 with "2.x" are one text when joined. */
static void an_id_that_reads_like_an_id_and_a_timestamp_is_refused(void **state) {
    static const char *const secrets[] = { SECRET };
    static const char *const refused[] = { "a.1", "a.1614265330", "a.b.7", "a.7.b", ".7", "a.7." };
    static const char *const taken[] = {
        "a", "a.b", "order.paid-7", "7", "7.a", "a.7b", "a..b", "a.", "a b", "\xc3\xa9"
    };
    char *out, *a;

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(wh_sign(secrets, 1, refused[i], 2, "x", 1, &out), WH_EINVALID);
    }
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
        assert_int_equal(wh_sign(secrets, 1, taken[i], 2, "x", 1, &out), WH_OK);
        wh_free(out);
    }
    assert_int_equal(wh_sign(secrets, 1, "a", 1, "2.x", 3, &a), WH_OK);
    wh_header headers[] = { { "webhook-id", "a.1" }, { "webhook-timestamp", "2" }, { "webhook-signature", a } };
    assert_int_equal(wh_verify(secrets, 1, headers, 3, "x", 1, -1, 0), WH_ESIG_FORMAT);
    wh_free(a);
}

/* ----------------------------------------------------------------- verifying */

struct request {
    const char *id, *stamp, *signature, *body, *secret;
    int64_t tolerance, now;
};

static const struct request standard = { ID, STAMP_TEXT, V1, BODY, SECRET, 0, NOW };

static int verify(struct request r) {
    wh_header headers[3];
    size_t count = 0;

    if (r.id != NULL) {
        headers[count++] = (wh_header){ "WEBHOOK-ID", r.id };
    }
    if (r.stamp != NULL) {
        headers[count++] = (wh_header){ "WEBHOOK-TIMESTAMP", r.stamp };
    }
    if (r.signature != NULL) {
        headers[count++] = (wh_header){ "webhook-signature", r.signature };
    }
    return wh_verify(&r.secret, 1, headers, count, r.body, WH_ZSTR, r.tolerance, r.now);
}

static int verify_signature(const char *signature) {
    struct request r = standard;

    r.signature = signature;
    return verify(r);
}

static int verify_stamp(const char *stamp) {
    struct request r = standard;

    r.stamp = stamp;
    r.tolerance = -1;
    return verify(r);
}

static void a_changed_part_is_a_mismatch(void **state) {
    struct request r = standard;

    (void)state;
    assert_int_equal(verify(r), WH_OK);
    r.id = ID "x";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r = standard;
    r.stamp = "1614265331";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r = standard;
    r.body = "{\"test\": 2432232315}";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r = standard;
    r.secret = OTHER;
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    assert_int_equal(verify_signature("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OA="), WH_ESIG_MISMATCH);
    r = standard;
    r.secret = PUBLIC;
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r.signature = V1A;
    assert_int_equal(verify(r), WH_OK);
    r.body = "{}";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
}

static void one_match_among_several_signatures_and_secrets_suffices(void **state) {
    static const char *const secrets[] = { OTHER, PUBLIC };
    wh_header headers[] = { { "webhook-id", ID },
                            { "webhook-timestamp", STAMP_TEXT },
                            { "webhook-signature", V1 " v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= " V1A } };

    (void)state;
    assert_int_equal(wh_verify(secrets, 2, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_OK);
    assert_int_equal(wh_verify(secrets, 1, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_ESIG_MISMATCH);
    assert_int_equal(verify_signature("v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= " V1), WH_OK);
}

static void an_unknown_version_is_passed_over(void **state) {
    (void)state;
    assert_int_equal(verify_signature("v2,whatever v1b,! ,x v1x, " V1), WH_OK);
    assert_int_equal(verify_signature("v2,whatever"), WH_ESIG_MISMATCH);
    assert_int_equal(verify_signature("V1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), WH_ESIG_MISMATCH);
}

static void a_signature_that_cannot_be_read_is_a_format_error(void **state) {
    char many[65 * 4 + 1];

    (void)state;
    assert_int_equal(verify_signature(""), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("  "), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("v1,"), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE"), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OF="), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("v1,g0hM"), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature(V1 "\n"), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature(V1 "," V1), WH_ESIG_FORMAT);
    assert_int_equal(verify_signature("v1a,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="), WH_ESIG_FORMAT);
    for (int i = 0; i < 65; i++) {
        memcpy(many + i * 4, "v9,x", 4);
        many[i * 4 + 3] = ' ';
    }
    many[64 * 4] = '\0';
    assert_int_equal(verify_signature(many), WH_ESIG_MISMATCH);
    many[64 * 4] = 'v';
    many[65 * 4] = '\0';
    assert_int_equal(verify_signature(many), WH_ESIG_FORMAT);
}

/* One of a list that cannot be read says nothing about the others. */
static void an_item_that_cannot_be_read_is_passed_over(void **state) {
    static const char *const unread[] = { "v1", "v1,", "v1,!", "v1,AAAA", "v1a,AAAA", "g0hM9SsE+OTPJTGt", ",", "=" };
    char list[300];

    (void)state;
    for (size_t i = 0; i < sizeof unread / sizeof unread[0]; i++) {
        snprintf(list, sizeof list, "%s %s", unread[i], V1);
        assert_int_equal(verify_signature(list), WH_OK);
        snprintf(list, sizeof list, "%s %s", V1, unread[i]);
        assert_int_equal(verify_signature(list), WH_OK);
        snprintf(list, sizeof list, "%s v1,AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", unread[i]);
        assert_int_equal(verify_signature(list), WH_ESIG_MISMATCH);
        assert_int_equal(verify_signature(unread[i]), strcmp(unread[i], ",") == 0 ? WH_ESIG_MISMATCH : WH_ESIG_FORMAT);
    }
}

/* RFC 9110 5.5 */
static void blanks_around_a_value_are_no_part_of_it(void **state) {
    struct request r = standard;

    (void)state;
    r.id = " \t" ID "\t ";
    assert_int_equal(verify(r), WH_OK);
    r.stamp = "\t" STAMP_TEXT " ";
    assert_int_equal(verify(r), WH_OK);
    r.signature = "\t" V1 "\t";
    assert_int_equal(verify(r), WH_OK);
    r.id = "m sg";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r.id = " \t ";
    assert_int_equal(verify(r), WH_ESIG_FORMAT);
}

static void an_id_that_a_header_would_change_is_not_signed(void **state) {
    const char *secret = SECRET;
    char *out = NULL;

    (void)state;
    assert_int_equal(wh_sign(&secret, 1, " a", 1, "", 0, &out), WH_EINVALID);
    assert_int_equal(wh_sign(&secret, 1, "a ", 1, "", 0, &out), WH_EINVALID);
    assert_string_equal(wh_last_error(), "id: found blanks around it, which a header loses");
    assert_int_equal(wh_sign(&secret, 1, "a b", 1, "", 0, &out), WH_OK);
    wh_free(out);
}

static void a_secret_without_its_padding_is_the_same(void **state) {
    static const char *const pairs[][2] = { { "whsec_AA==", "whsec_AA" },
                                            { "whsec_AAE=", "whsec_AAE" },
                                            { "AAE=", "AAE" } };

    (void)state;
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char *padded, *bare;
        assert_int_equal(wh_sign(&pairs[i][0], 1, "id", 1, "{}", 2, &padded), WH_OK);
        assert_int_equal(wh_sign(&pairs[i][1], 1, "id", 1, "{}", 2, &bare), WH_OK);
        assert_string_equal(padded, bare);
        wh_free(padded);
        wh_free(bare);
    }
    assert_int_equal(whi_secret_check("whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4", 1), WH_OK);
    assert_int_equal(whi_secret_check("whsec_A", 0), WH_ESECRET);
    assert_int_equal(whi_secret_check("whsec_AAE==", 0), WH_ESECRET);
    assert_int_equal(whi_secret_check("whsec_AA=", 0), WH_ESECRET);
}

static void a_header_that_is_too_large_is_a_format_error(void **state) {
    struct request r = standard;
    char large[WHI_SIGNATURES_SIZE + 2];

    (void)state;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    large[1] = ',';
    r.signature = large;
    assert_int_equal(verify(r), WH_ESIG_FORMAT);
    large[WHI_SIGNATURES_SIZE] = '\0';
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    r = standard;
    large[WHI_SIGNED_ID_MAXIMUM + 1] = '\0';
    r.id = large;
    assert_int_equal(verify(r), WH_ESIG_FORMAT);
    large[WHI_SIGNED_ID_MAXIMUM] = '\0';
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
}

static void a_timestamp_is_digits_alone(void **state) {
    static const char *const wrong[] = { "",      "16142 65330",    "1614265330\n", "+1614265330",      "-1",
                                         "1.5e9", "1614265330.000", "0x60",         "1614265330123456", "١" };

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(verify_stamp(wrong[i]), WH_ESIG_FORMAT);
    }
    assert_int_equal(verify_stamp("999999999999999"), WH_ESIG_MISMATCH);
    assert_int_equal(verify_stamp("01614265330"), WH_ESIG_MISMATCH);
}

static void the_time_is_tolerated_up_to_the_second_either_way(void **state) {
    struct request r = standard;

    (void)state;
    r.now = NOW + 300 * 1000 + 999;
    assert_int_equal(verify(r), WH_OK);
    r.now = NOW + 301 * 1000;
    assert_int_equal(verify(r), WH_ESIG_OLD);
    assert_string_equal(wh_last_error(), "timestamp header: 301 s old, at most 300 are tolerated");
    r.now = NOW - 300 * 1000;
    assert_int_equal(verify(r), WH_OK);
    r.now = NOW - 300 * 1000 - 1;
    assert_int_equal(verify(r), WH_ESIG_NEW);
    r.tolerance = 10;
    r.now = NOW + 11 * 1000;
    assert_int_equal(verify(r), WH_ESIG_OLD);
    r.tolerance = -1;
    assert_int_equal(verify(r), WH_OK);
    r.tolerance = INT64_MAX;
    assert_int_equal(verify(r), WH_OK);
    r.tolerance = 0;
    r.now = 0;
    assert_int_equal(verify(r), WH_ESIG_OLD);
    r.now = INT64_MIN;
    assert_int_equal(verify(r), WH_ESIG_NEW);
}

static void without_a_time_given_the_machines_is_taken(void **state) {
    const char *secret = SECRET;
    char stamp[32], *out;
    int64_t seconds = whi_clock_now(NULL) / 1000;

    (void)state;
    snprintf(stamp, sizeof stamp, "%lld", (long long)seconds);
    assert_int_equal(wh_sign(&secret, 1, ID, seconds, BODY, WH_ZSTR, &out), WH_OK);
    wh_header headers[] = { { "webhook-id", ID }, { "webhook-timestamp", stamp }, { "webhook-signature", out } };
    assert_int_equal(wh_verify(&secret, 1, headers, 3, BODY, WH_ZSTR, 0, 0), WH_OK);
    wh_free(out);
}

static void a_missing_header_is_told_by_its_name(void **state) {
    struct request r = standard;

    (void)state;
    r.id = NULL;
    assert_int_equal(verify(r), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header webhook-id: missing");
    r = standard;
    r.stamp = NULL;
    assert_int_equal(verify(r), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header webhook-timestamp: missing");
    r = standard;
    r.signature = NULL;
    assert_int_equal(verify(r), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header webhook-signature: missing");
    assert_int_equal(wh_verify(&r.secret, 1, NULL, 0, BODY, WH_ZSTR, 0, NOW), WH_ESIG_HEADER);
}

static void the_headers_of_svix_are_taken_but_never_mixed_with_the_standards(void **state) {
    const char *secret = SECRET;
    wh_header headers[] = { { NULL, NULL },           { "content-type", "application/json" },
                            { "Svix-Id", ID },        { "svix-timestamp", STAMP_TEXT },
                            { "svix-signature", V1 }, { "webhook-id", NULL } };

    (void)state;
    assert_int_equal(wh_verify(&secret, 1, headers, 6, BODY, WH_ZSTR, 0, NOW), WH_OK);
    headers[2].name = "webhook-id";
    assert_int_equal(wh_verify(&secret, 1, headers, 6, BODY, WH_ZSTR, 0, NOW), WH_ESIG_HEADER);
    headers[2].name = "x-id";
    assert_int_equal(wh_verify(&secret, 1, headers, 6, BODY, WH_ZSTR, 0, NOW), WH_ESIG_HEADER);
    assert_string_equal(wh_last_error(), "header svix-id: missing");
}

static void a_header_that_comes_twice_is_a_format_error(void **state) {
    static const char *const names[] = { "webhook-id", "webhook-timestamp", "webhook-signature" };
    const char *secret = SECRET;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        wh_header headers[] = {
            { "webhook-id", ID }, { "webhook-timestamp", STAMP_TEXT }, { "webhook-signature", V1 }, { names[i], "1" }
        };
        assert_int_equal(wh_verify(&secret, 1, headers, 4, BODY, WH_ZSTR, 0, NOW), WH_ESIG_FORMAT);
    }
}

static void a_secret_that_cannot_be_read_is_told_also_after_a_match(void **state) {
    static const char *const secrets[] = { SECRET, "whsec_x" };
    wh_header headers[] = { { "webhook-id", ID }, { "webhook-timestamp", STAMP_TEXT }, { "webhook-signature", V1 } };

    (void)state;
    assert_int_equal(wh_verify(secrets, 2, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_ESECRET);
    assert_true(strncmp(wh_last_error(), "secrets[1]: ", 12) == 0);
    assert_int_equal(wh_verify(secrets, 0, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_EINVALID);
    assert_int_equal(wh_verify(NULL, 1, headers, 3, BODY, WH_ZSTR, 0, NOW), WH_EINVALID);
    assert_int_equal(wh_verify(secrets, 1, NULL, 3, BODY, WH_ZSTR, 0, NOW), WH_EINVALID);
    assert_string_equal(wh_last_error_field(), "headers");
}

static void a_body_may_be_empty_or_hold_zero_bytes(void **state) {
    static const char *const secrets[] = { SECRET, PAIR };
    static const char bytes[] = "a\0b";
    char *out;

    (void)state;
    assert_int_equal(wh_sign(secrets, 2, ID, STAMP, NULL, 0, &out), WH_OK);
    wh_header headers[] = { { "webhook-id", ID }, { "webhook-timestamp", STAMP_TEXT }, { "webhook-signature", out } };
    assert_int_equal(wh_verify(secrets, 1, headers, 3, "", 0, 0, NOW), WH_OK);
    assert_int_equal(wh_verify(secrets + 1, 1, headers, 3, NULL, 0, 0, NOW), WH_OK);
    wh_free(out);
    assert_int_equal(wh_sign(secrets, 2, ID, STAMP, bytes, 3, &out), WH_OK);
    headers[2].value = out;
    assert_int_equal(wh_verify(secrets, 1, headers, 3, bytes, 3, 0, NOW), WH_OK);
    assert_int_equal(wh_verify(secrets + 1, 1, headers, 3, bytes, 1, 0, NOW), WH_ESIG_MISMATCH);
    wh_free(out);
}

/* A program that speaks TLS reads this queue to learn how its own calls ended. */
static void nothing_is_left_in_the_queue_of_openssl(void **state) {
    struct request r = standard;

    (void)state;
    r.secret = PUBLIC;
    r.signature = V1A;
    r.body = "other";
    assert_int_equal(verify(r), WH_ESIG_MISMATCH);
    assert_int_equal(whi_secret_check("whsk_x", 0), WH_ESECRET);
    published_vectors_are_met_both_ways(state);
    assert_int_equal(ERR_peek_error(), 0);
}

/* --------------------------------------------------------------- no memory */

static int allocations_left;

static int fault(void) {
    return allocations_left-- <= 0;
}

static int sign_and_verify(void) {
    static const char *const secrets[] = { SECRET, PAIR, SECRET };
    wh_header headers[] = { { "webhook-id", ID }, { "webhook-timestamp", STAMP_TEXT }, { "webhook-signature", NULL } };
    char *out;
    int code = wh_sign(secrets, 3, ID, STAMP, BODY, WH_ZSTR, &out);

    if (code != WH_OK) {
        assert_null(out);
        return code;
    }
    headers[2].value = out;
    code = wh_verify(secrets + 1, 1, headers, 3, BODY, WH_ZSTR, 0, NOW);
    wh_free(out);
    return code;
}

static void any_allocation_may_fail(void **state) {
    int code, n = 0;

    (void)state;
    do {
        allocations_left = n++;
        whi_mem_fault = fault;
        code = sign_and_verify();
        whi_mem_fault = NULL;
        assert_true(code == WH_OK || code == WH_ENOMEM);
    } while (code != WH_OK);
    assert_true(n > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_that_cannot_be_read_is_refused_without_showing_it),
        cmocka_unit_test(a_secret_may_hold_1_to_128_bytes),
        cmocka_unit_test(a_public_key_checks_only_where_public_keys_are_allowed),
        cmocka_unit_test(the_public_key_of_a_secret_is_the_published_one),
        cmocka_unit_test(fresh_secrets_can_be_read_and_differ),
        cmocka_unit_test(published_vectors_are_met_both_ways),
        cmocka_unit_test(a_signer_signs_any_number_of_messages_with_one_key),
        cmocka_unit_test(several_secrets_sign_in_their_order),
        cmocka_unit_test(as_many_signatures_as_may_be_made_are_verified),
        cmocka_unit_test(what_cannot_be_signed_names_the_field),
        cmocka_unit_test(an_id_that_reads_like_an_id_and_a_timestamp_is_refused),
        cmocka_unit_test(a_changed_part_is_a_mismatch),
        cmocka_unit_test(one_match_among_several_signatures_and_secrets_suffices),
        cmocka_unit_test(an_unknown_version_is_passed_over),
        cmocka_unit_test(a_signature_that_cannot_be_read_is_a_format_error),
        cmocka_unit_test(an_item_that_cannot_be_read_is_passed_over),
        cmocka_unit_test(blanks_around_a_value_are_no_part_of_it),
        cmocka_unit_test(an_id_that_a_header_would_change_is_not_signed),
        cmocka_unit_test(a_secret_without_its_padding_is_the_same),
        cmocka_unit_test(a_header_that_is_too_large_is_a_format_error),
        cmocka_unit_test(a_timestamp_is_digits_alone),
        cmocka_unit_test(the_time_is_tolerated_up_to_the_second_either_way),
        cmocka_unit_test(without_a_time_given_the_machines_is_taken),
        cmocka_unit_test(a_missing_header_is_told_by_its_name),
        cmocka_unit_test(the_headers_of_svix_are_taken_but_never_mixed_with_the_standards),
        cmocka_unit_test(a_header_that_comes_twice_is_a_format_error),
        cmocka_unit_test(a_secret_that_cannot_be_read_is_told_also_after_a_match),
        cmocka_unit_test(a_body_may_be_empty_or_hold_zero_bytes),
        cmocka_unit_test(nothing_is_left_in_the_queue_of_openssl),
        cmocka_unit_test(any_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
