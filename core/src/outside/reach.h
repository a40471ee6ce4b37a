/* The way to a server that is waited for, of a database or of a queue: its name looked up by us, its addresses judged
 * by the policy, and waiting for its socket until a time is over or somebody cuts. */
#ifndef WHI_REACH_H
#define WHI_REACH_H

#include <stdatomic.h>

#include "outside/destination.h"
#include "outside/resolve.h"

typedef struct whi_reach {
    whi_poller *poller;
    const atomic_int *is_cut;
} whi_reach;

/* What a server may answer to one question, in bytes: the longest answer that is asked for, the columns of a full
 * table, is a tenth of it. The server is somebody's, and its clients keep all that it says in memory. */
#define WHI_ANSWER_MAXIMUM ((uint64_t)16 << 20)

enum whi_reach_end {
    WHI_REACH_READY,
    WHI_REACH_LATE,
    WHI_REACH_CUT,
    WHI_REACH_FLOODED, /* there came more than WHI_ANSWER_MAXIMUM */
    WHI_REACH_BROKEN,  /* the machine cannot wait: the sentence is set */
};

/* WH_OK or a code with the sentence. */
int whi_reach_init(whi_reach *reach, const atomic_int *is_cut);
void whi_reach_free(whi_reach *reach);

/* Any thread. */
void whi_reach_wake(const whi_reach *reach);

/* Waits until fd is ready for what (WHI_READ, WHI_WRITE) or the time, in us of whi_monotonic_us, is over. The fd is
 * not watched any more behind it. ready may be NULL. */
enum whi_reach_end whi_reach_wait(const whi_reach *reach, int fd, int what, int64_t until, int *ready);

/* The bytes that have come to a socket of TCP since it was connected; 0 where the system does not tell. */
uint64_t whi_reach_received(int fd);

/* The addresses of a host that may be connected to, at least one; result says what went wrong. */
void whi_reach_look(const whi_reach *reach, const whi_policy *policy, const char *host, int64_t until,
                    whi_addresses *out, whi_object_result *result);

/* A socket that is connected to the first of them that answers, and does not block; -1 with the result. The caller's
 * to close. */
int whi_reach_dial(const whi_reach *reach, const whi_addresses *addresses, uint16_t port, int64_t until,
                   whi_object_result *result);

/* "127.0.0.1", "::1" */
void whi_reach_text(const whi_address *address, char *out, size_t room);
int whi_reach_is_loopback(const whi_address *address);

/* How a wait ended that did not end with WHI_REACH_READY, as a result. */
void whi_reach_tell(enum whi_reach_end end, const char *doing, whi_object_result *result);

#endif
