#include "pure/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

typedef struct member {
    const char *name; /* as it is written, escapes and all */
    size_t size;
    uint32_t node;
} member;

static int compare(const void *a, const void *b) {
    const member *one = a, *other = b;
    size_t size = one->size < other->size ? one->size : other->size;
    int order = memcmp(one->name, other->name, size);

    if (order != 0 || one->size != other->size) {
        return order != 0 ? order : one->size < other->size ? -1 : 1;
    }
    return one->node < other->node ? -1 : 1; /* of a name that comes twice the order means something */
}

static int is_one_of(const whi_json *json, uint32_t name, const char *const *names) {
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        if (whi_json_string_is(json, name, names[i], strlen(names[i]))) {
            return 1;
        }
    }
    return 0;
}

static int write_value(const whi_json *json, uint32_t node, whi_buf *out);

static int write_members(const whi_json *json, member *list, size_t count, whi_buf *out) {
    int code = WH_OK;

    qsort(list, count, sizeof *list, compare);
    whi_buf_char(out, '{');
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        whi_buf_text(out, i > 0 ? "," : "");
        whi_buf_add(out, list[i].name, list[i].size);
        whi_buf_char(out, ':');
        code = write_value(json, list[i].node + 1, out);
    }
    whi_buf_char(out, '}');
    return code;
}

static int write_object(const whi_json *json, uint32_t node, const char *const *without, whi_buf *out) {
    member *list = whi_alloc((json->nodes[node].count + (size_t)1) * sizeof *list);
    size_t count = 0;
    int code;

    if (list == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t at = whi_json_first(json, node); at != WHI_JSON_NONE; at = whi_json_next_name(json, node, at)) {
        if (!is_one_of(json, at, without)) {
            list[count].name = whi_json_span(json, at, &list[count].size);
            list[count++].node = at;
        }
    }
    code = write_members(json, list, count, out);
    whi_free(list);
    return code;
}

static int write_array(const whi_json *json, uint32_t node, whi_buf *out) {
    uint32_t at = whi_json_first(json, node), end = json->nodes[node].next;
    int code = WH_OK;

    whi_buf_char(out, '[');
    for (uint32_t first = at; code == WH_OK && at != WHI_JSON_NONE && at < end; at = json->nodes[at].next) {
        whi_buf_text(out, at != first ? "," : "");
        code = write_value(json, at, out);
    }
    whi_buf_char(out, ']');
    return code;
}

static int write_string(const whi_json *json, uint32_t node, whi_buf *out) {
    whi_buf scratch;
    size_t size;
    const char *text;

    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    if (text != NULL) {
        whi_json_write_string(out, text, size);
    }
    whi_buf_free(&scratch);
    return text != NULL ? WH_OK : whi_fail_memory();
}

#define EXPONENT_DIGITS 17 /* so that what digits add to it fits, too */

typedef struct decimal {
    int negative;
    const char *digits; /* with a point among them, perhaps */
    size_t size;
    int64_t exponent; /* of ten, for the last digit */
} decimal;

/* 0: no number that can be met says so much. */
static int read_exponent(const char *text, size_t size, int64_t *out) {
    int negative = size > 0 && text[0] == '-';
    size_t at = size > 0 && (text[0] == '-' || text[0] == '+');

    *out = 0;
    while (at < size && text[at] == '0') {
        at++;
    }
    if (size - at > EXPONENT_DIGITS) {
        return 0;
    }
    for (; at < size; at++) {
        *out = *out * 10 + (text[at] - '0');
    }
    *out = negative ? -*out : *out;
    return 1;
}

static int is_exponent(char c) {
    return c == 'e' || c == 'E';
}

static int read_decimal(const char *text, size_t size, decimal *out) {
    size_t end = 0;
    const char *point;

    *out = (decimal){ .negative = size > 0 && text[0] == '-' };
    out->digits = text + out->negative;
    size -= (size_t)out->negative;
    while (end < size && !is_exponent(out->digits[end])) {
        end++;
    }
    out->size = end;
    point = memchr(out->digits, '.', end);
    if (end < size && !read_exponent(out->digits + end + 1, size - end - 1, &out->exponent)) {
        return 0;
    }
    out->exponent -= point != NULL ? (int64_t)(out->digits + end - point - 1) : 0;
    return 1;
}

/* Without zeros at either end. */
static void trim(decimal *self) {
    while (self->size > 0 && (self->digits[0] == '0' || self->digits[0] == '.')) {
        self->digits++;
        self->size--;
    }
    while (self->size > 0 && (self->digits[self->size - 1] == '0' || self->digits[self->size - 1] == '.')) {
        self->exponent += self->digits[self->size - 1] == '0';
        self->size--;
    }
}

/* Digits and a power of ten, of which nothing is rounded: 1.10, 1.1 and 11e-1 are 11e-1. One with an exponent that no
 * number is met with stays as it is written. */
static void write_number(const whi_json *json, uint32_t node, whi_buf *out) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);
    decimal number;

    if (!read_decimal(text, size, &number)) {
        whi_buf_add(out, text, size);
        return;
    }
    trim(&number);
    if (number.size == 0) {
        whi_buf_char(out, '0');
        return;
    }
    whi_buf_text(out, number.negative ? "-" : "");
    for (size_t i = 0; i < number.size; i++) {
        if (number.digits[i] != '.') {
            whi_buf_char(out, number.digits[i]);
        }
    }
    if (number.exponent != 0) {
        whi_buf_format(out, "e%lld", (long long)number.exponent);
    }
}

static int write_value(const whi_json *json, uint32_t node, whi_buf *out) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    switch (json->nodes[node].type) {
    case WHI_JSON_OBJECT:
        return write_object(json, node, NULL, out);
    case WHI_JSON_ARRAY:
        return write_array(json, node, out);
    case WHI_JSON_STRING:
        return write_string(json, node, out);
    case WHI_JSON_NUMBER:
        write_number(json, node, out);
        return WH_OK;
    default:
        whi_buf_add(out, text, size);
        return WH_OK;
    }
}

int whi_canonical(const whi_json *json, uint32_t node, const char *const *without, whi_buf *out) {
    int code = json->nodes[node].type == WHI_JSON_OBJECT ? write_object(json, node, without, out)
                                                         : write_value(json, node, out);

    if (code == WH_OK && whi_buf_reserve(out, 1) != NULL) {
        out->data[out->size] = '\0';
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}
