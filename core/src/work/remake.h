/* Remaking: a delivery that was held has no bytes yet, and the present rule makes them when it is fetched. To release
 * many may take long, so each waits among its tenant's events for its turn (shares.h), is charged to it, and is cut as
 * they are: what takes longer than a slice, and all of a tenant that takes more than its part of the time, is made
 * aside, one after the other, where tenants take turns as well. Those of one subscription are made in the order in
 * which they were fetched. */
#ifndef WHI_REMAKE_H
#define WHI_REMAKE_H

#include "work/worker.h"

/* Takes the delivery, whose version is 0. */
void whi_remake_add(whi_worker *worker, whi_delivery *delivery);

/* Its turn has come: that of the delivery of an event that has one in `remakes`. Takes it. */
void whi_remake(whi_worker *worker, whi_event *event);

/* Nothing is made aside any more; what was is answered no more. */
void whi_remake_stop(whi_worker *worker);

/* Lets go of what it has. */
void whi_remake_end(whi_worker *worker);

#endif
