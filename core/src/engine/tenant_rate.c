/* Tests: test_engine_tenant_rate. */
#include "engine/tenant_rate.h"

#include <limits.h>
#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/setting.h"
#include "pure/rate.h"
#include "pure/subscription.h"

#define MANY 1024
#define WHOLE 4096 /* parts of a rate; and lanes of a tenant that are counted one by one */
#define LOOK_MS 50 /* tokens that come within that are for one look */

typedef struct whi_tenant_rate {
    int lanes;                     /* that have it */
    int64_t changes, place, moves; /* when it was looked for: whi_setting_own, the registry's place, the partitions' */
    whi_rate rate;                 /* the tenant's */
    whi_rate part;                 /* ours; count 0: none */
    whi_bucket bucket;
    whi_line line;
    uint64_t version; /* of rate, and of the clock */
    int64_t clock_at; /* ms: what it said last */
    char tenant[];
} tenant_rate;

/* What can be seen without the lock. */
typedef struct sight {
    int64_t changes, place, moves;
    int partitions; /* that are ours */
    whi_rate rate;
    int64_t share; /* of WHOLE */
    int64_t since; /* ms: what was sent before is not known */
} sight;

static uint32_t hash_rate(const void *entry) {
    return whi_table_spread_text(0, ((const tenant_rate *)entry)->tenant);
}

static int is_rate(const void *entry, const void *key) {
    return strcmp(((const tenant_rate *)entry)->tenant, key) == 0;
}

static const whi_table_kind rate_kind = { hash_rate, is_rate };

void whi_tenant_rates_init(whi_tenant_rates *rates) {
    *rates = (whi_tenant_rates){ .many = MANY };
    pthread_mutex_init(&rates->lock, NULL);
}

void whi_tenant_rates_end(whi_tenant_rates *rates) {
    for (uint32_t i = 0; i < rates->all.capacity; i++) {
        whi_free(rates->all.slots[i]);
    }
    whi_table_free(&rates->all);
    pthread_mutex_destroy(&rates->lock);
}

/* -------------------------------------------------------------------------- looking */

static sight glance(wh_engine *engine) {
    return (sight){ .changes = whi_setting_own(engine),
                    .place = whi_registry_place(engine->registry),
                    .moves = atomic_load(&engine->position->moves),
                    .partitions = atomic_load(&engine->position->count) };
}

static int is_current(const tenant_rate *self, const sight *seen) {
    return self->changes == seen->changes &&
           (self->rate.count == 0 || (self->place == seen->place && self->moves == seen->moves));
}

static int sends(const whi_subscription *subscription) {
    return whi_subscription_may_send(subscription) && !whi_subscription_is_fetched(subscription);
}

/* Its lanes, and those of them that are here. */
static void count_lanes(const wh_engine *engine, whi_registration **found, size_t count, sight *seen) {
    int64_t all = 0, mine = 0;

    for (size_t i = 0; i < count; i++) {
        const whi_subscription *s = found[i]->subscription;
        int64_t came = whi_position_came(engine->position, s->id);

        if (sends(s) && whi_position_has(engine->position, s->id)) {
            mine++;
            seen->since = came > seen->since ? came : seen->since;
        }
        all += sends(s);
        whi_registration_unref(found[i]);
    }
    mine = mine > 0 ? mine : 1; /* whoever asks has something to send: its partition is leaving, or comes */
    seen->share = mine < all ? mine * WHOLE / all : WHOLE;
}

/* Of very many, and where there is no memory for them, the part of the partitions is theirs too. */
static void see_share(wh_engine *engine, const char *tenant, sight *seen) {
    const whi_page page = { .limit = WHOLE };
    whi_registration **found = whi_alloc(WHOLE * sizeof(whi_registration *));
    size_t count = 0, total = 0;
    int code = found != NULL ? whi_registry_page(engine->registry, tenant, &page, found, &count, &total) : WH_ENOMEM;

    count_lanes(engine, found, count, seen);
    if (code != WH_OK || total > count) {
        seen->share = (int64_t)seen->partitions * WHOLE / WH_PARTITIONS;
    }
    seen->share = seen->share > 0 ? seen->share : 1; /* whoever asks has something to send */
    whi_free(found);
}

/* Where the store cannot be read now, what was known holds on. */
static int see(wh_engine *engine, const char *tenant, sight *seen) {
    whi_usage_row row;
    int code = engine->reader->vtable->usage(engine->reader, tenant, &row);

    if (code != WH_OK) {
        return code;
    }
    seen->rate = (whi_rate){ row.rate_count, row.rate_per, row.rate_burst };
    seen->since = engine->opened_at;
    if (seen->rate.count != 0) {
        see_share(engine, tenant, seen);
    }
    return WH_OK;
}

