/* How a receiver is reached: what the members auth, tls and proxy of a subscription's document say, which are kept as
 * the texts of their objects.
 *
 *   auth    {"type":"basic","username":…,"password":…}, {"type":"bearer","token":…}, {"type":"headers","headers":{…}},
 *           {"type":"oauth2","token_url":…,"client_id":…,"client_secret":…,"scope":…,"audience":…,"client_in":"body"}
 *   tls     {"certificate":PEM,"key":PEM,"ca":PEM,"pin":"sha256//…"}
 *   proxy   {"url":"http://host:port","username":…,"password":…}
 *
 * A wrong one is WH_EINVALID of the member, "auth.token"; no sentence holds a value. */
#ifndef WHI_ACCESS_H
#define WHI_ACCESS_H

#include "pure/peer.h"
#include "pure/source_document.h"
#include "pure/subscription.h"

enum whi_login_type { WHI_LOGIN_BASIC, WHI_LOGIN_BEARER, WHI_LOGIN_HEADERS, WHI_LOGIN_OAUTH2 };

#define WHI_LOGIN_LINES 10

/* auth, read. */
typedef struct whi_login {
    int type;
    char *lines[WHI_LOGIN_LINES]; /* "Authorization: Basic …"; of OAuth2 none */
    size_t line_count;
    whi_source_auth grant; /* of OAuth2: how a token is asked for */
    char *texts[6];        /* what it points to */
} whi_login;

/* out is to be freed in any case. */
int whi_login_read(whi_login *out, const char *auth);
void whi_login_free(whi_login *login); /* wipes */

/* tls and proxy, read; *out NULL: neither says anything. Each may be NULL. */
int whi_access_peer(whi_peer **out, const char *tls, const char *proxy);

#endif
