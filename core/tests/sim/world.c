/* The world: starts everybody, does the faults, heals, and asks the judge. */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "disk.h"
#include "outside/transport.h"
#include "polls.h"

#define HEAL_LIMIT (90 * SIM_SECOND)
#define OWNERS_AFTER (20 * SIM_SECOND)
#define CALM_LIMIT (120 * SIM_SECOND)
#define CLOSE_LIMIT (120 * SIM_SECOND)

int whi_open(wh_engine **out, const char *store, const wh_options *options, const whi_transport_vtable *transport);

int world_healing, world_ready, world_events_left;

static sim_process *slots[SIM_SLOTS];
static int64_t starts_at[SIM_SLOTS], base_step;
static int slot_count, program_slot, next_fault, machine_died;
static int survivor = -1; /* the slot that is left in the end; -1: all are */
static int64_t furthest;  /* of all wall clocks that were shown */
static sim_chance chance;

/* ------------------------------------------------------------------------ processes */

static int mode_of(int slot) {
    if (sim_plan_now->one_type >= 0) {
        return sim_plan_now->one_type;
    }
    return (int)sim_below(&chance, slot == 0 ? SIM_PUBLISHES : SIM_MODES);
}

static void start_slot(int slot) {
    sim_process *was = slots[slot], *made = sim_process_new(slot);

    made->wall_offset = was != NULL ? was->wall_offset : 0;
    slots[slot] = made;
    if (slot == program_slot) {
        made->is_program = 1;
        actors_start_program(made);
        return;
    }
    made->mode = mode_of(slot);
    sim_note("process %d starts in slot %d, mode %d", made->number, slot, made->mode);
    actors_start(made);
}

static int is_over(const sim_process *process) {
    return process->dead || process->left;
}

/* Somebody else is there to do it all. */
int world_may_sleep(const sim_process *process) {
    return process->slot != (survivor >= 0 ? survivor : 0);
}

/* Who died comes again after a while. */
static void restart_dead(void) {
    for (int i = 0; i < slot_count; i++) {
        if (slots[i] == NULL || !is_over(slots[i]) || (slots[i]->is_program && slots[i]->left) ||
            (survivor >= 0 && i != survivor)) {
            continue;
        }
        if (starts_at[i] == 0) {
            starts_at[i] = sim_now + sim_spread(&chance, 1000, 15 * SIM_SECOND);
        }
        if (world_healing || sim_now >= starts_at[i]) {
            starts_at[i] = 0;
            start_slot(i);
        }
    }
}

/* --------------------------------------------------------------------------- faults */

static sim_process *target_of(const sim_fault *fault) {
    sim_process *self = sim_self_process();
    int first = (int)((fault->draw >> 8 & 0xffff) % (unsigned)slot_count);

    if (self->number != 0 && self->slot >= 0 && fault->draw % 4 != 0) {
        return self;
    }
    for (int i = 0; i < slot_count; i++) {
        sim_process *process = slots[(first + i) % slot_count];
        if (process != NULL && !is_over(process)) {
            return process;
        }
    }
    return NULL;
}

static void pause_process(sim_process *process, int64_t us) {
    process->paused_until = sim_now + us;
    sim_note("process %d stands still for %lld us", process->number, (long long)us);
}

static void freeze(const sim_fault *fault) {
    for (int i = 0; i < slot_count; i++) {
        if (slots[i] != NULL && !is_over(slots[i]) && (fault->draw >> i) % 4 != 0) {
            pause_process(slots[i], fault->us);
        }
    }
}

static void kill_machine(void) {
    sim_process *self = sim_self_process();

    sim_note("the machine dies");
    machine_died = 1;
    sim_disk_machine_dies(&sim_disk_chance);
    for (int i = 1; i < sim_process_count(); i++) {
        sim_process *process = sim_process_at(i);
        if (process != self && !is_over(process)) {
            sim_kill(process);
        }
    }
    if (self->number != 0) {
        sim_kill(self);
    }
}

static void set_clock(const sim_fault *fault, sim_process *process) {
    int all = (fault->draw >> 4) % 3 == 0;

    for (int i = 0; i < slot_count; i++) {
        if (slots[i] != NULL && (all || slots[i] == process)) {
            slots[i]->wall_offset = fault->us;
            sim_note("the clock of process %d is off by %lld us", slots[i]->number, (long long)fault->us);
        }
    }
    furthest = fault->us > furthest ? fault->us : furthest;
}

static void hold_lock(const sim_fault *fault) {
    sim_process *made = sim_process_new(-1);

    made->is_program = 1;
    actors_start_locker(made, fault->us, fault->draw % 2 == 0);
}

/* What happens at once. May not return. */
static void strike(const sim_fault *fault, sim_process *process) {
    switch (fault->kind) {
    case SIM_pause:
        if (sim_plan_now->late_ones && (fault->draw >> 22) % 4 != 0) {
            process->send_stall_us = fault->us;
        } else if ((fault->draw >> 20) % 2 == 0) {
            pause_process(process, fault->us);
        } else {
            process->stall_us = fault->us;
            process->stall_publishes = (fault->draw >> 21) % 2 == 0;
        }
        break;
    case SIM_freeze:
        freeze(fault);
        break;
    case SIM_kill:
        sim_kill(process);
        break;
    case SIM_machine:
        kill_machine();
        break;
    case SIM_clock:
        set_clock(fault, process);
        break;
    default:
        hold_lock(fault);
    }
}

