/* How the other side of a connection is reached and known, where that is not as for all: a client's certificate, own
 * authorities, pinned keys, a proxy on the way.
 *
 * A value that does not change once it is made; counted, since requests under way outlive the subscription's version
 * that had it. Counting is of one thread. Two with the same mark are the same, and may share connections; no others
 * may, since who is on a connection has been decided when it was made. */
#ifndef WHI_PEER_H
#define WHI_PEER_H

#include <stddef.h>
#include <stdint.h>

#define WHI_PEER_PEM 65536 /* bytes of certificates, of a key */
#define WHI_PEER_PINS 1024
#define WHI_PEER_MARK 32

typedef struct whi_peer {
    int refs;
    char *certificate, *key; /* PEM: ours, with those between it and its authority; or NULL, both */
    char *authorities;       /* PEM: whom to trust in place of all others; or NULL */
    char *pins;              /* "sha256//…;sha256//…", of which the other side's key is one; or NULL */
    char *proxy;             /* "http://host:port", https, socks5h; or NULL */
    char *proxy_user, *proxy_password;
    uint8_t mark[WHI_PEER_MARK];
} whi_peer;

/* With one reference, and nothing in it. NULL: no memory. */
whi_peer *whi_peer_new(void);
whi_peer *whi_peer_ref(whi_peer *peer); /* NULL stays NULL */
void whi_peer_unref(whi_peer *peer);    /* wipes; NULL is fine */
int whi_peer_same(const whi_peer *a, const whi_peer *b);

/* Sets the mark, when all is filled in. */
int whi_peer_finish(whi_peer *peer);

/* WH_EINVALID of the field: no PEM certificate in it, or no private key without a passphrase, or one that is not the
 * certificate's. The sentence holds nothing of them. */
int whi_peer_check_pair(const char *certificate, const char *key);
int whi_peer_check_authorities(const char *text);

/* "sha256//" and 44 letters of base64 each, with semicolons between: the form of CURLOPT_PINNEDPUBLICKEY, without its
 * files. WH_EINVALID. */
int whi_peer_check_pins(const char *text);

/* http, https, socks5 or socks5h, host and port, and nothing else; *port receives it, host (WHI_URL_SIZE bytes) the
 * host. Names are always resolved by the proxy. WH_EINVALID of the field. */
int whi_peer_proxy(const char *text, const char *field, char *host, uint16_t *port);

#endif
