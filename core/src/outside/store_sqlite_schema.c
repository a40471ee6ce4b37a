/* The tables, and the steps that make them of former ones.
 *
 * SQLite keeps the text of CREATE TABLE, comments included: whoever opens the file
 * with the sqlite3 shell and types .schema reads what is written here. Tests: test_store_sqlite_upgrade. */
#include "outside/store_sqlite.h"
#include "outside/store_sqlite_poll_sql.h"
#include "outside/store_sqlite_states.h"
#include "outside/store_sqlite_usage.h"

/* The first of a key is the one that has its turn, or the mark of an aborted run; behind it
 * those that wait, in the order of their events. */
#define KEY_INDEX                                                                                                      \
    "CREATE INDEX webhook_deliveries_keyed ON webhook_deliveries (subscription, key, due, event)\n"                    \
    "  WHERE " IS_KEYED ";\n"

/* What was cancelled is listed without a look at what was delivered. */
#define CANCELLED_INDEX                                                                                                \
    "CREATE INDEX webhook_deliveries_cancelled ON webhook_deliveries (event, subscription)"                            \
    " WHERE state = " CANCELLED ";\n"

/* Few of many: those that are paused or disabled. */
#define RESTING_INDEX                                                                                                  \
    "CREATE INDEX webhook_subscriptions_resting ON webhook_subscriptions (status, id)"                                 \
    " WHERE deleted = 0 AND status <> 1;\n"

/* Each tenant's ids are its own. */
#define IDS_TABLE                                                                                                      \
    "CREATE TABLE webhook_event_ids (\n"                                                                               \
    "  -- Ids that publishers gave: an id that is here is a duplicate.\n"                                              \
    "  id     TEXT NOT NULL,\n"                                                                                        \
    "  tenant TEXT NOT NULL,\n"                                                                                        \
    "  number INTEGER NOT NULL,\n"                                                                                     \
    "  PRIMARY KEY (id, tenant)\n"                                                                                     \
    ") WITHOUT ROWID;\n"

/* What a tenant lists is found without a look at what others have: neither the time that it
 * takes nor the ends of its pages tell of them. A program that has no tenants does not pay for it. */
#define TENANT_INDEX "CREATE INDEX webhook_events_tenant ON webhook_events (tenant) WHERE tenant <> '';\n"

/* So is what is listed by its type, of all or of a tenant, also a type that does not occur. */
#define TYPE_INDEXES                                                                                                   \
    "CREATE INDEX webhook_events_type ON webhook_events (type);\n"                                                     \
    "CREATE INDEX webhook_events_tenant_type ON webhook_events (tenant, type) WHERE tenant <> '';\n"

/* What is marked with a number that is not here is nobody's: see engine/lease.h. */
#define WORKER_TABLE                                                                                                   \
    "CREATE TABLE webhook_workers (\n"                                                                                 \
    "  -- One row for each engine that works.\n"                                                                       \
    "  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again\n"                                              \
    "  beat     INTEGER NOT NULL, -- counts; who sees it stand still takes the row away\n"                             \
    "  share    INTEGER NOT NULL, -- 1: wants its share of the partitions; 0: takes what nobody has\n"                 \
    "  position INTEGER NOT NULL  -- events up to this one are decided for all of its partitions; 2^63 - 1: it has "   \
    "none\n"                                                                                                           \
    ");\n"

#define WORKER_TABLE_3 "CREATE TABLE webhook_workers (id INTEGER PRIMARY KEY AUTOINCREMENT, beat INTEGER NOT NULL);\n"

/* Subscriptions in as many parts as whi_partition_of (engine/position.h) knows. */
#define PARTITION_TABLE                                                                                                \
    "CREATE TABLE webhook_partitions (\n"                                                                              \
    "  -- Whose subscriptions they are.\n"                                                                             \
    "  id       INTEGER PRIMARY KEY, -- 0 to 255\n"                                                                    \
    "  owner    INTEGER NOT NULL,    -- webhook_workers.id; one that is not there: nobody\n"                           \
    "  epoch    INTEGER NOT NULL,    -- how often it was taken\n"                                                      \
    "  position INTEGER NOT NULL     -- when it last changed hands\n"                                                  \
    ");\n"                                                                                                             \
    "CREATE INDEX webhook_partitions_owner ON webhook_partitions (owner, position);\n"                                 \
    "CREATE TABLE webhook_undecided (\n"                                                                               \
    "  -- Of a store of an earlier version: of the events up to webhook_meta.upgraded these alone are to be "          \
    "decided.\n"                                                                                                       \
    "  event INTEGER PRIMARY KEY\n"                                                                                    \
    ");\n"
