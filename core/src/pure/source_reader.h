/* Reading a source's document: a table for each object says of each member its name, how it is read, and where it goes.
 * Whatever is wrong is told of the member, by its place ("auth.token"), with what was expected of it. */
#ifndef WHI_SOURCE_READER_H
#define WHI_SOURCE_READER_H

#include "pure/source_document.h"

#define WHI_SOURCE_FIELD_SIZE 128

typedef struct whi_source_reader {
    whi_source_document *out;
    char field[WHI_SOURCE_FIELD_SIZE]; /* of what is read: "auth.token" */
} whi_source_reader;

typedef struct whi_source_member {
    const char *name; /* NULL: the table's end */
    int (*read)(whi_source_reader *self, uint32_t node, const struct whi_source_member *which, void *to);
    size_t place;             /* in the struct of its object */
    int64_t least, most;      /* of a number */
    const char *const *words; /* of a word: NULL at the end; its index is kept */
} whi_source_member;

/* WH_EINVALID of the field; what is found is shown where it cannot be a secret. */
int whi_source_wrong(const whi_source_reader *self, uint32_t node, const char *expected);

/* Goes into a member: returns the length that the field had, to be cut back to when the member has been read. */
size_t whi_source_enter_field(whi_source_reader *self, const char *name);

/* A string's or name's content, which lives as long as the document. */
int whi_source_take_text(whi_source_reader *self, uint32_t node, const char **to);

/* An object by its table, into base. Null is as if the member were not there. */
int whi_source_read_object(whi_source_reader *self, uint32_t node, const whi_source_member *table, void *base);

/* What stands in the tables. to: const char **; int64_t *; int *; whi_source_pairs *; whi_source_names *. */
int whi_source_read_text(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_filled(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_path(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_number(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_flag(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_word(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_pairs(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);
int whi_source_read_names(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to);

#endif
