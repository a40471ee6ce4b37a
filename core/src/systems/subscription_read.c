/* Reading a subscription's document: one function a field, and one table of them. Tests: test_subscription. */
#include "systems/subscription_read.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "base/utf8.h"
#include "pure/filter.h"
#include "pure/match.h"
#include "pure/projection.h"
#include "pure/retry.h"
#include "systems/header.h"
#include "systems/registry.h"

#define NAME_MAXIMUM 256
#define FIELDS_MAXIMUM 8192
#define TIMEOUT_MINIMUM 100
#define TIMEOUT_MAXIMUM 300000
#define DEPTH_MAXIMUM 64
#define TIME_BYTES 40 /* of a time as text, with the most digits and a zone */

static const char *const encoding_names[] = { "", "hex", "base64", NULL };
_Static_assert(sizeof encoding_names / sizeof encoding_names[0] == WHI_ENCODING_BASE64 + 2, "a name for each encoding");
static const char *const data_names[] = { "", "exact", NULL };
_Static_assert(sizeof data_names / sizeof data_names[0] == WHI_DATA_EXACT + 2, "a name for each kind of data");
_Static_assert(WHI_JSON_ARRAY == WHI_JSON_STRING + 1 && WHI_JSON_OBJECT == WHI_JSON_ARRAY + 1,
               "a text, a list and an object are the last types");

/* A document being applied. */
typedef struct apply {
    whi_subscription *subscription;
    const whi_json *json;
    size_t rule_maximum;
    int stored;     /* 1: the store's own document */
    int no_secrets; /* 1: the document gives an empty list of them */
    whi_buf scratch;
} apply;

/* ------------------------------------------------------------- reading values */

static int is_type(const apply *self, uint32_t node, int type) {
    return (int)self->json->nodes[node].type == type;
}

static int is_null(const apply *self, uint32_t node) {
    return is_type(self, node, WHI_JSON_NULL);
}

#define SHOWN 64
static const char *shown(const char *text, char out[SHOWN]) {
    return whi_text_shown(text, out, SHOWN);
}

/* Puts the field in front of another module's sentence, which may hold the text raw. */
static int fail_field(int code, const char *field) {
    char sentence[WHI_ERROR_SIZE];

    return whi_fail_field(code, field, "%s",
                          whi_text_shown(wh_last_error(), sentence, WHI_ERROR_SIZE - strlen(field) - 2));
}

/* Says what was expected and what was found; not the content of a text, which may be a secret. */
static int fail_value(const apply *self, uint32_t node, const char *field, const char *expected) {
    static const char *const names[] = {
        [WHI_JSON_STRING] = "a text", [WHI_JSON_ARRAY] = "a list", [WHI_JSON_OBJECT] = "an object"
    };
    int type = (int)self->json->nodes[node].type;
    size_t size;
    const char *text = whi_json_span(self->json, node, &size);

    if (type >= WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, field, "expected %s, found %s", expected, names[type]);
    }
    return whi_fail_field(WH_EINVALID, field, "expected %s, found %.*s", expected, size < 40 ? (int)size : 40, text);
}

/* A text without zero bytes, of at most so many bytes; valid until the next one. */
static int text_of(apply *self, uint32_t node, const char *field, size_t most, const char **out) {
    size_t size;
    int code;

    if (!is_type(self, node, WHI_JSON_STRING)) {
        return fail_value(self, node, field, "a text");
    }
    *out = whi_json_string(self->json, node, &self->scratch, &size);
    if (*out == NULL) {
        return whi_fail_memory();
    }
    if (memchr(*out, '\0', size) != NULL) {
        return whi_fail_field(WH_EINVALID, field, "expected no zero byte");
    }
    if (size > most) {
        return whi_fail_size(field, size, most);
    }
    if (*out != self->scratch.data) { /* borrowed from the document, not terminated */
        whi_buf_clear(&self->scratch);
        whi_buf_add(&self->scratch, *out, size);
        code = whi_buf_status(&self->scratch);
        *out = self->scratch.data;
        return code;
    }
    return WH_OK;
}

static int keep_text(char **place, const char *text, size_t size) {
    char *copy = whi_strdup(text, size);

    if (text != NULL && copy == NULL) {
        return whi_fail_memory();
    }
    whi_free(*place);
    *place = copy;
    return WH_OK;
}

