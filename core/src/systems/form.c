/* Tests: test_form. */
#include "systems/form.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "pure/hmac.h"
#include "pure/json.h"
#include "pure/secret.h"
#include "systems/header.h"
#include "systems/value.h"

#define DEPTH 4
#define BETWEEN_BYTES 8
#define KEY_BYTES 1024

/* --------------------------------------------------------------------- known senders */

static const struct {
    const char *name, *form;
} known[] = {
    { "github", "{\"signed\":\"{body}\",\"headers\":{\"X-Hub-Signature-256\":\"sha256={signature}\","
                "\"X-GitHub-Event\":\"{type}\",\"X-GitHub-Delivery\":\"{id}\"}}" },
    { "shopify",
      "{\"encoding\":\"base64\",\"signed\":\"{body}\",\"headers\":{\"X-Shopify-Hmac-Sha256\":\"{signature}\","
      "\"X-Shopify-Topic\":\"{type}\",\"X-Shopify-Webhook-Id\":\"{id}\"}}" },
    { "slack", "{\"signed\":\"v0:{timestamp}:{body}\",\"headers\":{\"X-Slack-Request-Timestamp\":\"{timestamp}\","
               "\"X-Slack-Signature\":\"v0={signature}\"}}" },
    { "stripe", "{\"signed\":\"{timestamp}.{body}\",\"headers\":{\"Stripe-Signature\":\"t={timestamp},{signatures}\"},"
                "\"each\":\"v1={signature}\",\"between\":\",\"}" },
    { "svix", "{\"encoding\":\"base64\",\"key\":\"base64\",\"signed\":\"{id}.{timestamp}.{body}\",\"headers\":{"
              "\"svix-id\":\"{id}\",\"svix-timestamp\":\"{timestamp}\",\"svix-signature\":\"{signatures}\"},"
              "\"each\":\"v1,{signature}\",\"between\":\" \"}" },
};

#define KNOWN (sizeof known / sizeof known[0])

const char *whi_form_named(const char *name, size_t size) {
    for (size_t i = 0; i < KNOWN; i++) {
        if (strlen(known[i].name) == size && memcmp(known[i].name, name, size) == 0) {
            return known[i].form;
        }
    }
    return NULL;
}

/* ---------------------------------------------------------------------------- texts */

static const char *const what_names[] = { "", "id", "timestamp", "type", "url", "body", "signature", "signatures" };
_Static_assert(sizeof what_names / sizeof what_names[0] == WHI_FORM_WHATS, "a name for each part");

#define OF(what) (1U << (what))
#define OF_REQUEST (OF(WHI_FORM_ID) | OF(WHI_FORM_TIMESTAMP) | OF(WHI_FORM_TYPE))

static int fail_text(const char *field, unsigned allowed) {
    char names[96] = "";
    size_t size = 0;

    for (int i = 1; i < WHI_FORM_WHATS; i++) {
        if (allowed & OF(i)) {
            size += (size_t)snprintf(names + size, sizeof names - size, "%s{%s}", size > 0 ? ", " : "", what_names[i]);
        }
    }
    return whi_fail_field(WH_EINVALID, field, "expected visible ASCII, at most %d parts, and no braces but %s",
                          WHI_FORM_PARTS, names);
}

/* One in braces; its size, or 0. */
static size_t read_what(const char *text, unsigned allowed, enum whi_form_what *out) {
    for (int i = 1; i < WHI_FORM_WHATS; i++) {
        size_t size = strlen(what_names[i]);
        if (allowed & OF(i) && strncmp(text + 1, what_names[i], size) == 0 && text[size + 1] == '}') {
            *out = (enum whi_form_what)i;
            return size + 2;
        }
    }
    return 0;
}

static int read_parts(const char *text, const char *field, unsigned allowed, whi_form_text *out) {
    while (*text != '\0') {
        whi_form_part part = { WHI_FORM_LITERAL, text, strcspn(text, "{}") };

        if (part.size == 0) {
            part.size = *text == '{' ? read_what(text, allowed, &part.what) : 0;
        }
        if (part.size == 0 || out->count == WHI_FORM_PARTS) {
            return fail_text(field, allowed);
        }
        for (size_t i = 0; i < part.size; i++) {
            if (text[i] < ' ' || text[i] > '~') {
                return fail_text(field, allowed);
            }
        }
        out->parts[out->count++] = part;
        text += part.size;
    }
    return WH_OK;
}

static size_t count_of(const whi_form_text *text, enum whi_form_what what) {
    size_t count = 0;

    for (size_t i = 0; i < text->count; i++) {
        count += text->parts[i].what == what;
    }
    return count;
}

/* --------------------------------------------------------------------------- reading */

