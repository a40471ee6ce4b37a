/* Idempotency: of several events of a tenant with one id the first is kept, and the others are told
 * that it is there. The id is written in the transaction that adds the event, so two at once cannot
 * both be the first. Tests: test_store. */
#include "outside/store_sqlite.h"

#include "base/error.h"
#include "base/ident.h"

/* A statement of ids with the row's id and tenant bound. */
static int bind_id(whi_sqlite *store, enum whi_sql which, const whi_event_row *row, sqlite3_stmt **out) {
    int code = whi_sqlite_write(store, which, out);

    if (code == WH_OK) {
        sqlite3_bind_text(*out, 1, row->id, -1, SQLITE_STATIC);
        sqlite3_bind_text(*out, 2, row->tenant ? row->tenant : "", -1, SQLITE_STATIC);
    }
    return code;
}

/* Whether the caller's id is the made one of an event of this tenant that is there. */
static int is_made_id(whi_sqlite *store, const whi_event_row *row, int *known) {
    sqlite3_stmt *statement;
    int64_t number;
    int code;

    *known = 0;
    if (whi_ident_parse("msg_", row->id, &number) != WH_OK) {
        return WH_OK;
    }
    code = bind_id(store, WHI_SQL_EVENT_OWN_ID, row, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, number);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for an event");
    if (code == 1) {
        *known = 1;
        sqlite3_reset(statement);
        return WH_OK;
    }
    return code;
}

int whi_sqlite_idempotency(whi_sqlite *store, const whi_event_row *row, int *duplicate) {
    sqlite3_stmt *statement;
    int code = is_made_id(store, row, duplicate);

    if (code != WH_OK || *duplicate) {
        return code;
    }
    code = bind_id(store, WHI_SQL_ID_ADD, row, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 3, row->number);
    code = whi_sqlite_run_write(store, statement, "adding an event's id");
    *duplicate = code == WH_OK && whi_sqlite_changed(store) == 0;
    return code;
}
