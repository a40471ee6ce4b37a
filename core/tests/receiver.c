#include "receiver.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HEAD_MAXIMUM 65536
#define WAIT_S 10

typedef struct text {
    struct text *next;
    char value[];
} text;

typedef struct rule {
    struct rule *next;
    char *path;
    receiver_answer answer;
} rule;

typedef struct connection {
    struct connection *next;
    receiver *owner;
    pthread_t thread;
    int fd, number, open;
    char *bytes; /* read and not used yet */
    size_t size, room;
} connection;

struct receiver {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    pthread_t acceptor;
    receiver_fn fn;
    void *payload;
    int fd, port, stop_pipe[2];
    char address[INET6_ADDRSTRLEN];
    connection *connections;
    size_t connection_count, open_count;
    received **requests;
    size_t count, room;
    rule *rules;
    text *texts;
};

static void die(const char *what) {
    perror(what);
    abort();
}

static void *must(void *memory) {
    if (memory == NULL) {
        die("receiver: memory");
    }
    return memory;
}

/* ------------------------------------------------------------------- reading */

/* 0 at the end of the stream or of the receiver. */
static int read_more(connection *c) {
    struct pollfd watched[2] = { { c->fd, POLLIN, 0 }, { c->owner->stop_pipe[0], POLLIN, 0 } };
    ssize_t got;

    if (poll(watched, 2, -1) < 0 || watched[1].revents != 0) {
        return 0;
    }
    if (c->room - c->size < 65536) {
        c->room = c->room * 2 + 65536;
        c->bytes = must(realloc(c->bytes, c->room));
    }
    got = recv(c->fd, c->bytes + c->size, c->room - c->size, 0);
    if (got <= 0) {
        return 0;
    }
    c->size += (size_t)got;
    return 1;
}

static void use(connection *c, size_t size) {
    c->size -= size;
    memmove(c->bytes, c->bytes + size, c->size);
}

