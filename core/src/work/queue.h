/* The queue of a lane, from its end: a delivery waits in memory while its lane has room and is not
 * kept waiting there for long; else the store has it, due at once, and it is fetched when the lane
 * has room.
 *
 * While many wait in memory no event is fanned out. What is there for receivers that hang does not count for that,
 * or they would stop everybody's events; so there is a bound of its own for it, beyond which it goes to the store at
 * once, and a lane whose receiver is slow has no more in memory than it may send. */
#ifndef WHI_QUEUE_H
#define WHI_QUEUE_H

#include <stdint.h>

#include "work/worker.h"

/* 1: so many wait in memory for those whom they reach soon that more events would only fill it. */
int whi_queue_is_full(const whi_worker *worker);

/* 1: so many wait in memory for slots that others hold for long. */
int whi_queue_is_crowded(const whi_worker *worker);

/* How many of a lane's are to be fetched, which it then takes; 0 until one that it has is gone. */
int whi_queue_room(const whi_worker *worker, const struct whi_lane *lane);

/* Queues a delivery, or leaves it to the store; takes it. */
void whi_queue_push(whi_worker *worker, whi_delivery *delivery);

/* What may not go yet by its lane's rate waits in the store; takes it. */
void whi_queue_leave(whi_worker *worker, struct whi_lane *lane, whi_delivery *delivery);

/* What queued for too long goes to the store. */
void whi_queue_spill(whi_worker *worker, whi_entry *entry);

#endif
