/* Tests: test_store, test_store_purge. */
#include "outside/store_sqlite.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"

#define PURGE_WIDE 512  /* deliveries that go in one step */
#define PURGE_LOOK 4096 /* and that are looked at: everybody who writes waits for it */

/* ------------------------------------------------------------ subscriptions */

/* When it is, in both counts: of changes alone, and of events and changes. */
typedef struct moment {
    int64_t change, number;
} moment;

static int subscription_write(whi_sqlite *store, const whi_subscription_row *row, const moment *now,
                              enum whi_sql which) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int64(statement, 3, row->version);
    sqlite3_bind_text64(statement, 5, row->document, row->document_size, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_int64(statement, 7, now->number);
    if (which != WHI_SQL_VERSION_PUT) {
        sqlite3_bind_text(statement, 2, row->tenant ? row->tenant : "", -1, SQLITE_STATIC);
        sqlite3_bind_int64(statement, 4, row->status);
        sqlite3_bind_int64(statement, 6, now->change);
    }
    return whi_sqlite_run_write(store, statement, "writing a subscription");
}

/* The version that is in force, 0 if there is no such subscription. */
static int subscription_current(whi_sqlite *store, int64_t id, int64_t *version) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_SUBSCRIPTION_CURRENT, &statement);

    *version = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, id);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a subscription");
    if (code != 1) {
        return code == WH_OK ? whi_fail(WH_ENOTFOUND, "subscription %lld: not in the store", (long long)id) : code;
    }
    *version = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

static int version_end(whi_sqlite *store, int64_t id, int64_t version, int64_t number) {
    return whi_sqlite_run_numbers(store, WHI_SQL_VERSION_END, (int64_t[]){ id, version, number }, 3,
                                  "ending a subscription's version");
}

/* Two processes that change one subscription at once would lose one change: the
 * second, which does not know the first's version, is told so. */
static int check_version(whi_sqlite *store, const whi_subscription_row *row, int64_t *version) {
    int code = subscription_current(store, row->id, version);

    return code == WH_OK && row->version <= *version
               ? whi_fail(WH_ECONFLICT, "subscription %lld: version: %lld is there already: another process changed it",
                          (long long)row->id, (long long)*version)
               : code;
}

static int subscription_insert(whi_sqlite *store, const whi_subscription_row *row, const moment *now) {
    int64_t one = 1;
    int code = subscription_write(store, row, now, WHI_SQL_SUBSCRIPTION_ADD);

    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_COUNT_ADD, &one, 1, "counting subscriptions") : code;
}

static int next_moment(whi_sqlite *store, int64_t at, moment *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_CHANGE_NEXT, &statement);

    code = code == WH_OK ? whi_sqlite_number(store, &store->writer, WHI_SQL_CHANGE_NEXT, &out->change) : code;
    return code == WH_OK ? whi_sqlite_next_number(store, at, &out->number) : code;
}

static int subscription_replace(whi_sqlite *store, const whi_subscription_row *row, const moment *now,
                                int64_t version) {
    int code = version_end(store, row->id, version, now->number);

    return code == WH_OK ? subscription_write(store, row, now, WHI_SQL_SUBSCRIPTION_CHANGE) : code;
}

static int write_all(whi_sqlite *store, whi_subscription_row *row, int is_new, int64_t version) {
    moment now;
    int code = next_moment(store, row->changed_at, &now);

    if (code == WH_OK) {
        code = is_new ? subscription_insert(store, row, &now) : subscription_replace(store, row, &now, version);
    }
    return code == WH_OK ? subscription_write(store, row, &now, WHI_SQL_VERSION_PUT) : code;
}

/* Checks before it writes: a conflict leaves nothing behind, so the writer may go on
 * with the rest of its transaction. */
int whi_sqlite_subscription_put(whi_store *base, whi_subscription_row *row) {
    whi_sqlite *store = whi_sqlite_of(base);
    whi_subscription_row kept = *row;
    int64_t version = 0;
    whi_buf document;
    int found, code = row->id != 0
                          ? check_version(store, row, &version)
                          : whi_sqlite_read_number(store, WHI_SQL_SUBSCRIPTION_NEXT, row->least, &kept.id, &found);

    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_seal_row(store, &kept, &document); /* which is bound to the id */
    kept.document = document.data;
    kept.document_size = document.size;
    code = code == WH_OK ? write_all(store, &kept, row->id == 0, version) : code;
    row->id = code == WH_OK ? kept.id : row->id;
    whi_wipe(document.data, document.size);
    whi_buf_free(&document);
    return code;
}

