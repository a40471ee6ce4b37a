/* Tests: test_store. */
#include "outside/store_sqlite.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "pure/delivery.h"

/* ------------------------------------------------------------------- events */

/* Where the last one is not known yet, the table tells. */
static void took_number(whi_sqlite *store, int64_t number) {
    if (store->last_number != 0 && number > store->last_number) {
        store->last_number = number;
    }
}

/* Taken at once: a number that a change has is no event's. */
int whi_sqlite_next_number(whi_sqlite *store, int64_t now, int64_t *number) {
    int code = WH_OK;

    if (store->last_number == 0) {
        code = whi_sqlite_number(store, &store->writer, WHI_SQL_LAST, &store->last_number);
        store->last_number = code == WH_OK && store->last_number == 0 ? 1 : store->last_number;
    }
    *number = whi_ident_after(store->last_number, now);
    if (code == WH_OK) {
        took_number(store, *number);
    }
    return code;
}

/* Changes of subscriptions do not count: the log is of events. Looked up once in a transaction. */
static int last_event(whi_sqlite *store) {
    return store->last_event >= 0 ? WH_OK
                                  : whi_sqlite_number(store, &store->writer, WHI_SQL_EVENT_LAST, &store->last_event);
}

static int event_insert(whi_sqlite *store, const whi_event_row *row) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_EVENT_ADD, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->number);
    whi_sqlite_bind_word(statement, 2, row->id);
    sqlite3_bind_text(statement, 3, row->type, -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 4, row->tenant ? row->tenant : "", -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, row->time);
    sqlite3_bind_int64(statement, 6, row->accepted_at);
    sqlite3_bind_text64(statement, 7, row->payload, row->payload_size, SQLITE_STATIC, SQLITE_UTF8);
    sqlite3_bind_text(statement, 8, row->source ? row->source : "", -1, SQLITE_STATIC);
    sqlite3_bind_text(statement, 9, row->key ? row->key : "", -1, SQLITE_STATIC);
    sqlite3_bind_int(statement, 10, row->alone);
    return whi_sqlite_run_write(store, statement, "adding an event");
}

int whi_sqlite_event_add(whi_store *base, whi_event_row *row, int64_t *before, int *duplicate) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code = last_event(store);

    *before = store->last_event;
    *duplicate = 0;
    if (code == WH_OK && row->number == 0) {
        code = whi_sqlite_next_number(store, row->accepted_at, &row->number);
    }
    if (code == WH_OK && row->id != NULL) {
        code = whi_sqlite_idempotency(store, row, duplicate);
    }
    if (code != WH_OK || *duplicate) {
        return code;
    }
    code = event_insert(store, row);
    code = code == WH_OK ? whi_sqlite_usage_event(store, row->tenant, row->payload_size) : code;
    if (code == WH_OK) {
        took_number(store, row->number);
        store->last_event = row->number > store->last_event ? row->number : store->last_event;
    }
    return code;
}

/* --------------------------------------------------------------- deliveries */

static int next_body(whi_sqlite *store) {
    int64_t last;
    int code;

    if (store->next_body != 0) {
        return WH_OK;
    }
    code = whi_sqlite_number(store, &store->writer, WHI_SQL_BODY_LAST, &last);
    if (code == WH_OK) {
        store->next_body = last + 1;
    }
    return code;
}

static int body_write(whi_sqlite *store, enum whi_sql which, int64_t number, const whi_delivery_row *row) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, number);
    sqlite3_bind_text64(statement, 2, row->body, row->body_size, SQLITE_STATIC, SQLITE_UTF8);
    if (which == WHI_SQL_BODY_ADD) {
        sqlite3_bind_int64(statement, 3, row->event);
    }
    code = whi_sqlite_run_write(store, statement, "keeping a body");
    return code == WH_OK && which == WHI_SQL_BODY_ADD ? whi_sqlite_usage_body(store, row->event, row->body_size) : code;
}

