/* Changing many deliveries by a call: found page by page, and each page looked at and written in one transaction, so
 * that nobody waits long for it. */
#ifndef WHI_DELIVERY_CHANGE_H
#define WHI_DELIVERY_CHANGE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/context.h"
#include "engine/row_copy.h"
#include "engine/writer.h"

#define WHI_CHANGE_ROWS 500 /* deliveries in one transaction */

typedef struct whi_delivery_place {
    int64_t event, subscription;
} whi_delivery_place;

typedef struct whi_delivery_change {
    whi_job job;
    wh_engine *engine;
    /* 1: it becomes what *changed is made to be, which is as it was; 0: it stays, and code says whether that is an
     * error where each must change. Writes nothing: it may be asked again. */
    int (*decide)(const struct whi_delivery_change *self, const whi_delivery_row *row, whi_delivery_row *changed,
                  int *code);
    /* In the same transaction, behind what was written of each; NULL: nothing follows. */
    int (*follow)(struct whi_delivery_change *self, whi_store *store, const whi_delivery_row *changed);
    int state;  /* that they were found in, 0: any: one that has another one by then stays so */
    int strict; /* 1: one that cannot be changed, or is not there, is an error */
    int64_t now;
    int64_t count; /* how many have changed, or would */

    /* its own */
    whi_delivery_place *names;
    size_t name_count;
    whi_row_copy *found; /* of as many as were named, those that change */
    size_t found_count;
    whi_answer looked; /* of the last one */
    int64_t page;      /* changed by the last transaction */
} whi_delivery_change;

/* Changes this one, strictly. WH_ENOTFOUND; what decide says. */
int whi_delivery_change_one(whi_delivery_change *change, whi_delivery_place name);

/* Changes what the query names, of a subscription that has a twin what it names of both. count also with an error: what
 * was committed stays. */
int whi_delivery_change_all(whi_delivery_change *change, const whi_store_query *query);

/* Counts what that would change now. */
int whi_delivery_change_count(whi_delivery_change *change, const whi_store_query *query);

#endif
