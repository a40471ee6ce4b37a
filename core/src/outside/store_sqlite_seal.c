/* Secrets at rest: what is sealed on its way into the file, opened on its way out, and sealed anew. Each value that is
 * written is counted (webhook_meta.seals), and each key notes the count of its last one: so who seals anew knows, when
 * he is through, whether another process has written by an old key meanwhile, without a look at all rows once more.
 * Tests: test_keys. */
#include "outside/store_sqlite.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/seal_document.h"

#define PLACE_SIZE (WH_ID_SIZE + 32)
#define PROOF "webhook" /* what a key has encrypted in its row */
#define DOCUMENT_MAXIMUM (SIZE_MAX / 4)

static const whi_seal_key *first_key(const whi_sqlite *store) {
    return &store->keyring->keys[0];
}

void whi_sqlite_free_secret(whi_buf *buf) {
    whi_wipe(buf->data, buf->capacity);
    whi_buf_free(buf);
}

static void place_of_key(const char *id, char out[PLACE_SIZE]) {
    snprintf(out, PLACE_SIZE, "key %s", id);
}

static void place_of_tenant(const char *tenant, char out[PLACE_SIZE]) {
    snprintf(out, PLACE_SIZE, "tenant %s secret", tenant);
}

/* Chance is the machine's, whatever clock the engine has: a nonce that comes twice gives the texts away. */
static int seal(const whi_seal_key *key, const char *place, const char *text, size_t size, whi_buf *out) {
    uint8_t nonce[WHI_SEAL_NONCE];
    int code = whi_clock_random(NULL, nonce, sizeof nonce);

    return code == WH_OK ? whi_seal(key, place, nonce, text, size, out) : code;
}

/* ---------------------------------------------------------------------------- keys */

static int use_key(whi_sqlite *store, enum whi_sql which, int64_t used, const char *proof) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, which, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, first_key(store)->id);
    sqlite3_bind_int64(statement, 2, used);
    if (proof != NULL) {
        whi_sqlite_bind_word(statement, 3, proof);
    }
    return whi_sqlite_run_write(store, statement, "noting a key");
}

static int add_key(whi_sqlite *store, int64_t used) {
    char place[PLACE_SIZE];
    whi_buf proof;
    int code;

    whi_buf_init(&proof, DOCUMENT_MAXIMUM);
    place_of_key(first_key(store)->id, place);
    code = seal(first_key(store), place, PROOF, strlen(PROOF), &proof);
    code = code == WH_OK ? use_key(store, WHI_SQL_KEY_ADD, used, proof.data) : code;
    whi_buf_free(&proof);
    return code;
}

/* *known 0: the store does not have the first key. */
static int count_use(whi_sqlite *store, int64_t *used, int *known) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_SEAL_NEXT, &statement);

    code = code == WH_OK ? whi_sqlite_number(store, &store->writer, WHI_SQL_SEAL_NEXT, used) : code;
    code = code == WH_OK ? use_key(store, WHI_SQL_KEY_USED, *used, NULL) : code;
    *known = code == WH_OK && whi_sqlite_changed(store) > 0;
    return code;
}

/* In a transaction, before the first key seals something. A key comes into the store when it is opened. One that is
 * not there any more has gone with a rotation: those who opened the store since may not have it. */
static int note_use(whi_sqlite *store) {
    int64_t used;
    int known, code = count_use(store, &used, &known);

    return code == WH_OK && !known
               ? whi_fail(WH_EKEY,
                          "store '%s': its secrets were encrypted anew, and the key \"%s\" is not one of its keys any "
                          "more; open it anew with a key_file that begins with the present one",
                          store->name, first_key(store)->id)
               : code;
}

/* The same for a key that the store may get. */
static int note_new(whi_sqlite *store) {
    int64_t used;
    int known, code = count_use(store, &used, &known);

    return code == WH_OK && !known ? add_key(store, used) : code;
}

/* Those but this one that the store has. */
static int count_others(whi_sqlite *store, const char *id, int64_t *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_KEY_OTHERS, &statement);

    *out = 0;
    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, id);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for keys");
    if (code != 1) {
        return code;
    }
    *out = sqlite3_column_int64(statement, 0);
    sqlite3_reset(statement);
    return WH_OK;
}

/* A process without keys that had the store open before somebody gave it some. */
static int check_keyless(whi_sqlite *store) {
    int64_t count;
    int code = count_others(store, "", &count);

    return code == WH_OK && count > 0
               ? whi_fail(WH_EKEY, "store '%s': its secrets are encrypted now; open it with the option key_file",
                          store->name)
               : code;
}

