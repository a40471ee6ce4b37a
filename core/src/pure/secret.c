/* Tests: test_sign. */
#include "pure/secret.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <string.h>

#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "pure/hmac.h"
#include "pure/sign.h"
#include "webhook.h"

/* The thread's queue of errors belongs to the program as well: SSL_get_error, for
 * one, misreads what others leave there. It seldom says that memory was short, so
 * that is no code of its own here. */
int whi_fail_crypto(const char *what) {
    ERR_clear_error();
    return whi_fail(WH_EINTERNAL, "OpenSSL could not %s", what);
}

static int starts_with(const char *text, const char *prefix) {
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

int whi_key_pair(EVP_PKEY **out, const uint8_t *seed, uint8_t public_key[WHI_ED_PUBLIC]) {
    size_t size = WHI_ED_PUBLIC;

    whi_crypto_begin();
    *out = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, WHI_ED_SEED);
    if (*out == NULL) {
        return whi_fail_crypto("make an ed25519 key");
    }
    if (EVP_PKEY_get_raw_public_key(*out, public_key, &size) != 1 || size != WHI_ED_PUBLIC) {
        EVP_PKEY_free(*out);
        *out = NULL;
        return whi_fail_crypto("make an ed25519 public key");
    }
    return WH_OK;
}

/* The public half that a secret carries must be that of its seed: a pair put
 * together wrongly would sign what nobody can verify. */
static int pair_check(const whi_key *key) {
    uint8_t public_key[WHI_ED_PUBLIC];
    EVP_PKEY *pair;
    int code;

    if (key->size == WHI_ED_SEED) {
        return WH_OK;
    }
    code = whi_key_pair(&pair, key->bytes, public_key);
    if (code != WH_OK) {
        return code;
    }
    EVP_PKEY_free(pair);
    if (!whi_equal(public_key, key->bytes + WHI_ED_SEED, WHI_ED_PUBLIC)) {
        return whi_fail_field(WH_ESECRET, "secret", "the public key in \"whsk_…\" is not that of its seed");
    }
    return WH_OK;
}

static int key_size_check(const whi_key *key) {
    if (key->kind == WHI_KEY_MAC && key->size == 0) {
        return whi_fail_field(WH_ESECRET, "secret", "found no bytes after \"whsec_\", expected base64 of 1 to 128");
    }
    if (key->kind == WHI_KEY_PUBLIC && key->size != WHI_ED_PUBLIC) {
        return whi_fail_field(WH_ESECRET, "secret", "\"whpk_\" holds %zu bytes, expected 32", key->size);
    }
    if (key->kind == WHI_KEY_SECRET && key->size != WHI_ED_SEED && key->size != WHI_ED_SEED + WHI_ED_PUBLIC) {
        return whi_fail_field(WH_ESECRET, "secret",
                              "\"whsk_\" holds %zu bytes, expected 64 (seed and public key) or 32 (seed)", key->size);
    }
    return WH_OK;
}

/* Many programs leave the padding away, and what it would be is no question. */
static int bytes_read(whi_key *key, const char *text) {
    char padded[WHI_BASE64_SIZE(WHI_KEY_MAXIMUM) + 4];
    size_t size = strnlen(text, WHI_BASE64_SIZE(WHI_KEY_MAXIMUM) + 1);
    int code;

    memcpy(padded, text, size);
    if (size % 4 > 1 && text[size - 1] != '=') {
        memcpy(padded + size, "==", 2);
        size += 4 - size % 4;
    }
    code = whi_base64_decode(padded, size, key->bytes, sizeof key->bytes, &key->size);
    whi_wipe(padded, sizeof padded);
    return code;
}

static int key_decode(whi_key *key, const char *text) {
    size_t skip = 0;

    key->kind = WHI_KEY_MAC;
    if (starts_with(text, "whsec_")) {
        skip = 6;
    } else if (starts_with(text, "whsk_")) {
        key->kind = WHI_KEY_SECRET;
        skip = 5;
    } else if (starts_with(text, "whpk_")) {
        key->kind = WHI_KEY_PUBLIC;
        skip = 5;
    }
    if (bytes_read(key, text + skip) != WH_OK) {
        return whi_fail_field(WH_ESECRET, "secret", "expected \"whsec_\" or \"whsk_\" and base64 of at most 128 bytes");
    }
    return key_size_check(key);
}

int whi_key_read(whi_key *key, const char *text) {
    int code;

    if (text == NULL) {
        return whi_fail_field(WH_ESECRET, "secret", "expected \"whsec_…\" or \"whsk_…\", found nothing");
    }
    code = key_decode(key, text);
    if (code == WH_OK && key->kind == WHI_KEY_SECRET) {
        code = pair_check(key);
    }
    if (code != WH_OK) {
        whi_wipe(key, sizeof *key);
    }
    return code;
}

int whi_fail_public_key(void) {
    return whi_fail_field(WH_ESECRET, "secret",
                          "a public key \"whpk_…\" cannot sign, expected \"whsec_…\" or \"whsk_…\"");
}

int whi_secret_check(const char *secret, int public_key) {
    whi_key key;
    int code = whi_key_read(&key, secret);

    if (code == WH_OK && key.kind == WHI_KEY_PUBLIC && !public_key) {
        code = whi_fail_public_key();
    }
    whi_wipe(&key, sizeof key);
    return code;
}