/* A text or null; an empty one counts as null. */
static int optional_text(apply *self, uint32_t node, const char *field, size_t most, char **place) {
    const char *text = NULL;
    int code = is_null(self, node) ? WH_OK : text_of(self, node, field, most, &text);

    if (code != WH_OK) {
        return code;
    }
    return keep_text(place, text != NULL && text[0] != '\0' ? text : NULL, WH_ZSTR);
}

static int integer_of(const apply *self, uint32_t node, const char *field, int64_t least, int64_t most, int64_t *out) {
    char expected[80];

    if (is_type(self, node, WHI_JSON_NUMBER) && whi_json_int(self->json, node, out) && *out >= least && *out <= most) {
        return WH_OK;
    }
    snprintf(expected, sizeof expected, "an integer from %lld to %lld", (long long)least, (long long)most);
    return fail_value(self, node, field, expected);
}

static int flag_of(const apply *self, uint32_t node, const char *field, int *out) {
    if (!is_type(self, node, WHI_JSON_TRUE) && !is_type(self, node, WHI_JSON_FALSE) && !is_null(self, node)) {
        return fail_value(self, node, field, "true or false");
    }
    *out = is_type(self, node, WHI_JSON_TRUE);
    return WH_OK;
}

/* A list's or object's members are at most so many. */
static int check_count(const apply *self, uint32_t node, const char *field, size_t least, size_t most,
                       const char *what) {
    uint32_t count = self->json->nodes[node].count;

    return count >= least && count <= most ? WH_OK
                                           : whi_fail_field(WH_EINVALID, field, "expected %zu to %zu %s, found %u",
                                                            least, most, what, (unsigned)count);
}

static int any_text(const char *text) {
    (void)text;
    return WH_OK;
}

/* A list of texts or null, each kept after its check. */
static int text_list(apply *self, uint32_t node, const char *field, size_t least, size_t most,
                     int (*check)(const char *text), char ***place, size_t *count) {
    const whi_json_node *nodes = self->json->nodes;
    uint32_t items = nodes[node].count, at = node + 1;
    char **texts;
    int code = WH_OK;

    *place = NULL;
    *count = 0;
    if (is_null(self, node)) {
        return WH_OK;
    }
    if (!is_type(self, node, WHI_JSON_ARRAY)) {
        return fail_value(self, node, field, "a list of texts");
    }
    code = check_count(self, node, field, least, most, "texts");
    if (code != WH_OK) {
        return code;
    }
    texts = items > 0 ? whi_calloc(items, sizeof(char *)) : NULL;
    if (items > 0 && texts == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < items && code == WH_OK; i++, at = nodes[at].next) {
        const char *text = NULL;
        code = text_of(self, at, NULL, SIZE_MAX, &text);
        code = code == WH_OK ? check(text) : code;
        code = code == WH_OK || code == WH_ENOMEM ? code : whi_fail_within_item(code, field, i);
        code = code == WH_OK ? keep_text(&texts[i], text, WH_ZSTR) : code;
    }
    if (code != WH_OK) {
        whi_subscription_free_texts(texts, items);
        return code;
    }
    *place = texts;
    *count = items;
    return WH_OK;
}

/* ------------------------------------------------------------------- the fields */

static int set_tenant(apply *self, uint32_t node) {
    const char *text = "";
    int code = is_null(self, node) ? WH_OK : text_of(self, node, "tenant", SIZE_MAX, &text);

    code = code == WH_OK ? whi_tenant_check(text) : code;
    return code == WH_OK ? keep_text(&self->subscription->tenant, text, WH_ZSTR) : code;
}

static int set_name(apply *self, uint32_t node) {
    return optional_text(self, node, "name", NAME_MAXIMUM, &self->subscription->name);
}

/* What is stored was read when it was given, and is read again where it is sent to. */
static int set_url(apply *self, uint32_t node) {
    const char *text = NULL;
    whi_url url;
    int code = is_null(self, node) ? WH_OK : text_of(self, node, "url", SIZE_MAX, &text);

    if (code != WH_OK || text == NULL || self->stored) { /* of none whi_subscription_check tells */
        return code == WH_OK ? keep_text(&self->subscription->url, text, WH_ZSTR) : code;
    }
    code = whi_url_parse(&url, text);
    if (code != WH_OK) {
        return strcmp(wh_last_error_field(), "url") == 0 ? code : whi_fail_within_field(code, "url");
    }
    return keep_text(&self->subscription->url, url.text, WH_ZSTR);
}

