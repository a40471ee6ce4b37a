#include "pure/source_mask.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "pure/source_document.h"
#include "pure/url.h"

#define FIELD_SIZE 128

/* A document that is written anew with some values replaced. */
typedef struct walk {
    const whi_json *json, *former; /* former NULL: masks are written; else they are filled in */
    int unmasks;
    whi_buf *out;
    uint32_t at; /* bytes of the text that are written */
} walk;

/* A name, decoded: what is written with escapes is the same one. */
typedef struct word {
    const char *text;
    size_t size;
} word;

static int has_word(word name, const char *part) {
    size_t length = strlen(part);

    for (size_t i = 0; i + length <= name.size; i++) {
        if (whi_ascii_same_part(name.text + i, part, length)) {
            return 1;
        }
    }
    return 0;
}

static int is_name(word name, const char *expected) {
    return name.size == strlen(expected) && whi_ascii_same_part(name.text, expected, name.size);
}

static int is_secret_of_auth(const whi_json *json, uint32_t value, word name) {
    (void)json;
    (void)value;
    return is_name(name, "token") || is_name(name, "password") || is_name(name, "value") ||
           is_name(name, "client_secret");
}

static int is_secret_header(const whi_json *json, uint32_t value, word name) {
    (void)json;
    (void)value;
    return !(name.size >= 6 && whi_ascii_same_part(name.text, "accept", 6)) && !is_name(name, "content-type") &&
           !is_name(name, "user-agent");
}

static int is_template(const whi_json *json, uint32_t value) {
    uint32_t fall[2];

    whi_json_fall("{", 1, fall);
    return json->nodes[value].type == WHI_JSON_STRING && whi_json_string_has(json, value, "{", 1, fall, 0);
}

static int is_secret_name(word name) {
    static const char *const words[] = { "key", "token", "secret", "password", "auth", "sig" };

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_word(name, words[i])) {
            return 1;
        }
    }
    return 0;
}

static int is_secret_parameter(const whi_json *json, uint32_t value, word name) {
    return is_secret_name(name) && !is_template(json, value);
}

/* A variable is never filled in itself, so a brace makes it no template. */
static int is_secret_variable(const whi_json *json, uint32_t value, word name) {
    (void)json;
    (void)value;
    return is_secret_name(name);
}

typedef struct section {
    const char *name;
    int (*is_secret)(const whi_json *json, uint32_t value, word name);
} section;

static const section of_document[] = {
    { "auth", is_secret_of_auth }, { "headers", is_secret_header }, { "query", is_secret_parameter }, { NULL, NULL }
};
static const section of_connection[] = { { "auth", is_secret_of_auth },
                                         { "variables", is_secret_variable },
                                         { NULL, NULL } };
#define CONNECTIONS "connections"

static int is_mask(const whi_json *json, uint32_t node) {
    return json->nodes[node].type == WHI_JSON_STRING &&
           whi_json_string_is(json, node, WHI_SOURCE_MASK, sizeof WHI_SOURCE_MASK - 1);
}

/* ------------------------------------------------------------------------- writing */

static void write_up_to(walk *self, uint32_t node) {
    const whi_json_node *value = &self->json->nodes[node];

    whi_buf_add(self->out, self->json->text + self->at, value->start - self->at);
    self->at = value->end;
}

/* The value that a member of this name has in the former's object; WHI_JSON_NONE: there is none. */
static uint32_t member_like(const walk *self, uint32_t object, uint32_t name) {
    const whi_json *former = self->former;

    if (object == WHI_JSON_NONE || former->nodes[object].type != WHI_JSON_OBJECT) {
        return WHI_JSON_NONE;
    }
    for (uint32_t at = whi_json_first(former, object); at != WHI_JSON_NONE;
         at = whi_json_next_name(former, object, at)) {
        if (whi_json_equal(former, at, self->json, name)) {
            return at + 1;
        }
    }
    return WHI_JSON_NONE;
}

static int fail_mask(const walk *self, const char *place, uint32_t name, const char *why) {
    char field[FIELD_SIZE];
    size_t size;
    const char *text = whi_json_span(self->json, name, &size);

    snprintf(field, sizeof field, "%.60s.%.*s", place, size > 62 ? 60 : (int)size - 2, text + 1);
    return whi_fail_field(WH_EINVALID, field, "%s", why);
}

/* object: the former's one, that what the mask stands for is in. */
static int unmask(walk *self, const char *place, uint32_t object, uint32_t name) {
    uint32_t kept = member_like(self, object, name);
    size_t size;
    const char *text;

    if (kept == WHI_JSON_NONE) {
        return fail_mask(self, place, name, "expected the secret itself, since none is kept here");
    }
    write_up_to(self, name + 1);
    text = whi_json_span(self->former, kept, &size);
    whi_buf_add(self->out, text, size);
    return WH_OK;
}

