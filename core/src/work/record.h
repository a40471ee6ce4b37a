/* Recording: what came of deliveries, in batches, under the lease (lease.h).
 *
 * A worker collects the deliveries that ended in a turn and gives them to the writer as one job, which
 * takes the position in the log along (engine/position.h). A job that
 * the store refuses (a full disk) is kept and tried again: what was sent is not
 * forgotten while the process lives. Those after it wait for it, so that what is
 * written first has its turn first, whatever went wrong. */
#ifndef WHI_RECORD_H
#define WHI_RECORD_H

#include <stdint.h>

#include "work/worker.h"

/* Makes the worker's next record, before anything is to be recorded: what was sent is never lost
 * for want of memory. */
int whi_record_begin(whi_worker *worker);
void whi_record_delivery(whi_worker *worker, whi_delivery *delivery); /* takes it; state and attempt are set */
void whi_record_written(wh_engine *engine, whi_event *event); /* a row that tells of a delivery of it is durable,
                                                                 or it has been fanned out */
void whi_record_submit(whi_worker *worker);
void whi_record_again(whi_worker *worker, whi_entry *entry);    /* what could not be written is tried again */
void whi_record_position(whi_worker *worker, whi_entry *entry); /* the position may be written alone again */
void whi_record_free(whi_worker *worker);

#endif
