/* Documents of sources. Each is a secret as a whole: what is one in it is the document's own affair.
 * Tests: test_sources, test_store_sqlite_upgrade. */
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "outside/store_sqlite.h"

#define PLACE_SIZE (WH_ID_SIZE + 32)
#define DOCUMENT_MAXIMUM (SIZE_MAX / 4)

static void place_of(const char *object_type, char out[PLACE_SIZE]) {
    snprintf(out, PLACE_SIZE, "source %s document", object_type);
}

/* ------------------------------------------------------------------------- writing */

/* A statement whose first two parameters are the object type and the document. */
static int run_with(whi_sqlite *store, sqlite3_stmt *statement, const char *object_type, const char *text, size_t size,
                    const char *doing) {
    char place[PLACE_SIZE];
    whi_buf kept;
    int code;

    whi_sqlite_bind_word(statement, 1, object_type);
    place_of(object_type, place);
    code = whi_sqlite_bind_sealed(store, statement, 2, place, text, size, &kept);
    code = code == WH_OK ? whi_sqlite_run_write(store, statement, doing) : code;
    whi_buf_free(&kept);
    return code;
}

static int put(whi_sqlite *store, const whi_source_row *row) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_SOURCE_PUT, &statement);

    if (code != WH_OK) {
        return code;
    }
    sqlite3_bind_int64(statement, 3, row->updated_at);
    return run_with(store, statement, row->object_type, row->document, row->document_size, "keeping a source");
}

static int take_away(whi_sqlite *store, const char *object_type) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_SOURCE_REMOVE, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, object_type);
    code = whi_sqlite_run_write(store, statement, "removing a source");
    return code == WH_OK && whi_sqlite_changed(store) == 0
               ? whi_fail_field(WH_ENOTFOUND, "object_type", "there is no source of this type")
               : code;
}

int whi_sqlite_source(whi_sqlite *store, whi_fact *fact) {
    return fact->of.source.document != NULL ? put(store, &fact->of.source)
                                            : take_away(store, fact->of.source.object_type);
}

/* ------------------------------------------------------------------------- reading */

/* all: one that cannot be read hides none of the others. */
static int give(whi_sqlite *store, sqlite3_stmt *statement, int all, whi_source_fn each, void *payload) {
    whi_source_row row = { .object_type = whi_sqlite_word(statement, 0),
                           .created_at = sqlite3_column_int64(statement, 2),
                           .updated_at = sqlite3_column_int64(statement, 3) };
    char place[PLACE_SIZE];
    whi_buf document;
    int code;

    whi_buf_init(&document, DOCUMENT_MAXIMUM);
    place_of(row.object_type, place);
    code = whi_sqlite_open_sealed(store, statement, 1, place, &document);
    if (code == WH_OK) {
        row.document = document.size > 0 ? document.data : "";
        row.document_size = document.size;
    }
    if (code == WH_OK || (all && code != WH_ENOMEM)) {
        code = each(&row, payload);
    }
    whi_sqlite_free_secret(&document);
    return code;
}

static int list(whi_sqlite *store, whi_sqlite_side *side, const char *object_type, whi_source_fn each, void *payload) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_use(store, side, object_type != NULL ? WHI_SQL_SOURCE_GET : WHI_SQL_SOURCE_LIST, &statement);

    if (code != WH_OK) {
        return code;
    }
    if (object_type != NULL) {
        whi_sqlite_bind_word(statement, 1, object_type);
    }
    while ((code = whi_sqlite_step(store, side, statement, "reading sources")) == 1) {
        code = give(store, statement, object_type == NULL, each, payload);
        if (code != WH_OK) {
            sqlite3_reset(statement);
            return code;
        }
    }
    return code;
}

int whi_sqlite_source_list(whi_store *base, const char *object_type, whi_source_fn each, void *payload) {
    whi_sqlite *store = whi_sqlite_of(base);
    int code;

    pthread_mutex_lock(&store->reader->lock);
    code = list(store, store->reader, object_type, each, payload);
    pthread_mutex_unlock(&store->reader->lock);
    return code;
}

int whi_sqlite_source_now(whi_sqlite *store, whi_fact *fact) {
    return list(store, &store->writer, fact->of.look.object_type, fact->of.look.each_source, fact->of.look.payload);
}

/* ------------------------------------------------------------------------ sealing anew */

/* The next that the first key has not encrypted; 1: there is one. */
static int next_source(whi_sqlite *store, const char *prefix, char object_type[WH_ID_SIZE], whi_buf *document) {
    sqlite3_stmt *statement;
    char place[PLACE_SIZE];
    int code = whi_sqlite_write(store, WHI_SQL_RESEAL_SOURCE, &statement);

    if (code != WH_OK) {
        return code;
    }
    whi_sqlite_bind_word(statement, 1, object_type);
    whi_sqlite_bind_word(statement, 2, prefix);
    code = whi_sqlite_step(store, &store->writer, statement, "looking for a source");
    if (code != 1) {
        return code;
    }
    snprintf(object_type, WH_ID_SIZE, "%s", whi_sqlite_word(statement, 0));
    place_of(object_type, place);
    code = whi_sqlite_open_sealed(store, statement, 1, place, document);
    sqlite3_reset(statement);
    return code == WH_OK ? 1 : code;
}

static int reseal(whi_sqlite *store, const char *object_type, const whi_buf *document) {
    sqlite3_stmt *statement;
    int code = whi_sqlite_write(store, WHI_SQL_RESEAL_PUT_SOURCE, &statement);

    return code == WH_OK
               ? run_with(store, statement, object_type, document->data, document->size, "encrypting a source")
               : code;
}

/* Found by what they are, so there is no place to go on from. */
int whi_sqlite_reseal_sources(whi_sqlite *store, whi_fact *fact) {
    char object_type[WH_ID_SIZE] = "", prefix[WHI_SQLITE_SEAL_PREFIX];
    int code = whi_sqlite_reseal_begin(store, fact, prefix);

    code = code == WH_OK ? 1 : code;
    while (code == 1 && fact->answer.count < fact->of.reseal.limit) {
        whi_buf document;

        whi_buf_init(&document, DOCUMENT_MAXIMUM);
        code = next_source(store, prefix, object_type, &document);
        if (code == 1) {
            code = reseal(store, object_type, &document);
            fact->answer.count++;
            code = code == WH_OK ? 1 : code;
        } else {
            fact->answer.done = code == WH_OK;
        }
        whi_sqlite_free_secret(&document);
    }
    return code == 1 ? WH_OK : code;
}
