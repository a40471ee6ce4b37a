/* {"data":[…],"webhook":{…},"nonce","sig256","sig","type","external_xref"}
 *
 * The vendor's formula is HMAC(workspace.secret, data + nonce). That data are the bytes of the
 * member, and hex the digest's text, is our reading: neither is public. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "pure/envelope_parts.h"
#include "pure/profile.h"

#define NONCE_BYTES 16 /* of the 32 that the HMAC gives */
#define NONCE_SIZE (2 * NONCE_BYTES + 1)

/* The same at every attempt, and known to nobody beforehand without the secret. */
static int make_nonce(const whi_envelope *envelope, char out[NONCE_SIZE]) {
    static const char label[] = "nonce"; /* with its zero byte: no data begin so */
    const char *secret = whi_envelope_secret(envelope);
    char id[WH_ID_SIZE], name[2 * WH_ID_SIZE];
    uint8_t bytes[WHI_DIGEST_MAXIMUM];
    size_t size;
    int code;

    whi_ident_format("sub_", envelope->made_by->id, id);
    snprintf(name, sizeof name, "%s.%s", envelope->event_id, id);
    code = whi_envelope_hmac("SHA256", secret != NULL ? secret : "", (whi_signed){ label, sizeof label },
                             (whi_signed){ name, strlen(name) }, bytes, &size);
    for (size_t i = 0; i < NONCE_BYTES && code == WH_OK; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
    return code;
}

/* Appends the data as a list; where receives their place in out. */
static size_t write_data(const whi_envelope *envelope, whi_buf *out, size_t *where) {
    size_t size;
    const char *data = whi_envelope_data(envelope, &size);
    int is_list = size > 0 && data[0] == '[';

    whi_json_write_name(out, "data");
    *where = out->size;
    whi_buf_text(out, is_list ? "" : "[");
    whi_buf_add(out, data, size);
    whi_buf_text(out, is_list ? "" : "]");
    return out->size - *where;
}

/* data: over these bytes of out itself, which are looked up late since out may move. */
static int write_signature(const whi_envelope *envelope, const char *name, const char *digest, size_t data, size_t size,
                           const char *nonce, whi_buf *out) {
    int encoding = envelope->now->encoding != WHI_ENCODING_DEFAULT ? envelope->now->encoding : WHI_ENCODING_HEX;
    int code;

    whi_json_write_name(out, name);
    whi_buf_char(out, '"');
    code = whi_buf_status(out);
    if (code == WH_OK) {
        code = whi_envelope_sign(digest, whi_envelope_secret(envelope), encoding,
                                 (whi_signed){ out->data + data, size }, (whi_signed){ nonce, strlen(nonce) }, out);
    }
    whi_buf_char(out, '"');
    return code;
}

/* The customer's own id of a user, where the connection has one. */
static int write_xref(const whi_envelope *envelope, whi_buf *out) {
    const char *details = envelope->made_by->details, *text;
    whi_json json = { 0 };
    int code = details != NULL ? whi_json_scan(&json, details, strlen(details), 64) : WH_OK;
    uint32_t node = code == WH_OK && json.count > 0 ? whi_json_member(&json, 0, "external_xref", 13) : WHI_JSON_NONE;
    size_t size;

    if (node != WHI_JSON_NONE && json.nodes[node].type == WHI_JSON_STRING) {
        text = whi_json_span(&json, node, &size);
        whi_json_write_name(out, "external_xref");
        whi_buf_add(out, text, size);
    }
    whi_json_free(&json);
    return code;
}

static int write_signed(const whi_envelope *envelope, size_t data, size_t size, whi_buf *out) {
    char nonce[NONCE_SIZE] = "";
    int code = make_nonce(envelope, nonce);

    whi_json_write_name(out, "nonce");
    whi_json_write_string(out, nonce, strlen(nonce));
    if (whi_envelope_secret(envelope) == NULL) {
        return code;
    }
    code = code == WH_OK ? write_signature(envelope, "sig256", "SHA256", data, size, nonce, out) : code;
    return code == WH_OK ? write_signature(envelope, "sig", "SHA1", data, size, nonce, out) : code;
}

/* "type" is for the day when we poll: "VIRTUAL", and "INITIAL-PARTIAL" and "INITIAL-COMPLETE"
 * for what was there before. What is published is native. */
int whi_envelope_unified(const whi_envelope *envelope, whi_buf *out) {
    size_t data, size;
    int code;

    whi_buf_char(out, '{');
    size = write_data(envelope, out, &data);
    whi_json_write_name(out, "webhook");
    code = whi_profile_write(WHI_UNIFIED, envelope->made_by, NULL, WHI_PROFILE_SENT, out);
    code = code == WH_OK ? write_signed(envelope, data, size, out) : code;
    whi_buf_text(out, ",\"type\":\"NATIVE\"");
    code = code == WH_OK ? write_xref(envelope, out) : code;
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}
