/* CallFire: the webhook object of its swagger document, with its resources and events. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "systems/callfire.h"
#include "systems/callfire_sent.h"
#include "systems/list.h"
#include "systems/wire.h"

/* ------------------------------------------------------------------- resources */

static const char *const ends[] = { "Finished", "Failed", NULL };
static const char *const steps[] = { "Started", "Stopped", "Finished", NULL };
static const char *const finished[] = { "Finished", NULL };
static const char *const validations[] = { "ValidationFinished", "ValidationFailed", NULL };
static const char *const received[] = { "Received", NULL };

/* As the vendor's Java client and its samples have them. */
static const whi_callfire_resource resources[] = {
    { "MonthlyRenewal", ends },
    { "LowBalance", ends },
    { "CccCampaign", steps },
    { "CallBroadcast", steps },
    { "TextBroadcast", steps },
    { "OutboundCall", finished },
    { "InboundCall", finished },
    { "OutboundText", finished },
    { "InboundText", finished },
    { "ContactList", validations },
    { "OutboundTextDeliveryReport", received },
    { NULL, NULL },
};

#define RESOURCES (sizeof resources / sizeof resources[0] - 1)

const whi_callfire_resource *whi_callfire_resource_at(size_t index) {
    return index < RESOURCES ? &resources[index] : NULL;
}

static const whi_callfire_resource *resource_find(const char *name, size_t size) {
    for (size_t i = 0; i < RESOURCES; i++) {
        if (strlen(resources[i].name) == size && whi_ascii_same_part(resources[i].name, name, size)) {
            return &resources[i];
        }
    }
    return NULL;
}

static const char *event_find(const whi_callfire_resource *resource, const char *name) {
    for (size_t i = 0; resource->events[i] != NULL; i++) {
        if (whi_ascii_same(resource->events[i], name)) {
            return resource->events[i];
        }
    }
    return NULL;
}

/* The resource that all patterns are of, or NULL: events is what counts, whoever wrote it. */
static const whi_callfire_resource *only_resource(const whi_subscription *s) {
    const whi_callfire_resource *found = NULL;

    for (size_t i = 0; i < s->event_count; i++) {
        const char *dot = strchr(s->events[i], '.');
        size_t size = dot != NULL ? (size_t)(dot - s->events[i]) : 0;
        const whi_callfire_resource *resource = resource_find(s->events[i], size);
        if (resource == NULL || (found != NULL && resource != found) ||
            (event_find(resource, dot + 1) == NULL && strcmp(dot + 1, "*") != 0)) {
            return NULL;
        }
        found = resource;
    }
    return found;
}

/* Without a resource it is everything: so nothing else may be written so. */
static int tells(const whi_subscription *s) {
    int all = s->event_count == 0;

    for (size_t i = 0; i < s->event_count; i++) {
        all |= strcmp(s->events[i], "*") == 0;
    }
    return all || only_resource(s) != NULL;
}

/* ------------------------------------------------------------------- reading */

#define EVENTS_MAXIMUM 3 /* of one resource */

typedef struct chosen {
    const whi_callfire_resource *resource; /* NULL: all */
    const char *events[EVENTS_MAXIMUM];
    size_t count; /* 0: all of the resource */
} chosen;

static int choose_resource(whi_reading *self, chosen *out) {
    const whi_json *where;
    uint32_t node = whi_reading_value(self, "resource", &where);
    const char *text;
    int code = node != WHI_JSON_NONE ? whi_reading_text(self, where, node, "resource", &text) : WH_OK;

    if (code != WH_OK || node == WHI_JSON_NONE) {
        return code;
    }
    out->resource = resource_find(text, strlen(text));
    return out->resource != NULL ? WH_OK
                                 : whi_reading_fail_name("resource", &resources[0].name, sizeof resources[0], text);
}

static void choose(chosen *out, const char *event) {
    for (size_t i = 0; i < out->count; i++) {
        if (out->events[i] == event) {
            return; /* they are a set */
        }
    }
    out->events[out->count++] = event;
}

static int choose_events_of(whi_reading *self, const whi_json *json, uint32_t list, chosen *out) {
    uint32_t end = json->nodes[list].next;
    const char *text, *event;
    size_t i = 0;

    for (uint32_t at = list + 1; at < end; at = json->nodes[at].next, i++) {
        int code = whi_reading_text(self, json, at, "events", &text);
        if (code != WH_OK) {
            return code == WH_ENOMEM ? code : whi_fail_renamed_item(code, "events", i);
        }
        event = event_find(out->resource, text);
        if (event == NULL) {
            code =
                whi_reading_fail_name(out->resource->name, out->resource->events, sizeof *out->resource->events, text);
            return whi_fail_within_item(code, "events", i);
        }
        choose(out, event);
    }
    return WH_OK;
}

