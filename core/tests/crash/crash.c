/* crash - proves that nothing is lost when processes die, or are paused for long.
 *
 *   crash [--kills N] [--pauses N] [--seconds-between S] [--rate N] [--seed N]
 *         [--strict-order] [--forge] [--store FILE] [--keep]
 *   crash --soak MINUTES [--leak] ...
 *
 * Two servers, two workers, two publishers and a program that only knows SQL share a store;
 * campaign.h says how they are killed and paused, routes in setup.c who receives. What was
 * acknowledged is in a journal, what arrived in a log; in the end they work until nothing is
 * left, then are killed, and one process works on what they left. Then must hold:
 *   - every acknowledged event arrived with success at every receiver that wants it,
 *   - and did so before all processes were killed: nothing was stranded,
 *   - nothing that a rule or a filter dropped was sent, nor what was rolled back,
 *   - a single_use subscription got one event, several times at most,
 *   - bodies are the same each time, and signatures verify,
 *   - the store is whole, holds nothing that waits, and nothing of an owner that is gone,
 *   - every process ended by our hand,
 *   - and the table that all events are written to besides has each object as its newest event left it.
 * Arrivals beyond the first are counted: at least once allows them. Overtakings are
 * counted, too, and fail with --strict-order.
 *
 *   crash --kills 50 --pauses 2         with the other tests, within a minute
 *   crash --kills 2000 --pauses 300     by hand, in an hour
 *   crash --soak 120                    by hand: memory, descriptors, file, see soak.h
 *
 * --forge adds one of each thing that must not be, and is right if all are noticed. S is
 * the mean time between kills; by default kills go on for as long as the pauses
 * take. A run that failed leaves its files: store, .journal, .log, .samples, and
 * .messages of the engines. A seed gives the same choices, not the same timing. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "crash.h"
#include "forge.h"
#include "people.h"
#include "receive.h"
#include "settle.h"
#include "soak.h"

#define BETWEEN_US INT64_C(90000)
#define PAUSE_MEAN_US INT64_C(11500000) /* with what is between two pauses */
#define GAP_US INT64_C(800000)

typedef struct settings {
    int kills, pauses, keep, strict, leak, forge;
    double between, soak; /* seconds, minutes; 0: not given */
    unsigned seed;
    const char *role;
} settings;

/* ---------------------------------------------------------------------- the campaign */

static int64_t between_us(const settings *options) {
    int64_t spread = options->kills > 0 ? options->pauses * PAUSE_MEAN_US / options->kills : 0;

    if (options->between > 0) {
        return (int64_t)(options->between * 1e6);
    }
    return spread > BETWEEN_US ? spread : BETWEEN_US;
}

static int drive(const settings *options) {
    static person people[] = { { .role = ROLE_SERVER }, { .role = ROLE_SERVER },    { .role = ROLE_WORKER },
                               { .role = ROLE_WORKER }, { .role = ROLE_PUBLISHER }, { .role = ROLE_PUBLISHER },
                               { .role = ROLE_SQL } };
    campaign_plan plan = { options->kills,
                           options->pauses,
                           between_us(options),
                           GAP_US,
                           0,
                           options->seed,
                           people,
                           sizeof people / sizeof people[0],
                           NULL,
                           NULL };
    int64_t begin = now_us();
    wh_engine *engine = open_engine();
    campaign_tally tally = { 0 };
    int64_t left;
    int wrong;

    subscribe_all(engine);
    wh_close(engine);
    campaign_run(&plan, &tally);
    left = settle_calm();
    tally.calm_at = now_us();
    for (size_t i = 0; i < plan.count; i++) {
        tally.died += person_died(&people[i]);
        person_kill(&people[i]);
    }
    left += settle_alone();
    printf("seed %u      %d kills, %d pauses of %.1f s in all, %d ended by themselves\n", options->seed, tally.kills,
           tally.pauses, (double)tally.paused_us / 1e6, tally.died);
    if (options->forge) {
        forge();
    }
    wrong = check(&tally, options->strict, options->forge) != 0 || left != 0 || tally.died > 0;
    free(tally.disturbances);
    printf("%s, %.1f s\n",
           wrong            ? "FAILED"
           : options->forge ? "all is noticed"
                            : "all holds",
           (double)(now_us() - begin) / 1e6);
    return wrong;
}

