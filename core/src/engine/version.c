/* Tests: test_engine. */
#include "engine/version.h"

#include <stdint.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "engine/setting.h"
#include "systems/subscription_write.h"

static int status_of(const whi_subscription *s) {
    return s->disabled != NULL ? 3 : s->paused ? 2 : 1;
}

int whi_version_write(whi_version *out, wh_engine *engine, whi_subscription *s) {
    s->updated_at = whi_now(engine);
    s->created_at = s->created_at ? s->created_at : s->updated_at;
    s->version++;
    whi_buf_init(&out->document, SIZE_MAX / 4);
    whi_subscription_write(s, WHI_WRITE_SECRETS | WHI_WRITE_CREDENTIALS | WHI_WRITE_BRIEF, &out->document);
    out->row.version = s->version;
    out->row.changed_at = s->updated_at;
    out->row.tenant = s->tenant;
    out->row.status = status_of(s);
    out->row.document = out->document.data;
    out->row.document_size = out->document.size;
    return whi_buf_status(&out->document);
}

void whi_version_free(whi_version *version) {
    whi_wipe(version->document.data, version->document.size);
    whi_buf_free(&version->document);
}

int whi_version_keep(wh_engine *engine, whi_store *store, whi_subscription *subscription) {
    whi_version next = { 0 };
    int code = whi_version_write(&next, engine, subscription);

    next.row.id = subscription->id;
    code = code == WH_OK ? whi_store_subscription_put(store, &next.row) : code;
    whi_version_free(&next);
    return code;
}

int whi_version_remove(wh_engine *engine, whi_store *store, int64_t id, int *more) {
    int64_t now = whi_now(engine);
    int count = 0, code = whi_store_subscription_remove(store, id, now);

    if (code == WH_OK) {
        code = whi_store_delivery_cancel(store, id, now, WHI_CANCEL_ROWS, &count);
    }
    *more = count == WHI_CANCEL_ROWS;
    return code;
}

/* Its one event is taken: what goes to it before that is a test. */
static int is_used(const whi_subscription *s) {
    return s->single_use && s->disabled != NULL && strcmp(s->disabled, "used") == 0;
}

typedef struct looking {
    const whi_subscription *ours;
    int used;
} looking;

static int look(const whi_subscription_row *row, void *payload) {
    looking *self = payload;
    whi_registration *registration;
    int code;

    if (row->version == self->ours->version) {
        self->used = is_used(self->ours);
        return WH_OK;
    }
    code = whi_registration_new(&registration, row);
    if (code == WH_OK) {
        self->used = is_used(registration->subscription);
        whi_registration_unref(registration);
    }
    return code;
}

int whi_version_is_used(whi_store *store, const whi_subscription *ours, int *used) {
    looking self = { ours, 0 };
    int code = whi_store_subscription_now(store, ours->id, look, &self);

    *used = self.used;
    return code == WH_ENOTFOUND ? WH_OK : code; /* somebody was faster */
}

int whi_version_at(whi_store *store, int64_t id, int64_t version, whi_registration **out) {
    int code;

    *out = NULL;
    code = store->vtable->subscription_get(store, id, version, whi_registration_read, out);
    if (code == WH_ENOTFOUND) {
        return whi_fail_field(code, version ? "version" : "id", "no such %s",
                              version ? "version of this subscription" : "subscription");
    }
    return code;
}

int whi_version_then(whi_store *store, int64_t id, int64_t number, whi_registration **out) {
    *out = NULL;
    return store->vtable->subscription_then(store, id, number, whi_registration_read, (void *)out);
}
