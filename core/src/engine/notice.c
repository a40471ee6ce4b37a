/* The engine's own events: "webhook.subscription.disabled", "webhook.delivery.exhausted"
 * and their like. They take the way of every other event and go to subscriptions whose
 * patterns begin with "webhook."; about a delivery of such an event none is made. */
#include "base/error.h"
#include "base/mem.h"
#include "engine/engine.h"
#include "pure/json.h"

#include <string.h>

#define PAYLOAD_MAXIMUM 4096

typedef struct notice {
    whi_task task;
    wh_engine *engine;
    whi_event *event;
} notice;

static int run(whi_job *job, whi_store *store) {
    notice *self = (notice *)job;
    whi_event *event = self->event;
    whi_event_row row = { 0 };
    int duplicate = 0;

    row.type = event->type;
    row.tenant = event->tenant;
    row.time = event->time;
    row.accepted_at = event->accepted_at;
    row.payload = event->payload;
    row.payload_size = event->payload_size;
    return store->vtable->event_add(store, &row, &duplicate);
}

/* It was written without an owner: whoever has time takes it. */
static void back(whi_task *task) {
    notice *self = (notice *)task;

    if (task->code != WH_OK) {
        whi_log(self->engine, WH_LOG_ERROR, "%s could not be told: %s", self->event->type, task->sentence);
    }
    atomic_store(&self->engine->more_events, 1);
    whi_event_unref(self->engine, self->event);
    whi_free(self);
}

static int write_payload(whi_buf *out, const whi_registration *registration, const char *event_id, const char *reason) {
    whi_buf_text(out, "{\"subscription\":\"");
    whi_buf_text(out, registration->id);
    whi_buf_text(out, "\",\"url\":");
    whi_json_write_string(out, registration->subscription->url, strlen(registration->subscription->url));
    if (event_id != NULL) {
        whi_buf_text(out, ",\"event\":");
        whi_json_write_string(out, event_id, strlen(event_id));
    }
    whi_buf_text(out, ",\"reason\":");
    whi_json_write_string(out, reason, strlen(reason));
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

void whi_notice(wh_engine *engine, const whi_registration *registration, const char *type, const char *event_id,
                const char *reason) {
    notice *self = whi_calloc(1, sizeof *self);
    whi_event_row row = { 0 };
    whi_buf payload;

    whi_buf_init(&payload, PAYLOAD_MAXIMUM);
    if (self == NULL || write_payload(&payload, registration, event_id, reason) != WH_OK) {
        whi_buf_free(&payload);
        whi_free(self);
        return;
    }
    row.accepted_at = row.time = whi_now(engine);
    row.type = type;
    row.tenant = registration->subscription->tenant;
    row.payload = payload.data;
    row.payload_size = payload.size;
    self->engine = engine;
    self->event = whi_event_new(engine, &row);
    whi_buf_free(&payload);
    if (self->event == NULL) {
        whi_free(self);
        return;
    }
    whi_log(engine, WH_LOG_INFO, "%s: %s, %s", type, registration->id, reason);
    self->task.job.run = run;
    self->task.job.rows = 2;
    self->task.back = back;
    whi_worker_submit(engine->workers[0], &self->task);
}

void whi_rule_error(whi_worker *worker, const whi_event *event, whi_registration *registration, const char *error) {
    whi_log(worker->engine, WH_LOG_WARNING, "%s: rule failed on event %s: %s", registration->id, event->id, error);
    atomic_fetch_add_explicit(&worker->engine->count.rule_failures, 1, memory_order_relaxed);
    if (atomic_fetch_add(&registration->rule_failures, 1) + 1 >= worker->engine->options.limits.rule_failures) {
        whi_retire(worker, registration, "rule");
    }
}