/* -------------------------------------------------------------------------- options */

static int become(const char *name) {
    for (int i = 0; i < ROLES; i++) {
        if (strcmp(name, role_names[i]) == 0) {
            setup_share(0);
            act((enum role)i);
        }
    }
    return 2;
}

static const struct option long_options[] = {
    { "kills", 1, NULL, 'k' },  { "pauses", 1, NULL, 'p' }, { "seconds-between", 1, NULL, 'b' },
    { "rate", 1, NULL, 'e' },   { "seed", 1, NULL, 's' },   { "strict-order", 0, NULL, 'o' },
    { "store", 1, NULL, 'f' },  { "keep", 0, NULL, 'K' },   { "soak", 1, NULL, 'm' },
    { "leak", 0, NULL, 'l' },   { "role", 1, NULL, 'r' },   { "port", 1, NULL, 'P' },
    { "number", 1, NULL, 'n' }, { "retain", 1, NULL, 't' }, { "forge", 0, NULL, 'F' },
    { NULL, 0, NULL, 0 },
};

/* Those that the driver gives to its processes. */
static int take_inner(settings *self, int option) {
    switch (option) {
    case 'r':
        self->role = optarg;
        return 0;
    case 'P':
        here.port = (int)strtol(optarg, NULL, 10);
        return 0;
    case 'n':
        here.number = (int)strtol(optarg, NULL, 10);
        return 0;
    case 't':
        here.retain = strtoll(optarg, NULL, 10);
        return 0;
    default:
        return -1;
    }
}

static int take(settings *self, int option) {
    switch (option) {
    case 'k':
        self->kills = (int)strtol(optarg, NULL, 10);
        return 0;
    case 'p':
        self->pauses = (int)strtol(optarg, NULL, 10);
        return 0;
    case 'b':
        self->between = strtod(optarg, NULL);
        return 0;
    case 'e':
        here.rate = (int)strtol(optarg, NULL, 10);
        return here.rate > 0 ? 0 : -1;
    case 's':
        self->seed = (unsigned)strtoul(optarg, NULL, 10);
        return 0;
    case 'f':
        setup_names(optarg);
        return 0;
    case 'm':
        self->soak = strtod(optarg, NULL);
        return self->soak > 0 ? 0 : -1;
    default:
        self->strict |= option == 'o';
        self->keep |= option == 'K';
        self->leak |= option == 'l';
        self->forge |= option == 'F';
        return strchr("oKlF", option) != NULL ? 0 : take_inner(self, option);
    }
}

static void temporary_store(void) {
    const char *folder = getenv("TMPDIR");
    char name[200];
    int fd;

    snprintf(name, sizeof name, "%s/webhook-crash-XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(name);
    if (fd < 0) {
        die(name);
    }
    close(fd);
    setup_names(name);
}

int main(int argc, char **argv) {
    settings options = { .kills = 50, .seed = (unsigned)time(NULL) };
    int option, result;

    here.rate = 150;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        if (take(&options, option) < 0) {
            fprintf(stderr, "crash: see the beginning of crash.c for what it takes\n");
            return 2;
        }
    }
    if (options.role != NULL) {
        return become(options.role);
    }
    if (here.store[0] == '\0') {
        temporary_store();
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    setup_share(1);
    here.port = receive_start(options.soak > 0 ? NULL : here.log);
    result = options.soak > 0 ? soak(options.soak, options.leak, options.seed) : drive(&options);
    if (!options.keep && result == 0) {
        setup_remove();
    } else {
        printf("kept: %s\n", here.store);
    }
    return result;
}
