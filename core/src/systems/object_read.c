/* Reading a client's object by its system's table. Tests: test_systems. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "systems/subscription_read.h"
#include "systems/wire.h"

/* One level less than a canonical document's, where these values stand in `details`. */
#define DEPTH_MAXIMUM 63

/* ------------------------------------------------------------------- kinds */

/* Names the item or the member that is not a text. */
static int fail_texts(const whi_json *json, uint32_t node, const char *field) {
    const whi_json_node *nodes = json->nodes;
    uint32_t at = node + 1;

    if (nodes[node].count > WHI_SUBSCRIPTION_EVENTS) {
        return whi_fail_field(WH_EINVALID, field, "expected at most %d texts, found %u", WHI_SUBSCRIPTION_EVENTS,
                              (unsigned)nodes[node].count);
    }
    for (uint32_t i = 0; at < nodes[node].next; i++, at = nodes[at].next) {
        if (!whi_wire_fits(json, at, WHI_WIRE_TEXT)) {
            return whi_fail_within_item(whi_reading_fail(json, at, NULL, "a text without zero bytes"), field, i);
        }
    }
    return whi_reading_fail(json, node, field, whi_wire_kinds[WHI_WIRE_TEXTS]);
}

/* Names the member that is not a text. */
static int fail_map(whi_reading *self, uint32_t node, const char *field) {
    const whi_json *json = self->given;
    char shown[64], place[96];
    const char *name;
    int code;

    for (uint32_t at = whi_json_first(json, node); at != WHI_JSON_NONE; at = whi_json_next_name(json, node, at)) {
        int is_absent = json->nodes[at + 1].type == WHI_JSON_NULL;
        code = whi_reading_text(self, json, at, field, &name);
        if (code == WH_OK && !is_absent && !whi_wire_fits(json, at + 1, WHI_WIRE_TEXT)) {
            snprintf(place, sizeof place, "%s.%s", field, whi_text_shown(name, shown, sizeof shown));
            code = whi_reading_fail(json, at + 1, place, "a text without zero bytes");
        }
        if (code != WH_OK) {
            return code;
        }
    }
    return whi_reading_fail(json, node, field, whi_wire_kinds[WHI_WIRE_MAP]);
}

static int check_range(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    double value = whi_json_double(self->given, node);
    char expected[64];

    if (value >= field->least && (field->most == 0 || value <= field->most)) {
        return WH_OK;
    }
    if (field->most == 0) {
        snprintf(expected, sizeof expected, "a number of at least %d", field->least);
    } else {
        snprintf(expected, sizeof expected, "a number of %d to %d", field->least, field->most);
    }
    return whi_reading_fail(self->given, node, field->name, expected);
}

