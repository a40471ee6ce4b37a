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

/* The newest of its key with a larger event that waits, or was delivered, as which says; 0: there is none. */
static int newest(whi_sqlite *store, enum whi_sql which, const whi_delivery_row *row, int64_t *event) {
    sqlite3_stmt *statement;
    int code = bind_key(store, which, row, &statement);

    *event = 0;
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a newer one");
    if (code == 1) {
        *event = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        code = WH_OK;
    }
    return code;
}

/* One that had its place in the order before is sent behind a newer one only where somebody wants that. */
static int has_newer(whi_sqlite *store, const whi_delivery_row *row, int in_place, int *out) {
    int64_t event;
    int code = newest(store, WHI_SQL_KEY_NEWER, row, &event);

    if (code == WH_OK && event == 0 && !in_place) {
        code = newest(store, WHI_SQL_KEY_NEWEST, row, &event);
    }
    *out = event != 0;
    return code;
}

/* Those of the key with an event before this one that wait, but for one. */
static int cancel_before(whi_sqlite *store, const whi_delivery_row *row, int64_t event, int64_t but, const char *why) {
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
    sqlite3_bind_int64(statement, 6, but);
    return whi_sqlite_run_write(store, statement, "cancelling those before");
}

/* Only the newest of a key is worth sending; what is under way is sent already. */
static int keep_latest(whi_sqlite *store, const whi_delivery_row *row, int in_place, int *newer) {
    int code = has_newer(store, row, in_place, newer);

    if (code != WH_OK || *newer) {
        return code;
    }
    return cancel_before(store, row, row->event, row->under_way, whi_order_reason(WHI_PLACE_SUPERSEDED));
}

static void take_place(whi_delivery_row *row, enum whi_order_place place) {
    if (place == WHI_PLACE_BEHIND) {
        row->due = WHI_DUE_BEHIND;
    } else if (whi_order_reason(place) != NULL) {
        row->state = WHI_CANCELLED;
        row->error = whi_order_reason(place);
    }
}

/* In the index of keys, so that it is found however many were delivered since. */
static int mark_newest(whi_sqlite *store, const whi_delivery_row *row, whi_delivery_row *out) {
    whi_delivery_row any = *row;
    int64_t marked;
    int code;

    any.event = 0;
    code = newest(store, WHI_SQL_KEY_NEWEST, &any, &marked);
    if (code != WH_OK || marked > row->event) {
        return code;
    }
    out->due = WHI_DUE_NEWEST;
    return marked != 0 ? whi_sqlite_run_numbers(store, WHI_SQL_KEY_FORMER, (int64_t[]){ marked, row->subscription }, 2,
                                                "forgetting the former one")
                       : WH_OK;
}

/* What came later and has its turn stands behind one that came before it and is written only now. */
static int go_first(whi_sqlite *store, const whi_delivery_row *row, whi_order_first *first) {
    int64_t event = first->event;

    if (!row->goes_first || !first->found || first->due < 0 || first->due == WHI_DUE_BEHIND || event < row->event) {
        return WH_OK;
    }
    first->found = 0;
    return whi_sqlite_run_numbers(store, WHI_SQL_KEY_BEHIND, (int64_t[]){ event, row->subscription }, 2,
                                  "putting a later one behind");
}

int whi_sqlite_order_place(whi_sqlite *store, const whi_delivery_row *row, int in_place, whi_delivery_row *out) {
    whi_order_first first = { 0 };
    int newer = 0, code;

    *out = *row;
    if (row->state == WHI_DELIVERED && row->latest) {
        return mark_newest(store, row, out);
    }
    if (row->state != WHI_WAITING) {
        return WH_OK;
    }
    code = row->latest ? keep_latest(store, row, in_place, &newer) : WH_OK;
    code = code == WH_OK && !newer ? first_of_key(store, row, &first) : code;
    code = code == WH_OK ? go_first(store, row, &first) : code;
    if (code == WH_OK) {
        take_place(out, whi_order_place(row->state, newer, &first));
    }
    return code;
}

static int give_turn(whi_sqlite *store, int64_t event, int64_t subscription) {
    return whi_sqlite_run_numbers(store, WHI_SQL_KEY_TURN, (int64_t[]){ event, subscription }, 2,
                                  "giving the next its turn");
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
        return cancel_before(store, row, INT64_MAX, 0, whi_order_reason(WHI_PLACE_ABORTED));
    default:
        return WH_OK;
    }
}

/* ------------------------------------------------------------------------ a late one */

static int hasten(whi_sqlite *store, const whi_delivery_row *row, int64_t now) {
    return whi_sqlite_run_numbers(store, WHI_SQL_KEY_HASTEN, (int64_t[]){ row->event, row->subscription, now }, 3,
                                  "sending the newest of a key");
}

/* It was delivered. An aborted run stays aborted. */
static int send_again(whi_sqlite *store, const whi_delivery_row *row, int64_t now) {
    whi_order_first first;
    enum whi_order_place place;
    int code = first_of_key(store, row, &first);

    place = whi_order_place(WHI_WAITING, 0, &first);
    if (code != WH_OK || place == WHI_PLACE_ABORTED) {
        return code;
    }
    return whi_sqlite_run_numbers(
        store, WHI_SQL_KEY_AGAIN,
        (int64_t[]){ row->event, row->subscription, place == WHI_PLACE_BEHIND ? WHI_DUE_BEHIND : now, now }, 4,
        "sending the newest of a key again");
}

int whi_sqlite_order_again(whi_sqlite *store, const whi_delivery_row *row, int64_t now, int *done) {
    whi_delivery_row found = *row;
    int64_t waits, delivered = 0;
    int code = newest(store, WHI_SQL_KEY_NEWER, row, &waits);

    found.event = waits > row->event ? waits : row->event;
    code = code == WH_OK ? newest(store, WHI_SQL_KEY_DELIVERED, &found, &delivered) : code;
    *done = code == WH_OK && (waits != 0 || delivered != 0);
    if (code != WH_OK || !*done) {
        return code;
    }
    found.event = delivered != 0 ? delivered : waits;
    return delivered != 0 ? send_again(store, &found, now) : hasten(store, &found, now);
}
