/* Connections and their deadlines. Tests: test_http. */
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "base/condition.h"
#include "base/mem.h"
#include "http/httpd.h"

int64_t whi_http_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void add(wh_http *http, whi_line *line) {
    pthread_mutex_lock(&http->lock);
    line->deadline = whi_http_now() + 2 * http->timeout;
    line->used = ++http->uses;
    line->next = http->lines;
    if (line->next != NULL) {
        line->next->before = line;
    }
    http->lines = line;
    pthread_mutex_unlock(&http->lock);
}

static void take_away(wh_http *http, whi_line *line) {
    pthread_mutex_lock(&http->lock);
    http->leaving -= line->leaving ? 1 : 0;
    if (line->next != NULL) {
        line->next->before = line->before;
    }
    if (line->before != NULL) {
        line->before->next = line->next;
    } else {
        http->lines = line->next;
    }
    pthread_mutex_unlock(&http->lock);
    whi_free(line);
}

static int descriptor(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static const struct sockaddr *address_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
}

static void count(wh_http *http, int begins) {
    pthread_mutex_lock(&http->lock);
    if (begins) {
        http->open++;
        http->pending -= http->pending > 0;
    } else {
        http->open--;
    }
    pthread_mutex_unlock(&http->lock);
}

/* The descriptor is closed after the second of the two, so the watcher, who has the lock,
 * never touches another's. */
void whi_line_notice(void *cls, struct MHD_Connection *connection, void **self,
                     enum MHD_ConnectionNotificationCode what) {
    whi_line *line = *self;

    count(cls, what == MHD_CONNECTION_NOTIFY_STARTED);
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        line = whi_calloc(1, sizeof *line);
        *self = line;
        if (line == NULL) {
            shutdown(descriptor(connection), SHUT_RDWR); /* it would stay unwatched */
            return;
        }
        line->fd = descriptor(connection);
        line->from = whi_line_from(address_of(connection));
        add(cls, line);
    } else if (line != NULL) {
        take_away(cls, line);
        *self = NULL;
    }
}

static whi_line *line_of(struct MHD_Connection *connection) {
    return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

void whi_line_work(wh_http *http, struct MHD_Connection *connection) {
    whi_line *line = line_of(connection);

    if (line != NULL) {
        line->deadline = WHI_HTTP_NEVER;
        line->busy = 1;
        line->used = ++http->uses;
    }
}

void whi_line_wait(wh_http *http, struct MHD_Connection *connection, int busy) {
    whi_line *line = line_of(connection);

    if (line != NULL) {
        line->deadline = whi_http_now() + 2 * http->timeout;
        line->busy = busy;
    }
}

/* --------------------------------------------------------------------------- making room */

static uint64_t number_of(const uint8_t *bytes, size_t size) {
    uint64_t number = 0;

    for (size_t i = 0; i < size; i++) {
        number = number << 8 | bytes[i];
    }
    return number;
}

uint64_t whi_line_from(const struct sockaddr *address) {
    struct sockaddr_in four;
    struct sockaddr_in6 six;

    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        return ntohl(four.sin_addr.s_addr);
    }
    memcpy(&six, address, sizeof six);
    return IN6_IS_ADDR_V4MAPPED(&six.sin6_addr) ? number_of(six.sin6_addr.s6_addr + 12, 4)
                                                : number_of(six.sin6_addr.s6_addr, 8);
}

static int may_go(const whi_line *line, const uint64_t *from) {
    return !line->busy && !line->leaving && (from == NULL || line->from == *from);
}

static whi_line *oldest(const wh_http *http, const uint64_t *from) {
    whi_line *found = NULL;

    for (whi_line *line = http->lines; line != NULL; line = line->next) {
        if (may_go(line, from) && (found == NULL || line->used < found->used)) {
            found = line;
        }
    }
    return found;
}

static int make_room(wh_http *http, const uint64_t *from) {
    whi_line *line = http->leaving < WHI_HTTP_LEAVING ? oldest(http, from) : NULL;

    if (line == NULL) {
        return 0;
    }
    shutdown(line->fd, SHUT_RDWR);
    line->deadline = WHI_HTTP_NEVER;
    line->leaving = 1;
    http->leaving++;
    return 1;
}

int whi_line_make_room(wh_http *http) {
    return make_room(http, NULL);
}

int whi_line_make_room_of(wh_http *http, uint64_t from) {
    return make_room(http, &from);
}

int64_t whi_line_count(const wh_http *http, uint64_t from) {
    int64_t found = 0;

    for (const whi_line *line = http->lines; line != NULL; line = line->next) {
        found += line->from == from && !line->leaving;
    }
    return found;
}

/* ------------------------------------------------------------------------------ watching */

void *whi_line_watch(void *payload) {
    wh_http *http = payload;
    int64_t pause = http->timeout / 4 < 1000 ? http->timeout / 4 + 1 : 1000;

    pthread_mutex_lock(&http->lock);
    while (!http->ended) {
        int64_t now = whi_http_now();
        for (whi_line *line = http->lines; line != NULL; line = line->next) {
            if (line->deadline <= now) {
                shutdown(line->fd, SHUT_RDWR);
                line->deadline = WHI_HTTP_NEVER;
            }
        }
        whi_condition_wait(&http->quiet, &http->lock, (now + pause) * 1000);
    }
    pthread_mutex_unlock(&http->lock);
    return NULL;
}
