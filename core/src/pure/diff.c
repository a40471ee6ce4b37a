#include "pure/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

#define CUT "\xe2\x80\xa6" /* U+2026, an ellipsis */

/* One value of one side; node may be WHI_JSON_NONE: it is not there. */
typedef struct side {
    const whi_json *json;
    uint32_t node;
} side;

/* Where we are: a chain of steps from the value itself down, on the stack. */
typedef struct step {
    const struct step *up;
    side name; /* json NULL: a place in an array */
    size_t place;
} step;

typedef struct diff {
    whi_buf *out;
    whi_buf scratch; /* a decoded name */
    whi_buf path;
    size_t count, most;
} diff;

static const whi_json_node *node_of(side at) {
    return &at.json->nodes[at.node];
}

/* --------------------------------------------------------------------------- lines */

/* Appends at most WHI_DIFF_TEXT bytes of a text, whole letters. */
static void add_cut(whi_buf *out, const char *text, size_t size) {
    size_t kept = WHI_DIFF_TEXT;

    if (size <= kept) {
        whi_buf_add(out, text, size);
        return;
    }
    kept -= sizeof CUT - 1;
    while (kept > 0 && ((unsigned char)text[kept] & 0xc0) == 0x80) {
        kept--;
    }
    whi_buf_add(out, text, kept);
    whi_buf_text(out, CUT);
}

/* Copies a value's first bytes without the blanks between its tokens; one more than is
 * told, so that the cut is seen. */
static size_t squeeze(side value, char out[WHI_DIFF_TEXT + 4]) {
    size_t size, used = 0;
    const char *text = whi_json_span(value.json, value.node, &size);
    int inside = 0;

    for (size_t i = 0; i < size && used < WHI_DIFF_TEXT + 4; i++) {
        if (!inside && strchr(" \t\r\n", text[i]) != NULL) {
            continue;
        }
        out[used++] = text[i];
        if (inside && text[i] == '\\' && used < WHI_DIFF_TEXT + 4) {
            out[used++] = text[++i];
        } else if (text[i] == '"') {
            inside = !inside;
        }
    }
    return used;
}

static int is_plain(const char *name, size_t size) {
    for (size_t i = 0; i < size; i++) {
        unsigned char c = (unsigned char)name[i];
        if (c <= ' ' || c == 0x7f || strchr(".[]\"\\:", c) != NULL) {
            return 0;
        }
    }
    return size > 0;
}

static int add_name(diff *self, side name) {
    size_t size;
    const char *text = whi_json_string(name.json, name.node, &self->scratch, &size);

    if (text == NULL) {
        return whi_fail_memory();
    }
    if (is_plain(text, size)) {
        whi_buf_text(&self->path, self->path.size > 0 ? "." : "");
        whi_buf_add(&self->path, text, size);
        return WH_OK;
    }
    whi_buf_char(&self->path, '[');
    whi_json_write_string(&self->path, text, size);
    whi_buf_char(&self->path, ']');
    return WH_OK;
}

static int add_steps(diff *self, const step *at) {
    int code = at->up != NULL ? add_steps(self, at->up) : WH_OK;

    if (code != WH_OK || at->up == NULL) {
        return code;
    }
    if (at->name.json != NULL) {
        return add_name(self, at->name);
    }
    whi_buf_format(&self->path, "[%zu]", at->place);
    return WH_OK;
}

static int tell(diff *self, const step *at, char sign, side value) {
    char text[WHI_DIFF_TEXT + 4];
    int code;

    if (value.node == WHI_JSON_NONE || self->count >= self->most) {
        return WH_OK;
    }
    whi_buf_clear(&self->path);
    code = add_steps(self, at);
    code = code == WH_OK ? whi_buf_status(&self->path) : code;
    if (code != WH_OK) {
        return code;
    }
    self->count++;
    whi_buf_char(self->out, sign);
    whi_buf_char(self->out, ' ');
    add_cut(self->out, self->path.size > 0 ? self->path.data : "$", self->path.size > 0 ? self->path.size : 1);
    whi_buf_text(self->out, ": ");
    add_cut(self->out, text, squeeze(value, text));
    whi_buf_char(self->out, '\n');
    return whi_buf_status(self->out);
}

static int tell_both(diff *self, const step *at, side a, side b) {
    int code = tell(self, at, '-', a);

    return code == WH_OK ? tell(self, at, '+', b) : code;
}

/* ----------------------------------------------------------------------- comparing */

static int compare(diff *self, const step *at, side a, side b);

static int same_bytes(side a, side b) {
    size_t size, other;
    const char *text = whi_json_span(a.json, a.node, &size), *text_b = whi_json_span(b.json, b.node, &other);

    return size == other && memcmp(text, text_b, size) == 0;
}

