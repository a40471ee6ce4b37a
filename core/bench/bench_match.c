/* bench_match - publish and fan-out where 10 subscriptions want the event, among 10 and
 * among 100,000 subscriptions in all. Goal: within 1.5 times. Prints the resident size
 * of the engine with its subscriptions as well. */
#include <stdio.h>

#include "bench.h"
#include "engine/context.h"
#include "engine/decide.h"
#include "engine/registry.h"
#include "life/open.h"

#define EVENTS 2000
#define MATCHING 10

static void subscribe(wh_engine *engine, int count) {
    char document[200];

    for (int i = 0; i < count; i++) {
        if (i < MATCHING) {
            snprintf(document, sizeof document, "{\"url\":\"http://example.com/%d\",\"events\":[\"invoice.*\"]}", i);
        } else {
            snprintf(document, sizeof document,
                     "{\"url\":\"http://example.com/%d\",\"events\":[\"kind%d.*\",\"x.%d\"]}", i, i % 5000, i);
        }
        bench_check(wh_subscribe(engine, document, WH_ZSTR, NULL), "subscribe");
    }
}

static wh_engine *open_engine(int count) {
    wh_engine *engine;

    bench_check(whi_open(&engine, ":memory:", NULL, &bench_transport_null), "open");
    subscribe(engine, count);
    return engine;
}

static double measure(wh_engine *engine) {
    wh_event event = WH_EVENT_INIT;
    double start = bench_cpu();

    event.type = "invoice.paid";
    event.payload = "{\"id\":7,\"total\":1200}";
    event.payload_size = WH_ZSTR;
    for (int i = 0; i < EVENTS; i++) {
        bench_check(wh_publish(engine, &event, NULL), "publish");
        if (i % 100 == 99) {
            bench_check(wh_run(engine), "run");
        }
    }
    return (bench_cpu() - start) / EVENTS * 1e6;
}

int main(void) {
    double few[BENCH_ROUNDS], many[BENCH_ROUNDS], ratio[BENCH_ROUNDS], idle, with_few, with_many;
    wh_engine *small, *large;

    idle = bench_rss_mb();
    small = open_engine(MATCHING);
    with_few = bench_rss_mb();
    large = open_engine(100000);
    with_many = bench_rss_mb();
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        few[i] = measure(small);
        many[i] = measure(large);
        ratio[i] = many[i] / few[i];
    }
    printf("match    10 of 10 subscriptions: %.0f us an event with its 10 deliveries, 10 of 100,000: %.0f us, ratio "
           "%.2f\n",
           bench_median(few, BENCH_ROUNDS), bench_median(many, BENCH_ROUNDS), bench_median(ratio, BENCH_ROUNDS));
    printf("memory   process %.1f MB, engine with 10 subscriptions %.1f MB more, 100,000 subscriptions %.0f MB more "
           "(the store in memory included)\n",
           idle, with_few - idle, with_many - with_few);
    wh_close(small);
    wh_close(large);
    return 0;
}