static int check_event(const char *text) {
    char found[SHOWN];

    return whi_pattern_check(text) == WH_OK
               ? WH_OK
               : whi_fail(WH_EINVALID, "expected a type, \"*\", \"prefix.*\" or \"prefix:*\", found \"%s\"",
                          shown(text, found));
}

static int set_events(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t count;
    char **texts;
    int code = text_list(self, node, "events", 0, WHI_SUBSCRIPTION_EVENTS, check_event, &texts, &count);

    if (code == WH_OK) {
        whi_subscription_free_texts(s->events, s->event_count);
        s->events = texts;
        s->event_count = count;
    }
    return code;
}

static int set_rule(apply *self, uint32_t node) {
    int code = optional_text(self, node, "rule", self->rule_maximum, &self->subscription->rule);

    self->subscription->rule_size = self->subscription->rule != NULL ? strlen(self->subscription->rule) : 0;
    return code;
}

static int set_fields(apply *self, uint32_t node) {
    char **place = &self->subscription->fields;
    whi_projection *fields = NULL;
    int code = optional_text(self, node, "fields", FIELDS_MAXIMUM, place);

    if (code == WH_OK && *place != NULL) {
        code = self->stored ? WH_OK : whi_projection_review(*place, strlen(*place));
        code = code == WH_OK ? whi_projection_parse(&fields, *place, strlen(*place)) : code;
        code = code == WH_OK ? WH_OK : fail_field(code, "fields");
        if (code == WH_OK && fields == NULL) { /* blanks only */
            code = keep_text(place, NULL, 0);
        }
        whi_projection_free(fields);
    }
    return code;
}

/* An object, kept as its own bytes; null and {} are none. */
static int set_object(apply *self, uint32_t node, const char *field, char **place) {
    const char *text;
    size_t size;

    if (is_null(self, node) || (is_type(self, node, WHI_JSON_OBJECT) && self->json->nodes[node].count == 0)) {
        return keep_text(place, NULL, 0);
    }
    if (!is_type(self, node, WHI_JSON_OBJECT)) {
        return fail_value(self, node, field, "an object");
    }
    text = whi_json_span(self->json, node, &size);
    return keep_text(place, text, size);
}

static int set_filters(apply *self, uint32_t node) {
    char **place = &self->subscription->filters;
    whi_filter *filter = NULL;
    int code = set_object(self, node, "filters", place);

    if (code == WH_OK && *place != NULL) {
        code = whi_filter_parse(&filter, *place, strlen(*place));
        code = code == WH_OK && !self->stored ? whi_filter_review(filter) : code;
        code = code == WH_OK ? WH_OK : fail_field(code, "filters");
        whi_filter_free(filter);
    }
    return code;
}

static int set_metadata(apply *self, uint32_t node) {
    return set_object(self, node, "metadata", &self->subscription->metadata);
}

/* One of a list of names, or null: the first. */
static int name_of(apply *self, uint32_t node, const char *field, const char *const *names, int *out) {
    const char *text = names[0];
    char found[SHOWN], expected[80] = "";
    size_t size = 0;
    int code = is_null(self, node) ? WH_OK : text_of(self, node, field, SIZE_MAX, &text);

    for (int i = 0; names[i] != NULL && code == WH_OK; i++) {
        if (strcmp(text, names[i]) == 0) {
            *out = i;
            return WH_OK;
        }
        if (names[i][0] != '\0' && size < sizeof expected) {
            const char *between = size == 0 ? "" : names[i + 1] != NULL ? ", " : " or ";
            size += (size_t)snprintf(expected + size, sizeof expected - size, "%s\"%s\"", between, names[i]);
        }
    }
    return code != WH_OK
               ? code
               : whi_fail_field(WH_EINVALID, field, "expected %s, found \"%s\"", expected, shown(text, found));
}

static int set_on_rule_error(apply *self, uint32_t node) {
    return name_of(self, node, "on_rule_error", whi_rule_failure_names, &self->subscription->on_rule_error);
}

