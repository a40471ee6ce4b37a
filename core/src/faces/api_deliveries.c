/* Our own routes for deliveries: /v1/deliveries, and those that a subscription has missed. Tests: test_api_standard. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"

/* A query by what is the caller's alone: others' events and subscriptions are not there. */
static int check_parts(whi_call *call, wh_query *query, char *name) {
    whi_registration *found = NULL;
    int64_t number;
    int code = query->event != NULL ? whi_scope_event(call, query->event, query->tenant, &number, name) : WH_OK;

    query->event = query->event != NULL ? name : NULL;
    if (code == WH_OK && query->subscription != NULL && !call->all) {
        code = whi_scope_subscription(call, query->subscription, &found);
    }
    whi_registration_unref(found);
    return code;
}

int whi_serve_delivery_list(whi_call *call) {
    static const char *const names[] = { "limit", "cursor", "subscription", "event", "state",
                                         "since", "until",  "tenant",       "own",   NULL };
    wh_query query = WH_QUERY_INIT;
    char *text = NULL, name[WH_ID_SIZE];
    size_t size = 0;
    int code = whi_scope_page(call, names, &query);

    code = code == WH_OK ? whi_scope_own(call, &query) : code;
    query.subscription = whi_call_word(call, "subscription");
    query.event = whi_call_word(call, "event");
    query.state = whi_call_word(call, "state");
    code = code == WH_OK ? check_parts(call, &query, name) : code;
    code = code == WH_OK ? wh_deliveries(call->engine, &query, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

typedef int (*reader)(wh_engine *engine, const char *id, char **out, size_t *size);

static int serve(whi_call *call, reader read) {
    char *text = NULL;
    size_t size = 0;
    int code = whi_scope_delivery(call, call->id);

    code = code == WH_OK ? read(call->engine, call->id, &text, &size) : code;
    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_delivery_get(whi_call *call) {
    return serve(call, wh_delivery);
}

int whi_serve_delivery_attempts(whi_call *call) {
    return serve(call, wh_attempts);
}

int whi_serve_delivery_body(whi_call *call) {
    return serve(call, wh_delivery_body);
}

int whi_serve_delivery_replay(whi_call *call) {
    int code = whi_scope_delivery(call, call->id);

    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? wh_replay(call->engine, call->id) : code;
    if (code == WH_OK) {
        whi_buf_text(&call->out, "{\"replayed\":1}");
    }
    return code;
}

/* Of which deliveries: as both a replay and a cancellation say it. */
static int read_which(whi_call *call, const char *const *names, wh_query *query, int *dry_run, char *name) {
    int code = whi_body_only(call, 0, names);

    code = code == WH_OK ? whi_scope_tenant(call, &query->tenant) : code;
    code =
        code == WH_OK && call->all && query->tenant == NULL ? whi_body_text(call, 0, "tenant", &query->tenant) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "subscription", &query->subscription) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "event", &query->event) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "state", &query->state) : code;
    code = code == WH_OK ? whi_body_time(call, 0, "since", &query->since) : code;
    code = code == WH_OK ? whi_body_time(call, 0, "until", &query->until) : code;
    code = code == WH_OK ? whi_body_flag(call, 0, "dry_run", dry_run) : code;
    return code == WH_OK ? check_parts(call, query, name) : code;
}

static int read_replay(whi_call *call, wh_query *query, int *dry_run, char *name) {
    static const char *const names[] = {
        "subscription", "event", "state", "since", "until", "tenant", "dry_run", NULL
    };

    return read_which(call, names, query, dry_run, name);
}

static int read_cancel(whi_call *call, wh_query *query, int *dry_run, char *name) {
    static const char *const names[] = { "subscription", "event",   "state", "since", "until",
                                         "tenant",       "dry_run", "type",  NULL };
    int code = read_which(call, names, query, dry_run, name);

    return code == WH_OK ? whi_body_text(call, 0, "type", &query->type) : code;
}

int whi_serve_delivery_cancel(whi_call *call) {
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    char name[WH_ID_SIZE];
    int dry_run = 0, code = read_cancel(call, &query, &dry_run, name);

    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? wh_cancel(call->engine, &query, dry_run, &count) : code;
    if (code == WH_OK) {
        whi_buf_format(&call->out, "{\"cancelled\":%lld}", (long long)count);
    }
    return code;
}

int whi_serve_delivery_replay_query(whi_call *call) {
    wh_query query = WH_QUERY_INIT;
    int64_t count = 0;
    char name[WH_ID_SIZE];
    int dry_run = 0, code = read_replay(call, &query, &dry_run, name);

    code = code == WH_OK ? whi_call_set_aside(call) : code;
    if (code == WH_OK) {
        code = dry_run ? wh_replay_count(call->engine, &query, &count) : wh_replay_query(call->engine, &query, &count);
    }
    if (code == WH_OK) {
        whi_buf_format(&call->out, "{\"replayed\":%lld}", (long long)count);
    }
    return code;
}

#define FETCH_ITEMS 250
#define FETCH_WAIT_MS 20000

/* Where others wait already it is answered at once: nobody's thread is taken for waiting. */
static int fetch(whi_call *call, const char *subscription, int64_t limit, int64_t wait) {
    int waits = wait > 0 && whi_turn_enter(call->api->waits, call), code;
    const char *cursor = whi_call_word(call, "cursor");
    char *text = NULL;
    size_t size = 0;

    code = wh_fetch(call->engine, subscription, cursor, limit, waits ? wait : 0, &text, &size);
    if (waits) {
        whi_turn_leave(call->api->waits, call);
    }
    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_subscription_poll(whi_call *call) {
    static const char *const names[] = { "cursor", "limit", "wait", NULL };
    whi_registration *found;
    int64_t limit = 0, wait = 0;
    int code = whi_call_only(call, names);

    code = code == WH_OK ? whi_call_limit(call, FETCH_ITEMS, 100, &limit) : code;
    code = code == WH_OK ? whi_call_number(call, "wait", 0, FETCH_WAIT_MS, 0, &wait) : code;
    if (code != WH_OK) {
        return code;
    }
    code = whi_scope_subscription(call, call->id, &found);
    code = code == WH_OK ? fetch(call, found->id, limit, wait) : code;
    whi_registration_unref(found);
    return code;
}

/* An event's id is that of the subscription's tenant, whoever asks. */
static int read_missed(whi_call *call, wh_query *query, int *dry_run) {
    static const char *const names[] = { "since", "until", "event", "type", "dry_run", "own", NULL };
    int own = 0, code = whi_body_only(call, 0, names);

    code = code == WH_OK ? whi_body_time(call, 0, "since", &query->since) : code;
    code = code == WH_OK ? whi_body_time(call, 0, "until", &query->until) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "event", &query->event) : code;
    code = code == WH_OK ? whi_body_text(call, 0, "type", &query->type) : code;
    code = code == WH_OK ? whi_body_flag(call, 0, "own", &own) : code;
    query->own = own;
    return code == WH_OK ? whi_body_flag(call, 0, "dry_run", dry_run) : code;
}

int whi_serve_subscription_missed(whi_call *call) {
    wh_query query = WH_QUERY_INIT;
    whi_registration *found;
    int64_t count = 0;
    int dry_run = 0, code = whi_scope_subscription(call, call->id, &found);

    code = code == WH_OK ? read_missed(call, &query, &dry_run) : code;
    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? wh_replay_missed(call->engine, found->id, &query, dry_run, &count) : code;
    whi_registration_unref(found);
    if (code == WH_OK) {
        whi_buf_format(&call->out, "{\"missed\":%lld}", (long long)count);
    }
    return code;
}
