/* bench_wake - how long an event takes from wh_publish to a receiver on this machine, when the worker is in the
 * publishing process, when it is in another one on the same file, and when that one is told nothing and
 * has to look. One event at a time, with pauses of any length, in turns; every flush is made.
 *
 *     bench_wake [events] [rounds] */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "engine/context.h"
#include "sink.h"
#include "work/worker.h"

#define PAUSE_US 60000 /* at most */

enum { SAME, WOKEN, LOOKING, WAYS };

static const char *const names[WAYS] = { "in the same process", "in another", "in another that looks" };

static sink *receiver;

static wh_engine *open_engine(const char *file) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    bench_check(wh_open(&engine, file, &options), "open");
    return engine;
}

static void subscribe(wh_engine *engine, int way) {
    char document[128];

    snprintf(document, sizeof document, "{\"url\":\"http://127.0.0.1:%d/\"}", sink_port(receiver, way));
    bench_check(wh_subscribe(engine, document, WH_ZSTR, NULL), "subscribe");
}

/* ------------------------------------------------------------------- another process */

typedef struct other {
    pid_t pid;
    int ready, end; /* a byte comes when it works; closed, it ends */
} other;

static void deafen(wh_engine *engine) {
    whi_worker *worker = engine->workers[0];

    if (worker->store_fd >= 0) {
        bench_check(whi_poller_watch(worker->poller, worker->store_fd, WHI_READ, 0), "watch");
        worker->store_fd = -1;
    }
}

static void work(const char *file, int way, int ready, int end) {
    wh_engine *engine = open_engine(file);
    char byte = 0;

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    subscribe(engine, way);
    if (way == LOOKING) {
        deafen(engine);
    }
    bench_check(wh_start(engine, 1), "start");
    if (write(ready, &byte, 1) == 1) {
        while (read(end, &byte, 1) > 0) {}
    }
    wh_close(engine);
    exit(0);
}

static other begin_other(const char *file, int way) {
    int ready[2], end[2];
    other self = { 0 };
    char byte;

    if (pipe(ready) != 0 || pipe(end) != 0 || (self.pid = fork()) < 0) {
        perror("bench_wake");
        exit(1);
    }
    if (self.pid == 0) {
        close(end[1]);
        work(file, way, ready[1], end[0]);
    }
    close(ready[1]);
    close(end[0]);
    self.ready = ready[0];
    self.end = end[1];
    if (read(self.ready, &byte, 1) != 1) {
        exit(1);
    }
    return self;
}

static void end_other(const other *self) {
    close(self->end);
    waitpid(self->pid, NULL, 0);
    close(self->ready);
}

/* ------------------------------------------------------------------------- measuring */

static uint64_t arrived(void) {
    sink_counts counts;

    sink_read(receiver, &counts);
    return counts.requests;
}

static double publish_once(wh_engine *engine) {
    wh_event event = WH_EVENT_INIT;
    uint64_t before = arrived();
    double start = bench_now();

    event.type = "order.paid";
    event.payload = "{\"id\":7}";
    event.payload_size = WH_ZSTR;
    bench_check(wh_publish(engine, &event, NULL), "publish");
    while (arrived() == before) {
        usleep(20);
    }
    return (bench_now() - start) * 1e3;
}

static void measure(wh_engine *engine, double *out, int count) {
    static unsigned chance = 1;

    for (int i = 0; i < count; i++) {
        chance = chance * 1664525u + 1013904223u;
        usleep(1000 + chance / 65536 % PAUSE_US);
        out[i] = publish_once(engine);
    }
}

static void report(double *times[WAYS], int count) {
    double same = 0;

    for (int way = 0; way < WAYS; way++) {
        double median = bench_median(times[way], count); /* sorted by it */
        same = way == SAME ? median : same;
        printf("wake     the worker %-22s from publish to arrival p50 %6.2f ms, p99 %6.2f ms, ratio of p50 %.2f\n",
               names[way], median, times[way][count - 1 - count / 100], median / same);
    }
}

int main(int argc, char **argv) {
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 50,
        rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : BENCH_ROUNDS;
    sink_options options = { WAYS, -1, 0, 0 };
    wh_engine *engines[WAYS];
    double *times[WAYS];
    char files[WAYS][256];
    other others[WAYS];

    if (count < 1 || rounds < 1) {
        return 1;
    }
    receiver = sink_new(&options);
    for (int way = 0; way < WAYS; way++) {
        bench_file(files[way], sizeof files[way]);
        times[way] = calloc((size_t)(count * rounds), sizeof(double));
        if (way != SAME) {
            others[way] = begin_other(files[way], way);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        engines[way] = open_engine(files[way]);
    }
    subscribe(engines[SAME], SAME);
    bench_check(wh_start(engines[SAME], 1), "start");
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) {
            publish_once(engines[way]);
            measure(engines[way], times[way] + round * count, count);
        }
    }
    report(times, count * rounds);
    for (int way = WAYS - 1; way >= 0; way--) { /* the last one has the pipes of those before it */
        wh_close(engines[way]);
        if (way != SAME) {
            end_other(&others[way]);
        }
        bench_remove(files[way]);
        free(times[way]);
    }
    sink_free(receiver);
    return 0;
}
