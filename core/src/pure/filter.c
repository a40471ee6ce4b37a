#include "pure/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/path.h"

#define CONDITIONS_MAXIMUM 100
#define DEPTH_MAXIMUM 16

/* One value that is compared with. Those of a list are sorted: a list of thousands is
 * asked about every item of a payload's arrays. */
struct value {
    const whi_json *json;
    uint32_t node;
};

enum kind {
    ALL,    /* of the conditions below it */
    ANY,    /* of them */
    NOT,    /* the one below it */
    EQUALS, /* from here on, of what is at the path: one of the values */
    TESTS,  /* a value passes all of the tests */
    EXISTS,
    WITHIN, /* all of the conditions below it hold of the object that is there */
};

enum test_kind { GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, BEGINS, ENDS, CONTAINS };

struct test {
    enum test_kind kind;
    struct value value;
    char *text; /* of BEGINS, ENDS, CONTAINS, decoded; NULL: CONTAINS of what is no text */
    size_t size;
    uint32_t *fall;
};

struct path {
    char *text;
    size_t size;
};

#define NONE UINT32_MAX

struct condition {
    enum kind kind;
    uint32_t path;        /* of the filter's; NONE: here */
    uint32_t first, next; /* of the filter's conditions: the first below it, and the one beside it; NONE: no such */
    struct value *values;
    size_t value_count;
    int takes_null;
    struct test *tests;
    size_t test_count;
};

/* The filters' own text stays scanned; the values point into it. Condition 0 is all of it, and
 * each one below that is named by a path, or an operator, of the outermost object. */
struct whi_filter {
    char *text;
    whi_json json;
    struct condition *conditions;
    uint32_t count, room;
    uint32_t leaves; /* of them those that ask the payload: the others are bounded by them and the depth */
    struct path *paths;
    uint32_t path_count, path_room;
};

static void free_condition(struct condition *condition) {
    for (size_t i = 0; i < condition->test_count; i++) {
        whi_free(condition->tests[i].text);
        whi_free(condition->tests[i].fall);
    }
    whi_free(condition->tests);
    whi_free(condition->values);
}

void whi_filter_free(whi_filter *filter) {
    if (filter == NULL) {
        return;
    }
    for (uint32_t i = 0; i < filter->count; i++) {
        free_condition(&filter->conditions[i]);
    }
    for (uint32_t i = 0; i < filter->path_count; i++) {
        whi_free(filter->paths[i].text);
    }
    whi_free(filter->conditions);
    whi_free(filter->paths);
    whi_json_free(&filter->json);
    whi_free(filter->text);
    whi_free(filter);
}

/* -------------------------------------------------------------------------- operators */

enum operation_kind {
    OP_NONE,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_IN,
    OP_NOT_IN,
    OP_EXISTS,
    OP_ANY,
    OP_ALL,
    OP_NOT,
    OP_TEST, /* and its kind */
};

/* $neq and $exist are what Hookdeck and Outpost write, $ne and $exists what MongoDB does. */
static const struct operation {
    const char *name;
    enum operation_kind kind;
    enum test_kind test;
} operations[] = { { "$eq", OP_EQUAL, 0 },
                   { "$ne", OP_UNEQUAL, 0 },
                   { "$neq", OP_UNEQUAL, 0 },
                   { "$in", OP_IN, 0 },
                   { "$nin", OP_NOT_IN, 0 },
                   { "$exist", OP_EXISTS, 0 },
                   { "$exists", OP_EXISTS, 0 },
                   { "$or", OP_ANY, 0 },
                   { "$and", OP_ALL, 0 },
                   { "$not", OP_NOT, 0 },
                   { "$gt", OP_TEST, GREATER },
                   { "$gte", OP_TEST, GREATER_EQUAL },
                   { "$lt", OP_TEST, LESS },
                   { "$lte", OP_TEST, LESS_EQUAL },
                   { "$startsWith", OP_TEST, BEGINS },
                   { "$endsWith", OP_TEST, ENDS },
                   { "$contains", OP_TEST, CONTAINS } };

