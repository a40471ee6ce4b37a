/* A request of a source, out of its document and what is asked for; and what its answer's head says. No socket here. */
#ifndef WHI_SOURCE_ASK_H
#define WHI_SOURCE_ASK_H

#include <curl/curl.h>

#include "base/buf.h"
#include "outside/source_fetch.h"
#include "pure/source_document.h"
#include "pure/source_token.h"

typedef struct whi_source_asked {
    whi_buf base; /* the document's URL, filled in: where it may go on */
    whi_buf url, body;
    struct curl_slist *lines;
    uint64_t hash; /* of all that, without the login */
} whi_source_asked;

/* Makes the request, without a login. url: NULL, or the next page's, which is asked for as it is, and judged as
 * whi_source_next_url does. To be freed in any case. WH_EINVALID, WH_EADDRESS, WH_ENOMEM. */
int whi_source_ask(whi_source_asked *out, const whi_source_document *document, const whi_source_values *values,
                   const char *url);
void whi_source_asked_free(whi_source_asked *asked);

/* Adds a line, "Name: value". */
int whi_source_ask_line(whi_source_asked *asked, const char *name, const char *value);

/* Adds the login of a document whose auth needs no token of OAuth2; token: that of one which does. */
int whi_source_ask_login(whi_source_asked *asked, const whi_source_auth *auth, const char *token);

/* Appends the form by which a token is asked for, and adds the client's login to the lines. */
int whi_source_ask_token(whi_source_asked *out, const whi_source_auth *auth);

/* Makes of a page's link the whole URL of the next page, by the request that it came of. WH_EADDRESS: another host than
 * that of the document's URL, and none of its hosts; or http where that was https. */
int whi_source_next_url(whi_buf *out, const whi_source_document *document, const whi_source_asked *from,
                        const char *link);

/* ms that an answer wants to be left alone, -1: it does not say. */
int64_t whi_source_retry_after(const whi_source_request *answer, int64_t now);

#endif
