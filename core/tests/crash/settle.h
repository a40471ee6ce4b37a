/* Waiting until nothing is left to do, for a bounded time. */
#ifndef CRASH_SETTLE_H
#define CRASH_SETTLE_H

#include <stdint.h>

/* The processes live on, but publish no more: what they had has to be done by them. A new
 * process would take the name of a dead one, and bring up what that left: what is
 * stranded shows only here. Returns how many rows were left when nothing moved any more. */
int64_t settle_calm(void);

/* All of them are dead: one new process works on what they left. The same. */
int64_t settle_alone(void);

#endif
