/* bench_fair - what 1,000 good receivers notice of others: beside 1, 100 and 4,000 that hang, a tenant with 1,000
 * costly rules, one with a backlog, 100 that refuse, and 60 clients that run backtests. In each turn all of them, one
 * after the other, and alone as the yardstick; medians, and ratios to alone of the same turn. It prints a table for the
 * README, one for each number of processes, when that is whole.
 *
 * What is compared with what. The good ones' p99 and throughput beside somebody, with theirs alone in the same turn:
 * p99 within 2 times, throughput at least 0.9 of the part that is theirs. That part is all of it beside whoever waits,
 * is refused, or has a backlog: he has had his turn, or can wait for it. It is half beside a tenant that has CPU taken
 * for it all the time, by rules or by backtests: two tenants want all that there is, and each may have half. So 0.45 of
 * alone meets the goal there, and p99 is compared with alone all the same. In the last column the throughput is divided
 * by that part.
 *
 *     bench_fair [turns] [deliveries] [backlog] [processes] [word]
 *
 * processes 0: one, and then two; word: alone, and those in whose name it is. Latency is from publishing to handing the
 * request to the transport, at 2,000 events a second: what the receiver takes is left out. Throughput is with events
 * published as fast as they leave. One event in ten is for those whom the turn is about. With two processes each has
 * its half of the subscriptions. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "bench.h"
#include "engine/context.h"
#include "engine/memory.h"
#include "engine/position.h"
#include "life/open.h"
#include "outside/transport_curl.h"
#include "sink.h"
#include "webhook_api.h"

#define GOOD 1000
#define RULES 1000
#define CLIENTS 60
#define PACED 1000    /* events whose latency is measured */
#define GROUP 10      /* of them at once, each 5 ms */
#define PAUSE_US 5000 /* between groups */
#define WINDOW 2048   /* events on the way, in the flood */
#define HANGING 4000  /* receivers that never answer */
#define FAR_AWAY 3600000
#define TURNS 32
#define P99_MOST 2.0
#define RATE_LEAST 0.9

enum kind { NOBODY, HUNG, COSTLY, BACKLOG, REFUSING, BACKTESTS };

static const struct scenario {
    const char *name;
    enum kind kind;
    int bad;          /* subscriptions of the other tenant */
    double part;      /* of the throughput alone that is the good ones' */
    const char *rule; /* how much CPU each takes, us */
} scenarios[] = {
    { "alone", NOBODY, 0, 1, NULL },
    { "1 hung", HUNG, 1, 1, NULL },
    { "100 hung", HUNG, 100, 1, NULL },
    { "4,000 hung", HUNG, HANGING, 1, NULL },
    { "1,000 rules of 0.2 ms", COSTLY, RULES, 0.5, "200" },
    { "1,000 rules of 5 ms", COSTLY, RULES, 0.5, "5000" },
    { "a backlog", BACKLOG, 1, 1, NULL },
    { "100 that refuse", REFUSING, 100, 1, NULL },
    { "60 clients of backtest", BACKTESTS, 1, 0.5, "200" },
};

#define SCENARIOS ((int)(sizeof scenarios / sizeof scenarios[0]))

/* In memory that both processes see. */
typedef struct shared {
    _Atomic long sent, samples;
    double latencies[PACED]; /* us */
    char file[256];
} shared;

typedef struct figures {
    double p50, p99, rate;
} figures;

static shared *seen;
static const struct scenario *now;
static sink *good, *hung;
static long deliveries, backlog;
static int processes;

/* ---------------------------------------------------------------- what leaves, and when */

static whi_transport_vtable watched;

static int64_t now_us(void) {
    return (int64_t)(bench_now() * 1e6);
}

/* Bodies of good ones say when they were published; 0: in the flood. */
static int send_watched(whi_transport *transport, whi_request *request) {
    long long at;

    if (sscanf(request->body, "{\"at\":%lld", &at) == 1) {
        long n = at > 0 ? atomic_fetch_add(&seen->samples, 1) : PACED;
        if (n < PACED) {
            seen->latencies[n] = (double)(now_us() - at);
        }
        atomic_fetch_add(&seen->sent, 1);
    }
    return whi_transport_curl.send(transport, request);
}

/* ------------------------------------------------------------------------ costly rules */

static int open_rules(void **out, const wh_limits *limits, void *payload) {
    (void)limits;
    (void)payload;
    *out = seen;
    return WH_OK;
}

