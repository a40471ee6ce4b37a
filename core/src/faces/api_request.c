/* Reading a request: bounded, decoded, refused where it is not what it must be. Tests: test_api_standard. */
#include "faces/api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ascii.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/mem.h"
#include "base/utf8.h"

#define BODY_REST 65536 /* bytes of a body around a document and a payload */
#define VALUES_LEAST 65536
#define AROUND_PAYLOAD 3 /* levels that a batch has around an event's payload */

/* ------------------------------------------------------------------------ the line */

/* Decodes size bytes into out, which has room for them and a zero byte. Control characters
 * and what is not UTF-8 stand in no name that we have. */
static int decode(const char *text, size_t size, int plus, char *out) {
    char *at = out;

    for (size_t i = 0; i < size; i++, at++) {
        *at = plus && text[i] == '+' ? ' ' : text[i];
        if (text[i] == '%') {
            int high = i + 2 < size ? whi_hex_digit(text[i + 1]) : -1,
                low = high >= 0 ? whi_hex_digit(text[i + 2]) : -1;
            if (low < 0) {
                return WH_EINVALID;
            }
            *at = (char)(high << 4 | low);
            i += 2;
        }
        if ((unsigned char)*at < ' ' || *at == 0x7f) {
            return WH_EINVALID;
        }
    }
    *at = '\0';
    return whi_utf8_check(out, (size_t)(at - out)) ? WH_OK : WH_EINVALID;
}

int whi_path_read(const char *text, whi_path *out) {
    char *at = out->text;
    size_t size;

    out->count = 0;
    if (text == NULL || text[0] != '/') {
        return 400;
    }
    if (strlen(text) > WHI_API_PATH) {
        return 414;
    }
    while (text[0] == '/' && text[1] != '\0') {
        text++;
        size = strcspn(text, "/");
        if (out->count == WHI_API_SEGMENTS) {
            return 404;
        }
        if (decode(text, size, 0, at) != WH_OK) {
            return 400;
        }
        out->segments[out->count++] = at;
        at += strlen(at) + 1;
        text += size;
    }
    out->slash = text[0] == '/' && out->count > 0;
    out->segments[out->count] = "";
    return 0;
}

static int read_path(whi_call *call) {
    const char *text = call->request->path;

    switch (whi_path_read(text, &call->path)) {
    case 0:
        return WH_OK;
    case 404:
        return whi_refuse(call, 404, "path", "nothing is here");
    case 414:
        return whi_refuse(call, 414, "path", "%zu bytes are more than the limit of %d", strlen(text), WHI_API_PATH);
    default:
        return text == NULL || text[0] != '/'
                   ? whi_refuse(call, 400, "path", "expected one that begins with /")
                   : whi_refuse(call, 400, "path", "expected UTF-8, percent-encoded, without control characters");
    }
}

/* A stranger's name as the field, cut. */
static int fail_name(const char *name, size_t size, const char *reason) {
    char field[65];

    snprintf(field, sizeof field, "%.*s", (int)(size < 64 ? size : 64), name);
    return whi_fail_field(WH_EINVALID, field, "%s", reason);
}

/* "id[in][]": one item of a list, of which there may be more. */
static int is_item(const char *name) {
    size_t size = strlen(name);

    return size > 2 && strcmp(name + size - 2, "[]") == 0;
}

static int fail_unknown(const char *name, size_t size, const char *what, const char *const *names) {
    char reason[400];
    size_t used = (size_t)snprintf(reason, sizeof reason, "unknown %s, expected one of: ", what);

    for (const char *const *at = names; *at != NULL && used < sizeof reason; at++) {
        used += (size_t)snprintf(reason + used, sizeof reason - used, "%s%s", at == names ? "" : ", ", *at);
    }
    return fail_name(name, size, *names == NULL ? "none is known here" : reason);
}

