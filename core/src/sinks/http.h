/* The HTTP sink: a signed POST for each delivery, by the engine's transport.
 *
 *   http.c          the sink; pool of requests; what an answer means
 *   http_request.c  head, body and signature of a request: the lines webhook-id, webhook-timestamp and
 *                   webhook-signature, or those of the subscription's system; and webhook-sequence, whichever
 *                   system it is, where the delivery has its place in an order
 *
 * The secrets and the address are those that are valid now; the bytes are those of the version that
 * made them. Redirects are not followed: an answer of 300 to 399 is a failure that names itself
 * (WH_EREDIRECT), because the next address would be one that nobody has subscribed. Signing is done by the worker, with
 * contexts that are kept ready for each lane. */
#ifndef WHI_SINK_HTTP_H
#define WHI_SINK_HTTP_H

#include "base/buf.h"
#include "outside/transport.h"
#include "sinks/sink.h"

/* A request in the making or under way, taken from a pool. */
typedef struct whi_http_request {
    whi_request request;
    struct whi_http_request *next, **link; /* in the pool, or under way */
    struct whi_sink *sink;
    whi_parcel *parcel;
    char id_line[WH_ID_SIZE + 16];
    char time_line[48];
    char sequence_line[48];
    int unlike;        /* 1: its data are not as a receiver would write them anew */
    whi_buf signature; /* or all lines of a system's */
    whi_buf body;      /* the envelope, where the system has one */
    whi_buf extra;     /* the lines of the rule's headers */
} whi_http_request;

/* What is kept for a lane. */
typedef struct whi_http_kept {
    struct whi_signer **signers; /* of this version of the subscription */
    size_t signer_count;
    int64_t version;
} whi_http_kept;

struct whi_sink {
    wh_engine *engine;
    whi_transport *transport;
    whi_http_request *idle, *under_way;
};

/* Everything that is sent: URL, lines, body. WH_ENOMEM and the like: nothing can be sent. */
int whi_http_fill(whi_http_request *self);

void whi_http_forget(void *kept);

#endif
