/* What waits, as the reading side sees it. Tests: test_store, test_store_waiting. */
#include "outside/store_sqlite.h"

#include <string.h>

#include "base/error.h"

static int damaged(const whi_sqlite *store, const char *how) {
    return whi_fail(WH_ECORRUPT, "store '%s': damaged: the index webhook_deliveries_open %s", store->name, how);
}

/* -------------------------------------------------------------------- lanes */

/* Each look-up starts from the answer before: in a damaged index that could go round
 * for ever. */
static int lanes(whi_sqlite *store, whi_sqlite_side *side, whi_lane_fn each, void *payload) {
    int64_t previous = INT64_MIN;
    sqlite3_stmt *list;
    int code = whi_sqlite_use(store, side, WHI_SQL_LANES, &list);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, side, list, "looking for lanes")) == 1) {
        int64_t subscription = sqlite3_column_int64(list, 0);

        code = subscription > previous ? each(subscription, sqlite3_column_int64(list, 1), payload)
                                       : damaged(store, "is not in order");
        if (code != WH_OK) {
            sqlite3_reset(list);
            return code;
        }
        previous = subscription;
    }
    return code;
}

int whi_sqlite_lanes(whi_store *base, whi_lane_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, lanes(store, whi_sqlite_enter(store), each, payload));
}

/* ------------------------------------------------------------- what is due */

static int give(whi_sqlite *store, whi_sqlite_side *side, const whi_store_waiting *asked, int64_t event) {
    int found, code = whi_sqlite_give_delivery(store, side, WHI_SQL_DELIVERY_SEND, event, asked->subscription,
                                               asked->each, asked->payload, &found);

    return code == WH_OK && !found ? damaged(store, "has what the table has not") : code;
}

/* One entry of the index. The first that is unknown and is not given tells when to come again, and ends the walk:
 * so of what waits behind it nothing is read. */
static int look_at(whi_sqlite *store, whi_sqlite_side *side, const whi_store_waiting *asked, sqlite3_stmt *list,
                   int *given, int64_t *next) {
    int64_t event = sqlite3_column_int64(list, 0), due = sqlite3_column_int64(list, 1);

    if (asked->known(event, asked->payload)) {
        return WH_OK;
    }
    if (due > asked->now || *given >= asked->limit) {
        *next = due;
        return WH_OK;
    }
    *given += 1;
    return give(store, side, asked, event);
}

/* The list is open while rows are given, so all is of one moment. */
static int waiting(whi_sqlite *store, whi_sqlite_side *side, const whi_store_waiting *asked, int64_t *next) {
    sqlite3_stmt *list;
    int given = 0, code = whi_sqlite_use(store, side, WHI_SQL_DELIVERY_DUE, &list);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(list, 1, asked->subscription);
    while (*next == INT64_MAX && (code = whi_sqlite_step(store, side, list, "looking for what is due")) == 1) {
        code = look_at(store, side, asked, list, &given, next);
        if (code != WH_OK) {
            break;
        }
    }
    sqlite3_reset(list);
    return code;
}

int whi_sqlite_waiting(whi_store *base, const whi_store_waiting *asked, int64_t *next) {
    whi_sqlite *store = whi_sqlite_of(base);

    *next = INT64_MAX;
    return whi_sqlite_leave(store, waiting(store, whi_sqlite_enter(store), asked, next));
}

/* --------------------------------------------------------------------- work */

static int work(whi_sqlite *store, whi_sqlite_side *side, whi_store_work *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_WORK, &statement);

    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, side, statement, "looking for work");
    if (code != 1) {
        return code;
    }
    out->events = sqlite3_column_int(statement, 0);
    out->outbox = sqlite3_column_int(statement, 1);
    out->first = sqlite3_column_int64(statement, 2);
    out->free = sqlite3_column_int(statement, 3);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_work(whi_store *base, whi_store_work *out) {
    whi_sqlite *store = whi_sqlite_of(base);

    memset(out, 0, sizeof *out);
    return whi_sqlite_leave(store, work(store, whi_sqlite_enter(store), out));
}

/* --------------------------------------------------------------------- news */

static int news(whi_sqlite *store, whi_sqlite_side *side, whi_store_news *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_NEWS, &statement);

    code = code == WH_OK ? whi_sqlite_step(store, side, statement, "looking for news") : code;
    if (code != 1) {
        return code;
    }
    out->told = sqlite3_column_int64(statement, 0);
    out->last = sqlite3_column_int64(statement, 1);
    out->outbox = sqlite3_column_int(statement, 2);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_news(whi_store *base, whi_store_news *out) {
    whi_sqlite *store = whi_sqlite_of(base);

    *out = (whi_store_news){ 0 };
    return whi_sqlite_leave(store, news(store, whi_sqlite_enter(store), out));
}

/* --------------------------------------------------------------- of one alone */

static int count_waiting(whi_sqlite *store, whi_sqlite_side *side, int64_t subscription, int64_t limit, int64_t *count,
                         int64_t *oldest) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_WAITING_COUNT, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, subscription);
    sqlite3_bind_int64(statement, 2, limit);
    code = whi_sqlite_step(store, side, statement, "counting what waits");
    if (code != 1) {
        return code;
    }
    *count = sqlite3_column_int64(statement, 0);
    *oldest = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_waiting_count(whi_store *base, int64_t subscription, int64_t limit, int64_t *count, int64_t *oldest) {
    whi_sqlite *store = whi_sqlite_of(base);

    *count = *oldest = 0;
    return whi_sqlite_leave(store, count_waiting(store, whi_sqlite_enter(store), subscription, limit, count, oldest));
}
