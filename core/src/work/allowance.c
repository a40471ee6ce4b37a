/* Tests: test_engine_rate. */
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

void whi_allowance_note(const whi_worker *worker, whi_lane *lane, const whi_subscription *subscription) {
    const whi_rate *rate = &subscription->rate;
    int64_t since;

    if (rate->count == 0) {
        lane->rate.count = 0;
        whi_allowance_end(worker, lane);
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

int whi_allowance_left(const whi_worker *worker, whi_lane *lane) {
    if (lane->rate.count == 0) {
        return INT_MAX;
    }
    return (int)whi_bucket_tokens(&lane->bucket, &lane->rate, whi_now(worker->engine));
}

void whi_allowance_take(whi_lane *lane) {
    if (lane->rate.count != 0) {
        whi_bucket_take(&lane->bucket, &lane->rate);
    }
}

void whi_allowance_wait(const whi_worker *worker, whi_lane *lane) {
    if (!lane->rated) {
        lane->rated = 1;
        atomic_fetch_add(&worker->engine->count.rated, 1);
    }
}

int64_t whi_allowance_next(const whi_worker *worker, whi_lane *lane, whi_registration *registration) {
    const whi_rate *rate = &lane->rate;
    int64_t several = smaller(rate->count * LOOK_MS / rate->per, rate->burst);
    int64_t next = whi_bucket_when(&lane->bucket, rate, whi_now(worker->engine), several > 1 ? several : 1);

    atomic_store(&registration->rated_until, next);
    return next;
}

void whi_allowance_end(const whi_worker *worker, whi_lane *lane) {
    if (lane->rated) {
        lane->rated = 0;
        atomic_fetch_sub(&worker->engine->count.rated, 1);
    }
}

int whi_allowance_is_full(const whi_worker *worker, whi_lane *lane) {
    return lane->rate.count == 0 || whi_allowance_left(worker, lane) == lane->rate.burst;
}
