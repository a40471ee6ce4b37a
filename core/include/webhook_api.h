/* Tenants, the tokens of those who come over HTTP, and the HTTP API as a function. webhook.h includes this header. */
#ifndef WEBHOOK_API_H
#define WEBHOOK_API_H

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* -------------------------------------------------------------- tenants and tokens */

/* What a client of the HTTP API shows. It reaches one tenant, or with tenant NULL all
 * of them (an operator's). name is free text, to know it again. token receives
 * "wht_…": the only time that it can be read, the store keeps a hash. Errors: invalid,
 * store, memory. */
WH_API int wh_token_add(wh_engine *engine, const char *tenant, const char *name, char token[WH_SECRET_SIZE]);

/* The same, for a while: expires_in ms from now on, at most WH_TOKEN_LONGEST; 0: without an end. After that it is
 * refused as one that is not known, and listed as expired for a day at least. Errors: as above. Any thread. */
#define WH_TOKEN_LONGEST INT64_C(315360000000) /* ms, which are 10 years */
WH_API int wh_token_add_for(wh_engine *engine, const char *tenant, const char *name, int64_t expires_in,
                            char token[WH_SECRET_SIZE]);

/* {"items":[{"id":"tok_…","tenant":null or "…","name","created_at","expires_at":null or "…","expired":false}]};
 * tenant NULL: all. */
WH_API int wh_tokens(wh_engine *engine, const char *tenant, char **out, size_t *size);

/* Takes it back by its id, "tok_…"; at once in this engine, within 0.1 s in others. not_found. */
WH_API int wh_token_revoke(wh_engine *engine, const char *id);

/* Who shows this token? 0 with the tenant ("" and all = 1 for an operator's), or not_found. id
 * and tenant have WH_ID_SIZE bytes; any may be NULL. Takes the same time for each wrong token. */
WH_API int wh_token_check(wh_engine *engine, const char *token, char *id, char *tenant, int *all);

/* What a tenant has stored, and what it may have: {"tenant","events","bytes","quota_events","quota_bytes","cpu_ms",
 * "rate"}, to be freed with wh_free. events are those of the store, bytes are of their payloads and of what rules have
 * made of them; ids, attempts and what receivers answered are not counted, nor what a store of version 6 or less had.
 * Both are exact for all processes, and go down with what retention deletes. The others are what holds, null: no bound.
 *
 * quota_events and quota_bytes bound what is stored: an event beyond them is refused by wh_publish and its like
 * (quota), as is a whole batch that has one, and an event whose id is there already is a duplicate, as ever. Events by
 * way of webhook_outbox are taken in and counted: they were committed, and nobody is there to be told. So are the
 * engine's own notices, what polls make (webhook_source.h), and what rules make of events that were taken in.
 *
 * cpu_ms is how many milliseconds of each second a process spends on deciding the tenant's events: its filters, rules
 * and fields. Beyond that its subscriptions that have such wait, as slow ones do, and no other does.
 *
 * rate bounds the requests of all of the tenant's subscriptions together, {"count": 100, "per": 60, "burst": 10}, as
 * that of a subscription does (wh_subscribe). It is shared out between the processes that send for them: within any
 * `per` there may be one request more than count + burst for each of them. What waits for it is neither failing nor
 * late.
 *
 * wh_tenant_set changes what the document names of the last four, null back to what holds for all, tenant_quota_events
 * and its like of wh_settings, and to no rate; others go by it within a second. Events without a tenant have neither
 * quota nor budget nor rate. WH_ALLOWANCES has the names of those that are numbers, as WH_SETTINGS has those of
 * settings. Errors: invalid, json, store, memory. */
#define WH_ALLOWANCES(X)                                                                                               \
    X(QUOTA_EVENTS, quota_events)                                                                                      \
    X(QUOTA_BYTES, quota_bytes)                                                                                        \
    X(CPU_MS, cpu_ms)
WH_API int wh_tenant(wh_engine *engine, const char *tenant, char **out, size_t *size);
WH_API int wh_tenant_set(wh_engine *engine, const char *tenant, const char *document, size_t size);

/* The secret of a tenant's workspace, which signs for its subscriptions of the profile
 * "unified". secret NULL: reads it, and makes one at first. Otherwise it becomes the secret,
 * of those subscriptions too. out, of WH_SECRET_SIZE bytes, may be NULL. Errors: invalid, store, memory. */
WH_API int wh_tenant_secret(wh_engine *engine, const char *tenant, const char *secret, char *out);

