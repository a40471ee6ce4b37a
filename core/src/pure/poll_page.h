/* A page of a source: its objects, each with an id that can be kept and a keyed hash of what it says. Whatever a
 * source sends, this reads it or says what is wrong with it. */
#ifndef WHI_POLL_PAGE_H
#define WHI_POLL_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/filter.h"
#include "pure/json.h"

#define WHI_POLL_OBJECTS 10000                /* of a page */
#define WHI_POLL_PAGE_BYTES ((size_t)8 << 20) /* of its text */
#define WHI_POLL_ID_TEXT 512                  /* bytes of an id as it is written */
#define WHI_POLL_ID_SIZE (WHI_POLL_ID_TEXT + 1)
#define WHI_POLL_SALT 16

/* An object's id as it is kept: a letter and bytes, no longer than it is written and mostly shorter. */
typedef struct whi_poll_id {
    size_t size;
    unsigned char bytes[WHI_POLL_ID_SIZE];
} whi_poll_id;

typedef struct whi_poll_object {
    uint32_t node;
    size_t id_at, id_size; /* in the page's ids */
    int64_t content;       /* 47 bits, so that the store keeps it in six bytes */
    int64_t updated_at;    /* ms; 0: it does not say, or not so that one could read it */
    int deleted, wanted;
    int large;  /* no payload has room for it, or it nests too deeply for one */
    int former; /* 1: the same id comes again behind it in this page, and that one counts */
} whi_poll_object;

typedef struct whi_poll_page {
    whi_json json;  /* of the text that was read, which stays the caller's */
    whi_buf pruned; /* or of this one, where that nests too deeply */
    whi_buf ids;
    whi_poll_object *list;
    size_t count;
    size_t large;   /* of the list: too large to be sent */
    size_t skipped; /* objects without an id that could be kept: not in the list */
} whi_poll_page;

typedef struct whi_poll_reader {
    const unsigned char *salt;  /* WHI_POLL_SALT bytes: keys the hashes */
    const char *const *without; /* NULL, or names of members that are no content, NULL at the end */
    const whi_filter *filter;   /* NULL: all are wanted */
    size_t object_bytes;        /* more are too large to be sent */
    int depth;                  /* of an object: what nests deeper is, too */
} whi_poll_reader;

/* page begins zeroed. Objects of any size that a page can have (WHI_POLL_PAGE_BYTES), and of any depth, are read, since
 * one that cannot be sent is there all the same. WH_EJSON, WH_EINVALID (not a list, more objects than
 * WHI_POLL_OBJECTS), WH_ELIMIT, WH_ENOMEM. */
int whi_poll_page_read(whi_poll_page *page, const whi_poll_reader *reader, const char *items, size_t size);
void whi_poll_page_free(whi_poll_page *page);

/* Its id as it is kept. */
const unsigned char *whi_poll_page_id(const whi_poll_page *page, const whi_poll_object *object);

/* WH_EINVALID: node is no text or number, or too long. */
int whi_poll_id_pack(whi_poll_id *out, const whi_json *json, uint32_t node);

/* Appends it as JSON, as it was written. */
void whi_poll_id_write(const unsigned char *id, size_t size, whi_buf *out);

#endif
