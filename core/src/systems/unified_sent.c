/* The vendor's formula is HMAC(workspace.secret, data + nonce). That data are the bytes of the
 * member, written as JSON.stringify writes them, and hex the digest's text, is our reading: neither is public.
 * Tests: test_envelope, test_api_systems. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/ident.h"
#include "pure/poll.h"
#include "pure/stringify.h"
#include "systems/object.h"
#include "systems/unified_sent.h"

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
    if (code == WH_OK) {
        whi_hex_write(bytes, NONCE_BYTES, out);
    }
    return code;
}

/* The vendor's receivers have parsed the body when they verify, and write its data anew: so they are sent as
 * JavaScript writes them. Where that would change a value the bytes stay as they are, and are exact. */
static int write_value(const whi_envelope *envelope, const char *data, size_t size, whi_buf *out) {
    int same = 0, code = WH_OK;
    whi_json json = { 0 };

    if (envelope->made_by->data != WHI_DATA_EXACT) {
        code = whi_json_scan(&json, data, size, WHI_JSON_DEPTH_MAXIMUM);
        code = code == WH_OK ? whi_stringify(&json, 0, out, &same) : code;
        whi_json_free(&json);
        if (envelope->unlike != NULL) {
            *envelope->unlike = !same;
        }
    }
    if (!same) {
        whi_buf_add(out, data, size);
    }
    return code == WH_ENOMEM ? code : WH_OK;
}

/* Appends the data as a list; where and size receive their place in out. */
static int write_data(const whi_envelope *envelope, whi_buf *out, size_t *where, size_t *size) {
    size_t given;
    const char *data = whi_envelope_data(envelope, &given);
    int is_list = given > 0 && data[0] == '[', code;

    whi_json_write_name(out, "data");
    *where = out->size;
    whi_buf_text(out, is_list ? "" : "[");
    code = write_value(envelope, data, given, out);
    whi_buf_text(out, is_list ? "" : "]");
    *size = out->size - *where;
    return code;
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

/* What was published is native. */
static const char *type_of(const whi_envelope *envelope) {
    static const char *const types[] = { "NATIVE", "VIRTUAL", "INITIAL-PARTIAL", "INITIAL-COMPLETE" };
    _Static_assert(sizeof types / sizeof types[0] == WHI_POLL_LAST + 1, "a word for each kind");

    return types[whi_poll_event_kind(envelope->event_id, NULL)];
}

int whi_unified_body(const whi_envelope *envelope, whi_buf *out) {
    size_t data, size;
    int code;

    whi_buf_char(out, '{');
    code = write_data(envelope, out, &data, &size);
    whi_json_write_name(out, "webhook");
    code = code != WH_OK ? code
                         : whi_object_write(envelope->made_by->system, envelope->made_by, NULL, WHI_OBJECT_SENT, out);
    code = code == WH_OK ? write_signed(envelope, data, size, out) : code;
    whi_buf_format(out, ",\"type\":\"%s\"", type_of(envelope));
    code = code == WH_OK ? write_xref(envelope, out) : code;
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* ------------------------------------------------------------------- verifying */

/* "sig256", or "sig" alone. Nothing else of the body than data and nonce is signed. */
#define DEPTH_MAXIMUM 128
#define MEMBERS_MAXIMUM 64 /* of the outermost object; the vendor has 7 */

static uint32_t member(const whi_json *json, const char *name) {
    uint32_t found = whi_json_member(json, 0, name, strlen(name));

    return found != WHI_JSON_NONE && json->nodes[found].type == WHI_JSON_NULL ? WHI_JSON_NONE : found;
}

static int is_in_body(const whi_check *check) {
    whi_json json = { 0 };
    int code, is = 0;

    if (check->size == 0 || memchr(check->body, '{', check->size) == NULL) {
        return 0;
    }
    code = whi_json_scan(&json, check->body, check->size, DEPTH_MAXIMUM);
    if (code == WH_OK) {
        is = member(&json, "nonce") != WHI_JSON_NONE &&
             (member(&json, "sig256") != WHI_JSON_NONE || member(&json, "sig") != WHI_JSON_NONE);
    }
    whi_json_free(&json);
    return code == WH_ENOMEM ? code : is;
}

/* Of a name that comes twice another reader might take the other value. */
static int check_names(const whi_json *json) {
    uint32_t names[MEMBERS_MAXIMUM], at = whi_json_first(json, 0);
    size_t count = json->nodes[0].count;

    if (count > MEMBERS_MAXIMUM) {
        return whi_fail_field(WH_ESIG_FORMAT, "body", "found %zu members, expected at most %d", count, MEMBERS_MAXIMUM);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (whi_json_equal(json, names[k], json, at)) {
                return whi_fail_field(WH_ESIG_FORMAT, "body", "a member's name found twice, expected once");
            }
        }
        names[i] = at;
        at = whi_json_next_name(json, 0, at);
    }
    return WH_OK;
}

static int body_scan(const whi_check *check, whi_json *json) {
    int code = whi_json_scan(json, check->body, check->size, DEPTH_MAXIMUM);

    if (code == WH_EJSON || code == WH_ELIMIT) {
        return whi_fail_within_field(WH_ESIG_FORMAT, "body");
    }
    if (code == WH_OK && json->nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_ESIG_FORMAT, "body", "expected a JSON object");
    }
    return code == WH_OK ? check_names(json) : code;
}

