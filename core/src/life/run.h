/* Who turns the workers, and what becomes of their work when nobody does. The calls are in webhook.h. */
#ifndef WHI_RUN_H
#define WHI_RUN_H

#include "engine/context.h"

/* Requests that are under way are cut off and recorded, in one commit that has ended when this returns. Nobody turns
 * the workers. */
void whi_cut_workers(wh_engine *engine);

#endif
