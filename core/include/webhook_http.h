/* webhook_http.h - the HTTP API on a port of its own, by libmicrohttpd.
 *
 *     wh_http *http;
 *     wh_http_options options = WH_HTTP_OPTIONS_INIT;
 *
 *     options.port = 8080;
 *     wh_http_start(&http, api, &options);
 *     …
 *     wh_http_stop(http, 10000);
 *
 * Link libwebhook_http. HTTP/1.1 with keep-alive, without TLS: put a reverse proxy before
 * it, or keep it on the loopback, where it listens unless told otherwise. Bodies above 64 KiB
 * that are on their way share the room of 16 of the largest size: the connection of one that
 * finds none is cut off. */
#ifndef WEBHOOK_HTTP_H
#define WEBHOOK_HTTP_H

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct wh_http wh_http;

typedef struct wh_http_options {
    size_t size;                 /* WH_HTTP_OPTIONS_INIT */
    const char *address;         /* to listen at, IPv4 or IPv6; default "127.0.0.1" */
    int port;                    /* 0: a free one, see wh_http_port */
    unsigned threads;            /* that answer, default 16: as many publishes share a commit */
    unsigned connections;        /* at once, default 1000, or half of the files that the process may
                                    open where that is less. When there are as many, who comes takes the place of the one
                                    that has been idle for longest, or whose request is not there in whole */
    int64_t timeout;             /* ms that a connection may be silent, default 30000 */
    int64_t header_bytes;        /* of one request, default 32768 */
    const char *forwarded;       /* header that a trusted proxy sets to the client's address, such as
                                    "X-Forwarded-For" (its last item); NULL: the connection's own */
    int64_t address_connections; /* of them, what one address may have (of IPv6, a network of 64 bits): whoever has as
                                    many makes room for himself alone. Default half of connections; with `forwarded`
                                    all, since a proxy's address is everybody's */
} wh_http_options;

#define WH_HTTP_OPTIONS_INIT                                                                                           \
    { sizeof(wh_http_options), NULL, 0, 0, 0, 0, 0, NULL, 0 }

/* Listens, and answers with threads of its own until wh_http_stop. api must outlive it.
 * Errors: invalid (names the option), io (the address is in use or not ours), memory. */
WH_API int wh_http_start(wh_http **out, wh_api *api, const wh_http_options *options);

/* Where it listens; 0 of NULL. */
WH_API int wh_http_port(const wh_http *http);

/* Takes no more connections, lets requests finish for at most grace ms, frees it. NULL
 * does nothing. Not from one of its own threads. */
WH_API void wh_http_stop(wh_http *http, int64_t grace);

#ifdef __cplusplus
}
#endif

#endif
