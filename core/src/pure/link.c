#include "pure/link.h"

#include <string.h>

#include "base/ascii.h"

typedef struct word {
    const char *text;
    size_t size;
} word;

static const char *skip_blanks(const char *at) {
    while (*at == ' ' || *at == '\t') {
        at++;
    }
    return at;
}

static int is_word(const char *text, size_t size, const char *name) {
    return strlen(name) == size && whi_ascii_same_part(text, name, size);
}

/* A token, up to what cannot be in one. */
static const char *take_token(const char *at, word *out) {
    size_t size = strcspn(at, " \t,;=\"<>");

    *out = (word){ at, size };
    return at + size;
}

/* A quoted text, escapes left in: no relation has one. NULL: it has no end. */
static const char *take_quoted(const char *at, word *out) {
    const char *start = ++at;

    while (*at != '\0' && *at != '"') {
        at += *at == '\\' && at[1] != '\0' ? 2 : 1;
    }
    *out = (word){ start, (size_t)(at - start) };
    return *at == '"' ? at + 1 : NULL;
}

/* One of the words of rel, which blanks are between. */
static int has_relation(const word *rel, const char *relation) {
    const char *at = rel->text, *end = rel->text + rel->size;

    while (at < end) {
        size_t size = 0;

        while (at + size < end && at[size] != ' ' && at[size] != '\t') {
            size++;
        }
        if (is_word(at, size, relation)) {
            return 1;
        }
        at += size + 1;
    }
    return 0;
}

typedef struct link {
    word target, rel;
    int has_rel, has_anchor;
} link;

/* "; name=value" behind the target. NULL: it cannot be read. */
static const char *take_parameter(const char *at, link *out) {
    word name, value = { "", 0 };

    at = skip_blanks(take_token(skip_blanks(at), &name));
    if (*at == '=') {
        at = skip_blanks(at + 1);
        at = *at == '"' ? take_quoted(at, &value) : take_token(at, &value);
    }
    if (at != NULL && is_word(name.text, name.size, "rel") && !out->has_rel) { /* the first one counts: RFC 8288 3.3 */
        out->rel = value;
        out->has_rel = 1;
    }
    out->has_anchor |= is_word(name.text, name.size, "anchor");
    return at != NULL ? skip_blanks(at) : NULL;
}

/* NULL: it cannot be read. */
static const char *take_link(const char *at, link *out) {
    const char *end;

    *out = (link){ .has_rel = 0 };
    end = *at == '<' ? strchr(at, '>') : NULL;
    if (end == NULL) {
        return NULL;
    }
    out->target = (word){ at + 1, (size_t)(end - at - 1) };
    at = skip_blanks(end + 1);
    while (at != NULL && *at == ';') {
        at = take_parameter(at + 1, out);
    }
    return at != NULL && (*at == ',' || *at == '\0') ? at : NULL;
}

int whi_link_find(const char *value, const char *relation, whi_buf *out) {
    link one;

    while (*(value += strspn(value, " \t,")) != '\0') {
        value = take_link(value, &one);
        if (value == NULL) {
            return -1;
        }
        if (one.has_rel && !one.has_anchor && has_relation(&one.rel, relation)) {
            whi_buf_add(out, one.target.text, one.target.size);
            return 1;
        }
    }
    return 0;
}
