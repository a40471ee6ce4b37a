/* What a seed is: who takes part, and what goes wrong when. */
#include <string.h>

#include "neighbours.h"
#include "sim.h"

static const char *const names[] = {
#define SIM_X(name, text) #name,
    SIM_KINDS(SIM_X)
#undef SIM_X
};

static const char *const texts[] = {
#define SIM_X(name, text) text,
    SIM_KINDS(SIM_X)
#undef SIM_X
};

const char *sim_kind_name(int kind) {
    return names[kind];
}

const char *sim_kind_text(int kind) {
    return texts[kind];
}

/* Those that come at a step; the others are there all the time. */
#define AT_STEPS                                                                                                       \
    (1u << SIM_pause | 1u << SIM_freeze | 1u << SIM_kill | 1u << SIM_machine | 1u << SIM_clock | 1u << SIM_lock |      \
     1u << SIM_full | 1u << SIM_io | 1u << SIM_slow | 1u << SIM_memory | 1u << SIM_restart)

/* One seed in six is of a world without faults, so that nothing excuses anything. */
static unsigned draw_kinds(sim_chance *chance) {
    unsigned kinds = 0;
    int calm = sim_one_in(chance, 6);

    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        int drawn = sim_one_in(chance, 3);
        if (drawn && !(calm && (AT_STEPS & 1u << kind))) {
            kinds |= 1u << kind;
        }
    }
    return kinds;
}

static int64_t draw_length(sim_chance *chance, int kind) {
    switch (kind) {
    case SIM_pause:
    case SIM_freeze:
        return sim_one_in(chance, 2) ? sim_spread(chance, 10 * SIM_SECOND, 40 * SIM_SECOND)
                                     : sim_spread(chance, 1000, 10 * SIM_SECOND);
    case SIM_lock:
        return sim_spread(chance, 10000, 30 * SIM_SECOND);
    case SIM_clock:
        return (sim_one_in(chance, 2) ? 1 : -1) * sim_spread(chance, 100000, 3600 * SIM_SECOND);
    case SIM_memory:
        return sim_spread(chance, 1000, 3 * SIM_SECOND);
    default:
        return sim_spread(chance, 10000, 12 * SIM_SECOND);
    }
}

static int draw_kind(sim_chance *chance, unsigned kinds) {
    int kind;

    do {
        kind = (int)sim_below(chance, SIM_KIND_COUNT);
    } while (!(kinds & AT_STEPS & 1u << kind));
    return kind;
}

static void sort_faults(sim_plan *plan) {
    for (int i = 1; i < plan->fault_count; i++) {
        sim_fault fault = plan->faults[i];
        int k = i;
        for (; k > 0 && plan->faults[k - 1].step > fault.step; k--) {
            plan->faults[k] = plan->faults[k - 1];
        }
        plan->faults[k] = fault;
    }
}

static void draw_faults(sim_plan *plan, sim_chance *chance) {
    int count = plan->least_faults + 1 + (int)sim_spread(chance, 1, 12);

    if ((plan->kinds & AT_STEPS) == 0) {
        return;
    }
    for (int i = 0; i < count; i++) {
        sim_fault *fault = &plan->faults[plan->fault_count++];
        fault->kind = draw_kind(chance, plan->kinds);
        fault->step = sim_below(chance, plan->steps * 3 / 4);
        fault->us = draw_length(chance, fault->kind);
        fault->draw = sim_draw(chance);
    }
    sort_faults(plan);
}

static int cut_to(int value, int most) {
    return most >= 0 && most < value ? most : value;
}

static void apply(sim_plan *plan, const sim_cut *cut) {
    plan->steps = cut->steps >= 0 && cut->steps < plan->steps ? cut->steps : plan->steps;
    plan->processes = cut_to(plan->processes, cut->processes);
    plan->subscriptions = cut_to(plan->subscriptions, cut->subscriptions);
    plan->events = cut_to(plan->events, cut->events);
    plan->kinds &= ~cut->without;
    plan->trace = cut->trace;
    for (int i = 0; i < plan->fault_count; i++) {
        plan->faults[i].off = (cut->faults_off >> i & 1) != 0 || !(plan->kinds & 1u << plan->faults[i].kind);
    }
}

/* More is published than can be sent: what waits is in the store, in queues and on its way. */
static void make_backlog(sim_plan *plan, sim_chance *chance) {
    plan->backlog = 1;
    plan->events = (int)sim_spread(chance, 50, 150);
    plan->pace_us = 50000;
    plan->latency_us = sim_spread(chance, 100000, 5 * SIM_SECOND);
}

/* Partitions change hands again and again, and who has slow rules is behind the others then. */
static void make_handovers(sim_plan *plan, sim_chance *chance) {
    plan->steps = sim_spread(chance, 20000, 60000); /* some dozens of beats */
    plan->processes = 3;
    plan->subscriptions = 5 + (int)sim_below(chance, 4);
    plan->one_type = sim_one_in(chance, 2) ? -1 : sim_one_in(chance, 2) ? SIM_THREADS : SIM_STEPS;
    plan->events = (int)sim_spread(chance, 50, 150);
    plan->pace_us = sim_spread(chance, 100000, 2 * SIM_SECOND);
    plan->rule_us = 4 * SIM_SECOND;
    plan->kinds &= sim_one_in(chance, 2) ? ~AT_STEPS : ~0u;
    plan->kinds |= 1u << SIM_rule | 1u << SIM_restart | 1u << (sim_one_in(chance, 2) ? SIM_kill : SIM_pause);
    plan->least_faults = 12;
}

