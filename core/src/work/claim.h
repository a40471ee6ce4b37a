/* Bringing work back from the store: deliveries whose time has come, lane by lane,
 * and events that nobody has fanned out.
 *
 * A claim asks for one subscription's deliveries by its index, so it costs the same
 * with a thousand and with a million waiting, and a subscription with a long backlog
 * takes nothing from the others. */
#ifndef WHI_CLAIM_H
#define WHI_CLAIM_H

#include "work/worker.h"

void whi_claim_lane(whi_worker *worker, whi_entry *entry);  /* a lane's entry: its stored deliveries are due */
void whi_claim_events(whi_worker *worker);                  /* pending events without an owner, and the outbox */
void whi_claim_again(whi_worker *worker, whi_entry *entry); /* after a claim of events that failed */
void whi_claim_scan(whi_worker *worker);                    /* asks the store for lanes */

#endif
