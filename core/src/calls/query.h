/* Queries: what of events, deliveries and subscriptions a call lists, replays or explains; and the ids
 * that it names. */
#ifndef WHI_QUERY_H
#define WHI_QUERY_H

#include <stdint.h>

#include "outside/store.h"
#include "webhook.h"

/* A program's query, of whatever size that one is; NULL is everything. */
int whi_query_take(wh_query *out, const wh_query *given);

/* Its bounds and ids, checked, as the store takes them; state and cursor are the list's own. */
int whi_query_read(wh_engine *engine, const wh_query *query, whi_store_query *out);
/* The event number that a time bounds from above; 0, open, for 0 alone: before our numbers begin
 * there is nothing, not everything. */
int64_t whi_query_until(int64_t ms);
/* The number of an event by its id, of this tenant (NULL: of any). id NULL leaves out as it is. */
int whi_query_event(wh_engine *engine, const char *id, const char *tenant, int64_t *out);

int whi_delivery_key(const char *id, int64_t *event, int64_t *subscription);

/* The engine's own events, and deliveries of them, are left out unless the query asks for them. */
void whi_query_own(const wh_query *query, whi_store_query *out);

#endif
