/* The index of subscriptions, against a plain list that is asked one by one. The bytes
 * are a program: add, remove, find. Types and patterns come from few letters, so that
 * they meet. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/match.h"
#include "webhook.h"

#define VALUES 24
#define PATTERNS 4
#define TEXT 20

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct value {
    char tenant[2];
    char texts[PATTERNS][TEXT];
    const char *patterns[PATTERNS];
    size_t count;
    int added, found;
} value;

typedef struct input {
    const uint8_t *data;
    size_t size;
} input;

static void must(int good) {
    if (!good) {
        abort();
    }
}

static uint8_t next(input *in) {
    if (in->size == 0) {
        return 0;
    }
    in->size--;
    return *in->data++;
}

/* One word of the alphabet per half byte, until a byte that says enough. */
static void read_text(input *in, char *out) {
    static const char *const words[] = { "a", "b", ".", ":", "webhook", "*", "/", "a." };
    uint8_t most = next(in) % 5;

    out[0] = '\0';
    for (uint8_t i = 0; i < most; i++) {
        const char *word = words[next(in) % 8];
        size_t used = strlen(out), size = strlen(word);
        if (used + size < TEXT) {
            memcpy(out + used, word, size + 1);
        }
    }
}

static int is_wanted(const char *pattern, const char *type) {
    size_t size = strlen(pattern);

    if (strcmp(pattern, "*") == 0) {
        return strncmp(type, "webhook.", 8) != 0;
    }
    return pattern[size - 1] == '*' ? strncmp(pattern, type, size - 1) == 0 : strcmp(pattern, type) == 0;
}

static int wants(const value *self, const char *tenant, const char *type) {
    if (!self->added || strcmp(self->tenant, tenant) != 0 || whi_type_check(type) != WH_OK) {
        return 0;
    }
    for (size_t i = 0; i < self->count; i++) {
        if (is_wanted(self->patterns[i], type)) {
            return 1;
        }
    }
    return self->count == 0 && is_wanted("*", type);
}

static void add(whi_match *match, value *self, input *in) {
    int good = 1;

    self->tenant[0] = "\0ab"[next(in) % 3];
    self->count = next(in) % (PATTERNS + 1);
    for (size_t i = 0; i < self->count; i++) {
        read_text(in, self->texts[i]);
        self->patterns[i] = self->texts[i];
        good = good && whi_pattern_check(self->texts[i]) == WH_OK;
    }
    self->added = whi_match_add(match, self->tenant, self->patterns, self->count, self) == WH_OK;
    must(self->added == good);
}

static int note(void *found, void *payload) {
    (void)payload;
    ((value *)found)->found++;
    return 0;
}

static void find(const whi_match *match, value *values, const char *tenant, const char *type) {
    must(whi_match_find(match, tenant, type, note, NULL) == 0);
    for (size_t i = 0; i < VALUES; i++) {
        must(values[i].found == wants(&values[i], tenant, type));
        values[i].found = 0;
    }
}

static void work(whi_match *match, value *values, input *in) {
    value *self = &values[next(in) % VALUES];

    if (next(in) % 2) {
        char type[TEXT], tenant[2] = { "\0ab"[next(in) % 3], '\0' };
        read_text(in, type);
        find(match, values, tenant, type);
    } else if (self->added) {
        whi_match_remove(match, self->tenant, self->patterns, self->count, self);
        self->added = 0;
    } else {
        add(match, self, in);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    value *values = calloc(VALUES, sizeof *values);
    input in = { data, size };
    whi_match *match;

    must(values != NULL && whi_match_new(&match) == WH_OK);
    while (in.size > 0) {
        work(match, values, &in);
    }
    whi_match_free(match);
    free(values);
    return 0;
}
