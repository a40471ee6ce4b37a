/* What the store itself says, asked of SQLite alone. */
#ifndef CRASH_CLOSED_H
#define CRASH_CLOSED_H

#include <stdint.h>

/* Events without deliveries yet, rows of the outbox, deliveries that wait or are being
 * sent; -1 while the file is locked. */
int64_t closed_open_rows(void);

/* Marks and deliveries of an owner that has no row: one that was lost has left them, and
 * somebody has to take them soon. -1 while the file is locked. Keeps a connection. */
int64_t closed_stranded(void);

/* How often something must not be so, with a message for each. */
int closed_check(void);

#endif
