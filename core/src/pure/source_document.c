#include "pure/source_document.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/source_path.h"
#include "pure/url.h"
#include "webhook_source.h"

#define DAY INT64_C(86400000)
#define FIELD_SIZE 128
#define TYPE_MAXIMUM 64

/* ------------------------------------------------------------------------- reading
 *
 * A table for each object: the member's name, how it is read, and where it goes. */

typedef struct reader {
    whi_source_document *out;
    char field[FIELD_SIZE]; /* of what is read: "auth.token" */
} reader;

typedef struct member {
    const char *name;
    int (*read)(reader *self, uint32_t node, const struct member *which, void *to);
    size_t place;             /* in the struct of its object */
    int64_t least, most;      /* of a number */
    const char *const *words; /* of a word: NULL at the end; its index is kept */
} member;

static int wrong(const reader *self, uint32_t node, const char *expected) {
    size_t size;
    const char *text = whi_json_span(&self->out->json, node, &size);

    if (strncmp(self->field, "auth", 4) == 0 || strncmp(self->field, "headers", 7) == 0) {
        return whi_fail_field(WH_EINVALID, self->field, "expected %s", expected); /* what is found may be a secret */
    }
    return whi_fail_field(WH_EINVALID, self->field, "expected %s, found %.*s", expected, size < 40 ? (int)size : 40,
                          text);
}

static int own(reader *self, char *text) {
    whi_source_document *out = self->out;

    if (text != NULL && out->owned_count == out->owned_room) {
        size_t room = out->owned_room ? out->owned_room * 2 : 32;
        char **grown = whi_realloc(out->owned, room * sizeof *grown);

        if (grown == NULL) {
            whi_free_secret(text, strlen(text));
            return whi_fail_memory();
        }
        out->owned = grown;
        out->owned_room = room;
    }
    if (text == NULL) {
        return whi_fail_memory();
    }
    out->owned[out->owned_count++] = text;
    return WH_OK;
}

/* A string's or name's content, kept. */
static int take_text(reader *self, uint32_t node, const char **to) {
    whi_buf scratch;
    size_t size;
    const char *text;
    char *copy;
    int code;

    whi_buf_init(&scratch, WHI_SOURCE_BYTES);
    text = whi_json_string(&self->out->json, node, &scratch, &size);
    copy = text != NULL ? whi_strdup(text, size) : NULL;
    code = own(self, copy);
    if (scratch.capacity > 0) {
        whi_wipe(scratch.data, scratch.capacity);
    }
    whi_buf_free(&scratch);
    *to = code == WH_OK ? copy : NULL;
    return code == WH_OK && strlen(copy) != size ? wrong(self, node, "a text without a zero byte") : code;
}

static int is_text(const reader *self, uint32_t node) {
    return self->out->json.nodes[node].type == WHI_JSON_STRING;
}

static int read_text(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    return is_text(self, node) ? take_text(self, node, to) : wrong(self, node, "a text");
}

static int read_filled(reader *self, uint32_t node, const member *which, void *to) {
    const char **text = to;
    int code = read_text(self, node, which, to);

    return code == WH_OK && **text == '\0' ? wrong(self, node, "a text that is not empty") : code;
}

static int read_path(reader *self, uint32_t node, const member *which, void *to) {
    const char **text = to;
    int code = read_text(self, node, which, to);

    return code == WH_OK ? whi_source_path_check(self->field, *text) : code;
}

static int read_number(reader *self, uint32_t node, const member *which, void *to) {
    char expected[80];
    int64_t *number = to;

    if (self->out->json.nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(&self->out->json, node, number) ||
        *number < which->least || *number > which->most) {
        snprintf(expected, sizeof expected, "%lld to %lld", (long long)which->least, (long long)which->most);
        return wrong(self, node, expected);
    }
    return WH_OK;
}

static int read_flag(reader *self, uint32_t node, const member *which, void *to) {
    int type = self->out->json.nodes[node].type;

    (void)which;
    *(int *)to = type == WHI_JSON_TRUE;
    return type == WHI_JSON_TRUE || type == WHI_JSON_FALSE ? WH_OK : wrong(self, node, "true or false");
}

