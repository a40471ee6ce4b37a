/* Rows: every event goes to a database besides, of SQLite, which is written in batches by whichever process has the
 * subscription's twin. In the end it is asked what it has: by the publishers' journal, and by the store's events. */
#ifndef CRASH_ROWS_H
#define CRASH_ROWS_H

#include "journal.h"

typedef struct rows_report {
    long rows, lost, ghosts; /* without a row although acknowledged; with one although rolled back */
    long older;              /* objects whose row is not that of their newest event, or whose event is not there */
} rows_report;

/* Reads the table; then what of the journal is to be there is asked line by line; then what is newest. */
void rows_read(rows_report *out);
void rows_see(const entry *line, rows_report *out);
void rows_compare(rows_report *out);

/* Makes one row that of an older event than it is. */
void rows_forge(void);

#endif
