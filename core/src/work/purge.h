/* Purging: events and deliveries go when the time for which they are retained is over, a few rows in a transaction.
 *
 * Each minute there is a pass over what is old enough, in steps. A step goes along with what others commit, who wait
 * for all of it, so it ends after a time and not after a number of rows: half of what the last commit took, and half a
 * millisecond at most. A pass that lasts for long is late: more becomes old than goes, or others keep it from the
 * writer. Then steps go alone, and are half as long as they waited for that, and in the end as long: so purging keeps
 * pace with whatever is accepted, and who publishes now and then does not notice. */
#ifndef WHI_PURGE_H
#define WHI_PURGE_H

#include <stdint.h>

#include "work/worker.h"

#define WHI_PURGE_LEAST_US INT64_C(100) /* of a step: where a commit waits for no disk */
#define WHI_PURGE_MOST_US INT64_C(500)
#define WHI_PURGE_LATE_US INT64_C(5000)   /* at most, of one that is late */
#define WHI_PURGE_LATE_MS INT64_C(5000)   /* of a pass, beyond which it is late */
#define WHI_PURGE_LATER_MS INT64_C(20000) /* and beyond which it takes as much as all others */
#define WHI_PURGE_PIECE 8                 /* events that go between two looks at the time */

/* How far a pass is, and how it goes on. */
typedef struct whi_purge_step {
    int64_t done_before, failed_before; /* numbers of events: see whi_store_purge */
    int64_t after;                      /* where the last step stopped; 0: nothing is left of this pass */
    int64_t until_us;                   /* monotonic: no other piece is begun then */
    int most;                           /* events that are looked at */
    int count;                          /* events that have gone */
} whi_purge_step;

/* In a transaction: pieces, of which there is one at least, until the time is over. */
int whi_purge_run(whi_store *store, whi_purge_step *step);

/* us that a step may take, where the commit of the last one took so long, others kept the writer from this one for so
 * long, and its pass began so long ago. */
int64_t whi_purge_span(int64_t commit_us, int64_t waited_us, int64_t since_ms);

/* ms until the next step, when this one took so long. */
int64_t whi_purge_pause(int64_t took_us, int64_t since_ms);

/* Begins the next step, which sets the time of the one after it. Does not wait. */
void whi_purge(whi_worker *worker, whi_entry *entry);

#endif
