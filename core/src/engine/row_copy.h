/* A delivery's row with texts of its own: what is read in one list is changed and written behind it. */
#ifndef WHI_ROW_COPY_H
#define WHI_ROW_COPY_H

#include "outside/store.h"

typedef struct whi_row_copy {
    whi_delivery_row row; /* without a body */
    char *error, *key, *headers;
} whi_row_copy;

/* out is to be freed in any case. */
int whi_row_copy_take(whi_row_copy *out, const whi_delivery_row *row);
void whi_row_copy_free(whi_row_copy *copy);

/* Adds it to what the store is about to write. */
int whi_row_copy_write(whi_store *store, const whi_row_copy *copy);

#endif