static int mask(walk *self, const section *of, uint32_t name) {
    const whi_json *json = self->json;
    whi_buf scratch;
    word decoded;

    whi_buf_init(&scratch, WHI_SOURCE_BYTES);
    decoded.text = whi_json_string(json, name, &scratch, &decoded.size);
    if (decoded.text != NULL && json->nodes[name + 1].type != WHI_JSON_NULL && of->is_secret(json, name + 1, decoded)) {
        write_up_to(self, name + 1);
        whi_buf_text(self->out, "\"" WHI_SOURCE_MASK "\"");
    }
    whi_buf_free(&scratch);
    return decoded.text != NULL ? WH_OK : whi_fail_memory();
}

static int take_section(walk *self, const section *of, const char *place, uint32_t object, uint32_t former) {
    const whi_json *json = self->json;
    int code = WH_OK;

    if (json->nodes[object].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    for (uint32_t at = whi_json_first(json, object); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object, at)) {
        if (!self->unmasks) {
            code = mask(self, of, at);
        } else if (is_mask(json, at + 1)) {
            code = unmask(self, place, former, at);
        }
    }
    return code;
}

static int is_named(const whi_json *json, uint32_t name, const char *text) {
    return whi_json_string_is(json, name, text, strlen(text));
}

static uint32_t former_member(const walk *self, uint32_t object, const char *name) {
    return self->former != NULL && object != WHI_JSON_NONE ? whi_json_member(self->former, object, name, strlen(name))
                                                           : WHI_JSON_NONE;
}

/* Those sections that this member of an object is. prefix: in front of the section's name in a place. */
static int take_sections(walk *self, const section *sections, const char *prefix, uint32_t name, uint32_t former) {
    char place[FIELD_SIZE];
    int code = WH_OK;

    for (; code == WH_OK && sections->name != NULL; sections++) {
        if (is_named(self->json, name, sections->name)) {
            snprintf(place, sizeof place, "%s%s", prefix, sections->name);
            code = take_section(self, sections, place, name + 1, former_member(self, former, sections->name));
        }
    }
    return code;
}

static int take_connection(walk *self, uint32_t name, uint32_t former) {
    const whi_json *json = self->json;
    char prefix[FIELD_SIZE];
    size_t size;
    const char *text = whi_json_span(json, name, &size);
    int code = WH_OK;

    if (json->nodes[name + 1].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    snprintf(prefix, sizeof prefix, CONNECTIONS ".%.*s.", size > 34 ? 32 : (int)size - 2, text + 1);
    for (uint32_t at = whi_json_first(json, name + 1); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, name + 1, at)) {
        code = take_sections(self, of_connection, prefix, at, former);
    }
    return code;
}

static int take_connections(walk *self, uint32_t object) {
    const whi_json *json = self->json;
    uint32_t former = former_member(self, 0, CONNECTIONS);
    int code = WH_OK;

    if (json->nodes[object].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    for (uint32_t at = whi_json_first(json, object); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object, at)) {
        code = take_connection(self, at, member_like(self, former, at));
    }
    return code;
}

static int take_all(walk *self) {
    const whi_json *json = self->json;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, 0, at)) {
        code = is_named(json, at, CONNECTIONS) ? take_connections(self, at + 1)
                                               : take_sections(self, of_document, "", at, 0);
    }
    whi_buf_add(self->out, json->text + self->at, json->size - self->at);
    return code == WH_OK ? whi_buf_status(self->out) : code;
}

int whi_source_mask(const char *text, size_t size, whi_buf *out) {
    whi_json json = { 0 };
    walk self = { .json = &json, .out = out };
    int code = whi_json_scan(&json, text, size, WHI_SOURCE_DEPTH);

    code = code == WH_OK ? take_all(&self) : code;
    whi_json_free(&json);
    return code;
}

/* -------------------------------------------------------------------------- hosts */

/* A URL up to its path, decoded: scheme, host and port, of a template with its braces. WH_EINVALID: it is none. */
static int read_origin(const whi_json *json, uint32_t node, char out[WHI_URL_SIZE]) {
    whi_buf scratch;
    const char *text, *host;
    size_t size = 0, used;
    int code = WH_EINVALID;

    out[0] = '\0';
    if (node == WHI_JSON_NONE || json->nodes[node].type != WHI_JSON_STRING) {
        return code;
    }
    whi_buf_init(&scratch, WHI_SOURCE_BYTES);
    text = whi_json_string(json, node, &scratch, &size);
    if (text == NULL) {
        code = whi_fail_memory();
    } else if (size < WHI_URL_SIZE && memchr(text, '\0', size) == NULL) {
        memcpy(out, text, size);
        out[size] = '\0';
        host = strstr(out, "://");
        used = host != NULL ? (size_t)(host - out) + 3 : size;
        out[used + strcspn(out + used, "/?#")] = '\0';
        code = host != NULL ? WH_OK : WH_EINVALID;
    }
    whi_buf_free(&scratch);
    return code;
}

