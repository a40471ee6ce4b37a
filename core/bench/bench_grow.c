/* bench_grow - what costs more where there is more of it: each row of the table is one thing that is done, with a
 * little in the store and with much, in turns in one run; its factor is to be below 1.3.
 *
 *   events         1,000 and 1,000,000 that are over, each delivered to one of 100 subscriptions
 *   subscriptions  1,000 and 100,000, of which none wants what is published
 *   lanes          as many subscriptions, of which each has a delivery that waits for tomorrow
 *
 *     bench_grow [events] [subscriptions] [rounds]: how much is much */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/ident.h"
#include "bench.h"
#include "engine/context.h"
#include "life/open.h"
#include "work/worker.h"

#define LITTLE 1000
#define URL "\"url\":\"https://example.com/\""

typedef struct stock {
    char file[256];
    wh_engine *engine;
    char event[WH_ID_SIZE], subscription[WH_ID_SIZE]; /* the oldest event, and one of its subscriptions */
    long events, subscriptions;
    sqlite3 *program; /* an application's own connection to the file */
} stock;

/* ------------------------------------------------------------------------- filling */

static void execute(const stock *self, const char *sql) {
    char *error = NULL;

    if (sqlite3_exec(self->program, sql, NULL, NULL, &error) != SQLITE_OK) {
        fprintf(stderr, "bench: %s\n", error != NULL ? error : sqlite3_errmsg(self->program));
        exit(1);
    }
}

static void open_program(stock *self) {
    if (sqlite3_open(self->file, &self->program) != SQLITE_OK ||
        sqlite3_busy_timeout(self->program, 10000) != SQLITE_OK) {
        fprintf(stderr, "bench: %s\n", sqlite3_errmsg(self->program));
        exit(1);
    }
}

static wh_engine *open_engine(const char *file) {
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.durability = WH_NORMAL;
    bench_check(whi_open(&engine, file, &options, &bench_transport_null), "open");
    return engine;
}

/* As many events that were delivered, one a millisecond, the last of them just now. */
static void add_events(stock *self) {
    char sql[2048];
    int64_t then = (int64_t)time(NULL) * 1000 - self->events, first = whi_ident_first(then);

    snprintf(
        sql, sizeof sql,
        "BEGIN;"
        "WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %ld)"
        " INSERT INTO webhook_events (number, type, tenant, time, accepted_at, payload)"
        " SELECT %lld + i, 'over', '', %lld + i, %lld + i, '{\"n\":' || i || '}' FROM n;"
        "INSERT INTO webhook_deliveries (event, subscription, version, state, attempts, tries, due, turn, created_at,"
        " updated_at, status, first_at, first_us, first_code, first_status)"
        " SELECT number, 1 + number %% 100, 1, 3, 1, 1, 0, 0, time, time, 204, time, 900, 0, 204 FROM webhook_events;"
        "UPDATE webhook_partitions SET position = (SELECT max(number) FROM webhook_events);"
        "COMMIT",
        self->events - 1, (long long)first, (long long)then, (long long)then);
    execute(self, sql);
    execute(self, "CREATE TABLE applications_own (a)");
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
    execute(self, sql);
}

static void add_subscriptions(stock *self) {
    char document[128];

    for (long i = 0; i < self->subscriptions; i++) {
        snprintf(document, sizeof document, "{" URL ",\"events\":[\"%s\"]}", i < 100 ? "over" : "another");
        bench_check(wh_subscribe(self->engine, document, WH_ZSTR, i == 0 ? self->subscription : NULL), "subscribe");
    }
}

static void stock_make(stock *self, long events, long subscriptions, int waiting) {
    memset(self, 0, sizeof *self);
    self->events = events;
    self->subscriptions = subscriptions;
    bench_file(self->file, sizeof self->file);
    self->engine = open_engine(self->file);
    add_subscriptions(self);
    wh_close(self->engine);
    open_program(self);
    add_events(self);
    if (waiting) {
        add_waiting(self);
    }
    self->engine = open_engine(self->file);
    bench_check(wh_run(self->engine), "run");
}

static void stock_free(stock *self) {
    sqlite3_close(self->program);
    wh_close(self->engine);
    bench_remove(self->file);
}

