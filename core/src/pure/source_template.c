#include "pure/source_template.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"

#define NAME_MAXIMUM 96
#define VALUE_SIZE 40
#define FILTERS "filters."
#define FILTERS_SIZE (sizeof FILTERS - 1)
#define VARIABLES "variables."
#define VARIABLES_SIZE (sizeof VARIABLES - 1)
#define LABEL_MAXIMUM 63 /* RFC 1035 2.3.4 */

static const char *const names[] = {
    "changed_since",
    "changed_since.iso",
    "changed_since.seconds",
    "changed_since.milliseconds",
    "page",
    "limit",
    "state",
    "connection",
    "tenant",
    "object_type",
    "fields",
};
#define NAMES (sizeof names / sizeof names[0])
enum {
    CHANGED,
    CHANGED_ISO,
    CHANGED_SECONDS,
    CHANGED_MS,
    PAGE,
    LIMIT,
    STATE,
    CONNECTION,
    TENANT,
    TYPE,
    FIELDS,
    FILTER,
    VARIABLE
};

/* The part of a template that comes next. */
typedef struct part {
    const char *text; /* of what stands there as it is, or of a name */
    size_t size;
    int is_name;
    int which; /* of a name; -1: unknown */
} part;

static int name_of(const char *text, size_t size) {
    for (size_t i = 0; i < NAMES; i++) {
        if (strlen(names[i]) == size && memcmp(names[i], text, size) == 0) {
            return (int)i;
        }
    }
    if (size >= NAME_MAXIMUM) {
        return -1;
    }
    return size > FILTERS_SIZE && memcmp(text, FILTERS, FILTERS_SIZE) == 0         ? FILTER
           : size > VARIABLES_SIZE && memcmp(text, VARIABLES, VARIABLES_SIZE) == 0 ? VARIABLE
                                                                                   : -1;
}

/* What is left behind the part; NULL: the brace has no end. At the end of the text the part is empty. */
static const char *take_part(const char *at, part *out) {
    const char *end;

    *out = (part){ .text = at, .which = -1 };
    if (at[0] != '{') {
        out->size = strcspn(at, "{");
        return at + out->size;
    }
    if (at[1] == '{') {
        out->size = 1;
        return at + 2;
    }
    end = strchr(at, '}');
    if (end == NULL) {
        return NULL;
    }
    *out = (part){ at + 1, (size_t)(end - at - 1), 1, 0 };
    out->which = name_of(out->text, out->size);
    return end + 1;
}

/* ------------------------------------------------------------------------ checking */

static unsigned use_of(int which) {
    return which <= CHANGED_MS   ? WHI_SOURCE_USES_CHANGED
           : which == PAGE       ? WHI_SOURCE_USES_PAGE
           : which == STATE      ? WHI_SOURCE_USES_STATE
           : which == CONNECTION ? WHI_SOURCE_USES_CONNECTION
           : which == TENANT     ? WHI_SOURCE_USES_TENANT
                                 : WHI_SOURCE_USES_OTHER;
}

static int is_among(const char *const *known, const char *text, size_t size) {
    for (; known != NULL && *known != NULL; known++) {
        if (strlen(*known) == size && memcmp(*known, text, size) == 0) {
            return 1;
        }
    }
    return 0;
}

static int check_name(const char *field, const part *name, const whi_source_known *known) {
    if (name->which < 0) {
        return whi_fail_field(WH_EINVALID, field,
                              "{%.*s} is unknown, expected changed_since, page, limit, state, connection, tenant, "
                              "object_type, fields, filters.NAME or variables.NAME; \"{{\" is a brace",
                              name->size < 40 ? (int)name->size : 40, name->text);
    }
    if (name->which == FILTER && !is_among(known->filters, name->text + FILTERS_SIZE, name->size - FILTERS_SIZE)) {
        return whi_fail_field(WH_EINVALID, field, "{%.*s} is none of the document's filters", (int)name->size,
                              name->text);
    }
    if (name->which == VARIABLE && !known->any_variable &&
        !is_among(known->variables, name->text + VARIABLES_SIZE, name->size - VARIABLES_SIZE)) {
        return whi_fail_field(WH_EINVALID, field, "{%.*s} is none of the variables that each of the connections has",
                              (int)name->size, name->text);
    }
    return WH_OK;
}

