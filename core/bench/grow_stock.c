#include "grow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ident.h"
#include "engine/context.h"
#include "life/open.h"

static void fail(const stock *self) {
    fprintf(stderr, "bench: %s\n", sqlite3_errmsg(self->program));
    exit(1);
}

void stock_execute(const stock *self, const char *sql) {
    if (sqlite3_exec(self->program, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fail(self);
    }
}

int64_t stock_number(const stock *self, const char *sql) {
    sqlite3_stmt *statement = NULL;
    int64_t number;

    if (sqlite3_prepare_v2(self->program, sql, -1, &statement, NULL) != SQLITE_OK ||
        sqlite3_step(statement) != SQLITE_ROW) {
        fail(self);
    }
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    return number;
}

static void open_program(stock *self) {
    if (sqlite3_open(self->file, &self->program) != SQLITE_OK ||
        sqlite3_busy_timeout(self->program, 10000) != SQLITE_OK) {
        fail(self);
    }
}

wh_engine *stock_open(const char *file, int durability) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.durability = durability;
    bench_check(whi_open(&engine, file, &options, &bench_transport_null), "open");
    return engine;
}

static void add_events(stock *self, int days) {
    char sql[2048];
    int64_t then = ((int64_t)time(NULL) - days * INT64_C(86400)) * 1000 - self->events, first = whi_ident_first(then);

    snprintf(
        sql, sizeof sql,
        "CREATE TEMP TABLE hundred (n INTEGER PRIMARY KEY, id INTEGER);"
        "INSERT INTO hundred SELECT row_number() OVER (ORDER BY id) - 1, id FROM webhook_subscriptions ORDER BY id"
        " LIMIT 100;"
        "BEGIN;"
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %ld)"
        " INSERT INTO webhook_events (number, type, tenant, time, accepted_at, payload)"
        " SELECT %lld + i, 'over', '', %lld + i, %lld + i, '{\"n\":' || i || '}' FROM n;"
        "INSERT INTO webhook_deliveries (event, subscription, version, state, attempts, tries, due, turn, created_at,"
        " updated_at, status, first_at, first_us, first_code, first_status)"
        " SELECT number, hundred.id, 1, 3, 1, 1, 0, 0, time, time, 204, time, 900, 0, 204 FROM webhook_events"
        " JOIN hundred ON n = number %% 100;"
        "UPDATE webhook_partitions SET position = (SELECT max(number) FROM webhook_events);"
        "COMMIT",
        self->events - 1, (long long)first, (long long)then, (long long)then);
    stock_execute(self, sql);
    stock_execute(self, "CREATE TABLE applications_own (a)");
    whi_ident_format("msg_", first, self->event);
}

/* One for each subscription, so that each is a lane. */
static void add_waiting(stock *self) {
    char sql[512];

    snprintf(
        sql, sizeof sql,
        "INSERT OR IGNORE INTO webhook_deliveries (event, subscription, version, state, attempts, tries, due, turn,"
        " created_at, updated_at, status) SELECT (SELECT min(number) FROM webhook_events), id, 1, 1, 0, 0, %lld, 0,"
        " 1, 1, 0 FROM webhook_subscriptions",
        ((long long)time(NULL) + 86400) * 1000);
    stock_execute(self, sql);
}

static void add_subscriptions(stock *self) {
    char document[128];

    for (long i = 0; i < self->subscriptions; i++) {
        snprintf(document, sizeof document, "{" GROW_URL ",\"events\":[\"%s\"]}", i < 100 ? "over" : "another");
        bench_check(wh_subscribe(self->engine, document, WH_ZSTR, i == 0 ? self->subscription : NULL), "subscribe");
    }
    bench_check(wh_subscribe(self->engine, "{" GROW_URL ",\"events\":[\"ordered\"],\"order\":\"fifo\"}", WH_ZSTR, NULL),
                "subscribe");
}

void stock_make(stock *self, long events, long subscriptions, int waiting, int days) {
    memset(self, 0, sizeof *self);
    self->events = events;
    self->subscriptions = subscriptions;
    bench_file(self->file, sizeof self->file);
    self->engine = stock_open(self->file, WH_NORMAL);
    add_subscriptions(self);
    wh_close(self->engine);
    open_program(self);
    add_events(self, days);
    if (waiting) {
        add_waiting(self);
    }
    self->engine = stock_open(self->file, WH_NORMAL);
    if (days == 0) {
        bench_check(wh_run(self->engine), "run");
    }
}

void stock_free(stock *self) {
    sqlite3_close(self->program);
    wh_close(self->engine);
    bench_remove(self->file);
}

/* ------------------------------------------------------------------------- the table */

void grow_head(void) {
    printf("| of | what | with little | with much | factor |\n|---|---|---|---|---|\n");
    fflush(stdout);
}

void grow_row(const char *with, const char *what, const char *unit, double little, double much, double factor) {
    printf("| %s | %s | %.*f %s | %.*f %s | %.2f |\n", with, what, little < 10, little, unit, much < 10, much, unit,
           factor);
    fflush(stdout);
}

void grow_rounds(const char *with, const char *what, const char *unit, double *little, double *much, int rounds) {
    double ratios[GROW_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        ratios[i] = much[i] / little[i];
    }
    grow_row(with, what, unit, bench_median(little, rounds), bench_median(much, rounds), bench_median(ratios, rounds));
}
