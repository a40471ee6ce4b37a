/* A destination in MariaDB or MySQL.
 *
 * Rows are bound as arrays, which MariaDB takes in one packet; MySQL gets the same statement for each row. Both would
 * cut texts and turn words into 0 in the mode that some of them are in, so the mode is set in each session.
 * Tests: test_destination_mariadb. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "outside/mariadb_session.h"

#define PACKET_BYTES (4 << 20) /* that are sent at once, unless a row is larger: the server's limit is 16 MB mostly */
#define PACKET_SPARE 65536
#define KEY_COLLATION "COLLATE /*M! utf8mb4_nopad_bin */ /*!80017 utf8mb4_0900_bin */"
#define KEY_TEXT "CHARACTER SET utf8mb4 " KEY_COLLATION

static int accept_options(const whi_database *database) {
    if (database->schema[0] == '\0' && database->url.database[0] == '\0') {
        return whi_fail_field(WH_EINVALID, "url", "no database, as in \"mysql://user:password@host/database\"");
    }
    if (database->url.user[0] == '\0') { /* the client would send the name of this process's own user */
        return whi_fail_field(WH_EINVALID, "url", "no user, as in \"mysql://user:password@host/database\"");
    }
    return WH_OK;
}

/* -------------------------------------------------------------------- looking */

static int kind_of(const char *type, const char *comment) {
    static const struct {
        const char *begin;
        int kind;
    } kinds[] = {
        { "tinyint(1)", WHI_COLUMN_BOOLEAN }, { "bigint", WHI_COLUMN_INTEGER },    { "int", WHI_COLUMN_INTEGER },
        { "smallint", WHI_COLUMN_INTEGER },   { "mediumint", WHI_COLUMN_INTEGER }, { "tinyint", WHI_COLUMN_INTEGER },
        { "decimal", WHI_COLUMN_DECIMAL },    { "double", WHI_COLUMN_DECIMAL },    { "float", WHI_COLUMN_DECIMAL },
        { "datetime", WHI_COLUMN_TIME },      { "timestamp", WHI_COLUMN_TIME },    { "date", WHI_COLUMN_TIME },
        { "varchar", WHI_COLUMN_TEXT },       { "char", WHI_COLUMN_TEXT },         { "longtext", WHI_COLUMN_TEXT },
        { "mediumtext", WHI_COLUMN_TEXT },    { "text", WHI_COLUMN_TEXT },         { "json", WHI_COLUMN_JSON },
    };

    if (strcmp(comment, "json") == 0) {
        return WHI_COLUMN_JSON;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(type, kinds[i].begin, strlen(kinds[i].begin)) == 0) {
            return kinds[i].kind;
        }
    }
    return WHI_COLUMN_OTHER;
}

/* A text that no quotes can break. */
static void write_hex(whi_buf *sql, const char *text) {
    char hex[WHI_HEX_SIZE(WHI_COLUMN_SIZE)];

    whi_hex_write(text, strlen(text), hex);
    whi_buf_format(sql, "CONVERT(x'%s' USING utf8mb4)", hex);
}

static void write_of_table(whi_buf *sql, const whi_database *database, const whi_shape *shape) {
    whi_buf_text(sql, " TABLE_SCHEMA = ");
    write_hex(sql, database->schema);
    whi_buf_text(sql, " AND TABLE_NAME = ");
    write_hex(sql, shape->name);
    whi_buf_text(sql, " AND (@@lower_case_table_names <> 0 OR BINARY TABLE_NAME = ");
    write_hex(sql, shape->name);
    whi_buf_text(sql, ")");
}

/* One without a default is told as the word NULL by MariaDB. */
static void write_look(whi_buf *sql, const whi_database *database, const whi_shape *shape) {
    whi_buf_text(sql,
                 "SELECT COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'NO' OR (COLUMN_DEFAULT IS NOT NULL AND COLUMN_DEFAULT"
                 " <> 'NULL'), COLUMN_COMMENT, (SELECT COUNT(*) FROM (SELECT INDEX_NAME FROM"
                 " information_schema.STATISTICS WHERE");
    write_of_table(sql, database, shape);
    whi_buf_text(sql,
                 " AND NON_UNIQUE = 0 GROUP BY INDEX_NAME HAVING COUNT(*) = 2 AND SUM(SUB_PART IS NOT NULL) = 0 AND"
                 " SUM(COLUMN_NAME IN ('_connection_id', 'id')) = 2) AS k) FROM information_schema.COLUMNS WHERE");
    write_of_table(sql, database, shape);
    whi_buf_text(sql, " AND EXTRA NOT LIKE '%GENERATED' ORDER BY ORDINAL_POSITION");
}

