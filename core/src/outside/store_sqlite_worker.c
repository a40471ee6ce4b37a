/* Workers, the partitions that they have, and their positions in the log: see engine/lease.h.
 * Tests: test_store, test_store_partition, test_store_lag. */
#include "outside/store_sqlite.h"

#include "base/error.h"

int whi_sqlite_worker_add(whi_store *base, int share, int64_t *owner) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code = whi_sqlite_run_numbers(store, WHI_SQL_WORKER_ADD, (int64_t[]){ share }, 1, "adding a worker");

    *owner = code == WH_OK ? sqlite3_last_insert_rowid(store->writer.db) : 0;
    return code;
}

static int gone(const whi_sqlite *store, int64_t owner) {
    return whi_fail(WH_ENOTFOUND, "store '%s': worker %lld was silent for too long and others took its work over",
                    store->name, (long long)owner);
}

int whi_sqlite_worker_beat(whi_store *base, int64_t owner, int share) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code =
        whi_sqlite_run_numbers(store, WHI_SQL_WORKER_BEAT, (int64_t[]){ owner, share }, 2, "writing a worker's beat");

    return code == WH_OK && whi_sqlite_changed(store) == 0 ? gone(store, owner) : code;
}

/* Asked by each job of a transaction: the store looks once. */
int whi_sqlite_worker_holds(whi_store *base, int64_t owner) {
    whi_sqlite *store = whi_sqlite_of(base);
    int64_t id;
    int found, code;

    if (store->holds == owner) {
        return WH_OK;
    }
    code = whi_sqlite_read_number(store, WHI_SQL_WORKER_HOLDS, owner, &id, &found);
    if (code == WH_OK && !found) {
        return gone(store, owner);
    }
    store->holds = code == WH_OK ? owner : 0;
    return code;
}

int whi_sqlite_worker_list(whi_store *base, whi_worker_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_WORKER_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, &store->writer, statement, "listing the workers")) == 1) {
        whi_worker_row row = { sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1),
                               sqlite3_column_int(statement, 2), sqlite3_column_int64(statement, 3) };

        code = each(&row, payload);
        if (code != 0) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return code;
}

int whi_sqlite_worker_remove(whi_store *base, int64_t owner) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code = whi_sqlite_run_numbers(store, WHI_SQL_PARTITION_LEAVE, &owner, 1, "leaving partitions");

    store->holds = 0;
    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_WORKER_REMOVE, &owner, 1, "removing a worker") : code;
}

/* ---------------------------------------------------------------- partitions */

/* How many there are to be taken, and the least position of theirs. */
static int look_for_free(whi_sqlite *store, int limit, int64_t *position, int *count) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_PARTITION_LEAST, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, limit);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for partitions");
    if (code != 1) {
        return code;
    }
    *count = sqlite3_column_int(statement, 0);
    *position = *count > 0 ? sqlite3_column_int64(statement, 1) : INT64_MAX;
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_partition_take(whi_store *base, int64_t owner, int limit, int64_t *position, int *count) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    *position = INT64_MAX;
    *count = 0;
    code = look_for_free(store, limit, position, count);
    if (code != WH_OK || *count == 0) {
        return code;
    }
    code = whi_sqlite_run_numbers(store, WHI_SQL_PARTITION_TAKE, (int64_t[]){ limit, owner }, 2, "taking partitions");
    return code == WH_OK ? whi_sqlite_run_numbers(store, WHI_SQL_POSITION_LOWER, (int64_t[]){ owner, *position }, 2,
                                                  "going back in the log")
                         : code;
}

int whi_sqlite_partition_give(whi_store *base, int64_t owner, int partition, int64_t position, int *done) {
    whi_sqlite *store = whi_sqlite_of(base);
    int all = partition < 0;
    int code =
        whi_sqlite_run_numbers(store, all ? WHI_SQL_PARTITION_GIVE_ALL : WHI_SQL_PARTITION_GIVE,
                               (int64_t[]){ owner, position, partition }, all ? 2 : 3, "giving a partition back");

    *done = code == WH_OK && whi_sqlite_changed(store) > 0;
    return *done ? whi_sqlite_run_numbers(store, WHI_SQL_POSITION_NONE, &owner, 1, "leaving the log") : code;
}

int whi_sqlite_partition_list(whi_store *base, whi_partition_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_PARTITION_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, &store->writer, statement, "listing the partitions")) == 1) {
        whi_partition_row row = { sqlite3_column_int(statement, 0), sqlite3_column_int64(statement, 1),
                                  sqlite3_column_int64(statement, 2) };

        code = each(&row, payload);
        if (code != 0) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return code;
}

int whi_sqlite_position(whi_store *base, int64_t owner, int64_t position, int *done) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code =
        whi_sqlite_run_numbers(store, WHI_SQL_POSITION, (int64_t[]){ owner, position }, 2, "moving a position on");

    *done = code == WH_OK && whi_sqlite_changed(store) > 0;
    return code;
}

/* ---------------------------------------------------------------------- lags */

static int has_partition(whi_sqlite *store, int64_t owner, int partition, int *out) {
    int64_t has;
    int found, code = whi_sqlite_read_number(store, WHI_SQL_PARTITION_OWNER, partition, &has, &found);

    *out = code == WH_OK && found && has == owner;
    return code;
}

/* A deleted subscription gets none: it would hold the log up for ever. */
int whi_sqlite_lag(whi_sqlite *store, whi_fact *fact) {
    int64_t numbers[] = { fact->of.lag.subscription, fact->of.lag.position, fact->of.lag.waits };
    int ends = fact->of.lag.position < 0;
    int ours, code = has_partition(store, fact->of.lag.owner, fact->of.lag.partition, &ours);

    if (code != WH_OK || !ours) {
        return code;
    }
    code = whi_sqlite_run_numbers(store, ends ? WHI_SQL_LAG_DROP : WHI_SQL_LAG_PUT, numbers, ends ? 1 : 3,
                                  "writing a lag");
    fact->answer.done = code == WH_OK && (ends || whi_sqlite_changed(store) > 0);
    return code;
}

int whi_sqlite_lag_list(whi_store *base, whi_lane_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_LAG_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    while ((code = whi_sqlite_step(store, &store->writer, statement, "listing lags")) == 1) {
        code = each(sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1), payload);
        if (code != 0) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return code;
}

static int lag_waits(whi_sqlite *store, whi_sqlite_side *side, int64_t subscription, int *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_LAG_WAITS, &statement);

    *out = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, subscription);
    code = whi_sqlite_step(store, side, statement, "looking at a lag");
    if (code == 1) {
        *out = sqlite3_column_int(statement, 0);
        sqlite3_reset(statement);
    }
    return code == 1 ? WH_OK : code;
}

int whi_sqlite_lag_waits(whi_store *base, int64_t subscription, int *out) {
    whi_sqlite *store = whi_sqlite_of(base);

    return whi_sqlite_leave(store, lag_waits(store, whi_sqlite_enter(store), subscription, out));
}