static int set_profile(apply *self, uint32_t node) {
    int index = 0, code = name_of(self, node, "profile", whi_system_names, &index);

    self->subscription->system = whi_system_at((size_t)index);
    return code;
}

static int set_order(apply *self, uint32_t node) {
    return name_of(self, node, "order", whi_order_names, &self->subscription->order);
}

static int set_encoding(apply *self, uint32_t node) {
    return name_of(self, node, "encoding", encoding_names, &self->subscription->encoding);
}

static int set_data(apply *self, uint32_t node) {
    return name_of(self, node, "data", data_names, &self->subscription->data);
}

static int set_source(apply *self, uint32_t node) {
    char **place = &self->subscription->source;
    int code = optional_text(self, node, "source", SIZE_MAX, place);

    return code != WH_OK || *place == NULL || whi_type_check(*place) == WH_OK
               ? code
               : whi_fail_field(WH_EINVALID, "source", "expected 1 to 128 of A-Z a-z 0-9 . _ : - /");
}

static int set_details(apply *self, uint32_t node) {
    return set_object(self, node, "details", &self->subscription->details);
}

/* The name is copied, since the value is read over it. */
static int read_header(apply *self, uint32_t node, char **out) {
    char name[WHI_HEADER_NAME_MAXIMUM + 1], label[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *text = NULL;
    int code = text_of(self, node, "headers", WHI_HEADER_NAME_MAXIMUM, &text);

    if (code != WH_OK) {
        return code;
    }
    snprintf(name, sizeof name, "%s", text);
    snprintf(label, sizeof label, "headers.%s", name);
    code = text_of(self, node + 1, label, WHI_HEADER_BYTES, &text);
    return code == WH_OK ? whi_header_line(name, text, out) : code;
}

static int is_repeated(char *const *lines, size_t count, const char *line) {
    size_t name = strcspn(line, ":;");

    for (size_t i = 0; i < count; i++) {
        if (strcspn(lines[i], ":;") == name && whi_ascii_same_part(lines[i], line, name)) {
            return 1;
        }
    }
    return 0;
}

static int read_headers(apply *self, uint32_t node, char **lines, size_t *count) {
    char label[WHI_HEADER_NAME_MAXIMUM + 16];
    const char *line;
    size_t bytes = 0;
    int code = WH_OK;

    for (uint32_t at = whi_json_first(self->json, node); at != WHI_JSON_NONE;
         at = whi_json_next_name(self->json, node, at)) {
        code = read_header(self, at, &lines[*count]);
        if (code != WH_OK) {
            return code;
        }
        line = lines[(*count)++];
        bytes += strlen(line);
        if (is_repeated(lines, *count - 1, line)) {
            snprintf(label, sizeof label, "headers.%.*s", (int)strcspn(line, ":;"), line);
            return whi_fail_field(WH_EINVALID, label, "given twice");
        }
    }
    return bytes <= WHI_HEADER_BYTES ? code : whi_fail_size("headers", bytes, WHI_HEADER_BYTES);
}

static int set_headers(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t most = self->json->nodes[node].count, count = 0;
    char **lines = NULL;
    int code = WH_OK;

    if (!is_null(self, node) && !is_type(self, node, WHI_JSON_OBJECT)) {
        return fail_value(self, node, "headers", "an object of names and texts");
    }
    code = check_count(self, node, "headers", 0, WHI_SUBSCRIPTION_HEADERS, "members");
    if (code == WH_OK && most > 0) {
        lines = whi_calloc(most, sizeof(char *));
        code = lines != NULL ? read_headers(self, node, lines, &count) : whi_fail_memory();
    }
    if (code != WH_OK) {
        whi_subscription_free_texts(lines, lines != NULL ? most : 0);
        return code;
    }
    whi_subscription_free_texts(s->headers, s->header_count);
    s->headers = lines;
    s->header_count = count;
    return WH_OK;
}

/* Without any only systems that may go unsigned send. */
static int set_secrets(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    size_t count;
    char **texts;
    size_t least = self->json->nodes[node].count == 0 ? 0 : 1; /* none is judged when the system is known */
    int code = text_list(self, node, "secrets", least, WHI_SUBSCRIPTION_SECRETS, any_text, &texts, &count);

    if (code != WH_OK) {
        return code;
    }
    whi_subscription_free_texts(s->secrets, s->secret_count);
    s->secrets = texts;
    s->secret_count = count;
    self->no_secrets = count == 0 && !is_null(self, node);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            if (strcmp(texts[i], texts[k]) == 0) {
                return whi_fail_item(WH_EINVALID, "secrets", i, "given twice");
            }
        }
    }
    return WH_OK;
}

