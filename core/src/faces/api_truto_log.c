/* Truto's log of deliveries: GET /log?log_type=webhook, an entry for each attempt, newest event
 * first. Tests: test_api_truto. */
#include "calls/query.h"
#include "faces/api_truto.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "systems/truto.h"

#define LIMIT_MAXIMUM 100 /* documented */
#define ROWS_MAXIMUM 20000
#define PAGE 32            /* deliveries at a time */
#define LOOKS_MAXIMUM 1000 /* deliveries whose attempts one answer looks at, whether they fit or not */

typedef struct log_page {
    whi_call *call;
    whi_store_query query;
    int64_t after, before; /* ms; 0: open */
    int64_t limit, count;
    struct {
        int64_t event, subscription, version;
        char type[129], tenant[WH_ID_SIZE];
    } deliveries[PAGE];
    size_t delivery_count;
    int64_t skip_event, skip_subscription; /* where the page before stopped, within a delivery */
    int skip_from;                         /* its attempts from this one on were shown */
    int last;                              /* the attempt that was written last */
    size_t current;
    int full, more, all;
    int64_t stop_event, stop_subscription;
    int stop_attempt;
} log_page;

/* ---------------------------------------------------------------------- parameters */

/* "dlv_….3": the third attempt was shown last. */
static int read_cursor(whi_call *call, log_page *self) {
    const char *text = whi_call_parameter(call, "next_cursor");
    char delivery[WH_ID_SIZE];
    size_t size;

    if (text == NULL || text[0] == '\0') {
        return WH_OK;
    }
    size = strcspn(text, ".");
    if (text[size] == '.' && size < sizeof delivery) {
        memcpy(delivery, text, size);
        delivery[size] = '\0';
        self->skip_from = (int)strtol(text + size + 1, NULL, 10);
        if (self->skip_from > 0 &&
            whi_ident_parse_delivery(delivery, &self->skip_event, &self->skip_subscription) == WH_OK &&
            self->skip_subscription < INT64_MAX) {
            self->query.before_event = self->skip_event;
            self->query.before_subscription = self->skip_subscription + 1; /* this delivery itself again */
            return WH_OK;
        }
    }
    return whi_fail_field(WH_EINVALID, "next_cursor", "expected one that this list has given");
}

static int read_kind(whi_call *call) {
    const char *type = whi_call_parameter(call, "log_type");

    return type != NULL && strcmp(type, "webhook") == 0
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "log_type", "expected \"webhook\", the only one that is kept here");
}

static int read_webhook(whi_call *call, log_page *self, int *none) {
    const char *id = whi_call_parameter(call, "webhook_id");

    *none = id != NULL && id[0] != '\0' && whi_system_ident_parse(call->system, id, &self->query.subscription) != WH_OK;
    return WH_OK;
}

/* By its UUID or by its name. */
static int read_environment(whi_call *call, log_page *self, const char *environment, int *none) {
    char own[WHI_UUID_SIZE];
    int code;

    if (self->query.tenant == NULL) {
        return whi_truto_tenant(call, environment, &self->query.tenant);
    }
    code = whi_truto_environment(self->query.tenant, own);
    *none |= strcmp(environment, self->query.tenant) != 0 && !whi_ascii_same(environment, own);
    return code;
}

static int read_query(whi_call *call, log_page *self, int *none) {
    const char *environment = whi_call_parameter(call, "environment_id"), *event = whi_call_parameter(call, "event");
    int code = read_kind(call);

    code = code == WH_OK ? whi_scope_tenant(call, &self->query.tenant) : code;
    code = code == WH_OK ? whi_scope_all(call, &self->all) : code;
    code = code == WH_OK ? read_webhook(call, self, none) : code;
    code = code == WH_OK ? whi_call_limit(call, LIMIT_MAXIMUM, LIMIT_MAXIMUM, &self->limit) : code;
    code = code == WH_OK ? whi_call_time(call, "created_at[gt]", &self->after) : code;
    code = code == WH_OK ? whi_call_time(call, "created_at[lt]", &self->before) : code;
    code = code == WH_OK ? read_cursor(call, self) : code;
    if (code != WH_OK) {
        return code;
    }
    if (environment != NULL && environment[0] != '\0') {
        code = read_environment(call, self, environment, none);
    }
    self->query.type = event != NULL && event[0] != '\0' ? event : NULL;
    self->query.until = whi_query_until(self->before); /* an attempt is after its event */
    self->query.limit = PAGE;
    self->query.rows = ROWS_MAXIMUM;
    return code;
}

/* ------------------------------------------------------------------------- entries */

