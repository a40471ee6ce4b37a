/* Sources, and readings that somebody wishes. Tests: test_engine_poll. */
#include "engine/source.h"

#include "base/error.h"
#include "base/ident.h"
#include "calls/sources.h"
#include "engine/context.h"
#include "engine/inbox.h"
#include "engine/registry.h"
#include "engine/source_kept.h"
#include "engine/writer.h"
#include "pure/source_connection.h"

#include <stdio.h>
#include <string.h>

void wh_source_wake(wh_engine *engine) {
    if (whi_engine_check(engine) == WH_OK) {
        whi_inbox_wake(engine->inboxes[0]);
    }
}

int wh_source_add(wh_engine *engine, const char *object_type, const wh_source *source) {
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_is_open(engine) : code;
    code = code == WH_OK ? whi_source_put(engine->sources, object_type, source) : code;
    if (code == WH_OK) {
        whi_sources_tell_both(engine, object_type);
        whi_inbox_wake(engine->inboxes[0]);
    }
    return code;
}

int wh_source_remove(wh_engine *engine, const char *object_type) {
    int code = whi_engine_check(engine);

    return code == WH_OK ? whi_source_drop(engine->sources, object_type) : code;
}

/* Another process may have put a document, and this one may have no worker that hears of it. Where the store cannot be
 * read now, what was known counts. */
int whi_source_lists(wh_engine *engine, const char *object_type) {
    (void)whi_sources_look(engine);
    return whi_source_is(engine->sources, object_type);
}

static int is_same(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What stays as it is can be changed otherwise, whatever its source says by now: its readings fail if it has to. */
int whi_source_check_connection(wh_engine *engine, const whi_subscription *before, const whi_subscription *now) {
    const char *connection = now->source != NULL ? now->source : "";

    if (now->poll_type == NULL ||
        (before != NULL && is_same(before->poll_type, now->poll_type) && is_same(before->source, now->source))) {
        return WH_OK;
    }
    (void)whi_sources_look(engine);
    return whi_source_allows(engine->sources, now->poll_type, now->tenant, connection)
               ? WH_OK
               : whi_source_fail_connection(now->poll_type, now->tenant, connection);
}

int whi_source_requires(wh_engine *engine, const char *object_type, size_t nth, char *out, size_t size) {
    whi_source *source = whi_source_get(engine->sources, object_type);
    const char *const *names = source != NULL ? source->own.required : NULL;
    size_t at = 0;
    int found;

    while (names != NULL && names[at] != NULL && at < nth) {
        at++;
    }
    found = names != NULL && names[at] != NULL;
    if (found) {
        snprintf(out, size, "%s", names[at]);
    }
    if (source != NULL) {
        whi_source_unref(source);
    }
    return found;
}

/* ------------------------------------------------------------------------ wishes */

typedef struct asking {
    whi_job job;
    int64_t poll, history; /* history: of the subscription's own, 0: none */
    int64_t bits;
} asking;

static int add(whi_store *store, int64_t id, int64_t bits) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_POLL_ASK, NULL, &fact);

    if (code == WH_OK) {
        fact->of.poll_ask.id = id;
        fact->of.poll_ask.bits = bits;
    }
    return code;
}

static int run_asking(whi_job *job, whi_store *store) {
    asking *self = (asking *)job;
    int code = add(store, self->poll, self->bits);

    return code == WH_OK && self->history != 0 ? add(store, self->history, self->bits) : code;
}

int whi_poll_wish(wh_engine *engine, const whi_registration *registration, int64_t bits) {
    asking self = { { 0 }, registration->poll, 0, bits };
    int code;

    self.history = registration->subscription->poll_history ? registration->subscription->id : 0;
    self.job.rows = 2;
    self.job.run = run_asking;
    code = whi_writer_run(engine->writer, &self.job);
    if (code == WH_OK) {
        atomic_fetch_add(&engine->sources->news, 1);
        whi_inbox_wake(engine->inboxes[0]);
    }
    return code;
}

int wh_poll_now(wh_engine *engine, const char *subscription, int confirm) {
    whi_registration *found;
    int64_t number;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_registry_sync(engine->registry) : code;
    if (code != WH_OK) {
        return code;
    }
    found = subscription != NULL && whi_ident_parse("sub_", subscription, &number) == WH_OK
                ? whi_registry_get(engine->registry, number)
                : NULL;
    if (found == NULL) {
        return whi_fail_field(WH_ENOTFOUND, "subscription", "no such subscription");
    }
    code = found->poll != 0
               ? whi_poll_wish(engine, found, confirm ? WH_POLL_NOW | WH_POLL_CONFIRM : WH_POLL_NOW)
               : whi_fail_field(WH_ECONFLICT, "subscription", "it does not poll: it takes what is published");
    whi_registration_unref(found);
    return code;
}

/* ----------------------------------------------------------------------- telling */

/* Whose failures are to be forgotten has none any more. */
static int give(const wh_backend_poll *row, void *payload) {
    whi_poll_standing *out = payload;
    size_t size = row->runs != NULL ? strlen(row->runs) : 0;
    int is_resumed = (row->asked & WH_POLL_RESUME) != 0;

    out->there = 1;
    out->started_at = row->started_at;
    out->checked_at = row->checked_at;
    out->next_at = row->next_at;
    out->failures = is_resumed ? 0 : row->failures;
    out->refused = !is_resumed && row->refused != 0;
    out->suspicious = row->suspicious != 0;
    out->held = row->suspicious != 0 ? row->gone : 0;
    whi_buf_add(&out->runs, row->runs, size);
    return whi_buf_status(&out->runs);
}

int whi_poll_standing_read(wh_engine *engine, const whi_subscription *s, whi_poll_standing *out) {
    const whi_store_vtable *v = engine->store->vtable;
    int64_t id = s->id;
    int code = s->poll_type == NULL || v->poll_get == NULL ? WH_ENOTFOUND : WH_OK;

    if (code == WH_OK && !s->poll_history) {
        code = whi_poll_number(s, &id);
    }
    code = code == WH_OK ? v->poll_get(engine->store, id, give, out) : code;
    out->healthy = out->failures <= WHI_POLL_FAILURES && !out->refused && !out->suspicious;
    return code == WH_ENOTFOUND ? WH_OK : code;
}