static int set_retry(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    const whi_json_node *nodes = self->json->nodes;
    uint32_t count = nodes[node].count, at = node + 1;
    int64_t *list;
    int code;

    if (is_null(self, node)) {
        whi_free(s->retry);
        s->retry = NULL;
        s->retry_count = 0;
        return WH_OK;
    }
    if (!is_type(self, node, WHI_JSON_ARRAY)) {
        return fail_value(self, node, "retry", "a list of integers (milliseconds)");
    }
    code = check_count(self, node, "retry", 1, WHI_RETRY_MAXIMUM, "integers");
    if (code != WH_OK) {
        return code;
    }
    list = whi_calloc(count, sizeof *list);
    if (list == NULL) {
        return whi_fail_memory();
    }
    for (uint32_t i = 0; i < count; i++, at = nodes[at].next) {
        code = integer_of(self, at, NULL, 0, WHI_RETRY_DELAY_MAXIMUM, &list[i]);
        if (code != WH_OK) {
            whi_free(list);
            return whi_fail_within_item(code, "retry", i);
        }
    }
    whi_free(s->retry);
    s->retry = list;
    s->retry_count = count;
    return WH_OK;
}

static int set_timeout(apply *self, uint32_t node) {
    self->subscription->timeout = 0;
    return is_null(self, node)
               ? WH_OK
               : integer_of(self, node, "timeout", TIMEOUT_MINIMUM, TIMEOUT_MAXIMUM, &self->subscription->timeout);
}

static int set_concurrency(apply *self, uint32_t node) {
    int64_t number = WHI_CONCURRENCY_DEFAULT;
    int code = is_null(self, node) ? WH_OK : integer_of(self, node, "concurrency", 1, WHI_CONCURRENCY_MAXIMUM, &number);

    self->subscription->concurrency = (int)number;
    return code;
}

/* A client that knows true and false alone, and writes back what it read, must not make a pause that holds one that
 * drops. */
static int set_paused(apply *self, uint32_t node) {
    whi_subscription *s = self->subscription;
    int is_true = is_type(self, node, WHI_JSON_TRUE);

    s->is_paused_said = 1;
    if (is_true || is_type(self, node, WHI_JSON_FALSE) || is_null(self, node)) {
        s->paused = !is_true ? WHI_RUNS : s->paused == WHI_PAUSE_HOLDS ? WHI_PAUSE_HOLDS : WHI_PAUSE_DROPS;
    } else if (whi_json_string_is(self->json, node, "hold", 4)) {
        s->paused = WHI_PAUSE_HOLDS;
    } else if (whi_json_string_is(self->json, node, "drop", 4)) {
        s->paused = WHI_PAUSE_DROPS;
    } else {
        return fail_value(self, node, "paused", "true, false, \"hold\" or \"drop\"");
    }
    return WH_OK;
}

static int set_insecure(apply *self, uint32_t node) {
    return flag_of(self, node, "insecure", &self->subscription->insecure);
}

static int set_http2(apply *self, uint32_t node) {
    return flag_of(self, node, "http2", &self->subscription->http2);
}

static int time_of(apply *self, uint32_t node, const char *field, int64_t *out) {
    const char *text = NULL;
    int code = is_null(self, node) ? WH_OK : text_of(self, node, field, TIME_BYTES, &text);

    *out = 0;
    return code == WH_OK && text != NULL && whi_time_parse(text, out) != WH_OK
               ? whi_fail_field(WH_EINVALID, field, "expected a time like 2026-11-21T10:00:00.000Z")
               : code;
}

static int set_single_use(apply *self, uint32_t node) {
    return flag_of(self, node, "single_use", &self->subscription->single_use);
}

