/* What the linker puts in place of the system's functions: --wrap=name makes name ours, and
 * __real_name the system's. The list is that of core/cmake/Simulator.cmake. */
#ifndef SIM_WRAPS_H
#define SIM_WRAPS_H

#include <pthread.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "outside/poller.h"

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *payload);
int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *kind);
int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *kind);
int __wrap_pthread_cond_destroy(pthread_cond_t *cond);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until);
int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t id,
                                  const struct timespec *until);
int __wrap_pthread_cond_signal(pthread_cond_t *cond);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_rwlock_init(pthread_rwlock_t *rwlock, const pthread_rwlockattr_t *kind);
int __wrap_pthread_rwlock_destroy(pthread_rwlock_t *rwlock);
int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *rwlock);
int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *rwlock);
int __wrap_pthread_rwlock_tryrdlock(pthread_rwlock_t *rwlock);
int __wrap_pthread_rwlock_trywrlock(pthread_rwlock_t *rwlock);
int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *rwlock);
int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *), void *payload);
int __wrap_pthread_join(pthread_t thread, void **value);
pthread_t __wrap_pthread_self(void);
int __wrap_pthread_once(pthread_once_t *once, void (*run)(void));
int __wrap_pthread_detach(pthread_t thread);
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void));

int __wrap_clock_gettime(clockid_t id, struct timespec *out);
int __wrap_nanosleep(const struct timespec *time, struct timespec *left);
int __wrap_clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *left);
int __wrap_usleep(useconds_t us);
time_t __wrap_time(time_t *out);
int __wrap_gettimeofday(struct timeval *out, void *zone);
int __wrap_sched_yield(void);
ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags);
int __wrap_RAND_bytes(unsigned char *out, int size);
pid_t __wrap_getpid(void);

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void __real_free(void *memory);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void __wrap_free(void *memory);

int __wrap_whi_poller_new(whi_poller **out);
void __wrap_whi_poller_free(whi_poller *poller);
int __wrap_whi_poller_fd(const whi_poller *poller);
int __wrap_whi_poller_watch(whi_poller *poller, int fd, int was, int what);
int __wrap_whi_poller_wait(whi_poller *poller, whi_ready *ready, int maximum, int timeout);
void __wrap_whi_poller_wake(whi_poller *poller);

#endif
