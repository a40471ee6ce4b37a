/* Every statement that the store makes. Tests: test_store. */
#include "outside/store_sqlite.h"
#include "outside/store_sqlite_poll_sql.h"
#include "outside/store_sqlite_states.h"

#define CHANGED_COLUMNS                                                                                                \
    "version = ?3, state = ?4, attempts = ?5, tries = ?6, due = ?7, turn = turn + 1, updated_at = ?8, status = ?9,"    \
    " error = ?10, key = ?11, headers = ?12"
#define IS_AS_IT_WAS "event = ?1 AND subscription = ?2 AND (?13 < 0 OR turn = ?13)"
#define EVENT_COLUMNS "e.number, e.id, e.type, e.tenant, e.time, e.accepted_at, e.source, e.key"
#define DELIVERY_COLUMNS                                                                                               \
    "d.event, d.subscription, d.version, d.state, d.attempts, d.tries, d.due, d.turn, d.created_at, d.updated_at,"     \
    " d.status, d.error, d.key, d.headers"
#define HEALTH_COLUMNS "subscription, state, since, failed_at, failures, exhausted, lasted, steady, error"
#define SUBSCRIPTION_COLUMNS "id, version, tenant, status, deleted, document, since"
#define VERSION_OF                                                                                                     \
    "SELECT s.id, v.version, s.tenant, s.status, s.deleted, v.document, v.since FROM webhook_subscriptions s"          \
    " CROSS JOIN webhook_subscription_versions v WHERE s.id = ?1 AND v.subscription = ?1"

/* Lists by an index of events: what each must be. */
#define EVENT_OF(index, condition)                                                                                     \
    "SELECT number, type, tenant FROM webhook_events INDEXED BY " index " WHERE " condition                            \
    " AND number < ?1 AND number >= ?2 ORDER BY number DESC"
/* An event without deliveries is a row too, with NULLs: looking at it counts. Of one subscription each event has one at
 * most, which is looked up. */
#define DELIVERIES_OF(index, which, condition)                                                                         \
    "SELECT e.number, d.subscription, d.state FROM webhook_events e INDEXED BY " index                                 \
    " LEFT JOIN webhook_deliveries d ON d.event = e.number" which " AND (e.number < ?1 OR d.subscription < ?2) "       \
    "WHERE " condition " AND e.number <= ?1 AND e.number >= ?3 ORDER BY e.number DESC, d.subscription DESC"
#define DELIVERY_OF(index, condition) DELIVERIES_OF(index, "", condition)
#define DELIVERY_OF_ONE(index, condition) DELIVERIES_OF(index, " AND d.subscription = ?6", condition)
#define OF_TENANT "e.tenant = ?4 AND e.tenant <> ''"

/* The row of a deleted subscription of which no version is left. */
#define FORGETTABLE                                                                                                    \
    " FROM webhook_subscriptions WHERE id = ?1 AND deleted = 1"                                                        \
    " AND NOT EXISTS (SELECT 1 FROM webhook_subscription_versions WHERE subscription = ?1)"

/* The least position, that of a lag included: how far the log is done. Of the partitions those count whose owner is
 * nobody: a loose scan finds the owners, of which there are few. */
#define FLOOR                                                                                                          \
    "min((SELECT coalesce(min(position), " NOWHERE ") FROM webhook_lags),"                                             \
    " (SELECT coalesce(min(position), " NOWHERE ") FROM webhook_workers), (WITH RECURSIVE had (owner) AS ("            \
    "SELECT min(owner) FROM webhook_partitions UNION ALL SELECT (SELECT min(owner) FROM webhook_partitions"            \
    " WHERE owner > had.owner) FROM had WHERE had.owner IS NOT NULL) SELECT coalesce(min((SELECT min(p.position)"      \
    " FROM webhook_partitions p WHERE p.owner = had.owner)), " NOWHERE ") FROM had"                                    \
    " WHERE had.owner NOT IN (SELECT id FROM webhook_workers)))"
/* Of webhook_events e: it is, or was, to be decided. */
#define IS_IN_LOG                                                                                                      \
    "e.alone = 0 AND (e.number > (SELECT value FROM webhook_meta WHERE name = 'upgraded')"                             \
    " OR e.number IN (SELECT event FROM webhook_undecided))"
#define NOBODYS                                                                                                        \
    "SELECT id FROM webhook_partitions WHERE owner NOT IN (SELECT id FROM webhook_workers) ORDER BY id LIMIT ?1"

