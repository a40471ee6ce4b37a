/* Structured fields (RFC 8941), as far as HTTP signatures have them: dictionaries of inner
 * lists and of items, with parameters. A member is read at a time; what it holds points into
 * the text. Not taken: decimals, dates and display strings; a name that comes twice. */
#ifndef WHI_STRUCTURED_H
#define WHI_STRUCTURED_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WHI_SF_MEMBERS 16 /* of a dictionary */
#define WHI_SF_ITEMS 64   /* of an inner list */
#define WHI_SF_PARAMETERS 16

enum whi_sf_type {
    WHI_SF_TRUE = 1, /* "?1", or a name alone */
    WHI_SF_FALSE,
    WHI_SF_INTEGER,
    WHI_SF_STRING,
    WHI_SF_TOKEN,
    WHI_SF_BYTES,
    WHI_SF_LIST, /* a member's alone */
};

typedef struct whi_sf_item {
    enum whi_sf_type type;
    int has_parameters; /* of an inner list's item: 1 if it has some, which are passed over */
    const char *text;   /* without quotes (escapes as they came) or colons */
    size_t size;
} whi_sf_item;

typedef struct whi_sf_parameter {
    const char *name;
    size_t name_size;
    whi_sf_item value;
} whi_sf_parameter;

typedef struct whi_sf_member {
    const char *name;
    size_t name_size;
    whi_sf_item value;
    whi_sf_item items[WHI_SF_ITEMS]; /* of WHI_SF_LIST */
    size_t item_count;
    whi_sf_parameter parameters[WHI_SF_PARAMETERS];
    size_t parameter_count;
} whi_sf_member;

/* Where one reads; begins with the header's name and text, and zeros. */
typedef struct whi_sf_reader {
    const char *header; /* for sentences */
    const char *at;
    size_t count; /* members so far */
} whi_sf_reader;

/* The next member, and 1; 0 at the end; WH_ESIG_FORMAT. */
int whi_sf_next(whi_sf_reader *reader, whi_sf_member *out);

/* The member with this name, and 1; 0 if there is none; WH_ESIG_FORMAT when the text cannot be
 * read to its end, or has the name twice. */
int whi_sf_find(const char *header, const char *text, const char *name, size_t name_size, whi_sf_member *out);

/* NULL if there is none. */
const whi_sf_item *whi_sf_parameter_of(const whi_sf_member *member, const char *name);

/* The value of an integer (of at most 15 digits). */
int64_t whi_sf_integer(const whi_sf_item *item);

/* 1 and the decoded bytes of a byte sequence; 0 if it is none, or is too long. */
int whi_sf_bytes(const whi_sf_item *item, void *out, size_t room, size_t *size);

/* Appends an inner list with its parameters in its one form, as it is signed. */
void whi_sf_write_list(whi_buf *out, const whi_sf_member *member);

#endif