/* What goes on for a while. */
static void trouble(const sim_fault *fault, sim_process *process) {
    int64_t end = sim_now + fault->us;

    switch (fault->kind) {
    case SIM_full:
        process->full_until = end;
        break;
    case SIM_io:
        process->io_until = end;
        break;
    case SIM_slow:
        sim_disk_slow_until = end;
        break;
    case SIM_memory:
        process->memory_fails_until = end;
        break;
    default:
        process->restart = 1 + (int64_t)(fault->draw >> 5) % 2;
    }
}

/* Some faults may make a request come twice; a clock, a foreign lock, short memory and a slow disk are none
 * of them. */
static int excuses(int kind) {
    return kind != SIM_clock && kind != SIM_lock && kind != SIM_memory && kind != SIM_slow;
}

/* Work may go from one process to another. */
static int excuses_order(int kind) {
    return kind == SIM_pause || kind == SIM_freeze || kind == SIM_kill || kind == SIM_machine || kind == SIM_restart;
}

static void do_fault(const sim_fault *fault) {
    sim_process *process = target_of(fault);

    if (process == NULL) {
        return;
    }
    sim_result_now->faults[fault->kind]++;
    sim_note("fault %d: %s, process %d, %lld us", next_fault - 1, sim_kind_name(fault->kind), process->number,
             (long long)fault->us);
    if (excuses(fault->kind)) {
        model_excuse();
    }
    if (excuses_order(fault->kind)) {
        model_excuse_order();
    }
    if (fault->kind < SIM_full) {
        strike(fault, process);
    } else {
        trouble(fault, process);
    }
}

static void on_step(void) {
    while (!world_healing && next_fault < sim_plan_now->fault_count &&
           sim_step - base_step >= sim_plan_now->faults[next_fault].step) {
        const sim_fault *fault = &sim_plan_now->faults[next_fault++];
        if (!fault->off) {
            do_fault(fault);
        }
    }
}

/* ----------------------------------------------------------------------------- phases */

/* As a thread of that process: what it allocates is the process's. */
static void *set_up_at(void *payload) {
    operate_setup(((sim_process *)payload)->engine);
    return NULL;
}

static void *heal_at(void *payload) {
    return operate_heal(((sim_process *)payload)->engine) == 0 ? payload : NULL;
}

static void *within(sim_process *process, sim_body body) {
    return sim_thread_join(sim_thread_new(process, body, process));
}

static void set_up(void) {
    sim_is_calm = 1;
    polls_begin();
    slot_count = sim_plan_now->processes + (int)sim_below(&chance, 2);
    program_slot = slot_count > sim_plan_now->processes ? sim_plan_now->processes : -1;
    world_events_left = sim_plan_now->events;
    start_slot(0);
    while (slots[0]->engine == NULL) {
        sim_sleep(10000);
    }
    within(slots[0], set_up_at);
    while (!judge_begin()) {
        sim_sleep(10000);
    }
    polls_await_first();
    world_ready = 1;
    sim_is_calm = 0;
    for (int i = 1; i < slot_count; i++) {
        start_slot(i);
    }
    base_step = sim_step;
}

static void notice_machine(void) {
    if (machine_died) {
        machine_died = 0;
        judge_reopen();
    }
}

/* A pause lasts as long as it was meant to: short ones cost nobody his row. */
static int somebody_stands(void) {
    for (int i = 0; i < slot_count; i++) {
        if (!is_over(slots[i]) && slots[i]->paused_until > sim_now) {
            return 1;
        }
    }
    return 0;
}

static void go_wrong(void) {
    int looks = 0;

    sim_on_step = on_step;
    while (somebody_stands() || (sim_step - base_step < sim_plan_now->steps &&
                                 (world_events_left > 0 || next_fault < sim_plan_now->fault_count))) {
        sim_sleep(50000);
        notice_machine();
        restart_dead();
        if (++looks % 8 == 0) {
            judge_watch();
        }
    }
    sim_on_step = NULL;
}

static void stop_faults(void) {
    world_healing = 1;
    notice_machine();
    sim_net_healed = sim_is_calm = 1;
    sim_disk_slow_until = 0;
    for (int i = 1; i < sim_process_count(); i++) {
        sim_process *process = sim_process_at(i);
        process->paused_until = process->stall_us = process->send_stall_us = 0;
        process->full_until = process->io_until = process->memory_fails_until = 0;
        process->wall_offset = 0;
    }
    sim_note("healing");
}

/* Of the slowest that it has had: a former version decides what was accepted then. */
static int64_t cost_of_rule(const model_subscription *subscription) {
    int64_t cost = subscription->possible[0].cost;

    for (int i = 0; i < subscription->shape_count; i++) {
        cost = subscription->shapes[i].cost > cost ? subscription->shapes[i].cost : cost;
    }
    return cost;
}

