#include "pure/source_mask.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "pure/source_document.h"

#define FIELD_SIZE 128

/* A document that is written anew with some values replaced. */
typedef struct walk {
    const whi_json *json, *former; /* former NULL: masks are written; else they are filled in */
    int unmasks;
    whi_buf *out;
    uint32_t at; /* bytes of the text that are written */
} walk;

static int has_word(const whi_json *json, uint32_t name, const char *word) {
    size_t size, length = strlen(word);
    const char *text = whi_json_span(json, name, &size);

    for (size_t i = 0; i + length <= size; i++) {
        if (whi_ascii_same_part(text + i, word, length)) {
            return 1;
        }
    }
    return 0;
}

static int is_name(const whi_json *json, uint32_t name, const char *word) {
    size_t size;
    const char *text = whi_json_span(json, name, &size);

    return size == strlen(word) + 2 && whi_ascii_same_part(text + 1, word, size - 2);
}

static int is_secret_of_auth(const whi_json *json, uint32_t name) {
    return is_name(json, name, "token") || is_name(json, name, "password") || is_name(json, name, "value") ||
           is_name(json, name, "client_secret");
}

static int is_secret_header(const whi_json *json, uint32_t name) {
    size_t size;
    const char *text = whi_json_span(json, name, &size);

    return !(size > 7 && whi_ascii_same_part(text + 1, "accept", 6)) && !is_name(json, name, "content-type") &&
           !is_name(json, name, "user-agent");
}

static int is_secret_parameter(const whi_json *json, uint32_t name) {
    static const char *const words[] = { "key", "token", "secret", "password", "auth", "sig" };
    size_t size;
    const char *value = whi_json_span(json, name + 1, &size);

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (has_word(json, name, words[i])) {
            return memchr(value, '{', size) == NULL;
        }
    }
    return 0;
}

static const struct section {
    const char *name;
    int (*is_secret)(const whi_json *json, uint32_t name);
} sections[] = { { "auth", is_secret_of_auth }, { "headers", is_secret_header }, { "query", is_secret_parameter } };

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

static uint32_t member_like(const walk *self, const char *section, uint32_t name) {
    const whi_json *former = self->former;
    uint32_t object = former != NULL ? whi_json_member(former, 0, section, strlen(section)) : WHI_JSON_NONE;

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

static int fail_mask(const walk *self, const char *section, uint32_t name, const char *why) {
    char field[FIELD_SIZE];
    size_t size;
    const char *text = whi_json_span(self->json, name, &size);

    snprintf(field, sizeof field, "%s.%.*s", section, size > 62 ? 60 : (int)size - 2, text + 1);
    return whi_fail_field(WH_EINVALID, field, "%s", why);
}

static int unmask(walk *self, const char *section, uint32_t name) {
    uint32_t kept = member_like(self, section, name);
    size_t size;
    const char *text;

    if (kept == WHI_JSON_NONE) {
        return fail_mask(self, section, name, "expected the secret itself, since none is kept here");
    }
    write_up_to(self, name + 1);
    text = whi_json_span(self->former, kept, &size);
    whi_buf_add(self->out, text, size);
    return WH_OK;
}

static void mask(walk *self, uint32_t name) {
    write_up_to(self, name + 1);
    whi_buf_text(self->out, "\"" WHI_SOURCE_MASK "\"");
}

static int take_section(walk *self, const struct section *section, uint32_t object) {
    const whi_json *json = self->json;
    int code = WH_OK;

    if (json->nodes[object].type != WHI_JSON_OBJECT) {
        return WH_OK;
    }
    for (uint32_t at = whi_json_first(json, object); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object, at)) {
        if (self->unmasks) {
            code = is_mask(json, at + 1) ? unmask(self, section->name, at) : WH_OK;
        } else if (section->is_secret(json, at) && json->nodes[at + 1].type != WHI_JSON_NULL) {
            mask(self, at);
        }
    }
    return code;
}

static int take_all(walk *self) {
    const whi_json *json = self->json;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, 0, at)) {
        for (size_t i = 0; code == WH_OK && i < sizeof sections / sizeof sections[0]; i++) {
            if (whi_json_string_is(json, at, sections[i].name, strlen(sections[i].name))) {
                code = take_section(self, &sections[i], at + 1);
            }
        }
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

static uint32_t node_at(const whi_json *json, const char *section, const char *name) {
    uint32_t node = section != NULL ? whi_json_member(json, 0, section, strlen(section)) : 0;

    return node != WHI_JSON_NONE ? whi_json_member(json, node, name, strlen(name)) : WHI_JSON_NONE;
}

/* Bytes of a URL, as it is written, up to its path; of anything else all. */
static size_t origin_of(const whi_json *json, uint32_t node, const char **text) {
    size_t size, used;

    *text = node != WHI_JSON_NONE ? whi_json_span(json, node, &size) : "";
    if (node == WHI_JSON_NONE || json->nodes[node].type != WHI_JSON_STRING) {
        return node != WHI_JSON_NONE ? size : 0;
    }
    for (used = 0; used < size && !(used > 9 && strchr("/?#\\", (*text)[used]) != NULL); used++) {}
    return used;
}

static int is_same_host(const whi_json *json, const whi_json *former, const char *section, const char *name) {
    const char *now, *before;
    size_t size = origin_of(json, node_at(json, section, name), &now);

    return size == origin_of(former, node_at(former, section, name), &before) && memcmp(now, before, size) == 0;
}

/* Where the secrets go is where they went. */
static int check_hosts(const whi_json *json, const whi_json *former) {
    const char *field = !is_same_host(json, former, NULL, "url")           ? "url"
                        : !is_same_host(json, former, "auth", "token_url") ? "auth.token_url"
                        : !is_same_host(json, former, NULL, "hosts")       ? "hosts"
                                                                           : NULL;

    return field == NULL ? WH_OK
                         : whi_fail_field(WH_EINVALID, field,
                                          "leads to another host than before: expected the secrets "
                                          "themselves in the place of their masks");
}

static int has_masks(const whi_json *json) {
    for (uint32_t at = 0; at < json->count; at++) {
        if (is_mask(json, at)) {
            return 1;
        }
    }
    return 0;
}

int whi_source_unmask(const char *text, size_t size, const char *former, size_t former_size, whi_buf *out) {
    whi_json json = { 0 }, before = { 0 };
    walk self = { .json = &json, .former = former != NULL ? &before : NULL, .unmasks = 1, .out = out };
    int code = whi_json_scan(&json, text, size, WHI_SOURCE_DEPTH);

    if (code == WH_OK && former != NULL) {
        code = whi_json_scan(&before, former, former_size, WHI_SOURCE_DEPTH);
        code = code == WH_OK && has_masks(&json) ? check_hosts(&json, &before) : code;
    }
    code = code == WH_OK ? take_all(&self) : code;
    whi_json_free(&json);
    whi_json_free(&before);
    return code;
}
