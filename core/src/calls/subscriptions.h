/* Subscriptions as the API changes them. */
#ifndef WHI_SUBSCRIPTIONS_H
#define WHI_SUBSCRIPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/registry.h"
#include "webhook.h"

/* wh_subscription_update, if the version in force is still this one, 0: any. WH_ECONFLICT. */
int whi_subscription_update(wh_engine *engine, const char *id, int64_t version, const char *document, size_t size);

/* wh_subscribe; with holds (not NULL) one that would run, and has an order, is made as one that holds, and *holds is 1.
 */
int whi_subscribe(wh_engine *engine, const char *document, size_t size, int *holds, char *id);

/* What a document would be, checked as wh_subscribe does, and not stored; without a secret where it has none. */
int whi_subscription_candidate(wh_engine *engine, const char *document, size_t size, whi_registration **out);

#endif
