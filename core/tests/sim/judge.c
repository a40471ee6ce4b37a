/* The model against the store. Reads by a connection of its own, at which nobody hands over. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../log_sql.h"
#include "base/ident.h"
#include "engine/position.h"
#include "witness.h"
#include "world.h"

enum { WAITING = 1, DELIVERED = 3, EXHAUSTED, HELD, CANCELLED };

typedef struct shadow {
    int state, attempts, replayed, extras;
} shadow;

static shadow shadows[MODEL_EVENTS][MODEL_SUBSCRIPTIONS];
static sqlite3 *db;
static int watched; /* judge_begin has been */

void judge_close(void) {
    sim_quiet_begin();
    sqlite3_close(db);
    db = NULL;
    sim_quiet_end();
}

void judge_reopen(void) {
    judge_close();
}

static int open_db(void) {
    if (db == NULL) {
        if (sqlite3_open_v2(STORE, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
            judge_close();
            return 0;
        }
        sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
    return 1;
}

/* Runs a question, row by row. 0: it could not be asked now. */
static int ask(const char *sql, void (*each)(sqlite3_stmt *row, void *payload), void *payload) {
    sqlite3_stmt *statement = NULL;
    int code;

    if (!open_db() || sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return 0;
    }
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        each(statement, payload);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE;
}

static void take_number(sqlite3_stmt *row, void *payload) {
    *(int64_t *)payload = sqlite3_column_int64(row, 0);
}

static int number(const char *sql, int64_t *out) {
    *out = 0;
    return ask(sql, take_number, out);
}

int64_t judge_number(const char *sql) {
    int64_t found;

    return number(sql, &found) ? found : -1;
}

int judge_ask(const char *sql, void (*each)(sqlite3_stmt *row, void *payload)) {
    return ask(sql, each, NULL);
}

/* ------------------------------------------------------------------------------ states */

static const char *name_of(int state) {
    static const char *const names[] = { "none", "waiting", "no state", "delivered", "exhausted", "held", "cancelled" };

    return state >= 0 && state <= CANCELLED ? names[state] : "unknown";
}

/* Whoever lost its lease and sent an older one of the key late has the newest sent again (engine/lease.h). */
static int may_go_again(int n, int k) {
    return model_subscriptions[k]->order == MODEL_LATEST && model_events[n]->key != 0;
}

/* Several moves may lie between two looks: what is not to be reached by any of them. */
static int may_become(const shadow *was, const shadow *is, int n, int k) {
    const model_pair *pair = model_pair_of(n, k);
    int again = pair->extra > was->extras || /* a query names exhausted, waiting and held ones only */
                (was->state == DELIVERED && may_go_again(n, k));

    switch (was->state) {
    case DELIVERED:
        return is->state == DELIVERED || again; /* late attempts count, and change nothing else */
    case EXHAUSTED:
        return is->state == EXHAUSTED || pair->replays > was->replayed;
    case CANCELLED:
        return is->state == CANCELLED || again;
    default:
        return is->state != HELD || was->state == HELD || was->state == 0 || was->state == WAITING;
    }
}

static void check_outcome(int n, int k, int state) {
    const model_pair *pair = model_pair_of(n, k);
    const model_subscription *s = model_subscriptions[k];

    if (state == DELIVERED && pair->successes == 0) {
        sim_fail("delivered", "event %d is said to be delivered to %d, which never said so", n, k);
    }
    if (state == EXHAUSTED && pair->failures < s->retry_count && !s->gone) {
        sim_fail("exhausted", "event %d is exhausted at %d after %d of %d attempts", n, k, pair->failures,
                 s->retry_count);
    }
}

static void watch_row(sqlite3_stmt *row, void *payload) {
    int n = sqlite3_column_int(row, 0), k = witness_subscription_of(sqlite3_column_int64(row, 1));
    shadow is, *was;

    (void)payload;
    if (k < 0 || n < 0 || n >= model_event_count || sqlite3_column_type(row, 0) == SQLITE_NULL) {
        return;
    }
    was = &shadows[n][k];
    is.state = sqlite3_column_int(row, 2);
    is.attempts = sqlite3_column_int(row, 3);
    is.replayed = model_pair_of(n, k)->replayed;
    is.extras = model_pair_of(n, k)->extras;
    if (!may_become(was, &is, n, k)) {
        sim_fail("states", "event %d at %d was %s and is %s", n, k, name_of(was->state), name_of(is.state));
    }
    if (is.attempts < was->attempts) {
        sim_fail("states", "event %d at %d had %d attempts and has %d", n, k, was->attempts, is.attempts);
    }
    if (is.state != was->state) {
        check_outcome(n, k, is.state);
    }
    if (sqlite3_column_int(row, 4) > model_pair_of(n, k)->failures + model_pair_of(n, k)->successes) {
        sim_fail("states", "event %d at %d has had %d tries, and its receiver answered less often", n, k,
                 sqlite3_column_int(row, 4));
    }
    *was = is;
}

/* The model's number is in the payload; the engine's own events have none. */
#define NUMBER "CASE WHEN e.payload LIKE '{\"n\":%' THEN CAST(substr(e.payload, 6) AS INTEGER) END"
#define ROWS                                                                                                           \
    "SELECT " NUMBER ", d.subscription, d.state, d.attempts, d.tries FROM webhook_deliveries d"                        \
    " JOIN webhook_events e ON e.number = d.event"

/* 0: not now. */
int judge_begin(void) {
    int began;

    sim_quiet_begin();
    began = open_db() && sqlite3_exec(db, witness_sql, NULL, NULL, NULL) == SQLITE_OK;
    if (!began && db != NULL) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
    watched = watched || began;
    sim_quiet_end();
    return began;
}

#define BACK_MS "100"            /* until a worker knows what was written */
#define TOLD_US (3 * SIM_SECOND) /* what is fetched leaves by then, or goes back */

static int64_t number_or(int64_t otherwise, const char *sql) {
    int64_t found = otherwise;

    sim_quiet_begin();
    found = ask(sql, take_number, &found) ? found : otherwise;
    sim_quiet_end();
    return found;
}

/* This owner has the subscription's partition. The delivery waits; or is not written, and the owner has not passed
 * the event. What a newer one took the place of is known to him a moment later: it was he who wrote that. */
enum judge_leave judge_may_send(int64_t owner, int n, int64_t subscription, int64_t paused) {
    int64_t told = sim_now - TOLD_US;
    char sql[1000];

    snprintf(
        sql, sizeof sql,
        "SELECT CASE WHEN p.owner <> %lld OR w.id IS NULL THEN 0 WHEN d.state IS NULL THEN e.number > w.position"
        " WHEN d.state = 1 THEN 1 WHEN d.state <> 6 THEN 0 WHEN d.error IS NOT 'superseded' THEN 2"
        " ELSE coalesce((SELECT at FROM sim_superseded s WHERE s.event = d.event AND s.subscription ="
        "  d.subscription), 0) > %lld END"
        " FROM webhook_events e JOIN webhook_partitions p ON p.id = %d LEFT JOIN webhook_workers w ON w.id = p.owner"
        " LEFT JOIN webhook_deliveries d ON d.event = e.number AND d.subscription = %lld WHERE %s = %d",
        (long long)owner, (long long)(paused > told ? -1 : told), whi_partition_of(subscription),
        (long long)subscription, NUMBER, n);
    return (enum judge_leave)number_or(JUDGE_YES, sql);
}

int64_t judge_superseded(int n, int64_t subscription) {
    char sql[1000];

    snprintf(sql, sizeof sql,
             "SELECT s.at FROM webhook_events e JOIN webhook_deliveries d ON d.event = e.number JOIN sim_superseded s"
             " ON s.event = d.event AND s.subscription = d.subscription"
             " WHERE d.subscription = %lld AND d.state = 6 AND %s = %d",
             (long long)subscription, NUMBER, n);
    return number_or(0, sql);
}

int judge_gives_way(int n, int64_t subscription) {
    char sql[1000];

    snprintf(sql, sizeof sql,
             "SELECT EXISTS (SELECT 1 FROM webhook_deliveries newer JOIN sim_keyed s ON s.event = newer.event"
             " AND s.subscription = newer.subscription WHERE newer.subscription = d.subscription AND newer.key = d.key"
             " AND newer.state = 1 AND newer.event > d.event AND s.at < d.due - " BACK_MS ")"
             " FROM webhook_events e JOIN webhook_deliveries d ON d.event = e.number"
             " WHERE d.subscription = %lld AND d.state = 1 AND %s = %d",
             (long long)subscription, NUMBER, n);
    return number_or(0, sql) != 0;
}

int judge_has(int64_t owner, int64_t subscription) {
    char sql[1000];

    snprintf(sql, sizeof sql,
             "SELECT EXISTS (SELECT 1 FROM webhook_partitions p JOIN webhook_workers w ON w.id = p.owner"
             " WHERE p.id = %d AND p.owner = %lld)",
             whi_partition_of(subscription), (long long)owner);
    return number_or(1, sql) != 0;
}

int64_t judge_turn(int n, int64_t subscription) {
    char sql[1000];

    snprintf(sql, sizeof sql,
             "SELECT d.turn FROM webhook_events e JOIN webhook_deliveries d ON d.event = e.number"
             " WHERE d.subscription = %lld AND d.state = 1 AND %s = %d",
             (long long)subscription, NUMBER, n);
    return number_or(-1, sql);
}

static void check_owners(void) {
    int64_t found;

    if (!watched) {
        return;
    }
    if (number("SELECT count(*) FROM sim_orphans", &found) && found > 0) {
        sim_fail("orphans", "a partition was given to an owner that had no row");
    }
    if (number("SELECT count(*) FROM sim_turns", &found) && found > 0) {
        sim_fail("turns", "a delivery was changed, and its turn did not ascend");
    }
    if (number("SELECT count(*) FROM sim_undone", &found) && found > 0) {
        sim_fail("undone", "a delivery that had ended was changed, and had not been let wait again");
    }
    if (number("SELECT count(*) FROM sim_robbed", &found) && found > 0) {
        sim_fail("robbed", "a partition was taken from an owner that has its row, or its epoch did not ascend");
    }
    if (number("SELECT event FROM sim_passed LIMIT 1", &found) && found != 0) {
        sim_fail("passed", "a position passed %lld, which has no delivery where it is wanted", (long long)found);
    }
    if (number("SELECT count(*) FROM webhook_workers WHERE position < " LOG_ANY
               " AND id NOT IN (SELECT owner FROM webhook_partitions)",
               &found) &&
        found > 0) {
        sim_fail("position", "who has no partition holds the log back");
    }
    if (number("SELECT event FROM sim_purged LIMIT 1", &found) && found != 0) {
        sim_fail("purged", "%lld went before all had decided it", (long long)found);
    }
    if (number("SELECT id FROM sim_owners WHERE times > 1", &found) && found != 0) {
        sim_fail("owners", "the number %lld of an engine is used again", (long long)found);
    }
}

/* Of a key one has its turn, or is on its way, and one waits behind it, the newest. */
static void check_one_waits(void) {
    for (int k = 0; k < model_subscription_count; k++) {
        const model_subscription *s = model_subscriptions[k];
        char sql[200];
        int64_t id, most;
        if (s->order != MODEL_LATEST || !s->made || whi_ident_parse("sub_", s->id, &id) != WH_OK) {
            continue;
        }
        snprintf(sql, sizeof sql,
                 "SELECT count(*) AS n FROM webhook_deliveries WHERE subscription = %lld AND state = 1"
                 " AND key IS NOT NULL GROUP BY key, due = 9223372036854775807 ORDER BY n DESC LIMIT 1",
                 (long long)id);
        if (number(sql, &most) && most > 1) {
            sim_fail("latest", "%lld of one key wait at %d, which wants the newest", (long long)most, k);
        }
    }
}

/* ------------------------------------------------------------------------- positions */

static int64_t positions[WH_PARTITIONS];
static int64_t log_numbers[MODEL_EVENTS];
static int64_t lags[MODEL_SUBSCRIPTIONS];

static void take_position(sqlite3_stmt *row, void *payload) {
    int partition = sqlite3_column_int(row, 0);

    (void)payload;
    if (partition >= 0 && partition < WH_PARTITIONS) {
        positions[partition] = sqlite3_column_int64(row, 1);
    }
}

static void take_log_number(sqlite3_stmt *row, void *payload) {
    int n = sqlite3_column_int(row, 0);

    (void)payload;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL && n >= 0 && n < model_event_count) {
        log_numbers[n] = sqlite3_column_int64(row, 1);
    }
}

static void take_lag(sqlite3_stmt *row, void *payload) {
    int k = witness_subscription_of(sqlite3_column_int64(row, 0));

    (void)payload;
    if (k >= 0) {
        lags[k] = sqlite3_column_int64(row, 1);
    }
}

/* engine/lease.h, I6: what is wanted for certain lies beyond the position, or that of its subscription that lags, or
 * has a delivery. The positions were read before the lags, and these before the rows, which can only have become
 * more. */
static void check_passed(const model_event *event, const model_subscription *s) {
    int64_t id;

    if (log_numbers[event->n] == 0 || !witness_is_certain(event->n, s->k) || shadows[event->n][s->k].state != 0 ||
        whi_ident_parse("sub_", s->id, &id) != WH_OK) {
        return;
    }
    if (log_numbers[event->n] <= positions[whi_partition_of(id)] && log_numbers[event->n] <= lags[s->k]) {
        sim_fail("passed", "event %d was passed, and has no delivery to %d", event->n, s->k);
    }
}

static void check_positions(void) {
    memset(log_numbers, 0, sizeof log_numbers);
    for (int k = 0; k < MODEL_SUBSCRIPTIONS; k++) {
        lags[k] = INT64_MAX;
    }
    if (!ask("SELECT p.id, coalesce(w.position, p.position) FROM webhook_partitions p"
             " LEFT JOIN webhook_workers w ON w.id = p.owner",
             take_position, NULL) ||
        !ask("SELECT subscription, position FROM webhook_lags", take_lag, NULL) ||
        !ask("SELECT " NUMBER ", e.number FROM webhook_events e", take_log_number, NULL) ||
        !ask(ROWS, watch_row, NULL)) {
        return;
    }
    for (int n = 0; n < model_event_count; n++) {
        for (int k = 0; k < model_subscription_count; k++) {
            check_passed(model_events[n], model_subscriptions[k]);
        }
    }
}

/* ---------------------------------------------------------------------------- health */

/* Moves and notices are of one transaction: at any time there are as many of the one as of the other. One that was
 * off already, for another reason, is not told to be. */
#define UNEQUAL                                                                                                        \
    "SELECT coalesce((SELECT sum(n) FROM (SELECT abs((SELECT count(*) FROM sim_moves m WHERE m.news = w.news) -"       \
    " (SELECT count(*) FROM sim_told t WHERE t.news = w.news)) AS n FROM"                                              \
    " (SELECT 'failing' AS news UNION ALL SELECT 'recovered') w)), 0) + (SELECT count(*) FROM"                         \
    " (SELECT id, news FROM sim_told WHERE news <> 'disabled' EXCEPT SELECT id, news FROM sim_moves))"

static void check_health(void) {
    int64_t found;

    if (number("SELECT subscription FROM sim_ill LIMIT 1", &found) && found != 0) {
        sim_fail("health", "subscription %lld got a state that does not follow from the one before", (long long)found);
    }
    if (!(sim_plan_now->kinds & 1u << SIM_memory) && number("SELECT subscription FROM sim_well LIMIT 1", &found) &&
        found != 0) {
        sim_fail("health", "subscription %lld had a success, and is not well", (long long)found);
    }
    if (sim_plan_now->seed % 2 == 0 && number(UNEQUAL, &found) && found != 0) {
        sim_fail("health", "changes of health and what is told of them differ by %lld", (long long)found);
    }
}

void judge_watch(void) {
    sim_quiet_begin();
    check_health();
    check_positions();
    check_owners();
    if (!model_excused() && !(sim_plan_now->kinds & 1u << SIM_lock)) {
        check_one_waits();
    }
    sim_quiet_end();
}

/* --------------------------------------------------------------------------- settled */

static const struct {
    const char *sql, *text;
} unsettled[] = {
    { LOG_UNDECIDED, "events are not decided" },
    { "SELECT count(*) FROM webhook_outbox", "rows wait in the outbox" },
    { "SELECT count(*) FROM webhook_deliveries WHERE state = 1", "deliveries wait" },
};

int judge_settled(char *why, size_t size) {
    int settled = 1;

    sim_quiet_begin();
    for (size_t i = 0; i < sizeof unsettled / sizeof *unsettled && settled; i++) {
        int64_t count;
        if (!number(unsettled[i].sql, &count)) {
            snprintf(why, size, "the store cannot be read: %s", db != NULL ? sqlite3_errmsg(db) : "it does not open");
            settled = 0;
        } else if (count > 0) {
            snprintf(why, size, "%lld %s", (long long)count, unsettled[i].text);
            settled = 0;
        }
    }
    sim_quiet_end();
    return settled;
}

void judge_owners(void) {
    int64_t rows;
    int live = 0;

    for (int i = 1; i < sim_process_count(); i++) {
        const sim_process *process = sim_process_at(i);
        live += !process->dead && !process->left && !process->is_program;
    }
    sim_quiet_begin();
    if (number("SELECT count(*) FROM webhook_workers", &rows) && rows > live) {
        sim_fail("dead_owner", "%lld workers are taken for alive, of %d that are", (long long)rows, live);
    }
    sim_quiet_end();
}

/* ------------------------------------------------------------------------------ idle */

/* An event that was accepted before the question, and waits. */
static void check_waiting(sqlite3_stmt *row, void *payload) {
    int n = sqlite3_column_int(row, 0);
    int64_t since = *(const int64_t *)payload;
    const model_event *event = n >= 0 && n < model_event_count ? model_events[n] : NULL;

    if (event == NULL || sqlite3_column_type(row, 0) == SQLITE_NULL || event->status != MODEL_ACCEPTED ||
        event->answered >= since || event->from_outbox) {
        return;
    }
    sim_fail("idle", "wh_idle says yes, and event %d is not decided", n);
}

void judge_idle(int64_t since) {
    sim_quiet_begin();
    (void)ask("SELECT " NUMBER " FROM webhook_events e WHERE e.alone = 0 AND e.number > " LOG_LEAST, check_waiting,
              &since);
    sim_quiet_end();
}

/* ------------------------------------------------------------------------------ the end */

static int64_t event_numbers[MODEL_EVENTS];

static void take_event_number(sqlite3_stmt *row, void *payload) {
    int n = sqlite3_column_int(row, 0);

    (void)payload;
    if (sqlite3_column_type(row, 0) != SQLITE_NULL && n >= 0 && n < model_event_count) {
        event_numbers[n] = sqlite3_column_int64(row, 1);
    }
}

/* Its time was over. */
static int is_gone(const model_event *event) {
    return sim_plan_now->retain_ms != 0 && event_numbers[event->n] == 0;
}

static void check_pair(const model_event *event, const model_subscription *s) {
    const model_pair *pair = model_pair_of(event->n, s->k);
    int state = shadows[event->n][s->k].state;

    if (event->status != MODEL_ACCEPTED || s->single_use) {
        return;
    }
    if (is_gone(event)) {
        if (pair->want == MODEL_SEND && pair->successes == 0 && pair->failures < s->retry_count) {
            sim_fail("lost", "event %d was purged, and never reached %d", event->n, s->k);
        }
        return;
    }
    if (pair->want == MODEL_SEND && pair->successes == 0 && (state != EXHAUSTED || pair->failures < s->retry_count)) {
        sim_fail("lost", "event %d never reached %d: its delivery is %s after %d of %d attempts", event->n, s->k,
                 name_of(state), pair->failures, s->retry_count);
    }
    if (pair->want == MODEL_SEND && state != DELIVERED && state != EXHAUSTED) {
        sim_fail("lost", "event %d at %d ends as %s", event->n, s->k, name_of(state));
    }
    if (pair->want == MODEL_NOT && state != 0) {
        sim_fail("unwanted", "event %d has a delivery to %d, which does not want it", event->n, s->k);
    }
    if (pair->want == MODEL_HELD && state != HELD) {
        sim_fail("held", "event %d at %d ends as %s, its rule fails", event->n, s->k, name_of(state));
    }
}

/* Numbers are in the order of acceptance, whoever gave them: a row of the outbox is accepted with the
 * transaction that wrote it. */
static void check_numbers(const model_event *event) {
    for (int n = 0; n < model_event_count; n++) {
        const model_event *before = model_events[n];
        if (event->status == MODEL_ACCEPTED && before->status == MODEL_ACCEPTED && before->answered < event->begun &&
            event_numbers[event->n] != 0 && event_numbers[before->n] >= event_numbers[event->n]) {
            sim_fail("numbers", "event %d has the number %lld, event %d, which was accepted before it, %lld", event->n,
                     (long long)event_numbers[event->n], n, (long long)event_numbers[n]);
        }
    }
}

static int is_ordered(const model_event *a, const model_event *b, const model_subscription *s) {
    return !s->single_use && (s->order == MODEL_FIFO || (s->order == MODEL_KEY && a->key != 0 && a->key == b->key));
}

/* Through deaths, pauses and take-overs: who arrives for the first time comes after those with lower numbers,
 * also of the outbox. */
static void check_arrivals(const model_event *event, const model_subscription *s) {
    const model_pair *pair = model_pair_of(event->n, s->k);

    if (pair->first == 0 || pair->want != MODEL_SEND || event_numbers[event->n] == 0) {
        return;
    }
    for (int n = 0; n < model_event_count; n++) {
        const model_pair *other = model_pair_of(n, s->k);
        if (other->first > pair->first && other->want == MODEL_SEND && event_numbers[n] != 0 &&
            event_numbers[n] < event_numbers[event->n] && is_ordered(event, model_events[n], s)) {
            sim_fail("order", "event %d came to %d for the first time before event %d, which was accepted earlier",
                     event->n, s->k, n);
        }
    }
}

static int is_newest(const model_event *event, const model_subscription *s) {
    for (int n = 0; n < model_event_count; n++) {
        const model_event *other = model_events[n];
        if (other != event && other->key == event->key && other->status != MODEL_NEVER &&
            (model_pair_of(n, s->k)->apart & MODEL_SEND) &&
            (event_numbers[n] == 0 || event_numbers[n] > event_numbers[event->n])) {
            return 0;
        }
    }
    return 1;
}

/* Of a key the newest has none to give way to, and is what the receiver is left with. */
static void check_latest(const model_event *event, const model_subscription *s) {
    int state = shadows[event->n][s->k].state;

    if (s->order != MODEL_LATEST || event->key == 0 || event->status != MODEL_ACCEPTED || s->single_use ||
        model_pair_of(event->n, s->k)->apart != MODEL_SEND || is_gone(event) || !is_newest(event, s)) {
        return;
    }
    if (state != DELIVERED && state != EXHAUSTED) {
        sim_fail("latest", "event %d is the newest of its key at %d, and ends as %s", event->n, s->k, name_of(state));
    }
    if (state == DELIVERED && keys_last(event->n, s->k) != event->n) {
        sim_fail("latest", "event %d is the newest of its key at %d, and %d came last", event->n, s->k,
                 keys_last(event->n, s->k));
    }
}

/* One that some event wanted for certain is used, and is no more. */
static void check_single(const model_subscription *s) {
    char sql[200];
    int64_t there, id = 0, used;

    if (!s->single_use || !s->made || whi_ident_parse("sub_", s->id, &id) != WH_OK) {
        return;
    }
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM webhook_subscriptions WHERE id = %lld AND deleted = 0 AND status = 3",
             (long long)id);
    snprintf(sql + 100, sizeof sql - 100, "SELECT count(*) FROM webhook_deliveries WHERE subscription = %lld",
             (long long)id);
    if (number(sql, &there) && there > 0 && !s->gone && number(sql + 100, &used)) {
        sim_fail("single_use", "%d is left behind as used, with %lld deliveries", s->k, (long long)used);
    }
}