int whi_source_template_check(const char *field, const char *text, const whi_source_known *known, unsigned *uses) {
    int code = WH_OK;
    part one;

    while (code == WH_OK && *text != '\0') {
        text = take_part(text, &one);
        if (text == NULL) {
            return whi_fail_field(WH_EINVALID, field, "expected \"}\" behind a \"{\"; \"{{\" is a brace");
        }
        if (one.is_name) {
            code = check_name(field, &one, known);
            *uses |= code == WH_OK ? use_of(one.which) : 0;
        }
    }
    return code;
}

int whi_source_host_check(const char *text) {
    const char *at = strstr(text, "://"), *end;
    size_t rest;

    if (strchr(text, '{') != NULL && (at == NULL || strchr(text, '{') < at)) {
        return whi_fail_field(WH_EINVALID, "url", "expected http:// or https:// in front of the first name in braces");
    }
    at = at != NULL ? at + 3 : text;
    end = at + strcspn(at, "/?#");
    while ((at = memchr(at, '{', (size_t)(end - at))) != NULL) {
        if (strncmp(at + 1, VARIABLES, VARIABLES_SIZE) == 0) {
            return whi_fail_field(WH_EINVALID, "url", "expected no variables in the host");
        }
        at = memchr(at, '}', (size_t)(end - at));
        rest = at != NULL ? strcspn(at + 1, "{:/?#") : 0;
        if (at == NULL || at[1] != '.' || rest < 2) {
            return whi_fail_field(WH_EINVALID, "url",
                                  "expected a dot and more of the host behind what is filled in, as in "
                                  "https://{connection}.example.com/");
        }
        at++;
    }
    return WH_OK;
}

/* -------------------------------------------------------------------------- values */

/* A value to be filled in. */
typedef struct value {
    const char *text; /* NULL: not there */
    size_t size;
    int is_number;
    char written[VALUE_SIZE];
    whi_buf scratch;
} value;

static void give_time(value *out, int64_t ms, enum whi_source_time time) {
    if (ms <= 0) {
        return;
    }
    if (time == WHI_SOURCE_ISO) {
        whi_time_text(ms, out->written);
    } else {
        snprintf(out->written, sizeof out->written, "%lld", (long long)(time == WHI_SOURCE_SECONDS ? ms / 1000 : ms));
    }
    out->text = out->written;
    out->is_number = time != WHI_SOURCE_ISO;
}

static void give_limit(value *out, int64_t limit) {
    if (limit > 0) {
        snprintf(out->written, sizeof out->written, "%lld", (long long)limit);
        out->text = out->written;
        out->is_number = 1;
    }
}

static void give_text(value *out, const char *text) {
    out->text = text != NULL && *text != '\0' ? text : NULL;
}

static int give_member(value *out, const whi_json *json, uint32_t object, const char *name, size_t size) {
    uint32_t node = json != NULL ? whi_json_member(json, object, name, size) : WHI_JSON_NONE;

    if (node == WHI_JSON_NONE || json->nodes[node].type != WHI_JSON_STRING) {
        return WH_OK;
    }
    out->text = whi_json_string(json, node, &out->scratch, &out->size);
    return out->text != NULL ? WH_OK : WH_ENOMEM;
}

static int give(value *out, const part *name, const whi_source_values *values) {
    static const enum whi_source_time times[] = {
        [CHANGED_ISO] = WHI_SOURCE_ISO, [CHANGED_SECONDS] = WHI_SOURCE_SECONDS, [CHANGED_MS] = WHI_SOURCE_MILLISECONDS
    };
    const char *const texts[] = {
        [PAGE] = values->page,     [STATE] = values->state,      [CONNECTION] = values->connection,
        [TENANT] = values->tenant, [TYPE] = values->object_type, [FIELDS] = values->fields
    };

    *out = (value){ .text = NULL };
    whi_buf_init(&out->scratch, WHI_JSON_MAXIMUM);
    if (name->which == FILTER) {
        return give_member(out, values->filters, 0, name->text + FILTERS_SIZE, name->size - FILTERS_SIZE);
    }
    if (name->which == VARIABLE) {
        return give_member(out, values->variables, values->variables_at, name->text + VARIABLES_SIZE,
                           name->size - VARIABLES_SIZE);
    }
    if (name->which <= CHANGED_MS) {
        give_time(out, values->changed_since, name->which == CHANGED ? values->time : times[name->which]);
    } else if (name->which == LIMIT) {
        give_limit(out, values->limit);
    } else {
        give_text(out, texts[name->which]);
        out->is_number = name->which == PAGE && values->page_is_number;
    }
    out->size = out->text != NULL ? strlen(out->text) : 0;
    return WH_OK;
}

/* ------------------------------------------------------------------------- filling */

