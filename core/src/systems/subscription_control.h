/* What a subscription's document says of how its deliveries are tried: `retry`, `retry_on`, `jitter`, `retry_budget`,
 * `timeouts` and `breaker`. Each reader takes a value or null, which is the default, and answers WH_EINVALID, of the
 * field, where it is neither; each writer appends name and value. Of what is at its default the retry list alone is
 * written, as null, unless brief. */
#ifndef WHI_SUBSCRIPTION_CONTROL_H
#define WHI_SUBSCRIPTION_CONTROL_H

#include "pure/subscription.h"
#include "systems/value.h"

/* [0, 5000], or [{"events": ["order.*"], "delays": [0, 5000], "within": 3600}, …]. */
int whi_subscription_take_retry(whi_subscription *subscription, whi_values *from, uint32_t node);

/* ["network", "timeout", "5xx", 429]. */
int whi_subscription_take_retry_on(whi_subscription *subscription, whi_values *from, uint32_t node);

/* Percent. */
int whi_subscription_take_jitter(whi_subscription *subscription, whi_values *from, uint32_t node);

/* {"connect": 2000, "answer": 5000}. */
int whi_subscription_take_timeouts(whi_subscription *subscription, whi_values *from, uint32_t node);

/* Percent. */
int whi_subscription_take_retry_budget(whi_subscription *subscription, whi_values *from, uint32_t node);

/* {"failures": 50, "least": 10, "window": 60, "pause": 10, "longest": 600}. */
int whi_subscription_take_breaker(whi_subscription *subscription, whi_values *from, uint32_t node);

void whi_subscription_put_retry(const whi_subscription *subscription, int brief, whi_buf *out);
void whi_subscription_put_retry_on(const whi_subscription *subscription, whi_buf *out);
void whi_subscription_put_jitter(const whi_subscription *subscription, whi_buf *out);
void whi_subscription_put_retry_budget(const whi_subscription *subscription, whi_buf *out);
void whi_subscription_put_breaker(const whi_subscription *subscription, whi_buf *out);
void whi_subscription_put_timeouts(const whi_subscription *subscription, whi_buf *out);

/* Bytes that these take at most. */
size_t whi_subscription_control_size(const whi_subscription *subscription);

#endif
