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

static inline int whi_store_delivery_drop(whi_store *store, int64_t event, int64_t subscription, int *done) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_DROP, .of.key = { event, subscription } };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *done = answer.done;
    return code;
}

/* unless: a worker, or 0. */
static inline int whi_store_delivery_again(whi_store *store, int64_t event, int64_t subscription, const char *key,
                                           int64_t now, int64_t unless, int *done) {
    whi_fact fact = { .kind = WH_FACT_DELIVERY_AGAIN };
    whi_answer answer = { 0 };
    int code;

    fact.of.again.event = event;
    fact.of.again.subscription = subscription;
    fact.of.again.key = key;
    fact.of.again.now = now;
    fact.of.again.unless = unless;
    code = whi_store_write(store, &fact, &answer);
    *done = answer.done;
    return code;
}

static inline int whi_store_lag(whi_store *store, int64_t owner, int64_t subscription, int partition, int64_t position,
                                int *done) {
    whi_fact fact = {
        .kind = WH_FACT_LAG,
        .of.lag = { .owner = owner, .subscription = subscription, .position = position, .partition = partition }
    };
    whi_answer answer = { 0 };
    int code = whi_store_write(store, &fact, &answer);

    *done = answer.done;
    return code;
}

#endif
