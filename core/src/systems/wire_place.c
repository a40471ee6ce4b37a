/* The places of the canonical subscription that a system's field can stand for: how a value
 * is checked and put there, and written from there. Tests: test_systems. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pure/match.h"
#include "pure/url.h"
#include "systems/wire.h"

/* ------------------------------------------------------------------- reading */

/* The field of url.h is "url", ours has its name on the wire. */
static int check_url(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const char *text;
    whi_url url;
    int code = whi_reading_text(self, self->given, node, field->name, &text);

    if (code != WH_OK) {
        return code;
    }
    code = whi_url_parse(&url, text);
    return code == WH_EINVALID ? whi_fail_renamed(code, field->name) : code;
}

static int check_source(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const char *text;
    int code = whi_reading_text(self, self->given, node, field->name, &text);

    return code != WH_OK || whi_type_check(text) == WH_OK
               ? code
               : whi_fail_field(WH_EINVALID, field->name, "expected 1 to 128 of A-Z a-z 0-9 . _ : - /");
}

static int check_events(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const whi_json_node *nodes = self->given->nodes;
    uint32_t i = 0;

    for (uint32_t at = node + 1; at < nodes[node].next; i++, at = nodes[at].next) {
        const char *text;
        int code = whi_reading_text(self, self->given, at, field->name, &text);
        if (code != WH_OK) {
            return code;
        }
        if (whi_pattern_check(text) != WH_OK) {
            return whi_fail_item(WH_EINVALID, field->name, i,
                                 "expected a type of 1 to 128 of A-Z a-z 0-9 . _ : - / or \"prefix:*\"");
        }
    }
    return WH_OK;
}

/* "" is none. */
static int check_secret(whi_reading *self, const whi_wire_field *field, uint32_t node) {
    const char *text;
    size_t size;
    int code = whi_reading_text(self, self->given, node, field->name, &text);

    if (code != WH_OK) {
        return code;
    }
    size = strlen(text);
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return whi_fail_field(WH_EINVALID, field->name, "expected a text without control characters");
        }
    }
    return size < WH_SECRET_SIZE
               ? WH_OK
               : whi_fail_field(WH_EINVALID, field->name, "expected a text of at most %d bytes, found %zu",
                                WH_SECRET_SIZE - 1, size);
}

static void put_secret(whi_reading *self, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(self->given, node, &size);

    whi_buf_char(self->out, '[');
    if (!whi_json_string_is(self->given, node, "", 0)) {
        whi_buf_add(self->out, text, size);
    }
    whi_buf_char(self->out, ']');
}

static void put_active(whi_reading *self, uint32_t node) {
    whi_buf_text(self->out, self->given->nodes[node].type == WHI_JSON_TRUE ? "false" : "true");
}

/* As our own documents want it: typed clients write 1.79e12. */
static void put_whole(whi_reading *self, uint32_t node) {
    int64_t number = 0;

    whi_json_whole(self->given, node, &number);
    whi_buf_int(self->out, number);
}

static void put_filters(whi_reading *self, uint32_t node) {
    const whi_json_node *nodes = self->given->nodes;
    const char *text = self->given->text;
    int some = 0;

    whi_buf_char(self->out, '{');
    for (uint32_t at = whi_json_first(self->given, node); at != WHI_JSON_NONE;
         at = whi_json_next_name(self->given, node, at)) {
        if (whi_reading_absent(self, self->given, at + 1)) {
            continue;
        }
        whi_buf_text(self->out, some ? "," : "");
        whi_buf_add(self->out, text + nodes[at].start, nodes[at + 1].end - nodes[at].start);
        some = 1;
    }
    whi_buf_char(self->out, '}');
}

/* ------------------------------------------------------------------- writing */

static void write_url(whi_writing *self, const whi_wire_field *field) {
    whi_wire_text(self->out, field->name, self->subscription->url);
}

static void write_name(whi_writing *self, const whi_wire_field *field) {
    whi_wire_text(self->out, field->name, self->subscription->name);
}

static void write_fields(whi_writing *self, const whi_wire_field *field) {
    whi_wire_text(self->out, field->name, self->subscription->fields);
}

static void write_source(whi_writing *self, const whi_wire_field *field) {
    if (self->subscription->source != NULL) {
        whi_wire_text(self->out, field->name, self->subscription->source);
    } else {
        whi_wire_detail(self, field);
    }
}

static void write_events(whi_writing *self, const whi_wire_field *field) {
    const whi_subscription *s = self->subscription;

    whi_json_write_name(self->out, field->name);
    whi_buf_char(self->out, '[');
    for (size_t i = 0; i < s->event_count; i++) {
        whi_buf_text(self->out, i > 0 ? "," : "");
        whi_json_write_string(self->out, s->events[i], strlen(s->events[i]));
    }
    whi_buf_char(self->out, ']');
}

static void write_secret(whi_writing *self, const whi_wire_field *field) {
    if (self->flags & WHI_OBJECT_SECRET && self->subscription->secret_count > 0) {
        whi_wire_text(self->out, field->name, self->subscription->secrets[0]);
    }
}

static void write_paused(whi_writing *self, const whi_wire_field *field) {
    whi_wire_flag(self->out, field->name, self->subscription->paused != WHI_RUNS);
}

static void write_active(whi_writing *self, const whi_wire_field *field) {
    whi_wire_flag(self->out, field->name, whi_subscription_is_enabled(self->subscription));
}

static void write_insecure(whi_writing *self, const whi_wire_field *field) {
    whi_wire_flag(self->out, field->name, self->subscription->insecure);
}

