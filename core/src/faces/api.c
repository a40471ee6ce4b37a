#include "faces/api.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "base/sized.h"

/* Requests that may take seconds leave most of a server's threads, and of the processors, to what is quick, and
 * one tenant leaves room for another. */
#define SLOW_OF_ALL 8
#define SLOW_OF_TENANT 4

/* Who waits for something to fetch has one of the server's few threads for what is slow: half of them. */
#define WAITS_OF_ALL 2
#define WAITS_OF_TENANT 1

#define BODY_BYTES (INT64_C(8) << 20)
#define FAILURES 20

static int take_options(wh_api_options *options, const wh_api_options *given) {
    static const wh_api_options defaults = WH_API_OPTIONS_INIT;
    int code = wh_struct_take(options, sizeof *options, given != NULL ? given : &defaults, "WH_API_OPTIONS_INIT");

    if (code != WH_OK) {
        return code;
    }
    if (options->body_bytes < 0 || options->body_bytes > (int64_t)WHI_JSON_MAXIMUM) {
        return whi_fail_field(WH_EINVALID, "body_bytes", "expected 1 to %zu, found %lld", WHI_JSON_MAXIMUM,
                              (long long)options->body_bytes);
    }
    if (options->metrics != 0 && options->metrics != 1) {
        return whi_fail_field(WH_EINVALID, "metrics", "expected 0 or 1, found %d", options->metrics);
    }
    return options->failures >= 0 ? WH_OK : whi_fail_field(WH_EINVALID, "failures", "expected 1 or more");
}

int wh_api_open(wh_api **out, wh_engine *engine, const wh_api_options *given) {
    wh_api_options options;
    wh_api *made;
    int code;

    if (out == NULL || engine == NULL) {
        return whi_fail_field(WH_EINVALID, out == NULL ? "out" : "engine", "expected one, found NULL");
    }
    code = take_options(&options, given);
    if (code != WH_OK) {
        return code;
    }
    *out = NULL;
    made = whi_calloc(1, sizeof *made);
    if (made == NULL) {
        return whi_fail_memory();
    }
    made->engine = engine;
    made->body_bytes = options.body_bytes ? options.body_bytes : BODY_BYTES;
    made->failures = options.failures ? options.failures : FAILURES;
    made->open = options.open;
    made->metrics = options.metrics;
    code = whi_limiter_new(&made->limiter);
    code = code == WH_OK ? whi_turns_new(&made->turns, SLOW_OF_ALL, SLOW_OF_TENANT) : code;
    code = code == WH_OK ? whi_turns_new(&made->waits, WAITS_OF_ALL, WAITS_OF_TENANT) : code;
    if (code != WH_OK) {
        wh_api_close(made);
        return code;
    }
    *out = made;
    return WH_OK;
}

void wh_api_close(wh_api *api) {
    if (api != NULL) {
        whi_limiter_free(api->limiter);
        whi_turns_free(api->turns);
        whi_turns_free(api->waits);
        whi_free(api);
    }
}

int64_t wh_api_body_bytes(const wh_api *api) {
    return api != NULL ? api->body_bytes : 0;
}

static int serve(whi_call *call) {
    int code;

    if (!(call->route->flags & WHI_ROUTE_SLOW)) {
        return call->route->run(call);
    }
    code = whi_turn_take(call);
    if (code == WH_OK) {
        code = call->route->run(call);
        whi_turn_leave(call->api->turns, call);
    }
    return code;
}

/* Where there are metrics alone, all else is not there. */
static int check_metrics(whi_call *call) {
    whi_serve_fn run = call->route->run;

    return !call->api->metrics || run == whi_serve_metrics || run == whi_serve_health
               ? WH_OK
               : whi_refuse(call, 404, NULL, "nothing but /v1/metrics and /v1/health is served here");
}

static int answer(whi_call *call) {
    int code = whi_call_read(call);

    code = code == WH_OK ? whi_api_route_find(call) : code;
    code = code == WH_OK ? check_metrics(call) : code;
    code = code == WH_OK ? whi_call_check_page(call) : code;
    if (code == WH_OK && !(call->route->flags & WHI_ROUTE_OPEN)) {
        code = whi_call_authenticate(call);
    }
    if (code == WH_OK && call->route->flags & WHI_ROUTE_OPERATOR && !call->all) {
        code = whi_refuse(call, 403, NULL, "this needs the token of an operator");
    }
    code = code == WH_OK ? whi_call_read_body(call) : code;
    return code == WH_OK ? serve(call) : code;
}

/* Too large for the stack of somebody else's thread, and mostly text buffers. */
static void handle(wh_api *api, const wh_api_request *request, wh_api_response *out) {
    whi_call *call = whi_alloc(sizeof *call);
    int code;

    if (call == NULL) {
        return;
    }
    memset(call, 0, sizeof *call);
    call->api = api;
    call->engine = api->engine;
    call->request = request;
    call->response = out;
    call->status = 200;
    call->content_type = "application/json";
    whi_buf_init(&call->out, SIZE_MAX / 4);
    code = answer(call);
    if (call->system == NULL) { /* no route was found */
        call->system = whi_api_route_system(request->path != NULL ? request->path : "");
    }
    whi_call_answer(call, code);
    whi_call_free(call);
    whi_free(call);
}

/* A server's threads may come while the process ends. */
int wh_api_handle(wh_api *api, const wh_api_request *given, wh_api_response *out) {
    wh_api_request request;

    if (out == NULL || !whi_sized_clear(out, WHI_SIZED_END(wh_api_response, text))) {
        return 500;
    }
    out->status = 500;
    if (api == NULL || given == NULL ||
        wh_struct_take(&request, sizeof request, given, "WH_API_REQUEST_INIT") != WH_OK) {
        return out->status;
    }
    if (whi_halt_enter() != WH_OK) {
        return out->status = 503;
    }
    handle(api, &request, out);
    whi_halt_leave();
    return out->status;
}
