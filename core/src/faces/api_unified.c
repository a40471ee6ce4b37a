/* Unified.to's routes: /unified/webhook. Every success is 200. */
#include "faces/api_unified.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "calls/sources.h"

#define LIMIT_DEFAULT 100 /* documented */

/* One of a list that ends with NULL, in any case; without a value the first. */
static int one_of(whi_call *call, const char *name, const char *const *names, const char *expected, int *out) {
    const char *value = whi_call_parameter(call, name);
    int at = 0;

    *out = 0;
    if (value == NULL || value[0] == '\0') {
        return WH_OK;
    }
    while (names[at] != NULL && !whi_ascii_same(names[at], value)) {
        at++;
    }
    *out = at;
    return names[at] != NULL ? WH_OK
                             : whi_fail_field(WH_EINVALID, name, "expected %s, found \"%.40s\"", expected, value);
}

/* Their clients send parameters that they don't use as empty ones. */
static const char *given(const whi_call *call, const char *name) {
    const char *value = whi_call_parameter(call, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int check_time(whi_call *call, const char *name) {
    int64_t time;

    return whi_call_time(call, name, &time);
}

/* A webhook has no name: that order is of creation too, in which an offset stays where it is when another one is
 * made. */
static int read_order(whi_call *call, whi_search *search) {
    static const char *const sorts[] = { "created_at", "name", "updated_at", NULL };
    static const char *const orders[] = { "asc", "desc", NULL };
    int sort, code = one_of(call, "sort", sorts, "\"name\", \"created_at\" or \"updated_at\"", &sort);

    search->sort_updated = sort == 2;
    return code == WH_OK ? one_of(call, "order", orders, "\"asc\" or \"desc\"", &search->page.descending) : code;
}

static int read_search(whi_call *call, whi_search *search) {
    static const struct {
        const char *parameter, *field;
        int op;
    } filters[] = {
        { "updated_gte", "updated_at", WHI_GTE },     { "created_lte", "created_at", WHI_LTE },
        { "object", "object_type", WHI_EQ },          { "integration_type", "integration_type", WHI_EQ },
        { "connection_id", "connection_id", WHI_EQ }, { "env", "environment", WHI_EQ },
        { "is_healthy", "is_healthy", WHI_EQ },
    };
    int64_t limit, skip;
    int healthy, code = whi_search_scope(call, search);

    code = code == WH_OK ? check_time(call, "updated_gte") : code;
    code = code == WH_OK ? check_time(call, "created_lte") : code;
    code = code == WH_OK ? whi_call_flag(call, "is_healthy", &healthy) : code;
    code = code == WH_OK ? read_order(call, search) : code;
    code = code == WH_OK
               ? whi_call_limit(call, whi_insight_options(call->engine)->limits.page_items, LIMIT_DEFAULT, &limit)
               : code;
    code = code == WH_OK ? whi_call_number(call, "offset", 0, INT64_C(1) << 40, 0, &skip) : code;
    for (size_t i = 0; code == WH_OK && i < sizeof filters / sizeof filters[0]; i++) {
        code = whi_search_add(search, filters[i].field, filters[i].op, given(call, filters[i].parameter), 0);
    }
    if (code == WH_OK) {
        search->page.limit = (size_t)limit;
        search->page.skip = (size_t)skip;
    }
    return code;
}

static int serve_list(whi_call *call) {
    whi_search search = { .system = call->system };
    int code = read_search(call, &search);

    code = code == WH_OK ? whi_search_run(call, &search) : code;
    if (code == WH_OK) {
        whi_buf_char(&call->out, '[');
        code = whi_out_objects(call, &search);
        whi_buf_char(&call->out, ']');
    }
    whi_search_free(&search);
    return code;
}

/* What exists already can only be sent with virtual webhooks, which poll; with others the wish is kept. */
static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int all = -1, code = WH_OK;

    if (given(call, "include_all") != NULL) {
        code = whi_call_flag(call, "include_all", &all);
    }
    call->history = all == 1;
    code = code == WH_OK ? whi_make(call, whi_call_parameter(call, "tenant"),
                                    all < 0 ? NULL
                                    : all   ? "\"include_all\":true"
                                            : "\"include_all\":false",
                                    id, &made)
                         : code;
    return code == WH_OK ? whi_answer_object(call, made, id, 0) : code;
}

/* Documented is an empty body, which their TypeScript client takes as one of any type. */
/* Some years of the vendor's clients want a type of the empty answer. */
static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];

    call->typed = 1;
    return whi_remove(call, id);
}