#define LAG_TABLE                                                                                                      \
    "CREATE TABLE webhook_lags (\n"                                                                                    \
    "  -- Subscriptions that cannot be decided soon: each is decided up to its own position here, and no worker's "    \
    "position waits for it.\n"                                                                                         \
    "  subscription INTEGER PRIMARY KEY,\n"                                                                            \
    "  position     INTEGER NOT NULL,\n"                                                                               \
    "  waits        INTEGER NOT NULL DEFAULT 0 -- 1: for its tenant's budget, when this was written\n"                 \
    ");\n"                                                                                                             \
    "CREATE INDEX webhook_lags_position ON webhook_lags (position);\n"
#define LAG_TABLE_5                                                                                                    \
    "CREATE TABLE webhook_lags (subscription INTEGER PRIMARY KEY, position INTEGER NOT NULL);\n"                       \
    "CREATE INDEX webhook_lags_position ON webhook_lags (position);\n"
#define PARTITION_ROWS(position)                                                                                       \
    "WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 255)"                                \
    " INSERT INTO webhook_partitions SELECT id, 0, 0, " position " FROM n;\n"

#define SETTING_TABLE                                                                                                  \
    "CREATE TABLE webhook_settings (\n"                                                                                \
    "  -- What all processes of this store go by, where it was said: retain, retain_failed in ms; limits of what is "  \
    "stored.\n"                                                                                                        \
    "  name  TEXT PRIMARY KEY,\n"                                                                                      \
    "  value INTEGER NOT NULL\n"                                                                                       \
    ") WITHOUT ROWID;\n"

#define HEALTH_TABLE                                                                                                   \
    "CREATE TABLE webhook_health (\n"                                                                                  \
    "  -- Subscriptions whose receivers fail. One that is well has no row.\n"                                          \
    "  subscription INTEGER PRIMARY KEY,\n"                                                                            \
    "  state     INTEGER NOT NULL, -- 1 troubled (counts as healthy), 2 failing, 3 disabled\n"                         \
    "  since     INTEGER NOT NULL, -- the first failed attempt in a row\n"                                             \
    "  failed_at INTEGER NOT NULL, -- the last one\n"                                                                  \
    "  failures  INTEGER NOT NULL, -- how many\n"                                                                      \
    "  exhausted INTEGER NOT NULL, -- deliveries that were given up meanwhile\n"                                       \
    "  lasted    INTEGER NOT NULL, -- ms that count as failing\n"                                                      \
    "  steady    INTEGER NOT NULL, -- of the last one, by a clock that neither jumps nor sleeps\n"                     \
    "  error     TEXT              -- of the last one\n"                                                               \
    ");\n"                                                                                                             \
    "CREATE TABLE webhook_receivers (\n"                                                                               \
    "  -- When it was last heard of those that are well: written seldom, not with each delivery.\n"                    \
    "  subscription INTEGER PRIMARY KEY,\n"                                                                            \
    "  success_at INTEGER NOT NULL, -- 0: never\n"                                                                     \
    "  failed_at  INTEGER NOT NULL, -- 0: never; of one with a row in webhook_health that one's counts\n"              \
    "  error      TEXT\n"                                                                                              \
    ");\n"
#define KEY_TABLE                                                                                                      \
    "CREATE TABLE webhook_keys (\n"                                                                                    \
    "  -- Keys of a key file, not the keys themselves, that have encrypted something here. Who opens this store has "  \
    "them.\n"                                                                                                          \
    "  id    TEXT PRIMARY KEY,\n"                                                                                      \
    "  proof TEXT NOT NULL,   -- a known text that it has encrypted: another key of the same id is told by it\n"       \
    "  used  INTEGER NOT NULL -- when it did last, in the count of webhook_meta.seals\n"                               \
    ") WITHOUT ROWID;\n"                                                                                               \
    "INSERT INTO webhook_meta VALUES ('seals', 0);\n"

