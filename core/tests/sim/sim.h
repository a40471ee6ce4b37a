/* sim.h - the whole engine in a world that one seed decides.
 *
 * Several engines ("processes"), each with its threads, publishers and operators, and a program
 * that writes into the same file, live in one process of the system. Everything that they ask
 * of the machine is answered here: threads, locks and conditions (sync.c), clocks, sleep,
 * chance, memory and the poller (machine.c), files (vfs.c, disk.c), receivers (net.c), rules
 * (rules.c), a source that is polled (polls.c). The engine and SQLite are the real ones, bit by bit: the linker puts
 * our functions in place of the system's (core/cmake/Simulator.cmake, --wrap).
 *
 * One thread runs at a time. At each of these calls the scheduler (sched.c) may hand over to
 * another, as its random numbers say; time is a number that grows a little with each call, and
 * jumps to the next timer when all wait. So a seed is a history, and the same seed the same one.
 *
 * The plan (plan.c) draws how many processes there are, what they do, and which faults come at
 * which step. A step is one call that the scheduler sees. The world (world.c) carries it out:
 * work and faults, then a time in which nothing more goes wrong, then everything is closed. The
 * model (model.c) knows what was asked for, what the receivers saw, and nothing of the engine.
 * It complains while the history goes on, and judge.c compares it with the store.
 *
 * Each seed runs in a child of its own (sim.c): what is killed there, threads and memory, is
 * gone with the child. shrink.c repeats a failing seed with less and less. */
#ifndef SIM_H
#define SIM_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "webhook.h"
#include "webhook_backend.h"

#define SIM_NEVER INT64_MAX
#define SIM_SLOTS 6   /* processes at once, the program included */
#define SIM_FAULTS 48 /* of one plan */
#define SIM_SECOND INT64_C(1000000)
#define SIM_POLLED 997 /* a receiver that is well: it takes what is polled */
#define SIM_TAKER 998  /* a receiver that is well: it takes what the engine tells of subscriptions */

/* ------------------------------------------------------------------------- the plan */

#define SIM_KINDS(X)                                                                                                   \
    X(pause, "a process stands still")                                                                                 \
    X(freeze, "several processes stand still together")                                                                \
    X(kill, "a process dies")                                                                                          \
    X(machine, "the machine dies: what was not synced may be lost")                                                    \
    X(clock, "a wall clock jumps")                                                                                     \
    X(lock, "another program holds the lock of the file")                                                              \
    X(full, "the disk is full")                                                                                        \
    X(io, "the disk fails")                                                                                            \
    X(slow, "the disk is slow")                                                                                        \
    X(memory, "allocations fail")                                                                                      \
    X(restart, "an engine is stopped, or closed, and begun again")                                                     \
    X(receiver, "receivers fail, hang, cut and lie")                                                                   \
    X(rule, "rules take long")                                                                                         \
    X(change, "subscriptions are changed, deliveries replayed")                                                        \
    X(spurious, "conditions wake without a reason")                                                                    \
    X(stall, "a thread stands still, and its process goes on")

enum sim_kind {
#define SIM_X(name, text) SIM_##name,
    SIM_KINDS(SIM_X)
#undef SIM_X
        SIM_KIND_COUNT
};

typedef struct sim_fault {
    int64_t step; /* not before this one */
    int kind;
    int64_t us;    /* how long */
    uint64_t draw; /* more chance, for what the kind needs */
    int off;       /* 1: taken out by the shrinking */
} sim_fault;

typedef struct sim_plan {
    uint64_t seed;
    unsigned kinds; /* bits of enum sim_kind */
    int64_t steps;  /* of the time in which things go wrong */
    int processes, subscriptions, events, publishers;
    int switch_one_in; /* a call hands over so often */
    int stall_one_in;  /* a call holds its thread up so often, where threads are held up */
    int one_type;      /* process modes: -1 mixed, or one of enum sim_mode */
    int64_t memory_bytes, in_flight;
    int64_t rule_us;             /* what a slow rule costs */
    int64_t latency_us, pace_us; /* of receivers; between two calls of a publisher, at most */
    int64_t retain_ms;           /* how long what is over is kept, 0: for ever */
    int backlog;                 /* receivers are slow and take one or two at a time */
    int late_ones;               /* processes stand still while they send what has an order */
    int mended;                  /* rules fail, hold back, and are mended */
    int crowded;                 /* good receivers beside bad neighbours (neighbours.h) */
    int polls;                   /* a source is polled (polls.h) */
    int one_survives;            /* in the end one process does it all; the others don't come back */
    int least_faults;
    int fault_count;
    sim_fault faults[SIM_FAULTS];
    int trace;
} sim_plan;

/* What the command line restricts; -1 and 0 bits: nothing. */
typedef struct sim_cut {
    int64_t steps;
    int processes, subscriptions, events;
    unsigned without;    /* kinds */
    uint64_t faults_off; /* bits of faults */
    int trace;
} sim_cut;

void sim_plan_draw(sim_plan *plan, uint64_t seed, const sim_cut *cut);
const char *sim_kind_name(int kind);
const char *sim_kind_text(int kind);

/* ----------------------------------------------------------------------- the outcome */

/* In memory that the child and the one who counts share. */
typedef struct sim_result {
    int finished, failed;
    uint64_t seed, hash;
    int64_t step, us;
    int64_t faults[SIM_KIND_COUNT];
    int events, sent, delivered;
    char invariant[32];
    char sentence[400];
} sim_result;

/* Runs a seed in this process, to the end or to the first broken promise. Doesn't return. */
_Noreturn void sim_run(const sim_plan *plan, sim_result *result);

