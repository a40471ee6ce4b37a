#include "pure/sign.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/secret.h"
#include "webhook.h"

struct whi_signer {
    EVP_MAC_CTX *mac; /* keyed, re-armed for every message; or */
    EVP_PKEY *pair;
    EVP_MD_CTX *digest;
};

static size_t stamp_write(char out[WHI_STAMP_SIZE], int64_t timestamp) {
    char digits[WHI_STAMP_SIZE];
    uint64_t rest = timestamp < 0 ? 0 - (uint64_t)timestamp : (uint64_t)timestamp;
    size_t count = 0, used = 0;

    do {
        digits[count++] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    out[used++] = '.';
    if (timestamp < 0) {
        out[used++] = '-';
    }
    while (count > 0) {
        out[used++] = digits[--count];
    }
    out[used++] = '.';
    return used;
}

static int pair_sign(whi_signer *signer, const whi_message *message, uint8_t out[WHI_ED_SIGNATURE]) {
    size_t size, signature = WHI_ED_SIGNATURE;
    uint8_t *joined;
    int code = whi_message_join(message, &joined, &size), done;

    if (code != WH_OK) {
        return code;
    }
    done = EVP_DigestSignInit(signer->digest, NULL, NULL, NULL, signer->pair) == 1 &&
           EVP_DigestSign(signer->digest, out, &signature, joined, size) == 1 && signature == WHI_ED_SIGNATURE;
    whi_free(joined);
    return done ? WH_OK : whi_fail_crypto("sign with ed25519");
}

static int signer_key(whi_signer *signer, const whi_key *key) {
    uint8_t public_key[WHI_ED_PUBLIC];
    int code;

    if (key->kind == WHI_KEY_MAC) {
        return whi_mac_new(&signer->mac, key);
    }
    if (key->kind == WHI_KEY_PUBLIC) {
        return whi_fail_public_key();
    }
    code = whi_key_pair(&signer->pair, key->bytes, public_key);
    if (code != WH_OK) {
        return code;
    }
    signer->digest = EVP_MD_CTX_new();
    return signer->digest != NULL ? WH_OK : whi_fail_memory();
}

int whi_signer_new(whi_signer **out, const char *secret) {
    whi_signer *signer;
    whi_key key;
    int code;

    *out = NULL;
    code = whi_key_read(&key, secret);
    if (code != WH_OK) {
        return code;
    }
    signer = whi_calloc(1, sizeof *signer);
    code = signer != NULL ? signer_key(signer, &key) : whi_fail_memory();
    whi_wipe(&key, sizeof key);
    if (code != WH_OK) {
        whi_signer_free(signer);
        return code;
    }
    *out = signer;
    return WH_OK;
}

/* OpenSSL wipes what it holds of the key. */
void whi_signer_free(whi_signer *signer) {
    if (signer == NULL) {
        return;
    }
    EVP_MAC_CTX_free(signer->mac);
    EVP_MD_CTX_free(signer->digest);
    EVP_PKEY_free(signer->pair);
    whi_free_secret(signer, sizeof *signer);
}

static void signature_add(whi_buf *out, const char *version, const uint8_t *bytes, size_t size) {
    char text[WHI_BASE64_SIZE(WHI_ED_SIGNATURE) + 1];
    size_t letters = whi_base64_encode(bytes, size, text);

    whi_buf_text(out, version);
    whi_buf_add(out, text, letters);
}

static int message_sign(whi_signer *signer, const whi_message *message, whi_buf *out) {
    uint8_t bytes[WHI_ED_SIGNATURE];
    int code;

    if (signer->mac != NULL) {
        code = whi_mac_make(signer->mac, message, bytes);
        if (code != WH_OK) {
            return code;
        }
        signature_add(out, "v1,", bytes, WHI_MAC_SIZE);
    } else {
        code = pair_sign(signer, message, bytes);
        if (code != WH_OK) {
            return code;
        }
        signature_add(out, "v1a,", bytes, WHI_ED_SIGNATURE);
    }
    return whi_buf_status(out);
}

int whi_signer_sign(whi_signer *signer, const char *id, int64_t timestamp, const void *body, size_t size,
                    whi_buf *out) {
    char stamp[WHI_STAMP_SIZE];
    whi_message message = { id, stamp, body, strlen(id), stamp_write(stamp, timestamp), size };

    return message_sign(signer, &message, out);
}

static int sign_all(const char *const *secrets, size_t count, const whi_message *message, whi_buf *buf) {
    for (size_t i = 0; i < count; i++) {
        whi_signer *signer;
        int code = whi_signer_new(&signer, secrets[i]);

        if (code != WH_OK) {
            return whi_fail_renamed_item(code, "secrets", i);
        }
        if (i > 0) {
            whi_buf_char(buf, ' ');
        }
        code = message_sign(signer, message, buf);
        whi_signer_free(signer);
        if (code != WH_OK) {
            return code;
        }
    }
    return WH_OK;
}

int whi_signed_id_check(const char *id) {
    size_t size = id != NULL ? strnlen(id, WHI_SIGNED_ID_MAXIMUM + 1) : 0;
    const char *dot = id;

    if (size == 0 || size > WHI_SIGNED_ID_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, "id", "expected 1 to %d bytes", WHI_SIGNED_ID_MAXIMUM);
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)id[i] < 0x20 || id[i] == 0x7f) {
            return whi_fail_field(WH_EINVALID, "id", "found a control character at byte %zu", i + 1);
        }
    }
    if (id[0] == ' ' || id[size - 1] == ' ') {
        return whi_fail_field(WH_EINVALID, "id", "found blanks around it, which a header loses");
    }
    while ((dot = strchr(dot, '.')) != NULL) {
        size_t digits = strspn(++dot, "0123456789");

        if (digits > 0 && (dot[digits] == '.' || dot[digits] == '\0')) {
            return whi_fail_field(WH_EINVALID, "id",
                                  "found digits alone after a full stop, which reads like a timestamp");
        }
    }
    return WH_OK;
}

int wh_sign(const char *const *secrets, size_t count, const char *id, int64_t timestamp, const void *body, size_t size,
            char **out) {
    char stamp[WHI_STAMP_SIZE];
    whi_message message = { id, stamp, body, 0, 0, size };
    whi_buf buf;
    int code;

    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected a place for the signatures, found NULL");
    }
    *out = NULL;
    code = whi_message_check(secrets, count, body, &message.size);
    if (code == WH_OK) {
        code = whi_signed_id_check(id);
    }
    if (code == WH_OK && timestamp < 0) {
        code =
            whi_fail_field(WH_EINVALID, "timestamp", "found %lld, expected seconds since 1970", (long long)timestamp);
    }
    if (code != WH_OK) {
        return code;
    }
    message.id_size = strlen(id);
    message.stamp_size = stamp_write(stamp, timestamp);
    whi_buf_init(&buf, WHI_SIGNATURES_SIZE);
    code = sign_all(secrets, count, &message, &buf);
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, NULL);
}
