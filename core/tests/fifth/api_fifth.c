/* The routes of the fifth system: /fifth/hooks, also behind /beta. */
#include "base/error.h"
#include "faces/api.h"

static int serve_list(whi_call *call) {
    whi_search search = { .system = call->system, .page.limit = 100 };
    int code = whi_scope_tenant(call, &search.tenant);

    code = code == WH_OK ? whi_search_run(call, &search) : code;
    if (code == WH_OK) {
        whi_buf_text(&call->out, "{\"hooks\":[");
        code = whi_out_objects(call, &search);
        whi_buf_text(&call->out, "]}");
    }
    whi_search_free(&search);
    return code;
}

static int answer(whi_call *call, whi_registration *made, const char *id) {
    if (made == NULL || whi_out_object(call, made, 0) != WH_OK) {
        whi_call_fall_back(call, id);
    }
    whi_registration_unref(made);
    return WH_OK;
}

static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_make(call, whi_call_parameter(call, "tenant"), NULL, id, &made);

    return code == WH_OK ? answer(call, made, id) : code;
}

static int serve_get(whi_call *call) {
    whi_registration *found;
    int code = whi_scope_subscription(call, call->id, &found);

    code = code == WH_OK ? whi_out_object(call, found, 0) : code;
    whi_registration_unref(found);
    return code;
}

static int serve_change(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_change(call, id, &made);

    return code == WH_OK ? answer(call, made, id) : code;
}

static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];
    int code = whi_remove(call, id);

    if (code == WH_OK) {
        whi_call_fall_back(call, id);
    }
    return code;
}

extern const whi_handler whi_handlers_fifth[];

const whi_handler whi_handlers_fifth[] = {
    { "list", serve_list },
    { "make", serve_make },
    { "get", serve_get },
    { "change", serve_change },
    { "remove", serve_remove },
    { NULL, NULL },
};
