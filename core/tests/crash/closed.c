#include "closed.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "../log_sql.h"
#include "crash.h"

#define BUSY_MS 20000

/* The numbers of states: 1 waiting, 4 exhausted, 5 held. */
#define OPEN_ROWS                                                                                                      \
    "SELECT (" LOG_UNDECIDED ") + (SELECT count(*) FROM webhook_outbox) + "                                            \
    "(SELECT count(*) FROM webhook_deliveries WHERE state = 1)"

/* Lags of subscriptions that are no more hold the log up for ever. */
#define STRANDED                                                                                                       \
    "SELECT count(*) FROM webhook_lags WHERE subscription NOT IN (SELECT id FROM webhook_subscriptions WHERE deleted " \
    "= 0)"

typedef struct question {
    const char *what, *sql; /* sql: counts what must not be there */
} question;

static const question questions[] = {
    { "partitions that are not there", "SELECT 256 - count(*) FROM webhook_partitions WHERE id BETWEEN 0 AND 255" },
    { "deliveries in a state that there is not",
      "SELECT count(*) FROM webhook_deliveries WHERE state NOT IN (1, 3, 4, 5, 6)" },
    { "lags of subscriptions that are no more", STRANDED },
    { "events left undecided", LOG_UNDECIDED },
    { "rows of the outbox left", "SELECT count(*) FROM webhook_outbox" },
    { "rows of the outbox rejected", "SELECT count(*) FROM webhook_outbox_rejected" },
    { "deliveries left waiting", "SELECT count(*) FROM webhook_deliveries WHERE state = 1" },
    { "deliveries exhausted or held", "SELECT count(*) FROM webhook_deliveries WHERE state IN (4, 5)" },
};

static sqlite3 *open_store(void) {
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(here.store, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK) {
        fprintf(stderr, "crash: %s: %s\n", here.store, sqlite3_errmsg(db));
        sqlite3_close(db);
        return NULL;
    }
    sqlite3_busy_timeout(db, BUSY_MS);
    return db;
}

static int64_t ask(sqlite3 *db, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int64_t answer = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        answer = sqlite3_column_int64(statement, 0);
    } else if (sqlite3_errcode(db) != SQLITE_BUSY) {
        fprintf(stderr, "crash: %s: %s\n", sql, sqlite3_errmsg(db));
    }
    sqlite3_finalize(statement);
    return answer;
}

int64_t closed_open_rows(void) {
    sqlite3 *db = open_store();
    int64_t answer = db != NULL ? ask(db, OPEN_ROWS) : -1;

    sqlite3_close(db);
    return answer;
}

int64_t closed_stranded(void) {
    static sqlite3 *db;

    if (db == NULL) {
        db = open_store();
        sqlite3_busy_timeout(db, 0);
    }
    return db != NULL ? ask(db, STRANDED) : -1;
}

static int check_file(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;
    int wrong = 1;

    if (sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        wrong = strcmp(text, "ok") != 0;
        if (wrong) {
            fprintf(stderr, "crash: integrity_check: %s\n", text);
        }
    }
    sqlite3_finalize(statement);
    return wrong;
}

int closed_check(void) {
    sqlite3 *db = open_store();
    int wrong;

    if (db == NULL) {
        return 1;
    }
    wrong = check_file(db);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        int64_t count = ask(db, questions[i].sql);
        if (count != 0) {
            fprintf(stderr, "crash: store: %lld %s\n", (long long)count, questions[i].what);
            wrong++;
        }
    }
    sqlite3_close(db);
    return wrong;
}
