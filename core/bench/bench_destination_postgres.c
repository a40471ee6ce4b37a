/* What writing objects to PostgreSQL costs, against the same rows by libpq alone: a prepared upsert of many rows, whose
 * values are there already, and COPY, which adds rows and does nothing else. A server of its own, as the tests have.
 *
 *   bench_destination_postgres [BATCH [ROUNDS]] */
#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench.h"
#include "database_server.h"
#include "rows.h"

static database_server *server;
static PGconn *bare;
static whi_destination *destination;

static PGconn *connect_to(int port) {
    char text[8];
    const char *const names[] = { "host", "port", "user", "password", "dbname", NULL };
    const char *const values[] = { "127.0.0.1", text, "owner", "secret", "postgres", NULL };

    (void)snprintf(text, sizeof text, "%d", port);
    return PQconnectdbParams(names, values, 0);
}

static int is_ready(int port) {
    PGconn *connection = connect_to(port);
    int ready = PQstatus(connection) == CONNECTION_OK;

    PQfinish(connection);
    return ready;
}

static void finish(PGresult *answer) {
    ExecStatusType status = PQresultStatus(answer);

    rows_need(status == PGRES_COMMAND_OK || status == PGRES_COPY_IN, PQerrorMessage(bare));
    PQclear(answer);
}

static void run(const char *sql) {
    finish(PQexec(bare, sql));
}

static void make_table(const char *name) {
    whi_buf sql;

    whi_buf_init(&sql, 1 << 16);
    whi_buf_format(
        &sql,
        "CREATE TABLE %s (connection text, id text, version bigint, synced timestamptz, deleted timestamptz, "
        "raw text",
        name);
    for (int i = 0; i < ROWS_FIELDS; i++) {
        whi_buf_format(&sql, ", f%d %s", i, rows_is_number(ROWS_OURS + i) ? "bigint" : "text");
    }
    whi_buf_text(&sql, ", PRIMARY KEY (connection, id))");
    run(sql.data);
    whi_buf_free(&sql);
}

static void write_conflict(whi_buf *sql) {
    static const char *const names[] = { "version", "synced", "deleted", "raw" };

    whi_buf_text(sql, " ON CONFLICT (connection, id) DO UPDATE SET ");
    for (int i = 0; i < 4; i++) {
        whi_buf_format(sql, "%s = excluded.%s, ", names[i], names[i]);
    }
    for (int i = 0; i < ROWS_FIELDS; i++) {
        whi_buf_format(sql, "%sf%d = excluded.f%d", i > 0 ? ", " : "", i, i);
    }
}

static void prepare_upsert(int count) {
    whi_buf sql;

    whi_buf_init(&sql, 1 << 22);
    whi_buf_text(&sql, "INSERT INTO bare VALUES ");
    for (int i = 0; i < count * ROWS_COLUMNS; i++) {
        whi_buf_format(&sql, "%s$%d%s", i % ROWS_COLUMNS == 0 ? (i > 0 ? ", (" : "(") : ", ", i + 1,
                       (i + 1) % ROWS_COLUMNS == 0 ? ")" : "");
    }
    write_conflict(&sql);
    finish(PQprepare(bare, "upsert", sql.data, 0, NULL));
    whi_buf_free(&sql);
}

static void put_bare(rows *self) {
    const char **values = malloc((size_t)self->count * ROWS_COLUMNS * sizeof *values);

    rows_need(values != NULL, "memory");
    for (int i = 0; i < self->count * ROWS_COLUMNS; i++) {
        values[i] = rows_value(self, i / ROWS_COLUMNS, i % ROWS_COLUMNS);
    }
    run("BEGIN");
    finish(PQexecPrepared(bare, "upsert", self->count * ROWS_COLUMNS, values, NULL, NULL, 0));
    run("COMMIT");
    free(values);
}

/* No value has what COPY would want to be written otherwise. */
static void copy_to(rows *self, const char *copy) {
    whi_buf text;

    whi_buf_init(&text, 1 << 28);
    for (int i = 0; i < self->count * ROWS_COLUMNS; i++) {
        const char *value = rows_value(self, i / ROWS_COLUMNS, i % ROWS_COLUMNS);

        whi_buf_text(&text, value != NULL ? value : "\\N");
        whi_buf_char(&text, (i + 1) % ROWS_COLUMNS == 0 ? '\n' : '\t');
    }
    run(copy);
    rows_need(PQputCopyData(bare, text.data, (int)text.size) == 1 && PQputCopyEnd(bare, NULL) == 1, "copying");
    finish(PQgetResult(bare));
    PQclear(PQgetResult(bare));
    whi_buf_free(&text);
}

static void copy_bare(rows *self) {
    run("BEGIN");
    copy_to(self, "COPY copied FROM STDIN");
    run("COMMIT");
}

/* What an upsert by COPY would be: nothing may outlive the transaction. */
static void copy_and_put(rows *self) {
    whi_buf sql;

    whi_buf_init(&sql, 1 << 16);
    whi_buf_text(&sql, "INSERT INTO passed SELECT * FROM passing");
    write_conflict(&sql);
    run("BEGIN");
    run("CREATE TEMPORARY TABLE passing (LIKE passed) ON COMMIT DROP");
    copy_to(self, "COPY passing FROM STDIN");
    run(sql.data);
    run("COMMIT");
    whi_buf_free(&sql);
}

static void put_ours(rows *self) {
    rows_write(self, destination);
}

static void open_ours(const char *prefix) {
    static const char *const loopback[] = { "127.0.0.1" };
    static whi_policy *policy;
    whi_destination_options options = { .prefix = prefix };
    char url[128];

    whi_destination_close(destination);
    if (policy == NULL) {
        bench_check(whi_policy_new(&policy, loopback, 1), "policy");
    }
    (void)snprintf(url, sizeof url, "postgresql://owner:secret@127.0.0.1:%d/postgres", database_server_port(server));
    options.url = url;
    options.policy = policy;
    bench_check(whi_destination_open(&destination, &options), "open");
}

int main(int argc, char **argv) {
    static const rows_race upsert = { "PostgreSQL, upsert", put_ours, put_bare, 0 };
    static const rows_race passed = { "PostgreSQL, upsert against COPY aside and an upsert from there", put_ours,
                                      copy_and_put, 0 };
    static const rows_race fresh = { "PostgreSQL, new rows against COPY", put_ours, copy_bare, 1 };
    int batch = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 500,
        rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 60;
    rows self;

    rows_need(batch > 0 && batch * ROWS_COLUMNS < 65536 && rounds > 0, "usage");
    rows_make(&self, batch);
    server = database_server_postgres("secret", is_ready);
    bare = connect_to(database_server_port(server));
    make_table("bare");
    make_table("copied");
    make_table("passed");
    prepare_upsert(batch);
    open_ours("upsert_");
    rows_run(&upsert, &self, rounds);
    open_ours("passed_");
    rows_run(&passed, &self, rounds);
    open_ours("fresh_");
    rows_run(&fresh, &self, rounds);
    whi_destination_close(destination);
    PQfinish(bare);
    database_server_free(server);
    return 0;
}
