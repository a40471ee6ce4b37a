/* bench_memory - the resident size of a process: with an idle engine, with a million
 * deliveries waiting in its store, and with requests under way. (With 100,000
 * subscriptions: bench_match.) */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "base/clock.h"
#include "bench.h"

#define SUBSCRIPTIONS 100
#define WAITING 1000000
#define RECEIVERS 125 /* subscriptions, with 8 requests each at first: 1000 at once */
#define EVENTS 8

static wh_engine *open_engine(const char *file) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    bench_check(wh_open(&engine, file, &options), "open");
    return engine;
}

static void subscribe(wh_engine *engine, int count, const char *url) {
    char document[256];

    snprintf(document, sizeof document, "{\"url\":\"%s\",\"concurrency\":1000,\"timeout\":60000}", url);
    for (int i = 0; i < count; i++) {
        bench_check(wh_subscribe(engine, document, WH_ZSTR, NULL), "subscribe");
    }
}

static double step_a_while(wh_engine *engine) {
    for (int i = 0; i < 200; i++) {
        bench_check(wh_step(engine), "step");
        usleep(5000);
    }
    return bench_rss_mb();
}

static void with_backlog(double idle) {
    whi_store_options options = { .durability = WH_NORMAL };
    whi_store *store;
    wh_engine *engine;
    char file[256];
    double size;

    bench_file(file, sizeof file);
    engine = open_engine(file);
    subscribe(engine, SUBSCRIPTIONS, "http://127.0.0.1:9/");
    wh_close(engine);
    bench_check(whi_store_open(&store, file, &options), "open");
    bench_fill(store, WAITING, SUBSCRIPTIONS, whi_clock_now(NULL) + 86400000);
    whi_store_close(store);
    engine = open_engine(file);
    size = step_a_while(engine);
    printf("memory   with %d deliveries waiting: %.1f MB (an idle engine: %.1f MB)\n", WAITING, size, idle);
    wh_close(engine);
    bench_remove(file);
}

static void with_flights(void) {
    sink_options options = { 1, -1, 4000, 0 };
    wh_event event = WH_EVENT_INIT;
    sink_counts counts;
    wh_engine *engine;
    double before, after;

    bare_endpoints(sink_new(&options), 1);
    engine = open_engine(":memory:");
    subscribe(engine, RECEIVERS, bare.urls[0]);
    bench_check(wh_start(engine, 1), "start");
    usleep(300000);
    before = bench_rss_mb();
    event.type = "invoice.paid";
    event.payload = bare.body;
    event.payload_size = BARE_BODY;
    for (int i = 0; i < EVENTS; i++) {
        bench_check(wh_publish(engine, &event, NULL), "publish");
        usleep(2000);
    }
    usleep(1500000);
    after = bench_rss_mb();
    sink_read(bare.receiver, &counts);
    printf("memory   %.1f KB for each request under way (%llu at once)\n",
           (after - before) * 1024 / (double)counts.requests, (unsigned long long)counts.requests);
    wh_close(engine);
    sink_free(bare.receiver);
}

int main(void) {
    wh_engine *engine;
    double bare_size = bench_rss_mb(), idle;
    char file[256];

    bench_file(file, sizeof file);
    engine = open_engine(file);
    idle = step_a_while(engine);
    printf("memory   an idle engine: %.1f MB, of which the process was %.1f MB before\n", idle, bare_size);
    wh_close(engine);
    bench_remove(file);
    with_backlog(idle);
    with_flights(); /* last: what they used, malloc does not give back to the system at once */
    return 0;
}