#define OPERATORS                                                                                                      \
    "$eq, $ne, $in, $nin, $gt, $gte, $lt, $lte, $startsWith, $endsWith, $contains, $exist, $or, $and, $not"

/* NULL: none. */
static const struct operation *operation_of(const whi_json *json, uint32_t name) {
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (whi_json_string_is(json, name, operations[i].name, strlen(operations[i].name))) {
            return &operations[i];
        }
    }
    return NULL;
}

/* $or, $and and $not may stand beside paths, and where there is no path. */
static int is_joining(const struct operation *operation) {
    return operation != NULL && (operation->kind == OP_ANY || operation->kind == OP_ALL || operation->kind == OP_NOT);
}

/* 1: an object of operators alone. */
static int is_of_operators(const whi_json *json, uint32_t object) {
    for (uint32_t at = whi_json_first(json, object); at != WHI_JSON_NONE; at = whi_json_next_name(json, object, at)) {
        if (operation_of(json, at) == NULL) {
            return 0;
        }
    }
    return 1;
}

/* ---------------------------------------------------------------------------- reading */

static int is_scalar(const whi_json *json, uint32_t node) {
    return json->nodes[node].type < WHI_JSON_ARRAY;
}

/* Below another one, as the last. *out stays valid: it is a number. */
static int add_condition(whi_filter *self, enum kind kind, uint32_t path, uint32_t above, uint32_t *out) {
    struct condition *grown;
    uint32_t *link;

    self->leaves += kind > NOT;
    if (self->leaves > CONDITIONS_MAXIMUM) {
        return whi_fail(WH_ELIMIT, "more than %d conditions", CONDITIONS_MAXIMUM);
    }
    if (self->count == self->room) {
        uint32_t room = self->room * 2 + 2;
        grown = whi_realloc(self->conditions, room * sizeof *grown);
        if (grown == NULL) {
            return whi_fail_memory();
        }
        self->conditions = grown;
        self->room = room;
    }
    *out = self->count++;
    self->conditions[*out] = (struct condition){ .kind = kind, .path = path, .first = NONE, .next = NONE };
    if (*out == 0) {
        return WH_OK;
    }
    for (link = &self->conditions[above].first; *link != NONE; link = &self->conditions[*link].next) {}
    *link = *out;
    return WH_OK;
}

static int add_path(whi_filter *self, uint32_t name, uint32_t *out) {
    struct path *grown, *path;
    whi_buf scratch;
    const char *text;

    if (self->path_count == self->path_room) {
        uint32_t room = self->path_room * 2 + 2;
        grown = whi_realloc(self->paths, room * sizeof *grown);
        if (grown == NULL) {
            return whi_fail_memory();
        }
        self->paths = grown;
        self->path_room = room;
    }
    path = &self->paths[self->path_count];
    whi_buf_init(&scratch, self->json.size);
    text = whi_json_string(&self->json, name, &scratch, &path->size);
    path->text = text != NULL ? whi_strdup(text, path->size) : NULL;
    whi_buf_free(&scratch);
    if (path->text == NULL) {
        return whi_fail_memory();
    }
    *out = self->path_count++;
    if (path->size == 0 || path->text[0] == '.' || path->text[path->size - 1] == '.' ||
        strstr(path->text, "..") != NULL) {
        return whi_fail(WH_EINVALID, "\"%.80s\": expected a path like \"customer.country\"", path->text);
    }
    return WH_OK;
}

static int order(const void *a, const void *b) {
    const struct value *x = a, *y = b;

    return whi_json_order(x->json, x->node, y->json, y->node);
}

