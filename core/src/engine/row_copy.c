/* Tests: test_engine, test_fetch. */
#include "engine/row_copy.h"

#include "base/error.h"
#include "base/mem.h"

static int copy_text(char **out, const char **text) {
    *out = *text != NULL ? whi_strdup(*text, WH_ZSTR) : NULL;
    if (*text != NULL && *out == NULL) {
        return whi_fail_memory();
    }
    *text = *out;
    return WH_OK;
}

int whi_row_copy_take(whi_row_copy *out, const whi_delivery_row *row) {
    int code;

    *out = (whi_row_copy){ .row = *row };
    out->row.body = NULL;
    out->row.body_size = 0;
    code = copy_text(&out->error, &out->row.error);
    code = code == WH_OK ? copy_text(&out->key, &out->row.key) : code;
    return code == WH_OK ? copy_text(&out->headers, &out->row.headers) : code;
}

void whi_row_copy_free(whi_row_copy *copy) {
    whi_free(copy->error);
    whi_free(copy->key);
    whi_free(copy->headers);
}

int whi_row_copy_write(whi_store *store, const whi_row_copy *copy) {
    whi_fact *fact;
    int code = whi_store_add(store, WH_FACT_DELIVERY, NULL, &fact);

    if (code == WH_OK) {
        fact->of.delivery = copy->row;
    }
    return code;
}
