/* Tests: test_seal. */
#include "pure/seal.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "base/crypto.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/secret.h"

#define PREFIX "seal:1:"
#define PREFIX_SIZE (sizeof PREFIX - 1)
#define ID_LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-"
#define BLANKS " \t\r"

/* ----------------------------------------------------------------------- key files */

static int fail_line(size_t line, const char *problem) {
    return whi_fail_field(WH_EINVALID, "key_file", "line %zu: %s", line, problem);
}

static size_t span(const char *text, size_t size, const char *letters, int within) {
    size_t at = 0;

    while (at < size && (text[at] != '\0' && strchr(letters, text[at]) != NULL) == within) {
        at++;
    }
    return at;
}

static int read_key(whi_keyring *out, size_t line, const char *text, size_t size) {
    whi_seal_key *key = &out->keys[out->count];
    size_t id = span(text, size, BLANKS, 0), gap = id + span(text + id, size - id, BLANKS, 1), bytes;

    if (id == 0 || id >= WHI_SEAL_ID || span(text, id, ID_LETTERS, 1) != id) {
        return fail_line(line, "expected an id, 1 to 32 of A-Z a-z 0-9 . _ -, and a key");
    }
    if (whi_base64_decode(text + gap, size - gap, key->bytes, sizeof key->bytes, &bytes) != WH_OK ||
        bytes != WHI_SEAL_KEY) {
        return fail_line(line, "expected a key behind the id: 32 bytes as base64, which is 44 letters");
    }
    if (whi_keyring_find(out, text, id) != NULL) {
        return fail_line(line, "this id has a key already");
    }
    memcpy(key->id, text, id);
    key->id[id] = '\0';
    out->count++;
    return WH_OK;
}

static int read_line(whi_keyring *out, size_t line, const char *text, size_t size) {
    size_t head = span(text, size, BLANKS, 1);

    text += head;
    size -= head;
    while (size > 0 && strchr(BLANKS, text[size - 1]) != NULL && text[size - 1] != '\0') {
        size--;
    }
    if (size == 0 || text[0] == '#') {
        return WH_OK;
    }
    return out->count < WHI_SEAL_KEYS ? read_key(out, line, text, size) : fail_line(line, "more than 32 keys");
}

int whi_keyring_read(whi_keyring *out, const char *text, size_t size) {
    size_t line = 1, at = 0;
    int code = WH_OK;

    memset(out, 0, sizeof *out);
    while (code == WH_OK && at < size) {
        size_t length = span(text + at, size - at, "\n", 0);

        code = read_line(out, line++, text + at, length);
        at += length + 1;
    }
    if (code == WH_OK && out->count == 0) {
        code = whi_fail_field(WH_EINVALID, "key_file", "there is no key in it");
    }
    if (code != WH_OK) {
        whi_wipe(out, sizeof *out);
    }
    return code;
}

