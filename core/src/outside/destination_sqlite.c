/* A destination in a file of SQLite. There is no exact decimal type, so decimals are text, in a column whose declared
 * type says what it is; integers of 64 bits are integers.
 * Tests: test_destination. */
#include <poll.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "outside/dialect.h"

#define BUSY_STEP_MS 5
#define PROGRESS_STEPS 10000 /* of SQLite's machine, between two looks at the time: well below 1 ms */

struct sqlite {
    whi_database base;
    sqlite3 *db;
    int64_t statement_until, lock_until; /* us */
};

static struct sqlite *sqlite_of(whi_database *database) {
    return (struct sqlite *)database;
}

static whi_database *make(void) {
    return whi_calloc(1, sizeof(struct sqlite));
}

static void rest(whi_database *database) {
    struct sqlite *sqlite = sqlite_of(database);

    (void)sqlite3_close(sqlite->db);
    sqlite->db = NULL;
}

static void release(whi_database *database) {
    rest(database);
    whi_free(database);
}

static int accept_options(const whi_database *database) {
    if (!database->allow_files) {
        return whi_fail_field(WH_EINVALID, "url",
                              "a file of this machine may not be written unless its operator allows it");
    }
    if (database->schema[0] != '\0' && strcmp(database->schema, "main") != 0) {
        return whi_fail_field(WH_EINVALID, "schema", "a file has the schema \"main\" alone");
    }
    return WH_OK;
}

/* -------------------------------------------------------------------- failures */

static int outcome_of(int code) {
    switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
        return WHI_OBJECT_ALONE;
    case SQLITE_ERROR:
    case SQLITE_SCHEMA:
        return WHI_OBJECT_SHAPE;
    case SQLITE_PERM:
    case SQLITE_AUTH:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return WHI_OBJECT_OWNER;
    default:
        return WHI_OBJECT_AGAIN;
    }
}

/* A NULL where the table allows none is a matter of the object; so is all of a constraint. */
static void tell(struct sqlite *sqlite, whi_object_result *result, const char *doing) {
    int code = sqlite3_extended_errcode(sqlite->db);
    char state[16];

    snprintf(state, sizeof state, "%d", code);
    whi_database_tell(&sqlite->base, result, outcome_of(code), state, "%s: %s", doing, sqlite3_errmsg(sqlite->db));
}

static void done(whi_object_result *result) {
    memset(result, 0, sizeof *result);
}

/* ----------------------------------------------------------------- connecting */

/* Between tries of a lock that another one has. */
static int is_busy(void *payload, int count) {
    struct sqlite *sqlite = payload;

    (void)count;
    if (atomic_load(&sqlite->base.is_cut) || whi_monotonic_us() >= sqlite->lock_until) {
        return 0;
    }
    (void)poll(NULL, 0, BUSY_STEP_MS);
    return 1;
}

static int is_over(void *payload) {
    struct sqlite *sqlite = payload;

    return atomic_load(&sqlite->base.is_cut) || whi_monotonic_us() >= sqlite->statement_until;
}

static void begin_time(struct sqlite *sqlite) {
    int64_t now = whi_monotonic_us();

    sqlite->statement_until = now + sqlite->base.statement_timeout * 1000;
    sqlite->lock_until = now + sqlite->base.lock_timeout * 1000;
}

/* A name in quotes is never a text, and what a file's own schema says is not trusted. */
static void harden(sqlite3 *db) {
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
}

static void connect_file(whi_database *database, whi_object_result *result) {
    struct sqlite *sqlite = sqlite_of(database);
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX; /* a destination belongs to one thread */

    done(result);
    if (sqlite->db != NULL) {
        return;
    }
    flags |= database->create == WHI_CREATE_FULL ? SQLITE_OPEN_CREATE : 0;
    if (sqlite3_open_v2(database->url.path, &sqlite->db, flags, NULL) != SQLITE_OK) {
        if (sqlite->db == NULL) {
            whi_result_set(result, WHI_OBJECT_AGAIN, "out of memory");
        } else {
            tell(sqlite, result, "opening the file");
        }
        rest(database);
        return;
    }
    harden(sqlite->db);
    (void)sqlite3_extended_result_codes(sqlite->db, 1);
    (void)sqlite3_busy_handler(sqlite->db, is_busy, sqlite);
    sqlite3_progress_handler(sqlite->db, PROGRESS_STEPS, is_over, sqlite);
}

/* What waits looks at is_cut every few ms. */
static void wake(whi_database *database) {
    (void)database;
}

/* --------------------------------------------------------------------- looking */

static const struct {
    const char *type;
    int kind;
} types[] = {
    { "TEXT", WHI_COLUMN_TEXT },      { "BOOLEAN", WHI_COLUMN_BOOLEAN },     { "INTEGER", WHI_COLUMN_INTEGER },
    { "BIGINT", WHI_COLUMN_INTEGER }, { "INT", WHI_COLUMN_INTEGER },         { "DECIMAL TEXT", WHI_COLUMN_DECIMAL },
    { "JSON TEXT", WHI_COLUMN_JSON }, { "TIMESTAMP TEXT", WHI_COLUMN_TIME }, { "CLOB", WHI_COLUMN_TEXT },
};

