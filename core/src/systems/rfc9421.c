/* HTTP Message Signatures (RFC 9421) with hmac-sha256 and ed25519. Of several signatures one
 * that is good suffices. It must cover content-digest (RFC 9530), which must be that of the
 * body, and say when it was made or when it ends. Tests: test_verify_rfc9421. */
#include <string.h>

#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "pure/secret.h"
#include "pure/sign.h"
#include "pure/structured.h"
#include "systems/received.h"
#include "systems/signature_base.h"

#define INPUT "signature-input"
#define SIGNATURE "signature"
#define DIGEST "content-digest"

/* ------------------------------------------------------------------ the body */

static int digest_one(const whi_check *check, const char *text, const char *name, const EVP_MD *algorithm, int *known) {
    uint8_t found[EVP_MAX_MD_SIZE], made[EVP_MAX_MD_SIZE];
    whi_sf_member member;
    size_t size;
    unsigned int expected = 0;
    int code = whi_sf_find(DIGEST, text, name, strlen(name), &member);

    if (code != 1) {
        return code;
    }
    whi_crypto_begin();
    if (EVP_Digest(check->body, check->size, made, &expected, algorithm, NULL) != 1) {
        return whi_fail_crypto("compute a digest");
    }
    if (!whi_sf_bytes(&member.value, found, sizeof found, &size) || size != expected) {
        return whi_fail(WH_ESIG_FORMAT, "header " DIGEST ": expected %u bytes of %s", expected, name);
    }
    *known = 1;
    return whi_equal(found, made, expected)
               ? WH_OK
               : whi_fail(WH_ESIG_MISMATCH, "header " DIGEST ": the %s is not that of the body", name);
}

/* Each digest that is known must be the body's. */
static int digest_check(const whi_check *check) {
    whi_value value;
    int known = 0, code = whi_check_header(check, DIGEST, &value);

    code = code == WH_OK ? digest_one(check, value.text, "sha-256", EVP_sha256(), &known) : code;
    code = code == WH_OK ? digest_one(check, value.text, "sha-512", EVP_sha512(), &known) : code;
    if (code == WH_OK && !known) {
        return whi_fail(WH_ESIG_FORMAT, "header " DIGEST ": expected sha-256 or sha-512");
    }
    return code;
}

static int covers_body(const whi_sf_member *input) {
    for (size_t i = 0; i < input->item_count; i++) {
        const whi_sf_item *item = &input->items[i];

        if (item->type == WHI_SF_STRING && !item->has_parameters && item->size == strlen(DIGEST) &&
            memcmp(item->text, DIGEST, item->size) == 0) {
            return 1;
        }
    }
    return 0;
}

/* ------------------------------------------------------------------ parameters */

static int parameters_check(const whi_sf_member *input) {
    static const char *const texts[] = { "alg", "keyid", "nonce", "tag" }, *const numbers[] = { "created", "expires" };

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        const whi_sf_item *item = whi_sf_parameter_of(input, texts[i]);

        if (item != NULL && item->type != WHI_SF_STRING) {
            return whi_fail(WH_ESIG_FORMAT, "header " INPUT ", %s: expected a string", texts[i]);
        }
    }
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const whi_sf_item *item = whi_sf_parameter_of(input, numbers[i]);

        if (item != NULL && item->type != WHI_SF_INTEGER) {
            return whi_fail(WH_ESIG_FORMAT, "header " INPUT ", %s: expected seconds since 1970", numbers[i]);
        }
    }
    return WH_OK;
}

/* A signature without any time could be sent again for ever. */
static int time_check(const whi_check *check, const whi_sf_member *input) {
    const whi_sf_item *created = whi_sf_parameter_of(input, "created");
    const whi_sf_item *expires = whi_sf_parameter_of(input, "expires");
    const wh_verify_options *options = check->options;
    int code = WH_OK;

    if (created == NULL && expires == NULL && options->tolerance >= 0) {
        return whi_fail(WH_ESIG_FORMAT, "header " INPUT ": expected created or expires");
    }
    if (created != NULL) {
        code = whi_stamp_check("header " INPUT ", created", whi_sf_integer(created), options->tolerance, options->now);
    }
    if (code == WH_OK && expires != NULL) {
        code = whi_stamp_check("header " INPUT ", expires", whi_sf_integer(expires), options->tolerance, options->now);
        code = code == WH_ESIG_NEW ? WH_OK : code; /* it has time left */
    }
    return code;
}

