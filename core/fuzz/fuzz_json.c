/* JSON from strangers: scan and check agree, the tape holds together, what is equal to
 * itself stays so when it is written again. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/json.h"
#include "pure/stringify.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void check_string(const whi_json *json, uint32_t node) {
    whi_json again = { 0 };
    whi_buf scratch, out;
    const char *text;
    size_t size;

    whi_buf_init(&scratch, SIZE_MAX / 4);
    whi_buf_init(&out, SIZE_MAX / 4);
    text = whi_json_string(json, node, &scratch, &size);
    must(text != NULL && whi_json_string_is(json, node, text, size));
    whi_json_write_string(&out, text, size);
    must(whi_json_scan(&again, out.data, out.size, 1) == WH_OK);
    must(whi_json_equal(json, node, &again, 0) && whi_json_equal(&again, 0, json, node));
    whi_json_free(&again);
    whi_buf_free(&out);
    whi_buf_free(&scratch);
}

static void check_number(const whi_json *json, uint32_t node) {
    double number = whi_json_double(json, node);
    whi_json again = { 0 };
    int64_t integer;
    whi_buf out;

    must(!isnan(number));
    must(!whi_json_int(json, node, &integer) || (double)integer == number);
    whi_buf_init(&out, 100);
    whi_json_write_double(&out, number);
    must(whi_json_scan(&again, out.data, out.size, 1) == WH_OK);
    must(!isfinite(number) || whi_json_double(&again, 0) == number);
    whi_json_free(&again);
    whi_buf_free(&out);
}

/* Neighbours on the tape: ordered as they are equal, the other way round when turned. */
static void check_order(const whi_json *json) {
    for (uint32_t at = 1; at < json->count; at++) {
        int order, turned;
        if (json->nodes[at].type >= WHI_JSON_ARRAY || json->nodes[at - 1].type >= WHI_JSON_ARRAY) {
            continue;
        }
        order = whi_json_order(json, at - 1, json, at);
        turned = whi_json_order(json, at, json, at - 1);
        must((order < 0) == (turned > 0) && (order > 0) == (turned < 0));
        must((order == 0) == whi_json_equal(json, at - 1, json, at));
    }
}

/* Returns the node behind it. */
static uint32_t walk(const whi_json *json, uint32_t node) {
    const whi_json_node *here = &json->nodes[node];
    uint32_t at = node + 1, children = 0;

    must(here->start < here->end && here->end <= json->size);
    if (here->type == WHI_JSON_STRING) {
        check_string(json, node);
    }
    if (here->type == WHI_JSON_NUMBER) {
        check_number(json, node);
    }
    for (; here->type >= WHI_JSON_ARRAY && at < here->next; children++) {
        must(json->nodes[at].start > here->start);
        at = here->type == WHI_JSON_OBJECT ? walk(json, walk(json, at)) : walk(json, at);
        must(json->nodes[at - 1].end < here->end);
    }
    must(at == here->next && (here->type < WHI_JSON_ARRAY || here->count == children));
    return at;
}

/* JavaScript's text means the same, and is its own text. */
static void check_stringify(const whi_json *json) {
    whi_json again = { 0 };
    whi_buf one, two;
    int same;

    whi_buf_init(&one, SIZE_MAX / 4);
    whi_buf_init(&two, SIZE_MAX / 4);
    must(whi_stringify(json, 0, &one, &same) == WH_OK);
    if (same) {
        must(whi_json_scan(&again, one.data, one.size, 100) == WH_OK);
        must(whi_json_equal(json, 0, &again, 0));
        must(whi_stringify(&again, 0, &two, &same) == WH_OK && same);
        must(one.size == two.size && memcmp(one.data, two.data, one.size) == 0);
    }
    whi_json_free(&again);
    whi_buf_free(&one);
    whi_buf_free(&two);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size ? size : 1);
    whi_json json = { 0 };
    int code;

    must(text != NULL);
    memcpy(text, data, size);
    code = whi_json_scan(&json, text, size, 100);
    must(whi_json_check(text, size, 100) == code);
    if (code == WH_OK) {
        must(walk(&json, 0) == json.count);
        must(whi_json_equal(&json, 0, &json, 0));
        check_order(&json);
        check_stringify(&json);
    }
    whi_json_free(&json);
    free(text);
    return 0;
}
