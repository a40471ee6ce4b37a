/* Lists of deliveries: of a subscription that has a twin (calls/twin.h) those of both, in one order. */
#ifndef WHI_DELIVERIES_H
#define WHI_DELIVERIES_H

#include "outside/store.h"

/* As the store's delivery_list; with a twin (0: none) that of the query's subscription and of it, newest first, each as
 * delivery_get has it: two lists of keys, and a look at each row of the page. */
int whi_deliveries_list(whi_store *store, const whi_store_query *query, int64_t twin, whi_delivery_fn each,
                        void *payload, whi_store_place *place);

#endif
