#include "pure/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/path.h"

#define PATHS_MAXIMUM 100
#define DEPTH_MAXIMUM 16

/* One value that a path may have. Those of a list are sorted: a list of thousands is
 * asked about every item of a payload's arrays. */
struct value {
    const whi_json *json;
    uint32_t node;
};

/* The filters' own text stays scanned; the values point into it. */
struct whi_filter {
    char *text;
    whi_json json;
    size_t count;
    struct path {
        char *name;
        size_t size;
        struct value *values;
        size_t value_count;
        int takes_null;
    } paths[PATHS_MAXIMUM];
};

void whi_filter_free(whi_filter *filter) {
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->count; i++) {
        whi_free(filter->paths[i].values);
        whi_free(filter->paths[i].name);
    }
    whi_json_free(&filter->json);
    whi_free(filter->text);
    whi_free(filter);
}

static int is_scalar(const whi_json *json, uint32_t node) {
    return json->nodes[node].type < WHI_JSON_ARRAY;
}

static int check_value(const whi_json *json, uint32_t value, const char *path) {
    uint32_t end = json->nodes[value].next;
    int good = json->nodes[value].type != WHI_JSON_OBJECT;

    for (uint32_t at = value + 1; good && at < end; at = json->nodes[at].next) {
        good = is_scalar(json, at);
    }
    return good ? WH_OK
                : whi_fail(WH_EINVALID, "%.80s: expected a text, number, true, false, null or a list of such", path);
}

static int order(const void *a, const void *b) {
    const struct value *x = a, *y = b;

    return whi_json_order(x->json, x->node, y->json, y->node);
}

/* A list's values, or the one value. */
static int add_values(const whi_json *json, uint32_t value, struct path *path) {
    int is_list = !is_scalar(json, value);
    uint32_t at = is_list ? value + 1 : value, end = json->nodes[value].next;

    path->values = whi_alloc((is_list ? json->nodes[value].count : 1) * sizeof *path->values);
    if (path->values == NULL) {
        return whi_fail_memory();
    }
    for (; at < end; at++) {
        path->values[path->value_count++] = (struct value){ json, at };
        path->takes_null |= json->nodes[at].type == WHI_JSON_NULL;
    }
    qsort(path->values, path->value_count, sizeof *path->values, order);
    return WH_OK;
}

static int add_path(whi_filter *self, uint32_t name) {
    struct path *path = &self->paths[self->count];
    whi_buf scratch;
    const char *text;
    size_t size;
    int code;

    if (self->count == PATHS_MAXIMUM) {
        return whi_fail(WH_ELIMIT, "more than %d paths", PATHS_MAXIMUM);
    }
    whi_buf_init(&scratch, self->json.size);
    text = whi_json_string(&self->json, name, &scratch, &size);
    path->name = text != NULL ? whi_strdup(text, size) : NULL;
    whi_buf_free(&scratch);
    if (path->name == NULL) {
        return whi_fail_memory();
    }
    path->size = size;
    self->count++;
    if (size == 0 || path->name[0] == '.' || path->name[size - 1] == '.' || strstr(path->name, "..") != NULL) {
        return whi_fail(WH_EINVALID, "\"%.80s\": expected a path like \"customer.country\"", path->name);
    }
    code = check_value(&self->json, name + 1, path->name);
    return code == WH_OK ? add_values(&self->json, name + 1, path) : code;
}

static int read_filter(whi_filter *self, const char *text, size_t size) {
    int code;

    self->text = whi_strdup(text, size);
    if (self->text == NULL) {
        return whi_fail_memory();
    }
    code = whi_json_scan(&self->json, self->text, size, DEPTH_MAXIMUM);
    if (code != WH_OK) {
        return code;
    }
    if (self->json.nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail(WH_EINVALID, "expected an object of paths and values");
    }
    for (uint32_t at = whi_json_first(&self->json, 0); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&self->json, 0, at)) {
        code = add_path(self, at);
    }
    return code;
}

int whi_filter_parse(whi_filter **out, const char *text, size_t size) {
    whi_filter *self = whi_calloc(1, sizeof *self);
    int code;

    *out = NULL;
    if (self == NULL) {
        return whi_fail_memory();
    }
    code = read_filter(self, text, size);
    if (code != WH_OK || self->count == 0) {
        whi_filter_free(self);
        return code;
    }
    *out = self;
    return WH_OK;
}