#define SOURCE_TABLE                                                                                                   \
    "CREATE TABLE webhook_sources (\n"                                                                                 \
    "  -- Where objects of virtual webhooks are read: documents of HTTP sources.\n"                                    \
    "  object_type TEXT PRIMARY KEY,\n"                                                                                \
    "  document    TEXT NOT NULL, -- JSON, with what is secret in it; a BLOB: encrypted\n"                             \
    "  created_at  INTEGER NOT NULL,\n"                                                                                \
    "  updated_at  INTEGER NOT NULL\n"                                                                                 \
    ") WITHOUT ROWID;\n"

#define TOKEN_TABLES(end)                                                                                              \
    "CREATE TABLE webhook_tokens (\n"                                                                                  \
    "  -- Who may use the HTTP API.\n"                                                                                 \
    "  id         TEXT PRIMARY KEY,\n"                                                                                 \
    "  tenant     TEXT,             -- NULL: an operator's\n"                                                          \
    "  name       TEXT NOT NULL,\n"                                                                                    \
    "  hash       BLOB NOT NULL,    -- SHA-256 of the token\n"                                                         \
    "  created_at INTEGER NOT NULL" end "\n"                                                                           \
    ") WITHOUT ROWID;\n"                                                                                               \
    "CREATE TABLE webhook_tenants (\n"                                                                                 \
    "  tenant TEXT PRIMARY KEY,\n"                                                                                     \
    "  secret TEXT NOT NULL -- of the workspace; signs the profile unified; a BLOB: encrypted\n"                       \
    ") WITHOUT ROWID;\n"

#define TOKEN_END "expires_at INTEGER" /* ms; NULL: it has none */
#define TOKEN_INDEX "CREATE INDEX webhook_tokens_expires ON webhook_tokens (expires_at) WHERE expires_at IS NOT NULL;\n"

/* A delivery is mostly written once, in its last state. So what is looked up by
 * state has partial indexes, which cost such a row nothing, and everything that is
 * written for each event grows at its end. */
