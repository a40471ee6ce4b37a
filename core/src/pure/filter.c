#include "pure/filter.h"

#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define PATHS_MAXIMUM 100
#define DEPTH_MAXIMUM 16

/* The filters' own text stays scanned; each path points to its value in it. */
struct whi_filter {
    char *text;
    whi_json json;
    size_t count;
    struct path {
        char *name;
        size_t size;
        uint32_t value;
    } paths[PATHS_MAXIMUM];
};

void whi_filter_free(whi_filter *filter) {
    if (filter == NULL) {
        return;
    }
    for (size_t i = 0; i < filter->count; i++) {
        whi_free(filter->paths[i].name);
    }
    whi_json_free(&filter->json);
    whi_free(filter->text);
    whi_free(filter);
}

static int is_scalar(const whi_json *json, uint32_t node) {
    return json->nodes[node].type < WHI_JSON_ARRAY;
}

static int check_value(const whi_filter *self, const struct path *path) {
    const whi_json *json = &self->json;
    uint32_t end = json->nodes[path->value].next;
    int good = json->nodes[path->value].type != WHI_JSON_OBJECT;

    for (uint32_t at = path->value + 1; good && at < end; at = json->nodes[at].next) {
        good = is_scalar(json, at);
    }
    return good ? WH_OK
                : whi_fail(WH_EINVALID, "%.80s: expected a text, number, true, false, null or a list of such",
                           path->name);
}

static int add_path(whi_filter *self, uint32_t name) {
    struct path *path = &self->paths[self->count];
    whi_buf scratch;
    const char *text;
    size_t size;

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
    path->value = name + 1;
    self->count++;
    if (size == 0 || path->name[0] == '.' || path->name[size - 1] == '.' || strstr(path->name, "..") != NULL) {
        return whi_fail(WH_EINVALID, "\"%.80s\": expected a path like \"customer.country\"", path->name);
    }
    return check_value(self, path);
}

static int read_filter(whi_filter *self, const char *text, size_t size) {
    uint32_t end;
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
    end = self->json.nodes[0].next;
    for (uint32_t at = 1; at < end && code == WH_OK; at = self->json.nodes[at + 1].next) {
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

/* ------------------------------------------------------------------------ matching */

/* A text that is written as the other value is: "12" and 12, "true" and true. */
static int same_writing(const whi_json *text, uint32_t at_text, const whi_json *other, uint32_t at_other) {
    size_t size;
    const char *span = whi_json_span(other, at_other, &size);

    return other->nodes[at_other].type != WHI_JSON_STRING && whi_json_string_is(text, at_text, span, size);
}

static int equals(const whi_filter *self, uint32_t value, const whi_json *payload, uint32_t node) {
    return whi_json_equal(&self->json, value, payload, node) || same_writing(&self->json, value, payload, node);
}

/* One of the values of a list, or the value. node may be WHI_JSON_NONE. */
static int holds(const whi_filter *self, uint32_t value, const whi_json *payload, uint32_t node) {
    const whi_json_node *wanted = &self->json.nodes[value];

    if (wanted->type == WHI_JSON_ARRAY) {
        for (uint32_t at = value + 1; at < wanted->next; at = self->json.nodes[at].next) {
            if (holds(self, at, payload, node)) {
                return 1;
            }
        }
        return 0;
    }
    if (node == WHI_JSON_NONE) {
        return wanted->type == WHI_JSON_NULL;
    }
    if (payload->nodes[node].type == WHI_JSON_ARRAY) {
        for (uint32_t at = node + 1; at < payload->nodes[node].next; at = payload->nodes[at].next) {
            if (is_scalar(payload, at) && equals(self, value, payload, at)) {
                return 1;
            }
        }
        return 0;
    }
    return is_scalar(payload, node) && equals(self, value, payload, node);
}

static int walk(const whi_filter *self, const struct path *path, size_t at, const whi_json *payload, uint32_t node) {
    const char *dot;
    size_t size;

    if (at > path->size) {
        return holds(self, path->value, payload, node);
    }
    if (node != WHI_JSON_NONE && payload->nodes[node].type == WHI_JSON_ARRAY) {
        for (uint32_t item = node + 1; item < payload->nodes[node].next; item = payload->nodes[item].next) {
            if (walk(self, path, at, payload, item)) {
                return 1;
            }
        }
        return 0;
    }
    dot = memchr(path->name + at, '.', path->size - at);
    size = dot != NULL ? (size_t)(dot - path->name) - at : path->size - at;
    node = node == WHI_JSON_NONE ? node : whi_json_member(payload, node, path->name + at, size);
    return walk(self, path, at + size + 1, payload, node);
}

int whi_filter_match(const whi_filter *filter, const whi_json *payload, const char **failed) {
    for (size_t i = 0; filter != NULL && i < filter->count; i++) {
        if (!walk(filter, &filter->paths[i], 0, payload, 0)) {
            if (failed != NULL) {
                *failed = filter->paths[i].name;
            }
            return 0;
        }
    }
    return 1;
}
