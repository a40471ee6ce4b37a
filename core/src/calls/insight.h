/* Insight: what the HTTP API sees of an engine beside webhook.h. It is all that it sees; the engine's
 * rooms may change behind it. */
#ifndef WHI_INSIGHT_H
#define WHI_INSIGHT_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/histogram.h"
#include "engine/options.h"
#include "engine/registry.h"
#include "outside/store.h"
#include "webhook.h"

/* With defaults filled in; as long as the engine lives. */
const whi_options *whi_insight_options(const wh_engine *engine);

/* Its limits, of which some are the store's and change: as it says now; look 0: as far as it is known, without a look.
 */
void whi_insight_limits(wh_engine *engine, int look, wh_limits *out);

/* ms since 1970, by the engine's clock. */
int64_t whi_insight_now(const wh_engine *engine);

/* An error into the engine's log. */
void whi_insight_log(wh_engine *engine, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- subscriptions, as they are in memory; each with a reference */

/* What other processes have changed is read first. */
int whi_insight_sync(wh_engine *engine);
whi_registration *whi_insight_subscription(wh_engine *engine, int64_t id); /* NULL: there is none */
/* *out 0: what it was to get was given up since its last success, or it is switched off for its receiver. */
int whi_insight_is_hopeful(wh_engine *engine, int64_t id, int *out);
/* Its canonical document with how it is doing; secrets 1: them too. */
int whi_insight_document(wh_engine *engine, const whi_registration *registration, int secrets, whi_buf *out);
int whi_insight_page(wh_engine *engine, const char *tenant, const whi_page *page, whi_registration **out, size_t *count,
                     size_t *total); /* as whi_registry_page */
int whi_insight_version(wh_engine *engine, int64_t id, int64_t version, whi_registration **out);

/* ---- events and deliveries: the store, for reading */
whi_store *whi_insight_store(wh_engine *engine);

/* ---- who asks */
typedef struct whi_token_owner {
    char id[WH_ID_SIZE];
    char tenant[WH_ID_SIZE]; /* "" where all is 1 */
    int all;
    int64_t expires_at; /* ms; 0: it has no end */
    int expired;        /* 1: it was right, and is over; the code is WH_ENOTFOUND then */
} whi_token_owner;

/* As wh_token_check. */
int whi_insight_token(wh_engine *engine, const char *token, whi_token_owner *out);

/* ---- statistics */
#define WHI_INSIGHT_MOST 100000 /* of each kind that is counted in the store: an index entry each */
typedef struct whi_insight {
    long long events, attempts, delivered, failed, exhausted, rule_failures; /* since it was opened */
    long long news[3];                                           /* of health: failing, recovered, disabled */
    long long subscriptions, in_flight, in_memory, memory_bytes; /* at present */
    long long rated;                                             /* subscriptions that wait for their rate here */
    long long broken;                                            /* those whose breaker is open here */
    long long refused, network, remote, other;                   /* failed attempts, by what failed */
    int events_pending, outbox_pending, polls_pending, lagging, unreadable;
    long long lag_ms; /* since the first event that is not decided was accepted; 0: all are */
    whi_store_figures store;
    whi_histogram *requests, *waits; /* counted on meanwhile; the engine's */
} whi_insight;

int whi_insight_read(wh_engine *engine, whi_insight *out);

/* WH_OK: it is open, and its store answers. */
int whi_insight_check(wh_engine *engine);

/* Appends lines of metrics for each database that this process writes to, for each database and queue that something
 * waits for, and for each source that is polled: what is an operator's alone to see. */
int whi_insight_measure(wh_engine *engine, whi_buf *out);

#endif
