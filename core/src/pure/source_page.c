#include "pure/source_page.h"
#include "pure/json_prune.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/number.h"
#include "pure/source_path.h"

#define NUMBER_SIZE 64
#define MESSAGE_SIZE 160

typedef struct page {
    const whi_source_document *document;
    const whi_json *json;
    const whi_source_maker *maker;
    whi_source_found *out;
    uint32_t last; /* item */
} page;

/* -------------------------------------------------------------------------- values */

/* A text without escapes, or a number's digits, in out; 0: it is neither, or is longer. */
static int short_text(const whi_json *json, uint32_t node, char out[NUMBER_SIZE]) {
    const whi_json_node *one = &json->nodes[node];
    size_t quote = one->type == WHI_JSON_STRING, size = one->end - one->start - 2 * quote;

    if ((one->type != WHI_JSON_STRING && one->type != WHI_JSON_NUMBER) || (quote && one->count) ||
        size >= NUMBER_SIZE) {
        return 0;
    }
    memcpy(out, json->text + one->start + quote, size);
    out[size] = '\0';
    return 1;
}

static const char *skip_digits(const char *at) {
    while (whi_ascii_is_digit(*at)) {
        at++;
    }
    return at;
}

/* As JSON writes a number, and no more: a date begins with digits, too. */
static int is_numeric(const char *text) {
    const char *first = text + (*text == '-'), *at = skip_digits(first);

    if (at == first) {
        return 0;
    }
    at = *at == '.' ? skip_digits(at + 1) : at;
    if (*at == 'e' || *at == 'E') {
        at += 1 + (at[1] == '+' || at[1] == '-');
        at = skip_digits(at);
    }
    return *at == '\0';
}

static int read_since(const char *text, double unit, int64_t *out) {
    double ms = is_numeric(text) ? whi_number_read(text) * unit : -1;

    if (!(ms >= 0 && ms <= (double)WHI_TIME_MOST)) {
        return WH_EINVALID;
    }
    *out = (int64_t)(ms + 0.5);
    return WH_OK;
}

int whi_source_time_of(const whi_json *json, uint32_t node, enum whi_source_time time, int *has, int64_t *out) {
    char text[NUMBER_SIZE];
    int code;

    *has = 0;
    *out = 0;
    if (node == WHI_JSON_NONE || json->nodes[node].type == WHI_JSON_NULL) {
        return WH_OK;
    }
    if (!short_text(json, node, text)) {
        return WH_EINVALID;
    }
    if (text[0] == '\0') {
        return WH_OK;
    }
    if (time == WHI_SOURCE_ISO) {
        code = json->nodes[node].type == WHI_JSON_STRING && !is_numeric(text) ? whi_time_parse(text, out) : WH_EINVALID;
        *has = code == WH_OK;
    } else {
        code = read_since(text, time == WHI_SOURCE_SECONDS ? 1000 : 1, out);
        *has = code == WH_OK && *out > 0;
    }
    return code;
}

/* Whether it says yes. */
static int is_true(const whi_json *json, uint32_t node) {
    char text[NUMBER_SIZE];

    if (node == WHI_JSON_NONE) {
        return 0;
    }
    switch (json->nodes[node].type) {
    case WHI_JSON_NULL:
    case WHI_JSON_FALSE:
        return 0;
    case WHI_JSON_NUMBER:
        return whi_json_double(json, node) != 0;
    case WHI_JSON_STRING:
        return !short_text(json, node, text) ||
               (text[0] != '\0' && !whi_ascii_same(text, "false") && strcmp(text, "0") != 0);
    default:
        return 1;
    }
}

static int is_deleted(const whi_source_document *document, const whi_json *json, uint32_t item) {
    uint32_t node = whi_source_path_find(json, item, document->deleted);

    if (document->deleted_is == WHI_JSON_NONE) {
        return is_true(json, node);
    }
    return node != WHI_JSON_NONE && whi_json_equal(json, node, &document->json, document->deleted_is);
}

static void add_span(whi_buf *out, const whi_json *json, uint32_t node) {
    size_t size;
    const char *text = whi_json_span(json, node, &size);

    whi_buf_add(out, text, size);
}

/* -------------------------------------------------------------------------- objects */

static int fail_item(const page *self, const char *member, const char *expected, uint32_t node) {
    size_t size = 7;
    const char *text = node != WHI_JSON_NONE ? whi_json_span(self->json, node, &size) : "nothing";

    return whi_fail_item(WH_EINVALID, "items", self->out->count, "%s: expected %s, found %.*s", member, expected,
                         size < 40 ? (int)size : 40, text);
}