typedef struct reading {
    whi_values from;
    whi_json json;
    whi_form *form;
    size_t used; /* of the arena */
} reading;

/* A text of the arena. */
static int take_text(reading *self, uint32_t node, const char *field, size_t most, const char **out) {
    const char *text = NULL;
    int code = whi_value_text(&self->from, node, field, most, &text);

    if (code == WH_OK) {
        size_t size = strlen(text) + 1;
        memcpy(self->form->arena + self->used, text, size);
        *out = self->form->arena + self->used;
        self->used += size;
    }
    return code;
}

static int take_parts(reading *self, uint32_t node, const char *field, unsigned allowed, whi_form_text *out) {
    const char *text = NULL;
    int code = take_text(self, node, field, WHI_FORM_BYTES, &text);

    return code == WH_OK ? read_parts(text, field, allowed, out) : code;
}

static int take_header(reading *self, uint32_t name, size_t at) {
    whi_form *form = self->form;
    char field[WHI_HEADER_NAME_MAXIMUM + 32];
    int code = take_text(self, name, "signature.headers", WHI_HEADER_NAME_MAXIMUM, &form->names[at]);

    if (code != WH_OK) {
        return code;
    }
    if (!whi_header_may_sign(form->names[at])) {
        return whi_fail_field(WH_EINVALID, "signature.headers",
                              "found a name that is none, or says how the body is sent");
    }
    for (size_t i = 0; i < at; i++) {
        if (whi_header_same_name(form->names[i], form->names[at])) {
            return whi_fail_field(WH_EINVALID, "signature.headers", "a name is given twice");
        }
    }
    snprintf(field, sizeof field, "signature.headers.%.128s", form->names[at]);
    return take_parts(self, name + 1, field, OF_REQUEST | OF(WHI_FORM_SIGNATURE) | OF(WHI_FORM_SIGNATURES),
                      &form->values[at]);
}

static int take_headers(reading *self, uint32_t node) {
    int code = WH_OK;

    if (!whi_value_is(&self->from, node, WHI_JSON_OBJECT)) {
        return whi_value_refuse(&self->from, node, "signature.headers", "an object of names and texts");
    }
    code = whi_value_count(&self->from, node, "signature.headers", 1, WHI_FORM_HEADERS, "members");
    for (uint32_t at = code == WH_OK ? whi_json_first(&self->json, node) : WHI_JSON_NONE;
         code == WH_OK && at != WHI_JSON_NONE; at = whi_json_next_name(&self->json, node, at)) {
        code = take_header(self, at, self->form->header_count++);
    }
    return code;
}

static int take_digest(reading *self, uint32_t node) {
    static const char *const names[] = { "sha256", "sha1", "sha512", NULL };
    static const char *const theirs[] = { "SHA256", "SHA1", "SHA512" };
    static const size_t sizes[] = { 32, 20, 64 };
    int index = 0, code = whi_value_name(&self->from, node, "signature.digest", names, &index);

    self->form->digest = theirs[index];
    self->form->digest_size = sizes[index];
    return code;
}

static int take_member(reading *self, uint32_t name) {
    static const char *const encodings[] = { "hex", "base64", NULL };
    static const char *const keys[] = { "text", "base64", NULL };
    const whi_json *json = &self->json;
    whi_form *form = self->form;

    if (whi_json_string_is(json, name, "digest", 6)) {
        return take_digest(self, name + 1);
    }
    if (whi_json_string_is(json, name, "encoding", 8)) {
        return whi_value_name(&self->from, name + 1, "signature.encoding", encodings, &form->base64);
    }
    if (whi_json_string_is(json, name, "key", 3)) {
        return whi_value_name(&self->from, name + 1, "signature.key", keys, &form->base64_key);
    }
    if (whi_json_string_is(json, name, "signed", 6) && form->signed_text.count == 0) {
        return take_parts(self, name + 1, "signature.signed", OF_REQUEST | OF(WHI_FORM_URL) | OF(WHI_FORM_BODY),
                          &form->signed_text);
    }
    if (whi_json_string_is(json, name, "each", 4) && form->each.count == 0) {
        return take_parts(self, name + 1, "signature.each", OF(WHI_FORM_SIGNATURE), &form->each);
    }
    if (whi_json_string_is(json, name, "between", 7) && form->between == NULL) {
        return take_text(self, name + 1, "signature.between", BETWEEN_BYTES, &form->between);
    }
    if (whi_json_string_is(json, name, "headers", 7) && form->header_count == 0) {
        return take_headers(self, name + 1);
    }
    return whi_fail_field(WH_EINVALID, "signature",
                          "expected once each: digest, encoding, key, signed, headers, each and between");
}

