/* Starting and stopping: the listening socket, libmicrohttpd, the threads. */
#include "http/httpd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "webhook_backend.h"

#define THREADS 16
#define THREADS_MAXIMUM 256
#define CONNECTIONS 1000
#define CONNECTIONS_MAXIMUM 100000
#define TIMEOUT 30000
#define TIMEOUT_MAXIMUM 86400000
#define HEADER_BYTES 32768
#define HEADER_BYTES_MINIMUM 1024
#define HEADER_BYTES_MAXIMUM 1048576
#define BACKLOG 511
#define SENTENCE 256

/* -------------------------------------------------------------------------- options */

static int within(const char *name, int64_t value, int64_t lowest, int64_t highest) {
    char sentence[SENTENCE];

    if (value >= lowest && value <= highest) {
        return WH_OK;
    }
    snprintf(sentence, sizeof sentence, "%s: expected a number from %lld to %lld, found %lld", name, (long long)lowest,
             (long long)highest, (long long)value);
    return wh_fail(WH_EINVALID, sentence);
}

/* Puts the defaults in and checks. */
static int complete(wh_http_options *options) {
    int code;

    if (options->version != 1) {
        return wh_fail(WH_EINVALID, "version: expected 1, begin with WH_HTTP_OPTIONS_INIT");
    }
    options->address = options->address != NULL ? options->address : "127.0.0.1";
    options->threads = options->threads ? options->threads : THREADS;
    options->connections = options->connections ? options->connections : CONNECTIONS;
    options->timeout = options->timeout ? options->timeout : TIMEOUT;
    options->header_bytes = options->header_bytes ? options->header_bytes : HEADER_BYTES;
    code = within("port", options->port, 0, 65535);
    code = code == WH_OK ? within("threads", options->threads, 1, THREADS_MAXIMUM) : code;
    code = code == WH_OK ? within("connections", options->connections, 1, CONNECTIONS_MAXIMUM) : code;
    code = code == WH_OK ? within("timeout", options->timeout, 1, TIMEOUT_MAXIMUM) : code;
    return code == WH_OK ? within("header_bytes", options->header_bytes, HEADER_BYTES_MINIMUM, HEADER_BYTES_MAXIMUM)
                         : code;
}

/* ------------------------------------------------------------------------ listening */

typedef union address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
} address;

static int read_address(const wh_http_options *options, address *out, socklen_t *size) {
    char sentence[SENTENCE];

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
    snprintf(sentence, sizeof sentence, "address: expected an IPv4 or IPv6 address, found \"%.64s\"", options->address);
    return wh_fail(WH_EINVALID, sentence);
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
    char sentence[SENTENCE];
    int error = errno;

    snprintf(sentence, sizeof sentence, "cannot listen at %.64s, port %d: %s (errno %d)", options->address,
             options->port, reason_of(error), error);
    return wh_fail(WH_EIO, sentence);
}

