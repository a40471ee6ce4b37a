/* Tests: test_engine_versions, test_engine_trouble. */
#include "engine/registry.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/table.h"
#include "pure/match.h"
#include "pure/poll.h"

struct whi_registry {
    whi_store *store, *reader;
    pthread_rwlock_t lock;
    pthread_mutex_t sync_lock; /* one reader of changes at a time */
    int64_t after;             /* change number up to which the store was read */
    int round, sweeping;       /* times that it was read from the beginning; 1: what was not heard of since is to go */
    atomic_int behind;         /* 1: reading failed, what was committed is still to be read */
    atomic_llong place;        /* after, for whi_registry_place */
    atomic_llong news, read;   /* of store->changes: what was seen, and what has been read */
    atomic_llong doubts, sure; /* times that it was doubted, and those that reading has settled */
    whi_match *match;
    whi_table all;   /* registrations by subscription id */
    whi_table polls; /* of these those that poll */
    atomic_llong poll_changes;
    whi_listing *listing;
    whi_registration *former; /* versions that have ended, in no order */
    int64_t first_ended;      /* of them, and INT64_MAX: there is none */
    atomic_int has_former;
    atomic_int ordered; /* versions with an order, those that have ended too */
    atomic_int fetched; /* the same, of those whose deliveries wait until they are fetched */
    int left_out;       /* of those in the table */
    char why[WHI_ERROR_SIZE];
};

int whi_registry_new(whi_registry **out, whi_store *store, whi_store *reader) {
    whi_registry *registry = whi_calloc(1, sizeof *registry);
    int code;

    *out = registry;
    if (registry == NULL) {
        return whi_fail_memory();
    }
    registry->store = store;
    registry->reader = reader;
    registry->first_ended = INT64_MAX;
    pthread_rwlock_init(&registry->lock, NULL);
    pthread_mutex_init(&registry->sync_lock, NULL);
    code = whi_match_new(&registry->match);
    code = code == WH_OK ? whi_listing_new(&registry->listing) : code;
    return code == WH_OK ? whi_registry_sync(registry) : code;
}

static void free_former(whi_registration *former) {
    while (former != NULL) {
        whi_registration *next = former->next_former;

        whi_registration_unref(former);
        former = next;
    }
}

void whi_registry_free(whi_registry *registry) {
    if (registry == NULL) {
        return;
    }
    whi_match_free(registry->match);
    free_former(registry->former);
    for (uint32_t i = 0; i < registry->all.capacity; i++) {
        whi_registration_unref(registry->all.slots[i]);
    }
    whi_table_free(&registry->all);
    whi_table_free(&registry->polls);
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
    int code = registration->indexed ? WH_OK
                                     : whi_match_add(registry->match, s->tenant, (const char *const *)s->events,
                                                     s->event_count, registration);

    registration->indexed = code == WH_OK;
    return code;
}

static void index_out(whi_registry *registry, whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    if (registration->indexed) {
        whi_match_remove(registry->match, s->tenant, (const char *const *)s->events, s->event_count, registration);
        registration->indexed = 0;
    }
}

/* Into the index and the listing; where an older version stands under its id already. */
static int take_in(whi_registry *registry, whi_registration *made) {
    int code = whi_subscription_may_take(made->subscription) ? index_in(registry, made) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    if (made->subscription->twin_of != 0) { /* shown with whose it is */
        return WH_OK;
    }
    code = whi_listing_add(registry->listing, made->subscription->tenant, made->subscription->id);
    if (code != WH_OK) {
        index_out(registry, made);
    }
    return code;
}