/* All that rules may cost in all, several times over. */
static int64_t cost_of_rules(void) {
    int64_t cost = 0;

    for (int k = 0; k < model_subscription_count; k++) {
        cost += cost_of_rule(model_subscriptions[k]) * model_event_count;
    }
    return cost;
}

/* Who still publishes, changes, replays, writes rows or holds the lock. */
static int count_busy(void) {
    int busy = 0;

    for (int i = 1; i < sim_process_count(); i++) {
        const sim_process *process = sim_process_at(i);
        busy += is_over(process) ? 0 : process->is_program ? 1 : process->actors;
    }
    return busy;
}

/* Whoever began something ends it. */
static void calm_down(void) {
    int64_t end = sim_now + CALM_LIMIT + cost_of_rules();

    while (count_busy() > 0) {
        if (sim_now > end) {
            sim_fail("stuck", "calls to an engine do not return");
        }
        restart_dead();
        sim_sleep(SIM_SECOND / 2);
    }
}

/* The last one has all that the others leave, and whatever became of it before. */
static void choose_survivor(void) {
    for (int i = 0; i < slot_count && survivor < 0 && sim_plan_now->one_survives; i++) {
        if (!is_over(slots[i]) && slots[i]->engine != NULL && !slots[i]->is_program &&
            slots[i]->mode != SIM_PUBLISHES) {
            survivor = i;
        }
    }
    for (int i = 0; i < slot_count && survivor >= 0; i++) {
        slots[i]->leave = i != survivor;
        model_excuse(); /* what they have under way is cut off */
        model_excuse_order();
    }
    sim_note("survivor: %d", survivor);
}

static sim_process *one_at_work(void) {
    sim_process *process = slots[survivor >= 0 ? survivor : 0];

    return !is_over(process) && process->engine != NULL && !process->restart ? process : NULL;
}

static void resume_all(void) {
    int64_t end = sim_now + HEAL_LIMIT;

    for (;;) {
        sim_process *process = one_at_work();
        if (process != NULL && within(process, heal_at) != NULL) {
            return;
        }
        if (sim_now > end) {
            sim_fail("stuck", "what rests cannot be resumed: %s",
                     process != NULL ? "changing a subscription fails" : "no engine opens");
        }
        restart_dead();
        sim_sleep(SIM_SECOND / 2);
    }
}

static void *wish_at(void *payload) {
    return polls_wish(((sim_process *)payload)->engine) == WH_OK ? payload : NULL;
}

/* What the last reading finds is the last that is told. */
static void read_on(void) {
    int64_t end = sim_now + HEAL_LIMIT;
    int wished = !sim_plan_now->polls;

    while (!wished || (sim_plan_now->polls && !polls_rest())) {
        sim_process *process = one_at_work();
        wished = wished || (process != NULL && within(process, wish_at) != NULL);
        if (sim_now > end) {
            sim_fail("stuck", "a source is not read to its end");
        }
        restart_dead();
        sim_sleep(SIM_SECOND / 2);
    }
}

static void settle(void) {
    int64_t end = sim_now + HEAL_LIMIT + 3 * cost_of_rules();
    char why[200];

    for (int i = 1; i < sim_process_count(); i++) {
        sim_process_at(i)->wall_offset = furthest;
    }
    while (!judge_settled(why, sizeof why)) {
        if (sim_now > end) {
            sim_fail("stuck", "long after the last fault %s", why);
        }
        restart_dead();
        sim_sleep(SIM_SECOND / 2);
    }
    judge_watch();
    sim_note("settled");
}

static void close_all(void) {
    int64_t end = sim_now + CLOSE_LIMIT + 3 * cost_of_rules();
    int open = 1;

    while (open) {
        open = 0;
        for (int i = 0; i < slot_count; i++) {
            slots[i]->leave = 1;
            open += !is_over(slots[i]);
        }
        if (open && sim_now > end) {
            sim_fail("stuck", "an engine cannot be closed");
        }
        sim_sleep(SIM_SECOND / 10);
    }
}

static void judge_all(void) {
    sim_process *self = sim_self_process();
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.rules = &sim_rules;
    self->wall_offset = furthest;
    if (whi_open(&engine, STORE, &options, &sim_transport) != WH_OK) {
        sim_fail("open", "at the end: %s", wh_last_error());
    }
    judge_end(engine);
    polls_end();
    wh_close(engine);
    judge_close();
    if (self->allocations != 0) {
        sim_fail("memory", "%lld allocations are left of the last engine", (long long)self->allocations);
    }
}

void sim_world(void) {
    sim_chance_seed(&chance, sim_plan_now->seed, 8);
    set_up();
    go_wrong();
    stop_faults();
    choose_survivor();
    restart_dead();
    calm_down();
    sim_sleep(OWNERS_AFTER + cost_of_rules());
    if (!(sim_plan_now->kinds & 1u << SIM_rule)) {
        judge_owners();
    }
    resume_all();
    read_on();
    settle();
    close_all();
    judge_all();
    sim_result_now->events = model_event_count;
}
