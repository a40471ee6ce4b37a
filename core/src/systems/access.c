/* Tests: test_receiver_access. */
#include "systems/access.h"

#include <stdio.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/url.h"
#include "systems/header.h"
#include "systems/value.h"

#define SECRET_BYTES 8192 /* of a password, token, client's secret */
#define DEPTH 8

/* An object whose members are texts. */
typedef struct reading {
    whi_values from;
    whi_json json;
    const char *name; /* of the object: "auth" */
} reading;

static int begin(reading *self, const char *name, const char *text) {
    size_t size = strlen(text);
    int code;

    *self = (reading){ .name = name };
    self->from.json = &self->json;
    whi_buf_init(&self->from.scratch, SIZE_MAX / 4);
    whi_buf_reserve(&self->from.scratch, size); /* growing would leave secrets in freed memory */
    code = whi_buf_status(&self->from.scratch);
    return code == WH_OK ? whi_json_scan(&self->json, text, size, DEPTH) : code;
}

static void end(reading *self) {
    whi_wipe(self->from.scratch.data, self->from.scratch.capacity);
    whi_buf_free(&self->from.scratch);
    whi_json_free(&self->json);
}

typedef struct wanted {
    const char *name;
    size_t most; /* bytes */
    int needed;
    char **place;
} wanted;

static const char *field_of(const reading *self, const char *name, char out[WHI_HEADER_NAME_MAXIMUM + 16]) {
    snprintf(out, WHI_HEADER_NAME_MAXIMUM + 16, "%s.%s", self->name, name);
    return out;
}

