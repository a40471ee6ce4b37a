/* Unified.to: "sig256", or "sig" alone, over data and nonce. That data are the bytes of the
 * member as they came is our reading; the vendor's formula is "data + nonce". Nothing else of
 * the body is signed. */
#include <string.h>

#include "base/error.h"
#include "pure/json.h"
#include "pure/verify_parts.h"

#define DEPTH_MAXIMUM 128
#define MEMBERS_MAXIMUM 64 /* of the outermost object; the vendor has 7 */

static uint32_t member(const whi_json *json, const char *name) {
    uint32_t found = whi_json_member(json, 0, name, strlen(name));

    return found != WHI_JSON_NONE && json->nodes[found].type == WHI_JSON_NULL ? WHI_JSON_NONE : found;
}

int whi_check_is_unified(const whi_check *check) {
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
        return whi_fail(WH_ESIG_FORMAT, "body: found %zu members, expected at most %d", count, MEMBERS_MAXIMUM);
    }
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (whi_json_equal(json, names[k], json, at)) {
                return whi_fail(WH_ESIG_FORMAT, "body: a member's name found twice, expected once");
            }
        }
        names[i] = at;
        at = json->nodes[at + 1].next;
    }
    return WH_OK;
}

static int body_scan(const whi_check *check, whi_json *json) {
    int code = whi_json_scan(json, check->body, check->size, DEPTH_MAXIMUM);

    if (code == WH_EJSON || code == WH_ELIMIT) {
        return whi_fail_within(WH_ESIG_FORMAT, "body");
    }
    if (code == WH_OK && json->nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail(WH_ESIG_FORMAT, "body: expected a JSON object");
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
static int match(const whi_check *check, const whi_check_list *list, whi_check_part parts[2]) {
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

int whi_check_unified(const whi_check *check) {
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
    code = code == WH_OK ? match(check, &list, parts) : code;
    whi_buf_free(&scratch);
    whi_buf_free(&nonce);
    whi_json_free(&json);
    return code;
}
