/* Sending: from a lane's queue to its sink, and what comes back. Which delivery, and how many at once,
 * is decided here, with the lease; how it is sent, by the sink (sinks/sink.h). */
#ifndef WHI_SEND_H
#define WHI_SEND_H

#include "work/worker.h"

/* Sends from the ready lanes as far as there are slots for their kinds (slots.h), and few enough are young: what is
 * old costs no CPU, and does not count against flight_limit. */
void whi_send_ready(whi_worker *worker);

/* Something under way is old by now: the turn in which this is called sends again. */
void whi_send_again(whi_worker *worker, whi_entry *entry);

/* Adapts flight_limit: busy is 1 when the poller had something. 1 if it grew. */
int whi_send_pace(whi_worker *worker, int busy);

/* What is under way for long gets its row, which waits: what was decided so far need not be kept in mind for a
 * receiver that hangs. */
void whi_send_early(whi_worker *worker, whi_entry *entry);

/* Nobody waits any longer for what is under way, as the sentence says: it was an attempt, and goes again. */
void whi_send_cut(whi_worker *worker, const char *sentence);

/* Drops what is under way, and the pool. The sink is closed by then. */
void whi_send_free(whi_worker *worker);

#endif