static int check_proof(const whi_sqlite *store, const char *id, const char *proof) {
    char place[PLACE_SIZE];
    whi_buf text;
    int code;

    if (store->keyring == NULL || whi_keyring_find(store->keyring, id, strlen(id)) == NULL) {
        return whi_fail(WH_EKEY, "store '%s': its secrets are encrypted by the key \"%s\", which %s", store->name, id,
                        store->keyring != NULL ? "is not in the key_file" : "needs the option key_file");
    }
    whi_buf_init(&text, DOCUMENT_MAXIMUM);
    place_of_key(id, place);
    code = whi_unseal(store->keyring, place, proof, strlen(proof), &text);
    whi_buf_free(&text);
    return code == WH_ECORRUPT
               ? whi_fail(WH_EKEY,
                          "store '%s': the key \"%s\" in the key_file is another one than that of this id that "
                          "encrypted its secrets",
                          store->name, id)
               : code;
}

static int check_keys(whi_sqlite *store, int *known) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_KEY_LIST, &statement), more;

    *known = store->keyring == NULL;
    if (code != WH_OK) {
        return code;
    }
    while ((more = whi_sqlite_step(store, &store->writer, statement, "looking for keys")) == 1) {
        const char *id = whi_sqlite_word(statement, 0);

        *known = *known || strcmp(id, first_key(store)->id) == 0;
        code = check_proof(store, id, whi_sqlite_word(statement, 1));
        if (code != WH_OK) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return more;
}

/* Two that open a new store with different keys: the second finds the first one's. */
static int introduce_key(whi_sqlite *store) {
    int known, code = store->base.vtable->begin(&store->base);

    if (code != WH_OK) {
        return code;
    }
    code = check_keys(store, &known);
    code = code == WH_OK && !known ? note_new(store) : code;
    code = code == WH_OK ? store->base.vtable->commit(&store->base, NULL, 0, &(enum wh_backend_commit){ 0 }) : code;
    if (code != WH_OK) {
        store->base.vtable->rollback(&store->base);
    }
    return code;
}

int whi_sqlite_keys_begin(whi_sqlite *store) {
    int known, code = check_keys(store, &known);

    return code == WH_OK && !known ? introduce_key(store) : code;
}

/* ----------------------------------------------------------------------- documents */

int whi_sqlite_give_row(whi_sqlite *store, whi_subscription_row *row, whi_subscription_fn each, void *payload) {
    whi_seal_place place = { row->id, row->version };
    whi_buf opened;
    int code;

    if (row->document == NULL || !whi_seal_document_may(row->document, row->document_size)) {
        return each(row, payload);
    }
    whi_buf_init(&opened, DOCUMENT_MAXIMUM);
    code = whi_unseal_document(store->keyring, &place, row->document, row->document_size, &opened);
    if (code == WH_OK) {
        row->document = opened.data;
        row->document_size = opened.size;
        code = each(row, payload);
    } else {
        code = whi_fail_within(code, "store '%s'", store->name);
    }
    whi_sqlite_free_secret(&opened);
    return code;
}

static int seal_document(const whi_sqlite *store, const whi_seal_place *place, const char *text, size_t size,
                         whi_buf *out) {
    uint8_t nonces[WHI_SECRET_MEMBERS][WHI_SEAL_NONCE];
    int code = whi_clock_random(NULL, nonces, sizeof nonces);

    return code == WH_OK ? whi_seal_document(first_key(store), place, nonces, text, size, out) : code;
}

int whi_sqlite_seal_row(whi_sqlite *store, const whi_subscription_row *row, whi_buf *out) {
    whi_seal_place place = { row->id, row->version };
    int code;

    whi_buf_init(out, DOCUMENT_MAXIMUM);
    if (store->keyring == NULL) {
        code = check_keyless(store);
        whi_buf_add(out, row->document, row->document_size);
        return code == WH_OK ? whi_buf_status(out) : code;
    }
    code = note_use(store);
    return code == WH_OK ? seal_document(store, &place, row->document, row->document_size, out) : code;
}

/* ------------------------------------------------------------------------- tenants */

/* A secret may be any text, so that it is encrypted is told by its being a BLOB. */
int whi_sqlite_bind_sealed(whi_sqlite *store, sqlite3_stmt *statement, int index, const char *place, const char *text,
                           size_t size, whi_buf *kept) {
    int code = store->keyring != NULL ? note_use(store) : check_keyless(store);

    whi_buf_init(kept, DOCUMENT_MAXIMUM);
    if (code != WH_OK || store->keyring == NULL) {
        sqlite3_bind_text64(statement, index, text, size, SQLITE_STATIC, SQLITE_UTF8);
        return code;
    }
    code = seal(first_key(store), place, text, size, kept);
    sqlite3_bind_blob64(statement, index, kept->data, kept->size, SQLITE_STATIC);
    return code;
}

