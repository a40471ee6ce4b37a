/* Looking back: what the store has, as documents and as pages of them. Tests: test_engine. */
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/cursor.h"
#include "calls/deliveries.h"
#include "calls/query.h"
#include "calls/standing.h"
#include "calls/twin.h"
#include "engine/context.h"
#include "engine/registry.h"
#include "engine/wrap.h"
#include "pure/delivery.h"
#include "pure/health.h"
#include "pure/json.h"

#include <string.h>

#define PAGE_BYTES ((size_t)1 << 28)
#define PAGE_ENDS 1 /* stops the store's walk; errors are negative */

/* A page, or a single document, in the making. */
typedef struct page {
    whi_buf out;
    int single; /* 1: one document without the page around it */
    int count;
    wh_engine *engine;
} page;

static int missing(const char *what) {
    return whi_fail_field(WH_EINVALID, what, "expected one, found NULL");
}

/* ------------------------------------------------------------------------ members */

static void text_member(whi_buf *out, const char *name, const char *text) {
    whi_json_write_name(out, name);
    if (text == NULL) {
        whi_buf_text(out, "null");
    } else {
        whi_json_write_string(out, text, strlen(text));
    }
}

static void int_member(whi_buf *out, const char *name, int64_t number) {
    whi_json_write_name(out, name);
    whi_buf_int(out, number);
}

static void time_member(whi_buf *out, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    text_member(out, name, ms ? text : NULL);
}

static void begin_item(page *self) {
    if (!self->single && self->count++ > 0) {
        whi_buf_char(&self->out, ',');
    }
    whi_buf_char(&self->out, '{');
}

static int end_item(page *self) {
    whi_buf_char(&self->out, '}');
    return whi_buf_status(&self->out);
}

static void event_id(const whi_event_row *row, char *out) {
    if (row->id != NULL) {
        size_t size = strlen(row->id);
        size = size < WH_ID_SIZE ? size : WH_ID_SIZE - 1;
        memcpy(out, row->id, size);
        out[size] = '\0';
    } else {
        whi_ident_format("msg_", row->number, out);
    }
}

/* ---------------------------------------------------------------------- documents */

static int write_event(const whi_event_row *row, void *payload) {
    page *self = payload;
    whi_buf *out = &self->out;
    char id[WH_ID_SIZE];

    begin_item(self);
    event_id(row, id);
    text_member(out, "id", id);
    text_member(out, "type", row->type);
    text_member(out, "tenant", row->tenant);
    text_member(out, "source", row->source[0] != '\0' ? row->source : NULL);
    text_member(out, "key", row->key[0] != '\0' ? row->key : NULL);
    time_member(out, "time", row->time);
    time_member(out, "accepted_at", row->accepted_at);
    whi_json_write_name(out, "pending");
    whi_buf_text(out, row->pending ? "true" : "false");
    if (self->single) {
        whi_json_write_name(out, "payload");
        whi_buf_add(out, row->payload, row->payload_size);
    }
    return end_item(self);
}

static int write_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    page *self = payload;
    whi_buf *out = &self->out;
    char id[WH_ID_SIZE];

    begin_item(self);
    whi_ident_delivery(row->event, row->subscription, id);
    text_member(out, "id", id);
    event_id(event, id);
    text_member(out, "event", id);
    whi_ident_format("sub_", row->subscription, id);
    text_member(out, "subscription", id);
    text_member(out, "type", event->type);
    int_member(out, "version", row->version);
    text_member(out, "state", whi_delivery_name(row->state));
    int_member(out, "attempts", row->attempts);
    time_member(out, "created_at", row->created_at);
    time_member(out, "due_at", row->state == WHI_WAITING && row->due != WHI_DUE_BEHIND ? row->due : 0);
    time_member(out, "updated_at", row->updated_at);
    whi_json_write_name(out, "status");
    row->status ? whi_buf_int(out, row->status) : whi_buf_text(out, "null");
    text_member(out, "error", row->error);
    text_member(out, "key", row->key);
    whi_json_write_name(out, "headers");
    whi_buf_text(out, row->headers != NULL ? row->headers : "null");
    return end_item(self);
}

static int write_attempt(const whi_attempt_row *row, void *payload) {
    page *self = payload;
    whi_buf *out = &self->out;
    char id[WH_ID_SIZE];

    begin_item(self);
    whi_ident_delivery(row->event, row->subscription, id);
    text_member(out, "delivery", id);
    int_member(out, "n", row->n);
    time_member(out, "at", row->at);
    whi_json_write_name(out, "duration_ms");
    whi_json_write_double(out, (double)row->duration_us / 1000.0);
    whi_json_write_name(out, "status");
    row->status ? whi_buf_int(out, row->status) : whi_buf_text(out, "null");
    text_member(out, "code", row->code ? wh_error_name(row->code) : NULL);
    text_member(out, "error", row->error);
    whi_json_write_name(out, "response");
    if (row->response != NULL) {
        whi_json_write_string(out, row->response, row->response_size);
    } else {
        whi_buf_text(out, "null");
    }
    return end_item(self);
}

