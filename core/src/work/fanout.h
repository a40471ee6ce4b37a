/* Fan-out: which subscriptions get an event, and which bytes.
 *
 * decide.c decides. The payload is scanned once, and only if one of the subscriptions
 * looks into it. A rule that fails touches its own subscription alone. One that takes long is broken off, and
 * its subscription lags from then on (engine/lag.h): nobody waits for it. So do those of a tenant that has many
 * which each take little (shares.h). */
#ifndef WHI_FANOUT_H
#define WHI_FANOUT_H

#include "work/worker.h"

/* 1: it is done, and the reference is taken; 0: that time has come (monotonic us), and there is more to decide. */
int whi_fanout(whi_worker *worker, whi_event *event, int64_t until_us);

/* What was decided for an event that this subscription lags with: its delivery, if there is to be one, is written
 * before it is sent. WH_OK, or it is to be tried again. */
int whi_fanout_take(whi_worker *worker, whi_event *event, whi_registration *registration, whi_decision *decided);

/* 1 in known: this event, which was seen before, has a delivery to it already. */
int whi_fanout_exists(whi_worker *worker, const whi_event *event, const whi_registration *registration, int *known);
void whi_fanout_close(whi_worker *worker);

/* Makes the bytes of a fetched delivery whose version is 0 and sets its state; handed_over 1: it is
 * somebody else's from now on. WHI_FANOUT_SLOW: its rule takes longer than a slice, and nothing was decided; an
 * error: it is to be tried again. */
int whi_fanout_remake(whi_worker *worker, whi_delivery *delivery, int *handed_over);
#define WHI_FANOUT_SLOW 2

/* The same with what was decided elsewhere. */
int whi_fanout_remade(whi_worker *worker, whi_delivery *delivery, whi_decision *decided, int *handed_over);

#endif