/* A list's values, or the one value. */
static int add_values(whi_filter *self, uint32_t value, struct condition *condition) {
    const whi_json *json = &self->json;
    int is_list = !is_scalar(json, value);
    uint32_t at = is_list ? value + 1 : value, end = json->nodes[value].next;

    condition->values = whi_alloc((is_list ? json->nodes[value].count : 1) * sizeof *condition->values);
    if (condition->values == NULL) {
        return whi_fail_memory();
    }
    for (; at < end; at++) {
        condition->values[condition->value_count++] = (struct value){ json, at };
        condition->takes_null |= json->nodes[at].type == WHI_JSON_NULL;
    }
    qsort(condition->values, condition->value_count, sizeof *condition->values, order);
    return WH_OK;
}

static int check_values(const whi_filter *self, uint32_t value, uint32_t path) {
    uint32_t end = self->json.nodes[value].next;
    int good = self->json.nodes[value].type != WHI_JSON_OBJECT;

    for (uint32_t at = value + 1; good && at < end; at = self->json.nodes[at].next) {
        good = is_scalar(&self->json, at);
    }
    return good ? WH_OK
                : whi_fail(WH_EINVALID,
                           "%.80s: expected a text, number, true, false, null, a list of such, or an object of "
                           "operators or paths",
                           self->paths[path].text);
}

static int read_equals(whi_filter *self, uint32_t value, uint32_t path, uint32_t above) {
    uint32_t made;
    int code = check_values(self, value, path);

    code = code == WH_OK ? add_condition(self, EQUALS, path, above, &made) : code;
    return code == WH_OK ? add_values(self, value, &self->conditions[made]) : code;
}

static int fail_operand(const whi_filter *self, uint32_t path, const struct operation *operation,
                        const char *expected) {
    return path == NONE
               ? whi_fail(WH_EINVALID, "%s: expected %s", operation->name, expected)
               : whi_fail(WH_EINVALID, "%.80s: %s: expected %s", self->paths[path].text, operation->name, expected);
}

static int keep_text(whi_filter *self, uint32_t value, struct test *test) {
    whi_buf scratch;
    const char *text;

    if (self->json.nodes[value].type != WHI_JSON_STRING) {
        return WH_OK;
    }
    whi_buf_init(&scratch, self->json.size);
    text = whi_json_string(&self->json, value, &scratch, &test->size);
    test->text = text != NULL ? whi_strdup(text, test->size) : NULL;
    whi_buf_free(&scratch);
    test->fall = test->text != NULL ? whi_alloc((test->size + 1) * sizeof *test->fall) : NULL;
    if (test->fall == NULL) {
        return whi_fail_memory();
    }
    whi_json_fall(test->text, test->size, test->fall);
    return WH_OK;
}

static const char *operand_of(enum test_kind kind) {
    return kind <= LESS_EQUAL ? "a number or a text"
           : kind == CONTAINS ? "a text, number, true, false or null"
                              : "a text";
}

/* Joined with the other tests of its path: *tests is their condition, NONE at first. */
static int read_test(whi_filter *self, const struct operation *operation, uint32_t value, uint32_t path, uint32_t above,
                     uint32_t *tests) {
    int type = self->json.nodes[value].type;
    int good = type == WHI_JSON_STRING || (operation->test <= LESS_EQUAL && type == WHI_JSON_NUMBER) ||
               (operation->test == CONTAINS && is_scalar(&self->json, value));
    struct condition *condition;
    struct test *grown;
    int code = WH_OK;

    if (!good) {
        return fail_operand(self, path, operation, operand_of(operation->test));
    }
    if (*tests == NONE) {
        code = add_condition(self, TESTS, path, above, tests);
    }
    if (code != WH_OK) {
        return code;
    }
    condition = &self->conditions[*tests];
    grown = whi_realloc(condition->tests, (condition->test_count + 1) * sizeof *grown);
    if (grown == NULL) {
        return whi_fail_memory();
    }
    condition->tests = grown;
    grown += condition->test_count++;
    *grown = (struct test){ .kind = operation->test, .value = { &self->json, value } };
    return operation->test < BEGINS ? WH_OK : keep_text(self, value, grown);
}

