/* Tests: test_sources_polled. */
#include "engine/source_kept.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/source.h"
#include "engine/source_document.h"

#define COUNT_NAME "sources"
#define DIGEST SHA256_DIGEST_LENGTH

enum { LOOK = 1, MAKE_ALL = 2 }; /* or-ed: what the next look has to do, whatever the count says */

/* A document, as it was taken last. */
struct whi_source_kept {
    struct whi_source_kept *next;
    char *object_type;
    unsigned char digest[DIGEST]; /* zeros: it could not be read */
    int is_there;                 /* among the rows of this look */
    int is_made;
    int has_told; /* that the host's own is read in its place */
};

typedef struct whi_source_kept kept;

/* A copy of a row: the store is not kept waiting while sources are made. */
typedef struct copy {
    struct copy *next;
    char *object_type;
    char *document; /* NULL: it cannot be read */
    size_t size;
    char why[WHI_ERROR_SIZE];
} copy;

/* ------------------------------------------------------------------------- the rows */

static void free_copies(copy *first) {
    while (first != NULL) {
        copy *next = first->next;
        if (first->document != NULL) {
            whi_wipe(first->document, first->size);
        }
        whi_free(first->document);
        whi_free(first->object_type);
        whi_free(first);
        first = next;
    }
}

/* The store says why it cannot read one as its last error. */
static int take_row(const whi_source_row *row, void *payload) {
    copy **list = payload, *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return whi_fail_memory();
    }
    made->next = *list;
    *list = made;
    if (row->document == NULL) {
        snprintf(made->why, sizeof made->why, "%s", wh_last_error());
    } else {
        made->document = whi_strdup(row->document, row->document_size);
        made->size = row->document_size;
    }
    made->object_type = whi_strdup(row->object_type, WH_ZSTR);
    return made->object_type != NULL && (row->document == NULL || made->document != NULL) ? WH_OK : whi_fail_memory();
}

/* -------------------------------------------------------------------------- one of them */

static kept *find(whi_sources *sources, const char *object_type) {
    kept *one = sources->kept;

    while (one != NULL && strcmp(one->object_type, object_type) != 0) {
        one = one->next;
    }
    return one;
}

static kept *add(whi_sources *sources, const char *object_type) {
    kept *one = whi_calloc(1, sizeof *one);

    if (one == NULL) {
        return NULL;
    }
    one->object_type = whi_strdup(object_type, WH_ZSTR);
    if (one->object_type == NULL) {
        whi_free(one);
        return NULL;
    }
    one->next = sources->kept;
    sources->kept = one;
    return one;
}

static void drop(whi_sources *sources, kept *one) {
    if (one->is_made) {
        (void)whi_source_drop_kept(sources, one->object_type);
    }
    one->is_made = 0;
}

static int put(wh_engine *engine, kept *one, const copy *row) {
    whi_source_row given = { .object_type = row->object_type, .document = row->document, .document_size = row->size };
    wh_source made;
    int code = whi_source_make(engine, &given, &made);

    drop(engine->sources, one);
    if (code != WH_OK) {
        return code;
    }
    code = whi_source_put_kept(engine->sources, one->object_type, &made);
    if (code != WH_OK) {
        made.free(made.payload);
        return code;
    }
    one->is_made = 1;
    return WH_OK;
}

static void tell_both(wh_engine *engine, kept *one) {
    if (one->is_made && !one->has_told && whi_source_is_hosts(engine->sources, one->object_type)) {
        one->has_told = 1;
        whi_log(&engine->log, WH_LOG_WARNING,
                "source %s: the program's own is read in this process, and not the document that the store keeps",
                one->object_type);
    }
}

static void tell_left_out(wh_engine *engine, const char *object_type, const char *why) {
    whi_log(&engine->log, WH_LOG_WARNING,
            "source %s: its document is left out, and what polls its objects waits in this process: %s", object_type,
            why);
}

static void digest_of(const copy *row, unsigned char out[DIGEST]) {
    memset(out, 0, DIGEST);
    if (row->document != NULL) {
        SHA256((const unsigned char *)row->document, row->size, out);
    }
}

