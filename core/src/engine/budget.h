/* Budgets: how much CPU of each second this process spends on deciding a tenant's events.
 *
 * A tenant has a purse. It fills with the engine's steady clock, up to what a second brings, and what was spent is
 * taken out when it is known, so a purse may be in debt. Who has nothing left waits: its subscriptions that look into
 * payloads lag (engine/lag.h), and go on when there is something again; no other tenant is touched. What a tenant may
 * spend is asked of the store, at most once in a second for each. Events without a tenant have no budget.
 *
 * One lock, which is one of those under which nothing else is asked for. A purse that is full says nothing, and is
 * thrown away when there are many: they take at most a few hundred bytes for each tenant that was busy within a
 * second. */
#ifndef WHI_BUDGET_H
#define WHI_BUDGET_H

#include <pthread.h>
#include <stdint.h>

#include "base/table.h"
#include "engine/context.h"

typedef struct whi_budgets {
    pthread_mutex_t lock;
    whi_table all;
    uint32_t many; /* when to look for those that are full */
} whi_budgets;

void whi_budgets_init(whi_budgets *budgets);
void whi_budgets_end(whi_budgets *budgets);

/* 1: some tenant may have one. Any thread, as the others. */
int whi_budget_is_used(wh_engine *engine);

/* So many us of CPU were spent on it. */
void whi_budget_spend(wh_engine *engine, const char *tenant, int64_t us);

/* 1: it has spent what it may, for now. */
int whi_budget_is_spent(wh_engine *engine, const char *tenant);

#endif
