/* Tests: test_twin. */
#include "calls/deliveries.h"

#include "base/error.h"
#include "base/mem.h"

typedef struct key {
    int64_t event, subscription;
} key;

/* One of the two, newest first. */
typedef struct keys {
    key *list;
    int64_t count, next;
    whi_store_place place; /* as far as it was looked at */
} keys;

static int take_key(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    keys *self = payload;

    (void)event;
    self->list[self->count++] = (key){ row->event, row->subscription };
    return WH_OK;
}

static int read_keys(whi_store *store, const whi_store_query *query, int64_t subscription, keys *out) {
    whi_store_query asked = *query;

    asked.subscription = subscription;
    out->list = whi_alloc((size_t)query->limit * sizeof *out->list);
    return out->list != NULL ? store->vtable->delivery_list(store, &asked, take_key, out, &out->place)
                             : whi_fail_memory();
}

static int is_newer(key a, key b) {
    return a.event != b.event ? a.event > b.event : a.subscription > b.subscription;
}

/* The list that has the next one; NULL: neither. */
static keys *newest_of(keys *a, keys *b) {
    if (a->next == a->count || b->next == b->count) {
        return a->next < a->count ? a : b->next < b->count ? b : NULL;
    }
    return is_newer(a->list[a->next], b->list[b->next]) ? a : b;
}

/* Below where a list was given up it may have more, which goes before what the other has there. */
static int is_beyond(const keys *self, key one) {
    return self->place.more && is_newer((key){ self->place.event, self->place.subscription }, one);
}

static key stop_of(const keys *a, const keys *b) {
    key first = { a->place.event, a->place.subscription }, other = { b->place.event, b->place.subscription };

    if (!a->place.more || !b->place.more) {
        return a->place.more ? first : other;
    }
    return is_newer(first, other) ? first : other;
}

static int give(whi_store *store, key one, whi_delivery_fn each, void *payload) {
    int code = store->vtable->delivery_get(store, one.event, one.subscription, each, payload);

    return code == WH_ENOTFOUND ? WH_OK : code; /* purged meanwhile */
}

/* At most limit of them. */
static int give_merged(whi_store *store, keys *a, keys *b, int64_t limit, whi_delivery_fn each, void *payload,
                       whi_store_place *place) {
    key stop = stop_of(a, b);
    int code = WH_OK;

    *place = (whi_store_place){ stop.event, stop.subscription, a->place.more || b->place.more };
    for (keys *from = newest_of(a, b); from != NULL && code == WH_OK; from = newest_of(a, b)) {
        key one = from->list[from->next];
        if (is_beyond(a, one) || is_beyond(b, one)) {
            break;
        }
        if (limit-- == 0) {
            place->more = 1;
            return WH_OK;
        }
        from->next++;
        code = give(store, one, each, payload);
        if (limit == 0) {
            *place = (whi_store_place){ one.event, one.subscription, place->more };
        }
    }
    return code;
}

int whi_deliveries_list(whi_store *store, const whi_store_query *query, int64_t twin, whi_delivery_fn each,
                        void *payload, whi_store_place *place) {
    keys first = { 0 }, other = { 0 };
    int code;

    if (twin == 0) {
        return store->vtable->delivery_list(store, query, each, payload, place);
    }
    code = read_keys(store, query, query->subscription, &first);
    code = code == WH_OK ? read_keys(store, query, twin, &other) : code;
    code = code == WH_OK ? give_merged(store, &first, &other, query->limit, each, payload, place) : code;
    whi_free(first.list);
    whi_free(other.list);
    return code;
}
