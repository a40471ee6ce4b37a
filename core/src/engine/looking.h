/* Asking a database or a queue, before a subscription is made, whether deliveries would arrive. */
#ifndef WHI_LOOKING_H
#define WHI_LOOKING_H

#include "engine/context.h"
#include "outside/destination.h"
#include "pure/subscription.h"

#define WHI_LOOK_MS 5000 /* all of it: somebody waits for it */

/* Connects on this thread, and looks whether rights suffice for what the subscription takes; of one that is sent to
 * over HTTP nothing is asked. WH_EINVALID with what is missing, of the field "url"; WH_EBUSY where as many looks are
 * under way as there may be, of one tenant or of all. */
int whi_look(wh_engine *engine, const whi_subscription *subscription);

#endif