static void key_text(const char *prefix, const uint8_t *bytes, size_t size, char out[WH_SECRET_SIZE]) {
    size_t used = strlen(prefix);

    memcpy(out, prefix, used);
    whi_base64_encode(bytes, size, out + used);
}

/* Replaces the bytes of a secret or public key by those of its public key. */
int whi_key_public(whi_key *key) {
    uint8_t public_key[WHI_ED_PUBLIC];
    EVP_PKEY *pair;
    int code;

    if (key->kind == WHI_KEY_PUBLIC) {
        return WH_OK;
    }
    code = whi_key_pair(&pair, key->bytes, public_key);
    if (code != WH_OK) {
        return code;
    }
    EVP_PKEY_free(pair);
    whi_wipe(key->bytes, sizeof key->bytes);
    memcpy(key->bytes, public_key, WHI_ED_PUBLIC);
    key->size = WHI_ED_PUBLIC;
    key->kind = WHI_KEY_PUBLIC;
    return WH_OK;
}

int whi_secret_public(const char *secret, char *out) {
    whi_key key;
    int code = whi_key_read(&key, secret);

    if (code == WH_OK && key.kind == WHI_KEY_MAC) {
        code = whi_fail_field(WH_ESECRET, "secret", "only \"whsk_…\" has a public key");
    }
    if (code == WH_OK) {
        code = whi_key_public(&key);
    }
    if (code == WH_OK) {
        key_text("whpk_", key.bytes, WHI_ED_PUBLIC, out);
    }
    whi_wipe(&key, sizeof key);
    return code;
}

static int fail_place(const char *field) {
    return whi_fail_field(WH_EINVALID, field, "expected a place, found NULL");
}

int wh_secret(char out[WH_SECRET_SIZE]) {
    uint8_t bytes[24];
    int code = out != NULL ? whi_clock_random(NULL, bytes, sizeof bytes) : fail_place("out");

    if (code == WH_OK) {
        key_text("whsec_", bytes, sizeof bytes, out);
    }
    whi_wipe(bytes, sizeof bytes);
    return code;
}

int wh_secret_pair(char secret[WH_SECRET_SIZE], char public_key[WH_SECRET_SIZE]) {
    uint8_t bytes[WHI_ED_SEED + WHI_ED_PUBLIC];
    EVP_PKEY *pair = NULL;
    int code;

    if (secret == NULL || public_key == NULL) {
        return fail_place(secret == NULL ? "secret" : "public_key");
    }
    code = whi_clock_random(NULL, bytes, WHI_ED_SEED);
    if (code == WH_OK) {
        code = whi_key_pair(&pair, bytes, bytes + WHI_ED_SEED);
    }
    if (code == WH_OK) {
        key_text("whsk_", bytes, sizeof bytes, secret);
        key_text("whpk_", bytes + WHI_ED_SEED, WHI_ED_PUBLIC, public_key);
    }
    EVP_PKEY_free(pair);
    whi_wipe(bytes, sizeof bytes);
    return code;
}

int whi_equal(const void *a, const void *b, size_t size) {
    return CRYPTO_memcmp(a, b, size) == 0;
}

int whi_mac_new(EVP_MAC_CTX **out, const whi_key *key) {
    *out = whi_hmac_new("SHA256", key->bytes, key->size);
    return *out != NULL ? WH_OK : whi_fail_crypto("set up HMAC-SHA256");
}

int whi_mac_make(EVP_MAC_CTX *mac, const whi_message *message, uint8_t out[WHI_MAC_SIZE]) {
    size_t size;

    if (EVP_MAC_init(mac, NULL, 0, NULL) != 1 ||
        EVP_MAC_update(mac, (const uint8_t *)message->id, message->id_size) != 1 ||
        EVP_MAC_update(mac, (const uint8_t *)message->stamp, message->stamp_size) != 1 ||
        EVP_MAC_update(mac, message->body, message->size) != 1 || EVP_MAC_final(mac, out, &size, WHI_MAC_SIZE) != 1) {
        return whi_fail_crypto("compute HMAC-SHA256");
    }
    return WH_OK;
}

int whi_message_join(const whi_message *message, uint8_t **out, size_t *out_size) {
    size_t head = message->id_size + message->stamp_size;
    uint8_t *joined;

    if (message->size > SIZE_MAX - head) {
        return whi_fail_field(WH_ELIMIT, "body", "%zu bytes are too many to sign", message->size);
    }
    joined = whi_alloc(head + message->size);
    if (joined == NULL) {
        return whi_fail_memory();
    }
    memcpy(joined, message->id, message->id_size);
    memcpy(joined + message->id_size, message->stamp, message->stamp_size);
    if (message->size > 0) {
        memcpy(joined + head, message->body, message->size);
    }
    *out = joined;
    *out_size = head + message->size;
    return WH_OK;
}

int whi_message_check(const char *const *secrets, size_t count, const void *body, size_t *size) {
    if (secrets == NULL || count == 0 || count > WHI_SECRETS_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, "secrets", "found %zu, expected 1 to %d", secrets == NULL ? 0 : count,
                              WHI_SECRETS_MAXIMUM);
    }
    if (*size == WH_ZSTR) {
        *size = body != NULL ? strlen(body) : 0;
    }
    if (body == NULL && *size > 0) {
        return whi_fail_field(WH_EINVALID, "body", "no bytes, but a size of %zu", *size);
    }
    return WH_OK;
}
