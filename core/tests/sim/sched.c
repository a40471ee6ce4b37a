/* The scheduler: one thread at a time, and which one by chance. */
#include "sim.h"

#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "wraps.h"

#define THREADS 512
#define PROCESSES 256
#define STALL_US 600 /* at most, for each step between two: often and short, or seldom and long */
#define STACK_BYTES 1048576

enum state { READY, BLOCKED, ENDED };

struct sim_thread {
    int number;
    enum state state;
    sim_process *process;
    const void *waits_for;
    int64_t until;
    int timed_out;
    int64_t cpu_us;
    int held_in; /* calls until it is held up; 0: it is not */
    int64_t held_us;
    sim_body body;
    void *payload, *value;
    pthread_t real;
    sem_t turn;
};

const sim_plan *sim_plan_now;
sim_result *sim_result_now;
int64_t sim_now, sim_step;
int sim_is_calm;
sim_chance sim_net_chance, sim_disk_chance;
void (*sim_on_step)(void);

static sim_chance chance, stalls;
static sim_thread *threads[THREADS]; /* those that may run again */
static int thread_count, thread_number;
static sim_process *processes[PROCESSES];
static int process_count;
static sim_thread *running;
static int quiet;

/* ------------------------------------------------------------------------- chance */

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
uint64_t sim_draw(sim_chance *from) {
    uint64_t z = (from->state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void sim_chance_seed(sim_chance *out, uint64_t a, uint64_t b) {
    sim_chance first = { a };

    out->state = sim_draw(&first) ^ b * UINT64_C(0xd6e8feb86659fd93);
    sim_draw(out);
}

int64_t sim_below(sim_chance *from, int64_t bound) {
    return bound <= 1 ? 0 : (int64_t)(sim_draw(from) % (uint64_t)bound);
}

int64_t sim_spread(sim_chance *from, int64_t low, int64_t high) {
    int64_t at = low < 1 ? 1 : low;
    int doublings = 0;

    while (at < high && doublings < 62) {
        at *= 2;
        doublings++;
    }
    at = (low < 1 ? 1 : low) << sim_below(from, doublings + 1);
    at += sim_below(from, at);
    return at < high ? at : high;
}

/* ------------------------------------------------------------------------ history */

void sim_hash(uint64_t value) {
    sim_result_now->hash = (sim_result_now->hash ^ value) * UINT64_C(1099511628211);
}

static void hash_text(const char *text) {
    for (; *text != '\0'; text++) {
        sim_hash((unsigned char)*text);
    }
}

void sim_note(const char *format, ...) {
    char line[512];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    hash_text(line);
    if (sim_plan_now->trace) {
        printf("%8lld %12.6f p%d.%d  %s\n", (long long)sim_step, (double)sim_now / 1e6,
               running != NULL ? running->process->number : 0, running != NULL ? running->number : 0, line);
    }
}

_Noreturn void sim_finish(void) {
    sim_result_now->step = sim_step;
    sim_result_now->us = sim_now;
    sim_result_now->finished = 1;
    fflush(stdout);
    _exit(0);
}

_Noreturn void sim_fail(const char *invariant, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sim_result_now->sentence, sizeof sim_result_now->sentence, format, arguments);
    va_end(arguments);
    snprintf(sim_result_now->invariant, sizeof sim_result_now->invariant, "%s", invariant);
    sim_result_now->failed = 1;
    sim_note("FAILED %s: %s", invariant, sim_result_now->sentence);
    sim_finish();
}

/* ---------------------------------------------------------------------- processes */

sim_process *sim_process_new(int slot) {
    sim_process *made = sim_alloc(sizeof *made);

    if (process_count == PROCESSES) {
        sim_fail("simulator", "more than %d processes", PROCESSES);
    }
    made->slot = slot;
    made->number = process_count;
    processes[process_count++] = made;
    return made;
}

int sim_process_count(void) {
    return process_count;
}

sim_process *sim_process_at(int index) {
    return processes[index];
}

sim_process *sim_self_process(void) {
    return running->process;
}

sim_thread *sim_self_thread(void) {
    return running;
}

static void drop_thread(int index) {
    threads[index] = threads[--thread_count];
}

/* ------------------------------------------------------------------------ choosing */

static int64_t later(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* When it can run: now or before, or SIM_NEVER. */
static int64_t runs_at(const sim_thread *thread) {
    if (thread->state == READY) {
        return thread->process->paused_until;
    }
    return thread->until == SIM_NEVER ? SIM_NEVER : later(thread->until, thread->process->paused_until);
}

static void tell_deadlock(void) {
    char who[200] = "";
    size_t used = 0;

    for (int i = 0; i < thread_count && used < sizeof who - 24; i++) {
        used +=
            (size_t)snprintf(who + used, sizeof who - used, " p%d.%d", threads[i]->process->number, threads[i]->number);
    }
    sim_fail("deadlock", "all threads wait for each other, and none for a time:%s", who);
}

static int count_able(int64_t *next) {
    int able = 0;

    *next = SIM_NEVER;
    for (int i = 0; i < thread_count; i++) {
        int64_t at = runs_at(threads[i]);
        able += at <= sim_now;
        *next = at < *next ? at : *next;
    }
    return able;
}

static sim_thread *nth_able(int n) {
    for (int i = 0; i < thread_count; i++) {
        if (runs_at(threads[i]) <= sim_now && n-- == 0) {
            return threads[i];
        }
    }
    return NULL;
}

static sim_thread *pick(void) {
    sim_thread *picked;
    int64_t next;
    int able = count_able(&next);

    if (able == 0) {
        if (next == SIM_NEVER) {
            tell_deadlock();
        }
        sim_now = next;
        able = count_able(&next);
    }
    picked = nth_able((int)sim_below(&chance, able));
    if (picked->state == BLOCKED) {
        picked->state = READY;
        picked->timed_out = 1;
        picked->waits_for = NULL;
    }
    return picked;
}

static void await_turn(sim_thread *self) {
    while (sem_wait(&self->turn) != 0) {}
}

/* Another thread runs, and some time this one again, unless it has ended or is dead. */
static void hand_over(void) {
    sim_thread *self = running, *next = pick();

    if (next == self) {
        return;
    }
    SIM_HASH(next->number);
    SIM_HASH(sim_now);
    running = next;
    sem_post(&next->turn);
    await_turn(self);
}

void sim_hold_up(int calls, int64_t us) {
    if (running != NULL && (sim_plan_now->kinds & 1u << SIM_stall) != 0) {
        running->held_in = calls;
        running->held_us = us;
    }
}

/* One thread is not given a processor for a while: less than a lease lasts. */
static void stall(void) {
    if (running->held_in > 0 && --running->held_in == 0) {
        sim_result_now->faults[SIM_stall]++;
        running->process->was_held = 1;
        sim_sleep(running->held_us);
    }
    if ((sim_plan_now->kinds & 1u << SIM_stall) && !sim_is_calm && running->process->number != 0 &&
        sim_one_in(&stalls, sim_plan_now->stall_one_in)) {
        sim_result_now->faults[SIM_stall]++;
        sim_sleep(sim_spread(&stalls, 1000, sim_plan_now->stall_one_in * STALL_US));
    }
}

void sim_yield(void) {
    if (quiet || running == NULL) {
        return;
    }
    sim_step++;
    sim_result_now->step = sim_step;
    sim_now += 1 + sim_below(&chance, 8);
    running->cpu_us += 4;
    if (sim_on_step != NULL) {
        sim_on_step();
    }
    stall();
    if (running->process->paused_until > sim_now || sim_one_in(&chance, sim_plan_now->switch_one_in)) {
        hand_over();
    }
}

void sim_quiet_begin(void) {
    quiet++;
}

void sim_quiet_end(void) {
    quiet--;
}

int sim_is_quiet(void) {
    return quiet > 0;
}

void sim_kill(sim_process *process) {
    process->dead = 1;
    for (int i = thread_count - 1; i >= 0; i--) {
        if (threads[i]->process == process) {
            drop_thread(i);
        }
    }
    sim_disk_process_dies(process);
    if (running->process == process) {
        hand_over(); /* for ever */
    }
}

/* ------------------------------------------------------------------------- waiting */

int sim_block(const void *what, int64_t until) {
    sim_thread *self = running;

    if (quiet) {
        sim_fail("simulator", "a wait where nothing may wait");
    }
    self->state = BLOCKED;
    self->waits_for = what;
    self->until = until;
    self->timed_out = 0;
    hand_over();
    return self->timed_out;
}

static void make_ready(sim_thread *thread) {
    thread->state = READY;
    thread->waits_for = NULL;
    thread->timed_out = 0;
}

void sim_wake(const void *what, int all) {
    int waiting = 0, chosen;

    for (int i = 0; i < thread_count; i++) {
        waiting += threads[i]->state == BLOCKED && threads[i]->waits_for == what;
    }
    chosen = all ? -1 : (int)sim_below(&chance, waiting);
    for (int i = 0; i < thread_count; i++) {
        if (threads[i]->state == BLOCKED && threads[i]->waits_for == what && (all || chosen-- == 0)) {
            make_ready(threads[i]);
        }
    }
}

void sim_sleep(int64_t us) {
    if (quiet) {
        return;
    }
    sim_step++;
    sim_block(NULL, sim_now + (us > 0 ? us : 1));
}

void sim_spend(int64_t us) {
    if (!quiet) {
        sim_now += us;
    }
}

int64_t sim_wall_us(void) {
    return INT64_C(1795000000000000) + sim_now + (running != NULL ? running->process->wall_offset : 0);
}

int64_t sim_cpu_us(void) {
    return running != NULL ? running->cpu_us : 0;
}

/* ------------------------------------------------------------------------- threads */

static void *live(void *payload) {
    sim_thread *self = payload;

    await_turn(self);
    self->value = self->body(self->payload);
    self->state = ENDED;
    for (int i = 0; i < thread_count; i++) {
        if (threads[i] == self) {
            drop_thread(i);
            break;
        }
    }
    sim_wake(self, 1);
    running = pick();
    SIM_HASH(running->number);
    sem_post(&running->turn);
    return NULL;
}

sim_thread *sim_thread_new(sim_process *process, sim_body body, void *payload) {
    sim_thread *made = sim_alloc(sizeof *made);
    pthread_attr_t attributes;

    if (thread_count == THREADS) {
        sim_fail("simulator", "more than %d threads", THREADS);
    }
    made->number = thread_number++;
    made->process = process;
    made->body = body;
    made->payload = payload;
    made->until = SIM_NEVER;
    sem_init(&made->turn, 0, 0);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    if (__real_pthread_create(&made->real, &attributes, live, made) != 0) {
        sim_fail("simulator", "no thread");
    }
    pthread_attr_destroy(&attributes);
    threads[thread_count++] = made;
    return made;
}

void *sim_thread_join(sim_thread *thread) {
    while (thread->state != ENDED) {
        sim_block(thread, SIM_NEVER);
    }
    return thread->value;
}

void sim_sched_begin(const sim_plan *plan, sim_result *result) {
    static sim_thread first;

    sim_plan_now = plan;
    sim_result_now = result;
    result->seed = plan->seed;
    result->hash = UINT64_C(14695981039346656037);
    sim_chance_seed(&chance, plan->seed, 1);
    sim_chance_seed(&stalls, plan->seed, 6);
    sim_chance_seed(&sim_net_chance, plan->seed, 2);
    sim_chance_seed(&sim_disk_chance, plan->seed, 3);
    first.process = sim_process_new(-1);
    first.until = SIM_NEVER;
    first.number = thread_number++;
    sem_init(&first.turn, 0, 0);
    threads[thread_count++] = &first;
    running = &first;
}
