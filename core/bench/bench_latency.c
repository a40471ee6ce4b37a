/* bench_latency - how long one event at a time, a hundred a second, takes from the call to its arrival: by wh_publish,
 * by POST /v1/events on one connection, and with a connection for each; against a bare commit of the same bytes and a
 * POST by a raw socket, which is what a durable webhook costs at least. In turns, on a disk ($BENCH_DIR or /tmp), and
 * in memory (/dev/shm), where what waits for the disk is gone and what else waits is seen.
 *
 *     bench_latency [events] [rounds] */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "sink.h"
#include "webhook_http.h"

#define PACE 0.010 /* s from one event to the next */
#define PAYLOAD 1024

enum { BARE, CALL, KEPT, FRESH, WAYS };

static const char *const names[WAYS] = { "bare commit and POST", "wh_publish", "HTTP, one connection",
                                         "HTTP, one for each" };

static sink *receiver;

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_latency: %s\n", what);
        exit(1);
    }
}

/* ------------------------------------------------------------------------- over sockets */

static int dial(int port) {
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    to.sin_port = htons((uint16_t)port);
    need(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "no connection");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

/* Sends a request and reads its answer, which is one of success. */
static void post(int fd, const char *request, size_t size) {
    char answer[4096];
    size_t got = 0, whole = 0;

    need(send(fd, request, size, MSG_NOSIGNAL) == (ssize_t)size, "a request was not taken");
    while (whole == 0 || got < whole) {
        ssize_t more = recv(fd, answer + got, sizeof answer - 1 - got, 0);
        const char *body, *length;

        need(more > 0, "a connection ended");
        got += (size_t)more;
        answer[got] = '\0';
        body = strstr(answer, "\r\n\r\n");
        if (body != NULL && whole == 0) {
            need(strncmp(answer, "HTTP/1.1 2", 10) == 0, answer);
            length = strstr(answer, "Content-Length: ");
            whole = (size_t)(body + 4 - answer) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
            need(whole < sizeof answer, "the answer is too long");
        }
    }
}

static const char *request_of(const char *path, const char *body) {
    size_t room = strlen(body) + 256;
    char *text = malloc(room);

    snprintf(text, room,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    return text;
}

/* ------------------------------------------------------------------------------ a folder */

/* All ways, each with a file of its own. */
typedef struct place {
    char files[2][256];
    sqlite3 *bare;
    sqlite3_stmt *insert;
    int sending, publishing; /* kept connections: of the bare POST, of the API */
    wh_engine *engine;
    wh_api *api;
    wh_http *http;
    const char *payload, *delivery, *event; /* the last two are requests */
} place;

static void file_in(const char *folder, char *out, size_t size) {
    const char *before = getenv("BENCH_DIR");
    char *kept = before != NULL ? strdup(before) : NULL;

    setenv("BENCH_DIR", folder, 1);
    bench_file(out, size);
    if (kept != NULL) {
        setenv("BENCH_DIR", kept, 1);
    } else {
        unsetenv("BENCH_DIR");
    }
    free(kept);
}

static void open_bare(place *self, const char *folder) {
    file_in(folder, self->files[BARE], sizeof self->files[BARE]);
    need(sqlite3_open(self->files[BARE], &self->bare) == SQLITE_OK &&
             sqlite3_exec(self->bare,
                          "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; "
                          "CREATE TABLE event (number INTEGER PRIMARY KEY, payload BLOB)",
                          NULL, NULL, NULL) == SQLITE_OK &&
             sqlite3_prepare_v2(self->bare, "INSERT INTO event (payload) VALUES (?)", -1, &self->insert, NULL) ==
                 SQLITE_OK,
         "the bare file could not be made");
    self->sending = dial(sink_port(receiver, 0));
}

static void open_ours(place *self, const char *folder) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_api_options open = WH_API_OPTIONS_INIT;
    char document[128];

    file_in(folder, self->files[CALL], sizeof self->files[CALL]);
    options.allow = allow;
    options.allow_count = 1;
    open.open = 1;
    bench_check(wh_open(&self->engine, self->files[CALL], &options), "open");
    snprintf(document, sizeof document, "{\"url\":\"http://127.0.0.1:%d/\"}", sink_port(receiver, 0));
    bench_check(wh_subscribe(self->engine, document, WH_ZSTR, NULL), "subscribe");
    bench_check(wh_start(self->engine, 1), "start");
    bench_check(wh_api_open(&self->api, self->engine, &open), "api");
    bench_check(wh_http_start(&self->http, self->api, NULL), "http");
    self->publishing = dial(wh_http_port(self->http));
}

static void open_place(place *self, const char *folder) {
    char body[PAYLOAD + 64];

    memset(self, 0, sizeof *self);
    self->payload = bench_payload(PAYLOAD);
    self->delivery = request_of("/", self->payload);
    snprintf(body, sizeof body, "{\"type\":\"order.paid\",\"payload\":%s}", self->payload);
    self->event = request_of("/v1/events", body);
    open_bare(self, folder);
    open_ours(self, folder);
}

static void close_place(place *self) {
    close(self->publishing);
    wh_http_stop(self->http, 1000);
    wh_api_close(self->api);
    wh_close(self->engine);
    close(self->sending);
    sqlite3_finalize(self->insert);
    sqlite3_close(self->bare);
    bench_remove(self->files[BARE]);
    bench_remove(self->files[CALL]);
}

/* ------------------------------------------------------------------------------ measuring */

static void give(place *self, int way) {
    wh_event event = WH_EVENT_INIT;
    int fd;

    switch (way) {
    case BARE:
        sqlite3_bind_blob(self->insert, 1, self->payload, PAYLOAD, SQLITE_STATIC);
        need(sqlite3_step(self->insert) == SQLITE_DONE && sqlite3_reset(self->insert) == SQLITE_OK, "no commit");
        post(self->sending, self->delivery, strlen(self->delivery));
        break;
    case CALL:
        event.type = "order.paid";
        event.payload = self->payload;
        event.payload_size = PAYLOAD;
        bench_check(wh_publish(self->engine, &event, NULL), "publish");
        break;
    case KEPT:
        post(self->publishing, self->event, strlen(self->event));
        break;
    default:
        fd = dial(wh_http_port(self->http));
        post(fd, self->event, strlen(self->event));
        close(fd);
        break;
    }
}

static uint64_t arrived(void) {
    sink_counts counts;

    sink_read(receiver, &counts);
    return counts.requests;
}

/* ms */
static double once(place *self, int way) {
    uint64_t before = arrived();
    double start = bench_now();

    give(self, way);
    while (arrived() == before) {
        usleep(20);
    }
    return (bench_now() - start) * 1e3;
}

static void measure(place *self, int way, double *out, int count) {
    double next = bench_now();

    for (int i = 0; i < count; i++) {
        double left = (next += PACE) - bench_now();

        if (left > 0) {
            usleep((useconds_t)(left * 1e6));
        } else {
            next = bench_now();
        }
        out[i] = once(self, way);
    }
}

static void report(const char *where, double *times[WAYS], int count) {
    double p50[WAYS], p99[WAYS];

    for (int way = 0; way < WAYS; way++) {
        p50[way] = bench_median(times[way], count); /* sorted by it */
        p99[way] = times[way][count - 1 - count / 100];
        printf("latency  %-6s %-20s p50 %6.2f ms (%5.2f)  p99 %7.2f ms (%5.2f)  most %7.2f ms\n", where, names[way],
               p50[way], p50[way] / p50[BARE], p99[way], p99[way] / p99[BARE], times[way][count - 1]);
    }
}

static void compare(const char *where, const char *folder, int count, int rounds) {
    double *times[WAYS];
    place self;

    open_place(&self, folder);
    for (int way = 0; way < WAYS; way++) {
        times[way] = calloc((size_t)(count * rounds), sizeof(double));
        once(&self, way);
    }
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) {
            measure(&self, way, times[way] + round * count, count);
        }
    }
    report(where, times, count * rounds);
    for (int way = 0; way < WAYS; way++) {
        free(times[way]);
    }
    close_place(&self);
}

int main(int argc, char **argv) {
    int count = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 200,
        rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : BENCH_ROUNDS;
    sink_options options = { 1, -1, 0, 0 };
    const char *folder = getenv("BENCH_DIR");

    if (count < 1 || rounds < 1) {
        return 1;
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    receiver = sink_new(&options);
    compare("disk", folder != NULL ? folder : "/tmp", count, rounds);
    compare("memory", "/dev/shm", count, rounds);
    sink_free(receiver);
    return 0;
}
