/* A subscription that is made with what is stored already. It is made first, so that nobody has to be asked which
 * events come before it and which behind: what was accepted until then is what it has missed, all later ones are
 * fan-out's. One with an order holds meanwhile, and so sends nothing of what is new before what is old. Tests:
 * test_since. */
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "calls/missed.h"
#include "calls/query.h"
#include "calls/subscriptions.h"
#include "engine/context.h"
#include "engine/version.h"

/* The first event that it is for. */
static int read_start(wh_engine *engine, const wh_query *query, const char *tenant, int64_t *out) {
    const char *other = query->tenant != NULL         ? "tenant"
                        : query->subscription != NULL ? "subscription"
                        : query->type != NULL         ? "type"
                        : query->state != NULL        ? "state"
                        : query->cursor != NULL       ? "cursor"
                        : query->until != 0           ? "until"
                        : query->limit != 0           ? "limit"
                                                      : NULL;

    if (other != NULL) {
        return whi_fail_field(WH_EINVALID, other, "expected since or event, and not this one");
    }
    if ((query->since != 0) == (query->event != NULL)) {
        return whi_fail_field(WH_EINVALID, "since", "expected a time, or an event, and not both");
    }
    if (query->event != NULL) {
        return whi_query_event(engine, query->event, tenant, out);
    }
    *out = whi_ident_first(query->since);
    return whi_time_check("since", query->since);
}

/* The document is right, and may have what was before. */
static int read_candidate(wh_engine *engine, const char *document, size_t size, const wh_query *query,
                          whi_registration **out, int64_t *from) {
    int code = whi_subscription_candidate(engine, document, size, out);
    const whi_subscription *s = code == WH_OK ? (*out)->subscription : NULL;

    if (code == WH_OK && s->single_use) {
        return whi_fail_field(WH_EINVALID, "single_use", "expected none for a subscription with what is stored");
    }
    return code == WH_OK ? read_start(engine, query, s->tenant, from) : code;
}

/* It runs from now on, unless its owner has said something else meanwhile. */
static int release(wh_engine *engine, int64_t number, const char *id) {
    int code;

    do {
        whi_registration *now = NULL;
        int64_t version = 0;

        code = whi_version_at(engine->store, number, 0, &now);
        if (code == WH_OK && now->subscription->paused == WHI_PAUSE_HOLDS) {
            version = now->subscription->version;
        }
        whi_registration_unref(now);
        code = code == WH_OK && version != 0
                   ? whi_subscription_update(engine, id, version, "{\"paused\":false}", WH_ZSTR)
                   : code;
    } while (code == WH_ECONFLICT);
    return code;
}

static int take_back(wh_engine *engine, const char *id, int code) {
    whi_error error = *whi_error_last();

    (void)wh_subscription_delete(engine, id);
    return whi_error_again(code, &error);
}

static int make(wh_engine *engine, const char *document, size_t size, int64_t from, char *id, int64_t *count) {
    int64_t number = 0;
    int holds, code = whi_subscribe(engine, document, size, &holds, id);

    if (code != WH_OK) {
        return code;
    }
    code = whi_missed_from(engine, id, NULL, from, count);
    code = code == WH_OK ? whi_ident_parse("sub_", id, &number) : code;
    code = code == WH_OK && holds ? release(engine, number, id) : code;
    return code == WH_OK ? code : take_back(engine, id, code);
}

int wh_subscribe_since(wh_engine *engine, const char *document, size_t size, const wh_query *given, int dry_run,
                       char *id, int64_t *count) {
    whi_registration *candidate = NULL;
    int64_t from = 0, made = 0;
    char own[WH_ID_SIZE];
    wh_query query;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_query_take(&query, given) : code;
    code = code == WH_OK ? read_candidate(engine, document, size, &query, &candidate, &from) : code;
    if (code == WH_OK) {
        code = dry_run ? whi_missed_from(engine, NULL, candidate, from, &made)
                       : make(engine, document, size, from, id != NULL ? id : own, &made);
    }
    whi_registration_unref(candidate);
    if (count != NULL) {
        *count = made;
    }
    return code;
}
