/* Lanes: each subscription's own queue, window and timetable within a worker. A receiver that hangs
 * fills its own lane and nothing else: its window shrinks, what it cannot take soon goes back to
 * the store (queue.h), and it waits for slots with its like (slots.h). */
#ifndef WHI_LANE_H
#define WHI_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/event.h"
#include "engine/tenant_rate.h"
#include "pure/breaker.h"
#include "pure/rate.h"
#include "pure/retry_policy.h"
#include "work/worker.h"

/* What keeps what is due in the store. */
enum whi_lane_wait { WHI_WAITS_FOR_NOTHING, WHI_WAITS_FOR_RATE, WHI_WAITS_FOR_PROBE };

/* What one worker has for one subscription. */
typedef struct whi_lane {
    whi_entry stored; /* first; when the earliest of what waits in the store is due, if that is known */
    int64_t subscription;
    struct whi_lane *next_ready, **ready_link;
    whi_delivery *head, *tail; /* queued in memory */
    int queued, in_flight;
    long long bytes[WHI_POT_RECORDS]; /* in memory for it, queued and under way: of events, and of what rules made */
    int remaking, remaking_aside;     /* out of the store, without bytes yet: see remake.h */
    uint64_t crowd;                   /* of its receiver, where that is waited for; see crowd.h */
    int cap;                          /* the subscription's concurrency, or what its sink takes in a batch */
    int window;                       /* requests at once: grows with successes, halves with failures */
    int is_ready;                     /* in the worker's ready list of its kind */
    enum whi_slot_kind kind;          /* which slots it uses */
    int64_t quickest_us;              /* of its answers, lately; 0: there was none */
    whi_rate rate;                    /* the subscription's; see allowance.h */
    whi_bucket bucket;                /* with a rate */
    int64_t rate_since;               /* ms: from when on it is known what was taken from the bucket */
    whi_tenant_ticket tenant;         /* what it has of its tenant's rate */
    enum whi_lane_wait rated;         /* what is due waits in the store for that */
    whi_breaker breaker;              /* with a rule; see allowance.h */
    whi_breaker_rule breaker_rule;    /* of this version of the subscription */
    int64_t breaker_version;
    int breaker_counted;     /* 1: among those that are open */
    whi_retry_budget budget; /* where its subscription bounds the retries */
    int yielded;             /* 1: its last that hung made room for others; until it answers at once */
    int known;               /* 1: something came of a request; until then one at a time shows what it is */
    int64_t parked_due;      /* 0, or that due while the lane had no room */
    int64_t kept_at;         /* ms: when a success was last kept; 0: never */
    enum whi_sink_kind sink; /* where its last delivery went */
    void *kept;              /* what that sink keeps for it */
} whi_lane;

/* The worker's lane of a subscription; make 0: NULL where it has none, and without memory. */
whi_lane *whi_lane_get(whi_worker *worker, int64_t subscription, int make);
void whi_lanes_init(whi_worker *worker); /* it has none */
void whi_lanes_free(whi_worker *worker);

/* ---- what waits in the store */
void whi_lane_stored(whi_worker *worker, whi_lane *lane, int64_t due);  /* something waits there until then */
void whi_lane_set_due(whi_worker *worker, whi_lane *lane, int64_t due); /* exactly this, INT64_MAX: nothing */
/* How many have been fetched, or came by themselves, and are not on their way yet; those that are remade too. */
int whi_lane_coming(const whi_lane *lane);
/* How many more are to be fetched; 0 while it has enough. */
int whi_lane_room(const whi_lane *lane);

/* ---- what it is like */
void whi_lane_set_kind(whi_worker *worker, whi_lane *lane, enum whi_slot_kind kind);
/* What the present version of its subscription says: how much at once, and whether its sink takes batches. */
void whi_lane_suit(whi_worker *worker, whi_lane *lane, const whi_subscription *subscription);
/* 1: it may have one more under way of what there is for its kind, which it shares with others to its receiver. */
int whi_lane_shares(const whi_worker *worker, const whi_lane *lane);
/* How many requests more its receiver would be sent at once. */
int whi_lane_free(const whi_lane *lane);

/* ---- what waits in memory */
/* So many times (1 or -1) this one's bytes are in memory for it. */
void whi_lane_weigh(whi_lane *lane, const whi_delivery *delivery, int times);
/* 1: it may have so many more bytes, of each pot, or has none: so much is its part of what its tenant has. */
int whi_lane_may_have(const whi_worker *worker, const whi_lane *lane, const whi_account *account,
                      const long long more[WHI_POT_RECORDS], int greed);
void whi_lane_append(whi_worker *worker, whi_lane *lane, whi_delivery *delivery);
whi_delivery *whi_lane_pop(whi_worker *worker, whi_lane *lane);
void whi_lane_ready(whi_worker *worker, whi_lane *lane); /* into the ready list if it can send */
/* The first of a kind, out of the list; NULL: there is none. */
whi_lane *whi_lane_next(whi_worker *worker, enum whi_slot_kind kind);
/* Something left the lane without having been sent: what was put aside may have room now. */
void whi_lane_left(whi_worker *worker, whi_lane *lane);
/* Drops what is queued and is not ours any more. */
void whi_lanes_drop(whi_worker *worker);
/* With very many subscriptions the lanes of those that rest are given up. */
void whi_lanes_sweep(whi_worker *worker);
/* Each minute: those of subscriptions that are no more, or another process's. */
void whi_lanes_tidy(whi_worker *worker, whi_entry *entry);

/* ---- on the way */
/* The sink of its subscription, which may be another than for its last delivery. */
const whi_worker_sink *whi_lane_sink(whi_worker *worker, whi_lane *lane, const whi_subscription *subscription);

/* ---- what came of a delivery; answers and overloaded as in whi_parcel */
void whi_lane_landed(whi_worker *worker, whi_lane *lane); /* one less is under way */
void whi_lane_outcome(whi_worker *worker, whi_lane *lane, int answers, int overloaded);

#endif