static int read_word(reader *self, uint32_t node, const member *which, void *to) {
    char expected[160] = "one of";

    for (int i = 0; which->words[i] != NULL; i++) {
        size_t used = strlen(expected);

        if (is_text(self, node) &&
            whi_json_string_is(&self->out->json, node, which->words[i], strlen(which->words[i]))) {
            *(int *)to = i;
            return WH_OK;
        }
        snprintf(expected + used, sizeof expected - used, "%s %s", i > 0 ? "," : "", which->words[i]);
    }
    return wrong(self, node, expected);
}

static int fail_member(const reader *self, uint32_t name, const member *table) {
    char expected[360] = "";
    size_t size, used;
    const char *text = whi_json_span(&self->out->json, name, &size);

    for (; table->name != NULL; table++) {
        used = strlen(expected);
        snprintf(expected + used, sizeof expected - used, "%s%s", used > 0 ? ", " : "", table->name);
    }
    return whi_fail_field(WH_EINVALID, self->field[0] != '\0' ? self->field : "document",
                          "unknown member %.*s, expected %s", size < 40 ? (int)size : 40, text, expected);
}

/* Appends a member's name to the field. Returns where it was. */
static size_t enter(reader *self, const char *name) {
    size_t before = strlen(self->field);

    snprintf(self->field + before, sizeof self->field - before, "%s%.60s", before > 0 ? "." : "", name);
    return before;
}

static int read_member(reader *self, uint32_t name, const member *table, void *base) {
    for (const member *one = table; one->name != NULL; one++) {
        if (whi_json_string_is(&self->out->json, name, one->name, strlen(one->name))) {
            size_t before = enter(self, one->name);
            int code = self->out->json.nodes[name + 1].type == WHI_JSON_NULL
                           ? WH_OK
                           : one->read(self, name + 1, one, (char *)base + one->place);

            self->field[before] = code == WH_OK ? '\0' : self->field[before];
            return code;
        }
    }
    return fail_member(self, name, table);
}

static int read_object(reader *self, uint32_t node, const member *table, void *base) {
    const whi_json *json = &self->out->json;
    int code = WH_OK;

    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return wrong(self, node, "an object");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_member(self, at, table, base);
    }
    return code;
}

/* ------------------------------------------------------------------- pairs and lists */

static int read_pair(reader *self, uint32_t name, whi_source_pairs *pairs) {
    whi_source_pair *pair = &pairs->list[pairs->count];
    size_t before;
    int code;

    if (pairs->count == WHI_SOURCE_PAIRS) {
        return whi_fail_field(WH_ELIMIT, self->field, "more than %d members", WHI_SOURCE_PAIRS);
    }
    code = take_text(self, name, &pair->name);
    if (code != WH_OK) {
        return code;
    }
    before = enter(self, pair->name);
    code = read_filled(self, name + 1, NULL, &pair->value);
    pairs->count += code == WH_OK;
    self->field[before] = code == WH_OK ? '\0' : self->field[before];
    return code;
}

static int read_pairs(reader *self, uint32_t node, const member *which, void *to) {
    const whi_json *json = &self->out->json;
    int code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_OBJECT) {
        return wrong(self, node, "an object of texts");
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_pair(self, at, to);
    }
    return code;
}

static int read_names(reader *self, uint32_t node, const member *which, void *to) {
    const whi_json *json = &self->out->json;
    whi_source_names *names = to;
    int code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_ARRAY) {
        return wrong(self, node, "a list of texts");
    }
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        if (names->count == WHI_SOURCE_NAMES) {
            return whi_fail_field(WH_ELIMIT, self->field, "more than %d", WHI_SOURCE_NAMES);
        }
        code = read_filled(self, at, NULL, &names->list[names->count]);
        names->count += code == WH_OK;
    }
    return code;
}

/* ------------------------------------------------------------------------- objects */

static const char *const login_words[] = { "none", "bearer", "basic", "header", "query", "oauth2", NULL };
static const char *const place_words[] = { "header", "body", NULL };
static const char *const paging_words[] = { "none", "cursor", "offset", "page", "link", "url", NULL };
static const char *const time_words[] = { "iso", "seconds", "milliseconds", NULL };
static const char *const etag_words[] = { "one_page", "first_page", "never", NULL };

