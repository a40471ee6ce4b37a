/* Tests: test_engine_lease. */
#include "engine/lease.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/inbox.h"
#include "engine/registry.h"

#define SWEEP_ROWS 512
#define BETWEEN_US (WHI_BEAT_US - WHI_BEAT_US / 20) /* sooner after each other two looks count as one */

_Static_assert(WHI_LEASE_US < WHI_STILL * BETWEEN_US, "nobody takes a row while its owner trusts in it");

void whi_lease_init(whi_lease *lease, wh_engine *engine) {
    memset(lease, 0, sizeof *lease);
    lease->engine = engine;
    atomic_init(&lease->off, 1);
}

void whi_lease_free(whi_lease *lease) {
    whi_free(lease->seen.list);
    whi_free(lease->next.list);
}

int64_t whi_lease_owner(const whi_lease *lease) {
    return whi_monotonic_us() < atomic_load(&lease->until) ? atomic_load(&lease->owner) : 0;
}

int whi_lease_has(const whi_lease *lease, int64_t owner) {
    return owner != 0 && owner == atomic_load(&lease->owner);
}

void whi_lease_lost(whi_lease *lease) {
    atomic_store(&lease->until, 0);
    atomic_store(&lease->next_beat, 0);
    whi_writer_nudge(lease->engine->writer);
}

void whi_lease_doubt(void *payload) {
    whi_lease *lease = payload;

    atomic_store(&lease->doubted, 1);
    whi_registry_doubt(lease->engine->registry);
    whi_lease_lost(lease);
}

int whi_lease_check(whi_lease *lease, whi_store *store, int64_t owner) {
    int code;

    if (owner == 0 || owner != atomic_load(&lease->owner)) {
        return WH_ENOTFOUND;
    }
    code = whi_store_worker_holds(store, owner);
    if (code == WH_ENOTFOUND) {
        whi_lease_lost(lease);
    }
    return code;
}

/* ------------------------------------------------------------------ what others do */

/* Owners come in their order, as they are in seen. */
typedef struct looking {
    whi_lease *lease;
    size_t at;
    int counts; /* this look is one of those that are counted */
} looking;

static int remember(whi_beats *beats, int64_t owner, int64_t beat, int still) {
    if (beats->count == beats->capacity) {
        size_t capacity = beats->capacity ? beats->capacity * 2 : 8;
        whi_beat_seen *list = whi_realloc(beats->list, capacity * sizeof *list);
        if (list == NULL) {
            return whi_fail_memory();
        }
        beats->list = list;
        beats->capacity = capacity;
    }
    beats->list[beats->count++] = (whi_beat_seen){ owner, beat, still };
    return WH_OK;
}

static int look(int64_t owner, int64_t beat, void *payload) {
    looking *self = payload;
    const whi_beats *seen = &self->lease->seen;
    const whi_beat_seen *before;

    if (owner == self->lease->now_owner) {
        return WH_OK;
    }
    while (self->at < seen->count && seen->list[self->at].owner < owner) {
        self->at++;
    }
    before = self->at < seen->count && seen->list[self->at].owner == owner ? &seen->list[self->at] : NULL;
    return remember(&self->lease->next, owner, beat,
                    before != NULL && before->beat == beat ? before->still + self->counts : 0);
}

/* Rows whose beat stood still are taken away. */
static int bury(whi_lease *lease, whi_store *store) {
    int code = WH_OK;

    for (size_t i = 0; i < lease->next.count && code == WH_OK; i++) {
        if (lease->next.list[i].still >= WHI_STILL) {
            code = whi_store_worker_remove(store, lease->next.list[i].owner);
        }
    }
    return code;
}

static int sweep(whi_lease *lease, whi_store *store) {
    int code = whi_store_worker_sweep(store, whi_now(lease->engine), SWEEP_ROWS, &lease->freed);

    lease->more = lease->freed == SWEEP_ROWS;
    return code;
}

static int look_at_others(whi_lease *lease, whi_store *store) {
    looking self = { lease, 0, 0 };
    int code;

    lease->looked_us = whi_monotonic_us();
    self.counts = lease->looked_us - lease->seen_us >= BETWEEN_US;
    lease->next.count = 0;
    code = whi_store_worker_list(store, look, &self);
    code = code == WH_OK ? bury(lease, store) : code;
    return code == WH_OK ? sweep(lease, store) : code;
}

/* -------------------------------------------------------------------------- the beat */

static int leave(whi_lease *lease, whi_store *store) {
    int code = lease->now_owner != 0 ? whi_store_worker_remove(store, lease->now_owner) : WH_OK;

    lease->now_owner = 0;
    return code == WH_OK ? sweep(lease, store) : code;
}

/* A row that is doubted goes: the sweep of this beat frees what bears its number. */
static int beat_row(whi_lease *lease, whi_store *store) {
    int code;

    if (!atomic_load(&lease->doubted)) {
        return whi_store_worker_beat(store, lease->now_owner);
    }
    code = whi_store_worker_remove(store, lease->now_owner);
    return code == WH_OK ? WH_ENOTFOUND : code;
}

static int keep_row(whi_lease *lease, whi_store *store) {
    int code = WH_ENOTFOUND;

    if (lease->now_owner != 0) {
        code = beat_row(lease, store);
        lease->lost = code == WH_ENOTFOUND;
    }
    return code == WH_ENOTFOUND ? whi_store_worker_add(store, &lease->now_owner) : code;
}

