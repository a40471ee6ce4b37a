/* Threads, locks and conditions as the scheduler sees them. The state of a lock is kept in
 * the bytes of the lock itself: all zero is an open one, as the system's initializers make it. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "sim.h"
#include "wraps.h"

typedef struct lock {
    sim_thread *owner;
    int depth, recursive, readers, waiting;
} lock;

typedef struct condition {
    int clock_id, waiting;
} condition;

_Static_assert(sizeof(lock) <= sizeof(pthread_mutex_t), "a lock's room");
_Static_assert(sizeof(lock) <= sizeof(pthread_rwlock_t), "a lock's room");
_Static_assert(sizeof(condition) <= sizeof(pthread_cond_t), "a condition's room");
_Static_assert(sizeof(pthread_t) >= sizeof(sim_thread *), "a thread's room");

/* ---------------------------------------------------------------------------- mutex */

int __wrap_pthread_mutex_init(pthread_mutex_t *mutex, const pthread_mutexattr_t *kind) {
    lock *self = (lock *)mutex;
    int type = PTHREAD_MUTEX_NORMAL;

    memset(mutex, 0, sizeof *mutex);
    if (kind != NULL) {
        pthread_mutexattr_gettype(kind, &type);
    }
    self->recursive = type == PTHREAD_MUTEX_RECURSIVE;
    return 0;
}

int __wrap_pthread_mutex_destroy(pthread_mutex_t *mutex) {
    lock *self = (lock *)mutex;

    if (self->owner != NULL || self->waiting > 0) {
        sim_fail("lock", "a mutex is destroyed while it is in use");
    }
    memset(mutex, 0xdd, sizeof *mutex);
    return 0;
}

static void check(const lock *self) {
    if (self->recursive != 0 && self->recursive != 1) {
        sim_fail("lock", "a lock is used that was destroyed, or never made");
    }
}

static int try_mutex(lock *self) {
    sim_thread *me = sim_self_thread();

    check(self);
    if (self->owner == me && self->recursive) {
        self->depth++;
        return 1;
    }
    if (self->owner != NULL) {
        return 0;
    }
    self->owner = me;
    self->depth = 1;
    return 1;
}

static void take_mutex(lock *self) {
    while (!try_mutex(self)) {
        self->waiting++;
        sim_block(self, SIM_NEVER);
        self->waiting--;
    }
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex) {
    sim_yield();
    take_mutex((lock *)mutex);
    return 0;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex) {
    sim_yield();
    return try_mutex((lock *)mutex) ? 0 : EBUSY;
}

int __wrap_pthread_mutex_timedlock(pthread_mutex_t *mutex, const struct timespec *until) {
    lock *self = (lock *)mutex;
    int64_t end = (int64_t)until->tv_sec * SIM_SECOND + until->tv_nsec / 1000 - sim_wall_us() + sim_now;

    sim_yield();
    while (!try_mutex(self)) {
        if (sim_now >= end) {
            return ETIMEDOUT;
        }
        self->waiting++;
        sim_block(self, end);
        self->waiting--;
    }
    return 0;
}

static void open_mutex(lock *self) {
    check(self);
    if (self->owner != sim_self_thread()) {
        sim_fail("lock", "a mutex is unlocked by a thread that does not hold it");
    }
    if (--self->depth == 0) {
        self->owner = NULL;
        if (self->waiting > 0) {
            sim_wake(self, 1);
        }
    }
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex) {
    open_mutex((lock *)mutex);
    sim_yield();
    return 0;
}

/* ------------------------------------------------------------------------ conditions */

int __wrap_pthread_cond_init(pthread_cond_t *cond, const pthread_condattr_t *kind) {
    condition *self = (condition *)cond;
    clockid_t id = CLOCK_REALTIME;

    memset(cond, 0, sizeof *cond);
    if (kind != NULL) {
        pthread_condattr_getclock(kind, &id);
    }
    self->clock_id = id;
    return 0;
}

int __wrap_pthread_cond_destroy(pthread_cond_t *cond) {
    memset(cond, 0xdd, sizeof *cond);
    return 0;
}

/* Now and then a condition wakes for nothing, as the standard allows. */
static int64_t spurious(int64_t end) {
    if ((sim_plan_now->kinds & 1u << SIM_spurious) && sim_one_in(&sim_net_chance, 20)) {
        int64_t early = sim_now + sim_spread(&sim_net_chance, 1, SIM_SECOND);
        sim_result_now->faults[SIM_spurious]++;
        return early < end ? early : end;
    }
    return end;
}

