/* Tests: test_engine_poll, test_engine_poll_faults. */
#include "work/poll_entries.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

typedef whi_poll_entry entry;
typedef whi_poll_tenant tenant;

static void free_entry(entry *self) {
    for (size_t i = 0; i < self->count; i++) {
        whi_registration_unref(self->list[i]);
    }
    whi_poll_same_unref(self->same);
    whi_free(self->list);
    whi_free(self);
}

typedef struct polled {
    int64_t id;
    whi_registration *registration;
} polled;

typedef struct gathering {
    polled *list;
    size_t count, room;
} gathering;

static int add(gathering *self, int64_t id, whi_registration *registration) {
    if (self->count == self->room) {
        size_t room = self->room > 0 ? self->room * 2 : 64;
        polled *list = whi_realloc(self->list, room * sizeof *list);
        if (list == NULL) {
            return WH_ENOMEM;
        }
        self->list = list;
        self->room = room;
    }
    atomic_fetch_add(&registration->refs, 1);
    self->list[self->count++] = (polled){ id, registration };
    return WH_OK;
}

static int gather(whi_registration *registration, void *payload) {
    int code = add(payload, registration->poll, registration);

    return code == WH_OK && registration->subscription->poll_history
               ? add(payload, registration->subscription->id, registration)
               : code;
}

static int compare(const void *a, const void *b) {
    const polled *one = a, *other = b;

    if (one->id != other->id) {
        return one->id < other->id ? -1 : 1;
    }
    return one->registration->subscription->id < other->registration->subscription->id ? -1 : 1;
}

/* now: what has just come is due, and not before what has waited. */
static entry *make_entry(const polled *list, size_t count, int64_t now) {
    entry *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->id = list[0].id;
    made->due = now;
    made->list = whi_alloc(count * sizeof *made->list);
    if (made->list == NULL) {
        whi_free(made);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&list[i].registration->refs, 1);
        made->list[i] = list[i].registration;
    }
    made->count = count;
    return made;
}

entry *whi_poll_entry_find(const whi_poll_entries *self, int64_t id) {
    size_t from = 0, to = self->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (self->list[middle]->id == id) {
            return self->list[middle];
        }
        if (self->list[middle]->id < id) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

/* Who reads has the former entry, which goes when that is done. */
static void inherit(const whi_poll_entries *self, entry *made) {
    entry *former = whi_poll_entry_find(self, made->id);

    if (former != NULL) {
        made->due = former->due < made->due ? former->due : made->due;
        made->read = former->read;
        made->blocked = former->blocked;
        made->joins = former->joins;
        made->again = former->again;
        memcpy(made->trouble, former->trouble, sizeof made->trouble);
        made->same = former->same;
        former->same = NULL;
    }
}

const char *whi_poll_tenant_of(const entry *self) {
    return self->list[0]->subscription->tenant;
}

static int compare_tenants(const void *a, const void *b) {
    return strcmp(((const tenant *)a)->name, ((const tenant *)b)->name);
}

tenant *whi_poll_tenant_find(const whi_poll_entries *self, const char *name) {
    tenant key = { .name = name };

    return self->tenant_count > 0
               ? bsearch(&key, self->tenants, self->tenant_count, sizeof *self->tenants, compare_tenants)
               : NULL;
}

/* The tenants of these entries, each once, in order; NULL: no memory. */
static tenant *list_tenants(entry *const *entries, size_t count, size_t *out) {
    tenant *list = whi_calloc(count + 1, sizeof *list);
    size_t kept = 0;

    for (size_t i = 0; list != NULL && i < count; i++) {
        list[i].name = whi_poll_tenant_of(entries[i]);
    }
    if (list != NULL && count > 0) {
        qsort(list, count, sizeof *list, compare_tenants);
    }
    for (size_t i = 0; list != NULL && i < count; i++) {
        if (i == 0 || strcmp(list[i].name, list[kept - 1].name) != 0) {
            list[kept++] = list[i];
        }
    }
    *out = kept;
    return list;
}

static void inherit_tenants(const whi_poll_entries *self, tenant *list, size_t count) {
    for (size_t i = 0; i < count; i++) {
        const tenant *former = whi_poll_tenant_find(self, list[i].name);
        list[i].served = former != NULL ? former->served : 0;
    }
}

static void free_entries(entry **entries, size_t count) {
    for (size_t i = 0; entries != NULL && i < count; i++) {
        free_entry(entries[i]);
    }
    whi_free(entries);
}

/* NULL: no memory. */
static entry **make_entries(const gathering *all, int64_t now, size_t *out) {
    entry **entries = whi_alloc((all->count + 1) * sizeof *entries);
    size_t count = 0, first = 0;

    for (size_t i = 0; entries != NULL && i < all->count; i++) {
        if (i + 1 == all->count || all->list[i + 1].id != all->list[i].id) {
            entries[count] = make_entry(&all->list[first], i + 1 - first, now);
            if (entries[count] == NULL) {
                free_entries(entries, count);
                return NULL;
            }
            count++;
            first = i + 1;
        }
    }
    *out = count;
    return entries;
}

void whi_poll_entries_free(whi_poll_entries *self) {
    free_entries(self->list, self->count);
    whi_free(self->tenants);
    *self = (whi_poll_entries){ 0 };
}

static int group(whi_poll_entries *self, const gathering *all, int64_t now) {
    whi_poll_entries made = { 0 };

    made.list = make_entries(all, now, &made.count);
    made.tenants = made.list != NULL ? list_tenants(made.list, made.count, &made.tenant_count) : NULL;
    if (made.tenants == NULL) {
        free_entries(made.list, made.count);
        return WH_ENOMEM;
    }
    for (size_t i = 0; i < made.count; i++) {
        inherit(self, made.list[i]);
        made.list[i]->tenant = (size_t)(whi_poll_tenant_find(&made, whi_poll_tenant_of(made.list[i])) - made.tenants);
    }
    inherit_tenants(self, made.tenants, made.tenant_count);
    whi_poll_entries_free(self);
    *self = made;
    return WH_OK;
}

int whi_poll_entries_read(whi_poll_entries *self, whi_registry *registry, int64_t now) {
    gathering all = { 0 };
    int code = whi_registry_polls(registry, gather, &all);

    if (code == WH_OK) {
        if (all.count > 0) {
            qsort(all.list, all.count, sizeof *all.list, compare);
        }
        code = group(self, &all, now);
    }
    for (size_t i = 0; i < all.count; i++) {
        whi_registration_unref(all.list[i].registration);
    }
    whi_free(all.list);
    return code;
}
