#include "soak.h"

#include <stdio.h>
#include <stdlib.h>

#include "campaign.h"
#include "closed.h"
#include "crash.h"
#include "people.h"
#include "receive.h"
#include "sample.h"
#include "settle.h"

#define EVERY_US INT64_C(1000000)
#define BETWEEN_US INT64_C(3000000)
#define SHORT_MIN 5.0 /* minutes: what is shorter is kept for less, and paused sooner */
#define WARM_S 900.0
#define FLOORS 15 /* of the warm-up: a minute each in a long run */
#define STEEP                                                                                                          \
    10 /* times the bound: it need not be steady, as a file is not that grows when a checkpoint gets through */

enum measure { MEMORY, DESCRIPTORS, STORE, WAL, MEASURES };

typedef struct bound {
    const char *name, *unit;
    double per_hour, growth; /* flat unless it rises by more than both */
} bound;

static const bound limits[MEASURES] = {
    [MEMORY] = { "memory", "KiB", 4096, 8192 },
    [DESCRIPTORS] = { "descriptors", "", 4, 32 },
    [STORE] = { "store", "KiB", 8192, 8192 },
    [WAL] = { "WAL", "KiB", 16384, 65536 },
};

static person people[] = {
    { .role = ROLE_SERVER, .lives = 1 },
    { .role = ROLE_SERVER, .lives = 1 },
    { .role = ROLE_WORKER, .lives = 1 },
    { .role = ROLE_SERVER },
    { .role = ROLE_WORKER },
    { .role = ROLE_PUBLISHER },
    { .role = ROLE_PUBLISHER },
    { .role = ROLE_SQL },
    { .role = ROLE_LEAKER, .lives = 1 },
};

#define PEOPLE (sizeof people / sizeof people[0])

typedef struct watch {
    size_t count; /* of people */
    int64_t begin, next;
    series of_people[PEOPLE][2]; /* MEMORY, DESCRIPTORS */
    series of_file[2];           /* STORE, WAL */
    FILE *table;                 /* the same as text: a line a second */
} watch;

/* ------------------------------------------------------------------------- watching */

static void add(watch *self, series *to, double at, double value) {
    series_add(to, at, value);
    fprintf(self->table, " %.0f", value);
}

static void look(void *payload) {
    watch *self = payload;
    int64_t now = now_us();
    double at = (double)(now - self->begin) / 1e6;
    char wal[300];

    if (now < self->next) {
        return;
    }
    self->next += EVERY_US;
    snprintf(wal, sizeof wal, "%s-wal", here.store);
    fprintf(self->table, "%.0f", at);
    add(self, &self->of_file[0], at, sample_file(here.store));
    add(self, &self->of_file[1], at, sample_file(wal));
    for (size_t i = 0; i < self->count; i++) {
        if (people[i].lives) {
            add(self, &self->of_people[i][MEMORY], at, sample_memory(people[i].pid));
            add(self, &self->of_people[i][DESCRIPTORS], at, sample_descriptors(people[i].pid));
        }
    }
    fprintf(self->table, "\n");
}

/* -------------------------------------------------------------------------- judging */

/* 1 if it rises. */
static int judge(const char *who, enum measure measure, const series *points, double warm) {
    const bound *limit = &limits[measure];
    series least = { NULL, 0, 0 };
    slope found;
    int rises;

    series_floor(&least, points, warm / FLOORS);
    found = series_slope(&least, warm);
    rises = found.per_hour > limit->per_hour && found.growth > limit->growth &&
            (found.steady || found.growth > limit->growth * STEEP);
    series_free(&least);
    printf("%-10s %-12s %8.0f to %8.0f %-3s  %+10.1f an hour, %+8.1f in all  %s\n", who, limit->name, found.least,
           found.most, limit->unit, found.per_hour, found.growth, rises ? "RISES" : "flat");
    return rises;
}

typedef struct verdict {
    int residents, leaker, files; /* how much of theirs rises */
} verdict;

static verdict judge_all(watch *self, double warm) {
    verdict out = { 0, 0, 0 };

    for (size_t i = 0; i < self->count; i++) {
        int *rising = people[i].role == ROLE_LEAKER ? &out.leaker : &out.residents;
        for (int m = MEMORY; m <= DESCRIPTORS && people[i].lives; m++) {
            *rising += judge(role_names[people[i].role], (enum measure)m, &self->of_people[i][m], warm);
        }
    }
    out.files = judge("file", STORE, &self->of_file[0], warm);
    out.files += 2 * judge("file", WAL, &self->of_file[1], warm);
    return out;
}

static void begin(watch *self) {
    char name[300];

    snprintf(name, sizeof name, "%s.samples", here.store);
    self->table = fopen(name, "we");
    if (self->table == NULL) {
        die(name);
    }
    self->begin = self->next = now_us();
}

static void end(watch *self) {
    fclose(self->table);
    for (size_t i = 0; i < PEOPLE; i++) {
        series_free(&self->of_people[i][MEMORY]);
        series_free(&self->of_people[i][DESCRIPTORS]);
    }
    series_free(&self->of_file[0]);
    series_free(&self->of_file[1]);
}

/* -------------------------------------------------------------------------- running */

static void prepare(double minutes) {
    wh_engine *engine;

    here.retain = minutes < SHORT_MIN ? 5000 : 60000;
    engine = open_engine();
    subscribe_all(engine);
    wh_close(engine);
}

/* What is left when all have died is looked at, too. */
static int finish(campaign_tally *tally) {
    int64_t left = settle_calm();

    for (size_t i = 0; i < PEOPLE; i++) {
        if (people[i].pid != 0) {
            tally->died += person_died(&people[i]);
            person_kill(&people[i]);
        }
    }
    left += settle_alone();
    printf("soak         %d kills, %d pauses, %d ended by themselves; %ld publishes accepted, %ld refused; %ld "
           "requests\n",
           tally->kills, tally->pauses, tally->died, atomic_load(&here.shared->accepted),
           atomic_load(&here.shared->refused), receive_requests());
    return (closed_check() != 0) + (left != 0) + (tally->died > 0);
}

int soak(double minutes, int leak, unsigned seed) {
    campaign_plan plan = { 0,    0,    BETWEEN_US, minutes < SHORT_MIN ? INT64_C(4000000) : INT64_C(30000000),
                           0,    seed, people,     PEOPLE - !leak,
                           look, NULL };
    double warm = minutes * 20 < WARM_S ? minutes * 20 : WARM_S;
    campaign_tally tally = { 0 };
    watch self = { .count = plan.count };
    verdict found;
    int wrong;

    prepare(minutes);
    begin(&self);
    plan.payload = &self;
    plan.ends_at = self.begin + (int64_t)(minutes * 60e6);
    campaign_run(&plan, &tally);
    found = judge_all(&self, warm);
    wrong = finish(&tally);
    free(tally.disturbances);
    end(&self);
    if (leak) { /* its rows are in the WAL where a busy machine lets no checkpoint through */
        printf("the leaker: %d of 2 noticed, its rows %s; others %d\n", found.leaker,
               found.files ? "noticed" : "not noticed", found.residents);
        return found.leaker == 2 && found.files && found.residents == 0 && tally.died == 0 ? 0 : 1;
    }
    printf("%s\n", wrong || found.residents || found.files ? "FAILED" : "all is flat");
    return wrong || found.residents || found.files;
}