/* 0 without memory. */
static int read_columns(whi_shape *shape, MYSQL_RES *rows) {
    MYSQL_ROW row;

    while ((row = mysql_fetch_row(rows)) != NULL) {
        char type[WHI_TYPE_SIZE];
        whi_column *column;

        if (row[0] == NULL || row[1] == NULL || row[2] == NULL || row[3] == NULL || row[4] == NULL ||
            strlen(row[0]) >= WHI_COLUMN_SIZE) {
            continue;
        }
        snprintf(type, sizeof type, "%s", row[1]); /* what an enum lists does not matter here */
        column = whi_shape_add(shape, row[0], type, kind_of(row[1], row[3]));
        if (column == NULL) {
            return 0;
        }
        column->is_kept = row[2][0] == '1';
        shape->has_key = row[4][0] != '0';
        shape->exists = 1;
    }
    return 1;
}

static void look(whi_database *database, whi_shape *shape, whi_object_result *result) {
    whi_mariadb *mariadb = whi_mariadb_of(database);
    MYSQL_RES *rows;
    whi_buf sql;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    write_look(&sql, database, shape);
    if (whi_buf_status(&sql) != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
        whi_buf_free(&sql);
        return;
    }
    rows = whi_mariadb_query(mariadb, sql.data, "looking at the table", result);
    if (rows != NULL && !read_columns(shape, rows)) {
        whi_result_set(result, WHI_OBJECT_AGAIN, "out of memory");
    }
    mysql_free_result(rows);
    whi_buf_free(&sql);
}

static void run(whi_database *database, const char *sql, whi_object_result *result) {
    whi_mariadb_command(whi_mariadb_of(database), sql, "changing the table", result);
}

/* -------------------------------------------------------------------- writing */

static void write_name(whi_buf *sql, const whi_part *part, size_t column) {
    whi_sql_name(sql, &whi_dialect_mariadb, part->columns[column]->name);
}

static void write_update(whi_buf *sql, const whi_part *part, size_t column) {
    whi_buf_text(sql, ", ");
    write_name(sql, part, column);
    whi_buf_text(sql, " = IF(COALESCE(VALUES(`_version`) > `_version`, TRUE), VALUES(");
    write_name(sql, part, column);
    whi_buf_text(sql, "), ");
    write_name(sql, part, column);
    whi_buf_text(sql, ")");
}

/* Any unique index makes the server update a row, also that of another object. A query of one value that gives two is
 * evaluated in that case alone, and fails. _version comes last, since an assignment sees those before it. */
