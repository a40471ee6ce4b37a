/* Standing: how a subscription is doing, as members of its document. Nobody keeps it for this: it is looked up,
 * with a cost that does not grow with the store. */
#ifndef WHI_STANDING_H
#define WHI_STANDING_H

#include <stdint.h>

#include "base/buf.h"
#include "engine/context.h"
#include "pure/subscription.h"

#define WHI_STANDING_ONE 100000 /* deliveries that wait are counted so far; each costs an index entry */
#define WHI_STANDING_EACH 1000  /* the same of one of a list */

/* The document with these members, each of which costs a look-up by a key or two. */
int whi_standing_write(wh_engine *engine, const whi_subscription *subscription, int flags, int64_t most, whi_buf *out);

/* *out 1: it is failing. */
int whi_standing_is_failing(wh_engine *engine, int64_t subscription, int *out);

#endif
