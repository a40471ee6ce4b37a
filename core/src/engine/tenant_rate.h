/* A tenant's rate: how many requests all of its subscriptions together may begin, by a bucket of tokens (pure/rate.h).
 *
 * Each process has a part of it, as large as its part of the tenant's lanes: of its subscriptions that send, those
 * whose partitions it has. Of a tenant with very many of them it is the part of all partitions. A process looks again
 * when the subscriptions or its partitions have changed, and so the parts never come to more than the whole for longer
 * than it takes to hear of that. A burst is parted too, and at least one token everywhere, or some would never send.
 *
 * What had been sent before this process came to its partitions is not known: the bucket begins empty with the last of
 * them, as that of a lane does (work/allowance.h). What came of a partition's former owner is in its own bucket.
 *
 * Lanes that wait stand in line (whi_line). Each is told when its turn is, and looks then: a lane costs a look for what
 * it sends, however many wait with it, and one that has just come overtakes nobody.
 *
 * One lock, which is one of those under which nothing else is asked for. A bucket stays when no lane has it, until it
 * is full: then a new one says the same. */
#ifndef WHI_TENANT_RATE_H
#define WHI_TENANT_RATE_H

#include <pthread.h>
#include <stdint.h>

#include "base/table.h"
#include "engine/context.h"

typedef struct whi_tenant_rates {
    pthread_mutex_t lock;
    whi_table all;
    uint32_t many; /* when to look for those that nobody needs */
} whi_tenant_rates;

void whi_tenant_rates_init(whi_tenant_rates *rates);
void whi_tenant_rates_end(whi_tenant_rates *rates);

struct whi_tenant_rate;

/* What a lane has of its tenant's. All zero: nothing. Of one worker, as its lane. */
typedef struct whi_tenant_ticket {
    struct whi_tenant_rate *rate;
    uint64_t version;   /* of the rate by which it stands in line */
    int64_t at, tokens; /* it may take so many then, ms; tokens 0: it stands in no line */
} whi_tenant_ticket;

/* It is this tenant's, whose rate is as it is now. 1: there is one. */
int whi_tenant_ticket_note(wh_engine *engine, whi_tenant_ticket *ticket, const char *tenant);

/* How many may begin now; without a rate more than ever wait. */
int64_t whi_tenant_ticket_left(wh_engine *engine, const whi_tenant_ticket *ticket);

/* Takes one token. 0: there is none for it. */
int whi_tenant_ticket_take(wh_engine *engine, whi_tenant_ticket *ticket);

/* Nothing is left for it: when there is something, ms. It stands in line from now on. */
int64_t whi_tenant_ticket_wait(wh_engine *engine, whi_tenant_ticket *ticket);

/* It waits no longer, and needs so many of the tokens that it was promised; or it gives all back. */
void whi_tenant_ticket_keep(wh_engine *engine, whi_tenant_ticket *ticket, int64_t tokens);
void whi_tenant_ticket_free(wh_engine *engine, whi_tenant_ticket *ticket);

#endif
