/* Tests: test_source_connection. */
#include "pure/source_connection.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "pure/source_auth.h"

/* ------------------------------------------------------------------------- reading */

static int check_count(const whi_source_reader *self, uint32_t count) {
    return count <= WHI_SOURCE_CONNECTIONS
               ? WH_OK
               : whi_fail_field(WH_ELIMIT, self->field, "more than %d", WHI_SOURCE_CONNECTIONS);
}

int whi_source_read_tenants(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const whi_json *json = &self->out->json;
    whi_source_document *out = self->out;
    int code = WH_OK;

    (void)to;
    if (json->nodes[node].type != WHI_JSON_ARRAY || out->tenants != NULL) {
        return whi_source_wrong(self, node, "one list of texts");
    }
    code = check_count(self, json->nodes[node].count);
    if (code == WH_OK) {
        out->tenants = whi_calloc(json->nodes[node].count + (size_t)1, sizeof *out->tenants);
        code = out->tenants != NULL ? WH_OK : whi_fail_memory();
    }
    for (uint32_t at = node + 1; code == WH_OK && at < json->nodes[node].next; at = json->nodes[at].next) {
        code = whi_source_read_filled(self, at, which, &out->tenants[out->tenant_count]);
        out->tenant_count += code == WH_OK;
    }
    return code;
}

/* Their values stay where they stand: a template finds them there. */
static int read_variables(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    whi_source_pairs *pairs = whi_calloc(1, sizeof *pairs);
    int code = pairs != NULL ? whi_source_read_pairs(self, node, which, pairs) : whi_fail_memory();

    whi_free(pairs);
    *(uint32_t *)to = node;
    return code;
}

static int read_login(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    whi_source_connection *connection = to;

    connection->has_auth = 1;
    return whi_source_read_auth(self, node, which, &connection->auth);
}

static const whi_source_member connection_members[] = {
    { "tenant", whi_source_read_text, offsetof(whi_source_connection, tenant), 0, 0, NULL },
    { "auth", read_login, 0, 0, 0, NULL },
    { "variables", read_variables, offsetof(whi_source_connection, variables), 0, 0, NULL },
    { NULL, NULL, 0, 0, 0, NULL },
};

static int read_connection(whi_source_reader *self, uint32_t name) {
    whi_source_document *out = self->out;
    whi_source_connection *made = &out->connections[out->connection_count];
    size_t before;
    int code;

    *made = (whi_source_connection){ .tenant = "", .variables = WHI_JSON_NONE };
    code = whi_source_take_text(self, name, &made->id);
    if (code != WH_OK) {
        return code;
    }
    before = whi_source_enter_field(self, made->id);
    code = whi_source_read_object(self, name + 1, connection_members, made);
    out->connection_count += code == WH_OK;
    self->field[before] = code == WH_OK ? '\0' : self->field[before];
    return code;
}

int whi_source_read_connections(whi_source_reader *self, uint32_t node, const whi_source_member *which, void *to) {
    const whi_json *json = &self->out->json;
    whi_source_document *out = self->out;
    int code;

    (void)which;
    (void)to;
    if (json->nodes[node].type != WHI_JSON_OBJECT || out->connections != NULL) {
        return whi_source_wrong(self, node, "one object of connections");
    }
    code = check_count(self, json->nodes[node].count);
    if (code == WH_OK) {
        out->connections = whi_calloc(json->nodes[node].count + (size_t)1, sizeof *out->connections);
        code = out->connections != NULL ? WH_OK : whi_fail_memory();
    }
    for (uint32_t at = whi_json_first(json, node); code == WH_OK && at != WHI_JSON_NONE;
         at = whi_json_next_name(json, node, at)) {
        code = read_connection(self, at);
    }
    return code;
}

/* ------------------------------------------------------------------------ checking */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int compare_connections(const void *a, const void *b) {
    return strcmp(((const whi_source_connection *)a)->id, ((const whi_source_connection *)b)->id);
}