int whi_sqlite_open_sealed(whi_sqlite *store, sqlite3_stmt *statement, int column, const char *place, whi_buf *out) {
    size_t size;
    const char *text = whi_sqlite_bytes(statement, column, &size);
    int code;

    if (sqlite3_column_type(statement, column) != SQLITE_BLOB) {
        whi_buf_add(out, text != NULL ? text : "", text != NULL ? size : 0);
        return whi_buf_status(out);
    }
    whi_buf_reserve(out, size + 1); /* what is opened is shorter: nothing grows, and no copy stays behind */
    code = whi_unseal(store->keyring, place, text, size, out);
    return code == WH_OK ? code : whi_fail_within(code, "store '%s'", store->name);
}

int whi_sqlite_bind_secret(whi_sqlite *store, sqlite3_stmt *statement, int index, const char *tenant,
                           const char *secret, whi_buf *kept) {
    char place[PLACE_SIZE];

    place_of_tenant(tenant, place);
    return whi_sqlite_bind_sealed(store, statement, index, place, secret, strlen(secret), kept);
}

int whi_sqlite_secret_of(whi_sqlite *store, sqlite3_stmt *statement, int column, const char *tenant,
                         char out[WH_SECRET_SIZE]) {
    char place[PLACE_SIZE];
    whi_buf opened;
    int code;

    whi_buf_init(&opened, DOCUMENT_MAXIMUM);
    place_of_tenant(tenant, place);
    code = whi_sqlite_open_sealed(store, statement, column, place, &opened);
    if (code == WH_OK) {
        snprintf(out, WH_SECRET_SIZE, "%s", opened.size > 0 ? opened.data : "");
    }
    whi_sqlite_free_secret(&opened);
    return code;
}

/* ------------------------------------------------------------------------ sealing anew */

/* The statements of a table of documents. */
typedef struct table {
    enum whi_sql pick, get, put;
} table;

static const table tables[] = {
    [WH_SEALED_SUBSCRIPTIONS] = { WHI_SQL_RESEAL_PICK, WHI_SQL_RESEAL_GET, WHI_SQL_RESEAL_PUT },
    [WH_SEALED_VERSIONS] = { WHI_SQL_RESEAL_PICK_VERSION, WHI_SQL_RESEAL_GET_VERSION, WHI_SQL_RESEAL_PUT_VERSION },
};

/* Appends the document by the first key; nothing, where it is already. */
static int renew_document(const whi_sqlite *store, const whi_seal_place *place, const char *text, size_t size,
                          whi_buf *out) {
    whi_buf opened;
    int is_by, code = whi_seal_document_is_by(first_key(store), text, size, &is_by);

    if (code != WH_OK || is_by) {
        return code;
    }
    whi_buf_init(&opened, DOCUMENT_MAXIMUM);
    code = whi_unseal_document(store->keyring, place, text, size, &opened);
    code = code == WH_OK ? seal_document(store, place, opened.data, opened.size, out) : code;
    whi_sqlite_free_secret(&opened);
    return code;
}

static int read_and_renew(whi_sqlite *store, const table *of, int64_t row, whi_buf *out) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, of->get, &statement);
    size_t size;

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row);
    code = whi_sqlite_step(store, &store->writer, statement, "reading a subscription");
    if (code == 1) {
        whi_seal_place place = { sqlite3_column_int64(statement, 0), sqlite3_column_int64(statement, 1) };
        const char *text = whi_sqlite_bytes(statement, 2, &size);

        code = text != NULL ? renew_document(store, &place, text, size, out) : WH_OK;
        sqlite3_reset(statement);
    }
    return code;
}

static int put_document(whi_sqlite *store, const table *of, int64_t row, const whi_buf *document) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, of->put, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, row);
    sqlite3_bind_text64(statement, 2, document->data, document->size, SQLITE_STATIC, SQLITE_UTF8);
    return whi_sqlite_run_write(store, statement, "encrypting a subscription");
}

static int renew_row(whi_sqlite *store, const table *of, int64_t row, int64_t *count) {
    whi_buf document;
    int code;

    whi_buf_init(&document, DOCUMENT_MAXIMUM);
    code = read_and_renew(store, of, row, &document);
    if (code == WH_OK && document.size > 0) {
        code = put_document(store, of, row, &document);
        *count += 1;
    }
    whi_buf_free(&document);
    return code;
}

