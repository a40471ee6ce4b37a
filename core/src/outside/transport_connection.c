/* Tests: test_transport_both, test_transport_direct, test_transport_faults, test_transport_once, test_transport_tls. */
#include "outside/transport_direct.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

/* ------------------------------------------------------------------ making, closing */

/* The timer may fall due too early, never too late: so it is not moved with each request. */
void whi_connection_arm(whi_connection *connection, int64_t due) {
    whi_heap_item *item = &connection->timer.item;

    if (item->at == 0 || due < item->due) {
        whi_timer_set(connection->transport, &connection->timer, due);
    }
}

int64_t whi_connection_due(const whi_connection *connection) {
    return connection->answer_by != 0 && connection->answer.head_bytes == 0 ? connection->answer_by
                                                                            : connection->deadline;
}

static whi_connection *make(whi_transport *transport, whi_endpoint *endpoint) {
    whi_direct *direct = transport->direct;
    whi_connection *connection = whi_timer_reserve(transport) == WH_OK ? whi_calloc(1, sizeof *connection) : NULL;

    if (connection == NULL) {
        return NULL;
    }
    connection->timer.kind = WHI_TIMER_CONNECTION;
    connection->transport = transport;
    connection->endpoint = endpoint;
    connection->fd = -1;
    connection->link = &direct->all;
    connection->next = direct->all;
    if (connection->next != NULL) {
        connection->next->link = &connection->next;
    }
    direct->all = connection;
    transport->connections++;
    endpoint->connections++;
    return connection;
}

static void close_socket(whi_connection *connection) {
    whi_transport *transport = connection->transport;
    whi_transfer *tls = connection->tls;

    if (connection->fd < 0) {
        return;
    }
    if (tls != NULL) {
        transport->sockets[connection->fd].connection = NULL;
        whi_shard_remove(tls->shard, tls);
        whi_transfer_give_back(tls);
        connection->tls = NULL;
    } else {
        whi_socket_release(transport, connection->fd);
    }
    connection->fd = -1;
}

void whi_connection_give_kept(whi_direct *direct, char *kept) {
    if (direct->spare == NULL) {
        direct->spare = kept;
    } else {
        whi_free(kept);
    }
}

void whi_connection_free(whi_connection *connection) {
    whi_transport *transport = connection->transport;

    close_socket(connection);
    whi_timer_stop(transport, &connection->timer);
    *connection->link = connection->next;
    if (connection->next != NULL) {
        connection->next->link = connection->link;
    }
    transport->connections--;
    connection->endpoint->connections--;
    whi_destination_unref(connection->destination);
    whi_connection_give_kept(transport->direct, connection->kept);
    whi_free(connection->dial);
    whi_free(connection);
}

void whi_connection_drop(whi_connection *connection) {
    whi_endpoint_take_idle(connection->transport->direct, connection);
    whi_connection_free(connection);
}

/* ----------------------------------------------------------------------- finishing */

static int is_kept(const whi_connection *connection, int error) {
    return error == WH_OK && connection->answer.keeps &&
           whi_destination_same(connection->destination, connection->endpoint->destination);
}

/* Want of something here is no attempt, unless the receiver may have got the request. */
static int told(const whi_connection *connection, int error) {
    int wants = error == WH_ENOMEM || error == WH_ERESOURCE;

    return wants && (connection->left || connection->sent > 0) ? WH_EIO : error;
}

void whi_connection_finish(whi_connection *connection, int error, const char *message) {
    whi_direct *direct = connection->transport->direct;
    whi_request *request = connection->request;
    int answered = error == WH_OK;

    request->error = told(connection, error);
    request->status = answered ? connection->answer.status : 0;
    request->response = answered && connection->kept_size > 0 ? connection->kept : NULL;
    request->response_size = answered ? connection->kept_size : 0;
    request->retry_after[0] = '\0';
    if (answered) {
        memcpy(request->retry_after, connection->answer.retry_after, sizeof request->retry_after);
    }
    whi_request_say(request, message);
    if (!is_kept(connection, error)) {
        close_socket(connection);
    }
    connection->ended = 1;
    connection->finished_next = NULL;
    *direct->finished_end = connection;
    direct->finished_end = &connection->finished_next;
}

