/* Unified.to: the webhook object of its documents of 2023 to 2026, all years in one. An older
 * client sends fewer fields and finds the ones that it knows; `meta` was in the older ones. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pure/match.h"
#include "systems/list.h"
#include "systems/unified_database.h"
#include "systems/unified_sent.h"
#include "systems/wire.h"

/* ------------------------------------------------------------------- reading */

#define TYPE_SIZE 129 /* what whi_type_check allows, and a zero byte */

/* Appends the value to type, if there is one. */
static int add_part(whi_reading *self, const char *name, const char *between, char type[TYPE_SIZE]) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, name, &where);
    const char *text = "";
    size_t used = strlen(type);
    int code = node != WHI_JSON_NONE ? whi_reading_text(self, where, node, name, &text) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    if ((size_t)snprintf(type + used, TYPE_SIZE - used, "%s%s", between, text) >= TYPE_SIZE - used) {
        return whi_fail_field(WH_EINVALID, name, "too long: with the other half, the type has more than %d letters",
                              TYPE_SIZE - 1);
    }
    return WH_OK;
}

/* The vendor has no others, so an event of another name would never be met. */
static const char *const events[] = { "created", "updated", "deleted", NULL };

static int is_event(const char *text) {
    const char *const *event = events;

    while (*event != NULL && strcmp(*event, text) != 0) {
        event++;
    }
    return *event != NULL;
}

/* The events taken are of the type "<object_type>.<event>". */
static int put_events(whi_reading *self) {
    const whi_json *where;
    char type[TYPE_SIZE] = "";
    int code;

    if ((!whi_reading_changed(self, "object_type") && !whi_reading_changed(self, "event")) ||
        whi_reading_value(self, "object_type", &where) == WHI_JSON_NONE ||
        whi_reading_value(self, "event", &where) == WHI_JSON_NONE) {
        return WH_OK;
    }
    code = add_part(self, "object_type", "", type);
    code = code == WH_OK ? add_part(self, "event", ".", type) : code;
    if (code == WH_OK && whi_type_check(type) != WH_OK) {
        code = whi_fail_field(WH_EINVALID, "object_type",
                              "expected a name like \"crm_contact\", of A-Z a-z 0-9 . _ : - /");
    }
    if (code == WH_OK) {
        whi_json_write_name(self->out, "events");
        whi_buf_format(self->out, "[\"%s\"]", type);
    }
    return code;
}

#define MINUTE INT64_C(60000)
#define INTERVAL 60 /* minutes, where none is said */
#define LIMIT_MOST 10000

/* The vendor's guide of September 2026: what an integration pushes is tried again three times, at once. */
static const int64_t native_retry[] = { 0, 0, 0, 0 };

/* And what was read by polling, or is there from before: at most 20 times, after the Fibonacci numbers in minutes. */
static const int64_t virtual_retry[] = {
    0,
    1 * MINUTE,
    2 * MINUTE,
    3 * MINUTE,
    5 * MINUTE,
    8 * MINUTE,
    13 * MINUTE,
    21 * MINUTE,
    34 * MINUTE,
    55 * MINUTE,
    89 * MINUTE,
    144 * MINUTE,
    233 * MINUTE,
    377 * MINUTE,
    610 * MINUTE,
    987 * MINUTE,
    1597 * MINUTE,
    2584 * MINUTE,
    4181 * MINUTE,
    6765 * MINUTE,
    10946 * MINUTE,
};

/* The list comes with the kind of webhook, which stays. */
static void put_retry(whi_reading *self) {
    whi_json_write_name(self->out, "retry");
    for (size_t i = 0; i < sizeof virtual_retry / sizeof virtual_retry[0]; i++) {
        whi_buf_char(self->out, i > 0 ? ',' : '[');
        whi_buf_int(self->out, virtual_retry[i]);
    }
    whi_buf_char(self->out, ']');
}

