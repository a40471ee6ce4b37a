/* Versions of subscriptions, as the store has them: each change makes the next one.
 *
 * Why all are kept while deliveries name them: a delivery's bytes were made by the rule and the fields
 * of one version, and a retry days later sends those bytes; explain has to tell which rule made them
 * after it was changed; and what has not been decided yet is by the version that was in force at the
 * event's number, see registry.h. Address, secrets and pauses are always those in force. A change is compared
 * with the version that it was made from, in the transaction, so of two at once the second is refused
 * or made again, and none is lost. */
#ifndef WHI_VERSION_H
#define WHI_VERSION_H

#include <stdint.h>

#include "base/buf.h"
#include "engine/context.h"
#include "engine/registry.h"
#include "outside/store.h"
#include "pure/subscription.h"

#define WHI_CANCEL_ROWS 512 /* deliveries cancelled in one transaction */

/* One as it is written. */
typedef struct whi_version {
    whi_subscription_row row; /* its id is 0 until the caller or the store gives it */
    whi_buf document;         /* the row's, with secrets */
} whi_version;

/* Makes the subscription's next version, with its status, at this time. Free it whatever is
 * returned. */
int whi_version_write(whi_version *out, wh_engine *engine, whi_subscription *subscription);
void whi_version_free(whi_version *version);

/* In a transaction: writes the next version of a subscription that is there. */
int whi_version_keep(wh_engine *engine, whi_store *store, whi_subscription *subscription);

/* In a transaction: removes a subscription and cancels what waits for it; more 1: there is too much
 * of it for one transaction. WH_ENOTFOUND. */
int whi_version_remove(wh_engine *engine, whi_store *store, int64_t id, int *more);

/* In a transaction: 1 in used: by the version in force, of which ours may be an older one, it is a single_use one that
 * has had its event, and so ends with that one's delivery. One that is not there any more is not. */
int whi_version_is_used(whi_store *store, const whi_subscription *ours, int *used);

/* A version that was (0: the present one), as a registration with a reference, by the store or by
 * the reader of who must not wait. WH_ENOTFOUND. */
int whi_version_at(whi_store *store, int64_t id, int64_t version, whi_registration **out);

/* The version that was in force at an event's number. WH_ENOTFOUND: there was none, or it is not kept. */
int whi_version_then(whi_store *store, int64_t id, int64_t number, whi_registration **out);

#endif
