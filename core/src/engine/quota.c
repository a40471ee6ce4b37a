/* Tests: test_quota. */
#include "engine/quota.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "engine/setting.h"

static int64_t or_of_all(wh_engine *engine, int64_t own, enum whi_setting all) {
    return own > 0 ? own : whi_setting_known(engine, all);
}

void whi_quota_of(wh_engine *engine, const whi_usage_row *row, int64_t *events, int64_t *bytes) {
    *events = or_of_all(engine, row->quota_events, WHI_TENANT_QUOTA_EVENTS);
    *bytes = or_of_all(engine, row->quota_bytes, WHI_TENANT_QUOTA_BYTES);
}

int whi_quota_is_used(wh_engine *engine) {
    return whi_setting_has_own(engine) || whi_setting_known(engine, WHI_TENANT_QUOTA_EVENTS) != INT64_MAX ||
           whi_setting_known(engine, WHI_TENANT_QUOTA_BYTES) != INT64_MAX;
}

static int by_id(const char *a, const char *b) {
    if (a == NULL || b == NULL) {
        return (a != NULL) - (b != NULL);
    }
    return strcmp(a, b);
}

static int in_order(const void *a, const void *b) {
    const whi_claim *first = a, *second = b;
    int order = strcmp(first->tenant, second->tenant);

    order = order != 0 ? order : by_id(first->id, second->id);
    return order != 0 ? order : (first->at > second->at) - (first->at < second->at);
}

void whi_quota_sort(whi_claim *claims, size_t count) {
    qsort(claims, count, sizeof *claims, in_order);
}

int whi_quota_repeats(const whi_claim *first, const whi_claim *second) {
    return first->id != NULL && by_id(first->id, second->id) == 0 && strcmp(first->tenant, second->tenant) == 0;
}

size_t whi_quota_merge(whi_claim *claims, size_t count) {
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && strcmp(claims[kept - 1].tenant, claims[i].tenant) == 0) {
            claims[kept - 1].events += claims[i].events;
            claims[kept - 1].bytes += claims[i].bytes;
        } else {
            claims[kept++] = claims[i];
        }
    }
    return kept;
}

static int is_short(whi_shortage *out, int64_t quota, int64_t stored, int64_t asked) {
    out->quota = quota;
    out->stored = stored;
    out->asked = asked;
    return asked > 0 && (stored > quota || asked > quota - stored);
}

static void compare(wh_engine *engine, const whi_claim *claim, const whi_usage_row *row, whi_shortage *out) {
    int64_t events, bytes;

    whi_quota_of(engine, row, &events, &bytes);
    if (is_short(out, events, row->events, claim->events)) {
        out->tenant = claim->tenant;
    } else if (is_short(out, bytes, row->bytes, claim->bytes)) {
        out->tenant = claim->tenant;
        out->of_bytes = 1;
    }
}

int whi_quota_ask(wh_engine *engine, whi_store *store, const whi_claim *claim, whi_shortage *out) {
    whi_usage_row row;
    int code = WH_OK;

    *out = (whi_shortage){ 0 };
    if (claim->tenant[0] != '\0') {
        code = whi_store_usage_now(store, claim->tenant, &row);
        if (code == WH_OK) {
            compare(engine, claim, &row, out);
        }
    }
    return code;
}

int whi_quota_look(wh_engine *engine, const whi_claim *claim, whi_shortage *out) {
    whi_usage_row row;
    int code = WH_OK;

    *out = (whi_shortage){ 0 };
    if (claim->tenant[0] != '\0') {
        code = engine->store->vtable->usage(engine->store, claim->tenant, &row);
        if (code == WH_OK) {
            compare(engine, claim, &row, out);
        }
    }
    return code;
}

int whi_quota_fail(const whi_shortage *shortage) {
    const char *what = shortage->of_bytes ? "bytes" : "events";

    return whi_fail_field(WH_EQUOTA, "tenant", "%s has %lld %s stored, and %lld more are beyond its quota_%s of %lld",
                          shortage->tenant, (long long)shortage->stored, what, (long long)shortage->asked, what,
                          (long long)shortage->quota);
}
