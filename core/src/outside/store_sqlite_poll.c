/* What polls have seen, and how far they are. Tests: test_store_poll. */
#include "outside/store_sqlite.h"

#include "base/error.h"

#define NUMBERS 19

/* By their columns, from phase to sequence. */
static void numbers_of(const wh_backend_poll *row, int64_t out[NUMBERS]) {
    const int64_t numbers[NUMBERS] = { row->phase,      row->full,    row->scan,    row->started_at, row->checked_at,
                                       row->full_at,    row->newest,  row->next_at, row->failures,   row->refused,
                                       row->suspicious, row->tries,   row->pages,   row->objects,    row->sent,
                                       row->gone,       row->skipped, row->large,   row->sequence };

    for (int i = 0; i < NUMBERS; i++) {
        out[i] = numbers[i];
    }
}

static void take_numbers(sqlite3_stmt *statement, int first, wh_backend_poll *row) {
    int64_t *const places[NUMBERS] = { &row->phase,      &row->full,    &row->scan,       &row->started_at,
                                       &row->checked_at, &row->full_at, &row->newest,     &row->next_at,
                                       &row->failures,   &row->refused, &row->suspicious, &row->tries,
                                       &row->pages,      &row->objects, &row->sent,       &row->gone,
                                       &row->skipped,    &row->large,   &row->sequence };

    for (int i = 0; i < NUMBERS; i++) {
        *places[i] = sqlite3_column_int64(statement, first + i);
    }
}

static void bind_row(sqlite3_stmt *statement, const wh_backend_poll *row) {
    int64_t numbers[NUMBERS];

    numbers_of(row, numbers);
    sqlite3_bind_int64(statement, 1, row->id);
    sqlite3_bind_int64(statement, 2, row->holder);
    whi_sqlite_bind_word(statement, 4, row->name);
    whi_sqlite_bind_word(statement, 5, row->page);
    whi_sqlite_bind_word(statement, 6, row->state);
    whi_sqlite_bind_word(statement, 7, row->runs);
    sqlite3_bind_blob(statement, 8, row->salt, WH_POLL_SALT, SQLITE_STATIC);
    for (int i = 0; i < NUMBERS; i++) {
        sqlite3_bind_int64(statement, 9 + i, numbers[i]);
    }
}

int whi_sqlite_poll(whi_sqlite *store, whi_fact *fact) {
    const wh_backend_poll *row = &fact->of.poll;
    enum whi_sql which = row->turn == WH_TURN_ABSENT ? WHI_SQL_POLL_ADD : WHI_SQL_POLL_CHANGE;
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    bind_row(statement, row);
    if (which == WHI_SQL_POLL_CHANGE) {
        sqlite3_bind_int64(statement, 28, row->turn);
        sqlite3_bind_int64(statement, 29, row->asked);
    }
    code = whi_sqlite_step(store, &store->writer, statement, "keeping a poll");
    if (code != 1) {
        return code;
    }
    fact->answer.done = 1;
    fact->answer.number = sqlite3_column_int64(statement, 0);
    return whi_sqlite_run_write(store, statement, "keeping a poll"); /* a row that is returned ends nothing yet */
}

int whi_sqlite_poll_ask(whi_sqlite *store, whi_fact *fact) {
    int code = whi_sqlite_run_numbers(
        store, WHI_SQL_POLL_ASK, (int64_t[]){ fact->of.poll_ask.id, fact->of.poll_ask.bits }, 2, "asking for a run");

    fact->answer.done = code == WH_OK && whi_sqlite_changed(store) > 0;
    return code;
}

int whi_sqlite_poll_drop(whi_sqlite *store, whi_fact *fact) {
    int limit = whi_sqlite_bounded(fact->of.poll_drop.limit);
    int code = whi_sqlite_run_numbers(store, WHI_SQL_SEEN_DROP_ALL, (int64_t[]){ fact->of.poll_drop.seen, limit }, 2,
                                      "forgetting what a poll has seen");

    fact->answer.done = code == WH_OK && whi_sqlite_changed(store) < limit;
    if (fact->answer.done && fact->of.poll_drop.row) {
        code = whi_sqlite_run_numbers(store, WHI_SQL_POLL_DROP, &fact->of.poll_drop.id, 1, "forgetting a poll");
    }
    return code;
}

int whi_sqlite_seen(whi_sqlite *store, whi_fact *fact) {
    const wh_backend_seen *object = &fact->of.object;
    int forgets = object->scan < 0, code;
    sqlite3_stmt *statement;

    code = whi_sqlite_write(store, forgets ? WHI_SQL_SEEN_DROP : WHI_SQL_SEEN_PUT, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, object->seen);
    sqlite3_bind_blob(statement, 2, object->id, (int)object->id_size, SQLITE_STATIC);
    if (!forgets) {
        sqlite3_bind_int64(statement, 3, object->content);
        sqlite3_bind_int64(statement, 4, object->scan);
    }
    return whi_sqlite_run_write(store, statement, "remembering an object");
}

/* ------------------------------------------------------------------------- reading */

static const char *word_or_null(sqlite3_stmt *statement, int column) {
    return (const char *)sqlite3_column_text(statement, column);
}

