/* The lease: whose work it is.
 *
 * An engine that works has a row in the store (webhook_workers) with a number that was never
 * used before and a beat that it counts up. It has partitions of the subscriptions
 * (webhook_partitions) and one position in the log of events for all of them (position.h). The protocol, as
 * it is meant:
 *
 * Owner     none -> has a row -> (its row is taken away) -> none; never the same number again.
 *           Only the owner adds its row and counts its beat. Anybody takes a row away whose beat
 *           stood still during three of his own committed beats, counted by his own clock: no two
 *           clocks are ever compared, so a clock that was set wrong keeps nobody alive and kills
 *           nobody. While somebody else holds the store's lock nobody's beat is counted, so a long
 *           transaction of an application costs nobody the lease.
 * Partition nobody's (its owner has no row) -> an owner's -> nobody's. Nobody's, it has a position of
 *           its own. Who takes it goes back to that position with its own, in the transaction that
 *           takes it. An owner gives it back when nothing of it is in memory, at the number up to which
 *           it has decided; with the owner's row it goes at the owner's position. Each owner that
 *           stays has its share: who has more than that, when another has been there for a
 *           beat, lets the rest leave; who has less takes what is nobody's.
 * Position  ascends, but when a partition is taken from further back. It passes an event when each
 *           delivery of it that this owner decides is unwanted or has a row. (Nobody moves it where
 *           nobody works: what is published stays beyond it.)
 * Delivery  the moves of pure/delivery.h. A row waits until what came of it is recorded; who has its
 *           subscription's partition reads it and sends it, and knows what it has in memory (underway.h).
 *           Each change, by whomever, counts the row's turn on; who writes says which turn the row must
 *           have, and the statement that writes compares: nothing is changed that was changed by
 *           somebody else meanwhile. An attempt whose turn is over is kept beside the row.
 * Late      who sends while it has lost its lease without knowing it may send behind a newer one of a key. Of
 *           a `latest` key it has the newest sent again, in the transaction that keeps its attempt.
 *
 * Invariants
 *   I1  No commit writes what came of a delivery under a number that has no row at that commit: each fact that
 *       does says whose it is, and the store looks in the same transaction (outside/store.h); who decides by
 *       it asks whi_lease_check. What was computed before the lock was waited for is no answer. Since a
 *       partition changes hands only with its owner's row, or when nothing of it is in memory, who has
 *       its row has its partitions: no write asks for more.
 *   I2  A row that waits is fetched by whoever has its partition, unless it is in his memory. Nothing has to
 *       be freed when an owner dies.
 *   I3  An owner starts no request later than WHI_LEASE_US after it began its last committed beat,
 *       by its own clock, and nobody takes its row earlier than that.
 *   I4  What an owner that lost its row still has in memory is dropped, its lanes get their room
 *       back; attempts that were under way are kept, without touching the delivery. Until they end it fetches
 *       neither them nor what stands behind them in their key, also under a new number.
 *   I5  An owner of whose commit it stays unknown whether it was made gives its row back, and takes its
 *       partitions again like those of one who died.
 *   I6  For each subscription and each event that it wants: the event lies beyond the position of the
 *       subscription's partition, or there is a delivery. Nothing is purged beyond the least position.
 *
 * The beat is the pulse of the writer's thread, so that a long turn (slow rules) costs no lease. An
 * engine whose host calls neither wh_step nor wh_run for WHI_ASLEEP_US gives its work back; WHI_REST_US
 * after a wh_run it gives its partitions back. */
#ifndef WHI_LEASE_H
#define WHI_LEASE_H

#include <stdatomic.h>
#include <stdint.h>

#include "engine/context.h"
#include "engine/position.h"
#include "engine/writer.h"

