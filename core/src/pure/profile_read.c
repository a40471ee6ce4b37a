/* Reading a client's object by its profile's table. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/profile_table.h"

/* One level less than a canonical document's, where these values stand in `details`. */
#define DEPTH_MAXIMUM 63

/* ------------------------------------------------------------------- looking */

uint32_t whi_wire_member(const whi_json *json, const char *name) {
    return json->count > 0 ? whi_json_member(json, 0, name, strlen(name)) : WHI_JSON_NONE;
}

static size_t field_index(const whi_profile *profile, const char *name) {
    size_t i = 0;

    while (i < profile->field_count && strcmp(profile->fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

int whi_reading_changed(const whi_reading *self, const char *name) {
    return (int)(self->changed >> field_index(self->profile, name) & 1);
}

void whi_reading_drop(whi_reading *self, const char *name) {
    self->changed |= (uint32_t)1 << field_index(self->profile, name);
}

int whi_reading_absent(const whi_reading *self, const whi_json *json, uint32_t node) {
    return node == WHI_JSON_NONE || json->nodes[node].type == WHI_JSON_NULL ||
           (self->profile->empty_is_absent && whi_json_string_is(json, node, "", 0));
}

uint32_t whi_reading_value(const whi_reading *self, const char *name, const whi_json **where) {
    uint32_t node;

    *where = whi_reading_changed(self, name) ? self->given : self->present;
    node = whi_wire_member(*where, name);
    return whi_reading_absent(self, *where, node) ? WHI_JSON_NONE : node;
}

int whi_reading_text(whi_reading *self, const whi_json *json, uint32_t node, const char *field, const char **out) {
    size_t size;
    const char *text;

    if (json->nodes[node].type != WHI_JSON_STRING) {
        return whi_reading_fail(json, node, field, "a text");
    }
    whi_buf_clear(&self->scratch);
    text = whi_json_string(json, node, &self->scratch, &size);
    if (text == NULL) {
        return whi_fail_memory();
    }
    if (memchr(text, '\0', size) != NULL) {
        return whi_fail(WH_EINVALID, "%s: expected a text without zero bytes", field);
    }
    if (text != self->scratch.data) { /* borrowed from the document, not terminated */
        whi_buf_clear(&self->scratch);
        whi_buf_add(&self->scratch, text, size);
    }
    *out = self->scratch.size > 0 ? self->scratch.data : "";
    return whi_buf_status(&self->scratch);
}

whi_buf *whi_reading_keep(whi_reading *self, const char *name) {
    if (self->details.size == 0) {
        whi_buf_char(&self->details, '{');
    }
    whi_json_write_name(&self->details, name);
    return &self->details;
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
        return whi_fail(WH_EINVALID, "%s: expected %s, found %s", field, expected, names[type]);
    }
    return whi_fail(WH_EINVALID, "%s: expected %s, found %.*s", field, expected, size < 40 ? (int)size : 40, text);
}

/* The start of a stranger's text: one line, no broken letter at its end. */
static const char *shown(const char *text, char out[64]) {
    size_t size = strnlen(text, 63);

    while (size > 0 && text[size] != '\0' && ((unsigned char)text[size] & 0xc0) == 0x80) {
        size--;
    }
    for (size_t i = 0; i < size; i++) {
        out[i] = (unsigned char)text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
    }
    out[size] = '\0';
    return out;
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
    return whi_fail(WH_EINVALID, "%s: expected %s, found \"%s\"", field, expected, shown(found, text));
}

/* ------------------------------------------------------------------- kinds */

static const char *const kind_names[] = {
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
    uint32_t end = json->nodes[node].next;

    for (uint32_t at = node + 1; at < end; at = json->nodes[at + 1].next) {
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
        return is_type(json, node, WHI_JSON_NUMBER) && whi_json_int(json, node, &number) && number >= 1 &&
               number <= WHI_EXPIRES_MAXIMUM;
    case WHI_WIRE_FLAG:
        return is_type(json, node, WHI_JSON_TRUE) || is_type(json, node, WHI_JSON_FALSE);
    case WHI_WIRE_MAP:
        return is_type(json, node, WHI_JSON_OBJECT) && is_map(json, node);
    default:
        return 1;
    }
}

/* Names the item or the member that is not a text. */
static int fail_texts(const whi_json *json, uint32_t node, const char *field) {
    const whi_json_node *nodes = json->nodes;
    uint32_t at = node + 1;
    char label[80];

    if (nodes[node].count > WHI_SUBSCRIPTION_EVENTS) {
        return whi_fail(WH_EINVALID, "%s: expected at most %d texts, found %u", field, WHI_SUBSCRIPTION_EVENTS,
                        (unsigned)nodes[node].count);
    }
    for (uint32_t i = 0; at < nodes[node].next; i++, at = nodes[at].next) {
        if (!is_text(json, at)) {
            snprintf(label, sizeof label, "%s[%u]", field, (unsigned)i);
            return whi_reading_fail(json, at, label, "a text without zero bytes");
        }
    }
    return whi_reading_fail(json, node, field, kind_names[WHI_WIRE_TEXTS]);
}

static int check_kind(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const whi_json *json = self->given;
    int type = (int)json->nodes[node].type;
    char expected[64];

    if (!whi_wire_fits(json, node, field->kind)) {
        if (field->kind == WHI_WIRE_TEXTS && type == WHI_JSON_ARRAY) {
            return fail_texts(json, node, field->name);
        }
        if (field->kind == WHI_WIRE_TEXT && type == WHI_JSON_STRING) {
            return whi_fail(WH_EINVALID, "%s: expected a text without zero bytes", field->name);
        }
        return whi_reading_fail(json, node, field->name, kind_names[field->kind]);
    }
    if (field->kind == WHI_WIRE_NUMBER && whi_json_double(json, node) < field->least) {
        snprintf(expected, sizeof expected, "a number of at least %d", field->least);
        return whi_reading_fail(json, node, field->name, expected);
    }
    return WH_OK;
}

static int check_values(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const char *text;
    int code;

    for (const char *const *value = field->values; value != NULL && *value != NULL; value++) {
        if (whi_json_string_is(self->given, node, *value, strlen(*value))) {
            return WH_OK;
        }
    }
    if (field->values == NULL) {
        return WH_OK;
    }
    code = whi_reading_text(self, self->given, node, field->name, &text);
    return code == WH_OK ? whi_reading_fail_name(field->name, field->values, sizeof *field->values, text) : code;
}

/* ------------------------------------------------------------------- the fields */

static void keep_value(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(self->given, node, &size);

    whi_buf_add(whi_reading_keep(self, field->name), text, size);
}

static void put_value(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const whi_wire_place_row *row = &whi_wire_places[field->place];
    const char *text;
    size_t size;

    if (row->member == NULL) {
        return;
    }
    whi_json_write_name(self->out, row->member);
    if (row->put != NULL) {
        row->put(self, node);
        return;
    }
    text = whi_json_span(self->given, node, &size);
    whi_buf_add(self->out, text, size);
}

/* null: back to what it is without the field. On creation that is so already. */
static int read_absent(whi_reading *self, const whi_wire_field *field) {
    const whi_wire_place_row *row = &whi_wire_places[field->place];

    if (field->flags & WHI_WIRE_REQUIRED) {
        return whi_fail(WH_EINVALID, "%s: expected %s, found none", field->name, kind_names[field->kind]);
    }
    if (self->subscription != NULL) {
        whi_reading_drop(self, field->name);
        if (row->member != NULL) {
            whi_json_write_name(self->out, row->member);
            whi_buf_text(self->out, row->none != NULL ? row->none : "null");
        }
    }
    return WH_OK;
}

/* A client may send back the object as it got it, with what another profile made of it: what
 * is as it was is no change. But switching on what the engine has switched off is one, though
 * it was never paused. */
static int is_as_it_was(const whi_reading *self, const whi_wire_field *field, uint32_t node) {
    uint32_t was = whi_wire_member(self->present, field->name);

    if (was == WHI_JSON_NONE || (field->place == WHI_AT_PAUSED && self->subscription->disabled != NULL)) {
        return 0;
    }
    return whi_json_equal(self->given, node, self->present, was);
}

static int read_value(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    int (*check)(whi_reading *, const whi_wire_field *, uint32_t) = whi_wire_places[field->place].check;
    int code = check_kind(self, field, node);

    code = code == WH_OK ? check_values(self, field, node) : code;
    code = code == WH_OK && check != NULL ? check(self, field, node) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_reading_drop(self, field->name);
    put_value(self, field, node);
    if (field->place == WHI_AT_DETAILS || field->flags & WHI_WIRE_DETAILS) {
        keep_value(self, field, node);
    }
    return WH_OK;
}

static int read_field(whi_reading *self, const whi_wire_field *field) {
    uint32_t node = whi_wire_member(self->given, field->name);
    int absent = whi_reading_absent(self, self->given, node);

    if (field->flags & WHI_WIRE_READ_ONLY) {
        return field->flags & WHI_WIRE_CHECKED && !absent ? check_kind(self, field, node) : WH_OK;
    }
    if (node == WHI_JSON_NONE && self->subscription != NULL) {
        return WH_OK;
    }
    if (node != WHI_JSON_NONE && is_as_it_was(self, field, node)) {
        return WH_OK;
    }
    return absent ? read_absent(self, field) : read_value(self, field, node);
}

/* ------------------------------------------------------------------- details */

static int is_in_details(const whi_wire_field *field) {
    return field->place == WHI_AT_DETAILS || field->place == WHI_AT_OWN || field->flags & WHI_WIRE_DETAILS;
}

static int is_replaced(const whi_reading *self, const whi_json *details, uint32_t name) {
    for (size_t i = 0; i < self->profile->field_count; i++) {
        const whi_wire_field *field = &self->profile->fields[i];
        if (self->changed >> i & 1 && is_in_details(field) &&
            whi_json_string_is(details, name, field->name, strlen(field->name))) {
            return 1;
        }
    }
    return 0;
}

/* What was in details and is not named stays, other profiles' members too. */
static int keep_present_details(whi_reading *self) {
    const char *details = self->subscription != NULL ? self->subscription->details : NULL;
    whi_json json = { 0 };
    int code = details != NULL ? whi_json_scan(&json, details, strlen(details), DEPTH_MAXIMUM + 1) : WH_OK;
    uint32_t end = code == WH_OK && json.count > 0 ? json.nodes[0].next : 0;

    for (uint32_t at = 1; at < end; at = json.nodes[at + 1].next) {
        const whi_json_node *name = &json.nodes[at], *value = &json.nodes[at + 1];
        if (!is_replaced(self, &json, at)) {
            whi_buf_char(&self->details, self->details.size > 0 ? ',' : '{');
            whi_buf_add(&self->details, json.text + name->start, value->end - name->start);
        }
    }
    whi_json_free(&json);
    return code;
}

static int touches_details(const whi_reading *self) {
    for (size_t i = 0; i < self->profile->field_count; i++) {
        if (self->changed >> i & 1 && is_in_details(&self->profile->fields[i])) {
            return 1;
        }
    }
    return 0;
}

static int put_details(whi_reading *self) {
    int code = touches_details(self) ? keep_present_details(self) : WH_OK;

    code = code == WH_OK ? whi_buf_status(&self->details) : code;
    if (code != WH_OK || !touches_details(self)) {
        return code;
    }
    whi_json_write_name(self->out, "details");
    if (self->details.size > 0) {
        whi_buf_add(self->out, self->details.data, self->details.size);
        whi_buf_char(self->out, '}');
    } else {
        whi_buf_text(self->out, "null");
    }
    return WH_OK;
}

/* ------------------------------------------------------------------- the whole */

static int read_fields(whi_reading *self, int id) {
    int code = WH_OK;

    whi_buf_char(self->out, '{');
    if (self->subscription == NULL) {
        whi_json_write_name(self->out, "profile");
        whi_json_write_string(self->out, whi_profile_names[id], strlen(whi_profile_names[id]));
    }
    for (size_t i = 0; i < self->profile->field_count && code == WH_OK; i++) {
        code = read_field(self, &self->profile->fields[i]);
    }
    if (code == WH_OK && self->profile->finish != NULL) {
        code = self->profile->finish(self);
    }
    code = code == WH_OK ? put_details(self) : code;
    whi_buf_char(self->out, '}');
    code = code == WH_OK ? whi_buf_status(&self->scratch) : code;
    return code == WH_OK ? whi_buf_status(self->out) : code;
}

static int scan_present(int id, const whi_subscription *present, whi_json *json, whi_buf *text) {
    int code = present != NULL ? whi_profile_write(id, present, NULL, 0, text) : WH_OK;

    return present != NULL && code == WH_OK ? whi_json_scan(json, text->data, text->size, DEPTH_MAXIMUM + 1) : code;
}

/* A secret goes through these two: they shall not grow, which would leave it in freed memory.
 * No value comes out longer than it came in, and none more than twice. */
static int reserve(whi_reading *self, size_t size) {
    size_t details =
        self->subscription != NULL && self->subscription->details != NULL ? strlen(self->subscription->details) : 0;
    size_t room = size * 2 + details + 4096, left = self->out->maximum - self->out->size;
    int code;

    whi_buf_reserve(self->out, room < left ? room : left);
    whi_buf_reserve(&self->scratch, size);
    code = whi_buf_status(&self->scratch);
    return code == WH_OK ? whi_buf_status(self->out) : code;
}

static int read_object(int id, const char *document, size_t size, const whi_subscription *present, whi_buf *out) {
    whi_json given = { 0 }, was = { 0 };
    whi_reading self = { whi_profile_get(id), &given, &was, present, 0, out, { 0 }, { 0 } };
    whi_buf text;
    int code = whi_json_scan(&given, document, size, DEPTH_MAXIMUM);

    whi_buf_init(&self.details, SIZE_MAX / 4);
    whi_buf_init(&self.scratch, SIZE_MAX / 4);
    whi_buf_init(&text, SIZE_MAX / 4);
    if (code == WH_OK && given.nodes[0].type != WHI_JSON_OBJECT) {
        code = whi_fail(WH_EINVALID, "document: expected an object");
    }
    code = code == WH_OK ? scan_present(id, present, &was, &text) : code;
    code = code == WH_OK ? reserve(&self, size) : code;
    code = code == WH_OK ? read_fields(&self, id) : code;
    whi_wipe(self.scratch.data, self.scratch.capacity);
    whi_buf_free(&self.scratch);
    whi_buf_free(&self.details);
    whi_buf_free(&text);
    whi_json_free(&given);
    whi_json_free(&was);
    return code;
}

int whi_profile_read(int id, const char *document, size_t size, int flags, const whi_subscription *present,
                     whi_buf *out) {
    if (id == WHI_STANDARD) {
        whi_buf_add(out, document, size);
        return whi_buf_status(out);
    }
    return read_object(id, document, size, flags & WHI_PROFILE_PATCH ? present : NULL, out);
}
