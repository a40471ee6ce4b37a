/* bench_deliver - durable, signed deliveries of 1 KiB to receivers on this machine: events
 * published in batches, fanned out, signed, sent and recorded in SQLite (synchronous FULL),
 * by each of the two transports, against bare libcurl doing the same POSTs without store or
 * signature, and against raw sockets on epoll. At 1, 100 and 1000 endpoints; with all of us on one core, and with two
 * cores shared with the receiver. Measured in turns; medians.
 *
 *     bench_deliver [deliveries] [rounds] [endpoints...] */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "feed.h"

enum { RAW, CURL, LIBCURL, AUTO, WAYS };

static int cores; /* 1: this process has one core and the sink another; 2: both share two */

static void pin(void) {
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(1, &set);
    if (cores == 2) {
        CPU_SET(0, &set);
    }
    sched_setaffinity(0, sizeof set, &set);
}

typedef struct figures {
    double rate, cpu;   /* deliveries a second; us of this process for one */
    double connections; /* that it has opened */
} figures;

static double connections(void) {
    sink_counts counts;

    sink_read(bare.receiver, &counts);
    return (double)counts.connections;
}

static figures ours(const char *transport, long count) {
    double wall, cpu, opened = connections();
    wh_engine *engine;
    char file[256];

    bench_file(file, sizeof file);
    feed_transport = transport;
    engine = feed_open(file, "");
    bench_check(wh_start(engine, 1), "start");
    feed_run(engine, bare.endpoints > 64 ? 2 * bare.endpoints : 1000, 0);
    wall = bench_now();
    cpu = bench_cpu();
    feed_run(engine, count, 0);
    wall = bench_now() - wall;
    cpu = bench_cpu() - cpu;
    wh_close(engine);
    bench_remove(file);
    return (figures){ (double)count / wall, cpu / (double)count * 1e6, connections() - opened };
}

static figures plain(int way, long count) {
    void (*run)(long) = way == RAW ? bare_raw_run : bare_curl_run;
    double wall, cpu, opened = connections();

    way == RAW ? bare_raw_open() : bare_curl_open();
    run(2 * (bare.endpoints > BARE_IN_FLIGHT ? bare.endpoints : BARE_IN_FLIGHT));
    wall = bench_now();
    cpu = bench_cpu();
    run(count);
    wall = bench_now() - wall;
    cpu = bench_cpu() - cpu;
    way == RAW ? bare_raw_close() : bare_curl_close();
    return (figures){ (double)count / wall, cpu / (double)count * 1e6, connections() - opened };
}

static void compare(int endpoints, long count, int rounds) {
    sink_options options = { endpoints, cores == 1 ? 0 : -1, 0, 0 };
    double rates[WAYS][32], cpus[WAYS][32], ratios[WAYS][32], opened[WAYS][32];

    bare_endpoints(sink_new(&options), endpoints);
    pin();
    for (int i = 0; i < rounds; i++) {
        for (int way = 0; way < WAYS; way++) {
            figures got = way == AUTO      ? ours("auto", count)
                          : way == LIBCURL ? ours("libcurl", count)
                                           : plain(way, count);
            rates[way][i] = got.rate;
            cpus[way][i] = got.cpu;
            opened[way][i] = got.connections;
        }
        for (int way = 0; way < WAYS; way++) {
            ratios[way][i] = rates[way][i] / rates[CURL][i];
        }
    }
    printf("deliver  %d core%s %5d endpoints: bare libcurl %7.0f/s (%4.1f us), raw %7.0f/s (%4.1f us)\n", cores,
           cores == 1 ? ", " : "s,", endpoints, bench_median(rates[CURL], rounds), bench_median(cpus[CURL], rounds),
           bench_median(rates[RAW], rounds), bench_median(cpus[RAW], rounds));
    for (int way = LIBCURL; way <= AUTO; way++) {
        printf("    durable and signed, transport %-8s %7.0f/s (%4.1f us, %4.0f connections), ratio to libcurl %.2f\n",
               way == AUTO ? "auto:" : "libcurl:", bench_median(rates[way], rounds), bench_median(cpus[way], rounds),
               bench_median(opened[way], rounds), bench_median(ratios[way], rounds));
    }
    fflush(stdout);
    sink_free(bare.receiver);
}

int main(int argc, char **argv) {
    long count = argc > 1 ? strtol(argv[1], NULL, 10) : 60000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 3;

    bare_need(count > 0 && rounds > 0 && rounds <= 32, "arguments");
    for (cores = 1; cores <= 2; cores++) {
        for (int i = 3; i < argc; i++) {
            compare((int)strtol(argv[i], NULL, 10), count, rounds);
        }
        if (argc <= 3) {
            compare(1, count, rounds);
            compare(100, count, rounds);
            compare(1000, count, rounds);
        }
    }
    return bare.bad > 0;
}