const whi_seal_key *whi_keyring_find(const whi_keyring *keys, const char *id, size_t size) {
    for (size_t i = 0; i < keys->count; i++) {
        if (strlen(keys->keys[i].id) == size && memcmp(keys->keys[i].id, id, size) == 0) {
            return &keys->keys[i];
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------- sealing */

/* sealed: nonce, text and tag, of which the nonce is there. */
static int encrypt(EVP_CIPHER_CTX *gcm, const uint8_t *key, const char *place, const void *text, size_t size,
                   uint8_t *sealed) {
    uint8_t *body = sealed + WHI_SEAL_NONCE;
    int length;

    return EVP_EncryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_EncryptUpdate(gcm, NULL, &length, (const uint8_t *)place, (int)strlen(place)) == 1 &&
           EVP_EncryptUpdate(gcm, body, &length, text, (int)size) == 1 &&
           EVP_EncryptFinal_ex(gcm, body + size, &length) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_GET_TAG, WHI_SEAL_TAG, body + size) == 1;
}

static int decrypt(EVP_CIPHER_CTX *gcm, const uint8_t *key, const char *place, uint8_t *sealed, size_t size,
                   uint8_t *text) {
    uint8_t *body = sealed + WHI_SEAL_NONCE;
    int length;

    return EVP_DecryptInit_ex(gcm, EVP_aes_256_gcm(), NULL, key, sealed) == 1 &&
           EVP_DecryptUpdate(gcm, NULL, &length, (const uint8_t *)place, (int)strlen(place)) == 1 &&
           EVP_DecryptUpdate(gcm, text, &length, body, (int)size) == 1 &&
           EVP_CIPHER_CTX_ctrl(gcm, EVP_CTRL_GCM_SET_TAG, WHI_SEAL_TAG, body + size) == 1 &&
           EVP_DecryptFinal_ex(gcm, text + size, &length) == 1;
}

static EVP_CIPHER_CTX *new_gcm(void) {
    whi_crypto_begin();
    return EVP_CIPHER_CTX_new();
}

static int append(const whi_seal_key *key, const uint8_t *sealed, size_t size, whi_buf *out) {
    char *letters;

    whi_buf_text(out, PREFIX);
    whi_buf_text(out, key->id);
    whi_buf_char(out, ':');
    letters = whi_buf_reserve(out, WHI_BASE64_SIZE(size) + 1);
    if (letters != NULL) {
        out->size += whi_base64_encode(sealed, size, letters);
    }
    return whi_buf_status(out);
}

int whi_seal(const whi_seal_key *key, const char *place, const uint8_t nonce[WHI_SEAL_NONCE], const void *text,
             size_t size, whi_buf *out) {
    size_t whole = WHI_SEAL_NONCE + size + WHI_SEAL_TAG;
    EVP_CIPHER_CTX *gcm = new_gcm();
    uint8_t *sealed = whi_alloc(whole);
    int code = WH_OK;

    if (gcm == NULL || sealed == NULL) {
        code = whi_fail_memory();
    } else {
        memcpy(sealed, nonce, WHI_SEAL_NONCE);
        code = encrypt(gcm, key->bytes, place, text, size, sealed) ? append(key, sealed, whole, out)
                                                                   : whi_fail_crypto("encrypt by AES-256-GCM");
    }
    EVP_CIPHER_CTX_free(gcm);
    whi_free(sealed);
    return code;
}

/* ----------------------------------------------------------------------- unsealing */

int whi_seal_is(const char *text, size_t size, const char **id, size_t *id_size) {
    size_t letters;

    if (size <= PREFIX_SIZE || memcmp(text, PREFIX, PREFIX_SIZE) != 0) {
        return 0;
    }
    letters = span(text + PREFIX_SIZE, size - PREFIX_SIZE, ID_LETTERS, 1);
    if (id != NULL) {
        *id = text + PREFIX_SIZE;
        *id_size = letters;
    }
    return letters > 0 && PREFIX_SIZE + letters < size && text[PREFIX_SIZE + letters] == ':';
}

static int fail_damaged(const char *place, const char *id, size_t id_size) {
    ERR_clear_error();
    return whi_fail(WH_ECORRUPT,
                    "%s: does not open by the key \"%.*s\": it was damaged, was moved here from elsewhere, or"
                    " another key of this id sealed it",
                    place, (int)id_size, id);
}

/* sealed receives the bytes of the letters behind the id. */
static int open_by(const whi_seal_key *key, const char *place, const char *letters, size_t size, uint8_t *sealed,
                   whi_buf *out) {
    size_t whole = 0, text;
    EVP_CIPHER_CTX *gcm;
    char *room;
    int opened;

    if (whi_base64_decode(letters, size, sealed, size, &whole) != WH_OK || whole < WHI_SEAL_NONCE + WHI_SEAL_TAG) {
        return fail_damaged(place, key->id, strlen(key->id));
    }
    text = whole - WHI_SEAL_NONCE - WHI_SEAL_TAG;
    room = whi_buf_reserve(out, text + 1);
    gcm = room != NULL ? new_gcm() : NULL;
    if (gcm == NULL) {
        return room != NULL ? whi_fail_memory() : whi_buf_status(out);
    }
    opened = decrypt(gcm, key->bytes, place, sealed, text, (uint8_t *)room);
    EVP_CIPHER_CTX_free(gcm);
    if (!opened) { /* what does not hold is not to be looked at */
        whi_wipe(room, text);
        return fail_damaged(place, key->id, strlen(key->id));
    }
    out->size += text;
    out->data[out->size] = '\0';
    return WH_OK;
}

int whi_unseal(const whi_keyring *keys, const char *place, const char *text, size_t size, whi_buf *out) {
    const whi_seal_key *key;
    const char *id = "";
    size_t id_size = 0, head;
    uint8_t *sealed;
    int code;

    if (!whi_seal_is(text, size, &id, &id_size)) {
        return whi_fail(WH_ECORRUPT, "%s: expected a sealed text", place);
    }
    key = keys != NULL ? whi_keyring_find(keys, id, id_size) : NULL;
    if (key == NULL) {
        return whi_fail(WH_EKEY, "%s: sealed by the key \"%.*s\", which %s", place, id_size < 40 ? (int)id_size : 40,
                        id, keys != NULL ? "is not in the key_file" : "needs the option key_file");
    }
    head = (size_t)(id - text) + id_size + 1;
    sealed = whi_alloc(size - head + 1);
    if (sealed == NULL) {
        return whi_fail_memory();
    }
    code = open_by(key, place, text + head, size - head, sealed, out);
    whi_free(sealed);
    return code;
}
