/* Gate: how many calls that look back over much that is stored (backtests) are at work at once: as many as half of the
 * cores, at least one, so that the other half is for what is delivered however many call.
 *
 * A call passes it again and again, for a few ms each time. Where several want to, tenants take turns by the CPU that
 * they use behind it (base/fair.h), and a tenant's calls go in the order in which they came: who calls often gets no
 * more than who calls once. What a tenant owes is forgotten with its last call.
 *
 * One lock, under which nothing else is asked for. Any thread. */
#ifndef WHI_GATE_H
#define WHI_GATE_H

#include <pthread.h>
#include <stdint.h>

#include "base/fair.h"

typedef struct whi_gate {
    pthread_mutex_t lock;
    int room; /* for so many more */
    whi_fair fair;
    struct whi_gate_line *lines; /* of tenants that have calls */
} whi_gate;

/* A call, which one thread makes. */
typedef struct whi_gate_call {
    whi_gate *gate;
    struct whi_gate_line *line; /* of its tenant */
    struct whi_gate_call *behind;
    pthread_cond_t passed;
    int waits;
} whi_gate_call;

/* most > 0: at once. */
void whi_gate_init(whi_gate *gate, int most);
void whi_gate_end(whi_gate *gate); /* no call is open */

/* WH_ENOMEM: it is not open. */
int whi_gate_open(whi_gate *gate, whi_gate_call *call, const char *tenant);
void whi_gate_close(whi_gate_call *call);

/* Waits until it is behind the gate. */
void whi_gate_enter(whi_gate_call *call);

/* It has used so many us of CPU since it came in, and would like to go on: waits until it is its turn again. */
void whi_gate_again(whi_gate_call *call, int64_t us);

/* The same, but it leaves. */
void whi_gate_leave(whi_gate_call *call, int64_t us);

#endif