/* What holds between its members. */
static int check_whole(const whi_form *form) {
    size_t ones = 0, alls = 0;

    for (size_t i = 0; i < form->header_count; i++) {
        ones += count_of(&form->values[i], WHI_FORM_SIGNATURE);
        alls += count_of(&form->values[i], WHI_FORM_SIGNATURES);
    }
    if (count_of(&form->signed_text, WHI_FORM_BODY) != 1) {
        return whi_fail_field(WH_EINVALID, "signature.signed", "expected {body} in it, once");
    }
    if (ones + alls != 1) {
        return whi_fail_field(WH_EINVALID, "signature.headers",
                              "expected {signature} or {signatures} in one of them, once");
    }
    if ((alls == 1) != (form->between != NULL && form->between[0] != '\0') || (alls == 0 && form->each.count > 0)) {
        return whi_fail_field(WH_EINVALID, "signature.between",
                              "expected each and between where {signatures} stands, and nowhere else");
    }
    if (alls == 1 && count_of(&form->each, WHI_FORM_SIGNATURE) != 1) {
        return whi_fail_field(WH_EINVALID, "signature.each", "expected {signature} in it, once");
    }
    return WH_OK;
}

static int read_object(reading *self) {
    int code = WH_OK;

    if (self->json.nodes[0].type != WHI_JSON_OBJECT) {
        return whi_value_refuse(&self->from, 0, "signature", "an object, or the name of a known one");
    }
    for (uint32_t at = whi_json_first(&self->json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(&self->json, 0, at)) {
        code = take_member(self, at);
    }
    return code == WH_OK ? check_whole(self->form) : code;
}

static int read_form(reading *self, const char *json, size_t size) {
    whi_form *form = self->form = whi_calloc(1, sizeof *form);
    int code;

    if (form == NULL || (form->arena = whi_alloc(size + 1)) == NULL) {
        return whi_fail_memory();
    }
    form->digest = "SHA256";
    form->digest_size = 32;
    self->from.json = &self->json;
    whi_buf_init(&self->from.scratch, WHI_FORM_BYTES * 2);
    code = whi_json_scan(&self->json, json, size, DEPTH);
    return code == WH_OK ? read_object(self) : code;
}

/* A name, as JSON or as it is. */
static int is_name(const char *json, size_t size) {
    return size > 0 && json[0] != '{' && json[0] != '[';
}

static const char *named(const char *json, size_t size) {
    return size > 2 && json[0] == '"' ? whi_form_named(json + 1, size - 2) : whi_form_named(json, size);
}

int whi_form_read(whi_form **out, const char *json, size_t size) {
    const char *form = named(json, size);
    reading self = { { 0 }, { 0 }, NULL, 0 };
    int code;

    *out = NULL;
    if (form == NULL && is_name(json, size)) {
        return whi_fail_field(WH_EINVALID, "signature",
                              "expected \"github\", \"shopify\", \"slack\", \"stripe\", \"svix\", or an object");
    }
    if (size > WHI_FORM_BYTES) {
        return whi_fail_size("signature", size, WHI_FORM_BYTES);
    }
    code = read_form(&self, form != NULL ? form : json, form != NULL ? strlen(form) : size);
    whi_buf_free(&self.from.scratch);
    whi_json_free(&self.json);
    if (code != WH_OK) {
        whi_form_free(self.form);
        return code;
    }
    *out = self.form;
    return WH_OK;
}

void whi_form_free(whi_form *form) {
    if (form != NULL) {
        whi_free(form->arena);
        whi_free(form);
    }
}

/* -------------------------------------------------------------------------- signing */

/* The key's bytes; 0: the secret cannot be one. */
static size_t key_of(const whi_form *form, const char *secret, uint8_t out[KEY_BYTES]) {
    const char *mark = form->base64_key ? strchr(secret, '_') : NULL;
    const char *text = mark != NULL ? mark + 1 : secret;
    size_t size = strlen(text), key = 0;

    if (size == 0 || size > KEY_BYTES) {
        return 0;
    }
    if (form->base64_key) {
        return whi_base64_decode(text, size, out, KEY_BYTES, &key) == WH_OK ? key : 0;
    }
    memcpy(out, text, size);
    return size;
}

int whi_form_check_secret(const whi_form *form, const char *secret) {
    uint8_t key[KEY_BYTES];
    size_t size = key_of(form, secret, key);

    whi_wipe(key, sizeof key);
    if (size > 0) {
        return WH_OK;
    }
    return form->base64_key ? whi_fail_field(WH_ESECRET, "secret", "expected base64, perhaps behind \"whsec_\"")
                            : whi_fail_field(WH_ESECRET, "secret", "expected a text of 1 to %d bytes", KEY_BYTES);
}

static whi_check_part part_of(const whi_form_part *part, const whi_form_message *message, const char *stamp) {
    const char *text = part->what == WHI_FORM_ID          ? message->id
                       : part->what == WHI_FORM_TYPE      ? message->type
                       : part->what == WHI_FORM_URL       ? message->url
                       : part->what == WHI_FORM_TIMESTAMP ? stamp
                                                          : NULL;

    if (part->what == WHI_FORM_LITERAL) {
        return (whi_check_part){ part->text, part->size };
    }
    if (part->what == WHI_FORM_BODY) {
        return (whi_check_part){ message->body, message->size };
    }
    return (whi_check_part){ text != NULL ? text : "", text != NULL ? strlen(text) : 0 };
}

static int add_parts(EVP_MAC_CTX *mac, const whi_form *form, const whi_form_message *message) {
    char stamp[24];
    int done = 1;

    snprintf(stamp, sizeof stamp, "%lld", (long long)message->timestamp);
    for (size_t i = 0; done && i < form->signed_text.count; i++) {
        whi_check_part part = part_of(&form->signed_text.parts[i], message, stamp);
        done = EVP_MAC_update(mac, part.bytes, part.size) == 1;
    }
    return done;
}

int whi_form_digest(const whi_form *form, const whi_form_message *message, const char *secret,
                    uint8_t out[WHI_FORM_DIGEST]) {
    uint8_t key[KEY_BYTES];
    size_t key_size = key_of(form, secret, key), size = 0;
    EVP_MAC_CTX *mac = key_size > 0 ? whi_hmac_new(form->digest, key, key_size) : NULL;
    int done = mac != NULL && add_parts(mac, form, message) && EVP_MAC_final(mac, out, &size, WHI_FORM_DIGEST) == 1 &&
               size == form->digest_size;

    EVP_MAC_CTX_free(mac);
    whi_wipe(key, sizeof key);
    if (key_size == 0) {
        return whi_form_check_secret(form, secret);
    }
    return done ? WH_OK : whi_fail_crypto("compute an HMAC");
}

static int add_signature(const whi_form *form, const whi_form_message *message, const char *secret, whi_buf *out) {
    char text[WHI_HEX_SIZE(WHI_FORM_DIGEST)]; /* or base64, which is shorter */
    uint8_t bytes[WHI_FORM_DIGEST];
    int code = whi_form_digest(form, message, secret, bytes);

    if (code != WH_OK) {
        return code;
    }
    if (form->base64) {
        whi_buf_add(out, text, whi_base64_encode(bytes, form->digest_size, text));
    } else {
        whi_hex_write(bytes, form->digest_size, text);
        whi_buf_add(out, text, 2 * form->digest_size);
    }
    return whi_buf_status(out);
}

static int add_each(const whi_form *form, const whi_form_message *message, const char *secret, whi_buf *out) {
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < form->each.count; i++) {
        const whi_form_part *part = &form->each.parts[i];
        if (part->what == WHI_FORM_LITERAL) {
            whi_buf_add(out, part->text, part->size);
        } else {
            code = add_signature(form, message, secret, out);
        }
    }
    return code;
}

