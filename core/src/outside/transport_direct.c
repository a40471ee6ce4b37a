/* Tests: test_transport_both, test_transport_direct, test_transport_faults, test_transport_once, test_transport_tls. */
#include "outside/transport_direct.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

/* The other side counts from when its answer left, and we from when it came: so much before its end a connection is
 * not used any more. */
#define KEEP_MARGIN 500000 /* us */

/* --------------------------------------------------------------------------- telling */

static int64_t kept_for(const whi_connection *connection) {
    int64_t most = connection->transport->kept_us, seconds = connection->answer.keep_seconds;

    return seconds < 0 || seconds > most / 1000000 ? most : seconds * 1000000 - KEEP_MARGIN;
}

/* Closed, or idle: before done is called, which may send the next request over it. */
static void rest(whi_connection *connection, int64_t now) {
    whi_transport *transport = connection->transport;

    connection->used = 1;
    connection->idle_until = now + kept_for(connection);
    if (connection->fd < 0 || connection->idle_until <= now) {
        whi_connection_free(connection);
        return;
    }
    whi_endpoint_put_idle(transport->direct, connection);
    whi_connection_arm(connection, connection->idle_until);
    transport->pressed |= transport->room != NULL;
}

static void call_done(whi_connection *connection) {
    whi_direct *direct = connection->transport->direct;
    whi_request *request = connection->request;
    int64_t now = whi_monotonic_us();
    char *kept = connection->kept;

    request->duration_us = now - connection->started;
    connection->request = NULL;
    connection->kept = NULL;
    connection->ended = 0;
    rest(connection, now);
    request->done(request, request->payload);
    whi_connection_give_kept(direct, kept);
}

/* Only those that had ended before: done may send, and that may end at once. */
static void answer(whi_transport *transport) {
    whi_direct *direct = transport->direct;
    whi_connection *connection = direct->finished;

    direct->finished = NULL;
    direct->finished_end = &direct->finished;
    while (connection != NULL) {
        whi_connection *next = connection->finished_next;
        call_done(connection);
        connection = next;
    }
}

/* ------------------------------------------------------------------- what libcurl tells */

/* What was connected at the end of its time sends nothing any more. */
static void begin_or_fail(whi_connection *connection) {
    int code;

    if (whi_monotonic_us() >= whi_connection_due(connection)) {
        whi_connection_time_out(connection);
        return;
    }
    whi_connection_arm(connection, whi_connection_due(connection));
    code = whi_connection_begin(connection);
    if (code != WH_OK) {
        whi_connection_finish(connection, code, wh_last_error());
    }
}

/* Where libcurl keeps the socket to itself, the request is its own as well. */
static void on_connected(whi_transfer *transfer) {
    whi_dial *made = (whi_dial *)transfer->request;
    whi_connection *connection = made->connection;
    int code = made->request.error;

    transfer->request = NULL;
    connection->dial = NULL;
    if (code == WH_OK && transfer->socket >= 0) {
        whi_connection_take(connection, transfer);
    } else {
        whi_transfer_give_back(transfer);
    }
    if (code != WH_OK || made->cut) {
        whi_connection_finish(connection, code != WH_OK ? code : WH_ECLOSED, made->request.message);
    } else if (connection->fd >= 0) {
        begin_or_fail(connection);
    } else {
        whi_connection_is_odd(connection);
        whi_connection_by_curl(connection);
    }
    whi_free(made);
}

static void on_ready(whi_connection *connection, int what) {
    if (connection->is_idle) {
        if (!whi_connection_idle(connection)) {
            whi_connection_drop(connection);
        }
    } else if (connection->request != NULL && !connection->ended) {
        whi_connection_ready(connection, what);
    }
}

/* One that is in the making has its time from libcurl. */
static void on_due(whi_timer *timer) {
    whi_connection *connection = (whi_connection *)timer;
    int64_t due = connection->is_idle ? connection->idle_until : whi_connection_due(connection);

    if (connection->ended || connection->dial != NULL) {
        return;
    }
    if (due > whi_monotonic_us()) {
        whi_connection_arm(connection, due);
    } else if (connection->is_idle) {
        whi_connection_drop(connection);
    } else {
        whi_connection_time_out(connection);
    }
}

/* The longest unused first. */
static void relieve(whi_transport *transport, int64_t enough) {
    while (transport->socket_count > enough && transport->direct->idle_oldest != NULL) {
        whi_connection_drop(transport->direct->idle_oldest);
    }
}

static const whi_above above = { on_connected, on_ready, on_due, relieve };

/* --------------------------------------------------------------------------- sending */

static int may_be_used(const whi_connection *connection, int64_t now) {
    return connection->idle_until > now &&
           whi_destination_same(connection->destination, connection->endpoint->destination) &&
           whi_policy_allows(connection->transport->policy, &connection->peer.any, NULL);
}

/* The last one used, if it may be used again. */
static whi_connection *take_idle(whi_transport *transport, const whi_endpoint *endpoint, int64_t now) {
    whi_connection *connection;

    while ((connection = endpoint->idle) != NULL) {
        if (may_be_used(connection, now) && whi_connection_idle(connection)) {
            whi_endpoint_take_idle(transport->direct, connection);
            return connection;
        }
        whi_connection_drop(connection);
    }
    return NULL;
}

