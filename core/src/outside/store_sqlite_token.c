/* Tokens of the HTTP API and secrets of tenants. Tests: test_store_order, test_api_auth. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "outside/store_sqlite.h"

/* One that is over is listed for a day, then it goes when the next one is made: so there are never more of them than
 * are made in a day. */
#define OVER_MS INT64_C(86400000)

static int purge(whi_sqlite *store, int64_t now) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_TOKEN_PURGE, &statement);

    if (code == WH_OK) {
        sqlite3_bind_int64(statement, 1, now - OVER_MS);
        code = whi_sqlite_run_write(store, statement, "removing tokens that are over");
    }
    return code;
}

int whi_sqlite_token_add(whi_store *base, const whi_token_row *row) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = purge(store, row->created_at);

    code = code == WH_OK ? whi_sqlite_write(store, WHI_SQL_TOKEN_ADD, &statement) : code;

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, row->id);
    whi_sqlite_bind_word(statement, 2, row->tenant);
    whi_sqlite_bind_word(statement, 3, row->name != NULL ? row->name : "");
    sqlite3_bind_blob(statement, 4, row->hash, WHI_TOKEN_HASH, SQLITE_STATIC);
    sqlite3_bind_int64(statement, 5, row->created_at);
    sqlite3_bind_int64(statement, 6, row->expires_at);
    return whi_sqlite_run_write(store, statement, "adding a token");
}

int whi_sqlite_token_remove(whi_store *base, const char *id) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_TOKEN_REMOVE, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, id);
    code = whi_sqlite_run_write(store, statement, "removing a token");
    return code == WH_OK && whi_sqlite_changed(store) == 0 ? whi_fail_field(WH_ENOTFOUND, "token", "not in the store")
                                                           : code;
}

int whi_sqlite_tenant_secret_put(whi_store *base, const char *tenant, const char *secret, int replace) {
    whi_sqlite *store = whi_sqlite_of(base);
    sqlite3_stmt *statement;
    whi_buf kept;
    int code = whi_sqlite_write(store, replace ? WHI_SQL_TENANT_PUT : WHI_SQL_TENANT_ADD, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    code = whi_sqlite_bind_secret(store, statement, 2, tenant, secret, &kept);
    code = code == WH_OK ? whi_sqlite_run_write(store, statement, "keeping a tenant's secret") : code;
    whi_buf_free(&kept);
    return code;
}

/* ------------------------------------------------------------------- reading */

static int read_token(sqlite3_stmt *statement, whi_token_fn each, void *payload) {
    whi_token_row row = { .id = whi_sqlite_word(statement, 0),
                          .name = whi_sqlite_word(statement, 2),
                          .created_at = sqlite3_column_int64(statement, 4),
                          .expires_at = sqlite3_column_int64(statement, 5) };

    if (sqlite3_column_type(statement, 1) != SQLITE_NULL) {
        row.tenant = whi_sqlite_word(statement, 1);
    }
    if (sqlite3_column_bytes(statement, 3) != WHI_TOKEN_HASH) {
        return WH_OK; /* somebody wrote it by hand: it fits no token */
    }
    memcpy(row.hash, sqlite3_column_blob(statement, 3), WHI_TOKEN_HASH);
    return each(&row, payload);
}

static int token_list(whi_sqlite *store, whi_sqlite_side *side, const char *id, whi_token_fn each, void *payload) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, id != NULL ? WHI_SQL_TOKEN_GET : WHI_SQL_TOKEN_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    if (id != NULL) {
        whi_sqlite_bind_word(statement, 1, id);
    }
    while ((code = whi_sqlite_step(store, side, statement, "listing tokens")) == 1) {
        code = read_token(statement, each, payload);
        if (code != WH_OK) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return code;
}

int whi_sqlite_token_list(whi_store *base, const char *id, whi_token_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = token_list(store, store->reader, id, each, payload);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}

static int tenant_secret(whi_sqlite *store, whi_sqlite_side *side, const char *tenant, char *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, WHI_SQL_TENANT_SECRET, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    code = whi_sqlite_step(store, side, statement, "reading a tenant's secret");
    if (code == 1) {
        code = whi_sqlite_secret_of(store, statement, 0, tenant, out);
        sqlite3_reset(statement);
        return code;
    }
    return code == WH_OK ? whi_fail_field(WH_ENOTFOUND, "tenant", "has no secret yet") : code;
}

int whi_sqlite_tenant_secret(whi_store *base, const char *tenant, char *out) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = tenant_secret(store, store->reader, tenant, out);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}