int whi_sqlite_subscription_remove(whi_store *base, int64_t id, int64_t at) {
    whi_sqlite *store = whi_sqlite_of(base);
    int64_t version, minus = -1;
    moment now;
    int code = subscription_current(store, id, &version);

    if (code == WH_OK) {
        code = next_moment(store, at, &now);
    }
    if (code == WH_OK) {
        code = version_end(store, id, version, now.number);
    }
    if (code == WH_OK) {
        code = whi_sqlite_run_numbers(store, WHI_SQL_SUBSCRIPTION_REMOVE, (int64_t[]){ id, now.change, now.number }, 3,
                                      "removing a subscription");
    }
    if (code == WH_OK) {
        code = whi_sqlite_run_numbers(store, WHI_SQL_LAG_DROP, &id, 1, "removing a subscription");
    }
    code = code == WH_OK ? whi_sqlite_health_drop(store, id) : code;
    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_COUNT_ADD, &minus, 1, "counting subscriptions") : code;
}

/* ------------------------------------------------------------------- outbox */

/* NULL where it is NULL or empty. */
static const char *optional(sqlite3_stmt *statement, int column) {
    const char *text = whi_sqlite_word(statement, column);

    return text[0] != '\0' ? text : NULL;
}

static void outbox_row(sqlite3_stmt *statement, whi_event_row *row) {
    *row = (whi_event_row){ .number = sqlite3_column_int64(statement, 0) };
    row->id = optional(statement, 1);
    row->type = whi_sqlite_word(statement, 2);
    row->tenant = whi_sqlite_word(statement, 3);
    row->time = sqlite3_column_int64(statement, 4);
    row->time_text = whi_sqlite_word(statement, 4);
    if (row->time_text[0] == '\0' && sqlite3_column_bytes(statement, 4) > 0) {
        row->time_text = "a zero byte"; /* which is not nothing */
    }
    row->payload = whi_sqlite_bytes(statement, 5, &row->payload_size);
    row->source = whi_sqlite_word(statement, 6);
    row->key = whi_sqlite_word(statement, 7);
}

static int reject(whi_sqlite *store, sqlite3_stmt *list, const whi_event_row *row, const char *error) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_OUTBOX_REJECT, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->number);
    sqlite3_bind_int64(statement, 2, row->accepted_at ? row->accepted_at : whi_clock_now(NULL));
    sqlite3_bind_text(statement, 3, error ? error : "", -1, SQLITE_STATIC);
    whi_sqlite_bind_word(statement, 4, row->id);
    whi_sqlite_bind_word(statement, 5, row->type);
    whi_sqlite_bind_word(statement, 6, row->tenant);
    sqlite3_bind_value(statement, 7, sqlite3_column_value(list, 4));
    sqlite3_bind_text64(statement, 8, row->payload, row->payload_size, SQLITE_STATIC, SQLITE_UTF8);
    whi_sqlite_bind_word(statement, 9, row->source);
    whi_sqlite_bind_word(statement, 10, row->key);
    return whi_sqlite_run_write(store, statement, "rejecting a row of the outbox");
}

/* What became of a row of the outbox: an event, nothing new, or one that is put aside. */
static int take_in(whi_sqlite *store, const whi_fact *fact, sqlite3_stmt *list, whi_event_row *row) {
    whi_event_row made = *row;
    int64_t before;
    int duplicate, code = fact->of.outbox.judge(&made, fact->of.outbox.payload);

    if (code == WH_OUTBOX_REFUSED) {
        return reject(store, list, row, wh_last_error());
    }
    made.number = 0;
    return code == WH_OK ? whi_sqlite_event_add(&store->base, &made, &before, &duplicate) : code;
}

/* Nobody else writes during the transaction, so all rows up to the last one seen are
 * those that were seen. */