static void write_put(whi_buf *sql, const whi_part *part) {
    whi_buf_text(sql, "INSERT INTO ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " (");
    whi_sql_columns(sql, &whi_dialect_mariadb, part);
    whi_buf_text(sql, ") VALUES (");
    for (size_t i = 0; i < part->width; i++) {
        whi_buf_text(sql, i > 0 ? ", ?" : "?");
    }
    whi_buf_text(sql,
                 ") ON DUPLICATE KEY UPDATE `id` = IF(VALUES(`_connection_id`) = `_connection_id` AND VALUES(`id`) ="
                 " `id`, `id`, (SELECT 1 UNION SELECT 2))");
    for (size_t i = WHI_PART_KEYS; i < part->width; i++) {
        if (whi_part_updates(part, i)) {
            write_update(sql, part, i);
        }
    }
    write_update(sql, part, WHI_PART_KEYS - 1);
}

/* The guard's key is compared byte by byte, whatever the table's own is. A subquery of a DELETE locks what it reads,
 * and what it does not find, so no other transaction removes the row meanwhile: in the isolation that set_session asks
 * for. */
static void write_delete(whi_buf *sql, const whi_part *part) {
    whi_buf_text(sql, "DELETE FROM ");
    whi_buf_add(sql, part->shape->quoted.data, part->shape->quoted.size);
    whi_buf_text(sql, " WHERE `_connection_id` = ? AND `id` = ? AND ");
    if (part->kind == WHI_PART_REMOVE) {
        whi_buf_text(sql, "COALESCE(`_version` < CAST(? AS SIGNED), TRUE)");
        return;
    }
    whi_buf_text(sql, "`_version` <= (SELECT gone.`_version` FROM ");
    whi_buf_add(sql, part->shape->guard->quoted.data, part->shape->guard->quoted.size);
    whi_buf_format(sql, " AS gone WHERE gone.`_connection_id` = CONVERT(%s.`_connection_id` USING utf8mb4) %s",
                   part->shape->quoted.data, KEY_COLLATION);
    whi_buf_format(sql, " AND gone.`id` = CONVERT(%s.`id` USING utf8mb4) %s)", part->shape->quoted.data, KEY_COLLATION);
}

/* A statement's parameters, for so many rows at most. */
struct arrays {
    MYSQL_BIND *binds;
    const char **texts; /* width times rows */
    unsigned long *sizes;
    char *indicators;
    size_t width, rows;
};

static void arrays_free(struct arrays *arrays) {
    whi_free(arrays->binds);
    whi_free(arrays->texts);
    whi_free(arrays->sizes);
    whi_free(arrays->indicators);
}

static int arrays_make(struct arrays *arrays, size_t width, size_t rows) {
    memset(arrays, 0, sizeof *arrays);
    arrays->width = width;
    arrays->rows = rows;
    arrays->binds = whi_calloc(width, sizeof *arrays->binds);
    arrays->texts = whi_calloc(width * rows, sizeof *arrays->texts);
    arrays->sizes = whi_calloc(width * rows, sizeof *arrays->sizes);
    arrays->indicators = whi_calloc(width * rows, 1);
    return arrays->binds != NULL && arrays->texts != NULL && arrays->sizes != NULL && arrays->indicators != NULL;
}

static void fill(struct arrays *arrays, const whi_part *part, size_t from, size_t count) {
    for (size_t column = 0; column < arrays->width; column++) {
        size_t at = column * arrays->rows;

        for (size_t i = 0; i < count; i++) {
            const whi_value *value = &part->rows[from + i][column];

            arrays->texts[at + i] = value->text != NULL ? value->text : "";
            arrays->sizes[at + i] = (unsigned long)value->size;
            arrays->indicators[at + i] = value->text != NULL ? STMT_INDICATOR_NONE : STMT_INDICATOR_NULL;
        }
    }
}

/* Of many rows a bind has arrays, of one the value itself. */
static void bind_values(struct arrays *arrays, int is_many) {
    for (size_t column = 0; column < arrays->width; column++) {
        MYSQL_BIND *bind = &arrays->binds[column];
        size_t at = column * arrays->rows;

        memset(bind, 0, sizeof *bind);
        bind->buffer_type =
            is_many || arrays->indicators[at] == STMT_INDICATOR_NONE ? MYSQL_TYPE_STRING : MYSQL_TYPE_NULL;
        bind->buffer = is_many ? (void *)(uintptr_t)&arrays->texts[at] : (void *)(uintptr_t)arrays->texts[at];
        bind->length = &arrays->sizes[at];
        bind->u.indicator = is_many ? &arrays->indicators[at] : NULL;
    }
}

static size_t row_bytes(const whi_part *part, size_t width, size_t row) {
    size_t bytes = 0;

    for (size_t i = 0; i < width; i++) {
        bytes += part->rows[row][i].size + 10;
    }
    return bytes;
}

/* Rows from this one on that go into one packet. */
static size_t rows_at_once(const whi_mariadb *mariadb, const whi_part *part, size_t width, size_t from) {
    size_t bytes = 0, count = 0, most = PACKET_BYTES;

    most = mariadb->packet / 2 < most ? (size_t)(mariadb->packet / 2) : most;
    while (from + count < part->count) {
        bytes += row_bytes(part, width, from + count);
        if (count > 0 && bytes > most) {
            break;
        }
        count++;
    }
    return count;
}

static void tell_statement(whi_mariadb *mariadb, MYSQL_STMT *statement, whi_object_result *result) {
    whi_mariadb_tell(mariadb, result, mysql_stmt_errno(statement), mysql_stmt_error(statement), "writing");
}

static int execute(whi_mariadb *mariadb, MYSQL_STMT *statement, struct arrays *arrays, size_t count) {
    unsigned many = (unsigned)count;
    int is_many = mariadb_connection(mariadb->connection);

    bind_values(arrays, is_many);
    if (is_many && mysql_stmt_attr_set(statement, STMT_ATTR_ARRAY_SIZE, &many)) {
        return 1;
    }
    return mysql_stmt_bind_param(statement, arrays->binds) || mysql_stmt_execute(statement);
}

/* One that the server would hang up on, which looks as if it were away. */
static int is_too_large(const whi_mariadb *mariadb, const whi_part *part, size_t width, size_t row) {
    return row_bytes(part, width, row) + PACKET_SPARE > mariadb->packet;
}

/* The connection may be closed by it, and the statement has to be closed before that. */
static int write_some(whi_mariadb *mariadb, MYSQL_STMT *statement, struct arrays *arrays, const whi_part *part,
                      size_t from) {
    size_t count = mariadb_connection(mariadb->connection) ? rows_at_once(mariadb, part, arrays->width, from) : 1;
    whi_quiet quiet;
    int failed;

    fill(arrays, part, from, count);
    whi_mariadb_enter(mariadb, &quiet, whi_mariadb_time(mariadb));
    failed = execute(mariadb, statement, arrays, count);
    whi_mariadb_leave(&quiet);
    return failed ? -1 : (int)count;
}

static void write_rows(whi_mariadb *mariadb, MYSQL_STMT *statement, struct arrays *arrays, const whi_part *part,
                       whi_object_result *result) {
    int count = 0;

    for (size_t i = 0; i < part->count && result->outcome == WHI_OBJECT_WRITTEN; i++) {
        if (is_too_large(mariadb, part, arrays->width, i)) {
            whi_database_tell(&mariadb->base, result, WHI_OBJECT_ALONE, "1153",
                              "the object is larger than the server's max_allowed_packet");
        }
    }
    for (size_t at = 0; at < part->count && result->outcome == WHI_OBJECT_WRITTEN; at += (size_t)count) {
        count = write_some(mariadb, statement, arrays, part, at);
        if (count < 0) {
            tell_statement(mariadb, statement, result);
            count = 1;
        }
    }
}

static int prepare(whi_mariadb *mariadb, MYSQL_STMT *statement, const whi_buf *sql) {
    whi_quiet quiet;
    int failed;

    whi_mariadb_enter(mariadb, &quiet, whi_mariadb_time(mariadb));
    failed = mysql_stmt_prepare(statement, sql->data, (unsigned long)sql->size);
    whi_mariadb_leave(&quiet);
    return failed;
}

static void close_statement(whi_mariadb *mariadb, MYSQL_STMT *statement) {
    whi_quiet quiet;

    if (statement != NULL) {
        whi_mariadb_enter(mariadb, &quiet, mariadb->base.statement_timeout);
        (void)mysql_stmt_close(statement);
        whi_mariadb_leave(&quiet);
    }
}

static void write_statement(whi_mariadb *mariadb, const whi_part *part, const whi_buf *sql, whi_object_result *result) {
    size_t width = whi_part_is_of_keys(part) ? WHI_PART_KEYS : part->width;
    MYSQL_STMT *statement = mysql_stmt_init(mariadb->connection);
    struct arrays arrays = { 0 };

    if (statement == NULL || !arrays_make(&arrays, width, part->count)) {
        whi_fail_memory();
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    } else if (prepare(mariadb, statement, sql)) {
        tell_statement(mariadb, statement, result);
    } else {
        write_rows(mariadb, statement, &arrays, part, result);
    }
    close_statement(mariadb, statement);
    arrays_free(&arrays);
}

static void write_part(whi_mariadb *mariadb, const whi_part *part, whi_object_result *result) {
    whi_buf sql;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    if (whi_part_is_of_keys(part)) {
        write_delete(&sql, part);
    } else {
        write_put(&sql, part);
    }
    if (whi_buf_status(&sql) != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    } else {
        write_statement(mariadb, part, &sql, result);
    }
    whi_buf_free(&sql);
}

static void write_parts(whi_database *database, const whi_part *parts, size_t count, whi_object_result *result) {
    whi_mariadb *mariadb = whi_mariadb_of(database);
    whi_object_result ignored;

    whi_mariadb_command(mariadb, "START TRANSACTION", "beginning a transaction", result);
    for (size_t i = 0; i < count && result->outcome == WHI_OBJECT_WRITTEN; i++) {
        write_part(mariadb, &parts[i], result);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        whi_mariadb_command(mariadb, "COMMIT", "committing", result);
    } else if (mariadb->connection != NULL) {
        whi_mariadb_command(mariadb, "ROLLBACK", "rolling back", &ignored);
    }
}

/* ------------------------------------------------------------------- checking */

/* Of roles nothing is known here: where one is in force, the database will say. */
static void write_rights(whi_buf *sql, const whi_database *database, const whi_shape *shape, const char *needs) {
    static const char who[] = "GRANTEE = CONCAT(QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', 1)), '@',"
                              " QUOTE(SUBSTRING_INDEX(CURRENT_USER(), '@', -1)))";

    whi_buf_format(sql,
                   "SELECT PRIVILEGE_TYPE FROM information_schema.USER_PRIVILEGES WHERE %s AND PRIVILEGE_TYPE IN (%s)"
                   " UNION SELECT PRIVILEGE_TYPE FROM information_schema.SCHEMA_PRIVILEGES WHERE %s AND"
                   " PRIVILEGE_TYPE IN (%s) AND ",
                   who, needs, who, needs);
    write_hex(sql, database->schema);
    whi_buf_format(sql,
                   " LIKE TABLE_SCHEMA UNION SELECT PRIVILEGE_TYPE FROM information_schema.TABLE_PRIVILEGES WHERE %s"
                   " AND PRIVILEGE_TYPE IN (%s) AND",
                   who, needs);
    write_of_table(sql, database, shape);
}

static unsigned bit_of(const char *right, const char *const *rights, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(right, rights[i]) == 0) {
            return 1U << i;
        }
    }
    return 0;
}