static int write_id(const page *self, uint32_t item, whi_buf *out) {
    uint32_t node = whi_source_path_find(self->json, item, self->document->id);
    int type = node != WHI_JSON_NONE ? (int)self->json->nodes[node].type : WHI_JSON_NULL;

    if ((type != WHI_JSON_STRING && type != WHI_JSON_NUMBER) || whi_json_string_is(self->json, node, "", 0)) {
        return fail_item(self, "id", "a text or a number", node);
    }
    whi_buf_text(out, "{\"id\":");
    add_span(out, self->json, node);
    return WH_OK;
}

static int write_time(const page *self, uint32_t item, const char *name, const char *path, whi_buf *out) {
    static const char *const expected[] = { "a time as ISO 8601", "seconds since 1970", "milliseconds since 1970" };
    uint32_t node = path != NULL ? whi_source_path_find(self->json, item, path) : WHI_JSON_NONE;
    enum whi_source_time time = (enum whi_source_time)self->document->time;
    char text[WHI_TIME_SIZE];
    int64_t ms;
    int has, code = whi_source_time_of(self->json, node, time, &has, &ms);

    if (code != WH_OK) {
        return fail_item(self, name, expected[time], node);
    }
    if (has) {
        whi_time_text(ms, text);
        whi_buf_format(out, ",\"%s\":\"%s\"", name, text);
    }
    return WH_OK;
}

/* Names that the document says anew, so that an item's own are left out. */
static int is_ours(const whi_source_document *document, const whi_json *json, uint32_t name) {
    const struct {
        const char *name;
        int is_there;
    } ours[] = { { "id", 1 },
                 { "updated_at", document->updated_at != NULL },
                 { "created_at", document->created_at != NULL },
                 { "deleted", document->deleted != NULL },
                 { "raw", document->raw } };

    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (ours[i].is_there && whi_json_string_is(json, name, ours[i].name, strlen(ours[i].name))) {
            return 1;
        }
    }
    for (size_t i = 0; i < document->map.count; i++) {
        if (whi_json_string_is(json, name, document->map.list[i].name, strlen(document->map.list[i].name))) {
            return 1;
        }
    }
    return 0;
}

static void write_members(const whi_source_document *document, const whi_json *json, uint32_t object, whi_buf *out) {
    for (uint32_t at = whi_json_first(json, object); at != WHI_JSON_NONE; at = whi_json_next_name(json, object, at)) {
        if (!is_ours(document, json, at)) {
            whi_buf_char(out, ',');
            add_span(out, json, at);
            whi_buf_char(out, ':');
            add_span(out, json, at + 1);
        }
    }
}

/* The members of an object that was made: by fields, or by a rule. */
static int write_made(const page *self, const whi_buf *made, whi_buf *out) {
    whi_json json = { 0 };
    int code = made->size > 0 ? whi_json_scan(&json, made->data, made->size, WHI_JSON_DEPTH_MAXIMUM) : WH_EJSON;

    if (code == WH_OK && json.nodes[0].type != WHI_JSON_OBJECT) {
        code = fail_item(self, "rule", "an object as its result", WHI_JSON_NONE);
    }
    if (code == WH_OK) {
        write_members(self->document, &json, 0, out);
    }
    whi_json_free(&json);
    return code;
}

static void write_map(const page *self, uint32_t item, whi_buf *out) {
    const whi_source_pairs *map = &self->document->map;

    for (size_t i = 0; i < map->count; i++) {
        uint32_t node = whi_source_path_find(self->json, item, map->list[i].value);

        if (node != WHI_JSON_NONE) {
            whi_json_write_name(out, map->list[i].name);
            add_span(out, self->json, node);
        }
    }
}

/* What the object has beside what the engine looks at. What nests so deeply that it may have been cut is for no rule:
 * the engine finds it too deep to be sent. */
static int write_rest(const page *self, uint32_t item, whi_buf *out, int *dropped) {
    const whi_source_document *document = self->document;
    size_t size;
    const char *text = whi_json_span(self->json, item, &size);
    whi_buf made;
    int code = WH_OK;

    if ((document->rule == NULL && document->fields == NULL && document->map.count == 0) ||
        (document->rule != NULL && whi_json_is_deeper(self->json, item, WHI_JSON_WHOLE_DEPTH))) {
        write_members(document, self->json, item, out);
        return WH_OK;
    }
    whi_buf_init(&made, WHI_JSON_MAXIMUM);
    if (document->rule != NULL) {
        code = self->maker->make(self->maker->payload, text, size, &made, dropped);
    } else if (document->projection != NULL) {
        code = whi_projection_write(document->projection, self->json, item, &made);
    } else {
        whi_buf_text(&made, "{}");
    }
    code = code == WH_OK && !*dropped ? write_made(self, &made, out) : code;
    whi_buf_free(&made);
    write_map(self, item, out);
    return code;
}