static int read_condition(whi_filter *self, uint32_t value, uint32_t path, uint32_t above);

/* What $or and $and have in their list. */
static int read_list(whi_filter *self, const struct operation *operation, uint32_t value, uint32_t path,
                     uint32_t above) {
    uint32_t made, end = self->json.nodes[value].next;
    int code;

    if (self->json.nodes[value].type != WHI_JSON_ARRAY || self->json.nodes[value].count == 0) {
        return fail_operand(self, path, operation, "a list of conditions");
    }
    code = add_condition(self, operation->kind == OP_ANY ? ANY : ALL, NONE, above, &made);
    for (uint32_t at = value + 1; at < end && code == WH_OK; at = self->json.nodes[at].next) {
        code = read_condition(self, at, path, made);
    }
    return code;
}

static int read_not(whi_filter *self, uint32_t above, uint32_t *made) {
    return add_condition(self, NOT, NONE, above, made);
}

static int read_exists(whi_filter *self, const struct operation *operation, uint32_t value, uint32_t path,
                       uint32_t above) {
    int type = self->json.nodes[value].type;
    uint32_t made;
    int code = WH_OK;

    if (type != WHI_JSON_TRUE && type != WHI_JSON_FALSE) {
        return fail_operand(self, path, operation, "true or false");
    }
    if (type == WHI_JSON_FALSE) {
        code = read_not(self, above, &above);
    }
    return code == WH_OK ? add_condition(self, EXISTS, path, above, &made) : code;
}

static int read_operator(whi_filter *self, const struct operation *operation, uint32_t value, uint32_t path,
                         uint32_t above, uint32_t *tests) {
    int is_list = operation->kind == OP_IN || operation->kind == OP_NOT_IN;
    int code = WH_OK;

    if (operation->kind == OP_TEST) {
        return read_test(self, operation, value, path, above, tests);
    }
    if (operation->kind == OP_ANY || operation->kind == OP_ALL) {
        return read_list(self, operation, value, path, above);
    }
    if (operation->kind == OP_EXISTS) {
        return read_exists(self, operation, value, path, above);
    }
    if (is_list && self->json.nodes[value].type != WHI_JSON_ARRAY) {
        return fail_operand(self, path, operation, "a list of texts, numbers, true, false or null");
    }
    if (operation->kind == OP_UNEQUAL || operation->kind == OP_NOT_IN || operation->kind == OP_NOT) {
        code = read_not(self, above, &above);
    }
    if (code != WH_OK) {
        return code;
    }
    return operation->kind == OP_NOT ? read_condition(self, value, path, above) : read_equals(self, value, path, above);
}

static int read_operators(whi_filter *self, uint32_t object, uint32_t path, uint32_t above) {
    uint32_t tests = NONE;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(&self->json, object); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&self->json, object, at)) {
        code = read_operator(self, operation_of(&self->json, at), at + 1, path, above, &tests);
    }
    return code;
}

/* The names of an object of paths, each with its condition. */
static int read_paths(whi_filter *self, uint32_t object, uint32_t above) {
    int code = WH_OK;

    for (uint32_t at = whi_json_first(&self->json, object); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&self->json, object, at)) {
        const struct operation *operation = operation_of(&self->json, at);
        uint32_t path = NONE;
        if (is_joining(operation)) {
            code = read_operator(self, operation, at + 1, NONE, above, NULL);
            continue;
        }
        code = add_path(self, at, &path);
        code = code == WH_OK ? read_condition(self, at + 1, path, above) : code;
    }
    return code;
}

