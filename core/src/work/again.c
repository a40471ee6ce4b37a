/* Tests: test_engine_again. */
#include "work/again.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "engine/registry.h"
#include "pure/delivery.h"
#include "pure/retry.h"
#include "systems/system.h"

static void say(whi_parcel *parcel, const char *why) {
    size_t size = strlen(parcel->sentence);

    snprintf(parcel->sentence + size, sizeof parcel->sentence - size, "; %s", why);
}

static int64_t delay_of(wh_engine *engine, const whi_parcel *parcel, const whi_retry_list *list) {
    const whi_subscription *s = parcel->delivery->registration->subscription;
    const int64_t *delays = s->retry != NULL ? s->retry : s->system->retry;
    size_t count = s->retry != NULL ? s->retry_count : s->system->retry_count;
    uint32_t chance = 0;

    if (list != NULL && list->delays != NULL) {
        delays = list->delays;
        count = list->delay_count;
    }
    whi_clock_random(engine->clock, &chance, sizeof chance);
    return whi_retry_delay(delays, count, parcel->delivery->tries, parcel->retry_after, s->retrying.jitter, chance);
}

/* 1: by then it is older than its list lets it be. */
static int is_over(wh_engine *engine, const whi_parcel *parcel, const whi_retry_list *list, int64_t wait) {
    return list != NULL && list->within > 0 &&
           whi_now(engine) + wait > parcel->delivery->created_at + list->within * 1000;
}

void whi_again_earn(wh_engine *engine, whi_lane *lane, const whi_delivery *delivery) {
    int percent = delivery->registration->subscription->retrying.budget;

    if (percent > 0 && delivery->tries == 1) {
        whi_retry_budget_earn(&lane->budget, percent, whi_now(engine));
    }
}

int64_t whi_again(wh_engine *engine, whi_lane *lane, whi_parcel *parcel) {
    const whi_retry_policy *policy = &parcel->delivery->registration->subscription->retrying;
    const whi_retry_list *list = whi_retry_list_of(policy, parcel->delivery->event->type);
    int64_t wait;

    if (parcel->outcome != WHI_OUTCOME_RETRY) {
        return -1;
    }
    if (parcel->ruling.outcome != WHI_RULED_RETRY && !whi_retry_on_allows(&policy->on, parcel->code, parcel->status)) {
        say(parcel, "not tried again, by retry_on");
        return -1;
    }
    wait = delay_of(engine, parcel, list);
    if (wait >= 0 && parcel->ruling.wait >= 0) {
        wait = parcel->ruling.wait;
    }
    if (wait >= 0 && policy->budget > 0) {
        wait = whi_retry_budget_take(&lane->budget, whi_now(engine), wait);
    }
    if (wait >= 0 && is_over(engine, parcel, list, wait)) {
        say(parcel, "not tried again: it would be older than its retry list allows (within)");
        return -1;
    }
    return wait;
}
