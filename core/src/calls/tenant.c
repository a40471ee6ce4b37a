/* The secret of a tenant's workspace: given, or changed in all its subscriptions. Tests: test_api_systems. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "calls/workspace.h"
#include "engine/context.h"
#include "engine/registry.h"
#include "pure/json.h"
#include "pure/match.h"
#include "pure/sign.h"

#define RESIGN_PAGE 500

typedef struct batch {
    int64_t ids[RESIGN_PAGE];
    size_t count;
} batch;

static int collect_signed(const whi_subscription_row *row, void *payload) {
    batch *self = payload;
    whi_registration *registration;
    int code = whi_registration_new(&registration, row);

    if (code != WH_OK) {
        return code;
    }
    if (registration->subscription->system->asks & WHI_SECRET_OF_TENANT) {
        self->ids[self->count++] = row->id;
    }
    whi_registration_unref(registration);
    return WH_OK;
}

static int resign(wh_engine *engine, const batch *self, const char *document) {
    int code = WH_OK;

    for (size_t i = 0; i < self->count && (code == WH_OK || code == WH_ENOTFOUND); i++) {
        char id[WH_ID_SIZE];
        whi_ident_format("sub_", self->ids[i], id);
        code = wh_subscription_update(engine, id, document, WH_ZSTR);
    }
    return code == WH_ENOTFOUND ? WH_OK : code; /* deleted meanwhile */
}

static int resign_all(wh_engine *engine, const char *tenant, const char *secret) {
    whi_store_query rows = { .tenant = tenant, .limit = RESIGN_PAGE, .rows = RESIGN_PAGE };
    whi_store_place place = { 0 };
    batch self;
    whi_buf document;
    int code;

    whi_buf_init(&document, WH_SECRET_SIZE * 8);
    whi_buf_reserve(&document, WH_SECRET_SIZE * 7); /* growing would leave the secret in freed memory */
    whi_buf_text(&document, "{\"secrets\":[");
    whi_json_write_string(&document, secret, strlen(secret));
    whi_buf_text(&document, "]}");
    code = whi_buf_status(&document);
    do {
        self.count = 0;
        if (code == WH_OK) {
            code = engine->store->vtable->subscription_list(engine->store, &rows, collect_signed, &self, &place);
        }
        code = code == WH_OK ? resign(engine, &self, document.data) : code;
        rows.before_subscription = place.subscription;
    } while (code == WH_OK && place.more);
    whi_wipe(document.data, document.size);
    whi_buf_free(&document);
    return code;
}

static int check_secret(const char *secret) {
    size_t size = strlen(secret);

    for (size_t i = 0; i < size; i++) {
        if ((unsigned char)secret[i] < ' ' || secret[i] == 0x7f) {
            size = 0;
        }
    }
    return size > 0 && size < WH_SECRET_SIZE
               ? WH_OK
               : whi_fail_field(WH_EINVALID, "secret", "expected 1 to %d bytes without control characters",
                                WH_SECRET_SIZE - 1);
}

int wh_tenant_secret(wh_engine *engine, const char *tenant, const char *secret, char *out) {
    char now[WH_SECRET_SIZE];
    const char *name = tenant != NULL ? tenant : "";
    int code;

    code = whi_engine_check(engine);
    if (code != WH_OK) {
        return code;
    }
    code = whi_tenant_check(name);
    code = code == WH_OK && secret != NULL ? check_secret(secret) : code;
    if (code == WH_OK && secret == NULL) {
        code = whi_workspace_secret(engine, name, now);
    } else if (code == WH_OK) {
        code = whi_workspace_keep(engine, name, secret);
        code = code == WH_OK ? resign_all(engine, name, secret) : code;
        snprintf(now, sizeof now, "%s", secret);
    }
    if (code == WH_OK && out != NULL) {
        memcpy(out, now, sizeof now);
    }
    whi_wipe(now, sizeof now);
    return code;
}