static int add_parameter(whi_call *call, const char *name, const char *value) {
    if (call->parameter_count == WHI_API_PARAMETERS) {
        return whi_refuse(call, 400, "query", "expected at most %d parameters", WHI_API_PARAMETERS);
    }
    if (!is_item(name) && whi_call_parameter(call, name) != NULL) {
        fail_name(name, strlen(name), "given twice");
        call->status = 400;
        return WHI_REFUSED;
    }
    call->parameters[call->parameter_count++] = (whi_parameter){ name, value };
    return WH_OK;
}

static int read_query(whi_call *call) {
    const char *text = call->request->query != NULL ? call->request->query : "";
    char *at = call->query;
    int code = WH_OK;

    if (strlen(text) > WHI_API_QUERY) {
        return whi_refuse(call, 414, "query", "%zu bytes are more than the limit of %d", strlen(text), WHI_API_QUERY);
    }
    while (*text != '\0' && code == WH_OK) {
        size_t size = strcspn(text, "&"), equal = strcspn(text, "=");
        char *name = at, *value;
        equal = equal < size ? equal : size;
        code = decode(text, equal, 1, name);
        value = code == WH_OK ? name + strlen(name) + 1 : name;
        if (code == WH_OK && equal < size) {
            code = decode(text + equal + 1, size - equal - 1, 1, value);
        } else if (code == WH_OK) {
            value--; /* without "=": the name's own zero byte */
        }
        if (code != WH_OK) {
            return whi_refuse(call, 400, "query", "expected UTF-8, percent-encoded, without control characters");
        }
        at = value + strlen(value) + 1;
        code = size > 0 ? add_parameter(call, name, value) : WH_OK;
        text += size + (text[size] == '&');
    }
    return code;
}

int whi_call_read(whi_call *call) {
    int code = read_path(call);

    code = code == WH_OK ? read_query(call) : code;
    if (code == WH_OK && call->request->header_count > WHI_API_HEADERS) {
        code = whi_refuse(call, 431, "headers", "%zu are more than the limit of %d", call->request->header_count,
                          WHI_API_HEADERS);
    }
    return code;
}

/* Blanks around a value are no part of it (RFC 9110 5.5), and not every server takes them away. */
static const char *trimmed(whi_call *call, const char *value) {
    const char *kept;
    size_t size;

    value += strspn(value, " \t");
    size = strlen(value);
    while (size > 0 && strchr(" \t", value[size - 1]) != NULL) {
        size--;
    }
    kept = value[size] != '\0' ? whi_call_keep(call, value, size) : value;
    return kept != NULL ? kept : value;
}

const char *whi_call_header(whi_call *call, const char *name, int *count) {
    const char *found = NULL;

    *count = 0;
    for (size_t i = 0; i < call->request->header_count; i++) {
        const wh_header *header = &call->request->headers[i];
        if (whi_ascii_same(header->name, name)) {
            found = header->value;
            ++*count;
        }
    }
    return found != NULL ? trimmed(call, found) : NULL;
}

void whi_call_free(whi_call *call) {
    for (whi_text *next, *text = call->texts; text != NULL; text = next) {
        next = text->next;
        whi_free_secret(text, sizeof *text + strlen(text->bytes));
    }
    whi_json_free(&call->body);
    whi_buf_free(&call->out);
}

/* ---------------------------------------------------------------------- parameters */

const char *whi_call_parameter(const whi_call *call, const char *name) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (strcmp(call->parameters[i].name, name) == 0) {
            return call->parameters[i].value;
        }
    }
    return NULL;
}

