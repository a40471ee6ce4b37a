#include "pure/envelope.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/halt.h"
#include "pure/envelope_parts.h"
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

/* As whi_mac_new of secret.h, for any digest and a text as the key. */
static EVP_MAC_CTX *keyed(const char *digest, const char *secret) {
    OSSL_PARAM parameters[2];
    EVP_MAC_CTX *made;
    EVP_MAC *mac;
    char name[8] = "";

    whi_crypto_begin();
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    made = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    memcpy(name, digest, strlen(digest));
    parameters[0] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0);
    parameters[1] = OSSL_PARAM_construct_end();
    EVP_MAC_free(mac);
    if (made != NULL && EVP_MAC_init(made, (const unsigned char *)secret, strlen(secret), parameters) != 1) {
        EVP_MAC_CTX_free(made);
        made = NULL;
    }
    return made;
}

int whi_envelope_hmac(const char *digest, const char *secret, whi_signed first, whi_signed second,
                      uint8_t out[WHI_DIGEST_MAXIMUM], size_t *out_size) {
    EVP_MAC_CTX *mac = keyed(digest, secret);
    int done = mac != NULL && EVP_MAC_update(mac, first.bytes, first.size) == 1 &&
               EVP_MAC_update(mac, second.bytes, second.size) == 1 &&
               EVP_MAC_final(mac, out, out_size, WHI_DIGEST_MAXIMUM) == 1;

    EVP_MAC_CTX_free(mac);
    return done ? WH_OK : whi_fail_crypto("compute an HMAC");
}

static void write_hex(whi_buf *out, const uint8_t *bytes, size_t size) {
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < size; i++) {
        whi_buf_char(out, digits[bytes[i] >> 4]);
        whi_buf_char(out, digits[bytes[i] & 15]);
    }
}

int whi_envelope_sign(const char *digest, const char *secret, int encoding, whi_signed first, whi_signed second,
                      whi_buf *out) {
    char text[WHI_BASE64_SIZE(WHI_DIGEST_MAXIMUM) + 1];
    uint8_t bytes[WHI_DIGEST_MAXIMUM];
    size_t size;
    int code = whi_envelope_hmac(digest, secret, first, second, bytes, &size);

    if (code != WH_OK) {
        return code;
    }
    if (encoding == WHI_ENCODING_HEX) {
        write_hex(out, bytes, size);
    } else {
        whi_buf_add(out, text, whi_base64_encode(bytes, size, text));
    }
    return whi_buf_status(out);
}

/* ------------------------------------------------------------------- the whole */

int whi_envelope_body(const whi_envelope *envelope, whi_buf *out) {
    switch (envelope->made_by->profile) {
    case WHI_UNIFIED:
        return whi_envelope_unified(envelope, out);
    case WHI_TRUTO:
        return whi_envelope_truto(envelope, out);
    case WHI_CALLFIRE:
        return whi_envelope_callfire(envelope, out);
    default:
        whi_buf_add(out, envelope->data, envelope->data_size);
        return whi_buf_status(out);
    }
}

/* One line at most so far. */
int whi_envelope_headers(const whi_envelope *envelope, const void *body, size_t size, whi_buf *text, const char **lines,
                         size_t *count) {
    int profile = envelope->made_by->profile, code;
    size_t start = text->size;

    *count = 0;
    if ((profile != WHI_TRUTO && profile != WHI_CALLFIRE) || whi_envelope_secret(envelope) == NULL) {
        return WH_OK;
    }
    code = profile == WHI_TRUTO ? whi_envelope_sign_truto(envelope, body, size, text)
                                : whi_envelope_sign_callfire(envelope, body, size, text);
    whi_buf_char(text, '\0');
    code = code == WH_OK ? whi_buf_status(text) : code;
    if (code == WH_OK) {
        lines[0] = text->data + start;
        *count = 1;
    }
    return code;
}

/* ------------------------------------------------------------------- order */

#define RUN "sync_job_run:"

/* Where the run is named: the first of these that is there. */
static uint32_t run_find(const whi_json *payload) {
    uint32_t meta = whi_json_member(payload, 0, "meta", 4);
    uint32_t node = whi_json_member(payload, 0, "sync_job_run_id", 15);

    if (node == WHI_JSON_NONE && meta != WHI_JSON_NONE) {
        node = whi_json_member(payload, meta, "sync_job_run_id", 15);
    }
    return node != WHI_JSON_NONE ? node : whi_json_member(payload, 0, "id", 2);
}

static int run_write(const whi_json *payload, uint32_t node, whi_buf *out) {
    whi_buf scratch;
    const char *text;
    size_t size;
    int code = WH_OK;

    whi_buf_init(&scratch, SIZE_MAX / 4);
    text = payload->nodes[node].type == WHI_JSON_NUMBER ? whi_json_span(payload, node, &size)
                                                        : whi_json_string(payload, node, &scratch, &size);
    if (text == NULL) {
        code = whi_fail_memory();
    } else if (size > 0 && size <= WHI_ORDER_KEY_MAXIMUM && memchr(text, '\0', size) == NULL) {
        whi_buf_add(out, text, size);
        code = whi_buf_status(out);
    }
    whi_buf_free(&scratch);
    return code;
}

int whi_envelope_is_ordered(int profile, const char *event_type) {
    return profile == WHI_TRUTO && strncmp(event_type, RUN, strlen(RUN)) == 0;
}

int whi_envelope_key(int profile, const char *event_type, const whi_json *payload, whi_buf *out) {
    uint32_t node;

    if (!whi_envelope_is_ordered(profile, event_type)) {
        return WH_OK;
    }
    node = run_find(payload);
    if (node == WHI_JSON_NONE ||
        (payload->nodes[node].type != WHI_JSON_STRING && payload->nodes[node].type != WHI_JSON_NUMBER)) {
        return WH_OK;
    }
    return run_write(payload, node, out);
}
