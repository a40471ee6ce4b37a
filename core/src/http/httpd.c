/* Starting and stopping: the listening socket, libmicrohttpd, the threads. Tests: test_http. */
#include "http/httpd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/condition.h"
#include "base/mem.h"
#include "webhook_backend.h"

#define THREADS 16
#define THREADS_MAXIMUM 256
#define CONNECTIONS 1000
#define CONNECTIONS_MAXIMUM 100000
#define TIMEOUT 30000
#define TIMEOUT_MAXIMUM 86400000
#define GRACE_MAXIMUM (INT64_C(1) << 40) /* ms, which are 34 years: a sum that is still a time */
#define HEADER_BYTES 32768
#define HEADER_BYTES_MINIMUM 1024
#define HEADER_BYTES_MAXIMUM 1048576

/* -------------------------------------------------------------------------- options */

static int within(const char *name, int64_t value, int64_t lowest, int64_t highest) {
    char sentence[WHI_HTTP_SENTENCE];

    if (value >= lowest && value <= highest) {
        return WH_OK;
    }
    snprintf(sentence, sizeof sentence, "expected a number from %lld to %lld, found %lld", (long long)lowest,
             (long long)highest, (long long)value);
    return wh_fail_field(WH_EINVALID, name, sentence);
}

/* At most half of the files that the process may open: with a flood of connections the others
 * are left for the store, and for what is delivered. */
static unsigned default_connections(void) {
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == RLIM_INFINITY || files.rlim_cur / 2 > CONNECTIONS) {
        return CONNECTIONS;
    }
    return files.rlim_cur >= 2 ? (unsigned)(files.rlim_cur / 2) : 1;
}

/* Half, so that one address keeps nobody out. Of a proxy all connections are. */
static int64_t default_share(const wh_http_options *options) {
    return options->forwarded != NULL || options->connections < 2 ? options->connections : options->connections / 2;
}

/* Puts the defaults in and checks. */
static int complete(wh_http_options *options, const wh_http_options *given) {
    static const wh_http_options defaults = WH_HTTP_OPTIONS_INIT;
    int code = wh_struct_take(options, sizeof *options, given != NULL ? given : &defaults, "WH_HTTP_OPTIONS_INIT");

    if (code != WH_OK) {
        return code;
    }
    options->address = options->address != NULL ? options->address : "127.0.0.1";
    options->threads = options->threads ? options->threads : THREADS;
    options->connections = options->connections ? options->connections : default_connections();
    options->timeout = options->timeout ? options->timeout : TIMEOUT;
    options->header_bytes = options->header_bytes ? options->header_bytes : HEADER_BYTES;
    options->address_connections = options->address_connections ? options->address_connections : default_share(options);
    code = within("port", options->port, 0, 65535);
    code = code == WH_OK ? within("threads", options->threads, 1, THREADS_MAXIMUM) : code;
    code = code == WH_OK ? within("connections", options->connections, 1, CONNECTIONS_MAXIMUM) : code;
    code = code == WH_OK ? within("address_connections", options->address_connections, 1, CONNECTIONS_MAXIMUM) : code;
    code = code == WH_OK ? within("timeout", options->timeout, 1, TIMEOUT_MAXIMUM) : code;
    return code == WH_OK ? within("header_bytes", options->header_bytes, HEADER_BYTES_MINIMUM, HEADER_BYTES_MAXIMUM)
                         : code;
}

/* ---------------------------------------------------------------------- the daemons */

/* In libmicrohttpd before 1.0 all that strictness adds is that HTTP/1.1 needs a Host; and what it refuses so it
 * answers with its head twice. exchange.c asks for the Host. */
#define STRICT (MHD_VERSION >= 0x00097701 ? 1 : 0)

/* Its own limit is never reached, since a daemon that refuses a connection for that may lock itself up (0.9.75).
 * The memory of a connection holds the headers as they came, what is noted of each, and the
 * answer's headers. */
static struct MHD_Daemon *make_daemon(wh_http *http, const wh_http_options *options) {
    unsigned flags = MHD_USE_AUTO_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ITC | MHD_ALLOW_SUSPEND_RESUME;

    return MHD_start_daemon(flags, 0, NULL, NULL, whi_exchange_go, http, MHD_OPTION_CONNECTION_LIMIT,
                            options->connections + WHI_HTTP_LEAVING, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)options->header_bytes * 2 + 4096, MHD_OPTION_CONNECTION_TIMEOUT,
                            (unsigned)((options->timeout + 999) / 1000), MHD_OPTION_STRICT_FOR_CLIENT, STRICT,
                            MHD_OPTION_URI_LOG_CALLBACK, whi_exchange_begin, http, MHD_OPTION_NOTIFY_COMPLETED,
                            whi_exchange_end, http, MHD_OPTION_NOTIFY_CONNECTION, whi_line_notice, http,
                            MHD_OPTION_END);
}

