/* Sending HTTP requests: a vtable, so that tests can answer without a network.
 *
 * One thread at a time. A transport stands on the worker's poller: it watches its
 * sockets there, and the worker hands it what became ready. */
#ifndef WHI_TRANSPORT_H
#define WHI_TRANSPORT_H

#include <stddef.h>
#include <stdint.h>

#include "outside/poller.h"
#include "pure/address.h"
#include "pure/peer.h"
#include "webhook.h"

#define WHI_REQUEST_LINES 128 /* a subscription's 50, a rule's 50, a login's 10, and our own */

/* A request in the making and under way. The caller fills it, owns it and all that
 * it points to, and leaves it alone until `done` was called with it. */
typedef struct whi_request {
    const char *url;
    const char *lines[WHI_REQUEST_LINES]; /* "Name: value" */
    size_t line_count;
    const void *body;
    size_t body_size;
    int64_t lane;            /* requests of one lane share connections: the subscription */
    int64_t connect_timeout; /* ms */
    int64_t answer_timeout;  /* ms until the first byte of the answer, from the beginning; 0: as the whole */
    int64_t timeout;         /* ms for the whole request */
    int insecure, http2;
    whi_peer *peer; /* NULL: as for all; its requests share connections with those of the same mark alone */

    void (*done)(struct whi_request *request, void *payload);
    void *payload;

    /* Filled when done is called. */
    int error;  /* WH_OK when an answer was read; else a network code, or WH_ERESOURCE or WH_ENOMEM when
                   the request has not left for want of something here: that is no attempt; or WH_ECLOSED
                   when it was cut */
    int status; /* 200 …; 0 without an answer */
    int64_t duration_us;
    char retry_after[64]; /* the header's value, "" without one */
    char message[256];    /* what went wrong, for a human */
    char *response;       /* the first response_kept_bytes of the body, not terminated;
                             belongs to the transport and is gone after done */
    size_t response_size;
} whi_request;

typedef struct whi_transport_options {
    const wh_limits *limits; /* response_*, in_flight, connections */
    const whi_policy *policy;
    const char *user_agent; /* "" for none */
    const char *ca_file;    /* NULL: the system's */
    whi_poller *poller;
    int64_t kept_ms; /* how long an idle connection is kept; 0: a minute */
} whi_transport_options;

typedef struct whi_transport whi_transport;

typedef struct whi_transport_vtable {
    int (*open)(whi_transport **out, const whi_transport_options *options);

    /* Drops what is under way, without calling done, and frees all. */
    void (*close)(whi_transport *transport);

    /* Starts a request. An error here means that it was not started and done will not
     * be called; a connection that fails is reported by done. done is called from
     * inside ready or tick, never from inside send. */
    int (*send)(whi_transport *transport, whi_request *request);

    /* Descriptors became ready. Those that are not the transport's are passed over. */
    void (*ready)(whi_transport *transport, const whi_ready *ready, int count);

    /* Does what is due by time, and calls done for what has ended. */
    void (*tick)(whi_transport *transport);

    /* Milliseconds until tick must be called, 0 for now, -1 for never. */
    int (*timeout)(const whi_transport *transport);

    /* Ends this request, or with NULL all that is under way, with WH_ECLOSED and this message; done is called from
     * inside tick. What had ended before ends as it did. Not from inside done. */
    void (*cut)(whi_transport *transport, const whi_request *only, const char *message);
} whi_transport_vtable;

/* libcurl, for everything. */
extern const whi_transport_vtable whi_transport_curl;

/* HTTP/1.1 of our own over libcurl's connections, and libcurl for what is out of the ordinary. */
extern const whi_transport_vtable whi_transport_auto;

#endif
