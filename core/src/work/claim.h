/* Bringing work back from the store: deliveries whose time has come, lane by lane.
 *
 * A claim asks for one subscription's deliveries by its index, so it costs the same
 * with a thousand and with a million waiting, and a subscription with a long backlog
 * takes nothing from the others.
 *
 * Why a lane may be claimed for twice: a claim looks once, in its transaction, and takes as many as the
 * lane has room for. What becomes due or is written between that look and the claim's return would
 * wait for nobody, so who wants the lane meanwhile marks it (asked), and it is claimed for again at
 * once. Why a full lane is put aside (parked_due) and not asked every turn: it has room only when
 * something leaves it, and then it is put back (whi_lane_left). */
#ifndef WHI_CLAIM_H
#define WHI_CLAIM_H

#include "work/worker.h"

void whi_claim_lane(whi_worker *worker, whi_entry *entry); /* a lane's entry: its stored deliveries are due */
void whi_claim_scan(whi_worker *worker);                   /* asks the store for lanes */

#endif
