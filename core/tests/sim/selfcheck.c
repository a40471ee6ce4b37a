#include "selfcheck.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define SEEDS_TWICE 12

void self_expect(int holds, const char *what) {
    if (!holds) {
        sim_fail("self", "expected: %s", what);
    }
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
    self_expect(sim_now - before >= 5 * SIM_SECOND, "nobody runs while all stand still");
}

static const sim_check scheduler_checks[] = {
    HOLDS(a_pause_stands_still),
    BREAKS(by_locking_crosswise, "deadlock"),
    BREAKS(by_foreign_unlock, "lock"),
    { NULL, NULL, NULL },
};

/* ----------------------------------------------------------------------------- running */

static const sim_check *chosen;

static void run_check(const sim_plan *plan, sim_result *result) {
    sim_begin(plan, result);
    chosen->body();
    sim_finish();
}

static int fails(const sim_check *which) {
    sim_plan plan = { 0 };
    sim_result result;
    int as_expected;

    plan.switch_one_in = 3;
    plan.stall_one_in = 1000;
    plan.latency_us = 1000;
    chosen = which;
    sim_child_run(run_check, &plan, &result);
    as_expected =
        which->invariant == NULL ? !result.failed : result.failed && strcmp(result.invariant, which->invariant) == 0;
    if (!as_expected) {
        printf("%s: expected %s, found %s: %s\n", which->name, which->invariant != NULL ? which->invariant : "nothing",
               result.failed ? result.invariant : "nothing", result.sentence);
    }
    return !as_expected;
}

/* A seed is one history. */
static int differs(uint64_t seed) {
    static const sim_cut whole = { -1, -1, -1, -1, 0, 0, 0 };
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
    static const sim_check *const lists[] = { scheduler_checks, self_disk_checks, self_model_checks, self_judge_checks,
                                              self_net_checks };
    int failed = 0, count = 0;

    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        for (const sim_check *at = lists[i]; at->name != NULL; at++) {
            failed += fails(at);
            count++;
        }
    }
    for (uint64_t seed = 1; seed <= SEEDS_TWICE; seed++) {
        failed += differs(seed);
    }
    printf("%d tests of the simulator, %d seeds twice, %d failed\n", count, SEEDS_TWICE, failed);
    return failed;
}
