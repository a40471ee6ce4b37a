#include "pure/projection.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/path.h"

#define NAMES_MAXIMUM 1000
#define LEVELS_MAXIMUM 32
#define NAME_MAXIMUM 256

/* One name of the list with what is asked of its value; no children: all of it. The
 * first of a list has them all by name, since every member of a payload is looked up. */
struct whi_projection {
    char *name;
    size_t name_size;
    whi_projection *child; /* first */
    whi_projection *next;  /* sibling */
    int whole;             /* named without children at least once */
    const whi_projection **sorted;
    size_t count;  /* of sorted */
    uint64_t some; /* a bit for each of them, as bit_of says: most members of a payload have none */
};

typedef struct parse {
    const char *text;
    size_t size, at;
    int names;
    int strict; /* refuses what is likely meant otherwise */
} parse;

void whi_projection_free(whi_projection *fields) {
    while (fields != NULL) {
        whi_projection *next = fields->next;
        whi_projection_free(fields->child);
        whi_free(fields->sorted);
        whi_free(fields->name);
        whi_free(fields);
        fields = next;
    }
}

static int wrong(const parse *self, const char *expected) {
    if (self->at >= self->size) {
        return whi_fail(WH_EINVALID, "at position %zu: expected %s, found the end", self->at + 1, expected);
    }
    return whi_fail(WH_EINVALID, "at position %zu: expected %s, found '%c'", self->at + 1, expected,
                    self->text[self->at]); /* one of , . ( ) */
}

static int is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(parse *self) {
    while (self->at < self->size && is_blank(self->text[self->at])) {
        self->at++;
    }
}

static int is_special(char c) {
    return c == ',' || c == '.' || c == '(' || c == ')';
}

/* A name as it stands in the list: with a backslash in it, it is meant as it is. */
static int review_name(const parse *self, size_t start, size_t size) {
    const char *name = self->text + start;

    while (size > 0 && is_blank(name[size - 1])) {
        size--;
    }
    if (memchr(name, '\\', size) == NULL && whi_name_is_misread(name, size)) {
        return whi_fail(WH_EINVALID, "at position %zu: found \"%.*s\": " WHI_PATH_ADVICE, start + 1, (int)size, name);
    }
    for (size_t i = 0; i < size; i++) {
        if (name[i] == '\\') {
            i++;
        } else if (is_blank(name[i])) {
            return whi_fail(WH_EINVALID,
                            "at position %zu: expected ',', found a blank; one in a name has a backslash in front: "
                            "\"\\ \"",
                            start + i + 1);
        }
    }
    return WH_OK;
}

/* A name up to the next special letter, without the blanks around it. */
static int read_name(parse *self, char *out, size_t *size) {
    size_t used = 0, kept = 0, start;

    skip_blanks(self);
    start = self->at;
    while (self->at < self->size && !is_special(self->text[self->at])) {
        int escaped = self->text[self->at] == '\\';
        self->at += (size_t)escaped;
        if (self->at == self->size) {
            return wrong(self, "the letter that the backslash is for");
        }
        if (used == NAME_MAXIMUM) {
            return whi_fail(WH_ELIMIT, "at position %zu: a name is longer than %d", self->at + 1, NAME_MAXIMUM);
        }
        out[used++] = self->text[self->at];
        if (escaped || !is_blank(self->text[self->at])) {
            kept = used;
        }
        self->at++;
    }
    *size = kept;
    if (kept == 0) {
        return wrong(self, "a name");
    }
    return self->strict ? review_name(self, start, self->at - start) : WH_OK;
}

/* The entry with this name among the siblings, made if need be. */
static whi_projection *entry(whi_projection **list, const char *name, size_t size) {
    whi_projection *made;

    for (; *list != NULL; list = &(*list)->next) {
        if ((*list)->name_size == size && memcmp((*list)->name, name, size) == 0) {
            return *list;
        }
    }
    made = whi_calloc(1, sizeof *made);
    if (made == NULL) {
        return NULL;
    }
    made->name = whi_strdup(name, size);
    made->name_size = size;
    if (made->name == NULL) {
        whi_free(made);
        return NULL;
    }
    *list = made;
    return made;
}

static int read_list(parse *self, whi_projection **list, int level);