static int check_kind(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const whi_json *json = self->given;
    int type = (int)json->nodes[node].type;
    int64_t ms;

    if (!whi_wire_fits(json, node, field->kind)) {
        if (field->kind == WHI_WIRE_TEXTS && type == WHI_JSON_ARRAY) {
            return fail_texts(json, node, field->name);
        }
        if (field->kind == WHI_WIRE_MAP && type == WHI_JSON_OBJECT) {
            return fail_map(self, node, field->name);
        }
        if (field->kind == WHI_WIRE_TEXT && type == WHI_JSON_STRING) {
            return whi_fail_field(WH_EINVALID, field->name, "expected a text without zero bytes");
        }
        return whi_reading_fail(json, node, field->name, whi_wire_kinds[field->kind]);
    }
    if (field->kind == WHI_WIRE_NUMBER) {
        return check_range(self, field, node);
    }
    return field->kind == WHI_WIRE_MS && whi_json_whole(json, node, &ms) ? whi_time_check(field->name, ms) : WH_OK;
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
        return whi_fail_field(WH_EINVALID, field->name, "expected %s, found none", whi_wire_kinds[field->kind]);
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

/* A client may send back the object as it got it, with what another system made of it: what
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
    if (self->subscription != NULL && (node == WHI_JSON_NONE || field->flags & WHI_WIRE_FIXED)) {
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
    for (size_t i = 0; i < self->system->field_count; i++) {
        const whi_wire_field *field = &self->system->fields[i];
        if (self->changed >> i & 1 && is_in_details(field) &&
            whi_json_string_is(details, name, field->name, strlen(field->name))) {
            return 1;
        }
    }
    return 0;
}

/* What was in details and is not named stays, other systems' members too. */
static int keep_present_details(whi_reading *self) {
    const char *details = self->subscription != NULL ? self->subscription->details : NULL;
    whi_json json = { 0 };
    int code = details != NULL ? whi_json_scan(&json, details, strlen(details), DEPTH_MAXIMUM + 1) : WH_OK;

    for (uint32_t at = code == WH_OK ? whi_json_first(&json, 0) : WHI_JSON_NONE; at != WHI_JSON_NONE;
         at = whi_json_next_name(&json, 0, at)) {
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
    for (size_t i = 0; i < self->system->field_count; i++) {
        if (self->changed >> i & 1 && is_in_details(&self->system->fields[i])) {
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

static int read_fields(whi_reading *self) {
    int code = WH_OK;

    whi_buf_char(self->out, '{');
    if (self->subscription == NULL) {
        whi_json_write_name(self->out, "profile");
        whi_json_write_string(self->out, self->system->name, strlen(self->system->name));
    }
    for (size_t i = 0; i < self->system->field_count && code == WH_OK; i++) {
        code = read_field(self, &self->system->fields[i]);
    }
    if (code == WH_OK && self->system->finish != NULL) {
        code = self->system->finish(self);
    }
    code = code == WH_OK ? put_details(self) : code;
    whi_buf_char(self->out, '}');
    code = code == WH_OK ? whi_buf_status(&self->scratch) : code;
    return code == WH_OK ? whi_buf_status(self->out) : code;
}

static int scan_present(const whi_system *system, const whi_subscription *present, const whi_subscription *also,
                        whi_json *json, whi_buf *text) {
    const whi_facts facts = { .healthy = 1, .also = also };
    int code = present != NULL ? whi_object_write(system, present, also != NULL ? &facts : NULL, 0, text) : WH_OK;

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

static int read_object(const whi_system *system, const char *document, size_t size, const whi_subscription *present,
                       const whi_asker *asker, whi_buf *out) {
    whi_json given = { 0 }, was = { 0 };
    whi_reading self = { system, &given, &was, present, 0, out, { 0 }, { 0 }, asker };
    whi_buf text;
    int code = whi_document_scan(&given, document, size, DEPTH_MAXIMUM);

    whi_buf_init(&self.details, SIZE_MAX / 4);
    whi_buf_init(&self.scratch, SIZE_MAX / 4);
    whi_buf_init(&text, SIZE_MAX / 4);
    code = code == WH_OK ? scan_present(system, present, asker != NULL ? asker->also : NULL, &was, &text) : code;
    code = code == WH_OK ? reserve(&self, size) : code;
    code = code == WH_OK ? read_fields(&self) : code;
    whi_wipe(self.scratch.data, self.scratch.capacity);
    whi_buf_free(&self.scratch);
    whi_buf_free(&self.details);
    whi_buf_free(&text);
    whi_json_free(&given);
    whi_json_free(&was);
    return code;
}

int whi_object_read_for(const whi_system *system, const char *document, size_t size, int flags,
                        const whi_subscription *present, const whi_asker *asker, whi_buf *out) {
    if (system->fields == NULL) {
        whi_buf_add(out, document, size);
        return whi_buf_status(out);
    }
    return read_object(system, document, size, flags & WHI_OBJECT_PATCH ? present : NULL, asker, out);
}

int whi_object_read(const whi_system *system, const char *document, size_t size, int flags,
                    const whi_subscription *present, whi_buf *out) {
    return whi_object_read_for(system, document, size, flags, present, NULL, out);
}