#define AUTH(member) offsetof(whi_source_auth, member)
static const member auth_members[] = {
    { "type", read_word, AUTH(type), 0, 0, login_words },
    { "token", read_filled, AUTH(token), 0, 0, NULL },
    { "username", read_filled, AUTH(username), 0, 0, NULL },
    { "password", read_text, AUTH(password), 0, 0, NULL },
    { "name", read_filled, AUTH(name), 0, 0, NULL },
    { "value", read_filled, AUTH(value), 0, 0, NULL },
    { "token_url", read_filled, AUTH(token_url), 0, 0, NULL },
    { "client_id", read_filled, AUTH(client_id), 0, 0, NULL },
    { "client_secret", read_filled, AUTH(client_secret), 0, 0, NULL },
    { "scope", read_filled, AUTH(scope), 0, 0, NULL },
    { "audience", read_filled, AUTH(audience), 0, 0, NULL },
    { "credentials_in", read_word, AUTH(in_body), 0, 0, place_words },
    { NULL, NULL, 0, 0, 0, NULL },
};

#define PAGES(member) offsetof(whi_source_pages, member)
static const member paging_members[] = {
    { "by", read_word, PAGES(by), 0, 0, paging_words },       { "next", read_path, PAGES(next), 0, 0, NULL },
    { "last", read_path, PAGES(last), 0, 0, NULL },           { "more", read_path, PAGES(more), 0, 0, NULL },
    { "total", read_path, PAGES(total), 0, 0, NULL },         { "pages", read_path, PAGES(last_page), 0, 0, NULL },
    { "first", read_number, PAGES(first), 0, 1000000, NULL }, { NULL, NULL, 0, 0, 0, NULL },
};

