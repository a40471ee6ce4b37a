/* Our own routes for why, and what if: explain, backtest, trying rules. Tests: test_api_standard. */
#include "faces/api.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"

#define BACKTEST_EVENTS 10000         /* that one request looks at */
#define BACKTEST_US INT64_C(20000000) /* after which it answers with what it has seen */

int whi_serve_event_explain(whi_call *call) {
    static const char *const names[] = { "subscription", "limit", "cursor", "tenant", NULL };
    wh_query query = WH_QUERY_INIT;
    const char *subscription = whi_call_word(call, "subscription");
    whi_registration *found = NULL;
    char *text = NULL;
    size_t size = 0;
    int64_t number;
    char name[WH_ID_SIZE];
    int code = whi_call_only(call, names);

    code = code == WH_OK ? whi_scope_event(call, call->id, NULL, &number, name) : code;
    code = code == WH_OK && subscription != NULL ? whi_scope_subscription(call, subscription, &found) : code;
    code = code == WH_OK ? whi_call_limit(call, whi_insight_options(call->engine)->limits.page_items, 0, &query.limit)
                         : code;
    query.cursor = whi_call_word(call, "cursor");
    code = code == WH_OK ? wh_explain(call->engine, name, subscription, &query, &text, &size) : code;
    whi_registration_unref(found);
    return whi_call_hand_over(call, code, text, size);
}

/* ----------------------------------------------------------------------- candidates */

/* What is tried: "document", as of a subscription, or in short "rule". */
static int read_candidate(whi_call *call, whi_buf *out) {
    uint32_t rule = whi_body_member(call, 0, "rule");
    const char *text;
    size_t size;
    int code = whi_body_object(call, 0, "document", &text, &size);

    if (code == WH_OK && (text == NULL) == (rule == WHI_JSON_NONE)) {
        code = whi_fail_field(WH_EINVALID, "document", "expected either that, or \"rule\"");
    }
    if (code == WH_OK && text != NULL) {
        whi_buf_add(out, text, size);
    } else if (code == WH_OK) {
        text = whi_json_span(&call->body, rule, &size);
        whi_buf_text(out, "{\"rule\":");
        whi_buf_add(out, text, size);
        whi_buf_char(out, '}');
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* ------------------------------------------------------------------------ backtest */

static int is_late(int64_t done, int64_t total, void *payload) {
    const int64_t *until = payload;

    (void)done;
    (void)total;
    return whi_monotonic_us() > *until;
}

/* The candidate may not be another tenant's: its events are those of the one in force. */
static int read_backtest(whi_call *call, whi_buf *candidate, wh_backtest *backtest) {
    static const char *const names[] = { "document", "rule", "last", "since", "until", "shown", "own", NULL };
    uint32_t document = whi_body_member(call, 0, "document");
    int own = 0, code = whi_body_only(call, 0, names);

    code = code == WH_OK ? read_candidate(call, candidate) : code;
    backtest->document = candidate->data;
    backtest->document_size = candidate->size;
    code = code == WH_OK ? whi_body_number(call, 0, "last", 1, BACKTEST_EVENTS, 0, &backtest->last) : code;
    code = code == WH_OK ? whi_body_time(call, 0, "since", &backtest->since) : code;
    code = code == WH_OK ? whi_body_time(call, 0, "until", &backtest->until) : code;
    code = code == WH_OK ? whi_body_number(call, 0, "shown", 1, 100, 0, &backtest->shown) : code;
    code = code == WH_OK ? whi_body_flag(call, 0, "own", &own) : code;
    backtest->own = own;
    if (code != WH_OK) {
        return code;
    }
    return document == WHI_JSON_NONE || whi_json_member(&call->body, document, "tenant", 6) == WHI_JSON_NONE
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "document.tenant", "a candidate has that of its subscription");
}

int whi_serve_subscription_backtest(whi_call *call) {
    wh_backtest backtest = WH_BACKTEST_INIT;
    int64_t until = whi_monotonic_us() + BACKTEST_US;
    whi_registration *found;
    whi_buf candidate;
    char *text = NULL;
    size_t size = 0;
    int code = whi_scope_subscription(call, call->id, &found);

    whi_buf_init(&candidate, SIZE_MAX / 4);
    code = code == WH_OK ? read_backtest(call, &candidate, &backtest) : code;
    if (code == WH_OK) {
        backtest.subscription = found->id;
        backtest.progress = is_late;
        backtest.payload = &until;
        code = wh_backtest_run(call->engine, &backtest, &text, &size);
    }
    whi_buf_free(&candidate);
    whi_registration_unref(found);
    return whi_call_hand_over(call, code, text, size);
}

/* --------------------------------------------------------------------------- rules */

static int read_try_event(whi_call *call, uint32_t object, wh_event *event) {
    static const char *const names[] = { "type", "payload", "id", "source", "key", "time", "tenant", NULL };
    uint32_t payload = whi_json_member(&call->body, object, "payload", 7);
    int code = whi_body_only(call, object, names);

    code = code == WH_OK ? whi_body_text(call, object, "type", &event->type) : code;
    code = code == WH_OK ? whi_body_text(call, object, "id", &event->id) : code;
    code = code == WH_OK ? whi_body_text(call, object, "tenant", &event->tenant) : code;
    code = code == WH_OK ? whi_body_text(call, object, "source", &event->source) : code;
    code = code == WH_OK ? whi_body_text(call, object, "key", &event->key) : code;
    code = code == WH_OK ? whi_body_time(call, object, "time", &event->time) : code;
    if (code == WH_OK && payload == WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "payload", "expected JSON, found nothing");
    }
    event->payload = code == WH_OK ? whi_json_span(&call->body, payload, &event->payload_size) : NULL;
    return code;
}

typedef struct trial {
    whi_buf document;
    wh_event event;
    int has_event;
} trial;

static int read_subject(whi_call *call, trial *self) {
    uint32_t about = whi_body_member(call, 0, "event"), payload = whi_json_member(&call->body, 0, "payload", 7);
    int code = WH_OK;

    self->has_event = about != WHI_JSON_NONE || payload != WHI_JSON_NONE;
    if (about != WHI_JSON_NONE && payload != WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "payload", "expected it within \"event\", or without that");
    }
    if (payload != WHI_JSON_NONE) {
        self->event.type = "test";
        self->event.payload = whi_json_span(&call->body, payload, &self->event.payload_size);
    } else if (about != WHI_JSON_NONE && call->body.nodes[about].type != WHI_JSON_OBJECT) {
        code = whi_fail_field(WH_EINVALID, "event", "expected an object");
    } else if (about != WHI_JSON_NONE) {
        code = read_try_event(call, about, &self->event);
        code = code == WH_OK ? code : whi_fail_within_field(code, "event");
    }
    return code;
}

int whi_serve_rule_try(whi_call *call) {
    static const char *const names[] = { "document", "rule", "event", "payload", NULL };
    const whi_options *options = whi_insight_options(call->engine);
    trial self = { .event = WH_EVENT_INIT };
    char *text = NULL;
    size_t size = 0;
    int code = whi_body_only(call, 0, names);

    whi_buf_init(&self.document, SIZE_MAX / 4);
    code = code == WH_OK ? read_candidate(call, &self.document) : code;
    code = code == WH_OK ? read_subject(call, &self) : code;
    code = code == WH_OK ? wh_rule_try(options->rules, &options->limits, self.document.data, self.document.size,
                                       self.has_event ? &self.event : NULL, &text, &size)
                         : code;
    whi_buf_free(&self.document);
    return whi_call_hand_over(call, code, text, size);
}
