/* What is under way: deliveries whose rows wait in the store while this process has them in memory to send them,
 * and the order keys that they have.
 *
 * A row says nothing of a request that is on its way. Its owner knows, and this is where: what is here is not
 * fetched again, and of an order key one at a time is here as begun, until what came of it is recorded or
 * it is dropped. It is so across a change of the owner's number, too: a request of an earlier one keeps its
 * row and its key until it ends.
 *
 * What has no row yet (a first attempt that waits for nothing) is not here. Any thread. */
#ifndef WHI_UNDERWAY_H
#define WHI_UNDERWAY_H

#include <pthread.h>
#include <stdint.h>

#include "base/table.h"

/* Of a delivery. */
typedef struct whi_way {
    int64_t event, subscription;
    const char *key; /* of one that has begun */
    char fetched, begun;
    char told; /* what came of it is being written */
} whi_way;

typedef struct whi_underway {
    pthread_mutex_t lock;
    whi_table rows; /* those that were fetched, by event and subscription */
    whi_table keys; /* those that have begun, by subscription and key */
} whi_underway;

void whi_underway_init(whi_underway *underway);
void whi_underway_end(whi_underway *underway);

/* This delivery was fetched. It is here until whi_underway_leave. WH_ENOMEM: it is not. */
int whi_underway_add(whi_underway *underway, whi_way *way);

/* 1: it was fetched. */
int whi_underway_has(whi_underway *underway, int64_t event, int64_t subscription);

/* It is to be sent, in the order of this key, which outlives it here. 1: it has begun; 0: another of its key is on its
 * way; WH_ENOMEM. */
int whi_underway_begin(whi_underway *underway, whi_way *way, const char *key);

/* What came of it is written now, before all that is written later: a newer one of its key need not let it go first.
 * (Its key it keeps until it is known to be written.) */
void whi_underway_told(whi_underway *underway, whi_way *way);

/* The event whose delivery is on its way of this key, and not told of; 0: none. */
int64_t whi_underway_of(whi_underway *underway, int64_t subscription, const char *key);

/* It goes from memory, whether it was fetched or not. */
void whi_underway_leave(whi_underway *underway, whi_way *way);

#endif