static int write_subscription(const whi_subscription_row *row, void *payload) {
    page *self = payload;
    whi_registration *registration;
    int code = whi_registration_new(&registration, row);

    if (code != WH_OK) {
        return code;
    }
    if (registration->subscription->twin_of != 0) { /* shown with whose it is */
        whi_registration_unref(registration);
        return WH_OK;
    }
    if (self->count++ > 0) {
        whi_buf_char(&self->out, ',');
    }
    code = whi_standing_write(self->engine, registration->subscription, 0, WHI_STANDING_EACH, &self->out);
    whi_registration_unref(registration);
    return code;
}

/* Of those that are enabled. */
static int write_healthy(const whi_subscription_row *row, void *payload) {
    page *self = payload;
    int failing, code = whi_standing_is_failing(self->engine, row->id, &failing);

    return code == WH_OK && !failing ? write_subscription(row, payload) : code;
}

/* Of a subscription that is gone, or of a system without an envelope, it is the data itself. */
static int write_body(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    page *self = payload;
    whi_registration *now = whi_registry_get(self->engine->registry, row->subscription);
    char id[WH_ID_SIZE];
    whi_wrapping what = { .now = now,
                          .version = row->version,
                          .event_id = id,
                          .event_type = event->type,
                          .event_time = event->time,
                          .data = row->body != NULL ? row->body : event->payload,
                          .data_size = row->body != NULL ? row->body_size : event->payload_size };
    int code = WH_OK;

    event_id(event, id);
    if (now == NULL || now->subscription->system->body == NULL) {
        whi_buf_add(&self->out, what.data, what.data_size);
    } else {
        code = whi_wrap(self->engine, &what, &self->out, NULL, NULL, NULL);
    }
    whi_registration_unref(now);
    return code == WH_OK ? whi_buf_status(&self->out) : code;
}

/* ------------------------------------------------------------------------- states */

static int delivery_state(const wh_query *query, whi_store_query *out) {
    return query->state != NULL ? whi_delivery_state(query->state, &out->state) : WH_OK;
}

enum { ENABLED = 1, PAUSED, DISABLED, HEALTHY, FAILING }; /* the first three as the store has them */

