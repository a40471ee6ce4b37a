/* Tests: test_twin. */
#include "calls/twin.h"

#include <string.h>

#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/registry.h"
#include "engine/version.h"
#include "systems/subscription_make.h"

/* ------------------------------------------------------------------------- places */

static int copy_text(char **out, const char *text) {
    *out = whi_strdup(text, WH_ZSTR);
    return text == NULL || *out != NULL ? WH_OK : whi_fail_memory();
}

static int copy_settings(whi_database_settings **out, const whi_database_settings *from) {
    *out = from != NULL ? whi_alloc(sizeof **out) : NULL;
    if (from == NULL) {
        return WH_OK;
    }
    if (*out == NULL) {
        return whi_fail_memory();
    }
    **out = *from;
    return WH_OK;
}

/* Where one's deliveries go, as another's: what was there is forgotten. */
static int copy_place(whi_subscription *to, const whi_subscription *from) {
    int code;

    whi_free(to->url);
    whi_free_secret(to->password, to->password != NULL ? strlen(to->password) : 0);
    whi_free(to->database);
    to->password = NULL;
    to->database = NULL;
    code = copy_text(&to->url, from->url);
    code = code == WH_OK ? copy_text(&to->password, from->password) : code;
    return code == WH_OK ? copy_settings(&to->database, from->database) : code;
}

int whi_twin_read(wh_engine *engine, whi_subscription *s, whi_registration **out) {
    int code = s->twin != 0 ? whi_version_at(engine->store, s->twin, 0, out) : WH_ENOTFOUND;

    if (code == WH_ENOTFOUND) { /* taken away by hand, for one that says it has one */
        s->twin = 0;
        return WH_OK;
    }
    if (code != WH_OK) {
        return code;
    }
    s->also = whi_calloc(1, sizeof *s->also);
    return s->also != NULL ? copy_place(s->also, (*out)->subscription) : whi_fail_memory();
}

/* ------------------------------------------------------------------------- making */

static void drop_secret(char **text) {
    whi_free_secret(*text, *text != NULL ? strlen(*text) : 0);
    *text = NULL;
}

/* What is said of an HTTP receiver alone, and would be refused of another, or is a secret that it needs not. */
static void drop_reach(whi_subscription *twin) {
    drop_secret(&twin->auth);
    drop_secret(&twin->tls);
    drop_secret(&twin->proxy);
    whi_free(twin->response_rule);
    twin->response_rule = NULL;
    if (whi_subscription_is_database(twin)) {
        whi_subscription_free_texts(twin->secrets, twin->secret_count);
        whi_subscription_free_texts(twin->headers, twin->header_count);
        twin->secrets = twin->headers = NULL;
        twin->secret_count = twin->header_count = 0;
    }
}

/* What is its own, and not as the first has it. */
static int keep_own(whi_subscription *twin, const whi_subscription *before) {
    whi_free(twin->disabled);
    twin->disabled = NULL;
    twin->id = before != NULL ? before->id : 0;
    twin->version = before != NULL ? before->version : 0;
    twin->created_at = before != NULL ? before->created_at : 0;
    if (before == NULL) {
        return WH_OK;
    }
    twin->poll_history = before->poll_history;
    return copy_text(&twin->disabled, before->disabled);
}

int whi_twin_make(whi_subscription **out, const whi_subscription *s, const whi_subscription *before) {
    whi_subscription *twin = NULL;
    int code = s->also != NULL ? whi_subscription_copy(&twin, s) : WH_OK;

    *out = NULL;
    if (code != WH_OK || twin == NULL) {
        return code;
    }
    code = copy_place(twin, s->also);
    if (code == WH_OK) {
        drop_reach(twin);
        twin->unchecked = s->also->unchecked;
        twin->twin = 0;
        twin->twin_of = s->id;
        code = keep_own(twin, before);
    }
    code = code == WH_OK ? whi_subscription_check(twin) : code;
    if (code != WH_OK) {
        whi_subscription_free(twin);
        return code == WH_EINVALID ? whi_fail_within_field(code, "also") : code;
    }
    *out = twin;
    return WH_OK;
}

/* ------------------------------------------------------------------------ writing */

static int put(wh_engine *engine, whi_store *store, whi_subscription *s, int64_t least) {
    whi_version next = { 0 };
    int code = whi_version_write(&next, engine, s);

    next.row.id = s->id;
    next.row.least = least;
    code = code == WH_OK ? whi_store_subscription_put(store, &next.row) : code;
    s->id = code == WH_OK ? next.row.id : s->id;
    whi_version_free(&next);
    return code;
}

static void begin(whi_pair *self) {
    self->first->id = self->id;
    self->first->version = self->version;
    self->first->twin = self->twin_id;
    if (self->twin != NULL) {
        self->twin->id = self->twin_id;
        self->twin->version = self->twin_version;
        self->twin->twin_of = self->id;
    }
}

/* Of two that are new each is to name the other: the twin, whose versions nobody counts, is written twice. */
static int put_both(wh_engine *engine, whi_store *store, whi_pair *self) {
    int code = put(engine, store, self->twin, self->least);

    self->first->twin = self->twin->id;
    code = code == WH_OK ? put(engine, store, self->first, self->least) : code;
    if (code == WH_OK && self->twin->twin_of == 0) {
        self->twin->twin_of = self->first->id;
        code = put(engine, store, self->twin, 0);
    }
    return code;
}

int whi_pair_write(wh_engine *engine, whi_store *store, whi_pair *self) {
    int code;

    begin(self);
    self->more = 0;
    if (self->twin != NULL) {
        return put_both(engine, store, self);
    }
    self->first->twin = 0;
    code = put(engine, store, self->first, self->least);
    if (code == WH_OK && self->twin_id != 0) {
        code = whi_version_remove(engine, store, self->twin_id, &self->more);
        code = code == WH_ENOTFOUND ? WH_OK : code;
    }
    return code;
}

/* ------------------------------------------------------------------------- asking */

int64_t whi_twin_of(wh_engine *engine, int64_t subscription) {
    whi_registration *registration = subscription != 0 ? whi_registry_get(engine->registry, subscription) : NULL;
    int64_t twin = registration != NULL ? registration->subscription->twin : 0;

    whi_registration_unref(registration);
    return twin;
}

int whi_twin_check(const whi_subscription *s) {
    char id[WH_ID_SIZE];

    if (s->twin_of == 0) {
        return WH_OK;
    }
    whi_ident_format("sub_", s->twin_of, id);
    return whi_fail_field(WH_EINVALID, "id", "it is what %s says of \"also\": change that one", id);
}