const char *whi_call_word(const whi_call *call, const char *name) {
    const char *value = whi_call_parameter(call, name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static int is_one_of(const char *name, const char *const *names) {
    while (*names != NULL && strcmp(*names, name) != 0) {
        names++;
    }
    return *names != NULL;
}

int whi_call_only(whi_call *call, const char *const *names) {
    for (size_t i = 0; i < call->parameter_count; i++) {
        if (!is_one_of(call->parameters[i].name, names)) {
            const char *name = call->parameters[i].name;
            return fail_unknown(name, strlen(name), "parameter", names);
        }
    }
    return WH_OK;
}

static int read_digits(const char *text, int64_t *out) {
    size_t size = strlen(text);

    if (size < 1 || size > 18 || strspn(text, "0123456789") != size) {
        return WH_EINVALID;
    }
    *out = strtoll(text, NULL, 10);
    return WH_OK;
}

/* Typed clients whose numbers are floats write 100 as "100.0", and some as "1e2". */
static int read_whole(const char *text, int64_t *out) {
    size_t size = strlen(text);
    whi_json_node node = { .end = (uint32_t)size, .next = 1, .type = WHI_JSON_NUMBER };
    whi_json json = { .text = text, .size = size, .nodes = &node, .count = 1 };

    if (read_digits(text, out) == WH_OK) {
        return WH_OK;
    }
    return size > 0 && strchr("-0123456789", text[0]) != NULL && strchr("0123456789", text[size - 1]) != NULL &&
                   whi_json_check(text, size, 1) == WH_OK && whi_json_whole(&json, 0, out)
               ? WH_OK
               : WH_EINVALID;
}

static int fail_number(const char *name, int64_t least, int64_t most, const char *text) {
    return whi_fail_field(WH_EINVALID, name, "expected an integer of %lld to %lld, found \"%.40s\"", (long long)least,
                          (long long)most, text);
}

int whi_call_number(whi_call *call, const char *name, int64_t least, int64_t most, int64_t fallback, int64_t *out) {
    const char *text = whi_call_parameter(call, name);

    *out = fallback < most ? fallback : most;
    if (text == NULL || text[0] == '\0') {
        return WH_OK;
    }
    return read_whole(text, out) == WH_OK && *out >= least && *out <= most ? WH_OK
                                                                           : fail_number(name, least, most, text);
}

int whi_call_limit(whi_call *call, int64_t most, int64_t fallback, int64_t *out) {
    const char *text = whi_call_parameter(call, "limit");

    *out = fallback < most ? fallback : most;
    if (text == NULL || text[0] == '\0') {
        return WH_OK;
    }
    if (read_whole(text, out) != WH_OK || *out < 1) {
        return fail_number("limit", 1, most, text);
    }
    *out = *out < most ? *out : most;
    return WH_OK;
}

int whi_call_flag(whi_call *call, const char *name, int *out) {
    const char *text = whi_call_parameter(call, name);

    *out = -1;
    if (text == NULL || text[0] == '\0') {
        return WH_OK;
    }
    if (whi_ascii_same(text, "true") || strcmp(text, "1") == 0) {
        *out = 1;
    } else if (whi_ascii_same(text, "false") || strcmp(text, "0") == 0) {
        *out = 0;
    } else {
        return whi_fail_field(WH_EINVALID, name, "expected true or false, found \"%.40s\"", text);
    }
    return WH_OK;
}

int whi_call_time(whi_call *call, const char *name, int64_t *out) {
    const char *text = whi_call_parameter(call, name);

    *out = 0;
    if (text == NULL || text[0] == '\0') {
        return WH_OK;
    }
    return read_whole(text, out) == WH_OK ? whi_time_check(name, *out) : whi_time_read(name, text, out);
}

/* ------------------------------------------------------------------------ the body */

static int is_json_type(const char *value) {
    size_t size = strcspn(value, "; \t");

    return (size == 16 && whi_ascii_same_part(value, "application/json", 16)) ||
           (size == 9 && whi_ascii_same_part(value, "text/json", 9));
}

/* What a reader takes from an object must be what another one would take. */
static int check_twice(whi_call *call, uint32_t object) {
    const whi_json_node *nodes = call->body.nodes;
    whi_buf scratch;
    int code = WH_OK;

    if (nodes[object].count > WHI_API_MEMBERS) {
        return whi_fail_field(WH_EINVALID, "body", "expected at most %d members", WHI_API_MEMBERS);
    }
    whi_buf_init(&scratch, SIZE_MAX / 4);
    for (uint32_t at = whi_json_first(&call->body, object); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&call->body, object, at)) {
        size_t size;
        const char *name = whi_json_string(&call->body, at, &scratch, &size);
        if (name == NULL) {
            code = whi_fail_memory();
        } else if (whi_json_member(&call->body, object, name, size) != at + 1) {
            code = fail_name(name, size, "given twice");
        }
    }
    whi_buf_free(&scratch);
    return code;
}

/* A batch of the largest size would have as many values as eight of the worst payloads. */
static uint32_t values_limit(const whi_call *call) {
    wh_limits limits;
    int64_t most;

    whi_insight_limits(call->engine, 0, &limits);
    most = limits.payload_bytes;
    return (uint32_t)(most < VALUES_LEAST ? VALUES_LEAST : most < UINT32_MAX ? most : UINT32_MAX);
}

static int scan_body(whi_call *call) {
    int depth = (int)whi_insight_options(call->engine)->limits.json_depth + AROUND_PAYLOAD, code;

    call->body.maximum = values_limit(call);
    code = whi_json_scan(&call->body, call->request->body, call->request->body_size, depth);
    if (code == WH_ELIMIT && call->body.capacity == call->body.maximum) {
        return whi_refuse(call, 413, "body", "expected at most %u JSON values and names; send smaller batches",
                          call->body.maximum);
    }
    if (code != WH_OK) {
        return code == WH_ENOMEM ? code : whi_fail_within_field(WH_EJSON, "body");
    }
    if (call->body.nodes[0].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, "body", "expected a JSON object");
    }
    return check_twice(call, 0);
}

