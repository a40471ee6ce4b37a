/* JSON without loss: a scanner that records where each value stands in the text,
 * and leaves the text alone.
 *
 * The scan gives a tape: one node per value and per member name, in the order of
 * the text. A container's node is followed by its contents; `next` jumps over
 * them. Numbers keep their text, strings their escapes, so a part of the text can
 * be copied byte for byte.
 *
 * Accepted is RFC 8259 exactly: UTF-8 checked (no surrogates, no overlong forms),
 * no byte order mark, no trailing text. A member name that comes twice in one
 * object is accepted and kept; look-ups find the last one, as JSON.parse and most
 * readers do. */
#ifndef WHI_JSON_H
#define WHI_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "webhook_backend.h"

/* The tape as rule engines see it, which may be in a library of their own: webhook_backend.h. */
enum whi_json_type {
    WHI_JSON_NULL = WH_JSON_NULL,
    WHI_JSON_FALSE = WH_JSON_FALSE,
    WHI_JSON_TRUE = WH_JSON_TRUE,
    WHI_JSON_NUMBER = WH_JSON_NUMBER,
    WHI_JSON_STRING = WH_JSON_STRING,
    WHI_JSON_ARRAY = WH_JSON_ARRAY,
    WHI_JSON_OBJECT = WH_JSON_OBJECT,
};

typedef wh_json_node whi_json_node;
typedef wh_json whi_json;

#define WHI_JSON_MAXIMUM ((size_t)1 << 28)
#define WHI_JSON_DEPTH_MAXIMUM 1000

/* Scans text into json, which begins zeroed and may be used again for the next
 * text (its memory is kept). depth: how deep arrays and objects may nest.
 * Errors: WH_EJSON with the byte, counted from 1, and what was expected, WH_ELIMIT, WH_ENOMEM. */
int whi_json_scan(whi_json *json, const char *text, size_t size, int depth);

/* The same check without a tape: for texts that are only passed on. */
int whi_json_check(const char *text, size_t size, int depth);

void whi_json_free(whi_json *json);

/* Not found, in answers of the functions below. The root is node 0. */
#define WHI_JSON_NONE UINT32_MAX

/* The value of the last member with this name; WHI_JSON_NONE if object is none or
 * not an object. The name is compared decoded. */
uint32_t whi_json_member(const whi_json *json, uint32_t object, const char *name, size_t size);

/* The item with this index, from 0. */
uint32_t whi_json_item(const whi_json *json, uint32_t array, size_t index);

/* 1 if the value's arrays and objects nest deeper than levels. */
int whi_json_is_deeper(const whi_json *json, uint32_t node, uint32_t levels);

/* Walking: the first child of a container (of an object: its first name; the
 * name's value is node name + 1). WHI_JSON_NONE when it is empty. The last child's
 * next is nodes[container].next. */
uint32_t whi_json_first(const whi_json *json, uint32_t container);

/* The name of an object's next member, or WHI_JSON_NONE. */
static inline uint32_t whi_json_next_name(const whi_json *json, uint32_t object, uint32_t name) {
    uint32_t next = json->nodes[name + 1].next;

    return next < json->nodes[object].next ? next : WHI_JSON_NONE;
}

/* The value's own bytes in the text. */
const char *whi_json_span(const whi_json *json, uint32_t node, size_t *size);

/* A string's (or name's) content, decoded. Without escapes it is borrowed from
 * the text; otherwise scratch holds it until its next use. A \u0000 gives a zero
 * byte. NULL on WH_ENOMEM. Lone surrogate escapes become U+FFFD. */
const char *whi_json_string(const whi_json *json, uint32_t node, whi_buf *scratch, size_t *size);

/* 1 if the node is a string (or name) with this content, decoded. Needs no memory. */
int whi_json_string_is(const whi_json *json, uint32_t node, const char *text, size_t size);

/* Below 0, 0 or above 0, as a string's (or name's) content, decoded, comes before text,
 * is the same or comes after it, byte by byte: for a binary search. Needs no memory. */
int whi_json_string_order(const whi_json *json, uint32_t node, const char *text, size_t size);

/* 1 if a string's content, decoded, begins with text. Needs no memory. */
int whi_json_string_begins(const whi_json *json, uint32_t node, const char *text, size_t size);

/* 1 if text occurs in it, or with at_end: if it ends with text. fall has size + 1 numbers, made of text by
 * whi_json_fall: where to go on when a byte does not fit (Knuth, Morris and Pratt), so the time is that of
 * reading the string once. Needs no memory. */
int whi_json_string_has(const whi_json *json, uint32_t node, const char *text, size_t size, const uint32_t *fall,
                        int at_end);
void whi_json_fall(const char *text, size_t size, uint32_t *fall);

/* 1 and the value when the number's text is an integer (no point, no exponent,
 * not "-0") within int64; 0 otherwise. */
int whi_json_int(const whi_json *json, uint32_t node, int64_t *out);

/* The same by the number's value, however it is written: 100, "100.0" and "1e2" are one. Beyond
 * int64 the value is the nearest that there is. */
int whi_json_whole(const whi_json *json, uint32_t node, int64_t *out);

/* The nearest double, whatever the locale. */
double whi_json_double(const whi_json *json, uint32_t node);

/* 1 if the two values mean the same: strings by their decoded content, numbers by
 * value (exactly when both are integers of any length, "1.0" equals "1"), objects
 * without regard to the order of their members. Needs no memory; time grows with
 * the product of two objects' member counts. */
int whi_json_equal(const whi_json *a, uint32_t at_a, const whi_json *b, uint32_t at_b);

/* An order of scalars, for sorting and binary search: 0 exactly when whi_json_equal says
 * 1. By type, then strings as whi_json_string_order has it, numbers by their value. */
int whi_json_order(const whi_json *a, uint32_t at_a, const whi_json *b, uint32_t at_b);

/* Writing: appends to out. Text is escaped where RFC 8259 demands, and is
 * otherwise unchanged; broken UTF-8 in it becomes U+FFFD. Doubles get the
 * shortest text that reads back the same ("1.5", "1e+300"); a NaN or infinity
 * gives null. */
void whi_json_write_string(whi_buf *out, const char *text, size_t size);
void whi_json_write_double(whi_buf *out, double number);

/* Writes "name": in front of a member, with a comma unless out ends with '{'. */
void whi_json_write_name(whi_buf *out, const char *name);

#endif
