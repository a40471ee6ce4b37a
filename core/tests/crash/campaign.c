#include "campaign.h"

#include <stdlib.h>

#include "closed.h"
#include "crash.h"

#define TICK_US INT64_C(2000)
#define HEAT_US INT64_C(60000) /* hot before the pause, */
#define COOL_US INT64_C(20000) /* and after its beginning */
#define PAUSE_US_MIN INT64_C(7000000)
#define PAUSE_US_MAX INT64_C(14000000)
#define TOGETHER 2 /* at most */
#define LOOK_US INT64_C(250000)

enum phase { CALM, HEATING, PAUSED };

typedef struct run {
    const campaign_plan *plan;
    campaign_tally *out;
    unsigned chance;
    int64_t next_kill;
    enum phase phase;
    int64_t next, cools_at, paused_at; /* next: end of the phase */
    person *stopped[TOGETHER];
    const person *witness;
    int64_t next_look, stranded_since;
} run;

static int64_t drawn(run *self, int64_t least, int64_t most) {
    return least + (int64_t)(rand_r(&self->chance) / ((double)RAND_MAX + 1) * (double)(most - least));
}

static void add(campaign_tally *out, int64_t from, int64_t until) {
    if ((out->count & (out->count + 1)) == 0) {
        out->disturbances = realloc(out->disturbances, (out->count + 1) * 2 * sizeof *out->disturbances);
    }
    if (out->disturbances == NULL) {
        die("memory");
    }
    out->disturbances[out->count++] = (disturbance){ from, until };
}

int campaign_disturbed(const campaign_tally *self, int64_t from, int64_t until) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->disturbances[i].from <= until && self->disturbances[i].until >= from) {
            return 1;
        }
    }
    return 0;
}

/* --------------------------------------------------------------------------- kills */

static int may_die(const run *self, const person *one, int64_t now) {
    return !one->lives && !one->stopped && one != self->witness && now >= one->safe_until;
}

static void kill_one(run *self, int64_t now) {
    size_t at = (size_t)rand_r(&self->chance) % self->plan->count;

    for (size_t i = 0; i < self->plan->count; i++) {
        person *one = &self->plan->people[(at + i) % self->plan->count];
        if (may_die(self, one, now)) {
            person_kill(one);
            person_start(one);
            add(self->out, now, now_us());
            self->out->kills++;
            return;
        }
    }
}

static void kills(run *self, int64_t now) {
    int wanted = self->plan->ends_at != 0 || self->out->kills < self->plan->kills;

    if (wanted && self->plan->between_us > 0 && now >= self->next_kill) {
        kill_one(self, now);
        self->next_kill = now + drawn(self, self->plan->between_us / 5, self->plan->between_us * 9 / 5);
    }
}

/* -------------------------------------------------------------------------- pauses */

static person *pick(run *self, enum role role) {
    size_t at = (size_t)rand_r(&self->chance) % self->plan->count;

    for (size_t i = 0; i < self->plan->count; i++) {
        person *one = &self->plan->people[(at + i) % self->plan->count];
        if (one->role == role) {
            return one;
        }
    }
    return NULL;
}

/* Servers do everything, so they are paused most; of them and workers one stays. */
static int is_last(const run *self) {
    return self->plan->ends_at == 0 && self->out->pauses + 1 == self->plan->pauses;
}

static void choose(run *self) {
    static const enum role firsts[] = { ROLE_SERVER, ROLE_SERVER, ROLE_SERVER,    ROLE_SERVER, ROLE_SERVER,
                                        ROLE_SERVER, ROLE_WORKER, ROLE_PUBLISHER, ROLE_SQL };
    size_t at = is_last(self) ? 0 : (size_t)rand_r(&self->chance) % (sizeof firsts / sizeof firsts[0]);

    self->stopped[0] = pick(self, firsts[at]);
    self->stopped[1] = at < 2 ? pick(self, ROLE_WORKER) : NULL;
    self->witness = NULL;
    for (size_t i = 0; i < self->plan->count && self->witness == NULL; i++) {
        const person *one = &self->plan->people[i];
        if (one->role <= ROLE_WORKER && one != self->stopped[0] && one != self->stopped[1]) {
            self->witness = one;
        }
    }
}

