/* Lagging: the first worker goes on with the subscriptions that lag (engine/lag.h), page by page, by turns: between
 * tenants, and within a tenant between its subscriptions, by what their rules cost (base/fair.h). It reads what each
 * has to decide, asks the thread beside it (aside.h) for one decision at a time, and makes the deliveries; a
 * subscription's row follows when the deliveries of a page have theirs. */
#ifndef WHI_LAGGING_H
#define WHI_LAGGING_H

#include "work/worker.h"

/* What can be done now, for at most a few ms. Of the first worker, under the lease; others do nothing. */
void whi_lagging_turn(whi_worker *worker);

/* The thread ends; then, when all that was under way has come back, all else. */
void whi_lagging_stop(whi_worker *worker);
void whi_lagging_end(whi_worker *worker);

/* It is time to look again: see upkeep.c. */
void whi_lagging_again(whi_worker *worker, whi_entry *entry);

#endif
