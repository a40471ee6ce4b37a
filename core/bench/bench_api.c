/* bench_api - the HTTP API against a bare libmicrohttpd handler that reads the body and
 * answers as many bytes: create, get, list and durable publish, with 1 and 16 connections,
 * in turns; publish also against wh_publish called by as many threads, which is what there
 * is to be had without HTTP; and a list of 100 out of 1,000 and of 100,000 subscriptions. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "webhook_http.h"

#define SECONDS 0.6
#define CONNECTIONS 16
#define ROOM 131072 /* bytes of an answer */
#define FEW 1000
#define MANY 100000

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_api: %s\n", what);
        exit(1);
    }
}

/* ----------------------------------------------------------------- the bare handler */

static const char *bare_answer;
static size_t bare_answer_size;

static enum MHD_Result bare_handle(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                   const char *version, const char *data, size_t *size, void **context) {
    static int seen;
    struct MHD_Response *response;
    enum MHD_Result result;

    (void)cls;
    (void)url;
    (void)method;
    (void)version;
    (void)data;
    if (*context == NULL) {
        *context = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    response =
        MHD_create_response_from_buffer(bare_answer_size, (void *)(uintptr_t)bare_answer, MHD_RESPMEM_PERSISTENT);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

static struct MHD_Daemon *bare_start(int *port) {
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, bare_handle, NULL, MHD_OPTION_END);

    need(daemon != NULL, "libmicrohttpd could not be started");
    *port = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
    return daemon;
}

/* ----------------------------------------------------------------------- the client */

typedef struct client {
    int fd;
    size_t size, whole; /* read, and expected, bytes of the answer */
    char answer[ROOM];
} client;

static client *clients;

static void dial(client *self, int port) {
    struct sockaddr_in to = { 0 };
    int one = 1;

    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)port);
    self->fd = socket(AF_INET, SOCK_STREAM, 0);
    need(self->fd >= 0 && connect(self->fd, (struct sockaddr *)&to, sizeof to) == 0, "no connection");
    setsockopt(self->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    self->size = self->whole = 0;
}

static void ask(client *self, const char *request, size_t size) {
    self->size = self->whole = 0;
    need(send(self->fd, request, size, MSG_NOSIGNAL) == (ssize_t)size, "a request was not taken");
}

/* 1 when the answer is there in whole. */
static int listen_to(client *self) {
    ssize_t got = recv(self->fd, self->answer + self->size, ROOM - 1 - self->size, 0);
    const char *length, *body;

    need(got > 0, "a connection ended");
    self->size += (size_t)got;
    self->answer[self->size] = '\0';
    if (self->whole == 0) {
        body = strstr(self->answer, "\r\n\r\n");
        if (body == NULL) {
            return 0;
        }
        need(strncmp(self->answer, "HTTP/1.1 2", 10) == 0, self->answer);
        length = strstr(self->answer, "Content-Length: ");
        self->whole = (size_t)(body + 4 - self->answer) + (length != NULL ? strtoul(length + 16, NULL, 10) : 0);
        need(self->whole < ROOM, "the answer is too long");
    }
    return self->size >= self->whole;
}

/* Requests a second, over so many connections, each asking again when it was answered. */
static double measure(int port, int connections, const char *request) {
    struct epoll_event events[CONNECTIONS];
    size_t size = strlen(request);
    int poller = epoll_create1(0);
    double start = bench_now();
    long done = 0;

    for (int i = 0; i < connections; i++) {
        struct epoll_event event = { .events = EPOLLIN, .data.ptr = &clients[i] };
        dial(&clients[i], port);
        epoll_ctl(poller, EPOLL_CTL_ADD, clients[i].fd, &event);
        ask(&clients[i], request, size);
    }
    while (bench_now() - start < SECONDS) {
        int count = epoll_wait(poller, events, CONNECTIONS, 1000);
        for (int i = 0; i < count; i++) {
            client *self = events[i].data.ptr;
            if (listen_to(self)) {
                done++;
                ask(self, request, size);
            }
        }
    }
    for (int i = 0; i < connections; i++) {
        close(clients[i].fd);
    }
    close(poller);
    return (double)done / (bench_now() - start);
}

/* The body of one answer, which the bare handler will give. */
static void learn(int port, const char *request) {
    static char body[ROOM];
    const char *begin;

    dial(&clients[0], port);
    ask(&clients[0], request, strlen(request));
    while (!listen_to(&clients[0])) {}
    begin = strstr(clients[0].answer, "\r\n\r\n") + 4;
    bare_answer_size = (size_t)(clients[0].answer + clients[0].size - begin);
    memcpy(body, begin, bare_answer_size);
    bare_answer = body;
    close(clients[0].fd);
}

/* ------------------------------------------------------------------------------ ours */

typedef struct server {
    char file[256];
    wh_engine *engine;
    wh_api *api;
    wh_http *http;
} server;

static void open_server(server *self, int durability) {
    wh_api_options options = WH_API_OPTIONS_INIT;
    wh_options how = WH_OPTIONS_INIT;

    options.open = 1;
    bench_file(self->file, sizeof self->file);
    how.durability = durability;
    bench_check(wh_open(&self->engine, self->file, &how), "open");
    bench_check(wh_api_open(&self->api, self->engine, &options), "api");
    bench_check(wh_http_start(&self->http, self->api, NULL), "start");
}

static void close_server(server *self) {
    wh_http_stop(self->http, 1000);
    wh_api_close(self->api);
    wh_close(self->engine);
    bench_remove(self->file);
}

