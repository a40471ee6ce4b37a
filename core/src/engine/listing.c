#include "engine/listing.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"

#define RUN_MAXIMUM 512

/* Neighbours in the order. */
typedef struct run {
    int64_t *ids;
    size_t count, capacity;
} run;

typedef struct series {
    run *runs; /* none of them empty */
    size_t run_count, run_capacity;
    size_t count; /* of ids */
} series;

/* A tenant's, in a chain of its bucket. */
typedef struct group {
    struct group *next;
    uint64_t hash;
    series series;
    char tenant[];
} group;

struct whi_listing {
    series all;
    group **buckets;
    size_t bucket_count, group_count;
};

/* ------------------------------------------------------------------------- series */

/* The run that has the id, or would: the last one that begins at or below it. */
static size_t run_of(const series *self, int64_t id) {
    size_t low = 0, high = self->run_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (self->runs[middle].ids[0] <= id) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* The first place in the run whose id is not below. */
static size_t place_in(const run *self, int64_t id) {
    size_t low = 0, high = self->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->ids[middle] < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int grow_run(run *self) {
    size_t capacity = self->capacity ? self->capacity * 2 : 4;
    int64_t *ids = whi_realloc(self->ids, capacity * sizeof *ids);

    if (ids == NULL) {
        return whi_fail_memory();
    }
    self->ids = ids;
    self->capacity = capacity;
    return WH_OK;
}

/* Opens a gap for a run, which is left without ids. */
static int insert_run(series *self, size_t at) {
    if (self->run_count == self->run_capacity) {
        size_t capacity = self->run_capacity ? self->run_capacity * 2 : 1;
        run *runs = whi_realloc(self->runs, capacity * sizeof *runs);
        if (runs == NULL) {
            return whi_fail_memory();
        }
        self->runs = runs;
        self->run_capacity = capacity;
    }
    memmove(&self->runs[at + 1], &self->runs[at], (self->run_count - at) * sizeof *self->runs);
    memset(&self->runs[at], 0, sizeof self->runs[at]);
    self->run_count++;
    return WH_OK;
}

static void remove_run(series *self, size_t at) {
    whi_free(self->runs[at].ids);
    self->run_count--;
    memmove(&self->runs[at], &self->runs[at + 1], (self->run_count - at) * sizeof *self->runs);
}

/* Moves what is behind `keep` of a full run into a new one behind it. Ids mostly grow: a last
 * run that is full keeps all, so that runs are full and not half so. */
static int split(series *self, size_t at, size_t keep) {
    int code = insert_run(self, at + 1);
    run *from = &self->runs[at], *to = &self->runs[at + 1];

    if (code != WH_OK) {
        return code;
    }
    to->ids = whi_alloc(RUN_MAXIMUM * sizeof *to->ids);
    if (to->ids == NULL) {
        remove_run(self, at + 1);
        return whi_fail_memory();
    }
    to->capacity = RUN_MAXIMUM;
    to->count = from->count - keep;
    memcpy(to->ids, from->ids + keep, to->count * sizeof *to->ids);
    from->count = keep;
    return WH_OK;
}

static int series_add(series *self, int64_t id, int *added) {
    size_t at, place;
    run *into;
    int code = self->run_count > 0 ? WH_OK : insert_run(self, 0);

    *added = 0;
    if (code != WH_OK) {
        return code;
    }
    at = run_of(self, id);
    into = &self->runs[at];
    place = place_in(into, id);
    if (place < into->count && into->ids[place] == id) {
        return WH_OK;
    }
    if (into->count == RUN_MAXIMUM) {
        size_t keep = at + 1 == self->run_count && place == RUN_MAXIMUM ? RUN_MAXIMUM - 1 : RUN_MAXIMUM / 2;
        code = split(self, at, keep);
        if (code != WH_OK) {
            return code;
        }
        into = &self->runs[at + (place > keep)];
        place -= place > keep ? keep : 0;
    } else if (into->count == into->capacity) {
        code = grow_run(into);
        if (code != WH_OK) {
            if (into->count == 0) {
                remove_run(self, at);
            }
            return code;
        }
    }
    memmove(&into->ids[place + 1], &into->ids[place], (into->count - place) * sizeof *into->ids);
    into->ids[place] = id;
    into->count++;
    self->count++;
    *added = 1;
    return WH_OK;
}

static void series_remove(series *self, int64_t id) {
    size_t at, place;
    run *from;

    if (self->run_count == 0) {
        return;
    }
    at = run_of(self, id);
    from = &self->runs[at];
    place = place_in(from, id);
    if (place == from->count || from->ids[place] != id) {
        return;
    }
    from->count--;
    self->count--;
    memmove(&from->ids[place], &from->ids[place + 1], (from->count - place) * sizeof *from->ids);
    if (from->count == 0) {
        remove_run(self, at);
    }
}

static void series_free(series *self) {
    while (self->run_count > 0) {
        remove_run(self, self->run_count - 1);
    }
    whi_free(self->runs);
}

/* Upwards from (at, place). */
static size_t walk_up(const series *self, size_t at, size_t place, const whi_page *page, int64_t *ids) {
    size_t skip = page->skip, count = 0;

    for (; at < self->run_count && count < page->limit; at++, place = 0) {
        const run *now = &self->runs[at];
        size_t step = now->count - place < skip ? now->count - place : skip;
        skip -= step;
        for (place += step; place < now->count && count < page->limit; place++) {
            ids[count++] = now->ids[place];
        }
    }
    return count;
}

/* Downwards, from below (at, place). */
static size_t walk_down(const series *self, size_t at, size_t place, const whi_page *page, int64_t *ids) {
    size_t skip = page->skip, count = 0;

    for (;; place = self->runs[at].count) {
        const run *now = &self->runs[at];
        size_t step = place < skip ? place : skip;
        skip -= step;
        for (place -= step; place > 0 && count < page->limit; place--) {
            ids[count++] = now->ids[place - 1];
        }
        if (at-- == 0 || count == page->limit) {
            return count;
        }
    }
}

static size_t series_page(const series *self, const whi_page *page, int64_t *ids) {
    int64_t bound = page->from;
    size_t at;

    if (self->count == 0 || page->limit == 0) {
        return 0;
    }
    if (page->descending) {
        bound = bound > 0 ? bound : INT64_MAX;
        at = run_of(self, bound);
        return walk_down(self, at, place_in(&self->runs[at], bound), page, ids);
    }
    bound = bound < INT64_MAX ? bound + 1 : bound;
    at = run_of(self, bound);
    return walk_up(self, at, place_in(&self->runs[at], bound), page, ids);
}

/* ------------------------------------------------------------------------ tenants */

static uint64_t hash(const char *tenant) {
    return whi_hash(WHI_HASH_BEGIN, tenant, strlen(tenant));
}

static group **link_of(const whi_listing *listing, const char *tenant, uint64_t key) {
    group **link = &listing->buckets[(key ^ key >> 32) & (listing->bucket_count - 1)];

    while (*link != NULL && ((*link)->hash != key || strcmp((*link)->tenant, tenant) != 0)) {
        link = &(*link)->next;
    }
    return link;
}

static int grow(whi_listing *listing) {
    whi_listing wider = *listing;

    wider.bucket_count = listing->bucket_count ? listing->bucket_count * 2 : 16;
    wider.buckets = whi_calloc(wider.bucket_count, sizeof(group *));
    if (wider.buckets == NULL) {
        return whi_fail_memory();
    }
    for (size_t i = 0; i < listing->bucket_count; i++) {
        for (group *next, *moved = listing->buckets[i]; moved != NULL; moved = next) {
            group **link = &wider.buckets[(moved->hash ^ moved->hash >> 32) & (wider.bucket_count - 1)];
            next = moved->next;
            moved->next = *link;
            *link = moved;
        }
    }
    whi_free(listing->buckets);
    *listing = wider;
    return WH_OK;
}

static group *new_group(whi_listing *listing, const char *tenant) {
    size_t size = strlen(tenant) + 1;
    group *made;

    if (listing->group_count == listing->bucket_count && grow(listing) != WH_OK) {
        return NULL;
    }
    made = whi_calloc(1, sizeof *made + size);
    if (made == NULL) {
        return NULL;
    }
    made->hash = hash(tenant);
    memcpy(made->tenant, tenant, size);
    *link_of(listing, tenant, made->hash) = made;
    listing->group_count++;
    return made;
}

static group *find(const whi_listing *listing, const char *tenant) {
    return listing->bucket_count > 0 ? *link_of(listing, tenant, hash(tenant)) : NULL;
}

static void drop_if_empty(whi_listing *listing, const char *tenant) {
    group **link = link_of(listing, tenant, hash(tenant));
    group *gone = *link;

    if (gone->series.count == 0) {
        *link = gone->next;
        listing->group_count--;
        series_free(&gone->series);
        whi_free(gone);
    }
}

/* ------------------------------------------------------------------------- public */

int whi_listing_new(whi_listing **out) {
    *out = whi_calloc(1, sizeof **out);
    return *out != NULL ? WH_OK : whi_fail_memory();
}

void whi_listing_free(whi_listing *listing) {
    if (listing == NULL) {
        return;
    }
    for (size_t i = 0; i < listing->bucket_count; i++) {
        for (group *next, *gone = listing->buckets[i]; gone != NULL; gone = next) {
            next = gone->next;
            series_free(&gone->series);
            whi_free(gone);
        }
    }
    whi_free(listing->buckets);
    series_free(&listing->all);
    whi_free(listing);
}

int whi_listing_add(whi_listing *listing, const char *tenant, int64_t id) {
    group *into = find(listing, tenant);
    int added = 0, code;

    into = into != NULL ? into : new_group(listing, tenant);
    if (into == NULL) {
        return whi_fail_memory();
    }
    code = series_add(&into->series, id, &added);
    if (code == WH_OK) {
        int new_to_all;
        code = series_add(&listing->all, id, &new_to_all);
        if (code != WH_OK && added) {
            series_remove(&into->series, id);
        }
    }
    drop_if_empty(listing, tenant);
    return code;
}

void whi_listing_leave(whi_listing *listing, const char *tenant, int64_t id) {
    group *from = find(listing, tenant);

    if (from != NULL) {
        series_remove(&from->series, id);
        drop_if_empty(listing, tenant);
    }
}

void whi_listing_remove(whi_listing *listing, const char *tenant, int64_t id) {
    whi_listing_leave(listing, tenant, id);
    series_remove(&listing->all, id);
}

static const series *series_of(const whi_listing *listing, const char *tenant) {
    const group *found = tenant != NULL ? find(listing, tenant) : NULL;

    return tenant == NULL ? &listing->all : found != NULL ? &found->series : NULL;
}

size_t whi_listing_page(const whi_listing *listing, const char *tenant, const whi_page *page, int64_t *ids) {
    const series *from = series_of(listing, tenant);

    return from != NULL ? series_page(from, page, ids) : 0;
}

size_t whi_listing_count(const whi_listing *listing, const char *tenant) {
    const series *from = series_of(listing, tenant);

    return from != NULL ? from->count : 0;
}