/* ----------------------------------------------------------------- the lock is held */

static whi_rate part_of(const whi_rate *rate, int64_t share) {
    int64_t burst = rate->burst * share / WHOLE;

    return (whi_rate){ rate->count * share, rate->per * WHOLE, burst > 0 ? burst : 1 };
}

static void take_sight(tenant_rate *self, const sight *seen, int64_t now) {
    whi_rate part = seen->rate.count != 0 ? part_of(&seen->rate, seen->share) : seen->rate;

    if (!whi_rate_same(&self->rate, &seen->rate)) {
        self->line = (whi_line){ 0 };
        self->version++;
    }
    if (self->part.count == 0) {
        self->bucket = whi_bucket_empty(seen->since < now ? seen->since : now);
    } else if (part.count != 0) {
        whi_bucket_change(&self->bucket, &self->part, &part, now);
    }
    self->rate = seen->rate;
    self->part = part;
    self->changes = seen->changes;
    self->place = seen->place;
    self->moves = seen->moves;
}

static int is_needless(tenant_rate *self, int64_t now) {
    return self->lanes == 0 &&
           (self->part.count == 0 || whi_bucket_tokens(&self->bucket, &self->part, now) == self->part.burst);
}

static void sweep(whi_tenant_rates *rates, int64_t now) {
    whi_table kept = { 0 };

    if (whi_table_resize(&kept, &rate_kind, rates->all.capacity) != WH_OK) {
        return;
    }
    for (uint32_t i = 0; i < rates->all.capacity; i++) {
        tenant_rate *one = rates->all.slots[i];
        if (one != NULL && is_needless(one, now)) {
            whi_free(one);
        } else if (one != NULL) {
            whi_table_put(&kept, &rate_kind, one);
        }
    }
    whi_table_free(&rates->all);
    rates->all = kept;
    rates->many = kept.count * 2 > MANY ? kept.count * 2 : MANY;
}

static tenant_rate *make(whi_tenant_rates *rates, const char *tenant, int64_t now) {
    size_t size = strlen(tenant) + 1;
    tenant_rate *made;

    if (rates->all.count >= rates->many) {
        sweep(rates, now);
    }
    made = whi_table_reserve(&rates->all, &rate_kind) == WH_OK ? whi_calloc(1, sizeof *made + size) : NULL;
    if (made != NULL) {
        memcpy(made->tenant, tenant, size);
        whi_table_put(&rates->all, &rate_kind, made);
    }
    return made;
}

/* It stands in line for the rate that there is. */
static int has_turn(const tenant_rate *self, const whi_tenant_ticket *ticket) {
    return ticket->tokens > 0 && ticket->version == self->version;
}

/* Of a clock that was put back: the line was promised times of the former one, and forms anew. */
static void look_at_clock(tenant_rate *self, int64_t now) {
    if (whi_clock_is_put_back(self->clock_at, now)) {
        self->line = (whi_line){ 0 };
        self->version++;
    }
    self->clock_at = now;
}

static int64_t left(tenant_rate *self, const whi_tenant_ticket *ticket, int64_t now) {
    int64_t tokens;

    if (self->part.count == 0) {
        return INT_MAX;
    }
    tokens = whi_bucket_tokens(&self->bucket, &self->part, now);
    if (!has_turn(self, ticket)) {
        tokens -= self->line.promised;
        return tokens > 0 ? tokens : 0;
    }
    if (ticket->at > now) {
        return 0;
    }
    return tokens < ticket->tokens ? tokens : ticket->tokens;
}

static void keep(tenant_rate *self, whi_tenant_ticket *ticket, int64_t tokens, int64_t now) {
    if (has_turn(self, ticket) && ticket->tokens > tokens) {
        whi_line_give(&self->line, &self->part, ticket->tokens - tokens, ticket->at > now);
        self->line.waiting -= tokens == 0;
        ticket->tokens = tokens;
    }
}

static void take(tenant_rate *self, whi_tenant_ticket *ticket) {
    whi_bucket_take(&self->bucket, &self->part);
    if (has_turn(self, ticket)) {
        whi_line_take(&self->line);
        ticket->tokens--;
        if (ticket->tokens == 0) {
            self->line.waiting--;
        }
    }
}

/* Where many wait each gets less at a time, so that its turn comes sooner. */
static int64_t several(const tenant_rate *self) {
    int64_t tokens = self->part.count * LOOK_MS / self->part.per / (self->line.waiting + 1);

    tokens = tokens < self->part.burst ? tokens : self->part.burst;
    return tokens > 1 ? tokens : 1;
}

/* ------------------------------------------------------------------------ any thread */

