/* Tests: test_transport_both, test_transport_direct, test_transport_faults, test_transport_once, test_transport_tls. */
#include "outside/transport_direct.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/socket.h"
#include "outside/scarce.h"

#define AGAIN (-1)  /* nothing now */
#define FAILED (-2) /* nothing any more */

/* Why a connection has failed; all zero: the other side has closed it. */
typedef struct failure {
    int number; /* errno */
    CURLcode tls;
} failure;

/* ------------------------------------------------------------------ the request out */

static size_t head_size(const whi_connection *connection) {
    return connection->total - connection->request->body_size;
}

/* The head is made once more for what is left of it: the buffer is everybody's. It had room before. */
static void make_rest(whi_connection *connection) {
    if (connection->sent < head_size(connection)) {
        (void)whi_endpoint_head(connection->transport->direct, connection->destination, connection->request);
    }
}

/* The parts that are not sent yet. */
static int list_parts(const whi_connection *connection, struct iovec parts[2]) {
    const whi_request *request = connection->request;
    size_t head = head_size(connection), at = connection->sent;
    int count = 0;

    if (at < head) {
        parts[count++] = (struct iovec){ connection->transport->direct->head.data + at, head - at };
        at = head;
    }
    if (at < connection->total) {
        parts[count++] = (struct iovec){ (char *)request->body + (at - head), connection->total - at };
    }
    return count;
}

static ssize_t put_plain(whi_connection *connection) {
    struct iovec parts[2];
    int count = list_parts(connection, parts);
    ssize_t sent = whi_socket_send_parts(connection->fd, parts, count);

    if (sent < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? AGAIN : FAILED;
    }
    return sent;
}

/* TLS wants the same bytes at the same place, when it could not take them: so a part is what follows from what is
 * sent, in one buffer. */
static ssize_t put_tls(whi_connection *connection) {
    whi_direct *direct = connection->transport->direct;
    const whi_request *request = connection->request;
    size_t head = head_size(connection), at = connection->sent, size = connection->total - at, of_head, sent = 0;
    CURLcode code;

    size = size < sizeof direct->part ? size : sizeof direct->part;
    of_head = at < head ? head - at : 0;
    of_head = of_head < size ? of_head : size;
    if (of_head > 0) {
        memcpy(direct->part, direct->head.data + at, of_head);
    }
    if (size > of_head) {
        memcpy(direct->part + of_head, (const char *)request->body + (at + of_head - head), size - of_head);
    }
    code = curl_easy_send(connection->tls->easy, direct->part, size, &sent);
    return code == CURLE_OK ? (ssize_t)sent : code == CURLE_AGAIN ? AGAIN : FAILED;
}

/* A failure here is not the end: the answer may have come before. Nor is a poller that does not want to hear of the
 * rest, which nobody could send then. */
static void write_on(whi_connection *connection) {
    ssize_t sent = 1;
    int rests;

    while (connection->sent < connection->total && sent > 0) {
        sent = connection->tls != NULL ? put_tls(connection) : put_plain(connection);
        connection->sent += sent > 0 ? (size_t)sent : 0;
    }
    if (sent == FAILED) {
        connection->broken = connection->tls != NULL ? EPIPE : errno;
    }
    rests = connection->sent < connection->total && !connection->broken;
    if (whi_socket_watch(connection->transport, connection->fd, rests ? WHI_READ | WHI_WRITE : WHI_READ) != WH_OK) {
        connection->broken = rests ? ENOBUFS : connection->broken;
    }
}

/* -------------------------------------------------------------------- the answer in */

static ssize_t get_plain(whi_connection *connection, failure *why) {
    ssize_t got = recv(connection->fd, connection->transport->direct->read, WHI_DIRECT_READ, 0);

    if (got >= 0) {
        return got;
    }
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) {
        return AGAIN;
    }
    why->number = errno;
    return FAILED;
}

