/* Tests: test_listing, test_engine. */
#include "calls/query.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "engine/context.h"
#include "engine/notice.h"
#include "webhook_backend.h"

#define PAGE_DEFAULT 100
#define PAGE_ROWS 20000 /* rows that one page looks at, at most */

static int number_member(const char *name, const char *prefix, const char *id, int64_t *out) {
    if (id != NULL && whi_ident_parse(prefix, id, out) != WH_OK) {
        return whi_fail_field(WH_EINVALID, name, "expected an id like \"%s…\"", prefix);
    }
    return WH_OK;
}

int whi_query_event(wh_engine *engine, const char *id, const char *tenant, int64_t *out) {
    int code;

    if (id == NULL) {
        return WH_OK;
    }
    code = engine->store->vtable->event_number(engine->store, id, tenant, out);
    return code == WH_ENOTFOUND ? whi_fail_field(code, "event", "no such event") : code;
}

int64_t whi_query_until(int64_t ms) {
    int64_t first = whi_ident_first(ms);

    return ms == 0 || first > 0 ? first : 1;
}

static int bounds(wh_engine *engine, const wh_query *query, whi_store_query *out) {
    int64_t most = engine->options.limits.page_items;

    if (query->limit < 0 || query->limit > most) {
        return whi_fail_field(WH_EINVALID, "limit", "expected 1 to %lld, found %lld", (long long)most,
                              (long long)query->limit);
    }
    if ((query->since != 0 && whi_time_check("since", query->since) != WH_OK) ||
        (query->until != 0 && whi_time_check("until", query->until) != WH_OK)) {
        return WH_EINVALID;
    }
    out->limit = query->limit ? query->limit : PAGE_DEFAULT < most ? PAGE_DEFAULT : most;
    out->rows = PAGE_ROWS;
    out->since = query->since ? whi_ident_first(query->since) : 0;
    out->until = whi_query_until(query->until);
    out->tenant = query->tenant;
    out->type = query->type;
    return WH_OK;
}

int whi_query_take(wh_query *out, const wh_query *given) {
    static const wh_query everything = WH_QUERY_INIT;

    return wh_struct_take(out, sizeof *out, given != NULL ? given : &everything, "WH_QUERY_INIT");
}

int whi_query_read(wh_engine *engine, const wh_query *query, whi_store_query *out) {
    int code;

    memset(out, 0, sizeof *out);
    code = bounds(engine, query, out);
    code = code == WH_OK ? number_member("subscription", "sub_", query->subscription, &out->subscription) : code;
    return code == WH_OK ? whi_query_event(engine, query->event, query->tenant, &out->event) : code;
}

void whi_query_own(const wh_query *query, whi_store_query *out) {
    out->foreign = query->own == 0 && query->event == NULL && (query->type == NULL || !whi_notice_is(query->type));
}

int whi_delivery_key(const char *id, int64_t *event, int64_t *subscription) {
    if (id == NULL) {
        return whi_fail_field(WH_EINVALID, "delivery", "expected one, found NULL");
    }
    return whi_ident_parse_delivery(id, event, subscription) == WH_OK
               ? WH_OK
               : whi_fail_field(WH_ENOTFOUND, "delivery", "no such delivery");
}
