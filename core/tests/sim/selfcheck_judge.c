/* A store that was tampered with is found out. */
#include <string.h>

#include "../log_sql.h"
#include "outside/transport.h"
#include "selfcheck.h"

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

static wh_engine *engine;

/* A store with an event that one subscription wants, and nobody at work. */
static void make_store(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_event given = WH_EVENT_INIT;
    wh_receipt receipt;
    char id[WH_ID_SIZE];
    model_event *event;

    self_expect(whi_open(&engine, STORE, &options, &sim_transport) == WH_OK, "an engine");
    self_expect(wh_subscribe(engine, "{\"url\":\"http://r.test/0\",\"events\":[\"a.x\"],\"retry\":[0]}", WH_ZSTR, id) ==
                    WH_OK,
                "a subscription");
    self_subscription();
    model_made(model_subscriptions[0], id);
    event = self_event(0, 0);
    given.type = model_types[0];
    given.payload = event->payload;
    given.payload_size = event->payload_size;
    self_expect(wh_publish(engine, &given, &receipt) == WH_OK, "an event");
    model_accepted(event, receipt.id);
}

void self_tamper(const char *sql) {
    sqlite3 *db = self_connect(STORE);

    self_expect(self_sql(db, sql) == SQLITE_OK, "a statement that runs");
    sqlite3_close(db);
}

static void deliver(void) {
    make_store();
    self_expect(wh_run(engine) == WH_OK, "work");
    judge_watch();
}

static void test_the_judge_is_content(void) {
    char why[200];

    deliver();
    self_expect(judge_settled(why, sizeof why), why);
    judge_end(engine);
    wh_close(engine);
    judge_close();
    self_expect(sim_self_process()->allocations == 0, "no memory is left");
}

static void break_lost(void) {
    make_store();
    self_tamper("DELETE FROM webhook_events");
    judge_end(engine);
}

static void break_delivered(void) {
    make_store();
    self_expect(wh_run(engine) == WH_OK, "work");
    model_pair_of(0, 0)->successes = 0;
    judge_watch();
}

static void break_states(void) {
    deliver();
    self_tamper("UPDATE webhook_deliveries SET state = 1");
    judge_watch();
}

static void break_exhausted(void) {
    make_store();
    self_expect(wh_run(engine) == WH_OK, "work");
    self_tamper("UPDATE webhook_deliveries SET state = 4");
    judge_watch();
}

static void break_held(void) {
    deliver();
    model_pair_of(0, 0)->want = MODEL_HELD;
    judge_end(engine);
}

static void break_attempts(void) {
    deliver();
    self_tamper("UPDATE webhook_deliveries SET attempts = 0");
    judge_watch();
}

static void break_tries(void) {
    deliver();
    self_tamper("UPDATE webhook_deliveries SET tries = 2");
    judge_watch();
}

static void break_idle(void) {
    make_store();
    judge_idle(sim_step + 1);
}

static void break_orphans(void) {
    make_store();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("UPDATE webhook_partitions SET owner = 77; UPDATE webhook_partitions SET owner = 0");
    judge_watch();
}

static void break_turns(void) {
    deliver();
    self_expect(judge_begin(), "a judge who sees each commit");
    self_tamper("UPDATE webhook_deliveries SET due = 1");
    judge_watch();
}

static void break_undone(void) {
    deliver();
    self_expect(judge_begin(), "a judge who sees each commit");
    self_tamper("UPDATE webhook_deliveries SET state = 6, turn = turn + 1");
    self_tamper("UPDATE webhook_deliveries SET state = 3, turn = turn + 1"); /* before anybody looked */
    judge_watch();
}

static void break_passed(void) {
    make_store();
    self_tamper("UPDATE webhook_partitions SET position = 9000000000000000000");
    judge_watch();
}

