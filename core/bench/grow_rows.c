/* Rows of bench_grow that need more than a store with little and one with much in it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bare.h"
#include "feed.h"
#include "grow.h"

/* ------------------------------------------------------------- an attempt that fails */

#define ATTEMPTS 100 /* events of one measurement, each for 100 receivers */

/* us of an attempt. */
static double attempts(const stock *self) {
    double began = bench_cpu();
    wh_event event = WH_EVENT_INIT;

    event.type = "over";
    event.payload = "{\"n\":1}";
    event.payload_size = WH_ZSTR;
    for (int i = 0; i < ATTEMPTS; i++) {
        bench_check(wh_publish(self->engine, &event, NULL), "publish");
    }
    bench_check(wh_run(self->engine), "run");
    return (bench_cpu() - began) / (ATTEMPTS * 100) * 1e6;
}

void grow_failing(int rounds) {
    static stock well, bad;
    double little[GROW_ROUNDS], much[GROW_ROUNDS];

    stock_make(&well, GROW_LITTLE, 100, 0, 0);
    stock_make(&bad, GROW_LITTLE, 100, 0, 0);
    for (int i = 0; i < rounds; i++) {
        bench_answer = 204;
        little[i] = attempts(&well);
        bench_answer = 500;
        much[i] = attempts(&bad);
    }
    bench_answer = 204;
    grow_rounds("receivers that answer 500", "an attempt on a file; one that is answered with 204", "us", little, much,
                rounds);
    stock_free(&well);
    stock_free(&bad);
}

/* -------------------------------------------------------------- connections that are kept */

#define POSTS 20000

static double posts(int receivers) {
    wh_engine *engine;
    double spent;
    char file[256];
    sink_options options = { receivers, -1, 0, 0 };

    bare_endpoints(sink_new(&options), receivers);
    bench_file(file, sizeof file);
    feed_durability = WH_NORMAL; /* so many subscriptions are made one by one */
    engine = feed_open(file, "");
    feed_durability = 0;
    bench_check(wh_start(engine, 1), "start");
    feed_run(engine, 2L * receivers, 0);
    spent = bench_cpu();
    feed_run(engine, POSTS, 0);
    spent = bench_cpu() - spent;
    wh_close(engine);
    bench_remove(file);
    sink_free(bare.receiver);
    return spent / POSTS * 1e6;
}

void grow_connections(int receivers, int rounds) {
    double little[GROW_ROUNDS], much[GROW_ROUNDS];
    struct rlimit files;
    char with[64];

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_max < (rlim_t)receivers * 2) {
        printf("| receivers | left out: ulimit -n has to allow %d files | | | |\n", receivers * 2);
        return;
    }
    for (int i = 0; i < rounds; i++) {
        little[i] = posts(100);
        much[i] = posts(receivers);
    }
    snprintf(with, sizeof with, "%d receivers, not 100", receivers);
    grow_rounds(with, "a delivery on a connection that was kept", "us", little, much, rounds);
}

/* --------------------------------------------------------------- a receiver that is down */

#define PAYLOAD 200

static double settled_mb(wh_engine *engine) {
    for (int i = 0; i < 300; i++) {
        bench_check(wh_step(engine), "step");
        usleep(2000);
    }
    return bench_rss_mb();
}

void grow_down(long waiting) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_event event = WH_EVENT_INIT;
    wh_engine *engine;
    double idle, down;
    char file[256], what[64];

    options.allow = allow;
    options.allow_count = 1;
    options.durability = WH_NORMAL;
    bench_file(file, sizeof file);
    bench_check(wh_open(&engine, file, &options), "open");
    bench_check(wh_subscribe(engine, "{\"url\":\"http://127.0.0.1:9/\"}", WH_ZSTR, NULL), "subscribe");
    idle = settled_mb(engine);
    event.type = "a";
    event.payload = bench_payload(PAYLOAD);
    event.payload_size = PAYLOAD;
    for (long i = 0; i < waiting; i++) {
        bench_check(wh_publish(engine, &event, NULL), "publish");
        if (i % 100 == 0) {
            bench_check(wh_step(engine), "step");
        }
    }
    down = settled_mb(engine);
    snprintf(what, sizeof what, "memory of the process, %ld of %d bytes wait", waiting, PAYLOAD);
    grow_row("a receiver that is down", what, "MB", idle, down, down / idle);
    wh_close(engine);
    bench_remove(file);
}

/* ---------------------------------------------------------------------- looking back */

typedef struct looked {
    int told;
    double most_mb;
} looked;

static int progress(int64_t done, int64_t total, void *payload) {
    looked *self = payload;
    double now = self->told % 64 == 0 ? bench_rss_mb() : 0;

    (void)done;
    (void)total;
    self->told++;
    self->most_mb = now > self->most_mb ? now : self->most_mb;
    return 0;
}

/* us of an event; mb: what it took beyond what there was. */
static double backtest_all(const stock *self, double *mb) {
    wh_backtest asked = WH_BACKTEST_INIT;
    looked seen = { 0, 0 };
    double began = bench_cpu(), before = bench_rss_mb();
    char *text;

    asked.subscription = self->subscription;
    asked.document = "{\"filters\":{\"n\":7}}";
    asked.document_size = WH_ZSTR;
    asked.last = self->events;
    asked.progress = progress;
    asked.payload = &seen;
    bench_check(wh_backtest_run(self->engine, &asked, &text, NULL), "backtest");
    wh_free(text);
    if (seen.told == 0) {
        fprintf(stderr, "bench: a backtest told nothing of its progress\n");
        exit(1);
    }
    *mb = seen.most_mb > before ? seen.most_mb - before : 0;
    return (bench_cpu() - began) / (double)self->events * 1e6;
}

void grow_looking_back(const stock *little, const stock *much, int rounds) {
    double a[GROW_ROUNDS], b[GROW_ROUNDS], a_mb[GROW_ROUNDS], b_mb[GROW_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        a[i] = backtest_all(little, &a_mb[i]);
        b[i] = backtest_all(much, &b_mb[i]);
    }
    grow_rounds("events", "backtest on all of them, an event", "us", a, b, rounds);
    grow_row("events", "the same, memory beyond what there was", "MB", bench_median(a_mb, rounds),
             bench_median(b_mb, rounds),
             1 + (bench_median(b_mb, rounds) - bench_median(a_mb, rounds)) / bench_rss_mb());
}
