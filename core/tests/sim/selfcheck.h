/* Tests of the simulator itself: each in a child of its own, which says what was broken. A
 * checker that complains of nothing proves nothing, so each promise is broken once here. */
#ifndef SIM_SELFCHECK_H
#define SIM_SELFCHECK_H

#include <sqlite3.h>

#include "world.h"

typedef struct sim_check {
    const char *name;
    void (*body)(void);
    const char *invariant; /* that must be found broken; NULL: none */
} sim_check;

#define HOLDS(name)                                                                                                    \
    { #name, test_##name, NULL }
#define BREAKS(name, invariant)                                                                                        \
    { "finds " #name, break_##name, invariant }

/* Each ends with an empty one. */
extern const sim_check self_disk_checks[], self_model_checks[], self_judge_checks[], self_net_checks[];

void self_expect(int holds, const char *what);
sqlite3 *self_connect(const char *name);
int self_sql(sqlite3 *db, const char *sql);
void self_tamper(const char *sql);           /* with the store */
model_subscription *self_subscription(void); /* for the first type, one attempt, two at once */
model_event *self_event(int type, int key);

#endif
