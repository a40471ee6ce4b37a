/* How an engine and its store are doing, as one document. Tests: test_engine_health. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/backlog.h"
#include "calls/insight.h"
#include "calls/past.h"
#include "calls/source_lag.h"
#include "engine/context.h"
#include "engine/registry.h"
#include "engine/written.h"
#include "pure/json.h"

#define WORST 10
#define WORST_LOOKED 1000
#define RATES_US INT64_C(10000000)

static void begin_object(whi_buf *out, const char *name) {
    whi_json_write_name(out, name);
    whi_buf_char(out, '{');
}

static void tell_time(whi_buf *out, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    whi_tell_text(out, name, ms != 0 ? text : NULL);
}

/* ------------------------------------------------------------------------- counts */

static void tell_counts(whi_buf *out, const whi_insight *now) {
    begin_object(out, "counts");
    whi_tell_int(out, "events", now->events);
    whi_tell_int(out, "attempts", now->attempts);
    whi_tell_int(out, "delivered", now->delivered);
    whi_tell_int(out, "failed", now->failed);
    whi_tell_int(out, "exhausted", now->exhausted);
    whi_tell_int(out, "rule_failures", now->rule_failures);
    whi_tell_int(out, "failing", now->news[0]);
    whi_tell_int(out, "recovered", now->news[1]);
    whi_tell_int(out, "disabled", now->news[2]);
    whi_buf_char(out, '}');
    begin_object(out, "failures");
    whi_tell_int(out, "network", now->network);
    whi_tell_int(out, "remote", now->remote);
    whi_tell_int(out, "refused", now->refused);
    whi_tell_int(out, "other", now->other);
    whi_buf_char(out, '}');
}

/* From when to measure; the present counts are remembered for later. */
static whi_rates measure_from(wh_engine *engine, const whi_rates *present) {
    whi_rates from;

    pthread_mutex_lock(&engine->rates_lock);
    if (present->us - engine->latest.us >= RATES_US) {
        engine->former = engine->latest;
        engine->latest = *present;
    }
    from = engine->former;
    pthread_mutex_unlock(&engine->rates_lock);
    return from;
}

static void tell_rate(whi_buf *out, const char *name, long long count, int64_t us) {
    whi_json_write_name(out, name);
    whi_json_write_double(out, us > 0 ? (double)count * 1e6 / (double)us : 0);
}

static void tell_rates(whi_buf *out, wh_engine *engine, const whi_insight *now) {
    whi_rates present = { whi_monotonic_us(), now->events, now->attempts, now->delivered, now->failed };
    whi_rates from = measure_from(engine, &present);
    int64_t us = present.us - from.us;

    begin_object(out, "rates");
    tell_rate(out, "events", present.events - from.events, us);
    tell_rate(out, "attempts", present.attempts - from.attempts, us);
    tell_rate(out, "delivered", present.delivered - from.delivered, us);
    tell_rate(out, "failed", present.failed - from.failed, us);
    whi_buf_char(out, '}');
}

/* -------------------------------------------------------------------------- store */

static void tell_store(whi_buf *out, const whi_insight *now) {
    const whi_store_figures *store = &now->store;

    begin_object(out, "work");
    whi_tell_int(out, "under_way", now->in_flight);
    whi_tell_int(out, "events_in_memory", now->in_memory);
    whi_tell_int(out, "payload_bytes_in_memory", now->memory_bytes);
    whi_tell_int(out, "waiting_for_rate", now->rated);
    whi_tell_int(out, "breakers_open", now->broken);
    whi_buf_char(out, '}');
    begin_object(out, "store");
    whi_tell_int(out, "subscriptions", now->subscriptions);
    whi_tell_int(out, "failing", store->failing);
    whi_tell_int(out, "disabled", store->disabled);
    whi_tell_int(out, "lagging", now->lagging);
    whi_tell_int(out, "unreadable", now->unreadable);
    whi_tell_int(out, "over_budget", store->over_budget);
    whi_tell_int(out, "waiting", store->waiting);
    whi_tell_int(out, "due", store->due);
    tell_time(out, "oldest_waiting_at", store->oldest != 0 ? whi_ident_time(store->oldest) : 0);
    whi_tell_int(out, "held", store->held);
    whi_tell_int(out, "exhausted", store->exhausted);
    whi_tell_flag(out, "pending", now->events_pending);
    whi_tell_flag(out, "outbox", now->outbox_pending);
    whi_tell_int(out, "lag_ms", now->lag_ms);
    whi_tell_int(out, "bytes", store->bytes);
    whi_tell_int(out, "log_bytes", store->log_bytes);
    whi_buf_char(out, '}');
}

/* -------------------------------------------------------------------------- worst */

