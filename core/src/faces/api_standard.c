/* Our own routes for subscriptions: /v1/subscriptions. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/probe.h"

static int serve_list(whi_call *call) {
    static const char *const names[] = { "limit", "cursor", "state", "tenant", NULL };
    wh_query query = WH_QUERY_INIT;
    char *text = NULL;
    size_t size = 0;
    int code = whi_scope_page(call, names, &query);

    query.state = whi_call_word(call, "state");
    code = code == WH_OK ? wh_subscriptions(call->engine, &query, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_make(call, whi_call_parameter(call, "tenant"), NULL, id, &made);

    if (code != WH_OK) {
        return code;
    }
    call->status = 201;
    whi_call_header_text(call, "Location", "/v1/subscriptions/%s", id);
    return whi_answer_object(call, made, id, WHI_OBJECT_SECRET);
}

typedef struct since {
    wh_query query;
    int dry_run;
    int64_t count;
    char id[WH_ID_SIZE];
} since;

static int read_since(whi_call *call, since *out, whi_buf *document) {
    static const char *const names[] = { "subscription", "since", "event", "dry_run", NULL };
    uint32_t node = whi_json_member(&call->body, 0, "subscription", 12);
    int code = whi_body_only(call, 0, names);
    const char *text;
    size_t size;

    if (code == WH_OK && node == WHI_JSON_NONE) {
        return whi_fail_field(WH_EINVALID, "subscription", "expected an object, found nothing");
    }
    code = code == WH_OK ? whi_body_time(call, 0, "since", &out->query.since) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "event", &out->query.event) : code;
    code = code == WH_OK ? whi_body_flag(call, 0, "dry_run", &out->dry_run) : code;
    if (code != WH_OK) {
        return code;
    }
    text = whi_json_span(&call->body, node, &size);
    return whi_scope_document(call, text, size, whi_call_parameter(call, "tenant"), NULL, document);
}

static int answer_since(whi_call *call, since *self) {
    whi_registration *made = NULL;
    int64_t number;

    if (self->dry_run) {
        whi_buf_format(&call->out, "{\"missed\":%lld}", (long long)self->count);
        return WH_OK;
    }
    if (whi_ident_parse("sub_", self->id, &number) == WH_OK) {
        made = whi_insight_subscription(call->engine, number);
    }
    call->status = 201;
    whi_call_header_text(call, "Location", "/v1/subscriptions/%s", self->id);
    return whi_answer_object(call, made, self->id, WHI_OBJECT_SECRET);
}

/* What takes seconds is told by its path. */
static int serve_make_since(whi_call *call) {
    since self = { .query = WH_QUERY_INIT };
    whi_buf document;
    int code;

    whi_buf_init(&document, SIZE_MAX / 4);
    code = read_since(call, &self, &document);
    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? wh_subscribe_since(call->engine, document.data, document.size, &self.query, self.dry_run,
                                              self.id, &self.count)
                         : code;
    whi_wipe(document.data, document.size);
    whi_buf_free(&document);
    return code == WH_OK ? answer_since(call, &self) : code;
}

static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];
    int code = whi_remove(call, id);

    call->status = code == WH_OK ? 204 : call->status;
    whi_buf_clear(&call->out);
    return code;
}

static int serve_secrets(whi_call *call) {
    whi_registration *found;
    char *text = NULL;
    size_t size = 0;
    int code = whi_scope_subscription(call, call->id, &found);

    code = code == WH_OK ? wh_subscription_secrets(call->engine, found->id, &text, &size) : code;
    whi_registration_unref(found);
    return whi_call_hand_over(call, code, text, size);
}

#define TEST_PAYLOAD "{\"test\":true}"
#define TEST_PATIENCE 5000 /* ms beyond the attempt's own time-out */

static int is_of_receiver(int code) {
    return code == WH_OK || wh_error_group(code)[0] == 'n' || strcmp(wh_error_group(code), "remote") == 0;
}

static int send_test(whi_call *call, const whi_subscription *to, const char *type) {
    uint32_t payload = whi_body_member(call, 0, "payload");
    int64_t timeout = to->timeout > 0 ? to->timeout : whi_insight_options(call->engine)->timeout;
    char error[WHI_ERROR_SIZE] = "";
    const char *text = TEST_PAYLOAD;
    size_t size = strlen(text);
    int status = 0, code;

    if (!whi_subscription_may_send(to)) {
        return whi_fail_field(WH_ECONFLICT, "id", "it is paused, disabled or over: nothing is sent");
    }
    text = payload != WHI_JSON_NONE ? whi_json_span(&call->body, payload, &size) : text;
    code = whi_engine_test(call->engine, to->id, type != NULL ? type : "test", text, size, timeout + TEST_PATIENCE,
                           &status, error, sizeof error);
    if (!is_of_receiver(code)) {
        return code;
    }
    whi_buf_text(&call->out, code == WH_OK ? "{\"delivered\":true" : "{\"delivered\":false");
    whi_json_write_name(&call->out, "status");
    whi_buf_format(&call->out, status != 0 ? "%d" : "null", status);
    whi_out_text(call, "error", code == WH_OK ? NULL : error);
    whi_buf_char(&call->out, '}');
    return WH_OK;
}

/* What the receiver answers is the answer, not this request's failure. */
static int serve_test(whi_call *call) {
    static const char *const names[] = { "type", "payload", NULL };
    const char *type = NULL;
    whi_registration *found = NULL;
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? whi_body_text(call, 0, "type", &type) : code;
    code = code == WH_OK ? whi_scope_subscription(call, call->id, &found) : code;
    code = code == WH_OK ? send_test(call, found->subscription, type) : code;
    whi_registration_unref(found);
    return code;
}

/* A subscription may have been another tenant's once: each version is looked at by itself. */
static int serve_version(whi_call *call) {
    whi_registration *found, *version = NULL;
    int64_t number = 0;
    int code = whi_scope_subscription(call, call->id, &found);
    size_t digits = strspn(call->second, "0123456789");

    for (size_t i = 0; i < digits && digits < 18; i++) {
        number = number * 10 + (call->second[i] - '0');
    }
    if (code == WH_OK && (call->second[digits] != '\0' || number < 1)) {
        code = whi_fail_field(WH_ENOTFOUND, "version", "no such version of this subscription");
    }
    code = code == WH_OK ? whi_insight_version(call->engine, found->subscription->id, number, &version) : code;
    if (code == WH_OK && !whi_scope_sees(call, version->subscription->tenant)) {
        code = whi_fail_field(WH_ENOTFOUND, "version", "no such version of this subscription");
    }
    code = code == WH_OK ? whi_out_object(call, version, 0) : code;
    whi_registration_unref(version);
    whi_registration_unref(found);
    return code;
}

const whi_handler whi_handlers_standard[] = {
    { "list", serve_list },
    { "make", serve_make },
    { "get", whi_serve_get },
    { "change", whi_serve_change },
    { "remove", serve_remove },
    { "secrets", serve_secrets },
    { "version", serve_version },
    { "backtest", whi_serve_subscription_backtest },
    { "poll", whi_serve_subscription_poll },
    { "missed", whi_serve_subscription_missed },
    { "test", serve_test },
    { "make_since", serve_make_since },
    { NULL, NULL },
};