/* 1: its type can be listed here, 0: it cannot; -1: nobody knows. */
static int is_listed(whi_reading *self) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "object_type", &where);
    const char *type;

    if (self->asker == NULL || node == WHI_JSON_NONE || where->nodes[node].type != WHI_JSON_STRING ||
        whi_reading_text(self, where, node, "object_type", &type) != WH_OK) {
        return -1;
    }
    return self->asker->lists(self->asker->payload, type);
}

static int64_t minutes_of(whi_reading *self) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "interval", &where);
    double minutes = node != WHI_JSON_NONE ? whi_json_double(where, node) : INTERVAL;

    return (int64_t)(minutes * (double)MINUTE + 0.5);
}

static void put_limit(whi_reading *self) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "page_max_limit", &where);
    int64_t limit = 0;

    if (node != WHI_JSON_NONE && whi_json_whole(where, node, &limit) && limit > 0) {
        whi_json_write_name(self->out, "limit");
        whi_buf_int(self->out, limit < LIMIT_MOST ? limit : LIMIT_MOST);
    }
}

static int has_filter(whi_reading *self, const char *name) {
    const whi_json *where;
    uint32_t filters = whi_reading_value(self, "filters", &where),
             node = filters != WHI_JSON_NONE ? whi_json_member(where, filters, name, strlen(name)) : WHI_JSON_NONE;

    return node != WHI_JSON_NONE && !whi_reading_absent(self, where, node);
}

/* Without those a source can list nothing: the vendor refuses, and names the first. */
static int check_filters(whi_reading *self, const char *object_type) {
    char name[WHI_FILTER_NAME], field[WHI_FILTER_NAME + 8];

    for (size_t i = 0; self->asker->requires(self->asker->payload, object_type, i, name); i++) {
        if (!has_filter(self, name)) {
            snprintf(field, sizeof field, "filters.%s", name);
            return whi_fail_field(WH_EINVALID, field, "expected a text: objects of this object_type are listed by it");
        }
    }
    return WH_OK;
}

/* Who reads for it, and how often. */
static int put_poll(whi_reading *self) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "object_type", &where);
    const char *type;
    int code = whi_reading_text(self, where, node, "object_type", &type);

    code = code == WH_OK && self->asker != NULL ? check_filters(self, type) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_json_write_name(self->out, "poll");
    whi_buf_text(self->out, "{");
    whi_json_write_name(self->out, "type");
    whi_json_write_string(self->out, type, strlen(type));
    whi_json_write_name(self->out, "interval");
    whi_buf_int(self->out, minutes_of(self));
    put_limit(self);
    if (self->asker != NULL && self->asker->history) {
        whi_buf_text(self->out, ",\"history\":true");
    }
    whi_buf_char(self->out, '}');
    return WH_OK;
}

static int is_virtual_word(const whi_json *where, uint32_t type) {
    return whi_json_string_is(where, type, "virtual", 7);
}

/* Asked for, or what can be done: what can be listed is read; else who says an interval means that, too. */
static int is_to_be_virtual(whi_reading *self, int listed) {
    const whi_json *where;
    uint32_t type = whi_reading_value(self, "webhook_type", &where);

    if (type != WHI_JSON_NONE) {
        return is_virtual_word(where, type);
    }
    return listed >= 0 ? listed : whi_reading_value(self, "interval", &where) != WHI_JSON_NONE;
}

static void keep_type(whi_reading *self, int is_virtual) {
    whi_reading_drop(self, "webhook_type");
    whi_buf_text(whi_reading_keep(self, "webhook_type"), is_virtual ? "\"virtual\"" : "\"native\"");
}

static int settle_new(whi_reading *self) {
    const whi_json *where;
    int listed = is_listed(self), is_virtual = is_to_be_virtual(self, listed);

    if (is_virtual && listed == 0) {
        return whi_fail_field(WH_EINVALID, "webhook_type",
                              "expected \"native\": no source lists objects of this object_type");
    }
    if (whi_reading_value(self, "webhook_type", &where) == WHI_JSON_NONE) {
        keep_type(self, is_virtual);
    }
    if (is_virtual) {
        put_retry(self);
    }
    return is_virtual && listed == 1 ? put_poll(self) : WH_OK;
}