static int set_expires_at(apply *self, uint32_t node) {
    static const char field[] = "expires_at";
    int64_t *out = &self->subscription->expires_at;
    const char *text;
    int code;

    *out = 0;
    if (is_null(self, node)) {
        return WH_OK;
    }
    if (is_type(self, node, WHI_JSON_NUMBER)) {
        code = integer_of(self, node, field, INT64_MIN, INT64_MAX, out);
        return code == WH_OK && !self->stored ? whi_time_check(field, *out) : code;
    }
    if (self->stored) { /* of a time when any was taken */
        return time_of(self, node, field, out);
    }
    code = text_of(self, node, field, TIME_BYTES, &text);
    return code == WH_OK ? whi_time_read(field, text, out) : code;
}

/* ------------------------------------------------ what only the engine writes */

static int set_disabled(apply *self, uint32_t node) {
    return optional_text(self, node, "disabled", NAME_MAXIMUM, &self->subscription->disabled);
}

static int set_created_at(apply *self, uint32_t node) {
    return time_of(self, node, "created_at", &self->subscription->created_at);
}

static int set_updated_at(apply *self, uint32_t node) {
    return time_of(self, node, "updated_at", &self->subscription->updated_at);
}

static int set_id(apply *self, uint32_t node) {
    const char *text = NULL;
    int code = text_of(self, node, "id", WH_ID_SIZE, &text);

    if (code == WH_OK && whi_ident_parse("sub_", text, &self->subscription->id) != WH_OK) {
        code = whi_fail_field(WH_EINVALID, "id", "expected \"sub_\" and %d letters and digits", WHI_IDENT_DIGITS);
    }
    return code;
}

static int set_version(apply *self, uint32_t node) {
    return integer_of(self, node, "version", 0, INT64_MAX, &self->subscription->version);
}

/* Of how it is going, which is written beside what is kept. */
static int pass_over(apply *self, uint32_t node) {
    (void)self;
    (void)node;
    return WH_OK;
}

/* ------------------------------------------------------------------- the table */

typedef struct field {
    const char *name;
    int (*set)(apply *self, uint32_t node);
    int stored; /* 1: written by the engine, read only from the store */
} field;

static const field fields[] = {
    { "id", set_id, 1 },
    { "url", set_url, 0 },
    { "events", set_events, 0 },
    { "tenant", set_tenant, 0 },
    { "name", set_name, 0 },
    { "rule", set_rule, 0 },
    { "fields", set_fields, 0 },
    { "filters", set_filters, 0 },
    { "on_rule_error", set_on_rule_error, 0 },
    { "headers", set_headers, 0 },
    { "metadata", set_metadata, 0 },
    { "paused", set_paused, 0 },
    { "secrets", set_secrets, 0 },
    { "retry", set_retry, 0 },
    { "timeout", set_timeout, 0 },
    { "concurrency", set_concurrency, 0 },
    { "insecure", set_insecure, 0 },
    { "http2", set_http2, 0 },
    { "source", set_source, 0 },
    { "order", set_order, 0 },
    { "single_use", set_single_use, 0 },
    { "expires_at", set_expires_at, 0 },
    { "profile", set_profile, 0 },
    { "encoding", set_encoding, 0 },
    { "data", set_data, 0 },
    { "details", set_details, 0 },
    { "version", set_version, 1 },
    { "disabled", set_disabled, 1 },
    { "created_at", set_created_at, 1 },
    { "updated_at", set_updated_at, 1 },
    { "health", pass_over, 1 },
    { "failing_since", pass_over, 1 },
    { "last_success_at", pass_over, 1 },
    { "last_failure_at", pass_over, 1 },
    { "last_error", pass_over, 1 },
    { "waiting", pass_over, 1 },
    { "oldest_waiting_at", pass_over, 1 },
};

#define FIELDS (sizeof fields / sizeof fields[0])
_Static_assert(FIELDS <= 64, "a bit for each");

/* 1 if one letter more, less or other makes the one of the other. */
static int is_near(const char *a, const char *b) {
    size_t size_a = strlen(a), size_b = strlen(b), head = 0, tail = 0;

    if (size_a > size_b) {
        return is_near(b, a);
    }
    if (size_b - size_a > 1) {
        return 0;
    }
    while (head < size_a && a[head] == b[head]) {
        head++;
    }
    while (tail < size_a - head && a[size_a - 1 - tail] == b[size_b - 1 - tail]) {
        tail++;
    }
    return size_b - head - tail <= 1;
}

