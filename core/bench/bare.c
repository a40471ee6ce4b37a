#include "bare.h"

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

#define SHARD 64 /* endpoints of one multi handle */
#define DESCRIPTORS 65536

const char *const bare_lines[BARE_LINES] = { "Content-Type: application/json", "webhook-id: msg_06a3ntgpx0r01",
                                             "webhook-timestamp: 1790000000",
                                             "webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=" };
bare_state bare;

void bare_need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench: %s: %s\n", what, wh_last_error());
        exit(1);
    }
}

void bare_endpoints(sink *receiver, int count) {
    bare.receiver = receiver;
    bare.endpoints = count;
    bare.body = bare.body != NULL ? bare.body : bench_payload(BARE_BODY);
    for (int i = 0; i < count; i++) {
        snprintf(bare.urls[i], sizeof bare.urls[i], "http://127.0.0.1:%d/hook", sink_port(receiver, i));
    }
}

/* ------------------------------------------------------------------------- raw */

static char raw_request[BARE_BODY + 1024];
static size_t raw_size;
static int raw_epoll, *raw_idle, raw_count, raw_first, raw_last;

static void bare_raw_fire(void) {
    int fd = raw_idle[raw_first++ % raw_count];

    bare.left--;
    bare.under_way++;
    bare_need(send(fd, raw_request, raw_size, MSG_NOSIGNAL) == (ssize_t)raw_size, "send");
}

void bare_raw_open(void) {
    int one = 1;

    raw_size =
        (size_t)snprintf(raw_request, sizeof raw_request,
                         "POST /hook HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: webhook/bench\r\nAccept: */*\r\n"
                         "%s\r\n%s\r\n%s\r\n%s\r\nContent-Length: %d\r\n\r\n%.*s",
                         bare_lines[0], bare_lines[1], bare_lines[2], bare_lines[3], BARE_BODY, BARE_BODY, bare.body);
    raw_count = bare.endpoints > BARE_IN_FLIGHT ? bare.endpoints : BARE_IN_FLIGHT;
    raw_idle = malloc((size_t)raw_count * sizeof *raw_idle);
    raw_epoll = epoll_create1(0);
    raw_first = raw_last = 0;
    for (int i = 0; i < raw_count; i++) {
        struct sockaddr_in to = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };
        to.sin_port = htons((uint16_t)sink_port(bare.receiver, i % bare.endpoints));
        bare_need(connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        epoll_ctl(raw_epoll, EPOLL_CTL_ADD, fd, &event);
        raw_idle[raw_last++] = fd;
    }
}

void bare_raw_run(long count) {
    struct epoll_event events[256];
    char answer[4096];

    bare.left = count;
    while (bare.left > 0 && bare.under_way < BARE_IN_FLIGHT) {
        bare_raw_fire();
    }
    while (bare.under_way > 0) {
        int ready = epoll_wait(raw_epoll, events, 256, 10000);
        bare_need(ready > 0, "epoll");
        for (int i = 0; i < ready; i++) {
            ssize_t got = recv(events[i].data.fd, answer, sizeof answer, 0);
            bare.bad += got < 12 || memcmp(answer + 9, "200", 3) != 0;
            raw_idle[raw_last++ % raw_count] = events[i].data.fd;
            bare.under_way--;
            if (bare.left > 0) {
                bare_raw_fire();
            }
        }
    }
}

void bare_raw_close(void) {
    for (int i = 0; i < raw_count; i++) {
        close(raw_idle[i]);
    }
    close(raw_epoll);
    free(raw_idle);
}

/* ----------------------------------------------------------------- bare libcurl */

typedef struct transfer {
    CURL *easy;
    struct curl_slist lines[BARE_LINES];
} transfer;

typedef struct bare_multi {
    CURLM *multi;
    int due, acted;
} bare_multi;

static transfer transfers[BARE_IN_FLIGHT];
static transfer *bare_idle[BARE_IN_FLIGHT];
static bare_multi bare_multis[BARE_ENDPOINTS / SHARD + 1];
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

static curl_socket_t curl_open_socket(void *payload, curlsocktype purpose, struct curl_sockaddr *address) {
    (void)payload;
    (void)purpose;
    return socket(address->family, address->socktype, address->protocol);
}

static int curl_close_socket(void *payload, curl_socket_t fd) {
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

static void bare_new(transfer *b) {
    b->easy = curl_easy_init();
    for (size_t i = 0; i < BARE_LINES; i++) {
        b->lines[i].data = (char *)bare_lines[i];
        b->lines[i].next = i + 1 < BARE_LINES ? &b->lines[i + 1] : NULL;
    }
    curl_easy_setopt(b->easy, CURLOPT_PRIVATE, b);
    curl_easy_setopt(b->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(b->easy, CURLOPT_WRITEFUNCTION, bare_discard);
    curl_easy_setopt(b->easy, CURLOPT_OPENSOCKETFUNCTION, curl_open_socket);
    curl_easy_setopt(b->easy, CURLOPT_CLOSESOCKETFUNCTION, curl_close_socket);
    curl_easy_setopt(b->easy, CURLOPT_DNS_CACHE_TIMEOUT, 0L);
    curl_easy_setopt(b->easy, CURLOPT_USERAGENT, "webhook/bench");
    curl_easy_setopt(b->easy, CURLOPT_HTTPHEADER, b->lines);
    curl_easy_setopt(b->easy, CURLOPT_POST, 1L);
    curl_easy_setopt(b->easy, CURLOPT_POSTFIELDS, bare.body);
    curl_easy_setopt(b->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)BARE_BODY);
}

void bare_curl_open(void) {
    bare_epoll = epoll_create1(0);
    bare_multi_count = (bare.endpoints + SHARD - 1) / SHARD;
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
    for (int i = 0; i < BARE_IN_FLIGHT; i++) {
        bare_new(&transfers[i]);
        bare_idle[bare_idle_count++] = &transfers[i];
    }
}

static void bare_fire(void) {
    while (bare.left > 0 && bare_idle_count > 0) {
        transfer *b = bare_idle[--bare_idle_count];
        int endpoint = bare_next++ % bare.endpoints;
        curl_easy_setopt(b->easy, CURLOPT_URL, bare.urls[endpoint]);
        curl_multi_add_handle(bare_multis[endpoint % bare_multi_count].multi, b->easy);
        bare.left--;
        bare.under_way++;
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
        bare.bad += status != 200;
        curl_multi_remove_handle(m->multi, easy);
        bare_idle[bare_idle_count++] = (transfer *)payload;
        bare.under_way--;
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

void bare_curl_run(long count) {
    struct epoll_event events[256];
    int running;

    bare.left = count;
    bare_fire();
    while (bare.under_way > 0) {
        int ready;
        for (int i = 0; i < bare_multi_count; i++) {
            if (bare_multis[i].due) {
                bare_multis[i].due = 0;
                bare_multis[i].acted = 1;
                curl_multi_socket_action(bare_multis[i].multi, CURL_SOCKET_TIMEOUT, 0, &running);
            }
        }
        ready = epoll_wait(bare_epoll, events, 256, 2);
        for (int i = 0; i < bare_multi_count && ready == 0; i++) {
            bare_multis[i].due = 1; /* a time-out that is not 0: looked at when nothing else happens */
        }
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

void bare_curl_close(void) {
    for (int i = 0; i < BARE_IN_FLIGHT; i++) {
        curl_easy_cleanup(transfers[i].easy);
    }
    for (int i = 0; i < bare_multi_count; i++) {
        curl_multi_cleanup(bare_multis[i].multi);
    }
    close(bare_epoll);
}
