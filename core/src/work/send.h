/* Sending: from a lane's queue to the transport, and what comes back.
 *
 * The secrets and the address are those that are valid now; the bytes are those of
 * the version that made them. Signing is done by the worker, with contexts that each
 * lane keeps ready. */
#ifndef WHI_SEND_H
#define WHI_SEND_H

#include "work/worker.h"

/* Sends from the ready lanes as far as there is room. */
void whi_send_ready(whi_worker *worker);

/* Adapts flight_limit: busy is 1 when the poller had something. 1 if it grew. */
int whi_send_pace(whi_worker *worker, int busy);

/* Drops what is under way, and the pool. The transport is closed by then. */
void whi_send_free(whi_worker *worker);

#endif
