/* Whether a file that says it is ours has all that we need.
 *
 * The tables as they should be are made in memory, and the file is compared with them: each
 * table, each column, each index. Then each statement is prepared once, which finds what is
 * there but of another kind (a table without its key, say). Together that takes a few
 * milliseconds, and whoever opens a store that lost a part hears of it, instead of an engine
 * that cannot work later. A missing index is made again: it holds nothing of its own.
 * Tests: test_store_sqlite_check. */
#include "outside/store_sqlite.h"

#include "base/error.h"

#define IDEAL_COLUMNS                                                                                                  \
    "SELECT m.name, p.name, p.pk FROM sqlite_schema m CROSS JOIN pragma_table_info(m.name) p"                          \
    " WHERE m.type = 'table' AND m.name LIKE 'webhook%'"
#define IDEAL_INDEXES                                                                                                  \
    "SELECT name, (SELECT group_concat(i.name) FROM pragma_index_info(m.name) i), sql, type FROM sqlite_schema m"      \
    " WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
#define COLUMN_THERE                                                                                                   \
    "SELECT count(*), total(name = ?2 COLLATE NOCASE), total(name = ?2 COLLATE NOCASE AND pk = CAST(?3 AS INTEGER))"   \
    " FROM pragma_table_info(?1)"
#define INDEX_THERE                                                                                                    \
    "SELECT (SELECT group_concat(i.name) FROM pragma_index_info(m.name) i) FROM sqlite_schema m"                       \
    " WHERE type IN ('index', 'trigger') AND name = ?1"

/* A walk through what should be there, with the question whether it is. */
typedef struct comparison {
    whi_sqlite *store;
    sqlite3 *ideal;
    sqlite3_stmt *each, *there;
} comparison;

static int fail(whi_sqlite *store, int result) {
    return whi_sqlite_fail(store, &store->writer, result, "looking at the tables");
}

static int begin(comparison *self, const char *each, const char *there) {
    int result = sqlite3_prepare_v2(self->ideal, each, -1, &self->each, NULL);

    if (result == SQLITE_OK) {
        result = sqlite3_prepare_v2(self->store->writer.db, there, -1, &self->there, NULL);
    }
    return result == SQLITE_OK ? WH_OK : fail(self->store, result);
}

static void end(comparison *self) {
    sqlite3_finalize(self->each);
    sqlite3_finalize(self->there);
    self->each = self->there = NULL;
}

static const char *word(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

/* 1: the next thing that should be there, with the question answered as far as it can be; 0: no
 * more; else a code. there receives 1 if the question had an answer. */
static int next(comparison *self, int *there) {
    int result = sqlite3_step(self->each);

    if (result == SQLITE_DONE) {
        return 0;
    }
    sqlite3_reset(self->there);
    if (result == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_bind_parameter_count(self->there); i++) {
            sqlite3_bind_text(self->there, i + 1, word(self->each, i), -1, SQLITE_TRANSIENT);
        }
        result = sqlite3_step(self->there);
    }
    *there = result == SQLITE_ROW;
    return result == SQLITE_ROW || result == SQLITE_DONE ? 1 : fail(self->store, result);
}

/* ------------------------------------------------------------------------- columns */

static int column_is_there(const comparison *self) {
    const char *table = word(self->each, 0), *column = word(self->each, 1);

    if (sqlite3_column_int(self->there, 0) == 0) {
        return whi_fail(WH_ECORRUPT, "store '%s': damaged: the table %s is missing", self->store->name, table);
    }
    if (sqlite3_column_int(self->there, 2) > 0) {
        return WH_OK;
    }
    return whi_fail(WH_ECORRUPT, "store '%s': damaged: the table %s lacks the column %s%s", self->store->name, table,
                    column, sqlite3_column_int(self->there, 1) > 0 ? " in its key" : "");
}

static int check_columns(comparison *self) {
    int there, code = begin(self, IDEAL_COLUMNS, COLUMN_THERE);

    if (code == WH_OK) {
        while ((code = next(self, &there)) == 1 && (code = column_is_there(self)) == WH_OK) {}
    }
    end(self);
    return code;
}

/* ------------------------------------------------------------------------- indexes */

static int make_index(const comparison *self) {
    int result = sqlite3_exec(self->store->writer.db, word(self->each, 2), NULL, NULL, NULL);

    if (result == SQLITE_ERROR) {
        return whi_fail(WH_ECORRUPT, "store '%s': damaged: the %s %s is missing and cannot be made again: %s",
                        self->store->name, word(self->each, 3), word(self->each, 0),
                        sqlite3_errmsg(self->store->writer.db));
    }
    return result == SQLITE_OK ? WH_OK : fail(self->store, result);
}

static int index_is_ours(const comparison *self) {
    return sqlite3_stricmp(word(self->there, 0), word(self->each, 1)) == 0
               ? WH_OK
               : whi_fail(WH_ECORRUPT, "store '%s': damaged: the index %s is of (%s), expected (%s)", self->store->name,
                          word(self->each, 0), word(self->there, 0), word(self->each, 1));
}

/* missing receives 1 if one is and may not be made: make 0. */
static int check_indexes(comparison *self, int make, int *missing) {
    int there, code = begin(self, IDEAL_INDEXES, INDEX_THERE);

    *missing = 0;
    while (code == WH_OK && (code = next(self, &there)) == 1) {
        code = WH_OK;
        if (there) {
            code = index_is_ours(self);
        } else if (make) {
            sqlite3_reset(self->there);
            code = make_index(self);
        } else {
            *missing = 1;
        }
    }
    end(self);
    return code;
}

/* Under the write lock: another process may be about it. */
static int mend_indexes(comparison *self) {
    sqlite3 *db = self->store->writer.db;
    int missing, result = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
    int code = result == SQLITE_OK ? check_indexes(self, 1, &missing) : fail(self->store, result);

    if (code == WH_OK) {
        result = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
        code = result == SQLITE_OK ? WH_OK : fail(self->store, result);
    }
    if (code != WH_OK && !sqlite3_get_autocommit(db)) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    return code;
}

/* ---------------------------------------------------------------------- statements */

static int check_statements(whi_sqlite *store) {
    for (int i = 0; i < WHI_SQL_STATEMENTS; i++) {
        sqlite3_stmt *statement = NULL;
        int result = sqlite3_prepare_v2(store->writer.db, whi_sqlite_text[i], -1, &statement, NULL);

        sqlite3_finalize(statement);
        if (result == SQLITE_ERROR) {
            return whi_fail(WH_ECORRUPT, "store '%s': damaged: its tables cannot be used: %s: %.60s", store->name,
                            sqlite3_errmsg(store->writer.db), whi_sqlite_text[i]);
        }
        if (result != SQLITE_OK) {
            return fail(store, result);
        }
    }
    return WH_OK;
}

static int make_ideal(comparison *self) {
    int result = sqlite3_open(":memory:", &self->ideal);

    if (result == SQLITE_OK) {
        result = sqlite3_exec(self->ideal, whi_sqlite_schema, NULL, NULL, NULL);
    }
    return result == SQLITE_OK ? WH_OK : fail(self->store, result);
}

int whi_sqlite_check(whi_sqlite *store) {
    comparison self = { store, NULL, NULL, NULL };
    int missing = 0, code = make_ideal(&self);

    code = code == WH_OK ? check_columns(&self) : code;
    code = code == WH_OK ? check_indexes(&self, 0, &missing) : code;
    code = code == WH_OK && missing ? mend_indexes(&self) : code;
    sqlite3_close(self.ideal);
    return code == WH_OK ? check_statements(store) : code;
}