static int fail(const whi_source_connection *connection, const char *member, const char *sentence, const char *name) {
    char field[WHI_SOURCE_FIELD_SIZE];

    snprintf(field, sizeof field, "connections.%.60s%s%s", connection->id, member[0] != '\0' ? "." : "", member);
    return whi_fail_field(WH_EINVALID, field, "%s%.60s", sentence, name);
}

static size_t count_members(const whi_json *json, uint32_t object) {
    return object != WHI_JSON_NONE ? json->nodes[object].count : 0;
}

/* The first one's are what each has: a request that lacked one would be another request. */
static int check_variables(const whi_source_document *document, const whi_source_connection *connection) {
    const whi_json *json = &document->json;
    const whi_source_names *names = &document->variables;

    for (size_t i = 0; i < names->count; i++) {
        if (connection->variables == WHI_JSON_NONE ||
            whi_json_member(json, connection->variables, names->list[i], strlen(names->list[i])) == WHI_JSON_NONE) {
            return fail(connection, "variables", "expected those of the other connections: it lacks ", names->list[i]);
        }
    }
    return count_members(json, connection->variables) == names->count
               ? WH_OK
               : fail(connection, "variables", "expected those of the other connections, and each once", "");
}

static int check_connection(const whi_source_document *document, const whi_source_connection *connection) {
    char place[WHI_SOURCE_FIELD_SIZE];
    int code = WH_OK;

    if (connection->id[0] == '\0') {
        return whi_fail_field(WH_EINVALID, "connections", "expected names that are not empty");
    }
    snprintf(place, sizeof place, "connections.%.60s.auth", connection->id);
    code = connection->has_auth ? whi_source_auth_check(place, document, &connection->auth) : WH_OK;
    return code == WH_OK ? check_variables(document, connection) : code;
}

int whi_source_connections_check(whi_source_document *document) {
    int code = WH_OK;

    if (document->tenant_count > 0) {
        qsort(document->tenants, document->tenant_count, sizeof *document->tenants, compare_texts);
    }
    if (document->connection_count > 0) {
        qsort(document->connections, document->connection_count, sizeof *document->connections, compare_connections);
    }
    for (size_t i = 0; code == WH_OK && i < document->connection_count; i++) {
        const whi_source_connection *one = &document->connections[i];
        if (i > 0 && strcmp(one[-1].id, one->id) == 0) {
            return fail(one, "", "is there twice", "");
        }
        code = check_connection(document, one);
    }
    return code;
}

/* ------------------------------------------------------------------------- deciding */

const whi_source_connection *whi_source_connection_find(const whi_source_document *document, const char *id) {
    whi_source_connection key = { .id = id };

    return document->connection_count > 0
               ? bsearch(&key, document->connections, document->connection_count, sizeof key, compare_connections)
               : NULL;
}

static int has_tenant(const whi_source_document *document, const char *tenant) {
    return document->tenants == NULL || tenant[0] == '\0' ||
           (document->tenant_count > 0 && bsearch(&tenant, document->tenants, document->tenant_count,
                                                  sizeof *document->tenants, compare_texts) != NULL);
}

/* 1: an API that is told the tenant can refuse what is not its; one that is not told the connection has none. */
static int is_told_apart(const whi_source_document *document) {
    return !(document->uses & WHI_SOURCE_USES_CONNECTION) || (document->uses & WHI_SOURCE_USES_TENANT) != 0;
}

int whi_source_may(const whi_source_document *document, const char *tenant, const char *connection) {
    const whi_source_connection *found;

    if (!has_tenant(document, tenant)) {
        return 0;
    }
    if (document->connections == NULL) {
        return tenant[0] == '\0' || connection[0] == '\0' || is_told_apart(document);
    }
    found = whi_source_connection_find(document, connection);
    return found != NULL && strcmp(found->tenant, tenant) == 0;
}

int whi_source_fail_connection(const char *object_type, const char *tenant, const char *connection) {
    return tenant[0] != '\0'
               ? whi_fail_field(WH_EINVALID, "source",
                                "expected a connection of this tenant at the source of %.64s: \"%.60s\" is "
                                "none",
                                object_type, connection)
               : whi_fail_field(WH_EINVALID, "source",
                                "expected a connection that is no tenant's at the source of %.64s: "
                                "\"%.60s\" is none",
                                object_type, connection);
}

