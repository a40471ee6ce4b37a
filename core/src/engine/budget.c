/* Tests: test_budget. */
#include "engine/budget.h"

#include <string.h>

#include "base/clock.h"
#include "base/mem.h"
#include "engine/setting.h"

#define MANY 1024
#define LOOK_US INT64_C(1000000) /* what a tenant may spend is asked for again */
#define SECOND_MS 1000           /* a purse holds what so long a time brings */

typedef struct purse {
    int64_t cpu_ms;    /* of a second; INT64_MAX: no budget */
    int64_t looked_us; /* monotonic: when that was asked for */
    int64_t filled_ms; /* steady */
    int64_t us;        /* that may be spent; below 0: debts */
    char tenant[];
} purse;

static uint32_t hash_purse(const void *entry) {
    return whi_table_spread_text(0, ((const purse *)entry)->tenant);
}

static int is_purse(const void *entry, const void *key) {
    return strcmp(((const purse *)entry)->tenant, key) == 0;
}

static const whi_table_kind purse_kind = { hash_purse, is_purse };

void whi_budgets_init(whi_budgets *budgets) {
    *budgets = (whi_budgets){ .many = MANY };
    pthread_mutex_init(&budgets->lock, NULL);
}

void whi_budgets_end(whi_budgets *budgets) {
    for (uint32_t i = 0; i < budgets->all.capacity; i++) {
        whi_free(budgets->all.slots[i]);
    }
    whi_table_free(&budgets->all);
    pthread_mutex_destroy(&budgets->lock);
}

int whi_budget_is_used(wh_engine *engine) {
    return whi_setting_has_own(engine) || whi_setting_known(engine, WHI_TENANT_CPU_MS) != INT64_MAX;
}

/* ----------------------------------------------------------------- the lock is held */

static int64_t most_of(const purse *self) {
    return self->cpu_ms * SECOND_MS; /* a ms of a second is a us of a ms */
}

/* A clock that was set back brings nothing. */
static void fill(purse *self, int64_t now_ms) {
    int64_t passed = now_ms - self->filled_ms;

    self->filled_ms = now_ms;
    if (self->cpu_ms == INT64_MAX) {
        self->us = 1;
        return;
    }
    passed = passed < 0 ? 0 : passed > SECOND_MS * 3600 ? SECOND_MS * 3600 : passed;
    self->us += passed * self->cpu_ms;
    self->us = self->us > most_of(self) ? most_of(self) : self->us;
}

static int is_full(const purse *self) {
    return self->cpu_ms == INT64_MAX || self->us >= most_of(self);
}

static void sweep(whi_budgets *budgets, int64_t now_ms) {
    whi_table kept = { 0 };

    if (whi_table_resize(&kept, &purse_kind, budgets->all.capacity) != WH_OK) {
        return;
    }
    for (uint32_t i = 0; i < budgets->all.capacity; i++) {
        purse *one = budgets->all.slots[i];
        if (one == NULL) {
            continue;
        }
        fill(one, now_ms);
        if (is_full(one)) {
            whi_free(one);
        } else {
            whi_table_put(&kept, &purse_kind, one);
        }
    }
    whi_table_free(&budgets->all);
    budgets->all = kept;
    budgets->many = kept.count * 2 > MANY ? kept.count * 2 : MANY;
}

static purse *find(const whi_budgets *budgets, const char *tenant) {
    return whi_table_get(&budgets->all, &purse_kind, whi_table_spread_text(0, tenant), tenant);
}

static purse *make(whi_budgets *budgets, const char *tenant, int64_t cpu_ms, int64_t now_ms) {
    size_t size = strlen(tenant) + 1;
    purse *made;

    if (budgets->all.count >= budgets->many) {
        sweep(budgets, now_ms);
    }
    made = whi_table_reserve(&budgets->all, &purse_kind) == WH_OK ? whi_calloc(1, sizeof *made + size) : NULL;
    if (made != NULL) {
        memcpy(made->tenant, tenant, size);
        made->cpu_ms = cpu_ms;
        made->filled_ms = now_ms;
        made->us = cpu_ms == INT64_MAX ? 1 : most_of(made);
        whi_table_put(&budgets->all, &purse_kind, made);
    }
    return made;
}

/* ------------------------------------------------------------------------ any thread */

/* Where the store cannot be read now, what holds for all. */
static int64_t ask_store(wh_engine *engine, const char *tenant) {
    whi_usage_row row = { 0 };

    (void)engine->reader->vtable->usage(engine->reader, tenant, &row);
    return row.cpu_ms > 0 ? row.cpu_ms : whi_setting_known(engine, WHI_TENANT_CPU_MS);
}

static int is_known(whi_budgets *budgets, const char *tenant, int64_t now_us) {
    const purse *known;
    int is;

    pthread_mutex_lock(&budgets->lock);
    known = find(budgets, tenant);
    is = known != NULL && now_us - known->looked_us < LOOK_US;
    pthread_mutex_unlock(&budgets->lock);
    return is;
}

/* Takes so much out; gives 1 if nothing is left. Without memory for a purse nobody waits. */
static int take_out(wh_engine *engine, const char *tenant, int64_t us) {
    whi_budgets *budgets = engine->budgets;
    int64_t now_us = whi_monotonic_us(), now_ms = whi_steady(engine), cpu_ms = 0;
    purse *one;
    int spent = 0;

    if (tenant[0] == '\0' || !whi_budget_is_used(engine)) {
        return 0;
    }
    if (!is_known(budgets, tenant, now_us)) {
        cpu_ms = ask_store(engine, tenant);
    }
    pthread_mutex_lock(&budgets->lock);
    one = find(budgets, tenant);
    if (one == NULL && cpu_ms > 0) {
        one = make(budgets, tenant, cpu_ms, now_ms);
    }
    if (one != NULL) {
        one->looked_us = cpu_ms > 0 ? now_us : one->looked_us;
        one->cpu_ms = cpu_ms > 0 ? cpu_ms : one->cpu_ms;
        fill(one, now_ms);
        one->us -= us;
        spent = one->cpu_ms != INT64_MAX && one->us <= 0;
    }
    pthread_mutex_unlock(&budgets->lock);
    return spent;
}

void whi_budget_spend(wh_engine *engine, const char *tenant, int64_t us) {
    (void)take_out(engine, tenant, us);
}

int whi_budget_is_spent(wh_engine *engine, const char *tenant) {
    return take_out(engine, tenant, 0);
}