static int renew_rows(whi_sqlite *store, const table *of, whi_fact *fact) {
    int limit = whi_sqlite_bounded(fact->of.reseal.limit), picked = 0;
    sqlite3_stmt *statement;
    int64_t *rows = NULL;
    int code = whi_sqlite_write(store, of->pick, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 1, fact->of.reseal.after);
    sqlite3_bind_int64(statement, 2, limit);
    code = whi_sqlite_pick(store, statement, limit, &rows, &picked);
    for (int i = 0; code == WH_OK && i < picked; i++) {
        code = renew_row(store, of, rows[i], &fact->answer.count);
        fact->answer.number = rows[i];
    }
    whi_free(rows);
    fact->answer.done = picked < limit;
    return code;
}

static int put_secret(whi_sqlite *store, const char *tenant, const char *secret) {
    sqlite3_stmt *statement;
    whi_buf kept;
    int code = whi_sqlite_write(store, WHI_SQL_TENANT_PUT, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    code = whi_sqlite_bind_secret(store, statement, 2, tenant, secret, &kept);
    code = code == WH_OK ? whi_sqlite_run_write(store, statement, "encrypting a tenant's secret") : code;
    whi_buf_free(&kept);
    return code;
}

/* The next tenant, and its secret as it is; tenant "" for none. */
static int next_secret(whi_sqlite *store, const char *prefix, char tenant[WH_ID_SIZE], char secret[WH_SECRET_SIZE]) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_RESEAL_TENANT, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, tenant);
    whi_sqlite_bind_word(statement, 2, prefix);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a tenant's secret");
    if (code != 1) {
        return code;
    }
    snprintf(tenant, WH_ID_SIZE, "%s", whi_sqlite_word(statement, 0));
    code = whi_sqlite_secret_of(store, statement, 1, tenant, secret);
    sqlite3_reset(statement);
    return code == WH_OK ? 1 : code;
}

/* Found by what they are, so there is no place to go on from. */
static int renew_tenants(whi_sqlite *store, const char *prefix, whi_fact *fact) {
    char tenant[WH_ID_SIZE] = "", secret[WH_SECRET_SIZE];
    int code = 1;

    while (code == 1 && fact->answer.count < fact->of.reseal.limit) {
        code = next_secret(store, prefix, tenant, secret);
        if (code == 1) {
            code = put_secret(store, tenant, secret);
            fact->answer.count++;
            code = code == WH_OK ? 1 : code;
        } else {
            fact->answer.done = code == WH_OK;
        }
    }
    whi_wipe(secret, sizeof secret);
    return code == 1 ? WH_OK : code;
}

static int check_keyring(const whi_sqlite *store) {
    return store->keyring != NULL ? WH_OK : whi_fail_field(WH_EINVALID, "key_file", "expected one, found none");
}

int whi_sqlite_reseal_begin(whi_sqlite *store, whi_fact *fact, char prefix[WHI_SQLITE_SEAL_PREFIX]) {
    int code = check_keyring(store);

    fact->answer.number = fact->of.reseal.after;
    code = code == WH_OK ? note_use(store) : code;
    if (code == WH_OK) {
        snprintf(prefix, WHI_SQLITE_SEAL_PREFIX, "seal:1:%s:", first_key(store)->id);
    }
    return code;
}

int whi_sqlite_reseal(whi_sqlite *store, whi_fact *fact) {
    char prefix[WHI_SQLITE_SEAL_PREFIX];
    int code = whi_sqlite_reseal_begin(store, fact, prefix);

    if (code != WH_OK) {
        return code;
    }
    return fact->of.reseal.table == WH_SEALED_TENANTS ? renew_tenants(store, prefix, fact)
                                                      : renew_rows(store, &tables[fact->of.reseal.table], fact);
}

static int drop_others(whi_sqlite *store, int64_t unused_since, int64_t *left) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_KEY_DROP, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, first_key(store)->id);
    sqlite3_bind_int64(statement, 2, unused_since);
    code = whi_sqlite_run_write(store, statement, "forgetting keys");
    return code == WH_OK ? count_others(store, first_key(store)->id, left) : code;
}

int whi_sqlite_seals(whi_sqlite *store, whi_fact *fact) {
    int64_t left = 0;
    int code = check_keyring(store);

    code = code == WH_OK ? whi_sqlite_number(store, &store->writer, WHI_SQL_SEALS, &fact->answer.number) : code;
    if (code == WH_OK && fact->of.seals >= 0) {
        code = drop_others(store, fact->of.seals, &left);
        fact->answer.done = code == WH_OK && left == 0;
    }
    return code;
}
