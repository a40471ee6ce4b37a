/* Retiring: a subscription is switched off because its receiver is gone or fails (watch.h), its rule fails, or
 * its one event came. A worker finds that out and may not wait: it is a task of the writer, which
 * decides in the transaction, by the version in force there, so nobody's change is lost. */
#ifndef WHI_RETIRE_H
#define WHI_RETIRE_H

#include "engine/event.h"
#include "engine/registry.h"
#include "work/worker.h"

/* Switches it off, keeps a version, tells. Does not wait. */
void whi_retire(whi_worker *worker, whi_registration *registration, const char *reason);

/* Gives a single_use one its one delivery, if none was faster, and switches it off; takes the
 * delivery. Its event's counter was raised. Fails without memory. */
int whi_retire_used(whi_worker *worker, whi_delivery *delivery);

/* Counts a failure of its rule; after limits.rule_failures in a row it is switched off. */
void whi_retire_for_rule(whi_worker *worker, const whi_event *event, whi_registration *registration, const char *error);

#endif