/* The number of the body that a delivery has, 0 for none, and whether it is this one. */
static int body_look(whi_sqlite *store, const whi_delivery_row *row, int64_t *number, int *same) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_BODY_LOOK, &statement);

    *number = *same = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->event);
    sqlite3_bind_int64(statement, 2, row->subscription);
    sqlite3_bind_text64(statement, 3, row->body, row->body_size, SQLITE_STATIC, SQLITE_UTF8);
    code = whi_sqlite_step(store, &store->writer, statement, "looking at a body");
    if (code != 1) {
        return code;
    }
    *number = sqlite3_column_int64(statement, 0);
    *same = sqlite3_column_int(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

/* The body of a delivery that was there before: mostly the same again, with a retry's
 * result; new when the mended rule of a held one has made it. */
static int body_replace(whi_sqlite *store, const whi_delivery_row *row) {
    int64_t number;
    int same, code = body_look(store, row, &number, &same);

    if (code != WH_OK || same) {
        return code;
    }
    if (number != 0) {
        return body_write(store, WHI_SQL_BODY_CHANGE, number, row);
    }
    code = next_body(store);
    if (code == WH_OK) {
        code =
            whi_sqlite_run_numbers(store, WHI_SQL_BODY_NAME,
                                   (int64_t[]){ row->event, row->subscription, store->next_body }, 3, "naming a body");
    }
    return code == WH_OK ? body_write(store, WHI_SQL_BODY_ADD, store->next_body++, row) : code;
}

/* 0 where the state gives it no meaning: webhook_deliveries_open relies on it. The mark of an aborted run, and of the
 * newest of a key, is written with the row: it is no change of its own. */
static int64_t due_of(const whi_delivery_row *row) {
    if (!whi_order_has_ended(row->state)) {
        return row->due;
    }
    if (row->abort && row->key != NULL) {
        return WHI_DUE_ABORTED;
    }
    return row->due == WHI_DUE_NEWEST ? WHI_DUE_NEWEST : 0;
}

static void bind_delivery(sqlite3_stmt *statement, const whi_delivery_row *row) {
    sqlite3_bind_int64(statement, 1, row->event);
    sqlite3_bind_int64(statement, 2, row->subscription);
    sqlite3_bind_int64(statement, 3, row->version);
    sqlite3_bind_int64(statement, 4, row->state);
    sqlite3_bind_int64(statement, 5, row->attempts);
    sqlite3_bind_int64(statement, 6, row->tries);
    sqlite3_bind_int64(statement, 7, due_of(row));
    sqlite3_bind_int64(statement, 8, row->updated_at);
    sqlite3_bind_int64(statement, 9, row->status);
    whi_sqlite_bind_word(statement, 10, row->error);
    whi_sqlite_bind_word(statement, 11, row->key);
    whi_sqlite_bind_word(statement, 12, row->headers);
}

/* In six columns from index on; NULL: none. */
static void bind_attempt(sqlite3_stmt *statement, int index, const whi_attempt_row *row) {
    if (row == NULL) {
        for (int i = 0; i < 6; i++) {
            sqlite3_bind_null(statement, index + i);
        }
        return;
    }
    sqlite3_bind_int64(statement, index, row->at);
    sqlite3_bind_int64(statement, index + 1, row->duration_us);
    sqlite3_bind_int64(statement, index + 2, row->code);
    sqlite3_bind_int64(statement, index + 3, row->status);
    whi_sqlite_bind_word(statement, index + 4, row->error);
    if (row->response != NULL) {
        sqlite3_bind_blob64(statement, index + 5, row->response, row->response_size, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(statement, index + 5);
    }
}

static int delivery_insert(whi_sqlite *store, const whi_delivery_row *row, const whi_attempt_row *first, int *done) {
    sqlite3_stmt *statement;
    int code = row->body != NULL ? next_body(store) : WH_OK;

    *done = 0;
    code = code == WH_OK ? whi_sqlite_write(store, WHI_SQL_DELIVERY_ADD, &statement) : code;
    if (code != WH_OK) {
        return code;
    }
    bind_delivery(statement, row);
    sqlite3_bind_int64(statement, 13, row->created_at);
    if (row->body != NULL) {
        sqlite3_bind_int64(statement, 14, store->next_body);
    } else {
        sqlite3_bind_null(statement, 14);
    }
    bind_attempt(statement, 15, first);
    code = whi_sqlite_run_write(store, statement, "adding a delivery");
    *done = code == WH_OK && whi_sqlite_changed(store) > 0;
    return *done && row->body != NULL ? body_write(store, WHI_SQL_BODY_ADD, store->next_body++, row) : code;
}

/* With a first attempt only if there is none yet. */
static int delivery_change(whi_sqlite *store, const whi_delivery_row *row, const whi_attempt_row *first, int *done) {
    sqlite3_stmt *statement;
    enum whi_sql which = first != NULL ? WHI_SQL_DELIVERY_CHANGE_FIRST : WHI_SQL_DELIVERY_CHANGE;
    int code = whi_sqlite_write(store, which, &statement);

    *done = 0;
    if (code != WH_OK) {
        return code;
    }
    bind_delivery(statement, row);
    sqlite3_bind_int64(statement, 13, row->turn);
    if (first != NULL) {
        bind_attempt(statement, 14, first);
    }
    code = whi_sqlite_run_write(store, statement, "changing a delivery");
    *done = code == WH_OK && whi_sqlite_changed(store) > 0;
    return *done && row->body != NULL ? body_replace(store, row) : code;
}

/* The turn is compared by the statement that changes it. A first attempt goes along, unless another one is
 * there. */
static int delivery_write(whi_sqlite *store, const whi_delivery_row *row, int *done, int *kept) {
    const whi_attempt_row *first = row->attempt != NULL && row->attempt->n == 1 ? row->attempt : NULL;
    int code = WH_OK;

    *done = 0;
    if (row->turn != WHI_TURN_ABSENT && first != NULL) {
        code = delivery_change(store, row, first, done);
    }
    *kept = *done;
    if (code == WH_OK && !*done && row->turn != WHI_TURN_ABSENT) {
        code = delivery_change(store, row, NULL, done);
    }
    if (code == WH_OK && !*done && row->turn < 0) {
        code = delivery_insert(store, row, first, done);
        *kept = *done && first != NULL;
    }
    return code;
}

/* What is done to others of its key is done only if it is what it must be. in_place: it had a key, and
 * something to send, before. */
static int is_as_it_was(whi_sqlite *store, const whi_delivery_row *row, int *out, int *in_place) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_DELIVERY_IS, &statement);

    *out = row->turn < 0;
    *in_place = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->event);
    sqlite3_bind_int64(statement, 2, row->subscription);
    code = whi_sqlite_step(store, &store->writer, statement, "looking at a delivery");
    if (code != 1) {
        return code;
    }
    *out = row->turn == WHI_TURN_ANY || sqlite3_column_int64(statement, 0) == row->turn;
    *in_place = sqlite3_column_int(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_delivery_put(whi_store *base, const whi_delivery_row *row, int *done, int *kept) {
    whi_sqlite *store = whi_sqlite_of(base);
    whi_delivery_row placed;
    int in_place, code;

    *kept = 0;
    if (row->key == NULL) {
        return delivery_write(store, row, done, kept);
    }
    code = is_as_it_was(store, row, done, &in_place);
    if (code != WH_OK || !*done) {
        return code;
    }
    code = whi_sqlite_order_place(store, row, in_place, &placed);
    code = code == WH_OK ? delivery_write(store, &placed, done, kept) : code;
    return code == WH_OK ? whi_sqlite_order_next(store, &placed) : code;
}

int whi_sqlite_delivery_now(whi_store *base, int64_t event, int64_t subscription, whi_delivery_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    int found, code = whi_sqlite_give_delivery(store, &store->writer, WHI_SQL_DELIVERY_HEAD, event, subscription, each,
                                               payload, &found);

    return code == WH_OK && !found ? whi_fail_field(WH_ENOTFOUND, "delivery", "not in the store") : code;
}

static int attempt_write(whi_sqlite *store, const whi_attempt_row *row, enum whi_sql which) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row->event);
    sqlite3_bind_int64(statement, 2, row->subscription);
    sqlite3_bind_int64(statement, 3, row->n);
    bind_attempt(statement, 4, row);
    return whi_sqlite_run_write(store, statement, "recording an attempt");
}

