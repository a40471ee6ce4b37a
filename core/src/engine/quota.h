/* Quotas: how many events, and bytes of them, a tenant may have stored; events without a tenant have none.
 *
 * A publisher claims what its events take, and asks in the transaction that would add them: the store counts with each
 * row (outside/store_sqlite_usage.h) and writers take turns, so no two processes give the same room away. Whether
 * anybody has a quota is known as settings are, within a tenth of a second. A publisher that is refused adds nothing,
 * and the others of its transaction are committed; mostly it is refused before, by what is committed already. */
#ifndef WHI_QUOTA_H
#define WHI_QUOTA_H

#include <stddef.h>
#include <stdint.h>

#include "engine/context.h"

typedef struct whi_claim {
    const char *tenant;
    const char *id; /* of the event, NULL: the store gives it one; of no use once claims are merged */
    size_t at;      /* which of its batch it is */
    int64_t events, bytes;
} whi_claim;

/* Why not; tenant NULL: there is room. */
typedef struct whi_shortage {
    const char *tenant;
    int of_bytes;                 /* or of events */
    int64_t quota, stored, asked; /* all of the same */
} whi_shortage;

/* What holds for a tenant: its own, or that of all; INT64_MAX: none. */
void whi_quota_of(wh_engine *engine, const whi_usage_row *row, int64_t *events, int64_t *bytes);

/* 1: somebody may have one. */
int whi_quota_is_used(wh_engine *engine);

/* By tenants, those of a tenant by ids, and those of an id as they stand in the batch. */
void whi_quota_sort(whi_claim *claims, size_t count);

/* 1: both, neighbours when sorted, are of one event: only the first of them is going to be stored. */
int whi_quota_repeats(const whi_claim *first, const whi_claim *second);

/* Those of one tenant, which are neighbours, become one. Returns how many are left. */
size_t whi_quota_merge(whi_claim *claims, size_t count);

/* In a transaction, before the events are added. */
int whi_quota_ask(wh_engine *engine, whi_store *store, const whi_claim *claim, whi_shortage *out);

/* The same by what is committed, for who would only be refused then. Any thread. */
int whi_quota_look(wh_engine *engine, const whi_claim *claim, whi_shortage *out);

/* WH_EQUOTA, with the sentence. */
int whi_quota_fail(const whi_shortage *shortage);

#endif
