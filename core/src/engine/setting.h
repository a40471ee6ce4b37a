/* Settings: what decides over the data of a store, and so is the store's and no process's own: how long things are
 * kept, and how large and how many they may be. A process that went by its own defaults would delete what another one
 * keeps, or take in what the others refuse.
 *
 * What was said once stays (webhook_settings), and holds for all who open the store; where nothing was said the
 * default does, and is not written. The first process that is opened with a value of its own says it for all; one that
 * comes with another value is told that it does not hold. wh_settings_set changes what is there. Nobody remembers how
 * long things are kept: who deletes asks in the transaction in which he does. Limits are asked for with each event, so
 * they are remembered for a tenth of a second. */
#ifndef WHI_SETTING_H
#define WHI_SETTING_H

#include <stdint.h>

#include "engine/context.h"

/* WHI_RETAIN and its like: times in ms, limits as those of wh_limits, and what each tenant may have that has none of
 * its own, INT64_MAX: there is no bound. */
enum whi_setting {
#define WH_X(constant, name) WHI_##constant,
    WH_SETTINGS(WH_X)
#undef WH_X
        WHI_SETTINGS /* how many */
};

extern const char *const whi_setting_names[WHI_SETTINGS];

/* The largest that is allowed; the smallest is 1. */
int64_t whi_setting_most(enum whi_setting which);

/* What holds: by the reading side, and as the transaction sees it. */
int whi_setting_read(wh_engine *engine, enum whi_setting which, int64_t *out);
int whi_setting_now(whi_store *store, enum whi_setting which, int64_t *out);

/* In a transaction: it is this from now on; 0: the default. */
int whi_setting_put(whi_store *store, enum whi_setting which, int64_t value);

/* For an engine that is being opened, behind its writer, with a value for this one: says it if nobody has, and
 * warns where another one holds. */
int whi_setting_offer(wh_engine *engine, enum whi_setting which, int64_t value);

/* What holds, or held a tenth of a second ago; where the store cannot be read now, what was known. Any thread. */
int64_t whi_setting_known(wh_engine *engine, enum whi_setting which);

/* Some tenants have limits of their own: see calls/allowance.c. In a transaction, and as it is known. */
int whi_setting_put_own(whi_store *store);
int whi_setting_has_own(wh_engine *engine);
/* How often any was given some; while it stays, they stay. */
int64_t whi_setting_own(wh_engine *engine);

/* Reads all of them, for whi_setting_known. */
int whi_setting_look(wh_engine *engine);

/* The engine's limits, with those that are the store's as they are known. */
void whi_setting_limits(wh_engine *engine, wh_limits *out);

#endif
