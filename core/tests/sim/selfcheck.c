/* Tests of the simulator itself: each in a child of its own, which says what was broken. A
 * checker that complains of nothing proves nothing, so each promise is broken once here. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "base/ident.h"
#include "disk.h"
#include "outside/transport.h"
#include "world.h"

#define SEEDS_TWICE 12

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

static void expect(int holds, const char *what) {
    if (!holds) {
        sim_fail("self", "expected: %s", what);
    }
}

/* ------------------------------------------------------------------------------ the disk */

static int holds(const sim_file *file, const char *text) {
    char found[8] = "";

    sim_disk_read(file, found, 3, 0);
    return memcmp(found, text, 3) == 0;
}

static void test_synced_bytes_outlive_the_machine(void) {
    sim_file *file = sim_disk_file("f", 1);
    int lost = 0, kept = 0;

    for (int i = 0; i < 40; i++) {
        sim_disk_write(file, "old", 3, 0);
        sim_disk_write(file, "old", 3, 5000);
        sim_disk_sync(file);
        sim_disk_write(file, "new", 3, 0);
        sim_disk_machine_dies(&sim_disk_chance);
        expect(holds(file, "old") || holds(file, "new"), "what was synced, or what was written");
        lost += holds(file, "old");
        kept += holds(file, "new");
        expect(file->size == 5003, "the size that was synced");
    }
    expect(lost > 0 && kept > 0, "unsynced bytes are sometimes lost and sometimes kept");
}

static void test_a_write_may_be_half_there(void) {
    sim_file *file = sim_disk_file("f", 1);
    unsigned char block[4 * SIM_SECTOR], found[4 * SIM_SECTOR];
    int torn = 0;

    for (int i = 0; i < 60; i++) {
        memset(block, 'a', sizeof block);
        sim_disk_write(file, block, sizeof block, 0);
        sim_disk_sync(file);
        memset(block, 'b', sizeof block);
        sim_disk_write(file, block, sizeof block, 0);
        sim_disk_machine_dies(&sim_disk_chance);
        sim_disk_read(file, found, sizeof found, 0);
        torn += memchr(found, 'a', sizeof found) != NULL && memchr(found, 'b', sizeof found) != NULL;
    }
    expect(torn > 0, "a write that is half there");
}

static void test_a_process_takes_no_bytes_with_it(void) {
    sim_file *file = sim_disk_file("f", 1);
    sim_process *process = sim_process_new(1);
    sim_handle handle = { 0 };

    sim_disk_open(&handle, file, process);
    sim_disk_write(file, "new", 3, 0);
    expect(sim_disk_lock(&handle, SQLITE_LOCK_SHARED) && sim_disk_shm_lock(&handle, 1, 1), "locks");
    sim_kill(process);
    expect(holds(file, "new"), "what it wrote");
    expect(handle.gone && handle.level == 0 && handle.own_locks == 0, "no lock of it");
}

static void test_locks_exclude(void) {
    sim_file *file = sim_disk_file("f", 1);
    sim_handle a = { 0 }, b = { 0 };

    sim_disk_open(&a, file, sim_self_process());
    sim_disk_open(&b, file, sim_self_process());
    expect(sim_disk_lock(&a, SQLITE_LOCK_SHARED) && sim_disk_lock(&b, SQLITE_LOCK_SHARED), "two readers");
    expect(sim_disk_lock(&a, SQLITE_LOCK_RESERVED) && !sim_disk_lock(&b, SQLITE_LOCK_RESERVED), "one writer");
    expect(!sim_disk_lock(&a, SQLITE_LOCK_EXCLUSIVE), "no other reader beside one who has it alone");
    sim_disk_unlock(&b, SQLITE_LOCK_NONE);
    expect(!sim_disk_lock(&b, SQLITE_LOCK_SHARED), "no new reader while one waits to have it alone");
    expect(sim_disk_lock(&a, SQLITE_LOCK_EXCLUSIVE), "alone");
    expect(sim_disk_shm_lock(&a, 6, 0) && sim_disk_shm_lock(&b, 2, 0), "two share");
    expect(!sim_disk_shm_lock(&b, 4, 1) && sim_disk_shm_lock(&b, 8, 1), "one has it alone");
    expect(!sim_disk_shm_lock(&a, 8, 0), "nobody shares what one has alone");
}

static sqlite3 *connect_to(const char *name) {
    sqlite3 *db = NULL;

    expect(sqlite3_open_v2(name, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ==
               SQLITE_OK,
           "a connection");
    sqlite3_busy_timeout(db, 100);
    return db;
}

static int run(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL) & 0xff;
}

