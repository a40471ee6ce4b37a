/* What all stores have in common: which back end a name means, and the list of facts. */
#include "outside/store.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define FACTS_KEPT 1024 /* between two commits: 256 KB */

/* ---------------------------------------------------------------------- by its name */

/* The back ends by the scheme of a name; one without a scheme is a file's. */
static const struct {
    const char *scheme;
    const struct whi_store_vtable *vtable; /* NULL: not in this library */
} backends[] = {
    { "sqlite:", &whi_store_sqlite },
    { "postgresql:", NULL },
    { "postgres:", NULL },
};

/* The rest of the name is not said: there may be a password in it. */
static int refuse(const char *name, size_t scheme) {
    return whi_fail(WH_EINVALID,
                    "store: this library has no back end for '%.*s', expected a file name, \"sqlite:FILE\" or "
                    "\":memory:\"",
                    (int)scheme, name);
}

/* Length of "word://" without its slashes, 0: none. A file's path has none, unless somebody insists. */
static size_t foreign_scheme(const char *name) {
    const char *end = strstr(name, "://");

    return end != NULL && end != name && strcspn(name, "/") > (size_t)(end - name) ? (size_t)(end - name) + 1 : 0;
}

int whi_store_open(whi_store **out, const char *name, const whi_store_options *options) {
    *out = NULL;
    for (size_t i = 0; name != NULL && i < sizeof backends / sizeof backends[0]; i++) {
        size_t size = strlen(backends[i].scheme);
        if (strncmp(name, backends[i].scheme, size) != 0) {
            continue;
        }
        return backends[i].vtable != NULL ? backends[i].vtable->open(out, name + size, options) : refuse(name, size);
    }
    if (name != NULL && foreign_scheme(name) > 0) {
        return refuse(name, foreign_scheme(name));
    }
    return whi_store_sqlite.open(out, name, options);
}

/* The list lives as long as the store: what a back end frees has none any more. */
void whi_store_close(whi_store *store) {
    if (store == NULL) {
        return;
    }
    whi_free(store->facts.list);
    store->vtable->close(store);
}

/* -------------------------------------------------------------------------- the list */

static void forget(whi_fact_list *facts) {
    facts->count = 0;
    if (facts->room > FACTS_KEPT) {
        whi_free(facts->list);
        facts->list = NULL;
        facts->room = 0;
    }
}

static int grow(whi_fact_list *facts) {
    size_t room = facts->room > 0 ? facts->room * 2 : 16;
    whi_fact *list = whi_realloc(facts->list, room * sizeof *list);

    if (list == NULL) {
        return whi_fail_memory();
    }
    facts->list = list;
    facts->room = room;
    return WH_OK;
}

/* Those that were done give their answers to whoever waits for them; there is room again. */
static void tell(whi_fact_list *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        if (facts->list[i].to != NULL) {
            *facts->list[i].to = facts->list[i].answer;
        }
    }
    facts->count = 0;
}

int whi_store_flush(whi_store *store) {
    whi_fact_list *facts = &store->facts;
    int code = facts->count > 0 ? store->vtable->write(store, facts->list, facts->count) : WH_OK;

    if (code == WH_OK) {
        tell(facts);
    }
    return code;
}

static int make_room(whi_store *store) {
    whi_fact_list *facts = &store->facts;
    int code = store->ability.facts > 0 && facts->count >= store->ability.facts ? whi_store_flush(store) : WH_OK;

    return code == WH_OK && facts->count == facts->room ? grow(facts) : code;
}

int whi_store_add(whi_store *store, enum whi_fact_kind kind, whi_answer *to, whi_fact **out) {
    whi_fact_list *facts = &store->facts;
    int full = facts->count == facts->room || facts->count == store->ability.facts;
    int code = full ? make_room(store) : WH_OK;
    whi_fact *fact;

    if (code != WH_OK) {
        return code;
    }
    fact = &facts->list[facts->count++];
    fact->kind = kind;
    fact->answer = (whi_answer){ 0 };
    fact->to = to;
    *out = fact;
    return WH_OK;
}

int whi_store_write(whi_store *store, const whi_fact *fact, whi_answer *answer) {
    whi_fact *added;
    int code = whi_store_add(store, fact->kind, answer, &added);

    if (code != WH_OK) {
        return code;
    }
    added->of = fact->of;
    code = whi_store_flush(store);
    return code == WH_OK ? answer->code : code;
}

int whi_store_begin(whi_store *store) {
    forget(&store->facts);
    return store->vtable->begin(store);
}

int whi_store_commit(whi_store *store, enum whi_commit *outcome) {
    whi_fact_list *facts = &store->facts;
    enum whi_commit became = WHI_NOT_COMMITTED;
    int code = store->vtable->commit(store, facts->list, facts->count, &became);

    if (code == WH_OK) {
        tell(facts);
    }
    if (outcome != NULL) {
        *outcome = became;
    }
    return code;
}

void whi_store_settle(whi_store *store, enum whi_commit *outcome) {
    store->vtable->settle(store, outcome);
    if (*outcome == WHI_COMMITTED) {
        tell(&store->facts);
    }
}

void whi_store_rollback(whi_store *store) {
    forget(&store->facts);
    store->vtable->rollback(store);
}

/* --------------------------------------------------------------------- one fact each */

