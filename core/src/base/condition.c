#include "base/condition.h"

#include <errno.h>
#include <time.h>

static struct timespec time_of(int64_t us) {
    return (struct timespec){ (time_t)(us / 1000000), (long)(us % 1000000 * 1000) };
}

#ifdef __APPLE__

void whi_condition_init(pthread_cond_t *condition) {
    pthread_cond_init(condition, NULL);
}

int whi_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us) {
    struct timespec now, left;
    int64_t left_us;

    clock_gettime(CLOCK_MONOTONIC, &now);
    left_us = until_us - ((int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    left = time_of(left_us > 0 ? left_us : 0);
    return pthread_cond_timedwait_relative_np(condition, lock, &left) == ETIMEDOUT;
}

#else

void whi_condition_init(pthread_cond_t *condition) {
    pthread_condattr_t kind;

    pthread_condattr_init(&kind);
    pthread_condattr_setclock(&kind, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &kind);
    pthread_condattr_destroy(&kind);
}

int whi_condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, int64_t until_us) {
    struct timespec until = time_of(until_us);

    return pthread_cond_timedwait(condition, lock, &until) == ETIMEDOUT;
}

#endif
