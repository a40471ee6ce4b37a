/* Upkeep: what is due by time and belongs to no delivery. News from other processes, retention,
 * what could not be done and is tried again. The first worker does it for its process; everything
 * that writes is a task of the writer. (The heartbeat is the writer's own: lease.h.)
 *
 * News. Every look_us the first worker looks whether others have committed. A store that wakes has it
 * look at once. One that wakes early (WH_WAKES_EARLY) wakes it before there is anything to see, and for
 * its own commits too, so the wake-up begins a row of looks, at first a millisecond apart and then
 * slower, which ends. If this process has written since the last wake-up, that may have been all: two
 * looks, further apart. While looks are close the descriptor is left alone, so that somebody who
 * commits all the time does not wake us each time; what it told meanwhile is covered by the looks that
 * are left, and what it tells from then on begins another row.
 *
 * The first change after look_us without one is acted upon in full: subscriptions are read, and all lanes
 * asked for if what was committed may be for one of ours (told, in the store's news). That costs, so changes in quick
 * succession are only asked for new events, and the rest comes with the next regular look, as often as without any
 * wake-up. A commit that is none of that, an application's of its own tables above all, costs a row or two that are
 * read, however many lanes there are. */
#ifndef WHI_UPKEEP_H
#define WHI_UPKEEP_H

#include <stdint.h>

#include "work/worker.h"

/* Fills the worker's timetable. */
int whi_upkeep_begin(whi_worker *worker);

/* The first worker hears of others' commits, where the store can tell: when its poller is there. */
void whi_upkeep_listen(whi_worker *worker);
void whi_upkeep_hear(whi_worker *worker, const whi_ready *ready, int count);

/* Does what is due, but for the lanes. */
void whi_upkeep(whi_worker *worker);
int64_t whi_upkeep_next(const whi_worker *worker); /* monotonic us */

#endif