static int outcome_of(const char *text, char out[32]) {
    const char *at = strstr(text, "\"outcome\":\"");

    return at != NULL && sscanf(at + strlen("\"outcome\":\""), "%31[a-z]", out) == 1;
}

static int is_one_of(const char *word, const char *const *list) {
    for (; *list != NULL; list++) {
        if (strcmp(word, *list) == 0) {
            return 1;
        }
    }
    return 0;
}

static int is_explained(const char *outcome, unsigned want) {
    static const char *const sent[] = { "delivered", "exhausted", NULL };
    static const char *const unsent[] = { "later",    "tenant",  "source", "type",   "paused", "disabled",
                                          "filtered", "dropped", "failed", "missed", NULL };
    static const char *const open[] = { "pending", "waiting", "sending", NULL };

    switch (want) {
    case MODEL_SEND:
        return is_one_of(outcome, sent);
    case MODEL_NOT:
        return is_one_of(outcome, unsent);
    case MODEL_HELD:
        return strcmp(outcome, "held") == 0;
    default:
        return !is_one_of(outcome, open);
    }
}

static void check_explained(wh_engine *engine, const model_event *event, const model_subscription *s) {
    unsigned want = model_pair_of(event->n, s->k)->want;
    char *text = NULL, outcome[32];
    size_t size;
    int code;

    if (event->status != MODEL_ACCEPTED || event->id[0] == '\0' || !s->made || s->deleted) {
        return;
    }
    code = wh_explain(engine, event->id, s->id, NULL, &text, &size);
    if (code == WH_ENOTFOUND && (s->single_use || is_gone(event))) {
        return;
    }
    if (code != WH_OK || !outcome_of(text, outcome)) {
        sim_fail("explain", "event %d at %d: %s", event->n, s->k, code != WH_OK ? wh_last_error() : text);
    }
    if (!is_explained(outcome, want)) {
        sim_fail("explain", "event %d at %d is explained as %s, and its outcome is of %u", event->n, s->k, outcome,
                 want);
    }
    wh_free(text);
}

