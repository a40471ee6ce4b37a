/* A seed's child: it shares the result with who counts, and takes all else with it. */
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "model.h"
#include "sim.h"
#include "witness.h"

#define CHILD_SECONDS 60         /* of the processor: others may be at work beside us */
#define CHILD_STANDS_SECONDS 900 /* in all */

_Noreturn void sim_run(const sim_plan *plan, sim_result *result) {
    sim_begin(plan, result);
    sim_world();
    sim_finish();
}

void sim_begin(const sim_plan *plan, sim_result *result) {
    sim_sched_begin(plan, result);
    sim_machine_begin();
    sim_vfs_register();
    witness_register();
    model_begin();
}

/* Handing over is cheaper where no other processor has to be woken. */
static void stay_on(int job) {
    cpu_set_t one;

    CPU_ZERO(&one);
    CPU_SET((unsigned)job % (unsigned)sysconf(_SC_NPROCESSORS_ONLN), &one);
    (void)sched_setaffinity(0, sizeof one, &one);
}

static void limit_time(void) {
    const struct itimerval limit = { { 0, 0 }, { CHILD_SECONDS, 0 } };

    setitimer(ITIMER_PROF, &limit, NULL);
    alarm(CHILD_STANDS_SECONDS);
}

pid_t sim_child_start(sim_body_of_child body, const sim_plan *plan, sim_result *result, int job) {
    pid_t pid;

    memset(result, 0, sizeof *result);
    result->seed = plan->seed;
    fflush(stdout);
    pid = fork();
    if (pid == 0) {
        stay_on(job);
        limit_time();
        body(plan, result);
    }
    if (pid < 0) {
        perror("sim: fork");
        exit(2);
    }
    return pid;
}

static void tell(sim_result *result, const char *invariant, const char *how, int number) {
    result->failed = 1;
    snprintf(result->invariant, sizeof result->invariant, "%s", invariant);
    snprintf(result->sentence, sizeof result->sentence, "the process ended %s %d", how, number);
}

void sim_child_conclude(sim_result *result, int status) {
    if (WIFSIGNALED(status)) {
        int by = WTERMSIG(status);
        tell(result, by == SIGALRM || by == SIGPROF ? "endless" : "crash", "by signal", by);
    } else if (!result->finished) {
        tell(result, "crash", "with", WEXITSTATUS(status));
    }
}

sim_result *sim_results_new(int count) {
    void *memory =
        mmap(NULL, sizeof(sim_result) * (size_t)count, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED) {
        perror("sim: mmap");
        exit(2);
    }
    return memory;
}

void sim_child_run(sim_body_of_child body, const sim_plan *plan, sim_result *result) {
    static sim_result *shared;
    int status;

    shared = shared != NULL ? shared : sim_results_new(1);
    waitpid(sim_child_start(body, plan, shared, 0), &status, 0);
    *result = *shared;
    sim_child_conclude(result, status);
}