const char whi_sqlite_schema[] =
    "CREATE TABLE webhook_meta (\n"
    "  -- Tables of the webhook engine; all of them begin with webhook_.\n"
    "  -- schema: version of these tables; change: see webhook_subscriptions.changed; seals: see webhook_keys;\n"
    "  -- subscriptions: how many are not deleted; forgotten: highest changed of a row of theirs that is gone;\n"
    "  -- upgraded: see webhook_undecided; told: transactions that left something to do to other processes;\n"
    "  -- counted: events up to this number are not counted in webhook_usage\n"
    "  name  TEXT PRIMARY KEY,\n"
    "  value INTEGER NOT NULL\n"
    ") WITHOUT ROWID;\n"
    "INSERT INTO webhook_meta VALUES ('schema', 7), ('change', 0), ('subscriptions', 0), ('forgotten', 0),"
    " ('upgraded', 0), ('told', 0), ('counted', 0);\n"

    "CREATE TABLE webhook_outbox (\n"
    "  -- For you: a row that any program inserts here, in its own transaction, becomes\n"
    "  -- an event when that transaction commits, and nothing when it rolls back.\n"
    "  --   INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{\"id\":7}');\n"
    "  -- Rows are taken in the order of number and deleted. One that cannot become an\n"
    "  -- event (a payload that is not JSON, ...) goes to outbox_rejected.\n"
    "  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- leave it out\n"
    "  -- Of the optional ones NULL and '' are the same: it has none.\n"
    "  id      TEXT,          -- idempotency key; without one it is made\n"
    "  type    TEXT NOT NULL, -- 'order.paid'\n"
    "  tenant  TEXT,\n"
    "  time    INTEGER,       -- ms since 1970; without one it is that when the row is taken\n"
    "  payload TEXT NOT NULL, -- JSON, delivered byte for byte\n"
    "  source  TEXT,\n"
    "  key     TEXT           -- what it is about, for subscriptions with an order\n"
    ");\n"

    "CREATE TABLE webhook_outbox_rejected (\n"
    "  -- What was wrong with rows of outbox. Mend and insert them there again, or delete them.\n"
    "  number      INTEGER PRIMARY KEY, -- as it was in webhook_outbox\n"
    "  rejected_at INTEGER NOT NULL,    -- ms\n"
    "  error       TEXT NOT NULL,\n"
    "  id TEXT, type TEXT, tenant TEXT, time INTEGER, payload TEXT, source TEXT, key TEXT\n"
    ");\n"

    "CREATE TABLE webhook_events (\n"
    "  -- Everything from here on is the engine's own: read it, don't write it.\n"
    "  -- Times are ms since 1970.\n"
    "  number      INTEGER PRIMARY KEY, -- in the order of acceptance, grows with time; 'msg_' and its base 32 is the "
    "id\n"
    "  id          TEXT,                -- the id that the publisher gave, or NULL\n"
    "  type        TEXT NOT NULL,\n"
    "  tenant      TEXT NOT NULL,       -- '': none\n"
    "  time        INTEGER NOT NULL,    -- said by the publisher\n"
    "  accepted_at INTEGER NOT NULL,\n"
    "  payload     TEXT NOT NULL,       -- the publisher's bytes\n"
    "  source      TEXT NOT NULL DEFAULT '', -- '': none\n"
    "  key         TEXT NOT NULL DEFAULT '', -- '': none\n"
    "  alone       INTEGER NOT NULL DEFAULT 0 -- 1: a test of one subscription, and nothing to others; 2: being "
    "purged\n"
    ");\n" TENANT_INDEX TYPE_INDEXES

        IDS_TABLE

    "CREATE TABLE webhook_deliveries (\n"
    "  event        INTEGER NOT NULL, -- webhook_events.number\n"
    "  subscription INTEGER NOT NULL, -- webhook_subscriptions.id\n"
    "  version      INTEGER NOT NULL, -- of the subscription, that made the bytes; 0: not made yet\n"
    "  state        INTEGER NOT NULL, -- " WAITING " waiting, " DELIVERED " delivered, " EXHAUSTED " exhausted, " HELD
    " held, " CANCELLED " cancelled\n"
    "  attempts     INTEGER NOT NULL, -- in all\n"
    "  tries        INTEGER NOT NULL, -- since the retry list was begun\n"
    "  due          INTEGER NOT NULL, -- waiting: when it will be sent, 2^63 - 1: in its turn; else 0; " ABORTED
    ": aborted; " NEWEST ": of a latest key the newest\n"
    "  turn         INTEGER NOT NULL, -- how often the row was changed, by whomever\n"
    "  created_at   INTEGER NOT NULL,\n"
    "  updated_at   INTEGER NOT NULL,\n"
    "  status       INTEGER NOT NULL, -- of the last answer, 0: none\n"
    "  error        TEXT,             -- what went wrong last\n"
    "  body         INTEGER,          -- webhook_bodies.number; NULL: the event's payload is sent\n"
    "  key          TEXT,             -- NULL: no order; of one key one is due, the others wait\n"
    "  headers      TEXT,             -- NULL, or JSON: what the rule sends along\n"
    "  -- The first attempt, as those after it in webhook_attempts: mostly there is none after it.\n"
    "  first_at       INTEGER,        -- NULL: it was not made yet\n"
    "  first_us       INTEGER,        -- duration\n"
    "  first_code     INTEGER,\n"
    "  first_status   INTEGER,\n"
    "  first_error    TEXT,\n"
    "  first_response BLOB,\n"
    "  PRIMARY KEY (event, subscription)\n"
    ") WITHOUT ROWID;\n"
    "CREATE INDEX webhook_deliveries_open ON webhook_deliveries (state, subscription, due, event)\n"
    "  WHERE " OPEN_STATES ";\n" KEY_INDEX CANCELLED_INDEX

    "CREATE TABLE webhook_bodies (\n"
    "  -- What is sent where a rule made it differ from the event's payload.\n"
    "  number INTEGER PRIMARY KEY,\n"
    "  body   TEXT NOT NULL,\n"
    "  event  INTEGER -- whose it is; NULL: of an earlier version\n"
    ");\n"

    "CREATE TABLE webhook_attempts (\n"
    "  -- Those after the first, which stands in webhook_deliveries.\n"
    "  event        INTEGER NOT NULL,\n"
    "  subscription INTEGER NOT NULL,\n"
    "  n            INTEGER NOT NULL, -- 2, 3, ...\n"
    "  at           INTEGER NOT NULL,\n"
    "  duration_us  INTEGER NOT NULL,\n"
    "  code         INTEGER NOT NULL, -- 0, or the library's error\n"
    "  status       INTEGER NOT NULL, -- of the answer, 0: none\n"
    "  error        TEXT,\n"
    "  response     BLOB,             -- its first bytes\n"
    "  PRIMARY KEY (event, subscription, n)\n"
    ") WITHOUT ROWID;\n"

    "CREATE TABLE webhook_subscriptions (\n"
    "  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again\n"
    "  tenant   TEXT NOT NULL,\n"
    "  version  INTEGER NOT NULL,\n"
    "  status   INTEGER NOT NULL, -- 1 enabled, 2 paused, 3 disabled by the engine\n"
    "  document TEXT NOT NULL,    -- JSON, WITH SECRETS; those that begin with seal: are encrypted\n"
    "  changed  INTEGER NOT NULL, -- when, in the count of webhook_meta.change\n"
    "  deleted  INTEGER NOT NULL, -- 1: kept while versions are, so that running engines hear of it\n"
    "  since    INTEGER NOT NULL DEFAULT 0 -- as that of its version, in webhook_subscription_versions\n"
    ");\n"
    "CREATE INDEX webhook_subscriptions_changed ON webhook_subscriptions (changed);\n"
    "CREATE INDEX webhook_subscriptions_tenant ON webhook_subscriptions (tenant, id) WHERE deleted = 0;\n" RESTING_INDEX

    "CREATE TABLE webhook_subscription_versions (\n"
    "  number       INTEGER PRIMARY KEY,\n"
    "  subscription INTEGER NOT NULL,\n"
    "  version      INTEGER NOT NULL,\n"
    "  document     TEXT NOT NULL, -- JSON, WITH SECRETS, as above\n"
    "  ended        INTEGER,       -- number of the change that came after it; NULL: in force\n"
    "  since        INTEGER NOT NULL DEFAULT 0, -- number of the change that made it, in one count with\n"
    "  -- webhook_events.number: it decides events with since < number <= ended; 0: from ever\n"
    "  UNIQUE (subscription, version)\n"
    ");\n"
    "CREATE INDEX webhook_subscription_versions_ended ON webhook_subscription_versions (ended) WHERE ended IS NOT "
    "NULL;\n"

    WORKER_TABLE PARTITION_TABLE PARTITION_ROWS("0") LAG_TABLE SETTING_TABLE HEALTH_TABLE TOKEN_TABLES(", " TOKEN_END)
        TOKEN_INDEX KEY_TABLE POLL_TABLES SOURCE_TABLE USAGE_TABLE USAGE_TRIGGERS;