/* ------------------------------------------------------------------- signatures */

enum algorithm {
    ANY = 0,
    HMAC_SHA256,
    ED25519,
};

struct signature {
    const whi_buf *base;
    enum algorithm algorithm;
    uint8_t bytes[WHI_ED_SIGNATURE];
    size_t size;
};

static int algorithm_read(const whi_sf_member *input, enum algorithm *out) {
    const whi_sf_item *item = whi_sf_parameter_of(input, "alg");

    *out = ANY;
    if (item == NULL) {
        return WH_OK;
    }
    *out = item->size == 11 && memcmp(item->text, "hmac-sha256", 11) == 0 ? HMAC_SHA256
           : item->size == 7 && memcmp(item->text, "ed25519", 7) == 0     ? ED25519
                                                                          : ANY;
    return *out != ANY
               ? WH_OK
               : whi_fail(WH_ESIG_FORMAT, "header " INPUT ", alg: found \"%.*s\", expected hmac-sha256 or ed25519",
                          (int)(item->size < 40 ? item->size : 40), item->text);
}

static int match_mac(const struct signature *signature, const void *key, size_t size, int *matched) {
    whi_check_part part = { signature->base->data, signature->base->size };
    uint8_t bytes[WHI_CHECK_DIGEST];
    size_t made;
    int code;

    if (signature->algorithm == ED25519 || signature->size != WHI_MAC_SIZE) {
        return WH_OK;
    }
    code = whi_check_hmac("SHA256", key, size, &part, 1, bytes, &made);
    if (code == WH_OK) {
        *matched |= whi_equal(bytes, signature->bytes, WHI_MAC_SIZE);
    }
    whi_wipe(bytes, sizeof bytes);
    return code;
}

static int match_public(const struct signature *signature, whi_key *key, int *matched) {
    EVP_PKEY *public_key;
    int code = whi_key_public(key);

    if (code != WH_OK || signature->algorithm == HMAC_SHA256 || signature->size != WHI_ED_SIGNATURE) {
        return code;
    }
    whi_crypto_begin();
    public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, WHI_ED_PUBLIC);
    if (public_key == NULL) {
        return whi_fail_crypto("read an ed25519 public key");
    }
    code = whi_check_ed25519(public_key, signature->bytes, (const uint8_t *)signature->base->data,
                             signature->base->size, matched);
    EVP_PKEY_free(public_key);
    return code;
}

static int match_text(const struct signature *signature, const char *secret, int *matched) {
    size_t size = secret != NULL ? strnlen(secret, WHI_CHECK_SECRET_MAXIMUM + 1) : 0;

    if (size == 0 || size > WHI_CHECK_SECRET_MAXIMUM) {
        return whi_fail_field(WH_ESECRET, "secret", "expected a text of 1 to %d bytes", WHI_CHECK_SECRET_MAXIMUM);
    }
    return match_mac(signature, secret, size, matched);
}

/* "whsec_…", "whpk_…" and "whsk_…" are what they say; any other text is its bytes. */
static int match_one(const struct signature *signature, const char *secret, int *matched) {
    whi_key key;
    int code;

    if (secret == NULL ||
        (strncmp(secret, "whsec_", 6) != 0 && strncmp(secret, "whpk_", 5) != 0 && strncmp(secret, "whsk_", 5) != 0)) {
        return match_text(signature, secret, matched);
    }
    code = whi_key_read(&key, secret);
    if (code != WH_OK) {
        return code;
    }
    code = key.kind == WHI_KEY_MAC ? match_mac(signature, key.bytes, key.size, matched)
                                   : match_public(signature, &key, matched);
    whi_wipe(&key, sizeof key);
    return code;
}

