/* Triggers in the store: they see each commit, and forget what is rolled back. What a subscription wants they
 * ask the model, which every connection can reach. */
#include "witness.h"

#include <sqlite3.h>
#include <stdio.h>

#include "../log_sql.h"
#include "base/ident.h"
#include "engine/position.h"
#include "model.h"

static void partition_of(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    sqlite3_result_int(context, whi_partition_of(sqlite3_value_int64(values[0])));
}

int witness_subscription_of(int64_t id) {
    for (int k = 0; k < model_subscription_count; k++) {
        int64_t own;
        if (model_subscriptions[k]->made && whi_ident_parse("sub_", model_subscriptions[k]->id, &own) == WH_OK &&
            own == id) {
            return k;
        }
    }
    return -1;
}

int witness_is_certain(int n, int k) {
    const model_subscription *s = model_subscriptions[k];

    return model_events[n]->status == MODEL_ACCEPTED && s->made && !s->deleted && !s->single_use &&
           model_pair_of(n, k)->want == MODEL_SEND;
}

/* payload, subscription: 1 if there must be a delivery. */
static void is_certain(sqlite3_context *context, int count, sqlite3_value **values) {
    const char *payload = (const char *)sqlite3_value_text(values[0]);
    int k = witness_subscription_of(sqlite3_value_int64(values[1])), n;

    (void)count;
    sqlite3_result_int(context, k >= 0 && payload != NULL && sscanf(payload, "{\"n\":%d,", &n) == 1 && n >= 0 &&
                                    n < model_event_count && witness_is_certain(n, k));
}

/* "sub_…" of a number, as notices have it. */
static void id_of(sqlite3_context *context, int count, sqlite3_value **values) {
    char id[WH_ID_SIZE];

    (void)count;
    whi_ident_format("sub_", sqlite3_value_int64(values[0]), id);
    sqlite3_result_text(context, id, -1, SQLITE_TRANSIENT);
}

static void time_now(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    (void)values;
    (void)values;
    sqlite3_result_int64(context, sim_now);
}

/* ms since 1970, by the clock of whoever writes. */
static void wall_now(sqlite3_context *context, int count, sqlite3_value **values) {
    (void)count;
    (void)values;
    sqlite3_result_int64(context, sim_wall_us() / 1000);
}

