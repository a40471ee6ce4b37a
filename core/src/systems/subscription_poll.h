/* The member `poll` of a subscription's document. */
#ifndef WHI_SUBSCRIPTION_POLL_H
#define WHI_SUBSCRIPTION_POLL_H

#include "pure/json.h"
#include "pure/subscription.h"

#define WHI_POLL_INTERVAL INT64_C(3600000) /* ms, where none is said */
#define WHI_POLL_INTERVAL_LEAST INT64_C(1000)
#define WHI_POLL_INTERVAL_MOST INT64_C(31536000000) /* a year: beyond it it would never come round */

/* Takes it from the node, null: it does not poll. Of one that polls the type stays, and "history" is only heard when
 * it begins to. WH_EINVALID with the member. */
int whi_subscription_poll(whi_subscription *subscription, const whi_json *json, uint32_t node);

#endif
