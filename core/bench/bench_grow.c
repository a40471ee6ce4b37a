/* bench_grow - what costs more where there is more of it: each row of the table is one thing that is done, with a
 * little in the store and with much, in turns in one run; its factor is to be below 1.3.
 *
 *   events         1,000 and 1,000,000 that are over, each delivered to one of 100 subscriptions
 *   subscriptions  1,000 and 100,000, of which none wants what is published
 *   lanes          as many subscriptions, of which each has a delivery that waits for tomorrow
 *   backlog        as many events, each of which waits for one of 100 receivers, and is due
 *
 *     bench_grow [events] [subscriptions] [rounds]: how much is much */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bare.h"
#include "bench.h"
#include "engine/context.h"
#include "grow.h"
#include "work/worker.h"

/* ---------------------------------------------------------------------- what is done */

static void publish_batch(const stock *self, const char *type, const char *tenant) {
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
    publish_batch(self, "nobodys", NULL);
    return 100;
}

static int publish_tenants(const stock *self) {
    publish_batch(self, "nobodys", "acme");
    return 100;
}

static int deliver(const stock *self) {
    publish_batch(self, "over", NULL);
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
    wh_engine *other = stock_open(self->file, WH_NORMAL);

    wh_close(other);
    return 1;
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

    stock_execute(self, "INSERT INTO applications_own VALUES (1)");
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

static void compare(const char *what, const row *rows, size_t count, const stock *little, const stock *much,
                    int rounds) {
    double a[GROW_ROUNDS], b[GROW_ROUNDS];

    for (size_t i = 0; i < count; i++) {
        for (int round = 0; round < rounds; round++) {
            a[round] = measure(&rows[i], little);
            b[round] = measure(&rows[i], much);
        }
        grow_rounds(what, rows[i].name, "us", a, b, rounds);
    }
}

static void grow(const char *what, long events, long subscriptions, int waiting, int rounds) {
    static stock little, much;

    stock_make(&little, GROW_LITTLE, GROW_LITTLE, waiting, 0);
    stock_make(&much, events, subscriptions, waiting, 0);
    if (waiting) {
        compare(what, of_lanes, sizeof of_lanes / sizeof of_lanes[0], &little, &much, rounds);
    } else {
        compare(what, all_rows, ROWS, &little, &much, rounds);
    }
    if (events > GROW_LITTLE) {
        grow_looking_back(&little, &much, rounds < 3 ? rounds : 3);
    }
    stock_free(&little);
    stock_free(&much);
}

typedef struct amounts {
    long events, subscriptions;
    int rounds;
} amounts;

static void part_connections(const amounts *much) {
    grow_connections(BARE_ENDPOINTS, much->rounds);
}

static void part_events(const amounts *much) {
    char with[64];

    snprintf(with, sizeof with, "%ld events, not %d", much->events, GROW_LITTLE);
    grow(with, much->events, GROW_LITTLE, 0, much->rounds);
}

static void part_subscriptions(const amounts *much) {
    char with[64];

    snprintf(with, sizeof with, "%ld subscriptions, not %d", much->subscriptions, GROW_LITTLE);
    grow(with, GROW_LITTLE, much->subscriptions, 0, much->rounds);
}

static void part_lanes(const amounts *much) {
    char with[64];

    snprintf(with, sizeof with, "%ld with something waiting, not %d", much->subscriptions, GROW_LITTLE);
    grow(with, GROW_LITTLE, much->subscriptions, 1, much->rounds);
}

static void part_backlog(const amounts *much) {
    grow_backlog(much->events, much->rounds);
}

static void part_purge(const amounts *much) {
    grow_purge(much->events, much->rounds);
}

static void part_failing(const amounts *much) {
    grow_failing(much->rounds);
}

static void part_rules(const amounts *much) {
    grow_rules(much->rounds);
}

static void part_down(const amounts *much) {
    grow_down(much->subscriptions);
}

/* The first two fork, and measure memory: nobody has threads, or freed much, before them. */
static const struct {
    const char *name;
    void (*run)(const amounts *much);
} parts[] = {
    { "connections", part_connections },
    { "down", part_down },
    { "events", part_events },
    { "subscriptions", part_subscriptions },
    { "lanes", part_lanes },
    { "backlog", part_backlog },
    { "purge", part_purge },
    { "failing", part_failing },
    { "rules", part_rules },
};

int main(int argc, char **argv) {
    amounts much = { 1000000, 100000, 5 };

    much.events = argc > 1 ? strtol(argv[1], NULL, 10) : much.events;
    much.subscriptions = argc > 2 ? strtol(argv[2], NULL, 10) : much.subscriptions;
    much.rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : much.rounds;
    if (much.events < GROW_LITTLE || much.subscriptions < GROW_LITTLE || much.rounds < 1 || much.rounds > GROW_ROUNDS) {
        fprintf(stderr, "bench_grow [events] [subscriptions] [rounds] [part]\n");
        return 2;
    }
    grow_head();
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (argc <= 4 || strcmp(argv[4], parts[i].name) == 0) {
            parts[i].run(&much);
        }
    }
    return 0;
}