static int match(const whi_check *check, const struct signature *signature) {
    int matched = 0;

    for (size_t i = 0; i < check->secret_count; i++) {
        int code = match_one(signature, check->secrets[i], &matched);

        if (code != WH_OK) {
            return whi_fail_renamed_item(code, "secrets", i);
        }
    }
    return matched ? WH_OK
                   : whi_fail(WH_ESIG_MISMATCH, "header " SIGNATURE ": fits none of %zu secrets", check->secret_count);
}

/* ------------------------------------------------------------------------ labels */

static int signature_read(const char *signatures, const whi_sf_member *input, struct signature *out) {
    whi_sf_member member;
    int code = whi_sf_find(SIGNATURE, signatures, input->name, input->name_size, &member);
    int shown = (int)(input->name_size < 40 ? input->name_size : 40);

    if (code < 0) {
        return code;
    }
    if (code == 0) {
        return whi_fail(WH_ESIG_FORMAT, "header " SIGNATURE ": no \"%.*s\", which header " INPUT " has", shown,
                        input->name);
    }
    if (!whi_sf_bytes(&member.value, out->bytes, sizeof out->bytes, &out->size)) {
        return whi_fail(WH_ESIG_FORMAT, "header " SIGNATURE ": expected at most 64 bytes in base64 for \"%.*s\"", shown,
                        input->name);
    }
    return WH_OK;
}

/* All that needs no key. */
static int label_read(const whi_check *check, const char *inputs, const char *signatures, const whi_sf_member *input,
                      struct signature *out) {
    whi_sf_member once;
    int code = whi_sf_find(INPUT, inputs, input->name, input->name_size, &once);

    if (code < 0) {
        return code;
    }
    if (input->value.type != WHI_SF_LIST) {
        return whi_fail(WH_ESIG_FORMAT, "header " INPUT ": expected a list of components in brackets");
    }
    if (!covers_body(input)) {
        return whi_fail(WH_ESIG_FORMAT, "header " INPUT ": the signature does not cover \"" DIGEST
                                        "\", so nothing says what the body was");
    }
    code = signature_read(signatures, input, out);
    code = code == WH_OK ? parameters_check(input) : code;
    code = code == WH_OK ? algorithm_read(input, &out->algorithm) : code;
    return code == WH_OK ? time_check(check, input) : code;
}

static int label_check(const whi_check *check, const char *inputs, const char *signatures, const whi_sf_member *input) {
    struct signature signature = { 0 };
    whi_buf base;
    int code = label_read(check, inputs, signatures, input, &signature);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&base, WHI_SIGNATURE_BASE_MAXIMUM);
    signature.base = &base;
    code = whi_signature_base(check, input, &base);
    code = code == WH_OK ? match(check, &signature) : code;
    whi_buf_free(&base);
    return code == WH_OK ? digest_check(check) : code;
}

/* What says only that this label is not the one; a broken secret or want of memory ends it. */
static int is_refusal(int code) {
    return code <= WH_ESIG_HEADER && code >= WH_ESIG_MISMATCH;
}

static int check_rfc9421(const whi_check *check) {
    whi_value inputs, signatures;
    whi_sf_member input;
    int code = whi_check_header(check, INPUT, &inputs), more, checked = 0;

    code = code == WH_OK ? whi_check_header(check, SIGNATURE, &signatures) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_sf_reader reader = { INPUT, inputs.text, 0 };

    while ((more = whi_sf_next(&reader, &input)) == 1) {
        checked = 1;
        code = label_check(check, inputs.text, signatures.text, &input);
        if (!is_refusal(code)) {
            return code;
        }
    }
    if (more < 0) {
        return more;
    }
    return checked ? code : whi_fail(WH_ESIG_FORMAT, "header " INPUT ": empty");
}

const whi_format whi_format_rfc9421 = {
    .name = "rfc9421",
    .header = INPUT,
    .check = check_rfc9421,
};
