/* Tests: test_verify_as. */
#include <openssl/err.h>
#include <string.h>

#include "base/ascii.h"
#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/hex.h"
#include "base/mem.h"
#include "pure/hmac.h"
#include "pure/secret.h"
#include "pure/sign.h"
#include "systems/check.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32
#define TOLERANCE_DEFAULT 300

/* -------------------------------------------------------------- headers and times */

whi_value whi_value_of(const char *text) {
    whi_value value = { text + strspn(text, " \t"), 0 };

    for (value.size = strlen(value.text); value.size > 0 && strchr(" \t", value.text[value.size - 1]) != NULL;
         value.size--) {}
    return value;
}

int whi_header_find(const wh_header *headers, size_t count, const char *prefix, const char *name, whi_value *out) {
    size_t size = strlen(prefix);

    *out = (whi_value){ NULL, 0 };
    for (size_t i = 0; i < count; i++) {
        const char *found = headers[i].name;

        if (found == NULL || headers[i].value == NULL || !whi_ascii_same_part(found, prefix, size) ||
            !whi_ascii_same(found + size, name)) {
            continue;
        }
        if (out->text != NULL) {
            return whi_fail(WH_ESIG_FORMAT, "header %s%s: found twice, expected once", prefix, name);
        }
        *out = whi_value_of(headers[i].value);
    }
    return WH_OK;
}

int whi_check_header(const whi_check *check, const char *name, whi_value *out) {
    int code = whi_header_find(check->headers, check->header_count, "", name, out);

    if (code != WH_OK) {
        return code;
    }
    if (out->text == NULL) {
        return whi_fail(WH_ESIG_HEADER, "header %s: missing", name);
    }
    if (out->size > WHI_CHECK_HEADER_MAXIMUM) {
        return whi_fail(WH_ESIG_FORMAT, "header %s: longer than %d bytes", name, WHI_CHECK_HEADER_MAXIMUM);
    }
    return WH_OK;
}

int whi_stamp_read(const char *name, const char *text, size_t size, int64_t *out) {
    int64_t seconds = 0;

    for (size_t i = 0; i < size && i < WHI_STAMP_DIGITS; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return whi_fail(WH_ESIG_FORMAT, "%s: expected seconds since 1970 in digits alone", name);
        }
        seconds = seconds * 10 + (text[i] - '0');
    }
    if (size == 0 || size > WHI_STAMP_DIGITS) {
        return whi_fail(WH_ESIG_FORMAT, "%s: expected 1 to %d digits", name, WHI_STAMP_DIGITS);
    }
    *out = seconds;
    return WH_OK;
}

int whi_stamp_check(const char *name, int64_t seconds, int64_t tolerance, int64_t now) {
    int64_t age;

    if (tolerance < 0) {
        return WH_OK;
    }
    if (tolerance == 0) {
        tolerance = TOLERANCE_DEFAULT;
    }
    age = (now != 0 ? now : whi_clock_now(NULL)) / 1000 - seconds;
    if (age > tolerance) {
        return whi_fail(WH_ESIG_OLD, "%s: %lld s old, at most %lld are tolerated", name, (long long)age,
                        (long long)tolerance);
    }
    if (age < -tolerance) {
        return whi_fail(WH_ESIG_NEW, "%s: %lld s in the future, at most %lld are tolerated", name, (long long)-age,
                        (long long)tolerance);
    }
    return WH_OK;
}

/* ------------------------------------------------------------- texts of digests */

void whi_check_list_init(whi_check_list *list, const char *name, const char *digest) {
    list->name = name;
    list->digest = digest;
    list->bytes = strcmp(digest, "SHA1") == 0 ? SHA1_BYTES : SHA256_BYTES;
    list->count = 0;
}

static int digest_decode(const char *text, size_t size, int accepted, uint8_t *out, size_t bytes) {
    size_t decoded;

    if ((accepted & WHI_CHECK_HEX) && size == 2 * bytes) {
        return whi_hex_read(text, bytes, out);
    }
    return (accepted & WHI_CHECK_BASE64) && size == WHI_BASE64_SIZE(bytes) &&
           whi_base64_decode(text, size, out, WHI_CHECK_DIGEST, &decoded) == WH_OK && decoded == bytes;
}

