/* Making, changing and deleting subscriptions, whoever's form they come in.
 * Tests: test_api_standard, test_api_systems. */
#include "calls/sources.h"
#include "calls/subscriptions.h"
#include "faces/api.h"

#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"

#define TRIES 100 /* of a change while others change the same one */

static int lists(void *payload, const char *object_type) {
    return whi_source_lists(payload, object_type);
}

/* What a sentence says of `also` the client knows by another name. */
static int fail_also(const whi_call *call, int code) {
    const char *name = call->system->also;

    return code == WH_EINVALID && name != NULL && strncmp(wh_last_error_field(), "also", 4) == 0
               ? whi_fail_renamed(code, name)
               : code;
}

static int requires(void *payload, const char *object_type, size_t nth, char out[WHI_FILTER_NAME]) {
    return whi_source_requires(payload, object_type, nth, out, WHI_FILTER_NAME);
}

/* The canonical document that a client's object comes to; to be wiped. present: it is a change. */
static int read_object(whi_call *call, const whi_subscription *present, const char *tenant, const char *details,
                       whi_buf *out) {
    const char *body = call->request->body;
    size_t size = call->request->body_size;
    whi_registration *twin = present != NULL ? whi_insight_subscription(call->engine, present->twin) : NULL;
    whi_asker asker = { lists, call->engine, call->history, requires, twin != NULL ? twin->subscription : NULL };
    whi_buf canonical;
    int code = WH_OK;

    whi_buf_init(&canonical, SIZE_MAX / 4);
    if (call->system->fields != NULL) {
        code = whi_object_read_for(call->system, body, size, present != NULL ? WHI_OBJECT_PATCH : 0, present, &asker,
                                   &canonical);
        body = canonical.data;
        size = canonical.size;
    }
    code = code == WH_OK ? whi_scope_document(call, body, size, tenant, details, out) : code;
    whi_wipe(canonical.data, canonical.size);
    whi_buf_free(&canonical);
    whi_registration_unref(twin);
    return code;
}

int whi_make(whi_call *call, const char *tenant, const char *details, char *id, whi_registration **made) {
    whi_buf document;
    int64_t number;
    int code;

    *made = NULL;
    whi_buf_init(&document, SIZE_MAX / 4);
    code = read_object(call, NULL, tenant, details, &document);
    code = code == WH_OK ? whi_call_set_aside(call) : code;
    code = code == WH_OK ? fail_also(call, wh_subscribe(call->engine, document.data, document.size, id)) : code;
    if (code == WH_OK && whi_ident_parse("sub_", id, &number) == WH_OK) {
        *made = whi_insight_subscription(call->engine, number);
        call->system->ident(number, id);
    }
    whi_wipe(document.data, document.size);
    whi_buf_free(&document);
    return code;
}

/* What is written, and who may write it, is of the version that was looked at: while it was read
 * somebody else may have changed it. */
static int try_change(whi_call *call, char *id, whi_registration **made) {
    whi_registration *present;
    whi_buf document;
    int code = whi_scope_subscription(call, call->id, &present);

    *made = NULL;
    if (code != WH_OK) {
        return code;
    }
    whi_buf_init(&document, SIZE_MAX / 4);
    code = read_object(call, present->subscription, NULL, NULL, &document);
    code = code == WH_OK ? whi_call_set_aside(call) : code;
    if (code == WH_OK) {
        code = whi_subscription_update(call->engine, present->id, present->subscription->version, document.data,
                                       document.size);
        code = fail_also(call, code);
    }
    if (code == WH_OK) {
        *made = whi_insight_subscription(call->engine, present->subscription->id);
        memcpy(id, present->id, sizeof present->id);
        call->system->ident(present->subscription->id, id);
    }
    whi_registration_unref(present);
    whi_wipe(document.data, document.size);
    whi_buf_free(&document);
    return code;
}

int whi_change(whi_call *call, char *id, whi_registration **made) {
    int code, left = TRIES;

    do {
        code = try_change(call, id, made);
    } while (code == WH_ECONFLICT && --left > 0);
    return code;
}

int whi_remove(whi_call *call, char *id) {
    whi_registration *present;
    int code = whi_scope_subscription(call, call->id, &present);

    if (code != WH_OK) {
        return code;
    }
    call->system->ident(present->subscription->id, id);
    code = whi_call_set_aside(call);
    code = code == WH_OK ? wh_subscription_delete(call->engine, present->id) : code;
    whi_registration_unref(present);
    return code;
}

int whi_answer_object(whi_call *call, whi_registration *made, const char *id, int flags) {
    if (made == NULL || whi_out_object(call, made, flags) != WH_OK) {
        whi_call_fall_back(call, id);
    }
    whi_registration_unref(made);
    return WH_OK;
}

int whi_serve_get(whi_call *call) {
    whi_registration *found;
    int code = whi_scope_subscription(call, call->id, &found);

    code = code == WH_OK ? whi_out_object(call, found, 0) : code;
    whi_registration_unref(found);
    return code;
}

int whi_serve_change(whi_call *call) {
    whi_registration *made;
    char id[WH_ID_SIZE];
    int code = whi_change(call, id, &made);

    return code == WH_OK ? whi_answer_object(call, made, id, 0) : code;
}
