/* The scanner. One pass, no recursion: an explicit stack of the containers that are
 * open. Strings are skipped sixteen bytes at a time where the machine can. Tests: test_json. */
#include "pure/json.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "pure/json_plain.h"

typedef struct scan {
    const unsigned char *text;
    size_t size;
    whi_json *json; /* NULL: check only */
    int code;       /* of what failed */
    size_t seen;    /* up to here looks are known, a multiple of WHI_JSON_PLAIN_WIDE; */
    uint64_t looks; /* of the last of them */
    int depth, level;
    int deepest;
    uint32_t open[WHI_JSON_DEPTH_MAXIMUM];          /* nodes of the open containers */
    uint32_t counts[WHI_JSON_DEPTH_MAXIMUM];        /* their children so far */
    unsigned char ends[WHI_JSON_DEPTH_MAXIMUM + 1]; /* with what the one above ends, 0 outside of any */
} scan;

/* What reads a part of the text takes the place where that begins and returns the place behind it. A place in a
 * variable, not in the struct, is what the next step waits for, and there are many short ones. */
#define FAILED SIZE_MAX /* no place: code says why */

#define FOUND 80

/* What an editor put in front of the text; NULL for none. */
static const char *byte_order_mark(const scan *self) {
    if (self->size >= 3 && memcmp(self->text, "\xef\xbb\xbf", 3) == 0) {
        return "a byte order mark, which JSON has none of";
    }
    if (self->size >= 2 && (memcmp(self->text, "\xff\xfe", 2) == 0 || memcmp(self->text, "\xfe\xff", 2) == 0)) {
        return "the byte order mark of UTF-16, and JSON is UTF-8";
    }
    return NULL;
}

/* A letter that looks like another, or like nothing, is named by its number. */
static void tell_found(const scan *self, size_t at, char out[FOUND]) {
    const unsigned char *c = self->text + at;
    const char *mark = at == 0 ? byte_order_mark(self) : NULL;

    if (mark != NULL) {
        snprintf(out, FOUND, "%s", mark);
    } else if (*c > ' ' && *c < 127) {
        snprintf(out, FOUND, "'%c'", *c);
    } else if (*c >= 0x80 && whi_utf8_length(c, self->size - at) > 0) {
        snprintf(out, FOUND, "U+%04lX", (unsigned long)whi_utf8_read(c));
    } else {
        memcpy(out, "byte 0x", 7);
        whi_hex_write(c, 1, out + 7);
    }
}

static size_t wrong(scan *self, size_t at, const char *expected) {
    char found[FOUND];

    if (at >= self->size) {
        self->code = whi_fail(WH_EJSON, "at byte %zu: expected %s, found the end", at + 1, expected);
        return FAILED;
    }
    tell_found(self, at, found);
    self->code = whi_fail(WH_EJSON, "at byte %zu: expected %s, found %s", at + 1, expected, found);
    return FAILED;
}

/* --------------------------------------------------------------------------- tape */

static int grow(whi_json *json) {
    uint32_t capacity = json->capacity ? json->capacity * 2 : 64;
    whi_json_node *nodes;

    if (json->maximum > 0 && capacity > json->maximum) {
        capacity = json->maximum;
        if (json->count >= capacity) {
            return whi_fail(WH_ELIMIT, "more than %u values", json->maximum);
        }
    }
    nodes = whi_realloc(json->nodes, (size_t)capacity * sizeof *nodes);
    if (nodes == NULL) {
        return whi_fail_memory();
    }
    json->nodes = nodes;
    json->capacity = capacity;
    return WH_OK;
}

/* A node that is complete; containers are mended when they close. Returns its end. */
static inline size_t add(scan *self, unsigned type, size_t start, size_t end, unsigned count) {
    whi_json *json = self->json;

    if (json == NULL) {
        return end;
    }
    if (json->count == json->capacity && (self->code = grow(json)) != WH_OK) {
        return FAILED;
    }
    json->nodes[json->count] =
        (whi_json_node){ (uint32_t)start, (uint32_t)end, json->count + 1, count & 0xfffffff, type & 15 };
    json->count++;
    return end;
}

/* ------------------------------------------------------------------------ strings */

/* Behind the end of the text there are bytes that need a look. */
static uint64_t look_at_end(const scan *self, size_t left) {
    unsigned char last[WHI_JSON_PLAIN_WIDE] = { 0 };

    memcpy(last, self->text + self->seen, left);
    return whi_json_plain_masks(last);
}

/* Apart, so that what is called for each string stays small enough to be inlined. */
__attribute__((noinline)) static void look_on(scan *self) {
    size_t left = self->size - self->seen;

    self->looks = left < WHI_JSON_PLAIN_WIDE ? look_at_end(self, left) : whi_json_plain_masks(self->text + self->seen);
    self->seen += WHI_JSON_PLAIN_WIDE;
}