static void begin_pause(run *self, int64_t now) {
    choose(self);
    for (int i = 0; i < TOGETHER; i++) {
        if (self->stopped[i] != NULL) {
            person_stop(self->stopped[i]);
        }
    }
    self->phase = PAUSED;
    self->paused_at = now;
    self->cools_at = now + COOL_US;
    self->next = now + (is_last(self) ? PAUSE_US_MAX : drawn(self, PAUSE_US_MIN, PAUSE_US_MAX));
}

/* What goes on may do harm for a moment still. */
static void end_pause(run *self, int64_t now) {
    for (int i = 0; i < TOGETHER; i++) {
        if (self->stopped[i] != NULL) {
            person_go_on(self->stopped[i]);
        }
        self->stopped[i] = NULL;
    }
    add(self->out, self->paused_at, now);
    self->out->pauses++;
    self->out->paused_us += now - self->paused_at;
    self->witness = NULL;
    self->phase = CALM;
    self->next = now + drawn(self, self->plan->gap_us / 5, self->plan->gap_us * 9 / 5);
}

static int may_begin(const run *self, int64_t now) {
    if (self->plan->ends_at != 0) {
        return now + PAUSE_US_MAX < self->plan->ends_at;
    }
    return self->out->pauses < self->plan->pauses && (!is_last(self) || self->out->kills >= self->plan->kills);
}

static void pauses(run *self, int64_t now) {
    if (self->phase == PAUSED && now >= self->cools_at) {
        atomic_store(&here.shared->hot, 0);
    }
    if (now < self->next) {
        return;
    }
    if (self->phase == PAUSED) {
        end_pause(self, now);
    } else if (self->phase == HEATING) {
        begin_pause(self, now);
    } else if (may_begin(self, now)) {
        atomic_store(&here.shared->hot, 1);
        self->phase = HEATING;
        self->next = now + HEAT_US;
    }
}

/* What nobody has: for how long? */
static void look(run *self, int64_t now) {
    int64_t stranded;

    if (now < self->next_look) {
        return;
    }
    self->next_look = now + LOOK_US;
    stranded = closed_stranded();
    if (stranded == 0) {
        self->stranded_since = 0;
    } else if (stranded > 0) {
        self->stranded_since = self->stranded_since != 0 ? self->stranded_since : now;
        self->out->stranded = stranded > self->out->stranded ? stranded : self->out->stranded;
        if (now - self->stranded_since > self->out->stranded_us) {
            self->out->stranded_us = now - self->stranded_since;
        }
    }
}

/* --------------------------------------------------------------------------- time */

static int is_over(const run *self, int64_t now) {
    if (self->phase != CALM) {
        return 0;
    }
    return self->plan->ends_at != 0 ? now >= self->plan->ends_at
                                    : self->out->kills >= self->plan->kills && self->out->pauses >= self->plan->pauses;
}

void campaign_run(const campaign_plan *plan, campaign_tally *out) {
    run self = { .plan = plan, .out = out, .chance = plan->seed };
    int64_t now = now_us();

    self.next_kill = now + plan->between_us;
    self.next = now + plan->gap_us;
    for (size_t i = 0; i < plan->count; i++) {
        person_start(&plan->people[i]);
    }
    while (!is_over(&self, now = now_us())) {
        for (size_t i = 0; i < plan->count; i++) {
            out->died += person_died(&plan->people[i]);
        }
        kills(&self, now);
        pauses(&self, now);
        look(&self, now);
        if (plan->tick != NULL) {
            plan->tick(plan->payload);
        }
        rest_us(TICK_US);
    }
}