int whi_sqlite_outbox_take(whi_sqlite *store, whi_fact *fact) {
    sqlite3_stmt *statement;
    whi_event_row row = { 0 };
    int code = whi_sqlite_write(store, WHI_SQL_OUTBOX_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, whi_sqlite_bounded(fact->of.outbox.limit));
    while ((code = whi_sqlite_step(store, &store->writer, statement, "reading the outbox")) == 1) {
        outbox_row(statement, &row);
        code = take_in(store, fact, statement, &row);
        if (code != WH_OK) {
            sqlite3_reset(statement);
            return code;
        }
        fact->answer.number++;
    }
    if (code != WH_OK || fact->answer.number == 0) {
        return code;
    }
    return whi_sqlite_run_numbers(store, WHI_SQL_OUTBOX_DROP, &row.number, 1, "emptying the outbox");
}

/* -------------------------------------------------------------------- purge */

typedef struct purge_bounds {
    int64_t done, failed; /* event numbers below these may go */
} purge_bounds;

/* What one step has done and may still do. */
typedef struct purging {
    const purge_bounds *bounds;
    int64_t rows; /* deliveries that may go, or be looked at */
    int64_t after;
    int count, is_cut; /* 1: there is more of an event, and the next step begins with it */
} purging;

/* What comes of an event. */
enum fate { STAYS, GOES, GOES_IN_PARTS, HAS_MORE, IS_GONE };

/* Some deliveries of an event. */
typedef struct found {
    int waits, failed;   /* 1: one does, one has */
    int64_t count, last; /* the subscription of the last one */
} found;

/* So many at most, behind that of this subscription. */
static int look(whi_sqlite *store, int64_t event, int64_t behind, int most, found *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_PURGE_STATES, &statement);

    *out = (found){ 0 };
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, event);
    sqlite3_bind_int64(statement, 2, behind);
    sqlite3_bind_int64(statement, 3, most);
    code = whi_sqlite_step(store, &store->writer, statement, "looking at an event");
    if (code != 1) {
        return code;
    }
    *out = (found){ sqlite3_column_int(statement, 0), sqlite3_column_int(statement, 1),
                    sqlite3_column_int64(statement, 2), sqlite3_column_int64(statement, 3) };
    sqlite3_reset(statement);
    return WH_OK;
}

/* Of one with very many deliveries some are looked at in each step. What is replayed behind that is seen when its part
 * is to go. */
static int judge(whi_sqlite *store, int64_t event, purging *self, enum fate *out) {
    whi_sqlite_look seen = store->purge_look.event == event ? store->purge_look : (whi_sqlite_look){ .event = event };
    int64_t before;
    found next;
    int is_wide, code = look(store, event, seen.upto, PURGE_LOOK, &next);

    if (code != WH_OK) {
        return code;
    }
    self->rows -= next.count;
    seen.failed |= next.failed;
    before = seen.failed ? self->bounds->failed : self->bounds->done;
    is_wide = seen.upto != 0 || next.count >= PURGE_WIDE;
    *out = next.waits || event >= before ? STAYS : is_wide ? GOES_IN_PARTS : GOES;
    if (next.count == PURGE_LOOK && !next.waits && !(seen.failed && event >= before)) {
        *out = HAS_MORE;
        seen.upto = next.last;
    } else {
        seen = (whi_sqlite_look){ 0 };
    }
    store->purge_look = seen;
    return WH_OK;
}

/* Its deliveries up to this subscription's. */
static int purge_upto(whi_sqlite *store, int64_t event, int64_t subscription) {
    static const enum whi_sql steps[] = { WHI_SQL_PURGE_BODIES, WHI_SQL_PURGE_ATTEMPTS, WHI_SQL_PURGE_DELIVERIES };
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < sizeof steps / sizeof steps[0]; i++) {
        code = whi_sqlite_run_numbers(store, steps[i], (int64_t[]){ event, subscription }, 2, "purging an event");
    }
    return code;
}

static int purge_event(whi_sqlite *store, int64_t event) {
    static const enum whi_sql steps[] = { WHI_SQL_PURGE_ID, WHI_SQL_PURGE_UNDECIDED, WHI_SQL_PURGE_EVENT };
    int code = purge_upto(store, event, INT64_MAX);

    for (size_t i = 0; code == WH_OK && i < sizeof steps / sizeof steps[0]; i++) {
        code = whi_sqlite_run_numbers(store, steps[i], &event, 1, "purging an event");
    }
    return code;
}

/* It is marked before, so that nobody takes those that are gone for some that were never made. What was replayed
 * meanwhile stays, with what is behind it, until it is done. */
