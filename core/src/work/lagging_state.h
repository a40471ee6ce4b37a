/* Those that lag, as the first worker has them, and where each is: in the rings, and in the store. lagging.c moves them
 * on. */
#ifndef WHI_LAGGING_STATE_H
#define WHI_LAGGING_STATE_H

#include "base/fair.h"
#include "base/table.h"
#include "engine/lag.h"
#include "work/aside.h"
#include "work/worker.h"

#define WHI_LAG_ROWS_US INT64_C(50000) /* between two commits for positions alone */

/* Where a lag is. */
enum {
    WHI_LAG_NEW,     /* its tenant is not known yet */
    WHI_LAG_ROWLESS, /* it has no row yet */
    WHI_LAG_READY,   /* in the ring */
    WHI_LAG_ASKED,   /* a decision is being made */
    WHI_LAG_SETTLES, /* its page is decided, and not all is written */
    WHI_LAG_IDLE,    /* there is nothing more for it at the moment, or no memory */
    WHI_LAG_FAILS,   /* it could not go on, and tries again at its time */
    WHI_LAG_STOPS,   /* it ends */
};

/* Those of one tenant. */
typedef struct whi_lag_tenant {
    whi_turn turn; /* first */
    whi_fair lags;
    int count;
    int waits; /* 1: for its budget, out of the ring */
    char name[];
} whi_lag_tenant;

typedef struct whi_lagging {
    struct whi_aside *aside;
    whi_table tenants;
    whi_fair fair;
    whi_lag *list; /* by following */
    size_t count;
    int waiting;              /* tenants that wait for their budgets */
    whi_lag *gone;            /* to be freed when nothing is under way */
    int asked;                /* questions under way */
    whi_question *unanswered; /* when it ends */
    int64_t asked_us;         /* what they are expected to take */
    whi_lag *reading;         /* whose page is being read */
    int writing;              /* rows are under way */
    int pages;                /* of events that are in memory for them */
    int64_t rows_us;
    int64_t over_us; /* when it was last asked which subscriptions are no more */
    int64_t look_us; /* not before, all of them are looked at */
} whi_lagging;

/* The one function that changes it: who is ready is in the ring of its tenant, and that in the ring of all. */
void whi_lagging_set_state(whi_lagging *self, whi_lag *lag, int state);

/* All that was handed over up to this number is decided. Of `from` it is asked before the numbers are looked at: until
 * then workers may add to them. */
int whi_lagging_has_passed(whi_worker *worker, int64_t number);
int whi_lagging_has_no_numbers(whi_worker *worker, const whi_lag *lag);

/* Its row is there, at this position, and it reads on from there, or it needs none: what was held for it is undecided
 * for it no more. */
void whi_lagging_release(whi_worker *worker, whi_lag *lag, int64_t position, int64_t from);

/* What wants one has its row written, if it is time. */
void whi_lagging_write_rows(whi_worker *worker);

#endif