typedef struct tenant {
    char name[WH_ID_SIZE];
    int64_t failing;
} tenant;

typedef struct worst {
    wh_engine *engine;
    whi_buf *out;
    int told;
    size_t count;
    tenant tenants[WORST_LOOKED];
} worst;

static void note_tenant(worst *self, const char *name) {
    size_t size = strlen(name);
    tenant *one = &self->tenants[self->count];

    if (self->count < WORST_LOOKED && size < sizeof one->name) {
        memcpy(one->name, name, size + 1);
        one->failing = 1;
        self->count++;
    }
}

static void tell_failing(worst *self, const whi_health_row *row, const whi_subscription *s) {
    whi_buf *out = self->out;
    char id[WH_ID_SIZE];

    whi_ident_format("sub_", row->subscription, id);
    whi_buf_text(out, self->told++ > 0 ? ",{" : "{");
    whi_tell_text(out, "subscription", id);
    whi_tell_text(out, "tenant", s->tenant);
    whi_tell_text(out, "url", s->url);
    whi_tell_int(out, "failures", row->failures);
    whi_tell_int(out, "exhausted", row->exhausted);
    tell_time(out, "failing_since", row->since);
    whi_tell_text(out, "last_error", row->error);
    whi_buf_char(out, '}');
}

static int take_worst(const whi_health_row *row, void *payload) {
    worst *self = payload;
    whi_registration *registration = whi_registry_get(self->engine->registry, row->subscription);

    if (registration != NULL && self->told < WORST) {
        tell_failing(self, row, registration->subscription);
    }
    if (registration != NULL) {
        note_tenant(self, registration->subscription->tenant);
    }
    whi_registration_unref(registration);
    return whi_buf_status(self->out);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const tenant *)a)->name, ((const tenant *)b)->name);
}

static int by_failing(const void *a, const void *b) {
    const tenant *one = a, *two = b;

    return one->failing != two->failing ? (one->failing < two->failing) - (one->failing > two->failing) : by_name(a, b);
}

static void count_tenants(worst *self) {
    size_t kept = 0;

    qsort(self->tenants, self->count, sizeof *self->tenants, by_name);
    for (size_t i = 0; i < self->count; i++) {
        if (kept > 0 && strcmp(self->tenants[kept - 1].name, self->tenants[i].name) == 0) {
            self->tenants[kept - 1].failing++;
        } else {
            self->tenants[kept++] = self->tenants[i];
        }
    }
    self->count = kept;
    qsort(self->tenants, self->count, sizeof *self->tenants, by_failing);
}

static void tell_tenants(worst *self) {
    whi_buf *out = self->out;

    count_tenants(self);
    for (size_t i = 0; i < self->count && i < WORST; i++) {
        whi_buf_text(out, i > 0 ? ",{" : "{");
        whi_tell_text(out, "tenant", self->tenants[i].name);
        whi_tell_int(out, "failing", self->tenants[i].failing);
        whi_buf_char(out, '}');
    }
}

static int tell_worst(whi_buf *out, wh_engine *engine) {
    whi_store *store = engine->store;
    worst *self = whi_calloc(1, sizeof *self);
    int code;

    if (self == NULL) {
        return whi_fail_memory();
    }
    self->engine = engine;
    self->out = out;
    begin_object(out, "worst");
    whi_buf_text(out, "\"subscriptions\":[");
    code = store->vtable->worst(store, WHI_INSIGHT_MOST, WORST_LOOKED, take_worst, self);
    whi_buf_text(out, "],\"tenants\":[");
    tell_tenants(self);
    whi_buf_text(out, "]}");
    whi_free(self);
    return code;
}

/* ------------------------------------------------------------------------------ all */

static int write_stats(whi_buf *out, wh_engine *engine) {
    whi_insight now;
    int code = whi_insight_read(engine, &now);

    if (code != WH_OK) {
        return code;
    }
    whi_buf_char(out, '{');
    whi_tell_text(out, "version", wh_version());
    tell_time(out, "opened_at", engine->opened_at);
    tell_counts(out, &now);
    tell_rates(out, engine, &now);
    tell_store(out, &now);
    whi_written_tell(engine, out);
    code = whi_backlogs_tell(engine, out);
    code = code == WH_OK ? whi_source_lags_tell(engine, out) : code;
    code = code == WH_OK ? tell_worst(out, engine) : code;
    whi_buf_char(out, '}');
    return code == WH_OK ? whi_buf_status(out) : code;
}

int wh_stats(wh_engine *engine, char **out, size_t *size) {
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
    code = write_stats(&buf, engine);
    if (code != WH_OK) {
        whi_buf_free(&buf);
        return code;
    }
    return whi_buf_take(&buf, out, size);
}
