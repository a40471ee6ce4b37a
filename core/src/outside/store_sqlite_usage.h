/* Usage: the table of what is kept of each tenant, and the triggers that count down, as texts for
 * store_sqlite_schema.c.
 *
 * Rows are counted in the transaction that changes them, so the count is exact for all processes, and after a crash.
 * They come by this library alone, which adds up what a transaction brings a tenant and writes the sum before the
 * commit (store_sqlite_usage.c): one statement for a batch, where a trigger would cost each event as much as its row.
 * They go, and change, by triggers: whoever takes rows away, a hand too, takes them off the count. A program without
 * tenants pays nothing. Rows from before there were counts are not counted, neither up nor down. */
#ifndef WHI_STORE_SQLITE_USAGE_H
#define WHI_STORE_SQLITE_USAGE_H

#define COUNTED "> (SELECT value FROM webhook_meta WHERE name = 'counted')"
#define OF_BODY(row) "FROM webhook_events WHERE number = " row ".event AND tenant <> '' AND number " COUNTED
#define COUNT_BODY_UP                                                                                                  \
    "  UPDATE webhook_usage SET bytes = bytes + length(CAST(new.body AS BLOB))"                                        \
    " WHERE tenant = (SELECT tenant " OF_BODY("new") ");\n"
#define COUNT_BODY_DOWN                                                                                                \
    "  UPDATE webhook_usage SET bytes = bytes - length(CAST(old.body AS BLOB))"                                        \
    " WHERE tenant = (SELECT tenant " OF_BODY("old") ");\n"
#define USAGE_TABLE                                                                                                    \
    "CREATE TABLE webhook_usage (\n"                                                                                   \
    "  -- What is kept of each tenant, counted up by the library and down by triggers, and what it may have.\n"        \
    "  tenant TEXT PRIMARY KEY,\n"                                                                                     \
    "  events INTEGER NOT NULL DEFAULT 0,\n"                                                                           \
    "  bytes  INTEGER NOT NULL DEFAULT 0, -- of their payloads, and of what rules made of them\n"                      \
    "  quota_events INTEGER, -- at most; NULL: as for all, see webhook_settings\n"                                     \
    "  quota_bytes  INTEGER,\n"                                                                                        \
    "  cpu_ms       INTEGER, -- for its rules, of each second and in each process\n"                                   \
    "  rate_count   INTEGER, -- requests in a time; NULL: as many as there are\n"                                      \
    "  rate_per     INTEGER, -- ms\n"                                                                                  \
    "  rate_burst   INTEGER  -- and at once\n"                                                                         \
    ") WITHOUT ROWID;\n"
#define USAGE_TRIGGERS                                                                                                 \
    "CREATE TRIGGER webhook_usage_event_gone AFTER DELETE ON webhook_events WHEN old.tenant <> '' AND "                \
    "old.number " COUNTED " BEGIN\n"                                                                                   \
    "  UPDATE webhook_usage SET events = events - 1, bytes = bytes - length(CAST(old.payload AS BLOB))"                \
    " WHERE tenant = old.tenant;\n"                                                                                    \
    "  DELETE FROM webhook_usage WHERE tenant = old.tenant AND events = 0 AND quota_events IS NULL"                    \
    " AND quota_bytes IS NULL AND cpu_ms IS NULL AND rate_count IS NULL;\n"                                            \
    "END;\n"                                                                                                           \
    "CREATE TRIGGER webhook_usage_body_gone AFTER DELETE ON webhook_bodies WHEN old.event IS NOT NULL "                \
    "BEGIN\n" COUNT_BODY_DOWN "END;\n"                                                                                 \
    "CREATE TRIGGER webhook_usage_body_changed AFTER UPDATE OF body ON webhook_bodies WHEN new.event IS NOT NULL "     \
    "BEGIN\n" COUNT_BODY_DOWN COUNT_BODY_UP "END;\n"

/* What is there already is not counted: its payloads would have to be read. */
#define UPGRADE_6_USAGE                                                                                                \
    "ALTER TABLE webhook_lags ADD COLUMN waits INTEGER NOT NULL DEFAULT 0;\n"                                          \
    "ALTER TABLE webhook_bodies ADD COLUMN event INTEGER;\n"                                                           \
    "INSERT INTO webhook_meta SELECT 'counted', coalesce(max(number), 0) FROM webhook_events;\n" USAGE_TABLE           \
        USAGE_TRIGGERS

#endif
