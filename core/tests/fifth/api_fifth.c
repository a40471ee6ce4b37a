/* The routes of the fifth system: /fifth/hooks, also behind /beta. */
#include "base/error.h"
#include "faces/api.h"

static int serve_list(whi_call *call) {
    whi_search search = { .system = call->system, .page.limit = 100 };
    int code = whi_search_scope(call, &search);

    code = code == WH_OK ? whi_search_run(call, &search) : code;
    if (code == WH_OK) {
        whi_buf_text(&call->out, "{\"hooks\":[");
        code = whi_out_objects(call, &search);
        whi_buf_text(&call->out, "]}");
    }
    whi_search_free(&search);
    return code;
}

static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_make(call, whi_call_parameter(call, "tenant"), NULL, id, &made);

    return code == WH_OK ? whi_answer_object(call, made, id, 0) : code;
}

static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];
    int code = whi_remove(call, id);

    if (code == WH_OK) {
        whi_call_fall_back(call, id);
    }
    return code;
}

const whi_handler whi_handlers_fifth[] = {
    { "list", serve_list },         { "make", serve_make },     { "get", whi_serve_get },
    { "change", whi_serve_change }, { "remove", serve_remove }, { NULL, NULL },
};
