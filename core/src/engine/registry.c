/* Tests: test_engine_trouble, test_engine. */
#include "engine/registry.h"

#include <pthread.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/table.h"
#include "engine/decide.h"
#include "pure/match.h"
#include "systems/subscription_make.h"

struct whi_registry {
    whi_store *store, *reader;
    pthread_rwlock_t lock;
    pthread_mutex_t sync_lock; /* one reader of changes at a time */
    int64_t after;             /* change number up to which the store was read */
    int round, sweeping;       /* times that it was read from the beginning; 1: what was not heard of since is to go */
    atomic_int behind;         /* 1: reading failed, what was committed is still to be read */
    atomic_llong news, read;   /* of store->changes: what was seen, and what has been read */
    whi_match *match;
    whi_table all; /* registrations by subscription id */
    whi_listing *listing;
    atomic_int ordered; /* subscriptions with an order */
};

void whi_registration_unref(whi_registration *registration) {
    if (registration == NULL || atomic_fetch_sub(&registration->refs, 1) != 1) {
        return;
    }
    whi_subscription_free(registration->subscription);
    whi_filter_free(registration->filter);
    whi_projection_free(registration->fields);
    whi_free(registration);
}

/* FNV-1a, 64 bits: http://www.isthe.com/chongo/tech/comp/fnv/ */
static uint64_t hash(const char *text, size_t size) {
    uint64_t value = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++) {
        value = (value ^ (unsigned char)text[i]) * UINT64_C(1099511628211);
    }
    return value;
}

static int prepare(whi_registration *made) {
    const whi_subscription *subscription = made->subscription;
    int code = WH_OK;

    whi_ident_format("sub_", subscription->id, made->id);
    if (subscription->fields != NULL) {
        code = whi_projection_parse(&made->fields, subscription->fields, strlen(subscription->fields));
    }
    if (code == WH_OK && subscription->filters != NULL) {
        code = whi_filter_parse(&made->filter, subscription->filters, strlen(subscription->filters));
    }
    if (subscription->rule != NULL) {
        made->rule_hash = hash(subscription->rule, subscription->rule_size);
    }
    return code;
}

int whi_registration_of(whi_registration **out, whi_subscription *subscription) {
    whi_registration *made = whi_calloc(1, sizeof *made);
    int code;

    *out = NULL;
    if (made == NULL) {
        whi_subscription_free(subscription);
        return whi_fail_memory();
    }
    atomic_init(&made->refs, 1);
    made->subscription = subscription;
    code = prepare(made);
    if (code != WH_OK) {
        whi_registration_unref(made);
        return code;
    }
    *out = made;
    return WH_OK;
}

int whi_registration_new(whi_registration **out, const whi_subscription_row *row) {
    whi_subscription *subscription;
    int code = whi_subscription_new(&subscription);

    *out = NULL;
    if (code != WH_OK) {
        return code;
    }
    code = whi_subscription_apply(subscription, row->document, row->document_size, SIZE_MAX, 1);
    if (code != WH_OK) {
        whi_subscription_free(subscription);
        return code;
    }
    subscription->id = row->id;
    subscription->version = row->version;
    return whi_registration_of(out, subscription);
}

int whi_registry_new(whi_registry **out, whi_store *store, whi_store *reader) {
    whi_registry *registry = whi_calloc(1, sizeof *registry);
    int code;

    *out = registry;
    if (registry == NULL) {
        return whi_fail_memory();
    }
    registry->store = store;
    registry->reader = reader;
    pthread_rwlock_init(&registry->lock, NULL);
    pthread_mutex_init(&registry->sync_lock, NULL);
    code = whi_match_new(&registry->match);
    code = code == WH_OK ? whi_listing_new(&registry->listing) : code;
    return code == WH_OK ? whi_registry_sync(registry) : code;
}

void whi_registry_free(whi_registry *registry) {
    if (registry == NULL) {
        return;
    }
    whi_match_free(registry->match);
    for (uint32_t i = 0; i < registry->all.capacity; i++) {
        whi_registration_unref(registry->all.slots[i]);
    }
    whi_table_free(&registry->all);
    whi_listing_free(registry->listing);
    pthread_rwlock_destroy(&registry->lock);
    pthread_mutex_destroy(&registry->sync_lock);
    whi_free(registry);
}

static uint32_t hash_registration(const void *entry) {
    const whi_registration *registration = entry;

    return whi_table_spread((uint64_t)registration->subscription->id);
}

static int is_registration(const void *entry, const void *key) {
    const whi_registration *registration = entry;

    return registration->subscription->id == *(const int64_t *)key;
}

static const whi_table_kind registration_kind = { hash_registration, is_registration };

