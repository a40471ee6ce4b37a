/* bench_transport - what one POST of 1 KiB costs the sender: our transport against bare
 * libcurl driven as it is fastest (socket interface, epoll with lazy registration, a
 * multi handle for 64 endpoints; no address policy, no limits, no timeouts), and against
 * raw sockets on epoll, which neither build nor check anything. CPU time of this process
 * only; the sink is a process of its own on another core. Measured in turns, medians.
 *
 *     bench_transport [requests] [rounds] */
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

#include "bench.h"
#include "outside/transport.h"
#include "sink.h"

#define IN_FLIGHT 64
#define SHARD 64 /* endpoints of one multi handle */
#define BODY 1024
#define DESCRIPTORS 65536
#define SOME_MAXIMUM 1000 /* endpoints */

static const char *const lines[] = { "Content-Type: application/json", "webhook-id: msg_06a3ntgpx0r01",
                                     "webhook-timestamp: 1790000000",
                                     "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" };
#define LINES (sizeof lines / sizeof lines[0])

static const char *body;
static sink *receiver;
static int endpoints;
static char urls[SOME_MAXIMUM][64];
static long left, under_way, bad; /* requests to be started, started, not answered with 200 */

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_transport: %s: %s\n", what, wh_last_error());
        exit(1);
    }
}

/* ------------------------------------------------------------------------- raw */

static char raw_request[BODY + 1024];
static size_t raw_size;
static int raw_epoll, *raw_idle, raw_count, raw_first, raw_last;

static void raw_fire(void) {
    int fd = raw_idle[raw_first++ % raw_count];

    left--;
    under_way++;
    need(send(fd, raw_request, raw_size, MSG_NOSIGNAL) == (ssize_t)raw_size, "send");
}

static void raw_open(void) {
    int one = 1;

    raw_size = (size_t)snprintf(raw_request, sizeof raw_request,
                                "POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: webhook/bench\r\nAccept: */*\r\n"
                                "%s\r\n%s\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n%.*s",
                                lines[0], lines[1], lines[2], lines[3], BODY, BODY, body);
    raw_count = endpoints > IN_FLIGHT ? endpoints : IN_FLIGHT;
    raw_idle = malloc((size_t)raw_count * sizeof *raw_idle);
    raw_epoll = epoll_create1(0);
    raw_first = raw_last = 0;
    for (int i = 0; i < raw_count; i++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        to.sin_port = htons((uint16_t)sink_port(receiver, i % endpoints));
        need(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(raw_epoll, EPOLL_CTL_ADD, fd, &event);
        raw_idle[raw_last++] = fd;
    }
}

static void raw_run(long count) {
    struct epoll_event events[256];
    char answer[4096];

    left = count;
    while (left > 0 && under_way < IN_FLIGHT) {
        raw_fire();
    }
    while (under_way > 0) {
        int ready = epoll_wait(raw_epoll, events, 256, 10000);
        need(ready > 0, "epoll");
        for (int i = 0; i < ready; i++) {
            ssize_t got = recv(events[i].data.fd, answer, sizeof answer, 0);
            bad += got < 12 || memcmp(answer + 9, "200", 3) != 0;
            raw_idle[raw_last++ % raw_count] = events[i].data.fd;
            under_way--;
            if (left > 0) {
                raw_fire();
            }
        }
    }
}

static void raw_close(void) {
    for (int i = 0; i < raw_count; i++) {
        close(raw_idle[i]);
    }
    close(raw_epoll);
    free(raw_idle);
}

/* ----------------------------------------------------------------- bare libcurl */

typedef struct bare {
    CURL *easy;
    struct curl_slist lines[LINES];
} bare;

typedef struct bare_multi {
    CURLM *multi;
    int due, acted;
} bare_multi;

static bare bares[IN_FLIGHT];
static bare *bare_idle[IN_FLIGHT];
static bare_multi bare_multis[SOME_MAXIMUM / SHARD + 1];
static int bare_idle_count, bare_multi_count, bare_epoll, bare_next;
static struct {
    unsigned char watched, want;
    short multi;
} bare_sockets[DESCRIPTORS];

static size_t bare_discard(char *bytes, size_t one, size_t size, void *payload) {
    (void)bytes;
    (void)one;
    (void)payload;
    return size;
}

static curl_socket_t bare_open_socket(void *payload, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)payload;
    (void)purpose;
    return socket(address->family, address->socktype, address->protocol);
}