/* What it is, is settled when it is made, and stays: an interval may come and go later. */
static int settle_type(whi_reading *self) {
    const whi_json *where;
    uint32_t type;

    if (self->subscription == NULL) {
        return settle_new(self);
    }
    if (whi_reading_changed(self, "interval")) {
        type = whi_reading_value(self, "webhook_type", &where);
        keep_type(self, type != WHI_JSON_NONE ? is_virtual_word(where, type)
                                              : whi_reading_value(self, "interval", &where) != WHI_JSON_NONE);
    }
    return self->subscription->poll_type != NULL &&
                   (whi_reading_changed(self, "interval") || whi_reading_changed(self, "page_max_limit") ||
                    whi_reading_changed(self, "object_type") || whi_reading_changed(self, "filters"))
               ? put_poll(self)
               : WH_OK;
}

static int finish(whi_reading *self) {
    int code = whi_unified_put_destination(self);

    code = code == WH_OK ? settle_type(self) : code;
    return code == WH_OK ? put_events(self) : code;
}

/* ------------------------------------------------------------------- writing */

/* The only pattern, where it has two halves and no star: events is what counts, and a
 * subscription made elsewhere has no details of ours. */
static const char *only_type(const whi_subscription *s, size_t *split) {
    const char *type = s->event_count == 1 ? s->events[0] : NULL;

    *split = type != NULL && strchr(type, '*') == NULL ? whi_type_split(type) : 0;
    return *split > 0 ? type : NULL;
}

/* What the object says of filters are texts. Without memory to look it is the writing of them that fails. */
static int tells_filters(const char *filters) {
    whi_json json = { 0 };
    int code = filters != NULL ? whi_json_scan(&json, filters, strlen(filters), 64) : WH_ENOTFOUND, tells = 1;

    for (uint32_t at = code == WH_OK ? whi_json_first(&json, 0) : WHI_JSON_NONE; at != WHI_JSON_NONE;
         at = whi_json_next_name(&json, 0, at)) {
        tells &= json.nodes[at + 1].type != WHI_JSON_NULL && json.nodes[at + 1].type <= WHI_JSON_STRING;
    }
    whi_json_free(&json);
    return tells;
}

/* A connection, and one event of one kind of objects: who made it otherwise finds it at our own routes. */
static int tells(const whi_subscription *s) {
    size_t split;
    const char *type = only_type(s, &split);

    return type != NULL && s->source != NULL && is_event(type + split + 1) && tells_filters(s->filters);
}

static void write_object_type(whi_writing *self, const whi_wire_field *field) {
    size_t split;
    const char *type = only_type(self->subscription, &split);

    if (type != NULL) {
        whi_wire_part(self->out, field->name, type, split);
    } else {
        whi_wire_detail(self, field);
    }
}

static void write_event(whi_writing *self, const whi_wire_field *field) {
    size_t split;
    const char *type = only_type(self->subscription, &split);

    if (type != NULL) {
        whi_wire_text(self->out, field->name, type + split + 1);
    } else {
        whi_wire_detail(self, field);
    }
}

#define PARTS INT64_C(1000000) /* of a minute that are told apart: more than there are ms */

/* As it is read, whoever has made or changed it, by whichever route. */
static void write_interval(whi_writing *self, const whi_wire_field *field) {
    int64_t interval = self->subscription->poll_interval, parts = (interval % MINUTE * PARTS + MINUTE / 2) / MINUTE;
    char text[16];
    size_t size;

    if (self->subscription->poll_type == NULL) {
        whi_wire_detail(self, field);
        return;
    }
    whi_json_write_name(self->out, field->name);
    whi_buf_int(self->out, interval / MINUTE);
    size = (size_t)snprintf(text, sizeof text, ".%06lld", (long long)parts);
    while (size > 1 && text[size - 1] == '0') {
        size--;
    }
    whi_buf_add(self->out, text, size > 1 ? size : 0);
}

