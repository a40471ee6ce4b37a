/* The end of the process, while threads work.
 *
 * The handlers of all libraries run while other threads go on. OpenSSL's frees what
 * a thread that signs or speaks TLS is using, which crashes. Two things are done about it:
 *
 *   whi_crypto_begin  (base/crypto.h) tells OpenSSL that it has nothing to do at the end.
 *   whi_halt_…        for a host that had initialised OpenSSL before: a handler of ours, which is
 *                     registered later and therefore runs earlier, asks the threads to leave and
 *                     waits for them, at most WHI_HALT_MS.
 *
 * A child after fork() has none of the parent's threads and waits for none. */
#ifndef WHI_HALT_H
#define WHI_HALT_H

#include "base/crypto.h"

#define WHI_HALT_MS 2000 /* a thread leaves after its turn; one that hangs in a callback of the host never does */

/* Something with threads, to be asked to leave at the end of the process. */
typedef struct whi_halt {
    struct whi_halt *next;
    void (*ask)(void *payload); /* returns at once */
    void *payload;
} whi_halt;

/* Any thread. The entry stays the caller's, and in the list until it is removed. */
void whi_halt_add(whi_halt *entry);
void whi_halt_remove(whi_halt *entry);

/* 1 from the beginning of the end on. */
int whi_halting(void);

/* Around the work that the end waits for. WH_ECLOSED: it has begun, nothing may be done. */
int whi_halt_enter(void);
void whi_halt_leave(void);

#endif