static int bare_close_socket(void *payload, curl_socket_t fd) {
    (void)payload;
    memset(&bare_sockets[fd], 0, sizeof bare_sockets[fd]);
    return close(fd);
}

static int bare_watch(CURL *easy, curl_socket_t fd, int what, void *payload, void *unused) {
    bare_multi *multi = payload;
    struct epoll_event event = { .data.fd = fd };
    unsigned char want = what == CURL_POLL_REMOVE ? 0 : what & 3, watched = want | CURL_POLL_IN;

    (void)easy;
    (void)unused;
    bare_sockets[fd].want = want;
    bare_sockets[fd].multi = (short)(multi - bare_multis);
    if (watched != bare_sockets[fd].watched) {
        event.events = (watched & CURL_POLL_IN ? EPOLLIN : 0u) | (watched & CURL_POLL_OUT ? EPOLLOUT : 0u);
        epoll_ctl(bare_epoll, bare_sockets[fd].watched ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &event);
        bare_sockets[fd].watched = watched;
    }
    return 0;
}

static int bare_timer(CURLM *multi, long wait, void *payload) {
    (void)multi;
    ((bare_multi *)payload)->due = wait == 0;
    return 0;
}

static void bare_new(bare *b) {
    b->easy = curl_easy_init();
    for (size_t i = 0; i < LINES; i++) {
        b->lines[i].data = (char *)lines[i];
        b->lines[i].next = i + 1 < LINES ? &b->lines[i + 1] : NULL;
    }
    curl_easy_setopt(b->easy, CURLOPT_PRIVATE, b);
    curl_easy_setopt(b->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(b->easy, CURLOPT_WRITEFUNCTION, bare_discard);
    curl_easy_setopt(b->easy, CURLOPT_OPENSOCKETFUNCTION, bare_open_socket);
    curl_easy_setopt(b->easy, CURLOPT_CLOSESOCKETFUNCTION, bare_close_socket);
    curl_easy_setopt(b->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(b->easy, CURLOPT_USERAGENT, "webhook/bench");
    curl_easy_setopt(b->easy, CURLOPT_HTTPHEADER, b->lines);
    curl_easy_setopt(b->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(b->easy, CURLOPT_POSTFIELDS, body);
    curl_easy_setopt(b->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)BODY);
}

static void bare_open(void) {
    bare_epoll = epoll_create1(0);
    bare_multi_count = (endpoints + SHARD - 1) / SHARD;
    bare_next = 0;
    for (int i = 0; i < bare_multi_count; i++) {
        bare_multi *m = &bare_multis[i];
        m->multi = curl_multi_init();
        m->due = m->acted = 0;
        curl_multi_setopt(m->multi, CURLMOPT_SOCKETFUNCTION, bare_watch);
        curl_multi_setopt(m->multi, CURLMOPT_SOCKETDATA, m);
        curl_multi_setopt(m->multi, CURLMOPT_TIMERFUNCTION, bare_timer);
        curl_multi_setopt(m->multi, CURLMOPT_TIMERDATA, m);
        curl_multi_setopt(m->multi, CURLMOPT_MAXCONNECTS, 250L);
    }
    bare_idle_count = 0;
    for (int i = 0; i < IN_FLIGHT; i++) {
        bare_new(&bares[i]);
        bare_idle[bare_idle_count++] = &bares[i];
    }
}

static void bare_fire(void) {
    while (left > 0 && bare_idle_count > 0) {
        bare *b = bare_idle[--bare_idle_count];
        int endpoint = bare_next++ % endpoints;
        curl_easy_setopt(b->easy, CURLOPT_URL, urls[endpoint]);
        curl_multi_add_handle(bare_multis[endpoint % bare_multi_count].multi, b->easy);
        left--;
        under_way++;
    }
}

static void bare_reap(bare_multi *m) {
    CURLMsg *message;
    char *payload;
    long status = 0;
    int more;

    m->acted = 0;
    while ((message = curl_multi_info_read(m->multi, &more)) != NULL) {
        CURL *easy = message->easy_handle;
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, &payload);
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
        bad += status != 200;
        curl_multi_remove_handle(m->multi, easy);
        bare_idle[bare_idle_count++] = (bare *)payload;
        under_way--;
    }
}

static void bare_event(const struct epoll_event *event) {
    int fd = event->data.fd, running;
    bare_multi *m = &bare_multis[bare_sockets[fd].multi];

    if (bare_sockets[fd].want == 0) {
        epoll_ctl(bare_epoll, EPOLL_CTL_DEL, fd, NULL);
        bare_sockets[fd].watched = 0;
        return;
    }
    m->acted = 1;
    curl_multi_socket_action(
        m->multi, fd,
        (event->events & EPOLLIN ? CURL_CSELECT_IN : 0) | (event->events & EPOLLOUT ? CURL_CSELECT_OUT : 0), &running);
}

static void bare_run(long count) {
    struct epoll_event events[256];
    int running;

    left = count;
    bare_fire();
    while (under_way > 0) {
        int ready;
        for (int i = 0; i < bare_multi_count; i++) {
            if (bare_multis[i].due) {
                bare_multis[i].due = 0;
                bare_multis[i].acted = 1;
                curl_multi_socket_action(bare_multis[i].multi, CURL_SOCKET_TIMEOUT, 0, &running);
            }
        }
        ready = epoll_wait(bare_epoll, events, 256, 1000);
        for (int i = 0; i < ready; i++) {
            bare_event(&events[i]);
        }
        for (int i = 0; i < bare_multi_count; i++) {
            if (bare_multis[i].acted) {
                bare_reap(&bare_multis[i]);
            }
        }
        bare_fire();
    }
}

static void bare_close(void) {
    for (int i = 0; i < IN_FLIGHT; i++) {
        curl_easy_cleanup(bares[i].easy);
    }
    for (int i = 0; i < bare_multi_count; i++) {
        curl_multi_cleanup(bare_multis[i].multi);
    }
    close(bare_epoll);
}

/* ------------------------------------------------------------------------- ours */

static whi_request ours[IN_FLIGHT];
static whi_request *ours_idle[IN_FLIGHT];
static int ours_idle_count, ours_next;
static whi_poller *poller;
static whi_policy *policy;
static whi_transport *transport;

static void ours_done(whi_request *request, void *payload) {
    (void)payload;
    bad += request->error != WH_OK || request->status != 200;
    ours_idle[ours_idle_count++] = request;
    under_way--;
}

static void ours_open(void) {
    static const char *const allow[] = { "127.0.0.0/8" };
    static wh_limits limits;
    whi_transport_options options = { &limits, NULL, "webhook/bench", NULL, NULL };

#define WH_X(name, value, what) limits.name = value;
    WH_LIMITS(WH_X)
#undef WH_X
    need(whi_policy_new(&policy, allow, 1) == WH_OK && whi_poller_new(&poller) == WH_OK, "open");
    options.policy = policy;
    options.poller = poller;
    need(whi_transport_curl.open(&transport, &options) == WH_OK, "open");
    ours_idle_count = ours_next = 0;
    for (int i = 0; i < IN_FLIGHT; i++) {
        memset(&ours[i], 0, sizeof ours[i]);
        memcpy(ours[i].lines, lines, sizeof lines);
        ours[i].line_count = LINES;
        ours[i].body = body;
        ours[i].body_size = BODY;
        ours[i].connect_timeout = 5000;
        ours[i].timeout = 15000;
        ours[i].done = ours_done;
        ours_idle[ours_idle_count++] = &ours[i];
    }
}

static void ours_fire(void) {
    while (left > 0 && ours_idle_count > 0) {
        whi_request *request = ours_idle[--ours_idle_count];
        int endpoint = ours_next++ % endpoints;
        request->url = urls[endpoint];
        request->lane = endpoint;
        need(whi_transport_curl.send(transport, request) == WH_OK, "send");
        left--;
        under_way++;
    }
}

/* As the engine's worker does it: wait, ready, tick, send. */
static void ours_run(long count) {
    whi_ready ready[256];

    left = count;
    ours_fire();
    while (under_way > 0) {
        int got = whi_poller_wait(poller, ready, 256, whi_transport_curl.timeout(transport));
        whi_transport_curl.ready(transport, ready, got);
        whi_transport_curl.tick(transport);
        ours_fire();
    }
}

static void ours_close(void) {
    whi_transport_curl.close(transport);
    whi_poller_free(poller);
    whi_policy_free(policy);
}

/* -------------------------------------------------------------------- measuring */

enum { RAW, BARE, OURS, WAYS };

static const struct {
    const char *name;
    void (*open)(void);
    void (*run)(long count);
    void (*close)(void);
} ways[WAYS] = { { "raw", raw_open, raw_run, raw_close },
                 { "libcurl", bare_open, bare_run, bare_close },
                 { "ours", ours_open, ours_run, ours_close } };

/* us of CPU for one request, once every endpoint has its connection. */
static double measure(int way, long requests) {
    double cpu;

    ways[way].open();
    ways[way].run(endpoints > IN_FLIGHT ? 2 * endpoints : 2 * IN_FLIGHT);
    cpu = bench_cpu();
    ways[way].run(requests);
    cpu = bench_cpu() - cpu;
    ways[way].close();
    return cpu / (double)requests * 1e6;
}

static void compare(int count, long requests, int rounds) {
    sink_options options = { count, 0, 0, 0 };
    double values[WAYS][32], medians[WAYS];

    endpoints = count;
    receiver = sink_new(&options);
    for (int i = 0; i < count; i++) {
        snprintf(urls[i], sizeof urls[i], "http://127.0.0.1:%d/hook", sink_port(receiver, i));
    }
    for (int round = 0; round < rounds; round++) {
        for (int way = 0; way < WAYS; way++) {
            values[way][round] = measure(way, requests);
        }
    }
    for (int way = 0; way < WAYS; way++) {
        medians[way] = bench_median(values[way], rounds);
    }
    printf("%9d %9.2f %9.2f %9.2f %13.2f %10.2f\n", count, medians[RAW], medians[BARE], medians[OURS],
           medians[OURS] / medians[BARE], medians[OURS] / medians[RAW]);
    fflush(stdout);
    sink_free(receiver);
}

int main(int argc, char **argv) {
    long requests = argc > 1 ? strtol(argv[1], NULL, 10) : 40000;
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : BENCH_ROUNDS;

    need(requests > 0 && rounds > 0 && rounds <= 32, "arguments");
    body = bench_payload(BODY);
    sink_pin(1);
    printf("us of CPU for one POST of %d bytes, %d in flight, %ld requests, median of %d\n", BODY, IN_FLIGHT, requests,
           rounds);
    printf("endpoints       raw   libcurl      ours  ours/libcurl   ours/raw\n");
    compare(1, requests, rounds);
    compare(100, requests, rounds);
    compare(1000, requests, rounds);
    if (bad > 0) {
        fprintf(stderr, "bench_transport: %ld requests were not answered with 200\n", bad);
        return 1;
    }
    return 0;
}