/* What stands in a body takes the more memory the more values there are, up to ten times its
 * bytes: so it is no larger than what the route can use. */
int64_t whi_api_route_bytes(const wh_api *api, const whi_api_route *route, int look) {
    int64_t most = api->body_bytes, used = BODY_REST;
    int flags = route != NULL ? route->flags : 0;
    wh_limits limits;

    whi_insight_limits(api->engine, look, &limits);
    used += limits.subscription_bytes * 2;
    used += flags & WHI_ROUTE_PAYLOAD ? limits.payload_bytes : 0;
    return flags & WHI_ROUTE_BATCH || used > most ? most : used;
}

int whi_call_read_body(whi_call *call) {
    size_t size = call->request->body_size;
    int64_t most = whi_api_route_bytes(call->api, call->route, 1);
    int flags = call->route->flags, count;
    const char *type = whi_call_header(call, "Content-Type", &count);

    if (size > (size_t)most) {
        return whi_refuse(call, 413, "body", "%zu bytes are more than the limit of %lld", size, (long long)most);
    }
    if (!(flags & WHI_ROUTE_BODY) || (size == 0 && flags & WHI_ROUTE_OPTIONAL)) {
        return WH_OK;
    }
    /* Without one a page may send a body wherever it likes; a caller that says who it is, is none. */
    if (count > 1 || (type != NULL && !is_json_type(type)) || (type == NULL && call->request->tenant == NULL)) {
        return whi_refuse(call, 415, "Content-Type", "expected application/json");
    }
    if (size == 0 || call->request->body == NULL) {
        return whi_fail_field(WH_EINVALID, "body", "expected a JSON object, found nothing");
    }
    return scan_body(call);
}

uint32_t whi_body_member(const whi_call *call, uint32_t object, const char *name) {
    uint32_t node = call->body.count > 0 ? whi_json_member(&call->body, object, name, strlen(name)) : WHI_JSON_NONE;

    return node != WHI_JSON_NONE && call->body.nodes[node].type == WHI_JSON_NULL ? WHI_JSON_NONE : node;
}

const char *whi_call_keep(whi_call *call, const char *bytes, size_t size) {
    whi_text *made = whi_alloc(sizeof *made + size + 1);

    if (made == NULL) {
        return NULL;
    }
    memcpy(made->bytes, bytes, size);
    made->bytes[size] = '\0';
    made->next = call->texts;
    call->texts = made;
    return made->bytes;
}

