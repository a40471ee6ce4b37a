/* Filters, a zero byte, the payload: never a crash, and a path that failed is named when
 * and only when the payload does not pass. $or of them alone says the same, $not the contrary. Filters of one plain
 * name are asked a second time, value by value. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/filter.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static int same(const whi_json *filters, uint32_t value, const whi_json *payload, uint32_t node) {
    size_t size;
    const char *span = whi_json_span(payload, node, &size);

    return whi_json_equal(filters, value, payload, node) ||
           (payload->nodes[node].type != WHI_JSON_STRING && whi_json_string_is(filters, value, span, size));
}

/* What a filter {"name": value or list} says of a payload where the name has a scalar;
 * -1: something else. */
static int expected(const whi_json *filters, const whi_json *payload) {
    uint32_t value = 2, node, end = filters->count;
    size_t size;
    const char *name = whi_json_span(filters, 1, &size);

    node = whi_json_member(payload, 0, name + 1, size - 2);
    if (name[1] == '$' || name[1] == '\\' || filters->nodes[2].type == WHI_JSON_OBJECT ||
        filters->nodes[0].count != 1 || filters->nodes[1].count != 0 || memchr(name, '.', size) != NULL ||
        node == WHI_JSON_NONE || payload->nodes[node].type >= WHI_JSON_ARRAY) {
        return -1;
    }
    for (value += filters->nodes[2].type == WHI_JSON_ARRAY; value < end; value++) {
        if (same(filters, value, payload, node)) {
            return 1;
        }
    }
    return 0;
}

static void check(int passes, const char *text, size_t size, const whi_json *payload) {
    whi_json filters = { 0 };
    int answer;

    must(whi_json_scan(&filters, text, size, 100) == WH_OK);
    answer = expected(&filters, payload);
    must(answer < 0 || answer == passes);
    whi_json_free(&filters);
}

/* The same within {"$not": …} or {"$or":[…]}; -1: too deep, or too much, for that. */
static int within(const char *before, const char *filters, size_t size, const char *behind, const whi_json *payload) {
    size_t first = strlen(before), last = strlen(behind);
    char *text = malloc(first + size + last);
    whi_filter *filter;
    int passes = -1;

    must(text != NULL);
    memcpy(text, before, first);
    memcpy(text + first, filters, size);
    memcpy(text + first + size, behind, last);
    if (whi_filter_parse(&filter, text, first + size + last) == WH_OK) {
        passes = whi_filter_match(filter, payload, NULL);
    }
    whi_filter_free(filter);
    free(text);
    return passes;
}

static void join(int passes, const char *filters, size_t size, const whi_json *payload) {
    int contrary = within("{\"$not\":", filters, size, "}", payload);
    int same = within("{\"$or\":[", filters, size, "]}", payload);

    must(contrary < 0 || contrary != passes);
    must(same < 0 || same == passes);
}

static void match(const whi_filter *filter, const char *filters, size_t first, const char *text, size_t size) {
    const char *failed = NULL;
    whi_json json = { 0 };
    int passes;

    if (whi_json_scan(&json, text, size, 100) == WH_OK) {
        passes = whi_filter_match(filter, &json, &failed);
        must(passes == (failed == NULL) && (passes || filter != NULL));
        if (filter != NULL) {
            check(passes, filters, first, &json);
            join(passes, filters, first, &json);
        }
    }
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(size ? size : 1);
    whi_filter *filter;

    must(text != NULL);
    memcpy(text, data, size);
    if (whi_filter_parse(&filter, text, first) == WH_OK && end != NULL) {
        match(filter, text, first, text + first + 1, size - first - 1);
    }
    whi_filter_free(filter);
    free(text);
    return 0;
}