/* How many were asked for by name when they were last named here; 0: none. */
static int count_named(const whi_subscription *s, uint32_t *out) {
    whi_json details = { 0 };
    int code = s->details != NULL ? whi_json_scan(&details, s->details, strlen(s->details), 64) : WH_OK;
    uint32_t list = code == WH_OK ? whi_wire_member(&details, "events") : WHI_JSON_NONE;

    *out = list != WHI_JSON_NONE && details.nodes[list].type == WHI_JSON_ARRAY ? details.nodes[list].count : 0;
    whi_json_free(&details);
    return code;
}

/* Those in force, which a new resource must have; NONE for all of the old one, which become all
 * of the new one unless they were named. */
static int find_present(whi_reading *self, uint32_t *out) {
    const whi_callfire_resource *resource = self->subscription != NULL ? only_resource(self->subscription) : NULL;
    uint32_t named, all = 0;
    int code;

    *out = resource != NULL ? whi_wire_member(self->present, "events") : WHI_JSON_NONE;
    if (*out == WHI_JSON_NONE) {
        return WH_OK;
    }
    code = count_named(self->subscription, &named);
    while (resource->events[all] != NULL) {
        all++;
    }
    if (self->present->nodes[*out].count == all && named != all) {
        *out = WHI_JSON_NONE;
    }
    return code;
}

/* The given ones, also where they are as they were, since the resource is not; or those in force. */
static int choose_events(whi_reading *self, chosen *out) {
    uint32_t list = whi_wire_member(self->given, "events");
    int given = list != WHI_JSON_NONE;
    const whi_json *where = given ? self->given : self->present;
    int code = given ? WH_OK : find_present(self, &list);

    if (code != WH_OK || list == WHI_JSON_NONE || where->nodes[list].type != WHI_JSON_ARRAY ||
        where->nodes[list].count == 0) {
        return code;
    }
    if (out->resource != NULL) {
        return choose_events_of(self, where, list, out);
    }
    return given ? whi_fail_field(WH_EINVALID, "events", "expected a resource that they are of, found none") : WH_OK;
}

static void put_choice(whi_reading *self, const chosen *choice) {
    const char *const *events = choice->count > 0 ? choice->events : choice->resource->events;
    size_t count = choice->count;

    while (choice->count == 0 && events[count] != NULL) {
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        whi_buf_format(self->out, "%s\"%s.%s\"", i > 0 ? "," : "", choice->resource->name, events[i]);
    }
}

static void keep_choice(whi_reading *self, const chosen *choice) {
    if (choice->resource != NULL) {
        whi_buf_format(whi_reading_keep(self, "resource"), "\"%s\"", choice->resource->name);
    }
    if (choice->count > 0) {
        whi_buf_char(whi_reading_keep(self, "events"), '[');
        for (size_t i = 0; i < choice->count; i++) {
            whi_buf_format(&self->details, "%s\"%s\"", i > 0 ? "," : "", choice->events[i]);
        }
        whi_buf_char(&self->details, ']');
    }
}

/* The webhooks of other systems are signed always, and not with any text. */
static int check_secret(const whi_reading *self) {
    return self->subscription == NULL || self->subscription->system == self->system ||
                   !whi_reading_changed(self, "secret")
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "secret",
                                "this webhook was made through another system, and is signed its way");
}

static int finish(whi_reading *self) {
    const whi_json *where;
    chosen choice = { 0 };
    int code = check_secret(self);

    if (code != WH_OK) {
        return code;
    }
    if (self->subscription == NULL && whi_reading_value(self, "secret", &where) == WHI_JSON_NONE) {
        whi_json_write_name(self->out, "secrets"); /* otherwise one is made */
        whi_buf_text(self->out, "[]");
    }
    if (!whi_reading_changed(self, "resource") && !whi_reading_changed(self, "events")) {
        return WH_OK;
    }
    code = choose_resource(self, &choice);
    code = code == WH_OK ? choose_events(self, &choice) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_reading_drop(self, "resource");
    whi_reading_drop(self, "events");
    keep_choice(self, &choice);
    whi_json_write_name(self->out, "events");
    whi_buf_char(self->out, '[');
    if (choice.resource != NULL) {
        put_choice(self, &choice);
    }
    whi_buf_char(self->out, ']');
    return WH_OK;
}

/* ------------------------------------------------------------------- writing */

static int takes(const whi_subscription *s, const char *event) {
    for (size_t i = 0; i < s->event_count; i++) {
        const char *name = strchr(s->events[i], '.') + 1;
        if (whi_ascii_same(name, event) || strcmp(name, "*") == 0) {
            return 1;
        }
    }
    return 0;
}

static void write_resource(whi_writing *self, const whi_wire_field *field) {
    const whi_callfire_resource *resource = only_resource(self->subscription);

    whi_wire_text(self->out, field->name, resource != NULL ? resource->name : NULL);
}

static void write_events(whi_writing *self, const whi_wire_field *field) {
    const whi_callfire_resource *resource = only_resource(self->subscription);
    int some = 0;

    if (resource == NULL) {
        return;
    }
    whi_json_write_name(self->out, field->name);
    whi_buf_char(self->out, '[');
    for (size_t i = 0; resource->events[i] != NULL; i++) {
        if (takes(self->subscription, resource->events[i])) {
            whi_buf_format(self->out, "%s\"%s\"", some++ ? "," : "", resource->events[i]);
        }
    }
    whi_buf_char(self->out, ']');
}

