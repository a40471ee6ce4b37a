/* For operators: settings, health, metrics, and the document of all routes. Tests: test_api_auth. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"

/* ------------------------------------------------------------------------ settings */

int whi_serve_stats(whi_call *call) {
    char *text = NULL;
    size_t size = 0;
    int code = wh_stats(call->engine, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_settings(whi_call *call) {
    char *text = NULL;
    size_t size = 0;
    int code = wh_settings(call->engine, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_settings_change(whi_call *call) {
    static const char *const names[] = {
#define WH_X(constant, name) #name,
        WH_SETTINGS(WH_X)
#undef WH_X
            NULL
    };
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? wh_settings_set(call->engine, call->request->body, call->request->body_size) : code;
    return code == WH_OK ? whi_serve_settings(call) : code;
}

int whi_serve_tenant(whi_call *call) {
    char *text = NULL;
    size_t size = 0;
    int code = wh_tenant(call->engine, call->id, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_tenant_change(whi_call *call) {
    static const char *const names[] = {
#define WH_X(constant, name) #name,
        WH_ALLOWANCES(WH_X)
#undef WH_X
            "rate",
        NULL
    };
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? wh_tenant_set(call->engine, call->id, call->request->body, call->request->body_size) : code;
    return code == WH_OK ? whi_serve_tenant(call) : code;
}

/* -------------------------------------------------------------------------- health */

/* For balancers, which have no token: whether the store answers, and nothing else. */
int whi_serve_health(whi_call *call) {
    if (whi_insight_check(call->engine) != WH_OK) {
        return whi_refuse(call, 503, NULL, "the store does not answer");
    }
    whi_buf_char(&call->out, '{');
    whi_out_text(call, "status", "ok");
    whi_out_text(call, "version", wh_version());
    whi_buf_char(&call->out, '}');
    return WH_OK;
}

/* ------------------------------------------------------------------------- metrics */

static void metric(whi_call *call, const char *name, const char *type, const char *help, long long value) {
    whi_buf_format(&call->out, "# HELP webhook_%s %s\n# TYPE webhook_%s %s\nwebhook_%s %lld\n", name, help, name, type,
                   name, value);
}

/* Each bucket counts what is in those before it too. */
static void metric_histogram(whi_call *call, const char *name, const char *help, whi_histogram *histogram) {
    long long total = atomic_load(&histogram->total), sum = 0;

    whi_buf_format(&call->out, "# HELP webhook_%s %s\n# TYPE webhook_%s histogram\n", name, help, name);
    for (int i = 0; i <= WHI_HISTOGRAM_STEPS; i++) {
        sum += atomic_load(&histogram->counts[i]);
        whi_buf_format(&call->out, "webhook_%s_bucket{le=\"%s\"} %lld\n", name,
                       i < WHI_HISTOGRAM_STEPS ? whi_histogram_steps[i].seconds : "+Inf", sum);
    }
    whi_buf_format(&call->out, "webhook_%s_sum %lld.%06lld\nwebhook_%s_count %lld\n", name, total / 1000000,
                   total % 1000000, name, sum);
}

/* https://prometheus.io/docs/instrumenting/exposition_formats/, text format 0.0.4. Counters are
 * of this process since it opened the store. */
int whi_serve_metrics(whi_call *call) {
    whi_insight now;
    int code = whi_insight_read(call->engine, &now);

    if (code != WH_OK) {
        return code;
    }
    metric(call, "events_total", "counter", "Events accepted.", now.events);
    metric(call, "attempts_total", "counter", "Requests made.", now.attempts);
    metric(call, "refused_total", "counter", "Attempts without a request: no address that may be reached.",
           now.refused);
    metric(call, "delivered_total", "counter", "Deliveries that succeeded.", now.delivered);
    metric(call, "failed_attempts_total", "counter", "Attempts that failed.", now.failed);
    metric(call, "exhausted_total", "counter", "Deliveries that ran out of retries.", now.exhausted);
    metric(call, "rule_failures_total", "counter", "Runs of rules that failed.", now.rule_failures);
    metric(call, "failing_total", "counter", "Times that a subscription began to fail.", now.news[0]);
    metric(call, "recovered_total", "counter", "Times that one recovered.", now.news[1]);
    metric(call, "disabled_total", "counter", "Times that one was disabled.", now.news[2]);
    metric_histogram(call, "request_seconds", "From sending a request to its answer, or to giving up.", now.requests);
    metric_histogram(call, "wait_seconds", "From the acceptance of an event to its first request.", now.waits);
    metric(call, "subscriptions", "gauge", "Subscriptions in the store.", now.subscriptions);
    metric(call, "requests_in_flight", "gauge", "Requests under way.", now.in_flight);
    metric(call, "events_in_memory", "gauge", "Events that are being worked on.", now.in_memory);
    metric(call, "payload_bytes_in_memory", "gauge", "Bytes of their payloads.", now.memory_bytes);
    metric(call, "deliveries_waiting", "gauge", "Deliveries that wait, counted to 100000.", now.store.waiting);
    metric(call, "deliveries_due", "gauge", "Those of them that are due.", now.store.due);
    metric(call, "deliveries_held", "gauge", "Deliveries that are held, counted to 100000.", now.store.held);
    metric(call, "deliveries_exhausted", "gauge", "Deliveries that were given up and are kept, counted to 100000.",
           now.store.exhausted);
    metric(call, "subscriptions_failing", "gauge", "Subscriptions that are failing.", now.store.failing);
    metric(call, "store_bytes", "gauge", "Size of the file.", now.store.bytes);
    metric(call, "store_log_bytes", "gauge", "Size of its write-ahead log.", now.store.log_bytes);
    metric(call, "log_lag_milliseconds", "gauge", "Since the first event that is not decided was accepted.",
           now.lag_ms);
    metric(call, "events_pending", "gauge", "1 if events are still to be decided.", now.events_pending);
    metric(call, "outbox_pending", "gauge", "1 if rows wait in webhook_outbox.", now.outbox_pending);
    metric(call, "polls_pending", "gauge", "1 if this process has something that is polled to read.",
           now.polls_pending);
    metric(call, "subscriptions_lagging", "gauge", "Subscriptions whose slow rules are behind the others.",
           now.lagging);
    metric(call, "subscriptions_waiting_for_rate", "gauge",
           "Subscriptions for which something due waits for their rate.", now.rated);
    metric(call, "subscriptions_breaker_open", "gauge", "Subscriptions whose breaker is open.", now.broken);
    metric(call, "subscriptions_unreadable", "gauge", "Subscriptions that this process has no key for.",
           now.unreadable);
    metric(call, "subscriptions_over_budget", "gauge", "Subscriptions that wait for their tenant's budget.",
           now.store.over_budget);
    if (!call->api->metrics) { /* whose databases they are is not for everybody */
        code = whi_insight_measure(call->engine, &call->out);
    }
    call->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return code;
}

int whi_serve_openapi(whi_call *call) {
    whi_buf_add(&call->out, whi_openapi, whi_openapi_size);
    return WH_OK;
}
