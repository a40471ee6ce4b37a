#include "pure/stringify.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/number.h"
#include "base/utf8.h"

/* ------------------------------------------------------------------------ numbers */

/* A positive number: 0.d1d2d3… times ten to a power. */
typedef struct decimal {
    char digits[DBL_DECIMAL_DIG + 2];
    int count, power;
} decimal;

static double value_of(const decimal *self) {
    char text[48];

    snprintf(text, sizeof text, "%se%d", self->digits, self->power - self->count);
    return whi_number_read(text);
}

/* The nearest one of so many digits. */
static void round_to(double number, int count, decimal *out) {
    char text[48];
    const char *at = text;

    whi_number_write_power(text, sizeof text, count, number);
    out->count = 0;
    for (; *at != 'e'; at++) {
        if (*at >= '0' && *at <= '9') {
            out->digits[out->count++] = *at;
        }
    }
    out->digits[out->count] = '\0';
    out->power = (int)strtol(at + 1, NULL, 10) + 1;
}

/* The next one of as many digits. */
static void step_up(decimal *self) {
    int at = self->count - 1;

    while (at >= 0 && self->digits[at] == '9') {
        self->digits[at--] = '0';
    }
    if (at >= 0) {
        self->digits[at]++;
        return;
    }
    self->digits[0] = '1'; /* 99 and 1 are 100 */
    self->power++;
}

/* The fewest digits that read back the same. Every decimal of 15 digits has a double of its own, except
 * below DBL_MIN, so fewer need not be tried: zeros are cut. At a power of two the doubles above lie twice as
 * far apart as those below; there the nearest may not read back, where the next one up does. */
static void shorten(double number, decimal *out) {
    for (int count = number < DBL_MIN ? 1 : DBL_DIG; count <= DBL_DECIMAL_DIG; count++) {
        round_to(number, count, out);
        if (value_of(out) == number) {
            break;
        }
        step_up(out);
        if (value_of(out) == number) {
            break;
        }
    }
    while (out->count > 1 && out->digits[out->count - 1] == '0') {
        out->digits[--out->count] = '\0';
    }
}

/* ECMA-262, Number::toString: no exponent from 1e-6 to below 1e21. */
static void lay_out(const decimal *self, char *out, size_t room) {
    const char *digits = self->digits;
    int count = self->count, power = self->power;

    if (power >= count && power <= 21) {
        snprintf(out, room, "%s%.*s", digits, power - count, "000000000000000000000");
    } else if (power > 0 && power <= 21) {
        snprintf(out, room, "%.*s.%s", power, digits, digits + power);
    } else if (power > -6 && power <= 0) {
        snprintf(out, room, "0.%.*s%s", -power, "000000", digits);
    } else {
        snprintf(out, room, "%c%s%se%+d", digits[0], count > 1 ? "." : "", digits + 1, power - 1);
    }
}

void whi_stringify_number(double number, char out[WHI_STRINGIFY_NUMBER]) {
    decimal shortest;

    if (number == 0) {
        memcpy(out, "0", 2); /* "-0" too */
        return;
    }
    shorten(fabs(number), &shortest);
    out[0] = '-';
    lay_out(&shortest, out + (number < 0), WHI_STRINGIFY_NUMBER - 1);
}

/* ------------------------------------------------------------------------ values */

typedef struct level {
    uint32_t end;
    uint32_t count; /* of names and values that were written */
    int is_object;
} level;

typedef struct writer {
    const whi_json *json;
    whi_buf *out, scratch;
    int depth;
    level levels[WHI_JSON_DEPTH_MAXIMUM];
} writer;

/* A sequence of names to be sorted. */
typedef struct name {
    const whi_json *json;
    uint32_t node;
} name;

#define EXACT INT64_C(9007199254740992) /* 2^53: up to it every integer is a double of its own */