/* The first byte from `at` on that needs a look; the size if there is none. Which bytes do is found out for many
 * together and in advance, and does not wait for where the string before ends. */
static inline size_t skip_plain(scan *self, size_t at) {
    while (at < self->size) {
        uint64_t looks;
        while (self->seen <= at) {
            look_on(self);
        }
        looks = self->looks >> at % WHI_JSON_PLAIN_WIDE;
        if (looks != 0) {
            return at + (size_t)__builtin_ctzll(looks);
        }
        at = self->seen;
    }
    return self->size;
}

/* `at` stands on the backslash. */
static size_t skip_escape(scan *self, size_t at) {
    unsigned char kind = at + 1 < self->size ? self->text[at + 1] : 0;

    if (kind == 'u') {
        for (size_t i = 2; i < 6; i++) {
            if (at + i >= self->size || whi_hex_digit((char)self->text[at + i]) < 0) {
                return wrong(self, at + i, "a hexadecimal digit");
            }
        }
        return at + 6;
    }
    if (kind == 0 || strchr("\"\\/bfnrt", kind) == NULL) {
        return wrong(self, at + 1, "an escape: one of \" \\ / b f n r t u");
    }
    return at + 2;
}

/* The rest of a string, from a byte on that is not the quote at its end. */
static size_t scan_string_from(scan *self, size_t start, size_t at) {
    unsigned escapes = 0;

    while (at != FAILED) {
        unsigned char c;
        at = skip_plain(self, at);
        if (at >= self->size) {
            return wrong(self, at, "'\"'");
        }
        c = self->text[at];
        if (c == '"') {
            return add(self, WHI_JSON_STRING, start, at + 1, escapes);
        }
        if (c == '\\') {
            escapes = 1;
            at = skip_escape(self, at);
        } else if (c < ' ') {
            return wrong(self, at, "no control character in a string");
        } else if (c < 0x80) {
            at++;
        } else {
            size_t length = whi_utf8_length(self->text + at, self->size - at);
            at = length == 0 ? wrong(self, at, "UTF-8") : at + length;
        }
    }
    return at;
}

/* Most end at the first byte that is not plain. */
static inline size_t scan_string(scan *self, size_t start) {
    size_t at = skip_plain(self, start + 1);

    if (at >= self->size || self->text[at] != '"') {
        return scan_string_from(self, start, at);
    }
    return add(self, WHI_JSON_STRING, start, at + 1, 0);
}

/* ------------------------------------------------------------------------ scalars */

static inline int digit_at(const scan *self, size_t at) {
    return at < self->size && (unsigned)(self->text[at] - '0') < 10;
}

static inline size_t skip_digits(const scan *self, size_t at) {
    while (digit_at(self, at)) {
        at++;
    }
    return at;
}

static inline size_t scan_number(scan *self, size_t start) {
    size_t at = start + (self->text[start] == '-');

    if (!digit_at(self, at)) {
        return wrong(self, at, "a digit");
    }
    at = self->text[at] == '0' ? at + 1 : skip_digits(self, at);
    if (at < self->size && self->text[at] == '.') {
        if (!digit_at(self, ++at)) {
            return wrong(self, at, "a digit");
        }
        at = skip_digits(self, at);
    }
    if (at < self->size && (self->text[at] | 32) == 'e') {
        at++;
        at += at < self->size && (self->text[at] == '+' || self->text[at] == '-');
        if (!digit_at(self, at)) {
            return wrong(self, at, "a digit");
        }
        at = skip_digits(self, at);
    }
    return add(self, WHI_JSON_NUMBER, start, at, 0);
}

static size_t scan_word(scan *self, size_t start, const char *word, size_t size, unsigned type) {
    if (self->size - start < size || memcmp(self->text + start, word, size) != 0) {
        return wrong(self, start, "a value");
    }
    return add(self, type, start, start + size, 0);
}

/* --------------------------------------------------------------------- containers */

static inline size_t skip_blanks(const scan *self, size_t at) {
    while (at < self->size) {
        unsigned char c = self->text[at];
        if (c > ' ' || (c != ' ' && c != '\n' && c != '\r' && c != '\t')) {
            break;
        }
        at++;
    }
    return at;
}

static inline int is_at(const scan *self, size_t at, unsigned char c) {
    return at < self->size && self->text[at] == c;
}