/* name, name.path or name(list) */
static int read_path(parse *self, whi_projection **list, int level) {
    char name[NAME_MAXIMUM];
    whi_projection *made;
    size_t size = 0;
    int code;

    if (level > LEVELS_MAXIMUM || ++self->names > NAMES_MAXIMUM) {
        return whi_fail(WH_ELIMIT, "more than %d names or %d levels", NAMES_MAXIMUM, LEVELS_MAXIMUM);
    }
    code = read_name(self, name, &size);
    if (code != WH_OK) {
        return code;
    }
    made = entry(list, name, size);
    if (made == NULL) {
        return whi_fail_memory();
    }
    if (self->at < self->size && self->text[self->at] == '.') {
        self->at++;
        return read_path(self, &made->child, level + 1);
    }
    if (self->at < self->size && self->text[self->at] == '(') {
        self->at++;
        code = read_list(self, &made->child, level + 1);
        if (code != WH_OK) {
            return code;
        }
        if (self->at >= self->size || self->text[self->at] != ')') {
            return wrong(self, "',' or ')'");
        }
        self->at++;
        return WH_OK;
    }
    made->whole = 1;
    return WH_OK;
}

static int read_list(parse *self, whi_projection **list, int level) {
    int code;

    for (;;) {
        code = read_path(self, list, level);
        if (code != WH_OK) {
            return code;
        }
        skip_blanks(self);
        if (self->at >= self->size || self->text[self->at] != ',') {
            return WH_OK;
        }
        self->at++;
    }
}

static int order(const void *a, const void *b) {
    const whi_projection *x = *(const whi_projection *const *)a, *y = *(const whi_projection *const *)b;
    int result = memcmp(x->name, y->name, x->name_size < y->name_size ? x->name_size : y->name_size);

    return result != 0 ? result : (x->name_size > y->name_size) - (x->name_size < y->name_size);
}

/* By the length and the first letter. */
static uint64_t bit_of(const char *name, size_t size) {
    return UINT64_C(1) << ((size * 7 + (unsigned char)*name) & 63);
}

static int sort(whi_projection *list) {
    size_t count = 0;

    for (const whi_projection *at = list; at != NULL; at = at->next) {
        count++;
    }
    list->sorted = whi_alloc(count * sizeof(const whi_projection *));
    if (list->sorted == NULL) {
        return whi_fail_memory();
    }
    for (whi_projection *at = list; at != NULL; at = at->next) {
        if (at->child != NULL && sort(at->child) != WH_OK) {
            return WH_ENOMEM;
        }
        list->sorted[list->count++] = at;
        list->some |= bit_of(at->name, at->name_size);
    }
    qsort(list->sorted, count, sizeof(const whi_projection *), order);
    return WH_OK;
}

static int read_all(whi_projection **out, const char *text, size_t size, int strict) {
    parse self = { text, size, 0, 0, strict };
    int code;

    *out = NULL;
    skip_blanks(&self);
    if (self.at == size) {
        return WH_OK;
    }
    code = read_list(&self, out, 1);
    if (code == WH_OK && self.at < size) {
        code = wrong(&self, "','");
    }
    code = code == WH_OK ? sort(*out) : code;
    if (code != WH_OK) {
        whi_projection_free(*out);
        *out = NULL;
    }
    return code;
}

int whi_projection_parse(whi_projection **out, const char *text, size_t size) {
    return read_all(out, text, size, 0);
}

int whi_projection_review(const char *text, size_t size) {
    whi_projection *fields;
    int code = read_all(&fields, text, size, 1);

    whi_projection_free(fields);
    return code;
}

/* ---------------------------------------------------------------------- projecting */

static void project(const whi_projection *fields, const whi_json *json, uint32_t node, whi_buf *out);

static int is_container(const whi_json *json, uint32_t node) {
    return json->nodes[node].type >= WHI_JSON_ARRAY;
}

static const whi_projection *find(const whi_projection *fields, const whi_json *json, uint32_t name) {
    size_t low = 0, high = fields->count, size;
    const char *text = whi_json_span(json, name, &size); /* with its quotes */

    if (!json->nodes[name].count && !(fields->some & bit_of(text + 1, size - 2))) {
        return NULL;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const whi_projection *at = fields->sorted[middle];
        int side = whi_json_string_order(json, name, at->name, at->name_size);
        if (side == 0) {
            return at;
        }
        if (side < 0) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return NULL;
}

static void copy(const whi_json *json, uint32_t node, whi_buf *out) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    whi_buf_add(out, text, size);
}

