/* Tests: test_engine, test_cancel. */
#include "calls/delivery_change.h"

#include "base/error.h"
#include "base/mem.h"
#include "calls/twin.h"

static void drop_found(whi_delivery_change *self) {
    for (size_t i = 0; i < self->found_count; i++) {
        whi_row_copy_free(&self->found[i]);
    }
    self->found_count = 0;
}

static int change_one(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    whi_delivery_change *self = payload;
    whi_delivery_row to = *row;
    int code = WH_OK;

    (void)event;
    if (!self->decide(self, row, &to, &code)) {
        return self->strict ? code : WH_OK;
    }
    to.updated_at = self->now;
    self->page++;
    return whi_row_copy_take(&self->found[self->found_count++], &to);
}

/* All are looked at first, and then all are written: two lists, however many they are. */
static int look_at(whi_delivery_change *self, whi_store *store, const whi_delivery_place *one) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY_NOW, &self->looked, &fact);

    if (code == WH_OK) {
        fact->of.look.event = one->event;
        fact->of.look.subscription = one->subscription;
        fact->of.look.each_delivery = change_one;
        fact->of.look.payload = self;
    }
    return code;
}

static int look_at_all(whi_delivery_change *self, whi_store *store) {
    int code = WH_OK;

    for (size_t i = 0; i < self->name_count && code == WH_OK; i++) {
        code = look_at(self, store, &self->names[i]);
    }
    code = code == WH_OK ? whi_store_flush(store) : code;
    return code == WH_OK && self->strict ? self->looked.code : code; /* else: purged meanwhile */
}

static int follow_all(whi_delivery_change *self, whi_store *store) {
    int code = whi_store_flush(store);

    for (size_t i = 0; i < self->found_count && code == WH_OK; i++) {
        code = self->follow(self, store, &self->found[i].row);
    }
    return code;
}

static int run_change(whi_job *job, whi_store *store) {
    whi_delivery_change *self = (whi_delivery_change *)job;
    int code;

    drop_found(self);
    self->page = 0;
    self->now = whi_now(self->engine); /* not before the lock was waited for: what is due by then is on its way */
    code = look_at_all(self, store);
    for (size_t i = 0; i < self->found_count && code == WH_OK; i++) {
        code = whi_row_copy_write(store, &self->found[i]);
    }
    return code == WH_OK && self->follow != NULL ? follow_all(self, store) : code;
}

static int commit(whi_delivery_change *self) {
    int code;

    self->job.run = run_change;
    self->job.rows = (int)self->name_count * 2;
    self->found = whi_calloc(self->name_count, sizeof *self->found);
    code = self->found != NULL ? whi_writer_run(self->engine->writer, &self->job) : whi_fail_memory();
    drop_found(self);
    whi_free(self->found);
    self->count += code == WH_OK ? self->page : 0;
    return code;
}

int whi_delivery_change_one(whi_delivery_change *self, whi_delivery_place name) {
    self->names = &name;
    self->name_count = 1;
    self->strict = 1;
    return commit(self);
}

static int collect(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    whi_delivery_change *self = payload;

    (void)event;
    if (self->name_count < WHI_CHANGE_ROWS) {
        self->names[self->name_count++] = (whi_delivery_place){ row->event, row->subscription };
    }
    return 0;
}

static int next_page(whi_delivery_change *self, whi_store_query *rows, whi_delivery_fn each, int *more) {
    whi_store *store = self->engine->store;
    whi_store_place place = { 0 };
    int code = store->vtable->delivery_list(store, rows, each, self, &place);

    rows->before_event = place.event;
    rows->before_subscription = place.subscription;
    *more = place.more;
    return code;
}

/* Page by page: what was changed is no longer in the state that is asked for, and the pages go on below it. */
static int change_pages(whi_delivery_change *self, whi_store_query *rows) {
    int more = 1, code = WH_OK;

    while (code == WH_OK && more) {
        self->name_count = 0;
        code = next_page(self, rows, collect, &more);
        code = code == WH_OK && self->name_count > 0 ? commit(self) : code;
    }
    return code;
}

/* Of a subscription that has a twin those of both, one after the other: their keys and orders are their own. */
static int of_both(whi_delivery_change *self, const whi_store_query *rows,
                   int (*walk)(whi_delivery_change *self, whi_store_query *rows)) {
    whi_store_query asked = *rows;
    int64_t twin = whi_twin_of(self->engine, rows->subscription);
    int code;

    asked.limit = WHI_CHANGE_ROWS;
    code = walk(self, &asked);
    if (code != WH_OK || twin == 0) {
        return code;
    }
    asked = *rows;
    asked.limit = WHI_CHANGE_ROWS;
    asked.subscription = twin;
    return walk(self, &asked);
}

int whi_delivery_change_all(whi_delivery_change *self, const whi_store_query *rows) {
    int code;

    self->names = whi_calloc(WHI_CHANGE_ROWS, sizeof *self->names);
    code = self->names != NULL ? of_both(self, rows, change_pages) : whi_fail_memory();
    whi_free(self->names);
    return code;
}

static int count_one(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    whi_delivery_change *self = payload;
    whi_delivery_row to = *row;
    int code;

    (void)event;
    self->count += self->decide(self, row, &to, &code);
    return 0;
}

static int count_pages(whi_delivery_change *self, whi_store_query *rows) {
    int more = 1, code = WH_OK;

    while (code == WH_OK && more) {
        code = next_page(self, rows, count_one, &more);
    }
    return code;
}

int whi_delivery_change_count(whi_delivery_change *self, const whi_store_query *rows) {
    self->now = whi_now(self->engine);
    return of_both(self, rows, count_pages);
}
