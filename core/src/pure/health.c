#include "pure/health.h"

/* What a failed attempt amounts to, beside what else is seen. */
enum input { SUCCESS, FAILURE, REPEATED, LASTING, GONE, RESUMED, INPUTS };

/* Row: the state; column: the input. */
static const unsigned char table[WHI_HEALTH_STATES][INPUTS] = {
    [WHI_HEALTHY] = { [SUCCESS] = WHI_HEALTHY,
                      [FAILURE] = WHI_TROUBLED,
                      [REPEATED] = WHI_FAILING,
                      [LASTING] = WHI_HEALTH_ENDED,
                      [GONE] = WHI_HEALTH_ENDED,
                      [RESUMED] = WHI_HEALTHY },
    [WHI_TROUBLED] = { [SUCCESS] = WHI_HEALTHY,
                       [FAILURE] = WHI_TROUBLED,
                       [REPEATED] = WHI_FAILING,
                       [LASTING] = WHI_HEALTH_ENDED,
                       [GONE] = WHI_HEALTH_ENDED,
                       [RESUMED] = WHI_TROUBLED },
    [WHI_FAILING] = { [SUCCESS] = WHI_HEALTHY,
                      [FAILURE] = WHI_FAILING,
                      [REPEATED] = WHI_FAILING,
                      [LASTING] = WHI_HEALTH_ENDED,
                      [GONE] = WHI_HEALTH_ENDED,
                      [RESUMED] = WHI_FAILING },
    [WHI_HEALTH_ENDED] = { [SUCCESS] = WHI_HEALTH_ENDED, /* one that was under way */
                           [FAILURE] = WHI_HEALTH_ENDED,
                           [REPEATED] = WHI_HEALTH_ENDED,
                           [LASTING] = WHI_HEALTH_ENDED,
                           [GONE] = WHI_HEALTH_ENDED,
                           [RESUMED] = WHI_HEALTHY },
};

static const unsigned char news[WHI_HEALTH_STATES][WHI_HEALTH_STATES] = {
    [WHI_HEALTHY] = { [WHI_FAILING] = WHI_NEWS_FAILING, [WHI_HEALTH_ENDED] = WHI_NEWS_DISABLED },
    [WHI_TROUBLED] = { [WHI_FAILING] = WHI_NEWS_FAILING, [WHI_HEALTH_ENDED] = WHI_NEWS_DISABLED },
    [WHI_FAILING] = { [WHI_HEALTHY] = WHI_NEWS_RECOVERED, [WHI_HEALTH_ENDED] = WHI_NEWS_DISABLED },
    [WHI_HEALTH_ENDED] = { [WHI_HEALTHY] = WHI_NEWS_RECOVERED },
};

/* ms that this failure adds to what it has been failing for. */
static int64_t gap_of(const whi_health *health, const whi_sight *sight) {
    int64_t gap = sight->steady - health->steady;

    return health->failures == 0 || gap < 0 || gap > sight->disable_after / WHI_HEALTH_GAPS ? 0 : gap;
}

static void add_failure(whi_health *health, const whi_sight *sight) {
    health->since = health->failures == 0 ? sight->at : health->since;
    health->lasted += gap_of(health, sight);
    health->failures++;
    health->exhausted += sight->what == WHI_SAW_EXHAUSTED || sight->what == WHI_SAW_GONE;
    health->failed_at = sight->at;
    health->steady = sight->steady;
}

static enum input weigh_failure(const whi_health *health, const whi_sight *sight) {
    if (sight->what == WHI_SAW_GONE) {
        return GONE;
    }
    if (health->lasted >= sight->disable_after) {
        return LASTING;
    }
    return health->exhausted > 0 || health->failures >= WHI_HEALTH_REPEATED ? REPEATED : FAILURE;
}

static enum input weigh(whi_health *health, const whi_sight *sight) {
    if (sight->what == WHI_SAW_SUCCESS) {
        return SUCCESS;
    }
    if (sight->what == WHI_SAW_RESUMED) {
        health->exhausted = 0;
        health->lasted = 0;
        health->steady = INT64_MAX; /* what passed until the next failure counts nothing */
        return RESUMED;
    }
    add_failure(health, sight);
    return weigh_failure(health, sight);
}

enum whi_health_news whi_health_next(whi_health *health, const whi_sight *sight) {
    int before = health->state;

    health->state = table[before][weigh(health, sight)];
    return (enum whi_health_news)news[before][health->state];
}

const char *whi_health_news_name(enum whi_health_news which) {
    static const char *const names[WHI_NEWS_KINDS] = { "", "failing", "recovered", "disabled" };

    return names[which];
}

const char *whi_health_reason(int what) {
    return what == WHI_SAW_GONE ? "gone" : "failing";
}

int whi_health_is_hopeful(const whi_health *health) {
    return health->exhausted == 0 && health->state != WHI_HEALTH_ENDED;
}
