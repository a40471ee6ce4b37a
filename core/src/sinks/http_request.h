/* Head, body and signature of what is sent: of a request, and of a message to a queue, which has the same. */
#ifndef WHI_HTTP_REQUEST_H
#define WHI_HTTP_REQUEST_H

#include <stdio.h>

#include "base/buf.h"
#include "outside/transport.h"
#include "sinks/sink.h"
#include "systems/access.h"
#include "systems/form.h"

#define WHI_TYPE_LINE 288

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
    whi_buf packed;    /* the body, compressed */
    whi_buf answered;  /* the answer's header lines, where a response rule is to see them */
    char type_line[WHI_TYPE_LINE];
    whi_peer *peer; /* the request's, kept as long as it is under way */

    struct whi_grant *grant;               /* of OAuth2, as long as it is under way; else NULL */
    struct whi_http_request *waiting_next; /* for its token */
    whi_buf login;                         /* the line with it */
    size_t token_at;                       /* which line that is */
    unsigned token;                        /* which token it went with */
    int is_second;                         /* 1: with a new one, behind a 401 */
    int64_t begun, timeout;                /* us of whi_monotonic_us, and ms of the whole attempt */
} whi_http_request;

/* What is kept for a lane. */
typedef struct whi_http_kept {
    struct whi_signer **signers; /* of this version of the subscription */
    size_t signer_count;
    whi_login login; /* without lines: none, or OAuth2's */
    struct whi_grant *grant;
    whi_peer *peer;
    whi_form *form; /* NULL: signers sign */
    int is_ready;   /* 1: all that is of this version */
    int64_t version;
} whi_http_kept;

/* NULL: no memory. */
whi_http_request *whi_http_request_new(wh_engine *engine);
void whi_http_request_free(whi_http_request *self); /* NULL is fine */

/* Everything that is sent: URL, lines, body. WH_ENOMEM and the like: nothing can be sent. */
int whi_http_fill(whi_http_request *self);

void whi_http_forget(void *kept);

/* What it had of the subscription, which may be secret. */
void whi_http_let_go(whi_http_request *self);

/* Ends a request that was not sent: as one that failed at once. */
static inline void whi_http_fail(whi_http_request *self, int code, const char *sentence) {
    whi_request *request = &self->request;

    request->error = code;
    request->status = 0;
    request->retry_after[0] = '\0';
    request->response_size = 0;
    snprintf(request->message, sizeof request->message, "%s", sentence);
    request->done(request, request->payload);
}

#endif