/* Its source is the us that it takes. */
static int compile(void *runtime, const char *owner, const char *source, size_t size, void **out,
                   wh_rule_error *error) {
    (void)runtime;
    (void)owner;
    (void)size;
    (void)error;
    *out = (void *)(intptr_t)strtol(source, NULL, 10);
    return WH_OK;
}

static void nothing(void *runtime) {
    (void)runtime;
}

static void release(void *runtime, void *rule) {
    (void)runtime;
    (void)rule;
}

static int run(void *runtime, void *rule, const wh_rule_input *input, wh_rule_verdict *out) {
    int64_t us = (intptr_t)rule, most = input->cpu_us > 0 ? input->cpu_us : INT64_MAX;
    int64_t until = whi_thread_cpu_us() + (us < most ? us : most);

    (void)runtime;
    while (whi_thread_cpu_us() < until) {}
    out->action = WH_RULE_DROP;
    out->cpu_us = us;
    return us > most ? WH_ERULE_TIME : WH_OK;
}

static const wh_rule_engine costly = { sizeof costly, open_rules, nothing, compile, release, run, NULL, NULL, NULL };

/* --------------------------------------------------------------------------- the engine */

static wh_engine *open_engine(void) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    options.rules = &costly;
    watched = whi_transport_curl;
    watched.send = send_watched;
    bench_check(whi_open(&engine, seen->file, &options, &watched), "open");
    return engine;
}

static char backtested[WH_ID_SIZE];

static void subscribe(wh_engine *engine, int port, const char *type, int number, const char *more, char *id) {
    char document[256];

    snprintf(document, sizeof document,
             "{\"url\":\"http://127.0.0.1:%d/\",\"events\":[\"%s.%d\"],\"retry\":[0,1000]%s}", port, type, number,
             more);
    bench_check(wh_subscribe(engine, document, WH_ZSTR, id), "subscribe");
}

static void subscribe_all(wh_engine *engine) {
    char more[64];

    for (int i = 0; i < GOOD; i++) {
        subscribe(engine, sink_port(good, i), "to", i, ",\"tenant\":\"good\"", NULL);
    }
    for (int i = 0; i < now->bad; i++) {
        if (now->kind == COSTLY) {
            snprintf(more, sizeof more, ",\"tenant\":\"bad\",\"rule\":\"%s\"", now->rule);
            subscribe(engine, sink_port(good, 0), "bad", 0, more, NULL);
        } else {
            int port = now->kind == REFUSING ? 1 : sink_port(now->kind == BACKTESTS ? good : hung, i);
            subscribe(engine, port, "bad", i, ",\"tenant\":\"bad\"", backtested);
        }
    }
}

static void publish(wh_engine *engine, const char *tenant, const char *type, long first, int count, int64_t at) {
    static char types[1000][24];
    static char body[1024];
    wh_event events[1000];

    snprintf(body, sizeof body, "{\"at\":%lld,\"text\":\"%900s\"}", (long long)at, "");
    for (int i = 0; i < count; i++) {
        snprintf(types[i], sizeof types[i], "%s.%ld", type, first < 0 ? 0 : first + i); /* -1: all to the first */
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = types[i];
        events[i].tenant = tenant;
        events[i].payload = strcmp(tenant, "good") == 0 ? body : "{\"id\":7}";
        events[i].payload_size = WH_ZSTR;
    }
    bench_check(wh_publish_batch(engine, events, (size_t)count, NULL), "publish");
}

/* Alone there are as many events, which nobody wants. */
static void disturb(wh_engine *engine, long first, int count) {
    int many = now->kind == COSTLY || now->bad == 0 ? 1 : now->bad;

    for (int i = 0; i < count;) {
        long from = (first + i) % many;
        int run = many - from < count - i ? (int)(many - from) : count - i;
        publish(engine, "bad", "bad", many == 1 ? -1 : from, run, 0);
        i += run;
    }
}

static void await_sent(long count) {
    while (atomic_load(&seen->sent) < count) {
        usleep(200);
    }
}

/* -------------------------------------------------------------------------- backtests */

static wh_api *api;
static atomic_int clients_end;

