/* The tables of polls and their statements, as parts of the texts of store_sqlite_schema.c and store_sqlite_sql.c. */
#ifndef WHI_STORE_SQLITE_POLL_SQL_H
#define WHI_STORE_SQLITE_POLL_SQL_H

/* The rows of webhook_seen are as small as they can be: there is one for each object of whoever is polled. */
#define POLL_TABLES                                                                                                    \
    "CREATE TABLE webhook_poll (\n"                                                                                    \
    "  -- Sources that are asked again and again: how far each reading is.\n"                                          \
    "  id      INTEGER PRIMARY KEY, -- of who share it; a subscription's: of what is there first for it\n"             \
    "  turn    INTEGER NOT NULL,    -- counts how often the row was written by who reads\n"                            \
    "  holder  INTEGER NOT NULL,    -- webhook_workers.id, who wrote it last\n"                                        \
    "  seen    INTEGER NOT NULL,    -- webhook_seen.poll\n"                                                            \
    "  name    TEXT,                -- connection and type, for who looks here\n"                                      \
    "  page    TEXT,                -- goes on there; NULL: at the beginning\n"                                        \
    "  state   TEXT,                -- the source's own token\n"                                                       \
    "  runs    TEXT,                -- the newest, a list of texts\n"                                                  \
    "  salt    BLOB NOT NULL,       -- keys the hashes in webhook_seen\n"                                              \
    "  phase   INTEGER NOT NULL,    -- 0 rests, 1 reads, 2 reads once more, 3 tells what has vanished\n"               \
    "  full    INTEGER NOT NULL,    -- 1: all is read, 0: what changed\n"                                              \
    "  scan    INTEGER NOT NULL,    -- number of this or the last complete reading\n"                                  \
    "  started_at INTEGER NOT NULL, checked_at INTEGER NOT NULL, full_at INTEGER NOT NULL,\n"                          \
    "  newest  INTEGER NOT NULL,    -- the latest time that an object had\n"                                           \
    "  next_at INTEGER NOT NULL,\n"                                                                                    \
    "  failures INTEGER NOT NULL, refused INTEGER NOT NULL, suspicious INTEGER NOT NULL,\n"                            \
    "  tries   INTEGER NOT NULL,    -- at this page\n"                                                                 \
    "  pages INTEGER NOT NULL, objects INTEGER NOT NULL, sent INTEGER NOT NULL, gone INTEGER NOT NULL,\n"              \
    "  skipped INTEGER NOT NULL, large INTEGER NOT NULL, -- of this run\n"                                             \
    "  sequence INTEGER NOT NULL,   -- of its last event\n"                                                            \
    "  asked   INTEGER NOT NULL DEFAULT 0 -- 1 to run now, 2 to believe what is suspicious, 4 to forget failures\n"    \
    ");\n"                                                                                                             \
    "CREATE INDEX webhook_poll_asked ON webhook_poll (id) WHERE asked <> 0;\n"                                         \
    "CREATE TABLE webhook_seen (\n"                                                                                    \
    "  -- What was seen of each object.\n"                                                                             \
    "  poll    INTEGER NOT NULL, -- webhook_poll.seen\n"                                                               \
    "  id      BLOB NOT NULL,    -- a letter and bytes: t text, n number, h and u hexadecimal digits and uuid\n"       \
    "  content INTEGER NOT NULL, -- a keyed hash\n"                                                                    \
    "  scan    INTEGER NOT NULL, -- webhook_poll.scan when it was met\n"                                               \
    "  PRIMARY KEY (poll, id)\n"                                                                                       \
    ") WITHOUT ROWID;\n"

#define POLL_COLUMNS                                                                                                   \
    "id, holder, seen, name, page, state, runs, salt, phase, full, scan, started_at, checked_at, full_at, newest,"     \
    " next_at, failures, refused, suspicious, tries, pages, objects, sent, gone, skipped, large, sequence"

#define WHI_SQLITE_POLL_STATEMENTS                                                                                     \
    [WHI_SQL_POLL_GET] = "SELECT " POLL_COLUMNS ", turn, asked FROM webhook_poll WHERE id = ?1",                       \
    [WHI_SQL_POLL_LIST] = "SELECT id, asked, turn, salt FROM webhook_poll WHERE id > ?1 ORDER BY id LIMIT ?2",         \
    [WHI_SQL_POLL_ASKED] =                                                                                             \
        "SELECT id, asked, turn, salt FROM webhook_poll INDEXED BY webhook_poll_asked WHERE asked <> 0"                \
        " AND id > ?1 ORDER BY id LIMIT ?2",                                                                           \
    [WHI_SQL_POLL_ADD] =                                                                                               \
        "INSERT INTO webhook_poll (" POLL_COLUMNS ", turn, asked)"                                                     \
        " SELECT ?1, ?2, (SELECT coalesce(max(seen), 0) + 1 FROM webhook_poll), ?4, ?5, ?6, ?7, ?8, ?9,"               \
        " ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, 0, 0"              \
        " WHERE NOT EXISTS (SELECT 1 FROM webhook_poll WHERE id = ?1) RETURNING seen",                                 \
    [WHI_SQL_POLL_CHANGE] =                                                                                            \
        "UPDATE webhook_poll SET holder = ?2, name = ?4, page = ?5, state = ?6, runs = ?7,"                            \
        " phase = ?9, full = ?10, scan = ?11, started_at = ?12, checked_at = ?13, full_at = ?14, newest = ?15,"        \
        " next_at = ?16, failures = ?17, refused = ?18, suspicious = ?19, tries = ?20, pages = ?21, objects = ?22,"    \
        " sent = ?23, gone = ?24, skipped = ?25, large = ?26, sequence = ?27, turn = turn + 1, asked = asked & ~?29"   \
        " WHERE id = ?1 AND turn = ?28 AND salt = ?8 RETURNING seen",                                                  \
    [WHI_SQL_POLL_ASK] = "UPDATE webhook_poll SET asked = asked | ?2 WHERE id = ?1",                                   \
    [WHI_SQL_POLL_DROP] = "DELETE FROM webhook_poll WHERE id = ?1",                                                    \
    [WHI_SQL_SEEN_GET] = "SELECT content, scan FROM webhook_seen WHERE poll = ?1 AND id = ?2",                         \
    [WHI_SQL_SEEN_PUT] = "INSERT INTO webhook_seen (poll, id, content, scan) VALUES (?1, ?2, ?3, ?4)"                  \
                         " ON CONFLICT (poll, id) DO UPDATE SET content = ?3, scan = ?4",                              \
    [WHI_SQL_SEEN_DROP] = "DELETE FROM webhook_seen WHERE poll = ?1 AND id = ?2",                                      \
    [WHI_SQL_SEEN_DROP_ALL] = "DELETE FROM webhook_seen WHERE poll = ?1 AND id IN"                                     \
                              " (SELECT id FROM webhook_seen WHERE poll = ?1 ORDER BY id LIMIT ?2)",                   \
    [WHI_SQL_UNSEEN_LIST] = "SELECT id, content, scan FROM webhook_seen WHERE poll = ?1 AND scan <> ?2 AND scan <> ?3" \
                            " AND id > ?4 ORDER BY id LIMIT ?5",                                                       \
    [WHI_SQL_UNSEEN_COUNT] = "SELECT total(scan <> ?2 AND scan <> ?3), count(*) FROM webhook_seen WHERE poll = ?1",

#endif
