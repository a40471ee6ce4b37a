/* Fan-out: which subscriptions get an event, and which bytes.
 *
 * decide.c decides. The payload is scanned once, and only if one of the subscriptions
 * looks into it. A rule that fails touches its own subscription alone. */
#ifndef WHI_FANOUT_H
#define WHI_FANOUT_H

#include "work/worker.h"

void whi_fanout(whi_worker *worker, whi_event *event); /* takes the reference */
void whi_fanout_close(whi_worker *worker);

/* Makes the bytes of a fetched delivery whose version is 0 and sets its state; handed_over 1: it is
 * somebody else's from now on. */
int whi_fanout_remake(whi_worker *worker, whi_delivery *delivery, int *handed_over);

#endif
