/* Tests: test_api_standard. */
#include "calls/insight.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/ident.h"
#include "calls/backlog.h"
#include "calls/source_lag.h"
#include "calls/standing.h"
#include "engine/context.h"
#include "engine/lag.h"
#include "engine/memory.h"
#include "engine/setting.h"
#include "engine/source.h"
#include "engine/version.h"
#include "engine/written.h"
#include "pure/health.h"
#include "systems/subscription_write.h"

void whi_insight_limits(wh_engine *engine, int look, wh_limits *out) {
    if (look) {
        whi_setting_limits(engine, out);
    } else {
        *out = engine->options.limits;
        out->payload_bytes = atomic_load(&engine->settings[WHI_PAYLOAD_BYTES]);
        out->subscription_bytes = atomic_load(&engine->settings[WHI_SUBSCRIPTION_BYTES]);
    }
}

static int has_polls(const wh_engine *engine) {
    return atomic_load(&engine->sources->count) > 0 && whi_registry_poll_changes(engine->registry) > 0;
}

const whi_options *whi_insight_options(const wh_engine *engine) {
    return &engine->options;
}

int64_t whi_insight_now(const wh_engine *engine) {
    return whi_now(engine);
}

void whi_insight_log(wh_engine *engine, const char *format, ...) {
    char line[WHI_LOG_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    whi_log(&engine->log, WH_LOG_ERROR, "%s", line);
}

int whi_insight_sync(wh_engine *engine) {
    return whi_registry_sync(engine->registry);
}

whi_registration *whi_insight_subscription(wh_engine *engine, int64_t id) {
    return whi_registry_get(engine->registry, id);
}

static int look(const whi_health_row *row, void *payload) {
    *(int *)payload = whi_health_is_hopeful(row);
    return WH_OK;
}

int whi_insight_is_hopeful(wh_engine *engine, int64_t id, int *out) {
    *out = 1;
    return engine->store->vtable->health_get(engine->store, id, look, out);
}

int whi_insight_document(wh_engine *engine, const whi_registration *registration, int secrets, whi_buf *out) {
    return whi_standing_write(engine, registration->subscription, secrets ? WHI_WRITE_SECRETS : 0, WHI_STANDING_ONE,
                              out);
}

int whi_insight_page(wh_engine *engine, const char *tenant, const whi_page *page, whi_registration **out, size_t *count,
                     size_t *total) {
    return whi_registry_page(engine->registry, tenant, page, out, count, total);
}

int whi_insight_version(wh_engine *engine, int64_t id, int64_t version, whi_registration **out) {
    return whi_version_at(engine->store, id, version, out);
}

whi_store *whi_insight_store(wh_engine *engine) {
    return engine->store;
}

/* first is the number behind the last that is decided: no event is older than its time. */
static long long lag_of(const wh_engine *engine, const whi_store_work *work) {
    int64_t lag = work->events ? whi_now(engine) - whi_ident_time(work->first) : 0;

    return lag > 0 ? (long long)lag : 0;
}

int whi_insight_read(wh_engine *engine, whi_insight *out) {
    const whi_store_vtable *v = engine->store->vtable;
    whi_store_figures figures;
    whi_store_work work;
    int code = v->work(engine->store, &work);

    code = code == WH_OK ? v->figures(engine->store, whi_now(engine), WHI_INSIGHT_MOST, &figures) : code;
    if (code != WH_OK) {
        return code;
    }
    *out = (whi_insight){
        .events = atomic_load(&engine->count.events),
        .attempts = atomic_load(&engine->count.attempts),
        .delivered = atomic_load(&engine->count.delivered),
        .failed = atomic_load(&engine->count.failed),
        .exhausted = atomic_load(&engine->count.exhausted),
        .rule_failures = atomic_load(&engine->count.rule_failures),
        .news = { atomic_load(&engine->count.news[0]), atomic_load(&engine->count.news[1]),
                  atomic_load(&engine->count.news[2]) },
        .refused = atomic_load(&engine->count.refused),
        .network = atomic_load(&engine->count.network),
        .remote = atomic_load(&engine->count.remote),
        .other = atomic_load(&engine->count.other),
        .lag_ms = lag_of(engine, &work),
        .store = figures,
        .subscriptions = (long long)whi_registry_count(engine->registry),
        .in_flight = atomic_load(&engine->flights_open),
        .in_memory = atomic_load(&engine->events_open),
        .memory_bytes = whi_memory_used(engine->memory, WHI_POT_EVENTS),
        .rated = atomic_load(&engine->count.rated),
        .broken = atomic_load(&engine->count.broken),
        .events_pending = work.events,
        .outbox_pending = work.outbox,
        .polls_pending = has_polls(engine) && !atomic_load(&engine->sources->settled),
        .lagging = atomic_load(&engine->lags->count),
        .unreadable = whi_registry_left_out(engine->registry, NULL),
        .requests = &engine->count.requests,
        .waits = &engine->count.waits,
    };
    return WH_OK;
}

int whi_insight_check(wh_engine *engine) {
    int64_t count;
    int code = whi_is_open(engine);

    return code == WH_OK ? engine->store->vtable->subscription_count(engine->store, &count) : code;
}

int whi_insight_measure(wh_engine *engine, whi_buf *out) {
    int code;

    whi_written_measure(engine, out);
    code = whi_backlogs_measure(engine, out);
    return code == WH_OK ? whi_source_lags_measure(engine, out) : code;
}
