/* Unified.to's routes: /unified/webhook. Every success is 200. */
#include "faces/api.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"

#define LIMIT_DEFAULT 100 /* none is documented */

static int one_of(const char *name, const char *value, const char *first, const char *second, int *is_second) {
    *is_second = value != NULL && whi_ascii_same(value, second);
    return value == NULL || *is_second || value[0] == '\0' || whi_ascii_same(value, first)
               ? WH_OK
               : whi_fail_field(WH_EINVALID, name, "expected \"%s\" or \"%s\", found \"%.40s\"", first, second, value);
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

/* The order is not documented. Ours is that of creation, in which an offset stays where it is
 * when another one is made. */
static int read_search(whi_call *call, whi_search *search) {
    static const struct {
        const char *parameter, *field;
        int op;
    } filters[] = {
        { "updated_gte", "updated_at", WHI_GTE },     { "created_lte", "created_at", WHI_LTE },
        { "object", "object_type", WHI_EQ },          { "integration_type", "integration_type", WHI_EQ },
        { "connection_id", "connection_id", WHI_EQ }, { "env", "environment", WHI_EQ },
    };
    int64_t limit, skip;
    int code = whi_scope_tenant(call, &search->tenant);

    code = code == WH_OK ? check_time(call, "updated_gte") : code;
    code = code == WH_OK ? check_time(call, "created_lte") : code;
    code = code == WH_OK
               ? one_of("sort", whi_call_parameter(call, "sort"), "created_at", "updated_at", &search->sort_updated)
               : code;
    code = code == WH_OK ? one_of("order", whi_call_parameter(call, "order"), "asc", "desc", &search->page.descending)
                         : code;
    code = code == WH_OK ? whi_call_number(call, "limit", 1, whi_insight_options(call->engine)->limits.page_items,
                                           LIMIT_DEFAULT, &limit)
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

/* What exists already can only be sent with virtual webhooks, which poll; until one does, the
 * wish is kept. */
static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int all = -1, code = WH_OK;

    if (given(call, "include_all") != NULL) {
        code = whi_call_flag(call, "include_all", &all);
    }
    code = code == WH_OK ? whi_make(call, whi_call_parameter(call, "tenant"),
                                    all < 0 ? NULL
                                    : all   ? "\"include_all\":true"
                                            : "\"include_all\":false",
                                    id, &made)
                         : code;
    return code == WH_OK ? whi_answer_object(call, made, id, 0) : code;
}

/* Documented is an empty body, which their TypeScript client takes as one of any type. */
static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];

    return whi_remove(call, id);
}

/* Theirs polls now. Here, what waits for a retry of this webhook becomes due. */
static int serve_trigger(whi_call *call) {
    wh_query query = WH_QUERY_INIT;
    whi_registration *found;
    int code = whi_scope_subscription(call, call->id, &found);

    if (code == WH_OK) {
        query.subscription = found->id;
        query.state = "waiting";
        code = wh_replay_query(call->engine, &query, NULL);
    }
    whi_registration_unref(found);
    whi_buf_clear(&call->out);
    return code;
}

/* PUT and PATCH both merge: the vendor's own clients have all fields of their objects optional,
 * and send what they were given; a PUT that took the others back would delete by omission. */
const whi_handler whi_handlers_unified[] = {
    { "list", serve_list },     { "make", serve_make },       { "get", whi_serve_get }, { "change", whi_serve_change },
    { "remove", serve_remove }, { "trigger", serve_trigger }, { NULL, NULL },
};
