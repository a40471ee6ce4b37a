/* What nobody fetches: deliveries that wait for somebody who does not come are given up in their time, so that a store
 * does not grow for ever. */
#ifndef WHI_UNFETCHED_H
#define WHI_UNFETCHED_H

#include "engine/context.h"
#include "outside/store.h"

/* In a transaction: gives up at most so many of those that were accepted before (ms). count: how many; 0: there are no
 * more. Looks at all lanes for that. */
int whi_unfetched_end(wh_engine *engine, whi_store *store, int64_t before, int limit, int *count);

#endif