/* ---------------------------------------------------------------------- what is done */

static void publish(const stock *self, const char *type) {
    wh_event events[100];

    for (int i = 0; i < 100; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = type;
        events[i].payload = "{\"n\":1}";
        events[i].payload_size = WH_ZSTR;
    }
    bench_check(wh_publish_batch(self->engine, events, 100, NULL), "publish");
}

static int publish_hundred(const stock *self) {
    publish(self, "nobodys");
    return 100;
}

static int deliver(const stock *self) {
    publish(self, "over");
    bench_check(wh_run(self->engine), "run");
    return 100 * 100;
}

typedef int (*list_fn)(wh_engine *engine, const wh_query *query, char **out, size_t *size);

/* A page of 100, which looks at no more than a bounded number of rows, and all pages where `all` says so. */
static int list(const stock *self, list_fn give, wh_query *query, int all) {
    char cursor[256] = "", *text, *next;
    int pages = 0;

    query->limit = 100;
    do {
        query->cursor = cursor[0] != '\0' ? cursor : NULL;
        bench_check(give(self->engine, query, &text, NULL), "list");
        next = strstr(text, "\"next\":\"");
        cursor[0] = '\0';
        if (next != NULL && strstr(text, "\"items\":[]") != NULL) {
            (void)sscanf(next + 8, "%255[^\"]", cursor);
        }
        wh_free(text);
        pages++;
    } while (all && cursor[0] != '\0');
    return 1;
}

static int list_events(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    return list(self, wh_events, &query, 0);
}

static int list_type(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.type = "never.seen";
    return list(self, wh_events, &query, 0);
}

static int list_type_all(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.type = "never.seen";
    return list(self, wh_events, &query, 1);
}

static int list_tenant(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.tenant = "nobody";
    return list(self, wh_events, &query, 0);
}

static int list_state(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.state = "exhausted";
    return list(self, wh_deliveries, &query, 0);
}

static int list_cancelled(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.state = "cancelled";
    return list(self, wh_deliveries, &query, 1);
}

static int list_of_one(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.subscription = self->subscription;
    return list(self, wh_deliveries, &query, 0);
}

static int list_of_event(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.event = self->event;
    return list(self, wh_deliveries, &query, 0);
}

static int list_subscriptions(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    return list(self, wh_subscriptions, &query, 0);
}

static int list_disabled(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.state = "disabled";
    return list(self, wh_subscriptions, &query, 0);
}

static int explain(const stock *self) {
    char *text;

    bench_check(wh_explain(self->engine, self->event, self->subscription, NULL, &text, NULL), "explain");
    wh_free(text);
    return 1;
}

static int backtest(const stock *self) {
    wh_backtest asked = WH_BACKTEST_INIT;
    char *text;

    asked.document = "{\"filters\":{\"n\":7}}";
    asked.subscription = self->subscription;
    asked.document_size = WH_ZSTR;
    bench_check(wh_backtest_run(self->engine, &asked, &text, NULL), "backtest");
    wh_free(text);
    return 1000;
}

static int replay_none(const stock *self) {
    bench_check(wh_replay_query(self->engine, NULL, NULL), "replay");
    return 1;
}

static int idle(const stock *self) {
    (void)wh_idle(self->engine);
    return 1;
}

static int reopen(const stock *self) {
    wh_engine *other = open_engine(self->file);

    wh_close(other);
    return 1;
}

static int stats(const stock *self) {
    char *text;

    bench_check(wh_stats(self->engine, &text, NULL), "stats");
    wh_free(text);
    return 1;
}

/* A commit on the file that is none of ours, and what the turns find until it is looked after. */
static int foreign(const stock *self) {
    whi_worker *worker = self->engine->workers[0];
    int64_t before = worker->seen_changes;

    execute(self, "INSERT INTO applications_own VALUES (1)");
    while (worker->seen_changes == before) {
        whi_timetable_again(&worker->timetable, &worker->look, 0);
        bench_check(wh_step(self->engine), "step");
    }
    worker->scan_after_us = 0; /* which would put off what is to be measured */
    bench_check(wh_step(self->engine), "step");
    return 1;
}