static int count_rows(sqlite3 *db) {
    sqlite3_stmt *row = NULL;
    int count = -1;

    if (sqlite3_prepare_v2(db, "SELECT count(*) FROM t", -1, &row, NULL) == SQLITE_OK &&
        sqlite3_step(row) == SQLITE_ROW) {
        count = sqlite3_column_int(row, 0);
    }
    sqlite3_finalize(row);
    return count;
}

static void test_what_was_committed_outlives_the_machine(void) {
    for (int i = 1; i <= 10; i++) {
        sqlite3 *db = connect_to("db");

        run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE IF NOT EXISTS t (x)");
        expect(run(db, "INSERT INTO t VALUES (1)") == SQLITE_OK, "a row");
        expect(run(db, "BEGIN IMMEDIATE; INSERT INTO t VALUES (2)") == SQLITE_OK, "a row that is not committed");
        sim_disk_machine_dies(&sim_disk_chance);
        db = connect_to("db");
        expect(count_rows(db) == i, "the rows that were committed, and no others");
        sqlite3_close(db);
    }
}

static void test_writers_exclude_each_other(void) {
    sqlite3 *a = connect_to("db"), *b = connect_to("db");
    int64_t before = sim_now;

    run(a, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    expect(run(a, "BEGIN IMMEDIATE") == SQLITE_OK, "the lock");
    expect(run(b, "BEGIN IMMEDIATE") == SQLITE_BUSY, "no second lock");
    expect(sim_now - before > 90000, "simulated time that was waited");
    expect(run(a, "COMMIT") == SQLITE_OK && run(b, "BEGIN IMMEDIATE") == SQLITE_OK, "the lock, one after the other");
    run(b, "COMMIT");
    sqlite3_close(a);
    sqlite3_close(b);
}

static void test_a_disk_can_be_full(void) {
    sqlite3 *db = connect_to("db");
    int failed = 0;

    run(db, "PRAGMA journal_mode = WAL; CREATE TABLE t (x)");
    sim_self_process()->full_until = sim_now + SIM_SECOND;
    for (int i = 0; i < 5; i++) {
        failed += run(db, "INSERT INTO t VALUES (zeroblob(20000))") == SQLITE_FULL;
    }
    sim_self_process()->full_until = 0;
    expect(failed > 0, "a full disk");
    expect(run(db, "INSERT INTO t VALUES (1)") == SQLITE_OK, "room again");
    sqlite3_close(db);
}

/* ------------------------------------------------------------------------- the scheduler */

static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

static void *lock_both(void *payload) {
    pthread_mutex_t *a = payload, *b = a == &first ? &second : &first;

    pthread_mutex_lock(a);
    sim_sleep(1000);
    pthread_mutex_lock(b);
    return NULL;
}

static void break_by_locking_crosswise(void) {
    sim_thread *a = sim_thread_new(sim_self_process(), lock_both, &first);

    sim_thread_new(sim_self_process(), lock_both, &second);
    sim_thread_join(a);
}

static void break_by_foreign_unlock(void) {
    pthread_mutex_unlock(&first);
}

static void test_a_pause_stands_still(void) {
    int64_t before = sim_now;

    sim_self_process()->paused_until = sim_now + 5 * SIM_SECOND;
    sim_yield();
    expect(sim_now - before >= 5 * SIM_SECOND, "nobody runs while all stand still");
}

/* ----------------------------------------------------------------------------- the model */

static model_pair *last;

static model_subscription *draw_subscription(void) {
    model_subscription shape = { 0 };
    model_subscription *made;

    shape.cap = 2;
    shape.retry_count = 1;
    shape.possible_count = 1;
    shape.possible[0].types = 1;
    made = model_subscription_new(&shape);
    model_made(made, "sub_1");
    return made;
}

static model_event *draw_event(int type, int key) {
    model_event shape = { 0 };

    shape.type = type;
    shape.key = key;
    sim_step++;
    return model_event_new(&shape, 0);
}

static void arrives(const model_event *event, int open) {
    model_arrives(0, "id", event->payload, event->payload_size, 0, open, &last);
}

static void break_unwanted(void) {
    draw_subscription();
    arrives(draw_event(1, 0), 0);
}

static void break_rolled_back(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    model_refused(event, MODEL_NEVER);
    arrives(event, 0);
}

static void break_arrived_and_rolled_back(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    arrives(event, 0);
    model_refused(event, MODEL_NEVER);
}

static void break_twice_at_once(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    arrives(event, 0);
    arrives(event, 1);
}

static void break_twice(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 200, 0);
    arrives(event, 0);
}

