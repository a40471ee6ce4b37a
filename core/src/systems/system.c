/* Tests: test_api_systems. */
#include "systems/system.h"

#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "pure/delivery.h"

static void add_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    whi_json_write_string(out, text, strlen(text));
}

void whi_refusal_plain(const whi_refusal *refusal, whi_buf *out) {
    add_text(out, "code", refusal->name);
    add_text(out, "message", refusal->message);
    if (refusal->field[0] != '\0') {
        add_text(out, "field", refusal->field);
    }
}

int whi_system_outcome(const whi_system *system, const whi_response *response, int *code, int *abort) {
    *abort = 0;
    return system->outcome != NULL ? system->outcome(response, code, abort)
                                   : whi_delivery_outcome(response->error, response->status, code);
}

int whi_system_shows(const whi_system *system, const whi_subscription *subscription) {
    return system->fields == NULL ||
           (subscription->system == system && (system->tells == NULL || system->tells(subscription)));
}

int whi_system_is_ordered(const whi_system *system, const char *event_type) {
    return system->is_ordered != NULL && system->is_ordered(event_type);
}

int whi_system_order_key(const whi_system *system, const char *event_type, const whi_json *payload, whi_buf *out) {
    return whi_system_is_ordered(system, event_type) ? system->order_key(payload, out) : WH_OK;
}

/* Other systems' secrets are texts of their own kinds. */
int whi_system_check_secret(const whi_system *system, const char *text) {
    size_t size = strlen(text);

    if (system->check_secret != NULL) {
        return system->check_secret(text);
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return whi_fail(WH_ESECRET, "expected a text without control characters");
        }
    }
    return size > 0 && size < WH_SECRET_SIZE
               ? WH_OK
               : whi_fail(WH_ESECRET, "expected a text of 1 to %d bytes, found %zu", WH_SECRET_SIZE - 1, size);
}

void whi_system_ident_own(int64_t number, char *out) {
    whi_ident_format("sub_", number, out);
}

int whi_system_ident_own_parse(const char *text, int64_t *number) {
    return whi_ident_parse("sub_", text, number);
}

int whi_system_ident_parse(const whi_system *system, const char *text, int64_t *number) {
    return text != NULL && system->ident_parse(text, number) == WH_OK
               ? WH_OK
               : whi_fail_field(WH_ENOTFOUND, "id", "there is no webhook with this one");
}