/* They stand still for longer than others wait for them, with something in their hands that has an order, and more
 * of its key comes meanwhile. */
static void make_late(sim_plan *plan, sim_chance *chance) {
    plan->late_ones = 1;
    plan->steps = sim_spread(chance, 8000, 30000);
    plan->processes = 2 + (int)sim_below(chance, 2);
    plan->subscriptions = 2 + (int)sim_below(chance, 3);
    plan->one_type = sim_one_in(chance, 2) ? -1 : sim_one_in(chance, 2) ? SIM_THREADS : SIM_STEPS;
    plan->events = (int)sim_spread(chance, 30, 100);
    plan->pace_us = sim_spread(chance, 200000, 2 * SIM_SECOND);
    plan->latency_us =
        sim_one_in(chance, 2) ? plan->latency_us : 5 * SIM_SECOND; /* others are sending when one wakes */
    plan->kinds &= sim_one_in(chance, 2) ? ~AT_STEPS : ~0u;
    plan->kinds |= 1u << SIM_pause;
    plan->least_faults = 8;
}

/* Rules fail, hold back what has an order, and are mended when newer ones of its key have gone. */
static void make_mended(sim_plan *plan, sim_chance *chance) {
    plan->mended = 1;
    plan->processes = 1 + (int)sim_below(chance, 2);
    plan->subscriptions = 2 + (int)sim_below(chance, 2);
    plan->events = (int)sim_spread(chance, 30, 80);
    plan->pace_us = sim_spread(chance, 100000, SIM_SECOND);
    plan->latency_us = 50000;
}

/* Long enough that the source is read some dozens of times. */
static void make_polls(sim_plan *plan, sim_chance *chance) {
    plan->polls = 1;
    plan->steps = sim_spread(chance, 12000, 40000);
    plan->events = plan->events > 40 ? plan->events : 40;
    plan->pace_us = sim_spread(chance, 500000, 4 * SIM_SECOND);
}

void sim_plan_draw(sim_plan *plan, uint64_t seed, const sim_cut *cut) {
    sim_chance chance, hands;

    memset(plan, 0, sizeof *plan);
    sim_chance_seed(&chance, seed, 7);
    plan->seed = seed;
    plan->kinds = draw_kinds(&chance);
    plan->steps = sim_spread(&chance, 3000, 16000);
    plan->processes = 1 + (int)sim_below(&chance, 3);
    plan->subscriptions = 2 + (int)sim_below(&chance, 5);
    plan->events = (int)sim_spread(&chance, 4, 100);
    plan->publishers = 1 + (int)sim_below(&chance, 2);
    plan->switch_one_in = (int)sim_spread(&chance, 2, 30);
    plan->one_type = sim_one_in(&chance, 2) ? -1 : (int)sim_below(&chance, SIM_PUBLISHES);
    plan->memory_bytes = sim_one_in(&chance, 3) ? sim_spread(&chance, 1, 8000) : 0;
    plan->in_flight = sim_one_in(&chance, 4) ? 1 + sim_below(&chance, 4) : 0;
    plan->rule_us = sim_spread(&chance, 10000, 4 * SIM_SECOND);
    plan->latency_us = sim_one_in(&chance, 3) ? 5 * SIM_SECOND : 50000;
    plan->pace_us = sim_spread(&chance, 50000, 4 * SIM_SECOND);
    plan->one_survives = sim_one_in(&chance, 3);
    if (sim_one_in(&chance, 5)) {
        make_backlog(plan, &chance);
    }
    sim_chance_seed(&hands, seed, 10);
    if ((plan->kinds & AT_STEPS) != 0 && sim_one_in(&hands, 4)) {
        make_handovers(plan, &hands);
    } else if ((plan->kinds & AT_STEPS) != 0 && sim_one_in(&hands, 5)) {
        make_late(plan, &hands);
    } else if (!plan->backlog && sim_one_in(&hands, 6)) {
        make_mended(plan, &hands);
    }
    sim_chance_seed(&hands, seed, 12);
    if (sim_one_in(&hands, 8)) {
        make_polls(plan, &hands);
    }
    sim_chance_seed(&hands, seed, 13);
    if (sim_one_in(&hands, 20)) {
        neighbours_plan(plan, &hands);
    }
    draw_faults(plan, &chance);
    plan->stall_one_in = (int)sim_spread(&chance, 200, 3000);
    plan->retain_ms = sim_one_in(&chance, 4) ? sim_spread(&chance, 100, 20000) : 0;
    plan->retain_ms = plan->polls || plan->crowded ? 0 : plan->retain_ms; /* the log says in the end what was told */
    apply(plan, cut);
}