int whi_filter_review(const whi_filter *filter) {
    for (size_t i = 0; filter != NULL && i < filter->count; i++) {
        if (whi_path_is_misread(filter->paths[i].name, filter->paths[i].size)) {
            return whi_fail(WH_EINVALID, "\"%.80s\": " WHI_PATH_ADVICE, filter->paths[i].name);
        }
    }
    return WH_OK;
}

/* ------------------------------------------------------------------------ matching */

/* How a value of the filters stands to the payload's: before, the same, behind. text: as
 * a text that is written as the payload's value is, "12" and 12, "true" and true. */
static int order_of(const struct value *value, const whi_json *payload, uint32_t node, int text) {
    const char *span;
    size_t size;

    if (!text) {
        return whi_json_order(value->json, value->node, payload, node);
    }
    if (value->json->nodes[value->node].type != WHI_JSON_STRING) {
        return (int)value->json->nodes[value->node].type - WHI_JSON_STRING;
    }
    span = whi_json_span(payload, node, &size);
    return whi_json_string_order(value->json, value->node, span, size);
}

static int search(const struct path *path, const whi_json *payload, uint32_t node, int text) {
    size_t low = 0, high = path->value_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int side = order_of(&path->values[middle], payload, node, text);
        if (side == 0) {
            return 1;
        }
        if (side > 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return 0;
}

/* Only scalars equal. */
static int equals(const struct path *path, const whi_json *payload, uint32_t node) {
    int type = payload->nodes[node].type;

    return type < WHI_JSON_ARRAY &&
           (search(path, payload, node, 0) || (type != WHI_JSON_STRING && search(path, payload, node, 1)));
}

/* node may be WHI_JSON_NONE. */
static int holds(const struct path *path, const whi_json *payload, uint32_t node) {
    if (node == WHI_JSON_NONE) {
        return path->takes_null;
    }
    if (payload->nodes[node].type != WHI_JSON_ARRAY) {
        return equals(path, payload, node);
    }
    for (uint32_t at = node + 1; at < payload->nodes[node].next; at = payload->nodes[at].next) {
        if (equals(path, payload, at)) {
            return 1;
        }
    }
    return 0;
}

static int walk(const struct path *path, size_t at, const whi_json *payload, uint32_t node) {
    const char *dot;
    size_t size;

    if (at > path->size) {
        return holds(path, payload, node);
    }
    if (node != WHI_JSON_NONE && payload->nodes[node].type == WHI_JSON_ARRAY) {
        for (uint32_t item = node + 1; item < payload->nodes[node].next; item = payload->nodes[item].next) {
            if (walk(path, at, payload, item)) {
                return 1;
            }
        }
        return 0;
    }
    dot = memchr(path->name + at, '.', path->size - at);
    size = dot != NULL ? (size_t)(dot - path->name) - at : path->size - at;
    node = node == WHI_JSON_NONE ? node : whi_json_member(payload, node, path->name + at, size);
    return walk(path, at + size + 1, payload, node);
}

static int match(const whi_filter *filter, const whi_json *payload, uint32_t node, const char **failed) {
    for (size_t i = 0; filter != NULL && i < filter->count; i++) {
        if (!walk(&filter->paths[i], 0, payload, node)) {
            if (failed != NULL) {
                *failed = filter->paths[i].name;
            }
            return 0;
        }
    }
    return 1;
}

int whi_filter_match(const whi_filter *filter, const whi_json *payload, const char **failed) {
    return match(filter, payload, 0, failed);
}

size_t whi_filter_items(const whi_filter *filter, const whi_json *payload, whi_buf *out, const char **failed) {
    size_t kept = 0, size;

    *failed = filter->paths[0].name;
    whi_buf_char(out, '[');
    for (uint32_t at = 1; at < payload->nodes[0].next; at = payload->nodes[at].next) {
        if (match(filter, payload, at, failed)) {
            const char *text = whi_json_span(payload, at, &size);
            whi_buf_text(out, kept++ > 0 ? "," : "");
            whi_buf_add(out, text, size);
        }
    }
    whi_buf_char(out, ']');
    return kept;
}
