/* Publishing beside a purge: what publishers feel of it, and whether it keeps pace with them. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "grow.h"

#define SINGLES 500 /* publications of one measurement */
#define OLD_DAYS 10 /* more than what is over is kept for */
#define LATE_S 22.0 /* after which a pass is late */
#define PACE_S 4.0  /* that are measured then */
#define GAP_S 0.001 /* between two publications, so that the disk is not what they wait for */

static void publish(wh_engine *engine, const char *type, int count) {
    static wh_event events[100];

    for (int i = 0; i < count; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = type;
        events[i].payload = "{\"n\":1}";
        events[i].payload_size = WH_ZSTR;
    }
    bench_check(wh_publish_batch(engine, events, (size_t)count, NULL), "publish");
}

/* ms that all but one of a hundred publications need at most. */
static double p99(wh_engine *engine) {
    static double took[SINGLES];
    const struct timespec gap = { 0, (long)(GAP_S * 1e9) };

    for (int i = 0; i < SINGLES; i++) {
        double began = bench_now();

        publish(engine, "nobodys", 1);
        took[i] = (bench_now() - began) * 1e3;
        nanosleep(&gap, NULL);
    }
    (void)bench_median(took, SINGLES); /* sorts them */
    return took[SINGLES - 1 - SINGLES / 100];
}

static int64_t left(const stock *self) {
    return stock_number(self, "SELECT count(*) FROM webhook_events WHERE type = 'over'");
}

static void reopen(stock *self, int durability) {
    wh_close(self->engine);
    self->engine = stock_open(self->file, durability);
    bench_check(wh_start(self->engine, 1), "start");
}

/* Each round begins a pass, which is in time. */
static void compare(const char *what, int durability, stock *quiet, stock *busy, int rounds) {
    double little[GROW_ROUNDS], much[GROW_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        reopen(quiet, durability);
        reopen(busy, durability);
        little[i] = p99(quiet->engine);
        much[i] = p99(busy->engine);
    }
    grow_rounds("a purge under way", what, "ms", little, much, rounds);
    if (left(busy) <= 1) {
        fprintf(stderr, "bench: the purge was over before all was measured\n");
    }
}

/* As fast as it goes, until the pass is late, and then for as long as it is measured. */
static void keep_pace(const stock *busy) {
    double began = bench_now(), until = began + LATE_S, spent;
    int64_t before;
    long published = 0;

    while (bench_now() < until) {
        publish(busy->engine, "another", 100);
    }
    before = left(busy);
    began = bench_now();
    while (bench_now() < began + PACE_S && left(busy) > 1) {
        for (int i = 0; i < 50; i++, published += 100) {
            publish(busy->engine, "another", 100);
        }
    }
    spent = bench_now() - began;
    grow_row("a purge that is late", "events published, in batches of 100; events that have gone; each with a delivery",
             "/s", (double)published / spent, (double)(before - left(busy)) / spent,
             (double)(before - left(busy)) / (double)published);
}

void grow_purge(long events, int rounds) {
    static stock quiet, busy;

    stock_make(&quiet, GROW_LITTLE, 100, 0, 0);
    stock_make(&busy, events, 101, 0, OLD_DAYS); /* the last one is for another type */
    compare("publish one by one, durability \"full\", p99 by the clock", WH_FULL, &quiet, &busy, rounds);
    compare("the same, durability \"normal\"", WH_NORMAL, &quiet, &busy, rounds);
    keep_pace(&busy);
    stock_free(&quiet);
    stock_free(&busy);
}