/* What may stand at a path, or, without one, an object of paths. */
static int read_condition(whi_filter *self, uint32_t value, uint32_t path, uint32_t above) {
    const whi_json *json = &self->json;
    int is_object = json->nodes[value].type == WHI_JSON_OBJECT && json->nodes[value].count > 0, is_operators, code;
    uint32_t made;

    if (path == NONE && !is_object) {
        return whi_fail(WH_EINVALID, "$or, $and and $not: expected objects of paths");
    }
    if (!is_object) {
        return read_equals(self, value, path, above);
    }
    is_operators = path != NONE && is_of_operators(json, value);
    code = add_condition(self, is_operators || path == NONE ? ALL : WITHIN, path, above, &made);
    if (code != WH_OK) {
        return code;
    }
    return is_operators ? read_operators(self, value, path, made) : read_paths(self, value, made);
}

static int read_filter(whi_filter *self, const char *text, size_t size) {
    uint32_t made;
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
    code = add_condition(self, ALL, NONE, 0, &made);
    return code == WH_OK ? read_paths(self, 0, made) : code;
}

int whi_filter_parse(whi_filter **out, const char *text, size_t size) {
    whi_filter *self = whi_calloc(1, sizeof *self);
    int code;

    *out = NULL;
    if (self == NULL) {
        return whi_fail_memory();
    }
    code = read_filter(self, text, size);
    if (code != WH_OK || self->count == 1) {
        whi_filter_free(self);
        return code;
    }
    *out = self;
    return WH_OK;
}

