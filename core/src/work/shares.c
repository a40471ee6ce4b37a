/* Tests: test_shares. */
#include "work/shares.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define QUANTUM_US 2000
#define COSTLY_US 100              /* some ten times what an event without rules costs */
#define PURSE_US 10000             /* of costly events that a tenant may have at once, */
#define PURSE_SHARE 10             /* and the part of the time that it may have in the long run */
#define OTHERS_US INT64_C(1000000) /* for so long nobody else had an event: it has the thread to itself */
#define SHARES_MANY 1024           /* of these it is not asked yet which have no events */

typedef struct whi_share {
    whi_turn turn; /* first */
    whi_event *events, **events_end;
    int64_t charged_us; /* the last time */
    int64_t purse_us, filled_us;
    char tenant[];
} whi_share;

static uint32_t hash_share(const void *entry) {
    return whi_table_spread_text(0, ((const whi_share *)entry)->tenant);
}

static int is_share(const void *entry, const void *key) {
    return strcmp(((const whi_share *)entry)->tenant, key) == 0;
}

static const whi_table_kind share_kind = { hash_share, is_share };

static whi_share *share_new(const char *tenant) {
    size_t size = strlen(tenant) + 1;
    whi_share *share = whi_calloc(1, sizeof *share + size);

    if (share != NULL) {
        memcpy(share->tenant, tenant, size);
        share->turn.credit = QUANTUM_US;
        share->purse_us = PURSE_US;
        share->events_end = &share->events;
    }
    return share;
}

int whi_shares_init(whi_shares *shares) {
    *shares = (whi_shares){ 0 };
    shares->many = SHARES_MANY;
    shares->common = share_new("");
    return shares->common != NULL ? WH_OK : whi_fail_memory();
}

static void drop_events(whi_share *share, wh_engine *engine) {
    while (share->events != NULL) {
        whi_event *next = share->events->next;
        whi_delivery_free(engine, share->events->remakes);
        whi_event_unref(engine, share->events);
        share->events = next;
    }
    whi_free(share);
}

void whi_shares_end(whi_shares *shares, wh_engine *engine) {
    for (uint32_t i = 0; i < shares->all.capacity; i++) {
        if (shares->all.slots[i] != NULL) {
            drop_events(shares->all.slots[i], engine);
        }
    }
    if (shares->common != NULL) {
        drop_events(shares->common, engine);
    }
    whi_table_free(&shares->all);
    *shares = (whi_shares){ 0 };
}

/* Those that rest go, their debts with them. */
static void sweep(whi_shares *shares) {
    whi_table kept = { 0 };

    if (whi_table_resize(&kept, &share_kind, shares->all.capacity) != WH_OK) {
        return;
    }
    for (uint32_t i = 0; i < shares->all.capacity; i++) {
        whi_share *share = shares->all.slots[i];
        if (share != NULL && share->events == NULL && share != shares->taken) {
            whi_free(share);
        } else if (share != NULL) {
            whi_table_put(&kept, &share_kind, share);
        }
    }
    whi_table_free(&shares->all);
    shares->all = kept;
    shares->many = kept.count * 2 > SHARES_MANY ? kept.count * 2 : SHARES_MANY;
    shares->last = NULL;
    shares->charged = shares->taken;
}

static whi_share *make(whi_shares *shares, const char *tenant) {
    whi_share *share;

    if (shares->all.count >= shares->many) {
        sweep(shares);
    }
    if (shares->common->events != NULL || whi_table_reserve(&shares->all, &share_kind) != WH_OK) {
        return shares->common; /* also while others wait there: one of its own would overtake them */
    }
    share = share_new(tenant);
    if (share == NULL) {
        return shares->common;
    }
    whi_table_put(&shares->all, &share_kind, share);
    return share;
}

static whi_share *share_of(whi_shares *shares, const char *tenant) {
    whi_share *share = shares->last;

    if (share != NULL && strcmp(share->tenant, tenant) == 0) {
        return share;
    }
    share = whi_table_get(&shares->all, &share_kind, whi_table_spread_text(0, tenant), tenant);
    share = share != NULL ? share : make(shares, tenant);
    shares->last = share != shares->common ? share : NULL;
    return share;
}

void whi_shares_add(whi_shares *shares, whi_event *event) {
    whi_share *share = share_of(shares, event->tenant);

    event->next = NULL;
    *share->events_end = event;
    share->events_end = &event->next;
    whi_fair_join_first(&shares->fair, &share->turn, QUANTUM_US);
}

void whi_shares_add_first(whi_shares *shares, whi_event *event) {
    whi_share *share = share_of(shares, event->tenant);

    event->next = share->events;
    share->events_end = share->events == NULL ? &event->next : share->events_end;
    share->events = event;
    whi_fair_join_first(&shares->fair, &share->turn, QUANTUM_US);
}

whi_event *whi_shares_take(whi_shares *shares) {
    whi_share *share = (whi_share *)whi_fair_next(&shares->fair, QUANTUM_US);
    whi_event *event;

    if (share == NULL) {
        return NULL;
    }
    shares->taken = share;
    event = share->events;
    share->events = event->next;
    if (share->events == NULL) {
        share->events_end = &share->events;
        whi_fair_leave(&shares->fair, &share->turn);
    }
    event->next = NULL;
    return event;
}

int whi_shares_is_empty(const whi_shares *shares) {
    return shares->fair.first == NULL;
}

static void pay(whi_share *share, int64_t us, int64_t now_us) {
    int64_t filled = (now_us - share->filled_us) / PURSE_SHARE;

    share->purse_us = filled < PURSE_US - share->purse_us ? share->purse_us + filled : PURSE_US;
    share->purse_us -= us;
    share->filled_us = now_us;
}

void whi_shares_charge(whi_shares *shares, int64_t us, int64_t now_us) {
    whi_share *share = shares->taken;

    share->turn.credit -= us;
    share->charged_us = us;
    if (us >= COSTLY_US) {
        pay(share, us, now_us);
    }
    if (shares->charged != share) {
        shares->changed_us = shares->charged != NULL ? now_us : shares->changed_us;
        shares->charged = share;
    }
}

int whi_shares_is_costly(const whi_shares *shares) {
    return shares->taken->charged_us >= COSTLY_US;
}

int whi_shares_is_overdrawn(const whi_shares *shares, int64_t now_us) {
    return shares->taken->purse_us < 0 && shares->changed_us != 0 && now_us - shares->changed_us < OTHERS_US;
}