static int bind_listener(wh_http *http, const address *at, socklen_t size) {
    int one = 1;
    address bound;

    http->listener = socket(at->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (http->listener < 0 || setsockopt(http->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) != 0 ||
        bind(http->listener, &at->any, size) != 0 || listen(http->listener, BACKLOG) != 0 ||
        getsockname(http->listener, &bound.any, &size) != 0) {
        return -1;
    }
    http->port = ntohs(bound.any.sa_family == AF_INET6 ? bound.six.sin6_port : bound.four.sin_port);
    return 0;
}

static int listen_at(wh_http *http, const wh_http_options *options) {
    socklen_t size = 0;
    address at;
    int code = read_address(options, &at, &size);

    if (code != WH_OK) {
        return code;
    }
    return bind_listener(http, &at, size) == 0 ? WH_OK : refuse_address(options);
}

/* The memory of a connection holds the headers as they came, what is noted of each, and the
 * answer's headers. */
static int start_daemon(wh_http *http, const wh_http_options *options) {
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME;

    http->daemon =
        MHD_start_daemon(flags, 0, NULL, NULL, whi_exchange_go, http, MHD_OPTION_LISTEN_SOCKET, http->listener,
                         MHD_OPTION_CONNECTION_LIMIT, options->connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                         (size_t)options->header_bytes * 2 + 4096, MHD_OPTION_CONNECTION_TIMEOUT,
                         (unsigned)((options->timeout + 999) / 1000), MHD_OPTION_STRICT_FOR_CLIENT, 1,
                         MHD_OPTION_URI_LOG_CALLBACK, whi_exchange_begin, http, MHD_OPTION_NOTIFY_COMPLETED,
                         whi_exchange_end, http, MHD_OPTION_NOTIFY_CONNECTION, whi_line_notice, http, MHD_OPTION_END);
    if (http->daemon == NULL) {
        return wh_fail(WH_EIO, "libmicrohttpd could not be started");
    }
    return WH_OK;
}

/* ------------------------------------------------------------------------ the threads */

static int start_threads(wh_http *http, unsigned count) {
    http->threads = whi_calloc(count, sizeof *http->threads);
    if (http->threads == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    while (http->thread_count < count) {
        if (pthread_create(&http->threads[http->thread_count], NULL, whi_exchange_answer, http) != 0) {
            return wh_fail(WH_ENOMEM, "a thread could not be started");
        }
        http->thread_count++;
    }
    http->watched = pthread_create(&http->watcher, NULL, whi_line_watch, http) == 0;
    return http->watched ? WH_OK : wh_fail(WH_ENOMEM, "a thread could not be started");
}

static void end_threads(wh_http *http) {
    pthread_mutex_lock(&http->lock);
    http->ended = 1;
    pthread_cond_broadcast(&http->work);
    pthread_cond_broadcast(&http->quiet);
    pthread_mutex_unlock(&http->lock);
    while (http->thread_count > 0) {
        pthread_join(http->threads[--http->thread_count], NULL);
    }
    if (http->watched) {
        pthread_join(http->watcher, NULL);
    }
}

/* -------------------------------------------------------------------- start and stop */

static wh_http *make(void) {
    wh_http *http = whi_calloc(1, sizeof *http);
    pthread_condattr_t attributes;

    if (http == NULL) {
        return NULL;
    }
    http->listener = -1;
    pthread_mutex_init(&http->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&http->work, &attributes);
    pthread_cond_init(&http->quiet, &attributes);
    pthread_condattr_destroy(&attributes);
    return http;
}

/* Once there is a daemon, it closes the listener, unless it was told to be quiet before. */
static void destroy(wh_http *http) {
    int quiesced = http->stopping;

    end_threads(http);
    if (http->daemon != NULL) {
        MHD_stop_daemon(http->daemon);
    }
    if (http->listener >= 0 && (http->daemon == NULL || quiesced)) {
        close(http->listener);
    }
    pthread_cond_destroy(&http->work);
    pthread_cond_destroy(&http->quiet);
    pthread_mutex_destroy(&http->lock);
    whi_free(http->threads);
    whi_free(http->forwarded);
    whi_free(http);
}

static int start(wh_http *http, wh_api *api, const wh_http_options *options) {
    int code;

    http->api = api;
    http->timeout = options->timeout;
    http->header_bytes = (size_t)options->header_bytes;
    http->body_bytes = (size_t)wh_api_body_bytes(api);
    http->forwarded = whi_strdup(options->forwarded, WH_ZSTR);
    if (options->forwarded != NULL && http->forwarded == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    code = listen_at(http, options);
    code = code == WH_OK ? start_threads(http, options->threads) : code;
    return code == WH_OK ? start_daemon(http, options) : code;
}

int wh_http_start(wh_http **out, wh_api *api, const wh_http_options *options) {
    wh_http_options all = WH_HTTP_OPTIONS_INIT;
    wh_http *http;
    int code;

    if (out == NULL || api == NULL) {
        return wh_fail(WH_EINVALID, "out and api: expected, found NULL");
    }
    *out = NULL;
    if (options != NULL) {
        all = *options;
    }
    code = complete(&all);
    if (code != WH_OK) {
        return code;
    }
    http = make();
    if (http == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    code = start(http, api, &all);
    if (code != WH_OK) {
        destroy(http);
        return code;
    }
    *out = http;
    return WH_OK;
}

int wh_http_port(const wh_http *http) {
    return http->port;
}

void wh_http_stop(wh_http *http, int64_t grace) {
    struct timespec at;
    int timed_out = 0;

    if (http == NULL) {
        return;
    }
    MHD_quiesce_daemon(http->daemon);
    shutdown(http->listener, SHUT_RDWR); /* refuses those who come now; closed at the end */
    at = whi_http_at(whi_http_now() + (grace > 0 ? grace : 0));
    pthread_mutex_lock(&http->lock);
    http->stopping = 1;
    while (http->active > 0 && !timed_out) {
        timed_out = pthread_cond_timedwait(&http->quiet, &http->lock, &at) == ETIMEDOUT;
    }
    pthread_mutex_unlock(&http->lock);
    destroy(http);
}
