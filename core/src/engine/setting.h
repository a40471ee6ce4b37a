/* Settings: what decides over the data of a store, and so is the store's and no process's own. How long
 * things are kept is one: a process that went by its own defaults would delete what another one keeps.
 *
 * What was said once stays (webhook_settings), and holds for all who open the store; where nothing was said the
 * default does, and is not written. The first process that is opened with a value of its own says it for all; one that
 * comes with another value is told that it does not hold. wh_settings_set changes what is there. Nobody remembers a
 * setting: who deletes asks in the transaction in which he does. */
#ifndef WHI_SETTING_H
#define WHI_SETTING_H

#include <stdint.h>

#include "engine/context.h"

enum whi_setting { WHI_RETAIN, WHI_RETAIN_FAILED, WHI_SETTINGS /* how many */ };

extern const char *const whi_setting_names[WHI_SETTINGS];

/* What holds, in ms: by the reading side, and as the transaction sees it. */
int whi_setting_read(wh_engine *engine, enum whi_setting which, int64_t *out);
int whi_setting_now(whi_store *store, enum whi_setting which, int64_t *out);

/* In a transaction: it is this from now on; 0: the default. */
int whi_setting_put(whi_store *store, enum whi_setting which, int64_t value);

/* For an engine that is being opened, behind its writer, with a value for this one: says it if nobody has, and
 * warns where another one holds. */
int whi_setting_offer(wh_engine *engine, enum whi_setting which, int64_t value);

#endif
