/* How each source that is polled is doing: how late it is, what waits behind it, and whether its readings fail. One for
 * a tenant's connection and object type, whoever reads it and however many subscriptions share it. Nobody keeps it for
 * this: subscriptions that poll are walked, and the row of each poll is read once. */
#ifndef WHI_SOURCE_LAG_H
#define WHI_SOURCE_LAG_H

#include "base/buf.h"
#include "engine/context.h"

#define WHI_SOURCES_TOLD 100            /* the worst */
#define WHI_SOURCES_LOOKED 5000         /* subscriptions whose polls are looked at: a row of the store each at most */
#define WHI_SOURCES_COUNTED 1000        /* subscriptions, of those that are told, whose deliveries are counted */
#define WHI_SOURCES_MOST INT64_C(10000) /* deliveries of one of them: each costs an index entry */

/* Appends the member "sources": those that are not healthy first, then which is latest, then which fails longest. */
int whi_source_lags_tell(wh_engine *engine, whi_buf *out);

/* Appends lines of metrics, as Prometheus reads them. */
int whi_source_lags_measure(wh_engine *engine, whi_buf *out);

#endif
