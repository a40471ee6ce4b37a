/* Replay: a delivery goes back to the start of its retry list and is due at once. Its
 * bytes stay those that its version made. Tests: test_engine. */
#include "base/error.h"
#include "calls/delivery_change.h"
#include "calls/query.h"
#include "engine/inbox.h"
#include "engine/registry.h"
#include "pure/delivery.h"

/* Of many, one that is on its way, or will be at once, is not sent twice for that. */
static int is_replayed(const whi_delivery_change *self, const whi_delivery_row *row, int *state, int *code) {
    *code = whi_delivery_next(row->state, WHI_REPLAY, state);
    if ((self->state != 0 && row->state != self->state) ||
        (!self->strict && row->state == WHI_WAITING && row->due <= self->now)) {
        *code = WH_OK;
        return 0;
    }
    return *code == WH_OK;
}

/* What is fetched nobody decides once more. */
static int can_be_made(const wh_engine *engine, const whi_delivery_row *row) {
    whi_registration *registration =
        row->state == WHI_HELD || row->version == 0 ? whi_registry_get(engine->registry, row->subscription) : NULL;
    int can = registration == NULL || !whi_subscription_is_fetched(registration->subscription);

    whi_registration_unref(registration);
    return can;
}

static int reopen(const whi_delivery_change *self, const whi_delivery_row *row, whi_delivery_row *changed, int *code) {
    if (!is_replayed(self, row, &changed->state, code)) {
        return 0;
    }
    if (!can_be_made(self->engine, row)) {
        *code = whi_fail_field(WH_ECONFLICT, "delivery",
                               "its rule has held it, and the subscription is fetched by now: nobody would decide it");
        return 0;
    }
    if (row->state == WHI_HELD) {
        changed->version = 0; /* its bytes are still to be made */
    }
    changed->tries = 0;
    changed->due = self->now;
    return 1;
}

int wh_replay(wh_engine *engine, const char *delivery) {
    whi_delivery_change self = { .engine = engine, .decide = reopen };
    whi_delivery_place one;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_delivery_key(delivery, &one.event, &one.subscription) : code;
    if (code != WH_OK) {
        return code;
    }
    code = whi_delivery_change_one(&self, one);
    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "delivery", "no such delivery");
    }
    whi_inbox_give_due(engine, one.subscription, whi_now(engine));
    return code;
}

/* What the query names; without a state what was given up. */
static int read_query(wh_engine *engine, const wh_query *given, whi_store_query *rows) {
    wh_query query;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_query_take(&query, given) : code;
    code = code == WH_OK ? whi_query_read(engine, &query, rows) : code;
    if (code != WH_OK) {
        return code;
    }
    rows->state = WHI_EXHAUSTED;
    return query.state != NULL ? whi_delivery_state(query.state, &rows->state) : WH_OK;
}

int wh_replay_query(wh_engine *engine, const wh_query *given, int64_t *count) {
    whi_delivery_change self = { .engine = engine, .decide = reopen };
    whi_store_query rows;
    int code = read_query(engine, given, &rows);

    if (code != WH_OK) {
        return code;
    }
    self.state = rows.state;
    code = whi_delivery_change_all(&self, &rows);
    if (count != NULL) {
        *count = self.count;
    }
    whi_stir(engine);
    return code;
}

int wh_replay_count(wh_engine *engine, const wh_query *given, int64_t *count) {
    whi_delivery_change self = { .engine = engine, .decide = reopen };
    whi_store_query rows;
    int code = read_query(engine, given, &rows);

    if (code == WH_OK && count == NULL) {
        code = whi_fail_field(WH_EINVALID, "count", "expected one, found NULL");
    }
    if (code != WH_OK) {
        return code;
    }
    self.state = rows.state;
    code = whi_delivery_change_count(&self, &rows);
    *count = self.count;
    return code;
}
