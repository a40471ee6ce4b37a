/* Writing a subscription as a system's object. Tests: test_systems. */
#include <string.h>

#include "systems/subscription_write.h"
#include "systems/wire.h"
#include "webhook.h"

#define DEPTH_MAXIMUM 64

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

int whi_object_write(const whi_system *system, const whi_subscription *subscription, const whi_facts *facts, int flags,
                     whi_buf *out) {
    whi_writing self = { system, subscription, facts, { 0 }, flags, out };
    const char *details = subscription->details;
    int code;

    if (system->fields == NULL) {
        whi_subscription_write(subscription, flags & WHI_OBJECT_SECRET ? WHI_WRITE_SECRETS : 0, out);
        return whi_buf_status(out);
    }
    code = details != NULL ? whi_json_scan(&self.details, details, strlen(details), DEPTH_MAXIMUM) : WH_OK;
    if (code == WH_OK) {
        whi_buf_char(out, '{');
        for (size_t i = 0; i < system->field_count; i++) {
            const whi_wire_field *field = &system->fields[i];
            if (!(flags & WHI_OBJECT_SENT) || !(field->flags & WHI_WIRE_PRIVATE)) {
                write_field(&self, field);
            }
        }
        whi_buf_char(out, '}');
        code = whi_buf_status(out);
    }
    whi_json_free(&self.details);
    return code;
}

int whi_object_has_health(const whi_system *system) {
    for (size_t i = 0; i < system->field_count; i++) {
        if (system->fields[i].place == WHI_AT_HEALTHY) {
            return 1;
        }
    }
    return 0;
}