static void test_a_pause_excuses_a_repeat(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 200, 0);
    model_excuse();
    arrives(event, 0);
}

static void break_retries(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    arrives(event, 0);
    model_answers(last, 0, 500, 0);
    arrives(event, 0);
}

static void break_single_use(void) {
    draw_subscription()->single_use = 1;
    arrives(draw_event(0, 0), 0);
    arrives(draw_event(0, 0), 0);
}

static void break_bytes(void) {
    char text[] = "{\"n\":0,\"what\":1}";

    draw_subscription();
    draw_event(0, 0);
    model_arrives(0, "id", text, strlen(text), 0, 0, &last);
}

static void break_id(void) {
    model_event *event;

    draw_subscription();
    event = draw_event(0, 0);
    model_accepted(event, "another");
    arrives(event, 0);
}

static void break_unknown(void) {
    char text[] = "{\"n\":7,\"what\":1}";

    draw_subscription();
    model_arrives(0, "id", text, strlen(text), 0, 0, &last);
}

static void break_cap(void) {
    draw_subscription();
    arrives(draw_event(0, 0), 2);
}

static void break_order(void) {
    model_event *early, *late;

    draw_subscription()->order = MODEL_KEY;
    early = draw_event(0, 1);
    sim_step++;
    model_accepted(early, "id");
    late = draw_event(0, 1);
    arrives(late, 0);
}

/* ----------------------------------------------------------------------------- the judge */

static wh_engine *engine;

/* A store with an event that one subscription wants, and nobody at work. */
static void make_store(void) {
    wh_options options = WH_OPTIONS_INIT;
    wh_event given = WH_EVENT_INIT;
    wh_receipt receipt;
    char id[WH_ID_SIZE];
    model_event *event;

    expect(whi_open(&engine, STORE, &options, &sim_transport) == WH_OK, "an engine");
    expect(wh_subscribe(engine, "{\"url\":\"http://r.test/0\",\"events\":[\"a.x\"],\"retry\":[0]}", WH_ZSTR, id) ==
               WH_OK,
           "a subscription");
    draw_subscription();
    model_made(model_subscriptions[0], id);
    event = draw_event(0, 0);
    given.type = model_types[0];
    given.payload = event->payload;
    given.payload_size = event->payload_size;
    expect(wh_publish(engine, &given, &receipt) == WH_OK, "an event");
    model_accepted(event, receipt.id);
}

static void tamper(const char *sql) {
    sqlite3 *db = connect_to(STORE);

    expect(run(db, sql) == SQLITE_OK, "a statement that runs");
    sqlite3_close(db);
}

static void deliver(void) {
    make_store();
    expect(wh_run(engine) == WH_OK, "work");
    judge_watch();
}

static void test_the_judge_is_content(void) {
    char why[200];

    deliver();
    expect(judge_settled(why, sizeof why), why);
    judge_end(engine);
    wh_close(engine);
    judge_close();
    expect(sim_self_process()->allocations == 0, "no memory is left");
}

static void break_lost(void) {
    make_store();
    tamper("DELETE FROM webhook_pending");
    judge_end(engine);
}

static void break_delivered(void) {
    make_store();
    expect(wh_run(engine) == WH_OK, "work");
    model_pair_of(0, 0)->successes = 0;
    judge_watch();
}

static void break_states(void) {
    deliver();
    tamper("UPDATE webhook_deliveries SET state = 1");
    judge_watch();
}

static void break_exhausted(void) {
    make_store();
    expect(wh_run(engine) == WH_OK, "work");
    tamper("UPDATE webhook_deliveries SET state = 4");
    judge_watch();
}

static void break_held(void) {
    deliver();
    model_pair_of(0, 0)->want = MODEL_HELD;
    judge_end(engine);
}

static void break_attempts(void) {
    deliver();
    tamper("UPDATE webhook_deliveries SET attempts = 0");
    judge_watch();
}

static void break_idle(void) {
    make_store();
    tamper("UPDATE webhook_pending SET owner = 77");
    sim_quiet_begin();
    judge_idle(engine, sim_step + 1);
}

static void break_orphans(void) {
    make_store();
    expect(judge_begin(), "a judge who sees each commit");
    judge_watch();
    tamper("UPDATE webhook_pending SET owner = 77; UPDATE webhook_pending SET owner = 0");
    judge_watch();
}

static void break_marks(void) {
    make_store();
    tamper("UPDATE webhook_pending SET owner = 77");
    judge_watch();
}