int whi_check_list_add(whi_check_list *list, const char *text, size_t size, int accepted) {
    static const char *const names[] = { "", "hex", "base64", "hex or base64" };
    _Static_assert(WHI_CHECK_HEX == 1 && WHI_CHECK_BASE64 == 2, "the names are by these two bits");

    if (list->count == WHI_CHECK_SIGNATURES) {
        return whi_fail(WH_ESIG_FORMAT, "%s: more than %d signatures", list->name, WHI_CHECK_SIGNATURES);
    }
    if (!digest_decode(text, size, accepted, list->list[list->count], list->bytes)) {
        return whi_fail(WH_ESIG_FORMAT, "%s: found a signature of %zu letters, expected %zu bytes in %s", list->name,
                        size, list->bytes, names[accepted & 3]);
    }
    list->count++;
    return WH_OK;
}

/* --------------------------------------------------------------------- secrets */

int whi_check_hmac(const char *digest, const void *key, size_t key_size, const whi_check_part *parts, size_t count,
                   uint8_t out[WHI_CHECK_DIGEST], size_t *out_size) {
    EVP_MAC_CTX *context = whi_hmac_new(digest, key, key_size);
    int done = context != NULL;

    for (size_t i = 0; i < count && done; i++) {
        done = EVP_MAC_update(context, parts[i].bytes, parts[i].size) == 1;
    }
    done = done && EVP_MAC_final(context, out, out_size, WHI_CHECK_DIGEST) == 1;
    EVP_MAC_CTX_free(context);
    return done ? WH_OK : whi_fail_crypto("compute an HMAC");
}

static int secret_size(const char *secret, size_t *out) {
    *out = secret != NULL ? strnlen(secret, WHI_CHECK_SECRET_MAXIMUM + 1) : 0;
    if (*out == 0 || *out > WHI_CHECK_SECRET_MAXIMUM) {
        return whi_fail_field(WH_ESECRET, "secret", "expected a text of 1 to %d bytes", WHI_CHECK_SECRET_MAXIMUM);
    }
    return WH_OK;
}

static int match_one(const whi_check_list *list, const char *secret, const whi_check_part *parts, size_t count,
                     int *matched) {
    uint8_t bytes[WHI_CHECK_DIGEST];
    size_t size;
    int code = secret_size(secret, &size);

    if (code == WH_OK) {
        code = whi_check_hmac(list->digest, secret, size, parts, count, bytes, &size);
    }
    if (code != WH_OK) {
        return code;
    }
    for (size_t i = 0; i < list->count; i++) {
        *matched |= whi_equal(list->list[i], bytes, list->bytes);
    }
    whi_wipe(bytes, sizeof bytes);
    return WH_OK;
}

/* All secrets are tried, also after a match, so that a broken one shows at once. */
int whi_check_match(const whi_check *check, const whi_check_list *list, const whi_check_part *parts, size_t count) {
    int matched = 0;

    for (size_t i = 0; i < check->secret_count; i++) {
        int code = match_one(list, check->secrets[i], parts, count, &matched);

        if (code != WH_OK) {
            return whi_fail_renamed_item(code, "secrets", i);
        }
    }
    return matched ? WH_OK
                   : whi_fail(WH_ESIG_MISMATCH, "%s: none of %zu known signatures fits one of %zu secrets", list->name,
                              list->count, check->secret_count);
}

/* --------------------------------------------------------------------- ed25519 */

/* What OpenSSL cannot verify for want of memory counts as no match too: it tells the
 * two apart no better, and refusing is the safe side. */
static int ed25519_one(EVP_MD_CTX *digest, EVP_PKEY *key, const uint8_t *signature, const uint8_t *text, size_t size,
                       int *matched) {
    if (digest == NULL || EVP_DigestVerifyInit(digest, NULL, NULL, NULL, key) != 1) {
        return whi_fail_crypto("set up ed25519");
    }
    if (EVP_DigestVerify(digest, signature, WHI_ED_SIGNATURE, text, size) == 1) {
        *matched = 1;
    }
    ERR_clear_error();
    return WH_OK;
}

int whi_check_ed25519(EVP_PKEY *key, const uint8_t *signature, const uint8_t *text, size_t size, int *matched) {
    EVP_MD_CTX *digest = EVP_MD_CTX_new();
    int code = ed25519_one(digest, key, signature, text, size, matched);

    EVP_MD_CTX_free(digest);
    return code;
}
