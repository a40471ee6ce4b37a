/* Twins: a subscription whose deliveries go to two places, `url` and `also`.
 *
 * All that the engine knows of a delivery hangs on its key, an event and a subscription: its lane and order, attempts,
 * retries, health, replay, cancel, explain. So the second place is a subscription of its own, the twin: with the same
 * events, filters, rule and switches, another url, and deliveries, a health and a lane that know nothing of the
 * first's. Nobody below this floor knows twins, but for the registry's listing, which leaves them out.
 *
 * The two are made, changed and removed in one commit, by the document of the first: no event can come in between,
 * since both changes have their numbers there. The first's document names its twin ("twin"), the twin's the first
 * ("twin_of"); where it goes, and its password, stand in the twin's alone. What the engine itself changes of one (it
 * disables it, or its history has been sent) is that one's own, and a change of the first leaves it so. A change that
 * meets another's of either is refused by its version, and made again. */
#ifndef WHI_TWIN_H
#define WHI_TWIN_H

#include <stdint.h>

#include "engine/context.h"
#include "engine/registration.h"
#include "outside/store.h"
#include "pure/subscription.h"

/* Reads the twin of a subscription that is to be changed, if it has one, and fills `also` with where it goes. *out
 * receives it, or NULL. */
int whi_twin_read(wh_engine *engine, whi_subscription *subscription, whi_registration **out);

/* What its twin is to be, by the document that was applied; NULL where it says nothing of `also`. before: as it is, or
 * NULL: it is new. */
int whi_twin_make(whi_subscription **out, const whi_subscription *subscription, const whi_subscription *before);

/* Both, as they are written. */
typedef struct whi_pair {
    whi_subscription *first, *twin; /* twin NULL: there is none from now on */
    int64_t id, version;            /* of the first before; 0: it is new */
    int64_t twin_id, twin_version;  /* of the twin before, 0: there was none */
    int64_t least;                  /* of new ones: see the store's row */
    int more; /* receives 1 where the twin was removed, and more waits for it than was cancelled */
} whi_pair;

/* In a transaction, which may be tried again: writes the next version of each, and removes a twin that is no more. */
int whi_pair_write(wh_engine *engine, whi_store *store, whi_pair *pair);

/* The twin's number; 0: it has none, or is not there. */
int64_t whi_twin_of(wh_engine *engine, int64_t subscription);

/* WH_EINVALID: it is somebody's twin, and changes with that one alone. */
int whi_twin_check(const whi_subscription *subscription);

#endif