static void attach(wh_engine *engine, whi_tenant_ticket *ticket, const char *tenant) {
    whi_tenant_rates *rates = engine->tenant_rates;
    int64_t now = whi_now(engine);
    sight seen = glance(engine);
    tenant_rate *one;

    if (see(engine, tenant, &seen) != WH_OK) {
        return; /* it is tried again with the next delivery */
    }
    pthread_mutex_lock(&rates->lock);
    one = whi_table_get(&rates->all, &rate_kind, whi_table_spread_text(0, tenant), tenant);
    one = one != NULL ? one : make(rates, tenant, now);
    if (one != NULL) {
        take_sight(one, &seen, now);
        one->lanes++;
    }
    ticket->rate = one;
    pthread_mutex_unlock(&rates->lock);
}

static void look_again(wh_engine *engine, tenant_rate *self) {
    pthread_mutex_t *lock = &engine->tenant_rates->lock;
    int64_t now = whi_now(engine);
    sight seen = glance(engine);
    int current;

    pthread_mutex_lock(lock);
    current = is_current(self, &seen);
    pthread_mutex_unlock(lock);
    if (current || see(engine, self->tenant, &seen) != WH_OK) {
        return;
    }
    pthread_mutex_lock(lock);
    take_sight(self, &seen, now);
    pthread_mutex_unlock(lock);
}

int whi_tenant_ticket_note(wh_engine *engine, whi_tenant_ticket *ticket, const char *tenant) {
    int bounded = 0;

    if (ticket->rate != NULL && strcmp(ticket->rate->tenant, tenant) != 0) {
        whi_tenant_ticket_free(engine, ticket);
    }
    if (ticket->rate != NULL) {
        look_again(engine, ticket->rate);
    } else if (tenant[0] != '\0' && whi_setting_has_own(engine)) {
        attach(engine, ticket, tenant);
    }
    if (ticket->rate != NULL) {
        pthread_mutex_lock(&engine->tenant_rates->lock);
        bounded = ticket->rate->part.count != 0;
        pthread_mutex_unlock(&engine->tenant_rates->lock);
    }
    return bounded;
}

int64_t whi_tenant_ticket_left(wh_engine *engine, const whi_tenant_ticket *ticket) {
    int64_t now = whi_now(engine), tokens = INT_MAX;

    if (ticket->rate != NULL) {
        pthread_mutex_lock(&engine->tenant_rates->lock);
        look_at_clock(ticket->rate, now);
        tokens = left(ticket->rate, ticket, now);
        pthread_mutex_unlock(&engine->tenant_rates->lock);
    }
    return tokens;
}

int whi_tenant_ticket_take(wh_engine *engine, whi_tenant_ticket *ticket) {
    int64_t now = whi_now(engine);
    int may;

    if (ticket->rate == NULL) {
        return 1;
    }
    pthread_mutex_lock(&engine->tenant_rates->lock);
    look_at_clock(ticket->rate, now);
    may = left(ticket->rate, ticket, now) > 0;
    if (may && ticket->rate->part.count != 0) {
        take(ticket->rate, ticket);
    }
    pthread_mutex_unlock(&engine->tenant_rates->lock);
    return may;
}

int64_t whi_tenant_ticket_wait(wh_engine *engine, whi_tenant_ticket *ticket) {
    tenant_rate *self = ticket->rate;
    int64_t now = whi_now(engine);

    if (self == NULL) {
        return now;
    }
    pthread_mutex_lock(&engine->tenant_rates->lock);
    look_at_clock(self, now);
    if (self->part.count == 0) {
        ticket->at = now;
    } else if (!has_turn(self, ticket) || ticket->at <= now) {
        keep(self, ticket, 0, now);
        ticket->tokens = several(self);
        ticket->at = whi_line_join(&self->line, &self->bucket, &self->part, now, ticket->tokens);
        ticket->version = self->version;
    }
    pthread_mutex_unlock(&engine->tenant_rates->lock);
    return ticket->at;
}

void whi_tenant_ticket_keep(wh_engine *engine, whi_tenant_ticket *ticket, int64_t tokens) {
    int64_t now = whi_now(engine);

    if (ticket->rate != NULL && ticket->tokens > tokens) {
        pthread_mutex_lock(&engine->tenant_rates->lock);
        keep(ticket->rate, ticket, tokens, now);
        pthread_mutex_unlock(&engine->tenant_rates->lock);
    }
}

void whi_tenant_ticket_free(wh_engine *engine, whi_tenant_ticket *ticket) {
    int64_t now = whi_now(engine);

    if (ticket->rate == NULL) {
        return;
    }
    pthread_mutex_lock(&engine->tenant_rates->lock);
    keep(ticket->rate, ticket, 0, now);
    ticket->rate->lanes--;
    pthread_mutex_unlock(&engine->tenant_rates->lock);
    *ticket = (whi_tenant_ticket){ 0 };
}
