/* An API of the test's own, and clients that speak raw bytes, for the tests of the HTTP
 * server. One file of a program includes it, after cmocka.h; with HTTP_KIT_OWN_API it has
 * made an `api` of another kind before. */
#ifndef HTTP_KIT_H
#define HTTP_KIT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "webhook_http.h"

#define LIMIT 100000   /* bytes of a body */
#define SMALL 100      /* of one that is sent to /small */
#define PATIENCE 20000 /* ms, after which a test has failed */

#ifndef HTTP_KIT_OWN_API
/* ------------------------------------------------------------------- the test's API */

struct wh_api {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, together; /* requests in /wait, and how many must meet there */
    int held;             /* /hold waits while it is 1 */
    int handled;
};

static wh_api api = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0, 0, 0, 0 };

int wh_api_open(wh_api **out, wh_engine *engine, const wh_api_options *options) {
    (void)engine;
    (void)options;
    *out = &api;
    return WH_OK;
}

void wh_api_close(wh_api *self) {
    (void)self;
}

int64_t wh_api_body_bytes(const wh_api *self) {
    (void)self;
    return LIMIT;
}

void wh_api_look(const wh_api *self, const wh_api_request *request, wh_api_needs *out) {
    (void)self;
    out->slow = strncmp(request->path, "/hold/test", 10) == 0;
    out->body_bytes = strncmp(request->path, "/small", 6) == 0 ? SMALL : LIMIT;
}

static inline struct timespec patience(void) {
    struct timespec at;

    clock_gettime(CLOCK_REALTIME, &at);
    at.tv_sec += PATIENCE / 1000;
    return at;
}

static inline void meet(wh_api *self) {
    struct timespec at = patience();

    pthread_mutex_lock(&self->lock);
    self->inside++;
    pthread_cond_broadcast(&self->changed);
    while (self->inside < self->together && pthread_cond_timedwait(&self->changed, &self->lock, &at) == 0) {}
    pthread_mutex_unlock(&self->lock);
}

static inline void hold(wh_api *self) {
    struct timespec at = patience();

    pthread_mutex_lock(&self->lock);
    self->inside++;
    pthread_cond_broadcast(&self->changed);
    while (self->held && pthread_cond_timedwait(&self->changed, &self->lock, &at) == 0) {}
    pthread_mutex_unlock(&self->lock);
}

static inline void await_inside(int count) {
    struct timespec at = patience();

    pthread_mutex_lock(&api.lock);
    while (api.inside < count && pthread_cond_timedwait(&api.changed, &api.lock, &at) == 0) {}
    assert_int_equal(api.inside, count);
    pthread_mutex_unlock(&api.lock);
}

static inline const char *header(const wh_api_request *request, const char *name) {
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return "-";
}

/* "GET /path?query peer x-test body", cut short. */
static inline void echo(const wh_api_request *request, wh_api_response *out) {
    char text[512];

    snprintf(text, sizeof text, "%s %s?%s %s %s %zu:%.*s", request->method, request->path,
             request->query != NULL ? request->query : "-", request->peer, header(request, "X-Test"),
             request->body_size, request->body_size < 40 ? (int)request->body_size : 40, (const char *)request->body);
    out->body = whi_strdup(text, WH_ZSTR);
    out->status = out->body != NULL ? 201 : 500;
    out->body_size = out->body != NULL ? strlen(text) : 0;
    out->content_type = "text/plain";
    out->headers[0] = (wh_header){ "X-Said", "yes" };
    out->header_count = 1;
}

int wh_api_handle(wh_api *self, const wh_api_request *request, wh_api_response *out) {
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&self->lock);
    self->handled++;
    pthread_mutex_unlock(&self->lock);
    if (request->body_size > (strncmp(request->path, "/small", 6) == 0 ? SMALL : LIMIT)) {
        out->status = 413;
    } else if (strcmp(request->path, "/empty") == 0) {
        out->status = 204;
    } else {
        if (strcmp(request->path, "/wait") == 0) {
            meet(self);
        } else if (strncmp(request->path, "/hold", 5) == 0) {
            hold(self);
        }
        echo(request, out);
    }
    return out->status;
}

static inline void let_all_go(void) {
    pthread_mutex_lock(&api.lock);
    api.held = 0;
    pthread_cond_broadcast(&api.changed);
    pthread_mutex_unlock(&api.lock);
}

#endif

/* ----------------------------------------------------------------------- the client */

static wh_http *http;
static wh_http_options options;

static inline int setup(void **state) {
    static const wh_http_options fresh = WH_HTTP_OPTIONS_INIT;

    (void)state;
    http = NULL;
    options = fresh;
#ifndef HTTP_KIT_OWN_API
    api.inside = api.together = api.held = api.handled = 0;
#endif
    return 0;
}

static inline int teardown(void **state) {
    (void)state;
    wh_http_stop(http, 5000);
    return 0;
}

static inline void start(void) {
    assert_int_equal(wh_http_start(&http, &api, &options), WH_OK);
}

static inline int dial(void) {
    struct sockaddr_in to = { 0 };
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons((uint16_t)wh_http_port(http));
    if (connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* 0 when the other side is gone. */
static inline int say_bytes(int fd, const char *text, size_t size) {
    while (size > 0) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return 0;
        }
        text += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static inline void say(int fd, const char *text) {
    assert_true(say_bytes(fd, text, strlen(text)));
}

static char heard[65536];

/* What comes until a text appears in it, or the connection ends (NULL). */
static inline const char *hear(int fd, const char *end) {
    struct pollfd wait = { fd, POLLIN, 0 };
    size_t size = 0;

    heard[0] = '\0';
    while (end == NULL || strstr(heard, end) == NULL) {
        ssize_t got;
        if (poll(&wait, 1, PATIENCE) <= 0) {
            fail_msg("nothing came for %d ms after: %s", PATIENCE, heard);
        }
        got = recv(fd, heard + size, sizeof heard - size - 1, 0);
        if (got <= 0) {
            if (end != NULL) {
                fail_msg("expected \"%s\", found the end after: %s", end, heard);
            }
            break;
        }
        size += (size_t)got;
        heard[size] = '\0';
    }
    return heard;
}

/* A request on a connection of its own that is closed by the answer. */
static inline const char *ask(const char *request) {
    int fd = dial();

    assert_true(fd >= 0);
    say(fd, request);
    hear(fd, NULL);
    close(fd);
    return heard;
}

static inline void expect(const char *text, const char *part) {
    if (strstr(text, part) == NULL) {
        fail_msg("expected \"%s\" in: %s", part, text);
    }
}

#define HOST "Host: a\r\n"
#define CLOSE HOST "Connection: close\r\n\r\n"

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
