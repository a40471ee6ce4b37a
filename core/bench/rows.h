/* Rows for the benchmarks of databases: objects of 12 fields as ours are given, and the same values, column by column,
 * as a bare statement is given. */
#ifndef ROWS_H
#define ROWS_H

#include "outside/destination.h"

#define ROWS_FIELDS 12
#define ROWS_OURS 6 /* _connection_id, id, _version, _synced_at, _deleted_at, _raw */
#define ROWS_COLUMNS (ROWS_OURS + ROWS_FIELDS)

typedef struct rows {
    int count;
    struct row *list;
    whi_object *objects;
    whi_object_result *results;
} rows;

void rows_make(rows *self, int count);

/* Ids from this number on, and a version for all. */
void rows_number(rows *self, long from, int64_t version);

/* NULL: null. */
const char *rows_value(const rows *self, int row, int column);

/* "text", "bigint": of a column. */
int rows_is_number(int column);

void rows_write(rows *self, whi_destination *destination);

/* Ends the program. */
void rows_need(int good, const char *what);

/* A step that is measured, of ours and of the yardstick, in turns. */
typedef struct rows_race {
    const char *name;
    void (*ours)(rows *self);
    void (*bare)(rows *self);
    int is_new; /* 1: each round's rows are new; 0: newer versions of those that are there */
} rows_race;

void rows_run(const rows_race *race, rows *self, int rounds);

#endif
