/* What a tenant has stored, and what it may have: reading and changing it. Tests: test_quota. */
#include <stddef.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "calls/members.h"
#include "engine/context.h"
#include "engine/inbox.h"
#include "engine/quota.h"
#include "engine/setting.h"
#include "engine/writer.h"
#include "pure/json.h"
#include "pure/match.h"
#include "systems/rate_document.h"

/* What holds for all tenants stands beside it. */
static const struct {
    const char *name;
    enum whi_setting all;
    size_t at; /* in the row, an int64_t */
} members[] = {
#define WH_X(constant, name) { #name, WHI_TENANT_##constant, offsetof(whi_usage_row, name) },
    WH_ALLOWANCES(WH_X)
#undef WH_X
};

#define MEMBERS ((int)(sizeof members / sizeof members[0]))

static int64_t *member_of(whi_usage_row *row, int which) {
    return (int64_t *)(void *)((char *)row + members[which].at);
}

static int check_tenant(const char *tenant) {
    if (tenant == NULL || tenant[0] == '\0') {
        return whi_fail_field(WH_EINVALID, "tenant", "expected one, found none");
    }
    return whi_tenant_check(tenant);
}

/* ------------------------------------------------------------------------- reading */

static void write_number(whi_buf *out, const char *name, int64_t value) {
    whi_json_write_name(out, name);
    if (value != INT64_MAX) {
        whi_buf_format(out, "%lld", (long long)value);
    } else {
        whi_buf_text(out, "null");
    }
}

static void write_rate(whi_buf *out, const whi_usage_row *row) {
    const whi_rate rate = { row->rate_count, row->rate_per, row->rate_burst };

    whi_json_write_name(out, "rate");
    if (rate.count != 0) {
        whi_rate_write(&rate, out);
    } else {
        whi_buf_text(out, "null");
    }
}

static int write_allowance(whi_buf *out, wh_engine *engine, const char *tenant, whi_usage_row *row) {
    int code = WH_OK;

    whi_buf_char(out, '{');
    whi_json_write_name(out, "tenant");
    whi_json_write_string(out, tenant, strlen(tenant));
    write_number(out, "events", row->events);
    write_number(out, "bytes", row->bytes);
    for (int i = 0; i < MEMBERS && code == WH_OK; i++) {
        int64_t value = *member_of(row, i);

        code = value > 0 ? WH_OK : whi_setting_read(engine, members[i].all, &value);
        write_number(out, members[i].name, value);
    }
    write_rate(out, row);
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

int wh_tenant(wh_engine *engine, const char *tenant, char **out, size_t *size) {
    whi_usage_row row;
    whi_buf buf;
    int code = whi_engine_check(engine);

    if (code != WH_OK) {
        return code;
    }
    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected one, found NULL");
    }
    *out = NULL;
    code = check_tenant(tenant);
    code = code == WH_OK ? engine->store->vtable->usage(engine->store, tenant, &row) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&buf, SIZE_MAX / 4);
    code = write_allowance(&buf, engine, tenant, &row);
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}

/* ------------------------------------------------------------------------ changing */

typedef struct change {
    whi_job job;
    const char *tenant;
    int named[sizeof members / sizeof members[0]];
    int64_t values[sizeof members / sizeof members[0]]; /* 0: as for all */
    int names_rate;
    whi_rate rate;
} change;

static int run_change(whi_job *job, whi_store *store) {
    const change *self = (const change *)job;
    whi_usage_row row;
    int code = whi_store_usage_now(store, self->tenant, &row);

    if (code != WH_OK) {
        return code;
    }
    for (int i = 0; i < MEMBERS; i++) {
        int64_t *value = member_of(&row, i);
        *value = self->named[i] ? self->values[i] : *value;
    }
    if (self->names_rate) {
        row.rate_count = self->rate.count;
        row.rate_per = self->rate.per;
        row.rate_burst = self->rate.burst;
    }
    code = whi_setting_put_own(store);
    return code == WH_OK ? whi_store_usage_limit(store, self->tenant, &row) : code;
}

static int take_value(change *self, int which, const whi_json *json, uint32_t node) {
    int64_t value = 0;
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    self->named[which] = 1;
    if (json->nodes[node].type != WHI_JSON_NULL &&
        (json->nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(json, node, &value) || value < 1 ||
         value > whi_setting_most(members[which].all))) {
        return whi_fail_field(WH_EINVALID, members[which].name, "expected 1 or more, or null, found %.*s",
                              size < 40 ? (int)size : 40, text);
    }
    self->values[which] = value;
    return WH_OK;
}

static int take_member(const whi_json *json, uint32_t name, void *payload) {
#define WH_X(constant, name) ", " #name
    static const char names[] = WH_ALLOWANCES(WH_X);
#undef WH_X
    change *self = payload;
    size_t size;
    const char *text;

    for (int i = 0; i < MEMBERS; i++) {
        if (whi_json_string_is(json, name, members[i].name, strlen(members[i].name))) {
            return take_value(self, i, json, name + 1);
        }
    }
    if (whi_json_string_is(json, name, "rate", 4)) {
        const whi_values from = { .json = json };

        self->names_rate = 1;
        return whi_rate_read(&from, name + 1, &self->rate);
    }
    text = whi_json_span(json, name, &size);
    return whi_fail_field(WH_EINVALID, "document", "unknown member %.*s, expected one of %s, rate",
                          size < 40 ? (int)size : 40, text, &names[2]);
}

int wh_tenant_set(wh_engine *engine, const char *tenant, const char *document, size_t size) {
    change self = { .job = { .run = run_change, .rows = 2 }, .tenant = tenant };
    int code = whi_engine_check(engine);

    code = code == WH_OK ? check_tenant(tenant) : code;
    code = code == WH_OK ? whi_members_read(document, size, take_member, &self) : code;
    code = code == WH_OK ? whi_writer_run(engine->writer, &self.job) : code;
    code = code == WH_OK ? whi_setting_look(engine) : code;
    if (code == WH_OK && self.names_rate) {
        whi_stir(engine); /* what waits goes by it at once */
    }
    return code;
}
