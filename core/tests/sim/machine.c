/* The rest of the machine: clocks, sleep, chance, and what a worker waits at. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim.h"
#include "wraps.h"

#define POLLERS 1024
#define FIRST_FD 100000
#define POISON 0xdd

static sim_chance chance;

/* ---------------------------------------------------------------------------- time */

static void write_time(struct timespec *out, int64_t us) {
    out->tv_sec = (time_t)(us / SIM_SECOND);
    out->tv_nsec = (long)(us % SIM_SECOND) * 1000;
}

int __wrap_clock_gettime(clockid_t id, struct timespec *out) {
    sim_yield();
    switch (id) {
    case CLOCK_REALTIME:
    case CLOCK_REALTIME_COARSE:
        write_time(out, sim_wall_us());
        break;
    case CLOCK_THREAD_CPUTIME_ID:
    case CLOCK_PROCESS_CPUTIME_ID:
        write_time(out, sim_cpu_us());
        break;
    default:
        write_time(out, sim_now);
    }
    return 0;
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *left) {
    (void)left;
    sim_sleep((int64_t)time->tv_sec * SIM_SECOND + time->tv_nsec / 1000);
    return 0;
}

int __wrap_clock_nanosleep(clockid_t id, int flags, const struct timespec *time, struct timespec *left) {
    int64_t us = (int64_t)time->tv_sec * SIM_SECOND + time->tv_nsec / 1000;

    (void)left;
    if (flags & TIMER_ABSTIME) {
        us -= id == CLOCK_REALTIME ? sim_wall_us() : sim_now;
    }
    sim_sleep(us);
    return 0;
}

int __wrap_usleep(useconds_t us) {
    sim_sleep((int64_t)us);
    return 0;
}

time_t __wrap_time(time_t *out) {
    time_t now = (time_t)(sim_wall_us() / SIM_SECOND);

    if (out != NULL) {
        *out = now;
    }
    return now;
}

int __wrap_gettimeofday(struct timeval *out, void *zone) {
    (void)zone;
    out->tv_sec = (time_t)(sim_wall_us() / SIM_SECOND);
    out->tv_usec = (suseconds_t)(sim_wall_us() % SIM_SECOND);
    return 0;
}

int __wrap_sched_yield(void) {
    sim_yield();
    return 0;
}

/* -------------------------------------------------------------------------- chance */

static void fill(void *out, size_t size) {
    unsigned char *at = out;

    for (size_t i = 0; i < size; i++) {
        at[i] = (unsigned char)(sim_draw(&chance) >> 24);
    }
}

ssize_t __wrap_getrandom(void *out, size_t size, unsigned flags) {
    (void)flags;
    fill(out, size);
    return (ssize_t)size;
}

int __wrap_RAND_bytes(unsigned char *out, int size) {
    fill(out, (size_t)size);
    return 1;
}

pid_t __wrap_getpid(void) {
    return 1000 + sim_self_process()->number;
}

/* -------------------------------------------------------------------------- poller */

struct whi_poller {
    int fd, woken;
};

static whi_poller *pollers[POLLERS];
static int poller_count;

int __wrap_whi_poller_new(whi_poller **out) {
    if (poller_count == POLLERS) {
        sim_fail("simulator", "more than %d pollers", POLLERS);
    }
    *out = sim_alloc(sizeof **out);
    (*out)->fd = FIRST_FD + poller_count;
    pollers[poller_count++] = *out;
    return WH_OK;
}

void __wrap_whi_poller_free(whi_poller *poller) {
    if (poller != NULL) {
        pollers[poller->fd - FIRST_FD] = NULL;
        memset(poller, POISON, sizeof *poller); /* its few bytes stay: whoever wakes it now is found out */
    }
}

static void check(const whi_poller *poller) {
    if (poller->fd < FIRST_FD || poller->fd >= FIRST_FD + POLLERS || pollers[poller->fd - FIRST_FD] != poller) {
        sim_fail("memory", "a worker's poller is used after it was freed");
    }
}

int __wrap_whi_poller_fd(const whi_poller *poller) {
    return poller->fd;
}

int __wrap_whi_poller_watch(whi_poller *poller, int fd, int was, int what) {
    (void)poller;
    (void)fd;
    (void)was;
    (void)what;
    return WH_OK;
}

static void wait_at(whi_poller *poller, int64_t us) {
    if (!poller->woken && us != 0) {
        sim_step++;
        sim_block(poller, us < 0 ? SIM_NEVER : sim_now + us);
    }
}

int __wrap_whi_poller_wait(whi_poller *poller, whi_ready *ready, int maximum, int timeout) {
    (void)ready;
    (void)maximum;
    check(poller);
    sim_yield();
    wait_at(poller, timeout < 0 ? -1 : (int64_t)timeout * 1000);
    poller->woken = 0;
    return 0;
}

void __wrap_whi_poller_wake(whi_poller *poller) {
    check(poller);
    poller->woken = 1;
    sim_wake(poller, 1);
    sim_yield();
}

void sim_wait_fd(int fd, int64_t us) {
    whi_poller *poller = pollers[fd - FIRST_FD];

    if (poller != NULL) {
        wait_at(poller, us);
    }
}

/* What a socket does when an answer comes. */
void sim_poller_wake_of(void *poller) {
    sim_wake(poller, 1);
}

void sim_machine_begin(void) {
    sim_chance_seed(&chance, sim_plan_now->seed, 4);
    sim_memory_begin();
}
