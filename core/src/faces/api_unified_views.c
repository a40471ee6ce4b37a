/* Unified.to's views of what became of deliveries: GET /unified/apicall, an entry for each that was tried, and GET
 * /unified/notification, one for each that was given up, since that is what makes a webhook unhealthy. Newest first,
 * which is the only order that there is. Tests: test_api_unified. */
#include "calls/deliveries.h"
#include "calls/query.h"
#include "calls/twin.h"
#include "faces/api_unified.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"

#define LIMIT_DEFAULT 100
#define OFFSET_MAXIMUM 10000 /* deliveries are passed over one by one */
#define ROWS_MAXIMUM 20000   /* that one answer looks at */
#define PAGE 32              /* deliveries at a time */
#define ERROR_SIZE 321

/* A delivery as it was read. */
typedef struct entry {
    int64_t event, subscription, version, created_at, updated_at;
    int attempts, status;
    char type[129], tenant[WH_ID_SIZE + 1], error[ERROR_SIZE];
} entry;

typedef struct view {
    whi_call *call;
    void (*write)(struct view *self, const entry *one, const whi_registration *receiver);
    whi_store_query query;
    int64_t updated; /* ms: not before; 0: whenever */
    const char *connection;
    int failed; /* 1: failed ones alone, 0: the others, -1: both */
    int none, all;
    int64_t limit, skip, count;
    entry page[PAGE];
    size_t page_count;
} view;

/* ---------------------------------------------------------------------- parameters */