static void write_limit(whi_writing *self, const whi_wire_field *field) {
    if (self->subscription->poll_type == NULL) {
        whi_wire_detail(self, field);
    } else if (self->subscription->poll_limit > 0) {
        whi_json_write_name(self->out, field->name);
        whi_buf_int(self->out, self->subscription->poll_limit);
    }
}

/* Who asked for an interval asked for polling. */
static void write_webhook_type(whi_writing *self, const whi_wire_field *field) {
    size_t before = self->out->size;
    uint32_t interval = whi_wire_member(&self->details, "interval");

    if (self->subscription->poll_type != NULL) {
        whi_wire_text(self->out, field->name, "virtual");
        return;
    }
    whi_wire_detail(self, field);
    if (self->out->size == before) {
        whi_wire_text(self->out, field->name, interval != WHI_JSON_NONE ? "virtual" : "native");
    }
}

static void write_checked_at(whi_writing *self, const whi_wire_field *field) {
    char text[WHI_TIME_SIZE];

    if (self->facts == NULL || self->facts->checked_at == 0) {
        whi_wire_detail(self, field);
        return;
    }
    whi_time_text(self->facts->checked_at, text);
    memcpy(text + 19, "Z", 2); /* no fraction, as its other times */
    whi_wire_text(self->out, field->name, text);
}

static void write_runs(whi_writing *self, const whi_wire_field *field) {
    if (self->facts == NULL || self->facts->runs == NULL) {
        whi_wire_detail(self, field);
        return;
    }
    whi_json_write_name(self->out, field->name);
    whi_buf_text(self->out, self->facts->runs);
}

/* ------------------------------------------------------------------- the table */

static const char *const types[] = { "native", "virtual", NULL };
static const char *const databases[] = { "mongodb", "mysql",    "postgres",  "mssql",
                                         "mariadb", "supabase", "snowflake", NULL };

#define YEAR 525600 /* minutes: an interval beyond it would never come round */

/* The list of object types is open: the system adds some each month. The others are closed, as they are in clients: one
 * webhook with another value would break a whole list there. Required ones are written as "" where an operator asks for
 * another system's webhook. The others are left out, which the clients' types allow and null they do not. */
