/* Deliveries that are on their way to one receiver that is waited for, of all lanes that go there: many subscriptions
 * to one that hangs are to leave as much to the others as one of them. A worker's, on its thread. */
#ifndef WHI_CROWD_H
#define WHI_CROWD_H

#include "work/worker.h"

typedef struct whi_crowd {
    uint64_t key; /* a hash of the URL: two that have the same one share */
    int count;
} whi_crowd;

/* One more; its crowd, or NULL without memory: it is not counted. */
whi_crowd *whi_crowd_join(whi_worker *worker, uint64_t key);

/* One less; a crowd of nobody is freed. NULL is fine. */
void whi_crowd_leave(whi_worker *worker, whi_crowd *crowd);

/* How many there are, 0 without a crowd. */
int whi_crowd_count(const whi_worker *worker, uint64_t key);

void whi_crowds_free(whi_worker *worker);

#endif
