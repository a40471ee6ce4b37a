/* sim - runs seeds, and says which of them break a promise.
 *
 *   sim --seeds A..B [--jobs N]     each seed of a range; with --first up to one that fails
 *   sim --minutes M [--from A]      as many as there is time for
 *   sim --seed N [--trace]          one, and what happened in it
 *   sim --seed N --shrink           one, cut down to what it needs to fail
 *   sim --self                      tests of the simulator itself
 *
 * A history can be cut: --steps N, --processes N, --subscriptions N, --events N, --without
 * KIND,KIND, --faults-off HEX (bits, in their order). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "sim.h"

#define JOBS 16
#define SHOWN 1000

int __real_clock_gettime(clockid_t id, struct timespec *out);

typedef struct totals {
    int64_t seeds, failed, steps, us, events, sent;
    int64_t faults[SIM_KIND_COUNT];
} totals;

/* --------------------------------------------------------------------------- report */

static void tell_failure(const sim_result *result, const sim_plan *plan) {
    printf("seed %llu, step %lld: %s: %s\n  faults:", (unsigned long long)result->seed, (long long)result->step,
           result->invariant, result->sentence);
    for (int i = 0; i < plan->fault_count; i++) {
        if (!plan->faults[i].off) {
            printf(" %s@%lld", sim_kind_name(plan->faults[i].kind), (long long)plan->faults[i].step);
        }
    }
    printf("; with");
    for (int i = 0; i < SIM_KIND_COUNT; i++) {
        if (plan->kinds & 1u << i) {
            printf(" %s", sim_kind_name(i));
        }
    }
    printf("\n");
}

static void add(totals *sum, const sim_result *result) {
    sum->seeds++;
    sum->failed += result->failed;
    sum->steps += result->step;
    sum->us += result->us;
    sum->events += result->events;
    sum->sent += result->sent;
    for (int i = 0; i < SIM_KIND_COUNT; i++) {
        sum->faults[i] += result->faults[i];
    }
}