/* 0 where JavaScript's number is another one. */
static int put_number(writer *self, uint32_t node) {
    char text[WHI_STRINGIFY_NUMBER];
    size_t size;
    const char *span = whi_json_span(self->json, node, &size);
    whi_json_node one = { .next = 1, .type = WHI_JSON_NUMBER };
    whi_json written = { .text = text, .nodes = &one, .count = 1 };
    int64_t integer;
    double number;

    if (whi_json_int(self->json, node, &integer) && integer >= -EXACT && integer <= EXACT) {
        whi_buf_add(self->out, span, size);
        return 1;
    }
    number = whi_json_double(self->json, node);
    if (!isfinite(number)) {
        return 0;
    }
    whi_stringify_number(number, text);
    one.end = (uint32_t)strlen(text);
    whi_buf_text(self->out, text);
    return whi_json_equal(self->json, node, &written, 0);
}

static uint32_t hex4(const char *text) {
    uint32_t value = 0;

    for (int i = 0; i < 4; i++) {
        value = value << 4 | (uint32_t)whi_hex_digit(text[i]);
    }
    return value;
}

static int is_low(const char *text, const char *end) {
    return end - text >= 6 && text[0] == '\\' && text[1] == 'u' && hex4(text + 2) >> 10 == 0xdc00 >> 10;
}

/* Half of a pair, which has no UTF-8, stays an escape. */
static void put_point(whi_buf *out, uint32_t point) {
    static const char letters[] = "btn?fr"; /* \b to \r */
    char text[8];

    if (point == '"' || point == '\\') {
        whi_buf_char(out, '\\');
        whi_buf_char(out, (char)point);
    } else if (point >= '\b' && point <= '\r' && point != '\v') {
        whi_buf_char(out, '\\');
        whi_buf_char(out, letters[point - '\b']);
    } else if (point < ' ' || point >> 11 == 0xd800 >> 11) {
        snprintf(text, sizeof text, "\\u%04x", (unsigned)point & 0xffff);
        whi_buf_text(out, text);
    } else {
        whi_buf_add(out, text, whi_utf8_write(point, text));
    }
}

/* One escape; returns its bytes. */
static size_t put_escape(whi_buf *out, const char *text, const char *end) {
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const char *found = strchr(from, text[1]);
    uint32_t point;

    if (text[1] != 'u') {
        put_point(out, (unsigned char)(found != NULL ? to[found - from] : text[1]));
        return 2;
    }
    point = hex4(text + 2);
    if (point >> 10 == 0xd800 >> 10 && is_low(text + 6, end)) {
        put_point(out, 0x10000 + ((point - 0xd800) << 10) + (hex4(text + 8) - 0xdc00));
        return 12;
    }
    put_point(out, point);
    return 6;
}

static void put_string(writer *self, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(self->json, node, &size), *end = text + size - 1;

    if (!self->json->nodes[node].count) {
        whi_buf_add(self->out, text, size);
        return;
    }
    whi_buf_char(self->out, '"');
    for (text++; text < end;) {
        const char *escape = memchr(text, '\\', (size_t)(end - text));
        whi_buf_add(self->out, text, (size_t)((escape != NULL ? escape : end) - text));
        text = escape != NULL ? escape + put_escape(self->out, escape, end) : end;
    }
    whi_buf_char(self->out, '"');
}

/* ------------------------------------------------------------------------ objects */

/* The index that the name is; -1: none. */
static int64_t index_of(const char *text, size_t size) {
    int64_t value = 0;

    if (size == 0 || size > 10 || (size > 1 && text[0] == '0')) {
        return -1;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        value = value * 10 + (text[i] - '0');
    }
    return value < UINT32_MAX ? value : -1;
}

/* Whether the names are in JavaScript's order: indexes first, each higher than the one before. */
static int is_in_order(writer *self, uint32_t object, int *out) {
    int64_t last = -1;

    *out = 1;
    for (uint32_t at = whi_json_first(self->json, object); at != WHI_JSON_NONE && *out;
         at = whi_json_next_name(self->json, object, at)) {
        size_t size;
        const char *text = whi_json_string(self->json, at, &self->scratch, &size);
        int64_t index = text != NULL ? index_of(text, size) : -1;
        if (text == NULL) {
            return whi_fail_memory();
        }
        *out = index < 0 || (index > last && last < INT64_MAX);
        last = index < 0 ? INT64_MAX : index;
    }
    return WH_OK;
}

