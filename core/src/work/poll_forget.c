/* Tests: test_engine_poll, test_engine_poll_faults. */
#include "work/poll_forget.h"

#include <string.h>

#include "base/error.h"
#include "engine/lease.h"
#include "engine/writer.h"
#include "work/poll_run.h"
#include "work/poll_state.h"

#define DROP_ROWS 2000 /* in one commit */

typedef struct dropping {
    whi_job job; /* first */
    whi_poll_target target;
    int done;
} dropping;

static int mark(dropping *self, whi_store *store) {
    whi_fact fact = { .kind = WH_FACT_POLL };
    whi_answer answer = { 0 };
    int code;

    fact.of.poll = self->target.row;
    code = whi_store_write(store, &fact, &answer);
    return code == WH_OK && !answer.done ? whi_fail(WH_ECONFLICT, "a poll is in another's hands") : code;
}

static int run(whi_job *job, whi_store *store) {
    dropping *self = (dropping *)job;
    whi_fact fact = { .kind = WH_FACT_POLL_DROP };
    whi_answer answer = { 0 };
    int code = mark(self, store);

    fact.of.poll_drop.id = self->target.row.id;
    fact.of.poll_drop.seen = self->target.row.seen;
    fact.of.poll_drop.limit = DROP_ROWS;
    fact.of.poll_drop.row = 1;
    code = code == WH_OK ? whi_store_write(store, &fact, &answer) : code;
    self->done = answer.done;
    return code;
}

static int is_of(const whi_poll_target *target, const whi_poll_version *version) {
    return target->row.turn == version->turn && memcmp(target->salt, version->salt, sizeof version->salt) == 0;
}

static int drop(wh_engine *engine, dropping *self) {
    int code = WH_OK;

    self->job.run = run;
    self->job.rows = DROP_ROWS;
    self->target.row.phase = WHI_POLL_DROPPED;
    while (code == WH_OK && !self->done) {
        self->target.row.holder = whi_lease_owner(engine->lease);
        code = self->target.row.holder != 0 ? whi_writer_run(engine->writer, &self->job) : WH_ECONFLICT;
        self->target.row.turn++;
    }
    return code;
}

int whi_poll_forget(wh_engine *engine, const whi_poll_version *version) {
    dropping self = { 0 };
    int code = whi_poll_target_read(engine, &self.target, version->id);

    if (code == WH_OK && self.target.there) {
        code = is_of(&self.target, version) ? drop(engine, &self) : WH_ECONFLICT;
    }
    whi_poll_target_free(&self.target);
    return code;
}
