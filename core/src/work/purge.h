/* Purging: events and deliveries go when the time for which they are retained is over, a few rows in
 * a transaction, so that nobody waits for it. */
#ifndef WHI_PURGE_H
#define WHI_PURGE_H

#include <stdint.h>

#include "work/worker.h"

/* Begins the next piece, which sets the time of the one after it. Does not wait. */
void whi_purge(whi_worker *worker, whi_entry *entry);

#endif
