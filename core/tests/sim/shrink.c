/* Repeats a seed that fails with less and less, as long as it breaks the same promise. */
#include <stdio.h>
#include <string.h>

#include "sim.h"

/* The same sentence, whatever its numbers are. */
static int is_same(const char *a, const char *b) {
    for (;;) {
        a += strspn(a, "0123456789");
        b += strspn(b, "0123456789");
        if (*a != *b || *a == '\0') {
            return *a == *b;
        }
        a++;
        b++;
    }
}

static int fails(uint64_t seed, const sim_cut *cut, const char *sentence, sim_result *result) {
    sim_plan plan;

    sim_plan_draw(&plan, seed, cut);
    plan.trace = 0;
    sim_child_run(sim_run, &plan, result);
    return result->failed && is_same(result->sentence, sentence);
}

/* Takes the change over if the seed still fails. */
static int attempt(uint64_t seed, sim_cut *cut, const sim_cut *less, const char *sentence) {
    sim_result result;

    if (!fails(seed, less, sentence, &result)) {
        return 0;
    }
    *cut = *less;
    return 1;
}

static void without_kinds(uint64_t seed, sim_cut *cut, const char *sentence) {
    for (int kind = 0; kind < SIM_KIND_COUNT; kind++) {
        sim_cut less = *cut;
        less.without |= 1u << kind;
        (void)attempt(seed, cut, &less, sentence);
    }
}

static void without_faults(uint64_t seed, sim_cut *cut, const char *sentence, int count) {
    for (int i = 0; i < count; i++) {
        sim_cut less = *cut;
        less.faults_off |= UINT64_C(1) << i;
        (void)attempt(seed, cut, &less, sentence);
    }
}

static void with_fewer(uint64_t seed, sim_cut *cut, const char *sentence, int *number, int from, int least) {
    int high = from, low = least;

    while (low < high) {
        int middle = low + (high - low) / 2;
        sim_cut less = *cut;
        *(int *)((char *)&less + ((char *)number - (char *)cut)) = middle;
        if (attempt(seed, cut, &less, sentence)) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
}

static void with_fewer_steps(uint64_t seed, sim_cut *cut, const char *sentence, int64_t from) {
    int64_t high = from, low = 0;

    while (high - low > 20) {
        int64_t middle = low + (high - low) / 2;
        sim_cut less = *cut;
        less.steps = middle;
        if (attempt(seed, cut, &less, sentence)) {
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
    char sentence[sizeof result.sentence];

    sim_plan_draw(&plan, seed, &cut);
    plan.trace = 0;
    sim_child_run(sim_run, &plan, &result);
    if (!result.failed) {
        printf("seed %llu breaks nothing\n", (unsigned long long)seed);
        return;
    }
    memcpy(sentence, result.sentence, sizeof sentence);
    without_kinds(seed, &cut, sentence);
    without_faults(seed, &cut, sentence, plan.fault_count);
    with_fewer(seed, &cut, sentence, &cut.processes, plan.processes, 1);
    with_fewer(seed, &cut, sentence, &cut.events, plan.events, 1);
    with_fewer(seed, &cut, sentence, &cut.subscriptions, plan.subscriptions, 1);
    with_fewer_steps(seed, &cut, sentence, plan.steps);
    (void)fails(seed, &cut, sentence, &result);
    tell(seed, &cut, &result);
}