const char *const whi_sqlite_text[WHI_SQL_STATEMENTS] = {
    [WHI_SQL_BEGIN] = "BEGIN IMMEDIATE",
    [WHI_SQL_COMMIT] = "COMMIT",
    [WHI_SQL_ROLLBACK] = "ROLLBACK",
    [WHI_SQL_CHANGES] = "PRAGMA data_version",
    [WHI_SQL_NEWS] = "SELECT coalesce((SELECT value FROM webhook_meta WHERE name = 'told'), 0),"
                     " coalesce((SELECT max(number) FROM webhook_events), 0), EXISTS (SELECT 1 FROM webhook_outbox)",
    [WHI_SQL_TELL] = "INSERT INTO webhook_meta VALUES ('told', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1",

    [WHI_SQL_EVENT_ADD] = "INSERT INTO webhook_events (number, id, type, tenant, time, accepted_at, payload,"
                          " source, key, alone) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [WHI_SQL_EVENT_LAST] = "SELECT max(number) FROM webhook_events",
    /* Versions are added in the order of since, each as the last row. */
    [WHI_SQL_LAST] = "SELECT max(coalesce((SELECT max(number) FROM webhook_events), 0),"
                     " coalesce((SELECT since FROM webhook_subscription_versions WHERE number ="
                     "  (SELECT max(number) FROM webhook_subscription_versions)), 0),"
                     " coalesce((SELECT max(ended) FROM webhook_subscription_versions"
                     "  INDEXED BY webhook_subscription_versions_ended WHERE ended IS NOT NULL), 0))",
    [WHI_SQL_EVENT_OWN_ID] = "SELECT number FROM webhook_events WHERE number = ?1 AND id IS NULL AND tenant = ?2",
    [WHI_SQL_ID_ADD] = "INSERT INTO webhook_event_ids (id, tenant, number) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [WHI_SQL_ID_FIND] = "SELECT number FROM webhook_event_ids WHERE id = ?1 AND (?2 IS NULL OR tenant = ?2)"
                        " ORDER BY tenant LIMIT 1",
    [WHI_SQL_EVENT_KNOWN] = "SELECT number FROM webhook_events WHERE number = ?1 AND (?2 IS NULL OR tenant = ?2)",

    [WHI_SQL_DELIVERY_ADD] =
        "INSERT INTO webhook_deliveries (event, subscription, version, state, attempts, tries, due, turn, updated_at,"
        " status, error, key, headers, created_at, body, first_at, first_us, first_code, first_status, first_error,"
        " first_response) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18,"
        " ?19, ?20) ON CONFLICT DO NOTHING",
    [WHI_SQL_DELIVERY_CHANGE] = "UPDATE webhook_deliveries SET " CHANGED_COLUMNS " WHERE " IS_AS_IT_WAS,
    [WHI_SQL_DELIVERY_CHANGE_FIRST] =
        "UPDATE webhook_deliveries SET " CHANGED_COLUMNS ", first_at = ?14, first_us = ?15, first_code = ?16,"
        " first_status = ?17, first_error = ?18, first_response = ?19 WHERE " IS_AS_IT_WAS " AND first_at IS NULL",
    [WHI_SQL_DELIVERY_IS] =
        "SELECT turn, key IS NOT NULL AND version <> 0 FROM webhook_deliveries WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_DELIVERY_DROP] = "DELETE FROM webhook_deliveries WHERE event = ?1 AND subscription = ?2"
                              " AND NOT EXISTS (SELECT 1 FROM webhook_events WHERE number = ?1) RETURNING key",
    [WHI_SQL_KEY_FIRST] =
        "SELECT event, due FROM webhook_deliveries INDEXED BY webhook_deliveries_keyed WHERE " IS_KEYED
        " AND subscription = ?1 AND key = ?2 AND event <> ?3 AND due >= " ABORTED " ORDER BY due, event LIMIT 1",
    [WHI_SQL_KEY_NEWER] =
        "SELECT max(event) FROM webhook_deliveries INDEXED BY webhook_deliveries_keyed WHERE " IS_KEYED
        " AND subscription = ?1 AND key = ?2 AND event > ?3 AND due >= 0",
    [WHI_SQL_KEY_NEWEST] = "SELECT event FROM webhook_deliveries INDEXED BY webhook_deliveries_keyed WHERE " IS_KEYED
                           " AND subscription = ?1 AND key = ?2 AND event > ?3 AND due = " NEWEST,
    [WHI_SQL_KEY_FORMER] =
        "UPDATE webhook_deliveries SET due = 0, turn = turn + 1 WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_KEY_BEHIND] = "UPDATE webhook_deliveries SET due = " BEHIND ", turn = turn + 1"
                           " WHERE event = ?1 AND subscription = ?2 AND state = " WAITING,
    [WHI_SQL_KEY_TURN] =
        "UPDATE webhook_deliveries SET due = created_at, turn = turn + 1 WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_KEY_CANCEL] =
        "UPDATE webhook_deliveries SET state = " CANCELLED
        ", due = 0, turn = turn + 1, updated_at = ?4, error = ?5 WHERE subscription = ?1 AND"
        " event IN (SELECT event FROM webhook_deliveries INDEXED BY webhook_deliveries_keyed WHERE " IS_KEYED
        " AND state = " WAITING " AND subscription = ?1 AND key = ?2 AND event < ?3 AND event <> ?6)",
    /* The newest first: the walk ends with the first that it finds. */
    [WHI_SQL_KEY_DELIVERED] = "SELECT event FROM webhook_deliveries WHERE event > ?3 AND subscription = ?1"
                              " AND key = ?2 AND state = " DELIVERED " ORDER BY event DESC LIMIT 1",
    [WHI_SQL_KEY_AGAIN] = "UPDATE webhook_deliveries SET state = " WAITING ", due = ?3, tries = 0, turn = turn + 1,"
                          " updated_at = ?4 WHERE event = ?1 AND subscription = ?2 AND state = " DELIVERED,
    [WHI_SQL_KEY_HASTEN] = "UPDATE webhook_deliveries SET due = ?3, tries = 0, turn = turn + 1, updated_at = ?3"
                           " WHERE event = ?1 AND subscription = ?2 AND state = " WAITING " AND due < " BEHIND,
    [WHI_SQL_DELIVERY_CANCEL] =
        "UPDATE webhook_deliveries SET state = " CANCELLED
        ", due = 0, turn = turn + 1, updated_at = ?2 WHERE subscription = ?1 AND event IN"
        " (SELECT event FROM webhook_deliveries INDEXED BY webhook_deliveries_open WHERE " OPEN_STATES
        " AND state IN (" WAITING ", " HELD ") AND subscription = ?1 LIMIT ?3)",
    [WHI_SQL_BODY_LAST] = "SELECT max(number) FROM webhook_bodies",
    [WHI_SQL_BODY_ADD] = "INSERT INTO webhook_bodies (number, body, event) VALUES (?1, ?2, ?3)",
    [WHI_SQL_BODY_LOOK] = "SELECT body, (SELECT b.body = ?3 FROM webhook_bodies b WHERE b.number = d.body)"
                          " FROM webhook_deliveries d WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_BODY_CHANGE] = "UPDATE webhook_bodies SET body = ?2 WHERE number = ?1",
    [WHI_SQL_BODY_NAME] = "UPDATE webhook_deliveries SET body = ?3 WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_ATTEMPT_FIRST] =
        "UPDATE webhook_deliveries SET first_at = ?4, first_us = ?5, first_code = ?6, first_status = ?7,"
        " first_error = ?8, first_response = ?9 WHERE event = ?1 AND subscription = ?2 AND first_at IS NULL",
    [WHI_SQL_ATTEMPT_ADD] =
        "INSERT INTO webhook_attempts (event, subscription, n, at, duration_us, code, status, error,"
        " response) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
    [WHI_SQL_ATTEMPT_APPEND] =
        "INSERT INTO webhook_attempts (event, subscription, n, at, duration_us, code, status, error,"
        " response) SELECT ?1, ?2, coalesce(max(n), 1) + 1, ?4, ?5, ?6, ?7, ?8, ?9"
        " FROM webhook_attempts WHERE event = ?1 AND subscription = ?2",
    [WHI_SQL_ATTEMPT_COUNT] =
        "UPDATE webhook_deliveries SET attempts = attempts + 1 WHERE event = ?1 AND subscription = ?2",

    [WHI_SQL_WORKER_ADD] = "INSERT INTO webhook_workers (beat, share, position) VALUES (0, ?1, " NOWHERE ")",
    [WHI_SQL_WORKER_BEAT] = "UPDATE webhook_workers SET beat = beat + 1, share = ?2 WHERE id = ?1",
    [WHI_SQL_WORKER_HOLDS] = "SELECT id FROM webhook_workers WHERE id = ?1",
    [WHI_SQL_WORKER_LIST] = "SELECT id, beat, share, position FROM webhook_workers ORDER BY id",
    [WHI_SQL_WORKER_REMOVE] = "DELETE FROM webhook_workers WHERE id = ?1",

    [WHI_SQL_PARTITION_LEAST] = "SELECT count(*), min(position) FROM webhook_partitions WHERE id IN (" NOBODYS ")",
    [WHI_SQL_PARTITION_TAKE] = "UPDATE webhook_partitions SET owner = ?2, epoch = epoch + 1 WHERE id IN (" NOBODYS ")",
    [WHI_SQL_PARTITION_GIVE] = "UPDATE webhook_partitions SET owner = 0, position = ?2 WHERE owner = ?1 AND id = ?3",
    [WHI_SQL_PARTITION_GIVE_ALL] = "UPDATE webhook_partitions SET owner = 0, position = ?2 WHERE owner = ?1",
    [WHI_SQL_PARTITION_LEAVE] =
        "UPDATE webhook_partitions SET owner = 0, position = (SELECT position FROM webhook_workers WHERE id = ?1)"
        " WHERE owner = ?1 AND EXISTS (SELECT 1 FROM webhook_workers WHERE id = ?1)",
    [WHI_SQL_PARTITION_LIST] = "SELECT id, owner, position FROM webhook_partitions ORDER BY id",
    [WHI_SQL_PARTITION_OWNER] = "SELECT owner FROM webhook_partitions WHERE id = ?1",
    [WHI_SQL_LAG_PUT] =
        "INSERT INTO webhook_lags (subscription, position, waits) SELECT id, ?2, ?3 FROM webhook_subscriptions WHERE"
        " id = ?1 AND deleted = 0 ON CONFLICT (subscription) DO UPDATE SET position = excluded.position,"
        " waits = excluded.waits",
    [WHI_SQL_LAG_WAITS] = "SELECT waits FROM webhook_lags WHERE subscription = ?1",
    [WHI_SQL_FIGURES_BUDGET] = "SELECT total(waits) FROM (SELECT waits FROM webhook_lags LIMIT ?1) lane",
    [WHI_SQL_LAG_DROP] = "DELETE FROM webhook_lags WHERE subscription = ?1",
    [WHI_SQL_LAG_LIST] = "SELECT subscription, position FROM webhook_lags ORDER BY subscription",
    [WHI_SQL_POSITION] = "UPDATE webhook_workers SET position = ?2"
                         " WHERE id = ?1 AND EXISTS (SELECT 1 FROM webhook_partitions WHERE owner = ?1)",
    [WHI_SQL_POSITION_LOWER] = "UPDATE webhook_workers SET position = min(position, ?2) WHERE id = ?1",
    [WHI_SQL_POSITION_NONE] = "UPDATE webhook_workers SET position = " NOWHERE
                              " WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM webhook_partitions WHERE owner = ?1)",

    [WHI_SQL_CHANGE_NEXT] = "UPDATE webhook_meta SET value = value + 1 WHERE name = 'change' RETURNING value",
    [WHI_SQL_CHANGE_LAST] = "SELECT value FROM webhook_meta WHERE name = 'change'",
    [WHI_SQL_COUNT_ADD] = "UPDATE webhook_meta SET value = value + ?1 WHERE name = 'subscriptions'",
    [WHI_SQL_SUBSCRIPTION_ADD] =
        "INSERT INTO webhook_subscriptions (id, tenant, version, status, document, changed, deleted, since)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0, ?7)",
    [WHI_SQL_SUBSCRIPTION_NEXT] =
        "SELECT max(?1, 1 + coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'webhook_subscriptions'), 0))",
    [WHI_SQL_SUBSCRIPTION_CURRENT] = "SELECT version FROM webhook_subscriptions WHERE id = ?1 AND deleted = 0",
    [WHI_SQL_SUBSCRIPTION_CHANGE] =
        "UPDATE webhook_subscriptions SET tenant = ?2, version = ?3, status = ?4, document = ?5,"
        " changed = ?6, since = ?7 WHERE id = ?1",
    [WHI_SQL_SUBSCRIPTION_REMOVE] =
        "UPDATE webhook_subscriptions SET document = '', changed = ?2, deleted = 1, since = ?3 WHERE id = ?1",
    [WHI_SQL_VERSION_PUT] =
        "INSERT INTO webhook_subscription_versions (subscription, version, document, since) VALUES (?1, ?3, ?5, ?7)"
        " ON CONFLICT (subscription, version) DO UPDATE SET document = excluded.document, since = excluded.since",
    [WHI_SQL_VERSION_END] =
        "UPDATE webhook_subscription_versions SET ended = ?3 WHERE subscription = ?1 AND version = ?2",

    [WHI_SQL_HEALTH_ANY] = "SELECT EXISTS (SELECT 1 FROM webhook_health WHERE subscription > 0)",
    [WHI_SQL_HEALTH_GET] = "SELECT " HEALTH_COLUMNS ", 0 FROM webhook_health WHERE subscription = ?1",
    [WHI_SQL_HEALTH_PUT] = "INSERT OR REPLACE INTO webhook_health (" HEALTH_COLUMNS ")"
                           " SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 FROM webhook_subscriptions"
                           " WHERE id = ?1 AND deleted = 0",
    [WHI_SQL_HEALTH_CALM] = "UPDATE webhook_health SET state = ?2, exhausted = ?3,"
                            " lasted = ?4, steady = ?5 WHERE subscription = ?1",
    [WHI_SQL_HEALTH_CLOSE] =
        "INSERT INTO webhook_receivers (subscription, success_at, failed_at, error)"
        " SELECT subscription, 0, failed_at, error FROM webhook_health WHERE subscription = ?1"
        " ON CONFLICT (subscription) DO UPDATE SET failed_at = excluded.failed_at, error = excluded.error",
    [WHI_SQL_RECEIVER_PUT] =
        "INSERT INTO webhook_receivers (subscription, success_at, failed_at)"
        " SELECT id, ?2, 0 FROM webhook_subscriptions WHERE id = ?1 AND deleted = 0"
        " ON CONFLICT (subscription) DO UPDATE SET success_at = max(success_at, excluded.success_at)",
    [WHI_SQL_RECEIVER_GET] =
        "SELECT o.id, coalesce(h.state, 0), coalesce(h.since, 0), coalesce(h.failed_at, r.failed_at),"
        " coalesce(h.failures, 0), coalesce(h.exhausted, 0), coalesce(h.lasted, 0), coalesce(h.steady, 0),"
        " CASE WHEN h.state IS NULL THEN r.error ELSE h.error END, coalesce(r.success_at, 0) FROM (SELECT ?1 AS id) o"
        " LEFT JOIN webhook_health h ON h.subscription = o.id LEFT JOIN webhook_receivers r ON r.subscription = o.id"
        " WHERE h.state IS NOT NULL OR r.success_at IS NOT NULL",
    [WHI_SQL_RECEIVER_DROP] = "DELETE FROM webhook_receivers WHERE subscription = ?1",
    [WHI_SQL_HEALTH_DROP] = "DELETE FROM webhook_health WHERE subscription = ?1",
    [WHI_SQL_HEALTH_LIST] = "SELECT " HEALTH_COLUMNS ", 0 FROM webhook_health WHERE subscription < ?1"
                            " ORDER BY subscription DESC LIMIT ?2",

    [WHI_SQL_OUTBOX_LIST] =
        "SELECT number, id, type, tenant, time, payload, source, key FROM webhook_outbox ORDER BY number LIMIT ?1",
    [WHI_SQL_OUTBOX_DROP] = "DELETE FROM webhook_outbox WHERE number <= ?1",
    [WHI_SQL_OUTBOX_REJECT] =
        "INSERT OR REPLACE INTO webhook_outbox_rejected (number, rejected_at, error, id, type, tenant,"
        " time, payload, source, key) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",

    /* One that is going has a minus: nothing of it is to be looked at any more. */
    [WHI_SQL_PURGE_PICK] = "SELECT CASE alone WHEN 2 THEN -number ELSE number END FROM webhook_events"
                           " WHERE number > ?1 AND number <= min(?2 - 1, " FLOOR
                           ", (SELECT max(number) FROM webhook_events) - 1) ORDER BY number LIMIT ?3",
    [WHI_SQL_PURGE_STATES] = "SELECT total(state = " WAITING ") > 0,"
                             " total(state = " EXHAUSTED " OR state = " HELD ") > 0, count(*), max(subscription)"
                             " FROM (SELECT state, subscription FROM webhook_deliveries"
                             " WHERE event = ?1 AND subscription > ?2 ORDER BY subscription LIMIT ?3) few",
    [WHI_SQL_PURGE_GOING] = "UPDATE webhook_events SET alone = 2 WHERE number = ?1",
    [WHI_SQL_PURGE_ID] = "DELETE FROM webhook_event_ids WHERE id = (SELECT id FROM webhook_events WHERE number = ?1)"
                         " AND tenant = (SELECT tenant FROM webhook_events WHERE number = ?1)",
    [WHI_SQL_PURGE_BODIES] = "DELETE FROM webhook_bodies WHERE number IN"
                             " (SELECT body FROM webhook_deliveries WHERE event = ?1 AND subscription <= ?2)",
    [WHI_SQL_PURGE_DELIVERIES] = "DELETE FROM webhook_deliveries WHERE event = ?1 AND subscription <= ?2",
    [WHI_SQL_PURGE_ATTEMPTS] = "DELETE FROM webhook_attempts WHERE event = ?1 AND subscription <= ?2",
    [WHI_SQL_PURGE_UNDECIDED] = "DELETE FROM webhook_undecided WHERE event = ?1",
    [WHI_SQL_PURGE_EVENT] = "DELETE FROM webhook_events WHERE number = ?1",
    [WHI_SQL_PURGE_VERSIONS] =
        "DELETE FROM webhook_subscription_versions WHERE number IN"
        " (SELECT number FROM webhook_subscription_versions INDEXED BY webhook_subscription_versions_ended WHERE ended "
        "IS NOT NULL"
        "  AND ended < min(?1, coalesce((SELECT min(number) FROM webhook_events), ?1)) - ?2 ORDER BY ended LIMIT ?3)"
        " RETURNING subscription",
    [WHI_SQL_FORGET_CHANGE] = "INSERT INTO webhook_meta SELECT 'forgotten', changed" FORGETTABLE
                              " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
    [WHI_SQL_FORGET] = "DELETE" FORGETTABLE,
    [WHI_SQL_FORGOTTEN] = "SELECT coalesce((SELECT value FROM webhook_meta WHERE name = 'forgotten'), 0)",

    [WHI_SQL_SUBSCRIPTION_FEED] = "SELECT " SUBSCRIPTION_COLUMNS ", changed FROM webhook_subscriptions"
                                  " INDEXED BY webhook_subscriptions_changed WHERE changed > ?1 ORDER BY changed",
    [WHI_SQL_SUBSCRIPTION_GET] =
        "SELECT " SUBSCRIPTION_COLUMNS " FROM webhook_subscriptions WHERE id = ?1 AND deleted = 0",
    [WHI_SQL_SUBSCRIPTION_VERSION] = VERSION_OF " AND v.version = ?2",
    [WHI_SQL_SUBSCRIPTION_THEN] =
        VERSION_OF " AND v.since < ?2 AND (v.ended IS NULL OR v.ended >= ?2) ORDER BY v.version DESC LIMIT 1",
    [WHI_SQL_SUBSCRIPTION_LIST] = "SELECT " SUBSCRIPTION_COLUMNS " FROM webhook_subscriptions"
                                  " WHERE id < ?1 ORDER BY id DESC",
    [WHI_SQL_SUBSCRIPTION_OF_TENANT] =
        "SELECT " SUBSCRIPTION_COLUMNS " FROM webhook_subscriptions INDEXED BY webhook_subscriptions_tenant"
        " WHERE deleted = 0 AND tenant = ?2 AND id < ?1 ORDER BY id DESC",
    [WHI_SQL_SUBSCRIPTION_RESTING] =
        "SELECT " SUBSCRIPTION_COLUMNS " FROM webhook_subscriptions INDEXED BY webhook_subscriptions_resting"
        " WHERE deleted = 0 AND status <> 1 AND status = ?2 AND id < ?1 ORDER BY id DESC",
    [WHI_SQL_SUBSCRIPTION_COUNT] = "SELECT value FROM webhook_meta WHERE name = 'subscriptions'",

    /* A loose scan: from each subscription one look-up leads to the next. */
    [WHI_SQL_LANES] =
        "WITH RECURSIVE lane (subscription) AS ("
        "  SELECT (SELECT subscription FROM webhook_deliveries INDEXED BY webhook_deliveries_open WHERE state "
        "= " WAITING "          ORDER BY subscription LIMIT 1)"
        "  UNION ALL"
        "  SELECT (SELECT d.subscription FROM webhook_deliveries d INDEXED BY webhook_deliveries_open WHERE d.state "
        "= " WAITING "          AND d.subscription > lane.subscription ORDER BY d.subscription LIMIT 1)"
        "  FROM lane WHERE lane.subscription IS NOT NULL)"
        " SELECT subscription, (SELECT d.due FROM webhook_deliveries d INDEXED BY webhook_deliveries_open WHERE "
        "d.state = " WAITING "   AND d.subscription = lane.subscription ORDER BY d.due LIMIT 1)"
        " FROM lane WHERE subscription IS NOT NULL",
    [WHI_SQL_WORK] = "WITH log (last, least) AS MATERIALIZED"
                     " (SELECT coalesce((SELECT max(number) FROM webhook_events), 0), " FLOOR ")"
                     " SELECT last > least, EXISTS (SELECT 1 FROM webhook_outbox),"
                     " coalesce((SELECT min(number) FROM webhook_events WHERE number > least), 0),"
                     " EXISTS (SELECT 1 FROM webhook_partitions WHERE owner = 0) FROM log",
    [WHI_SQL_WAITING_COUNT] =
        "SELECT count(*), coalesce(min(event), 0) FROM (SELECT event FROM webhook_deliveries"
        " INDEXED BY webhook_deliveries_open WHERE state = " WAITING " AND subscription = ?1 LIMIT ?2) lane",
    [WHI_SQL_FIGURES_WAITING] =
        "SELECT count(*), total(due <= ?1), coalesce(min(event), 0) FROM (SELECT due, event FROM webhook_deliveries"
        " INDEXED BY webhook_deliveries_open WHERE state = " WAITING " LIMIT ?2) lane",
    [WHI_SQL_FIGURES_KEPT] = "SELECT count(*) FROM (SELECT event FROM webhook_deliveries INDEXED BY "
                             "webhook_deliveries_open WHERE " OPEN_STATES " AND state = ?1 LIMIT ?2) lane",
    [WHI_SQL_FIGURES_HEALTH] =
        "SELECT total(state = 2), total(state = 3) FROM (SELECT state FROM webhook_health WHERE subscription > 0"
        " LIMIT ?1) lane",
    [WHI_SQL_HEALTH_WORST] =
        "SELECT " HEALTH_COLUMNS ", 0 FROM (SELECT " HEALTH_COLUMNS " FROM webhook_health WHERE subscription > 0"
        " LIMIT ?1) lane WHERE state = 2 ORDER BY failures DESC, subscription LIMIT ?2",
    [WHI_SQL_EVENT_GET] = "SELECT " EVENT_COLUMNS ", e.payload, " IS_IN_LOG " AND e.number > " FLOOR
                          " FROM webhook_events e WHERE e.number = ?1",
    [WHI_SQL_EVENT_LOG] = "SELECT " EVENT_COLUMNS ", e.payload, 1 FROM webhook_events e WHERE e.number > ?1"
                          " AND " IS_IN_LOG " ORDER BY e.number LIMIT ?2",
    [WHI_SQL_EVENT_LOG_TENANT] = "SELECT " EVENT_COLUMNS ", e.payload, 1 FROM webhook_events e"
                                 " INDEXED BY webhook_events_tenant WHERE e.tenant = ?3 AND e.tenant <> ''"
                                 " AND e.number > ?1 AND " IS_IN_LOG " ORDER BY e.number LIMIT ?2",
    [WHI_SQL_EVENT_LOG_NOBODYS] = "SELECT " EVENT_COLUMNS ", e.payload, 1 FROM webhook_events e WHERE e.number > ?1"
                                  " AND e.tenant = '' AND " IS_IN_LOG " ORDER BY e.number LIMIT ?2",
    [WHI_SQL_EVENT_LIST] = "SELECT number, type, tenant FROM webhook_events WHERE number < ?1 AND number >= ?2"
                           " ORDER BY number DESC",
    [WHI_SQL_EVENT_OF_TENANT] = EVENT_OF("webhook_events_tenant", "tenant = ?3 AND tenant <> ''"),
    [WHI_SQL_EVENT_OF_TYPE] = EVENT_OF("webhook_events_type", "type = ?4"),
    [WHI_SQL_EVENT_OF_TENANT_TYPE] =
        EVENT_OF("webhook_events_tenant_type", "tenant = ?3 AND tenant <> '' AND type = ?4"),
    [WHI_SQL_DELIVERY_GET] =
        "SELECT " DELIVERY_COLUMNS ", e.id, e.type, e.tenant, e.time, e.accepted_at, e.source, e.key,"
        " b.body, CASE WHEN b.body IS NULL THEN e.payload END FROM webhook_deliveries d CROSS JOIN webhook_events e"
        " LEFT JOIN webhook_bodies b ON b.number = d.body"
        " WHERE d.event = ?1 AND d.subscription = ?2 AND e.number = ?1",
    [WHI_SQL_DELIVERY_SEND] =
        "SELECT " DELIVERY_COLUMNS ", e.id, e.type, e.tenant, e.time, e.accepted_at, e.source, e.key,"
        " b.body, CASE WHEN b.body IS NULL THEN e.payload END FROM webhook_deliveries d"
        " LEFT JOIN webhook_events e ON e.number = d.event LEFT JOIN webhook_bodies b ON b.number = d.body"
        " WHERE d.event = ?1 AND d.subscription = ?2",
    [WHI_SQL_DELIVERY_DUE] =
        "SELECT event, due FROM webhook_deliveries INDEXED BY webhook_deliveries_open"
        " WHERE state = " WAITING " AND subscription = ?1 AND due < " BEHIND " ORDER BY due, event",
    [WHI_SQL_DELIVERY_HEAD] =
        "SELECT " DELIVERY_COLUMNS ", e.id, e.type, e.tenant, e.time, e.accepted_at, e.source, e.key"
        " FROM webhook_deliveries d CROSS JOIN webhook_events e"
        " WHERE d.event = ?1 AND d.subscription = ?2 AND e.number = ?1",
    [WHI_SQL_DELIVERY_LIST] = "SELECT event, subscription, state FROM webhook_deliveries"
                              " WHERE (event, subscription) < (?1, ?2) AND event >= ?3"
                              " ORDER BY event DESC, subscription DESC",
    [WHI_SQL_DELIVERY_OF_TENANT] = DELIVERY_OF("webhook_events_tenant", OF_TENANT),
    [WHI_SQL_DELIVERY_OF_TYPE] = DELIVERY_OF("webhook_events_type", "e.type = ?5"),
    [WHI_SQL_DELIVERY_OF_TENANT_TYPE] = DELIVERY_OF("webhook_events_tenant_type", OF_TENANT " AND e.type = ?5"),
    [WHI_SQL_DELIVERY_OF_ONE_TENANT] = DELIVERY_OF_ONE("webhook_events_tenant", OF_TENANT),
    [WHI_SQL_DELIVERY_OF_ONE_TYPE] = DELIVERY_OF_ONE("webhook_events_type", "e.type = ?5"),
    [WHI_SQL_DELIVERY_OF_ONE_TENANT_TYPE] = DELIVERY_OF_ONE("webhook_events_tenant_type", OF_TENANT " AND e.type = ?5"),
    [WHI_SQL_DELIVERY_OF_EVENT] = "SELECT event, subscription, state FROM webhook_deliveries"
                                  " WHERE event = ?4 AND (event, subscription) < (?1, ?2) AND event >= ?3"
                                  " ORDER BY subscription DESC",
    /* Sorts the index entries of one subscription: they stand in the order of their due time. */
    [WHI_SQL_DELIVERY_WAITING] =
        "SELECT event, subscription, state FROM webhook_deliveries INDEXED BY webhook_deliveries_open"
        " WHERE state = " WAITING " AND subscription = ?4 AND (event, subscription) < (?1, ?2)"
        " AND event >= ?3 ORDER BY event DESC LIMIT ?5",
    [WHI_SQL_DELIVERY_KEPT] =
        "SELECT event, subscription, state FROM webhook_deliveries INDEXED BY webhook_deliveries_open"
        " WHERE " OPEN_STATES " AND state = ?5 AND subscription = ?4 AND due = 0"
        " AND (event, subscription) < (?1, ?2) AND event >= ?3 ORDER BY event DESC",
    [WHI_SQL_DELIVERY_CANCELLED] =
        "SELECT event, subscription, state FROM webhook_deliveries INDEXED BY webhook_deliveries_cancelled"
        " WHERE state = " CANCELLED " AND (event, subscription) < (?1, ?2) AND event >= ?3"
        " ORDER BY event DESC, subscription DESC",
    [WHI_SQL_DELIVERY_BEYOND] = "SELECT 1 FROM webhook_deliveries INDEXED BY webhook_deliveries_open"
                                " WHERE " OPEN_STATES " AND state = ?1 LIMIT 1 OFFSET ?2",
    [WHI_SQL_DELIVERY_FEW] =
        "SELECT event, subscription, state FROM webhook_deliveries INDEXED BY webhook_deliveries_open"
        " WHERE " OPEN_STATES " AND state = ?4 AND (event, subscription) < (?1, ?2) AND event >= ?3"
        " ORDER BY event DESC, subscription DESC LIMIT ?5",
    [WHI_SQL_ATTEMPT_LIST] =
        "SELECT 1, first_at, first_us, first_code, first_status, first_error, first_response FROM webhook_deliveries"
        " WHERE event = ?1 AND subscription = ?2 AND first_at IS NOT NULL"
        " UNION ALL SELECT n, at, duration_us, code, status, error, response FROM webhook_attempts"
        " WHERE event = ?1 AND subscription = ?2 ORDER BY 1",

    [WHI_SQL_TOKEN_ADD] = "INSERT INTO webhook_tokens (id, tenant, name, hash, created_at, expires_at)"
                          " VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0))",
    [WHI_SQL_TOKEN_PURGE] = "DELETE FROM webhook_tokens WHERE expires_at < ?1",
    [WHI_SQL_TOKEN_REMOVE] = "DELETE FROM webhook_tokens WHERE id = ?1",
    [WHI_SQL_TOKEN_LIST] = "SELECT id, tenant, name, hash, created_at, expires_at FROM webhook_tokens ORDER BY id",
    [WHI_SQL_TOKEN_GET] = "SELECT id, tenant, name, hash, created_at, expires_at FROM webhook_tokens WHERE id = ?1",
    [WHI_SQL_TENANT_SECRET] = "SELECT secret FROM webhook_tenants WHERE tenant = ?1",
    [WHI_SQL_TENANT_PUT] = "INSERT OR REPLACE INTO webhook_tenants (tenant, secret) VALUES (?1, ?2)",
    [WHI_SQL_SEAL_NEXT] = "UPDATE webhook_meta SET value = value + 1 WHERE name = 'seals' RETURNING value",
    [WHI_SQL_SEALS] = "SELECT value FROM webhook_meta WHERE name = 'seals'",
    [WHI_SQL_KEY_USED] = "UPDATE webhook_keys SET used = ?2 WHERE id = ?1",
    [WHI_SQL_KEY_ADD] = "INSERT INTO webhook_keys (id, used, proof) VALUES (?1, ?2, ?3)",
    [WHI_SQL_KEY_LIST] = "SELECT id, proof FROM webhook_keys ORDER BY id",
    [WHI_SQL_KEY_DROP] = "DELETE FROM webhook_keys WHERE id <> ?1 AND used <= ?2",
    [WHI_SQL_KEY_OTHERS] = "SELECT count(*) FROM webhook_keys WHERE id <> ?1",
    [WHI_SQL_RESEAL_PICK] = "SELECT id FROM webhook_subscriptions WHERE id > ?1 AND deleted = 0 ORDER BY id LIMIT ?2",
    [WHI_SQL_RESEAL_GET] = "SELECT id, version, document FROM webhook_subscriptions WHERE id = ?1",
    [WHI_SQL_RESEAL_PUT] = "UPDATE webhook_subscriptions SET document = ?2 WHERE id = ?1",
    [WHI_SQL_RESEAL_PICK_VERSION] =
        "SELECT number FROM webhook_subscription_versions WHERE number > ?1 ORDER BY number LIMIT ?2",
    [WHI_SQL_RESEAL_GET_VERSION] =
        "SELECT subscription, version, document FROM webhook_subscription_versions WHERE number = ?1",
    [WHI_SQL_RESEAL_PUT_VERSION] = "UPDATE webhook_subscription_versions SET document = ?2 WHERE number = ?1",
    [WHI_SQL_RESEAL_TENANT] =
        "SELECT tenant, secret FROM webhook_tenants WHERE tenant >= ?1 AND (typeof(secret) <> 'blob'"
        " OR substr(CAST(secret AS TEXT), 1, length(?2)) <> ?2) ORDER BY tenant LIMIT 1",
    [WHI_SQL_SOURCE_PUT] = "INSERT INTO webhook_sources (object_type, document, created_at, updated_at)"
                           " VALUES (?1, ?2, ?3, ?3) ON CONFLICT (object_type) DO UPDATE SET"
                           " document = excluded.document, updated_at = excluded.updated_at",
    [WHI_SQL_SOURCE_REMOVE] = "DELETE FROM webhook_sources WHERE object_type = ?1",
    [WHI_SQL_SOURCE_LIST] =
        "SELECT object_type, document, created_at, updated_at FROM webhook_sources ORDER BY object_type",
    [WHI_SQL_SOURCE_GET] =
        "SELECT object_type, document, created_at, updated_at FROM webhook_sources WHERE object_type = ?1",
    [WHI_SQL_RESEAL_SOURCE] =
        "SELECT object_type, document FROM webhook_sources WHERE object_type >= ?1 AND (typeof(document) <> 'blob'"
        " OR substr(CAST(document AS TEXT), 1, length(?2)) <> ?2) ORDER BY object_type LIMIT 1",
    [WHI_SQL_RESEAL_PUT_SOURCE] = "UPDATE webhook_sources SET document = ?2 WHERE object_type = ?1",
    [WHI_SQL_SETTING_GET] = "SELECT value FROM webhook_settings WHERE name = ?1",
    [WHI_SQL_SETTING_PUT] = "INSERT OR REPLACE INTO webhook_settings (name, value) VALUES (?1, ?2)",
    [WHI_SQL_SETTING_DROP] = "DELETE FROM webhook_settings WHERE name = ?1",
    WHI_SQLITE_POLL_STATEMENTS[WHI_SQL_USAGE_GET] =
        "SELECT events, bytes, coalesce(quota_events, 0), coalesce(quota_bytes, 0),"
        " coalesce(cpu_ms, 0), coalesce(rate_count, 0), coalesce(rate_per, 0), coalesce(rate_burst, 0) FROM "
        "webhook_usage WHERE tenant = ?1",
    [WHI_SQL_USAGE_ADD] = "INSERT INTO webhook_usage (tenant, events, bytes) VALUES (?1, ?2, ?3) ON CONFLICT (tenant)"
                          " DO UPDATE SET events = events + excluded.events, bytes = bytes + excluded.bytes",
    [WHI_SQL_USAGE_OF] = "SELECT tenant FROM webhook_events WHERE number = ?1 AND tenant <> ''"
                         " AND number > (SELECT value FROM webhook_meta WHERE name = 'counted')",
    [WHI_SQL_USAGE_LIMIT] =
        "INSERT INTO webhook_usage (tenant, quota_events, quota_bytes, cpu_ms, rate_count, rate_per, rate_burst)"
        " VALUES (?1, nullif(?2, 0), nullif(?3, 0), nullif(?4, 0), nullif(?5, 0), nullif(?6, 0), nullif(?7, 0))"
        " ON CONFLICT (tenant) DO UPDATE SET quota_events = excluded.quota_events, quota_bytes = excluded.quota_bytes,"
        " cpu_ms = excluded.cpu_ms, rate_count = excluded.rate_count, rate_per = excluded.rate_per,"
        " rate_burst = excluded.rate_burst",
    [WHI_SQL_TENANT_ADD] = "INSERT INTO webhook_tenants (tenant, secret) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
};