/* The one signature that counts: sig256 if it is there. */
static int signature_read(const whi_json *json, whi_buf *scratch, whi_check_list *list) {
    uint32_t strong = member(json, "sig256"), weak = member(json, "sig");
    uint32_t node = strong != WHI_JSON_NONE ? strong : weak;
    const char *text;
    size_t size;

    if (node == WHI_JSON_NONE) {
        return whi_fail(WH_ESIG_HEADER, "body, sig256: missing, and no sig");
    }
    if (strong != WHI_JSON_NONE) {
        whi_check_list_init(list, "body, sig256", "SHA256");
    } else {
        whi_check_list_init(list, "body, sig", "SHA1");
    }
    if (json->nodes[node].type != WHI_JSON_STRING) {
        return whi_fail(WH_ESIG_FORMAT, "%s: expected a string", list->name);
    }
    text = whi_json_string(json, node, scratch, &size);
    return text != NULL ? whi_check_list_add(list, text, size, WHI_CHECK_HEX | WHI_CHECK_BASE64) : whi_fail_memory();
}

/* A body that somebody else signs is an object and perhaps blanks: no nonce is made of those,
 * or it would pass as data here. */
static int is_blank(const whi_check_part *text) {
    const char *at = text->bytes;
    size_t blanks = 0;

    while (blanks < text->size && strchr(" \t\r\n", at[blanks]) != NULL && at[blanks] != '\0') {
        blanks++;
    }
    return blanks == text->size;
}

/* parts[1]; scratch holds it. */
static int nonce_read(const whi_json *json, whi_buf *scratch, whi_check_part *out) {
    uint32_t node = member(json, "nonce");

    if (node == WHI_JSON_NONE) {
        return whi_fail(WH_ESIG_HEADER, "body, nonce: missing");
    }
    if (json->nodes[node].type != WHI_JSON_STRING) {
        return whi_fail(WH_ESIG_FORMAT, "body, nonce: expected a string");
    }
    out->bytes = whi_json_string(json, node, scratch, &out->size);
    if (out->bytes == NULL) {
        return whi_fail_memory();
    }
    return !is_blank(out) ? WH_OK : whi_fail(WH_ESIG_FORMAT, "body, nonce: found blanks alone, expected a text");
}

/* parts[0]. A bare number or word would not tell where it ends and the nonce begins. */
static int data_read(const whi_json *json, whi_check_part *out) {
    uint32_t node = member(json, "data");

    if (node == WHI_JSON_NONE) {
        return whi_fail(WH_ESIG_HEADER, "body, data: missing");
    }
    if (json->nodes[node].type != WHI_JSON_ARRAY && json->nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail(WH_ESIG_FORMAT, "body, data: expected an array or an object");
    }
    out->bytes = whi_json_span(json, node, &out->size);
    return WH_OK;
}

/* The text without blanks outside of strings. */
static void compact(const char *text, size_t size, whi_buf *out) {
    int inside = 0;

    for (size_t i = 0; i < size; i++) {
        char c = text[i];

        if (inside && c == '\\') {
            whi_buf_add(out, text + i++, 2); /* a backslash is never the last byte of a string */
            continue;
        }
        inside ^= c == '"';
        if (inside || strchr(" \t\r\n", c) == NULL) {
            whi_buf_char(out, c);
        }
    }
}

/* As the bytes came; and, for senders that sign JSON.stringify(data) and lay the body out
 * otherwise, without blanks. */
static int match_either(const whi_check *check, const whi_check_list *list, whi_check_part parts[2]) {
    whi_buf text;
    int code = whi_check_match(check, list, parts, 2);

    if (code != WH_ESIG_MISMATCH) {
        return code;
    }
    whi_buf_init(&text, parts[0].size);
    compact(parts[0].bytes, parts[0].size, &text);
    if (whi_buf_status(&text) != WH_OK) {
        code = whi_buf_status(&text);
    } else if (text.size < parts[0].size) {
        parts[0] = (whi_check_part){ text.data, text.size };
        code = whi_check_match(check, list, parts, 2);
    }
    whi_buf_free(&text);
    return code;
}

static int check_body(const whi_check *check) {
    whi_check_part parts[2];
    whi_json json = { 0 };
    whi_buf nonce, scratch;
    whi_check_list list;
    int code = body_scan(check, &json);

    whi_buf_init(&nonce, WHI_JSON_MAXIMUM);
    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    code = code == WH_OK ? signature_read(&json, &scratch, &list) : code;
    code = code == WH_OK ? nonce_read(&json, &nonce, &parts[1]) : code;
    code = code == WH_OK ? data_read(&json, &parts[0]) : code;
    code = code == WH_OK ? match_either(check, &list, parts) : code;
    whi_buf_free(&scratch);
    whi_buf_free(&nonce);
    whi_json_free(&json);
    return code;
}

const whi_format whi_unified_format = {
    .name = "unified",
    .is_in_body = is_in_body,
    .check = check_body,
};