static inline size_t open_container(scan *self, size_t at) {
    int is_object = self->text[at] == '{';

    if (self->level >= self->depth) {
        self->code = whi_fail(WH_ELIMIT, "at byte %zu: nested deeper than the limit of %d", at + 1, self->depth);
        return FAILED;
    }
    self->open[self->level] = self->json != NULL ? self->json->count : 0;
    self->counts[self->level++] = 0;
    self->ends[self->level] = is_object ? '}' : ']';
    self->deepest = self->level > self->deepest ? self->level : self->deepest;
    return add(self, is_object ? WHI_JSON_OBJECT : WHI_JSON_ARRAY, at, at + 1, 0);
}

/* `end` is behind its last byte. */
static inline void close_container(scan *self, size_t end) {
    self->level--;
    if (self->json != NULL) {
        whi_json_node *node = &self->json->nodes[self->open[self->level]];
        node->end = (uint32_t)end;
        node->next = self->json->count;
        node->count = self->counts[self->level] & 0xfffffff;
    }
}

/* With the colon behind it. */
static inline size_t scan_name(scan *self, size_t at) {
    at = skip_blanks(self, at);
    if (!is_at(self, at, '"')) {
        return wrong(self, at, "a member's name");
    }
    at = scan_string(self, at);
    if (at == FAILED) {
        return FAILED;
    }
    at = skip_blanks(self, at);
    return is_at(self, at, ':') ? at + 1 : wrong(self, at, "':'");
}

/* A scalar is done at once; a container is opened, its contents come next. */
static inline size_t scan_value(scan *self, size_t at, int *opened) {
    at = skip_blanks(self, at);
    switch (at < self->size ? self->text[at] : 0) {
    case '{':
    case '[':
        *opened = 1;
        return open_container(self, at);
    case '"':
        return scan_string(self, at);
    case 't':
        return scan_word(self, at, "true", 4, WHI_JSON_TRUE);
    case 'f':
        return scan_word(self, at, "false", 5, WHI_JSON_FALSE);
    case 'n':
        return scan_word(self, at, "null", 4, WHI_JSON_NULL);
    default:
        return digit_at(self, at) || is_at(self, at, '-') ? scan_number(self, at) : wrong(self, at, "a value");
    }
}

static inline int is_in_object(const scan *self) {
    return self->ends[self->level] == '}';
}

/* A container was opened: 1 if it has a child, which comes next. */
static inline int has_child(scan *self, size_t at) {
    if (is_at(self, skip_blanks(self, at), self->ends[self->level])) {
        return 0;
    }
    self->counts[self->level - 1] = 1;
    return 1;
}

/* A value has ended, or an empty container is at its end: the place of the next one, or level is 0. */
static inline size_t after_value(scan *self, size_t at) {
    while (self->level > 0) {
        at = skip_blanks(self, at);
        if (is_at(self, at, ',')) {
            self->counts[self->level - 1]++;
            return at + 1;
        }
        if (!is_at(self, at, self->ends[self->level])) {
            return wrong(self, at, is_in_object(self) ? "',' or '}'" : "',' or ']'");
        }
        close_container(self, ++at);
    }
    return at;
}

static int scan_all(scan *self) {
    size_t at = 0;

    do {
        int opened = 0;
        at = is_in_object(self) ? scan_name(self, at) : at;
        at = at != FAILED ? scan_value(self, at, &opened) : at;
        if (at != FAILED && !(opened && has_child(self, at))) {
            at = after_value(self, at);
        }
    } while (at != FAILED && self->level > 0);
    at = at != FAILED ? skip_blanks(self, at) : at;
    if (at != FAILED && at < self->size) {
        wrong(self, at, "the end");
    }
    return self->code;
}

static int start(whi_json *json, const char *text, size_t size, int depth) {
    scan self;
    int code;

    if (size > WHI_JSON_MAXIMUM) {
        return whi_fail(WH_ELIMIT, "%zu bytes are more than JSON of %zu", size, WHI_JSON_MAXIMUM);
    }
    self.text = (const unsigned char *)text;
    self.size = size;
    self.json = json;
    self.code = WH_OK;
    self.seen = 0;
    self.depth = depth < WHI_JSON_DEPTH_MAXIMUM ? depth : WHI_JSON_DEPTH_MAXIMUM;
    self.level = self.deepest = 0;
    self.ends[0] = 0;
    code = scan_all(&self);
    if (json != NULL) {
        json->depth = (uint32_t)self.deepest;
    }
    return code;
}

int whi_json_scan(whi_json *json, const char *text, size_t size, int depth) {
    int code;

    json->text = text;
    json->size = size;
    json->count = 0;
    code = start(json, text, size, depth);
    if (code != WH_OK) {
        json->count = 0;
    }
    return code;
}

int whi_json_check(const char *text, size_t size, int depth) {
    return start(NULL, text, size, depth);
}

void whi_json_free(whi_json *json) {
    whi_free(json->nodes);
    memset(json, 0, sizeof *json);
}