void whi_source_percent(whi_buf *out, const char *text, size_t size) {
    static const char digits[] = "0123456789ABCDEF";

    for (size_t i = 0; i < size; i++) {
        unsigned char byte = (unsigned char)text[i];

        if (whi_ascii_is_letter(text[i]) || whi_ascii_is_digit(text[i]) || memchr("-._", byte, 3) != NULL) {
            whi_buf_char(out, text[i]);
        } else {
            whi_buf_char(out, '%');
            whi_buf_char(out, digits[byte >> 4]);
            whi_buf_char(out, digits[byte & 15]);
        }
    }
}

static int put_label(whi_buf *out, const char *field, const value *one) {
    for (size_t i = 0; i < one->size; i++) {
        int inside = i > 0 && i + 1 < one->size && one->text[i] == '-';

        if (!inside && !whi_ascii_is_letter(one->text[i]) && !whi_ascii_is_digit(one->text[i])) {
            return whi_fail_field(WH_EINVALID, field,
                                  "what is filled into the host has more than letters, digits and "
                                  "hyphens in it");
        }
    }
    if (one->size == 0 || one->size > LABEL_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, field, "what is filled into the host has no 1 to 63 letters");
    }
    whi_buf_add(out, one->text, one->size);
    return WH_OK;
}

/* "." and ".." would take names of the path away, encoded or not. */
static int put_step(whi_buf *out, const char *field, const value *one) {
    if (one->size <= 2 && memcmp(one->text, "..", one->size) == 0) {
        return whi_fail_field(WH_EINVALID, field, "what is filled into the path is \"%.*s\"", (int)one->size,
                              one->text);
    }
    whi_source_percent(out, one->text, one->size);
    return WH_OK;
}

static int put_header(whi_buf *out, const char *field, const value *one) {
    for (size_t i = 0; i < one->size; i++) {
        unsigned char byte = (unsigned char)one->text[i];

        if (byte < ' ' || byte == 0x7f) {
            return whi_fail_field(WH_EINVALID, field, "what is filled in has a control character");
        }
    }
    whi_buf_add(out, one->text, one->size);
    return WH_OK;
}

static int put(whi_buf *out, const char *field, const value *one, enum whi_source_place place) {
    switch (place) {
    case WHI_SOURCE_IN_HOST:
        return put_label(out, field, one);
    case WHI_SOURCE_IN_PATH:
        return put_step(out, field, one);
    case WHI_SOURCE_IN_HEADER:
        return put_header(out, field, one);
    case WHI_SOURCE_IN_QUERY:
    default:
        whi_source_percent(out, one->text, one->size);
        return WH_OK;
    }
}

/* A name's value into its place. */
static int fill_name(whi_buf *out, const char *field, const part *name, enum whi_source_place place,
                     const whi_source_values *values, int *missing) {
    value one;
    int code = give(&one, name, values);

    if (code == WH_OK && one.text == NULL) {
        *missing = 1;
    } else if (code == WH_OK) {
        code = put(out, field, &one, place);
    }
    whi_buf_free(&one.scratch);
    return code;
}