/* ------------------------------------------------------------------- the table */

/* What is absent is left out, as the service's own samples have it. `enabled` is true when
 * nobody says otherwise: theirs is not public. The secret is never told again. */
static const whi_wire_field fields[] = {
    { "id", WHI_WIRE_MS, WHI_AT_ID, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "name", WHI_WIRE_TEXT, WHI_AT_NAME, 0, NULL, NULL, NULL, 0, 0 },
    { "resource", WHI_WIRE_TEXT, WHI_AT_OWN, 0, NULL, NULL, write_resource, 0, 0 },
    { "events", WHI_WIRE_TEXTS, WHI_AT_OWN, 0, NULL, NULL, write_events, 0, 0 },
    { "callback", WHI_WIRE_TEXT, WHI_AT_URL, WHI_WIRE_REQUIRED, NULL, NULL, NULL, 0, 0 },
    { "fields", WHI_WIRE_TEXT, WHI_AT_FIELDS, 0, NULL, NULL, NULL, 0, 0 },
    { "secret", WHI_WIRE_TEXT, WHI_AT_SECRET, 0, NULL, NULL, NULL, 0, 0 },
    { "enabled", WHI_WIRE_FLAG, WHI_AT_ACTIVE, 0, NULL, NULL, NULL, 0, 0 },
    { "nonStrictSsl", WHI_WIRE_FLAG, WHI_AT_INSECURE, 0, NULL, NULL, NULL, 0, 0 },
    { "singleUse", WHI_WIRE_FLAG, WHI_AT_SINGLE_USE, 0, NULL, NULL, NULL, 0, 0 },
    { "expiresAt", WHI_WIRE_MS, WHI_AT_EXPIRES, 0, NULL, NULL, NULL, 0, 0 },
    { "createdAt", WHI_WIRE_MS, WHI_AT_CREATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
    { "updatedAt", WHI_WIRE_MS, WHI_AT_UPDATED, WHI_WIRE_READ_ONLY, NULL, NULL, NULL, 0, 0 },
};

/* Ours: CallFire says nothing of its own. */
static const int64_t retry[] = { 0, 10000, 60000, 300000, 1800000, 7200000 };

static void ident(int64_t number, char *out) {
    snprintf(out, WH_ID_SIZE, "%" PRId64, number);
}

static int ident_parse(const char *text, int64_t *number) {
    *number = 0;
    for (size_t i = 0; text[i] != '\0'; i++) {
        int digit = text[i] - '0';
        if (digit < 0 || digit > 9 || (i == 0 && digit == 0) || *number > (INT64_MAX - digit) / 10) {
            return WH_EINVALID;
        }
        *number = *number * 10 + digit;
    }
    return *number > 0 ? WH_OK : WH_EINVALID;
}

/* The code is a text in the vendor's description and a number in one of its clients: digits satisfy both. */
static void refuse(const whi_refusal *refusal, whi_buf *out) {
    char code[16];

    snprintf(code, sizeof code, "%d", refusal->number < 0 ? -refusal->number : refusal->number);
    whi_json_write_name(out, "httpStatusCode");
    whi_buf_int(out, refusal->status);
    whi_wire_text(out, "internalCode", code);
    whi_wire_text(out, "message", refusal->message);
    whi_wire_text(out, "developerMessage", refusal->name);
    whi_wire_text(out, "helpLink", "");
}

static const whi_route routes[] = {
    { "GET", "/webhooks", 0, "list" },
    { "POST", "/webhooks", WHI_ROUTE_BODY, "make" },
    { "GET", "/webhooks/resources", 0, "resources" },
    { "GET", "/webhooks/resources/{resource}", 0, "resource" },
    { "GET", "/webhooks/{id}", 0, "get" },
    { "PUT", "/webhooks/{id}", WHI_ROUTE_BODY, "change" },
    { "DELETE", "/webhooks/{id}", 0, "remove" },
    { NULL, NULL, 0, NULL },
};

/* 400, 401, 403, 404 and 500 are all that is documented of errors. */
const whi_system whi_system_callfire = {
    .name = "callfire",
    .asks = WHI_MASKS_ENVELOPE | WHI_MAY_GO_UNSIGNED | WHI_ID_IS_NUMBER | WHI_ERRORS_UP_TO_404,
    .fields = fields,
    .field_count = sizeof fields / sizeof fields[0],
    .time = WHI_TIME_UNIX_MS,
    .finish = finish,
    .tells = tells,
    .ident = ident,
    .ident_parse = ident_parse,
    .routes = routes,
    .prefix = "v2",
    .challenge = "Basic",
    .refuse = refuse,
    .retry = retry,
    .retry_count = sizeof retry / sizeof retry[0],
    .body = whi_callfire_body,
    .sign = whi_callfire_sign,
    .format = &whi_callfire_format,
};
