/* What was written to databases, for looking on: an entry for each URL, shared by the pools of all workers. An entry
 * is there as long as one of them has it. */
#ifndef WHI_WRITTEN_H
#define WHI_WRITTEN_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/table.h"
#include "engine/context.h"

/* Numbers are counted by whoever writes, and mean nothing together. */
typedef struct whi_written {
    struct whi_written *next, **link; /* in the order in which they came */
    uint32_t hash;
    int refs;  /* pools, each with one connection at most */
    char *url; /* without its password */
    atomic_llong rows, set_aside, batches;
    atomic_llong busy;            /* batches under way */
    atomic_llong lag_ms;          /* of the oldest of the last batch: from its acceptance to its row */
    long long former, latest;     /* rows, as they were when somebody looked; under the lock */
    int64_t former_us, latest_us; /* monotonic */
} whi_written;

typedef struct whi_writings {
    pthread_mutex_t lock;
    whi_written *first, **end;
    whi_table all; /* by URL: a tenant may have as many as subscriptions */
} whi_writings;

void whi_writings_init(whi_writings *writings);
void whi_writings_end(whi_writings *writings);

/* The entry of a URL; NULL: no memory for one, and nothing is counted. Any thread. */
whi_written *whi_written_join(wh_engine *engine, const char *url);
void whi_written_leave(wh_engine *engine, whi_written *written); /* NULL is fine */

/* Appends lines of metrics, as Prometheus reads them, of at most 100: rows, set aside, batches, connections, busy, lag.
 */
void whi_written_measure(wh_engine *engine, whi_buf *out);

/* Appends "databases":[{"url","rows","set_aside","batches","rows_per_second","connections","busy","lag_ms"}], of at
 * most 100. The rate is since a look that is ten seconds old at least, or since it was first written to. */
void whi_written_tell(wh_engine *engine, whi_buf *out);

#endif
