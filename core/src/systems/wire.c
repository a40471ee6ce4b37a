/* What tables of fields know of JSON and of texts. Tests: test_systems. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/utf8.h"
#include "systems/wire.h"

size_t whi_type_split(const char *type) {
    size_t at = strlen(type);

    if (at > 0 && strchr(".:", type[at - 1]) != NULL) {
        return 0;
    }
    while (at > 0 && type[at] != '.' && type[at] != ':') {
        at--;
    }
    return at;
}

uint32_t whi_wire_member(const whi_json *json, const char *name) {
    return json->count > 0 ? whi_json_member(json, 0, name, strlen(name)) : WHI_JSON_NONE;
}

/* ------------------------------------------------------------------- sentences */

int whi_reading_fail(const whi_json *json, uint32_t node, const char *field, const char *expected) {
    static const char *const names[] = {
        [WHI_JSON_STRING] = "a text", [WHI_JSON_ARRAY] = "a list", [WHI_JSON_OBJECT] = "an object"
    };
    int type = (int)json->nodes[node].type;
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    if (type >= WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, field, "expected %s, found %s", expected, names[type]);
    }
    return whi_fail_field(WH_EINVALID, field, "expected %s, found %.*s", expected, size < 40 ? (int)size : 40, text);
}

static const char *name_at(const char *const *names, size_t stride, size_t i) {
    const char *name;

    memcpy(&name, (const char *)names + i * stride, sizeof name);
    return name;
}

int whi_reading_fail_name(const char *field, const char *const *names, size_t stride, const char *found) {
    char expected[300] = "", text[64];
    size_t size = 0;

    for (size_t i = 0; name_at(names, stride, i) != NULL && size < sizeof expected; i++) {
        const char *between = i == 0 ? "" : name_at(names, stride, i + 1) != NULL ? ", " : " or ";
        size +=
            (size_t)snprintf(expected + size, sizeof expected - size, "%s\"%s\"", between, name_at(names, stride, i));
    }
    return whi_fail_field(WH_EINVALID, field, "expected %s, found \"%s\"", expected,
                          whi_text_shown(found, text, sizeof text));
}

/* ------------------------------------------------------------------- kinds */

const char *const whi_wire_kinds[] = {
    [WHI_WIRE_TEXT] = "a text",        [WHI_WIRE_TEXTS] = "a list of texts",
    [WHI_WIRE_NUMBER] = "a number",    [WHI_WIRE_MS] = "an integer of 1 to 253402300799999 (milliseconds since 1970)",
    [WHI_WIRE_FLAG] = "true or false", [WHI_WIRE_MAP] = "an object of texts",
    [WHI_WIRE_ANY] = "any value",
};

static int is_type(const whi_json *json, uint32_t node, int type) {
    return (int)json->nodes[node].type == type;
}

static int has_zero(const whi_json *json, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    for (size_t i = 0; i + 6 <= size; i++) {
        if (text[i] == '\\' && memcmp(text + i, "\\u0000", 6) == 0) {
            return 1;
        }
        i += text[i] == '\\'; /* what it escapes is no backslash of its own */
    }
    return 0;
}

static int is_text(const whi_json *json, uint32_t node) {
    return is_type(json, node, WHI_JSON_STRING) && !has_zero(json, node);
}

static int are_texts(const whi_json *json, uint32_t node) {
    uint32_t end = json->nodes[node].next;

    for (uint32_t at = node + 1; at < end; at = json->nodes[at].next) {
        if (!is_text(json, at)) {
            return 0;
        }
    }
    return json->nodes[node].count <= WHI_SUBSCRIPTION_EVENTS;
}

static int is_map(const whi_json *json, uint32_t node) {
    for (uint32_t at = whi_json_first(json, node); at != WHI_JSON_NONE; at = whi_json_next_name(json, node, at)) {
        if (!is_text(json, at) || (!is_text(json, at + 1) && !is_type(json, at + 1, WHI_JSON_NULL))) {
            return 0;
        }
    }
    return 1;
}

int whi_wire_fits(const whi_json *json, uint32_t node, int kind) {
    int64_t number;

    switch (kind) {
    case WHI_WIRE_TEXT:
        return is_text(json, node);
    case WHI_WIRE_TEXTS:
        return is_type(json, node, WHI_JSON_ARRAY) && are_texts(json, node);
    case WHI_WIRE_NUMBER:
        return is_type(json, node, WHI_JSON_NUMBER) && isfinite(whi_json_double(json, node));
    case WHI_WIRE_MS:
        return is_type(json, node, WHI_JSON_NUMBER) && whi_json_whole(json, node, &number) && number >= 1 &&
               number <= WHI_EXPIRES_MAXIMUM;
    case WHI_WIRE_FLAG:
        return is_type(json, node, WHI_JSON_TRUE) || is_type(json, node, WHI_JSON_FALSE);
    case WHI_WIRE_MAP:
        return is_type(json, node, WHI_JSON_OBJECT) && is_map(json, node);
    default:
        return 1;
    }
}

/* ------------------------------------------------------------------- writing */

void whi_wire_part(whi_buf *out, const char *name, const char *text, size_t size) {
    if (text != NULL) {
        whi_json_write_name(out, name);
        whi_json_write_string(out, text, size);
    }
}

void whi_wire_text(whi_buf *out, const char *name, const char *text) {
    whi_wire_part(out, name, text, text != NULL ? strlen(text) : 0);
}

void whi_wire_flag(whi_buf *out, const char *name, int flag) {
    whi_json_write_name(out, name);
    whi_buf_text(out, flag ? "true" : "false");
}

/* Somebody may have written details by hand: what is not of the kind would break a client. */
void whi_wire_detail(whi_writing *self, const whi_wire_field *field) {
    uint32_t node = whi_wire_member(&self->details, field->name);
    const char *text;
    size_t size;

    if (node != WHI_JSON_NONE && self->details.nodes[node].type != WHI_JSON_NULL &&
        whi_wire_fits(&self->details, node, field->kind)) {
        text = whi_json_span(&self->details, node, &size);
        whi_json_write_name(self->out, field->name);
        whi_buf_add(self->out, text, size);
    }
}
