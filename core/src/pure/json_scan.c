/* The scanner. One pass, no recursion: an explicit stack of the containers that are
 * open. Strings are skipped sixteen bytes at a time where the machine can. Tests: test_json. */
#include "pure/json.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"

typedef struct scan {
    const unsigned char *text;
    size_t size, at;
    whi_json *json; /* NULL: check only */
    int depth, level;
    int deepest;
    uint32_t open[WHI_JSON_DEPTH_MAXIMUM];   /* nodes of the open containers */
    uint32_t counts[WHI_JSON_DEPTH_MAXIMUM]; /* their children so far */
    unsigned char is_object[WHI_JSON_DEPTH_MAXIMUM];
} scan;

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

static int wrong(const scan *self, size_t at, const char *expected) {
    char found[FOUND];

    if (at >= self->size) {
        return whi_fail(WH_EJSON, "at byte %zu: expected %s, found the end", at + 1, expected);
    }
    tell_found(self, at, found);
    return whi_fail(WH_EJSON, "at byte %zu: expected %s, found %s", at + 1, expected, found);
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

/* A node that is complete; containers are mended when they close. */
static inline int add(scan *self, int type, size_t start, size_t end, uint32_t count) {
    whi_json *json = self->json;
    whi_json_node *node;

    if (json == NULL) {
        return WH_OK;
    }
    if (json->count == json->capacity) {
        int code = grow(json);
        if (code != WH_OK) {
            return code;
        }
    }
    node = &json->nodes[json->count++];
    node->start = (uint32_t)start;
    node->end = (uint32_t)end;
    node->next = json->count;
    node->count = count & 0xfffffff;
    node->type = (uint32_t)type & 15;
    return WH_OK;
}

/* ------------------------------------------------------------------------ strings */

#ifdef __SSE2__
#include <emmintrin.h>

/* The first byte from `at` on that needs a look: a quote, a backslash, a control or a
 * byte beyond ASCII. May stop short of it, near the end. */
static inline size_t skip_plain(const unsigned char *text, size_t at, size_t size) {
    const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\'), blank = _mm_set1_epi8(' ');

    while (size - at >= 16) {
        __m128i part = _mm_loadu_si128((const __m128i *)(const void *)(text + at));
        /* signed: bytes from 0x80 up are below the blank, as controls are */
        __m128i look = _mm_or_si128(_mm_cmplt_epi8(part, blank),
                                    _mm_or_si128(_mm_cmpeq_epi8(part, quote), _mm_cmpeq_epi8(part, slash)));
        int mask = _mm_movemask_epi8(look);
        if (mask != 0) {
            return at + (size_t)__builtin_ctz((unsigned)mask);
        }
        at += 16;
    }
    return at;
}
#else
static inline size_t skip_plain(const unsigned char *text, size_t at, size_t size) {
    while (at < size && text[at] >= ' ' && text[at] < 0x80 && text[at] != '"' && text[at] != '\\') {
        at++;
    }
    return at;
}
#endif

/* `at` stands on the backslash. */
static int skip_escape(scan *self, size_t *at) {
    unsigned char kind = *at + 1 < self->size ? self->text[*at + 1] : 0;

    if (kind == 'u') {
        for (size_t i = 2; i < 6; i++) {
            if (*at + i >= self->size || whi_hex_digit((char)self->text[*at + i]) < 0) {
                return wrong(self, *at + i, "a hexadecimal digit");
            }
        }
        *at += 6;
        return WH_OK;
    }
    if (kind == 0 || strchr("\"\\/bfnrt", kind) == NULL) {
        return wrong(self, *at + 1, "an escape: one of \" \\ / b f n r t u");
    }
    *at += 2;
    return WH_OK;
}

static int scan_string(scan *self) {
    size_t start = self->at, at = start + 1, length;
    uint32_t escapes = 0;

    for (;;) {
        unsigned char c;
        at = skip_plain(self->text, at, self->size);
        if (at >= self->size) {
            return wrong(self, at, "'\"'");
        }
        c = self->text[at];
        if (c == '"') {
            break;
        }
        if (c == '\\') {
            escapes = 1;
            if (skip_escape(self, &at) != WH_OK) {
                return WH_EJSON;
            }
        } else if (c < ' ') {
            return wrong(self, at, "no control character in a string");
        } else if (c < 0x80) {
            at++;
        } else {
            length = whi_utf8_length(self->text + at, self->size - at);
            if (length == 0) {
                return wrong(self, at, "UTF-8");
            }
            at += length;
        }
    }
    self->at = at + 1;
    return add(self, WHI_JSON_STRING, start, at + 1, escapes);
}

/* ------------------------------------------------------------------------ scalars */

static inline int digit_at(const scan *self, size_t at) {
    return at < self->size && (unsigned)(self->text[at] - '0') < 10;
}

static int scan_number(scan *self) {
    size_t start = self->at, at = start;

    at += self->text[at] == '-';
    if (!digit_at(self, at)) {
        return wrong(self, at, "a digit");
    }
    if (self->text[at] == '0') {
        at++;
    } else {
        while (digit_at(self, at)) {
            at++;
        }
    }
    if (at < self->size && self->text[at] == '.') {
        if (!digit_at(self, ++at)) {
            return wrong(self, at, "a digit");
        }
        while (digit_at(self, at)) {
            at++;
        }
    }
    if (at < self->size && (self->text[at] | 32) == 'e') {
        at++;
        at += at < self->size && (self->text[at] == '+' || self->text[at] == '-');
        if (!digit_at(self, at)) {
            return wrong(self, at, "a digit");
        }
        while (digit_at(self, at)) {
            at++;
        }
    }
    self->at = at;
    return add(self, WHI_JSON_NUMBER, start, at, 0);
}

static int scan_word(scan *self, const char *word, size_t size, int type) {
    size_t start = self->at;

    if (self->size - start < size || memcmp(self->text + start, word, size) != 0) {
        return wrong(self, start, "a value");
    }
    self->at += size;
    return add(self, type, start, self->at, 0);
}

/* --------------------------------------------------------------------- containers */

static inline void skip_blanks(scan *self) {
    while (self->at < self->size) {
        unsigned char c = self->text[self->at];
        if (c != ' ' && c != '\n' && c != '\r' && c != '\t') {
            return;
        }
        self->at++;
    }
}

static inline int next_is(const scan *self, unsigned char c) {
    return self->at < self->size && self->text[self->at] == c;
}

static int open_container(scan *self, int is_object) {
    if (self->level >= self->depth) {
        return whi_fail(WH_ELIMIT, "at byte %zu: nested deeper than the limit of %d", self->at + 1, self->depth);
    }
    self->open[self->level] = self->json != NULL ? self->json->count : 0;
    self->counts[self->level] = 0;
    self->is_object[self->level++] = (unsigned char)is_object;
    self->deepest = self->level > self->deepest ? self->level : self->deepest;
    self->at++;
    return add(self, is_object ? WHI_JSON_OBJECT : WHI_JSON_ARRAY, self->at - 1, 0, 0);
}

static void close_container(scan *self) {
    self->at++;
    self->level--;
    if (self->json != NULL) {
        whi_json_node *node = &self->json->nodes[self->open[self->level]];
        node->end = (uint32_t)self->at;
        node->next = self->json->count;
        node->count = self->counts[self->level] & 0xfffffff;
    }
}

static int scan_name(scan *self) {
    int code;

    skip_blanks(self);
    if (!next_is(self, '"')) {
        return wrong(self, self->at, "a member's name");
    }
    code = scan_string(self);
    if (code != WH_OK) {
        return code;
    }
    skip_blanks(self);
    if (!next_is(self, ':')) {
        return wrong(self, self->at, "':'");
    }
    self->at++;
    return WH_OK;
}

/* A scalar is done at once; a container is opened, its contents come next. */
static int scan_value(scan *self, int *opened) {
    *opened = 0;
    skip_blanks(self);
    switch (self->at < self->size ? self->text[self->at] : 0) {
    case '{':
    case '[':
        *opened = 1;
        return open_container(self, self->text[self->at] == '{');
    case '"':
        return scan_string(self);
    case 't':
        return scan_word(self, "true", 4, WHI_JSON_TRUE);
    case 'f':
        return scan_word(self, "false", 5, WHI_JSON_FALSE);
    case 'n':
        return scan_word(self, "null", 4, WHI_JSON_NULL);
    default:
        return digit_at(self, self->at) || next_is(self, '-') ? scan_number(self) : wrong(self, self->at, "a value");
    }
}

/* A container was opened: stands in front of its first value, or has closed it. */
static int begin_contents(scan *self, int *done) {
    int is_object = self->is_object[self->level - 1];

    skip_blanks(self);
    *done = next_is(self, is_object ? '}' : ']');
    if (*done) {
        close_container(self);
        return WH_OK;
    }
    self->counts[self->level - 1] = 1;
    return is_object ? scan_name(self) : WH_OK;
}

/* A value has ended: stands in front of the next one, or level is 0. */
static int after_value(scan *self) {
    while (self->level > 0) {
        int is_object = self->is_object[self->level - 1];
        skip_blanks(self);
        if (next_is(self, ',')) {
            self->at++;
            self->counts[self->level - 1]++;
            return is_object ? scan_name(self) : WH_OK;
        }
        if (!next_is(self, is_object ? '}' : ']')) {
            return wrong(self, self->at, is_object ? "',' or '}'" : "',' or ']'");
        }
        close_container(self);
    }
    return WH_OK;
}

static int scan_all(scan *self) {
    int code = WH_OK;

    do {
        int opened, done = 1;
        code = scan_value(self, &opened);
        if (code == WH_OK && opened) {
            code = begin_contents(self, &done);
        }
        if (code == WH_OK && done) {
            code = after_value(self);
        }
    } while (code == WH_OK && self->level > 0);
    if (code != WH_OK) {
        return code;
    }
    skip_blanks(self);
    return self->at == self->size ? WH_OK : wrong(self, self->at, "the end");
}

static int start(whi_json *json, const char *text, size_t size, int depth) {
    scan self;
    int code;

    if (size > WHI_JSON_MAXIMUM) {
        return whi_fail(WH_ELIMIT, "%zu bytes are more than JSON of %zu", size, WHI_JSON_MAXIMUM);
    }
    self.text = (const unsigned char *)text;
    self.size = size;
    self.at = 0;
    self.json = json;
    self.depth = depth < WHI_JSON_DEPTH_MAXIMUM ? depth : WHI_JSON_DEPTH_MAXIMUM;
    self.level = self.deepest = 0;
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
