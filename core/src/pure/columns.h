/* Which column a field of an object goes to: names that a database takes, and kinds of columns out of JSON.
 *
 * A name depends on nothing but the field and the database's rules, so that all workers, today and in a year, find
 * the same column. A field whose name the database would not keep as it is gets one with a hash of the field behind
 * it: two fields never become one because a name was cut. A field of which values of several kinds come has a column
 * for each kind: the first has the field's name, the others the kind behind it ("size_text"). Nothing is ever turned
 * into a float. */
#ifndef WHI_COLUMNS_H
#define WHI_COLUMNS_H

#include <stddef.h>
#include <stdint.h>

#include "pure/json.h"

#define WHI_COLUMN_SIZE 264 /* of a name, with its zero byte */

enum whi_column_kind {
    WHI_COLUMN_TEXT,
    WHI_COLUMN_BOOLEAN,
    WHI_COLUMN_INTEGER, /* of 64 bits */
    WHI_COLUMN_DECIMAL, /* exact, with what the rules say of its digits */
    WHI_COLUMN_JSON,    /* as text: order, equal members and numbers stay as they are */
    WHI_COLUMN_TIME,
    WHI_COLUMN_OTHER, /* somebody else's: the database reads the text, or refuses it */
    WHI_COLUMN_KINDS
};
#define WHI_COLUMN_NONE (-1) /* null has no kind */

/* What a database says of names and values. */
typedef struct whi_column_rules {
    size_t bytes;       /* of a name, at most; 0: none but WHI_COLUMN_SIZE's */
    size_t letters;     /* of a name, at most; 0: none */
    int is_basic;       /* 1: names hold no letters beyond U+FFFF, and no blank at their end */
    int folds;          /* 1: names that differ in the case of letters are one */
    int has_zero;       /* 1: texts may hold U+0000 */
    int64_t whole;      /* digits of a decimal before the point, at most */
    int64_t fraction;   /* and behind it */
    const char *system; /* tables whose names begin so, in any case, are the database's own; NULL: none */
} whi_column_rules;

/* The column of a field whose name (decoded, of any bytes) is text. word: NULL, or what is put behind it. apart: 1
 * gives it the hash though the name would do, because another column has that name already.
 * Never "", never longer than the rules say, and never beginning with an underscore: those are the engine's. */
void whi_column_name(char out[WHI_COLUMN_SIZE], const whi_column_rules *rules, const char *text, size_t size,
                     const char *word, int apart);

/* 1 if the database takes both for one name. */
int whi_column_is_same(const whi_column_rules *rules, const char *a, const char *b);

/* The table of objects of a type: the prefix and the type. */
void whi_column_table(char out[WHI_COLUMN_SIZE], const whi_column_rules *rules, const char *prefix, const char *type);

/* "text", "boolean", … */
const char *whi_column_word(int kind);

/* The kind of a value; WHI_COLUMN_NONE for null. What the rules' texts or decimals cannot hold is of another kind,
 * which can: JSON for a text with U+0000, a text for a number with too many digits. */
int whi_column_kind_of(const whi_column_rules *rules, const whi_json *json, uint32_t node);

/* 1 if a column of this kind takes a value of that one without loss. */
int whi_column_takes(int column, int value);

/* 1 if a text is a date and time of ISO 8601 with its offset ("2026-11-21T10:00:00Z"): ms since 1970 in out. */
int whi_column_time(const char *text, size_t size, int64_t *out);

/* 1 if a field of this name may hold a time: it ends in "_at". */
int whi_column_may_be_time(const char *field, size_t size);

#endif