/* A first attempt without its delivery belonged to an event that a hand deleted: nobody can ask for it. */
#define FIRST_ATTEMPTS                                                                                                 \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_at INTEGER;\n"                                                    \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_us INTEGER;\n"                                                    \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_code INTEGER;\n"                                                  \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_status INTEGER;\n"                                                \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_error TEXT;\n"                                                    \
    "ALTER TABLE webhook_deliveries ADD COLUMN first_response BLOB;\n"                                                 \
    "UPDATE webhook_deliveries SET first_at = a.at, first_us = a.duration_us, first_code = a.code,"                    \
    " first_status = a.status, first_error = a.error, first_response = a.response FROM webhook_attempts a"             \
    " WHERE a.n = 1 AND a.event = webhook_deliveries.event AND a.subscription = webhook_deliveries.subscription;\n"    \
    "DELETE FROM webhook_attempts WHERE n = 1;\n"

static const char upgrade_1[] = "ALTER TABLE webhook_outbox ADD COLUMN source TEXT NOT NULL DEFAULT '';\n"
                                "ALTER TABLE webhook_outbox ADD COLUMN key TEXT NOT NULL DEFAULT '';\n"
                                "ALTER TABLE webhook_outbox_rejected ADD COLUMN source TEXT;\n"
                                "ALTER TABLE webhook_outbox_rejected ADD COLUMN key TEXT;\n"
                                "ALTER TABLE webhook_events ADD COLUMN source TEXT NOT NULL DEFAULT '';\n"
                                "ALTER TABLE webhook_events ADD COLUMN key TEXT NOT NULL DEFAULT '';\n"
                                "ALTER TABLE webhook_deliveries ADD COLUMN key TEXT;\n"
                                "ALTER TABLE webhook_deliveries ADD COLUMN headers TEXT;\n"
                                "ALTER TABLE webhook_event_ids RENAME TO webhook_event_ids_1;\n" IDS_TABLE
                                "INSERT INTO webhook_event_ids (id, tenant, number) SELECT i.id, e.tenant, i.number"
                                " FROM webhook_event_ids_1 i JOIN webhook_events e ON e.number = i.number;\n"
                                "DROP TABLE webhook_event_ids_1;\n" TENANT_INDEX KEY_INDEX TOKEN_TABLES(
                                    "") "UPDATE webhook_meta SET value = 2 WHERE name = 'schema';\n";

