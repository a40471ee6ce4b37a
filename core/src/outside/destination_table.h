/* The table of a type: looked at, made, and judged. */
#ifndef WHI_DESTINATION_TABLE_H
#define WHI_DESTINATION_TABLE_H

#include "outside/dialect.h"

/* Makes the table if it is not there and may be made, and says what is missing from one of somebody else's. The
 * shape is looked at unless it is known. */
void whi_shape_ready(whi_database *database, whi_shape *shape, whi_object_result *result);

void whi_shape_look(whi_database *database, whi_shape *shape, whi_object_result *result);

/* What is missing from a table that somebody else has made; leaves the result alone where it does. */
void whi_shape_judge(const whi_shape *shape, whi_object_result *result);

/* "table … what", for the database's owner. */
void whi_shape_tell(whi_object_result *result, const whi_shape *shape, const char *what);

/* 1 for the engine's own columns, and for id. */
int whi_shape_is_ours(const char *name);

/* Runs a statement that changes the table, and frees it. */
void whi_sql_run(whi_database *database, whi_buf *sql, whi_object_result *result);

#endif
