/* What a page of somebody's API says, by a source's document: its objects as the engine takes them, what leads to the
 * next page, and the token that the next reading begins with. */
#ifndef WHI_SOURCE_PAGE_H
#define WHI_SOURCE_PAGE_H

#include "pure/source_document.h"

/* Makes an object of an item where the document has a rule. Appends it, or *dropped 1. */
typedef struct whi_source_maker {
    int (*make)(void *payload, const char *item, size_t size, whi_buf *out, int *dropped);
    void *payload;
} whi_source_maker;

/* Of the reading so far. */
typedef struct whi_source_place_of_page {
    int64_t pages, items; /* before this page */
    const char *link;     /* the Link header's next, or NULL */
} whi_source_place_of_page;

typedef struct whi_source_found {
    whi_buf items; /* a JSON array */
    size_t count;  /* of what the API gave; a rule may have dropped some */
    size_t made;
    whi_buf next, state; /* texts */
    int has_next, has_state;
} whi_source_found;

/* Reads it; out is to be freed in any case. Errors: WH_EINVALID, whose field is the member of the document that what
 * came does not fit; WH_ESTATUS: GraphQL's errors; WH_ELIMIT, WH_ENOMEM; the maker's. */
int whi_source_page_read(whi_source_found *out, const whi_source_document *document, const whi_json *page,
                         const whi_source_place_of_page *place, const whi_source_maker *maker);
void whi_source_found_free(whi_source_found *found);

/* A time as a node has it, in ms, for tests as well. *has 0: null, empty or 0. WH_EINVALID. */
int whi_source_time_of(const whi_json *json, uint32_t node, enum whi_source_time time, int *has, int64_t *out);

#endif
