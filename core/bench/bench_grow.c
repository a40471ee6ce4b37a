/* bench_grow - what costs more where there is more of it: each row of the table is one thing that is done, with a
 * little in the store and with much, in turns in one run; its factor is to be below 1.3.
 *
 *   events         1,000 and 1,000,000 that are over, each delivered to one of 100 subscriptions
 *   subscriptions  1,000 and 100,000, of which none wants what is published
 *   lanes          as many subscriptions, of which each has a delivery that waits for tomorrow
 *   backlog        as many events, each of which waits for one of 100 receivers, and is due
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
/* As they were before they were sent. */
#define MAKE_DUE                                                                                                       \
    "UPDATE webhook_deliveries SET state = 1, attempts = 0, tries = 0, due = 1, status = 0, first_at = NULL,"          \
    " first_us = NULL, first_code = NULL, first_status = NULL"
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
    bench_check(wh_subscribe(self->engine, "{" URL ",\"events\":[\"ordered\"],\"order\":\"fifo\"}", WH_ZSTR, NULL),
                "subscribe");
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

static void publish(const stock *self, const char *type, const char *tenant) {
    wh_event events[100];

    for (int i = 0; i < 100; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = type;
        events[i].tenant = tenant;
        events[i].payload = "{\"n\":1}";
        events[i].payload_size = WH_ZSTR;
    }
    bench_check(wh_publish_batch(self->engine, events, 100, NULL), "publish");
}

static int publish_hundred(const stock *self) {
    publish(self, "nobodys", NULL);
    return 100;
}

static int publish_tenants(const stock *self) {
    publish(self, "nobodys", "acme");
    return 100;
}

static int deliver(const stock *self) {
    publish(self, "over", NULL);
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

static int list_deliveries_type(const stock *self) {
    wh_query query = WH_QUERY_INIT;

    query.type = "never.seen";
    return list(self, wh_deliveries, &query, 1);
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

/* ---- what waits, a thousand at a time: where there is little it waits again before that */

static void wait_again(const stock *self) {
    if (self->events <= LITTLE) {
        execute(self, MAKE_DUE);
    }
    whi_stir(self->engine);
}

static int drain(const stock *self) {
    long long before = atomic_load(&self->engine->count.delivered);

    while (atomic_load(&self->engine->count.delivered) - before < 1000) {
        bench_check(wh_step(self->engine) < 0 ? WH_EINTERNAL : WH_OK, "step");
    }
    return 1000;
}

/* ---- a subscription with an order, whose worker mostly is not the one that decides */

static void start_two(const stock *self) {
    bench_check(wh_start(self->engine, 2), "start");
    while (!wh_idle(self->engine)) {}
}

static void stop_two(const stock *self) {
    bench_check(wh_stop(self->engine, 1000), "stop");
}

static int deliver_ordered(const stock *self) {
    long long before = atomic_load(&self->engine->count.delivered);
    const struct timespec moment = { 0, 20000 };

    for (int i = 1; i <= 20; i++) {
        wh_event event = WH_EVENT_INIT;
        event.type = "ordered";
        event.payload = "1";
        event.payload_size = 1;
        bench_check(wh_publish(self->engine, &event, NULL), "publish");
        while (atomic_load(&self->engine->count.delivered) - before < i) {
            nanosleep(&moment, NULL);
        }
    }
    return 20;
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
    int (*act)(const stock *self);                                  /* how often it was done */
    int repeat;                                                     /* within one measurement */
    void (*before)(const stock *self), (*after)(const stock *self); /* each measurement, or NULL */
} row;

static const row all_rows[] = {
    { "publish, a batch of 100, for nobody", publish_hundred, 10, NULL, NULL },
    { "the same, of a tenant", publish_tenants, 10, NULL, NULL },
    { "publish and deliver, to 100 each", deliver, 2, NULL, NULL },
    { "the newest events", list_events, 20, NULL, NULL },
    { "events of no type that there is, a page", list_type, 5, NULL, NULL },
    { "the same, all pages", list_type_all, 1, NULL, NULL },
    { "deliveries of no such type, all pages", list_deliveries_type, 20, NULL, NULL },
    { "events of a tenant that there is not", list_tenant, 20, NULL, NULL },
    { "exhausted deliveries, none", list_state, 20, NULL, NULL },
    { "cancelled deliveries, none, all pages", list_cancelled, 20, NULL, NULL },
    { "deliveries of a subscription", list_of_one, 1, NULL, NULL },
    { "deliveries of an event", list_of_event, 20, NULL, NULL },
    { "the newest subscriptions", list_subscriptions, 20, NULL, NULL },
    { "disabled subscriptions, none", list_disabled, 20, NULL, NULL },
    { "explain an event and a subscription", explain, 20, NULL, NULL },
    { "backtest on 1,000 events, an event", backtest, 2, NULL, NULL },
    { "replay what is exhausted, none", replay_none, 20, NULL, NULL },
    { "is there something to do", idle, 100, NULL, NULL },
    { "how it goes (wh_stats)", stats, 20, NULL, NULL },
    { "a commit of the application", foreign, 20, NULL, NULL },
    { "purge, an event", purge, 5, NULL, NULL },
    { "open and close", reopen, 1, NULL, NULL },
};

#define ROWS (sizeof all_rows / sizeof all_rows[0])

static double measure(const row *what, const stock *on) {
    double start, spent;
    long count = 0;

    if (what->before != NULL) {
        what->before(on);
    }
    start = bench_cpu();
    for (int i = 0; i < what->repeat; i++) {
        count += what->act(on);
    }
    spent = bench_cpu() - start;
    if (what->after != NULL) {
        what->after(on);
    }
    return spent / (double)count * 1e6;
}

static const row of_lanes[] = {
    { "a commit of the application", foreign, 20, NULL, NULL },
    { "is there something to do", idle, 100, NULL, NULL },
    { "publish, a batch of 100, for nobody", publish_hundred, 10, NULL, NULL },
    { "an event in order, two workers", deliver_ordered, 1, start_two, stop_two },
};

static const row of_backlog[] = { { "what waits, a delivery", drain, 1, wait_again, NULL } };

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

static void grow_backlog(long events, int rounds) {
    static stock little, much;

    stock_make(&little, LITTLE, LITTLE, 0);
    stock_make(&much, events, LITTLE, 0);
    execute(&much, MAKE_DUE);
    compare("backlog", of_backlog, 1, &little, &much, rounds);
    stock_free(&little);
    stock_free(&much);
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
    grow_backlog(events > 30000 ? events : 30000, rounds);
    return 0;
}
