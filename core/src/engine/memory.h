/* Memory: the bytes of what waits in it and tenants have chosen, in pots of limits.memory_bytes each, with an account
 * for each tenant that has something there.
 *
 * A tenant may have what is at most some times what is left of a pot: WHI_MEMORY_GREED for what comes by itself, and
 * more for what is brought from the store, whose turn it is although more keeps coming. So one alone gets seven eighths
 * of a pot, of several greedy ones each gets as much as the others, and something is left for who comes next: what the
 * others have beyond their shares then, they give back by and by. Nobody has to know how many tenants there are. Into
 * an empty pot fits one piece of any size.
 *
 * Within a tenant its subscriptions share in the same way: what waits for one of them is at most WHI_MEMORY_PART times
 * what is left of what the tenant may have. So one whose receiver hangs leaves a quarter to the tenant's others, of
 * which each gets as much; above all where events have no tenant, and are one account together. A lane counts what it
 * has (work/lane.h).
 *
 * What is refused waits in the store. Any thread. */
#ifndef WHI_MEMORY_H
#define WHI_MEMORY_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "base/table.h"
#include "engine/context.h"

#define WHI_MEMORY_GREED 7
#define WHI_MEMORY_GREED_STORED 15
#define WHI_MEMORY_PART 3

enum whi_pot {
    WHI_POT_EVENTS,  /* payloads and names of events */
    WHI_POT_BODIES,  /* what rules made of them, until it was sent */
    WHI_POT_RECORDS, /* the same on its way into the store: no more is made while this pot is full */
    WHI_POTS
};

/* Of a tenant, while an event of it is in memory. */
typedef struct whi_account whi_account;

typedef struct whi_memory {
    long long limit; /* bytes of each pot */
    atomic_llong used[WHI_POTS];
    pthread_mutex_t lock; /* around all; inside it nothing is called */
    whi_table all;        /* accounts by tenant */
} whi_memory;

void whi_memory_init(whi_memory *memory, long long limit);
void whi_memory_end(whi_memory *memory); /* nothing is in it */

/* A reference; NULL: no memory for it. */
whi_account *whi_memory_open(whi_memory *memory, const char *tenant);
void whi_memory_close(whi_memory *memory, whi_account *account);

/* So many bytes are in memory, or, below 0, are not any more. */
void whi_memory_count(whi_memory *memory, whi_account *account, enum whi_pot pot, long long bytes);

/* 1: the tenant may have what is counted for it by now, or there is nothing else than these bytes of its. */
int whi_memory_may_keep(const whi_memory *memory, const whi_account *account, enum whi_pot pot, long long bytes,
                        int greed);

/* 1: something of the tenant's may have so many of the bytes that are counted for the tenant by now. */
int whi_memory_may_share(const whi_memory *memory, const whi_account *account, enum whi_pot pot, long long part,
                         int greed);

/* All bytes, and 1: nothing is left, whoever asks. */
long long whi_memory_used(const whi_memory *memory, enum whi_pot pot);
int whi_memory_is_full(const whi_memory *memory, enum whi_pot pot);

#endif
