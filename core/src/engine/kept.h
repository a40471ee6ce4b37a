/* Compiled rules that are kept, by one thread, within so many bytes.
 *
 * What a rule takes, its engine says, after each run too: a state has as much garbage as its collector leaves. Where
 * all take more than they may, the tenant that has most of it gives up the rule that it used longest ago. So a tenant
 * with many rules, or with large ones, evicts its own, and one that has less than its share none. A rule that is
 * evicted is compiled again when it is met, which its tenant pays. */
#ifndef WHI_KEPT_H
#define WHI_KEPT_H

#include <stddef.h>

#include "base/table.h"
#include "engine/registry.h"
#include "webhook_backend.h"

typedef struct whi_kept {
    const wh_rule_engine *engine;
    void *runtime;
    size_t most, bytes;
    whi_table rules, owners;
    struct whi_kept_rule *last; /* that was got, or NULL */
} whi_kept;

/* engine and runtime outlive it. All zero is one that keeps nothing. */
void whi_kept_init(whi_kept *kept, const wh_rule_engine *engine, void *runtime, size_t most);
void whi_kept_end(whi_kept *kept);

/* The subscription's rule, compiled, for one run; as wh_rule_engine's compile. */
int whi_kept_get(whi_kept *kept, const whi_registration *registration, void **out, wh_rule_error *error);

/* The one that was got last was run. */
void whi_kept_ran(whi_kept *kept);

#endif
