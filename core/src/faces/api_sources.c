/* HTTP sources, for operators: their documents have the secrets of somebody's API in them. Tests: test_api_sources. */
#include "faces/api.h"

#include <string.h>

#include "base/error.h"
#include "webhook_source.h"

static int give(whi_call *call, const char *object_type) {
    char *text = NULL;
    size_t size = 0;
    int code = wh_source_get(call->engine, object_type, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_source_list(whi_call *call) {
    char *text = NULL;
    size_t size = 0;
    int code = wh_source_list(call->engine, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}

int whi_serve_source_get(whi_call *call) {
    return give(call, call->id);
}

/* 201 where there was none. */
static int put(whi_call *call, const char *object_type) {
    char *before = NULL;
    int found = wh_source_get(call->engine, object_type, &before, NULL), code;

    wh_free(before);
    code = wh_source_put(call->engine, call->request->body, call->request->body_size);
    if (code != WH_OK) {
        return code;
    }
    code = give(call, object_type);
    call->status = code == WH_OK && found == WH_ENOTFOUND ? 201 : call->status;
    return code;
}

/* The document says what it is of; without a type it is refused, with its words. */
int whi_serve_source_make(whi_call *call) {
    const char *object_type;
    int code = whi_body_text(call, 0, "object_type", &object_type);

    return code == WH_OK ? put(call, object_type != NULL ? object_type : "") : code;
}

int whi_serve_source_put(whi_call *call) {
    const char *object_type;
    int code = whi_body_text(call, 0, "object_type", &object_type);

    if (code == WH_OK && (object_type == NULL || strcmp(object_type, call->id) != 0)) {
        return whi_fail_field(WH_EINVALID, "object_type", "expected the one that the path has");
    }
    return code == WH_OK ? put(call, object_type) : code;
}

int whi_serve_source_remove(whi_call *call) {
    int code = wh_source_delete(call->engine, call->id);

    call->status = code == WH_OK ? 204 : call->status;
    return code;
}

int whi_serve_source_connection_put(whi_call *call) {
    int code =
        wh_source_connection_put(call->engine, call->id, call->second, call->request->body, call->request->body_size);

    return code == WH_OK ? give(call, call->id) : code;
}

int whi_serve_source_connection_remove(whi_call *call) {
    int code = wh_source_connection_delete(call->engine, call->id, call->second);

    call->status = code == WH_OK ? 204 : call->status;
    return code;
}

int whi_serve_source_test(whi_call *call) {
    const char *query = call->request->body_size > 0 ? call->request->body : NULL;
    char *text = NULL;
    size_t size = 0;
    int code = wh_source_test(call->engine, call->id, query, call->request->body_size, &text, &size);

    return whi_call_hand_over(call, code, text, size);
}
