/* Tokens of the HTTP API. Tests: test_api_auth. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "calls/insight.h"
#include "calls/past.h"
#include "engine/context.h"
#include "engine/writer.h"
#include "pure/json.h"
#include "pure/match.h"
#include "pure/sign.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

/* A token is "wht_", the id's 16 digits, "_", and 64 digits of chance. What is kept is the
 * SHA-256 of all of it: with 256 bits of chance nobody can guess backwards. */
#define ID_BYTES 8
#define CHANCE_BYTES 32
#define ID_DIGITS (ID_BYTES * 2)
#define TOKEN_SIZE (4 + ID_DIGITS + 1 + CHANCE_BYTES * 2)
#define NAME_MAXIMUM 256

static int hash(const char *token, unsigned char out[WHI_TOKEN_HASH]) {
    unsigned size = WHI_TOKEN_HASH;

    return EVP_Digest(token, strlen(token), out, &size, EVP_sha256(), NULL) == 1
               ? WH_OK
               : whi_fail(WH_EINTERNAL, "OpenSSL makes no SHA-256");
}

static int check_name(const char *name) {
    size_t size = name != NULL ? strlen(name) : 0;

    return size <= NAME_MAXIMUM ? WH_OK : whi_fail_size("name", size, NAME_MAXIMUM);
}

/* ------------------------------------------------------------------------- writing */

typedef struct change {
    whi_job job;
    const whi_token_row *add;
    const char *remove;
} change;

static int run_change(whi_job *job, whi_store *store) {
    const change *self = (const change *)job;

    if (self->add != NULL) {
        return whi_store_token_add(store, self->add);
    }
    return whi_store_token_remove(store, self->remove);
}

static int commit(wh_engine *engine, change *self) {
    self->job.rows = 1;
    self->job.run = run_change;
    return whi_writer_run(engine->writer, &self->job);
}

/* The token of ID_BYTES and CHANCE_BYTES, and its id. */
static void spell(const unsigned char *chance, char *id, char *token) {
    memcpy(id, "tok_", 4);
    whi_hex_write(chance, ID_BYTES, id + 4);
    memcpy(token, "wht_", 4);
    whi_hex_write(chance, ID_BYTES, token + 4);
    token[4 + ID_DIGITS] = '_';
    whi_hex_write(chance + ID_BYTES, CHANCE_BYTES, token + 5 + ID_DIGITS);
}

static int check_new(wh_engine *engine, const char *tenant, const char *name, int64_t expires_in, const char *token) {
    int code =
        token != NULL ? whi_engine_check(engine) : whi_fail_field(WH_EINVALID, "token", "expected one, found NULL");

    code = code == WH_OK ? whi_tenant_check(tenant != NULL ? tenant : "") : code;
    code = code == WH_OK ? check_name(name) : code;
    return code != WH_OK || (expires_in >= 0 && expires_in <= WH_TOKEN_LONGEST)
               ? code
               : whi_fail_field(WH_EINVALID, "expires_in", "expected 1 to %lld ms, found %lld",
                                (long long)WH_TOKEN_LONGEST, (long long)expires_in);
}

int wh_token_add_for(wh_engine *engine, const char *tenant, const char *name, int64_t expires_in,
                     char token[WH_SECRET_SIZE]) {
    unsigned char chance[ID_BYTES + CHANCE_BYTES];
    char id[8 + ID_DIGITS + 1];
    whi_token_row row = { .id = id, .tenant = tenant, .name = name != NULL ? name : "" };
    change self = { .add = &row };
    int code = check_new(engine, tenant, name, expires_in, token);

    code = code == WH_OK ? whi_clock_random(engine->clock, chance, sizeof chance) : code;
    if (code != WH_OK) {
        return code;
    }
    spell(chance, id, token);
    whi_wipe(chance, sizeof chance);
    row.created_at = whi_now(engine);
    row.expires_at = expires_in > 0 ? row.created_at + expires_in : 0;
    code = hash(token, row.hash);
    code = code == WH_OK ? commit(engine, &self) : code;
    if (code != WH_OK) {
        whi_wipe(token, WH_SECRET_SIZE);
    }
    return code;
}

int wh_token_add(wh_engine *engine, const char *tenant, const char *name, char token[WH_SECRET_SIZE]) {
    return wh_token_add_for(engine, tenant, name, 0, token);
}

