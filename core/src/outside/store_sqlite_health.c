/* How receivers answer: a row for each subscription that is not well. Mostly there is none at all, which is
 * asked once in a transaction: so a success costs what a comparison does. Tests: test_store_health. */
#include "outside/store_sqlite.h"

#include "base/error.h"
#include "pure/health.h"

static void health_row(sqlite3_stmt *statement, whi_health_row *row) {
    *row = (whi_health_row){
        .subscription = sqlite3_column_int64(statement, 0),
        .state = sqlite3_column_int(statement, 1),
        .since = sqlite3_column_int64(statement, 2),
        .failed_at = sqlite3_column_int64(statement, 3),
        .failures = sqlite3_column_int64(statement, 4),
        .exhausted = sqlite3_column_int64(statement, 5),
        .lasted = sqlite3_column_int64(statement, 6),
        .steady = sqlite3_column_int64(statement, 7),
        .error = (const char *)sqlite3_column_text(statement, 8),
        .success_at = sqlite3_column_int64(statement, 9),
    };
}

/* *out 1: somebody has a row. */
static int is_any(whi_sqlite *store, int *out) {
    int64_t any = 1;
    int code = WH_OK;

    if (store->healths == 0) {
        code = whi_sqlite_number(store, &store->writer, WHI_SQL_HEALTH_ANY, &any);
        store->healths = code == WH_OK ? 1 + (any != 0) : 0;
    }
    *out = store->healths == 2;
    return code;
}

/* The row as it is, without its error, which goes with the statement. */
static int read_health(whi_sqlite *store, int64_t subscription, whi_health_row *row) {
    sqlite3_stmt *statement;
    int any, code = is_any(store, &any);

    *row = (whi_health_row){ .subscription = subscription };
    if (code != WH_OK || !any) {
        return code;
    }
    code = whi_sqlite_write(store, WHI_SQL_HEALTH_GET, &statement);
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, subscription);
    code = whi_sqlite_step(store, &store->writer, statement, "looking at a subscription's health");
    if (code != 1) {
        return code;
    }
    health_row(statement, row);
    row->error = NULL;
    sqlite3_reset(statement);
    return WH_OK;
}

static int put_health(whi_sqlite *store, const whi_health_row *row, const char *error) {
    int64_t numbers[] = { row->subscription, row->state,     row->since,  row->failed_at,
                          row->failures,     row->exhausted, row->lasted, row->steady };
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_HEALTH_PUT, &statement);

    if (code != WH_OK) {
        return code;
    }
    for (int i = 0; i < 8; i++) {
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
    }
    whi_sqlite_bind_word(statement, 9, error);
    store->healths = 2;
    return whi_sqlite_run_write(store, statement, "keeping a subscription's health");
}

int whi_sqlite_health_drop(whi_sqlite *store, int64_t subscription) {
    int code =
        whi_sqlite_run_numbers(store, WHI_SQL_RECEIVER_DROP, &subscription, 1, "forgetting a subscription's receiver");

    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_HEALTH_DROP, &subscription, 1,
                                                  "forgetting a subscription's health")
                         : code;
}

/* It is well again: when it last failed, and with what, is still to be seen. */
static int close_health(whi_sqlite *store, int64_t subscription) {
    int code = whi_sqlite_run_numbers(store, WHI_SQL_HEALTH_CLOSE, &subscription, 1, "closing a subscription's health");

    return code == WH_OK
               ? whi_sqlite_run_numbers(store, WHI_SQL_HEALTH_DROP, &subscription, 1, "closing a subscription's health")
               : code;
}

static int keep_success(whi_sqlite *store, const whi_sight *sight) {
    return whi_sqlite_run_numbers(store, WHI_SQL_RECEIVER_PUT, (int64_t[]){ sight->subscription, sight->at }, 2,
                                  "keeping a success");
}

static int is_failure(const whi_sight *sight) {
    return sight->what == WHI_SAW_FAILURE || sight->what == WHI_SAW_EXHAUSTED || sight->what == WHI_SAW_GONE;
}

/* A failure has an error that is new; whatever else is seen leaves the one that is there. */
static int write_health(whi_sqlite *store, const whi_health_row *row, const whi_sight *sight) {
    if (row->state == WHI_HEALTHY) {
        return close_health(store, row->subscription);
    }
    if (!is_failure(sight)) {
        return whi_sqlite_run_numbers(
            store, WHI_SQL_HEALTH_CALM,
            (int64_t[]){ row->subscription, row->state, row->exhausted, row->lasted, row->steady }, 5,
            "keeping a subscription's health");
    }
    return put_health(store, row, sight->error);
}

int whi_sqlite_health(whi_sqlite *store, whi_fact *fact) {
    const whi_sight *sight = &fact->of.sight;
    whi_health_row row;
    enum whi_health_news news;
    int code = sight->keep ? keep_success(store, sight) : WH_OK;

    code = code == WH_OK ? read_health(store, sight->subscription, &row) : code;
    if (code != WH_OK || (row.state == WHI_HEALTHY && !is_failure(sight))) {
        return code;
    }
    news = whi_health_next(&row, sight);
    code = write_health(store, &row, sight);
    fact->answer.done = code == WH_OK && whi_sqlite_changed(store) > 0;
    fact->answer.number = fact->answer.done ? (int64_t)news : WHI_NO_NEWS;
    if (fact->answer.done && sight->became != NULL) {
        *sight->became = row;
    }
    return code;
}

static int health_list(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t first, int limit,
                       whi_health_fn each, void *payload) {
    sqlite3_stmt *list;
    whi_health_row row;
    int code = whi_sqlite_use(store, side, which, &list);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(list, 1, first);
    sqlite3_bind_int64(list, 2, limit);
    while ((code = whi_sqlite_step(store, side, list, "listing health")) == 1) {
        health_row(list, &row);
        code = each(&row, payload);
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
    }
    return code;
}

int whi_sqlite_health_list(whi_store *base, int64_t before, int limit, whi_health_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, health_list(store, whi_sqlite_enter(store), WHI_SQL_HEALTH_LIST,
                                               before > 0 ? before : INT64_MAX, limit, each, payload));
}

int whi_sqlite_worst(whi_store *base, int64_t most, int limit, whi_health_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(
        store, health_list(store, whi_sqlite_enter(store), WHI_SQL_HEALTH_WORST, most, limit, each, payload));
}

static int health_get(whi_sqlite *store, whi_sqlite_side *side, int64_t subscription, whi_health_fn each,
                      void *payload) {
    sqlite3_stmt *statement;
    whi_health_row row;
    int code = whi_sqlite_use(store, side, WHI_SQL_RECEIVER_GET, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, subscription);
    code = whi_sqlite_step(store, side, statement, "looking at a receiver");
    if (code != 1) {
        return code;
    }
    health_row(statement, &row);
    code = each(&row, payload);
    sqlite3_reset(statement);
    return code;
}

int whi_sqlite_health_get(whi_store *base, int64_t subscription, whi_health_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, health_get(store, whi_sqlite_enter(store), subscription, each, payload));
}