static void break_owners(void) {
    deliver();
    expect(judge_begin(), "a judge who sees each commit");
    tamper("INSERT INTO webhook_workers VALUES (7, 0); DELETE FROM webhook_workers WHERE id = 7");
    judge_watch();
    tamper("INSERT INTO webhook_workers VALUES (7, 0)");
    judge_watch();
}

static void break_dead_owner(void) {
    deliver();
    tamper("INSERT INTO webhook_workers VALUES (77, 1)");
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
    tamper("DELETE FROM webhook_deliveries");
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

/* ----------------------------------------------------------------------------- the list */

typedef struct check {
    const char *name;
    void (*body)(void);
    const char *invariant; /* that must be found broken; NULL: none */
} check;

#define HOLDS(name) { #name, test_##name, NULL }
#define BREAKS(name, invariant) { "finds " #name, break_##name, invariant }

static const check checks[] = {
    HOLDS(synced_bytes_outlive_the_machine),
    HOLDS(a_write_may_be_half_there),
    HOLDS(a_process_takes_no_bytes_with_it),
    HOLDS(locks_exclude),
    HOLDS(what_was_committed_outlives_the_machine),
    HOLDS(writers_exclude_each_other),
    HOLDS(a_disk_can_be_full),
    HOLDS(a_pause_stands_still),
    BREAKS(by_locking_crosswise, "deadlock"),
    BREAKS(by_foreign_unlock, "lock"),
    BREAKS(unwanted, "unwanted"),
    BREAKS(rolled_back, "rolled_back"),
    BREAKS(arrived_and_rolled_back, "rolled_back"),
    BREAKS(twice_at_once, "twice"),
    BREAKS(twice, "twice"),
    HOLDS(a_pause_excuses_a_repeat),
    BREAKS(retries, "retries"),
    BREAKS(single_use, "single_use"),
    BREAKS(bytes, "bytes"),
    BREAKS(id, "id"),
    BREAKS(unknown, "unknown"),
    BREAKS(cap, "cap"),
    BREAKS(order, "order"),
    HOLDS(the_judge_is_content),
    BREAKS(lost, "lost"),
    BREAKS(delivered, "delivered"),
    BREAKS(states, "states"),
    BREAKS(exhausted, "exhausted"),
    BREAKS(held, "held"),
    BREAKS(attempts, "states"),
    BREAKS(idle, "idle"),
    BREAKS(orphans, "orphans"),
    BREAKS(marks, "orphans"),
    BREAKS(owners, "owners"),
    BREAKS(dead_owner, "dead_owner"),
    BREAKS(settled, "stuck"),
    BREAKS(explain, "explain"),
    BREAKS(memory, "memory"),
};

static const check *chosen;

static void run_check(const sim_plan *plan, sim_result *result) {
    sim_begin(plan, result);
    chosen->body();
    sim_finish();
}

static int fails(const check *which) {
    sim_plan plan = { 0 };
    sim_result result;
    int as_expected;

    plan.switch_one_in = 3;
    plan.latency_us = 1000;
    chosen = which;
    sim_child_run(run_check, &plan, &result);
    as_expected = which->invariant == NULL ? !result.failed
                                           : result.failed && strcmp(result.invariant, which->invariant) == 0;
    if (!as_expected) {
        printf("%s: expected %s, found %s: %s\n", which->name, which->invariant != NULL ? which->invariant : "nothing",
               result.failed ? result.invariant : "nothing", result.sentence);
    }
    return !as_expected;
}

/* A seed is one history. */
static int differs(uint64_t seed) {
    static const sim_cut whole = { -1, -1, -1, -1, 0, 0, 0, 0 };
    sim_plan plan;
    sim_result one, two;

    sim_plan_draw(&plan, seed, &whole);
    sim_child_run(sim_run, &plan, &one);
    sim_child_run(sim_run, &plan, &two);
    if (one.hash != two.hash || one.step != two.step) {
        printf("seed %llu is not the same twice: %lld steps and %lld\n", (unsigned long long)seed, (long long)one.step,
               (long long)two.step);
        return 1;
    }
    return 0;
}

int sim_check_self(void) {
    size_t count = sizeof checks / sizeof *checks;
    int failed = 0;

    for (size_t i = 0; i < count; i++) {
        failed += fails(&checks[i]);
    }
    for (uint64_t seed = 1; seed <= SEEDS_TWICE; seed++) {
        failed += differs(seed);
    }
    printf("%zu tests of the simulator, %d seeds twice, %d failed\n", count, SEEDS_TWICE, failed);
    return failed;
}