static int add_all(const whi_form *form, const whi_form_message *message, char *const *secrets, size_t count,
                   whi_buf *out) {
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < count; i++) {
        whi_buf_text(out, i > 0 ? form->between : "");
        code = add_each(form, message, secrets[i], out);
    }
    return code;
}

static int add_line(const whi_form *form, size_t at, const whi_form_message *message, char *const *secrets,
                    size_t count, whi_buf *out) {
    char stamp[24];
    int code = WH_OK;

    snprintf(stamp, sizeof stamp, "%lld", (long long)message->timestamp);
    whi_buf_text(out, form->names[at]);
    whi_buf_text(out, ": ");
    for (size_t i = 0; code == WH_OK && i < form->values[at].count; i++) {
        const whi_form_part *part = &form->values[at].parts[i];
        if (part->what == WHI_FORM_SIGNATURE) {
            code = add_signature(form, message, secrets[0], out);
        } else if (part->what == WHI_FORM_SIGNATURES) {
            code = add_all(form, message, secrets, count, out);
        } else {
            whi_check_part text = part_of(part, message, stamp);
            whi_buf_add(out, text.bytes, text.size);
        }
    }
    whi_buf_char(out, '\0');
    return code;
}

int whi_form_sign(const whi_form *form, const whi_form_message *message, char *const *secrets, size_t count,
                  whi_buf *out) {
    int code = count > 0 ? WH_OK : whi_fail_field(WH_EINVALID, "secrets", "expected at least one");

    for (size_t i = 0; code == WH_OK && i < form->header_count; i++) {
        code = add_line(form, i, message, secrets, count, out);
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}
