/* What is wrong with a source that compiles. A rule without a return drops every event, and says
 * nothing of it: one of comments alone, or one whose writer forgot the word. One that raises says
 * so. The words are looked for as Lua reads: not in comments, and not in texts. */
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "rule_state.h"

typedef struct cursor {
    const char *at, *end;
} cursor;

size_t whi_rule_source_start(const char *source, size_t size) {
    size_t at = size >= 3 && memcmp(source, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;

    if (at < size && source[at] == '#') {
        while (at < size && source[at] != '\n') {
            at++;
        }
    }
    return at;
}

static int is_word(char c) {
    return whi_ascii_is_letter(c) || whi_ascii_is_digit(c) || c == '_';
}

/* Behind "[[", "[=[" and so on, with their level; -1 where there is none. */
static int open_long(cursor *self) {
    const char *at = self->at + 1;

    while (at < self->end && *at == '=') {
        at++;
    }
    if (at >= self->end || *at != '[') {
        return -1;
    }
    int level = (int)(at - self->at - 1);
    self->at = at + 1;
    return level;
}

static void skip_long(cursor *self, int level) {
    for (; self->at < self->end; self->at++) {
        const char *at = self->at + 1;
        if (*self->at != ']') {
            continue;
        }
        while (at < self->end && *at == '=') {
            at++;
        }
        if (at < self->end && *at == ']' && at - self->at - 1 == level) {
            self->at = at + 1;
            return;
        }
    }
}

static void skip_comment(cursor *self) {
    int level = -1;

    self->at += 2;
    if (self->at < self->end && *self->at == '[') {
        level = open_long(self);
    }
    if (level >= 0) {
        skip_long(self, level);
        return;
    }
    while (self->at < self->end && *self->at != '\n') {
        self->at++;
    }
}

static void skip_text(cursor *self) {
    char quote = *self->at++;

    while (self->at < self->end && *self->at != quote) {
        self->at += *self->at == '\\' && self->at + 1 < self->end ? 2 : 1;
    }
    self->at += self->at < self->end;
}

static int is(const char *word, const char *text, size_t size) {
    return strlen(word) == size && memcmp(word, text, size) == 0;
}

/* 1 if the word that begins here is one that ends a rule; moves behind it. */
static int skip_word(cursor *self) {
    const char *start = self->at;
    size_t size;

    while (self->at < self->end && is_word(*self->at)) {
        self->at++;
    }
    size = (size_t)(self->at - start);
    return is("return", start, size) || is("error", start, size) || is("assert", start, size);
}

static void skip_sign(cursor *self) {
    int level = -1;

    if (*self->at == '-' && self->at + 1 < self->end && self->at[1] == '-') {
        skip_comment(self);
        return;
    }
    if (*self->at == '"' || *self->at == '\'') {
        skip_text(self);
        return;
    }
    if (*self->at == '[') {
        level = open_long(self);
    }
    if (level >= 0) {
        skip_long(self, level);
    } else {
        self->at++;
    }
}

static int has_end(const char *source, size_t size) {
    cursor self = { source + whi_rule_source_start(source, size), source + size };

    while (self.at < self.end) {
        if (!is_word(*self.at)) {
            skip_sign(&self);
        } else if (skip_word(&self)) {
            return 1;
        }
    }
    return 0;
}

int whi_rule_check_source(void *runtime, const char *source, size_t size, wh_rule_error *error) {
    (void)runtime;
    if (has_end(source, size)) {
        return WH_OK;
    }
    error->line = 0;
    snprintf(error->text, sizeof error->text,
             "it has no return, so nothing would ever be sent; if that is meant, write: return false");
    return WH_ERULE_SYNTAX;
}
