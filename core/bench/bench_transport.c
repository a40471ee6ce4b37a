/* bench_transport - what one POST of 1 KiB costs the sender: our two transports against bare
 * libcurl driven as it is fastest (socket interface, epoll with lazy registration, a
 * multi handle for 64 endpoints; no address policy, no limits, no timeouts), and against
 * raw sockets on epoll, which neither build nor check anything. CPU time of this process
 * only; the sink is a process of its own on another core. Measured in turns, medians.
 *
 *     bench_transport [requests] [rounds] [endpoints...] */
#include <arpa/inet.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bare.h"
#include "bench.h"
#include "engine/accept.h"
#include "outside/transport.h"
#include "sink.h"

/* ------------------------------------------------------------------------- ours */

static whi_request ours[BARE_IN_FLIGHT];
static whi_request *ours_idle[BARE_IN_FLIGHT];
static int ours_idle_count, ours_next;
static whi_poller *poller;
static whi_policy *policy;
static whi_transport *transport;
static const whi_transport_vtable *vtable;

static void ours_done(whi_request *request, void *payload) {
    (void)payload;
    bare.bad += request->error != WH_OK || request->status != 200;
    ours_idle[ours_idle_count++] = request;
    bare.under_way--;
}

static void ours_open(void) {
    static const char *const allow[] = { "127.0.0.0/8" };
    static wh_limits limits;
    whi_transport_options options = { &limits, NULL, "webhook/bench", NULL, NULL, 0 };

    bare_need(whi_limits_take(&limits, NULL) == WH_OK, "limits");
    bare_need(whi_policy_new(&policy, allow, 1) == WH_OK && whi_poller_new(&poller) == WH_OK, "open");
    options.policy = policy;
    options.poller = poller;
    bare_need(vtable->open(&transport, &options) == WH_OK, "open");
    ours_idle_count = ours_next = 0;
    for (int i = 0; i < BARE_IN_FLIGHT; i++) {
        memset(&ours[i], 0, sizeof ours[i]);
        memcpy(ours[i].lines, bare_lines, sizeof bare_lines);
        ours[i].line_count = BARE_LINES;
        ours[i].body = bare.body;
        ours[i].body_size = BARE_BODY;
        ours[i].connect_timeout = 5000;
        ours[i].timeout = 15000;
        ours[i].done = ours_done;
        ours_idle[ours_idle_count++] = &ours[i];
    }
}

static void ours_fire(void) {
    while (bare.left > 0 && ours_idle_count > 0) {
        whi_request *request = ours_idle[--ours_idle_count];
        int endpoint = ours_next++ % bare.endpoints;
        request->url = bare.urls[endpoint];
        request->lane = endpoint;
        bare_need(vtable->send(transport, request) == WH_OK, "send");
        bare.left--;
        bare.under_way++;
    }
}

/* As the engine's worker does it: wait, ready, tick, send. */
static void ours_run(long count) {
    whi_ready ready[256];

    bare.left = count;
    ours_fire();
    while (bare.under_way > 0) {
        int got = whi_poller_wait(poller, ready, 256, vtable->timeout(transport));
        vtable->ready(transport, ready, got);
        vtable->tick(transport);
        ours_fire();
    }
}

static void ours_close(void) {
    vtable->close(transport);
    whi_poller_free(poller);
    whi_policy_free(policy);
}

/* -------------------------------------------------------------------- measuring */

static void libcurl_open(void) {
    vtable = &whi_transport_curl;
    ours_open();
}

static void auto_open(void) {
    vtable = &whi_transport_auto;
    ours_open();
}

enum { RAW, BARE, LIBCURL, AUTO, WAYS };

static const struct {
    const char *name;
    void (*open)(void);
    void (*run)(long count);
    void (*close)(void);
} ways[WAYS] = { { "raw", bare_raw_open, bare_raw_run, bare_raw_close },
                 { "libcurl", bare_curl_open, bare_curl_run, bare_curl_close },
                 { "transport libcurl", libcurl_open, ours_run, ours_close },
                 { "transport auto", auto_open, ours_run, ours_close } };

/* us of CPU for one request, once every endpoint has its connection. */
static double measure(int way, long requests) {
    double cpu;

    ways[way].open();
    ways[way].run(bare.endpoints > BARE_IN_FLIGHT ? 2 * bare.endpoints : 2 * BARE_IN_FLIGHT);
    cpu = bench_cpu();
    ways[way].run(requests);
    cpu = bench_cpu() - cpu;
    ways[way].close();
    return cpu / (double)requests * 1e6;
}

static void compare(int count, long requests, int rounds) {
    sink_options options = { count, 0, 0, 0 };
    double values[WAYS][32], medians[WAYS];

    bare_endpoints(sink_new(&options), count);
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) {
            values[way][round] = measure(way, requests);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        medians[way] = bench_median(values[way], rounds);
    }
    printf("%9d %9.2f %9.2f %17.2f %14.2f %16.2f %13.2f\n", count, medians[RAW], medians[BARE], medians[LIBCURL],
           medians[AUTO], medians[LIBCURL] / medians[BARE], medians[AUTO] / medians[BARE]);
    fflush(stdout);
    sink_free(bare.receiver);
}

int main(int argc, char **argv) {
    long requests = argc > 1 ? strtol(argv[1], NULL, 10) : 40000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : BENCH_ROUNDS;

    bare_need(requests > 0 && rounds > 0 && rounds <= 32, "arguments");
    sink_pin(1);
    printf("us of CPU for one POST of %d bytes, %d in flight, %ld requests, median of %d\n", BARE_BODY, BARE_IN_FLIGHT,
           requests, rounds);
    printf("endpoints       raw   libcurl transport libcurl transport auto libcurl/libcurl  auto/libcurl\n");
    for (int i = 3; i < argc; i++) {
        compare((int)strtol(argv[i], NULL, 10), requests, rounds);
    }
    if (argc <= 3) {
        compare(1, requests, rounds);
        compare(100, requests, rounds);
        compare(1000, requests, rounds);
    }
    if (bare.bad > 0) {
        fprintf(stderr, "bench_transport: %ld requests were not answered with 200\n", bare.bad);
        return 1;
    }
    return 0;
}