static int meet(sqlite3 *db, char **error, const struct sqlite3_api_routines *routines) {
    const int flags = SQLITE_UTF8 | SQLITE_INNOCUOUS;
    int code =
        sqlite3_create_function(db, "sim_partition", 1, flags | SQLITE_DETERMINISTIC, NULL, partition_of, NULL, NULL);

    (void)error;
    (void)routines;
    if (code == SQLITE_OK) {
        code = sqlite3_create_function(db, "sim_id", 1, flags | SQLITE_DETERMINISTIC, NULL, id_of, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_create_function(db, "sim_certain", 2, flags, NULL, is_certain, NULL, NULL);
    }
    if (code == SQLITE_OK) {
        code = sqlite3_create_function(db, "sim_now", 0, flags, NULL, time_now, NULL, NULL);
    }
    return code == SQLITE_OK ? sqlite3_create_function(db, "sim_wall", 0, flags, NULL, wall_now, NULL, NULL) : code;
}

void witness_register(void) {
    sqlite3_auto_extension((void (*)(void))meet);
}

#define NEW_ORPHAN "NEW.owner <> 0 AND NEW.owner NOT IN (SELECT id FROM webhook_workers)"

/* Events in (?, ?] that must have a delivery to a subscription of such partitions, and have none. */
#define NOTE_PASSED(partitions, after, upto)                                                                           \
    " BEGIN INSERT INTO sim_passed SELECT e.number, s.id FROM webhook_subscriptions s"                                 \
    " CROSS JOIN webhook_partitions p ON p.id = sim_partition(s.id)"                                                   \
    " CROSS JOIN webhook_events e ON e.number > " after " AND e.number <= " upto " WHERE " partitions                  \
    " AND NOT EXISTS (SELECT 1 FROM webhook_deliveries d WHERE d.event = e.number AND d.subscription = s.id)"          \
    " AND NOT EXISTS (SELECT 1 FROM webhook_lags l WHERE l.subscription = s.id AND l.position < e.number)"             \
    " AND sim_certain(e.payload, s.id) LIMIT 1; END;"

/* What a move of health is told as, by the machine as it is documented; NULL: nothing. */
#define NEWS(was, is)                                                                                                  \
    "CASE WHEN " is " = 2 AND " was " < 2 THEN 'failing' WHEN " is " = 3 AND " was " < 3 THEN 'disabled'"              \
    " WHEN " is " = 0 AND " was " >= 2 THEN 'recovered' END"
#define WAS "coalesce((SELECT h.state FROM webhook_health h WHERE h.subscription = NEW.subscription), 0)"
#define FAILURES "coalesce((SELECT h.failures FROM webhook_health h WHERE h.subscription = NEW.subscription), 0)"

/* Each move of health, each notice of one, moves that there are not, and successes that changed nothing. */
#define HEALTH_SQL                                                                                                     \
    "CREATE TABLE sim_moves (id TEXT, news TEXT);"                                                                     \
    "CREATE TABLE sim_told (id TEXT, news TEXT);"                                                                      \
    "CREATE TABLE sim_ill (subscription INTEGER);"                                                                     \
    "CREATE TABLE sim_well (subscription INTEGER PRIMARY KEY);"                                                        \
    "CREATE TRIGGER sim_health_put BEFORE INSERT ON webhook_health BEGIN"                                              \
    "  INSERT INTO sim_ill SELECT NEW.subscription WHERE NEW.state < " WAS " OR NEW.state NOT BETWEEN 1 AND 3"         \
    "   OR NEW.failures <> " FAILURES " + 1 OR (NEW.state = 1 AND (NEW.failures > 2 OR NEW.exhausted > 0));"           \
    "  INSERT INTO sim_moves SELECT sim_id(NEW.subscription), " NEWS(                                                  \
        WAS, "NEW.state") ";"                                                                                          \
                          "  DELETE FROM sim_well WHERE subscription = NEW.subscription; END;"                         \
                          "CREATE TRIGGER sim_health_drop AFTER DELETE ON webhook_health BEGIN"                        \
                          "  INSERT INTO sim_moves SELECT sim_id(OLD.subscription), " NEWS(                            \
                              "OLD.state",                                                                             \
                              "0") "   WHERE EXISTS (SELECT 1 FROM webhook_subscriptions WHERE id = OLD.subscription " \
                                   "AND deleted = 0);"                                                                 \
                                   "  DELETE FROM sim_well WHERE subscription = OLD.subscription; END;"                \
                                   "CREATE TRIGGER sim_health_told AFTER INSERT ON webhook_events WHEN NEW.type LIKE " \
                                   "'webhook.subscription.%' BEGIN"                                                    \
                                   "  INSERT INTO sim_told VALUES (substr(NEW.payload, 18, 17), "                      \
                                   "substr(NEW.type, 22)); END;"                                                       \
                                   "CREATE TRIGGER sim_health_add_well AFTER INSERT ON webhook_deliveries WHEN "       \
                                   "NEW.state = 3 BEGIN"                                                               \
                                   "  INSERT OR IGNORE INTO sim_well SELECT subscription FROM webhook_health"          \
                                   "   WHERE subscription = NEW.subscription AND state < 3; END;"                      \
                                   "CREATE TRIGGER sim_health_well AFTER UPDATE OF state ON webhook_deliveries WHEN "  \
                                   "NEW.state = 3 BEGIN"                                                               \
                                   "  INSERT OR IGNORE INTO sim_well SELECT subscription FROM webhook_health"          \
                                   "   WHERE subscription = NEW.subscription AND state < 3; END;"

const char witness_sql[] =
    "BEGIN IMMEDIATE;" HEALTH_SQL "CREATE TABLE sim_orphans (owner INTEGER, event INTEGER);"
    "CREATE TABLE sim_owners (id INTEGER PRIMARY KEY, times INTEGER);"
    "INSERT INTO sim_owners SELECT id, 1 FROM webhook_workers;"
    "CREATE TRIGGER sim_owner AFTER INSERT ON webhook_workers BEGIN"
    "  INSERT INTO sim_owners VALUES (NEW.id, 1) ON CONFLICT DO UPDATE SET times = times + 1; END;"
    "CREATE TABLE sim_robbed (partition INTEGER, owner INTEGER);"
    "CREATE TRIGGER sim_take AFTER UPDATE ON webhook_partitions WHEN " NEW_ORPHAN
    " BEGIN INSERT INTO sim_orphans VALUES (NEW.owner, NEW.id); END;"
    "CREATE TRIGGER sim_rob AFTER UPDATE ON webhook_partitions WHEN (NEW.owner <> OLD.owner AND NEW.owner <> 0 AND"
    " (OLD.owner IN (SELECT id FROM webhook_workers) OR NEW.epoch <= OLD.epoch)) OR NEW.epoch < OLD.epoch"
    " BEGIN INSERT INTO sim_robbed VALUES (NEW.id, OLD.owner); END;"
    "CREATE TABLE sim_turns (event INTEGER, subscription INTEGER);"
    "CREATE TRIGGER sim_turn AFTER UPDATE OF state, due, tries, status, error ON webhook_deliveries"
    " WHEN NEW.turn <= OLD.turn OR NEW.state = 2 BEGIN INSERT INTO sim_turns VALUES (NEW.event, NEW.subscription); END;"
    "CREATE TABLE sim_undone (event INTEGER, subscription INTEGER);"
    "CREATE TRIGGER sim_undo AFTER UPDATE OF state ON webhook_deliveries WHEN OLD.state IN (3, 4, 6) AND NEW.state <> 1"
    " BEGIN INSERT INTO sim_undone VALUES (NEW.event, NEW.subscription); END;"
    "CREATE TABLE sim_keyed (event INTEGER, subscription INTEGER, at INTEGER, PRIMARY KEY (event, subscription));"
    "CREATE TRIGGER sim_key AFTER INSERT ON webhook_deliveries WHEN NEW.key IS NOT NULL AND NEW.state = 1 BEGIN"
    "  INSERT OR REPLACE INTO sim_keyed VALUES (NEW.event, NEW.subscription, sim_wall()); END;"
    "CREATE TABLE sim_superseded (event INTEGER, subscription INTEGER, at INTEGER, PRIMARY KEY (event, subscription));"
    "CREATE TRIGGER sim_supersede AFTER UPDATE OF state ON webhook_deliveries WHEN NEW.state = 6 AND"
    " NEW.error = 'superseded' BEGIN"
    "  INSERT OR REPLACE INTO sim_superseded VALUES (NEW.event, NEW.subscription, sim_now()); END;"
    "CREATE TABLE sim_passed (event INTEGER, subscription INTEGER);"
    "CREATE TRIGGER sim_move AFTER UPDATE OF position ON webhook_workers WHEN NEW.position < " LOG_ANY NOTE_PASSED(
        "p.owner = NEW.id", "p.position",
        "NEW.position") "CREATE TRIGGER sim_give AFTER UPDATE OF owner ON webhook_partitions WHEN NEW.owner = "
                        "0" NOTE_PASSED(
                            "p.id = NEW.id", "OLD.position",
                            "NEW.position") "CREATE TRIGGER sim_lag AFTER UPDATE ON "
                                            "webhook_lags" NOTE_PASSED(
                                                "s.id = NEW.subscription", "OLD.position",
                                                "NEW.position") "CREATE TRIGGER sim_lag_end AFTER DELETE ON "
                                                                "webhook_lags" NOTE_PASSED("s.id = OLD.subscription",
                                                                                           "OLD.position",
                                                                                           "coalesce((SELECT "
                                                                                           "w.position FROM "
                                                                                           "webhook_workers w WHERE "
                                                                                           "w.id = p.owner), "
                                                                                           "p.position)") "CREATE "
                                                                                                          "TABLE "
                                                                                                          "sim_purged "
                                                                                                          "(event "
                                                                                                          "INTEGER);"
                                                                                                          "CREATE "
                                                                                                          "TRIGGER "
                                                                                                          "sim_purge "
                                                                                                          "BEFORE "
                                                                                                          "DELETE ON "
                                                                                                          "webhook_"
                                                                                                          "events WHEN "
                                                                                                          "OLD.number "
                                                                                                          "> " LOG_LEAST
                                                                                                          " BEGIN "
                                                                                                          "INSERT INTO "
                                                                                                          "sim_purged "
                                                                                                          "VALUES "
                                                                                                          "(OLD.number)"
                                                                                                          "; END;"
                                                                                                          "COMMIT";
