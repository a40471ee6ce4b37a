/* Rulings of a worker: answers wait for what their subscriptions' response rules say of them (pure/ruling.h).
 *
 * No turn of the worker waits for one: they run on the thread beside it (aside.h), one after the other, where tenants
 * take turns by the CPU that theirs take, and who has spent its budget waits for it. Meanwhile a delivery has no slot
 * any more, and has its place in its lane: so what is sent for others does not wait, nor does what waits here grow
 * beyond what its subscription may have under way. What fails costs the answer nothing: the ordinary outcome counts. */
#ifndef WHI_RULINGS_H
#define WHI_RULINGS_H

#include "sinks/sink.h"
#include "work/worker.h"

/* Has the answer of this parcel, of HTTP, looked at. ruled is called on the worker's thread when the parcel says what
 * it came to; until then it stays. WH_ENOMEM: it is not. */
int whi_rulings_ask(whi_worker *worker, whi_parcel *parcel, void (*ruled)(whi_parcel *parcel));

/* Of what waits the ordinary outcome counts, and ruled is called: the engine stops. */
void whi_rulings_settle(whi_worker *worker);

/* The thread ends; then all that waits is let go of, and ruled is not called. */
void whi_rulings_stop(whi_worker *worker);
void whi_rulings_end(whi_worker *worker);

/* Of who waited for its budget. */
void whi_rulings_again(whi_worker *worker, whi_entry *entry);

#endif
