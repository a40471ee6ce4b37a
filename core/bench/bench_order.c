/* bench_order - the price of an order: durable, signed deliveries of 1 KiB to receivers on this machine, by
 * subscriptions that have one, against the same events and subscriptions without. Measured in turns;
 * medians.
 *
 *   key, latest      each event on the way has a key of its own: what it costs to keep an order
 *                    in which nobody has to wait
 *   key, 8 keys      of each subscription: eight at once, each when the one before is recorded
 *   fifo             one at once
 *
 *     bench_order [deliveries] [rounds] */
#include <stdio.h>
#include <stdlib.h>

#include "bare.h"
#include "bench.h"
#include "feed.h"

#define CHAIN 300 /* deliveries of one chain suffice: each waits for the one before */
#define APART (2L * FEED_WINDOW)

enum { NONE, KEY, LATEST, EIGHT, FIFO, WAYS };

static const struct way {
    const char *name, *more;
    int chains; /* of a subscription; 0: nobody waits */
} ways[WAYS] = {
    [NONE] = { "none", "", 0 },
    [KEY] = { "key", ",\"order\":\"key\"", 0 },
    [LATEST] = { "latest", ",\"order\":\"latest\"", 0 },
    [EIGHT] = { "key, 8 keys", ",\"order\":\"key\"", 8 },
    [FIFO] = { "fifo", ",\"order\":\"fifo\"", 1 },
};

typedef struct figures {
    double rate, cpu; /* deliveries a second; us of this process for one */
} figures;

static figures measure(const struct way *way, long count) {
    long keys = way->chains > 0 ? (long)way->chains * bare.endpoints : APART;
    long most = (long)way->chains * bare.endpoints * CHAIN;
    wh_engine *engine;
    char file[256];
    double wall, cpu;

    count = most > 0 && most < count ? most : count;
    bench_file(file, sizeof file);
    engine = feed_open(file, way->more);
    bench_check(wh_start(engine, 1), "start");
    feed_run(engine, bare.endpoints > 64 ? 2 * bare.endpoints : 100, keys);
    wall = bench_now();
    cpu = bench_cpu();
    feed_run(engine, count, keys);
    wall = bench_now() - wall;
    cpu = bench_cpu() - cpu;
    wh_close(engine);
    bench_remove(file);
    return (figures){ (double)count / wall, cpu / (double)count * 1e6 };
}

static void compare(int endpoints, long count, int rounds) {
    sink_options options = { endpoints, -1, 0, 0 };
    double rates[WAYS][32], cpus[WAYS][32], ratios[WAYS][32];

    bare_endpoints(sink_new(&options), endpoints);
    for (int i = 0; i < rounds; i++) {
        for (int way = 0; way < WAYS; way++) {
            figures got = measure(&ways[way], count);
            rates[way][i] = got.rate;
            cpus[way][i] = got.cpu;
            ratios[way][i] = rates[way][i] / rates[NONE][i];
        }
    }
    for (int way = 0; way < WAYS; way++) {
        printf("order    %4d subscriptions, %-11s: %7.0f deliveries/s (%5.1f us), ratio to none %.3f\n", endpoints,
               ways[way].name, bench_median(rates[way], rounds), bench_median(cpus[way], rounds),
               bench_median(ratios[way], rounds));
    }
    fflush(stdout);
    sink_free(bare.receiver);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 10000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;

    bare_need(count > 0 && rounds > 0 && rounds <= 32, "arguments");
    compare(1, count, rounds);
    compare(100, count, rounds);
    compare(1000, count, rounds);
    return 0;
}