static void subscribe(server *self, int count, char *id) {
    char document[128];

    for (int i = 0; i < count; i++) {
        snprintf(document, sizeof document, "{\"url\":\"https://example.com/%d\",\"events\":[\"none.%d\"]}", i, i);
        bench_check(wh_subscribe(self->engine, document, WH_ZSTR, id), "subscribe");
    }
}

/* --------------------------------------------------------------------------- rounds */

static void compare(const char *name, int port, int bare_port, int connections, const char *request) {
    double a[BENCH_ROUNDS], b[BENCH_ROUNDS], ratio[BENCH_ROUNDS];

    learn(port, request);
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        a[i] = measure(port, connections, request);
        b[i] = measure(bare_port, connections, request);
        ratio[i] = a[i] / b[i];
    }
    printf("api  %-14s %2d connections: %7.0f/s, bare libmicrohttpd %7.0f/s, ratio %.2f\n", name, connections,
           bench_median(a, BENCH_ROUNDS), bench_median(b, BENCH_ROUNDS), bench_median(ratio, BENCH_ROUNDS));
}

static const char *post(const char *path, const char *body) {
    static char text[4096];

    snprintf(text, sizeof text,
             "POST %s HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %zu\r\n\r\n%s",
             path, strlen(body), body);
    return text;
}

static const char *get(const char *path, const char *rest) {
    static char text[512];

    snprintf(text, sizeof text, "GET %s%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", path, rest);
    return text;
}

static const char *event(void) {
    static char text[2048];

    snprintf(text, sizeof text, "{\"type\":\"invoice.paid\",\"payload\":%s}", bench_payload(1024));
    return text;
}

typedef struct task {
    wh_engine *engine;
    double end;
    long done;
} task;

static void *publish(void *payload) {
    task *self = payload;
    wh_event one = WH_EVENT_INIT;

    one.type = "invoice.paid";
    one.payload = bench_payload(1024);
    one.payload_size = 1024;
    while (bench_now() < self->end) {
        bench_check(wh_publish(self->engine, &one, NULL), "publish");
        self->done++;
    }
    return NULL;
}

static double measure_within(wh_engine *engine, int threads) {
    pthread_t ids[CONNECTIONS];
    task tasks[CONNECTIONS];
    double start = bench_now();
    long done = 0;

    for (int i = 0; i < threads; i++) {
        tasks[i] = (task){ engine, start + SECONDS, 0 };
        need(pthread_create(&ids[i], NULL, publish, &tasks[i]) == 0, "no thread");
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(ids[i], NULL);
        done += tasks[i].done;
    }
    return (double)done / (bench_now() - start);
}

static void compare_within(server *self, int connections) {
    double a[BENCH_ROUNDS], b[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
    const char *request = post("/v1/events", event());

    for (int i = 0; i < BENCH_ROUNDS; i++) {
        a[i] = measure(wh_http_port(self->http), connections, request);
        b[i] = measure_within(self->engine, connections);
        ratio[i] = a[i] / b[i];
    }
    printf("api  publish 1 KiB  %2d connections: %7.0f/s, wh_publish by %2d threads %7.0f/s, ratio %.2f\n", connections,
           bench_median(a, BENCH_ROUNDS), connections, bench_median(b, BENCH_ROUNDS),
           bench_median(ratio, BENCH_ROUNDS));
}

static void routes(server *self, int bare_port) {
    int port = wh_http_port(self->http);
    char id[WH_ID_SIZE];

    subscribe(self, FEW, id);
    for (int connections = 1; connections <= CONNECTIONS; connections += CONNECTIONS - 1) {
        compare("get", port, bare_port, connections, get("/v1/subscriptions/", id));
        compare("list of 100", port, bare_port, connections, get("/v1/subscriptions", "?limit=100"));
        compare("publish 1 KiB", port, bare_port, connections, post("/v1/events", event()));
    }
    for (int connections = 1; connections <= CONNECTIONS; connections += CONNECTIONS - 1) {
        compare_within(self, connections);
        compare("create", port, bare_port, connections,
                post("/v1/subscriptions", "{\"url\":\"https://example.com/hook\",\"events\":[\"order.*\"]}"));
    }
}

static void growth(void) {
    double few[BENCH_ROUNDS], many[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
    const char *request = get("/v1/subscriptions", "?limit=100");
    server small, large;
    char id[WH_ID_SIZE];

    open_server(&small, WH_NORMAL); /* only read from: filling it need not wait for the disk */
    open_server(&large, WH_NORMAL);
    subscribe(&small, FEW, id);
    subscribe(&large, MANY, id);
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        few[i] = measure(wh_http_port(small.http), 1, request);
        many[i] = measure(wh_http_port(large.http), 1, request);
        ratio[i] = many[i] / few[i];
    }
    printf("api  list of 100 out of %d subscriptions: %7.0f/s, out of %d: %7.0f/s, ratio %.2f\n", MANY,
           bench_median(many, BENCH_ROUNDS), FEW, bench_median(few, BENCH_ROUNDS), bench_median(ratio, BENCH_ROUNDS));
    close_server(&small);
    close_server(&large);
}

int main(void) {
    struct MHD_Daemon *daemon;
    server self;
    int port;

    clients = calloc(CONNECTIONS, sizeof *clients);
    daemon = bare_start(&port);
    setvbuf(stdout, NULL, _IOLBF, 0);
    open_server(&self, WH_FULL);
    routes(&self, port);
    close_server(&self);
    MHD_stop_daemon(daemon);
    growth();
    free(clients);
    return 0;
}
