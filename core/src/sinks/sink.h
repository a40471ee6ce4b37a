/* A sink: where deliveries go: HTTP endpoints, or receivers that are waited for. Nothing above this header knows
 * either.
 *
 * work/send.c takes deliveries from their lanes and gives them to a sink in batches; the sink tells
 * of each what came of it, and for that says one of seven things (enum whi_outcome) with the code and
 * the sentence that an operator reads. When a failed one is tried again, what a state it gets, and
 * what its subscription has to do with it, is decided above.
 *
 * A worker has one sink of each kind that there is. It belongs to the worker's thread: all its functions are called
 * there, and it calls `done` there. A sink that waits for descriptors puts them on the worker's
 * poller; one that waits for time says so by timeout; one that has threads of its own wakes the
 * poller when something has ended, and tells it in tick. */
#ifndef WHI_SINK_H
#define WHI_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "engine/context.h"
#include "engine/event.h"
#include "outside/poller.h"
#include "pure/subscription.h"

#define WHI_SENTENCE 320

/* One delivery on its way. The caller fills it, owns it, and leaves it alone until `done` was called
 * with it. */
typedef struct whi_parcel {
    whi_delivery *delivery; /* its registration is the version in force: address, secrets, time-outs */
    void **kept;            /* what the sink keeps for the lane from one delivery to the next, NULL at first;
                               given back to `forget` */
    int64_t started_at;     /* ms */
    void (*done)(struct whi_parcel *parcel, void *payload);
    void *payload;

    /* Filled when done is called. */
    int outcome;         /* enum whi_outcome */
    int code;            /* WH_OK, or the class of what went wrong */
    int status;          /* the receiver's own number, 0: it gave none */
    int64_t retry_after; /* with retry: ms that the receiver asks to be left alone, -1: it does not */
    int64_t duration_us;
    int answers;                 /* 1: the receiver does its work, whatever it said of this delivery */
    int overloaded;              /* 1: it has too much to do, fewer at once are better */
    int aborts;                  /* 1: all that waits behind this delivery is to go with it */
    char sentence[WHI_SENTENCE]; /* for a human; "" with success, or a note */
    const char *answer;          /* the first bytes of what the receiver said; gone after done */
    size_t answer_size;
} whi_parcel;

typedef struct whi_sink whi_sink;

typedef struct whi_sink_vtable {
    /* engine and poller outlive it. */
    int (*open)(whi_sink **out, wh_engine *engine, whi_poller *poller);

    /* Drops what is under way, without calling done, and frees all. */
    void (*close)(whi_sink *sink);

    /* Takes them on their way. done is called for each, perhaps before submit returns. */
    void (*submit)(whi_sink *sink, whi_parcel *const *parcels, size_t count);

    /* Descriptors became ready. Those that are not the sink's are passed over. */
    void (*ready)(whi_sink *sink, const whi_ready *ready, int count);

    /* Does what is due by time, and calls done for what has ended. */
    void (*tick)(whi_sink *sink);

    /* Milliseconds until tick must be called, 0 for now, -1 for never. */
    int (*timeout)(const whi_sink *sink);

    /* Frees what was kept for a lane. */
    void (*forget)(void *kept);

    /* Ends this one, or with NULL all that is under way, with WHI_OUTCOME_CUT and this sentence: nobody waits for the
     * answer any more. done is called from inside tick, or before this returns. What had ended before is told as it
     * was. A sink that takes batches is asked for all alone. */
    void (*cut)(whi_sink *sink, const whi_parcel *only, const char *sentence);

    /* 0: each delivery is a request of its own, and takes a slot. Else it takes as many of a lane at once, in the order
     * in which they are submitted, bounds by itself what it works on, and takes no slots. */
    int batches;
} whi_sink_vtable;

enum whi_sink_kind { WHI_SINK_HTTP, WHI_SINK_POOL, WHI_SINK_KINDS };

extern const whi_sink_vtable whi_sink_http, whi_sink_pool;

/* By kind. */
extern const whi_sink_vtable *const whi_sinks[WHI_SINK_KINDS];

/* Which one the deliveries of a subscription go to. */
enum whi_sink_kind whi_sink_kind_of(const whi_subscription *subscription);

#endif