/* And came back before the judge looked. */
static void break_passed_for_a_while(void) {
    make_store();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("UPDATE webhook_partitions SET owner = 0, position = 9000000000000000000");
    self_tamper("UPDATE webhook_partitions SET position = 0");
    judge_watch();
}

static void break_passed_by_an_owner(void) {
    make_store();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("INSERT INTO webhook_workers VALUES (7, 0, 1, 0);"
                "UPDATE webhook_partitions SET owner = 7, epoch = epoch + 1;"
                "UPDATE webhook_workers SET position = 9000000000000000000");
    self_tamper("UPDATE webhook_workers SET position = 0");
    judge_watch();
}

static void test_a_position_may_pass_what_has_a_delivery(void) {
    deliver();
    self_expect(judge_begin(), "a judge who sees each commit");
    self_tamper("UPDATE webhook_workers SET position = " LOG_ANY ";"
                "UPDATE webhook_partitions SET owner = 0, position = 9000000000000000000");
    judge_watch();
}

static void break_position(void) {
    deliver();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("INSERT INTO webhook_workers VALUES (7, 0, 1, 0)");
    judge_watch();
}

static void break_purged(void) {
    make_store();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("DELETE FROM webhook_events");
    judge_watch();
}

static void break_robbed(void) {
    make_store();
    self_expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    self_tamper("UPDATE webhook_partitions SET epoch = epoch - 1 WHERE id = 3");
    judge_watch();
}

static void break_owners(void) {
    deliver();
    self_expect(judge_begin(), "a judge who sees each commit");
    self_tamper("INSERT INTO webhook_workers VALUES (7, 0, 1, " LOG_ANY "); DELETE FROM webhook_workers WHERE id = 7");
    judge_watch();
    self_tamper("INSERT INTO webhook_workers VALUES (7, 0, 1, " LOG_ANY ")");
    judge_watch();
}

static void break_dead_owner(void) {
    deliver(); /* by the world itself, which is no process that may have a row */
    judge_owners();
}

static void break_settled(void) {
    char why[200];

    make_store();
    if (!judge_settled(why, sizeof why)) {
        sim_fail("stuck", "%s", why);
    }
}

static void break_explain(void) {
    deliver();
    self_tamper("DELETE FROM webhook_deliveries");
    model_pair_of(0, 0)->want = MODEL_HELD;
    model_events[0]->status = MODEL_ACCEPTED;
    model_subscriptions[0]->single_use = 1; /* the rows are not looked at */
    judge_end(engine);
}

static void break_memory(void) {
    sim_process *process = sim_self_process();

    make_store();
    wh_close(engine);
    if (process->allocations != 0) {
        sim_fail("self", "an engine keeps memory");
    }
    engine = NULL;
    make_store();
    if (process->allocations != 0) {
        sim_fail("memory", "an open engine has memory");
    }
}

/* ------------------------------------------------------------------------------ the list */

const sim_check self_judge_checks[] = {
    HOLDS(the_judge_is_content),
    BREAKS(lost, "lost"),
    BREAKS(delivered, "delivered"),
    BREAKS(states, "states"),
    BREAKS(exhausted, "exhausted"),
    BREAKS(held, "held"),
    BREAKS(attempts, "states"),
    BREAKS(tries, "states"),
    BREAKS(idle, "idle"),
    BREAKS(orphans, "orphans"),
    BREAKS(turns, "turns"),
    BREAKS(undone, "undone"),
    BREAKS(passed, "passed"),
    BREAKS(passed_for_a_while, "passed"),
    BREAKS(passed_by_an_owner, "passed"),
    HOLDS(a_position_may_pass_what_has_a_delivery),
    BREAKS(position, "position"),
    BREAKS(purged, "purged"),
    BREAKS(robbed, "robbed"),
    BREAKS(owners, "owners"),
    BREAKS(dead_owner, "dead_owner"),
    BREAKS(settled, "stuck"),
    BREAKS(explain, "explain"),
    BREAKS(memory, "memory"),
    { NULL, NULL, NULL },
};
