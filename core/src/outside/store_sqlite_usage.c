/* What is kept of a tenant, and what it may have. Tests: test_store_usage. */
#include "outside/store_sqlite.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "base/table.h"

/* ------------------------------------------------------------ what a transaction brings */

typedef struct whi_sqlite_sum {
    int64_t events, bytes;
    char tenant[];
} whi_sqlite_sum;

static uint32_t hash_sum(const void *entry) {
    return whi_table_spread_text(0, ((const whi_sqlite_sum *)entry)->tenant);
}

static int is_sum(const void *entry, const void *key) {
    return strcmp(((const whi_sqlite_sum *)entry)->tenant, key) == 0;
}

static const whi_table_kind sum_kind = { hash_sum, is_sum };

static whi_sqlite_sum *find_sum(whi_sqlite *store, const char *tenant) {
    whi_sqlite_sum *last = store->brought_last;

    return last != NULL && strcmp(last->tenant, tenant) == 0
               ? last
               : whi_table_get(&store->brought, &sum_kind, whi_table_spread_text(0, tenant), tenant);
}

static whi_sqlite_sum *make_sum(whi_sqlite *store, const char *tenant) {
    size_t size = strlen(tenant) + 1;
    whi_sqlite_sum *sum =
        whi_table_reserve(&store->brought, &sum_kind) == WH_OK ? whi_calloc(1, sizeof *sum + size) : NULL;

    if (sum != NULL) {
        memcpy(sum->tenant, tenant, size);
        whi_table_put(&store->brought, &sum_kind, sum);
    }
    return sum;
}

static int bring(whi_sqlite *store, const char *tenant, int64_t events, size_t bytes) {
    whi_sqlite_sum *sum = find_sum(store, tenant);

    sum = sum != NULL ? sum : make_sum(store, tenant);
    if (sum == NULL) {
        return whi_fail_memory();
    }
    sum->events += events;
    sum->bytes += (int64_t)bytes;
    store->brought_last = sum;
    return WH_OK;
}

int whi_sqlite_usage_event(whi_sqlite *store, const char *tenant, size_t bytes) {
    return tenant != NULL && tenant[0] != '\0' ? bring(store, tenant, 1, bytes) : WH_OK;
}

int whi_sqlite_usage_body(whi_sqlite *store, int64_t event, size_t bytes) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_USAGE_OF, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, event);
    code = whi_sqlite_step(store, &store->writer, statement, "looking whose a body is");
    if (code == 1) {
        code = bring(store, whi_sqlite_word(statement, 0), 0, bytes);
        sqlite3_reset(statement);
    }
    return code;
}

static int write_sum(whi_sqlite *store, const whi_sqlite_sum *sum) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_USAGE_ADD, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_text(statement, 1, sum->tenant, -1, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 2, sum->events);
    sqlite3_bind_int64(statement, 3, sum->bytes);
    return whi_sqlite_run_write(store, statement, "counting what a tenant has");
}

int whi_sqlite_usage_write(whi_sqlite *store) {
    int code = WH_OK;

    for (uint32_t i = 0; i < store->brought.capacity && code == WH_OK; i++) {
        if (store->brought.slots[i] != NULL) {
            code = write_sum(store, store->brought.slots[i]);
        }
    }
    if (code == WH_OK) {
        whi_sqlite_usage_forget(store);
    }
    return code;
}

void whi_sqlite_usage_forget(whi_sqlite *store) {
    for (uint32_t i = 0; i < store->brought.capacity; i++) {
        whi_free(store->brought.slots[i]);
    }
    whi_table_free(&store->brought);
    store->brought_last = NULL;
}

/* ---------------------------------------------------------------------------- its row */

static void take(sqlite3_stmt *statement, wh_backend_usage *out) {
    out->events = sqlite3_column_int64(statement, 0);
    out->bytes = sqlite3_column_int64(statement, 1);
    out->quota_events = sqlite3_column_int64(statement, 2);
    out->quota_bytes = sqlite3_column_int64(statement, 3);
    out->cpu_ms = sqlite3_column_int64(statement, 4);
    out->rate_count = sqlite3_column_int64(statement, 5);
    out->rate_per = sqlite3_column_int64(statement, 6);
    out->rate_burst = sqlite3_column_int64(statement, 7);
}

static int read_usage(whi_sqlite *store, whi_sqlite_side *side, const char *tenant, wh_backend_usage *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_USAGE_GET, &statement);

    *out = (wh_backend_usage){ 0 };
    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    code = whi_sqlite_step(store, side, statement, "reading what a tenant has");
    if (code != 1) {
        return code;
    }
    take(statement, out);
    sqlite3_reset(statement);
    return WH_OK;
}

/* With what its transaction has added until now. */
int whi_sqlite_usage_now(whi_sqlite *store, whi_fact *fact) {
    const whi_sqlite_sum *sum = find_sum(store, fact->of.usage.tenant);
    int code = read_usage(store, &store->writer, fact->of.usage.tenant, fact->of.usage.row);

    if (code == WH_OK && sum != NULL) {
        fact->of.usage.row->events += sum->events;
        fact->of.usage.row->bytes += sum->bytes;
    }
    return code;
}

int whi_sqlite_usage_limit(whi_sqlite *store, whi_fact *fact) {
    const wh_backend_usage *row = fact->of.usage.row;
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_USAGE_LIMIT, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, fact->of.usage.tenant);
    sqlite3_bind_int64(statement, 2, row->quota_events);
    sqlite3_bind_int64(statement, 3, row->quota_bytes);
    sqlite3_bind_int64(statement, 4, row->cpu_ms);
    sqlite3_bind_int64(statement, 5, row->rate_count);
    sqlite3_bind_int64(statement, 6, row->rate_per);
    sqlite3_bind_int64(statement, 7, row->rate_burst);
    return whi_sqlite_run_write(store, statement, "keeping what a tenant may have");
}

int whi_sqlite_usage(whi_store *base, const char *tenant, wh_backend_usage *out) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = read_usage(store, store->reader, tenant, out);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}
