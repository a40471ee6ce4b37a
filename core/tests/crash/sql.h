/* A program of the user's that knows nothing of the engine but the outbox table. */
#ifndef CRASH_SQL_H
#define CRASH_SQL_H

#include <stddef.h>

#include "write.h"

typedef struct sql_writer sql_writer;

sql_writer *sql_open(void);

/* One transaction with a row of its own and some events; each fifth is rolled back. */
void sql_write(sql_writer *self, writer *names);

/* A row that nobody removes. */
void sql_leak(sql_writer *self, const char *bytes, size_t size);

#endif
