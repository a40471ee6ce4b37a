/* Tests: test_fetch. */
#include "work/unfetched.h"

#include "base/error.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "engine/row_copy.h"
#include "pure/delivery.h"

typedef struct ending {
    wh_engine *engine;
    int64_t before, subscription; /* the first that has any; 0: none */
    whi_row_copy *list;
    int count, limit;
} ending;

static int is_fetched(wh_engine *engine, int64_t subscription) {
    whi_registration *registration = whi_registry_get(engine->registry, subscription);
    int is = registration != NULL && whi_subscription_is_fetched(registration->subscription);

    whi_registration_unref(registration);
    return is;
}

#define FOUND 1 /* ends the store's walk; errors are negative */

/* One subscription in a transaction; the others have theirs in the next ones. */
static int find(int64_t subscription, int64_t due, void *payload) {
    ending *self = payload;

    if (due >= self->before || !is_fetched(self->engine, subscription)) {
        return WH_OK;
    }
    self->subscription = subscription;
    return FOUND;
}

static int take(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    ending *self = payload;
    whi_delivery_row changed = *row;

    (void)event;
    changed.state = WHI_EXHAUSTED;
    changed.due = 0;
    changed.updated_at = whi_now(self->engine);
    changed.error = "nobody has fetched it in time";
    return whi_row_copy_take(&self->list[self->count++], &changed);
}

static int nobody(int64_t event, void *payload) {
    (void)event;
    (void)payload;
    return 0;
}

static int end_those(ending *self, whi_store *store) {
    const whi_store_waiting asked = { .subscription = self->subscription,
                                      .now = self->before - 1,
                                      .limit = self->limit,
                                      .known = nobody,
                                      .each = take,
                                      .payload = self };
    int64_t next;
    int code = store->vtable->waiting(store, &asked, &next);

    for (int i = 0; code == WH_OK && i < self->count; i++) {
        code = whi_row_copy_write(store, &self->list[i]);
    }
    return code == WH_OK ? whi_store_flush(store) : code; /* the texts are ours until then */
}

int whi_unfetched_end(wh_engine *engine, whi_store *store, int64_t before, int limit, int *count) {
    ending self = { .engine = engine, .before = before, .limit = limit };
    int code = store->vtable->lanes(store, find, &self);

    *count = 0;
    if (code != FOUND) {
        return code;
    }
    self.list = whi_calloc((size_t)limit, sizeof *self.list);
    code = self.list != NULL ? end_those(&self, store) : whi_fail_memory();
    for (int i = 0; i < self.count; i++) {
        whi_row_copy_free(&self.list[i]);
    }
    whi_free(self.list);
    *count = self.count;
    return code;
}