/* Who is answered that too many are under way tries again, sooner than it is told to. */
static void *be_client(void *payload) {
    wh_api_request request = WH_API_REQUEST_INIT;
    char path[64 + WH_ID_SIZE], body[64];

    (void)payload;
    snprintf(path, sizeof path, "/v1/subscriptions/%s/backtest", backtested);
    snprintf(body, sizeof body, "{\"rule\":\"%s\",\"last\":1000}", now->rule);
    request.method = "POST";
    request.path = path;
    request.body = body;
    request.body_size = strlen(body);
    request.tenant = "bad";
    while (!atomic_load(&clients_end)) {
        wh_api_response response = WH_API_RESPONSE_INIT;
        int status = wh_api_handle(api, &request, &response);
        wh_free(response.body);
        if (status != 200 && status != 429) {
            fprintf(stderr, "a backtest was answered %d\n", status);
            exit(1);
        }
        usleep(status == 429 ? 100000 : 0);
    }
    return NULL;
}

static void begin_clients(wh_engine *engine, pthread_t *clients) {
    static const wh_api_options options = WH_API_OPTIONS_INIT;

    atomic_store(&clients_end, 0);
    bench_check(wh_api_open(&api, engine, &options), "open the API");
    for (int i = 0; i < CLIENTS; i++) {
        if (pthread_create(&clients[i], NULL, be_client, NULL) != 0) {
            exit(1);
        }
    }
}

static void end_clients(pthread_t *clients) {
    atomic_store(&clients_end, 1);
    for (int i = 0; i < CLIENTS; i++) {
        pthread_join(clients[i], NULL);
    }
    wh_api_close(api);
}

/* ---------------------------------------------------------------------------- measuring */

static void publish_bad(wh_engine *engine, long count) {
    for (long left = count; left > 0; left -= 1000) {
        publish(engine, "bad", "bad", -1, left < 1000 ? (int)left : 1000, 0);
    }
}

static void prepare(wh_engine *engine) {
    publish_bad(engine, now->kind == BACKLOG ? backlog : now->kind == BACKTESTS ? 1000 : 0);
    while (now->kind == BACKLOG && whi_memory_used(engine->memory, WHI_POT_EVENTS) > 65536) {
        usleep(1000); /* until it waits in the store */
    }
    for (int i = 0; i < now->bad && (now->kind == HUNG || now->kind == REFUSING); i += 100) {
        publish(engine, "bad", "bad", i, now->bad - i < 100 ? now->bad - i : 100, 0);
    }
    publish(engine, "good", "to", 0, GOOD, 0);
    await_sent(GOOD);
    usleep(400000); /* those that hang are known for it */
}

static void paced(wh_engine *engine, figures *out) {
    for (long i = 0; i < PACED; i += GROUP) {
        int64_t began = now_us(), left;
        publish(engine, "good", "to", i % GOOD, GROUP, began);
        disturb(engine, i / GROUP, 1);
        left = began + PAUSE_US - now_us();
        usleep(left > 0 ? (useconds_t)left : 0);
    }
    await_sent(GOOD + PACED);
    out->p50 = bench_median(seen->latencies, PACED); /* which sorts them */
    out->p99 = seen->latencies[PACED * 99 / 100];
}

static void flood(wh_engine *engine, figures *out) {
    long first = atomic_load(&seen->sent);
    double began = bench_now();

    for (long i = 0; i < deliveries; i += 100) {
        await_sent(first + i + 100 - WINDOW);
        publish(engine, "good", "to", i % GOOD, 100, 0);
        disturb(engine, i / 10, 10);
    }
    await_sent(first + deliveries);
    out->rate = (double)deliveries / (bench_now() - began);
}

/* The second process works until the pipe ends. */
static pid_t begin_other(int *end) {
    int ends[2];
    char byte;
    pid_t made;

    if (processes < 2 || pipe(ends) != 0) {
        return -1;
    }
    made = fork();
    if (made == 0) {
        wh_engine *engine;
        close(ends[1]);
        (void)!read(ends[0], &byte, 1); /* the store is there */
        engine = open_engine();
        bench_check(wh_start(engine, 1), "start");
        (void)!read(ends[0], &byte, 1);
        wh_close(engine);
        _exit(0);
    }
    close(ends[0]);
    *end = ends[1];
    return made;
}

static void await_share(wh_engine *engine, int end) {
    (void)!write(end, "", 1);
    while (atomic_load(&engine->position->count) == 0 || atomic_load(&engine->position->count) > WH_PARTITIONS / 2) {
        usleep(20000);
    }
}

