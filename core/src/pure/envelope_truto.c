/* {"id","event","payload","environment_id","created_at","webhook_id"}, signed in a header:
 * "X-Truto-Signature: format=sha256,v=…". The vendor's text says hex, a receiver in production
 * reads base64: base64 unless the subscription says otherwise. */
#include <string.h>

#include "base/clock.h"
#include "pure/envelope_parts.h"
#include "pure/profile.h"
#include "webhook.h"

static void write_text(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    whi_json_write_string(out, text, strlen(text));
}

int whi_envelope_truto(const whi_envelope *envelope, whi_buf *out) {
    char id[WH_ID_SIZE], time[WHI_TIME_SIZE];
    size_t size;
    const char *data = whi_envelope_data(envelope, &size);

    whi_profile_ident(WHI_TRUTO, envelope->made_by->id, id);
    whi_time_text(envelope->event_time, time);
    whi_buf_char(out, '{');
    write_text(out, "id", envelope->event_id);
    write_text(out, "event", envelope->event_type);
    whi_json_write_name(out, "payload");
    whi_buf_add(out, data, size);
    write_text(out, "environment_id", envelope->made_by->tenant);
    write_text(out, "created_at", time);
    write_text(out, "webhook_id", id);
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

int whi_envelope_sign_truto(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out) {
    int encoding = envelope->now->encoding;

    whi_buf_text(out, "X-Truto-Signature: format=sha256,v=");
    return whi_envelope_sign("SHA256", whi_envelope_secret(envelope), encoding, (whi_signed){ body, size },
                             (whi_signed){ "", 0 }, out);
}