/* Out of the listing; made is the version that comes instead, or NULL. */
static void take_off(whi_registry *registry, const whi_registration *old, const whi_registration *made) {
    const whi_subscription *s = old->subscription;

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

/* by: 1, or -1 where a version leaves memory. */
static void count_kinds(whi_registry *registry, const whi_registration *registration, int by) {
    atomic_fetch_add(&registry->ordered, by * has_order(registration));
    atomic_fetch_add(&registry->fetched, by * whi_subscription_is_fetched(registration->subscription));
}

int whi_registry_may_be_fetched(const whi_registry *registry) {
    return atomic_load_explicit(&registry->fetched, memory_order_relaxed) > 0;
}

int whi_registry_may_have_order(const whi_registry *registry) {
    return atomic_load_explicit(&registry->ordered, memory_order_relaxed) > 0 || whi_registry_is_behind(registry);
}

int whi_registry_has_former(const whi_registry *registry) {
    return atomic_load_explicit(&registry->has_former, memory_order_relaxed);
}

/* -------------------------------------------------------- versions that have ended */

/* 1 if an event may wait that came before this number. first: the smallest that is not decided, 0: none. */
static int may_wait(int64_t first, int64_t number) {
    return first != 0 && first <= number;
}

static void note_end(whi_registry *registry, const whi_registration *former) {
    int64_t ended = atomic_load(&former->ended);

    registry->first_ended = ended < registry->first_ended ? ended : registry->first_ended;
}

static void put_former(whi_registry *registry, whi_registration *former) {
    note_end(registry, former);
    former->next_former = registry->former;
    registry->former = former;
    atomic_store(&registry->has_former, 1);
}

/* A version leaves memory. */
static void let_go(whi_registry *registry, whi_registration *registration) {
    count_kinds(registry, registration, -1);
    index_out(registry, registration);
    whi_registration_unref(registration);
}

/* Those of one subscription, id 0: all, that decide nothing any more. Each change comes here, also where
 * thousands of versions stay because nobody moves a position. */
static void drop_former(whi_registry *registry, int64_t id, int64_t first) {
    whi_registration **place = &registry->former;

    if (may_wait(first, registry->first_ended)) {
        return;
    }
    registry->first_ended = INT64_MAX;
    while (*place != NULL) {
        whi_registration *former = *place;

        if ((id == 0 || former->subscription->id == id) && !may_wait(first, atomic_load(&former->ended))) {
            *place = former->next_former;
            let_go(registry, former);
        } else {
            note_end(registry, former);
            place = &former->next_former;
        }
    }
    atomic_store(&registry->has_former, registry->former != NULL);
}

/* ------------------------------------------------------------------------- changes */

/* What the store says of a subscription, not in force here yet. */
typedef struct change {
    int64_t id;
    whi_registration *made;   /* NULL: it is deleted */
    whi_registration *former; /* versions between the one that is here and made */
} change;

typedef struct reading {
    whi_registry *registry;
    int64_t after, first; /* the feed's place; the smallest number that is not decided */
    change *list;
    size_t count, room;
} reading;

static int grow(reading *self) {
    size_t room = self->room > 0 ? self->room * 2 : 16;
    change *list = whi_realloc(self->list, room * sizeof *list);

    if (list == NULL) {
        return whi_fail_memory();
    }
    self->list = list;
    self->room = room;
    return WH_OK;
}

/* The store says why as its last error. */
static int read_or_leave_out(reading *self, whi_registration **out, const whi_subscription_row *row) {
    if (row->document != NULL) {
        return whi_registration_new(out, row);
    }
    snprintf(self->registry->why, sizeof self->registry->why, "%s", wh_last_error());
    return whi_registration_left_out(out, row);
}

static int take_change(const whi_subscription_row *row, void *payload) {
    reading *self = payload;
    change *one;
    int code = self->count == self->room ? grow(self) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    one = &self->list[self->count];
    *one = (change){ .id = row->id };
    code = row->deleted ? WH_OK : read_or_leave_out(self, &one->made, row);
    if (one->made != NULL) {
        one->made->round = self->registry->round;
    }
    self->count += code == WH_OK;
    return code;
}

static void drop_reading(reading *self) {
    for (size_t i = 0; i < self->count; i++) {
        whi_registration_unref(self->list[i].made);
        free_former(self->list[i].former);
    }
    whi_free(self->list);
}

/* One that is purged decides no event that is stored. */
static int read_version(whi_registry *registry, int64_t id, int64_t number, whi_registration **out) {
    whi_store *store = registry->reader;
    int code = store->vtable->subscription_then(store, id, number, whi_registration_read, (void *)out);

    return code == WH_ENOTFOUND ? WH_OK : code;
}

/* Down from the new version to the one that is here, or to one that was made before all that waits. */
static int read_former(reading *self, change *one) {
    const whi_registration *known = find(self->registry, one->id);
    int64_t last = known != NULL ? known->subscription->version : 0;
    whi_registration *later = one->made, **end = &one->former;
    int code = WH_OK;

    while (later != NULL && later->subscription->version > last + 1 && may_wait(self->first, later->since)) {
        whi_registration *former = NULL;

        code = read_version(self->registry, one->id, later->since, &former);
        if (code != WH_OK || former == NULL || former->subscription->version <= last) {
            whi_registration_unref(former);
            break;
        }
        atomic_store(&former->ended, later->since);
        *end = former;
        end = &former->next_former;
        later = former;
    }
    return code;
}

/* Where the version that is here ended. */
static int64_t end_of(const change *one) {
    const whi_registration *next = one->made;

    for (const whi_registration *former = one->former; former != NULL; former = former->next_former) {
        next = former;
    }
    return next->since;
}

/* 1: the version that is here decides events that may wait. */
static int is_to_stay(const whi_registration *old, const change *one, int64_t first) {
    return old != NULL && one->made != NULL && old->subscription->version < one->made->subscription->version &&
           may_wait(first, end_of(one));
}

static int index_former(whi_registry *registry, const change *one) {
    int code = WH_OK;

    for (whi_registration *former = one->former; former != NULL && code == WH_OK; former = former->next_former) {
        code = index_in(registry, former);
    }
    return code;
}

/* All that may fail. What was paused until now may still decide: by the present state it is not. */
static int prepare_change(whi_registry *registry, const change *one, whi_registration *old, int stays) {
    int code = one->made != NULL ? whi_table_reserve(&registry->all, &registration_kind) : WH_OK;

    if (code == WH_OK && one->made != NULL && one->made->poll != 0) {
        code = whi_table_reserve(&registry->polls, &registration_kind);
    }
    code = code == WH_OK ? index_former(registry, one) : code;
    code = code == WH_OK && stays ? index_in(registry, old) : code;
    code = code == WH_OK && one->made != NULL ? take_in(registry, one->made) : code;
    for (whi_registration *former = one->former; former != NULL && code != WH_OK; former = former->next_former) {
        index_out(registry, former);
    }
    return code;
}

static void keep_former(whi_registry *registry, change *one) {
    while (one->former != NULL) {
        whi_registration *former = one->former;

        one->former = former->next_former;
        count_kinds(registry, former, 1);
        put_former(registry, former);
    }
}

static void leave_polls(whi_registry *registry, const whi_registration *old) {
    if (old->poll != 0) {
        whi_table_take(&registry->polls, &registration_kind, hash_registration(old), &old->subscription->id);
        atomic_fetch_add(&registry->poll_changes, 1);
    }
}

static void enter_polls(whi_registry *registry, whi_registration *made) {
    if (made->poll != 0) {
        whi_table_put(&registry->polls, &registration_kind, made);
        atomic_fetch_add(&registry->poll_changes, 1);
    }
}

static void retire_old(whi_registry *registry, const change *one, whi_registration *old, int64_t end) {
    registry->left_out -= old->left_out;
    take_off(registry, old, one->made);
    leave_polls(registry, old);
    whi_table_take(&registry->all, &registration_kind, whi_table_spread((uint64_t)one->id), &one->id);
    atomic_store(&old->ended, end);
    if (end != 0) {
        put_former(registry, old);
    } else {
        let_go(registry, old);
    }
}

/* The lock is held for writing. Takes over what the change has. */
static int replace(whi_registry *registry, change *one, int64_t first) {
    whi_registration *old = find(registry, one->id);
    int stays = is_to_stay(old, one, first);
    int64_t end = stays ? end_of(one) : 0;
    int code = prepare_change(registry, one, old, stays);

    if (code != WH_OK) {
        return code;
    }
    if (old != NULL) {
        retire_old(registry, one, old, end);
    }
    keep_former(registry, one);
    if (one->made != NULL) {
        whi_table_put(&registry->all, &registration_kind, one->made);
        enter_polls(registry, one->made);
        registry->left_out += one->made->left_out;
        count_kinds(registry, one->made, 1);
        one->made = NULL;
    } else {
        drop_former(registry, one->id, 0);
    }
    return WH_OK;
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
        } else { /* another may move to its slot */
            code = replace(registry, &(change){ .id = registration->subscription->id }, 0);
        }
    }
    pthread_rwlock_unlock(&registry->lock);
    registry->sweeping = code != WH_OK;
    return code;
}

