/* Queues that are delivered to: what of a subscription they are opened with. */
#ifndef WHI_ENGINE_QUEUE_H
#define WHI_ENGINE_QUEUE_H

#include "engine/context.h"
#include "engine/looking.h"
#include "outside/queue.h"
#include "pure/subscription.h"

/* Opens the queue of a subscription; nothing is connected yet. WH_EINVALID, of the field "url": it is not built in, the
 * URL is wrong; WH_ENOMEM. */
int whi_queue_of(wh_engine *engine, const whi_subscription *subscription, whi_queue **out);

/* Asks it, unless the subscription wants it not to be asked, into result. WH_EINVALID as above. See engine/look.h.
 */
int whi_queue_look(wh_engine *engine, const whi_subscription *subscription, struct whi_looking *looking,
                   whi_object_result *result);

#endif
