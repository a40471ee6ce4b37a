/* Host names to addresses, looked up by threads of its own.
 *
 * getaddrinfo can neither be polled nor cancelled, so a few threads call it and the
 * poller is woken when one has an answer. Answers are kept for a while, and all that
 * ask for one host wait for one look-up. A host that was slow the last time may take
 * only half of the threads, so that names whose servers do not answer leave room for
 * the others. Closing waits for no look-up: a thread that is inside one holds a
 * reference to what it needs and frees it at its end.
 *
 * Used by one thread, that of the poller. */
#ifndef WHI_RESOLVE_H
#define WHI_RESOLVE_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "outside/poller.h"

#define WHI_HOST_SIZE 256
#define WHI_ADDRESSES 16 /* of one host; more are not looked at */

#define WHI_RESOLVE_HOSTS 4096 /* kept at most */
#define WHI_RESOLVE_QUEUE 1024 /* hosts that wait for a thread */
#define WHI_RESOLVE_THREADS 16

typedef union whi_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} whi_address;

typedef struct whi_addresses {
    int code;        /* WH_OK, or WH_ERESOLVE with message */
    int64_t expires; /* us of whi_monotonic_us */
    size_t count;
    whi_address list[WHI_ADDRESSES];
    char message[160];
} whi_addresses;

typedef struct whi_resolver whi_resolver;

/* Embedded in what waits; all zero before the first use. */
typedef struct whi_waiter {
    struct whi_waiter *next, **link; /* link: NULL while it does not wait */
    void (*ready)(struct whi_waiter *waiter, const whi_addresses *addresses);
} whi_waiter;

int whi_resolver_new(whi_resolver **out, whi_poller *poller);

/* Forgets who waits. Returns without waiting for a look-up that hangs. */
void whi_resolver_free(whi_resolver *resolver);

/* An answer that is known, in out, valid until the next call of this module; or NULL
 * in out, and waiter->ready is called later from whi_resolver_collect. An error
 * (too many look-ups wait, no memory) has set the sentence. */
int whi_resolver_ask(whi_resolver *resolver, const char *host, whi_waiter *waiter, const whi_addresses **out);

/* Takes a waiter out of its line. Fine if it does not wait. */
void whi_resolver_cancel(whi_waiter *waiter);

/* Calls ready for those whose answer has come. Cheap when there is none. */
void whi_resolver_collect(whi_resolver *resolver);

/* Hosts in the cache. */
size_t whi_resolver_count(const whi_resolver *resolver);

/* Changed by tests only, while no look-up runs. */
struct whi_resolve_settings {
    int64_t keep;         /* us that an answer is kept: 60 s */
    int64_t keep_failure; /* us that a failure is kept: 5 s */
    int64_t slow;         /* us of a look-up that make its host a slow one: 1 s */
    /* Called by the threads; fills list and count and returns 0, or a code of getaddrinfo. */
    int (*lookup)(const char *host, whi_address *list, size_t *count);
};
extern struct whi_resolve_settings whi_resolve_settings;

#endif
