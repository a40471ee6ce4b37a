#include "pure/source_path.h"

#include <string.h>

#include "base/error.h"
#include "pure/path.h"

/* Takes the next name off the path into out. Returns what is left of it. */
static const char *take_name(const char *path, char out[WHI_SOURCE_PATH_MAXIMUM], size_t *size) {
    *size = 0;
    while (*path != '\0' && *path != '.' && *size < WHI_SOURCE_PATH_MAXIMUM) {
        path += *path == '\\' && path[1] != '\0';
        out[(*size)++] = *path++;
    }
    return *path == '.' ? path + 1 : path;
}

static int is_odd(const char *path) {
    size_t size = strlen(path);
    int escaped = 0;

    if (size > 0 && (path[0] == '.' || (path[size - 1] == '.' && (size < 2 || path[size - 2] != '\\')))) {
        return 1;
    }
    for (const char *at = path; *at != '\0'; at++) {
        if (!escaped && at[0] == '.' && at[1] == '.') {
            return 1;
        }
        escaped = !escaped && *at == '\\';
    }
    return escaped;
}

int whi_source_path_check(const char *field, const char *path) {
    size_t size = strlen(path);

    if (size >= WHI_SOURCE_PATH_MAXIMUM) {
        return whi_fail_size(field, size, WHI_SOURCE_PATH_MAXIMUM - 1);
    }
    if (is_odd(path) || (strchr(path, '\\') == NULL && whi_path_is_misread(path, size))) {
        return whi_fail_field(WH_EINVALID, field, "expected names with dots between (\"data.items\"), found \"%.60s\"",
                              path);
    }
    return WH_OK;
}

uint32_t whi_source_path_find(const whi_json *json, uint32_t node, const char *path) {
    char name[WHI_SOURCE_PATH_MAXIMUM];
    size_t size;

    while (*path != '\0' && node != WHI_JSON_NONE) {
        path = take_name(path, name, &size);
        node = json->nodes[node].type == WHI_JSON_OBJECT ? whi_json_member(json, node, name, size) : WHI_JSON_NONE;
    }
    return node;
}

/* ------------------------------------------------------------------------- walking */

typedef struct walk {
    const whi_json *json;
    int (*each)(const whi_json *json, uint32_t item, void *payload);
    void *payload;
    int found;
} walk;

/* The end of the path: an array's items, or what was in an array. */
static int arrive(walk *self, uint32_t node, int is_inside) {
    const whi_json *json = self->json;
    enum whi_json_type type = (enum whi_json_type)json->nodes[node].type;
    int code = WH_OK;

    if (type == WHI_JSON_OBJECT && is_inside) {
        self->found = 1;
        return self->each(json, node, self->payload);
    }
    if (type != WHI_JSON_ARRAY) {
        return type == WHI_JSON_NULL && !is_inside ? WH_OK : WH_EINVALID; /* null is what failed, and no empty list */
    }
    self->found = 1;
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        code = self->each(json, at, self->payload);
    }
    return code;
}

static int go(walk *self, uint32_t node, const char *path, int is_inside);

/* Of an array on the way: its items, each for itself. */
static int go_inside(walk *self, uint32_t node, const char *path) {
    const whi_json *json = self->json;
    int code = WH_OK;

    self->found = 1;
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        code = json->nodes[at].type == WHI_JSON_ARRAY ? WH_EINVALID : go(self, at, path, 1);
    }
    return code;
}

static int go(walk *self, uint32_t node, const char *path, int is_inside) {
    char name[WHI_SOURCE_PATH_MAXIMUM];
    size_t size;

    while (*path != '\0') {
        if (self->json->nodes[node].type == WHI_JSON_ARRAY) {
            return go_inside(self, node, path);
        }
        path = take_name(path, name, &size);
        node = self->json->nodes[node].type == WHI_JSON_OBJECT ? whi_json_member(self->json, node, name, size)
                                                               : WHI_JSON_NONE;
        if (node == WHI_JSON_NONE) {
            return is_inside ? WH_EINVALID : WH_OK;
        }
    }
    return arrive(self, node, is_inside);
}

int whi_source_path_each(const whi_json *json, uint32_t node, const char *path,
                         int (*each)(const whi_json *json, uint32_t item, void *payload), void *payload, int *found) {
    walk self = { json, each, payload, 0 };
    int code = go(&self, node, path, 0);

    *found = self.found;
    return code;
}
