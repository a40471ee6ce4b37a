/* Breakers, as receivers see them: while one is open, a probe goes alone. Counted by answers that were told, for the
 * process that sends: who takes a subscription over begins with a closed one. */
#ifndef SIM_BREAKERS_H
#define SIM_BREAKERS_H

#include "sim.h"

/* A request of this process begins. 1: it is a probe. */
int breakers_begin(const sim_process *process, int k, int64_t subscription);

/* It has ended, so: of whom it was, and whether it was a probe; error is WH_OK where there was an answer. */
void breakers_told(int k, int64_t owner, int probe, int status, int error);

#endif