static int is_unwell(whi_call *call, const whi_subscription *s, int *out) {
    int hopeful = 1, code = whi_insight_is_hopeful(call->engine, s->id, &hopeful);

    *out = s->disabled != NULL || !hopeful;
    return code;
}

/* Either of the places that it is sent to. */
static int needs_mending(whi_call *call, const whi_subscription *s, int *out) {
    whi_registration *twin = whi_insight_subscription(call->engine, s->twin);
    int also = 0, code = is_unwell(call, s, out);

    if (code == WH_OK && twin != NULL) {
        code = is_unwell(call, twin->subscription, &also);
    }
    whi_registration_unref(twin);
    *out |= also;
    return code;
}

/* The engine's own reason to send nothing goes away, and what was given up counts no more; its owner's pause
 * stays. */
static int mend(whi_call *call, const whi_registration *found) {
    int mends, code = needs_mending(call, found->subscription, &mends);

    if (code == WH_OK && mends) {
        code = wh_subscription_update(call->engine, found->id, "{\"paused\":false}", WH_ZSTR);
    }
    return code == WH_OK && mends && found->subscription->paused
               ? wh_subscription_update(call->engine, found->id,
                                        found->subscription->paused == WHI_PAUSE_HOLDS ? "{\"paused\":\"hold\"}"
                                                                                       : "{\"paused\":true}",
                                        WH_ZSTR)
               : code;
}

/* What waits for a retry of this webhook becomes due. */
static int send_now(whi_call *call, const whi_registration *found) {
    wh_query query = WH_QUERY_INIT;

    query.subscription = found->id;
    query.state = "waiting";
    return wh_replay_query(call->engine, &query, NULL);
}

/* Its source is read: now, and with it goes what is wished besides. */
static int read_now(whi_call *call, const whi_registration *found, int64_t bits) {
    return found->poll != 0 ? whi_poll_wish(call->engine, found, WH_POLL_NOW | bits) : WH_OK;
}

/* As if it had never failed. What was given up meanwhile is not sent again, nor is it there. One that polls goes on
 * where it stopped. */
static int serve_resume(whi_call *call) {
    whi_registration *found;
    int code = whi_scope_subscription(call, call->id, &found);

    if (code == WH_OK) {
        code = mend(call, found);
        code = code == WH_OK ? read_now(call, found, WH_POLL_RESUME) : code;
        code = code == WH_OK ? send_now(call, found) : code;
    }
    whi_registration_unref(found);
    whi_buf_clear(&call->out);
    return code == WH_OK ? whi_serve_get(call) : code;
}

/* It is read for now, and what waits is sent. confirm: what has vanished has, however much it is. */
static int serve_trigger(whi_call *call) {
    whi_registration *found = NULL;
    int confirm, code = whi_call_flag(call, "confirm", &confirm);

    code = code == WH_OK ? whi_scope_subscription(call, call->id, &found) : code;
    code = code == WH_OK ? read_now(call, found, confirm == 1 ? WH_POLL_CONFIRM : 0) : code;
    code = code == WH_OK ? send_now(call, found) : code;
    whi_registration_unref(found);
    whi_buf_clear(&call->out);
    call->typed = 1;
    return code;
}

/* PUT and PATCH both merge: the vendor's own clients have all fields of their objects optional,
 * and send what they were given; a PUT that took the others back would delete by omission. */
const whi_handler whi_handlers_unified[] = {
    { "list", serve_list },
    { "make", serve_make },
    { "get", whi_serve_get },
    { "change", whi_serve_change },
    { "remove", serve_remove },
    { "trigger", serve_trigger },
    { "resume", serve_resume },
    { "calls", whi_serve_unified_calls },
    { "call", whi_serve_unified_call },
    { "notifications", whi_serve_unified_notifications },
    { NULL, NULL },
};
