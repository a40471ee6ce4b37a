/* Polling: which sources are to be read now, and the threads that do it.
 *
 * A few threads of its own, since a source may take its time and no turn of a worker waits. They are made when the
 * first reading is due; the first worker says by the engine's clock when one is. Of one source so many read at once:
 * one that hangs keeps no other from being read. Tenants take turns (poll_order.h). All that a reading has come to is
 * in the store (poll_run.h); here is only when each is due, as far as it is known.
 *
 * The list follows the registry's: an entry for each poll whose subscriptions are there, and for each history. What
 * has an entry no more is forgotten in the store. */
#ifndef WHI_WORK_POLL_H
#define WHI_WORK_POLL_H

#include "engine/context.h"

/* Of the first worker's turn. Does not wait. */
void whi_polls_turn(wh_engine *engine);

/* ms until a turn has something to do by the clock; INT64_MAX: nothing. */
int64_t whi_polls_timeout(const wh_engine *engine);

/* 1: one is being read, or due here. */
int whi_polls_busy(wh_engine *engine);

/* Another process has committed: it may wish something. */
void whi_polls_doubt(wh_engine *engine);

/* The threads end; what is out is cut. Not from within a source. */
void whi_polls_stop(wh_engine *engine);

/* They end, and all is freed: nobody asks any more. */
void whi_polls_end(wh_engine *engine);

#endif
