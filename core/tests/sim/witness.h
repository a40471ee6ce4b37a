/* witness.h - who sees each commit, and not only what is there when the judge looks. */
#ifndef SIM_WITNESS_H
#define SIM_WITNESS_H

#include <stdint.h>

/* Before any connection is opened. */
void witness_register(void);

/* Tables and triggers: sim_orphans, sim_owners, sim_robbed, sim_passed and sim_purged have what was wrong. */
extern const char witness_sql[];

/* The model's; -1: it does not know it. */
int witness_subscription_of(int64_t id);

/* 1: this event must have a delivery to this subscription, unless somebody still has to decide it. */
int witness_is_certain(int n, int k);

#endif
