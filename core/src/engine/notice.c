/* Tests: test_engine. */
#include "engine/notice.h"

#include <string.h>

#include "base/error.h"
#include "pure/json.h"

#define PAYLOAD_MAXIMUM 16384

static int write_payload(whi_buf *out, const whi_registration *registration, const char *event_id, const char *reason) {
    whi_buf_text(out, "{\"subscription\":\"");
    whi_buf_text(out, registration->id);
    whi_buf_text(out, "\",\"url\":");
    whi_json_write_string(out, registration->subscription->url, strlen(registration->subscription->url));
    if (event_id != NULL) {
        whi_buf_text(out, ",\"event\":");
        whi_json_write_string(out, event_id, strlen(event_id));
    }
    whi_buf_text(out, ",\"reason\":");
    whi_json_write_string(out, reason, strlen(reason));
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

int whi_notice(wh_engine *engine, whi_store *store, const whi_registration *registration, const char *type,
               const char *event_id, const char *reason) {
    whi_event_row row = { .type = type, .tenant = registration->subscription->tenant };
    whi_buf payload;
    int duplicate, code;

    whi_buf_init(&payload, PAYLOAD_MAXIMUM);
    code = write_payload(&payload, registration, event_id, reason);
    row.accepted_at = row.time = whi_now(engine);
    row.payload = payload.data;
    row.payload_size = payload.size;
    code = code == WH_OK ? whi_store_event_add(store, &row, &duplicate) : code;
    whi_buf_free(&payload);
    atomic_store(&engine->appended, 1);
    return code;
}
