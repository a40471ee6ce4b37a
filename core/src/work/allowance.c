/* Tests: test_engine_rate, test_engine_tenant_rate. */
#include "work/allowance.h"

#include <limits.h>

#include "engine/position.h"

#define LOOK_MS 50 /* tokens that come within that are looked for at once */

static int64_t smaller(int64_t a, int64_t b) {
    return a < b ? a : b;
}

static int64_t known_since(const whi_worker *worker, const whi_lane *lane) {
    int64_t came = whi_position_came(worker->engine->position, lane->subscription);

    return came > worker->opened_at ? came : worker->opened_at;
}

static void note_rate(const whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    const whi_rate *rate = &subscription->rate;
    int64_t since;

    if (rate->count == 0) {
        lane->rate.count = 0;
        return;
    }
    since = known_since(worker, lane);
    if (lane->rate.count == 0 || lane->rate_since != since) {
        lane->rate_since = since;
        lane->bucket =
            subscription->created_at > since ? whi_bucket_full(rate, whi_now(worker->engine)) : whi_bucket_empty(since);
    } else if (!whi_rate_same(&lane->rate, rate)) {
        whi_bucket_change(&lane->bucket, &lane->rate, rate, whi_now(worker->engine));
    }
    lane->rate = *rate;
}

static void count_open(const whi_worker *worker, whi_lane *lane) {
    atomic_fetch_add(&worker->engine->count.broken, lane->breaker.is_open - lane->breaker_counted);
    lane->breaker_counted = lane->breaker.is_open;
}

/* What was changed may be what failed. */
static void note_breaker(const whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    if (lane->breaker_version == subscription->version) {
        return;
    }
    lane->breaker_version = subscription->version;
    lane->breaker_rule = subscription->breaker;
    if (lane->breaker_rule.failures == 0) {
        lane->breaker = (whi_breaker){ 0 };
        count_open(worker, lane);
    } else {
        whi_breaker_hurry(&lane->breaker, whi_now(worker->engine));
    }
}

static int rests(const whi_worker *worker, const whi_lane *lane) {
    return lane->rests_until > whi_now(worker->engine);
}

void whi_allowance_note(const whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    int bounded = whi_tenant_ticket_note(worker->engine, &lane->tenant, subscription->tenant);

    note_rate(worker, lane, subscription);
    note_breaker(worker, lane, subscription);
    if (lane->rate.count == 0 && !lane->breaker.is_open && !bounded && !rests(worker, lane)) {
        whi_allowance_end(worker, lane, 0);
    }
}

void whi_allowance_rest(const whi_worker *worker, whi_lane *lane, whi_registration *registration, int64_t ms) {
    int64_t until = whi_now(worker->engine) + ms;

    lane->rests_until = until > lane->rests_until ? until : lane->rests_until;
    atomic_store(&registration->rests_until, lane->rests_until);
}

/* By what is the lane's own. */
static int64_t left_of_lane(const whi_worker *worker, whi_lane *lane) {
    int64_t now = whi_now(worker->engine);
    int64_t tokens = lane->rate.count != 0 ? whi_bucket_tokens(&lane->bucket, &lane->rate, now) : INT_MAX;

    return lane->rests_until > now ? 0 : smaller(tokens, whi_breaker_left(&lane->breaker, now));
}

int whi_allowance_left(const whi_worker *worker, whi_lane *lane) {
    int64_t own = left_of_lane(worker, lane);

    return own > 0 ? (int)smaller(own, whi_tenant_ticket_left(worker->engine, &lane->tenant)) : 0;
}

int whi_allowance_claim(const whi_worker *worker, whi_lane *lane) {
    return left_of_lane(worker, lane) > 0 && whi_tenant_ticket_take(worker->engine, &lane->tenant);
}

int whi_allowance_take(whi_lane *lane) {
    if (lane->rate.count != 0) {
        whi_bucket_take(&lane->bucket, &lane->rate);
    }
    return whi_breaker_take(&lane->breaker);
}

static void wait_for(const whi_worker *worker, whi_lane *lane, enum whi_lane_wait what) {
    atomic_fetch_add(&worker->engine->count.rated, (what == WHI_WAITS_FOR_RATE) - (lane->rated == WHI_WAITS_FOR_RATE));
    lane->rated = what;
}

void whi_allowance_wait(const whi_worker *worker, whi_lane *lane) {
    int probe = whi_breaker_left(&lane->breaker, whi_now(worker->engine)) == 0;

    wait_for(worker, lane, probe ? WHI_WAITS_FOR_PROBE : WHI_WAITS_FOR_RATE);
}

