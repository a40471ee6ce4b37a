/* Shares: events, and deliveries that are remade (remake.h), wait for their decisions tenant by tenant, and the tenants
 * take turns by what their decisions cost (base/fair.h): one that has had nothing to do, and has not used up its
 * credit, comes first. Among a tenant's events the order is that in which they came. One thread. */
#ifndef WHI_SHARES_H
#define WHI_SHARES_H

#include <stdint.h>

#include "base/fair.h"
#include "base/table.h"
#include "engine/event.h"

struct whi_share;

typedef struct whi_shares {
    whi_table all; /* by tenant: those with events, and debtors */
    uint32_t many; /* when to look for those that rest: twice as many as did not, the last time */
    whi_fair fair;
    struct whi_share *last;   /* that was looked up */
    struct whi_share *common; /* of tenants for whose own there was no memory */
    struct whi_share *taken;  /* of the event that was taken last */
    struct whi_share *charged;
    int64_t changed_us; /* when another was charged than before */
} whi_shares;

/* WH_ENOMEM: nothing was made. */
int whi_shares_init(whi_shares *shares);
/* Takes the references of what waits, and the deliveries. */
void whi_shares_end(whi_shares *shares, wh_engine *engine);

/* Takes the event. */
void whi_shares_add(whi_shares *shares, whi_event *event);

/* The same, before the others of its tenant. */
void whi_shares_add_first(whi_shares *shares, whi_event *event);

/* Gives one; NULL: there is none. */
whi_event *whi_shares_take(whi_shares *shares);
int whi_shares_is_empty(const whi_shares *shares);

/* What the event that was taken last has cost since it was taken, until now: monotonic, us. */
void whi_shares_charge(whi_shares *shares, int64_t us, int64_t now_us);

/* 1: what its tenant was charged with last was that much, so that others should not wait for what it wants next. */
int whi_shares_is_costly(const whi_shares *shares);

/* 1: of late its tenant's costly events have taken more than a tenth of the time, in which others had events, too. */
int whi_shares_is_overdrawn(const whi_shares *shares, int64_t now_us);

#endif
