/* What a subscription has missed, for those who know more than wh_replay_missed is told. */
#ifndef WHI_MISSED_H
#define WHI_MISSED_H

#include <stdint.h>

#include "engine/registry.h"

/* Of the events with this number and larger ones. subscription NULL: counts alone, for a candidate that is not in the
 * store. count receives how many, also with an error. */
int whi_missed_from(wh_engine *engine, const char *subscription, whi_registration *candidate, int64_t from,
                    int64_t *count);

#endif
