/* Replay: a delivery goes back to the start of its retry list and is due at once. Its
 * bytes stay those that its version made. Tests: test_engine. */
#include "base/error.h"
#include "base/mem.h"
#include "calls/query.h"
#include "engine/context.h"
#include "engine/inbox.h"
#include "engine/row_copy.h"
#include "engine/writer.h"
#include "pure/delivery.h"

#include <stdlib.h>
#include <string.h>

#define REPLAY_ROWS 500 /* deliveries reopened in one transaction */

typedef struct key {
    int64_t event, subscription;
} key;

typedef struct replay {
    whi_job job;
    wh_engine *engine;
    key *keys;
    size_t count, capacity;
    whi_row_copy *found; /* of as many keys as there were, in the order of those that are there */
    size_t found_count;
    whi_answer looked; /* of the last one */
    int64_t now, reopened;
    int state;  /* that they were found in, 0: any: one that was delivered since stays so */
    int strict; /* 1: one that cannot be replayed is an error */
} replay;

static void drop_found(replay *self) {
    for (size_t i = 0; i < self->found_count; i++) {
        whi_row_copy_free(&self->found[i]);
    }
    self->found_count = 0;
}

/* Whether it goes back, and which state it has then. */
static int is_replayed(const replay *self, const whi_delivery_row *row, int *state, int *code) {
    *code = whi_delivery_next(row->state, WHI_REPLAY, state);
    if (self->state != 0 && row->state != self->state) {
        *code = WH_OK;
        return 0;
    }
    if (!self->strict && row->state == WHI_WAITING && row->due <= self->now) {
        *code = WH_OK;
        return 0; /* of many: it is on its way, or will be at once, and is not sent twice for that */
    }
    return *code == WH_OK;
}

static int reopen(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    replay *self = payload;
    whi_delivery_row changed = *row;
    int code;

    (void)event;
    if (!is_replayed(self, row, &changed.state, &code)) {
        return self->strict ? code : WH_OK;
    }
    if (row->state == WHI_HELD) {
        changed.version = 0; /* its bytes are still to be made */
    }
    changed.tries = 0;
    changed.due = self->now;
    changed.updated_at = self->now;
    self->reopened++;
    return whi_row_copy_take(&self->found[self->found_count++], &changed);
}

/* All are looked at first, and then all are written: two lists, however many they are. */
static int look_at(replay *self, whi_store *store, const key *one) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY_NOW, &self->looked, &fact);

    if (code == WH_OK) {
        fact->of.look.event = one->event;
        fact->of.look.subscription = one->subscription;
        fact->of.look.each_delivery = reopen;
        fact->of.look.payload = self;
    }
    return code;
}

static int look_at_all(replay *self, whi_store *store) {
    int code = WH_OK;

    for (size_t i = 0; i < self->count && code == WH_OK; i++) {
        code = look_at(self, store, &self->keys[i]);
    }
    code = code == WH_OK ? whi_store_flush(store) : code;
    return code == WH_OK && self->strict ? self->looked.code : code; /* else: purged meanwhile */
}

static int run_replay(whi_job *job, whi_store *store) {
    replay *self = (replay *)job;
    int code;

    drop_found(self);
    self->reopened = 0;
    self->now = whi_now(self->engine); /* not before the lock was waited for: what is due by then is on its way */
    code = look_at_all(self, store);
    for (size_t i = 0; i < self->found_count && code == WH_OK; i++) {
        code = whi_row_copy_write(store, &self->found[i]);
    }
    return code;
}

static int commit(replay *self) {
    int code;

    self->job.run = run_replay;
    self->job.rows = (int)self->count * 2;
    self->found = whi_calloc(self->count, sizeof *self->found);
    code = self->found != NULL ? whi_writer_run(self->engine->writer, &self->job) : whi_fail_memory();
    drop_found(self);
    whi_free(self->found);
    return code;
}

int wh_replay(wh_engine *engine, const char *delivery) {
    replay self = { 0 };
    key one;
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    code = whi_delivery_key(delivery, &one.event, &one.subscription);
    if (code != WH_OK) {
        return code;
    }
    self.engine = engine;
    self.keys = &one;
    self.count = 1;
    self.strict = 1;
    code = commit(&self);
    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, "delivery", "no such delivery");
    }
    whi_inbox_give_due(engine, one.subscription, whi_now(engine));
    return code;
}

static int collect(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    replay *self = payload;

    (void)event;
    if (self->count < self->capacity) {
        self->keys[self->count].event = row->event;
        self->keys[self->count++].subscription = row->subscription;
    }
    return 0;
}

/* Page by page: what was reopened is no longer in the state that is asked for, and
 * the pages go on below it. */
static int replay_pages(replay *self, whi_store_query *rows, int64_t *count) {
    whi_store *store = self->engine->store;
    whi_store_place place = { 0 };
    int code;

    do {
        self->count = 0;
        memset(&place, 0, sizeof place);
        code = store->vtable->delivery_list(store, rows, collect, self, &place);
        code = code == WH_OK && self->count > 0 ? commit(self) : code;
        if (code != WH_OK) {
            return code;
        }
        *count += self->count > 0 ? self->reopened : 0;
        rows->before_event = place.event;
        rows->before_subscription = place.subscription;
    } while (place.more);
    return WH_OK;
}

/* What the query names; without a state what was given up. */
static int read_query(wh_engine *engine, const wh_query *given, whi_store_query *rows) {
    wh_query query;
    int code = whi_engine_check(engine);

    code = code == WH_OK ? whi_query_take(&query, given) : code;
    code = code == WH_OK ? whi_query_read(engine, &query, rows) : code;
    if (code != WH_OK) {
        return code;
    }
    rows->state = WHI_EXHAUSTED;
    rows->limit = REPLAY_ROWS;
    return query.state != NULL ? whi_delivery_state(query.state, &rows->state) : WH_OK;
}

int wh_replay_query(wh_engine *engine, const wh_query *given, int64_t *count) {
    replay self = { .engine = engine, .capacity = REPLAY_ROWS };
    whi_store_query rows;
    int64_t done = 0;
    int code = read_query(engine, given, &rows);

    if (code != WH_OK) {
        return code;
    }
    self.state = rows.state;
    self.keys = whi_calloc(REPLAY_ROWS, sizeof *self.keys);
    code = self.keys != NULL ? replay_pages(&self, &rows, &done) : whi_fail_memory();
    whi_free(self.keys);
    if (count != NULL) {
        *count = done;
    }
    whi_stir(engine);
    return code;
}

static int count_one(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    replay *self = payload;
    int state, code;

    (void)event;
    self->reopened += is_replayed(self, row, &state, &code);
    return 0;
}

int wh_replay_count(wh_engine *engine, const wh_query *given, int64_t *count) {
    replay self = { .engine = engine };
    whi_store_place place = { 0 };
    whi_store_query rows;
    int code = read_query(engine, given, &rows);

    if (code == WH_OK && count == NULL) {
        code = whi_fail_field(WH_EINVALID, "count", "expected one, found NULL");
    }
    if (code != WH_OK) {
        return code;
    }
    self.state = rows.state;
    self.now = whi_now(engine);
    do {
        memset(&place, 0, sizeof place);
        code = engine->store->vtable->delivery_list(engine->store, &rows, count_one, &self, &place);
        rows.before_event = place.event;
        rows.before_subscription = place.subscription;
    } while (code == WH_OK && place.more);
    *count = self.reopened;
    return code;
}
