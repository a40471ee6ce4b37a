#include "receive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUEST_MAXIMUM 8192
#define STACK_BYTES 262144

#define FAIL_EVERY 13           /* requests anywhere, with 500 */
#define FAILS_EVERY 3           /* on ROUTE_FAILS */
#define HANGS_EVERY 4           /* on ROUTE_HANGS: no answer until the sender hangs up, */
#define HANG_MS 5000            /* or this passed */
#define CAPPED_US INT64_C(5000) /* how long ROUTE_CAPPED takes, so that requests meet */

static int log_fd = -1;
static atomic_long requests, failing, hanging;
static atomic_int capped, most_capped;
static _Atomic int64_t last_us;

long receive_quiet_ms(void) {
    return (long)((now_us() - atomic_load(&last_us)) / 1000);
}

long receive_requests(void) {
    return atomic_load(&requests);
}

int receive_most_capped(void) {
    return atomic_load(&most_capped);
}

/* ----------------------------------------------------------------------- a request */

typedef struct request {
    int fd;
    const char *body;
    size_t body_size;
    char timestamp[24], signature[200];
    arrival seen;
} request;

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

static int is_verified(const request *self) {
    static const char *const secrets[] = { SECRET };
    const wh_header headers[] = { { "webhook-id", self->seen.id },
                                  { "webhook-timestamp", self->timestamp },
                                  { "webhook-signature", self->signature } };

    return wh_verify(secrets, 1, headers, 3, self->body, self->body_size, 0, 0) == WH_OK;
}

static int read_request(request *self, const char *head) {
    char body[REQUEST_MAXIMUM + 1];

    if (sscanf(head, "POST %47s ", self->seen.path) != 1) {
        return -1;
    }
    header(head, "\nwebhook-id: ", self->seen.id, sizeof self->seen.id);
    header(head, "\nwebhook-timestamp: ", self->timestamp, sizeof self->timestamp);
    header(head, "\nwebhook-signature: ", self->signature, sizeof self->signature);
    snprintf(body, sizeof body, "%.*s", (int)self->body_size, self->body);
    self->seen.at = now_us();
    self->seen.verified = is_verified(self);
    self->seen.drop = strstr(body, "\"drop\":true") != NULL;
    self->seen.hash = hash_of(self->body, self->body_size);
    return self->seen.id[0] != '\0' ? 0 : -1;
}

static int each_nth(atomic_long *count, int n) {
    return (atomic_fetch_add(count, 1) + 1) % n == 0;
}

static int status_of(const char *path) {
    int failed = each_nth(&requests, FAIL_EVERY);

    if (strcmp(path, routes[ROUTE_HANGS].path) == 0 && each_nth(&hanging, HANGS_EVERY)) {
        return 0;
    }
    if (strcmp(path, routes[ROUTE_FAILS].path) == 0 && each_nth(&failing, FAILS_EVERY)) {
        return 500;
    }
    return failed ? 500 : 200;
}

/* ------------------------------------------------------------------------- the log */

int receive_note(const arrival *one) {
    char line[256];
    int size = snprintf(line, sizeof line, "%" PRId64 " %s %s %d %d %d %" PRIx64 "\n", one->at, one->path, one->id,
                        one->status, one->verified, one->drop, one->hash);

    return log_fd < 0 || write(log_fd, line, (size_t)size) == size ? 0 : -1;
}

void receive_read(const char *log, void (*each)(const arrival *one, void *payload), void *payload) {
    FILE *file = fopen(log, "r");
    char line[320];
    arrival one;

    if (file == NULL) {
        die(log);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%" SCNd64 " %47s %71s %d %d %d %" SCNx64, &one.at, one.path, one.id, &one.status,
                   &one.verified, &one.drop, &one.hash) != 7) {
            errno = EINVAL;
            die(line);
        }
        each(&one, payload);
    }
    fclose(file);
}

/* ------------------------------------------------------------------------- answers */

static void wait_capped(void) {
    int now = atomic_fetch_add(&capped, 1) + 1, most = atomic_load(&most_capped);

    while (now > most && !atomic_compare_exchange_weak(&most_capped, &most, now)) {}
    rest_us(CAPPED_US);
    atomic_fetch_sub(&capped, 1);
}

static void wait_hangup(int fd) {
    struct pollfd wait = { .fd = fd, .events = POLLRDHUP };

    poll(&wait, 1, HANG_MS);
}

static int respond(request *self) {
    const char *answer;

    self->seen.status = status_of(self->seen.path);
    atomic_store(&last_us, now_us());
    if (receive_note(&self->seen) < 0) {
        die(here.log);
    }
    if (strcmp(self->seen.path, routes[ROUTE_CAPPED].path) == 0) {
        wait_capped();
    }
    if (self->seen.status == 0) {
        wait_hangup(self->fd);
        return -1;
    }
    answer = self->seen.status == 500 ? "HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
                                      : "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    return send(self->fd, answer, strlen(answer), MSG_NOSIGNAL) < 0 ? -1 : 0;
}

/* How many bytes of the buffer the request took that it begins with; 0: not all is there. */
static long take(int fd, char *buffer, size_t have) {
    request self = { .fd = fd };
    char length[16], *end;
    size_t head;

    buffer[have] = '\0';
    end = strstr(buffer, "\r\n\r\n");
    if (end == NULL) {
        return 0;
    }
    header(buffer, "\nContent-Length: ", length, sizeof length);
    head = (size_t)(end - buffer) + 4;
    self.body = buffer + head;
    self.body_size = strtoul(length, NULL, 10);
    if (have < head + self.body_size) {
        return 0;
    }
    return read_request(&self, buffer) < 0 || respond(&self) < 0 ? -1 : (long)(head + self.body_size);
}

static void *serve(void *payload) {
    int fd = (int)(intptr_t)payload;
    char buffer[REQUEST_MAXIMUM + 1];
    size_t have = 0;
    long taken;
    ssize_t got;

    while (have < REQUEST_MAXIMUM && (got = recv(fd, buffer + have, REQUEST_MAXIMUM - have, 0)) > 0) {
        have += (size_t)got;
        while ((taken = take(fd, buffer, have)) > 0) {
            memmove(buffer, buffer + taken, have - (size_t)taken);
            have -= (size_t)taken;
        }
        if (taken < 0) {
            break;
        }
    }
    close(fd);
    return NULL;
}

/* ---------------------------------------------------------------------- connections */

static void *listen_for_ever(void *payload) {
    int listener = (int)(intptr_t)payload;
    pthread_attr_t small;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, STACK_BYTES);
    pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC), one = 1;
        pthread_t thread;
        if (fd < 0) {
            rest_us(1000);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (pthread_create(&thread, &small, serve, (void *)(intptr_t)fd) != 0) {
            close(fd);
        }
    }
    return NULL;
}

int receive_start(const char *log) {
    struct sockaddr_in address = { .sin_family = AF_INET };
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pthread_t thread;

    if (log != NULL && (log_fd = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) < 0) {
        die(log);
    }
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, size) < 0 || listen(listener, 512) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &size) < 0 ||
        pthread_create(&thread, NULL, listen_for_ever, (void *)(intptr_t)listener) != 0) {
        die("receiver");
    }
    pthread_detach(thread);
    return ntohs(address.sin_port);
}