static const char *given(const whi_call *call, const char *name) {
    const char *value = whi_call_parameter(call, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int read_order(const whi_call *call) {
    const char *order = given(call, "order");

    return order == NULL || whi_ascii_same(order, "desc")
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "order", "expected \"desc\", the only one here, found \"%.40s\"", order);
}

static int read_page(whi_call *call, view *self) {
    int code = whi_scope_tenant(call, &self->query.tenant);

    code = code == WH_OK ? whi_scope_all(call, &self->all) : code;
    code = code == WH_OK
               ? whi_call_limit(call, whi_insight_options(call->engine)->limits.page_items, LIMIT_DEFAULT, &self->limit)
               : code;
    code = code == WH_OK ? whi_call_number(call, "offset", 0, OFFSET_MAXIMUM, 0, &self->skip) : code;
    code = code == WH_OK ? whi_call_time(call, "updated_gte", &self->updated) : code;
    code = code == WH_OK ? read_order(call) : code;
    code = code == WH_OK ? whi_insight_sync(call->engine) : code;
    self->query.limit = PAGE;
    self->query.rows = ROWS_MAXIMUM;
    return code;
}

/* Of an integration, of a customer's user and of money nothing is known here. */
static int read_calls(whi_call *call, view *self) {
    const char *type = given(call, "type"), *id = given(call, "webhook_id"), *environment = given(call, "env");
    int billable, code = read_page(call, self);

    code = code == WH_OK ? whi_call_flag(call, "error", &self->failed) : code;
    code = code == WH_OK ? whi_call_flag(call, "is_billable", &billable) : code;
    if (code != WH_OK) {
        return code;
    }
    self->connection = given(call, "connection_id");
    self->none = (type != NULL && strcmp(type, "webhook") != 0) || billable == 1 ||
                 (environment != NULL && strcmp(environment, "Production") != 0) ||
                 given(call, "integration_type") != NULL || given(call, "external_xref") != NULL;
    if (id != NULL && call->system->ident_parse(id, &self->query.subscription) != WH_OK) {
        self->none = 1;
    }
    return WH_OK;
}

/* ------------------------------------------------------------------------- entries */

static int take(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    view *self = payload;
    entry *one = &self->page[self->page_count++];

    *one = (entry){ .event = row->event,
                    .subscription = row->subscription,
                    .version = row->version,
                    .created_at = row->created_at,
                    .updated_at = row->updated_at,
                    .attempts = row->attempts,
                    .status = row->status };
    snprintf(one->type, sizeof one->type, "%s", event->type);
    snprintf(one->tenant, sizeof one->tenant, "%s", event->tenant);
    snprintf(one->error, sizeof one->error, "%s", row->error != NULL ? row->error : "");
    return WH_OK;
}

static void write_text(view *self, const char *name, const char *text) {
    if (text != NULL && text[0] != '\0') {
        whi_out_text(self->call, name, text);
    }
}

static void write_time(view *self, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    whi_out_text(self->call, name, text);
}

/* The webhook that has these deliveries, be it those of its second place. */
static int64_t whose(const entry *one, const whi_registration *receiver) {
    int64_t first = receiver->subscription->twin_of;

    return first != 0 ? first : one->subscription;
}

/* What both have. */
static void write_head(view *self, const entry *one, const whi_registration *receiver) {
    char text[WH_ID_SIZE];

    whi_ident_delivery(one->event, one->subscription, text);
    whi_out_text(self->call, "id", text);
    write_time(self, "created_at", one->created_at);
    self->call->system->ident(whose(one, receiver), text);
    whi_out_text(self->call, "webhook_id", text);
    write_text(self, "connection_id", receiver->subscription->source);
    write_text(self, "workspace_id", one->tenant);
}

static void write_call(view *self, const entry *one, const whi_registration *receiver) {
    char status[16];

    snprintf(status, sizeof status, "%d", one->status);
    whi_buf_char(&self->call->out, '{');
    write_head(self, one, receiver);
    whi_out_text(self->call, "type", "webhook");
    whi_out_text(self->call, "method", "POST");
    whi_out_text(self->call, "name", one->type);
    whi_out_text(self->call, "path", receiver->subscription->url);
    whi_out_text(self->call, "status", status); /* "0": there was no answer */
    whi_out_text(self->call, "integration_type", "");
    whi_out_text(self->call, "environment", "Production");
    write_text(self, "error", one->error);
    whi_buf_char(&self->call->out, '}');
}

static void write_notification(view *self, const entry *one, const whi_registration *receiver) {
    whi_buf_char(&self->call->out, '{');
    write_head(self, one, receiver);
    write_time(self, "updated_at", one->updated_at);
    whi_out_text(self->call, "event", "WEBHOOK_UNHEALTHY");
    write_text(self, "description", one->error);
    whi_buf_char(&self->call->out, '}');
}

/* ------------------------------------------------------------------------- walking */

static int fits(const view *self, const entry *one, const whi_registration *receiver) {
    const char *source = receiver != NULL ? receiver->subscription->source : NULL;
    int failed = one->status < 200 || one->status > 299;

    return receiver != NULL && one->attempts > 0 && one->updated_at >= self->updated &&
           (self->failed < 0 || self->failed == failed) &&
           (self->connection == NULL || (source != NULL && strcmp(source, self->connection) == 0));
}

static int look_at(view *self, const entry *one) {
    whi_registration *receiver;
    int code = whi_scope_receiver(self->call, one->subscription, one->version, self->all, &receiver);

    if (code == WH_OK && self->count < self->limit && fits(self, one, receiver) && self->skip-- <= 0) {
        whi_buf_text(&self->call->out, self->count++ > 0 ? "," : "");
        self->write(self, one, receiver);
    }
    whi_registration_unref(receiver);
    return code;
}

static int walk(view *self) {
    whi_store *store = whi_insight_store(self->call->engine);
    int64_t twin = whi_twin_of(self->call->engine, self->query.subscription);
    whi_store_place place;
    size_t looks = 0;
    int code;

    do {
        self->page_count = 0;
        code = whi_deliveries_list(store, &self->query, twin, take, self, &place);
        for (size_t i = 0; code == WH_OK && i < self->page_count; i++) {
            code = look_at(self, &self->page[i]);
        }
        looks += self->page_count;
        self->query.before_event = place.event;
        self->query.before_subscription = place.subscription;
    } while (code == WH_OK && place.more && self->page_count > 0 && self->count < self->limit && looks < ROWS_MAXIMUM);
    return code;
}

static int write_list(view *self, int code) {
    whi_buf_char(&self->call->out, '[');
    code = code == WH_OK && !self->none ? walk(self) : code;
    whi_buf_char(&self->call->out, ']');
    return code;
}

int whi_serve_unified_calls(whi_call *call) {
    view self = { .call = call, .write = write_call };
    int code = read_calls(call, &self);

    return write_list(&self, code);
}

int whi_serve_unified_notifications(whi_call *call) {
    view self = { .call = call, .write = write_notification, .failed = -1, .query.state = WH_STATE_EXHAUSTED };
    int code = read_page(call, &self);

    return write_list(&self, code);
}

int whi_serve_unified_call(whi_call *call) {
    whi_store *store = whi_insight_store(call->engine);
    view self = { .call = call, .write = write_call, .failed = -1, .limit = 1 };
    int64_t event, subscription;
    int code = whi_scope_all(call, &self.all);

    code = code == WH_OK ? whi_scope_delivery(call, call->id) : code;
    code = code == WH_OK ? whi_delivery_key(call->id, &event, &subscription) : code;
    code = code == WH_OK ? store->vtable->delivery_get(store, event, subscription, take, &self) : code;
    code = code == WH_OK ? look_at(&self, &self.page[0]) : code;
    return code == WH_OK && self.count == 0 ? whi_fail_field(WH_ENOTFOUND, "id", "no such call") : code;
}