static int kind_of(const char *type) {
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (whi_ascii_same(type, types[i].type)) {
            return types[i].kind;
        }
    }
    return whi_ascii_same_part(type, "VARCHAR", 7) ? WHI_COLUMN_TEXT : WHI_COLUMN_OTHER;
}

static const char *text_at(sqlite3_stmt *statement, int column) {
    const char *text = (const char *)sqlite3_column_text(statement, column);

    return text != NULL ? text : "";
}

/* 0 without memory. A name that is longer than ours ever are is no column of ours. */
static int add_column(whi_shape *shape, sqlite3_stmt *statement) {
    const char *name = text_at(statement, 0), *type = text_at(statement, 1);
    whi_column *column;

    if (strlen(name) >= WHI_COLUMN_SIZE || strlen(type) >= WHI_TYPE_SIZE) {
        return 1;
    }
    column = whi_shape_add(shape, name, type, kind_of(type));
    if (column != NULL) {
        column->is_kept = sqlite3_column_int(statement, 2) || sqlite3_column_type(statement, 3) != SQLITE_NULL;
    }
    return column != NULL;
}

static sqlite3_stmt *ask(struct sqlite *sqlite, const char *sql, const char *table, whi_object_result *result) {
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(sqlite->db, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) != SQLITE_OK) {
        tell(sqlite, result, "looking at the table");
        sqlite3_finalize(statement);
        return NULL;
    }
    return statement;
}

static void look_columns(struct sqlite *sqlite, whi_shape *shape, whi_object_result *result) {
    sqlite3_stmt *statement = ask(sqlite,
                                  "SELECT name, type, \"notnull\", dflt_value FROM pragma_table_xinfo(?1)"
                                  " WHERE hidden = 0",
                                  shape->name, result);
    int code = SQLITE_ROW, is_enough = 1;

    if (statement == NULL) {
        return;
    }
    while (is_enough && (code = sqlite3_step(statement)) == SQLITE_ROW) {
        is_enough = add_column(shape, statement);
    }
    if (!is_enough) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "out of memory");
    } else if (code != SQLITE_DONE) {
        tell(sqlite, result, "looking at the table");
    }
    sqlite3_finalize(statement);
    shape->exists = shape->count > 0;
}

/* A unique index of exactly the two, without a condition; a primary key has one, too. */
static void look_key(struct sqlite *sqlite, whi_shape *shape, whi_object_result *result) {
    sqlite3_stmt *statement =
        ask(sqlite,
            "SELECT 1 FROM pragma_index_list(?1) AS l WHERE l.\"unique\" AND NOT l.partial"
            " AND (SELECT count(*) FROM pragma_index_info(l.name)) = 2"
            " AND (SELECT count(*) FROM pragma_index_info(l.name) AS i WHERE i.name IN ('_connection_id', 'id')) = 2",
            shape->name, result);

    if (statement == NULL) {
        return;
    }
    switch (sqlite3_step(statement)) {
    case SQLITE_ROW:
        shape->has_key = 1;
        break;
    case SQLITE_DONE:
        break;
    default:
        tell(sqlite, result, "looking at the table");
    }
    sqlite3_finalize(statement);
}

static void look(whi_database *database, whi_shape *shape, whi_object_result *result) {
    struct sqlite *sqlite = sqlite_of(database);

    done(result);
    begin_time(sqlite);
    look_columns(sqlite, shape, result);
    if (result->outcome == WHI_OBJECT_WRITTEN && shape->exists) {
        look_key(sqlite, shape, result);
    }
}

static void run(whi_database *database, const char *sql, whi_object_result *result) {
    struct sqlite *sqlite = sqlite_of(database);

    done(result);
    begin_time(sqlite);
    if (sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        tell(sqlite, result, "changing the table");
    }
}

/* --------------------------------------------------------------------- writing */

static void write_marks(whi_buf *sql, size_t count) {
    for (size_t i = 0; i < count; i++) {
        whi_buf_format(sql, "%s?%zu", i > 0 ? ", " : "", i + 1);
    }
}

static void write_delete(whi_buf *sql, const whi_part *part) {
    whi_buf_text(sql, "DELETE FROM ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " WHERE \"_connection_id\" = ?1 AND \"id\" = ?2 AND ");
    if (part->kind == WHI_PART_REMOVE) {
        whi_buf_text(sql, "COALESCE(\"_version\" < CAST(?3 AS INTEGER), TRUE)");
        return;
    }
    whi_buf_text(sql, "\"_version\" <= (SELECT gone.\"_version\" FROM ");
    whi_buf_add(sql, part->shape->guard->quoted.data, part->shape->guard->quoted.size);
    whi_buf_text(sql, " AS gone WHERE gone.\"_connection_id\" = ?1 AND gone.\"id\" = ?2)");
}