static void measure_engine(wh_engine *engine, figures *out) {
    pthread_t clients[CLIENTS];

    prepare(engine);
    if (now->kind == BACKTESTS) {
        begin_clients(engine, clients);
    }
    paced(engine, out);
    flood(engine, out);
    if (now->kind == BACKTESTS) {
        end_clients(clients);
    }
}

static figures measure(void) {
    figures out;
    int end = -1;
    pid_t other;
    wh_engine *engine;

    bench_file(seen->file, sizeof seen->file);
    atomic_store(&seen->sent, 0);
    atomic_store(&seen->samples, 0);
    other = begin_other(&end);
    engine = open_engine();
    subscribe_all(engine);
    bench_check(wh_start(engine, 1), "start");
    if (other > 0) {
        await_share(engine, end);
    }
    measure_engine(engine, &out);
    wh_close(engine);
    if (other > 0) {
        close(end);
        waitpid(other, NULL, 0);
    }
    bench_remove(seen->file);
    return out;
}

static double median_of(const figures *values, const figures *yardstick, int turns, size_t place) {
    double all[TURNS];

    for (int i = 0; i < turns; i++) {
        double under = yardstick != NULL ? *(const double *)((const char *)&yardstick[i] + place) : 1;
        all[i] = *(const double *)((const char *)&values[i] + place) / under;
    }
    return bench_median(all, turns);
}

static void print_head(int turns) {
    printf("\n%d process%s, median of %d\n\n", processes, processes == 1 ? "" : "es", turns);
    printf("| 1,000 good receivers | p50 | p99 | to alone | deliveries/s | to alone | to their part | goal |\n");
    printf("|---|---|---|---|---|---|---|---|\n");
}

static const char *judge(double p99, double part) {
    return p99 > P99_MOST && part < RATE_LEAST ? "**p99, throughput**"
           : p99 > P99_MOST                    ? "**p99**"
           : part < RATE_LEAST                 ? "**throughput**"
                                               : "met";
}

static void print(int scenario, figures all[SCENARIOS][TURNS], int turns) {
    const figures *one = all[scenario], *alone = all[0];
    double p99 = median_of(one, alone, turns, offsetof(figures, p99));
    double rate = median_of(one, alone, turns, offsetof(figures, rate)), part = rate / scenarios[scenario].part;

    printf("| %s%s | %.0f us | %.0f us | %.2f | %.0f | %.2f | %.2f | %s |\n", scenario > 0 ? "beside " : "",
           scenarios[scenario].name, median_of(one, NULL, turns, offsetof(figures, p50)),
           median_of(one, NULL, turns, offsetof(figures, p99)), p99,
           median_of(one, NULL, turns, offsetof(figures, rate)), rate, part, scenario > 0 ? judge(p99, part) : "");
    fflush(stdout);
}

static int is_wanted(int scenario, const char *word) {
    return scenario == 0 || strstr(scenarios[scenario].name, word) != NULL;
}

static void compare(int turns, const char *word) {
    static figures all[SCENARIOS][TURNS];

    for (int turn = 0; turn < turns; turn++) {
        for (int scenario = 0; scenario < SCENARIOS; scenario++) {
            now = &scenarios[scenario];
            if (is_wanted(scenario, word)) {
                all[scenario][turn] = measure();
            }
        }
    }
    print_head(turns);
    for (int scenario = 0; scenario < SCENARIOS; scenario++) {
        if (is_wanted(scenario, word)) {
            print(scenario, all, turns);
        }
    }
}

static long argument(int argc, char **argv, int i, long normal) {
    return argc > i ? strtol(argv[i], NULL, 10) : normal;
}

int main(int argc, char **argv) {
    int turns = (int)argument(argc, argv, 1, 9);
    long wanted = argument(argc, argv, 4, 0);

    deliveries = argument(argc, argv, 2, 20000);
    backlog = argument(argc, argv, 3, 1000000);
    good = sink_new(&(sink_options){ GOOD, -1, 0, 0 });
    hung = sink_new(&(sink_options){ HANGING, -1, FAR_AWAY, 0 });
    seen = mmap(NULL, sizeof *seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (turns < 1 || turns > TURNS || seen == MAP_FAILED) {
        return 2;
    }
    for (processes = 1; processes <= 2; processes++) {
        if (wanted == 0 || wanted == processes) {
            compare(turns, argc > 5 ? argv[5] : "");
        }
    }
    sink_free(hung);
    sink_free(good);
    return 0;
}