static int write_object(const page *self, uint32_t item, whi_buf *out, int *dropped) {
    const whi_source_document *document = self->document;
    int code = write_id(self, item, out);

    code = code == WH_OK ? write_time(self, item, "updated_at", document->updated_at, out) : code;
    code = code == WH_OK ? write_time(self, item, "created_at", document->created_at, out) : code;
    if (code == WH_OK && document->deleted != NULL && is_deleted(document, self->json, item)) {
        whi_buf_text(out, ",\"deleted\":true");
    }
    code = code == WH_OK ? write_rest(self, item, out, dropped) : code;
    if (code == WH_OK && document->raw) {
        whi_buf_text(out, ",\"raw\":");
        add_span(out, self->json, item);
    }
    whi_buf_char(out, '}');
    return code;
}

static int take_item(const whi_json *json, uint32_t item, void *payload) {
    page *self = payload;
    whi_buf *items = &self->out->items;
    size_t before = items->size;
    int dropped = 0, code;

    if (json->nodes[item].type != WHI_JSON_OBJECT) {
        return fail_item(self, "item", "an object", item);
    }
    if (self->out->made > 0) {
        whi_buf_char(items, ',');
    }
    code = write_object(self, item, items, &dropped);
    if (dropped) {
        items->size = before;
    }
    self->out->made += !dropped;
    self->out->count++;
    self->last = item;
    return code == WH_OK ? whi_buf_status(items) : code;
}

static int read_items(page *self) {
    int found, code;

    whi_error_clear();
    whi_buf_char(&self->out->items, '[');
    code = whi_source_path_each(self->json, 0, self->document->items, take_item, self, &found);
    whi_buf_char(&self->out->items, ']');
    if (code == WH_OK && !found) {
        return whi_fail_field(WH_EINVALID, "items", "expected a list at \"%.80s\", found nothing",
                              self->document->items);
    }
    if (code == WH_EINVALID && whi_error_last()->sentence[0] == '\0') {
        return whi_fail_field(WH_EINVALID, "items", "expected a list of objects at \"%.80s\", found something else",
                              self->document->items);
    }
    return code == WH_OK ? whi_buf_status(&self->out->items) : code;
}

/* --------------------------------------------------------------------------- next */

/* A text's content or a number's digits; 0: nothing that leads anywhere. */
static int give_text(const whi_json *json, uint32_t node, whi_buf *out) {
    int type = node != WHI_JSON_NONE ? (int)json->nodes[node].type : WHI_JSON_NULL;
    whi_buf scratch;
    const char *text;
    size_t size = 0;

    if (type == WHI_JSON_NUMBER) {
        add_span(out, json, node);
        return 1;
    }
    if (type != WHI_JSON_STRING) {
        return 0;
    }
    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    if (text == NULL) {
        out->failed = WH_ENOMEM;
    } else {
        whi_buf_add(out, text, size);
    }
    whi_buf_free(&scratch);
    return size > 0;
}

static int is_more(const page *self) {
    const whi_source_pages *pages = &self->document->paging;

    return pages->more == NULL || is_true(self->json, whi_source_path_find(self->json, 0, pages->more));
}

/* A count in the answer; -1: none. */
static int64_t count_at(const page *self, const char *path) {
    uint32_t node = path != NULL ? whi_source_path_find(self->json, 0, path) : WHI_JSON_NONE;
    char text[NUMBER_SIZE];
    double number;

    if (node == WHI_JSON_NONE || !short_text(self->json, node, text) || !is_numeric(text)) {
        return -1;
    }
    number = whi_number_read(text);
    return number >= 0 && number < 9e15 ? (int64_t)number : -1;
}

/* What the document says that each answer has. */
static int check_ends(const page *self) {
    const whi_source_pages *pages = &self->document->paging;
    uint32_t more = pages->more != NULL ? whi_source_path_find(self->json, 0, pages->more) : WHI_JSON_NONE;

    if (pages->more != NULL && (more == WHI_JSON_NONE || self->json->nodes[more].type == WHI_JSON_NULL)) {
        return whi_fail_field(WH_EINVALID, "paging.more", "expected whether there are more, found nothing");
    }
    if (pages->total != NULL && count_at(self, pages->total) < 0) {
        return whi_fail_field(WH_EINVALID, "paging.total", "expected a count, found none");
    }
    if (pages->last_page != NULL && count_at(self, pages->last_page) < 0) {
        return whi_fail_field(WH_EINVALID, "paging.pages", "expected a count, found none");
    }
    return WH_OK;
}

