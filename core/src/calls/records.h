/* What the calls that list and replay share: queries, and the ids of deliveries. */
#ifndef WHI_RECORDS_H
#define WHI_RECORDS_H

#include <stdint.h>

#include "outside/store.h"
#include "webhook.h"

/* A program's query, of whatever size that one is; NULL is everything. */
int whi_query_take(wh_query *out, const wh_query *given);

int whi_query_read(wh_engine *engine, const wh_query *query, whi_store_query *out);
/* The event number that a time bounds from above; 0, open, for 0 alone: before our numbers begin
 * there is nothing, not everything. */
int64_t whi_query_until(int64_t ms);
int whi_delivery_key(const char *id, int64_t *event, int64_t *subscription);

#endif
