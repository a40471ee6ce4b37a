/* Which descriptors are ready: epoll, or kqueue where that is the system's way.
 * One thread at a time, except whi_poller_wake. */
#ifndef WHI_POLLER_H
#define WHI_POLLER_H

#include <stdint.h>

#define WHI_READ 1
#define WHI_WRITE 2

typedef struct whi_poller whi_poller;

typedef struct whi_ready {
    int fd;
    int what; /* WHI_READ, WHI_WRITE or both; an error or hang-up shows as both */
} whi_ready;

int whi_poller_new(whi_poller **out);
void whi_poller_free(whi_poller *poller);

/* A descriptor that is readable while something is ready: for an outer loop. */
int whi_poller_fd(const whi_poller *poller);

/* Watches fd for what; 0 stops. The caller stops before it closes fd. was: what was
 * watched before (0: nothing), so that no call is made that changes nothing. */
int whi_poller_watch(whi_poller *poller, int fd, int was, int what);

/* Waits at most timeout ms (0: not at all, -1: for ever) and fills ready. Returns how
 * many, or an error. A wake-up ends the wait and is not listed. EINTR counts as 0. */
int whi_poller_wait(whi_poller *poller, whi_ready *ready, int maximum, int timeout);

/* Ends the present or the next wait. Any thread, any number of times; cheap when
 * a wake-up is already on its way. */
void whi_poller_wake(whi_poller *poller);

#endif
