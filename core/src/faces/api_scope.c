/* What a call may see. Whatever it may not see is answered as what is not there: the same
 * code, the same sentence. Tests: test_api_strangers. */
#include "calls/query.h"
#include "faces/api.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "pure/match.h"

int whi_scope_sees(const whi_call *call, const char *tenant) {
    return call->all || strcmp(call->tenant, tenant) == 0;
}

int whi_scope_tenant(whi_call *call, const char **out) {
    const char *named = whi_call_parameter(call, "tenant");

    *out = call->all ? named : call->tenant;
    if (named == NULL || call->all) {
        return whi_tenant_check(named != NULL ? named : "");
    }
    return strcmp(named, call->tenant) == 0 ? WH_OK
                                            : whi_refuse(call, 403, "tenant", "this needs the token of an operator");
}

int whi_scope_all(whi_call *call, int *out) {
    int code = whi_call_flag(call, "all", out);

    *out = *out == 1;
    return code != WH_OK || !*out || call->all ? code
                                               : whi_refuse(call, 403, "all", "this needs the token of an operator");
}

int whi_scope_page(whi_call *call, const char *const *names, wh_query *out) {
    int64_t most = whi_insight_options(call->engine)->limits.page_items;
    int code = whi_call_only(call, names);

    code = code == WH_OK ? whi_scope_tenant(call, &out->tenant) : code;
    code = code == WH_OK ? whi_call_limit(call, most, 0, &out->limit) : code;
    code = code == WH_OK ? whi_call_time(call, "since", &out->since) : code;
    code = code == WH_OK ? whi_call_time(call, "until", &out->until) : code;
    out->cursor = whi_call_word(call, "cursor");
    return code;
}

int whi_scope_own(whi_call *call, wh_query *out) {
    int own, code = whi_call_flag(call, "own", &own);

    out->own = own == 1;
    return code;
}

static int no_subscription(void) {
    return whi_fail_field(WH_ENOTFOUND, "id", "no such subscription");
}

/* In a system's objects it is a part of the one that it is the twin of. */
static int is_within(const whi_call *call, const whi_subscription *s) {
    return s->twin_of != 0 && call->system->fields != NULL;
}

int whi_scope_subscription(whi_call *call, const char *id, whi_registration **out) {
    int64_t number;
    int all, code = whi_scope_all(call, &all);

    *out = NULL;
    if (code == WH_OK && whi_system_ident_parse(call->system, id, &number) != WH_OK) {
        return no_subscription();
    }
    code = code == WH_OK ? whi_insight_sync(call->engine) : code;
    if (code != WH_OK) {
        return code;
    }
    *out = whi_insight_subscription(call->engine, number);
    if (*out != NULL && (!whi_scope_sees(call, (*out)->subscription->tenant) || is_within(call, (*out)->subscription) ||
                         (!all && !whi_system_shows(call->system, (*out)->subscription)))) {
        whi_registration_unref(*out);
        *out = NULL;
    }
    return *out != NULL ? WH_OK : no_subscription();
}

int whi_scope_receiver(whi_call *call, int64_t id, int64_t version, int all, whi_registration **out) {
    int code = WH_OK;

    *out = whi_insight_subscription(call->engine, id);
    if (*out == NULL) {
        code = whi_insight_version(call->engine, id, version, out);
    }
    if (*out != NULL && !all && !whi_system_shows(call->system, (*out)->subscription)) {
        whi_registration_unref(*out);
        *out = NULL;
    }
    return code == WH_ENOTFOUND ? WH_OK : code;
}

static int look(const whi_event_row *row, void *payload) {
    const whi_call *call = payload;

    return whi_scope_sees(call, row->tenant) ? WH_OK : WH_ENOTFOUND;
}

int whi_scope_event(whi_call *call, const char *id, const char *tenant, int64_t *number, char *name) {
    whi_store *store = whi_insight_store(call->engine);
    int code;

    tenant = tenant != NULL ? tenant : whi_call_parameter(call, "tenant");
    tenant = call->all ? tenant : call->tenant;
    *number = 0;
    code = id[0] != '#' ? store->vtable->event_number(store, id, tenant, number) : WH_ENOTFOUND;

    snprintf(name, WH_ID_SIZE, "#%lld", (long long)*number);
    return code == WH_ENOTFOUND ? whi_fail_field(code, "event", "no such event") : code;
}

static int look_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    return look(event, payload);
}

/* Looks at the event first: a delivery is read with its bytes, which takes the longer the more
 * there are. */
int whi_scope_delivery(whi_call *call, const char *id) {
    whi_store *store = whi_insight_store(call->engine);
    int64_t event, subscription;
    char name[WH_ID_SIZE];
    int code = whi_delivery_key(id, &event, &subscription);

    if (code == WH_OK && !call->all) {
        snprintf(name, sizeof name, "#%lld", (long long)event);
        code = store->vtable->event_number(store, name, call->tenant, &event);
    }
    if (code == WH_OK) {
        code = store->vtable->delivery_get(store, event, subscription, look_delivery, call);
    }
    return code == WH_ENOTFOUND ? whi_fail_field(code, "delivery", "no such delivery") : code;
}

/* ------------------------------------------------------------------------ documents */

static int write_details(const whi_json *json, uint32_t node, const char *details, whi_buf *out) {
    const whi_json_node *value = node != WHI_JSON_NONE ? &json->nodes[node] : NULL;

    whi_json_write_name(out, "details");
    if (value == NULL || value->type != WHI_JSON_OBJECT || value->count == 0) {
        whi_buf_format(out, "{%s}", details);
    } else {
        whi_buf_add(out, json->text + value->start, value->end - value->start - 1);
        whi_buf_format(out, ",%s}", details);
    }
    return WH_OK;
}

/* All members as they are but tenant and details, where these are given anew. */
static void write_document(const whi_json *json, const char *tenant, const char *details, whi_buf *out) {
    const whi_json_node *nodes = json->nodes;

    whi_buf_char(out, '{');
    for (uint32_t at = whi_json_first(json, 0); at != WHI_JSON_NONE; at = whi_json_next_name(json, 0, at)) {
        if ((tenant != NULL && whi_json_string_is(json, at, "tenant", 6)) ||
            (details != NULL && whi_json_string_is(json, at, "details", 7))) {
            continue;
        }
        whi_buf_text(out, out->data[out->size - 1] == '{' ? "" : ",");
        whi_buf_add(out, json->text + nodes[at].start, nodes[at + 1].end - nodes[at].start);
    }
    if (tenant != NULL) {
        whi_json_write_name(out, "tenant");
        whi_json_write_string(out, tenant, strlen(tenant));
    }
    if (details != NULL) {
        write_details(json, whi_json_member(json, 0, "details", 7), details, out);
    }
    whi_buf_char(out, '}');
}

int whi_scope_document(whi_call *call, const char *document, size_t size, const char *tenant, const char *details,
                       whi_buf *out) {
    whi_json json = { 0 };
    int depth = (int)whi_insight_options(call->engine)->limits.json_depth + 3, code;

    tenant = call->all ? tenant : call->tenant;
    whi_buf_reserve(out, size * 2 + 512); /* growing would leave secrets in freed memory */
    code = whi_buf_status(out);
    code = code == WH_OK ? whi_json_scan(&json, document, size, depth) : code;
    if (code == WH_OK && json.nodes[0].type != WHI_JSON_OBJECT) {
        code = whi_fail_field(WH_EINVALID, "body", "expected a JSON object");
    }
    if (code == WH_OK) {
        write_document(&json, tenant, details, out);
        code = whi_buf_status(out);
    }
    whi_json_free(&json);
    return code;
}
