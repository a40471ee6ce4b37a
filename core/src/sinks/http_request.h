/* Head, body and signature of what is sent: of a request, and of a message to a queue, which has the same. */
#ifndef WHI_HTTP_REQUEST_H
#define WHI_HTTP_REQUEST_H

#include "base/buf.h"
#include "outside/transport.h"
#include "sinks/sink.h"

/* A request in the making or under way, taken from a pool. */
typedef struct whi_http_request {
    whi_request request;
    struct whi_http_request *next, **link; /* in the pool, or under way */
    struct whi_sink *sink;
    wh_engine *engine;
    whi_parcel *parcel;
    void **kept; /* of the parcel's lane: a whi_http_kept, or NULL at first */
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

/* NULL: no memory. */
whi_http_request *whi_http_request_new(wh_engine *engine);
void whi_http_request_free(whi_http_request *self); /* NULL is fine */

/* Everything that is sent: URL, lines, body. WH_ENOMEM and the like: nothing can be sent. */
int whi_http_fill(whi_http_request *self);

void whi_http_forget(void *kept);

#endif
