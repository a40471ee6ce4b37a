/* Keeping, as the engine does it: whatever back end, the same words.
 *
 *     whi_store_begin
 *     whi_store_add(kind, place for the answer) ...   for who can wait for the answers
 *     whi_store_event_add(...) ...                    for who decides by the answer: now
 *     whi_store_commit
 *
 * What a store is, what its facts mean, and what its vtable promises stands in webhook_store.h; here
 * are our names for it, and the list of facts. */
#ifndef WHI_STORE_H
#define WHI_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "pure/order.h"
#include "webhook_backend.h"

typedef wh_backend_event whi_event_row;
typedef wh_backend_delivery whi_delivery_row;
typedef wh_backend_attempt whi_attempt_row;
typedef wh_backend_subscription whi_subscription_row;
typedef wh_backend_token whi_token_row;
typedef wh_backend_health whi_health_row;
typedef wh_backend_source whi_source_row;
typedef wh_backend_usage whi_usage_row;
typedef wh_backend_query whi_store_query;
typedef wh_backend_page whi_store_place;
typedef wh_backend_work whi_store_work;
typedef wh_backend_news whi_store_news;
typedef wh_backend_event_fn whi_event_fn;
typedef wh_backend_delivery_fn whi_delivery_fn;
typedef wh_backend_attempt_fn whi_attempt_fn;
typedef wh_backend_subscription_fn whi_subscription_fn;
typedef wh_backend_token_fn whi_token_fn;
typedef wh_backend_source_fn whi_source_fn;
typedef wh_backend_health_fn whi_health_fn;
typedef wh_backend_figures whi_store_figures;
typedef wh_backend_lane_fn whi_lane_fn;
typedef wh_backend_known_fn whi_known_fn;
typedef wh_backend_waiting whi_store_waiting;
typedef wh_backend_worker whi_worker_row;
typedef wh_backend_partition whi_partition_row;
typedef wh_backend_worker_fn whi_worker_fn;
typedef wh_backend_partition_fn whi_partition_fn;
typedef wh_backend_outbox_fn whi_outbox_fn;
typedef wh_backend_fact whi_fact;
typedef wh_backend_answer whi_answer;
typedef wh_backend_ability whi_store_ability;
typedef wh_backend_options whi_store_options;
typedef wh_backend_store_vtable whi_store_vtable;
typedef wh_backend_store whi_store;

#define WHI_TOKEN_HASH WH_TOKEN_HASH

enum whi_delivery_turn {
    WHI_TURN_ABSENT = WH_TURN_ABSENT,
    WHI_TURN_ANY = WH_TURN_ANY,
};

extern const whi_store_vtable whi_store_sqlite; /* a file name, or ":memory:" */

/* ----------------------------------------------------------------------- store.c */

/* Opens what the name says: "sqlite:FILE", a FILE, ":memory:". WH_EINVALID: no back end has its scheme. */
int whi_store_open(whi_store **out, const char *name, const whi_store_options *options);
void whi_store_close(whi_store *store);

int whi_store_begin(whi_store *store);
/* With an error *outcome (or NULL) tells what became of it; rolled back is nothing yet. */
int whi_store_commit(whi_store *store, enum wh_backend_commit *outcome);
/* After WH_COMMIT_UNKNOWN: see the vtable. Those whose facts are committed have their answers then. */
void whi_store_settle(whi_store *store, enum wh_backend_commit *outcome);
void whi_store_rollback(whi_store *store);

/* 1: the transaction that was committed last has changed subscriptions. */
int whi_store_has_changed(const whi_store *store);

/* Adds a fact to the list: *out, whose `of` the caller fills in before it adds another. to, if it is
 * not NULL, receives the answer when it is done. Fails without memory, and where the list is full and
 * what stands in it fails. */
int whi_store_add(whi_store *store, enum wh_backend_fact_kind kind, whi_answer *to, whi_fact **out);
/* Does all that was added. */
int whi_store_flush(whi_store *store);
/* Does all that was added and this one; returns its code. */
int whi_store_write(whi_store *store, const whi_fact *fact, whi_answer *answer);

/* One fact each, done now: for who decides by the answer. */
int whi_store_event_add(whi_store *store, whi_event_row *row, int *duplicate);
int whi_store_delivery_put(whi_store *store, const whi_delivery_row *row, int *done);
int whi_store_delivery_cancel(whi_store *store, int64_t subscription, int64_t now, int limit, int *count);
int whi_store_worker_add(whi_store *store, int share, int64_t *owner);
int whi_store_worker_beat(whi_store *store, int64_t owner, int share);
int whi_store_worker_holds(whi_store *store, int64_t owner);
int whi_store_worker_list(whi_store *store, whi_worker_fn each, void *payload);
int whi_store_worker_remove(whi_store *store, int64_t owner);
int whi_store_partition_take(whi_store *store, int64_t owner, int limit, int64_t *position, int *count);
int whi_store_partition_give(whi_store *store, int64_t owner, int partition, int64_t position);
int whi_store_partition_list(whi_store *store, whi_partition_fn each, void *payload);
int whi_store_position(whi_store *store, int64_t owner, int64_t position);
int whi_store_lag_list(whi_store *store, whi_lane_fn each, void *payload);
int whi_store_subscription_put(whi_store *store, whi_subscription_row *row);
int whi_store_subscription_now(whi_store *store, int64_t id, whi_subscription_fn each, void *payload);
int whi_store_subscription_count(whi_store *store, int64_t *count);
int whi_store_subscription_last(whi_store *store, int64_t *change);
int whi_store_subscription_remove(whi_store *store, int64_t id, int64_t at);
int whi_store_purge(whi_store *store, int64_t done_before, int64_t failed_before, int limit, int64_t *after,
                    int *count);
int whi_store_token_add(whi_store *store, const whi_token_row *row);
int whi_store_token_remove(whi_store *store, const char *id);
int whi_store_tenant_secret_put(whi_store *store, const char *tenant, const char *secret, int replace);
int whi_store_source(whi_store *store, const whi_source_row *row);
int whi_store_source_now(whi_store *store, const char *object_type, whi_source_fn each, void *payload);
/* Of a back end that knows nothing of sources: there is none. */
int whi_store_source_list(whi_store *store, const char *object_type, whi_source_fn each, void *payload);
int whi_store_usage_limit(whi_store *store, const char *tenant, const whi_usage_row *row);
int whi_store_usage_now(whi_store *store, const char *tenant, whi_usage_row *out);
int whi_store_setting_put(whi_store *store, const char *name, int64_t value, int replace, int64_t *now);

/* Not in a transaction. 1 in out: there is a row for this event and subscription. */
int whi_store_has_delivery(whi_store *store, int64_t event, int64_t subscription, int *out);

#endif