static int send_over(whi_connection *connection, whi_request *request, int64_t now) {
    int code;

    whi_connection_use(connection, request, now);
    whi_connection_arm(connection, whi_connection_due(connection));
    code = whi_connection_begin(connection);
    if (code != WH_OK) {
        connection->request = NULL;
        whi_endpoint_put_idle(connection->transport->direct, connection);
    }
    return code;
}

static int is_proxied(const whi_request *request) {
    return request->peer != NULL && request->peer->proxy != NULL;
}

static int auto_send(whi_transport *transport, whi_request *request) {
    int64_t now = whi_monotonic_us();
    whi_endpoint *endpoint;
    whi_connection *connection;
    int code = whi_request_check(request);

    if (code != WH_OK || request->http2 || is_proxied(request) || whi_endpoint_is_unusual(request)) {
        return code != WH_OK ? code : whi_curl_submit(transport, request, 0, now);
    }
    code = whi_endpoint_find(transport, request, &endpoint);
    if (code != WH_OK || endpoint->odd) {
        return code != WH_OK ? code : whi_curl_submit(transport, request, 0, now);
    }
    connection = take_idle(transport, endpoint, now);
    return connection != NULL ? send_over(connection, request, now)
                              : whi_connection_new(transport, endpoint, request, now);
}

static void auto_ready(whi_transport *transport, const whi_ready *ready, int count) {
    whi_transport_curl.ready(transport, ready, count);
    answer(transport);
}

static void auto_tick(whi_transport *transport) {
    whi_transport_curl.tick(transport);
    answer(transport);
}

static int auto_timeout(const whi_transport *transport) {
    return transport->direct->finished != NULL ? 0 : whi_transport_curl.timeout(transport);
}

/* One that was connected, and has not been told so yet, is told that it was cut. */
static void cut_dial(whi_dial *dial, const char *message) {
    if (dial->request.error == WH_OK) {
        dial->cut = 1;
        whi_request_say(&dial->request, message);
    }
}

/* libcurl first: then what it was to connect has ended there. */
static void cut_connection(whi_connection *connection, const char *message) {
    if (connection->dial != NULL) {
        whi_transport_curl.cut(connection->transport, &connection->dial->request, message);
        cut_dial(connection->dial, message);
    } else if (connection->request != NULL && !connection->ended) {
        whi_connection_finish(connection, WH_ECLOSED, message);
    }
}

static void cut_all(whi_transport *transport, const char *message) {
    whi_transport_curl.cut(transport, NULL, message);
    for (whi_connection *at = transport->direct->all; at != NULL; at = at->next) {
        if (at->dial != NULL) {
            cut_dial(at->dial, message);
        } else {
            cut_connection(at, message);
        }
    }
}

static void auto_cut(whi_transport *transport, const whi_request *only, const char *message) {
    whi_connection *at = transport->direct->all;

    if (only == NULL) {
        cut_all(transport, message);
        return;
    }
    while (at != NULL && at->request != only) {
        at = at->next;
    }
    if (at != NULL) {
        cut_connection(at, message);
    } else {
        whi_transport_curl.cut(transport, only, message);
    }
}

/* ----------------------------------------------------------------- opening, closing */

static int set_agent(whi_transport *transport) {
    const char *agent = transport->user_agent;
    whi_buf line;

    whi_buf_init(&line, WHI_DIRECT_HEAD);
    whi_buf_text(&line, "");
    if (agent != NULL && agent[0] != '\0') {
        whi_buf_format(&line, "User-Agent: %s\r\n", agent);
    }
    return whi_buf_take(&line, &transport->direct->agent, NULL);
}

static int make_direct(whi_transport *transport) {
    whi_direct *direct = whi_calloc(1, sizeof *direct);

    if (direct == NULL) {
        return whi_fail_memory();
    }
    transport->direct = direct;
    transport->above = &above;
    direct->finished_end = &direct->finished;
    whi_buf_init(&direct->head, WHI_DIRECT_HEAD);
    return set_agent(transport);
}

/* Sockets that libcurl has let go of, and no connection has been told of. */
static void close_untold(whi_transport *transport) {
    for (whi_transfer *at = transport->under_way; at != NULL; at = at->next) {
        if ((at->kind & WHI_KIND_CONNECT) && at->socket >= 0 && transport->sockets[at->socket].taken) {
            whi_socket_release(transport, at->socket);
        }
    }
}

/* Before libcurl's part, which has the handles of those with TLS. */
static void free_direct(whi_transport *transport) {
    whi_direct *direct = transport->direct;

    if (direct == NULL) {
        return;
    }
    while (direct->all != NULL) {
        whi_connection_free(direct->all);
    }
    close_untold(transport);
    whi_endpoints_free(direct);
    whi_buf_free(&direct->head);
    whi_free(direct->agent);
    whi_free(direct->spare);
    whi_free(direct);
}

static void auto_close(whi_transport *transport) {
    if (transport != NULL) {
        free_direct(transport);
    }
    whi_transport_curl.close(transport);
}

static int auto_open(whi_transport **out, const whi_transport_options *options) {
    int code = whi_transport_curl.open(out, options);

    if (code != WH_OK) {
        return code;
    }
    code = make_direct(*out);
    if (code != WH_OK) {
        auto_close(*out);
        *out = NULL;
    }
    return code;
}

const whi_transport_vtable whi_transport_auto = { auto_open, auto_close,   auto_send, auto_ready,
                                                  auto_tick, auto_timeout, auto_cut };