static int wait_until(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t end) {
    lock *self = (lock *)mutex;
    int depth = self->depth, late;

    if (sim_self_thread() != self->owner) {
        sim_fail("lock", "a condition is waited for without its mutex");
    }
    self->owner = NULL;
    self->depth = 0;
    if (self->waiting > 0) {
        sim_wake(self, 1);
    }
    sim_step++;
    (void)sim_block(cond, spurious(end));
    late = end != SIM_NEVER && sim_now >= end;
    take_mutex(self);
    self->depth = depth;
    return late ? ETIMEDOUT : 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex) {
    return wait_until(cond, mutex, SIM_NEVER);
}

static int64_t end_of(const struct timespec *until, int clock_id) {
    int64_t end = (int64_t)until->tv_sec * SIM_SECOND + (until->tv_nsec + 999) / 1000;

    return clock_id == CLOCK_REALTIME ? end - sim_wall_us() + sim_now : end;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex, const struct timespec *until) {
    return wait_until(cond, mutex, end_of(until, ((condition *)cond)->clock_id));
}

int __wrap_pthread_cond_clockwait(pthread_cond_t *cond, pthread_mutex_t *mutex, clockid_t id,
                                  const struct timespec *until) {
    return wait_until(cond, mutex, end_of(until, id));
}

int __wrap_pthread_cond_signal(pthread_cond_t *cond) {
    sim_wake(cond, 0);
    sim_yield();
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond) {
    sim_wake(cond, 1);
    sim_yield();
    return 0;
}

/* ------------------------------------------------------------------- readers, writers */

int __wrap_pthread_rwlock_init(pthread_rwlock_t *rwlock, const pthread_rwlockattr_t *kind) {
    (void)kind;
    memset(rwlock, 0, sizeof *rwlock);
    return 0;
}

int __wrap_pthread_rwlock_destroy(pthread_rwlock_t *rwlock) {
    memset(rwlock, 0xdd, sizeof *rwlock);
    return 0;
}

int __wrap_pthread_rwlock_rdlock(pthread_rwlock_t *rwlock) {
    lock *self = (lock *)rwlock;

    sim_yield();
    check(self);
    while (self->owner != NULL) {
        sim_block(self, SIM_NEVER);
    }
    self->readers++;
    return 0;
}

int __wrap_pthread_rwlock_wrlock(pthread_rwlock_t *rwlock) {
    lock *self = (lock *)rwlock;

    sim_yield();
    check(self);
    while (self->owner != NULL || self->readers > 0) {
        sim_block(self, SIM_NEVER);
    }
    self->owner = sim_self_thread();
    return 0;
}

int __wrap_pthread_rwlock_tryrdlock(pthread_rwlock_t *rwlock) {
    lock *self = (lock *)rwlock;

    sim_yield();
    if (self->owner != NULL) {
        return EBUSY;
    }
    self->readers++;
    return 0;
}

int __wrap_pthread_rwlock_trywrlock(pthread_rwlock_t *rwlock) {
    lock *self = (lock *)rwlock;

    sim_yield();
    if (self->owner != NULL || self->readers > 0) {
        return EBUSY;
    }
    self->owner = sim_self_thread();
    return 0;
}

int __wrap_pthread_rwlock_unlock(pthread_rwlock_t *rwlock) {
    lock *self = (lock *)rwlock;

    check(self);
    if (self->owner == sim_self_thread()) {
        self->owner = NULL;
    } else if (self->readers > 0) {
        self->readers--;
    } else {
        sim_fail("lock", "a reader-writer lock is unlocked that nobody holds");
    }
    sim_wake(self, 1);
    sim_yield();
    return 0;
}

/* ---------------------------------------------------------------------------- threads */

int __wrap_pthread_create(pthread_t *out, const pthread_attr_t *attributes, void *(*run)(void *), void *payload) {
    sim_thread *made = sim_thread_new(sim_self_process(), run, payload);

    (void)attributes;
    memcpy(out, &made, sizeof made);
    sim_yield();
    return 0;
}

int __wrap_pthread_join(pthread_t thread, void **value) {
    sim_thread *other;
    void *result;

    memcpy(&other, &thread, sizeof other);
    sim_yield();
    result = sim_thread_join(other);
    if (value != NULL) {
        *value = result;
    }
    return 0;
}

pthread_t __wrap_pthread_self(void) {
    sim_thread *me = sim_self_thread();
    pthread_t out = 0;

    memcpy(&out, &me, sizeof me);
    return out;
}

int __wrap_pthread_once(pthread_once_t *once, void (*run)(void)) {
    enum { NEVER, RUNS, DONE };

    sim_yield();
    while (*once == RUNS) {
        sim_block(once, SIM_NEVER);
    }
    if (*once == NEVER) {
        *once = RUNS;
        run();
        *once = DONE;
        sim_wake(once, 1);
    }
    return 0;
}

int __wrap_pthread_detach(pthread_t thread) {
    (void)thread;
    return 0;
}

/* No process forks here: the handlers would be those of engines that are long dead. */
int __wrap_pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void)) {
    (void)prepare;
    (void)parent;
    (void)child;
    return 0;
}