static int feed(reading *self) {
    whi_store *store = self->registry->reader;

    self->after = self->registry->after;
    return store->vtable->subscription_changes(store, &self->after, take_change, self);
}

/* This process was away for so long that deletions were forgotten meanwhile: all is read anew. If that was
 * begun and not ended, it is once more: what was heard of then may have been deleted since. */
static int feed_anew(reading *self) {
    drop_reading(self);
    self->list = NULL;
    self->count = self->room = 0;
    self->registry->after = 0;
    self->registry->round++;
    self->registry->sweeping = 1;
    return feed(self);
}

/* What has been encrypted anew is no change: one looks. Those that changed as well are read already. */
static int try_left_out(reading *self) {
    whi_registry *registry = self->registry;
    whi_store *store = registry->reader;
    uint32_t left = registry->left_out > 0 ? registry->all.capacity : 0;
    int code = WH_OK;

    for (uint32_t i = 0; i < left && (code == WH_OK || code == WH_EKEY || code == WH_ENOTFOUND); i++) {
        const whi_registration *known = registry->all.slots[i];
        if (known != NULL && known->left_out) {
            code = store->vtable->subscription_get(store, known->subscription->id, 0, take_change, self);
        }
    }
    return code == WH_EKEY || code == WH_ENOTFOUND ? WH_OK : code;
}

