/* Switching a subscription off, in a transaction: by the version in force there, so nobody's change is lost. */
#ifndef WHI_DISABLE_H
#define WHI_DISABLE_H

#include "engine/context.h"
#include "engine/registry.h"
#include "outside/store.h"

#define WHI_DISABLE_NO_REASON 2 /* its owner has given it another rule, or another URL, by now: it goes on */

/* reason: "gone", "failing", "rule", "response_rule" or "used". found 0: it is not there. off 1: it was off already; or
 * WHI_DISABLE_NO_REASON. Else it is off, and a version is kept that says so; but one that is for many events by now is
 * not used. */
int whi_disable(wh_engine *engine, whi_store *store, const whi_registration *registration, const char *reason,
                int *found, int *off);

#endif
