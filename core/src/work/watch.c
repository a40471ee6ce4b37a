/* Tests: test_engine_health. */
#include "work/watch.h"

#include "engine/lease.h"
#include "engine/notice.h"
#include "pure/delivery.h"
#include "work/disable.h"

/* -------------------------------------------------------------------------- noting */

static int sight_of(const whi_parcel *parcel) {
    if (parcel->outcome == WHI_OUTCOME_GONE) {
        return WHI_SAW_GONE; /* it may have said so in the best of health */
    }
    if (parcel->outcome == WHI_OUTCOME_SUCCESS) { /* an answer alone may be one that its system takes for none */
        return WHI_SAW_SUCCESS;
    }
    if (parcel->outcome == WHI_OUTCOME_SET_ASIDE) {
        return WHI_SAW_NOTHING;
    }
    return parcel->delivery->state == WHI_EXHAUSTED ? WHI_SAW_EXHAUSTED : WHI_SAW_FAILURE;
}

/* A clock that went back must not silence it for as long. */
static int is_to_be_kept(const whi_lane *lane, int64_t at) {
    return at - lane->kept_at >= WHI_WATCH_KEEP_MS || at < lane->kept_at;
}

void whi_watch_note(whi_lane *lane, const whi_parcel *parcel) {
    whi_attempt *attempt = parcel->delivery->attempt;

    if (attempt == NULL) {
        return;
    }
    attempt->saw = sight_of(parcel);
    if (attempt->saw == WHI_SAW_SUCCESS && is_to_be_kept(lane, attempt->at)) {
        attempt->keep = 1;
        lane->kept_at = attempt->at;
    }
}

/* ------------------------------------------------------------------------- recording */

int whi_watch_see(wh_engine *engine, whi_store *store, whi_delivery *delivery, int64_t owner) {
    whi_attempt *attempt = delivery->attempt;
    whi_fact *fact;
    int code;

    if (attempt == NULL || attempt->saw == WHI_SAW_NOTHING) {
        return WH_OK;
    }
    attempt->judged = (whi_answer){ 0 };
    code = whi_store_add(store, WH_FACT_HEALTH, &attempt->judged, &fact);
    if (code == WH_OK) {
        fact->of.sight = (whi_sight){ .subscription = delivery->way.subscription,
                                      .holder = owner,
                                      .what = attempt->saw,
                                      .at = attempt->at,
                                      .steady = attempt->saw != WHI_SAW_SUCCESS ? whi_steady(engine) : 0,
                                      .disable_after = engine->options.disable_after,
                                      .keep = attempt->keep,
                                      .error = delivery->error,
                                      .became = &attempt->became };
    }
    return code;
}

int whi_watch_is_news(const whi_delivery *delivery) {
    return delivery->attempt != NULL && delivery->attempt->judged.number != WHI_NO_NEWS;
}

static const char *reason_of(const whi_attempt *attempt) {
    switch (attempt->judged.number) {
    case WHI_NEWS_RECOVERED:
        return "delivered";
    case WHI_NEWS_DISABLED:
        return whi_health_reason(attempt->saw);
    default:
        return wh_error_name(attempt->code);
    }
}

static const char *const types[WHI_NEWS_KINDS] = {
    [WHI_NEWS_FAILING] = "webhook.subscription.failing",
    [WHI_NEWS_RECOVERED] = "webhook.subscription.recovered",
    [WHI_NEWS_DISABLED] = "webhook.subscription.disabled",
};

static int add_notice(wh_engine *engine, whi_store *store, const whi_delivery *delivery) {
    const whi_attempt *attempt = delivery->attempt;

    return whi_notice_add(engine, store,
                          &(whi_notice){ .about = delivery->registration->subscription,
                                         .type = types[attempt->judged.number],
                                         .event = delivery->event->id,
                                         .reason = reason_of(attempt),
                                         .health = &attempt->became,
                                         .error = delivery->error });
}