/* After the feed: what came before a change that was read is seen here. */
static int read_first(reading *self) {
    whi_store *store = self->registry->reader;
    whi_store_work work = { 0 };
    int needed = self->count > 0 || self->registry->former != NULL;
    int code = needed ? store->vtable->work(store, &work) : WH_OK;

    self->first = work.first;
    return code;
}

static int apply(reading *self) {
    whi_registry *registry = self->registry;
    int code = WH_OK;

    pthread_rwlock_wrlock(&registry->lock);
    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        code = replace(registry, &self->list[i], self->first);
    }
    drop_former(registry, 0, self->first);
    pthread_rwlock_unlock(&registry->lock);
    return code;
}

static int read_and_apply(reading *self) {
    int code = self->registry->sweeping ? WH_ENOTFOUND : feed(self);

    code = code == WH_ENOTFOUND ? feed_anew(self) : code;
    code = code == WH_OK ? try_left_out(self) : code;
    code = code == WH_OK ? read_first(self) : code;
    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        code = self->list[i].made != NULL ? read_former(self, &self->list[i]) : WH_OK;
    }
    code = code == WH_OK ? apply(self) : code;
    if (code == WH_OK) {
        self->registry->after = self->after;
        atomic_store(&self->registry->place, self->after);
    }
    return code == WH_OK && self->registry->sweeping ? sweep(self->registry) : code;
}

