/* The parts of the HTTP server, which answers by wh_api_handle.
 *
 * Connections are shared out among threads, each a daemon of libmicrohttpd that polls its
 * own, so that slow clients hold no thread. A request that is complete is answered by the
 * thread that has read it: a publish waits for the disk there, and as many as wait at once
 * share a commit. Handing each to another thread instead costs more than answering it. What
 * may take long, as wh_api_look says, is handed over all the same, by suspending its connection, so that its
 * neighbours need not wait.
 *
 * libmicrohttpd's own time-out is of silence alone: a client that sends a byte now and then
 * would stay for ever. So each connection has a deadline, which a thread watches: a request
 * must have arrived in whole, and an answer must have been taken, within twice the time-out.
 *
 * When there are as many connections as are allowed, whoever comes does not wait for a deadline: the one that has been
 * idle for longest, or with a request that is not there in whole, makes room. An address that has its share of them
 * makes room for itself alone. So it takes as many connections to keep somebody out as there may be, from two
 * addresses at least, and all of them anew within the time that a request takes to arrive.
 *
 * Nothing of the library is used here but wh_api_*, wh_free, wh_fail and base/mem.h, which
 * the shared library has a copy of. */
#ifndef WHI_HTTPD_H
#define WHI_HTTPD_H

#include <microhttpd.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

#include "webhook_http.h"

#define WHI_HTTP_PEER 64 /* bytes of an address as text */
#define WHI_HTTP_LONG 4  /* threads for what may take long */
/* Connections that were told to go and are not gone yet: there are so many more than are allowed, at most. */
#define WHI_HTTP_LEAVING 64

/* A connection. */
typedef struct whi_line {
    struct whi_line *next, *before;
    int fd;
    int64_t deadline; /* monotonic ms; WHI_HTTP_NEVER while it is we who work */
    uint64_t from;    /* its address: see whi_line_from */
    uint64_t used;    /* when it was begun, or its last request was there in whole: a count, see wh_http.uses */
    int busy;         /* 1: its request is there in whole, and the answer is not taken yet */
    int leaving;      /* 1: it was told to go, to make room */
} whi_line;

#define WHI_HTTP_NEVER INT64_MAX

enum whi_exchange_state {
    WHI_HTTP_NEW,      /* its first line was read */
    WHI_HTTP_READING,  /* its headers were */
    WHI_HTTP_WAITING,  /* complete; being answered, or suspended until it is */
    WHI_HTTP_ANSWERED, /* the reply is made */
};

/* A request and its answer. */
typedef struct whi_exchange {
    struct whi_exchange *next; /* in the queue */
    wh_http *http;
    struct MHD_Connection *connection;
    int state;
    char *target; /* as sent; `query` points behind its "?", or is NULL */
    char *path, *query;
    const char *method; /* libmicrohttpd's */
    wh_header *headers;
    size_t header_count;
    char *body;
    size_t size, capacity, reserved;
    size_t limit;  /* bytes of a body that its route can use */
    size_t excess; /* bytes that came beyond that and were thrown away */
    int slow;      /* it may take seconds */
    int refused;   /* a status that is answered without asking the API, or 0 */
    int status;
    struct MHD_Response *reply; /* NULL: there was no memory for it */
    char peer[WHI_HTTP_PEER];
} whi_exchange;

struct wh_http {
    wh_api *api;
    struct MHD_Daemon **daemons;
    unsigned daemon_count, connections;
    int64_t share; /* connections of one address */
    int listener, port;
    int wake[2];                     /* a pipe; its end tells the acceptor to go */
    char *forwarded;                 /* or NULL */
    int64_t timeout;                 /* ms */
    size_t header_bytes, body_bytes; /* of the largest body, too */

    pthread_mutex_t lock; /* of what follows */
    pthread_cond_t work;  /* something is in the queue, or the end has come */
    pthread_cond_t quiet; /* no request is under way, or the end has come */
    whi_exchange *first, *last;
    whi_line *lines;
    unsigned open, pending; /* connections that were begun, and those handed over before that */
    unsigned leaving;       /* of those that are open, told to make room */
    uint64_t uses;          /* tells the order in which connections were used */
    size_t reserved;        /* bytes for large bodies */
    unsigned active;        /* requests between their first line and the end of their answer */
    int stopping;           /* answers close their connections */
    int ended;              /* no request is taken any more */

    pthread_t threads[WHI_HTTP_LONG], watcher, acceptor;
    unsigned thread_count;
    int watched, accepting;
};

/* Sentences for wh_last_error. */
#define WHI_HTTP_SENTENCE 256

int64_t whi_http_now(void);

/* libmicrohttpd's callbacks; cls is the wh_http. */
void *whi_exchange_begin(void *cls, const char *uri, struct MHD_Connection *connection);
enum MHD_Result whi_exchange_go(void *cls, struct MHD_Connection *connection, const char *url, const char *method,
                                const char *version, const char *data, size_t *size, void **self);
void whi_exchange_end(void *cls, struct MHD_Connection *connection, void **self,
                      enum MHD_RequestTerminationCode reason);
void whi_line_notice(void *cls, struct MHD_Connection *connection, void **self,
                     enum MHD_ConnectionNotificationCode what);

/* A thread that answers; payload is the wh_http. */
void *whi_exchange_answer(void *payload);

/* ---- listen.c */
/* Opens http->listener; a code. */
int whi_listen(wh_http *http, const wh_http_options *options);
/* The thread that accepts connections and shares them out. */
void *whi_listen_accept(void *payload);

/* ---- line.c */
/* The thread that watches deadlines. */
void *whi_line_watch(void *payload);

/* Under the lock: its request is there in whole, and the answer is ours to make. */
void whi_line_work(wh_http *http, struct MHD_Connection *connection);
/* Under the lock: from now on it must go on in time. busy: it has yet to take an answer, and makes no room. */
void whi_line_wait(wh_http *http, struct MHD_Connection *connection, int busy);

/* An address as a number: IPv4 as it is, of IPv6 the network of 64 bits, which one client has as a rule. */
uint64_t whi_line_from(const struct sockaddr *address);

/* Under the lock: 1 if a connection was told to go. whi_line_make_room_of: one of this address. */
int whi_line_make_room(wh_http *http);
int whi_line_make_room_of(wh_http *http, uint64_t from);

/* Under the lock: how many this address has. */
int64_t whi_line_count(const wh_http *http, uint64_t from);

#endif
