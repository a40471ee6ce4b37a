#include "pure/source_document.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "base/mem.h"
#include "pure/source_auth.h"
#include "pure/source_connection.h"
#include "pure/source_path.h"
#include "pure/source_reader.h"
#include "pure/url.h"
#include "webhook_source.h"

#define DAY INT64_C(86400000)
#define TYPE_MAXIMUM 64

/* ------------------------------------------------------------------------- objects */

static const char *const paging_words[] = { "none", "cursor", "offset", "page", "link", "url", NULL };
static const char *const time_words[] = { "iso", "seconds", "milliseconds", NULL };
static const char *const etag_words[] = { "one_page", "first_page", "never", NULL };

#define PAGES(member) offsetof(whi_source_pages, member)
static const whi_source_member paging_members[] = {
    { "by", whi_source_read_word, PAGES(by), 0, 0, paging_words },
    { "next", whi_source_read_path, PAGES(next), 0, 0, NULL },
    { "last", whi_source_read_path, PAGES(last), 0, 0, NULL },
    { "more", whi_source_read_path, PAGES(more), 0, 0, NULL },
    { "total", whi_source_read_path, PAGES(total), 0, 0, NULL },
    { "pages", whi_source_read_path, PAGES(last_page), 0, 0, NULL },
    { "first", whi_source_read_number, PAGES(first), 0, 1000000, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

#define MOST(member) offsetof(whi_source_most, member)
static const whi_source_member most_members[] = {
    { "pages", whi_source_read_number, MOST(pages), 1, 1000000, NULL },
    { "bytes", whi_source_read_number, MOST(bytes), 1, INT64_C(1) << 40, NULL },
    { "seconds", whi_source_read_number, MOST(seconds), 1, 86400, NULL },
    { "page_bytes", whi_source_read_number, MOST(page_bytes), 1, INT64_C(1) << 26, NULL },
    { "request_seconds", whi_source_read_number, MOST(request_seconds), 1, 600, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static int read_paging(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    return whi_source_read_object(self, node, paging_members, to);
}

static int read_most(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    return whi_source_read_object(self, node, most_members, to);
}

static int read_node(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    if (self->out->json.nodes[node].type < WHI_JSON_ARRAY) {
        return whi_source_wrong(self, node, "an object or a list");
    }
    *(uint32_t *)to = node;
    return WH_OK;
}

static int read_scalar(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    (void)which;
    if (self->out->json.nodes[node].type >= WHI_JSON_ARRAY) {
        return whi_source_wrong(self, node, "a text, a number, true or false");
    }
    *(uint32_t *)to = node;
    return WH_OK;
}

#define PLACE(member) offsetof(whi_source_document, member)
static const whi_source_member graphql_members[] = {
    { "query", whi_source_read_filled, PLACE(graphql), 0, 0, NULL },
    { "variables", read_node, PLACE(body), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static const whi_source_member deleted_members[] = {
    { "path", whi_source_read_path, PLACE(deleted), 0, 0, NULL },
    { "is", read_scalar, PLACE(deleted_is), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static int read_graphql(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    int code = whi_source_read_object(self, node, graphql_members, self->out);

    (void)which;
    (void)to;
    return code == WH_OK && self->out->graphql == NULL
               ? whi_fail_field(WH_EINVALID, "graphql.query", "expected a text, found none")
               : code;
}

static int read_deleted(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    int code;

    if (self->out->json.nodes[node].type == WHI_JSON_STRING) {
        return whi_source_read_path(self, node, which, to);
    }
    code = whi_source_read_object(self, node, deleted_members, self->out);
    return code == WH_OK && self->out->deleted == NULL
               ? whi_fail_field(WH_EINVALID, "deleted.path", "expected a path, found none")
               : code;
}

static int read_can(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    static const char *const words[] = { "all", "changes", "deleted", NULL };
    static const whi_source_member word = { .words = words };
    const whi_json *json = &self->out->json;
    int ability, code = WH_OK;

    (void)which;
    if (json->nodes[node].type != WHI_JSON_ARRAY || json->nodes[node].count == 0) {
        return whi_source_wrong(self, node, "a list of all, changes and deleted");
    }
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        code = whi_source_read_word(self, at, &word, &ability);
        *(unsigned *)to |= code == WH_OK ? 1U << ability : 0;
    }
    return code;
}

static const whi_source_member members[] = {
    { "object_type", whi_source_read_filled, PLACE(object_type), 0, 0, NULL },
    { "name", whi_source_read_text, PLACE(name), 0, 0, NULL },
    { "url", whi_source_read_filled, PLACE(url), 0, 0, NULL },
    { "method", whi_source_read_filled, PLACE(method), 0, 0, NULL },
    { "query", whi_source_read_pairs, PLACE(query), 0, 0, NULL },
    { "headers", whi_source_read_pairs, PLACE(headers), 0, 0, NULL },
    { "body", read_node, PLACE(body), 0, 0, NULL },
    { "graphql", read_graphql, 0, 0, 0, NULL },
    { "auth", whi_source_read_auth, PLACE(auth), 0, 0, NULL },
    { "items", whi_source_read_path, PLACE(items), 0, 0, NULL },
    { "id", whi_source_read_path, PLACE(id), 0, 0, NULL },
    { "updated_at", whi_source_read_path, PLACE(updated_at), 0, 0, NULL },
    { "created_at", whi_source_read_path, PLACE(created_at), 0, 0, NULL },
    { "deleted", read_deleted, PLACE(deleted), 0, 0, NULL },
    { "state", whi_source_read_path, PLACE(state), 0, 0, NULL },
    { "time", whi_source_read_word, PLACE(time), 0, 0, time_words },
    { "paging", read_paging, PLACE(paging), 0, 0, NULL },
    { "limit", whi_source_read_number, PLACE(limit), 1, 100000, NULL },
    { "most", read_most, PLACE(most), 0, 0, NULL },
    { "tenants", whi_source_read_tenants, 0, 0, 0, NULL },
    { "connections", whi_source_read_connections, 0, 0, 0, NULL },
    { "hosts", whi_source_read_names, PLACE(hosts), 0, 0, NULL },
    { "can", read_can, PLACE(can), 0, 0, NULL },
    { "filters", whi_source_read_names, PLACE(filters), 0, 0, NULL },
    { "required", whi_source_read_names, PLACE(required), 0, 0, NULL },
    { "full_every", whi_source_read_number, PLACE(full_every), 0, 365 * DAY, NULL },
    { "etag", whi_source_read_word, PLACE(etag), 0, 0, etag_words },
    { "fields", whi_source_read_text, PLACE(fields), 0, 0, NULL },
    { "map", whi_source_read_pairs, PLACE(map), 0, 0, NULL },
    { "rule", whi_source_read_filled, PLACE(rule), 0, 0, NULL },
    { "raw", whi_source_read_flag, PLACE(raw), 0, 0, NULL },
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

static int check_templates(whi_source_document *out, const whi_source_known *known, const char *field,
                           const whi_source_pairs *pairs) {
    char name[WHI_SOURCE_FIELD_SIZE];
    int code = WH_OK;

    for (size_t i = 0; code == WH_OK && i < pairs->count; i++) {
        snprintf(name, sizeof name, "%s.%.60s", field, pairs->list[i].name);
        code = whi_source_template_check(name, pairs->list[i].value, known, &out->uses);
        code = code == WH_OK && pairs == &out->headers ? whi_source_header_check(name, &pairs->list[i]) : code;
    }
    return code;
}

/* All texts of the body; of GraphQL, of its variables. */
static int check_body(whi_source_reader *self, const whi_source_known *known) {
    whi_source_document *out = self->out;
    const char *field = out->graphql != NULL ? "graphql.variables" : "body", *text;
    int code = WH_OK;

    if (out->body == WHI_JSON_NONE) {
        return WH_OK;
    }
    for (uint32_t at = out->body; code == WH_OK && at < out->json.nodes[out->body].next; at++) {
        if (out->json.nodes[at].type == WHI_JSON_STRING) {
            snprintf(self->field, sizeof self->field, "%s", field);
            code = whi_source_take_text(self, at, &text);
            code = code == WH_OK ? whi_source_template_check(field, text, known, &out->uses) : code;
        }
    }
    return code;
}

static int has_made_up(const char *url) {
    return strstr(url, "{filters.") != NULL || strstr(url, "{variables.") != NULL;
}

/* The URL as it is with values: what is wrong with it is told now, not with the first request. */
static int check_url(whi_source_document *out, const whi_source_known *known) {
    static const whi_source_values sample = {
        "t", "c", "o", "f", "1", "s", 0, 1, 1, WHI_SOURCE_SECONDS, NULL, NULL, 0
    };
    whi_url url;
    whi_buf filled;
    int code;

    if (out->url == NULL) {
        return whi_fail_field(WH_EINVALID, "url", "expected one, found none");
    }
    code = whi_source_template_check("url", out->url, known, &out->uses);
    code = code == WH_OK ? whi_source_host_check(out->url) : code;
    if (code == WH_OK && strchr(out->url, '#') != NULL) {
        code = whi_fail_field(WH_EINVALID, "url", "expected none of the fragment behind \"#\"");
    }
    whi_buf_init(&filled, WHI_SOURCE_BYTES);
    code = code == WH_OK && !has_made_up(out->url) ? whi_source_fill_url(&filled, out->url, &sample) : code;
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
    char field[WHI_SOURCE_FIELD_SIZE];

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

/* Those of the first connection; each has the same. */
static int name_variables(whi_source_reader *self) {
    whi_source_document *out = self->out;
    uint32_t object = out->connection_count > 0 ? out->connections[0].variables : WHI_JSON_NONE;
    int code = WH_OK;

    for (uint32_t at = object != WHI_JSON_NONE ? whi_json_first(&out->json, object) : WHI_JSON_NONE;
         code == WH_OK && at != WHI_JSON_NONE; at = whi_json_next_name(&out->json, object, at)) {
        code = whi_source_take_text(self, at, &out->variables.list[out->variables.count]);
        out->variables.count += code == WH_OK;
    }
    return code;
}

static int check(whi_source_reader *self) {
    whi_source_document *out = self->out;
    whi_source_known known = { out->filters.list, NULL, out->connections != NULL && out->connection_count == 0 };
    int code = check_object_type(out);

    code = code == WH_OK ? name_variables(self) : code;
    known.variables = out->variables.list;
    code = code == WH_OK ? check_url(out, &known) : code;
    code = code == WH_OK ? check_templates(out, &known, "query", &out->query) : code;
    code = code == WH_OK ? check_templates(out, &known, "headers", &out->headers) : code;
    code = code == WH_OK ? check_body(self, &known) : code;
    code = code == WH_OK ? check_method(out) : code;
    code = code == WH_OK ? whi_source_auth_check("auth", out, &out->auth) : code;
    code = code == WH_OK ? whi_source_connections_check(out) : code;
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
    whi_source_reader self = { .out = out };
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
        return whi_source_wrong(&self, 0, "an object");
    }
    self.field[0] = '\0';
    code = whi_source_read_object(&self, 0, members, out);
    code = code == WH_OK ? check_both(out) : code;
    return code == WH_OK ? check(&self) : code;
}

void whi_source_document_free(whi_source_document *document) {
    for (size_t i = 0; i < document->owned_count; i++) {
        whi_free_secret(document->owned[i], strlen(document->owned[i]));
    }
    whi_free(document->owned);
    whi_free(document->tenants);
    whi_free(document->connections);
    whi_projection_free(document->projection);
    whi_json_free(&document->json);
    if (document->text != NULL) {
        whi_free_secret(document->text, strlen(document->text));
    }
    *document = (whi_source_document){ .text = NULL };
}