static int take(reading *self, uint32_t value, const wanted *one) {
    char field[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *text = NULL;
    int code;

    if (whi_value_is_null(&self->from, value)) {
        return WH_OK;
    }
    code = whi_value_text(&self->from, value, field_of(self, one->name, field), one->most, &text);
    if (code == WH_OK && *one->place != NULL) {
        return whi_fail_field(WH_EINVALID, field, "given twice");
    }
    return code == WH_OK && text[0] != '\0' ? whi_value_keep(one->place, text, WH_ZSTR) : code;
}

static int unknown(const reading *self, const wanted *list) {
    char names[160] = "";
    size_t size = 0;

    for (; list->name != NULL && size < sizeof names; list++) {
        size += (size_t)snprintf(names + size, sizeof names - size, "%s%s", size > 0 ? ", " : "", list->name);
    }
    return whi_fail_field(WH_EINVALID, self->name, "unknown member, expected one of: %s", names);
}

/* All members, each into its place; one that is passed over by its place NULL was read before. */
static int take_all(reading *self, const wanted *list) {
    const whi_json *json = &self->json;
    char field[WHI_HEADER_NAME_MAXIMUM + 16];
    int code = WH_OK;

    for (uint32_t at = whi_json_first(json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, 0, at)) {
        const wanted *one = list;
        while (one->name != NULL && !whi_json_string_is(json, at, one->name, strlen(one->name))) {
            one++;
        }
        code = one->name == NULL ? unknown(self, list) : one->place != NULL ? take(self, at + 1, one) : WH_OK;
    }
    for (; code == WH_OK && list->name != NULL; list++) {
        if (list->needed && *list->place == NULL) {
            code = whi_fail_field(WH_EINVALID, field_of(self, list->name, field), "expected one, found none");
        }
    }
    return code;
}

static void free_texts(char **texts, size_t count) {
    for (size_t i = 0; i < count; i++) {
        whi_free_secret(texts[i], texts[i] != NULL ? strlen(texts[i]) : 0);
        texts[i] = NULL;
    }
}

/* --------------------------------------------------------------------------- lines */

static int has_other_than(const char *text, char least, char most) {
    while (*text >= least && *text <= most) {
        text++;
    }
    return *text != '\0';
}

static int add_line(whi_login *out, const char *scheme, const char *value) {
    whi_buf line;

    whi_buf_init(&line, SIZE_MAX / 4);
    whi_buf_reserve(&line, strlen(value) + 40);
    whi_buf_text(&line, "Authorization: ");
    whi_buf_text(&line, scheme);
    whi_buf_text(&line, value);
    return whi_buf_take(&line, &out->lines[out->line_count++], NULL);
}

static int join_basic(whi_login *out, const char *username, const char *password) {
    size_t size = strlen(username) + 1 + strlen(password);
    char *plain = whi_alloc(size + 1), *letters = whi_alloc(WHI_BASE64_SIZE(size) + 1);
    int code = plain != NULL && letters != NULL ? WH_OK : whi_fail_memory();

    if (code == WH_OK) {
        snprintf(plain, size + 1, "%s:%s", username, password);
        whi_base64_encode(plain, size, letters);
        code = add_line(out, "Basic ", letters);
    }
    whi_free_secret(plain, plain != NULL ? size : 0);
    whi_free_secret(letters, letters != NULL ? WHI_BASE64_SIZE(size) : 0);
    return code;
}

/* RFC 7617 2: no colon in the name, no control characters. */
static int read_basic(reading *self, whi_login *out) {
    char *texts[2] = { NULL, NULL };
    const wanted list[] = { { "type", 0, 0, NULL },
                            { "username", SECRET_BYTES, 1, &texts[0] },
                            { "password", SECRET_BYTES, 0, &texts[1] },
                            { 0 } };
    int code = take_all(self, list);

    if (code == WH_OK && (strchr(texts[0], ':') != NULL || strpbrk(texts[0], "\r\n") != NULL)) {
        code = whi_fail_field(WH_EINVALID, "auth.username", "expected no \":\" and no line end");
    }
    code = code == WH_OK ? join_basic(out, texts[0], texts[1] != NULL ? texts[1] : "") : code;
    free_texts(texts, 2);
    return code;
}

static int read_bearer(reading *self, whi_login *out) {
    char *token = NULL;
    const wanted list[] = { { "type", 0, 0, NULL }, { "token", SECRET_BYTES, 1, &token }, { 0 } };
    int code = take_all(self, list);

    if (code == WH_OK && has_other_than(token, '!', '~')) {
        code = whi_fail_field(WH_EINVALID, "auth.token", "expected visible ASCII without blanks");
    }
    code = code == WH_OK ? add_line(out, "Bearer ", token) : code;
    free_texts(&token, 1);
    return code;
}

static int read_header(reading *self, uint32_t name, whi_login *out) {
    char copy[WHI_HEADER_NAME_MAXIMUM + 1], field[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *text = NULL;
    int code = whi_value_text(&self->from, name, "auth.headers", WHI_HEADER_NAME_MAXIMUM, &text);

    if (code != WH_OK) {
        return code;
    }
    snprintf(copy, sizeof copy, "%s", text);
    snprintf(field, sizeof field, "auth.headers.%.120s", copy);
    code = whi_value_text(&self->from, name + 1, field, SECRET_BYTES, &text);
    code = code == WH_OK ? whi_header_line(copy, text, &out->lines[out->line_count]) : code;
    if (code != WH_OK) {
        return code == WH_ENOMEM ? code : whi_fail_renamed(code, field);
    }
    out->line_count++;
    return WH_OK;
}

static int read_headers(reading *self, whi_login *out) {
    const wanted list[] = { { "type", 0, 0, NULL }, { "headers", 0, 0, NULL }, { 0 } };
    uint32_t object = whi_json_member(&self->json, 0, "headers", 7);
    int code = take_all(self, list);

    if (code == WH_OK && (object == WHI_JSON_NONE || !whi_value_is(&self->from, object, WHI_JSON_OBJECT))) {
        return whi_fail_field(WH_EINVALID, "auth.headers", "expected an object of names and texts");
    }
    code = code == WH_OK ? whi_value_count(&self->from, object, "auth.headers", 1, WHI_LOGIN_LINES, "members") : code;
    for (uint32_t at = code == WH_OK ? whi_json_first(&self->json, object) : WHI_JSON_NONE;
         code == WH_OK && at != WHI_JSON_NONE; at = whi_json_next_name(&self->json, object, at)) {
        code = read_header(self, at, out);
    }
    return code;
}

static int read_oauth2(reading *self, whi_login *out) {
    char **texts = out->texts, *place = NULL;
    const wanted list[] = { { "type", 0, 0, NULL },
                            { "token_url", WHI_URL_SIZE - 1, 1, &texts[0] },
                            { "client_id", SECRET_BYTES, 1, &texts[1] },
                            { "client_secret", SECRET_BYTES, 1, &texts[2] },
                            { "scope", SECRET_BYTES, 0, &texts[3] },
                            { "audience", SECRET_BYTES, 0, &texts[4] },
                            { "client_in", 16, 0, &place },
                            { 0 } };
    int code = take_all(self, list);
    whi_url url;

    if (code == WH_OK && whi_url_parse(&url, texts[0]) != WH_OK) {
        code = whi_fail_renamed(WH_EINVALID, "auth.token_url");
    }
    if (code == WH_OK && place != NULL && strcmp(place, "body") != 0 && strcmp(place, "header") != 0) {
        code = whi_fail_field(WH_EINVALID, "auth.client_in", "expected \"header\" or \"body\"");
    }
    out->grant = (whi_source_auth){ .type = WHI_SOURCE_OAUTH2,
                                    .token_url = texts[0],
                                    .client_id = texts[1],
                                    .client_secret = texts[2],
                                    .scope = texts[3],
                                    .audience = texts[4],
                                    .in_body = place != NULL && strcmp(place, "body") == 0 };
    whi_free(place);
    return code;
}

int whi_login_read(whi_login *out, const char *auth) {
    static const char *const names[] = { "basic", "bearer", "headers", "oauth2", NULL };
    int (*const readers[])(reading *, whi_login *) = { read_basic, read_bearer, read_headers, read_oauth2 };
    reading self;
    uint32_t type;
    int code = begin(&self, "auth", auth);

    *out = (whi_login){ 0 };
    if (code == WH_OK) {
        type = whi_json_member(&self.json, 0, "type", 4);
        code = type == WHI_JSON_NONE || whi_value_is_null(&self.from, type)
                   ? whi_fail_field(WH_EINVALID, "auth.type",
                                    "expected \"basic\", \"bearer\", \"headers\" or \"oauth2\", found none")
                   : whi_value_name(&self.from, type, "auth.type", names, &out->type);
    }
    code = code == WH_OK ? readers[out->type](&self, out) : code;
    end(&self);
    return code;
}

void whi_login_free(whi_login *login) {
    free_texts(login->lines, WHI_LOGIN_LINES);
    free_texts(login->texts, sizeof login->texts / sizeof login->texts[0]);
    login->line_count = 0;
}

/* ---------------------------------------------------------------------- tls, proxy */

static int read_tls(whi_peer *out, const char *tls) {
    reading self;
    const wanted list[] = { { "certificate", WHI_PEER_PEM, 0, &out->certificate },
                            { "key", WHI_PEER_PEM, 0, &out->key },
                            { "ca", WHI_PEER_PEM, 0, &out->authorities },
                            { "pin", WHI_PEER_PINS, 0, &out->pins },
                            { 0 } };
    int code = begin(&self, "tls", tls);

    code = code == WH_OK ? take_all(&self, list) : code;
    end(&self);
    if (code == WH_OK && (out->certificate == NULL) != (out->key == NULL)) {
        code = whi_fail_field(WH_EINVALID, "tls", "expected both certificate and key, or neither");
    }
    code = code == WH_OK && out->key != NULL ? whi_peer_check_pair(out->certificate, out->key) : code;
    code = code == WH_OK && out->authorities != NULL ? whi_peer_check_authorities(out->authorities) : code;
    return code == WH_OK && out->pins != NULL ? whi_peer_check_pins(out->pins) : code;
}

static int read_proxy(whi_peer *out, const char *proxy) {
    reading self;
    const wanted list[] = { { "url", WHI_URL_SIZE - 1, 1, &out->proxy },
                            { "username", 255, 0, &out->proxy_user }, /* RFC 1929 has a byte for their sizes */
                            { "password", 255, 0, &out->proxy_password },
                            { 0 } };
    int code = begin(&self, "proxy", proxy);

    code = code == WH_OK ? take_all(&self, list) : code;
    end(&self);
    if (code == WH_OK && out->proxy_password != NULL && out->proxy_user == NULL) {
        code = whi_fail_field(WH_EINVALID, "proxy.username", "expected one beside the password, found none");
    }
    return code == WH_OK ? whi_peer_proxy(out->proxy, "proxy.url", NULL, NULL) : code;
}

int whi_access_peer(whi_peer **out, const char *tls, const char *proxy) {
    whi_peer *peer = NULL;
    int code = WH_OK;

    *out = NULL;
    if (tls == NULL && proxy == NULL) {
        return WH_OK;
    }
    peer = whi_peer_new();
    if (peer == NULL) {
        return whi_fail_memory();
    }
    code = tls != NULL ? read_tls(peer, tls) : WH_OK;
    code = code == WH_OK && proxy != NULL ? read_proxy(peer, proxy) : code;
    code = code == WH_OK ? whi_peer_finish(peer) : code;
    if (code != WH_OK) {
        whi_peer_unref(peer);
        return code;
    }
    *out = peer;
    return WH_OK;
}
