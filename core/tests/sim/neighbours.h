/* Neighbours: good receivers beside such that always hang and a tenant whose rules cost much, in a world without faults
 * (plan->crowded), so that nothing excuses anything. The good ones come first, so that it is known that they answer.
 * What is promised to them:
 *
 *   slots  those that hang never have the part of the slots that is of lanes which answered lately (work/slots.h): a
 *          quarter, since none of them has ever answered. They are more than there are slots.
 *   fair   from acceptance to its first arrival an event waits for a good one at most twice as long as it would alone
 *   new    the first event for a good receiver that is of those that hang, and as new as they are, arrives within 2.6 s
 *
 * Alone its wait is at its worst 400 ms:
 *
 *   300 ms  the queue of the good ones in a quarter of the slots, of which there are at least three (of 12): a burst is
 * of two publishers, three events each, for eight of them, each of which holds a slot for at most 20 ms 100 ms commits,
 * and turns for what comes and goes meanwhile, with a scheduler that hands over as it likes
 *
 * Beside the others a decision of theirs that was begun adds its slice of 2 ms to a turn. Whoever waits behind one that
 * hangs waits 5 s, and 1.2 s behind one run of the costly rule.
 *
 * Before the one that is new 16 lanes may wait that nobody knows, in three slots at least: six rounds of 250 ms, after
 * which those that hang make room, and 50 ms each for the turn that finds it; and what a good one waits besides. */
#ifndef SIM_NEIGHBOURS_H
#define SIM_NEIGHBOURS_H

#include "model.h"

void neighbours_plan(sim_plan *plan, sim_chance *chance);

/* The subscription of this number, in place of what was drawn. */
void neighbours_subscription(model_subscription *subscription, int k);

/* Whose the event of this number is, where another was drawn. */
int neighbours_tenant(int n, int drawn);

/* us until a receiver answers, where all answer at once or never; SIM_NEVER: it hangs. */
int64_t neighbours_latency(int k, sim_chance *chance);
int neighbours_hangs(int k);

/* So many requests to those that hang are under way by one worker. */
void neighbours_check_slots(int hanging);

/* An event has come to a receiver. */
void neighbours_arrives(int n, int k);

#endif
