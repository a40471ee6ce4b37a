/* What processes do: an engine at work, publishers beside it, an operator, and a program that
 * knows only SQL. */
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "engine/context.h"
#include "engine/lease.h"
#include "outside/transport.h"
#include "polls.h"
#include "world.h"

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

/* A thread's own chance: what one does not ask for changes nothing for the others. */
typedef struct actor {
    sim_process *process;
    sim_chance chance;
    int number;
} actor;

static actor *actor_new(sim_process *process, int number) {
    actor *made = sim_alloc(sizeof *made);

    made->process = process;
    made->number = number;
    sim_chance_seed(&made->chance, sim_plan_now->seed, 100 + (uint64_t)process->number * 16 + (uint64_t)number);
    return made;
}

static void log_line(int level, const char *line, void *payload) {
    (void)payload;
    sim_note("log %d: %s", level, line);
    /* Where others hold the lock often, one may wait for it longer than another beats. */
    if (!model_excused() && !(sim_plan_now->kinds & 1u << SIM_lock) && !sim_self_process()->was_held &&
        strstr(line, "silent for too long") != NULL) {
        sim_fail("lease", "a process that nothing kept from it did not beat in time");
    }
}

/* --------------------------------------------------------------------- opening, closing */

static void open_engine(actor *self) {
    wh_options options = WH_OPTIONS_INIT;
    wh_limits limits = WH_LIMITS_INIT;
    wh_engine *engine = NULL;

    options.rules = &sim_rules;
    options.log = log_line;
    options.limits = &limits;
    limits.memory_bytes = sim_plan_now->memory_bytes;
    limits.in_flight = sim_plan_now->in_flight;
    options.retain = options.retain_failed = sim_plan_now->retain_ms;
    while (whi_open(&engine, STORE, &options, &sim_transport) != WH_OK) {
        sim_note("cannot open: %s", wh_last_error());
        if (self->process->allocations != 0) {
            sim_fail("memory", "%lld allocations are left of an engine that could not be opened",
                     (long long)self->process->allocations);
        }
        sim_sleep(sim_spread(&self->chance, 1000, SIM_SECOND));
    }
    polls_add(engine);
    self->process->engine = engine;
    sim_note("open");
}

static void close_engine(actor *self) {
    wh_engine *engine = self->process->engine;

    self->process->engine = NULL;
    if (atomic_load(&engine->count.forbidden) > 0) {
        sim_fail("state", "a delivery made a move that the table does not have");
    }
    wh_close(engine);
    sim_note("closed");
    if (self->process->allocations != 0) {
        sim_fail("memory", "%lld allocations are left of an engine that was closed",
                 (long long)self->process->allocations);
    }
}

/* ---------------------------------------------------------------------------- publishers */

static int wants_rest(const actor *self) {
    return self->process->leave || world_healing || world_events_left <= 0;
}

static void await_world(void) {
    while (!world_ready) {
        sim_sleep(10000);
    }
}

static void *publish_all(void *payload) {
    actor *self = payload;

    await_world();
    while (!wants_rest(self)) {
        sim_sleep(sim_spread(&self->chance, 10, sim_plan_now->pace_us));
        if (!wants_rest(self)) {
            publish_some(self->process, &self->chance);
        }
    }
    self->process->actors--;
    sim_wake(&self->process->actors, 1);
    return NULL;
}

static void *operate_all(void *payload) {
    actor *self = payload;

    await_world();
    while (!self->process->leave && !world_healing) {
        sim_sleep(sim_spread(&self->chance, 1000, SIM_SECOND));
        if (!self->process->leave && !world_healing) {
            operate_once(self->process, &self->chance);
            polls_operate(self->process);
        }
    }
    self->process->actors--;
    sim_wake(&self->process->actors, 1);
    return NULL;
}

static void start_others(sim_process *process) {
    for (int i = 0; i < sim_plan_now->publishers; i++) {
        process->actors++;
        sim_thread_new(process, publish_all, actor_new(process, 1 + i));
    }
    process->actors++;
    sim_thread_new(process, operate_all, actor_new(process, 15));
}

static void await_others(sim_process *process) {
    while (process->actors > 0) {
        sim_block(&process->actors, SIM_NEVER);
    }
}

/* ------------------------------------------------------------------------------ the motor */

