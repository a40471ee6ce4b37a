/* Waiting for a time by the clock that nobody sets, that of whi_monotonic_us: a wait by the other one
 * would end early or late when the machine's time is set. Not every system lets a condition choose. */
#ifndef WHI_CONDITION_H
#define WHI_CONDITION_H

#include <pthread.h>
#include <stdint.h>

void whi_condition_init(pthread_cond_t *condition);

/* As pthread_cond_timedwait, until so many µs of that clock. 1: the time is over. */
int whi_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us);

#endif
