-- The tables as version 2 of them was, without a row of data.
CREATE TABLE webhook_meta (
  -- Tables of the webhook engine; all of them begin with webhook_.
  -- schema: version of these tables; change: see webhook_subscriptions.changed;
  -- subscriptions: how many are not deleted
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO webhook_meta VALUES ('schema', 2), ('change', 0), ('subscriptions', 0);
CREATE TABLE webhook_outbox (
  -- For you: a row that any program inserts here, in its own transaction, becomes
  -- an event when that transaction commits, and nothing when it rolls back.
  --   INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{"id":7}');
  -- Rows are taken in the order of number and deleted. One that cannot become an
  -- event (a payload that is not JSON, ...) goes to outbox_rejected.
  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- leave it out
  id      TEXT,                     -- idempotency key; NULL: one is made
  type    TEXT NOT NULL,            -- 'order.paid'
  tenant  TEXT NOT NULL DEFAULT '', -- '': none
  time    INTEGER,                  -- ms since 1970; NULL: when it is taken
  payload TEXT NOT NULL,            -- JSON, delivered byte for byte
  source  TEXT NOT NULL DEFAULT '', -- '': none
  key     TEXT NOT NULL DEFAULT ''  -- what it is about, for subscriptions with an order; '': nothing
);
CREATE TABLE webhook_outbox_rejected (
  -- What was wrong with rows of outbox. Mend and insert them there again, or delete them.
  number      INTEGER PRIMARY KEY, -- as it was in webhook_outbox
  rejected_at INTEGER NOT NULL,    -- ms
  error       TEXT NOT NULL,
  id TEXT, type TEXT, tenant TEXT, time INTEGER, payload TEXT, source TEXT, key TEXT
);
CREATE TABLE webhook_events (
  -- Everything from here on is the engine's own: read it, don't write it.
  -- Times are ms since 1970.
  number      INTEGER PRIMARY KEY, -- grows with time; 'msg_' and its base 32 is the id
  id          TEXT,                -- the id that the publisher gave, or NULL
  type        TEXT NOT NULL,
  tenant      TEXT NOT NULL,       -- '': none
  time        INTEGER NOT NULL,    -- said by the publisher
  accepted_at INTEGER NOT NULL,
  payload     TEXT NOT NULL,       -- the publisher's bytes
  source      TEXT NOT NULL DEFAULT '', -- '': none
  key         TEXT NOT NULL DEFAULT ''  -- '': none
);
CREATE INDEX webhook_events_tenant ON webhook_events (tenant) WHERE tenant <> '';
CREATE TABLE webhook_event_ids (
  -- Ids that publishers gave: an id that is here is a duplicate.
  id     TEXT NOT NULL,
  tenant TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (id, tenant)
) WITHOUT ROWID;
CREATE TABLE webhook_pending (
  -- Events for which no deliveries were made yet, and the worker that will.
  owner INTEGER NOT NULL, -- webhook_workers.id; 0: any
  event INTEGER NOT NULL, -- webhook_events.number
  PRIMARY KEY (owner, event)
) WITHOUT ROWID;
CREATE TABLE webhook_deliveries (
  event        INTEGER NOT NULL, -- webhook_events.number
  subscription INTEGER NOT NULL, -- webhook_subscriptions.id
  version      INTEGER NOT NULL, -- of the subscription, that made the bytes; 0: not made yet
  state        INTEGER NOT NULL, -- 1 waiting, 2 sending, 3 delivered, 4 exhausted, 5 held, 6 cancelled
  attempts     INTEGER NOT NULL, -- in all
  tries        INTEGER NOT NULL, -- since the retry list was begun
  due          INTEGER NOT NULL, -- waiting: when it will be sent, 2^63 - 1: in its turn; else 0; -1: aborted
  owner        INTEGER NOT NULL, -- sending: webhook_workers.id; else 0
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  status       INTEGER NOT NULL, -- of the last answer, 0: none
  error        TEXT,             -- what went wrong last
  body         INTEGER,          -- webhook_bodies.number; NULL: the event's payload is sent
  key          TEXT,             -- NULL: no order; of one key one is due or sending, the others wait
  headers      TEXT,             -- NULL, or JSON: what the rule sends along
  PRIMARY KEY (event, subscription)
) WITHOUT ROWID;
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (state, subscription, due, event)
  WHERE (state = 1 OR state = 4 OR state = 5);
CREATE INDEX webhook_deliveries_sending ON webhook_deliveries (owner) WHERE state = 2;
CREATE INDEX webhook_deliveries_keyed ON webhook_deliveries (subscription, key, due, event)
  WHERE key IS NOT NULL AND (state = 1 OR state = 2 OR due = -1);
CREATE TABLE webhook_bodies (
  -- What is sent where a rule made it differ from the event's payload.
  number INTEGER PRIMARY KEY,
  body   TEXT NOT NULL
);
CREATE TABLE webhook_attempts (
  event        INTEGER NOT NULL,
  subscription INTEGER NOT NULL,
  n            INTEGER NOT NULL, -- 1, 2, ...
  at           INTEGER NOT NULL,
  duration_us  INTEGER NOT NULL,
  code         INTEGER NOT NULL, -- 0, or the library's error
  status       INTEGER NOT NULL, -- of the answer, 0: none
  error        TEXT,
  response     BLOB,             -- its first bytes
  PRIMARY KEY (event, subscription, n)
) WITHOUT ROWID;
CREATE TABLE webhook_subscriptions (
  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
  tenant   TEXT NOT NULL,
  version  INTEGER NOT NULL,
  status   INTEGER NOT NULL, -- 1 enabled, 2 paused, 3 disabled by the engine
  document TEXT NOT NULL,    -- JSON, WITH SECRETS
  changed  INTEGER NOT NULL, -- when, in the count of webhook_meta.change
  deleted  INTEGER NOT NULL  -- 1: only kept so that running engines hear of it
);
CREATE INDEX webhook_subscriptions_changed ON webhook_subscriptions (changed);
CREATE INDEX webhook_subscriptions_tenant ON webhook_subscriptions (tenant, id) WHERE deleted = 0;
CREATE TABLE webhook_subscription_versions (
  number       INTEGER PRIMARY KEY,
  subscription INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  document     TEXT NOT NULL, -- JSON, WITH SECRETS
  ended        INTEGER,       -- an event's number: deliveries of far later events don't name it; NULL: in force
  UNIQUE (subscription, version)
);
CREATE INDEX webhook_subscription_versions_ended ON webhook_subscription_versions (ended) WHERE ended IS NOT NULL;
CREATE TABLE webhook_workers (
  -- One row for each engine that has the store open.
  id        INTEGER PRIMARY KEY, -- 1 to 1023
  heartbeat INTEGER NOT NULL,
  token     INTEGER NOT NULL     -- of the handle that added it
);
CREATE TABLE webhook_tokens (
  -- Who may use the HTTP API.
  id         TEXT PRIMARY KEY,
  tenant     TEXT,             -- NULL: an operator's
  name       TEXT NOT NULL,
  hash       BLOB NOT NULL,    -- SHA-256 of the token
  created_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE webhook_tenants (
  tenant TEXT PRIMARY KEY,
  secret TEXT NOT NULL -- of the workspace; signs the profile unified
) WITHOUT ROWID;
PRAGMA application_id = 2002937963;