/* The sync_lock is held. */
static int read_changes(whi_registry *registry) {
    long long news = atomic_load(&registry->news), doubts = atomic_load(&registry->doubts);
    reading self = { .registry = registry };
    int code = read_and_apply(&self);

    drop_reading(&self);
    atomic_store(&registry->behind, code != WH_OK);
    if (code == WH_OK) {
        atomic_store(&registry->read, news);
        atomic_store(&registry->sure, doubts);
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
    atomic_fetch_add(&registry->doubts, 1);
}

/* What was committed by this process, or could not be read. */
static int is_doubted(const whi_registry *registry) {
    return atomic_load_explicit(&registry->behind, memory_order_relaxed) ||
           atomic_load(&registry->doubts) != atomic_load(&registry->sure);
}

int whi_registry_is_behind(const whi_registry *registry) {
    return is_doubted(registry) || atomic_load(&registry->news) != atomic_load(&registry->read);
}

int64_t whi_registry_place(const whi_registry *registry) {
    return atomic_load(&registry->place);
}

/* A change that was committed is seen even if memory was short when it should have been read. */
static int catch_up(whi_registry *registry) {
    return whi_registry_is_behind(registry) ? whi_registry_sync(registry) : WH_OK;
}

/* ------------------------------------------------------------------------- finding */

struct finding {
    const whi_registry *registry;
    const whi_sought *sought;
    whi_registration **found;
    size_t count, capacity;
};

static int was_in_force(const whi_registration *registration, int64_t number) {
    int64_t ended = atomic_load_explicit(&registration->ended, memory_order_relaxed);

    return registration->since < number && (ended == 0 || number <= ended);
}

/* By the present state, whichever version decides. */
static int takes_events(const whi_registry *registry, const whi_registration *registration, int64_t accepted_at) {
    int has_ended = atomic_load_explicit(&registration->ended, memory_order_relaxed) != 0;
    const whi_registration *now = has_ended ? find(registry, registration->subscription->id) : registration;

    return now != NULL && whi_subscription_may_take(now->subscription) &&
           (now->subscription->expires_at == 0 || accepted_at < now->subscription->expires_at);
}

/* What the index by tenant and type does not know. */
static int wants(const struct finding *finding, const whi_registration *registration) {
    const whi_subscription *s = registration->subscription;

    return (finding->sought->only == 0 || finding->sought->only == s->id) &&
           was_in_force(registration, finding->sought->number) &&
           (s->source == NULL || strcmp(s->source, finding->sought->source) == 0) &&
           whi_poll_is_for(finding->sought->id, s->id, registration->hears) &&
           takes_events(finding->registry, registration, finding->sought->accepted_at);
}

static int keep(void *value, void *payload) {
    struct finding *finding = payload;
    whi_registration *registration = value;

    if (!wants(finding, registration)) {
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

int whi_registry_find(whi_registry *registry, const whi_sought *sought, whi_registration ***found, size_t *count) {
    struct finding finding = { registry, sought, NULL, 0, 0 };
    int code = catch_up(registry);

    *found = NULL;
    *count = 0;
    if (code != WH_OK) {
        return code;
    }
    pthread_rwlock_rdlock(&registry->lock);
    code = whi_match_find(registry->match, sought->tenant, sought->type, keep, &finding);
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

/* 1: the changes are read up to this one. Whoever is reading them now will have read more. */
static int has_read(whi_registry *registry, int64_t last) {
    int has = 0;

    if (pthread_mutex_trylock(&registry->sync_lock) == 0) {
        has = registry->after == last && !registry->sweeping;
        pthread_mutex_unlock(&registry->sync_lock);
    }
    return has;
}

static int is_enabled(void *value, void *payload) {
    const whi_registration *registration = value;
    (void)payload;

    return whi_subscription_may_take(registration->subscription);
}

int whi_registry_takes(whi_registry *registry, const char *tenant, const char *type, int64_t last) {
    int takes;

    if (!has_read(registry, last)) {
        return 1;
    }
    pthread_rwlock_rdlock(&registry->lock);
    takes = whi_match_find(registry->match, tenant, type, is_enabled, NULL) != 0;
    pthread_rwlock_unlock(&registry->lock);
    return takes;
}

whi_registration *whi_registry_get(whi_registry *registry, int64_t id) {
    whi_registration *found = NULL;

    /* What cannot be read now is as it was. No waiting: whoever walks through the store holds its lock,
     * which the thread that reads the changes may be waiting for. */
    if (is_doubted(registry) && pthread_mutex_trylock(&registry->sync_lock) == 0) {
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

/* Of one of the tables. */
static int walk(whi_registry *registry, const whi_table *table,
                int (*each)(whi_registration *registration, void *payload), void *payload) {
    int code = WH_OK;

    pthread_rwlock_rdlock(&registry->lock);
    for (uint32_t i = 0; i < table->capacity && code == WH_OK; i++) {
        if (table->slots[i] != NULL) {
            code = each(table->slots[i], payload);
        }
    }
    pthread_rwlock_unlock(&registry->lock);
    return code;
}

int whi_registry_polls(whi_registry *registry, int (*each)(whi_registration *registration, void *payload),
                       void *payload) {
    return walk(registry, &registry->polls, each, payload);
}

int whi_registry_walk(whi_registry *registry, int (*each)(whi_registration *registration, void *payload),
                      void *payload) {
    return walk(registry, &registry->all, each, payload);
}

int64_t whi_registry_poll_changes(whi_registry *registry) {
    (void)catch_up(registry);
    return atomic_load(&registry->poll_changes);
}

size_t whi_registry_count(whi_registry *registry) {
    size_t count;

    pthread_rwlock_rdlock(&registry->lock);
    count = registry->all.count;
    pthread_rwlock_unlock(&registry->lock);
    return count;
}

int whi_registry_left_out(whi_registry *registry, char *why) {
    int count;

    pthread_mutex_lock(&registry->sync_lock); /* of what is said of the last one */
    count = registry->left_out;
    if (why != NULL) {
        memcpy(why, registry->why, sizeof registry->why);
    }
    pthread_mutex_unlock(&registry->sync_lock);
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