/* Workers had small numbers that were used again: none of them may stay on a row. */
static const char upgrade_2[] =
    "DROP TABLE webhook_workers;\n" WORKER_TABLE_3
    "INSERT INTO sqlite_sequence (name, seq) VALUES ('webhook_workers', 1023);\n" /* theirs were below that */
    "UPDATE OR REPLACE webhook_pending SET owner = 0 WHERE owner <> 0;\n"
    "UPDATE webhook_deliveries SET state = " WAITING ", due = updated_at, owner = 0 WHERE state = " SENDING ";\n"
    "UPDATE webhook_meta SET value = 3 WHERE name = 'schema';\n";

/* Ends were times, and may be ahead of all numbers. With the last event's number they say the same, and
 * the version that follows has it as its beginning. */
#define UPGRADE_3_VERSIONS                                                                                             \
    "ALTER TABLE webhook_subscriptions ADD COLUMN since INTEGER NOT NULL DEFAULT 0;\n"                                 \
    "ALTER TABLE webhook_subscription_versions ADD COLUMN since INTEGER NOT NULL DEFAULT 0;\n"                         \
    "UPDATE webhook_subscription_versions SET ended ="                                                                 \
    " min(ended, coalesce((SELECT max(number) FROM webhook_events), 0)) WHERE ended IS NOT NULL;\n"                    \
    "UPDATE webhook_subscription_versions SET since = coalesce((SELECT v.ended FROM webhook_subscription_versions v"   \
    " WHERE v.subscription = webhook_subscription_versions.subscription"                                               \
    " AND v.version < webhook_subscription_versions.version ORDER BY v.version DESC LIMIT 1), 0);\n"                   \
    "UPDATE webhook_subscriptions SET since = coalesce((SELECT v.since FROM webhook_subscription_versions v"           \
    " WHERE v.subscription = webhook_subscriptions.id AND v.version = webhook_subscriptions.version), 0);\n"

/* Events that were done had no mark, whatever their number; those beyond the first mark are looked at once
 * more, and those that had none are passed. */
static const char upgrade_3[] = FIRST_ATTEMPTS UPGRADE_3_VERSIONS
    "ALTER TABLE webhook_events ADD COLUMN alone INTEGER NOT NULL DEFAULT 0;\n" PARTITION_TABLE
    "INSERT INTO webhook_undecided SELECT DISTINCT event FROM webhook_pending;\n"
    "INSERT OR REPLACE INTO webhook_meta SELECT 'upgraded', coalesce(max(number), 0) FROM webhook_events;\n"
    "INSERT OR IGNORE INTO webhook_meta VALUES ('forgotten', 0);\n" PARTITION_ROWS(
        "coalesce((SELECT min(event) - 1 FROM webhook_undecided), (SELECT max(number) FROM webhook_events), "
        "0)") "DROP TABLE webhook_pending;\n"
              "DELETE FROM webhook_workers;\n" /* numbers go on from the last one */
              "ALTER TABLE webhook_workers ADD COLUMN share INTEGER NOT NULL DEFAULT 0;\n"
              "ALTER TABLE webhook_workers ADD COLUMN position INTEGER NOT NULL DEFAULT " NOWHERE ";\n"
              "UPDATE webhook_deliveries SET state = " WAITING ", due = updated_at, owner = 0 WHERE state = " SENDING
              ";\n"
              "UPDATE webhook_meta SET value = 4 WHERE name = 'schema';\n";

/* What is under way is not marked any more. As no row is in the state that goes, the index of keys has the same
 * entries with its new condition and with the old one: its text
 * is changed, as those of two tables are, and no row of what may be a large store is moved, or read but by an index. To
 * make the outbox anew would take an application's own triggers along, and to have SQLite rename a column stops at any
 * view that is broken. */
#define REPLACED(text, from, to) "replace(" text ", '" from "', '" to "')"
#define TEXT_BECOMES(kind, name, text)                                                                                 \
    "UPDATE sqlite_schema SET sql = " text " WHERE type = '" kind "' AND lower(name) = '" name "';\n"
#define TURN_FOR_OWNER                                                                                                 \
    REPLACED(REPLACED("sql", " owner ", " turn  "), "-- sending: webhook_workers.id; else 0",                          \
             "-- how often the row was changed, by whomever")