static void judge(const whi_database *database, const whi_shape *shape, unsigned missing, const char *const *rights,
                  size_t count, whi_object_result *result) {
    char list[128] = "";

    for (size_t i = 0; i < count; i++) {
        size_t used = strlen(list);

        if ((missing & 1U << i) != 0) {
            snprintf(list + used, sizeof list - used, "%s%s", used > 0 ? ", " : "", rights[i]);
        }
    }
    if (missing != 0) {
        whi_database_tell(database, result, WHI_OBJECT_OWNER, "1142", "rights are missing: GRANT %s ON %s TO '%s'",
                          list, shape->quoted.data, database->url.user);
    }
}

static void check(whi_database *database, const whi_shape *shape, whi_object_result *result) {
    static const char *const rights[] = { "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER" };
    enum { COUNT = sizeof rights / sizeof rights[0] };
    unsigned missing = 7U | (database->removes ? 8U : 0) | (!shape->exists ? 16U : 0) |
                       (database->create != WHI_CREATE_NEVER ? 32U : 0);
    MYSQL_RES *rows;
    MYSQL_ROW row;
    whi_buf sql;

    whi_buf_init(&sql, WHI_SQL_MAXIMUM);
    write_rights(&sql, database, shape, "'SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CREATE', 'ALTER'");
    if (whi_buf_status(&sql) != WH_OK) {
        whi_result_set(result, WHI_OBJECT_AGAIN, wh_last_error());
    } else {
        rows = whi_mariadb_query(whi_mariadb_of(database), sql.data, "asking for rights", result);
        while (rows != NULL && (row = mysql_fetch_row(rows)) != NULL) {
            missing &= ~bit_of(row[0] != NULL ? row[0] : "", rights, COUNT);
        }
        mysql_free_result(rows);
    }
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        judge(database, shape, missing, rights, COUNT, result);
    }
    whi_buf_free(&sql);
}

const whi_dialect whi_dialect_mariadb = {
    .rules = { .letters = 64, .is_basic = 1, .folds = 1, .has_zero = 1, .whole = 35, .fraction = 30 },
    .columns = 1000, /* 1017; a row of many texts is full before that, and says so */
    .quote = '`',
    .adds_many = 1,
    .widen = " MODIFY COLUMN ",
    .widen_to = " ",
    .types = { "LONGTEXT", "BOOLEAN", "BIGINT", "DECIMAL(65,30)", "LONGTEXT COMMENT 'json'", "DATETIME(6)",
               "LONGTEXT" },
    .connection_type = "VARCHAR(255) " KEY_TEXT, /* both together 3068 bytes, of 3072 that a key may have */
    .id_type = "VARCHAR(512) " KEY_TEXT,
    .ending = " ENGINE = InnoDB DEFAULT CHARACTER SET utf8mb4 ROW_FORMAT = DYNAMIC",
    .make = whi_mariadb_make,
    .free = whi_mariadb_free,
    .accept = accept_options,
    .connect = whi_mariadb_connect,
    .look = look,
    .run = run,
    .write = write_parts,
    .check = check,
    .rest = whi_mariadb_rest,
    .wake = whi_mariadb_wake,
};
