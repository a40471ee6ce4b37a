/* The listening socket, and sharing out who comes. Tests: test_http. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/socket.h"
#include "http/httpd.h"
#include "webhook_backend.h"

#define BACKLOG 511
#define PAUSE 20 /* ms until it is looked again whether there is room for a connection */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} address;

static int read_address(const wh_http_options *options, address *out, socklen_t *size) {
    char sentence[WHI_HTTP_SENTENCE];

    memset(out, 0, sizeof *out);
    if (inet_pton(AF_INET, options->address, &out->four.sin_addr) == 1) {
        out->four.sin_family = AF_INET;
        out->four.sin_port = htons((uint16_t)options->port);
        *size = sizeof out->four;
        return WH_OK;
    }
    if (inet_pton(AF_INET6, options->address, &out->six.sin6_addr) == 1) {
        out->six.sin6_family = AF_INET6;
        out->six.sin6_port = htons((uint16_t)options->port);
        *size = sizeof out->six;
        return WH_OK;
    }
    snprintf(sentence, sizeof sentence, "expected an IPv4 or IPv6 address, found \"%.64s\"", options->address);
    return wh_fail_field(WH_EINVALID, "address", sentence);
}

static const char *reason_of(int error) {
    switch (error) {
    case EADDRINUSE:
        return "it is in use";
    case EADDRNOTAVAIL:
        return "it is no address of this machine";
    case EACCES:
        return "it is not allowed";
    case EMFILE:
        return "too many files are open";
    default:
        return "the system refuses it";
    }
}

static int refuse_address(const wh_http_options *options) {
    char sentence[WHI_HTTP_SENTENCE];
    int error = errno;

    snprintf(sentence, sizeof sentence, "cannot listen at %.64s, port %d: %s (errno %d)", options->address,
             options->port, reason_of(error), error);
    return wh_fail(WH_EIO, sentence);
}

static int bind_listener(wh_http *http, const address *at, socklen_t size) {
    int one = 1;
    address bound;

    http->listener = whi_socket_new(at->any.sa_family, SOCK_STREAM, 0);
    if (http->listener < 0 || fcntl(http->listener, F_SETFL, O_NONBLOCK) != 0 ||
        setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(http->listener, &at->any, size) != 0 || listen(http->listener, BACKLOG) != 0 ||
        getsockname(http->listener, &bound.any, &size) != 0) {
        return -1;
    }
    http->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.six.sin6_port : bound.four.sin_port);
    return 0;
}

int whi_listen(wh_http *http, const wh_http_options *options) {
    socklen_t size = 0;
    address at;
    int code = read_address(options, &at, &size);

    if (code != WH_OK) {
        return code;
    }
    return bind_listener(http, &at, size) == 0 ? WH_OK : refuse_address(options);
}

/* ------------------------------------------------------------------------- accepting */

static unsigned connections_of(struct MHD_Daemon *daemon) {
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS);

    return info != NULL ? info->num_connections : 0;
}

/* The daemon with the fewest. What was added is counted late, so those that have the same
 * number take turns. */
static struct MHD_Daemon *choose(const wh_http *http, unsigned turn) {
    struct MHD_Daemon *best = NULL;
    unsigned least = 0;

    for (unsigned i = 0; i < http->daemon_count; i++) {
        struct MHD_Daemon *daemon = http->daemons[(turn + i) % http->daemon_count];
        unsigned count = connections_of(daemon);
        if (best == NULL || count < least) {
            best = daemon;
            least = count;
        }
    }
    return best;
}

/* What a daemon had no memory to begin is never heard of again: after so long it is forgotten. */
static int has_room(wh_http *http, int64_t last) {
    int room;

    pthread_mutex_lock(&http->lock);
    if (whi_http_now() - last > 2 * http->timeout) {
        http->pending = 0;
    }
    room = http->open + http->pending - http->leaving < http->connections || whi_line_make_room(http);
    pthread_mutex_unlock(&http->lock);
    return room;
}

static void hand_over(wh_http *http, struct MHD_Daemon *daemon, int fd, const address *from, socklen_t size) {
    pthread_mutex_lock(&http->lock);
    http->pending++;
    pthread_mutex_unlock(&http->lock);
    if (MHD_add_connection(daemon, fd, &from->any, size) == MHD_YES) {
        return;
    }
    pthread_mutex_lock(&http->lock); /* it has closed fd */
    http->pending -= http->pending > 0;
    pthread_mutex_unlock(&http->lock);
}

/* What counts is whose address the connection itself has: a header is read later, and anybody's to write. */
static int has_share(wh_http *http, const address *from) {
    uint64_t number = whi_line_from(&from->any);
    int has;

    pthread_mutex_lock(&http->lock);
    /* While all of them have no more than one's share, nobody need be counted. */
    has =
        http->open <= http->share || whi_line_count(http, number) < http->share || whi_line_make_room_of(http, number);
    pthread_mutex_unlock(&http->lock);
    return has;
}

/* 0 when the system has no room. */
static int take_one(wh_http *http, struct MHD_Daemon *daemon) {
    address from;
    socklen_t size = sizeof from;
    int fd = accept(http->listener, &from.any, &size);

    if (fd < 0) {
        return errno != EMFILE && errno != ENFILE && errno != ENOBUFS && errno != ENOMEM;
    }
    if (!has_share(http, &from)) {
        close(fd);
        return 1;
    }
    fcntl(fd, F_SETFD, FD_CLOEXEC);
    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
    hand_over(http, daemon, fd, &from, size);
    return 1;
}

void *whi_listen_accept(void *payload) {
    wh_http *http = payload;
    struct pollfd wait[2] = { { http->wake[0], POLLIN, 0 }, { http->listener, POLLIN, 0 } };
    int64_t last = 0;
    unsigned turn = 0;
    int room = 1;

    for (;;) {
        if (poll(wait, room ? 2 : 1, room ? -1 : PAUSE) > 0 && wait[0].revents != 0) {
            return NULL;
        }
        if (room && wait[1].revents != 0) { /* only for somebody who is there others make room */
            room = has_room(http, last);
            last = room ? whi_http_now() : last;
            room = room && take_one(http, choose(http, turn++));
        } else {
            room = 1;
        }
    }
}
