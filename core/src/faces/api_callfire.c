/* CallFire's routes: /v2/webhooks, also without /v2. */
#include "faces/api.h"

#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "pure/projection.h"
#include "systems/callfire.h"

#define LIMIT_DEFAULT 100 /* documented */

/* The answer becomes what `fields` asks for: "items(id,name),totalCount", "id,name". */
static int apply_fields(whi_call *call) {
    const char *text = whi_call_parameter(call, "fields");
    whi_projection *fields = NULL;
    whi_json json = { 0 };
    whi_buf out;
    int code = text != NULL ? whi_projection_parse(&fields, text, strlen(text)) : WH_OK;

    if (code != WH_OK || fields == NULL) {
        return code != WH_OK ? whi_fail_within_field(code, "fields") : code;
    }
    whi_buf_init(&out, SIZE_MAX / 4);
    code = whi_buf_status(&call->out);
    code = code == WH_OK ? whi_json_scan(&json, call->out.data, call->out.size, 128) : code;
    code = code == WH_OK ? whi_projection_write(fields, &json, 0, &out) : code;
    code = code == WH_OK ? whi_buf_status(&out) : code;
    whi_json_free(&json);
    whi_projection_free(fields);
    whi_buf_free(&call->out);
    call->out = out;
    return code;
}

/* ------------------------------------------------------------------------ webhooks */

static int read_search(whi_call *call, whi_search *search, int64_t *limit, int64_t *offset) {
    static const struct {
        const char *parameter, *field;
        int fold;
    } filters[] = {
        { "name", "name", 0 },
        { "resource", "resource", 1 },
        { "event", "events", 1 },
        { "enabled", "enabled", 1 },
    };
    const char *callback = whi_call_parameter(call, "callback");
    int enabled, code = whi_search_scope(call, search);

    code = code == WH_OK ? whi_call_flag(call, "enabled", &enabled) : code;
    code = code == WH_OK
               ? whi_call_limit(call, whi_insight_options(call->engine)->limits.page_items, LIMIT_DEFAULT, limit)
               : code;
    code = code == WH_OK ? whi_call_number(call, "offset", 0, INT64_C(1) << 40, 0, offset) : code;
    for (size_t i = 0; code == WH_OK && i < sizeof filters / sizeof filters[0]; i++) {
        const char *value = whi_call_parameter(call, filters[i].parameter);
        code = value != NULL && value[0] != '\0'
                   ? whi_search_add(search, filters[i].field, WHI_EQ, value, filters[i].fold)
                   : WH_OK;
    }
    return code == WH_OK && callback != NULL && callback[0] != '\0'
               ? whi_search_add_url(call, search, "callback", WHI_EQ, callback)
               : code;
}

static int serve_list(whi_call *call) {
    whi_search search = { .system = call->system, .counts = 1 };
    int64_t limit, offset;
    int code = read_search(call, &search, &limit, &offset);

    if (code == WH_OK) {
        search.page.limit = (size_t)limit;
        search.page.skip = (size_t)offset;
        code = whi_search_run(call, &search);
    }
    if (code == WH_OK) {
        whi_buf_text(&call->out, "{\"items\":[");
        code = whi_out_objects(call, &search);
        whi_buf_char(&call->out, ']');
        whi_out_int(call, "limit", limit);
        whi_out_int(call, "offset", offset);
        whi_out_int(call, "totalCount", (int64_t)search.total);
        whi_buf_char(&call->out, '}');
    }
    whi_search_free(&search);
    return code == WH_OK ? apply_fields(call) : code;
}

static int serve_make(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_make(call, whi_call_parameter(call, "tenant"), NULL, id, &made);

    if (code == WH_OK) {
        whi_registration_unref(made);
        call->status = 201;
        whi_call_fall_back(call, id);
    }
    return code;
}

static int serve_get(whi_call *call) {
    whi_registration *found;
    int code = whi_scope_subscription(call, call->id, &found);

    code = code == WH_OK ? whi_out_object(call, found, 0) : code;
    whi_registration_unref(found);
    return code == WH_OK ? apply_fields(call) : code;
}

/* It merges: the vendor's samples leave out what stays. */
static int serve_change(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_change(call, id, &made);

    whi_registration_unref(made);
    whi_buf_clear(&call->out);
    return code;
}

static int serve_remove(whi_call *call) {
    char id[WH_ID_SIZE];
    int code = whi_remove(call, id);

    call->status = code == WH_OK ? 204 : call->status;
    whi_buf_clear(&call->out);
    return code;
}

/* ----------------------------------------------------------------------- resources */

static void write_resource(whi_call *call, const whi_callfire_resource *resource) {
    whi_buf_char(&call->out, '{');
    whi_out_text(call, "resource", resource->name);
    whi_json_write_name(&call->out, "supportedEvents");
    whi_buf_char(&call->out, '[');
    for (size_t i = 0; resource->events[i] != NULL; i++) {
        whi_buf_text(&call->out, i > 0 ? "," : "");
        whi_json_write_string(&call->out, resource->events[i], strlen(resource->events[i]));
    }
    whi_buf_text(&call->out, "]}");
}

static int serve_resources(whi_call *call) {
    const whi_callfire_resource *resource;

    whi_buf_text(&call->out, "{\"items\":[");
    for (size_t i = 0; (resource = whi_callfire_resource_at(i)) != NULL && resource->name != NULL; i++) {
        whi_buf_text(&call->out, i > 0 ? "," : "");
        write_resource(call, resource);
    }
    whi_buf_text(&call->out, "]}");
    return apply_fields(call);
}

static int serve_resource(whi_call *call) {
    const whi_callfire_resource *resource;

    for (size_t i = 0; (resource = whi_callfire_resource_at(i)) != NULL && resource->name != NULL; i++) {
        if (whi_ascii_same(resource->name, call->id)) {
            write_resource(call, resource);
            return apply_fields(call);
        }
    }
    return whi_fail_field(WH_ENOTFOUND, "resource", "there is none with this name");
}

const whi_handler whi_handlers_callfire[] = {
    { "list", serve_list },         { "make", serve_make },
    { "get", serve_get },           { "change", serve_change },
    { "remove", serve_remove },     { "resources", serve_resources },
    { "resource", serve_resource }, { NULL, NULL },
};
