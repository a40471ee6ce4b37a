/* HTTP/1.1 of our own over sockets that libcurl connected: what its files share.
 *
 *   transport_endpoint.c    what is kept for a subscription's address: the head's beginning, idle connections
 *   transport_connection.c  connections: making and closing them, what ends their requests
 *   transport_exchange.c    one request out, one answer in (pure/answer.h)
 *   transport_direct.c      the vtable: which way a request goes, what is due, what is told
 *
 * Why: of what a delivery costs, libcurl's half is the making of a head and the care for what we do not use. So names,
 * addresses and their policy, connecting, its time-outs and TLS stay libcurl's (a transfer that only connects,
 * WHI_KIND_CONNECT); head and body then leave by one system call, and the answer is read by one. Whatever is out of
 * the ordinary goes libcurl's way from beginning to end: HTTP/2, lines that would frame the message, and an endpoint
 * whose answers are no plain HTTP/1.1.
 *
 * A plain socket is taken from libcurl, whose handle is free again. One with TLS keeps its handle, where the keys are,
 * and stays in its shard; its bytes go through curl_easy_send and curl_easy_recv. Both count as connections of the
 * transport (limits.connections), and idle ones make room.
 *
 * A request and a connection are together from the first moment on, also while it is being made. A connection is used
 * again only when the whole request and the whole answer went over it, the answer allows it, nothing came behind it,
 * and the policy still allows its address. What goes wrong there:
 *
 *   before the first byte of an answer, on a used connection   once more on a new one, in the same attempt and time;
 *                                                              the endpoint's idle ones are as old and are closed
 *   no plain HTTP/1.1                                          the attempt has failed, and the endpoint is libcurl's,
 *                                                              which understands more, from then on
 *   before the head is whole, else                             the attempt has failed
 *   behind the head                                            it is an answer; the connection is closed
 *
 * So but for the first of these nothing leaves twice in an attempt. Want of memory or descriptors is no attempt only
 * as long as nothing has left: on a second connection it is one that has failed.
 *
 * Memory: an endpoint keeps its head, an idle connection itself alone. What is read goes through one buffer, what is
 * kept of a body is lent by the transport until done was called. */
#ifndef WHI_TRANSPORT_DIRECT_H
#define WHI_TRANSPORT_DIRECT_H

#include "base/buf.h"
#include "base/table.h"
#include "outside/transport_curl.h"
#include "pure/answer.h"

#define WHI_DIRECT_READ 16384  /* bytes read at once, and sent at once where there is TLS */
#define WHI_DIRECT_HEAD 131072 /* bytes of a request's head */

typedef struct whi_connection whi_connection;
typedef struct whi_direct whi_direct;

/* Where a request goes, read once. Shared by its endpoint and by the connections with a request for it. */
typedef struct whi_destination {
    int refs;
    char *given; /* the URL as the request had it */
    char *start; /* "POST … HTTP/1.1", "Host: …" */
    size_t start_size;
    char *host;
    uint16_t port;
    int https;
    whi_peer *peer; /* NULL: as for all */
} whi_destination;

typedef struct whi_endpoint {
    struct whi_endpoint *newer, *older; /* by their last use */
    int64_t lane;
    int insecure;
    int odd;                      /* 1: its answers are no plain HTTP/1.1, so they are libcurl's to read */
    whi_destination *destination; /* of its last request */
    size_t connections;           /* of all kinds, idle or not */
    whi_connection *idle;         /* the last used first; they lead to this host and port */
} whi_endpoint;

/* A connection in the making: libcurl's request and whom it is for. */
typedef struct whi_dial {
    whi_request request;
    whi_connection *connection; /* it stays until libcurl has told what came of it */
    int cut;                    /* 1: its request was cut before that; the sentence is in `request` */
} whi_dial;