/* Others publish meanwhile. */
static void stop_often(actor *self, unsigned threads) {
    wh_engine *engine = self->process->engine;
    int times = (int)sim_below(&self->chance, 4);

    for (int i = 0; i < times; i++) {
        wh_stop(engine, sim_below(&self->chance, 2) * 100);
        (void)wh_start(engine, threads);
        sim_sleep(sim_spread(&self->chance, 100, 100000));
    }
    sim_note("stop");
    wh_stop(engine, sim_below(&self->chance, 2) * 100);
}

/* Turned by threads of the engine: here one only looks on, and stops them now and then. */
static void by_threads(actor *self) {
    wh_engine *engine = self->process->engine;
    unsigned threads = 1 + (unsigned)sim_below(&self->chance, 3);
    int started = wh_start(engine, threads) == WH_OK;

    while (!self->process->leave && self->process->restart != 2) {
        sim_sleep(200000);
        if (self->process->restart == 1) {
            self->process->restart = 0;
            stop_often(self, threads);
            started = 0;
        }
        started = started || wh_start(engine, threads) == WH_OK;
    }
    if (sim_one_in(&self->chance, 2)) {
        wh_stop(engine, sim_below(&self->chance, 500));
    }
}

static void by_steps(actor *self) {
    wh_engine *engine = self->process->engine;

    while (!self->process->leave && self->process->restart != 2) {
        int done = wh_step(engine), timeout = done > 0 ? 0 : wh_timeout(engine);

        self->process->restart = self->process->restart == 1 ? 0 : self->process->restart;
        if (done < 0) {
            sim_note("step: %s", wh_last_error());
            sim_sleep(100000);
        } else if (timeout != 0) {
            sim_wait_fd(wh_fd(engine), (timeout < 0 || timeout > 500 ? 500 : timeout) * INT64_C(1000));
        }
    }
}

static void not_at_all(actor *self) {
    while (!self->process->leave && self->process->restart != 2) {
        sim_sleep(200000);
    }
}

/* Mostly soon again; now and then about when the engine takes it for asleep. */
static int64_t between_runs(actor *self) {
    return sim_one_in(&self->chance, 8) ? WHI_ASLEEP_US - SIM_SECOND / 2 + sim_spread(&self->chance, 1000, SIM_SECOND)
                                        : sim_spread(&self->chance, 10000, SIM_SECOND);
}

/* Some hosts turn their engine no more, and keep it open: what it has is others' to do. */
static void by_runs(actor *self) {
    int falls_asleep = sim_one_in(&self->chance, 2);

    while (!self->process->leave && self->process->restart != 2) {
        int64_t since = sim_step;
        int code;

        if (falls_asleep && world_healing && world_may_sleep(self->process)) {
            model_excuse();
            model_excuse_order();
            sim_note("turns it no more");
            not_at_all(self);
            return;
        }
        code = wh_run(self->process->engine);
        if (code == WH_OK) {
            judge_idle(since);
        }
        self->process->restart = self->process->restart == 1 ? 0 : self->process->restart;
        sim_note("run: %d", code);
        sim_sleep(between_runs(self));
    }
}

/* Who is back at once finds what it left; else the others have it. */
static void stay_away(actor *self) {
    int64_t until =
        sim_now + (sim_one_in(&self->chance, 2) ? 0 : sim_spread(&self->chance, SIM_SECOND, 15 * SIM_SECOND));

    while (sim_now < until && !self->process->leave && !world_healing) {
        sim_sleep(100000);
    }
}

static void *live(void *payload) {
    static void (*const motors[SIM_MODES])(actor *) = { by_threads, by_steps, by_runs, not_at_all };
    actor *self = payload;
    sim_process *process = self->process;

    open_engine(self);
    if (!world_healing) {
        start_others(process);
    }
    for (;;) {
        motors[process->mode](self);
        if (process->leave) {
            break;
        }
        process->leave = 1; /* the others first */
        await_others(process);
        close_engine(self);
        process->leave = process->restart = 0;
        stay_away(self);
        open_engine(self);
        if (!world_healing) {
            start_others(process);
        }
    }
    await_others(process);
    close_engine(self);
    process->left = 1;
    sim_disk_process_dies(process);
    return NULL;
}

void actors_start(sim_process *process) {
    sim_thread_new(process, live, actor_new(process, 0));
}

/* ------------------------------------------------------------------------------ the program */