static int start_daemons(wh_http *http, const wh_http_options *options) {
    http->daemons = whi_calloc(options->threads, sizeof(struct MHD_Daemon *));
    if (http->daemons == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    while (http->daemon_count < options->threads) {
        struct MHD_Daemon *made = make_daemon(http, options);
        if (made == NULL) {
            return wh_fail(WH_EIO, "libmicrohttpd could not be started");
        }
        http->daemons[http->daemon_count++] = made;
    }
    return WH_OK;
}

/* ------------------------------------------------------------------------ the threads */

static int start_threads(wh_http *http) {
    while (http->thread_count < WHI_HTTP_LONG &&
           pthread_create(&http->threads[http->thread_count], NULL, whi_exchange_answer, http) == 0) {
        http->thread_count++;
    }
    http->watched = pthread_create(&http->watcher, NULL, whi_line_watch, http) == 0;
    return http->watched && http->thread_count == WHI_HTTP_LONG ? WH_OK
                                                                : wh_fail(WH_ENOMEM, "a thread could not be started");
}

static int start_accepting(wh_http *http) {
    if (pipe(http->wake) != 0) {
        return wh_fail(WH_EIO, "no pipe could be made: too many files are open");
    }
    fcntl(http->wake[0], F_SETFD, FD_CLOEXEC);
    fcntl(http->wake[1], F_SETFD, FD_CLOEXEC);
    http->accepting = pthread_create(&http->acceptor, NULL, whi_listen_accept, http) == 0;
    return http->accepting ? WH_OK : wh_fail(WH_ENOMEM, "a thread could not be started");
}

static void close_if(int fd) {
    if (fd >= 0) {
        close(fd);
    }
}

static void end_accepting(wh_http *http) {
    close_if(http->wake[1]);
    if (http->accepting) {
        pthread_join(http->acceptor, NULL);
    }
    close_if(http->wake[0]);
    close_if(http->listener);
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

    if (http == NULL) {
        return NULL;
    }
    http->listener = http->wake[0] = http->wake[1] = -1;
    pthread_mutex_init(&http->lock, NULL);
    whi_condition_init(&http->work);
    whi_condition_init(&http->quiet);
    return http;
}

/* Those who accept are gone. Daemons end after the threads that resume their connections. */
static void destroy(wh_http *http) {
    end_threads(http);
    while (http->daemon_count > 0) {
        MHD_stop_daemon(http->daemons[--http->daemon_count]);
    }
    pthread_cond_destroy(&http->work);
    pthread_cond_destroy(&http->quiet);
    pthread_mutex_destroy(&http->lock);
    whi_free(http->daemons);
    whi_free(http->forwarded);
    whi_free(http);
}

static int start(wh_http *http, wh_api *api, const wh_http_options *options) {
    int code;

    http->api = api;
    http->timeout = options->timeout;
    http->connections = options->connections;
    http->share = options->address_connections;
    http->header_bytes = (size_t)options->header_bytes;
    http->body_bytes = (size_t)wh_api_body_bytes(api);
    http->forwarded = whi_strdup(options->forwarded, WH_ZSTR);
    if (options->forwarded != NULL && http->forwarded == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    code = whi_listen(http, options);
    code = code == WH_OK ? start_threads(http) : code;
    code = code == WH_OK ? start_daemons(http, options) : code;
    return code == WH_OK ? start_accepting(http) : code;
}

int wh_http_start(wh_http **out, wh_api *api, const wh_http_options *options) {
    wh_http_options all;
    wh_http *http;
    int code;

    if (out == NULL || api == NULL) {
        return wh_fail_field(WH_EINVALID, out == NULL ? "out" : "api", "expected one, found NULL");
    }
    *out = NULL;
    code = complete(&all, options);
    if (code != WH_OK) {
        return code;
    }
    http = make();
    if (http == NULL) {
        return wh_fail(WH_ENOMEM, "out of memory");
    }
    code = start(http, api, &all);
    if (code != WH_OK) {
        end_accepting(http);
        destroy(http);
        return code;
    }
    *out = http;
    return WH_OK;
}

int wh_http_port(const wh_http *http) {
    return http != NULL ? http->port : 0;
}

void wh_http_stop(wh_http *http, int64_t grace) {
    int64_t until;
    int timed_out = 0;

    if (http == NULL) {
        return;
    }
    end_accepting(http);
    grace = grace < 0 ? 0 : grace > GRACE_MAXIMUM ? GRACE_MAXIMUM : grace;
    until = (whi_http_now() + grace) * 1000;
    pthread_mutex_lock(&http->lock);
    http->stopping = 1;
    while (http->active > 0 && !timed_out) {
        timed_out = whi_condition_wait(&http->quiet, &http->lock, until);
    }
    pthread_mutex_unlock(&http->lock);
    destroy(http);
}
