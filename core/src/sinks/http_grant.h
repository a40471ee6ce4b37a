/* Tokens of OAuth2's client credentials (RFC 6749 4.4) for receivers: asked for without anybody waiting for it, kept
 * while they are good, shared by all lanes of a sink whose auth says the same.
 *
 * A request that has no token waits in the grant's line, inside its attempt's time, and leaves when the token has come,
 * or ends with why none did: the receiver was not asked then, and no sentence holds the client's secret. A receiver
 * that answers 401 is asked once more in the same attempt, with a token that was fetched behind that answer.
 *
 * The endpoint of tokens is asked by a transport of its own, opened with the first that is wanted, under the address
 * policy: an answer with a token may be longer than what is kept of a receiver's. */
#ifndef WHI_HTTP_GRANT_H
#define WHI_HTTP_GRANT_H

#include "sinks/http.h"

typedef struct whi_grant whi_grant;

/* The grant of an auth that is of OAuth2, with one reference. login is taken over. */
int whi_grant_of(whi_sink *sink, const char *auth, whi_login *login, whi_grant **out);
whi_grant *whi_grant_ref(whi_grant *grant);
void whi_grant_unref(whi_grant *grant);

/* Sends the request, which is filled and whose grant is set, when there is a token; done is called in any case, perhaps
 * before this returns. */
void whi_grant_send(whi_http_request *self);

/* 1: the answer is a 401, and the request is on its way once more. */
int whi_grant_again(whi_http_request *self);

void whi_grants_ready(whi_sink *sink, const whi_ready *ready, int count);
void whi_grants_tick(whi_sink *sink);
int whi_grants_timeout(const whi_sink *sink); /* -1: never */
void whi_grants_cut(whi_sink *sink, const char *sentence);
int whi_grant_withdraw(whi_http_request *self); /* 1: it waited for its token, and does not any more */
void whi_grants_close(whi_sink *sink);          /* before its requests are freed */

#endif
