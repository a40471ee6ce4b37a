#include "api_kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "base/mem.h"
#include "samples.h"

#define MEMBERS 4

wh_engine *api_engine;
wh_api *api;
char api_operator[WH_SECRET_SIZE], api_a[WH_SECRET_SIZE], api_b[WH_SECRET_SIZE];
wh_api_response api_answer = WH_API_RESPONSE_INIT;
const char *api_text = "";

int api_setup(void **state) {
    (void)state;
    fixture_reset();
    api_engine = fixture_open(":memory:", NULL);
    assert_int_equal(wh_api_open(&api, api_engine, NULL), WH_OK);
    assert_int_equal(wh_token_add(api_engine, NULL, "operator", api_operator), WH_OK);
    assert_int_equal(wh_token_add(api_engine, "a", "a", api_a), WH_OK);
    assert_int_equal(wh_token_add(api_engine, "b", "b", api_b), WH_OK);
    return 0;
}

int api_teardown(void **state) {
    (void)state;
    wh_free(api_answer.body);
    api_answer = (wh_api_response)WH_API_RESPONSE_INIT;
    api_text = "";
    wh_api_close(api);
    wh_close(api_engine);
    return 0;
}

/* ------------------------------------------------------------------------ requests */

static int is_under(const char *target, const char *prefix) {
    size_t size = strlen(prefix);

    return strncmp(target, prefix, size) == 0 && (target[size] == '\0' || strchr("/?", target[size]) != NULL);
}

/* Whose shape an error must have, by where the path begins. */
static const sample *sample_of(const char *target) {
    const sample *found;

    for (size_t i = 0; (found = sample_at(i)) != NULL; i++) {
        for (size_t k = 0; k < 3 && found->roots[k] != NULL; k++) {
            if (is_under(target, found->roots[k])) {
                return found;
            }
        }
    }
    return sample_at(0);
}

static void check_error(const char *target) {
    const sample *shape = sample_of(target);
    char status[16];

    snprintf(status, sizeof status, "%d", api_answer.status);
    for (size_t i = 0; i < 6 && shape->error[i] != NULL; i++) {
        assert_non_null(api_member(shape->error[i]));
    }
    if (shape->status != NULL) {
        api_has(shape->status, status);
    }
}

int api_send(const char *method, const char *target, const char *token, const char *body) {
    wh_api_request request = WH_API_REQUEST_INIT;
    static char path[32768];
    char bearer[WH_SECRET_SIZE + 16], *query;
    wh_header headers[] = { { "Content-Type", "application/json" }, { "Authorization", bearer } };
    int status;

    snprintf(path, sizeof path, "%s", target);
    query = strchr(path, '?');
    if (query != NULL) {
        *query++ = '\0';
    }
    snprintf(bearer, sizeof bearer, "Bearer %s", token != NULL ? token : "");
    request.method = method;
    request.path = path;
    request.query = query;
    request.headers = headers;
    request.header_count = token != NULL ? 2 : 1;
    request.body = body;
    request.body_size = body != NULL ? strlen(body) : 0;
    wh_free(api_answer.body);
    status = wh_api_handle(api, &request, &api_answer);
    assert_int_equal(status, api_answer.status);
    api_text = api_answer.body != NULL ? api_answer.body : "";
    assert_int_equal(strlen(api_text), api_answer.body_size);
    if (api_answer.status >= 400 && strcmp(method, "HEAD") != 0) {
        check_error(target);
    }
    return api_answer.status;
}

void api_expect(int status, const char *method, const char *target, const char *token, const char *body) {
    int found = api_send(method, target, token, body);

    if (found != status) {
        fail_msg("%s %s: expected %d, found %d %s", method, target, status, found, api_text);
    }
}

const char *api_header(const char *name) {
    for (size_t i = 0; i < api_answer.header_count; i++) {
        if (strcasecmp(api_answer.headers[i].name, name) == 0) {
            return api_answer.headers[i].value;
        }
    }
    return NULL;
}

/* ------------------------------------------------------------------------- answers */

static uint32_t find(const whi_json *json, const char *path) {
    uint32_t node = 0;

    while (*path != '\0' && node != WHI_JSON_NONE) {
        size_t size = strcspn(path, ".");
        node = json->nodes[node].type == WHI_JSON_ARRAY ? whi_json_item(json, node, strtoul(path, NULL, 10))
                                                        : whi_json_member(json, node, path, size);
        path += size + (path[size] == '.');
    }
    return node;
}

const char *api_member(const char *path) {
    static char kept[MEMBERS][4096];
    static int next;
    char *out = kept[next++ % MEMBERS];
    const char *text;
    whi_json json = { 0 };
    whi_buf scratch;
    uint32_t node;
    size_t size;

    if (whi_json_scan(&json, api_text, strlen(api_text), 128) != WH_OK) {
        fail_msg("not JSON: %s", api_text);
    }
    whi_buf_init(&scratch, SIZE_MAX / 4);
    node = find(&json, path);
    if (node != WHI_JSON_NONE) {
        text = json.nodes[node].type == WHI_JSON_STRING ? whi_json_string(&json, node, &scratch, &size)
                                                        : whi_json_span(&json, node, &size);
        snprintf(out, sizeof kept[0], "%.*s", (int)size, text);
    }
    whi_buf_free(&scratch);
    whi_json_free(&json);
    return node != WHI_JSON_NONE ? out : NULL;
}

void api_has(const char *path, const char *value) {
    const char *found = api_member(path);

    if (found == NULL || strcmp(found, value) != 0) {
        fail_msg("%s: expected %s, found %s in %s", path, value, found != NULL ? found : "nothing", api_text);
    }
}

/* ------------------------------------------------------------------------ the store */

static int dump_subscription(const whi_subscription_row *row, void *payload) {
    whi_buf_format(payload, "%lld %lld %s %.*s\n", (long long)row->id, (long long)row->version, row->tenant,
                   (int)row->document_size, row->document);
    return 0;
}

static void dump_page(whi_buf *out, int code, char **text) {
    assert_int_equal(code, WH_OK);
    whi_buf_text(out, *text);
    whi_buf_char(out, '\n');
    wh_free(*text);
}

char *api_dump(void) {
    whi_store_query rows = { 0 };
    whi_store_place place;
    wh_query query = WH_QUERY_INIT;
    whi_buf out;
    char *text;
    size_t size;

    whi_buf_init(&out, SIZE_MAX / 4);
    query.limit = 1000;
    assert_int_equal(
        api_engine->store->vtable->subscription_list(api_engine->store, &rows, dump_subscription, &out, &place), WH_OK);
    dump_page(&out, wh_events(api_engine, &query, &text, &size), &text);
    dump_page(&out, wh_deliveries(api_engine, &query, &text, &size), &text);
    dump_page(&out, wh_tokens(api_engine, NULL, &text, &size), &text);
    assert_int_equal(whi_buf_take(&out, &text, &size), WH_OK);
    return text;
}
