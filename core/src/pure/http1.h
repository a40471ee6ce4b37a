/* A request of HTTP/1.1 out of bytes, for receivers: the command `webhook listen`, webhook.http in Lua. (The API's
 * server has libmicrohttpd's.)
 *
 * Strict, as RFC 9112 lets a server be: what two parsers could read in two ways is refused. So a carriage return, a
 * line feed or a zero byte alone, folded lines, names that are none, two hosts, two ends of a body. A body comes by
 * Content-Length or in chunks; of other codings nothing is known. */
#ifndef WHI_HTTP1_H
#define WHI_HTTP1_H

#include <stddef.h>

#define WHI_HTTP1_FIELDS 100
#define WHI_HTTP1_HEAD 16384 /* bytes of a head, and of what follows the last chunk */
#define WHI_HTTP1_LINE 1024  /* bytes of a line that begins a chunk */

typedef struct whi_http1_text {
    const char *text; /* not terminated */
    size_t size;
} whi_http1_text;

typedef struct whi_http1_field {
    whi_http1_text name, value; /* the value without the blanks around it */
} whi_http1_field;

/* What was read; points into the bytes. */
typedef struct whi_http1 {
    whi_http1_text method, target;
    whi_http1_field fields[WHI_HTTP1_FIELDS];
    size_t field_count;
    whi_http1_text body;
    size_t size; /* bytes of the whole request; behind them the next one begins */
    int minor;   /* of HTTP/1.x */
    int keeps;   /* the connection may carry a next one */
    int waits;   /* its head is there, and the client waits for "100 Continue" before it sends the body */
} whi_http1;

/* Reads the request that the bytes begin with, whose body has at most so many bytes. 1: all of it is there; the
 * chunks of its body were then moved together. 0: more is needed, nothing was changed, and out has `waits` alone.
 * Else the status to refuse it with, 400 or more: where a next request would begin is not known. */
int whi_http1_read(whi_http1 *out, char *bytes, size_t size, size_t body_maximum);

#endif
