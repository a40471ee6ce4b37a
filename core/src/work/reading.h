/* Reading: what is in the log beyond what was read (engine/position.h) is handed to the workers, and the rows
 * of the outbox become events.
 *
 * The first worker reads, for all of them, a page at a time and within the memory that is left. It
 * writes nothing, since nobody else decides for our partitions. What this process publishes itself is mostly
 * handed over from memory (engine/handover.h), and passed here. */
#ifndef WHI_READING_H
#define WHI_READING_H

#include "work/worker.h"

void whi_reading(whi_worker *worker);                         /* if there is, or may be, something to read */
void whi_reading_again(whi_worker *worker, whi_entry *entry); /* after a reading that failed */

#endif
