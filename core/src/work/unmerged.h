/* What is written and not merged into the store's file yet, SQLite's -wal: it is merged as it grows, but not beyond
 * what somebody still reads. So a reader that is open for long, a backup or a program that left a query open, makes it
 * grow without end, and reading slower. Statistics have its size (log_bytes); here the host is told once what it
 * means. A large transaction makes it grow, too, which is over by the next look. */
#ifndef WHI_UNMERGED_H
#define WHI_UNMERGED_H

#include "work/worker.h"

#define WHI_UNMERGED_MUCH (INT64_C(128) << 20) /* bytes: twice as many as stay on the disk when all is merged */

/* Of the first worker, about once a minute. */
void whi_unmerged_look(whi_worker *worker);

#endif