int whi_source_fill(whi_buf *out, const char *field, const char *text, enum whi_source_place place,
                    const whi_source_values *values, int *missing) {
    int code = WH_OK;
    part one;

    *missing = 0;
    while (code == WH_OK && *text != '\0') {
        text = take_part(text, &one);
        if (text == NULL || (one.is_name && one.which < 0)) {
            return whi_fail_field(WH_EINVALID, field, "is no template");
        }
        if (one.is_name) {
            code = fill_name(out, field, &one, place, values, missing);
        } else if (place == WHI_SOURCE_IN_QUERY) {
            whi_source_percent(out, one.text, one.size);
        } else {
            whi_buf_add(out, one.text, one.size);
        }
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* Where in a URL a byte of its template stands. */
static enum whi_source_place place_in(const char *url, const char *at) {
    const char *host = strstr(url, "://"), *end, *query = strchr(url, '?');

    host = host != NULL ? host + 3 : url;
    end = host + strcspn(host, "/?#");
    return at < end ? WHI_SOURCE_IN_HOST : query == NULL || at < query ? WHI_SOURCE_IN_PATH : WHI_SOURCE_IN_QUERY;
}

int whi_source_fill_url(whi_buf *out, const char *text, const whi_source_values *values) {
    const char *at = text;
    int code = WH_OK;
    part one;

    while (code == WH_OK && *at != '\0') {
        int missing = 0;
        at = take_part(at, &one);
        if (at == NULL || (one.is_name && one.which < 0)) {
            return whi_fail_field(WH_EINVALID, "url", "is no template");
        }
        if (!one.is_name) {
            whi_buf_add(out, one.text, one.size);
            continue;
        }
        code = fill_name(out, "url", &one, place_in(text, one.text), values, &missing);
        if (code == WH_OK && missing && place_in(text, one.text) != WHI_SOURCE_IN_QUERY) {
            code =
                whi_fail_field(WH_EINVALID, "url", "{%.*s} is asked for, and there is none", (int)one.size, one.text);
        }
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}

/* ---------------------------------------------------------------------------- JSON */

/* A text that is one name alone. */
static int fill_alone(whi_buf *out, const part *name, const whi_source_values *values) {
    value one;
    int code = give(&one, name, values);

    if (code == WH_OK && one.text == NULL) {
        whi_buf_text(out, "null");
    } else if (code == WH_OK && one.is_number) {
        whi_buf_add(out, one.text, one.size);
    } else if (code == WH_OK) {
        whi_json_write_string(out, one.text, one.size);
    }
    whi_buf_free(&one.scratch);
    return code;
}

static int add_value(whi_buf *out, const part *name, const whi_source_values *values) {
    value one;
    int code = give(&one, name, values);

    if (code == WH_OK && one.text != NULL) {
        whi_buf_add(out, one.text, one.size);
    }
    whi_buf_free(&one.scratch);
    return code;
}

static int fill_within(whi_buf *out, const char *text, const whi_source_values *values) {
    whi_buf filled;
    int code = WH_OK;
    part one;

    whi_buf_init(&filled, out->maximum);
    while (code == WH_OK && *text != '\0') {
        text = take_part(text, &one);
        if (text == NULL || (one.is_name && one.which < 0)) {
            code = whi_fail_field(WH_EINVALID, "body", "is no template");
            break;
        }
        if (one.is_name) {
            code = add_value(&filled, &one, values);
        } else {
            whi_buf_add(&filled, one.text, one.size);
        }
    }
    code = code == WH_OK ? whi_buf_status(&filled) : code;
    if (code == WH_OK) {
        whi_json_write_string(out, filled.size > 0 ? filled.data : "", filled.size);
    }
    whi_buf_free(&filled);
    return code;
}

static int fill_text(whi_buf *out, const char *text, const whi_source_values *values) {
    part first;
    const char *rest = *text != '\0' ? take_part(text, &first) : NULL;

    if (rest != NULL && *rest == '\0' && first.is_name && first.which >= 0) {
        return fill_alone(out, &first, values);
    }
    return fill_within(out, text, values);
}

static int fill_string(whi_buf *out, const whi_json *json, uint32_t node, const whi_source_values *values) {
    whi_buf scratch;
    const char *text;
    size_t size;
    int code;

    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    if (text != NULL && text != scratch.data) { /* within the document, without an end of its own */
        whi_buf_add(&scratch, text, size);
        text = scratch.size > 0 ? scratch.data : "";
    }
    code = text != NULL ? whi_buf_status(&scratch) : WH_ENOMEM;
    code = code == WH_OK ? fill_text(out, text, values) : code;
    whi_buf_free(&scratch);
    return code;
}

static int fill_children(whi_buf *out, const whi_json *json, uint32_t node, const whi_source_values *values) {
    int is_object = json->nodes[node].type == WHI_JSON_OBJECT, code = WH_OK;
    uint32_t end = json->nodes[node].next;

    whi_buf_char(out, is_object ? '{' : '[');
    for (uint32_t at = node + 1; code == WH_OK && at < end; at = json->nodes[at].next) {
        if (at != node + 1) {
            whi_buf_char(out, ',');
        }
        if (is_object) {
            whi_buf_add(out, json->text + json->nodes[at].start, json->nodes[at].end - json->nodes[at].start);
            whi_buf_char(out, ':');
            at++;
        }
        code = whi_source_fill_json(out, json, at, values);
    }
    whi_buf_char(out, is_object ? '}' : ']');
    return code;
}

int whi_source_fill_json(whi_buf *out, const whi_json *json, uint32_t node, const whi_source_values *values) {
    const whi_json_node *one = &json->nodes[node];
    int code = WH_OK;

    if (one->type == WHI_JSON_STRING) {
        code = fill_string(out, json, node, values);
    } else if (one->type >= WHI_JSON_ARRAY) {
        code = fill_children(out, json, node, values);
    } else {
        whi_buf_add(out, json->text + one->start, one->end - one->start);
    }
    return code == WH_OK ? whi_buf_status(out) : code;
}
