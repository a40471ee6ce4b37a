/* What is kept for all processes of a store: reading and changing it. Tests: test_settings. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "calls/members.h"
#include "engine/context.h"
#include "engine/setting.h"
#include "engine/writer.h"
#include "pure/json.h"

/* ------------------------------------------------------------------------- reading */

int wh_settings(wh_engine *engine, char **out, size_t *size) {
    whi_buf buf;
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected one, found NULL");
    }
    *out = NULL;
    whi_buf_init(&buf, SIZE_MAX / 4);
    whi_buf_char(&buf, '{');
    for (int i = 0; code == WH_OK && i < WHI_SETTINGS; i++) {
        int64_t value;

        code = whi_setting_read(engine, i, &value);
        whi_json_write_name(&buf, whi_setting_names[i]);
        if (value != INT64_MAX) {
            whi_buf_format(&buf, "%lld", (long long)value);
        } else {
            whi_buf_text(&buf, "null");
        }
    }
    whi_buf_char(&buf, '}');
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}

/* ------------------------------------------------------------------------ changing */

typedef struct change {
    whi_job job;
    int named[WHI_SETTINGS];
    int64_t values[WHI_SETTINGS]; /* 0: the default */
} change;

static int run_change(whi_job *job, whi_store *store) {
    const change *self = (const change *)job;
    int code = WH_OK;

    for (int i = 0; code == WH_OK && i < WHI_SETTINGS; i++) {
        code = self->named[i] ? whi_setting_put(store, i, self->values[i]) : WH_OK;
    }
    return code;
}

static int fail_value(int which, const whi_json *json, uint32_t node) {
    const char *unit = which <= WHI_RETAIN_FAILED ? " milliseconds" : "";
    int64_t most = whi_setting_most(which);
    char up_to[40] = " or more";
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    if (most < INT64_MAX) {
        snprintf(up_to, sizeof up_to, " to %lld", (long long)most);
    }
    return whi_fail_field(WH_EINVALID, whi_setting_names[which], "expected 1%s whole%s, or null, found %.*s", up_to,
                          unit, size < 40 ? (int)size : 40, text);
}

static int take_value(change *self, int which, const whi_json *json, uint32_t node) {
    int64_t value = 0;

    self->named[which] = 1;
    if (json->nodes[node].type != WHI_JSON_NULL &&
        (json->nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(json, node, &value) || value < 1 ||
         value > whi_setting_most(which))) {
        return fail_value(which, json, node);
    }
    self->values[which] = value;
    return WH_OK;
}

static int take_member(const whi_json *json, uint32_t name, void *payload) {
#define WH_X(constant, name) ", " #name
    static const char names[] = WH_SETTINGS(WH_X);
#undef WH_X
    change *self = payload;
    size_t size;
    const char *text;

    for (int i = 0; i < WHI_SETTINGS; i++) {
        if (whi_json_string_is(json, name, whi_setting_names[i], strlen(whi_setting_names[i]))) {
            return take_value(self, i, json, name + 1);
        }
    }
    text = whi_json_span(json, name, &size);
    return whi_fail_field(WH_EINVALID, "document", "unknown setting %.*s, expected one of %s",
                          size < 40 ? (int)size : 40, text, &names[2]);
}

int wh_settings_set(wh_engine *engine, const char *document, size_t size) {
    change self = { .job = { .run = run_change, .rows = WHI_SETTINGS } };
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_members_read(document, size, take_member, &self) : code;
    code = code == WH_OK ? whi_writer_run(engine->writer, &self.job) : code;
    return code == WH_OK ? whi_setting_look(engine) : code;
}
