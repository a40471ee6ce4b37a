/* A TLS receiver for tests that answers with given bytes and ends connections as it is told, on a free port of the
 * loopback. One connection after the other. */
#ifndef TLS_PEER_H
#define TLS_PEER_H

#include <stddef.h>

enum tls_peer_end {
    TLS_PEER_KEEPS = 0,
    TLS_PEER_NOTIFIES, /* close_notify behind the answer */
    TLS_PEER_BREAKS    /* the socket is closed without it */
};

typedef struct tls_peer tls_peer;

/* With "<name>.pem" and "<name>.key" of certificates.h. version: TLS1_2_VERSION or TLS1_3_VERSION. */
tls_peer *tls_peer_new(const char *name, int version);
void tls_peer_free(tls_peer *peer);
int tls_peer_port(const tls_peer *peer);

/* From the next request on: the answer's bytes, which must stay, in records of so many bytes. */
void tls_peer_set(tls_peer *peer, const char *answer, size_t record, enum tls_peer_end end);

size_t tls_peer_connections(tls_peer *peer); /* handshakes done */
size_t tls_peer_requests(tls_peer *peer);    /* read in full */
size_t tls_peer_bytes(tls_peer *peer);       /* of bodies */

#endif
