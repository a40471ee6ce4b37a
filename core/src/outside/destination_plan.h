/* Rows out of objects: which columns their fields go to, which of those are still to be made, and the values.
 *
 * A plan is for objects of one type. Making it changes the table where that is wanted, before any row is written and
 * outside of its transaction: what is added twice is there once, so several workers do not disturb each other. */
#ifndef WHI_DESTINATION_PLAN_H
#define WHI_DESTINATION_PLAN_H

#include "outside/dialect.h"

/* One object of a batch. */
typedef struct whi_item {
    const whi_object *object;
    whi_object_result *result;
    size_t index; /* in the batch */
    whi_json json;
    const char *id;
    size_t id_size;
    char *id_memory;
    struct whi_item *older; /* of the same key, with a lesser version */
    whi_value *row;         /* the plan's */
    int is_done;            /* result says what became of it */
} whi_item;

/* Reads the bytes and the id. 0: result says why it cannot be written. Free it in either case. */
int whi_item_read(whi_item *item);
void whi_item_free(whi_item *item);

typedef struct whi_plan whi_plan;

/* Looks at the table, unless the shape is known, makes what is missing, and fills the items' rows. The shape is used
 * until the plan is freed. result is of the whole: another outcome than WHI_OBJECT_WRITTEN, and out is NULL. */
void whi_plan_make(whi_plan **out, whi_database *database, whi_shape *shape, whi_item **items, size_t count,
                   whi_object_result *result);
void whi_plan_free(whi_plan *plan);

/* The columns of the rows. */
whi_column **whi_plan_columns(const whi_plan *plan, size_t *width);

#endif
