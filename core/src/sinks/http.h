/* The HTTP sink: a signed POST for each delivery, by the engine's transport.
 *
 *   http.c          the sink; pool of requests; what an answer means
 *   http_grant.c    tokens of OAuth2
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

#include "outside/transport.h"
#include "sinks/http_request.h"
#include "sinks/sink.h"

struct whi_sink {
    wh_engine *engine;
    whi_transport *transport;
    whi_http_request *idle, *under_way;

    whi_poller *poller;
    whi_peer *way; /* NULL, or the engine's proxy alone */
    struct whi_grant *grants;
    whi_transport *tokens; /* NULL until the first is asked for */
    wh_limits token_limits;
    int64_t token_end_us; /* monotonic: the first of those that wait for one has no time left; 0: nobody waits */
};

#endif
