/* What all stores have in common: which back end a name means, what back ends ask of us, and the
 * list of facts. */
#include "outside/store.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "pure/delivery.h"
#include "pure/health.h"

#define FACTS_KEPT 1024 /* between two commits: 256 KB */

/* ---------------------------------------------------------------------- by its name */

#define BACKENDS 8 /* that may be registered */
#define SCHEME_SIZE 32

typedef struct backend {
    char scheme[SCHEME_SIZE];
    const whi_store_vtable *vtable; /* NULL: not in this library */
} backend;

/* One without a scheme is a file's. */
static const backend own[] = {
    { "sqlite:", &whi_store_sqlite },
    { "postgresql:", NULL },
    { "postgres:", NULL },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static backend registered[BACKENDS]; /* under the lock; an entry stays as it is */
static size_t registered_count;

/* Schemes are those of URLs, which have no case. */
static const backend *find_in(const backend *list, size_t count, const char *name) {
    for (size_t i = 0; i < count; i++) {
        if (whi_ascii_same_part(name, list[i].scheme, strlen(list[i].scheme))) {
            return &list[i];
        }
    }
    return NULL;
}

/* Those that were registered first: one of them may be what this library lacks. */
static const backend *find(const char *name) {
    const backend *found;

    pthread_mutex_lock(&lock);
    found = find_in(registered, registered_count, name);
    pthread_mutex_unlock(&lock);
    return found != NULL ? found : find_in(own, sizeof own / sizeof own[0], name);
}

/* The lock is held. */
static int enter(const char *scheme, const whi_store_vtable *vtable) {
    const backend *taken = find_in(own, sizeof own / sizeof own[0], scheme);

    if ((taken != NULL && taken->vtable != NULL) || find_in(registered, registered_count, scheme) != NULL) {
        return whi_fail_field(WH_ECONFLICT, "scheme", "'%s' is taken", scheme);
    }
    if (registered_count == BACKENDS) {
        return whi_fail_field(WH_ELIMIT, "scheme", "%d back ends are registered already", BACKENDS);
    }
    snprintf(registered[registered_count].scheme, SCHEME_SIZE, "%s", scheme);
    registered[registered_count++].vtable = vtable;
    return WH_OK;
}

int wh_backend_register(const char *scheme, const whi_store_vtable *vtable) {
    size_t size = scheme != NULL ? strlen(scheme) : 0;
    int code;

    if (size < 2 || size >= SCHEME_SIZE || strcspn(scheme, ":/") != size - 1 || scheme[size - 1] != ':') {
        return whi_fail_field(WH_EINVALID, "scheme", "expected a word of at most %d letters and a colon, found %.60s",
                              SCHEME_SIZE - 2, scheme != NULL ? scheme : "NULL");
    }
    if (vtable == NULL || vtable->size != sizeof *vtable || vtable->version != WH_STORE_VERSION) {
        return whi_fail_field(WH_EINVALID, "vtable", "expected one of version %d", WH_STORE_VERSION);
    }
    pthread_mutex_lock(&lock);
    code = enter(scheme, vtable);
    pthread_mutex_unlock(&lock);
    return code;
}

/* The rest of the name is not said: there may be a password in it. */
static int refuse(const char *name, size_t scheme) {
    return whi_fail_field(WH_EINVALID, "store",
                          "this library has no back end for '%.*s', expected a file name, \"sqlite:FILE\" or "
                          "\":memory:\"",
                          (int)scheme, name);
}

/* Length of "word:" before "//", 0: none. A file's path has none, unless somebody insists. */
static size_t foreign_scheme(const char *name) {
    const char *end = strstr(name, "://");

    return end != NULL && end != name && strcspn(name, "/") > (size_t)(end - name) ? (size_t)(end - name) + 1 : 0;
}

/* What stands behind the scheme is for the back end to read. To SQLite it is a path, and "//orders.db"
 * would be one in the root, where whoever wrote it as a URL meant another. */
static int open_found(whi_store **out, const backend *found, const char *name, const whi_store_options *options) {
    size_t size = strlen(found->scheme);

    if (found->vtable == NULL) {
        return refuse(name, size);
    }
    if (found->vtable == &whi_store_sqlite && strncmp(name + size, "//", 2) == 0) {
        return whi_fail_field(WH_EINVALID, "store", "expected \"sqlite:FILE\", found \"//\" behind \"sqlite:\"");
    }
    return found->vtable->open(out, name + size, options);
}

int whi_store_open(whi_store **out, const char *name, const whi_store_options *options) {
    const backend *found = name != NULL ? find(name) : NULL;

    *out = NULL;
    if (found != NULL) {
        return open_found(out, found, name, options);
    }
    if (name != NULL && foreign_scheme(name) > 0) {
        return refuse(name, foreign_scheme(name));
    }
    return whi_store_sqlite.open(out, name, options);
}

/* ------------------------------------------------------------ what back ends ask of us */

_Static_assert((int)WH_STATE_WAITING == WHI_WAITING && (int)WH_STATE_DELIVERED == WHI_DELIVERED &&
                   (int)WH_STATE_EXHAUSTED == WHI_EXHAUSTED && (int)WH_STATE_HELD == WHI_HELD &&
                   (int)WH_STATE_CANCELLED == WHI_CANCELLED,
               "states as they are published");
_Static_assert((int)WH_PLACE_OWN == WHI_PLACE_OWN && (int)WH_PLACE_BEHIND == WHI_PLACE_BEHIND &&
                   (int)WH_PLACE_SUPERSEDED == WHI_PLACE_SUPERSEDED && (int)WH_PLACE_ABORTED == WHI_PLACE_ABORTED,
               "places as they are published");
_Static_assert((int)WH_NEXT_NOTHING == WHI_NEXT_NOTHING && (int)WH_NEXT_TURN == WHI_NEXT_TURN &&
                   (int)WH_NEXT_ABORT == WHI_NEXT_ABORT,
               "turns as they are published");

int64_t wh_backend_number_after(int64_t last, int64_t now) {
    return whi_ident_after(last, now);
}

int wh_backend_number_of(const char *id, int64_t *number) {
    return id != NULL && whi_ident_parse("msg_", id, number) == WH_OK ? WH_OK : WH_EINVALID;
}

enum wh_backend_place wh_backend_order_place(int state, int newer, const wh_backend_first *first) {
    return (enum wh_backend_place)whi_order_place(state, newer, first);
}

enum wh_backend_next wh_backend_order_next(int state, int abort, const wh_backend_first *first) {
    return (enum wh_backend_next)whi_order_next(state, abort, first);
}

int wh_backend_health_next(wh_backend_health *health, const wh_backend_sight *sight) {
    return (int)whi_health_next(health, sight);
}

/* -------------------------------------------------------------------------- the list */

/* The list lives as long as the store: what a back end frees has none any more. */
void whi_store_close(whi_store *store) {
    if (store == NULL) {
        return;
    }
    whi_free(store->facts.list);
    store->vtable->close(store);
}

static void forget(wh_backend_facts *facts) {
    facts->count = facts->changes = 0;
    if (facts->room > FACTS_KEPT) {
        whi_free(facts->list);
        facts->list = NULL;
        facts->room = 0;
    }
}

static int grow(wh_backend_facts *facts) {
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
static void tell(wh_backend_facts *facts) {
    for (size_t i = 0; i < facts->count; i++) {
        if (facts->list[i].to != NULL) {
            *facts->list[i].to = facts->list[i].answer;
        }
    }
    facts->count = 0;
}

int whi_store_flush(whi_store *store) {
    wh_backend_facts *facts = &store->facts;
    int code = facts->count > 0 ? store->vtable->write(store, facts->list, facts->count) : WH_OK;

    if (code == WH_OK) {
        tell(facts);
    }
    return code;
}

static int make_room(whi_store *store) {
    wh_backend_facts *facts = &store->facts;
    int code = store->ability.facts > 0 && facts->count >= store->ability.facts ? whi_store_flush(store) : WH_OK;

    return code == WH_OK && facts->count == facts->room ? grow(facts) : code;
}

int whi_store_add(whi_store *store, enum wh_backend_fact_kind kind, whi_answer *to, whi_fact **out) {
    wh_backend_facts *facts = &store->facts;
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
    store->facts.changes += kind == WH_FACT_SUBSCRIPTION || kind == WH_FACT_SUBSCRIPTION_REMOVE;
    return WH_OK;
}

int whi_store_has_changed(const whi_store *store) {
    return store->facts.changes > 0;
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

int whi_store_commit(whi_store *store, enum wh_backend_commit *outcome) {
    wh_backend_facts *facts = &store->facts;
    enum wh_backend_commit became = WH_NOT_COMMITTED;
    int code = store->vtable->commit(store, facts->list, facts->count, &became);

    if (code == WH_OK) {
        tell(facts);
    }
    if (outcome != NULL) {
        *outcome = became;
    }
    return code;
}

void whi_store_settle(whi_store *store, enum wh_backend_commit *outcome) {
    store->vtable->settle(store, outcome);
    if (*outcome == WH_COMMITTED) {
        tell(&store->facts);
    }
}

void whi_store_rollback(whi_store *store) {
    forget(&store->facts);
    store->vtable->rollback(store);
}

/* --------------------------------------------------------------------- one fact each */

int whi_store_event_add(whi_store *store, whi_event_row *row, int *duplicate) {
    whi_fact fact = { .kind = WH_FACT_EVENT, .of.event = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *duplicate = code == WH_OK && !answer.done;
    row->number = answer.number;
    return code;
}

int whi_store_delivery_put(whi_store *store, const whi_delivery_row *row, int *done) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY, .of.delivery = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *done = answer.done;
    return code;
}

/* A fact about one number, with a number for an answer. */
static int number_write(whi_store *store, enum wh_backend_fact_kind kind, int64_t of, int64_t *number) {
    whi_fact fact = { .kind = kind, .of.owner = of };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *number = answer.number;
    return code;
}

/* The same without one. */
static int plain_write(whi_store *store, enum wh_backend_fact_kind kind, int64_t of) {
    int64_t number;

    return number_write(store, kind, of, &number);
}

int whi_store_delivery_cancel(whi_store *store, int64_t subscription, int64_t now, int limit, int *count) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_CANCEL, .of.cancel = { subscription, now, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *count = (int)answer.number;
    return code;
}

int whi_store_worker_add(whi_store *store, int share, int64_t *owner) {
    whi_fact fact = { .kind = WH_FACT_WORKER_ADD, .of.worker = { 0, share } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *owner = answer.number;
    return code;
}

int whi_store_worker_beat(whi_store *store, int64_t owner, int share) {
    whi_fact fact = { .kind = WH_FACT_WORKER_BEAT, .of.worker = { owner, share } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_worker_holds(whi_store *store, int64_t owner) {
    return plain_write(store, WH_FACT_WORKER_HOLDS, owner);
}

int whi_store_worker_list(whi_store *store, whi_worker_fn each, void *payload) {
    whi_fact fact = { .kind = WH_FACT_WORKER_LIST };
    whi_answer answer;

    fact.of.look.each_worker = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_worker_remove(whi_store *store, int64_t owner) {
    return plain_write(store, WH_FACT_WORKER_REMOVE, owner);
}

int whi_store_partition_take(whi_store *store, int64_t owner, int limit, int64_t *position, int *count) {
    whi_fact fact = { .kind = WH_FACT_PARTITION_TAKE, .of.take = { owner, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *position = answer.number;
    *count = (int)answer.count;
    return code;
}

int whi_store_partition_give(whi_store *store, int64_t owner, int partition, int64_t position) {
    whi_fact fact = { .kind = WH_FACT_PARTITION_GIVE, .of.give = { owner, position, partition } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_partition_list(whi_store *store, whi_partition_fn each, void *payload) {
    whi_fact fact = { .kind = WH_FACT_PARTITION_LIST };
    whi_answer answer;

    fact.of.look.each_partition = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_position(whi_store *store, int64_t owner, int64_t position) {
    whi_fact fact = { .kind = WH_FACT_POSITION, .of.position = { owner, position, 0 } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_lag_list(whi_store *store, whi_lane_fn each, void *payload) {
    whi_fact fact = { .kind = WH_FACT_LAG_LIST };
    whi_answer answer;

    fact.of.look.each_lag = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_subscription_put(whi_store *store, whi_subscription_row *row) {
    whi_fact fact = { .kind = WH_FACT_SUBSCRIPTION, .of.subscription = *row };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    row->id = code == WH_OK ? answer.number : row->id;
    return code;
}

int whi_store_subscription_now(whi_store *store, int64_t id, whi_subscription_fn each, void *payload) {
    whi_fact fact = { .kind = WH_FACT_SUBSCRIPTION_NOW };
    whi_answer answer;

    fact.of.look.subscription = id;
    fact.of.look.each_subscription = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_subscription_count(whi_store *store, int64_t *count) {
    return number_write(store, WH_FACT_SUBSCRIPTION_COUNT, 0, count);
}

int whi_store_subscription_last(whi_store *store, int64_t *change) {
    return number_write(store, WH_FACT_SUBSCRIPTION_LAST, 0, change);
}

int whi_store_subscription_remove(whi_store *store, int64_t id, int64_t at) {
    whi_fact fact = { .kind = WH_FACT_SUBSCRIPTION_REMOVE };
    whi_answer answer;

    fact.of.subscription.id = id;
    fact.of.subscription.changed_at = at;
    return whi_store_write(store, &fact, &answer);
}

int whi_store_purge(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                    int *count) {
    whi_fact fact = { .kind = WH_FACT_PURGE, .of.purge = { done_before, failed_before, *after, limit } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *after = code == WH_OK ? answer.number : *after;
    *count = (int)answer.count;
    return code;
}

int whi_store_token_add(whi_store *store, const whi_token_row *row) {
    whi_fact fact = { .kind = WH_FACT_TOKEN_ADD, .of.token = row };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_token_remove(whi_store *store, const char *id) {
    whi_fact fact = { .kind = WH_FACT_TOKEN_REMOVE, .of.id = id };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_tenant_secret_put(whi_store *store, const char *tenant, const char *secret, int replace) {
    whi_fact fact = { .kind = WH_FACT_TENANT_SECRET, .of.secret = { tenant, secret, replace } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_source(whi_store *store, const whi_source_row *row) {
    whi_fact fact = { .kind = WH_FACT_SOURCE, .of.source = *row };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_source_now(whi_store *store, const char *object_type, whi_source_fn each, void *payload) {
    whi_fact fact = { .kind = WH_FACT_SOURCE_NOW,
                      .of.look = { .object_type = object_type, .each_source = each, .payload = payload } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_source_list(whi_store *store, const char *object_type, whi_source_fn each, void *payload) {
    return store->vtable->source_list != NULL ? store->vtable->source_list(store, object_type, each, payload) : WH_OK;
}

int whi_store_usage_limit(whi_store *store, const char *tenant, const whi_usage_row *row) {
    whi_usage_row given = *row;
    whi_fact fact = { .kind = WH_FACT_USAGE_LIMIT, .of.usage = { tenant, &given } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_usage_now(whi_store *store, const char *tenant, whi_usage_row *out) {
    whi_fact fact = { .kind = WH_FACT_USAGE_NOW, .of.usage = { tenant, out } };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

int whi_store_setting_put(whi_store *store, const char *name, int64_t value, int replace, int64_t *now) {
    whi_fact fact = { .kind = WH_FACT_SETTING, .of.setting = { name, value, replace } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *now = answer.number;
    return code;
}

/* ------------------------------------------------------------------------ reading */

static int note_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    (void)event;
    *(int *)payload = 1;
    return WH_OK;
}

int whi_store_has_delivery(whi_store *store, int64_t event, int64_t subscription, int *out) {
    int code;

    *out = 0;
    code = store->vtable->delivery_get(store, event, subscription, note_delivery, out);
    return code == WH_ENOTFOUND ? WH_OK : code;
}