struct whi_connection {
    whi_timer timer; /* first; not later than the deadline, or than the end of being kept */
    whi_transport *transport;
    whi_endpoint *endpoint;
    whi_destination *destination;  /* of its last request */
    whi_connection *next, **link;  /* all */
    whi_connection *below, *above; /* idle ones of the endpoint */
    whi_connection *older, *newer; /* idle ones of the transport */
    whi_connection *finished_next;
    int fd;            /* -1: in the making, or closed */
    whi_transfer *tls; /* NULL for a plain one */
    whi_dial *dial;    /* NULL once it is made */
    whi_address peer;
    int is_idle, ended; /* ended: its done is called next */
    int64_t idle_until; /* us; with neither request nor dial */

    whi_request *request;
    int64_t started, deadline;
    int64_t answer_by; /* us: the first byte of its answer, before the deadline; 0: by that */
    int used;          /* 1: a request went over it before this one */
    int left;          /* 1: some of this request went over a connection that was before it */
    int broken;        /* not 0: no more can be sent, for this errno */
    int waits;         /* 1: its whole answer came before the request was out, which goes on */
    size_t sent;       /* bytes of the request, head and body */
    size_t total;      /* 0: its head was not made yet */
    whi_answer answer;
    size_t body_bytes, kept_size;
    char *kept;
};

struct whi_direct {
    whi_table endpoints;
    whi_endpoint *newest, *oldest;
    whi_connection *all;
    whi_connection *idle_oldest, *idle_newest;
    whi_connection *finished, **finished_end;
    whi_buf head;
    char *agent; /* "User-Agent: …" and its line end, or "" */
    char *spare; /* for what is kept of a body */
    char read[WHI_DIRECT_READ], part[WHI_DIRECT_READ];
};

/* ---- transport_endpoint.c */

/* The endpoint of a request; one that was used longest ago and has no connections gives way. */
int whi_endpoint_find(whi_transport *transport, const whi_request *request, whi_endpoint **out);
void whi_endpoints_free(whi_direct *direct);

/* 1 if a line of the request is one that only libcurl should send. */
int whi_endpoint_is_unusual(const whi_request *request);

/* Makes the request's head in direct->head. */
int whi_endpoint_head(whi_direct *direct, const whi_destination *destination, const whi_request *request);

/* 1: a connection to one leads to the other. */
int whi_destination_same(const whi_destination *one, const whi_destination *other);
void whi_destination_unref(whi_destination *destination);

void whi_endpoint_put_idle(whi_direct *direct, whi_connection *connection);
void whi_endpoint_take_idle(whi_direct *direct, whi_connection *connection);

/* ---- transport_connection.c */

/* One to be made for the request, which began now (us). An error: there is none. */
int whi_connection_new(whi_transport *transport, whi_endpoint *endpoint, whi_request *request, int64_t now);
void whi_connection_free(whi_connection *connection);

/* Gives it a request of its endpoint. */
void whi_connection_use(whi_connection *connection, whi_request *request, int64_t now);

/* Its socket, which libcurl has connected. */
void whi_connection_take(whi_connection *connection, whi_transfer *transfer);

/* Its time comes at `due` at the latest. */
void whi_connection_arm(whi_connection *connection, int64_t due);

/* When its request's time is over: us. */
int64_t whi_connection_due(const whi_connection *connection);

/* Its request has ended: with its answer, or with an error and its sentence. done is called by transport_direct.c. */
void whi_connection_finish(whi_connection *connection, int error, const char *message);

/* Its time is over: what came of its request until now is what came of it. */
void whi_connection_time_out(whi_connection *connection);

/* Its request has had no answer: once more, on a new connection. */
void whi_connection_again(whi_connection *connection);

/* Nothing of its request has left: libcurl sends it, and the connection is gone. */
void whi_connection_by_curl(whi_connection *connection);

/* From now on its endpoint is libcurl's. */
void whi_connection_is_odd(whi_connection *connection);

/* Closes an idle one. */
void whi_connection_drop(whi_connection *connection);

/* What is kept of a body is given back. */
void whi_connection_give_kept(whi_direct *direct, char *kept);

/* ---- transport_exchange.c */

/* Sends the request over the connection. An error: nothing of it has left, and the connection is as before. */
int whi_connection_begin(whi_connection *connection);
void whi_connection_ready(whi_connection *connection, int what);

/* Bytes or the end of the stream came on an idle connection: 1 if it can still be used. */
int whi_connection_idle(whi_connection *connection);

#endif
