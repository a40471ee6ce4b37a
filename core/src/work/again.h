/* Whether what failed is tried again, and when: by the subscription's retry list for its type, by how old it may
 * become, and by which failures are worth another try. */
#ifndef WHI_AGAIN_H
#define WHI_AGAIN_H

#include "sinks/sink.h"
#include "work/lane.h"

/* An attempt has ended: what its subscription's retry budget has of it. */
void whi_again_earn(wh_engine *engine, whi_lane *lane, const whi_delivery *delivery);

/* ms from now until the next attempt of a delivery that has failed; -1: there is none. Why not, where that is not the
 * end of its list, is appended to the parcel's sentence. A retry takes from the budget, and waits for it. */
int64_t whi_again(wh_engine *engine, whi_lane *lane, whi_parcel *parcel);

#endif