static int run_pulse(whi_job *job, whi_store *store) {
    whi_lease *lease = (whi_lease *)job;
    int code;

    lease->now_owner = atomic_load(&lease->owner);
    lease->lost = lease->freed = lease->more = 0;
    if (atomic_load(&lease->off)) {
        return leave(lease, store);
    }
    code = keep_row(lease, store);
    return code == WH_OK ? look_at_others(lease, store) : code;
}

static void keep_seen(whi_lease *lease) {
    whi_beats old = lease->seen;

    lease->seen = lease->next;
    lease->next = old;
    if (lease->looked_us - lease->seen_us >= BETWEEN_US) {
        lease->seen_us = lease->looked_us;
    }
}

/* What this process had is dropped by its workers when they meet it. */
static void beaten(whi_lease *lease) {
    wh_engine *engine = lease->engine;
    int lapsed = whi_monotonic_us() >= atomic_load(&lease->until);
    int changed = lapsed || lease->now_owner != atomic_load(&lease->owner);

    if (atomic_exchange(&lease->doubted, 0)) {
        whi_log(&engine->log, WH_LOG_WARNING, "a commit may have been made: what this process had is taken up again");
    } else if (lease->lost) {
        whi_log(&engine->log, WH_LOG_WARNING, "this process was silent for too long: its work was given to others");
    }
    atomic_store(&lease->owner, lease->now_owner);
    atomic_store(&lease->until, lease->now_owner != 0 ? lease->started_us + WHI_LEASE_US : 0);
    if (lease->now_owner != 0) {
        keep_seen(lease);
    }
    if (lease->freed > 0) {
        atomic_store(&engine->more_events, 1);
    }
    if (changed || lease->freed > 0) {
        whi_stir(engine);
    }
}

static void done(whi_job *job, int code, const char *sentence) {
    whi_lease *lease = (whi_lease *)job;

    if (code == WH_OK) {
        beaten(lease);
        atomic_store(&lease->next_beat, lease->more ? 0 : lease->started_us + WHI_BEAT_US);
    } else {
        whi_log(&lease->engine->log, WH_LOG_ERROR, "no heartbeat now: %s", sentence);
        whi_trouble(lease->engine, code, sentence);
        lease->now_owner = atomic_load(&lease->owner); /* a number that was rolled back may be another's */
        atomic_store(&lease->next_beat, whi_monotonic_us() + WHI_BEAT_US / 4);
    }
    atomic_store(&lease->beating, 0);
    whi_writer_nudge(lease->engine->writer);
}

static void beat(whi_lease *lease, int64_t now_us) {
    if (atomic_exchange(&lease->beating, 1)) {
        return;
    }
    lease->started_us = now_us;
    lease->job.run = run_pulse;
    lease->job.done = done;
    lease->job.rows = 1;
    whi_writer_submit(lease->engine->writer, &lease->job);
}

void whi_lease_want(whi_lease *lease) {
    int64_t now_us = whi_monotonic_us();

    atomic_store(&lease->turned_at, now_us);
    if (atomic_load(&lease->off)) {
        atomic_store(&lease->off, 0);
        atomic_store(&lease->next_beat, 0);
    }
    if (atomic_load(&lease->owner) == 0 && now_us >= atomic_load(&lease->next_beat)) {
        beat(lease, now_us);
    }
}

/* A turn that lasts is a turn: who is in it is not asleep. */
static int is_asleep(const whi_lease *lease, int64_t now_us) {
    const wh_engine *engine = lease->engine;

    return !atomic_load(&engine->started) && !atomic_load(&engine->stepping) &&
           now_us - atomic_load(&lease->turned_at) > WHI_ASLEEP_US;
}

int64_t whi_lease_pulse(void *payload, int64_t now_us) {
    whi_lease *lease = payload;
    int64_t next = atomic_load(&lease->next_beat);

    if (atomic_load(&lease->owner) == 0 || atomic_load(&lease->beating)) {
        return INT64_MAX;
    }
    if (is_asleep(lease, now_us)) {
        atomic_store(&lease->off, 1);
        next = 0;
    }
    if (now_us < next) {
        return next;
    }
    beat(lease, now_us);
    return INT64_MAX;
}

/* ------------------------------------------------------------------------- the end */

/* A beat that was under way when the end began has been told by now: its row goes, too. */
static int run_end(whi_job *job, whi_store *store) {
    whi_lease *ending = (whi_lease *)job;

    ending->now_owner = atomic_load(&ending->engine->lease->owner);
    return leave(ending, store);
}

int whi_lease_end(whi_lease *lease) {
    whi_lease ending;
    int code = WH_OK;

    atomic_store(&lease->off, 1);
    whi_lease_init(&ending, lease->engine);
    ending.job.run = run_end;
    ending.job.rows = SWEEP_ROWS;
    if (atomic_load(&lease->owner) != 0 || atomic_load(&lease->beating) || atomic_load(&lease->engine->jobs_open) > 0) {
        code = whi_writer_run(lease->engine->writer, &ending.job);
    }
    atomic_store(&lease->until, 0);
    atomic_store(&lease->owner, 0);
    return code;
}
