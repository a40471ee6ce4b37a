#include "systems/envelope.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/hex.h"
#include "pure/hmac.h"
#include "pure/secret.h"

/* ------------------------------------------------------------------- parts */

const char *whi_envelope_data(const whi_envelope *envelope, size_t *size) {
    const char *data = envelope->data;
    size_t left = envelope->data_size;

    while (left > 0 && strchr(" \t\r\n", data[0]) != NULL) {
        data++;
        left--;
    }
    while (left > 0 && strchr(" \t\r\n", data[left - 1]) != NULL) {
        left--;
    }
    *size = left;
    return data;
}

const char *whi_envelope_secret(const whi_envelope *envelope) {
    return envelope->now->secret_count > 0 ? envelope->now->secrets[0] : NULL;
}

int whi_envelope_hmac(const char *digest, const char *secret, whi_signed first, whi_signed second,
                      uint8_t out[WHI_DIGEST_MAXIMUM], size_t *out_size) {
    EVP_MAC_CTX *mac = whi_hmac_new(digest, secret, strlen(secret));
    int done = mac != NULL && EVP_MAC_update(mac, first.bytes, first.size) == 1 &&
               EVP_MAC_update(mac, second.bytes, second.size) == 1 &&
               EVP_MAC_final(mac, out, out_size, WHI_DIGEST_MAXIMUM) == 1;

    EVP_MAC_CTX_free(mac);
    return done ? WH_OK : whi_fail_crypto("compute an HMAC");
}

int whi_envelope_sign(const char *digest, const char *secret, int encoding, whi_signed first, whi_signed second,
                      whi_buf *out) {
    char text[WHI_HEX_SIZE(WHI_DIGEST_MAXIMUM)]; /* or base64, which is shorter */
    uint8_t bytes[WHI_DIGEST_MAXIMUM];
    size_t size;
    int code = whi_envelope_hmac(digest, secret, first, second, bytes, &size);

    if (code != WH_OK) {
        return code;
    }
    if (encoding == WHI_ENCODING_HEX) {
        whi_hex_write(bytes, size, text);
        whi_buf_add(out, text, 2 * size);
    } else {
        whi_buf_add(out, text, whi_base64_encode(bytes, size, text));
    }
    return whi_buf_status(out);
}

/* ------------------------------------------------------------------- the whole */

int whi_envelope_body(const whi_envelope *envelope, whi_buf *out) {
    const whi_system *system = envelope->made_by->system;

    if (system->body != NULL) {
        return system->body(envelope, out);
    }
    whi_buf_add(out, envelope->data, envelope->data_size);
    return whi_buf_status(out);
}

/* One line at most so far. */
int whi_envelope_headers(const whi_envelope *envelope, const void *body, size_t size, whi_buf *text, const char **lines,
                         size_t *count) {
    const whi_system *system = envelope->made_by->system;
    size_t start = text->size;
    int code;

    *count = 0;
    if (system->sign == NULL || whi_envelope_secret(envelope) == NULL) {
        return WH_OK;
    }
    code = system->sign(envelope, body, size, text);
    whi_buf_char(text, '\0');
    code = code == WH_OK ? whi_buf_status(text) : code;
    if (code == WH_OK) {
        lines[0] = text->data + start;
        *count = 1;
    }
    return code;
}