/* ------------------------------------------------------------------------- writing */

static uint32_t name_like(const whi_json *json, uint32_t object, const char *name) {
    uint32_t at = whi_json_first(json, object);

    while (at != WHI_JSON_NONE && !whi_json_string_is(json, at, name, strlen(name))) {
        at = whi_json_next_name(json, object, at);
    }
    return at;
}

static void write_member(whi_buf *out, int *count, const char *name, size_t name_size, const char *value, size_t size) {
    whi_buf_text(out, (*count)++ > 0 ? "," : "");
    whi_buf_add(out, name, name_size);
    whi_buf_char(out, ':');
    whi_buf_add(out, value, size);
}

/* The members of an object but for one; object may be WHI_JSON_NONE. */
static void write_others(whi_buf *out, int *count, const whi_json *json, uint32_t object, const char *but) {
    for (uint32_t at = object != WHI_JSON_NONE ? whi_json_first(json, object) : WHI_JSON_NONE; at != WHI_JSON_NONE;
         at = whi_json_next_name(json, object, at)) {
        size_t name_size, size;
        const char *name = whi_json_span(json, at, &name_size), *value = whi_json_span(json, at + 1, &size);

        if (!whi_json_string_is(json, at, but, strlen(but))) {
            write_member(out, count, name, name_size, value, size);
        }
    }
}

static void write_all(whi_buf *out, const whi_json *json, uint32_t connections, const char *id, const char *connection,
                      size_t size) {
    int count = 0, inner = 0;

    whi_buf_char(out, '{');
    write_others(out, &count, json, 0, "connections");
    whi_buf_text(out, count > 0 ? ",\"connections\":{" : "\"connections\":{");
    write_others(out, &inner, json, connections, id);
    if (connection != NULL) {
        whi_buf_text(out, inner > 0 ? "," : "");
        whi_json_write_string(out, id, strlen(id));
        whi_buf_char(out, ':');
        whi_buf_add(out, connection, size);
    }
    whi_buf_text(out, "}}");
}

static int check_object(const char *text, size_t size) {
    whi_json json = { 0 };
    int code = whi_json_scan(&json, text, size, WHI_SOURCE_DEPTH);

    if (code != WH_OK) {
        code = whi_fail_within_field(code, "connection");
    } else if (json.nodes[0].type != WHI_JSON_OBJECT) {
        code = whi_fail_field(WH_EINVALID, "connection", "expected an object");
    }
    whi_json_free(&json);
    return code;
}

int whi_source_connection_set(const char *document, size_t size, const char *id, const char *connection,
                              size_t connection_size, whi_buf *out) {
    whi_json json = { 0 };
    uint32_t connections = WHI_JSON_NONE;
    int code = connection != NULL ? check_object(connection, connection_size) : WH_OK;

    code = code == WH_OK ? whi_json_scan(&json, document, size, WHI_SOURCE_DEPTH) : code;
    if (code == WH_OK && json.nodes[0].type != WHI_JSON_OBJECT) {
        code = whi_fail_field(WH_EINVALID, "document", "expected an object");
    }
    if (code == WH_OK) {
        connections = whi_json_member(&json, 0, "connections", strlen("connections"));
        if (connections != WHI_JSON_NONE && json.nodes[connections].type != WHI_JSON_OBJECT) {
            connections = WHI_JSON_NONE; /* null */
        }
    }
    if (code == WH_OK && connection == NULL &&
        (connections == WHI_JSON_NONE || name_like(&json, connections, id) == WHI_JSON_NONE)) {
        code = whi_fail_field(WH_ENOTFOUND, "connection", "the source has no such connection");
    }
    if (code == WH_OK) {
        write_all(out, &json, connections, id, connection, connection_size);
        code = whi_buf_status(out);
    }
    whi_json_free(&json);
    return code;
}
