/* Who turns the workers, and what becomes of their work when nobody does. The calls are in webhook.h. */
#ifndef WHI_RUN_H
#define WHI_RUN_H

#include "engine/context.h"

/* Requests that are under way are cut off, and given to the writer to be recorded: before whatever it is given next,
 * the end of the lease above all. (To wait until it has nothing to do may take for ever, while others publish.) Nobody
 * turns the workers. */
void whi_cut_workers(wh_engine *engine);

#endif