/* One that was left out stays so until its document is another one; but want of memory passes. */
static int take(wh_engine *engine, const copy *row) {
    kept *one = find(engine->sources, row->object_type);
    unsigned char digest[DIGEST];
    int is_new = one == NULL, code = WH_OK;

    one = is_new ? add(engine->sources, row->object_type) : one;
    if (one == NULL) {
        return whi_fail_memory();
    }
    one->is_there = 1;
    digest_of(row, digest);
    if (!is_new && memcmp(digest, one->digest, DIGEST) == 0) {
        return WH_OK;
    }
    memcpy(one->digest, digest, DIGEST);
    if (row->document == NULL) {
        drop(engine->sources, one);
        tell_left_out(engine, one->object_type, row->why);
        return WH_OK;
    }
    code = put(engine, one, row);
    if (code == WH_ENOMEM) {
        memset(one->digest, 0, DIGEST);
        return code;
    }
    if (code != WH_OK) {
        tell_left_out(engine, one->object_type, wh_last_error());
    }
    tell_both(engine, one);
    return WH_OK;
}

/* --------------------------------------------------------------------------- all */

static void free_kept(kept *one) {
    whi_free(one->object_type);
    whi_free(one);
}

static void drop_gone(whi_sources *sources) {
    kept **place = &sources->kept;

    while (*place != NULL) {
        kept *one = *place;
        if (one->is_there) {
            place = &one->next;
            continue;
        }
        drop(sources, one);
        *place = one->next;
        free_kept(one);
    }
}

static int take_all(wh_engine *engine, const copy *rows) {
    int code = WH_OK;

    for (kept *one = engine->sources->kept; one != NULL; one = one->next) {
        one->is_there = 0;
    }
    for (; code == WH_OK && rows != NULL; rows = rows->next) {
        code = take(engine, rows);
    }
    if (code == WH_OK) {
        drop_gone(engine->sources);
    }
    return code;
}

/* The count is read before the rows: a row that is newer than it is looked at twice, and none is missed. */
static int read_rows(wh_engine *engine, int64_t count) {
    copy *rows = NULL;
    int code = whi_store_source_list(engine->reader, NULL, take_row, &rows);

    code = code == WH_OK ? take_all(engine, rows) : code;
    free_copies(rows);
    if (code == WH_OK) {
        engine->sources->seen = count;
    }
    return code;
}

static int look(wh_engine *engine) {
    whi_sources *sources = engine->sources;
    int again = atomic_exchange(&sources->again, 0);
    int64_t count = 0;
    int code = engine->reader->vtable->setting(engine->reader, COUNT_NAME, &count);

    if (code == WH_OK && (again || count != sources->seen)) {
        code = read_rows(engine, count);
    }
    if (code != WH_OK) {
        atomic_store(&sources->again, 1);
        whi_log(&engine->log, WH_LOG_ERROR, "documents of sources cannot be read now: %s", wh_last_error());
    }
    return code;
}

int whi_sources_look(wh_engine *engine) {
    int code;

    pthread_mutex_lock(&engine->sources->look_lock);
    code = look(engine);
    pthread_mutex_unlock(&engine->sources->look_lock);
    return code;
}

void whi_sources_again(wh_engine *engine) {
    if (atomic_load(&engine->sources->again)) {
        (void)whi_sources_look(engine);
    }
}

void whi_sources_tell_both(wh_engine *engine, const char *object_type) {
    kept *one;

    pthread_mutex_lock(&engine->sources->look_lock);
    one = find(engine->sources, object_type);
    if (one != NULL) {
        tell_both(engine, one);
    }
    pthread_mutex_unlock(&engine->sources->look_lock);
}

int whi_sources_changed(whi_store *store) {
    int64_t count = 0;
    int code = whi_store_setting_put(store, COUNT_NAME, 1, 0, &count);

    return code == WH_OK ? whi_store_setting_put(store, COUNT_NAME, count + 1, 1, &count) : code;
}

void whi_sources_kept_end(whi_sources *sources) {
    while (sources->kept != NULL) {
        kept *next = sources->kept->next;
        free_kept(sources->kept);
        sources->kept = next;
    }
}
