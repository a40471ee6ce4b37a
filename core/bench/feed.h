/* Feeding an engine whose receiver is bare.h's: a subscription for each of its endpoints, and events in
 * batches, each for one of them, with a window of events on the way. */
#ifndef FEED_H
#define FEED_H

#include "webhook.h"

#define FEED_WINDOW 2048 /* events accepted and not yet delivered */

/* wh_options.transport of the engines that are opened from now on. */
extern const char *feed_transport;
extern int feed_durability; /* 0: WH_FULL */

/* more goes into each subscription's document: "" or ",\"order\":\"fifo\"". */
wh_engine *feed_open(const char *file, const char *more);

/* Publishes so many events, and waits until the last one has arrived and is recorded. keys: so many
 * different ones in turn, 0: none. */
void feed_run(wh_engine *engine, long count, long keys);

#endif