static ssize_t get_tls(whi_connection *connection, failure *why) {
    whi_direct *direct = connection->transport->direct;
    size_t got = 0;
    CURLcode code = curl_easy_recv(connection->tls->easy, direct->read, sizeof direct->read, &got);

    if (code == CURLE_OK || code == CURLE_AGAIN) {
        return code == CURLE_OK ? (ssize_t)got : AGAIN;
    }
    why->tls = code;
    return FAILED;
}

static ssize_t get(whi_connection *connection, failure *why) {
    return connection->tls != NULL ? get_tls(connection, why) : get_plain(connection, why);
}

/* The answer counts, and its connection goes: with less than all of it, or with more. */
static void finish_and_close(whi_connection *connection) {
    connection->answer.keeps = 0;
    whi_connection_finish(connection, WH_OK, "");
}

/* Behind the answer must be nothing. What TLS holds back the poller does not know of. */
static int is_clean(whi_connection *connection, size_t left) {
    failure why = { 0 };

    return left == 0 && connection->sent == connection->total && !connection->broken &&
           (connection->tls == NULL || get_tls(connection, &why) == AGAIN);
}

/* Without memory nothing is kept, which is no reason to send the event again. */
static void keep(whi_connection *connection, const whi_answer_bytes *body) {
    whi_direct *direct = connection->transport->direct;
    size_t room = (size_t)connection->transport->limits.response_kept_bytes, size = body->size;

    connection->body_bytes += size;
    if (connection->kept == NULL) {
        connection->kept = direct->spare != NULL ? direct->spare : whi_alloc(room);
        direct->spare = NULL;
    }
    if (connection->kept == NULL) {
        return;
    }
    size = size < room - connection->kept_size ? size : room - connection->kept_size;
    memcpy(connection->kept + connection->kept_size, body->text, size);
    connection->kept_size += size;
}

static int is_enough(const whi_connection *connection) {
    return connection->body_bytes > (size_t)connection->transport->limits.response_read_bytes;
}

static void refuse_long(whi_connection *connection) {
    char message[80];

    snprintf(message, sizeof message, "the answer's headers are longer than %lld bytes",
             (long long)connection->transport->limits.response_header_bytes);
    whi_connection_finish(connection, WH_EIO, message);
}

/* libcurl may understand it, but the receiver has the request: this attempt is not made twice. */
static void refuse(whi_connection *connection) {
    whi_connection_is_odd(connection);
    whi_connection_finish(connection, WH_EIO, "the answer is no plain HTTP/1.1");
}

/* What the reader says of the bytes. 1: more must come; else the connection may be gone. */
static int judge(whi_connection *connection, int code, size_t left) {
    if (code == WHI_ANSWER_MORE) {
        return 1;
    }
    if (code == WHI_ANSWER_WHOLE && connection->answer.status < 400 && connection->sent < connection->total &&
        !connection->broken) {
        connection->answer.keeps = 0;
        connection->waits = 1;
        return 1;
    }
    if (code == WHI_ANSWER_WHOLE) {
        connection->answer.keeps = connection->answer.keeps && is_clean(connection, left);
        whi_connection_finish(connection, WH_OK, "");
    } else if (connection->answer.headed) {
        finish_and_close(connection);
    } else if (code == WHI_ANSWER_LONG) {
        refuse_long(connection);
    } else if (code == WHI_ANSWER_OTHER) {
        whi_connection_finish(connection, WH_EIO, "answered 101, which ends nothing");
    } else {
        refuse(connection);
    }
    return 0;
}

static int take_bytes(whi_connection *connection, size_t size) {
    whi_answer_bytes from = { connection->transport->direct->read, size }, body;
    int code;

    do {
        code = whi_answer_read(&connection->answer, &from, &body);
        if (code == WHI_ANSWER_BODY) {
            keep(connection, &body);
        }
    } while (code == WHI_ANSWER_BODY && !is_enough(connection));
    return judge(connection, code, from.size);
}