int whi_body_text(whi_call *call, uint32_t object, const char *name, const char **out) {
    uint32_t node = whi_body_member(call, object, name);
    const char *text;
    whi_buf scratch;
    size_t size;
    int code = WH_OK;

    *out = NULL;
    if (node == WHI_JSON_NONE) {
        return WH_OK;
    }
    if (call->body.nodes[node].type != WHI_JSON_STRING) {
        return whi_fail_field(WH_EINVALID, name, "expected a text");
    }
    whi_buf_init(&scratch, SIZE_MAX / 4);
    text = whi_json_string(&call->body, node, &scratch, &size);
    if (text != NULL && memchr(text, '\0', size) != NULL) {
        code = whi_fail_field(WH_EINVALID, name, "expected a text without zero bytes");
    } else {
        *out = text != NULL ? whi_call_keep(call, text, size) : NULL;
        code = *out != NULL ? WH_OK : whi_fail_memory();
    }
    whi_buf_free(&scratch);
    return code;
}

int whi_body_number(whi_call *call, uint32_t object, const char *name, int64_t least, int64_t most, int64_t fallback,
                    int64_t *out) {
    uint32_t node = whi_body_member(call, object, name);

    *out = fallback;
    if (node == WHI_JSON_NONE) {
        return WH_OK;
    }
    return call->body.nodes[node].type == WHI_JSON_NUMBER && whi_json_whole(&call->body, node, out) && *out >= least &&
                   *out <= most
               ? WH_OK
               : whi_fail_field(WH_EINVALID, name, "expected an integer of %lld to %lld", (long long)least,
                                (long long)most);
}

int whi_body_flag(whi_call *call, uint32_t object, const char *name, int *out) {
    uint32_t node = whi_body_member(call, object, name);
    unsigned type = node != WHI_JSON_NONE ? call->body.nodes[node].type : WHI_JSON_FALSE;

    *out = type == WHI_JSON_TRUE;
    return type == WHI_JSON_TRUE || type == WHI_JSON_FALSE
               ? WH_OK
               : whi_fail_field(WH_EINVALID, name, "expected true or false");
}

int whi_body_time(whi_call *call, uint32_t object, const char *name, int64_t *out) {
    uint32_t node = whi_body_member(call, object, name);
    const char *text;
    int code;

    *out = 0;
    if (node == WHI_JSON_NONE) {
        return WH_OK;
    }
    if (call->body.nodes[node].type == WHI_JSON_NUMBER) {
        code = whi_body_number(call, object, name, INT64_MIN, INT64_MAX, 0, out);
        return code == WH_OK && *out != 0 ? whi_time_check(name, *out) : code;
    }
    code = whi_body_text(call, object, name, &text);
    return code == WH_OK && text[0] != '\0' ? whi_time_read(name, text, out) : code;
}

int whi_body_only(whi_call *call, uint32_t object, const char *const *names) {
    const whi_json_node *nodes = call->body.nodes;
    int code = object > 0 ? check_twice(call, object) : WH_OK;

    for (uint32_t at = whi_json_first(&call->body, object); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&call->body, object, at)) {
        const char *const *name = names;
        while (*name != NULL && !whi_json_string_is(&call->body, at, *name, strlen(*name))) {
            name++;
        }
        if (*name == NULL) {
            size_t size = nodes[at].end - nodes[at].start - 2;
            code = fail_unknown(call->body.text + nodes[at].start + 1, size, "field", names);
        }
    }
    return code;
}

int whi_body_object(whi_call *call, uint32_t object, const char *name, const char **out, size_t *size) {
    uint32_t node = whi_body_member(call, object, name);

    *out = NULL;
    *size = 0;
    if (node == WHI_JSON_NONE) {
        return WH_OK;
    }
    if (call->body.nodes[node].type != WHI_JSON_OBJECT) {
        return whi_fail_field(WH_EINVALID, name, "expected an object");
    }
    *out = whi_json_span(&call->body, node, size);
    return WH_OK;
}
