/* Subscriptions as the API changes them. */
#ifndef WHI_SUBSCRIPTIONS_H
#define WHI_SUBSCRIPTIONS_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

/* wh_subscription_update, if the version in force is still this one, 0: any. WH_ECONFLICT. */
int whi_subscription_update(wh_engine *engine, const char *id, int64_t version, const char *document, size_t size);

#endif