static int order_names(side a, side b) {
    return whi_json_order(a.json, a.node, b.json, b.node);
}

/* Of equal names the last one in the text comes first. */
static int order(const void *left, const void *right) {
    const side *a = left, *b = right;
    int by_name = order_names(*a, *b);

    return by_name != 0 ? by_name : (a->node < b->node) - (a->node > b->node);
}

/* The names of an object, sorted, each once, with its last value behind it. */
static int sort_names(side object, side **out, size_t *count) {
    const whi_json *json = object.json;
    size_t used = 0, all = 0;
    side *names = whi_alloc((size_t)node_of(object)->count * sizeof *names);

    *out = names;
    *count = 0;
    if (names == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t at = whi_json_first(json, object.node); at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object.node, at)) {
        names[all++] = (side){ json, at };
    }
    qsort(names, all, sizeof *names, order);
    for (size_t i = 0; i < all; i++) {
        if (used == 0 || order_names(names[used - 1], names[i]) != 0) {
            names[used++] = names[i];
        }
    }
    *count = used;
    return WH_OK;
}

static side value_of(side name) {
    return (side){ name.json, name.node + 1 };
}

/* Both lists of names side by side: what one has alone, and what both have. */
static int merge(diff *self, const step *up, const side *a, size_t count_a, const side *b, size_t count_b) {
    static const side nothing = { NULL, WHI_JSON_NONE };
    size_t i = 0, k = 0;
    int code = WH_OK;

    while (code == WH_OK && self->count < self->most && (i < count_a || k < count_b)) {
        int by_name = i == count_a ? 1 : k == count_b ? -1 : order_names(a[i], b[k]);
        step at = { up, by_name <= 0 ? a[i] : b[k], 0 };
        side left = by_name <= 0 ? value_of(a[i++]) : nothing;
        side right = by_name >= 0 ? value_of(b[k++]) : nothing;
        code = compare(self, &at, left, right);
    }
    return code;
}

static int compare_objects(diff *self, const step *at, side a, side b) {
    side *names_a, *names_b = NULL;
    size_t count_a, count_b = 0;
    int code = sort_names(a, &names_a, &count_a);

    code = code == WH_OK ? sort_names(b, &names_b, &count_b) : code;
    code = code == WH_OK ? merge(self, at, names_a, count_a, names_b, count_b) : code;
    whi_free(names_a);
    whi_free(names_b);
    return code;
}

static side next_item(side item, uint32_t end) {
    uint32_t next = item.node != WHI_JSON_NONE ? node_of(item)->next : WHI_JSON_NONE;

    return (side){ item.json, next < end ? next : WHI_JSON_NONE };
}

static int compare_arrays(diff *self, const step *up, side a, side b) {
    uint32_t end_a = node_of(a)->next, end_b = node_of(b)->next;
    step at = { up, { NULL, 0 }, 0 };
    int code = WH_OK;

    a.node = whi_json_first(a.json, a.node);
    b.node = whi_json_first(b.json, b.node);
    while (code == WH_OK && self->count < self->most && (a.node != WHI_JSON_NONE || b.node != WHI_JSON_NONE)) {
        code = compare(self, &at, a, b);
        a = next_item(a, end_a);
        b = next_item(b, end_b);
        at.place++;
    }
    return code;
}

static int compare(diff *self, const step *at, side a, side b) {
    if (a.node == WHI_JSON_NONE || b.node == WHI_JSON_NONE || node_of(a)->type != node_of(b)->type) {
        return tell_both(self, at, a, b);
    }
    if (same_bytes(a, b)) {
        return WH_OK;
    }
    switch (node_of(a)->type) {
    case WHI_JSON_OBJECT:
        return compare_objects(self, at, a, b);
    case WHI_JSON_ARRAY:
        return compare_arrays(self, at, a, b);
    case WHI_JSON_STRING:
        return order_names(a, b) == 0 ? WH_OK : tell_both(self, at, a, b);
    default:
        return tell_both(self, at, a, b);
    }
}

int whi_diff(const whi_json *first, const whi_json *second, size_t most, whi_buf *out, size_t *count) {
    diff self = { .out = out, .most = most };
    step top = { NULL, { NULL, 0 }, 0 };
    int code;

    whi_buf_init(&self.scratch, WHI_JSON_MAXIMUM);
    whi_buf_init(&self.path, SIZE_MAX / 4);
    code = compare(&self, &top, (side){ first, 0 }, (side){ second, 0 });
    whi_buf_free(&self.scratch);
    whi_buf_free(&self.path);
    *count = self.count;
    return code;
}
