#include "sql.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS 20000
#define ROLLED_BACK 5 /* one in so many */

struct sql_writer {
    sqlite3 *db;
    sqlite3_stmt *insert, *order, *leak;
    long transactions;
};

static int run(sql_writer *self, const char *text) {
    return sqlite3_exec(self->db, text, NULL, NULL, NULL) == SQLITE_OK ? 0 : -1;
}

static _Noreturn void give_up(const sql_writer *self) {
    fprintf(stderr, "crash: sql: %s\n", sqlite3_errmsg(self->db));
    exit(1);
}

static void prepare(sql_writer *self, sqlite3_stmt **out, const char *text) {
    if (sqlite3_prepare_v2(self->db, text, -1, out, NULL) != SQLITE_OK) {
        give_up(self);
    }
}

sql_writer *sql_open(void) {
    sql_writer *self = calloc(1, sizeof *self);

    if (self == NULL || sqlite3_open(here.store, &self->db) != SQLITE_OK) {
        errno = ENOENT;
        die(here.store);
    }
    sqlite3_busy_timeout(self->db, BUSY_MS);
    if (run(self, "CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY) WITHOUT ROWID;"
                  "CREATE TABLE IF NOT EXISTS leaked (bytes BLOB)") != 0) {
        give_up(self);
    }
    prepare(self, &self->order, "INSERT INTO orders VALUES (?1)");
    prepare(self, &self->leak, "INSERT INTO leaked VALUES (?1)");
    prepare(self, &self->insert, "INSERT INTO webhook_outbox (id, type, key, payload) VALUES (?1, ?2, ?3, ?4)");
    return self;
}

static int step(sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);

    sqlite3_reset(statement);
    return result == SQLITE_DONE ? 0 : -1;
}

static int insert(sql_writer *self, const draft *from) {
    sqlite3_bind_text(self->insert, 1, from->line.id, -1, SQLITE_STATIC);
    sqlite3_bind_text(self->insert, 2, type_names[from->line.type], -1, SQLITE_STATIC);
    sqlite3_bind_text(self->insert, 3, from->line.key, -1, SQLITE_STATIC);
    sqlite3_bind_text(self->insert, 4, from->payload, -1, SQLITE_STATIC);
    return step(self->insert);
}

static int insert_all(sql_writer *self, const draft *drafts, size_t count) {
    int code;

    sqlite3_bind_text(self->order, 1, drafts[0].line.id, -1, SQLITE_STATIC);
    code = step(self->order);
    for (size_t i = 0; i < count && code == 0; i++) {
        code = insert(self, &drafts[i]);
    }
    return code;
}

static void finish(sql_writer *self, writer *names, entry *lines, size_t count) {
    if (++self->transactions % ROLLED_BACK == 0) {
        for (size_t i = 0; i < count; i++) {
            lines[i].kind = JOURNAL_ROLLED_BACK;
        }
        journal_write(names->journal, lines, count);
        run(self, "ROLLBACK");
        return;
    }
    if (run(self, "COMMIT") != 0) {
        atomic_fetch_add(&here.shared->refused, 1);
        run(self, "ROLLBACK");
        return;
    }
    atomic_fetch_add(&here.shared->accepted, 1);
    for (size_t i = 0; i < count; i++) {
        lines[i].end = now_us();
    }
    journal_write(names->journal, lines, count);
}

void sql_write(sql_writer *self, writer *names) {
    size_t count = (size_t)(1 + names->next % BATCH);
    int64_t begin = now_us();
    draft drafts[BATCH];
    entry lines[BATCH];

    for (size_t i = 0; i < count; i++) {
        write_draft(names, &drafts[i]);
        lines[i] = drafts[i].line;
        lines[i].begin = begin;
    }
    if (run(self, "BEGIN IMMEDIATE") != 0) {
        atomic_fetch_add(&here.shared->refused, 1);
        return;
    }
    if (insert_all(self, drafts, count) == 0) {
        finish(self, names, lines, count);
        return;
    }
    atomic_fetch_add(&here.shared->refused, 1);
    run(self, "ROLLBACK");
}

void sql_leak(sql_writer *self, const char *bytes, size_t size) {
    sqlite3_bind_blob(self->leak, 1, bytes, (int)size, SQLITE_STATIC);
    step(self->leak);
}
