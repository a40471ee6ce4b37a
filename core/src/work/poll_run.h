/* One reading of a source: page by page, each page's events, what was seen and where to go on in one commit. On a
 * thread of polling's own (poll.h), which may wait.
 *
 * Who is read for
 *   A poll (its number is whi_poll_number's) is read for all that share it. One that is to get what is there first has
 *   a reading of its own before (its number is the subscription's): each page is an event for it alone, and the next
 *   page is read when that is delivered. What it was sent is remembered under its own row. When it has all, the next
 *   reading of the poll reads for both rows at once, and tells it what is different from what it was sent; with the
 *   end of that, in the same commit, it is one of those that share the poll. So it misses nothing, and nobody else
 *   waits for its receiver.
 *
 * Phases of a row
 *   REST    nothing is being read
 *   READ    from `page` on; by pages that are compared, where this process knows what they said (poll_same.h)
 *   AGAIN   once more, to see what has vanished: since a list may move while it is read
 *   TELL    what has vanished is told, some hundreds a commit
 *   WAITS   of a history: it is sent, and joins with the next reading
 *   JOINS   of a history: it is read for with the poll's own
 *   JOINED  of a history: its row is to go
 *   DROPPED its row is going, and what it remembers (poll_forget.h)
 *
 * Whoever dies leaves the row in its phase, with the page; who has the next turn goes on there. */
#ifndef WHI_POLL_RUN_H
#define WHI_POLL_RUN_H

#include <stdatomic.h>

#include "engine/context.h"
#include "engine/registry.h"
#include "engine/source.h"

enum whi_poll_phase {
    WHI_POLL_REST = 0,
    WHI_POLL_READS,
    WHI_POLL_AGAIN,
    WHI_POLL_TELLS,
    WHI_POLL_WAITS,
    WHI_POLL_JOINS,
    WHI_POLL_JOINED,
    WHI_POLL_DROPPED,
};

/* A row's `full`, where all is read: each object is marked; or whole pages are compared (poll_same.h), and none is. */
enum whi_poll_full { WHI_POLL_MARKS = 1, WHI_POLL_BY_PAGES = 2 };

typedef struct whi_poll_job {
    wh_engine *engine;
    whi_source *source;
    int64_t id;              /* of the row: a poll's, or a subscription's that has a history */
    int is_ours;             /* 1: its partition is; else it is only read when nobody has done so for a while */
    whi_registration **list; /* who share the poll; of a history it alone */
    size_t count;
    const atomic_int *stop;
    struct whi_poll_same *same; /* what this process has met; NULL: no memory */
    char *trouble;              /* WHI_POLL_RUN_SIZE bytes: a run that could not be written, "" none; in and out */
} whi_poll_job;

typedef struct whi_poll_result {
    int64_t due;    /* ms: when it is to be looked at again */
    int is_blocked; /* 1: when its receiver has got what there is */
    int has_sent;   /* 1: a history has been read to its end: its poll is to be read now */
} whi_poll_result;

/* Looks at the row, and reads if it is time. */
void whi_poll_read(const whi_poll_job *job, whi_poll_result *out);

#endif