/* child.c: the same in a child of its own; its death, and its standing still, are failures.
 * Children of several jobs go on at once. */
typedef void (*sim_body_of_child)(const sim_plan *plan, sim_result *result);
pid_t sim_child_start(sim_body_of_child body, const sim_plan *plan, sim_result *result, int job);
void sim_child_conclude(sim_result *result, int status);
void sim_child_run(sim_body_of_child body, const sim_plan *plan, sim_result *result);
sim_result *sim_results_new(int count);                   /* that children can write */
void sim_begin(const sim_plan *plan, sim_result *result); /* a world with nobody in it */

void sim_shrink(uint64_t seed, const sim_cut *cut);

/* Tests of the simulator itself; how many failed. */
int sim_check_self(void);

/* ----------------------------------------------------------------------- chance */

typedef struct sim_chance {
    uint64_t state;
} sim_chance;

void sim_chance_seed(sim_chance *chance, uint64_t a, uint64_t b);
uint64_t sim_draw(sim_chance *chance);
int64_t sim_below(sim_chance *chance, int64_t bound);              /* 0 to bound - 1 */
int64_t sim_spread(sim_chance *chance, int64_t low, int64_t high); /* by its logarithm */
static inline int sim_one_in(sim_chance *chance, int64_t n) {
    return sim_below(chance, n) == 0;
}

/* ------------------------------------------------------------------------ scheduler */

enum sim_mode { SIM_THREADS, SIM_STEPS, SIM_RUNS, SIM_PUBLISHES, SIM_MODES };

typedef struct sim_process {
    int number; /* 0: the world itself */
    int slot;
    int dead;       /* it never runs again */
    int left;       /* it ended by itself, closed properly */
    int leave;      /* it is asked to */
    int is_program; /* writes SQL, has no engine */
    int mode;
    int64_t paused_until;
    int64_t stall_us;      /* it will stand still for so long when it asks for the lock of a writer */
    int stall_publishes;   /* and while somebody publishes, not before */
    int was_held;          /* 1: a thread of it stood still for longer than a lease, and may have led a commit */
    int64_t send_stall_us; /* it will stand still for so long when it sends: who has the lease has lost it then */
    int publishes;         /* threads that are in wh_publish */
    int64_t wall_offset;   /* us */
    int64_t allocations;   /* of the engine, not given back */
    int64_t memory_fails_until, full_until, io_until;
    int64_t restart; /* 1: stop and start, 2: close and open */
    int actors;      /* threads beside the first */
    wh_engine *engine;
} sim_process;

typedef struct sim_thread sim_thread;

extern const sim_plan *sim_plan_now;
extern sim_result *sim_result_now;
extern int64_t sim_now;  /* us since the beginning, monotonic */
extern int64_t sim_step; /* calls seen */
extern int sim_is_calm;  /* 1: no thread is held up any more */
extern sim_chance sim_net_chance, sim_disk_chance;

void sim_sched_begin(const sim_plan *plan, sim_result *result);

sim_process *sim_process_new(int slot);
sim_process *sim_self_process(void);
/* Kills it. Doesn't return if it is the caller's. */
void sim_kill(sim_process *process);
int sim_process_count(void);
sim_process *sim_process_at(int index);

typedef void *(*sim_body)(void *payload);
sim_thread *sim_self_thread(void);
sim_thread *sim_thread_new(sim_process *process, sim_body body, void *payload);
void *sim_thread_join(sim_thread *thread);

/* The scheduler may hand over here. */
void sim_yield(void);
/* Nothing below hands over, and the disk does not fail: for those who look on. */
void sim_quiet_begin(void);
void sim_quiet_end(void);
int sim_is_quiet(void);

/* Waits for sim_wake(what) or until this time. 1: the time came first. */
int sim_block(const void *what, int64_t until);
void sim_wake(const void *what, int all);
void sim_sleep(int64_t us);

/* This thread is held up so long after so many calls more: what it has found out is old when it acts. */
void sim_hold_up(int calls, int64_t us);
void sim_spend(int64_t us); /* time passes for everybody, nobody else is asked */

int64_t sim_wall_us(void); /* this process's wall clock */
int64_t sim_cpu_us(void);

/* Folds what happened into the history's hash, and prints it if asked for. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define SIM_HASH(value) sim_hash((uint64_t)(value))
void sim_hash(uint64_t value);
_Noreturn void sim_fail(const char *invariant, const char *format, ...) __attribute__((format(printf, 2, 3)));
_Noreturn void sim_finish(void);

/* Called at steps: applies what the plan has for this one. */
extern void (*sim_on_step)(void);

/* ---------------------------------------------------------------------------- parts */

/* Memory of the simulator, which is not counted. */
void *sim_alloc(size_t size);
void sim_free(void *memory);

/* disk.c, vfs.c */
void sim_vfs_register(void);
void sim_disk_machine_dies(sim_chance *chance);
void sim_disk_process_dies(sim_process *process);
extern int64_t sim_disk_slow_until;

/* machine.c, memory.c */
void sim_machine_begin(void);
void sim_memory_begin(void);
/* Waits until the engine's descriptor is readable, at most us. */
void sim_wait_fd(int fd, int64_t us);
void sim_poller_wake_of(void *poller);

/* net.c */
struct whi_transport_vtable;
extern const struct whi_transport_vtable sim_transport;
extern int sim_net_healed; /* 1: receivers answer with success, soon */

/* rules.c */
extern const wh_rule_engine sim_rules;

/* world.c */
void sim_world(void);

#endif
