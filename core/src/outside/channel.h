/* Bytes to a server and from it over a socket that does not block, in the clear or over TLS. What waits, waits by
 * outside/reach.h: it ends with its time or with a cut, the handshake too. */
#ifndef WHI_CHANNEL_H
#define WHI_CHANNEL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "outside/reach.h"

/* Zeroed: closed. */
typedef struct whi_channel {
    const whi_reach *reach;
    int fd, is_open;
    int wants_write; /* TLS has something of its own to send before it goes on */
    void *tls;       /* SSL; NULL: in the clear */
    void *context;   /* its SSL_CTX */
} whi_channel;

/* fd: connected, closed with the channel. */
void whi_channel_open(whi_channel *channel, const whi_reach *reach, int fd);
void whi_channel_close(whi_channel *channel);

/* TLS 1.2 on from here, with nothing read before that the other side has sent. host: whom the certificate has to be of,
 * by an authority of ca_file (PEM; NULL: the system's); insecure: it is anybody's. result says what went wrong. */
void whi_channel_secure(whi_channel *channel, const char *host, const char *ca_file, int insecure, int64_t until,
                        whi_object_result *result);

/* How many bytes have come or gone; 0: none for now; -1: the connection has ended. */
ssize_t whi_channel_receive(whi_channel *channel, void *out, size_t room);
ssize_t whi_channel_send(whi_channel *channel, const void *bytes, size_t size);

/* Waits until there may be something to receive, or to send where has_more. */
enum whi_reach_end whi_channel_wait(const whi_channel *channel, int has_more, int64_t until);

#endif
