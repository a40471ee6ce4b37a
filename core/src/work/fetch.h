/* Bringing work back from the store: deliveries whose time has come, lane by lane.
 *
 * What is fetched is read, and its row goes on waiting: that it is in memory, and under way, its owner alone
 * knows (engine/underway.h), and passes it over when it fetches more. A subscription's deliveries are found by
 * their index, so it costs the same with a thousand and with a million waiting, and a subscription with a
 * long backlog takes nothing from the others.
 *
 * Why a full lane is put aside (parked_due) and not asked every turn: it has room only when something leaves
 * it, and then it is put back (whi_lane_left). */
#ifndef WHI_FETCH_H
#define WHI_FETCH_H

#include "work/worker.h"

void whi_fetch_lane(whi_worker *worker, whi_entry *entry); /* a lane's entry: its stored deliveries are due */
void whi_fetch_scan(whi_worker *worker);                   /* asks the store for lanes */

#endif
