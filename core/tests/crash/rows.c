#include "rows.h"

#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "map.h"

#define BUSY_MS 20000
#define SHOWN 10

/* An object's events are those with its id; of them the last is to be in its row. */
#define NEWEST                                                                                                         \
    "SELECT json_extract(payload, '$.id') AS id, max(number) AS newest, payload FROM store.webhook_events "            \
    "WHERE type LIKE 'order.%' GROUP BY 1"

static const char not_newest[] = "SELECT e.id FROM (" NEWEST ") AS e LEFT JOIN main.\"order\" AS r ON r.id = e.id "
                                 "WHERE r._version IS NOT e.newest OR r._raw IS NOT e.payload";
static const char of_nothing[] = "SELECT r.id FROM main.\"order\" AS r WHERE r.id NOT IN (SELECT id FROM (" NEWEST "))";

static map seen = { .value_size = 1 };

static _Noreturn void give_up(sqlite3 *db, const char *what) {
    fprintf(stderr, "crash: rows: %s: %s\n", what, sqlite3_errmsg(db));
    errno = EIO;
    die(here.rows);
}

static sqlite3 *open_rows(void) {
    sqlite3 *db = NULL;
    char attach[320];

    if (sqlite3_open_v2(here.rows, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        give_up(db, "open");
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    snprintf(attach, sizeof attach, "ATTACH '%s' AS store", here.store);
    if (sqlite3_exec(db, attach, NULL, NULL, NULL) != SQLITE_OK) {
        give_up(db, attach);
    }
    return db;
}

/* Calls with the first column of each row; how many there were. */
static long each_of(sqlite3 *db, const char *sql, void (*each)(const char *text, long nth)) {
    sqlite3_stmt *statement = NULL;
    long count = 0;
    int code = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);

    while (code == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        each(text != NULL ? text : "", count++);
    }
    if (code != SQLITE_OK || sqlite3_finalize(statement) != SQLITE_OK) {
        give_up(db, sql);
    }
    return count;
}

/* By the hash alone the journal knows what it was. */
static char *name_of(uint64_t hash) {
    static char name[24];

    snprintf(name, sizeof name, "%" PRIx64, hash);
    return name;
}

static void note(const char *text, long nth) {
    (void)nth;
    *(char *)map_at(&seen, name_of(hash_of(text, strlen(text)))) = 1;
}

static void show(const char *text, long nth) {
    if (nth < SHOWN) {
        fprintf(stderr, "crash: rows: not of its newest event: %s\n", text);
    }
}

void rows_read(rows_report *out) {
    sqlite3 *db = open_rows();

    out->rows = each_of(db, "SELECT _raw FROM \"order\"", note);
    sqlite3_close(db);
}

/* Of those with a key a newer one may be there: what is there is compared with the events. */
void rows_see(const entry *line, rows_report *out) {
    int is_there = map_find(&seen, name_of(line->hash)) != NULL;

    if (line->kind == JOURNAL_ACCEPTED && line->type != TYPE_KEYED && !is_there) {
        if (out->lost++ < SHOWN) {
            fprintf(stderr, "crash: rows: none of %s\n", line->id);
        }
    }
    out->ghosts += line->kind == JOURNAL_ROLLED_BACK && is_there;
}

void rows_compare(rows_report *out) {
    sqlite3 *db = open_rows();

    out->older = each_of(db, not_newest, show) + each_of(db, of_nothing, show);
    sqlite3_close(db);
}

void rows_forge(void) {
    sqlite3 *db = open_rows();

    if (sqlite3_exec(db, "UPDATE \"order\" SET _version = 1 WHERE id = (SELECT min(id) FROM \"order\")", NULL, NULL,
                     NULL) != SQLITE_OK) {
        give_up(db, "forging");
    }
    sqlite3_close(db);
}
