/* The allowance of a lane: how many requests its subscription's rate (pure/rate.h) and its breaker (pure/breaker.h) let
 * begin now.
 *
 * A lane has one owner in all processes and one worker there, so a bucket in the lane's memory is exact. What it had is
 * lost with the owner, and with a stop. So it begins empty with the moment at which this worker has come to the lane's
 * partition, whenever the lane is first looked at: what another has taken before is not known. Only of a subscription
 * that is younger than that it is known that nobody has taken anything: its bucket begins full.
 *
 * Its tenant's rate (engine/tenant_rate.h) bounds it as well.
 *
 * What may not begin now is left to the store, due as it is, and the lane looks there again when tokens are there
 * (queue.h, fetch.h). So no slot, no place in memory and no position waits for a rate, and what came first goes first.
 * Where tokens come fast it is looked for several at once.
 *
 * A breaker is in the lane's memory as well, and whoever takes over begins with a closed one: that costs a receiver
 * that is down as many attempts as open it. While it is open the lane looks into the store when the next probe may go,
 * and again when what came of that is known. */
#ifndef WHI_ALLOWANCE_H
#define WHI_ALLOWANCE_H

#include "engine/registry.h"
#include "work/lane.h"

/* The subscription's rate and breaker as they are now. */
void whi_allowance_note(const whi_worker *worker, whi_lane *lane, const whi_subscription *subscription);

/* Nothing begins for so many ms. */
void whi_allowance_rest(const whi_worker *worker, whi_lane *lane, whi_registration *registration, int64_t ms);

/* How many may begin; with no rate more than ever wait. */
int whi_allowance_left(const whi_worker *worker, whi_lane *lane);

/* 1: one may begin, and its tenant's rate, of which others take, has it. Where it does not begin all the same, that is
 * as if it had. */
int whi_allowance_claim(const whi_worker *worker, whi_lane *lane);

/* One begins, as whi_allowance_claim allowed. 1: it is a probe. */
int whi_allowance_take(whi_lane *lane);

/* It has ended, and that is what it says of its receiver. When the lane is to look into the store for what waits there:
 * ms; INT64_MAX: that has not changed. */
int64_t whi_allowance_judge(const whi_worker *worker, whi_lane *lane, whi_registration *registration, int probe,
                            enum whi_probed what);

/* Something that is due waits for one of both in the store: nothing newer goes before. */
void whi_allowance_wait(const whi_worker *worker, whi_lane *lane);

/* When the lane is to look there again: ms. Explain tells of it by the registration. */
int64_t whi_allowance_next(const whi_worker *worker, whi_lane *lane, whi_registration *registration);

/* Nothing waits there for it any more, or it is not known here; so many are in memory, and have yet to begin. */
void whi_allowance_end(const whi_worker *worker, whi_lane *lane, int queued);

/* The lane goes. */
void whi_allowance_free(const whi_worker *worker, whi_lane *lane);

/* 1: a lane that is made anew has as much: its bucket, its breaker's window and its retry budget say nothing else. */
int whi_allowance_is_full(const whi_worker *worker, whi_lane *lane);

#endif
