/* Tests: test_engine_health. */
#include "calls/standing.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "calls/past.h"
#include "calls/sources.h"
#include "engine/registry.h"
#include "pure/health.h"
#include "pure/json.h"
#include "systems/subscription_sink.h"
#include "systems/subscription_write.h"

#define ERROR_SIZE 512

typedef struct standing {
    whi_health_row health; /* its error is copied */
    char error[ERROR_SIZE];
    int64_t waiting, oldest;
    int64_t probe_at; /* ms; 0: its breaker is closed, or another process's */
} standing;

/* The error may be cut within a letter. */
static void copy_error(char out[ERROR_SIZE], const char *error) {
    size_t size = strlen(error);

    if (size >= ERROR_SIZE) {
        size = ERROR_SIZE - 1;
        while (size > 0 && ((unsigned char)error[size] & 0xc0) == 0x80) {
            size--;
        }
    }
    memcpy(out, error, size);
    out[size] = '\0';
}

static int take_health(const whi_health_row *row, void *payload) {
    standing *self = payload;

    self->health = *row;
    self->health.error = NULL;
    if (row->error != NULL) {
        copy_error(self->error, row->error);
        self->health.error = self->error;
    }
    return WH_OK;
}

static int64_t probe_of(wh_engine *engine, int64_t subscription) {
    whi_registration *registration = whi_registry_get(engine->registry, subscription);
    int64_t at = registration != NULL ? atomic_load(&registration->probe_at) : 0, now = whi_now(engine);

    whi_registration_unref(registration);
    return at == INT64_MAX ? now : at;
}

static int read_standing(wh_engine *engine, int64_t subscription, int64_t most, standing *out) {
    const whi_store_vtable *v = engine->store->vtable;
    int code = v->health_get(engine->store, subscription, take_health, out);

    out->probe_at = probe_of(engine, subscription);
    return code == WH_OK ? v->waiting_count(engine->store, subscription, most, &out->waiting, &out->oldest) : code;
}

static void tell_time(whi_buf *out, const char *name, int64_t ms) {
    char text[WHI_TIME_SIZE];

    whi_time_text(ms, text);
    whi_tell_text(out, name, ms != 0 ? text : NULL);
}

/* A rule that fails says nothing of the receiver, and neither does a single event that came. */
static const char *health_of(const whi_subscription *s, const whi_health_row *row) {
    if (row->state == WHI_HEALTH_ENDED && s->disabled != NULL) {
        return "disabled";
    }
    return row->state == WHI_FAILING ? "failing" : "healthy";
}

static void tell(const whi_subscription *s, const standing *self, whi_buf *out) {
    int is_news = self->health.state == WHI_FAILING || self->health.state == WHI_HEALTH_ENDED;

    whi_tell_text(out, "health", health_of(s, &self->health));
    tell_time(out, "failing_since", is_news ? self->health.since : 0);
    tell_time(out, "last_success_at", self->health.success_at);
    tell_time(out, "last_failure_at", self->health.failed_at);
    whi_tell_text(out, "last_error", self->health.error);
    if (s->breaker.failures != 0) {
        tell_time(out, "probe_at", self->probe_at);
    }
    whi_tell_int(out, "waiting", self->waiting);
    tell_time(out, "oldest_waiting_at", self->oldest != 0 ? whi_ident_time(self->oldest) : 0);
}

static void write_polled(wh_engine *engine, const whi_poll_standing *poll, whi_buf *out) {
    whi_json_write_name(out, "polled");
    whi_buf_char(out, '{');
    tell_time(out, "checked_at", poll->checked_at);
    tell_time(out, "next_at", poll->next_at != INT64_MAX ? poll->next_at : 0);
    whi_tell_int(out, "lag", poll->checked_at != 0 ? (whi_now(engine) - poll->checked_at) / 1000 : 0);
    whi_tell_int(out, "failures", poll->failures);
    whi_tell_flag(out, "healthy", poll->healthy);
    whi_tell_flag(out, "suspicious", poll->suspicious);
    whi_json_write_name(out, "runs");
    if (poll->runs.size > 0) {
        whi_buf_add(out, poll->runs.data, poll->runs.size);
    } else {
        whi_buf_text(out, "[]");
    }
    whi_buf_char(out, '}');
}

static int tell_polled(wh_engine *engine, const whi_subscription *s, whi_buf *out) {
    whi_poll_standing poll = { 0 };
    int code;

    whi_buf_init(&poll.runs, SIZE_MAX / 4);
    code = whi_poll_standing_read(engine, s, &poll);
    if (code == WH_OK) {
        write_polled(engine, &poll, out);
    }
    whi_buf_free(&poll.runs);
    return code;
}

/* Where its deliveries go besides, and how that is doing. */
static int tell_also(wh_engine *engine, const whi_subscription *s, int64_t most, whi_buf *out) {
    whi_registration *twin = whi_registry_get(engine->registry, s->twin);
    standing self = { 0 };
    int code = twin != NULL ? read_standing(engine, s->twin, most, &self) : WH_OK;

    whi_json_write_name(out, "also");
    if (twin == NULL || code != WH_OK) {
        whi_buf_text(out, "null");
        whi_registration_unref(twin);
        return code;
    }
    whi_buf_char(out, '{');
    whi_tell_text(out, "id", twin->id);
    whi_tell_text(out, "url", twin->subscription->url);
    if (twin->subscription->database != NULL) {
        whi_json_write_name(out, "database");
        whi_subscription_put_database(twin->subscription->database, 0, out);
    }
    whi_tell_text(out, "disabled", twin->subscription->disabled);
    tell(twin->subscription, &self, out);
    whi_buf_char(out, '}');
    whi_registration_unref(twin);
    return WH_OK;
}

int whi_standing_write(wh_engine *engine, const whi_subscription *s, int flags, int64_t most, whi_buf *out) {
    standing self = { 0 };
    int code = read_standing(engine, s->id, most, &self);

    if (code != WH_OK) {
        return code;
    }
    whi_subscription_write(s, flags | WHI_WRITE_OPEN, out);
    tell(s, &self, out);
    code = s->poll_type != NULL ? tell_polled(engine, s, out) : WH_OK;
    code = code == WH_OK && s->twin != 0 ? tell_also(engine, s, most, out) : code;
    if (code != WH_OK) {
        return code;
    }
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

static int look(const whi_health_row *row, void *payload) {
    *(int *)payload = row->state == WHI_FAILING;
    return WH_OK;
}

int whi_standing_is_failing(wh_engine *engine, int64_t subscription, int *out) {
    *out = 0;
    return engine->store->vtable->health_get(engine->store, subscription, look, out);
}
