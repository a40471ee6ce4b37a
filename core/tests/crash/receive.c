#include "receive.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAXIMUM 8192

static int log_fd, fail_every;
static atomic_long requests;
static _Atomic int64_t last_ms;

static int64_t now_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

long receive_quiet_ms(void) {
    return (long)(now_ms() - atomic_load(&last_ms));
}

/* A header's value up to the line's end, copied; "" if it is not there. */
static void header(const char *head, const char *name, char *out, size_t size) {
    const char *at = strcasestr(head, name);
    size_t length;

    out[0] = '\0';
    if (at == NULL) {
        return;
    }
    at += strlen(name);
    length = strcspn(at, "\r\n");
    snprintf(out, size, "%.*s", (int)length, at);
}

static int respond(int fd, const char *head, const char *body, size_t body_size) {
    char path[32], id[72], line[REQUEST_MAXIMUM + 256];
    const char *answer;
    int failed = fail_every && (atomic_fetch_add(&requests, 1) + 1) % fail_every == 0;
    int size;

    if (sscanf(head, "POST %31s ", path) != 1) {
        return -1;
    }
    header(head, "\nwebhook-id: ", id, sizeof id);
    size = snprintf(line, sizeof line, "%s %s %d %.*s\n", path, id, failed ? 500 : 200, (int)body_size, body);
    if (write(log_fd, line, (size_t)size) != size) {
        return -1;
    }
    atomic_store(&last_ms, now_ms());
    answer = failed ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n" : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    return send(fd, answer, strlen(answer), MSG_NOSIGNAL) < 0 ? -1 : 0;
}

static void *serve(void *payload) {
    int fd = (int)(intptr_t)payload;
    char buffer[REQUEST_MAXIMUM + 1], length[16];
    size_t have = 0;

    for (;;) {
        char *end;
        size_t head, body;
        buffer[have] = '\0';
        end = strstr(buffer, "\r\n\r\n");
        if (end != NULL) {
            header(buffer, "\nContent-Length: ", length, sizeof length);
            head = (size_t)(end - buffer) + 4;
            body = strtoul(length, NULL, 10);
            if (have >= head + body) {
                if (respond(fd, buffer, buffer + head, body) < 0) {
                    break;
                }
                memmove(buffer, buffer + head + body, have - head - body);
                have -= head + body;
                continue;
            }
        }
        if (have == REQUEST_MAXIMUM) {
            break;
        }
        ssize_t got = recv(fd, buffer + have, REQUEST_MAXIMUM - have, 0);
        if (got <= 0) {
            break;
        }
        have += (size_t)got;
    }
    close(fd);
    return NULL;
}

static void *listen_for_ever(void *payload) {
    int listener = (int)(intptr_t)payload;

    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
        pthread_t thread;
        if (fd < 0) {
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0) {
            pthread_detach(thread);
        } else {
            close(fd);
        }
    }
    return NULL;
}

int receive_start(const char *log_path, int every) {
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;

    fail_every = every;
    log_fd = open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || log_fd < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 ||
        listen(listener, 512) < 0 || getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        pthread_create(&thread, NULL, listen_for_ever, (void *)(intptr_t)listener) != 0) {
        perror("receive");
        exit(1);
    }
    pthread_detach(thread);
    return ntohs(address.sin_port);
}
