/* The engine when the process ends, see base/halt.h, or is a copy of the one that opened it, see
 * base/fork.h. At the end its threads leave before the handlers of the libraries that they use run. What was under way
 * is made again when the store is opened next. */
#ifndef WHI_ENDING_H
#define WHI_ENDING_H

#include "engine/context.h"

void whi_ending_begin(wh_engine *engine); /* a part of wh_open */
int whi_ending_end(wh_engine *engine);    /* the first thing of wh_close; 1: there is no more to do */

#endif
