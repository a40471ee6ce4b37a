#include "pure/source_token.h"

#include <string.h>

#include "base/error.h"
#include "base/hash.h"
#include "base/mem.h"
#include "pure/json.h"

uint64_t whi_source_hash(const void *bytes, size_t size) {
    uint64_t hash = whi_hash(WHI_HASH_BEGIN, bytes, size);

    return hash != 0 ? hash : 1;
}

/* ------------------------------------------------------------------------- members */

static int read_number(const whi_json *json, const char *name, int64_t *out) {
    uint32_t node = whi_json_member(json, 0, name, strlen(name));

    *out = 0;
    return node == WHI_JSON_NONE ||
           (json->nodes[node].type == WHI_JSON_NUMBER && whi_json_int(json, node, out) && *out >= 0);
}

/* Hashes go through as signed numbers. */
static int read_hash(const whi_json *json, const char *name, uint64_t *out) {
    uint32_t node = whi_json_member(json, 0, name, strlen(name));
    int64_t number = 0;
    int good =
        node == WHI_JSON_NONE || (json->nodes[node].type == WHI_JSON_NUMBER && whi_json_int(json, node, &number));

    *out = (uint64_t)number;
    return good;
}

/* Leaves out NULL without the member. */
static int read_text(const whi_json *json, const char *name, char **out) {
    uint32_t node = whi_json_member(json, 0, name, strlen(name));
    whi_buf scratch;
    const char *text;
    size_t size;

    if (node == WHI_JSON_NONE || json->nodes[node].type != WHI_JSON_STRING) {
        return WH_OK;
    }
    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    *out = text != NULL ? whi_strdup(text, size) : NULL;
    whi_buf_free(&scratch);
    return *out != NULL ? WH_OK : whi_fail_memory();
}

static void write_number(whi_buf *out, const char *name, int64_t number) {
    if (number != 0) {
        whi_json_write_name(out, name);
        whi_buf_int(out, number);
    }
}

static void write_text(whi_buf *out, const char *name, const char *text) {
    if (text != NULL) {
        whi_json_write_name(out, name);
        whi_json_write_string(out, text, strlen(text));
    }
}

/* ------------------------------------------------------------------------ progress */

static int take_progress(whi_source_progress *out, const whi_json *json) {
    int code;

    if (json->nodes[0].type != WHI_JSON_OBJECT || !read_number(json, "n", &out->pages) ||
        !read_number(json, "i", &out->items) || !read_number(json, "b", &out->bytes) ||
        !read_number(json, "t", &out->started_at) || !read_number(json, "x", &out->afresh) ||
        !read_hash(json, "m", &out->mark) || !read_hash(json, "r", &out->request)) {
        return WH_EINVALID;
    }
    code = read_text(json, "e", &out->etag);
    code = code == WH_OK ? read_text(json, "p", &out->page) : code;
    return code == WH_OK && out->page == NULL ? WH_EINVALID : code;
}

int whi_source_progress_read(whi_source_progress *out, const char *text) {
    whi_json json = { 0 };
    int code;

    *out = (whi_source_progress){ .page = NULL };
    if (text == NULL) {
        return WH_OK;
    }
    code = whi_json_scan(&json, text, strlen(text), 1);
    code = code == WH_OK ? take_progress(out, &json) : code;
    whi_json_free(&json);
    return code == WH_OK || code == WH_ENOMEM
               ? code
               : whi_fail_field(WH_EINVALID, "page", "expected what a page gave as the next, found something else");
}

int whi_source_progress_write(const whi_source_progress *progress, whi_buf *out) {
    whi_buf_char(out, '{');
    write_number(out, "n", progress->pages);
    write_number(out, "i", progress->items);
    write_number(out, "b", progress->bytes);
    write_number(out, "t", progress->started_at);
    write_number(out, "x", progress->afresh);
    write_number(out, "m", (int64_t)progress->mark);
    write_number(out, "r", (int64_t)progress->request);
    write_text(out, "e", progress->etag);
    write_text(out, "p", progress->page);
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

void whi_source_progress_free(whi_source_progress *progress) {
    whi_free(progress->page);
    whi_free(progress->etag);
    *progress = (whi_source_progress){ .page = NULL };
}

int whi_source_progress_turns(whi_source_progress *progress, const char *next) {
    uint64_t hash = whi_source_hash(next, strlen(next));

    if (hash == progress->mark || (progress->page != NULL && strcmp(progress->page, next) == 0)) {
        return 1;
    }
    if ((progress->pages & (progress->pages - 1)) == 0) {
        progress->mark = hash;
    }
    return 0;
}

/* --------------------------------------------------------------------------- state */

static int take_state(whi_source_state *out, const whi_json *json) {
    int code;

    if (json->nodes[0].type != WHI_JSON_OBJECT || !read_hash(json, "r", &out->request)) {
        return WH_OK;
    }
    code = read_text(json, "s", &out->token);
    return code == WH_OK ? read_text(json, "e", &out->etag) : code;
}

int whi_source_state_read(whi_source_state *out, const char *text) {
    whi_json json = { 0 };
    int code;

    *out = (whi_source_state){ .token = NULL };
    if (text == NULL) {
        return WH_OK;
    }
    code = whi_json_scan(&json, text, strlen(text), 1);
    code = code == WH_OK ? take_state(out, &json) : code;
    whi_json_free(&json);
    return code == WH_ENOMEM ? code : WH_OK;
}

int whi_source_state_write(const whi_source_state *state, whi_buf *out) {
    whi_buf_char(out, '{');
    write_text(out, "s", state->token);
    if (state->etag != NULL) {
        write_text(out, "e", state->etag);
        write_number(out, "r", (int64_t)state->request);
    }
    whi_buf_char(out, '}');
    return whi_buf_status(out);
}

void whi_source_state_free(whi_source_state *state) {
    whi_free(state->token);
    whi_free(state->etag);
    *state = (whi_source_state){ .token = NULL };
}