/* When two workers made the same attempt (one took over from the other, which was
 * only slow), both were made, and both stay: the second with the next number, which the row does not count yet. */
int whi_sqlite_attempt_add(whi_store *base, const whi_attempt_row *row, int counted) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code = attempt_write(store, row, row->n == 1 ? WHI_SQL_ATTEMPT_FIRST : WHI_SQL_ATTEMPT_ADD);

    if (code == WH_OK && whi_sqlite_changed(store) == 0) {
        code = attempt_write(store, row, WHI_SQL_ATTEMPT_APPEND);
        counted = 0;
    }
    return code == WH_OK && !counted
               ? whi_sqlite_run_numbers(store, WHI_SQL_ATTEMPT_COUNT, (int64_t[]){ row->event, row->subscription }, 2,
                                        "counting an attempt")
               : code;
}

/* The next of its key has its turn. */
static int go_without(whi_sqlite *store, int64_t event, int64_t subscription, sqlite3_stmt *dropped) {
    whi_delivery_row row = { .event = event, .subscription = subscription, .state = WHI_CANCELLED };
    char *key = NULL;
    int code = WH_OK;

    if (sqlite3_column_type(dropped, 0) != SQLITE_NULL) {
        key = whi_strdup(whi_sqlite_word(dropped, 0), WH_ZSTR);
        code = key != NULL ? WH_OK : whi_fail_memory();
    }
    sqlite3_reset(dropped);
    row.key = key;
    code = code == WH_OK && key != NULL ? whi_sqlite_order_next(store, &row) : code;
    whi_free(key);
    return code;
}

int whi_sqlite_delivery_drop(whi_store *base, int64_t event, int64_t subscription, int *done) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_DELIVERY_DROP, &statement);

    *done = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, event);
    sqlite3_bind_int64(statement, 2, subscription);
    code = whi_sqlite_step(store, &store->writer, statement, "dropping a delivery without its event");
    *done = code == 1;
    return code == 1 ? go_without(store, event, subscription, statement) : code;
}

int whi_sqlite_delivery_cancel(whi_store *base, int64_t subscription, int64_t now, int limit, int *count) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code =
        whi_sqlite_run_numbers(store, WHI_SQL_DELIVERY_CANCEL,
                               (int64_t[]){ subscription, now, whi_sqlite_bounded(limit) }, 3, "cancelling deliveries");

    *count = code == WH_OK ? whi_sqlite_changed(store) : 0;
    return code;
}