static void write_entry(log_page *self, const whi_attempt_row *row) {
    whi_call *call = self->call;
    char text[WH_ID_SIZE + 16], at[WHI_TIME_SIZE], status[16], environment[WHI_UUID_SIZE];

    if (whi_truto_environment(self->deliveries[self->current].tenant, environment) != WH_OK) {
        call->out.failed = WH_ENOMEM;
        return;
    }
    whi_buf_text(&call->out, self->count++ > 0 ? ",{" : "{");
    whi_time_text(row->at, at);
    whi_out_text(call, "timestamp", at);
    whi_out_text(call, "service", "truto-api");
    whi_out_text(call, "environment_id", environment);
    whi_out_text(call, "queue", "webhooks");
    whi_out_text(call, "event", self->deliveries[self->current].type);
    call->system->ident(row->subscription, text);
    whi_out_text(call, "webhook_id", text);
    snprintf(status, sizeof status, "%d", row->status);
    whi_json_write_name(&call->out, "webhook_endpoint_status");
    whi_buf_text(&call->out, row->status > 0 ? status : "null");
    whi_ident_delivery(row->event, row->subscription, text);
    snprintf(text + strlen(text), 16, ".%d", row->n);
    whi_out_text(call, "id", text);
    whi_buf_char(&call->out, '}');
    self->last = row->n;
}

static int see_attempt(const whi_attempt_row *row, void *payload) {
    log_page *self = payload;
    int shown =
        row->event == self->skip_event && row->subscription == self->skip_subscription && row->n <= self->skip_from;

    if (shown || (self->after > 0 && row->at <= self->after) || (self->before > 0 && row->at >= self->before)) {
        return WH_OK;
    }
    if (self->count == self->limit) {
        self->full = 1;
        return WH_OK;
    }
    write_entry(self, row);
    return whi_buf_status(&self->call->out);
}

static int see_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    log_page *self = payload;

    self->deliveries[self->delivery_count].event = row->event;
    self->deliveries[self->delivery_count].subscription = row->subscription;
    self->deliveries[self->delivery_count].version = row->version;
    snprintf(self->deliveries[self->delivery_count].type, sizeof self->deliveries->type, "%s", event->type);
    snprintf(self->deliveries[self->delivery_count].tenant, sizeof self->deliveries->tenant, "%s", event->tenant);
    self->delivery_count++;
    return WH_OK;
}

/* Where the next page goes on: behind this delivery, or within it. */
static void stop_at(log_page *self, int64_t event, int64_t subscription, int attempt) {
    self->stop_event = event;
    self->stop_subscription = subscription;
    self->stop_attempt = attempt;
}

static int write_delivery(log_page *self, size_t i) {
    whi_store *store = whi_insight_store(self->call->engine);
    int64_t event = self->deliveries[i].event, subscription = self->deliveries[i].subscription, before = self->count;
    int code;

    self->current = i;
    code = store->vtable->attempt_list(store, event, subscription, see_attempt, self);
    if (!self->full || self->count > before) {
        stop_at(self, event, subscription, self->full ? self->last : INT32_MAX);
    }
    return code;
}

static int look_at_delivery(log_page *self, size_t i) {
    int64_t id = self->deliveries[i].subscription, version = self->deliveries[i].version;
    whi_registration *receiver;
    int code = whi_scope_receiver(self->call, id, version, self->all, &receiver);

    whi_registration_unref(receiver);
    if (receiver != NULL) {
        return write_delivery(self, i);
    }
    stop_at(self, self->deliveries[i].event, self->deliveries[i].subscription, INT32_MAX);
    return code;
}

static int write_entries(log_page *self) {
    whi_store *store = whi_insight_store(self->call->engine);
    whi_store_place place;
    size_t looks = 0;
    int code;

    do {
        self->delivery_count = 0;
        code = store->vtable->delivery_list(store, &self->query, see_delivery, self, &place);
        for (size_t i = 0; code == WH_OK && !self->full && i < self->delivery_count; i++) {
            code = look_at_delivery(self, i);
        }
        if (!self->full) {
            stop_at(self, place.event, place.subscription, INT32_MAX);
        }
        looks += self->delivery_count;
        self->more = place.more || self->full;
        self->query.before_event = place.event;
        self->query.before_subscription = place.subscription;
    } while (code == WH_OK && !self->full && place.more && self->delivery_count > 0 && looks < LOOKS_MAXIMUM);
    return code;
}

int whi_serve_truto_log(whi_call *call) {
    log_page self = { .call = call };
    char cursor[WH_ID_SIZE + 16];
    int none = 0, code = read_query(call, &self, &none);

    whi_buf_text(&call->out, "{\"result\":[");
    code = code == WH_OK && !none ? write_entries(&self) : code;
    whi_buf_char(&call->out, ']');
    whi_ident_delivery(self.stop_event, self.stop_subscription, cursor);
    snprintf(cursor + strlen(cursor), 16, ".%d", self.stop_attempt);
    whi_out_text(call, "next_cursor", self.more ? cursor : NULL);
    whi_buf_char(&call->out, '}');
    return code;
}