static whi_registration *find(const whi_registry *registry, int64_t id) {
    return whi_table_get(&registry->all, &registration_kind, whi_table_spread((uint64_t)id), &id);
}

static int index_in(whi_registry *registry, whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    return whi_subscription_is_enabled(s)
               ? whi_match_add(registry->match, s->tenant, (const char *const *)s->events, s->event_count, registration)
               : WH_OK;
}

static void index_out(whi_registry *registry, whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    if (whi_subscription_is_enabled(s)) {
        whi_match_remove(registry->match, s->tenant, (const char *const *)s->events, s->event_count, registration);
    }
}

/* Into the index and the listing; where an older version stands under its id already. */
static int take_in(whi_registry *registry, whi_registration *made) {
    int code = index_in(registry, made);

    if (code != WH_OK) {
        return code;
    }
    code = whi_listing_add(registry->listing, made->subscription->tenant, made->subscription->id);
    if (code != WH_OK) {
        index_out(registry, made);
    }
    return code;
}

/* Out of them; made is the version that comes instead, or NULL. */
static void take_off(whi_registry *registry, whi_registration *old, const whi_registration *made) {
    const whi_subscription *s = old->subscription;

    index_out(registry, old);
    if (made == NULL) {
        whi_listing_remove(registry->listing, s->tenant, s->id);
    } else if (strcmp(made->subscription->tenant, s->tenant) != 0) {
        whi_listing_leave(registry->listing, s->tenant, s->id);
    }
}

static int has_order(const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    return s->order != WHI_ORDER_NONE || s->system->is_ordered != NULL;
}

int whi_registry_has_order(const whi_registry *registry) {
    return atomic_load_explicit(&registry->ordered, memory_order_relaxed) > 0;
}

/* The lock is held for writing. */
static int replace(whi_registry *registry, int64_t id, whi_registration *made) {
    whi_registration *old = find(registry, id);
    int code = made != NULL ? whi_table_reserve(&registry->all, &registration_kind) : WH_OK;

    code = code == WH_OK && made != NULL ? take_in(registry, made) : code;
    if (code != WH_OK) {
        return code;
    }
    if (old != NULL) {
        if (made != NULL) {
            atomic_store(&made->failing, atomic_load(&old->failing));
        }
        atomic_fetch_sub(&registry->ordered, has_order(old));
        take_off(registry, old, made);
        whi_table_take(&registry->all, &registration_kind, whi_table_spread((uint64_t)id), &id);
        whi_registration_unref(old);
    }
    if (made != NULL) {
        whi_table_put(&registry->all, &registration_kind, made);
        atomic_fetch_add(&registry->ordered, has_order(made));
    }
    return WH_OK;
}

static int changed(const whi_subscription_row *row, void *payload) {
    whi_registry *registry = payload;
    whi_registration *made = NULL;
    int code = row->deleted ? WH_OK : whi_registration_new(&made, row);

    if (code != WH_OK) {
        return code;
    }
    if (made != NULL) {
        made->round = registry->round;
    }
    pthread_rwlock_wrlock(&registry->lock);
    code = replace(registry, row->id, made);
    pthread_rwlock_unlock(&registry->lock);
    if (code != WH_OK) {
        whi_registration_unref(made);
    }
    return code;
}

/* Takes out what was read in an earlier round only. */
static int sweep(whi_registry *registry) {
    int code = WH_OK;
    uint32_t at = 0;

    pthread_rwlock_wrlock(&registry->lock);
    while (code == WH_OK && at < registry->all.capacity) {
        const whi_registration *registration = registry->all.slots[at];

        if (registration == NULL || registration->round == registry->round) {
            at++;
        } else {
            code = replace(registry, registration->subscription->id, NULL); /* another may move to its slot */
        }
    }
    pthread_rwlock_unlock(&registry->lock);
    registry->sweeping = code != WH_OK;
    return code;
}

static int feed(whi_registry *registry) {
    return registry->reader->vtable->subscription_changes(registry->reader, &registry->after, changed, registry);
}

/* This process was away for so long that deletions were forgotten meanwhile: all is read anew. */
static int feed_anew(whi_registry *registry) {
    registry->after = 0;
    registry->round++;
    registry->sweeping = 1;
    return feed(registry);
}

/* The sync_lock is held. */
static int read_changes(whi_registry *registry) {
    long long news = atomic_load(&registry->news);
    int code = feed(registry);

    code = code == WH_ENOTFOUND ? feed_anew(registry) : code;
    code = code == WH_OK && registry->sweeping ? sweep(registry) : code;

    atomic_store(&registry->behind, code != WH_OK);
    if (code == WH_OK) {
        atomic_store(&registry->read, news);
    }
    return code;
}

