/* Writing a subscription as its profile's object. */
#include <string.h>

#include "pure/profile_table.h"
#include "webhook.h"

#define DEPTH_MAXIMUM 64

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

static void write_field(whi_writing *self, const whi_wire_field *field) {
    size_t before = self->out->size;

    if (field->write != NULL) {
        field->write(self, field);
    } else {
        whi_wire_places[field->place].write(self, field);
    }
    if (self->out->size == before && field->fallback != NULL) {
        whi_json_write_name(self->out, field->name);
        whi_buf_text(self->out, field->fallback);
    }
}

int whi_profile_write(int id, const whi_subscription *subscription, const whi_profile_facts *facts, int flags,
                      whi_buf *out) {
    whi_writing self = { whi_profile_get(id), subscription, facts, { 0 }, flags, out };
    const char *details = subscription->details;
    int code;

    if (id == WHI_STANDARD) {
        whi_subscription_write(subscription, flags & WHI_PROFILE_SECRET ? WHI_WRITE_SECRETS : 0, out);
        return whi_buf_status(out);
    }
    code = details != NULL ? whi_json_scan(&self.details, details, strlen(details), DEPTH_MAXIMUM) : WH_OK;
    if (code == WH_OK) {
        whi_buf_char(out, '{');
        for (size_t i = 0; i < self.profile->field_count; i++) {
            const whi_wire_field *field = &self.profile->fields[i];
            if (!(flags & WHI_PROFILE_SENT) || !(field->flags & WHI_WIRE_PRIVATE)) {
                write_field(&self, field);
            }
        }
        whi_buf_char(out, '}');
        code = whi_buf_status(out);
    }
    whi_json_free(&self.details);
    return code;
}
