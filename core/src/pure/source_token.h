/* How far a reading of a source is, as the text that the engine hands back for the next page: so nothing of a reading
 * is kept in memory, and another process may go on with it. And what a complete reading leaves for the next one. Both
 * are opaque to the engine, and are told from what they were not made as.
 *
 * A reading that runs in a circle is found without a list of its pages: now and then, at pages 1, 2, 4, 8 …, the page
 * is marked, and a later one that is the same (Brent). */
#ifndef WHI_SOURCE_TOKEN_H
#define WHI_SOURCE_TOKEN_H

#include <stdint.h>

#include "base/buf.h"

typedef struct whi_source_progress {
    int64_t pages, items, bytes; /* that were read */
    int64_t started_at;          /* ms */
    int64_t afresh;              /* 1: the API has forgotten its state, and all is read */
    uint64_t mark;               /* of the page that was marked last, 0: none */
    uint64_t request;            /* hash of the first request */
    char *page;                  /* leads to the next one; to be freed. NULL: the first is next */
    char *etag;                  /* of the first page, to be freed. NULL: none */
} whi_source_progress;

typedef struct whi_source_state {
    char *token, *etag; /* to be freed. NULL: none */
    uint64_t request;   /* hash of the request that the etag is of */
} whi_source_state;

/* whi_hash; never 0. */
uint64_t whi_source_hash(const void *bytes, size_t size);

/* WH_EINVALID of "page": this is none. */
int whi_source_progress_read(whi_source_progress *out, const char *text);
int whi_source_progress_write(const whi_source_progress *progress, whi_buf *out);
void whi_source_progress_free(whi_source_progress *progress);

/* A page was read, and the next is this. 1: the reading has been there before. */
int whi_source_progress_turns(whi_source_progress *progress, const char *next);

/* NULL, or a text that is none, gives an empty one: the reading begins afresh. */
int whi_source_state_read(whi_source_state *out, const char *text);
int whi_source_state_write(const whi_source_state *state, whi_buf *out);
void whi_source_state_free(whi_source_state *state);

#endif