static void write_single_use(whi_writing *self, const whi_wire_field *field) {
    whi_wire_flag(self->out, field->name, self->subscription->single_use);
}

/* As texts, which is what such a filter compares as; a list of values has no form here. */
static void write_filters(whi_writing *self, const whi_wire_field *field) {
    const char *filters = self->subscription->filters;
    whi_json json = { 0 };
    int some = 0;

    if (filters == NULL) {
        return;
    }
    if (whi_json_scan(&json, filters, strlen(filters), 64) != WH_OK) {
        self->out->failed = self->out->failed ? self->out->failed : WH_ENOMEM; /* they were read before */
        whi_json_free(&json);
        return;
    }
    whi_json_write_name(self->out, field->name);
    whi_buf_char(self->out, '{');
    for (uint32_t at = whi_json_first(&json, 0); at != WHI_JSON_NONE; at = whi_json_next_name(&json, 0, at)) {
        const whi_json_node *name = &json.nodes[at], *value = &json.nodes[at + 1];
        const char *quote = value->type == WHI_JSON_STRING ? "" : "\"";
        if (value->type == WHI_JSON_NULL || value->type > WHI_JSON_STRING) {
            continue;
        }
        whi_buf_text(self->out, some ? "," : "");
        whi_buf_add(self->out, json.text + name->start, name->end - name->start);
        whi_buf_char(self->out, ':');
        whi_buf_text(self->out, quote);
        whi_buf_add(self->out, json.text + value->start, value->end - value->start);
        whi_buf_text(self->out, quote);
        some = 1;
    }
    whi_buf_char(self->out, '}');
    whi_json_free(&json);
}

static void write_expires(whi_writing *self, const whi_wire_field *field) {
    if (self->subscription->expires_at != 0) {
        whi_json_write_name(self->out, field->name);
        whi_buf_int(self->out, self->subscription->expires_at);
    }
}

static void write_id(whi_writing *self, const whi_wire_field *field) {
    char id[WH_ID_SIZE];

    self->system->ident(self->subscription->id, id);
    if (self->system->asks & WHI_ID_IS_NUMBER) {
        whi_json_write_name(self->out, field->name);
        whi_buf_text(self->out, id);
    } else {
        whi_wire_text(self->out, field->name, id);
    }
}

static void write_tenant(whi_writing *self, const whi_wire_field *field) {
    if (self->subscription->tenant[0] != '\0') {
        whi_wire_text(self->out, field->name, self->subscription->tenant);
    }
}

static void write_time(whi_writing *self, const whi_wire_field *field, int64_t ms) {
    char text[WHI_TIME_SIZE];

    if (ms == 0) {
        return;
    }
    if (self->system->time == WHI_TIME_UNIX_MS) {
        whi_json_write_name(self->out, field->name);
        whi_buf_int(self->out, ms);
        return;
    }
    whi_time_text(ms, text);
    if (self->system->time == WHI_TIME_SECONDS) {
        memcpy(strchr(text, '.'), "Z", 2);
    }
    whi_wire_text(self->out, field->name, text);
}

static void write_created(whi_writing *self, const whi_wire_field *field) {
    write_time(self, field, self->subscription->created_at);
}

static void write_updated(whi_writing *self, const whi_wire_field *field) {
    write_time(self, field, self->subscription->updated_at);
}

static void write_healthy(whi_writing *self, const whi_wire_field *field) {
    int healthy = self->facts == NULL || self->facts->healthy;

    whi_wire_flag(self->out, field->name, healthy && self->subscription->disabled == NULL);
}

/* ------------------------------------------------------------------- the table */

const whi_wire_place_row whi_wire_places[WHI_WIRE_PLACES] = {
    [WHI_AT_OWN] = { NULL, NULL, NULL, whi_wire_detail, NULL },
    [WHI_AT_DETAILS] = { NULL, NULL, NULL, whi_wire_detail, NULL },
    [WHI_AT_URL] = { "url", check_url, NULL, write_url, NULL },
    [WHI_AT_NAME] = { "name", NULL, NULL, write_name, NULL },
    [WHI_AT_FIELDS] = { "fields", NULL, NULL, write_fields, NULL },
    [WHI_AT_FILTERS] = { "filters", NULL, put_filters, write_filters, NULL },
    [WHI_AT_SOURCE] = { "source", check_source, NULL, write_source, NULL },
    [WHI_AT_EVENTS] = { "events", check_events, NULL, write_events, NULL },
    [WHI_AT_SECRET] = { "secrets", check_secret, put_secret, write_secret, "[]" },
    [WHI_AT_PAUSED] = { "paused", NULL, NULL, write_paused, "false" },
    [WHI_AT_ACTIVE] = { "paused", NULL, put_active, write_active, "false" },
    [WHI_AT_INSECURE] = { "insecure", NULL, NULL, write_insecure, "false" },
    [WHI_AT_SINGLE_USE] = { "single_use", NULL, NULL, write_single_use, "false" },
    [WHI_AT_EXPIRES] = { "expires_at", NULL, put_whole, write_expires, NULL },
    [WHI_AT_ID] = { NULL, NULL, NULL, write_id, NULL },
    [WHI_AT_TENANT] = { NULL, NULL, NULL, write_tenant, NULL },
    [WHI_AT_CREATED] = { NULL, NULL, NULL, write_created, NULL },
    [WHI_AT_UPDATED] = { NULL, NULL, NULL, write_updated, NULL },
    [WHI_AT_HEALTHY] = { NULL, NULL, NULL, write_healthy, NULL },
};
