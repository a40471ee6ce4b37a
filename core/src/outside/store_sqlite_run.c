/* Running statements: what every other file of the SQLite store stands on.
 * Tests: test_store, test_store_sqlite. */
#include "outside/store_sqlite.h"

#include <errno.h>

#include "base/error.h"
#include "base/mem.h"

#define PICK_MAX 100000 /* keys held at once, whatever limit says: 800 KB */

/* ------------------------------------------------------------------- errors */

static int last_errno(sqlite3_file *file) {
    int number = 0;

    if (file != NULL && file->pMethods != NULL) {
        (void)file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &number);
    }
    return number;
}

static int means_full(int number) {
    return number == ENOSPC || number == EDQUOT || number == EFBIG;
}

/* SQLite knows ENOSPC; that a quota or a limit on the size of files is used up is an
 * I/O error to it, whose number the file remembers: the log's, or the file's itself. */
static int is_full(whi_sqlite_side *side, int result) {
    sqlite3_file *file = NULL, *log = NULL;

    if ((result & 0xff) != SQLITE_IOERR || side->db == NULL) {
        return (result & 0xff) == SQLITE_FULL;
    }
    (void)sqlite3_file_control(side->db, "main", SQLITE_FCNTL_FILE_POINTER, &file);
    (void)sqlite3_file_control(side->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    return means_full(last_errno(log)) || means_full(last_errno(file));
}

/* A statement that was prepared before is prepared again when another program has changed the tables;
 * it is right, so one of them is missing or changed. */
static int lacks_table(whi_sqlite_side *side, int result) {
    const char *text = side->db != NULL ? sqlite3_errmsg(side->db) : "";

    return (result & 0xff) == SQLITE_ERROR &&
           (sqlite3_strglob("no such *", text) == 0 || sqlite3_strglob("*has no column named*", text) == 0);
}

static int code_of(whi_sqlite_side *side, int result) {
    if (is_full(side, result)) {
        return WH_EFULL;
    }
    if (lacks_table(side, result)) {
        return WH_ECORRUPT;
    }
    switch (result & 0xff) {
    case SQLITE_NOMEM:
        return WH_ENOMEM;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: /* lost the race for a WAL lock again and again */
        return WH_ELOCKED;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
    case SQLITE_FORMAT:
        return WH_ECORRUPT;
    default:
        return WH_ESTORE;
    }
}

int whi_sqlite_fail(whi_sqlite *store, whi_sqlite_side *side, int result, const char *doing) {
    int code = code_of(side, result);

    if (code == WH_ELOCKED) {
        return whi_fail(code, "store '%s': %s: another process holds the lock for more than %d s", store->name, doing,
                        WHI_SQLITE_BUSY_MS / 1000);
    }
    if (code == WH_EFULL) {
        return whi_fail(code, "store '%s': %s: the disk is full", store->name, doing);
    }
    if (side->db == NULL || code == WH_ENOMEM) {
        return whi_fail(code, "store '%s': %s: %s", store->name, doing, sqlite3_errstr(result));
    }
    return whi_fail(code, "store '%s': %s: %s (SQLite %d)", store->name, doing, sqlite3_errmsg(side->db), result);
}

/* --------------------------------------------------------------- statements */

static int prepare(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which) {
    int result = sqlite3_prepare_v3(side->db, whi_sqlite_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                                    &side->statements[which], NULL);

    if (result == SQLITE_ERROR) { /* the statements are right, so a table is missing or changed */
        return whi_fail(WH_ECORRUPT, "store '%s': damaged: %s", store->name, sqlite3_errmsg(side->db));
    }
    return result == SQLITE_OK ? WH_OK : whi_sqlite_fail(store, side, result, "preparing");
}

int whi_sqlite_use(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, sqlite3_stmt **out) {
    if (side->statements[which] == NULL) {
        int code = prepare(store, side, which);

        if (code != WH_OK) {
            *out = NULL;
            return code;
        }
    }
    *out = side->statements[which];
    return WH_OK;
}

int whi_sqlite_run(whi_sqlite *store, whi_sqlite_side *side, sqlite3_stmt *statement, const char *doing) {
    int result = sqlite3_step(statement), code;

    if (result == SQLITE_DONE || result == SQLITE_ROW) {
        sqlite3_reset(statement);
        return WH_OK;
    }
    code = whi_sqlite_fail(store, side, sqlite3_extended_errcode(side->db), doing);
    sqlite3_reset(statement);
    return code;
}

int whi_sqlite_step(whi_sqlite *store, whi_sqlite_side *side, sqlite3_stmt *statement, const char *doing) {
    int result = sqlite3_step(statement), code = 0;

    if (result == SQLITE_ROW) {
        return 1;
    }
    if (result != SQLITE_DONE) {
        code = whi_sqlite_fail(store, side, sqlite3_extended_errcode(side->db), doing);
    }
    sqlite3_reset(statement);
    return code;
}

int whi_sqlite_number(whi_sqlite *store, whi_sqlite_side *side, enum whi_sql which, int64_t *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, which, &statement);

    *out = 0;
    if (code != WH_OK) {
        return code;
    }
    code = whi_sqlite_step(store, side, statement, "reading a number");
    if (code == 1) {
        *out = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return WH_OK;
    }
    return code;
}

/* ---------------------------------------------------------------- writing */

int whi_sqlite_run_numbers(whi_sqlite *store, enum whi_sql which, const int64_t *numbers, int count,
                           const char *doing) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    for (int i = 0; i < count; i++) {
        sqlite3_bind_int64(statement, i + 1, numbers[i]);
    }
    return whi_sqlite_run_write(store, statement, doing);
}

int whi_sqlite_read_number(whi_sqlite *store, enum whi_sql which, int64_t key, int64_t *out, int *found) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    *out = *found = 0;
    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, key);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a number");
    if (code != 1) {
        return code;
    }
    *found = 1;
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

int whi_sqlite_pick(whi_sqlite *store, sqlite3_stmt *statement, int limit, int64_t **out, int *count) {
    int code;

    *count = 0;
    *out = whi_alloc((size_t)limit * sizeof **out);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    while ((code = whi_sqlite_step(store, &store->writer, statement, "choosing rows")) == 1) {
        (*out)[(*count)++] = sqlite3_column_int64(statement, 0);
        if (*count == limit) {
            sqlite3_reset(statement);
            return WH_OK;
        }
    }
    return code;
}

int whi_sqlite_bounded(int limit) {
    return limit < 1 ? 1 : limit > PICK_MAX ? PICK_MAX : limit;
}

/* -------------------------------------------------------------- columns, parameters */

const char *whi_sqlite_bytes(sqlite3_stmt *statement, int column, size_t *size) {
    const char *bytes;

    *size = 0;
    if (sqlite3_column_type(statement, column) == SQLITE_NULL) {
        return NULL;
    }
    bytes = sqlite3_column_blob(statement, column);
    *size = (size_t)sqlite3_column_bytes(statement, column);
    return bytes != NULL ? bytes : "";
}

const char *whi_sqlite_word(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

void whi_sqlite_bind_word(sqlite3_stmt *statement, int index, const char *text) {
    if (text != NULL) {
        sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
    } else {
        sqlite3_bind_null(statement, index);
    }
}