/* ------------------------------------------------------------------------- its end */

static void fail_plain(whi_connection *connection, const failure *why) {
    char message[128];

    if (why->number == 0) {
        whi_connection_finish(connection, WH_EIO, "the receiver closed the connection without an answer");
        return;
    }
    snprintf(message, sizeof message, "the connection broke before an answer: %.80s", strerror(why->number));
    whi_connection_finish(connection, WH_EIO, message);
}

/* libcurl knows what TLS says, and whether a certificate was asked for. */
static void fail_tls(whi_connection *connection, const failure *why) {
    whi_request *request = connection->request;
    char message[sizeof request->message];

    whi_transfer_blame(connection->tls, request, why->tls != CURLE_OK ? why->tls : CURLE_GOT_NOTHING);
    memcpy(message, request->message, sizeof message);
    whi_connection_finish(connection, request->error, message);
}

/* The stream has ended, or broke. */
static void end(whi_connection *connection, const failure *why) {
    if (connection->answer.headed) {
        finish_and_close(connection);
    } else if (connection->answer.head_bytes > 0) {
        whi_connection_finish(connection, WH_EIO, "the answer's head was cut");
    } else if (connection->used) {
        whi_connection_again(connection);
    } else if (connection->tls != NULL) {
        fail_tls(connection, why);
    } else {
        fail_plain(connection, why);
    }
}

/* No more can be sent, and all that had come was read: nobody answers half a request. */
static void give_up(whi_connection *connection) {
    failure why = { connection->tls == NULL ? connection->broken : 0,
                    connection->tls != NULL ? CURLE_SEND_ERROR : CURLE_OK };
    char message[128];

    if (connection->answer.headed || !whi_scarce_errno(connection->broken)) {
        end(connection, &why);
        return;
    }
    snprintf(message, sizeof message, "the request cannot be sent: %.80s", strerror(connection->broken));
    whi_connection_finish(connection, WH_ERESOURCE, message);
}

/* To be the last that is done with a connection. Where no more can be sent, all that came is read now; and of TLS all
 * that there is, since the poller knows nothing of what it holds back. */
static void read_on(whi_connection *connection) {
    failure why = { 0 };
    int goes_on = 1;

    while (goes_on) {
        int all = connection->broken || connection->tls != NULL;
        ssize_t got = get(connection, &why);
        if (got == AGAIN && connection->broken) {
            give_up(connection);
        }
        if (got == AGAIN) {
            return;
        }
        if (got <= 0) {
            end(connection, &why);
            return;
        }
        goes_on = (connection->waits || take_bytes(connection, (size_t)got)) && all;
    }
}

/* -------------------------------------------------------------------------- from outside */

int whi_connection_begin(whi_connection *connection) {
    whi_transport *transport = connection->transport;
    int code = whi_endpoint_head(transport->direct, connection->destination, connection->request);

    code = code == WH_OK ? whi_socket_watch(transport, connection->fd, WHI_READ) : code;
    if (code != WH_OK) {
        return code;
    }
    connection->sent = connection->body_bytes = connection->kept_size = 0;
    connection->total = transport->direct->head.size + connection->request->body_size;
    connection->broken = connection->waits = 0;
    whi_answer_begin(&connection->answer, (size_t)transport->limits.response_header_bytes);
    write_on(connection);
    if (connection->broken) {
        read_on(connection);
    }
    return WH_OK;
}

void whi_connection_ready(whi_connection *connection, int what) {
    if ((what & WHI_WRITE) && connection->sent < connection->total && !connection->broken) {
        make_rest(connection);
        write_on(connection);
    }
    if (connection->waits && (connection->sent == connection->total || connection->broken)) {
        finish_and_close(connection);
        return;
    }
    if ((what & WHI_READ) || connection->broken) {
        read_on(connection);
    }
}

int whi_connection_idle(whi_connection *connection) {
    failure why = { 0 };

    return get(connection, &why) == AGAIN;
}
