/* webhook_source.h - where a virtual webhook's objects come from. A source lists the objects of one type that a
 * connection has, page by page; the engine asks it every few minutes, compares with what it saw before, and makes
 * events of what was created, updated and deleted.
 *
 * With the weaker promise of webhook_backend.h: what is here may change with a minor version. Structs begin with
 * their size, and nobody looks at more of one than that. */
#ifndef WEBHOOK_SOURCE_H
#define WEBHOOK_SOURCE_H

#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a source can tell, or-ed. */
enum wh_source_ability {
    WH_SOURCE_ALL = 1,     /* all objects that there are: what is missing from a complete listing was deleted */
    WH_SOURCE_CHANGES = 2, /* what changed since a time, or since its own token */
    WH_SOURCE_DELETED = 4, /* what was deleted, as objects with "deleted": true among the others */
};

/* One page is wanted. Texts are valid until the answer is given. */
typedef struct wh_source_query {
    size_t size;
    const char *tenant;      /* "" for none */
    const char *connection;  /* "" for none */
    const char *object_type; /* "crm_contact" */
    const char *filters;     /* NULL, or a JSON object of texts: those that the source takes, and others */
    const char *fields;      /* NULL, or the names that are wanted, with commas */
    int64_t changed_since;   /* ms: only what changed then or later; 0: everything */
    const char *state;       /* NULL, or what the last page of the last complete reading gave as state */
    const char *page;        /* NULL: the first page; else what the page before gave as next */
    int64_t limit;           /* most objects in a page, as far as the source can */
} wh_source_query;

/* The answer. Texts are the source's, read before answer returns. */
typedef struct wh_source_page {
    size_t size;
    int code;            /* WH_OK, or the class of what went wrong, with error */
    const char *error;   /* a sentence without secrets */
    int is_refused;      /* with a code: 1 if it is the right to read that is missing (a token that ran out) */
    int64_t retry_after; /* with a code: ms to leave the source alone, -1: it did not say */
    const char *items;   /* a JSON array of objects, each with "id" (text or number); "updated_at" (ISO 8601 or ms)
                            and "deleted" where the source has them */
    size_t items_size;
    const char *next;  /* NULL: this was the last page */
    const char *state; /* of the last page: NULL, or a token that the next reading of changes begins with */
    int is_unchanged;  /* 1: nothing changed since the last complete reading (no items, no next) */
} wh_source_page;

/* A question that is out. answer is called once for each, from any thread, also before list returns; the call is not
 * touched behind it. */
typedef struct wh_source_call wh_source_call;
struct wh_source_call {
    void (*answer)(wh_source_call *call, const wh_source_page *page);
};

typedef struct wh_source {
    size_t size;
    unsigned can;               /* enum wh_source_ability */
    const char *const *filters; /* names that it takes itself, NULL at the end; NULL: none. The engine applies all */
    int64_t full_every;         /* ms between two complete listings of a source that is asked for changes; 0: none */

    /* Called on a thread of the engine that polls; it may wait there, though a source that does occupies one of few. */
    void (*list)(void *payload, const wh_source_query *query, wh_source_call *call);

    /* NULL, or: what is out is given up, so list has to answer soon (the engine stops). */
    void (*cut)(void *payload);

    /* NULL, or frees payload, once no call is out. */
    void (*free)(void *payload);
    void *payload;
} wh_source;

/* -------------------------------------------------------------------- HTTP sources
 *
 * A source that is data: a document says how a REST or GraphQL list is asked for and where in its answers things
 * stand. core/docs/sources.md describes its members. It is kept in the store, under its object type, and every process
 * of the store reads it there. With a key file it is encrypted as a whole (wh_rotate_key). Any thread.
 *
 * What is secret in it (auth's token, password, value and client_secret; the values of headers but for Accept…,
 * Content-Type and User-Agent; parameters of the query whose name has key, token, secret, password, auth or sig in it,
 * unless they are templates) is never given back: it is shown as "********". */

/* Keeps a document, in the place of the one of its object type. A value of "********" leaves what is kept, unless url,
 * auth.token_url or hosts lead to another host. Errors: json; invalid and limit, with the member as the field;
 * rule_syntax, rule_engine; of the store. */
WH_API int wh_source_put(wh_engine *engine, const char *document, size_t size);

/* {"object_type":"…","document":{…},"created_at":"…","updated_at":"…"}, to be freed with wh_free. not_found. */
WH_API int wh_source_get(wh_engine *engine, const char *object_type, char **out, size_t *size);

/* {"items":[…]} of the same, in the order of their types. */
WH_API int wh_source_list(wh_engine *engine, char **out, size_t *size);

/* not_found. */
WH_API int wh_source_delete(wh_engine *engine, const char *object_type);

/* Reads one page, and tells what the engine would be given: {"ok":true,"code":null,"error":null,"refused":false,
 * "retry_after":null,"unchanged":false,"items":[…],"next":"…","state":"…","duration_ms":12}. Nothing is kept or
 * published of it. Where the API failed, ok is false, code the name of what failed and error its sentence; that is no
 * error of this call. query: NULL, or what is asked for: {"tenant","connection","filters","fields","changed_since",
 * "limit","page","state"}, of which page and state are what a test before gave as next and state. It waits for the
 * API, as long as the document's most allows. Errors: not_found, json, invalid, rule_…; of the store. */
WH_API int wh_source_test(wh_engine *engine, const char *object_type, const char *query, size_t query_size, char **out,
                          size_t *size);

#ifdef __cplusplus
}
#endif
#endif
