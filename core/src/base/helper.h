/* Helper: a thread beside a caller's that does for it what may wait for others: one thing at a time, during which the
 * caller waits. Where there is less CPU than is wanted it comes after all others (base/thread.h). The caller's own
 * thread cannot be made so for a while: what somebody without privileges gives up he never gets back. So nothing that
 * others wait for is done there, above all nothing that holds a lock of the store. */
#ifndef WHI_HELPER_H
#define WHI_HELPER_H

#include <pthread.h>

#include "base/error.h"

typedef struct whi_helper {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int (*work)(void *payload); /* NULL: it has nothing to do */
    void *payload;
    int stop, code;
    whi_error error; /* of its thread, when it did not do it */
} whi_helper;

/* WH_ERESOURCE: the system starts no more threads; it is not there then. */
int whi_helper_start(whi_helper *helper);
void whi_helper_end(whi_helper *helper);

/* Does it, and returns what that returns; its error is the caller's. WH_ECLOSED: the process ends. */
int whi_helper_do(whi_helper *helper, int (*work)(void *payload), void *payload);

#endif
