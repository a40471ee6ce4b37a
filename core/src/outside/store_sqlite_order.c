/* Order: of a subscription's deliveries with one key one at a time has its turn (is due or
 * sending); the others wait behind it with due WHI_DUE_BEHIND. All of it is decided in the
 * transaction that writes the delivery, so it holds for any number of processes. Tests: test_store_order. */
#include <string.h>

#include "outside/store_sqlite.h"
#include "pure/delivery.h"

#define DUE_ABORTED (-1) /* marks a key whose deliveries are all cancelled */

static int bind_key(whi_sqlite *store, enum whi_sql which, const whi_delivery_row *row, sqlite3_stmt **out) {
    int code = whi_sqlite_write(store, which, out);

    if (code == WH_OK) {
        sqlite3_bind_int64(*out, 1, row->subscription);
        sqlite3_bind_text(*out, 2, row->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(*out, 3, row->event);
    }
    return code;
}

/* The one of the key that has its turn, or comes next; found 0: there is no other. */
static int first_of_key(whi_sqlite *store, const whi_delivery_row *row, int64_t *event, int64_t *due, int *found) {
    sqlite3_stmt *statement;
    int code = bind_key(store, WHI_SQL_KEY_FIRST, row, &statement);

    *found = 0;
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a turn");
    if (code != 1) {
        return code;
    }
    *found = 1;
    *event = sqlite3_column_int64(statement, 0);
    *due = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

static int has_newer(whi_sqlite *store, const whi_delivery_row *row, int *out) {
    sqlite3_stmt *statement;
    int code = bind_key(store, WHI_SQL_KEY_NEWER, row, &statement);

    *out = 0;
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a newer one");
    if (code == 1) {
        *out = sqlite3_column_type(statement, 0) != SQLITE_NULL;
        sqlite3_reset(statement);
        code = WH_OK;
    }
    return code;
}

/* Those of the key with an event before this one that wait. */
static int cancel_before(whi_sqlite *store, const whi_delivery_row *row, int64_t event, const char *why) {
    whi_delivery_row bound = *row;
    sqlite3_stmt *statement;
    int code;

    bound.event = event;
    code = bind_key(store, WHI_SQL_KEY_CANCEL, &bound, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 4, row->updated_at);
    sqlite3_bind_text(statement, 5, why, -1, SQLITE_STATIC);
    return whi_sqlite_run_write(store, statement, "cancelling those before");
}

static void cancel(whi_delivery_row *row, const char *why) {
    row->state = WHI_CANCELLED;
    row->error = why;
}

/* Only the newest of a key is worth sending. */
static int keep_latest(whi_sqlite *store, whi_delivery_row *row) {
    int newer, code = has_newer(store, row, &newer);

    if (code != WH_OK) {
        return code;
    }
    if (newer) {
        cancel(row, "superseded");
        return WH_OK;
    }
    return cancel_before(store, row, row->event, "superseded");
}

int whi_sqlite_order_place(whi_sqlite *store, const whi_delivery_row *row, whi_delivery_row *out) {
    int64_t event, due;
    int found, code = WH_OK;

    *out = *row;
    if (row->state != WHI_WAITING) {
        return WH_OK;
    }
    if (row->latest) {
        code = keep_latest(store, out);
    }
    if (code == WH_OK && out->state == WHI_WAITING) {
        code = first_of_key(store, row, &event, &due, &found);
    }
    if (code != WH_OK || out->state != WHI_WAITING || !found) {
        return code;
    }
    if (due == DUE_ABORTED) {
        cancel(out, "aborted");
    } else if (due < WHI_DUE_BEHIND) {
        out->due = WHI_DUE_BEHIND;
    }
    return WH_OK;
}

int whi_sqlite_order_next(whi_sqlite *store, const whi_delivery_row *row) {
    int64_t event, due;
    int found, code;

    if (row->state == WHI_WAITING || row->state == WHI_SENDING) {
        return WH_OK;
    }
    if (row->abort) {
        code = cancel_before(store, row, INT64_MAX, "aborted");
        return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_KEY_ABORT,
                                                      (int64_t[]){ row->event, row->subscription }, 2, "aborting a run")
                             : code;
    }
    code = first_of_key(store, row, &event, &due, &found);
    if (code != WH_OK || !found || due != WHI_DUE_BEHIND) {
        return code;
    }
    return whi_sqlite_run_numbers(store, WHI_SQL_KEY_TURN, (int64_t[]){ event, row->subscription }, 2,
                                  "giving the next its turn");
}