static int purge_part(whi_sqlite *store, int64_t event, purging *self, enum fate *out) {
    found next;
    int code = look(store, event, 0, PURGE_WIDE, &next);

    if (code != WH_OK || next.waits) {
        *out = STAYS;
        return code;
    }
    self->rows -= next.count;
    *out = next.count < PURGE_WIDE ? IS_GONE : HAS_MORE;
    if (*out == IS_GONE) {
        return purge_event(store, event);
    }
    code = whi_sqlite_run_numbers(store, WHI_SQL_PURGE_GOING, &event, 1, "purging an event");
    return code == WH_OK ? purge_upto(store, event, next.last) : code;
}

/* A deleted subscription's row outlives its versions by nothing. Who has not heard of the deletion by then
 * learns from the highest change that was forgotten that there is something it has missed. */
static int forget_subscription(whi_sqlite *store, int64_t id) {
    int code = whi_sqlite_run_numbers(store, WHI_SQL_FORGET_CHANGE, &id, 1, "forgetting a subscription");

    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_FORGET, &id, 1, "forgetting a subscription") : code;
}

/* No event after its end is decided by a version, so when all events that are left came after it, no
 * delivery names it. But a test that an engine makes while it has not heard of the end may: the hour
 * is for those. */
static int purge_versions(whi_sqlite *store, const purge_bounds *bounds, int limit, int *all) {
    sqlite3_stmt *statement;
    int64_t *subscriptions;
    int picked, code = whi_sqlite_write(store, WHI_SQL_PURGE_VERSIONS, &statement);

    *all = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, bounds->done > bounds->failed ? bounds->done : bounds->failed);
    sqlite3_bind_int64(statement, 2, whi_ident_first(whi_ident_time(0) + 3600000));
    sqlite3_bind_int64(statement, 3, limit);
    code = whi_sqlite_pick(store, statement, limit, &subscriptions, &picked);
    for (int i = 0; code == WH_OK && i < picked; i++) {
        code = forget_subscription(store, subscriptions[i]);
    }
    *all = code == WH_OK && picked < limit;
    whi_free(subscriptions);
    return code;
}

/* Behind the last event. While there may be more of them the place stays where no event is left to be
 * looked at: the next step comes here again. */
static int purge_rest(whi_sqlite *store, const purge_bounds *bounds, int limit, int64_t *after) {
    int all, code = purge_versions(store, bounds, limit, &all);

    if (all) {
        *after = 0;
    } else if (*after == 0) {
        *after = 1;
    }
    return code;
}

/* event: negative, if it is going already. */
static int purge_one(whi_sqlite *store, int64_t event, purging *self) {
    enum fate fate = GOES_IN_PARTS;
    int code = event > 0 ? judge(store, event, self, &fate) : WH_OK;

    event = event < 0 ? -event : event;
    if (code == WH_OK && fate == GOES) {
        fate = IS_GONE;
        code = purge_event(store, event);
    } else if (code == WH_OK && fate == GOES_IN_PARTS) {
        code = purge_part(store, event, self, &fate);
    }
    self->is_cut = fate == HAS_MORE;
    self->count += fate == IS_GONE;
    self->after = fate == HAS_MORE ? event - 1 : event;
    return code;
}

int whi_sqlite_purge(whi_store *base, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                     int *count) {
    whi_sqlite *store = whi_sqlite_of(base);
    purge_bounds bounds = { done_before, failed_before };
    purging self = { .bounds = &bounds, .rows = PURGE_WIDE, .after = *after };
    sqlite3_stmt *statement;
    int64_t *events;
    int picked, done = 0, code = whi_sqlite_write(store, WHI_SQL_PURGE_PICK, &statement);

    *count = 0;
    if (code != WH_OK) {
        return code;
    }
    limit = whi_sqlite_bounded(limit);
    sqlite3_bind_int64(statement, 1, *after);
    sqlite3_bind_int64(statement, 2, done_before > failed_before ? done_before : failed_before);
    sqlite3_bind_int64(statement, 3, limit);
    code = whi_sqlite_pick(store, statement, limit, &events, &picked);
    while (code == WH_OK && done < picked && self.rows > 0) {
        code = purge_one(store, events[done++], &self);
    }
    whi_free(events);
    *after = self.after;
    *count = self.count;
    return code == WH_OK && done == picked && picked < limit && !self.is_cut ? purge_rest(store, &bounds, limit, after)
                                                                             : code;
}
