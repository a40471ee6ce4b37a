/* Profiles: the wire formats of the systems whose clients and receivers we serve.
 *
 * A profile is data: one table of fields (name on the wire, where it lives in the canonical
 * subscription, JSON type, who writes it, enum), a retry list, and what counts as success.
 * There is one canonical subscription (pure/subscription.h); what a profile has beyond it is
 * kept in the subscription's `details`, under the profile's own names. So a subscription
 * that was made through one profile can be read through another as far as that one can
 * express it. One file per profile, profile_<name>.c, and nothing else for a fifth one. */
#ifndef WHI_PROFILE_H
#define WHI_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/json.h"
#include "pure/subscription.h"

typedef struct whi_profile whi_profile; /* profile_table.h; its users need only this file */

/* By enum whi_profile_id of subscription.h. Never NULL for a valid one. */
const whi_profile *whi_profile_get(int id);

/* The retry list in ms, each the wait before an attempt; the first is 0. */
const int64_t *whi_profile_retry(int id, size_t *count);

/* The line of who sends, as the system's own deliveries have it; NULL: the engine's own. */
const char *whi_profile_agent(int id);

/* What an answer means; as whi_delivery_outcome of delivery.h, but with the profile's
 * success: Truto wants 200, the others 2xx. code as there. abort receives 1 when the
 * receiver refuses the whole run (Truto: 400 on "sync_job_run:started"). */
int whi_profile_outcome(int id, const char *event_type, int error, int status, int *code, int *abort);

/* What a server knows beside the subscription. */
typedef struct whi_profile_facts {
    int healthy; /* 1: the last attempt succeeded, or there was none */
} whi_profile_facts;

enum {
    WHI_PROFILE_PATCH = 1,  /* reading: a change of `present`, not a new one */
    WHI_PROFILE_SECRET = 2, /* writing: with the secret */
    WHI_PROFILE_SENT = 4,   /* writing: for an envelope, so without what may hold a password (db_url) */
};

/* Reads an object as a client of the profile sends it, and appends the canonical document
 * for wh_subscribe, or with WHI_PROFILE_PATCH for wh_subscription_update, where present is
 * the subscription as it is. "profile" is set on creation. Read-only fields are ignored.
 * Types are checked, closed enums too (CallFire's resources and events, without regard to
 * case); open ones keep what they are given. Unknown fields are ignored, as the three
 * systems' clients expect of them. WH_EJSON, WH_EINVALID with the field's wire name first
 * and what was expected. */
int whi_profile_read(int id, const char *document, size_t size, int flags, const whi_subscription *present,
                     whi_buf *out);

/* Appends the profile's object for a subscription of whatever profile. tenant is the
 * workspace, the environment. */
int whi_profile_write(int id, const whi_subscription *subscription, const whi_profile_facts *facts, int flags,
                      whi_buf *out);

/* Ids on the wire: Unified "sub_…", Truto a UUID made of the number, CallFire the number.
 * out has WH_ID_SIZE bytes. Parsing gives WH_ENOTFOUND for what cannot be an id. */
void whi_profile_ident(int id, int64_t number, char *out);
int whi_profile_ident_parse(int id, const char *text, int64_t *number);

/* CallFire's resources: item of a static table, NULL at the end. */
typedef struct whi_callfire_resource {
    const char *name;
    const char *const *events; /* ends with NULL */
} whi_callfire_resource;
const whi_callfire_resource *whi_callfire_resource_at(size_t index);

#endif