static int64_t next_by_rest(const whi_worker *worker, const whi_lane *lane, whi_registration *registration) {
    int64_t next = rests(worker, lane) ? lane->rests_until : 0;

    atomic_store(&registration->rests_until, next);
    return next;
}

static int64_t next_by_rate(const whi_worker *worker, whi_lane *lane, whi_registration *registration) {
    const whi_rate *rate = &lane->rate;
    int64_t several = smaller(rate->count * LOOK_MS / rate->per, rate->burst);
    int64_t next = whi_bucket_when(&lane->bucket, rate, whi_now(worker->engine), several > 1 ? several : 1);

    atomic_store(&registration->rated_until, next);
    return next;
}

/* Who may not go by what is its own stands in no line. */
static int64_t next_by_tenant(const whi_worker *worker, whi_lane *lane, whi_registration *registration) {
    int64_t next = 0;

    if (left_of_lane(worker, lane) == 0) {
        whi_tenant_ticket_keep(worker->engine, &lane->tenant, 0);
    } else if (lane->tenant.rate != NULL) {
        next = whi_tenant_ticket_wait(worker->engine, &lane->tenant);
    }
    atomic_store(&registration->tenant_until, next);
    return next;
}

static int64_t larger(int64_t a, int64_t b) {
    return a > b ? a : b;
}

int64_t whi_allowance_next(const whi_worker *worker, whi_lane *lane, whi_registration *registration) {
    int64_t rate = lane->rate.count != 0 ? next_by_rate(worker, lane, registration) : 0;
    int64_t probe = whi_breaker_when(&lane->breaker, whi_now(worker->engine));
    int64_t rest = next_by_rest(worker, lane, registration);

    if (lane->breaker.is_open) {
        atomic_store(&registration->probe_at, probe);
    }
    return larger(larger(rate, larger(probe, rest)), next_by_tenant(worker, lane, registration));
}

static void tell(const whi_worker *worker, const whi_lane *lane, const whi_registration *registration) {
    const wh_log_field fields[] = {
        { "subscription", registration->id, 0 },
        { "tenant", registration->subscription->tenant, 0 },
        { "probe_at", NULL, lane->breaker.until },
    };

    if (lane->breaker.is_open) {
        whi_log_fields(&worker->engine->log, WH_LOG_WARNING, "breaker is open", fields, 3);
    } else {
        whi_log_fields(&worker->engine->log, WH_LOG_INFO, "breaker is closed", fields, 2);
    }
}

int64_t whi_allowance_judge(const whi_worker *worker, whi_lane *lane, whi_registration *registration, int probe,
                            enum whi_probed what) {
    int64_t now = whi_now(worker->engine), next;
    int was_open = lane->breaker.is_open;

    if (probe) {
        whi_breaker_probed(&lane->breaker, &lane->breaker_rule, now, what);
    } else if (what != WHI_PROBED_NOTHING) {
        (void)whi_breaker_note(&lane->breaker, &lane->breaker_rule, now, what == WHI_PROBED_BADLY);
    }
    if (!probe && was_open == lane->breaker.is_open) {
        return INT64_MAX;
    }
    next = whi_breaker_when(&lane->breaker, now);
    atomic_store(&registration->probe_at, lane->breaker.is_open ? next : 0);
    count_open(worker, lane);
    if (was_open != lane->breaker.is_open) {
        tell(worker, lane, registration);
    }
    return lane->rated != WHI_WAITS_FOR_NOTHING ? next : INT64_MAX;
}

void whi_allowance_end(const whi_worker *worker, whi_lane *lane, int queued) {
    whi_tenant_ticket_keep(worker->engine, &lane->tenant, queued);
    wait_for(worker, lane, WHI_WAITS_FOR_NOTHING);
}

void whi_allowance_free(const whi_worker *worker, whi_lane *lane) {
    whi_allowance_end(worker, lane, 0);
    whi_tenant_ticket_free(worker->engine, &lane->tenant);
    lane->breaker = (whi_breaker){ 0 };
    count_open(worker, lane);
}

int whi_allowance_is_full(const whi_worker *worker, whi_lane *lane) {
    int64_t now = whi_now(worker->engine);

    return !rests(worker, lane) && whi_breaker_is_new(&lane->breaker, &lane->breaker_rule, now) &&
           whi_retry_budget_is_full(&lane->budget, now) &&
           (lane->rate.count == 0 || whi_bucket_tokens(&lane->bucket, &lane->rate, now) == lane->rate.burst);
}
