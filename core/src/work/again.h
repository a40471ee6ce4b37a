/* Whether what failed is tried again, and when: by the subscription's retry list for its type, by how old it may
 * become, and by which failures are worth another try. */
#ifndef WHI_AGAIN_H
#define WHI_AGAIN_H

#include "sinks/sink.h"

/* ms from now until the next attempt of a delivery that has failed; -1: there is none. Why not, where that is not the
 * end of its list, is appended to the parcel's sentence. */
int64_t whi_again(wh_engine *engine, whi_parcel *parcel);

#endif