int whi_filter_review(const whi_filter *filter) {
    for (uint32_t i = 0; filter != NULL && i < filter->path_count; i++) {
        const struct path *path = &filter->paths[i];
        if (path->text[0] == '$' && path->size > 1 && path->text[1] != '.') {
            return whi_fail(WH_EINVALID, "\"%.80s\": expected a path, or one of " OPERATORS " behind a path",
                            path->text);
        }
        if (whi_path_is_misread(path->text, path->size)) {
            return whi_fail(WH_EINVALID, "\"%.80s\": " WHI_PATH_ADVICE, path->text);
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

static int search(const struct value *values, size_t count, const whi_json *payload, uint32_t node, int text) {
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int side = order_of(&values[middle], payload, node, text);
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
static int equals(const struct value *values, size_t count, const whi_json *payload, uint32_t node) {
    int type = payload->nodes[node].type;

    return type < WHI_JSON_ARRAY && (search(values, count, payload, node, 0) ||
                                     (type != WHI_JSON_STRING && search(values, count, payload, node, 1)));
}

static int compares(const struct test *test, const whi_json *payload, uint32_t node) {
    const struct value *value = &test->value;
    int order;

    if (payload->nodes[node].type != value->json->nodes[value->node].type) {
        return 0;
    }
    order = whi_json_order(payload, node, value->json, value->node);
    switch (test->kind) {
    case GREATER:
        return order > 0;
    case GREATER_EQUAL:
        return order >= 0;
    case LESS:
        return order < 0;
    default:
        return order <= 0;
    }
}

/* is_item: of the array that stands at the path. */
static int passes(const struct test *test, const whi_json *payload, uint32_t node, int is_item) {
    if (test->kind <= LESS_EQUAL) {
        return compares(test, payload, node);
    }
    if (test->kind == CONTAINS && is_item) {
        return equals(&test->value, 1, payload, node);
    }
    if (test->text == NULL || payload->nodes[node].type != WHI_JSON_STRING) {
        return 0;
    }
    return test->kind == BEGINS
               ? whi_json_string_begins(payload, node, test->text, test->size)
               : whi_json_string_has(payload, node, test->text, test->size, test->fall, test->kind == ENDS);
}

static int holds(const whi_filter *self, const struct condition *condition, const whi_json *payload, uint32_t node);

static int all_hold(const whi_filter *self, uint32_t first, const whi_json *payload, uint32_t node) {
    for (uint32_t at = first; at != NONE; at = self->conditions[at].next) {
        if (!holds(self, &self->conditions[at], payload, node)) {
            return 0;
        }
    }
    return 1;
}

static int any_holds(const whi_filter *self, uint32_t first, const whi_json *payload, uint32_t node) {
    for (uint32_t at = first; at != NONE; at = self->conditions[at].next) {
        if (holds(self, &self->conditions[at], payload, node)) {
            return 1;
        }
    }
    return 0;
}

/* Of one value, or one item of an array; node may be WHI_JSON_NONE for WITHIN alone. */
static int suits(const whi_filter *self, const struct condition *condition, const whi_json *payload, uint32_t node,
                 int is_item) {
    if (condition->kind == WITHIN) {
        return all_hold(self, condition->first, payload, node);
    }
    if (condition->kind == EQUALS) {
        return equals(condition->values, condition->value_count, payload, node);
    }
    for (size_t i = 0; i < condition->test_count; i++) {
        if (!passes(&condition->tests[i], payload, node, is_item)) {
            return 0;
        }
    }
    return 1;
}

/* Of what is at the path; node may be WHI_JSON_NONE. */
static int arrives(const whi_filter *self, const struct condition *condition, const whi_json *payload, uint32_t node) {
    if (condition->kind == EXISTS) {
        return node != WHI_JSON_NONE;
    }
    if (node == WHI_JSON_NONE && condition->kind != WITHIN) {
        return condition->takes_null;
    }
    if (node == WHI_JSON_NONE || payload->nodes[node].type != WHI_JSON_ARRAY) {
        return suits(self, condition, payload, node, 0);
    }
    for (uint32_t at = node + 1; at < payload->nodes[node].next; at = payload->nodes[at].next) {
        if (suits(self, condition, payload, at, 1)) {
            return 1;
        }
    }
    return 0;
}

static int walk(const whi_filter *self, const struct condition *condition, size_t at, const whi_json *payload,
                uint32_t node) {
    const struct path *path = &self->paths[condition->path];
    const char *dot;
    size_t size;

    if (at > path->size) {
        return arrives(self, condition, payload, node);
    }
    if (node != WHI_JSON_NONE && payload->nodes[node].type == WHI_JSON_ARRAY) {
        for (uint32_t item = node + 1; item < payload->nodes[node].next; item = payload->nodes[item].next) {
            if (walk(self, condition, at, payload, item)) {
                return 1;
            }
        }
        return 0;
    }
    dot = memchr(path->text + at, '.', path->size - at);
    size = dot != NULL ? (size_t)(dot - path->text) - at : path->size - at;
    node = node == WHI_JSON_NONE ? node : whi_json_member(payload, node, path->text + at, size);
    return walk(self, condition, at + size + 1, payload, node);
}

static int holds(const whi_filter *self, const struct condition *condition, const whi_json *payload, uint32_t node) {
    switch (condition->kind) {
    case ALL:
        return all_hold(self, condition->first, payload, node);
    case ANY:
        return any_holds(self, condition->first, payload, node);
    case NOT:
        return !all_hold(self, condition->first, payload, node);
    default:
        return walk(self, condition, 0, payload, node);
    }
}

/* Its key in the outermost object. */
static const char *name_of(const whi_filter *self, const struct condition *condition) {
    if (condition->path != NONE) {
        return self->paths[condition->path].text;
    }
    return condition->kind == ANY ? "$or" : condition->kind == ALL ? "$and" : "$not";
}

static int match(const whi_filter *filter, const whi_json *payload, uint32_t node, const char **failed) {
    uint32_t at = filter != NULL ? filter->conditions[0].first : NONE;

    for (; at != NONE; at = filter->conditions[at].next) {
        if (!holds(filter, &filter->conditions[at], payload, node)) {
            if (failed != NULL) {
                *failed = name_of(filter, &filter->conditions[at]);
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

    *failed = name_of(filter, &filter->conditions[filter->conditions[0].first]);
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
