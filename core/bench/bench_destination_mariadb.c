/* What writing objects to MariaDB costs, against the same rows by its client alone: an upsert of many rows in one
 * statement, whose values are there already. A server of its own, as the tests have.
 *
 *   bench_destination_mariadb [BATCH [ROUNDS]] */
#include <mysql.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "bench.h"
#include "database_server.h"
#include "rows.h"

static database_server *server;
static MYSQL *bare;
static whi_destination *destination;

static MYSQL *connect_to(int port) {
    MYSQL *connection = mysql_init(NULL);

    if (mysql_real_connect(connection, "127.0.0.1", "root", "", NULL, (unsigned)port, NULL, 0) == NULL) {
        mysql_close(connection);
        return NULL;
    }
    return connection;
}

static int is_ready(int port) {
    MYSQL *connection = connect_to(port);
    int ready = connection != NULL;

    mysql_close(connection);
    return ready;
}

static void run(const whi_buf *sql) {
    rows_need(mysql_real_query(bare, sql->data, (unsigned long)sql->size) == 0, mysql_error(bare));
}

static void run_text(const char *text) {
    rows_need(mysql_real_query(bare, text, (unsigned long)strlen(text)) == 0, mysql_error(bare));
}

static void make_table(void) {
    whi_buf sql;

    whi_buf_init(&sql, 1 << 16);
    whi_buf_text(&sql, "CREATE TABLE bare (connection VARCHAR(255) NOT NULL, id VARCHAR(512) NOT NULL, version BIGINT,"
                       " synced DATETIME(6), deleted DATETIME(6), raw LONGTEXT");
    for (int i = 0; i < ROWS_FIELDS; i++) {
        whi_buf_format(&sql, ", f%d %s", i, rows_is_number(ROWS_OURS + i) ? "BIGINT" : "LONGTEXT");
    }
    whi_buf_text(&sql, ", PRIMARY KEY (connection, id)) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin");
    run(&sql);
    whi_buf_free(&sql);
}

static void add_value(whi_buf *sql, const char *value, int is_number) {
    char escaped[2048];

    if (value == NULL) {
        whi_buf_text(sql, "NULL");
    } else if (is_number) {
        whi_buf_text(sql, value);
    } else {
        whi_buf_char(sql, '\'');
        whi_buf_add(sql, escaped, mysql_real_escape_string(bare, escaped, value, (unsigned long)strlen(value)));
        whi_buf_char(sql, '\'');
    }
}

static void put_bare(rows *self) {
    static const char *const names[] = { "version", "synced", "deleted", "raw" };
    whi_buf sql;

    whi_buf_init(&sql, 1 << 24);
    whi_buf_text(&sql, "INSERT INTO bare VALUES ");
    for (int i = 0; i < self->count * ROWS_COLUMNS; i++) {
        whi_buf_text(&sql, i % ROWS_COLUMNS > 0 ? ", " : i > 0 ? ", (" : "(");
        add_value(&sql, rows_value(self, i / ROWS_COLUMNS, i % ROWS_COLUMNS), rows_is_number(i % ROWS_COLUMNS));
        whi_buf_text(&sql, (i + 1) % ROWS_COLUMNS == 0 ? ")" : "");
    }
    whi_buf_text(&sql, " ON DUPLICATE KEY UPDATE ");
    for (int i = 0; i < 4; i++) {
        whi_buf_format(&sql, "%s = VALUES(%s), ", names[i], names[i]);
    }
    for (int i = 0; i < ROWS_FIELDS; i++) {
        whi_buf_format(&sql, "%sf%d = VALUES(f%d)", i > 0 ? ", " : "", i, i);
    }
    run_text("BEGIN");
    run(&sql);
    run_text("COMMIT");
    whi_buf_free(&sql);
}

static void put_ours(rows *self) {
    rows_write(self, destination);
}

static void open_ours(whi_policy **policy) {
    static const char *const loopback[] = { "127.0.0.1" };
    whi_destination_options options = { 0 };
    char url[128];

    bench_check(whi_policy_new(policy, loopback, 1), "policy");
    (void)snprintf(url, sizeof url, "mysql://root@127.0.0.1:%d/data", database_server_port(server));
    options.url = url;
    options.policy = *policy;
    bench_check(whi_destination_open(&destination, &options), "open");
}

int main(int argc, char **argv) {
    static const rows_race upsert = { "MariaDB, upsert", put_ours, put_bare, 0 };
    static const rows_race fresh = { "MariaDB, new rows", put_ours, put_bare, 1 };
    int batch = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 500,
        rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 60;
    whi_policy *policy;
    rows self;

    rows_need(batch > 0 && rounds > 0, "usage");
    rows_make(&self, batch);
    server = database_server_mariadb(is_ready);
    bare = connect_to(database_server_port(server));
    run_text("CREATE DATABASE data");
    run_text("USE data");
    make_table();
    open_ours(&policy);
    rows_run(&upsert, &self, rounds);
    rows_run(&fresh, &self, rounds);
    whi_destination_close(destination);
    whi_policy_free(policy);
    mysql_close(bare);
    database_server_free(server);
    return 0;
}
