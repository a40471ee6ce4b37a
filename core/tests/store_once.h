/* Facts that the engine puts into a list, done at once: for tests, fuzz targets and benchmarks of
 * stores, in addition to the words of outside/store.h. */
#ifndef STORE_ONCE_H
#define STORE_ONCE_H

#include "outside/store.h"

static inline int whi_store_outbox_take(whi_store *store, int limit, whi_outbox_fn judge, void *payload, int *count) {
    whi_fact fact = { .kind = WH_FACT_OUTBOX, .of.outbox = { limit, judge, payload } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *count = (int)answer.number;
    return code;
}

static inline int whi_store_delivery_now(whi_store *store, int64_t event, int64_t subscription, whi_delivery_fn each,
                                         void *payload) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_NOW };
    whi_answer answer;

    fact.of.look.event = event;
    fact.of.look.subscription = subscription;
    fact.of.look.each_delivery = each;
    fact.of.look.payload = payload;
    return whi_store_write(store, &fact, &answer);
}

static inline int whi_store_attempt_add(whi_store *store, const whi_attempt_row *row) {
    whi_fact fact = { .kind = WH_FACT_ATTEMPT, .of.attempt = *row };
    whi_answer answer;

    return whi_store_write(store, &fact, &answer);
}

static inline int whi_store_delivery_claim(whi_store *store, int64_t owner, int64_t subscription, int64_t now,
                                           int limit, whi_delivery_fn each, void *payload, int64_t *due) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_CLAIM, .of.claim = { owner, subscription, now, limit, each, payload } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *due = answer.number;
    return code;
}

static inline int whi_store_lane_due(whi_store *store, int64_t subscription, int64_t *due) {
    whi_fact fact = { .kind = WH_FACT_LANE_DUE, .of.owner = subscription };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *due = answer.number;
    return code;
}

#endif