static const whi_wire_field fields[] = {
    { "id", WHI_WIRE_TEXT, WHI_AT_ID, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "created_at", WHI_WIRE_TEXT, WHI_AT_CREATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "updated_at", WHI_WIRE_TEXT, WHI_AT_UPDATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "workspace_id", WHI_WIRE_TEXT, WHI_AT_TENANT, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "connection_id", WHI_WIRE_TEXT, WHI_AT_SOURCE, WHI_WIRE_REQUIRED | WHI_WIRE_DETAILS, NULL, "\"\"", NULL, 0, 0 },
    { "object_type", WHI_WIRE_TEXT, WHI_AT_OWN, WHI_WIRE_REQUIRED | WHI_WIRE_DETAILS, NULL, "\"\"", write_object_type,
      0, 0 },
    { "event", WHI_WIRE_TEXT, WHI_AT_OWN, WHI_WIRE_REQUIRED | WHI_WIRE_DETAILS, events, "\"\"", write_event, 0, 0 },
    { "hook_url", WHI_WIRE_TEXT, WHI_AT_OWN, 0, NULL, NULL, whi_unified_write_hook, 0, 0 },
    { "interval", WHI_WIRE_NUMBER, WHI_AT_DETAILS, 0, NULL, NULL, write_interval, 1, YEAR },
    { "checked_at", WHI_WIRE_TEXT, WHI_AT_DETAILS, WHI_WIRE_READ_ONLY, NULL, NULL, write_checked_at, 0, 0 },
    { "integration_type", WHI_WIRE_TEXT, WHI_AT_DETAILS, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "environment", WHI_WIRE_TEXT, WHI_AT_DETAILS, WHI_WIRE_READ_ONLY, NULL, "\"Production\"", NULL, 0, 0 },
    { "runs", WHI_WIRE_TEXTS, WHI_AT_DETAILS, WHI_WIRE_READ_ONLY, NULL, "[]", write_runs, 0, 0 },
    { "fields", WHI_WIRE_TEXT, WHI_AT_FIELDS, 0, NULL, NULL, NULL, 0, 0 },
    { "webhook_type", WHI_WIRE_TEXT, WHI_AT_DETAILS, WHI_WIRE_FIXED, types, NULL, write_webhook_type, 0, 0 },
    { "meta", WHI_WIRE_ANY, WHI_AT_DETAILS, 0, NULL, NULL, NULL, 0, 0 },
    { "is_healthy", WHI_WIRE_FLAG, WHI_AT_HEALTHY, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "page_max_limit", WHI_WIRE_NUMBER, WHI_AT_DETAILS, 0, NULL, NULL, write_limit, 0, INT32_MAX },
    { "filters", WHI_WIRE_MAP, WHI_AT_FILTERS, 0, NULL, NULL, NULL, 0, 0 },
    { "db_type", WHI_WIRE_TEXT, WHI_AT_DETAILS, 0, databases, NULL, NULL, 0, 0 },
    { "db_url", WHI_WIRE_TEXT, WHI_AT_OWN, WHI_WIRE_PRIVATE, NULL, NULL, whi_unified_write_database, 0, 0 },
    { "db_schema", WHI_WIRE_TEXT, WHI_AT_DETAILS, 0, NULL, NULL, whi_unified_write_schema, 0, 0 },
    { "db_name_prefix", WHI_WIRE_TEXT, WHI_AT_DETAILS, 0, NULL, NULL, whi_unified_write_prefix, 0, 0 },
    { "is_paused", WHI_WIRE_FLAG, WHI_AT_PAUSED, 0, NULL, NULL, NULL, 0, 0 },
    { "is_beta", WHI_WIRE_FLAG, WHI_AT_DETAILS, 0, NULL, NULL, NULL, 0, 0 },
};

#define TRIGGER (WHI_ROUTE_BODY | WHI_ROUTE_OPTIONAL | WHI_ROUTE_SLOW)

static const whi_route routes[] = {
    { "GET", "/unified/webhook", 0, "list" },
    { "POST", "/unified/webhook", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "make" },
    { "GET", "/unified/apicall", 0, "calls" },
    { "GET", "/unified/apicall/{id}", 0, "call" },
    { "GET", "/unified/notification", 0, "notifications" },
    { "GET", "/unified/webhook/{id}", 0, "get" },
    { "PUT", "/unified/webhook/{id}", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "change" },
    { "PATCH", "/unified/webhook/{id}", WHI_ROUTE_BODY | WHI_ROUTE_ASIDE, "change" },
    { "DELETE", "/unified/webhook/{id}", 0, "remove" },
    { "PUT", "/unified/webhook/{id}/resume", TRIGGER, "resume" },
    { "PATCH", "/unified/webhook/{id}/resume", TRIGGER, "resume" },
    { "PUT", "/unified/webhook/{id}/trigger", TRIGGER, "trigger" },
    { "PATCH", "/unified/webhook/{id}/trigger", TRIGGER, "trigger" },
    { NULL, NULL, 0, NULL },
};

const whi_system whi_system_unified = {
    .name = "unified",
    .asks = WHI_SECRET_OF_TENANT | WHI_EMPTY_IS_ABSENT | WHI_FILTERS_ITEMS | WHI_RAW_BY_NAME,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .time = WHI_TIME_SECONDS,
    .finish = finish,
    .also = "db_url",
    .tells = tells,
    .ident = whi_system_ident_own,
    .ident_parse = whi_system_ident_own_parse,
    .routes = routes,
    .challenge = "Bearer",
    .refuse = whi_refusal_plain, /* no form of an error is documented, and the clients take any */
    .retry = native_retry,
    .retry_count = sizeof native_retry / sizeof native_retry[0],
    .body = whi_unified_body,
    .format = &whi_unified_format,
};