const char *receiver_header(const received *request, const char *name) {
    static _Thread_local char value[8192];
    size_t length = strlen(name);

    for (const char *line = strstr(request->head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
        line += 2;
        if (strncasecmp(line, name, length) == 0 && line[length] == ':') {
            const char *from = line + length + 1;
            from += strspn(from, " ");
            snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    }
    return NULL;
}

static char *copy(const char *from, size_t size) {
    char *out = must(malloc(size + 1));

    memcpy(out, from, size);
    out[size] = '\0';
    return out;
}

static void free_request(received *request) {
    if (request != NULL) {
        free(request->method);
        free(request->path);
        free(request->head);
        free(request->body);
        free(request);
    }
}

static received *parse_head(connection *c, size_t size) {
    received *request = must(calloc(1, sizeof *request));
    const char *space, *end;

    request->connection = c->number;
    request->head = copy(c->bytes, size);
    space = strchr(request->head, ' ');
    end = space != NULL ? strchr(space + 1, ' ') : NULL;
    if (end == NULL) {
        free_request(request);
        return NULL;
    }
    request->method = copy(request->head, (size_t)(space - request->head));
    request->path = copy(space + 1, (size_t)(end - space - 1));
    return request;
}

/* NULL at the end. A body by Content-Length only: chunks would be a surprise. */
static received *read_request(connection *c) {
    received *request;
    const char *length;
    char *end = NULL;

    while (c->size == 0 || (end = memmem(c->bytes, c->size, "\r\n\r\n", 4)) == NULL) {
        if (c->size > HEAD_MAXIMUM || !read_more(c)) {
            return NULL;
        }
    }
    request = parse_head(c, (size_t)(end - c->bytes) + 2);
    if (request == NULL) {
        return NULL;
    }
    use(c, (size_t)(end - c->bytes) + 4);
    length = receiver_header(request, "Content-Length");
    request->body_size = length != NULL ? strtoul(length, NULL, 10) : 0;
    while (c->size < request->body_size) {
        if (!read_more(c)) {
            free_request(request);
            return NULL;
        }
    }
    request->body = copy(c->bytes != NULL ? c->bytes : "", request->body_size);
    use(c, request->body_size);
    return request;
}

static void remember(receiver *r, received *request) {
    pthread_mutex_lock(&r->lock);
    if (r->count == r->room) {
        r->room = r->room ? r->room * 2 : 64;
        r->requests = must(realloc(r->requests, r->room * sizeof *r->requests));
    }
    r->requests[r->count++] = request;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
}

/* ------------------------------------------------------------------ answering */

/* Lets ms pass; 0 when the other side has closed or the receiver ends. */
static int pause_for(connection *c, int ms) {
    struct pollfd watched[2] = { { c->fd, POLLRDHUP, 0 }, { c->owner->stop_pipe[0], POLLIN, 0 } };

    return poll(watched, 2, ms) == 0;
}

static int put(connection *c, const char *bytes, size_t size) {
    while (size > 0) {
        ssize_t sent = send(c->fd, bytes, size, MSG_NOSIGNAL);
        if (sent <= 0) {
            return 0;
        }
        bytes += sent;
        size -= (size_t)sent;
    }
    return 1;
}

static int put_text(connection *c, const char *bytes) {
    return put(c, bytes, strlen(bytes));
}

static void repeat(connection *c, const char *bytes, int pause) {
    while (put_text(c, bytes) && pause_for(c, pause)) {}
}

static int put_answer(connection *c, const receiver_answer *answer, size_t length) {
    char head[256];
    char *filler;
    int good;

    snprintf(head, sizeof head, "HTTP/1.1 %d Answer\r\nContent-Length: %zu\r\n", answer->status ? answer->status : 200,
             length);
    if (!put_text(c, head) || (answer->headers != NULL && !put_text(c, answer->headers)) || !put_text(c, "\r\n")) {
        return 0;
    }
    if (answer->body != NULL || answer->body_size == 0) {
        return answer->body_size == 0 || put(c, answer->body, answer->body_size);
    }
    filler = must(malloc(answer->body_size));
    memset(filler, 'x', answer->body_size);
    good = put(c, filler, answer->body_size);
    free(filler);
    return good;
}

static void reset(connection *c) {
    struct linger now = { 1, 0 };

    setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* 1 if the connection goes on. */
static int put_raw(connection *c, const receiver_answer *answer) {
    int good = 1;

    if (answer->fault != RECEIVER_RAW_DRIP) {
        return put(c, answer->body, answer->body_size) && answer->fault == RECEIVER_RAW;
    }
    for (size_t i = 0; i < answer->body_size && good; i++) {
        good = put(c, answer->body + i, 1) && pause_for(c, 1);
    }
    return good;
}

/* 1 if the connection goes on. */
static int misbehave(connection *c, const receiver_answer *answer) {
    switch (answer->fault) {
    case RECEIVER_RESET:
        reset(c);
        return 0;
    case RECEIVER_CLOSE_AFTER:
        put_answer(c, answer, answer->body_size);
        return 0;
    case RECEIVER_GARBAGE:
        put_text(c, "\x01\x02 this is not HTTP \xff\r\n\r\n");
        return 0;
    case RECEIVER_HANG:
        pause_for(c, -1);
        return 0;
    case RECEIVER_DRIP_HEADERS:
        put_text(c, "HTTP/1.1 200 OK\r\nX-Drip: ");
        repeat(c, "x", 20);
        return 0;
    case RECEIVER_DRIP_BODY:
        put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        repeat(c, "x", 20);
        return 0;
    case RECEIVER_FLOOD_100:
        repeat(c, "HTTP/1.1 100 Continue\r\n\r\n", 0);
        return 0;
    case RECEIVER_HUGE_HEADER:
        put_text(c, "HTTP/1.1 200 OK\r\nX-Huge: ");
        repeat(c, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", 0);
        return 0;
    case RECEIVER_MANY_HEADERS:
        put_text(c, "HTTP/1.1 200 OK\r\n");
        repeat(c, "X-Many: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 0);
        return 0;
    case RECEIVER_ENDLESS_BODY:
        put_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        repeat(c, "20\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 0);
        return 0;
    case RECEIVER_SHORT_BODY:
        put_answer(c, answer, answer->body_size + 100);
        return 0;
    case RECEIVER_BAD_CHUNK:
        put_text(c, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nxx\r\n");
        return 0;
    case RECEIVER_BAD_CODING:
        put_text(c, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nxxxx");
        return 0;
    case RECEIVER_CUT_HEAD:
        put_text(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
        return 0;
    case RECEIVER_RAW:
    case RECEIVER_RAW_CLOSE:
    case RECEIVER_RAW_DRIP:
        return put_raw(c, answer);
    default:
        return 0;
    }
}

static void decide(receiver *r, const received *request, receiver_answer *answer) {
    pthread_mutex_lock(&r->lock);
    for (rule *at = r->rules; at != NULL; at = at->next) {
        if (strcmp(at->path, request->path) == 0) {
            *answer = at->answer;
            pthread_mutex_unlock(&r->lock);
            return;
        }
    }
    pthread_mutex_unlock(&r->lock);
    if (r->fn != NULL) {
        r->fn(request, answer, r->payload);
    }
}

static void *serve(void *payload) {
    connection *c = payload;
    receiver *r = c->owner;
    received *request;
    int goes_on = 1;

    while (goes_on && (request = read_request(c)) != NULL) {
        receiver_answer answer = { 0 };
        decide(r, request, &answer);
        remember(r, request);
        if (answer.delay > 0 && !pause_for(c, answer.delay)) {
            break;
        }
        goes_on = answer.fault ? misbehave(c, &answer) : put_answer(c, &answer, answer.body_size);
    }
    pthread_mutex_lock(&r->lock);
    close(c->fd);
    c->open = 0;
    r->open_count--;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

/* ----------------------------------------------------------------------- life */

static void take(receiver *r, int fd) {
    connection *c = must(calloc(1, sizeof *c));
    int one = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    c->owner = r;
    c->fd = fd;
    c->open = 1;
    pthread_mutex_lock(&r->lock);
    c->number = (int)++r->connection_count;
    r->open_count++;
    c->next = r->connections;
    r->connections = c;
    pthread_mutex_unlock(&r->lock);
    if (pthread_create(&c->thread, NULL, serve, c) != 0) {
        die("receiver: thread");
    }
}

static void *accept_all(void *payload) {
    receiver *r = payload;
    struct pollfd watched[2] = { { r->fd, POLLIN, 0 }, { r->stop_pipe[0], POLLIN, 0 } };

    while (poll(watched, 2, -1) >= 0 && watched[1].revents == 0) {
        int fd = accept(r->fd, NULL, NULL);
        if (fd >= 0) {
            take(r, fd);
        }
    }
    return NULL;
}

static void listen_on(receiver *r, const char *address) {
    struct sockaddr_storage bound = { 0 };
    struct sockaddr_in *v4 = (struct sockaddr_in *)&bound;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&bound;
    int is6 = strchr(address, ':') != NULL;
    socklen_t size = is6 ? sizeof *v6 : sizeof *v4;

    bound.ss_family = is6 ? AF_INET6 : AF_INET;
    if (inet_pton(bound.ss_family, address, is6 ? (void *)&v6->sin6_addr : (void *)&v4->sin_addr) != 1) {
        die("receiver: address");
    }
    r->fd = socket(bound.ss_family, SOCK_STREAM, 0);
    if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&bound, size) != 0 || listen(r->fd, 4096) != 0 ||
        getsockname(r->fd, (struct sockaddr *)&bound, &size) != 0) {
        die("receiver: listen");
    }
    r->port = ntohs(is6 ? v6->sin6_port : v4->sin_port);
    snprintf(r->address, sizeof r->address, "%s", address);
}

receiver *receiver_new_on(const char *address, receiver_fn fn, void *payload) {
    receiver *r = must(calloc(1, sizeof *r));

    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->changed, NULL);
    r->fn = fn;
    r->payload = payload;
    listen_on(r, address);
    if (pipe(r->stop_pipe) != 0 || pthread_create(&r->acceptor, NULL, accept_all, r) != 0) {
        die("receiver: start");
    }
    return r;
}

receiver *receiver_new(receiver_fn fn, void *payload) {
    return receiver_new_on("127.0.0.1", fn, payload);
}

/* The pipe stays readable, so every thread that waits sees it; those that are sending
 * to somebody who does not read are freed by the shutdown. */
static void stop_threads(receiver *r) {
    if (write(r->stop_pipe[1], "", 1) != 1) {
        die("receiver: stop");
    }
    pthread_join(r->acceptor, NULL);
    pthread_mutex_lock(&r->lock);
    for (connection *c = r->connections; c != NULL; c = c->next) {
        if (c->open) {
            shutdown(c->fd, SHUT_RDWR);
        }
    }
    pthread_mutex_unlock(&r->lock);
    while (r->connections != NULL) {
        connection *c = r->connections;
        r->connections = c->next;
        pthread_join(c->thread, NULL);
        free(c->bytes);
        free(c);
    }
}

void receiver_free(receiver *r) {
    if (r == NULL) {
        return;
    }
    stop_threads(r);
    close(r->fd);
    close(r->stop_pipe[0]);
    close(r->stop_pipe[1]);
    for (size_t i = 0; i < r->count; i++) {
        free_request(r->requests[i]);
    }
    free(r->requests);
    while (r->rules != NULL) {
        rule *at = r->rules;
        r->rules = at->next;
        free(at->path);
        free(at);
    }
    while (r->texts != NULL) {
        text *at = r->texts;
        r->texts = at->next;
        free(at);
    }
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* --------------------------------------------------------------------- asking */

int receiver_port(const receiver *r) {
    return r->port;
}

const char *receiver_url(receiver *r, const char *path) {
    size_t size = strlen(path) + sizeof r->address + 32;
    text *out = must(malloc(sizeof *out + size));
    int is6 = strchr(r->address, ':') != NULL;

    snprintf(out->value, size, "http://%s%s%s:%d%s", is6 ? "[" : "", r->address, is6 ? "]" : "", r->port, path);
    pthread_mutex_lock(&r->lock);
    out->next = r->texts;
    r->texts = out;
    pthread_mutex_unlock(&r->lock);
    return out->value;
}

void receiver_set(receiver *r, const char *path, receiver_answer answer) {
    rule *at = must(calloc(1, sizeof *at));

    at->path = copy(path, strlen(path));
    at->answer = answer;
    pthread_mutex_lock(&r->lock);
    at->next = r->rules; /* the latest of a path is found first */
    r->rules = at;
    pthread_mutex_unlock(&r->lock);
}

static size_t read_number(receiver *r, const size_t *number) {
    size_t value;

    pthread_mutex_lock(&r->lock);
    value = *number;
    pthread_mutex_unlock(&r->lock);
    return value;
}

size_t receiver_count(receiver *r) {
    return read_number(r, &r->count);
}

size_t receiver_connections(receiver *r) {
    return read_number(r, &r->connection_count);
}

size_t receiver_open(receiver *r) {
    return read_number(r, &r->open_count);
}

const received *receiver_get(receiver *r, size_t i) {
    const received *request = NULL;

    pthread_mutex_lock(&r->lock);
    if (i < r->count) {
        request = r->requests[i];
    }
    pthread_mutex_unlock(&r->lock);
    return request;
}

static struct timespec wait_end(void) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += WAIT_S;
    return until;
}

int receiver_wait(receiver *r, size_t count) {
    struct timespec until = wait_end();
    int result = 0;

    pthread_mutex_lock(&r->lock);
    while (r->count < count && result == 0) {
        result = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    result = r->count >= count ? 0 : -1;
    pthread_mutex_unlock(&r->lock);
    return result;
}

int receiver_wait_open(receiver *r, size_t count) {
    struct timespec until = wait_end();
    int result = 0;

    pthread_mutex_lock(&r->lock);
    while (r->open_count > count && result == 0) {
        result = pthread_cond_timedwait(&r->changed, &r->lock, &until);
    }
    result = r->open_count <= count ? 0 : -1;
    pthread_mutex_unlock(&r->lock);
    return result;
}