static int order(const void *a, const void *b) {
    const name *x = a, *y = b;

    return whi_json_order(x->json, x->node, y->json, y->node);
}

/* Whether each name stands there once. */
static int is_without_twins(const writer *self, uint32_t object, int *out) {
    uint32_t count = self->json->nodes[object].count, used = 0;
    name *names = count > 1 ? whi_alloc(count * sizeof *names) : NULL;

    *out = 1;
    if (count > 1 && names == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t at = whi_json_first(self->json, object); at != WHI_JSON_NONE && count > 1;
         at = whi_json_next_name(self->json, object, at)) {
        names[used++] = (name){ self->json, at };
    }
    if (used > 0) {
        qsort(names, used, sizeof *names, order);
    }
    for (uint32_t i = 1; i < used; i++) {
        *out &= order(&names[i - 1], &names[i]) != 0;
    }
    whi_free(names);
    return WH_OK;
}

/* ------------------------------------------------------------------------ the whole */

static void close_levels(writer *self, uint32_t at) {
    while (self->depth > 0 && at >= self->levels[self->depth - 1].end) {
        whi_buf_char(self->out, self->levels[--self->depth].is_object ? '}' : ']');
    }
}

static void put_between(writer *self) {
    level *top = self->depth > 0 ? &self->levels[self->depth - 1] : NULL;

    if (top != NULL && top->count > 0) {
        whi_buf_char(self->out, top->is_object && top->count % 2 ? ':' : ',');
    }
    if (top != NULL) {
        top->count++;
    }
}

static int open_level(writer *self, uint32_t at, int *same) {
    const whi_json_node *node = &self->json->nodes[at];
    int is_object = node->type == WHI_JSON_OBJECT, once = 1;
    int code = is_object ? is_in_order(self, at, same) : WH_OK;

    code = code == WH_OK && is_object && *same ? is_without_twins(self, at, &once) : code;
    *same = *same && once;
    self->levels[self->depth++] = (level){ node->next, 0, is_object };
    whi_buf_char(self->out, is_object ? '{' : '[');
    return code;
}

static int put_value(writer *self, uint32_t at, int *same) {
    switch (self->json->nodes[at].type) {
    case WHI_JSON_NULL:
        whi_buf_text(self->out, "null");
        return WH_OK;
    case WHI_JSON_FALSE:
        whi_buf_text(self->out, "false");
        return WH_OK;
    case WHI_JSON_TRUE:
        whi_buf_text(self->out, "true");
        return WH_OK;
    case WHI_JSON_NUMBER:
        *same = put_number(self, at);
        return WH_OK;
    case WHI_JSON_STRING:
        put_string(self, at);
        return WH_OK;
    default:
        return open_level(self, at, same);
    }
}

static int put_all(writer *self, uint32_t node, int *same) {
    uint32_t end = self->json->nodes[node].next;
    int code = WH_OK;

    for (uint32_t at = node; at < end && code == WH_OK && *same; at++) {
        close_levels(self, at);
        put_between(self);
        code = put_value(self, at, same);
    }
    close_levels(self, end);
    return code;
}

int whi_stringify(const whi_json *json, uint32_t node, whi_buf *out, int *same) {
    size_t before = out->size;
    writer *self = whi_alloc(sizeof *self);
    int code;

    *same = 1;
    if (self == NULL) {
        return whi_fail_memory();
    }
    self->json = json;
    self->out = out;
    self->depth = 0;
    whi_buf_init(&self->scratch, WHI_JSON_MAXIMUM);
    code = put_all(self, node, same);
    code = code == WH_OK ? whi_buf_status(out) : code;
    if ((code != WH_OK || !*same) && !out->failed && out->data != NULL) {
        out->size = before;
        out->data[before] = '\0';
    }
    whi_buf_free(&self->scratch);
    whi_free(self);
    return code;
}