static int run_sql(sqlite3 *db, const char *sql) {
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

static int insert(sqlite3 *db, const model_event *event) {
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(
        db, "INSERT INTO webhook_outbox (id, type, tenant, payload, key) VALUES (?, ?, ?, ?, ?)", -1, &statement, NULL);

    if (code == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, event->id[0] != '\0' ? event->id : NULL, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, model_types[event->type], -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 3, model_tenants[event->tenant], -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 4, event->payload, (int)event->payload_size, SQLITE_STATIC);
        sqlite3_bind_text(statement, 5, model_keys[event->key], -1, SQLITE_STATIC);
        code = sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return code == SQLITE_DONE ? SQLITE_OK : code;
}

/* A commit that failed for want of the lock changed nothing; what else it was nobody knows. */
static void settle_transaction(sqlite3 *db, model_event **events, int count, int code, int rolls_back) {
    int status = MODEL_UNKNOWN;

    if (code != SQLITE_OK || rolls_back) {
        status = MODEL_NEVER;
        run_sql(db, "ROLLBACK");
    } else {
        code = run_sql(db, "COMMIT");
        status = code == SQLITE_OK ? MODEL_ACCEPTED : (code & 0xff) == SQLITE_BUSY ? MODEL_NEVER : MODEL_UNKNOWN;
        if (code != SQLITE_OK) {
            run_sql(db, "ROLLBACK");
        }
    }
    for (int i = 0; i < count; i++) {
        if (status == MODEL_ACCEPTED) {
            model_accepted(events[i], NULL);
        } else {
            model_refused(events[i], status);
        }
    }
    sim_note("transaction of %d: %d", count, status);
}

static void write_some(actor *self, sqlite3 *db) {
    int count = 1 + (int)sim_below(&self->chance, 3), rolls_back = sim_one_in(&self->chance, 4);
    int long_one = (sim_plan_now->kinds & 1u << SIM_lock) != 0 && sim_one_in(&self->chance, 6);
    int code = run_sql(db, sim_one_in(&self->chance, 2) ? "BEGIN" : "BEGIN IMMEDIATE"), made = 0;
    model_event *events[3];

    if (code != SQLITE_OK) {
        return;
    }
    for (int i = 0; i < count && code == SQLITE_OK && world_events_left > 0; i++) {
        events[made] = event_drawn(&self->chance, self->process, 1);
        code = insert(db, events[made++]);
        if (sim_one_in(&self->chance, 4)) {
            sim_sleep(sim_spread(&self->chance, 1000, long_one ? 20 * SIM_SECOND : 300000));
        }
    }
    if (made > 0) {
        settle_transaction(db, events, made, code, rolls_back);
    } else {
        run_sql(db, "ROLLBACK");
    }
}

static void *write_rows(void *payload) {
    actor *self = payload;
    sqlite3 *db = NULL;

    while (sqlite3_open_v2(STORE, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK) {
        sqlite3_close(db);
        sim_sleep(SIM_SECOND);
    }
    sqlite3_busy_timeout(db, 5000);
    run_sql(db, "PRAGMA synchronous = FULL");
    while (!wants_rest(self)) {
        sim_sleep(sim_spread(&self->chance, 1000, 2 * SIM_SECOND));
        if (!wants_rest(self)) {
            write_some(self, db);
        }
    }
    sqlite3_close(db);
    self->process->left = 1;
    sim_disk_process_dies(self->process);
    return NULL;
}

void actors_start_program(sim_process *process) {
    sim_thread_new(process, write_rows, actor_new(process, 0));
}

/* ------------------------------------------------------------------------------ the locker */

typedef struct locker {
    sim_process *process;
    int64_t us;
    int rolls_back;
} locker;

static void *hold_lock(void *payload) {
    locker *self = payload;
    sqlite3 *db = NULL;

    if (sqlite3_open_v2(STORE, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) {
        sqlite3_busy_timeout(db, 5000);
        if (run_sql(db, "BEGIN IMMEDIATE") == SQLITE_OK) {
            sim_note("holds the lock for %lld us", (long long)self->us);
            sim_sleep(self->us);
            run_sql(db, self->rolls_back ? "ROLLBACK" : "COMMIT");
            sim_note("lets the lock go");
        }
    }
    sqlite3_close(db);
    self->process->left = 1;
    sim_disk_process_dies(self->process);
    return NULL;
}

void actors_start_locker(sim_process *process, int64_t us, int rolls_back) {
    locker *self = sim_alloc(sizeof *self);

    self->process = process;
    self->us = us;
    self->rolls_back = rolls_back;
    sim_thread_new(process, hold_lock, self);
}
