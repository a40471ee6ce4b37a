/* What is kept of a tenant, and what it may have. Tests: test_store_usage. */
#include "outside/store_sqlite.h"

static void take(sqlite3_stmt *statement, wh_backend_usage *out) {
    out->events = sqlite3_column_int64(statement, 0);
    out->bytes = sqlite3_column_int64(statement, 1);
    out->quota_events = sqlite3_column_int64(statement, 2);
    out->quota_bytes = sqlite3_column_int64(statement, 3);
    out->cpu_ms = sqlite3_column_int64(statement, 4);
}

static int read_usage(whi_sqlite *store, whi_sqlite_side *side, const char *tenant, wh_backend_usage *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_USAGE_GET, &statement);

    *out = (wh_backend_usage){ 0 };
    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    code = whi_sqlite_step(store, side, statement, "reading what a tenant has");
    if (code != 1) {
        return code;
    }
    take(statement, out);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_usage_now(whi_sqlite *store, whi_fact *fact) {
    return read_usage(store, &store->writer, fact->of.usage.tenant, fact->of.usage.row);
}

int whi_sqlite_usage_limit(whi_sqlite *store, whi_fact *fact) {
    const wh_backend_usage *row = fact->of.usage.row;
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_USAGE_LIMIT, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, fact->of.usage.tenant);
    sqlite3_bind_int64(statement, 2, row->quota_events);
    sqlite3_bind_int64(statement, 3, row->quota_bytes);
    sqlite3_bind_int64(statement, 4, row->cpu_ms);
    return whi_sqlite_run_write(store, statement, "keeping what a tenant may have");
}

int whi_sqlite_usage(whi_store *base, const char *tenant, wh_backend_usage *out) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = read_usage(store, store->reader, tenant, out);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}
