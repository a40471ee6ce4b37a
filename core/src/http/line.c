/* Connections and their deadlines. Tests: test_http. */
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
    line->next = http->lines;
    if (line->next != NULL) {
        line->next->before = line;
    }
    http->lines = line;
    pthread_mutex_unlock(&http->lock);
}

static void take_away(wh_http *http, whi_line *line) {
    pthread_mutex_lock(&http->lock);
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
        add(cls, line);
    } else if (line != NULL) {
        take_away(cls, line);
        *self = NULL;
    }
}

void whi_line_until(struct MHD_Connection *connection, int64_t deadline) {
    whi_line *line = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;

    if (line != NULL) {
        line->deadline = deadline;
    }
}

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