#define WITHOUT_SENDING(text) REPLACED(REPLACED(text, " " SENDING " sending,", ""), " or sending,", ",")
#define WITHOUT_NOT_NULL                                                                                               \
    REPLACED(REPLACED(REPLACED("sql", "TEXT NOT NULL DEFAULT ''''", "TEXT"), "-- ''''", "-- NULL or ''''"), "; ''''",  \
             "; NULL or ''''")
#define EMPTY_IS_NULL(text)                                                                                            \
    REPLACED(REPLACED(text, "NULL: one is made", "NULL or '''': one is made"), "NULL: when it", "NULL or '''': when it")
static const char upgrade_4[] =
    "UPDATE webhook_deliveries SET state = " WAITING ", due = updated_at, owner = 0 WHERE state = " SENDING ";\n"
    "DROP INDEX IF EXISTS webhook_deliveries_sending;\n"
    "PRAGMA writable_schema = ON;\n"
    /* clang-format off */
    TEXT_BECOMES("table", "webhook_deliveries", WITHOUT_SENDING(TURN_FOR_OWNER))
    TEXT_BECOMES("index", "webhook_deliveries_keyed",
                 REPLACED("sql", " OR state = " SENDING, ""))
    TEXT_BECOMES("table", "webhook_outbox", EMPTY_IS_NULL(WITHOUT_NOT_NULL))
    /* clang-format on */
    "PRAGMA writable_schema = RESET;\n" LAG_TABLE_5 SETTING_TABLE
    "UPDATE webhook_meta SET value = 5 WHERE name = 'schema';\n";

/* Who fails is found anew by the next attempts. What a subscription was disabled for stands in its document. Of a
 * `latest` key the newest that is delivered from now on is marked: no row has that mark yet, so the index of keys has
 * the same entries with its new condition. Secrets that are in clear stay so, until they are written again or
 * wh_rotate_key encrypts them. */
static const char upgrade_5[] = HEALTH_TABLE KEY_TABLE RESTING_INDEX "PRAGMA writable_schema = ON;\n"
    /* clang-format off */
    TEXT_BECOMES("index", "webhook_deliveries_keyed", REPLACED("sql", "due = " ABORTED, "due < 0"))
    TEXT_BECOMES("table", "webhook_deliveries",
                 REPLACED("sql", "; " ABORTED ": aborted", "; " ABORTED ": aborted; " NEWEST ": of a latest key the newest"))
    /* clang-format on */
    "PRAGMA writable_schema = RESET;\n"
    "UPDATE webhook_meta SET value = 6 WHERE name = 'schema';\n";

/* Tokens that there are have no end. */
#define UPGRADE_6_TOKENS "ALTER TABLE webhook_tokens ADD COLUMN " TOKEN_END ";\n" TOKEN_INDEX

#define UPGRADE_6_TOLD "INSERT OR IGNORE INTO webhook_meta VALUES ('told', 0);\n"

/* Of what was deleted and purged before the rows of subscriptions went with their versions. */
#define UPGRADE_6_FORGET                                                                                               \
    "INSERT OR REPLACE INTO webhook_meta SELECT 'forgotten', max(coalesce((SELECT value FROM webhook_meta"             \
    " WHERE name = 'forgotten'), 0), coalesce((SELECT max(changed) FROM webhook_subscriptions s WHERE deleted = 1"     \
    " AND NOT EXISTS (SELECT 1 FROM webhook_subscription_versions WHERE subscription = s.id)), 0));\n"                 \
    "DELETE FROM webhook_subscriptions WHERE deleted = 1 AND NOT EXISTS"                                               \
    " (SELECT 1 FROM webhook_subscription_versions WHERE subscription = webhook_subscriptions.id);\n"

static const char upgrade_6[] = POLL_TABLES SOURCE_TABLE UPGRADE_6_TOKENS CANCELLED_INDEX TYPE_INDEXES UPGRADE_6_TOLD
    UPGRADE_6_FORGET UPGRADE_6_USAGE "UPDATE webhook_meta SET value = 7 WHERE name = 'schema';\n";

const char *const whi_sqlite_upgrade[WHI_SQLITE_VERSION] = {
    [1] = upgrade_1, [2] = upgrade_2, [3] = upgrade_3, [4] = upgrade_4, [5] = upgrade_5, [6] = upgrade_6
};
