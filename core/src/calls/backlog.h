/* Backlogs: what waits in the store for each database and queue, by its URL, whichever process writes there. Nobody
 * keeps it for this: subscriptions are walked, and of each that goes there its rows are counted. */
#ifndef WHI_BACKLOG_H
#define WHI_BACKLOG_H

#include "base/buf.h"
#include "engine/context.h"

#define WHI_BACKLOG_TOLD 100            /* URLs */
#define WHI_BACKLOG_LOOKED 1000         /* subscriptions whose rows are counted */
#define WHI_BACKLOG_MOST INT64_C(10000) /* deliveries of one of them: each costs an index entry */

/* Appends the member "backlogs": those that have something waiting, which waits longest first. */
int whi_backlogs_tell(wh_engine *engine, whi_buf *out);

/* Appends lines of metrics, as Prometheus reads them. */
int whi_backlogs_measure(wh_engine *engine, whi_buf *out);

#endif