int whi_registry_sync(whi_registry *registry) {
    int code;

    pthread_mutex_lock(&registry->sync_lock);
    code = read_changes(registry);
    pthread_mutex_unlock(&registry->sync_lock);
    return code;
}

int whi_registry_expect(whi_registry *registry) {
    int64_t changes = 0;
    int code = registry->store->vtable->changes(registry->store, &changes);

    if (code == WH_OK) {
        atomic_store(&registry->news, changes);
    }
    return code;
}

void whi_registry_doubt(whi_registry *registry) {
    atomic_store(&registry->behind, 1);
}

int whi_registry_is_behind(const whi_registry *registry) {
    return atomic_load_explicit(&registry->behind, memory_order_relaxed) ||
           atomic_load(&registry->news) != atomic_load(&registry->read);
}

/* A change that was committed is seen even if memory was short when it should have been read. */
static int catch_up(whi_registry *registry) {
    return whi_registry_is_behind(registry) ? whi_registry_sync(registry) : WH_OK;
}

struct finding {
    const char *source;
    int64_t accepted_at;
    whi_registration **found;
    size_t count, capacity;
};

/* What the index by tenant and type does not know. */
static int wants(const whi_subscription *s, const struct finding *finding) {
    return (s->source == NULL || strcmp(s->source, finding->source) == 0) &&
           (s->expires_at == 0 || finding->accepted_at < s->expires_at);
}

static int keep(void *value, void *payload) {
    struct finding *finding = payload;
    whi_registration *registration = value;

    if (!wants(registration->subscription, finding)) {
        return 0;
    }
    if (finding->count == finding->capacity) {
        size_t capacity = finding->capacity ? finding->capacity * 2 : 8;
        whi_registration **more = whi_realloc(finding->found, capacity * sizeof *more);
        if (more == NULL) {
            return whi_fail_memory();
        }
        finding->found = more;
        finding->capacity = capacity;
    }
    atomic_fetch_add(&registration->refs, 1);
    finding->found[finding->count++] = registration;
    return 0;
}

int whi_registry_find(whi_registry *registry, const char *tenant, const char *type, const char *source,
                      int64_t accepted_at, whi_registration ***found, size_t *count) {
    struct finding finding = { source, accepted_at, NULL, 0, 0 };
    int code = catch_up(registry);

    *found = NULL;
    *count = 0;
    if (code != WH_OK) {
        return code;
    }
    pthread_rwlock_rdlock(&registry->lock);
    code = whi_match_find(registry->match, tenant, type, keep, &finding);
    pthread_rwlock_unlock(&registry->lock);
    if (code != WH_OK) {
        for (size_t i = 0; i < finding.count; i++) {
            whi_registration_unref(finding.found[i]);
        }
        whi_free(finding.found);
        finding.found = NULL;
        finding.count = 0;
    }
    *found = finding.found;
    *count = finding.count;
    return code;
}

whi_registration *whi_registry_get(whi_registry *registry, int64_t id) {
    whi_registration *found = NULL;

    /* What cannot be read now is as it was. No waiting: whoever walks through the store holds its lock,
     * which the thread that reads the changes may be waiting for. */
    if (atomic_load_explicit(&registry->behind, memory_order_relaxed) &&
        pthread_mutex_trylock(&registry->sync_lock) == 0) {
        read_changes(registry);
        pthread_mutex_unlock(&registry->sync_lock);
    }
    pthread_rwlock_rdlock(&registry->lock);
    found = find(registry, id);
    if (found != NULL) {
        atomic_fetch_add(&found->refs, 1);
    }
    pthread_rwlock_unlock(&registry->lock);
    return found;
}

size_t whi_registry_count(whi_registry *registry) {
    size_t count;

    pthread_rwlock_rdlock(&registry->lock);
    count = registry->all.count;
    pthread_rwlock_unlock(&registry->lock);
    return count;
}

int whi_registry_page(whi_registry *registry, const char *tenant, const whi_page *page, whi_registration **out,
                      size_t *count, size_t *total) {
    int64_t *ids = whi_alloc(page->limit * sizeof *ids);

    *count = 0;
    if (ids == NULL) {
        return whi_fail_memory();
    }
    pthread_rwlock_rdlock(&registry->lock);
    *count = whi_listing_page(registry->listing, tenant, page, ids);
    for (size_t i = 0; i < *count; i++) {
        out[i] = find(registry, ids[i]);
        atomic_fetch_add(&out[i]->refs, 1);
    }
    if (total != NULL) {
        *total = whi_listing_count(registry->listing, tenant);
    }
    pthread_rwlock_unlock(&registry->lock);
    whi_free(ids);
    return WH_OK;
}