static void write_sql(whi_buf *sql, const whi_part *part) {
    if (whi_part_is_of_keys(part)) {
        write_delete(sql, part);
        return;
    }
    whi_buf_text(sql, "INSERT INTO ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " AS held (");
    whi_sql_columns(sql, &whi_dialect_sqlite, part);
    whi_buf_text(sql, ") VALUES (");
    write_marks(sql, part->width);
    whi_buf_text(sql, ")");
    whi_sql_conflict(sql, &whi_dialect_sqlite, part);
}

/* Of integers and truths the text has been made by us, and is one. */
static int bind_value(sqlite3_stmt *statement, int at, const whi_column *column, const whi_value *value) {
    if (value->text == NULL) {
        return sqlite3_bind_null(statement, at);
    }
    if (column->kind == WHI_COLUMN_INTEGER || column->kind == WHI_COLUMN_BOOLEAN) {
        int64_t number = 0;
        int is_negative = value->text[0] == '-';

        for (size_t i = (size_t)is_negative; i < value->size; i++) {
            number = number * 10 - (value->text[i] - '0');
        }
        return sqlite3_bind_int64(statement, at, is_negative ? number : -number);
    }
    return sqlite3_bind_text64(statement, at, value->text, value->size, SQLITE_STATIC, SQLITE_UTF8);
}

static int write_row(sqlite3_stmt *statement, const whi_part *part, const whi_value *row) {
    size_t width = (size_t)sqlite3_bind_parameter_count(statement);
    int code = SQLITE_OK;

    for (size_t i = 0; i < width && code == SQLITE_OK; i++) {
        code = bind_value(statement, (int)i + 1, part->columns[i], &row[i]);
    }
    code = code == SQLITE_OK ? sqlite3_step(statement) : code;
    (void)sqlite3_reset(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

static void write_part(struct sqlite *sqlite, const whi_part *part, whi_object_result *result) {
    sqlite3_stmt *statement = NULL;
    int code = SQLITE_OK;
    whi_buf sql;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    write_sql(&sql, part);
    if (whi_buf_status(&sql) != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
        whi_buf_free(&sql);
        return;
    }
    code = sqlite3_prepare_v2(sqlite->db, sql.data, -1, &statement, NULL);
    for (size_t i = 0; i < part->count && code == SQLITE_OK; i++) {
        code = write_row(statement, part, part->rows[i]);
    }
    if (code != SQLITE_OK) {
        tell(sqlite, result, "writing");
    }
    sqlite3_finalize(statement);
    whi_buf_free(&sql);
}

static void exec(struct sqlite *sqlite, const char *sql, whi_object_result *result) {
    if (sqlite3_exec(sqlite->db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        tell(sqlite, result, "writing");
    }
}

static void write_parts(whi_database *database, const whi_part *parts, size_t count, whi_object_result *result) {
    struct sqlite *sqlite = sqlite_of(database);

    done(result);
    begin_time(sqlite);
    exec(sqlite, "BEGIN IMMEDIATE", result);
    for (size_t i = 0; i < count && result->outcome == WHI_OBJECT_WRITTEN; i++) {
        write_part(sqlite, &parts[i], result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        exec(sqlite, "COMMIT", result);
    }
    if (result->outcome != WHI_OBJECT_WRITTEN && !sqlite3_get_autocommit(sqlite->db)) {
        sqlite3_progress_handler(sqlite->db, 0, NULL, NULL); /* the way back must not be cut, too */
        (void)sqlite3_exec(sqlite->db, "ROLLBACK", NULL, NULL, NULL);
        sqlite3_progress_handler(sqlite->db, PROGRESS_STEPS, is_over, sqlite);
    }
}

/* -------------------------------------------------------------------- checking */

static void check(whi_database *database, const whi_shape *shape, whi_object_result *result) {
    struct sqlite *sqlite = sqlite_of(database);

    (void)shape;
    done(result);
    begin_time(sqlite);
    if (sqlite3_db_readonly(sqlite->db, "main") == 1) {
        whi_result_set(result, WHI_OBJECT_OWNER,
                       "the file can only be read: give this process the right to write to it");
        return;
    }
    exec(sqlite, "BEGIN IMMEDIATE", result);
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        exec(sqlite, "ROLLBACK", result);
    }
}

const whi_dialect whi_dialect_sqlite = {
    .rules = { .bytes = 200,
               .folds = 1,
               .has_zero = 1,
               .whole = INT64_MAX,
               .fraction = INT64_MAX,
               .system = "sqlite_" },
    .columns = 1900, /* SQLITE_MAX_COLUMN is 2000 */
    .quote = '"',
    .has_zone = 1,
    .types = { "TEXT", "BOOLEAN", "INTEGER", "DECIMAL TEXT", "JSON TEXT", "TIMESTAMP TEXT", "TEXT" },
    .connection_type = "TEXT",
    .id_type = "TEXT",
    .ending = "",
    .make = make,
    .free = release,
    .accept = accept_options,
    .connect = connect_file,
    .look = look,
    .run = run,
    .write = write_parts,
    .check = check,
    .rest = rest,
    .wake = wake,
};