/* What a failing rule held back is made by the version that is there when it is let go. */
static void check_version(sqlite3_stmt *row, void *payload) {
    int n = sqlite3_column_int(row, 0), k = witness_subscription_of(sqlite3_column_int64(row, 1));

    (void)payload;
    if (k >= 0 && n >= 0 && n < model_event_count && sqlite3_column_type(row, 0) != SQLITE_NULL &&
        !(model_pair_of(n, k)->want & MODEL_HELD)) {
        sim_fail("version", "event %d was decided by version %lld of %d, which was not in force at its number", n,
                 (long long)sqlite3_column_int64(row, 2), k);
    }
}

/* By the store's own numbers, also where the model cannot tell which of two was first. */
static void check_versions(void) {
    (void)ask("SELECT " NUMBER ", d.subscription, d.version FROM webhook_deliveries d"
              " JOIN webhook_events e ON e.number = d.event JOIN webhook_subscription_versions v"
              " ON v.subscription = d.subscription AND v.version = d.version"
              " WHERE v.since >= d.event OR v.ended < d.event",
              check_version, NULL);
}

void judge_end(wh_engine *engine) {
    int64_t rejected;

    judge_watch();
    sim_quiet_begin();
    (void)ask("SELECT " NUMBER ", e.number FROM webhook_events e", take_event_number, NULL);
    for (int n = 0; n < model_event_count; n++) {
        check_numbers(model_events[n]);
    }
    for (int k = 0; k < model_subscription_count; k++) {
        for (int n = 0; n < model_event_count; n++) {
            check_pair(model_events[n], model_subscriptions[k]);
            check_latest(model_events[n], model_subscriptions[k]);
            check_arrivals(model_events[n], model_subscriptions[k]);
        }
        check_single(model_subscriptions[k]);
    }
    check_versions();
    if (number("SELECT count(*) FROM webhook_outbox_rejected", &rejected) && rejected > 0) {
        sim_fail("outbox", "%lld good rows of the outbox were rejected", (long long)rejected);
    }
    sim_quiet_end();
    if (wh_idle(engine) != 1) {
        sim_fail("idle", "wh_idle says no, and all is settled");
    }
    for (int k = 0; k < model_subscription_count; k++) {
        for (int n = 0; n < model_event_count; n++) {
            check_explained(engine, model_events[n], model_subscriptions[k]);
        }
    }
}