static double seconds(void) {
    struct timespec now;

    __real_clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void tell_totals(const totals *sum, double took) {
    printf("%lld seeds in %.1f s, %lld steps, %.1f simulated hours, %lld events, %lld requests\nfaults:",
           (long long)sum->seeds, took, (long long)sum->steps, (double)sum->us / 3.6e9, (long long)sum->events,
           (long long)sum->sent);
    for (int i = 0; i < SIM_KIND_COUNT; i++) {
        printf(" %s %lld", sim_kind_name(i), (long long)sum->faults[i]);
    }
    printf("\n%lld failed\n", (long long)sum->failed);
}

/* ---------------------------------------------------------------------------- many */

typedef struct job {
    pid_t pid;
    sim_plan plan;
} job;

static void take_result(job *jobs, sim_result *results, int count, totals *sum) {
    int status, i;
    pid_t pid = wait(&status);

    for (i = 0; i < count && jobs[i].pid != pid; i++) {}
    if (i == count) {
        return;
    }
    jobs[i].pid = 0;
    sim_child_conclude(&results[i], status);
    add(sum, &results[i]);
    if (results[i].failed && sum->failed <= SHOWN) {
        tell_failure(&results[i], &jobs[i].plan);
    }
}

static int run_many(uint64_t from, uint64_t to, double limit, int count, int first, const sim_cut *cut) {
    static job jobs[JOBS];
    sim_result *results = sim_results_new(count);
    double began = seconds();
    totals sum = { 0 };
    int open = 0;

    while (open > 0 || (from <= to && seconds() - began < limit)) {
        for (int i = 0; i < count && from <= to && seconds() - began < limit; i++) {
            if (jobs[i].pid == 0) {
                sim_plan_draw(&jobs[i].plan, from++, cut);
                jobs[i].pid = sim_child_start(sim_run, &jobs[i].plan, &results[i], i);
                open++;
            }
        }
        take_result(jobs, results, count, &sum);
        open--;
        limit = first && sum.failed > 0 ? 0 : limit;
    }
    tell_totals(&sum, seconds() - began);
    return sum.failed > 0;
}

static int run_one(uint64_t seed, const sim_cut *cut) {
    sim_plan plan;
    sim_result result;

    sim_plan_draw(&plan, seed, cut);
    sim_child_run(sim_run, &plan, &result);
    printf("seed %llu: %lld steps, %.3f simulated seconds, %d events, %d requests, hash %016llx\n",
           (unsigned long long)seed, (long long)result.step, (double)result.us / 1e6, result.events, result.sent,
           (unsigned long long)result.hash);
    if (result.failed) {
        tell_failure(&result, &plan);
    }
    return result.failed;
}

/* -------------------------------------------------------------------------- options */

static unsigned read_kinds(char *text) {
    unsigned kinds = 0;

    for (char *word = text, *end; word != NULL; word = end) {
        end = strchr(word, ',');
        if (end != NULL) {
            *end++ = '\0';
        }
        for (int i = 0; i < SIM_KIND_COUNT; i++) {
            kinds |= strcmp(word, sim_kind_name(i)) == 0 ? 1u << i : 0;
        }
    }
    return kinds;
}

typedef struct request {
    uint64_t from, to;
    double minutes;
    int jobs, one, shrink, self, first;
    sim_cut cut;
} request;

static void read_option(request *out, int option, char *text) {
    switch (option) {
    case 'r':
        out->from = strtoull(text, &text, 10);
        out->to = *text == '.' ? strtoull(text + strspn(text, "."), NULL, 10) : out->from;
        break;
    case 'F':
        out->from = strtoull(text, NULL, 10);
        break;
    case 's':
        out->from = out->to = strtoull(text, NULL, 10);
        out->one = 1;
        break;
    case 'm':
        out->minutes = strtod(text, NULL);
        out->to = UINT64_MAX;
        break;
    case 'j':
        out->jobs = (int)strtol(text, NULL, 10);
        break;
    case 'n':
        out->cut.steps = strtoll(text, NULL, 10);
        break;
    case 'p':
        out->cut.processes = (int)strtol(text, NULL, 10);
        break;
    case 'u':
        out->cut.subscriptions = (int)strtol(text, NULL, 10);
        break;
    case 'e':
        out->cut.events = (int)strtol(text, NULL, 10);
        break;
    case 'w':
        out->cut.without = read_kinds(text);
        break;
    default:
        out->cut.faults_off = strtoull(text, NULL, 16);
    }
}

static int read_options(request *out, int argc, char **argv) {
    static const struct option options[] = {
        { "seeds", 1, NULL, 'r' },     { "seed", 1, NULL, 's' },          { "from", 1, NULL, 'F' },
        { "minutes", 1, NULL, 'm' },   { "jobs", 1, NULL, 'j' },          { "steps", 1, NULL, 'n' },
        { "processes", 1, NULL, 'p' }, { "subscriptions", 1, NULL, 'u' }, { "events", 1, NULL, 'e' },
        { "without", 1, NULL, 'w' },   { "faults-off", 1, NULL, 'f' },    { "trace", 0, NULL, 'T' },
        { "shrink", 0, NULL, 'S' },    { "self", 0, NULL, 'X' },          { "first", 0, NULL, '1' },
        { NULL, 0, NULL, 0 },
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case '?':
            return 0;
        case 'T':
            out->cut.trace = 1;
            break;
        case 'S':
            out->shrink = 1;
            break;
        case 'X':
            out->self = 1;
            break;
        case '1':
            out->first = 1;
            break;
        default:
            read_option(out, option, optarg);
        }
    }
    return 1;
}

int main(int argc, char **argv) {
    request asked = { 1, 0, 1e9, 2, 0, 0, 0, 0, { -1, -1, -1, -1, 0, 0, 0 } };

    if (!read_options(&asked, argc, argv) || (asked.to == 0 && !asked.self)) {
        fprintf(stderr, "usage: sim --seeds A..B | --minutes M | --seed N [--trace] [--shrink] | --self\n");
        return 2;
    }
    asked.jobs = asked.jobs < 1 ? 1 : asked.jobs > JOBS ? JOBS : asked.jobs;
    if (asked.self) {
        return sim_check_self() != 0;
    }
    if (asked.shrink) {
        sim_shrink(asked.from, &asked.cut);
        return 1;
    }
    return asked.one ? run_one(asked.from, &asked.cut)
                     : run_many(asked.from, asked.to, asked.minutes * 60, asked.jobs, asked.first, &asked.cut);
}