void whi_connection_time_out(whi_connection *connection) {
    char message[64];

    if (connection->answer.headed) {
        connection->answer.keeps = 0;
        whi_connection_finish(connection, WH_OK, "");
        return;
    }
    if (whi_monotonic_us() < connection->deadline) {
        snprintf(message, sizeof message, "no answer within %lld ms (answer timeout)",
                 (long long)connection->request->answer_timeout);
    } else {
        snprintf(message, sizeof message, "no complete answer within %lld ms (timeout)",
                 (long long)connection->request->timeout);
    }
    whi_connection_finish(connection, WH_ETIMEOUT, message);
}

/* ---------------------------------------------------------------------- connecting */

/* Who has not connected until then will not have answered. */
static int64_t connect_timeout_of(const whi_request *request) {
    return request->answer_timeout != 0 && request->answer_timeout < request->connect_timeout
               ? request->answer_timeout
               : request->connect_timeout;
}

static int dial(whi_connection *connection) {
    const whi_request *request = connection->request;
    whi_dial *made = whi_calloc(1, sizeof *made);
    int code;

    if (made == NULL) {
        return whi_fail_memory();
    }
    made->connection = connection;
    made->request.url = request->url;
    made->request.lane = request->lane;
    made->request.connect_timeout = connect_timeout_of(request);
    made->request.timeout = request->timeout;
    made->request.insecure = request->insecure;
    made->request.peer = request->peer;
    code = whi_curl_submit(connection->transport, &made->request, WHI_KIND_CONNECT, connection->started);
    if (code != WH_OK) {
        whi_free(made);
        return code;
    }
    connection->dial = made;
    return WH_OK;
}

void whi_connection_use(whi_connection *connection, whi_request *request, int64_t now) {
    whi_destination_unref(connection->destination);
    connection->destination = connection->endpoint->destination;
    connection->destination->refs++;
    connection->request = request;
    connection->started = now;
    connection->deadline = now + whi_span_us(request->timeout);
    connection->answer_by = request->answer_timeout != 0 && request->answer_timeout < request->timeout
                                ? now + whi_span_us(request->answer_timeout)
                                : 0;
    connection->left = 0;
    connection->sent = 0;
    connection->answer.headed = 0;
    connection->answer.head_bytes = 0;
    request->retry_after[0] = '\0';
}

int whi_connection_new(whi_transport *transport, whi_endpoint *endpoint, whi_request *request, int64_t now) {
    whi_connection *connection = make(transport, endpoint);
    int code;

    if (connection == NULL) {
        return whi_fail_memory();
    }
    whi_connection_use(connection, request, now);
    code = dial(connection);
    if (code != WH_OK) {
        whi_connection_free(connection);
    }
    return code;
}

/* Whom the policy is asked about when it is used again: of several addresses the one that was reached. */
void whi_connection_take(whi_connection *connection, whi_transfer *transfer) {
    socklen_t size = sizeof connection->peer;

    connection->fd = transfer->socket;
    connection->transport->sockets[connection->fd].connection = connection;
    if (getpeername(connection->fd, &connection->peer.any, &size) != 0) {
        memset(&connection->peer, 0, sizeof connection->peer);
    }
    if (connection->destination->https) {
        connection->tls = transfer;
    } else {
        whi_transfer_give_back(transfer);
    }
}

/* The others of the endpoint are as old, and have most likely been closed with it. A new connection is not a used one,
 * so this comes once. */
void whi_connection_again(whi_connection *connection) {
    int code;

    close_socket(connection);
    while (connection->endpoint->idle != NULL) {
        whi_connection_drop(connection->endpoint->idle);
    }
    connection->used = 0;
    connection->left = connection->sent > 0;
    connection->sent = 0;
    if (whi_monotonic_us() >= whi_connection_due(connection)) {
        whi_connection_time_out(connection);
        return;
    }
    code = dial(connection);
    if (code != WH_OK) {
        whi_connection_finish(connection, code, wh_last_error());
    }
}

void whi_connection_is_odd(whi_connection *connection) {
    whi_endpoint *endpoint = connection->endpoint;

    endpoint->odd |= whi_destination_same(endpoint->destination, connection->destination);
}

void whi_connection_by_curl(whi_connection *connection) {
    int code;

    close_socket(connection);
    code = whi_curl_submit(connection->transport, connection->request, 0, connection->started);
    if (code != WH_OK) {
        whi_connection_finish(connection, code, wh_last_error());
    } else {
        whi_connection_free(connection);
    }
}