/* Counted pages end where the answer says so; where it says nothing, with a page without items: a short page may be
 * the API's own limit, and what is behind it would be taken for deleted. */
static void count_on(page *self, const whi_source_place_of_page *place) {
    const whi_source_pages *pages = &self->document->paging;
    int64_t items = place->items + (int64_t)self->out->count, total = count_at(self, pages->total);
    int64_t number = (pages->first >= 0 ? pages->first : 1) + place->pages, last = count_at(self, pages->last_page);
    int64_t next = pages->by == WHI_SOURCE_NUMBER ? number + 1 : (pages->first > 0 ? pages->first : 0) + items;

    if (self->out->count > 0 && is_more(self) && (total < 0 || items < total) && (last < 0 || number < last)) {
        whi_buf_int(&self->out->next, next);
        self->out->has_next = 1;
    }
}

static int find_next(page *self, const whi_source_place_of_page *place) {
    const whi_source_pages *pages = &self->document->paging;
    whi_source_found *out = self->out;

    switch (pages->by) {
    case WHI_SOURCE_CURSOR:
    case WHI_SOURCE_URL:
        if (!is_more(self)) {
            break;
        }
        if (pages->last == NULL || out->count == 0) {
            out->has_next = pages->next != NULL &&
                            give_text(self->json, whi_source_path_find(self->json, 0, pages->next), &out->next);
        } else {
            out->has_next =
                give_text(self->json, whi_source_path_find(self->json, self->last, pages->last), &out->next);
        }
        if (!out->has_next && pages->more != NULL) {
            return whi_fail_field(WH_EINVALID, "paging.next",
                                  "expected what leads to the next page, since there are "
                                  "more, found nothing");
        }
        break;
    case WHI_SOURCE_LINK:
        out->has_next = place->link != NULL;
        whi_buf_text(&out->next, place->link != NULL ? place->link : "");
        break;
    case WHI_SOURCE_OFFSET:
    case WHI_SOURCE_NUMBER:
        count_on(self, place);
        break;
    default:
        break;
    }
    return whi_buf_status(&out->next);
}

/* ------------------------------------------------------------------------- GraphQL */

static int check_errors(const whi_json *json) {
    uint32_t errors = whi_json_member(json, 0, "errors", 6), message;
    char said[MESSAGE_SIZE] = "without a message";
    size_t size;
    const char *text;

    if (errors == WHI_JSON_NONE || json->nodes[errors].type != WHI_JSON_ARRAY || json->nodes[errors].count == 0) {
        return WH_OK;
    }
    message = whi_json_member(json, errors + 1, "message", 7);
    if (message != WHI_JSON_NONE && json->nodes[message].type == WHI_JSON_STRING) {
        text = whi_json_span(json, message, &size); /* escapes stay: the sentence is one line */
        snprintf(said, sizeof said, "%.*s", size < MESSAGE_SIZE ? (int)size : MESSAGE_SIZE - 1, text);
    }
    return whi_fail(WH_ESTATUS, "GraphQL's errors: %s", said);
}

int whi_source_page_read(whi_source_found *out, const whi_source_document *document, const whi_json *json,
                         const whi_source_place_of_page *place, const whi_source_maker *maker) {
    page self = { document, json, maker, out, WHI_JSON_NONE };
    int code = document->graphql != NULL ? check_errors(json) : WH_OK;

    *out = (whi_source_found){ .count = 0 };
    whi_buf_init(&out->items, WHI_JSON_MAXIMUM);
    whi_buf_init(&out->next, WHI_SOURCE_BYTES);
    whi_buf_init(&out->state, WHI_SOURCE_BYTES);
    code = code == WH_OK ? read_items(&self) : code;
    code = code == WH_OK ? check_ends(&self) : code;
    code = code == WH_OK ? find_next(&self, place) : code;
    if (code == WH_OK && document->state != NULL) {
        out->has_state = give_text(json, whi_source_path_find(json, 0, document->state), &out->state);
        code = whi_buf_status(&out->state);
    }
    return code;
}

void whi_source_found_free(whi_source_found *found) {
    whi_buf_free(&found->items);
    whi_buf_free(&found->next);
    whi_buf_free(&found->state);
}
