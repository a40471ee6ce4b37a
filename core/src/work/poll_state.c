/* Tests: test_engine_poll. */
#include "work/poll_state.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/ident.h"
#include "base/mem.h"

#define CHUNK_MOST 10000

int whi_poll_target_set(char **place, const char **member, const char *text) {
    char *copy = text != NULL ? whi_strdup(text, WH_ZSTR) : NULL;

    if (text != NULL && copy == NULL) {
        return whi_fail_memory();
    }
    whi_free(*place);
    *place = copy;
    *member = copy;
    return WH_OK;
}

static int copy_row(const wh_backend_poll *row, void *payload) {
    whi_poll_target *self = payload;
    int code;

    self->row = *row;
    self->there = 1;
    memcpy(self->salt, row->salt, sizeof self->salt);
    self->row.salt = self->salt;
    code = whi_poll_target_set(&self->name, &self->row.name, row->name);
    code = code == WH_OK ? whi_poll_target_set(&self->page, &self->row.page, row->page) : code;
    code = code == WH_OK ? whi_poll_target_set(&self->state, &self->row.state, row->state) : code;
    return code == WH_OK ? whi_poll_target_set(&self->runs, &self->row.runs, row->runs) : code;
}

/* The sequence begins where none of a row before it has been. */
static int begin_row(wh_engine *engine, whi_poll_target *self, int64_t id) {
    self->row = (wh_backend_poll){ .id = id, .turn = WH_TURN_ABSENT };
    self->row.salt = self->salt;
    self->row.sequence = whi_ident_first(whi_now(engine));
    return whi_clock_random(engine->clock, self->salt, sizeof self->salt);
}

int whi_poll_target_read(wh_engine *engine, whi_poll_target *self, int64_t id) {
    const whi_store_vtable *v = engine->store->vtable;
    int code = v->poll_get != NULL ? v->poll_get(engine->store, id, copy_row, self)
                                   : whi_fail(WH_EINVALID, "this back end keeps no polls");

    code = code == WH_ENOTFOUND ? begin_row(engine, self, id) : code;
    self->first = self->row.checked_at == 0;
    self->told = whi_poll_target_state(self);
    return code;
}

enum whi_poll_state whi_poll_target_state(const whi_poll_target *self) {
    return whi_poll_state(self->row.failures, self->row.refused, self->row.suspicious);
}

static int want(whi_poll_target *self, const whi_subscription *s) {
    if (s->poll_limit > 0 && s->poll_limit < self->chunk) {
        self->chunk = s->poll_limit;
    }
    return whi_poll_wants(s, self->wants);
}

int whi_poll_target_want(whi_poll_target *self, whi_registration *const *list, size_t count) {
    int code = WH_OK;

    self->chunk = CHUNK_MOST;
    for (size_t i = 0; i < count && code == WH_OK; i++) {
        code = want(self, list[i]->subscription);
    }
    return code;
}

void whi_poll_target_free(whi_poll_target *self) {
    whi_free(self->name);
    whi_free(self->page);
    whi_free(self->state);
    whi_free(self->runs);
    *self = (whi_poll_target){ 0 };
}
