/* Cancelling what waits, by a query. Tests: test_cancel. */
#include "base/error.h"
#include "calls/delivery_change.h"
#include "calls/query.h"
#include "engine/inbox.h"
#include "engine/registry.h"
#include "engine/version.h"
#include "pure/delivery.h"

#define REASON "cancelled by a call"

static int cancel(const whi_delivery_change *self, const whi_delivery_row *row, whi_delivery_row *changed, int *code) {
    *code = WH_OK;
    if ((self->state != 0 && row->state != self->state) || (row->state != WHI_WAITING && row->state != WHI_HELD)) {
        return 0;
    }
    *code = whi_delivery_next(row->state, WHI_CANCEL, &changed->state);
    changed->due = 0;
    changed->error = REASON;
    return *code == WH_OK;
}

/* A single_use subscription that has had its event goes with that one's delivery, whichever end that has. */
static int end_used(whi_delivery_change *self, whi_store *store, const whi_delivery_row *changed) {
    whi_registration *registration = whi_registry_get(self->engine->registry, changed->subscription);
    const whi_subscription *s = registration != NULL ? registration->subscription : NULL;
    int used = 0, more, code = WH_OK;

    if (s != NULL && (s->single_use || whi_registry_is_behind(self->engine->registry))) {
        code = whi_version_is_used(store, s, &used);
    }
    code = code == WH_OK && used ? whi_version_remove(self->engine, store, changed->subscription, &more) : code;
    whi_registration_unref(registration);
    return code == WH_ENOTFOUND ? WH_OK : code;
}

/* A call that names nothing, or a page, was most likely meant otherwise. */
static int check(const wh_query *query) {
    if (query->subscription == NULL && query->event == NULL && query->type == NULL && query->tenant == NULL &&
        query->since == 0 && query->until == 0) {
        return whi_fail_field(WH_EINVALID, "query",
                              "expected a subscription, event, type, tenant, since or until, found none");
    }
    return query->limit == 0 && query->cursor == NULL
               ? WH_OK
               : whi_fail_field(WH_EINVALID, query->limit != 0 ? "limit" : "cursor",
                                "expected none, since all are cancelled that the query names");
}

static int read_state(const char *name, int *out) {
    int code = whi_delivery_state(name, out);

    if (code == WH_OK && *out != WHI_WAITING && *out != WHI_HELD) {
        code = whi_fail_field(WH_EINVALID, "state", "expected waiting or held, found %s: that has ended", name);
    }
    return code;
}

static int read_query(wh_engine *engine, const wh_query *given, whi_store_query *rows) {
    wh_query query;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_query_take(&query, given) : code;
    code = code == WH_OK ? check(&query) : code;
    code = code == WH_OK ? whi_query_read(engine, &query, rows) : code;
    if (code != WH_OK) {
        return code;
    }
    rows->state = WHI_WAITING;
    return query.state != NULL ? read_state(query.state, &rows->state) : WH_OK;
}

/* Of one that is no more nothing waits: who names it has most likely mistaken its id. */
static int check_subscription(wh_engine *engine, int64_t subscription) {
    whi_registration *registration = subscription != 0 ? whi_registry_get(engine->registry, subscription) : NULL;
    int is_there = subscription == 0 || registration != NULL;

    whi_registration_unref(registration);
    return is_there ? WH_OK : whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
}

int wh_cancel(wh_engine *engine, const wh_query *given, int dry_run, int64_t *count) {
    whi_delivery_change self = { .engine = engine, .decide = cancel, .follow = end_used };
    whi_store_query rows;
    int code = read_query(engine, given, &rows);

    if (code != WH_OK) {
        return code;
    }
    self.state = rows.state;
    code = whi_registry_sync(engine->registry); /* which of them are single_use */
    code = code == WH_OK ? check_subscription(engine, rows.subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    code = dry_run ? whi_delivery_change_count(&self, &rows) : whi_delivery_change_all(&self, &rows);
    if (count != NULL) {
        *count = self.count;
    }
    if (!dry_run) {
        (void)whi_registry_sync(engine->registry);
        whi_stir(engine); /* the next of a key has its turn */
    }
    return code;
}