#define MOST(member) offsetof(whi_source_most, member)
static const member most_members[] = {
    { "pages", read_number, MOST(pages), 1, 1000000, NULL },
    { "bytes", read_number, MOST(bytes), 1, INT64_C(1) << 40, NULL },
    { "seconds", read_number, MOST(seconds), 1, 86400, NULL },
    { "page_bytes", read_number, MOST(page_bytes), 1, INT64_C(1) << 26, NULL },
    { "request_seconds", read_number, MOST(request_seconds), 1, 600, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static int read_auth(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    return read_object(self, node, auth_members, to);
}

static int read_paging(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    return read_object(self, node, paging_members, to);
}

static int read_most(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    return read_object(self, node, most_members, to);
}

static int read_node(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    if (self->out->json.nodes[node].type < WHI_JSON_ARRAY) {
        return wrong(self, node, "an object or a list");
    }
    *(uint32_t *)to = node;
    return WH_OK;
}

static int read_scalar(reader *self, uint32_t node, const member *which, void *to) {
    (void)which;
    if (self->out->json.nodes[node].type >= WHI_JSON_ARRAY) {
        return wrong(self, node, "a text, a number, true or false");
    }
    *(uint32_t *)to = node;
    return WH_OK;
}

#define PLACE(member) offsetof(whi_source_document, member)
static const member graphql_members[] = {
    { "query", read_filled, PLACE(graphql), 0, 0, NULL },
    { "variables", read_node, PLACE(body), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static const member deleted_members[] = {
    { "path", read_path, PLACE(deleted), 0, 0, NULL },
    { "is", read_scalar, PLACE(deleted_is), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static int read_graphql(reader *self, uint32_t node, const member *which, void *to) {
    int code = read_object(self, node, graphql_members, self->out);

    (void)which;
    (void)to;
    return code == WH_OK && self->out->graphql == NULL
               ? whi_fail_field(WH_EINVALID, "graphql.query", "expected a text, found none")
               : code;
}

static int read_deleted(reader *self, uint32_t node, const member *which, void *to) {
    int code;

    if (is_text(self, node)) {
        return read_path(self, node, which, to);
    }
    code = read_object(self, node, deleted_members, self->out);
    return code == WH_OK && self->out->deleted == NULL
               ? whi_fail_field(WH_EINVALID, "deleted.path", "expected a path, found none")
               : code;
}

static int read_can(reader *self, uint32_t node, const member *which, void *to) {
    static const char *const words[] = { "all", "changes", "deleted", NULL };
    static const struct member word = { .words = words };
    const whi_json *json = &self->out->json;
    int ability, code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_ARRAY || json->nodes[node].count == 0) {
        return wrong(self, node, "a list of all, changes and deleted");
    }
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        code = read_word(self, at, &word, &ability);
        *(unsigned *)to |= code == WH_OK ? 1U << ability : 0;
    }
    return code;
}

static const member members[] = {
    { "object_type", read_filled, PLACE(object_type), 0, 0, NULL },
    { "name", read_text, PLACE(name), 0, 0, NULL },
    { "url", read_filled, PLACE(url), 0, 0, NULL },
    { "method", read_filled, PLACE(method), 0, 0, NULL },
    { "query", read_pairs, PLACE(query), 0, 0, NULL },
    { "headers", read_pairs, PLACE(headers), 0, 0, NULL },
    { "body", read_node, PLACE(body), 0, 0, NULL },
    { "graphql", read_graphql, 0, 0, 0, NULL },
    { "auth", read_auth, PLACE(auth), 0, 0, NULL },
    { "items", read_path, PLACE(items), 0, 0, NULL },
    { "id", read_path, PLACE(id), 0, 0, NULL },
    { "updated_at", read_path, PLACE(updated_at), 0, 0, NULL },
    { "created_at", read_path, PLACE(created_at), 0, 0, NULL },
    { "deleted", read_deleted, PLACE(deleted), 0, 0, NULL },
    { "state", read_path, PLACE(state), 0, 0, NULL },
    { "time", read_word, PLACE(time), 0, 0, time_words },
    { "paging", read_paging, PLACE(paging), 0, 0, NULL },
    { "limit", read_number, PLACE(limit), 1, 100000, NULL },
    { "most", read_most, PLACE(most), 0, 0, NULL },
    { "hosts", read_names, PLACE(hosts), 0, 0, NULL },
    { "can", read_can, PLACE(can), 0, 0, NULL },
    { "filters", read_names, PLACE(filters), 0, 0, NULL },
    { "required", read_names, PLACE(required), 0, 0, NULL },
    { "full_every", read_number, PLACE(full_every), 0, 365 * DAY, NULL },
    { "etag", read_word, PLACE(etag), 0, 0, etag_words },
    { "fields", read_text, PLACE(fields), 0, 0, NULL },
    { "map", read_pairs, PLACE(map), 0, 0, NULL },
    { "rule", read_filled, PLACE(rule), 0, 0, NULL },
    { "raw", read_flag, PLACE(raw), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

/* ------------------------------------------------------------------------ checking */

static int is_type_letter(char letter) {
    return whi_ascii_is_letter(letter) || whi_ascii_is_digit(letter) || strchr("_.-", letter) != NULL;
}

static int check_object_type(const whi_source_document *out) {
    size_t size = out->object_type != NULL ? strlen(out->object_type) : 0;

    for (size_t i = 0; i < size; i++) {
        if (!is_type_letter(out->object_type[i])) {
            size = 0;
        }
    }
    return size > 0 && size <= TYPE_MAXIMUM
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "object_type", "expected 1 to %d of A-Z a-z 0-9 . _ -", TYPE_MAXIMUM);
}

/* A token of RFC 9110. */
static int check_name(const char *field, const char *name) {
    size_t size = strlen(name);

    for (size_t i = 0; i < size; i++) {
        if (!whi_ascii_is_letter(name[i]) && !whi_ascii_is_digit(name[i]) &&
            strchr("!#$%&'*+-.^_`|~", name[i]) == NULL) {
            size = 0;
        }
    }
    return size > 0 ? WH_OK : whi_fail_field(WH_EINVALID, field, "expected the name of a header");
}

/* What the request says of itself, and what would make two requests of one. */
static int check_header(const char *field, const whi_source_pair *pair) {
    static const char *const ours[] = { "host",         "content-length", "transfer-encoding",
                                        "connection",   "expect",         "upgrade",
                                        "te",           "trailer",        "accept-encoding",
                                        "if-none-match" };
    int code = check_name(field, pair->name);

    for (size_t i = 0; code == WH_OK && i < sizeof ours / sizeof ours[0]; i++) {
        if (whi_ascii_same(pair->name, ours[i])) {
            return whi_fail_field(WH_EINVALID, field, "is set by the library");
        }
    }
    for (const char *at = pair->value; code == WH_OK && *at != '\0'; at++) {
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return whi_fail_field(WH_EINVALID, field, "has a control character");
        }
    }
    return code;
}

static int check_templates(whi_source_document *out, const char *field, const whi_source_pairs *pairs) {
    char name[FIELD_SIZE];
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < pairs->count; i++) {
        snprintf(name, sizeof name, "%s.%.60s", field, pairs->list[i].name);
        code = whi_source_template_check(name, pairs->list[i].value, out->filters.list, &out->uses);
        code = code == WH_OK && pairs == &out->headers ? check_header(name, &pairs->list[i]) : code;
    }
    return code;
}

/* All texts of the body; of GraphQL, of its variables. */
static int check_body(reader *self) {
    whi_source_document *out = self->out;
    const char *field = out->graphql != NULL ? "graphql.variables" : "body", *text;
    int code = WH_OK;

    if (out->body == WHI_JSON_NONE) {
        return WH_OK;
    }
    for (uint32_t at = out->body; code == WH_OK && at < out->json.nodes[out->body].next; at++) {
        if (out->json.nodes[at].type == WHI_JSON_STRING) {
            snprintf(self->field, sizeof self->field, "%s", field);
            code = take_text(self, at, &text);
            code = code == WH_OK ? whi_source_template_check(field, text, out->filters.list, &out->uses) : code;
        }
    }
    return code;
}

/* The URL as it is with values: what is wrong with it is told now, not with the first request. */
static int check_url(whi_source_document *out) {
    static const whi_source_values sample = { "t", "c", "o", "f", "1", "s", 0, 1, 1, WHI_SOURCE_SECONDS, NULL };
    whi_url url;
    whi_buf filled;
    int code;

    if (out->url == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected one, found none");
    }
    code = whi_source_template_check("url", out->url, out->filters.list, &out->uses);
    code = code == WH_OK ? whi_source_host_check(out->url) : code;
    if (code == WH_OK && strchr(out->url, '#') != NULL) {
        code = whi_fail_field(WH_EINVALID, "url", "expected none of the fragment behind \"#\"");
    }
    whi_buf_init(&filled, WHI_SOURCE_BYTES);
    code =
        code == WH_OK && strstr(out->url, "{filters.") == NULL ? whi_source_fill_url(&filled, out->url, &sample) : code;
    code = code == WH_OK && filled.size > 0 ? whi_url_parse(&url, filled.data) : code;
    whi_buf_free(&filled);
    return code;
}

static int check_method(whi_source_document *out) {
    int has_body = out->body != WHI_JSON_NONE || out->graphql != NULL;

    if (out->method == NULL) {
        out->method = has_body ? "POST" : "GET";
    }
    if (strcmp(out->method, "GET") != 0 && strcmp(out->method, "POST") != 0) {
        return whi_fail_field(WH_EINVALID, "method", "expected GET or POST, found \"%.20s\"", out->method);
    }
    return has_body && strcmp(out->method, "GET") == 0
               ? whi_fail_field(WH_EINVALID, "method", "expected POST, since there is a body")
               : WH_OK;
}

static int check_secret(const char *field, const char *value) {
    char name[FIELD_SIZE];

    snprintf(name, sizeof name, "auth.%s", field);
    if (value == NULL) {
        return whi_fail_field(WH_EINVALID, name, "expected one, found none");
    }
    for (; *value != '\0'; value++) {
        if ((unsigned char)*value < ' ' || *value == 0x7f) {
            return whi_fail_field(WH_EINVALID, name, "has a control character");
        }
    }
    return WH_OK;
}

/* Two of a kind would be no login that anybody meant. */
static int check_authorization(const whi_source_document *out) {
    int type = out->auth.type;

    for (size_t i = 0; i < out->headers.count; i++) {
        const char *name = out->headers.list[i].name;

        if ((type == WHI_SOURCE_BEARER || type == WHI_SOURCE_BASIC || type == WHI_SOURCE_OAUTH2) &&
            whi_ascii_same(name, "authorization")) {
            return whi_fail_field(WH_EINVALID, "headers.authorization", "is set by auth");
        }
    }
    return WH_OK;
}

static int check_auth(const whi_source_auth *auth) {
    static const whi_source_pair nothing = { "x", "" };
    const struct {
        int type;
        const char *name, *value;
    } needs[] = {
        { WHI_SOURCE_BEARER, "token", auth->token },
        { WHI_SOURCE_BASIC, "username", auth->username },
        { WHI_SOURCE_BASIC, "password", auth->password },
        { WHI_SOURCE_HEADER, "name", auth->name },
        { WHI_SOURCE_HEADER, "value", auth->value },
        { WHI_SOURCE_PARAMETER, "name", auth->name },
        { WHI_SOURCE_PARAMETER, "value", auth->value },
        { WHI_SOURCE_OAUTH2, "token_url", auth->token_url },
        { WHI_SOURCE_OAUTH2, "client_id", auth->client_id },
        { WHI_SOURCE_OAUTH2, "client_secret", auth->client_secret },
    };
    whi_source_pair header = nothing;
    whi_url url;
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < sizeof needs / sizeof needs[0]; i++) {
        code = needs[i].type == auth->type ? check_secret(needs[i].name, needs[i].value) : WH_OK;
    }
    if (code == WH_OK && auth->type == WHI_SOURCE_HEADER) {
        header.name = auth->name;
        code = check_header("auth.name", &header);
    }
    if (code == WH_OK && auth->type == WHI_SOURCE_OAUTH2) {
        code = whi_url_parse(&url, auth->token_url);
        code = code == WH_OK ? code : whi_fail_renamed(code, "auth.token_url");
    }
    return code;
}

static int check_paging(whi_source_document *out) {
    const whi_source_pages *pages = &out->paging;
    int asks = pages->by == WHI_SOURCE_CURSOR || pages->by == WHI_SOURCE_OFFSET || pages->by == WHI_SOURCE_NUMBER;

    if (pages->by == WHI_SOURCE_CURSOR && (pages->next == NULL) == (pages->last == NULL)) {
        return whi_fail_field(WH_EINVALID, "paging.next",
                              "expected where the cursor stands: next in the answer, or last in the last item");
    }
    if (pages->by == WHI_SOURCE_CURSOR && pages->last != NULL && pages->more == NULL) {
        return whi_fail_field(WH_EINVALID, "paging.more", "expected where it says that there are more, with last");
    }
    if (pages->by == WHI_SOURCE_URL && pages->next == NULL) {
        return whi_fail_field(WH_EINVALID, "paging.next", "expected where the next page's URL stands, found none");
    }
    if (asks != ((out->uses & WHI_SOURCE_USES_PAGE) != 0)) {
        return whi_fail_field(WH_EINVALID, "paging.by",
                              asks ? "expected {page} in url, query, headers or body"
                                   : "expected cursor, offset or page, since {page} is used");
    }
    return WH_OK;
}

static int check_abilities(whi_source_document *out) {
    int asks = (out->uses & (WHI_SOURCE_USES_CHANGED | WHI_SOURCE_USES_STATE)) != 0;

    if (out->can == 0) {
        out->can = WH_SOURCE_ALL | (asks ? WH_SOURCE_CHANGES : 0U) | (out->deleted != NULL ? WH_SOURCE_DELETED : 0U);
    }
    if ((out->can & WH_SOURCE_CHANGES) && !asks) {
        return whi_fail_field(WH_EINVALID, "can", "expected {changed_since} or {state} in the request for changes");
    }
    if ((out->can & WH_SOURCE_DELETED) && out->deleted == NULL) {
        return whi_fail_field(WH_EINVALID, "can", "expected the member deleted, for what was deleted");
    }
    if ((out->uses & WHI_SOURCE_USES_STATE) && out->state == NULL) {
        return whi_fail_field(WH_EINVALID, "state", "expected where {state} comes from, found none");
    }
    if (!(out->can & (WH_SOURCE_ALL | WH_SOURCE_CHANGES))) {
        return whi_fail_field(WH_EINVALID, "can", "expected all or changes");
    }
    if (out->full_every < 0) {
        out->full_every = (out->can & WH_SOURCE_ALL) && (out->can & WH_SOURCE_CHANGES) ? DAY : 0;
    }
    return WH_OK;
}

static int check_required(const whi_source_document *out) {
    for (size_t i = 0; i < out->required.count; i++) {
        size_t at = 0;
        while (at < out->filters.count && strcmp(out->filters.list[at], out->required.list[i]) != 0) {
            at++;
        }
        if (at == out->filters.count) {
            return whi_fail_field(WH_EINVALID, "required", "expected names that are in filters, found \"%.40s\"",
                                  out->required.list[i]);
        }
    }
    return WH_OK;
}

static int check_map(const whi_source_pair *pair) {
    static const char *const ours[] = { "id", "updated_at", "created_at", "deleted", "raw" };
    char field[FIELD_SIZE];

    snprintf(field, sizeof field, "map.%.60s", pair->name);
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strcmp(pair->name, ours[i]) == 0) {
            return whi_fail_field(WH_EINVALID, field, "is said by the document's member of this name");
        }
    }
    return whi_source_path_check(field, pair->value);
}

