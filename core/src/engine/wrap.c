/* Tests: test_engine_order. */
#include "engine/wrap.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/version.h"
#include "pure/json.h"
#include "systems/envelope.h"
#include "systems/header.h"

/* The registration that made the data: now's own unless the subscription has changed since.
 * An old version that is no longer kept is as good as the present one. */
static int made_by(wh_engine *engine, const whi_wrapping *what, whi_registration **old) {
    const whi_subscription *s = what->now->subscription;
    int code;

    *old = NULL;
    if (what->version == 0 || what->version == s->version) {
        return WH_OK;
    }
    code = whi_version_at(engine->reader, s->id, what->version, old);
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int wrap(const whi_envelope *envelope, whi_buf *body, whi_buf *text, const char **lines, size_t *count) {
    int code = whi_envelope_body(envelope, body);

    code = code == WH_OK ? whi_buf_status(body) : code;
    return code == WH_OK && text != NULL ? whi_envelope_headers(envelope, body->data, body->size, text, lines, count)
                                         : code;
}

int whi_wrap(wh_engine *engine, const whi_wrapping *what, whi_buf *body, whi_buf *text, const char **lines,
             size_t *count) {
    whi_registration *old;
    const whi_registration *made;
    whi_envelope envelope = { .now = what->now->subscription,
                              .event_id = what->event_id,
                              .event_type = what->event_type,
                              .event_time = what->event_time,
                              .data = what->data,
                              .data_size = what->data_size,
                              .unlike = what->unlike };
    int code = made_by(engine, what, &old);

    if (code != WH_OK) {
        return code;
    }
    made = old != NULL && old->subscription->system == what->now->subscription->system ? old : what->now;
    envelope.made_by = made->subscription;
    envelope.fields = made->fields;
    code = wrap(&envelope, body, text, lines, count);
    whi_registration_unref(old);
    return code;
}

/* ------------------------------------------------------------------- a rule's headers */

static int add_line(const whi_json *json, uint32_t at, whi_buf *scratch, whi_buf *out) {
    char name[WHI_HEADER_NAME_MAXIMUM + 1], *line;
    size_t size;
    const char *text = whi_json_string(json, at, scratch, &size);
    int code;

    if (text == NULL) {
        return whi_fail_memory();
    }
    size = size < sizeof name - 1 ? size : sizeof name - 1;
    memcpy(name, text, size);
    name[size] = '\0';
    text = whi_json_string(json, at + 1, scratch, &size);
    line = text != NULL ? whi_strdup(text, size) : NULL;
    if (line == NULL) {
        return whi_fail_memory();
    }
    text = line;
    code = whi_header_line(name, text, &line);
    whi_free((char *)(uintptr_t)text);
    if (code == WH_OK) {
        whi_buf_add(out, line, strlen(line) + 1);
        whi_free(line);
    }
    return code;
}

int whi_wrap_rule_headers(const char *headers, whi_buf *out) {
    whi_json json = { 0 };
    whi_buf scratch;
    int code = whi_json_scan(&json, headers, strlen(headers), 2);

    whi_buf_init(&scratch, WHI_HEADER_BYTES * 2);
    for (uint32_t at = whi_json_first(&json, 0); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(&json, 0, at)) {
        code = add_line(&json, at, &scratch, out);
    }
    whi_buf_free(&scratch);
    whi_json_free(&json);
    return code == WH_OK ? whi_buf_status(out) : code;
}
