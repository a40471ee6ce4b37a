/* Unified.to's hook_url, and what a webhook of its "database sync" has in place of it: db_url, db_type, db_schema and
 * db_name_prefix. */
#ifndef WHI_UNIFIED_DATABASE_H
#define WHI_UNIFIED_DATABASE_H

#include "systems/wire.h"

/* Puts url and database, where what says them has changed. */
int whi_unified_put_destination(whi_reading *self);

void whi_unified_write_hook(whi_writing *self, const whi_wire_field *field);
void whi_unified_write_database(whi_writing *self, const whi_wire_field *field);
void whi_unified_write_schema(whi_writing *self, const whi_wire_field *field);
void whi_unified_write_prefix(whi_writing *self, const whi_wire_field *field);

#endif