static int check_shape(whi_source_document *out) {
    int code = WH_OK;

    if (out->graphql != NULL && out->body != WHI_JSON_NONE && out->json.nodes[out->body].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "graphql.variables", "expected an object");
    }
    for (size_t i = 0; code == WH_OK && i < out->map.count; i++) {
        code = check_map(&out->map.list[i]);
    }
    if (code == WH_OK && out->rule != NULL && (out->fields != NULL || out->map.count > 0)) {
        return whi_fail_field(WH_EINVALID, "rule", "expected either a rule, or fields and map");
    }
    if (code == WH_OK && out->fields != NULL) {
        code = whi_projection_review(out->fields, strlen(out->fields));
        code = code == WH_OK ? whi_projection_parse(&out->projection, out->fields, strlen(out->fields)) : code;
        code = code == WH_OK ? code : whi_fail_within_field(code, "fields");
    }
    return code;
}

static int check(reader *self) {
    whi_source_document *out = self->out;
    int code = check_object_type(out);

    code = code == WH_OK ? check_url(out) : code;
    code = code == WH_OK ? check_templates(out, "query", &out->query) : code;
    code = code == WH_OK ? check_templates(out, "headers", &out->headers) : code;
    code = code == WH_OK ? check_body(self) : code;
    code = code == WH_OK ? check_method(out) : code;
    code = code == WH_OK ? check_auth(&out->auth) : code;
    code = code == WH_OK ? check_authorization(out) : code;
    code = code == WH_OK ? check_paging(out) : code;
    code = code == WH_OK ? check_abilities(out) : code;
    code = code == WH_OK ? check_required(out) : code;
    return code == WH_OK ? check_shape(out) : code;
}

