/* Sending: from a lane's queue to its sink, and what comes back. Which delivery, and how many at once,
 * is decided here, with the lease; how it is sent, by the sink (sinks/sink.h). */
#ifndef WHI_SEND_H
#define WHI_SEND_H

#include "work/worker.h"

/* Sends from the ready lanes as far as there are slots for their kinds (slots.h), and few enough are young.
 *
 * How many requests to quick lanes, and to slow ones, are young at once follows what keeps their receivers busy: of
 * each lane the quickest answer is kept, which is how far it is with nobody waiting, and the sum of those of all
 * answers within some time, divided by that time, is how many were under way to good purpose (Little's law). Twice as
 * many may be, and 64 at least. With receivers that are far, more at once give more answers, and it doubles with each
 * round trip; with receivers that only lack CPU, on this machine above all, more at once make each answer come later,
 * and it stays. (So does BBR with a network: its rate times its shortest round trip.) Whatever is beyond that opens a
 * connection and gains nothing. */
void whi_send_ready(whi_worker *worker);

/* Something under way is old by now: the turn in which this is called sends again. */
void whi_send_again(whi_worker *worker, whi_entry *entry);

/* Lets more unknown lanes be tried at once while the thread would sleep: each of them needs a connection of its own
 * anyway, and how far they are nobody knows. busy is 1 when the poller had something. 1 if it may send more. */
int whi_send_pace(whi_worker *worker, int busy);

/* What is under way for long gets its row, which waits: what was decided so far need not be kept in mind for a
 * receiver that hangs. */
void whi_send_early(whi_worker *worker, whi_entry *entry);

/* Nobody waits any longer for what is under way, as the sentence says: it was an attempt, and goes again. */
void whi_send_cut(whi_worker *worker, const char *sentence);

/* Drops what is under way, and the pool. The sink is closed by then. */
void whi_send_free(whi_worker *worker);

#endif
