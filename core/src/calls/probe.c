/* A probe: one event for one subscription alone, to see whether its receiver answers.
 * Tests: test_engine_order. */
#include "calls/probe.h"
#include "base/clock.h"
#include "base/error.h"
#include "engine/accept.h"
#include "engine/context.h"
#include "engine/inbox.h"
#include "engine/registry.h"
#include "engine/writer.h"
#include "pure/delivery.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define LOOK_MS 5

typedef struct probe {
    whi_job job;
    whi_event_row event;
    whi_delivery_row delivery;
    wh_engine *engine;
    int state, attempts, status;
    int code;
    char *error;
    size_t error_size;
} probe;

/* The event is for this one alone. */
static int run_probe(whi_job *job, whi_store *store) {
    probe *self = (probe *)job;
    int duplicate, done, code;

    self->event.number = 0;
    code = whi_store_event_add(store, &self->event, &duplicate);
    self->delivery.event = self->event.number;
    return code == WH_OK ? whi_store_delivery_put(store, &self->delivery, &done) : code;
}

static int look_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    probe *self = payload;

    (void)event;
    self->state = row->state;
    self->attempts = row->attempts;
    self->status = row->status;
    return WH_OK;
}

static int look_attempt(const whi_attempt_row *row, void *payload) {
    probe *self = payload;

    self->code = row->code;
    snprintf(self->error, self->error_size, "%s", row->error != NULL ? row->error : "");
    return WH_OK;
}

static int look(probe *self) {
    whi_store *store = self->engine->store;
    int64_t subscription = self->delivery.subscription;

    return store->vtable->delivery_get(store, self->event.number, subscription, look_delivery, self);
}

/* Where no thread works, this one does. */
static void wait_a_little(wh_engine *engine) {
    struct timespec pause = { 0, LOOK_MS * 1000000L };

    if (atomic_load(&engine->started) || wh_step(engine) <= 0) {
        nanosleep(&pause, NULL);
    }
}

static int await(probe *self, int64_t timeout) {
    whi_store *store = self->engine->store;
    int64_t until = whi_monotonic_us() + timeout * 1000;
    int code = look(self);

    while (code == WH_OK && self->attempts == 0 && self->state != WHI_CANCELLED && whi_monotonic_us() < until) {
        wait_a_little(self->engine);
        code = look(self);
    }
    if (code != WH_OK) {
        return code;
    }
    if (self->attempts == 0) {
        return whi_fail(WH_ETIMEOUT, "test: nobody made the attempt within %lld ms", (long long)timeout);
    }
    code = store->vtable->attempt_list(store, self->event.number, self->delivery.subscription, look_attempt, self);
    return code == WH_OK && self->code != WH_OK ? whi_fail(self->code, "test: %s", self->error) : code;
}

static int begin(probe *self, int64_t subscription, const char *type, const char *payload, size_t size) {
    wh_engine *engine = self->engine;
    whi_registration *registration = whi_registry_get(engine->registry, subscription);
    wh_event event = WH_EVENT_INIT;
    int code;

    if (registration == NULL) {
        return whi_fail_field(WH_ENOTFOUND, "id", "no such subscription");
    }
    event.type = type;
    event.payload = payload;
    event.payload_size = size;
    code = whi_accept_check(&engine->options.limits, &event);
    self->event.accepted_at = self->event.time = whi_now(engine);
    self->event.alone = 1;
    self->event.type = type;
    self->event.tenant = registration->subscription->tenant;
    self->event.payload = payload;
    self->event.payload_size = size;
    self->delivery.subscription = subscription;
    self->delivery.turn = WHI_TURN_ABSENT;
    self->delivery.version = registration->subscription->version;
    whi_delivery_next(WHI_ABSENT, WHI_RELEASE, &self->delivery.state);
    self->delivery.due = self->delivery.created_at = self->delivery.updated_at = self->event.time;
    self->job.run = run_probe;
    self->job.rows = 4;
    code = code == WH_OK ? whi_writer_run(engine->writer, &self->job) : code;
    whi_registration_unref(registration);
    return code;
}

int whi_engine_test(wh_engine *engine, int64_t subscription, const char *type, const char *payload, size_t size,
                    int64_t timeout, int *status, char *error, size_t error_size) {
    probe self = { .engine = engine, .error = error, .error_size = error_size };
    int code = begin(&self, subscription, type, payload, size);

    error[0] = '\0';
    if (code == WH_OK) {
        whi_inbox_give_due(engine, subscription, whi_now(engine));
        code = await(&self, timeout);
    }
    *status = self.status;
    if (code != WH_OK && error[0] == '\0') {
        snprintf(error, error_size, "%s", wh_last_error());
    }
    return code;
}