static void poll_row(sqlite3_stmt *statement, wh_backend_poll *row) {
    *row = (wh_backend_poll){
        .id = sqlite3_column_int64(statement, 0),
        .holder = sqlite3_column_int64(statement, 1),
        .seen = sqlite3_column_int64(statement, 2),
        .name = word_or_null(statement, 3),
        .page = word_or_null(statement, 4),
        .state = word_or_null(statement, 5),
        .runs = word_or_null(statement, 6),
        .salt = sqlite3_column_blob(statement, 7),
        .turn = sqlite3_column_int64(statement, 8 + NUMBERS),
        .asked = sqlite3_column_int64(statement, 9 + NUMBERS),
    };
    take_numbers(statement, 8, row);
}

static int damaged(const whi_sqlite *store) {
    return whi_fail(WH_ECORRUPT, "store '%s': damaged: a poll's salt", store->name);
}

static int poll_get(whi_sqlite *store, whi_sqlite_side *side, int64_t id, wh_backend_poll_fn each, void *payload) {
    sqlite3_stmt *statement;
    wh_backend_poll row;
    int code = whi_sqlite_use(store, side, WHI_SQL_POLL_GET, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, id);
    code = whi_sqlite_step(store, side, statement, "looking at a poll");
    if (code != 1) {
        return code == 0 ? WH_ENOTFOUND : code;
    }
    poll_row(statement, &row);
    code = sqlite3_column_bytes(statement, 7) == WH_POLL_SALT ? each(&row, payload) : damaged(store);
    sqlite3_reset(statement);
    return code;
}

int whi_sqlite_poll_get(whi_store *base, int64_t id, wh_backend_poll_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, poll_get(store, whi_sqlite_enter(store), id, each, payload));
}

static int poll_list(whi_sqlite *store, whi_sqlite_side *side, int64_t after, int asked, int limit,
                     wh_backend_poll_fn each, void *payload) {
    sqlite3_stmt *list;
    int code = whi_sqlite_use(store, side, asked ? WHI_SQL_POLL_ASKED : WHI_SQL_POLL_LIST, &list);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(list, 1, after);
    sqlite3_bind_int64(list, 2, limit);
    while ((code = whi_sqlite_step(store, side, list, "listing polls")) == 1) {
        wh_backend_poll row = { .id = sqlite3_column_int64(list, 0),
                                .asked = sqlite3_column_int64(list, 1),
                                .turn = sqlite3_column_int64(list, 2),
                                .salt = sqlite3_column_blob(list, 3) };
        code = sqlite3_column_bytes(list, 3) == WH_POLL_SALT ? each(&row, payload) : damaged(store);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
    }
    return code;
}

int whi_sqlite_poll_list(whi_store *base, int64_t after, int asked, int limit, wh_backend_poll_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, poll_list(store, whi_sqlite_enter(store), after, asked, limit, each, payload));
}

static int seen_get(whi_sqlite *store, whi_sqlite_side *side, wh_backend_seen *sight, int *found) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_SEEN_GET, &statement);

    *found = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, sight->seen);
    sqlite3_bind_blob(statement, 2, sight->id, (int)sight->id_size, SQLITE_STATIC);
    code = whi_sqlite_step(store, side, statement, "looking at what was seen");
    if (code != 1) {
        return code;
    }
    *found = 1;
    sight->content = sqlite3_column_int64(statement, 0);
    sight->scan = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_seen_get(whi_store *base, wh_backend_seen *sight, int *found) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, seen_get(store, whi_sqlite_enter(store), sight, found));
}

static int unseen_begin(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, const wh_backend_unseen *asked,
                        sqlite3_stmt **out) {
    int code = whi_sqlite_use(store, side, which, out);

    if (code == WH_OK) {
        sqlite3_bind_int64(*out, 1, asked->seen);
        sqlite3_bind_int64(*out, 2, asked->scan);
        sqlite3_bind_int64(*out, 3, asked->other);
    }
    return code;
}

static int unseen_list(whi_sqlite *store, whi_sqlite_side *side, const wh_backend_unseen *asked,
                       wh_backend_seen_fn each, void *payload) {
    sqlite3_stmt *list;
    int code = unseen_begin(store, side, WHI_SQL_UNSEEN_LIST, asked, &list);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_blob(list, 4, asked->after != NULL ? asked->after : "", (int)asked->after_size, SQLITE_STATIC);
    sqlite3_bind_int64(list, 5, asked->limit);
    while ((code = whi_sqlite_step(store, side, list, "listing what has vanished")) == 1) {
        wh_backend_seen row = { .seen = asked->seen };
        row.id = whi_sqlite_bytes(list, 0, &row.id_size);
        row.content = sqlite3_column_int64(list, 1);
        row.scan = sqlite3_column_int64(list, 2);
        code = each(&row, payload);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
    }
    return code;
}

int whi_sqlite_unseen_list(whi_store *base, const wh_backend_unseen *asked, wh_backend_seen_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, unseen_list(store, whi_sqlite_enter(store), asked, each, payload));
}

static int unseen_count(whi_sqlite *store, whi_sqlite_side *side, const wh_backend_unseen *asked, int64_t *gone,
                        int64_t *all) {
    sqlite3_stmt *statement;
    int code = unseen_begin(store, side, WHI_SQL_UNSEEN_COUNT, asked, &statement);

    *gone = *all = 0;
    code = code == WH_OK ? whi_sqlite_step(store, side, statement, "counting what has vanished") : code;
    if (code != 1) {
        return code;
    }
    *gone = sqlite3_column_int64(statement, 0);
    *all = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_unseen_count(whi_store *base, const wh_backend_unseen *asked, int64_t *gone, int64_t *all) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, unseen_count(store, whi_sqlite_enter(store), asked, gone, all));
}
