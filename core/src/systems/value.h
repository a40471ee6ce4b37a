/* Values of a document's members: each is read as what is expected there, or refused with a sentence that says what was
 * expected and what was found; not the content of a text, which may be a secret. */
#ifndef WHI_VALUE_H
#define WHI_VALUE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/json.h"

/* A document whose values are read. */
typedef struct whi_values {
    const whi_json *json;
    whi_buf scratch; /* the last text: the caller frees it, and wipes it where it may be a secret */
} whi_values;

int whi_value_is(const whi_values *self, uint32_t node, int type);
int whi_value_is_null(const whi_values *self, uint32_t node);

/* WH_EINVALID: the field is none of what was expected. */
int whi_value_refuse(const whi_values *self, uint32_t node, const char *field, const char *expected);

/* A text without zero bytes, of at most so many bytes; valid until the next one. */
int whi_value_text(whi_values *self, uint32_t node, const char *field, size_t most, const char **out);

/* A text or null; an empty one counts as null. Takes the place of what was there. */
int whi_value_optional_text(whi_values *self, uint32_t node, const char *field, size_t most, char **place);

/* A copy takes the place of what was there; text may be NULL. */
int whi_value_keep(char **place, const char *text, size_t size);

int whi_value_integer(const whi_values *self, uint32_t node, const char *field, int64_t least, int64_t most,
                      int64_t *out);

/* true or false; null is false. */
int whi_value_flag(const whi_values *self, uint32_t node, const char *field, int *out);

/* A list's or object's members are at least and at most so many of these. */
int whi_value_count(const whi_values *self, uint32_t node, const char *field, size_t least, size_t most,
                    const char *what);

/* A list of texts or null, each kept after its check; out and count receive what the caller frees. */
int whi_value_texts(whi_values *self, uint32_t node, const char *field, size_t least, size_t most,
                    int (*check)(const char *text), char ***place, size_t *count);

/* One of a list of names, which NULL ends, or null: the first. */
int whi_value_name(whi_values *self, uint32_t node, const char *field, const char *const *names, int *out);

#endif
