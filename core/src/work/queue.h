/* The queue of a lane, from its end: a delivery waits in memory while its lane has room and is not
 * kept waiting there for long; else the store has it, due at once, and it is fetched when the lane
 * has room. */
#ifndef WHI_QUEUE_H
#define WHI_QUEUE_H

#include <stdint.h>

#include "work/worker.h"

/* Queues a delivery, or leaves it to the store; takes it. */
void whi_queue_push(whi_worker *worker, whi_delivery *delivery);

/* What queued for too long goes to the store. */
void whi_queue_spill(whi_worker *worker, whi_entry *entry);

#endif
