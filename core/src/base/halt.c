/* Tests: test_exit. */
#include "base/halt.h"

#include <openssl/crypto.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static whi_halt *all; /* under the lock */
static atomic_int ending, inside;
static _Thread_local int depth; /* of whi_halt_enter, in this thread */

static void ask_all(void) {
    pthread_mutex_lock(&lock);
    for (whi_halt *entry = all; entry != NULL; entry = entry->next) {
        entry->ask(entry->payload);
    }
    pthread_mutex_unlock(&lock);
}

/* A thread that is inside itself, in a callback of the host, cannot wait for itself. */
static void halt(void) {
    const struct timespec pause = { 0, 500000 };
    int64_t until = whi_monotonic_us() + WHI_HALT_MS * 1000;

    atomic_store(&ending, 1);
    ask_all();
    while (atomic_load(&inside) > (depth > 0) && whi_monotonic_us() < until) {
        nanosleep(&pause, NULL);
    }
}

/* The threads are not here, and one of them may have had the lock. */
static void in_child(void) {
    pthread_mutex_init(&lock, NULL);
    all = NULL;
    atomic_store(&inside, depth > 0);
}

static void watch(void) {
    pthread_atfork(NULL, NULL, in_child);
    atexit(halt);
}

void whi_halt_add(whi_halt *entry) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, watch);
    pthread_mutex_lock(&lock);
    entry->next = all;
    all = entry;
    pthread_mutex_unlock(&lock);
}

void whi_halt_remove(whi_halt *entry) {
    pthread_mutex_lock(&lock);
    for (whi_halt **link = &all; *link != NULL; link = &(*link)->next) {
        if (*link == entry) {
            *link = entry->next;
            break;
        }
    }
    pthread_mutex_unlock(&lock);
}

int whi_halting(void) {
    return atomic_load(&ending);
}

int whi_halt_enter(void) {
    if (depth == 0) {
        atomic_fetch_add(&inside, 1);
    }
    depth++;
    if (!atomic_load(&ending)) {
        return WH_OK;
    }
    whi_halt_leave();
    return whi_fail(WH_ECLOSED, "the process is ending");
}

/* What OpenSSL keeps for a thread is freed when the thread ends, which may be while its handler
 * frees the rest: so it is freed here, while that handler is waiting. */
void whi_halt_leave(void) {
    if (--depth == 0) {
        if (atomic_load(&ending)) {
            OPENSSL_thread_stop();
        }
        atomic_fetch_sub(&inside, 1);
    }
}