/* What it came to was about a URL that it has no more. */
static int forget(wh_engine *engine, whi_store *store, int64_t subscription) {
    whi_fact fact = { .kind = WH_FACT_HEALTH };
    whi_answer judged = { 0 };

    fact.of.sight = (whi_sight){ .subscription = subscription, .what = WHI_SAW_RESUMED, .at = whi_now(engine) };
    return whi_store_write(store, &fact, &judged);
}

/* One that is off for another reason already, or is gone, is not switched off once more: that is no news. */
static int disable(wh_engine *engine, whi_store *store, whi_delivery *delivery, int *changed) {
    whi_attempt *attempt = delivery->attempt;
    int found, off, code = whi_disable(engine, store, delivery->registration, reason_of(attempt), &found, &off);

    if (code == WH_OK && found && !off) {
        *changed = 1;
    } else {
        attempt->judged.number = WHI_NO_NEWS;
    }
    return code == WH_OK && off == WHI_DISABLE_NO_REASON ? forget(engine, store, delivery->way.subscription) : code;
}

int whi_watch_follow(wh_engine *engine, whi_store *store, whi_delivery *delivery, int *changed) {
    whi_attempt *attempt = delivery->attempt;
    int taken, code = whi_notice_ask(engine, store, delivery->registration->subscription->tenant,
                                     types[attempt->judged.number], &taken);

    if (code == WH_OK && attempt->judged.number == WHI_NEWS_DISABLED) {
        code = disable(engine, store, delivery, changed);
    }
    return code == WH_OK && taken && attempt->judged.number != WHI_NO_NEWS ? add_notice(engine, store, delivery) : code;
}

/* -------------------------------------------------------------------------- telling */

static const char *const messages[WHI_NEWS_KINDS] = {
    [WHI_NEWS_FAILING] = "subscription is failing",
    [WHI_NEWS_RECOVERED] = "subscription has recovered",
    [WHI_NEWS_DISABLED] = "subscription is disabled",
};

void whi_watch_tell(wh_engine *engine, const whi_delivery *delivery) {
    const whi_attempt *attempt = delivery->attempt;
    const whi_subscription *s = delivery->registration->subscription;
    enum whi_health_news news = (enum whi_health_news)attempt->judged.number;
    const wh_log_field fields[] = {
        { "subscription", delivery->registration->id, 0 },
        { "tenant", s->tenant, 0 },
        { "reason", reason_of(attempt), 0 },
        { "failing_since", NULL, attempt->became.since },
        { "failures", NULL, attempt->became.failures },
        { "exhausted", NULL, attempt->became.exhausted },
        { "event", delivery->event->id, 0 },
        { "error", delivery->error, 0 },
    };
    size_t count = sizeof fields / sizeof fields[0];

    atomic_fetch_add_explicit(&engine->count.news[news - 1], 1, memory_order_relaxed);
    whi_log_fields(&engine->log, news == WHI_NEWS_RECOVERED ? WH_LOG_INFO : WH_LOG_WARNING, messages[news], fields,
                   delivery->error != NULL ? count : count - 1);
}

static void log_attempt(wh_engine *engine, const whi_parcel *parcel) {
    const whi_delivery *delivery = parcel->delivery;
    const wh_log_field fields[] = {
        { "subscription", delivery->registration->id, 0 },
        { "event", delivery->event->id, 0 },
        { "type", delivery->event->type, 0 },
        { "attempt", NULL, delivery->attempts },
        { "state", whi_delivery_name(delivery->state), 0 },
        { "status", NULL, parcel->status },
        { "duration_us", NULL, parcel->duration_us },
        { "due_at", NULL, delivery->state == WHI_WAITING ? delivery->due : 0 },
        { "code", wh_error_name(parcel->code), 0 },
        { "error", parcel->sentence, 0 },
    };
    int failed = parcel->code != WH_OK;

    whi_log_fields(&engine->log, WH_LOG_DEBUG, failed ? "attempt failed" : "attempt succeeded", fields,
                   failed ? 10 : 7);
}

void whi_watch_log(wh_engine *engine, const whi_parcel *parcel) {
    if (whi_log_says(&engine->log, WH_LOG_DEBUG)) {
        log_attempt(engine, parcel);
    }
}