static int subscription_state(const wh_query *query, int *out) {
    static const char *const names[] = { "enabled", "paused", "disabled", "healthy", "failing" };

    *out = 0;
    if (query->state == NULL) {
        return WH_OK;
    }
    for (int i = 0; i < 5; i++) {
        if (strcmp(query->state, names[i]) == 0) {
            *out = i + 1;
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "state",
                          "expected \"enabled\", \"paused\", \"disabled\", \"healthy\" or \"failing\", found \"%.40s\"",
                          query->state);
}

/* ---------------------------------------------------------------------------- pages */

static void begin_page(page *self, wh_engine *engine) {
    memset(self, 0, sizeof *self);
    self->engine = engine;
    whi_buf_init(&self->out, PAGE_BYTES);
    whi_buf_text(&self->out, "{\"items\":[");
}

static int end_page(page *self, int code, const char *next, char **out, size_t *size) {
    if (code != WH_OK) {
        whi_buf_free(&self->out);
        return code;
    }
    whi_buf_text(&self->out, "],\"next\":");
    if (next != NULL) {
        whi_json_write_string(&self->out, next, strlen(next));
    } else {
        whi_buf_text(&self->out, "null");
    }
    whi_buf_char(&self->out, '}');
    return whi_buf_take(&self->out, out, size);
}

static int ready(wh_engine *engine, char **out) {
    int code = whi_engine_check(engine);

    if (code != WH_OK || out == NULL) {
        return code != WH_OK ? code : missing("out");
    }
    *out = NULL;
    return WH_OK;
}

static int begin_list(wh_engine *engine, char **out, const wh_query *given, wh_query *query, whi_store_query *rows) {
    int code = ready(engine, out);

    code = code == WH_OK ? whi_query_take(query, given) : code;
    return code == WH_OK ? whi_query_read(engine, query, rows) : code;
}

/* Those that fail, of which there is a list: the others are not looked at. */
typedef struct failing {
    page *page;
    const whi_store_query *rows;
    whi_store_place *place;
    int64_t looked;
} failing;

static int is_for(const whi_store_query *rows, const char *tenant) {
    return rows->tenant == NULL || strcmp(rows->tenant, tenant) == 0;
}

static int write_if_for(const whi_subscription_row *row, void *payload) {
    failing *self = payload;

    return row->status != DISABLED && is_for(self->rows, row->tenant) ? write_subscription(row, self->page) : WH_OK;
}

static int write_failing(const whi_health_row *row, void *payload) {
    failing *self = payload;
    whi_store *store = self->page->engine->store;
    int code = WH_OK;

    if (self->looked == self->rows->rows || self->page->count == self->rows->limit) {
        self->place->more = 1;
        return PAGE_ENDS;
    }
    self->looked++;
    self->place->subscription = row->subscription;
    if (row->state == WHI_FAILING) {
        code = store->vtable->subscription_get(store, row->subscription, 0, write_if_for, self);
    }
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int list_failing(page *self, const whi_store_query *rows, whi_store_place *place) {
    failing each = { self, rows, place, 0 };
    whi_store *store = self->engine->store;
    int code = store->vtable->health_list(store, rows->before_subscription, (int)rows->rows + 1, write_failing, &each);

    return code == PAGE_ENDS ? WH_OK : code;
}

static int list_subscriptions(page *self, int state, whi_store_query *rows, whi_store_place *place) {
    whi_store *store = self->engine->store;

    if (state == FAILING) {
        return list_failing(self, rows, place);
    }
    rows->state = state == HEALTHY ? ENABLED : state;
    return store->vtable->subscription_list(store, rows, state == HEALTHY ? write_healthy : write_subscription, self,
                                            place);
}

int wh_subscriptions(wh_engine *engine, const wh_query *given, char **out, size_t *size) {
    whi_store_place place = { 0 };
    whi_store_query rows;
    wh_query query;
    char next[WH_ID_SIZE];
    page self;
    int state = 0, code = begin_list(engine, out, given, &query, &rows);

    code = code == WH_OK ? subscription_state(&query, &state) : code;
    code = code == WH_OK ? whi_cursor_read(&query, "sub_", &rows.before_subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    begin_page(&self, engine);
    code = list_subscriptions(&self, state, &rows, &place);
    whi_ident_format("sub_", place.subscription, next);
    return end_page(&self, code, place.more ? next : NULL, out, size);
}

int wh_events(wh_engine *engine, const wh_query *given, char **out, size_t *size) {
    whi_store_place place = { 0 };
    whi_store_query rows;
    wh_query query;
    char next[WH_ID_SIZE];
    page self;
    int code = begin_list(engine, out, given, &query, &rows);

    code = code == WH_OK ? whi_cursor_read(&query, "msg_", &rows.before_event) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_query_own(&query, &rows);
    begin_page(&self, engine);
    code = engine->store->vtable->event_list(engine->store, &rows, write_event, &self, &place);
    whi_ident_format("msg_", place.event, next);
    return end_page(&self, code, place.more ? next : NULL, out, size);
}

int wh_deliveries(wh_engine *engine, const wh_query *given, char **out, size_t *size) {
    whi_store_place place = { 0 };
    whi_store_query rows;
    wh_query query;
    char next[WH_ID_SIZE];
    page self;
    int code = begin_list(engine, out, given, &query, &rows);

    code = code == WH_OK ? delivery_state(&query, &rows) : code;
    code = code == WH_OK ? whi_cursor_read_delivery(&query, &rows.before_event, &rows.before_subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_query_own(&query, &rows);
    rows.foreign &= query.subscription == NULL;
    begin_page(&self, engine);
    code = whi_deliveries_list(engine->store, &rows, whi_twin_of(engine, rows.subscription), write_delivery, &self,
                               &place);
    whi_ident_delivery(place.event, place.subscription, next);
    return end_page(&self, code, place.more ? next : NULL, out, size);
}

/* --------------------------------------------------------------------- one record */

static int end_single(page *self, int code, const char *what, char **out, size_t *size) {
    if (code != WH_OK) {
        whi_buf_free(&self->out);
        return code == WH_ENOTFOUND ? whi_fail_field(code, what, "no such %s", what) : code;
    }
    return whi_buf_take(&self->out, out, size);
}

static void begin_single(page *self, wh_engine *engine) {
    memset(self, 0, sizeof *self);
    self->engine = engine;
    self->single = 1;
    whi_buf_init(&self->out, PAGE_BYTES);
}

int wh_event_get(wh_engine *engine, const char *id, char **out, size_t *size) {
    int64_t number = 0;
    page self;
    int code = ready(engine, out);

    if (code == WH_OK && id == NULL) {
        code = missing("event");
    }
    if (code != WH_OK) {
        return code;
    }
    begin_single(&self, engine);
    code = whi_query_event(engine, id, NULL, &number);
    code = code == WH_OK ? engine->store->vtable->event_get(engine->store, number, write_event, &self) : code;
    return end_single(&self, code, "event", out, size);
}

static int get_delivery(wh_engine *engine, const char *id, whi_delivery_fn each, char **out, size_t *size) {
    int64_t event, subscription;
    page self;
    int code = ready(engine, out);

    code = code == WH_OK ? whi_delivery_key(id, &event, &subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    begin_single(&self, engine);
    code = engine->store->vtable->delivery_get(engine->store, event, subscription, each, &self);
    return end_single(&self, code, "delivery", out, size);
}

int wh_delivery(wh_engine *engine, const char *id, char **out, size_t *size) {
    return get_delivery(engine, id, write_delivery, out, size);
}

int wh_delivery_body(wh_engine *engine, const char *id, char **out, size_t *size) {
    return get_delivery(engine, id, write_body, out, size);
}

int wh_attempts(wh_engine *engine, const char *delivery, char **out, size_t *size) {
    int64_t event, subscription;
    page self;
    int code = ready(engine, out);

    code = code == WH_OK ? whi_delivery_key(delivery, &event, &subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    begin_page(&self, engine);
    code = engine->store->vtable->attempt_list(engine->store, event, subscription, write_attempt, &self);
    return end_page(&self, code, NULL, out, size);
}