int whi_store_event_add(whi_store *store, whi_event_row *row, int *duplicate) {
    whi_fact fact = { .kind = WHI_FACT_EVENT, .of.event = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *duplicate = code == WH_OK && !answer.done;
    row->number = answer.number;
    return code;
}

int whi_store_event_done(whi_store *store, int64_t owner, int64_t number) {
    whi_fact fact = { .kind = WHI_FACT_EVENT_DONE, .of.mark = { owner, number } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_event_claim(whi_store *store, int64_t owner, int limit, whi_event_fn each, void *payload, int *picked) {
    whi_fact fact = { .kind = WHI_FACT_EVENT_CLAIM };
    whi_answer answer = { 0 };
    int code;

    fact.of.claim.owner = owner;
    fact.of.claim.limit = limit;
    fact.of.claim.each_event = each;
    fact.of.claim.payload = payload;
    code = whi_store_write(store, &fact, &answer);
    *picked = (int)answer.number;
    return code;
}

int whi_store_outbox_take(whi_store *store, int64_t owner, int limit, whi_outbox_fn judge, whi_event_fn each,
                          void *payload, int *count) {
    whi_fact fact = { .kind = WHI_FACT_OUTBOX, .of.outbox = { owner, limit, judge, each, payload } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *count = (int)answer.number;
    return code;
}

int whi_store_delivery_put(whi_store *store, const whi_delivery_row *row, int *done) {
    whi_fact fact = { .kind = WHI_FACT_DELIVERY, .of.delivery = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *done = answer.done;
    return code;
}

int whi_store_delivery_now(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload) {
    whi_fact fact = { .kind = WHI_FACT_DELIVERY_NOW };
    whi_answer answer;

    fact.of.look.event = event;
    fact.of.look.subscription = subscription;
    fact.of.look.each_delivery = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_attempt_add(whi_store *store, const whi_attempt_row *row) {
    whi_fact fact = { .kind = WHI_FACT_ATTEMPT, .of.attempt = *row };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_delivery_claim(whi_store *store, int64_t owner, int64_t subscription, int64_t now, int limit,
                             whi_delivery_fn each, void *payload, int64_t *due) {
    whi_fact fact = { .kind = WHI_FACT_DELIVERY_CLAIM,
                      .of.claim = { owner, subscription, now, limit, NULL, each, payload } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *due = answer.number;
    return code;
}

/* A fact about one number, with a number for an answer. */
static int number_write(whi_store *store, enum whi_fact_kind kind, int64_t of, int64_t *number) {
    whi_fact fact = { .kind = kind, .of.owner = of };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *number = answer.number;
    return code;
}

/* The same without one. */
static int plain_write(whi_store *store, enum whi_fact_kind kind, int64_t of) {
    int64_t number;

    return number_write(store, kind, of, &number);
}

int whi_store_delivery_cancel(whi_store *store, int64_t subscription, int64_t now, int limit, int *count) {
    whi_fact fact = { .kind = WHI_FACT_DELIVERY_CANCEL, .of.cancel = { subscription, now, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *count = (int)answer.number;
    return code;
}

int whi_store_lane_due(whi_store *store, int64_t subscription, int64_t *due) {
    return number_write(store, WHI_FACT_LANE_DUE, subscription, due);
}

int whi_store_worker_add(whi_store *store, int64_t *owner) {
    return number_write(store, WHI_FACT_WORKER_ADD, 0, owner);
}

int whi_store_worker_beat(whi_store *store, int64_t owner) {
    return plain_write(store, WHI_FACT_WORKER_BEAT, owner);
}

int whi_store_worker_holds(whi_store *store, int64_t owner) {
    return plain_write(store, WHI_FACT_WORKER_HOLDS, owner);
}

int whi_store_worker_list(whi_store *store, whi_worker_fn each, void *payload) {
    whi_fact fact = { .kind = WHI_FACT_WORKER_LIST };
    whi_answer answer;

    fact.of.look.each_worker = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_worker_remove(whi_store *store, int64_t owner) {
    return plain_write(store, WHI_FACT_WORKER_REMOVE, owner);
}

int whi_store_worker_sweep(whi_store *store, int64_t now, int limit, int *count) {
    whi_fact fact = { .kind = WHI_FACT_WORKER_SWEEP, .of.sweep = { 0, now, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *count = (int)answer.number;
    return code;
}

int whi_store_subscription_put(whi_store *store, whi_subscription_row *row) {
    whi_fact fact = { .kind = WHI_FACT_SUBSCRIPTION, .of.subscription = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    row->id = code == WH_OK ? answer.number : row->id;
    return code;
}

int whi_store_subscription_now(whi_store *store, int64_t id, whi_subscription_fn each, void *payload) {
    whi_fact fact = { .kind = WHI_FACT_SUBSCRIPTION_NOW };
    whi_answer answer;

    fact.of.look.subscription = id;
    fact.of.look.each_subscription = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_subscription_count(whi_store *store, int64_t *count) {
    return number_write(store, WHI_FACT_SUBSCRIPTION_COUNT, 0, count);
}

int whi_store_subscription_remove(whi_store *store, int64_t id) {
    return plain_write(store, WHI_FACT_SUBSCRIPTION_REMOVE, id);
}

int whi_store_purge(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                    int *count) {
    whi_fact fact = { .kind = WHI_FACT_PURGE, .of.purge = { done_before, failed_before, *after, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *after = code == WH_OK ? answer.number : *after;
    *count = (int)answer.count;
    return code;
}

int whi_store_token_add(whi_store *store, const whi_token_row *row) {
    whi_fact fact = { .kind = WHI_FACT_TOKEN_ADD, .of.token = row };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_token_remove(whi_store *store, const char *id) {
    whi_fact fact = { .kind = WHI_FACT_TOKEN_REMOVE, .of.id = id };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_tenant_secret_put(whi_store *store, const char *tenant, const char *secret, int replace) {
    whi_fact fact = { .kind = WHI_FACT_TENANT_SECRET, .of.secret = { tenant, secret, replace } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}