static void set_defaults(whi_source_document *out) {
    *out = (whi_source_document){ .body = WHI_JSON_NONE, .deleted_is = WHI_JSON_NONE, .full_every = -1, .limit = 100 };
    out->items = "";
    out->id = "id";
    out->paging.first = -1;
    out->most = (whi_source_most){ 10000, INT64_C(1) << 28, 600, INT64_C(1) << 24, 30 };
}

/* A body and the variables of GraphQL have one place. */
static int check_both(const whi_source_document *out) {
    return whi_json_member(&out->json, 0, "body", 4) != WHI_JSON_NONE &&
                   whi_json_member(&out->json, 0, "graphql", 7) != WHI_JSON_NONE
               ? whi_fail_field(WH_EINVALID, "body", "expected either a body or graphql")
               : WH_OK;
}

int whi_source_document_read(whi_source_document *out, const char *text, size_t size) {
    reader self = { .out = out };
    int code;

    set_defaults(out);
    if (size > WHI_SOURCE_BYTES) {
        return whi_fail_size("document", size, WHI_SOURCE_BYTES);
    }
    out->text = whi_strdup(text, size);
    if (out->text == NULL) {
        return whi_fail_memory();
    }
    code = whi_json_scan(&out->json, out->text, size, WHI_SOURCE_DEPTH);
    if (code != WH_OK) {
        return whi_fail_within_field(code, "document");
    }
    snprintf(self.field, sizeof self.field, "document");
    if (out->json.nodes[0].type != WHI_JSON_OBJECT) {
        return wrong(&self, 0, "an object");
    }
    self.field[0] = '\0';
    code = read_object(&self, 0, members, out);
    code = code == WH_OK ? check_both(out) : code;
    return code == WH_OK ? check(&self) : code;
}

void whi_source_document_free(whi_source_document *document) {
    for (size_t i = 0; i < document->owned_count; i++) {
        whi_free_secret(document->owned[i], strlen(document->owned[i]));
    }
    whi_free(document->owned);
    whi_projection_free(document->projection);
    whi_json_free(&document->json);
    if (document->text != NULL) {
        whi_free_secret(document->text, strlen(document->text));
    }
    *document = (whi_source_document){ .text = NULL };
}