/* ----------------------------------------------------------------------- the HTTP API */

/* The API as a function, for any server. The routes are those of Unified.to (/unified/webhook),
 * Truto (/webhook), CallFire (/v2/webhooks, /webhooks) and our own (/v1/…, described at
 * /openapi.json), and at / there is a page in the browser, of files that are part of the library, which uses them. An
 * API is used by any number of threads; it holds what is counted of failed logins. What may take seconds (backtests,
 * explaining, trying rules, replaying by a query, making up for what is stored, a test of a receiver or of a source)
 * runs at most eight times at once, four times for one tenant or for operators; more are answered 429. Close it before
 * its engine. */
typedef struct wh_api wh_api;

typedef struct wh_api_options {
    size_t size; /* WH_API_OPTIONS_INIT */
    int64_t
        body_bytes;   /* of a batch of events, default 8 MiB; of others at most what the limits of their parts allow */
    int64_t failures; /* failed logins of one peer in a minute, then they are answered 429; default 20 */
    int open;         /* 1: no token is asked for, everybody is an operator. For development: a Host that is
                         not the loopback's, and an Origin that is not the Host's, are answered 403 */
    int metrics;      /* 1: there is nothing but GET /v1/metrics and /v1/health, for everybody */
} wh_api_options;

#define WH_API_OPTIONS_INIT                                                                                            \
    { sizeof(wh_api_options), 0, 0, 0, 0 }

WH_API int wh_api_open(wh_api **out, wh_engine *engine, const wh_api_options *options);
WH_API void wh_api_close(wh_api *api);

/* How many bytes of a request's body it takes at most; of most routes it takes less, see
 * wh_api_look. 0 of NULL. */
WH_API int64_t wh_api_body_bytes(const wh_api *api);

typedef struct wh_api_request {
    size_t size;        /* WH_API_REQUEST_INIT */
    const char *method; /* "GET" */
    const char *path;   /* "/v1/events", as sent, percent-encoded */
    const char *query;  /* behind the ?, as sent; NULL or "" for none */
    const wh_header *headers;
    size_t header_count;
    const void *body;
    size_t body_size;
    const char *peer;   /* the client's address, for counting failed logins; may be NULL */
    const char *tenant; /* not NULL: the caller has checked who this is; no token is looked at */
} wh_api_request;

#define WH_API_REQUEST_INIT                                                                                            \
    { sizeof(wh_api_request), NULL, NULL, NULL, NULL, 0, NULL, 0, NULL, NULL }

typedef struct wh_api_response {
    size_t size;              /* WH_API_RESPONSE_INIT; stays */
    int status;               /* 200 */
    const char *content_type; /* static; NULL: none. With some answers without a body it is there, too */
    char *body;               /* for wh_free; zero-terminated */
    size_t body_size;
    wh_header headers[4]; /* further ones, header_count of them; static texts, or in `text` */
    size_t header_count;
    char text[160];
} wh_api_response;

#define WH_API_RESPONSE_INIT                                                                                           \
    {                                                                                                                  \
        sizeof(wh_api_response), 0, NULL, NULL, 0, { { NULL, NULL } }, 0, {                                            \
            0                                                                                                          \
        }                                                                                                              \
    }

typedef struct wh_api_needs {
    size_t size;        /* WH_API_NEEDS_INIT */
    int slow;           /* 1: it may take seconds, a test of a receiver as long as that one's time-out */
    int64_t body_bytes; /* a body of more is answered 413, or with another failure, and not looked at */
} wh_api_needs;

#define WH_API_NEEDS_INIT                                                                                              \
    { sizeof(wh_api_needs), 0, 0 }

/* What a request will need, for a server that has its first line alone: on which thread to
 * answer it, and how much of its body to read. Of the request only method and path are looked
 * at. Neither blocks nor fails: a path that is not there is quick, and takes what is common. A
 * server that meets a larger body need not read it: a body_size of one more than this will do.
 * Where one of the three is NULL, it needs nothing. */
WH_API void wh_api_look(const wh_api *api, const wh_api_request *request, wh_api_needs *out);

/* Answers a request; blocks while it writes. Always fills out, also when memory is short
 * (500); the status is returned as well. Where out does not tell its size, it is left alone, and
 * where the request does not, or asks for what this library does not know, it is answered 500; so it
 * is where one of the three is NULL. */
WH_API int wh_api_handle(wh_api *api, const wh_api_request *request, wh_api_response *out);

#ifdef __cplusplus
}
#endif

#endif
