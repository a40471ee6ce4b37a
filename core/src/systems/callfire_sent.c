/* {"timestamp","webhookId","webhookName","resourceType","events":[{…}]}, one event each, and
 * the mask over all of it. With a secret signed in a header: "X-CallFire-Signature: …", the
 * base64 of HMAC-SHA1, whatever the subscription's encoding: this one is published. Tests: test_envelope. */
#include <string.h>

#include "base/error.h"
#include "systems/callfire_sent.h"
#include "systems/wire.h"

static void write_int(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

/* The halves of "OutboundCall.Finished"; a type without two has no second one. */
static void write_resource(const whi_envelope *envelope, whi_buf *out) {
    size_t split = whi_type_split(envelope->event_type);

    whi_wire_part(out, "resourceType", envelope->event_type, split > 0 ? split : strlen(envelope->event_type));
}

static void write_event_type(const whi_envelope *envelope, whi_buf *out) {
    size_t split = whi_type_split(envelope->event_type);

    whi_wire_text(out, "eventType", split > 0 ? envelope->event_type + split + 1 : "");
}

static void write_event(const whi_envelope *envelope, whi_buf *out) {
    size_t size;
    const char *data = whi_envelope_data(envelope, &size);

    whi_buf_char(out, '{');
    write_int(out, "timestamp", envelope->event_time);
    write_int(out, "webhookId", envelope->made_by->id);
    write_resource(envelope, out);
    write_event_type(envelope, out);
    whi_json_write_name(out, "resource");
    whi_buf_add(out, data, size);
    whi_buf_char(out, '}');
}

static int write_whole(const whi_envelope *envelope, whi_buf *out) {
    const char *name = envelope->made_by->name;

    whi_buf_char(out, '{');
    write_int(out, "timestamp", envelope->event_time);
    write_int(out, "webhookId", envelope->made_by->id);
    whi_wire_text(out, "webhookName", name != NULL ? name : "");
    write_resource(envelope, out);
    whi_json_write_name(out, "events");
    whi_buf_char(out, '[');
    write_event(envelope, out);
    whi_buf_text(out, "]}");
    return whi_buf_status(out);
}

/* An event may be 1000 levels deep, and its data are three deeper here. */
#define DEPTH_MAXIMUM 1003

static int write_masked(const whi_envelope *envelope, whi_buf *out) {
    whi_json json = { 0 };
    whi_buf whole;
    int code;

    whi_buf_init(&whole, SIZE_MAX / 4);
    code = write_whole(envelope, &whole);
    code = code == WH_OK ? whi_json_scan(&json, whole.data, whole.size, DEPTH_MAXIMUM) : code;
    code = code == WH_OK ? whi_projection_write(envelope->fields, &json, 0, out) : code;
    whi_json_free(&json);
    whi_buf_free(&whole);
    return code == WH_OK ? whi_buf_status(out) : code;
}

int whi_callfire_body(const whi_envelope *envelope, whi_buf *out) {
    return envelope->fields != NULL ? write_masked(envelope, out) : write_whole(envelope, out);
}

int whi_callfire_sign(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out) {
    whi_buf_text(out, "X-CallFire-Signature: ");
    return whi_envelope_sign("SHA1", whi_envelope_secret(envelope), WHI_ENCODING_BASE64, (whi_signed){ body, size },
                             (whi_signed){ "", 0 }, out);
}

static int check_header(const whi_check *check) {
    static const whi_check_simple format = { WHI_CHECK_NAME "x-callfire-signature", "", "SHA1", WHI_CHECK_BASE64 };

    return whi_check_simple_body(check, &format);
}

const whi_format whi_callfire_format = {
    .name = "callfire",
    .header = "x-callfire-signature",
    .check = check_header,
};
