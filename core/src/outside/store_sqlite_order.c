/* The order of deliveries with a key, in SQL: what pure/order.h asks, and what it says is done.
 * Tests: test_store_order. */
#include <string.h>

#include "outside/store_sqlite.h"
#include "pure/delivery.h"

static int bind_key(whi_sqlite *store, enum whi_sql which, const whi_delivery_row *row, sqlite3_stmt **out) {
    int code = whi_sqlite_write(store, which, out);

    if (code == WH_OK) {
        sqlite3_bind_int64(*out, 1, row->subscription);
        sqlite3_bind_text(*out, 2, row->key, -1, SQLITE_STATIC);
        sqlite3_bind_int64(*out, 3, row->event);
    }
    return code;
}

static int first_of_key(whi_sqlite *store, const whi_delivery_row *row, whi_order_first *first) {
    sqlite3_stmt *statement;
    int code = bind_key(store, WHI_SQL_KEY_FIRST, row, &statement);

    *first = (whi_order_first){ 0, 0, 0 };
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a turn");
    if (code != 1) {
        return code;
    }
    *first = (whi_order_first){ 1, sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1) };
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

/* Only the newest of a key is worth sending. */
static int keep_latest(whi_sqlite *store, const whi_delivery_row *row, int *newer) {
    int code = has_newer(store, row, newer);

    if (code != WH_OK || *newer) {
        return code;
    }
    return cancel_before(store, row, row->event, whi_order_reason(WHI_PLACE_SUPERSEDED));
}

static void take_place(whi_delivery_row *row, enum whi_order_place place) {
    if (place == WHI_PLACE_BEHIND) {
        row->due = WHI_DUE_BEHIND;
    } else if (whi_order_reason(place) != NULL) {
        row->state = WHI_CANCELLED;
        row->error = whi_order_reason(place);
    }
}

int whi_sqlite_order_place(whi_sqlite *store, const whi_delivery_row *row, whi_delivery_row *out) {
    whi_order_first first = { 0 };
    int newer = 0, code;

    *out = *row;
    if (row->state != WHI_WAITING) {
        return WH_OK;
    }
    code = row->latest ? keep_latest(store, row, &newer) : WH_OK;
    code = code == WH_OK && !newer ? first_of_key(store, row, &first) : code;
    if (code == WH_OK) {
        take_place(out, whi_order_place(row->state, newer, &first));
    }
    return code;
}

static int give_turn(whi_sqlite *store, int64_t event, int64_t subscription) {
    return whi_sqlite_run_numbers(store, WHI_SQL_KEY_TURN, (int64_t[]){ event, subscription }, 2,
                                  "giving the next its turn");
}

static int abort_key(whi_sqlite *store, const whi_delivery_row *row) {
    int code = cancel_before(store, row, INT64_MAX, whi_order_reason(WHI_PLACE_ABORTED));

    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_KEY_ABORT,
                                                  (int64_t[]){ row->event, row->subscription }, 2, "aborting a run")
                         : code;
}

int whi_sqlite_order_next(whi_sqlite *store, const whi_delivery_row *row) {
    whi_order_first first = { 0 };
    int code = whi_order_has_ended(row->state) && !row->abort ? first_of_key(store, row, &first) : WH_OK;

    if (code != WH_OK) {
        return code;
    }
    switch (whi_order_next(row->state, row->abort, &first)) {
    case WHI_NEXT_TURN:
        return give_turn(store, first.event, row->subscription);
    case WHI_NEXT_ABORT:
        return abort_key(store, row);
    default:
        return WH_OK;
    }
}