/* Those that the engine writes itself are none that one may write. */
static void list_fields(char *out, size_t room) {
    size_t used = 0;

    for (size_t i = 0; i < FIELDS && used < room; i++) {
        if (!fields[i].stored) {
            used += (size_t)snprintf(out + used, room - used, "%s%s", used == 0 ? "" : ", ", fields[i].name);
        }
    }
}

static int unknown(const char *name) {
    char found[SHOWN], known[WHI_ERROR_SIZE] = "";

    for (size_t i = 0; i < FIELDS; i++) {
        if (is_near(name, fields[i].name)) {
            return whi_fail_field(WH_EINVALID, shown(name, found), "unknown field, did you mean \"%s\"?",
                                  fields[i].name);
        }
    }
    list_fields(known, sizeof known);
    return whi_fail_field(WH_EINVALID, shown(name, found), "unknown field, expected one of: %s", known);
}

/* Other systems' secrets are texts of their own kinds. */
static int check_secret(const whi_system *system, const char *text) {
    size_t size = strlen(text);

    if (system->check_secret != NULL) {
        return system->check_secret(text);
    }
    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f) {
            return whi_fail(WH_ESECRET, "expected a text without control characters");
        }
    }
    return size > 0 && size < WH_SECRET_SIZE
               ? WH_OK
               : whi_fail(WH_ESECRET, "expected a text of 1 to %d bytes, found %zu", WH_SECRET_SIZE - 1, size);
}

/* What the system wants of the secrets, whichever of the two came first. */
static int check_secrets(const apply *self) {
    const whi_subscription *s = self->subscription;
    int code = WH_OK;

    if (self->no_secrets && !(s->system->asks & WHI_MAY_GO_UNSIGNED)) {
        return whi_fail_field(WH_EINVALID, "secrets", "expected 1 to %d texts, found 0", WHI_SUBSCRIPTION_SECRETS);
    }
    for (size_t i = 0; i < s->secret_count && code == WH_OK; i++) {
        code = check_secret(s->system, s->secrets[i]);
        code = code == WH_OK ? WH_OK : whi_fail_renamed_item(code, "secrets", i);
    }
    return code;
}

static int apply_members(apply *self) {
    uint64_t given = 0;

    for (uint32_t at = whi_json_first(self->json, 0); at != WHI_JSON_NONE; at = whi_json_next_name(self->json, 0, at)) {
        const char *name = NULL;
        size_t i = 0;
        int code = text_of(self, at, NULL, SIZE_MAX, &name);
        if (code != WH_OK) {
            return code == WH_ENOMEM ? code : whi_fail_within(code, "a field's name");
        }
        while (i < FIELDS && (name[0] != fields[i].name[0] || strcmp(name, fields[i].name) != 0)) {
            i++;
        }
        if (i == FIELDS) {
            return unknown(name);
        }
        if (given >> i & 1) {
            return whi_fail_field(WH_EINVALID, fields[i].name, "given twice");
        }
        given |= (uint64_t)1 << i;
        code = self->stored || !fields[i].stored ? fields[i].set(self, at + 1) : WH_OK;
        if (code != WH_OK) {
            return code;
        }
    }
    return self->stored ? WH_OK : check_secrets(self);
}

int whi_document_scan(whi_json *json, const char *document, size_t size, int depth) {
    int code = whi_json_scan(json, document, size, depth);

    if (code != WH_OK) {
        return code == WH_ENOMEM ? code : whi_fail_within_field(code, "document");
    }
    return json->nodes[0].type == WHI_JSON_OBJECT ? WH_OK
                                                  : whi_fail_field(WH_EINVALID, "document", "expected an object");
}

int whi_subscription_apply(whi_subscription *subscription, const char *document, size_t size, size_t rule_maximum,
                           int stored) {
    whi_json json = { 0 };
    apply self = { subscription, &json, rule_maximum, stored, 0, { 0 } };
    int code = whi_document_scan(&json, document, size, DEPTH_MAXIMUM);

    whi_buf_init(&self.scratch, SIZE_MAX / 4);
    whi_buf_reserve(&self.scratch, size); /* growing would leave secrets in freed memory */
    code = code == WH_OK ? whi_buf_status(&self.scratch) : code;
    code = code == WH_OK ? apply_members(&self) : code;
    whi_wipe(self.scratch.data, self.scratch.capacity); /* secrets went through it */
    whi_buf_free(&self.scratch);
    whi_json_free(&json);
    return code;
}
