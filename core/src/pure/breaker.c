#include "pure/breaker.h"

#include <limits.h>

static void forget(whi_breaker *breaker, int64_t now) {
    *breaker = (whi_breaker){ .begun = now };
}

static void turn(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now) {
    int64_t passed = now - breaker->begun, half = rule->window / 2;

    if (passed < 0 || passed >= rule->window) {
        forget(breaker, now);
    } else if (passed >= half) {
        breaker->count[1] = breaker->count[0];
        breaker->failed[1] = breaker->failed[0];
        breaker->count[0] = breaker->failed[0] = 0;
        breaker->begun += half;
    }
}

static void open_for(whi_breaker *breaker, int64_t now, int64_t pause) {
    breaker->is_open = 1;
    breaker->probing = 0;
    breaker->pause = pause;
    breaker->until = now + pause;
}

int whi_breaker_note(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now, int failed) {
    int64_t count, bad;

    if (rule->failures == 0 || breaker->is_open) {
        return 0;
    }
    turn(breaker, rule, now);
    breaker->count[0]++;
    breaker->failed[0] += failed;
    count = (int64_t)breaker->count[0] + breaker->count[1];
    bad = (int64_t)breaker->failed[0] + breaker->failed[1];
    if (!failed || count < rule->least || bad * 100 < count * rule->failures) {
        return 0;
    }
    forget(breaker, now);
    open_for(breaker, now, rule->pause);
    return 1;
}

int whi_breaker_is_new(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now) {
    if (rule->failures == 0 || breaker->is_open) {
        return !breaker->is_open;
    }
    turn(breaker, rule, now);
    return breaker->count[0] == 0 && breaker->count[1] == 0;
}

static void mind_the_clock(whi_breaker *breaker, int64_t now) {
    if (breaker->until > now + breaker->pause) {
        breaker->until = now + breaker->pause;
    }
}

int whi_breaker_left(whi_breaker *breaker, int64_t now) {
    if (!breaker->is_open) {
        return INT_MAX;
    }
    mind_the_clock(breaker, now);
    return !breaker->probing && now >= breaker->until;
}

int64_t whi_breaker_when(whi_breaker *breaker, int64_t now) {
    if (breaker->probing) {
        return INT64_MAX;
    }
    mind_the_clock(breaker, now);
    return breaker->is_open && breaker->until > now ? breaker->until : now;
}

int whi_breaker_take(whi_breaker *breaker) {
    breaker->probing |= breaker->is_open;
    return breaker->is_open;
}

void whi_breaker_probed(whi_breaker *breaker, const whi_breaker_rule *rule, int64_t now, enum whi_probed what) {
    int64_t twice = breaker->pause * 2;

    breaker->probing = 0;
    if (what == WHI_PROBED_WELL) {
        forget(breaker, now);
    } else if (what == WHI_PROBED_BADLY && breaker->is_open) {
        open_for(breaker, now, twice < rule->longest ? twice : rule->longest);
    }
}

void whi_breaker_hurry(whi_breaker *breaker, int64_t now) {
    breaker->until = breaker->is_open && breaker->until > now ? now : breaker->until;
}