int wh_token_revoke(wh_engine *engine, const char *id) {
    change self = { .remove = id };
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (id == NULL) {
        return whi_fail_field(WH_EINVALID, "id", "expected one, found NULL");
    }
    code = commit(engine, &self);
    return code == WH_ENOTFOUND ? whi_fail_field(code, "id", "no such token") : code;
}

/* ------------------------------------------------------------------------- reading */

typedef struct listing {
    whi_buf out;
    const char *tenant;
    int64_t now;
    int count;
} listing;

static int is_over(int64_t expires_at, int64_t now) {
    return expires_at != 0 && expires_at <= now;
}

static int write_token(const whi_token_row *row, void *payload) {
    listing *self = payload;
    char made[WHI_TIME_SIZE], end[WHI_TIME_SIZE];
    whi_buf *out = &self->out;

    if (self->tenant != NULL && (row->tenant == NULL || strcmp(row->tenant, self->tenant) != 0)) {
        return WH_OK;
    }
    whi_time_text(row->created_at, made);
    whi_time_text(row->expires_at, end);
    whi_buf_text(out, self->count++ > 0 ? ",{" : "{");
    whi_tell_text(out, "id", row->id);
    whi_tell_text(out, "tenant", row->tenant);
    whi_tell_text(out, "name", row->name);
    whi_tell_text(out, "created_at", made);
    whi_tell_text(out, "expires_at", row->expires_at != 0 ? end : NULL);
    whi_tell_flag(out, "expired", is_over(row->expires_at, self->now));
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

int wh_tokens(wh_engine *engine, const char *tenant, char **out, size_t *size) {
    listing self = { .tenant = tenant };
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (out == NULL) {
        return whi_fail_field(WH_EINVALID, "out", "expected one, found NULL");
    }
    *out = NULL;
    self.now = whi_now(engine);
    whi_buf_init(&self.out, SIZE_MAX / 4);
    whi_buf_text(&self.out, "{\"items\":[");
    code = engine->store->vtable->token_list(engine->store, NULL, write_token, &self);
    whi_buf_text(&self.out, "]}");
    if (code != WH_OK) {
        whi_buf_free(&self.out);
        return code;
    }
    return whi_buf_take(&self.out, out, size);
}

/* What a token's row said; an id that is not there leaves a hash that nothing has. */
typedef struct owner {
    whi_token_owner *of;
    int found;
    unsigned char hash[WHI_TOKEN_HASH];
} owner;

static int take_owner(const whi_token_row *row, void *payload) {
    owner *self = payload;

    self->found = 1;
    self->of->all = row->tenant == NULL;
    self->of->expires_at = row->expires_at;
    snprintf(self->of->tenant, sizeof self->of->tenant, "%s", row->tenant != NULL ? row->tenant : "");
    memcpy(self->hash, row->hash, WHI_TOKEN_HASH);
    return WH_OK;
}

int whi_insight_token(wh_engine *engine, const char *token, whi_token_owner *out) {
    unsigned char given[WHI_TOKEN_HASH];
    owner self = { .of = out };
    int code, formed;

    *out = (whi_token_owner){ .id = "tok_" };
    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    if (token == NULL) {
        return whi_fail_field(WH_EINVALID, "token", "expected one, found NULL");
    }
    formed = strlen(token) == TOKEN_SIZE && strncmp(token, "wht_", 4) == 0;
    if (formed) {
        memcpy(out->id + 4, token + 4, ID_DIGITS);
    }
    code = hash(token, given);
    code = code == WH_OK ? engine->store->vtable->token_list(engine->store, out->id, take_owner, &self) : code;
    if (code != WH_OK) {
        return code;
    }
    if (!(whi_equal(given, self.hash, WHI_TOKEN_HASH) & self.found & formed)) {
        return whi_fail_field(WH_ENOTFOUND, "token", "unknown");
    }
    out->expired = is_over(out->expires_at, whi_now(engine));
    return out->expired ? whi_fail_field(WH_ENOTFOUND, "token", "expired") : WH_OK;
}

int wh_token_check(wh_engine *engine, const char *token, char *id, char *tenant, int *all) {
    whi_token_owner shown;
    int code = whi_insight_token(engine, token, &shown);

    if (code != WH_OK) {
        return code;
    }
    if (id != NULL) {
        memcpy(id, shown.id, sizeof shown.id);
    }
    if (tenant != NULL) {
        memcpy(tenant, shown.tenant, sizeof shown.tenant);
    }
    if (all != NULL) {
        *all = shown.all;
    }
    return WH_OK;
}