/* Without blanks around the colon: mostly there are none. */
static void copy_member(const whi_json *json, uint32_t name, whi_buf *out) {
    const whi_json_node *key = &json->nodes[name], *value = key + 1;

    if (value->start == key->end + 1) {
        whi_buf_add(out, json->text + key->start, value->end - key->start);
        return;
    }
    copy(json, name, out);
    whi_buf_char(out, ':');
    copy(json, name + 1, out);
}

static void project_object(const whi_projection *fields, const whi_json *json, uint32_t object, whi_buf *out) {
    int written = 0;

    whi_buf_char(out, '{');
    for (uint32_t at = whi_json_first(json, object); at != WHI_JSON_NONE; at = whi_json_next_name(json, object, at)) {
        const whi_projection *wanted = find(fields, json, at);
        if (wanted == NULL || (!wanted->whole && !is_container(json, at + 1))) {
            continue;
        }
        if (written++ > 0) {
            whi_buf_char(out, ',');
        }
        if (wanted->whole) {
            copy_member(json, at, out);
            continue;
        }
        copy(json, at, out);
        whi_buf_char(out, ':');
        project(wanted->child, json, at + 1, out);
    }
    whi_buf_char(out, '}');
}

static void project_array(const whi_projection *fields, const whi_json *json, uint32_t array, whi_buf *out) {
    uint32_t end = json->nodes[array].next;
    int written = 0;

    whi_buf_char(out, '[');
    for (uint32_t at = array + 1; at < end; at = json->nodes[at].next) {
        if (!is_container(json, at)) {
            continue;
        }
        if (written++ > 0) {
            whi_buf_char(out, ',');
        }
        project(fields, json, at, out);
    }
    whi_buf_char(out, ']');
}

static void project(const whi_projection *fields, const whi_json *json, uint32_t node, whi_buf *out) {
    if (json->nodes[node].type == WHI_JSON_OBJECT) {
        project_object(fields, json, node, out);
    } else {
        project_array(fields, json, node, out);
    }
}

int whi_projection_write(const whi_projection *fields, const whi_json *json, uint32_t node, whi_buf *out) {
    if (fields == NULL || !is_container(json, node)) {
        copy(json, node, out);
    } else {
        project(fields, json, node, out);
    }
    return whi_buf_status(out);
}

/* ------------------------------------------------------------------- all but one */

static void drop_member(const char *name, const whi_json *json, uint32_t object, int *found, whi_buf *out) {
    int written = 0;

    whi_buf_char(out, '{');
    for (uint32_t at = whi_json_first(json, object); at != WHI_JSON_NONE; at = whi_json_next_name(json, object, at)) {
        if (whi_json_string_is(json, at, name, strlen(name))) {
            *found = 1;
            continue;
        }
        whi_buf_text(out, written++ > 0 ? "," : "");
        copy(json, at, out);
        whi_buf_char(out, ':');
        copy(json, at + 1, out);
    }
    whi_buf_char(out, '}');
}

static void drop_of_each(const char *name, const whi_json *json, uint32_t array, int *found, whi_buf *out) {
    uint32_t end = json->nodes[array].next;

    whi_buf_char(out, '[');
    for (uint32_t at = array + 1; at < end; at = json->nodes[at].next) {
        whi_buf_text(out, at > array + 1 ? "," : "");
        if (json->nodes[at].type == WHI_JSON_OBJECT) {
            drop_member(name, json, at, found, out);
        } else {
            copy(json, at, out);
        }
    }
    whi_buf_char(out, ']');
}

int whi_projection_write_without(const char *name, const whi_json *json, uint32_t node, int *found, whi_buf *out) {
    *found = 0;
    if (json->nodes[node].type == WHI_JSON_OBJECT) {
        drop_member(name, json, node, found, out);
    } else if (json->nodes[node].type == WHI_JSON_ARRAY) {
        drop_of_each(name, json, node, found, out);
    } else {
        copy(json, node, out);
    }
    return whi_buf_status(out);
}
