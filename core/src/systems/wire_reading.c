/* An object that is being read: what was given, what was there, and what becomes of both.
 * Tests: test_systems. */
#include <string.h>

#include "base/error.h"
#include "systems/wire.h"

static size_t field_index(const whi_system *system, const char *name) {
    size_t i = 0;

    while (i < system->field_count && strcmp(system->fields[i].name, name) != 0) {
        i++;
    }
    return i;
}

int whi_reading_changed(const whi_reading *self, const char *name) {
    return (int)(self->changed >> field_index(self->system, name) & 1);
}

void whi_reading_drop(whi_reading *self, const char *name) {
    self->changed |= (uint32_t)1 << field_index(self->system, name);
}

int whi_reading_absent(const whi_reading *self, const whi_json *json, uint32_t node) {
    return node == WHI_JSON_NONE || json->nodes[node].type == WHI_JSON_NULL ||
           (self->system->asks & WHI_EMPTY_IS_ABSENT && whi_json_string_is(json, node, "", 0));
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
        return whi_fail_field(WH_EINVALID, field, "expected a text without zero bytes");
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
