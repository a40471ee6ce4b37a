/* Asking a database or a queue, before a subscription is made, whether deliveries would arrive. */
#ifndef WHI_LOOK_H
#define WHI_LOOK_H

#include "engine/context.h"
#include "pure/subscription.h"

/* Connects on this thread, and looks whether rights suffice for what the subscription takes; of one that is sent to
 * over HTTP nothing is asked. WH_EINVALID with what is missing, of the field "url"; WH_EBUSY as whi_looking_begin has
 * it. */
int whi_look(wh_engine *engine, const whi_subscription *subscription);

#endif