#define WHI_BEAT_US INT64_C(2000000)    /* how often it beats */
#define WHI_STILL 3                     /* of my beats during which another's stood still: it is dead */
#define WHI_LEASE_US INT64_C(5000000)   /* less than WHI_STILL times the least that is between two beats */
#define WHI_DROWSY_US INT64_C(1000000)  /* turned now and then: what it has is better with those who are there */
#define WHI_ASLEEP_US INT64_C(10000000) /* nobody turns the engine */
#define WHI_REST_US INT64_C(50000)      /* a run has ended, and none began: others need not wait for long */

/* Another's beat, as it was seen. */
typedef struct whi_beat_seen {
    int64_t owner, beat;
    int still; /* beats of mine since it moved */
} whi_beat_seen;

typedef struct whi_beats {
    whi_beat_seen *list; /* by owner */
    size_t count, capacity;
} whi_beats;

typedef struct whi_lease {
    whi_job job; /* the beat; first */
    wh_engine *engine;
    atomic_llong owner;     /* our row, 0: none */
    atomic_llong until;     /* monotonic us: no request is started later */
    atomic_llong next_beat; /* monotonic us */
    atomic_llong turned_at; /* monotonic us: when somebody last turned the engine */
    atomic_int beating;     /* the job is under way */
    atomic_int off;         /* 1: no row is wanted */
    atomic_int share;       /* 1: this engine stays; 0: it works until nothing is left to do */
    atomic_int resting;     /* 1: no partition is wanted, until somebody turns the engine */
    atomic_llong rest_at;   /* monotonic us: when that begins; 0: not now */
    atomic_int doubted;     /* 1: what bears our number may be more than we know of */

    /* of the job */
    int64_t started_us, now_owner;
    int lost;
    int sharers, old_sharers;   /* other owners that want their share; of these, whose beat has moved */
    int mine;                   /* partitions */
    int64_t at[WH_PARTITIONS];  /* of ours the position when they were taken, else -1 */
    char given[WH_PARTITIONS];  /* 1: it was given back, and may have been taken again */
    struct whi_lag *lags;       /* those that are in the store, when partitions were taken */
    whi_beats seen, next;       /* as of the last beat; as of this one */
    int64_t looked_us, seen_us; /* when it looked, inside the transaction; when that last counted */
} whi_lease;

void whi_lease_init(whi_lease *lease, wh_engine *engine);
void whi_lease_free(whi_lease *lease);

/* The engine is turned: it beats from now on, and gets a row and partitions if it has none. share 0: it
 * takes what nobody has, and no more. Does not wait. */
void whi_lease_want(whi_lease *lease, int share);

/* Somebody has given partitions back: if this engine has none, it need not wait for its next beat. */
void whi_lease_offered(whi_lease *lease);

/* Nobody turns it for the time being, and nothing is in memory: if it is not turned soon, its partitions
 * are given back. Does not wait; the row stays. */
void whi_lease_rest(whi_lease *lease);

/* The owner under which work may be taken and requests started now; 0: none. */
int64_t whi_lease_owner(const whi_lease *lease);

/* 1: what bears this number (an event's owner) is this process's, and so is what is sent of it. */
int whi_lease_has(const whi_lease *lease, int64_t owner);

/* In a transaction: WH_OK if this number has its row; WH_ENOTFOUND: what bears it is anybody's. */
int whi_lease_check(whi_lease *lease, whi_store *store, int64_t owner);

/* The store has answered that our row is gone: nothing more is started under it, and another is asked
 * for at once. Any thread. */
void whi_lease_lost(whi_lease *lease);

/* A commit may have been made of which nothing is known, and given us what we were not told of. The
 * row is given back with all that bears its number, and another is asked for at once. payload: the
 * lease. Any thread. */
void whi_lease_doubt(void *payload);

/* Takes the row away: its partitions are anybody's. Waits for the commit, behind which nothing of the workers is left
 * in the writer's queue. */
int whi_lease_end(whi_lease *lease);

/* The pulse of the writer's thread; payload: the engine's lease. */
int64_t whi_lease_pulse(void *payload, int64_t now_us);

#endif
