/* Upkeep: what is due by time and belongs to no delivery. News from other processes, retention,
 * what could not be done and is tried again. The first worker does it for its process; everything
 * that writes is a task of the writer. (The heartbeat is the writer's own: lease.h.) */
#ifndef WHI_UPKEEP_H
#define WHI_UPKEEP_H

#include <stdint.h>

#include "work/worker.h"

/* Fills the worker's timetable. */
int whi_upkeep_begin(whi_worker *worker);

/* The first worker hears of others' commits, where the store can tell: when its poller is there. */
int whi_upkeep_listen(whi_worker *worker);
void whi_upkeep_hear(whi_worker *worker, const whi_ready *ready, int count);

/* Does what is due, but for the lanes. */
void whi_upkeep(whi_worker *worker);
int64_t whi_upkeep_next(const whi_worker *worker); /* monotonic us */

#endif
