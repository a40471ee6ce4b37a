/* How much there is, counted in indexes and no further than asked. Tests: test_store_health. */
#include <sys/stat.h>

#include "outside/store_sqlite.h"

#include "pure/delivery.h"

static int count_waiting(whi_sqlite *store, whi_sqlite_side *side, int64_t now, int64_t most, whi_store_figures *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_FIGURES_WAITING, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, now);
    sqlite3_bind_int64(statement, 2, most);
    code = whi_sqlite_step(store, side, statement, "counting what waits");
    if (code != 1) {
        return code;
    }
    out->waiting = sqlite3_column_int64(statement, 0);
    out->due = sqlite3_column_int64(statement, 1);
    out->oldest = sqlite3_column_int64(statement, 2);
    sqlite3_reset(statement);
    return WH_OK;
}

static int count_kept(whi_sqlite *store, whi_sqlite_side *side, int state, int64_t most, int64_t *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_FIGURES_KEPT, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, state);
    sqlite3_bind_int64(statement, 2, most);
    code = whi_sqlite_step(store, side, statement, "counting deliveries");
    if (code != 1) {
        return code;
    }
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

static int count_health(whi_sqlite *store, whi_sqlite_side *side, int64_t most, whi_store_figures *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_FIGURES_HEALTH, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, most);
    code = whi_sqlite_step(store, side, statement, "counting those that fail");
    if (code != 1) {
        return code;
    }
    out->failing = sqlite3_column_int64(statement, 0);
    out->disabled = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return WH_OK;
}

static int count_over_budget(whi_sqlite *store, whi_sqlite_side *side, int64_t most, whi_store_figures *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_FIGURES_BUDGET, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, most);
    code = whi_sqlite_step(store, side, statement, "counting what waits for budgets");
    if (code != 1) {
        return code;
    }
    out->over_budget = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

/* A store in memory has no files. */
static int64_t size_of(const whi_sqlite_file *file) {
    struct stat found;

    return file->path != NULL && stat(file->path, &found) == 0 ? (int64_t)found.st_size : 0;
}

static int figures(whi_sqlite *store, whi_sqlite_side *side, int64_t now, int64_t most, whi_store_figures *out) {
    int code = count_waiting(store, side, now, most, out);

    code = code == WH_OK ? count_kept(store, side, WHI_HELD, most, &out->held) : code;
    code = code == WH_OK ? count_kept(store, side, WHI_EXHAUSTED, most, &out->exhausted) : code;
    code = code == WH_OK ? count_over_budget(store, side, most, out) : code;
    return code == WH_OK ? count_health(store, side, most, out) : code;
}

int whi_sqlite_figures(whi_store *base, int64_t now, int64_t most, whi_store_figures *out) {
    whi_sqlite *store = whi_sqlite_of(base);

    *out = (whi_store_figures){ 0 };
    out->bytes = size_of(&store->files[0]);
    out->log_bytes = size_of(&store->files[1]);
    return whi_sqlite_leave(store, figures(store, whi_sqlite_enter(store), now, most, out));
}
