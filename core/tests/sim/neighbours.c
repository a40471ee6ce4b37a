#include "neighbours.h"

#define SUBSCRIPTIONS 24 /* of each six three hang, two are good, and one has a rule */
#define SLOTS_LEAST 12
#define GOOD_FIRST 20        /* events of the good ones alone */
#define WAIT_US 800000       /* twice what is the worst alone: see the header */
#define NEW_US 2600000       /* see the header */
#define ANSWERS_US 20000     /* of good ones, at most */
#define COST_LITTLE_US 1900  /* of a rule: within the slice of a turn, */
#define COST_MUCH_US 1200000 /* and far beyond it */
#define TIMEOUT_LEAST_MS 5000
#define TIMEOUT_MOST_MS 15000

enum role { HANGS, COSTS, GOOD, NEW };

static char arrived[MODEL_EVENTS][MODEL_SUBSCRIPTIONS];

static enum role role_of(int k) {
    static const enum role roles[] = { HANGS, GOOD, HANGS, COSTS, HANGS, GOOD };

    return k == SUBSCRIPTIONS - 1 ? NEW : roles[k % 6];
}

void neighbours_plan(sim_plan *plan, sim_chance *chance) {
    plan->crowded = 1;
    plan->backlog = plan->late_ones = plan->mended = plan->polls = 0;
    plan->kinds = 1u << SIM_rule;
    plan->steps = sim_spread(chance, 20000, 60000);
    plan->processes = 1;
    plan->subscriptions = SUBSCRIPTIONS;
    plan->one_type = sim_one_in(chance, 2) ? SIM_THREADS : SIM_STEPS;
    plan->publishers = 2;
    plan->events = (int)sim_spread(chance, 60, 120);
    plan->pace_us = sim_spread(chance, 500000, 2 * SIM_SECOND); /* a quarter of what the good ones' slots can take */
    plan->memory_bytes = 0;
    plan->in_flight = SLOTS_LEAST + sim_below(chance, 5);
    plan->one_survives = 0;
}

void neighbours_subscription(model_subscription *subscription, int k) {
    static const int tenants[] = { [HANGS] = 1, [COSTS] = 2, [GOOD] = 0, [NEW] = 1 };
    model_subscription made = { .tenant = tenants[role_of(k)], .cap = 64, .retry_count = 3, .possible_count = 1 };
    model_config *config = &made.possible[0];

    made.timeout = TIMEOUT_LEAST_MS + subscription->timeout % (TIMEOUT_MOST_MS - TIMEOUT_LEAST_MS);
    made.retry[1] = 1000;
    made.retry[2] = 3000;
    config->types = (1u << MODEL_TYPES) - 1;
    if (role_of(k) == COSTS) {
        config->rule = MODEL_PASS;
        config->cost = k < 6 ? COST_MUCH_US : COST_LITTLE_US;
    }
    *subscription = made;
}

int neighbours_tenant(int n, int drawn) {
    return sim_plan_now->crowded && n < GOOD_FIRST ? 0 : drawn;
}

int neighbours_hangs(int k) {
    return sim_plan_now->crowded && !sim_net_healed && k < SUBSCRIPTIONS && role_of(k) == HANGS;
}

int64_t neighbours_latency(int k, sim_chance *chance) {
    return neighbours_hangs(k) ? SIM_NEVER : sim_spread(chance, 200, ANSWERS_US);
}

void neighbours_check_slots(int hanging) {
    int most = (int)sim_plan_now->in_flight;

    if (sim_plan_now->crowded && hanging > most - most / 4) {
        sim_fail("slots", "%d of %d slots are of receivers that hang", hanging, most);
    }
}

/* Only the first one: from then on it is known. */
static void new_arrives(const model_event *event, int k) {
    static int is_known;

    if (role_of(k) != NEW || is_known) {
        return;
    }
    is_known = 1;
    if (event->accepted_us != 0 && sim_now - event->accepted_us > NEW_US) {
        sim_fail("new", "the first event for %d, who answers at once, came %lld us after it was accepted", k,
                 (long long)(sim_now - event->accepted_us));
    }
}

/* What another program wrote is read now and then: nobody knows when it was there. */
void neighbours_arrives(int n, int k) {
    const model_event *event = model_events[n];

    if (!sim_plan_now->crowded || arrived[n][k] || event->from_outbox) {
        return;
    }
    new_arrives(event, k);
    if (role_of(k) != GOOD) {
        return;
    }
    arrived[n][k] = 1;
    if (event->accepted_us != 0 && sim_now - event->accepted_us > WAIT_US) {
        sim_fail("fair", "event %d came to %d, who answers at once, %lld us after it was accepted", n, k,
                 (long long)(sim_now - event->accepted_us));
    }
}
