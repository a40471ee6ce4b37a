/* Repeats a seed that fails with less and less, as long as it breaks the same promise. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

static int fails(uint64_t seed, const sim_cut *cut, const char *invariant, sim_result *result) {
    sim_plan plan;

    sim_plan_draw(&plan, seed, cut);
    plan.trace = 0;
    sim_child_run(sim_run, &plan, result);
    return result->failed && strcmp(result->invariant, invariant) == 0;
}

/* Takes the change over if the seed still fails. */
static int attempt(uint64_t seed, sim_cut *cut, const sim_cut *less, const char *invariant) {
    sim_result result;

    if (!fails(seed, less, invariant, &result)) {
        return 0;
    }
    *cut = *less;
    return 1;
}

static void without_kinds(uint64_t seed, sim_cut *cut, const char *invariant) {
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        sim_cut less = *cut;
        less.without |= 1u << kind;
        (void)attempt(seed, cut, &less, invariant);
    }
}

static void without_faults(uint64_t seed, sim_cut *cut, const char *invariant, int count) {
    for (int i = 0; i < count; i++) {
        sim_cut less = *cut;
        less.faults_off |= UINT64_C(1) << i;
        (void)attempt(seed, cut, &less, invariant);
    }
}

static void with_fewer(uint64_t seed, sim_cut *cut, const char *invariant, int *number, int from, int least) {
    int high = from, low = least;

    while (low < high) {
        int middle = low + (high - low) / 2;
        sim_cut less = *cut;
        *(int *)((char *)&less + ((char *)number - (char *)cut)) = middle;
        if (attempt(seed, cut, &less, invariant)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
}

static void with_fewer_steps(uint64_t seed, sim_cut *cut, const char *invariant, int64_t from) {
    int64_t high = from, low = 0;

    while (high - low > 20) {
        int64_t middle = low + (high - low) / 2;
        sim_cut less = *cut;
        less.steps = middle;
        if (attempt(seed, cut, &less, invariant)) {
            high = middle;
        } else {
            low = middle;
        }
    }
}

static void tell(uint64_t seed, const sim_cut *cut, const sim_result *result) {
    const char *comma = " --without ";

    printf("seed %llu, step %lld: %s: %s\n  sim --seed %llu", (unsigned long long)seed, (long long)result->step,
           result->invariant, result->sentence, (unsigned long long)seed);
    if (cut->steps >= 0) {
        printf(" --steps %lld", (long long)cut->steps);
    }
    if (cut->processes >= 0) {
        printf(" --processes %d", cut->processes);
    }
    if (cut->subscriptions >= 0) {
        printf(" --subscriptions %d", cut->subscriptions);
    }
    if (cut->events >= 0) {
        printf(" --events %d", cut->events);
    }
    if (cut->faults_off != 0) {
        printf(" --faults-off %llx", (unsigned long long)cut->faults_off);
    }
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        if (cut->without & 1u << kind) {
            printf("%s%s", comma, sim_kind_name(kind));
            comma = ",";
        }
    }
    printf(" --trace\n");
}

void sim_shrink(uint64_t seed, const sim_cut *given) {
    sim_cut cut = *given;
    sim_plan plan;
    sim_result result;
    char invariant[sizeof result.invariant];

    sim_plan_draw(&plan, seed, &cut);
    plan.trace = 0;
    sim_child_run(sim_run, &plan, &result);
    if (!result.failed) {
        printf("seed %llu breaks nothing\n", (unsigned long long)seed);
        return;
    }
    memcpy(invariant, result.invariant, sizeof invariant);
    without_kinds(seed, &cut, invariant);
    without_faults(seed, &cut, invariant, plan.fault_count);
    with_fewer(seed, &cut, invariant, &cut.processes, plan.processes, 1);
    with_fewer(seed, &cut, invariant, &cut.events, plan.events, 1);
    with_fewer(seed, &cut, invariant, &cut.subscriptions, plan.subscriptions, 1);
    with_fewer_steps(seed, &cut, invariant, plan.steps);
    (void)fails(seed, &cut, invariant, &result);
    tell(seed, &cut, &result);
}
