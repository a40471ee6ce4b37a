/* A token of OAuth2's client credentials (RFC 6749 4.4), kept while it is good. */
#ifndef WHI_SOURCE_GRANT_H
#define WHI_SOURCE_GRANT_H

#include <pthread.h>

#include "outside/source_fetch.h"
#include "pure/source_document.h"
#include "webhook_backend.h"

/* Reads an endpoint's answer: *token is to be wiped and freed, *life is how many ms it is to be used from now, which is
 * less than it is good. WH_EJSON, WH_EINVALID of "auth.token_url"; WH_ENOMEM. */
int whi_source_grant_read(const char *text, size_t size, char **token, int64_t *life);

typedef struct whi_source_grant {
    pthread_mutex_t lock; /* held while one is asked for: the others wait for it */
    char *token;          /* NULL: none yet */
    int64_t renew_at;     /* ms */
    unsigned count;       /* tokens that came so far */
} whi_source_grant;

int whi_source_grant_init(whi_source_grant *grant);
void whi_source_grant_free(whi_source_grant *grant);

/* The token, which is to be wiped and freed (whi_free_secret), and its count. spent: 0, or the count of one that was
 * answered 401: another is asked for unless that has happened. Errors: as whi_source_fetch; WH_ESTATUS, *refused 1:
 * the client's credentials are refused; *retry_after as of wh_source_page. */
int whi_source_grant_take(whi_source_grant *grant, whi_source_client *client, unsigned cuts,
                          const whi_source_auth *auth, const wh_clock *clock, unsigned spent, char **token,
                          unsigned *count, int *refused, int64_t *retry_after);

#endif