static int purge(const stock *self) {
    static int64_t after;
    whi_store *store;
    int count;

    bench_check(whi_store_open(&store, self->file, NULL), "open");
    bench_check(whi_store_begin(store), "begin");
    after = 0;
    bench_check(whi_store_purge(store, INT64_MAX, INT64_MAX, 100, &after, &count), "purge");
    bench_check(whi_store_commit(store, NULL), "commit");
    whi_store_close(store);
    return 100;
}

/* ------------------------------------------------------------------------- the table */

typedef struct row {
    const char *name;
    int (*act)(const stock *self); /* how often it was done */
    int repeat;                    /* within one measurement */
} row;

static const row all_rows[] = {
    { "publish, a batch of 100, for nobody", publish_hundred, 10 },
    { "publish and deliver, to 100 each", deliver, 2 },
    { "the newest events", list_events, 20 },
    { "events of no type that there is, a page", list_type, 5 },
    { "the same, all pages", list_type_all, 1 },
    { "events of a tenant that there is not", list_tenant, 20 },
    { "exhausted deliveries, none", list_state, 20 },
    { "cancelled deliveries, none, all pages", list_cancelled, 20 },
    { "deliveries of a subscription", list_of_one, 1 },
    { "deliveries of an event", list_of_event, 20 },
    { "the newest subscriptions", list_subscriptions, 20 },
    { "disabled subscriptions, none", list_disabled, 20 },
    { "explain an event and a subscription", explain, 20 },
    { "backtest on 1,000 events, an event", backtest, 2 },
    { "replay what is exhausted, none", replay_none, 20 },
    { "is there something to do", idle, 100 },
    { "how it goes (wh_stats)", stats, 20 },
    { "a commit of the application", foreign, 20 },
    { "purge, an event", purge, 5 },
    { "open and close", reopen, 1 },
};

#define ROWS (sizeof all_rows / sizeof all_rows[0])

static double measure(const row *what, const stock *on) {
    double start = bench_cpu();
    long count = 0;

    for (int i = 0; i < what->repeat; i++) {
        count += what->act(on);
    }
    return (bench_cpu() - start) / (double)count * 1e6;
}

static const row of_lanes[] = {
    { "a commit of the application", foreign, 20 },
    { "is there something to do", idle, 100 },
    { "publish, a batch of 100, for nobody", publish_hundred, 10 },
};

static void compare(const char *what, const row *rows, size_t count, const stock *little, const stock *much,
                    int rounds) {
    double a[ROWS][32], b[ROWS][32], ratio[32];

    for (size_t i = 0; i < count; i++) {
        for (int round = 0; round < rounds; round++) {
            a[i][round] = measure(&rows[i], little);
            b[i][round] = measure(&rows[i], much);
            ratio[round] = b[i][round] / a[i][round];
        }
        printf("grow     %-13s %-38s %10.1f us, with much %10.1f us, factor %.2f\n", what, rows[i].name,
               bench_median(a[i], rounds), bench_median(b[i], rounds), bench_median(ratio, rounds));
        fflush(stdout);
    }
}

static void grow(const char *what, long events, long subscriptions, int waiting, int rounds) {
    static stock little, much;

    stock_make(&little, LITTLE, LITTLE, waiting);
    stock_make(&much, events, subscriptions, waiting);
    if (waiting) {
        compare(what, of_lanes, sizeof of_lanes / sizeof of_lanes[0], &little, &much, rounds);
    } else {
        compare(what, all_rows, ROWS, &little, &much, rounds);
    }
    stock_free(&little);
    stock_free(&much);
}

int main(int argc, char **argv) {
    long events = argc > 1 ? strtol(argv[1], NULL, 10) : 1000000;
    long subscriptions = argc > 2 ? strtol(argv[2], NULL, 10) : 100000;
    int rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : 5;

    if (events < LITTLE || subscriptions < LITTLE || rounds < 1 || rounds > 32) {
        fprintf(stderr, "bench_grow [events] [subscriptions] [rounds]\n");
        return 2;
    }
    grow("events", events, LITTLE, 0, rounds);
    grow("subscriptions", LITTLE, subscriptions, 0, rounds);
    grow("lanes", LITTLE, subscriptions, 1, rounds);
    return 0;
}