/* A host that is a template is no URL, and has to be the same text. */
static int compare_urls(const char *now, const char *before) {
    whi_url a, b;
    int code = WH_OK;

    if (strcmp(now, before) == 0) {
        return WH_OK;
    }
    code = whi_url_parse(&a, now);
    code = code == WH_OK ? whi_url_parse(&b, before) : code;
    if (code != WH_OK) {
        return code;
    }
    return a.https == b.https && a.port == b.port && strcmp(a.host, b.host) == 0 ? WH_OK : WH_EINVALID;
}

static int check_url(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept) {
    char now[WHI_URL_SIZE], before[WHI_URL_SIZE];
    int code;

    if (json->nodes[node].type == WHI_JSON_NULL) {
        return WH_OK; /* as if it were not there: it leads nowhere */
    }
    code = read_origin(json, node, now);
    code = code == WH_OK ? read_origin(former, kept, before) : code;
    return code == WH_OK ? compare_urls(now, before) : code;
}

static int is_among(const whi_json *json, uint32_t host, const whi_json *former, uint32_t kept) {
    if (kept == WHI_JSON_NONE || former->nodes[kept].type != WHI_JSON_ARRAY) {
        return 0;
    }
    for (uint32_t at = kept + 1; at < former->nodes[kept].next; at = former->nodes[at].next) {
        if (whi_json_equal(json, host, former, at)) {
            return 1;
        }
    }
    return 0;
}

/* Fewer hosts than before are fine. */
static int check_list(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept) {
    if (json->nodes[node].type != WHI_JSON_ARRAY) {
        return json->nodes[node].type == WHI_JSON_NULL ? WH_OK : WH_EINVALID;
    }
    for (uint32_t at = node + 1; at < json->nodes[node].next; at = json->nodes[at].next) {
        if (!is_among(json, at, former, kept)) {
            return WH_EINVALID;
        }
    }
    return WH_OK;
}

static int fail_host(int code, const char *field) {
    return code != WH_EINVALID || field == NULL
               ? code
               : whi_fail_field(code, field,
                                "leads to another host than before: expected the secrets "
                                "themselves in the place of their masks");
}

/* Each member of that name, so that none hides behind another. */
static int check_members(const whi_json *json, uint32_t object, const whi_json *former, uint32_t kept, const char *name,
                         const char *field,
                         int (*compare)(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept)) {
    uint32_t before = kept != WHI_JSON_NONE ? whi_json_member(former, kept, name, strlen(name)) : WHI_JSON_NONE;
    int code = WH_OK;

    if (json->nodes[object].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    for (uint32_t at = whi_json_first(json, object); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object, at)) {
        if (whi_json_string_is(json, at, name, strlen(name))) {
            code = fail_host(compare(json, at + 1, former, before), field);
        }
    }
    return code;
}

static int check_auth(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept) {
    return check_members(json, node, former, kept, "token_url", "auth.token_url", check_url);
}

static int check_connection(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept) {
    return check_members(json, node, former, kept, "auth", NULL, check_auth);
}

static int has_masks(const whi_json *json, uint32_t node) {
    for (uint32_t at = node; at < json->nodes[node].next; at++) {
        if (is_mask(json, at)) {
            return 1;
        }
    }
    return 0;
}

/* One that is written whole goes where it says. */
static int check_connections(const whi_json *json, uint32_t node, const whi_json *former, uint32_t kept) {
    walk looked = { .json = json, .former = former };
    int code = WH_OK;

    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        if (has_masks(json, at + 1)) {
            code = check_connection(json, at + 1, former, member_like(&looked, kept, at));
        }
    }
    return code;
}

/* Where the secrets go is where they went. */
static int check_hosts(const whi_json *json, const whi_json *former) {
    int code = check_members(json, 0, former, 0, "url", "url", check_url);

    code = code == WH_OK ? check_members(json, 0, former, 0, "auth", NULL, check_auth) : code;
    code = code == WH_OK ? check_members(json, 0, former, 0, CONNECTIONS, NULL, check_connections) : code;
    return code == WH_OK ? check_members(json, 0, former, 0, "hosts", "hosts", check_list) : code;
}

int whi_source_unmask(const char *text, size_t size, const char *former, size_t former_size, whi_buf *out) {
    whi_json json = { 0 }, before = { 0 };
    walk self = { .json = &json, .former = former != NULL ? &before : NULL, .unmasks = 1, .out = out };
    int code = whi_json_scan(&json, text, size, WHI_SOURCE_DEPTH);

    if (code == WH_OK && former != NULL) {
        code = whi_json_scan(&before, former, former_size, WHI_SOURCE_DEPTH);
        code = code == WH_OK && has_masks(&json, 0) ? check_hosts(&json, &before) : code;
    }
    code = code == WH_OK ? take_all(&self) : code;
    whi_json_free(&json);
    whi_json_free(&before);
    return code;
}
