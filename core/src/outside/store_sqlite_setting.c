/* What is kept of the store itself, by names. Tests: test_store_facts. */
#include "outside/store_sqlite.h"

static int read_setting(whi_sqlite *store, whi_sqlite_side *side, const char *name, int64_t *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_SETTING_GET, &statement);

    *out = 0;
    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, name);
    code = whi_sqlite_step(store, side, statement, "reading a setting");
    if (code != 1) {
        return code;
    }
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

static int write_setting(whi_sqlite *store, const char *name, int64_t value) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, value != 0 ? WHI_SQL_SETTING_PUT : WHI_SQL_SETTING_DROP, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, name);
    if (value != 0) {
        sqlite3_bind_int64(statement, 2, value);
    }
    return whi_sqlite_run_write(store, statement, "keeping a setting");
}

int whi_sqlite_setting_put(whi_sqlite *store, const char *name, int64_t value, int replace, int64_t *now) {
    int code = read_setting(store, &store->writer, name, now);

    if (code != WH_OK || *now == value || (!replace && (*now != 0 || value == 0))) {
        return code;
    }
    *now = value;
    return write_setting(store, name, value);
}

int whi_sqlite_setting(whi_store *base, const char *name, int64_t *out) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = read_setting(store, store->reader, name, out);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}
