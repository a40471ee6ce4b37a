-- The tables as version 6 of them was, without a row of data but those that each store has.
CREATE TABLE webhook_meta (
  -- Tables of the webhook engine; all of them begin with webhook_.
  -- schema: version of these tables; change: see webhook_subscriptions.changed; seals: see webhook_keys;
  -- subscriptions: how many are not deleted; forgotten: highest changed of a row of theirs that is gone;
  -- upgraded: see webhook_undecided
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
INSERT INTO webhook_meta VALUES ('schema', 6), ('change', 0), ('subscriptions', 0), ('forgotten', 0), ('upgraded', 0);
CREATE TABLE webhook_outbox (
  -- For you: a row that any program inserts here, in its own transaction, becomes
  -- an event when that transaction commits, and nothing when it rolls back.
  --   INSERT INTO webhook_outbox (type, payload) VALUES ('order.paid', '{"id":7}');
  -- Rows are taken in the order of number and deleted. One that cannot become an
  -- event (a payload that is not JSON, ...) goes to outbox_rejected.
  number  INTEGER PRIMARY KEY AUTOINCREMENT, -- leave it out
  -- Of the optional ones NULL and '' are the same: it has none.
  id      TEXT,          -- idempotency key; without one it is made
  type    TEXT NOT NULL, -- 'order.paid'
  tenant  TEXT,
  time    INTEGER,       -- ms since 1970; without one it is that when the row is taken
  payload TEXT NOT NULL, -- JSON, delivered byte for byte
  source  TEXT,
  key     TEXT           -- what it is about, for subscriptions with an order
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
  number      INTEGER PRIMARY KEY, -- in the order of acceptance, grows with time; 'msg_' and its base 32 is the id
  id          TEXT,                -- the id that the publisher gave, or NULL
  type        TEXT NOT NULL,
  tenant      TEXT NOT NULL,       -- '': none
  time        INTEGER NOT NULL,    -- said by the publisher
  accepted_at INTEGER NOT NULL,
  payload     TEXT NOT NULL,       -- the publisher's bytes
  source      TEXT NOT NULL DEFAULT '', -- '': none
  key         TEXT NOT NULL DEFAULT '', -- '': none
  alone       INTEGER NOT NULL DEFAULT 0 -- 1: a test of one subscription, and nothing to others
);
CREATE INDEX webhook_events_tenant ON webhook_events (tenant) WHERE tenant <> '';
CREATE TABLE webhook_event_ids (
  -- Ids that publishers gave: an id that is here is a duplicate.
  id     TEXT NOT NULL,
  tenant TEXT NOT NULL,
  number INTEGER NOT NULL,
  PRIMARY KEY (id, tenant)
) WITHOUT ROWID;
CREATE TABLE webhook_deliveries (
  event        INTEGER NOT NULL, -- webhook_events.number
  subscription INTEGER NOT NULL, -- webhook_subscriptions.id
  version      INTEGER NOT NULL, -- of the subscription, that made the bytes; 0: not made yet
  state        INTEGER NOT NULL, -- 1 waiting, 3 delivered, 4 exhausted, 5 held, 6 cancelled
  attempts     INTEGER NOT NULL, -- in all
  tries        INTEGER NOT NULL, -- since the retry list was begun
  due          INTEGER NOT NULL, -- waiting: when it will be sent, 2^63 - 1: in its turn; else 0; -1: aborted; -2: of a latest key the newest
  turn         INTEGER NOT NULL, -- how often the row was changed, by whomever
  created_at   INTEGER NOT NULL,
  updated_at   INTEGER NOT NULL,
  status       INTEGER NOT NULL, -- of the last answer, 0: none
  error        TEXT,             -- what went wrong last
  body         INTEGER,          -- webhook_bodies.number; NULL: the event's payload is sent
  key          TEXT,             -- NULL: no order; of one key one is due, the others wait
  headers      TEXT,             -- NULL, or JSON: what the rule sends along
  -- The first attempt, as those after it in webhook_attempts: mostly there is none after it.
  first_at       INTEGER,        -- NULL: it was not made yet
  first_us       INTEGER,        -- duration
  first_code     INTEGER,
  first_status   INTEGER,
  first_error    TEXT,
  first_response BLOB,
  PRIMARY KEY (event, subscription)
) WITHOUT ROWID;
CREATE INDEX webhook_deliveries_open ON webhook_deliveries (state, subscription, due, event)
  WHERE (state = 1 OR state = 4 OR state = 5);
CREATE INDEX webhook_deliveries_keyed ON webhook_deliveries (subscription, key, due, event)
  WHERE key IS NOT NULL AND (state = 1 OR due < 0);
CREATE TABLE webhook_bodies (
  -- What is sent where a rule made it differ from the event's payload.
  number INTEGER PRIMARY KEY,
  body   TEXT NOT NULL
);
CREATE TABLE webhook_attempts (
  -- Those after the first, which stands in webhook_deliveries.
  event        INTEGER NOT NULL,
  subscription INTEGER NOT NULL,
  n            INTEGER NOT NULL, -- 2, 3, ...
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
  document TEXT NOT NULL,    -- JSON, WITH SECRETS; those that begin with seal: are encrypted
  changed  INTEGER NOT NULL, -- when, in the count of webhook_meta.change
  deleted  INTEGER NOT NULL, -- 1: kept while versions are, so that running engines hear of it
  since    INTEGER NOT NULL DEFAULT 0 -- as that of its version, in webhook_subscription_versions
);
CREATE INDEX webhook_subscriptions_changed ON webhook_subscriptions (changed);
CREATE INDEX webhook_subscriptions_tenant ON webhook_subscriptions (tenant, id) WHERE deleted = 0;
CREATE INDEX webhook_subscriptions_resting ON webhook_subscriptions (status, id) WHERE deleted = 0 AND status <> 1;
CREATE TABLE webhook_subscription_versions (
  number       INTEGER PRIMARY KEY,
  subscription INTEGER NOT NULL,
  version      INTEGER NOT NULL,
  document     TEXT NOT NULL, -- JSON, WITH SECRETS, as above
  ended        INTEGER,       -- number of the change that came after it; NULL: in force
  since        INTEGER NOT NULL DEFAULT 0, -- number of the change that made it, in one count with
  -- webhook_events.number: it decides events with since < number <= ended; 0: from ever
  UNIQUE (subscription, version)
);
CREATE INDEX webhook_subscription_versions_ended ON webhook_subscription_versions (ended) WHERE ended IS NOT NULL;
CREATE TABLE webhook_workers (
  -- One row for each engine that works.
  id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again
  beat     INTEGER NOT NULL, -- counts; who sees it stand still takes the row away
  share    INTEGER NOT NULL, -- 1: wants its share of the partitions; 0: takes what nobody has
  position INTEGER NOT NULL  -- events up to this one are decided for all of its partitions; 2^63 - 1: it has none
);
CREATE TABLE webhook_partitions (
  -- Whose subscriptions they are.
  id       INTEGER PRIMARY KEY, -- 0 to 255
  owner    INTEGER NOT NULL,    -- webhook_workers.id; one that is not there: nobody
  epoch    INTEGER NOT NULL,    -- how often it was taken
  position INTEGER NOT NULL     -- when it last changed hands
);
CREATE INDEX webhook_partitions_owner ON webhook_partitions (owner, position);
CREATE TABLE webhook_undecided (
  -- Of a store of an earlier version: of the events up to webhook_meta.upgraded these alone are to be decided.
  event INTEGER PRIMARY KEY
);
WITH RECURSIVE n (id) AS (SELECT 0 UNION ALL SELECT id + 1 FROM n WHERE id < 255) INSERT INTO webhook_partitions SELECT id, 0, 0, 0 FROM n;
CREATE TABLE webhook_lags (
  -- Subscriptions that cannot be decided soon: each is decided up to its own position here, and no worker's position waits for it.
  subscription INTEGER PRIMARY KEY,
  position     INTEGER NOT NULL
);
CREATE INDEX webhook_lags_position ON webhook_lags (position);
CREATE TABLE webhook_settings (
  -- What all processes of this store go by, where it was said: retain, retain_failed in ms; limits of what is stored.
  name  TEXT PRIMARY KEY,
  value INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE webhook_health (
  -- Subscriptions whose receivers fail. One that is well has no row.
  subscription INTEGER PRIMARY KEY,
  state     INTEGER NOT NULL, -- 1 troubled (counts as healthy), 2 failing, 3 disabled
  since     INTEGER NOT NULL, -- the first failed attempt in a row
  failed_at INTEGER NOT NULL, -- the last one
  failures  INTEGER NOT NULL, -- how many
  exhausted INTEGER NOT NULL, -- deliveries that were given up meanwhile
  lasted    INTEGER NOT NULL, -- ms that count as failing
  steady    INTEGER NOT NULL, -- of the last one, by a clock that neither jumps nor sleeps
  error     TEXT              -- of the last one
);
CREATE TABLE webhook_receivers (
  -- When it was last heard of those that are well: written seldom, not with each delivery.
  subscription INTEGER PRIMARY KEY,
  success_at INTEGER NOT NULL, -- 0: never
  failed_at  INTEGER NOT NULL, -- 0: never; of one with a row in webhook_health that one's counts
  error      TEXT
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
  secret TEXT NOT NULL -- of the workspace; signs the profile unified; a BLOB: encrypted
) WITHOUT ROWID;
CREATE TABLE webhook_keys (
  -- Keys of a key file, not the keys themselves, that have encrypted something here. Who opens this store has them.
  id    TEXT PRIMARY KEY,
  proof TEXT NOT NULL,   -- a known text that it has encrypted: another key of the same id is told by it
  used  INTEGER NOT NULL -- when it did last, in the count of webhook_meta.seals
) WITHOUT ROWID;
INSERT INTO webhook_meta VALUES ('seals', 0);
