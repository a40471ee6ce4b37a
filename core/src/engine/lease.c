/* Tests: test_engine_lease. */
#include "engine/lease.h"

#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/inbox.h"
#include "engine/lag.h"
#include "engine/registry.h"

#define BETWEEN_US (WHI_BEAT_US - WHI_BEAT_US / 20) /* sooner after each other two looks count as one */

_Static_assert(WHI_LEASE_US < WHI_STILL * BETWEEN_US, "nobody takes a row while its owner trusts in it");

void whi_lease_init(whi_lease *lease, wh_engine *engine) {
    memset(lease, 0, sizeof *lease);
    lease->engine = engine;
    atomic_init(&lease->off, 1);
}

static void free_lags(whi_lease *lease) {
    while (lease->lags != NULL) {
        whi_lag *next = lease->lags->next;
        whi_lag_free(lease->engine, lease->lags);
        lease->lags = next;
    }
}

void whi_lease_free(whi_lease *lease) {
    free_lags(lease);
    whi_free(lease->seen.list);
    whi_free(lease->next.list);
}

int64_t whi_lease_owner(const whi_lease *lease) {
    return whi_monotonic_us() < atomic_load(&lease->until) ? atomic_load(&lease->owner) : 0;
}

int whi_lease_has(const whi_lease *lease, int64_t owner) {
    return owner != 0 && owner == atomic_load(&lease->owner);
}

/* It beats now. */
static void hasten(whi_lease *lease) {
    atomic_store(&lease->next_beat, 0);
    whi_writer_nudge(lease->engine->writer);
}

void whi_lease_lost(whi_lease *lease) {
    atomic_store(&lease->until, 0);
    hasten(lease);
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

static int remember(whi_beats *beats, const whi_beat_seen *one) {
    if (beats->count == beats->capacity) {
        size_t capacity = beats->capacity ? beats->capacity * 2 : 8;
        whi_beat_seen *list = whi_realloc(beats->list, capacity * sizeof *list);
        if (list == NULL) {
            return whi_fail_memory();
        }
        beats->list = list;
        beats->capacity = capacity;
    }
    beats->list[beats->count++] = *one;
    return WH_OK;
}

static int look(const whi_worker_row *row, void *payload) {
    looking *self = payload;
    const whi_beats *seen = &self->lease->seen;
    const whi_beat_seen *before;
    whi_beat_seen now = { row->owner, row->beat, 0 };

    if (row->owner == self->lease->now_owner) {
        return WH_OK;
    }
    while (self->at < seen->count && seen->list[self->at].owner < row->owner) {
        self->at++;
    }
    before = self->at < seen->count && seen->list[self->at].owner == row->owner ? &seen->list[self->at] : NULL;
    if (before != NULL && before->beat == row->beat) {
        now.still = before->still + self->counts;
    }
    self->lease->sharers += row->share && now.still < WHI_STILL; /* else it is taken away in this transaction */
    self->lease->old_sharers += row->share && before != NULL && before->beat != row->beat;
    return remember(&self->lease->next, &now);
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

static int look_at_others(whi_lease *lease, whi_store *store) {
    looking self = { lease, 0, 0 };
    int code;

    lease->looked_us = whi_monotonic_us();
    self.counts = lease->looked_us - lease->seen_us >= BETWEEN_US;
    lease->next.count = 0;
    lease->sharers = lease->old_sharers = 0;
    code = whi_store_worker_list(store, look, &self);
    return code == WH_OK ? bury(lease, store) : code;
}

/* ------------------------------------------------------------------------- partitions */

static int has_partition(const whi_partition_row *row, void *payload) {
    whi_lease *lease = payload;
    int mine = row->owner == lease->now_owner;

    if (row->id >= 0 && row->id < WH_PARTITIONS) {
        lease->at[row->id] = mine ? row->position : -1;
        lease->mine += mine;
    }
    return WH_OK;
}

static int list_partitions(whi_lease *lease, whi_store *store) {
    lease->mine = 0;
    return whi_store_partition_list(store, has_partition, lease);
}

/* Those that are to leave, and of which nothing is in memory any more. *all: where all of them are, else -1. */
static void look_for_left(whi_lease *lease, int64_t until[WH_PARTITIONS], int64_t *all) {
    whi_position *position = lease->engine->position;
    int left = 0;

    *all = -1;
    memset(lease->given, 0, sizeof lease->given);
    for (int i = 0; i < WH_PARTITIONS && atomic_load(&position->leaving) > 0; i++) {
        lease->given[i] = whi_position_has_left(position, i, &until[i]);
        if (lease->given[i]) {
            *all = left == 0 || *all == until[i] ? until[i] : -1;
            left++;
        }
    }
    *all = left == atomic_load(&position->count) ? *all : -1;
}

static int give_back(whi_lease *lease, whi_store *store) {
    int64_t until[WH_PARTITIONS], all;
    int code = WH_OK;

    look_for_left(lease, until, &all);
    if (all >= 0) {
        return whi_store_partition_give(store, lease->now_owner, -1, all);
    }
    for (int i = 0; i < WH_PARTITIONS && code == WH_OK; i++) {
        code = lease->given[i] ? whi_store_partition_give(store, lease->now_owner, i, until[i]) : WH_OK;
    }
    return code;
}

/* A share among so many, rounded up. */
static int share_of(int owners) {
    return (WH_PARTITIONS + owners - 1) / owners;
}

/* How many partitions this engine takes, if there are as many that nobody has. */
static int wanted(const whi_lease *lease) {
    if (atomic_load(&lease->resting) || whi_position_is_behind(lease->engine->position)) {
        return 0;
    }
    return share_of(lease->sharers + 1) - lease->mine;
}

static int has_lag(int64_t subscription, int64_t position, void *payload) {
    whi_lease *lease = payload;
    whi_lag *lag;
    int code = whi_lag_new(&lag, subscription, position);

    if (code == WH_OK) {
        lag->next = lease->lags;
        lease->lags = lag;
    }
    return code;
}

static int take_partitions(whi_lease *lease, whi_store *store) {
    int count = 0, want = wanted(lease);
    int64_t least;
    int code;

    if (want <= 0) {
        return WH_OK;
    }
    code = whi_store_partition_take(store, lease->now_owner, want, &least, &count);
    if (code != WH_OK || count == 0) {
        return code;
    }
    whi_position_taking(lease->engine->position, least);
    code = whi_store_lag_list(store, has_lag, lease);
    return code == WH_OK ? list_partitions(lease, store) : code;
}

static int arrange(whi_lease *lease, whi_store *store) {
    int code = give_back(lease, store);

    code = code == WH_OK ? list_partitions(lease, store) : code;
    return code == WH_OK ? take_partitions(lease, store) : code;
}

/* What is more than a share leaves, when others have been there for a beat. */
static void let_leave(whi_lease *lease) {
    whi_position *position = lease->engine->position;
    int staying = lease->mine - atomic_load(&position->leaving);

    if (lease->old_sharers > 0 && !whi_position_is_behind(position) && staying > share_of(lease->old_sharers + 1)) {
        whi_position_leave(position, staying - share_of(lease->old_sharers + 1));
    }
}

/* -------------------------------------------------------------------------- the beat */

/* What was decided last need not be decided again by who comes next. */
static int write_position(whi_lease *lease, whi_store *store) {
    int64_t value = whi_position_now(lease->engine->position, lease->now_owner, NULL);

    return value != WHI_NOWHERE ? whi_store_position(store, lease->now_owner, value) : WH_OK;
}

static int leave(whi_lease *lease, whi_store *store) {
    int code = write_position(lease, store);

    code = code == WH_OK && lease->now_owner != 0 ? whi_store_worker_remove(store, lease->now_owner) : code;
    lease->now_owner = 0;
    return code;
}

/* A row that is doubted goes: its partitions are taken like any that are nobody's. */
static int beat_row(whi_lease *lease, whi_store *store) {
    int code;

    if (!atomic_load(&lease->doubted)) {
        return whi_store_worker_beat(store, lease->now_owner, atomic_load(&lease->share));
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
    return code == WH_ENOTFOUND ? whi_store_worker_add(store, atomic_load(&lease->share), &lease->now_owner) : code;
}

static int run_pulse(whi_job *job, whi_store *store) {
    whi_lease *lease = (whi_lease *)job;
    int code;

    lease->now_owner = atomic_load(&lease->owner);
    lease->lost = 0;
    free_lags(lease);
    if (atomic_load(&lease->off)) {
        return leave(lease, store);
    }
    code = keep_row(lease, store);
    code = code == WH_OK ? look_at_others(lease, store) : code;
    return code == WH_OK ? arrange(lease, store) : code;
}

static void keep_seen(whi_lease *lease) {
    whi_beats old = lease->seen;

    lease->seen = lease->next;
    lease->next = old;
    if (lease->looked_us - lease->seen_us >= BETWEEN_US) {
        lease->seen_us = lease->looked_us;
    }
}

/* Those of partitions that are new: before anything is decided of them. */
static void load_lags(whi_lease *lease) {
    wh_engine *engine = lease->engine;

    while (lease->lags != NULL) {
        whi_lag *lag = lease->lags;
        lease->lags = lag->next;
        lag->next = NULL;
        if (lease->at[whi_partition_of(lag->subscription)] >= 0 &&
            !whi_position_is_ours(engine->position, lag->subscription)) {
            whi_lags_load(engine->lags, engine, lag);
        } else {
            whi_lag_free(engine, lag);
        }
    }
}

/* 1: there are partitions that were not ours before. */
static int take_over(whi_lease *lease) {
    wh_engine *engine = lease->engine;
    whi_position *position = engine->position;
    int more;

    if (lease->now_owner == 0) {
        whi_position_reset(position);
        whi_lags_drop(engine->lags, position, 1);
        return 0;
    }
    whi_position_given(position, lease->now_owner, lease->given);
    whi_position_begin(position, lease->now_owner);
    whi_lags_drop(engine->lags, position, 0);
    load_lags(lease);
    more = whi_position_adopt(position, lease->now_owner, lease->at, whi_now(engine));
    whi_lags_drop(engine->lags, position, 0);
    let_leave(lease);
    return more;
}

/* What this process had is dropped by its workers when they meet it. The number is known before anything
 * is read under it: what is fanned out bears one that is ours. */
static void beaten(whi_lease *lease) {
    wh_engine *engine = lease->engine;
    int lapsed = whi_monotonic_us() >= atomic_load(&lease->until);
    int changed = atomic_exchange(&lease->owner, lease->now_owner) != lease->now_owner || lapsed;
    int more = take_over(lease);

    if (atomic_exchange(&lease->doubted, 0)) {
        whi_log(&engine->log, WH_LOG_WARNING, "a commit may have been made: what this process had is taken up again");
    } else if (lease->lost) {
        whi_log(&engine->log, WH_LOG_WARNING, "this process was silent for too long: its work was given to others");
    }
    atomic_store(&lease->until, lease->now_owner != 0 ? lease->started_us + WHI_LEASE_US : 0);
    if (lease->now_owner != 0) {
        keep_seen(lease);
    }
    if (more) {
        atomic_store(&engine->more_events, 1);
        atomic_store(&engine->more_rows, 1);
    }
    if (changed || more) {
        whi_stir(engine);
    }
}

/* What may have been taken stays behind the position: the next beat is another's. */
static void forget_taking(whi_lease *lease) {
    if (!atomic_load(&lease->doubted)) {
        whi_position_taking(lease->engine->position, WHI_NOWHERE);
    }
}

/* What is taken over has a place here. Without one it would be forgotten while its row is kept: so all is taken anew,
 * as when nothing is known of a commit. */
static int make_room(whi_lease *lease) {
    uint32_t count = 0;
    int code;

    for (const whi_lag *lag = lease->lags; lag != NULL; lag = lag->next) {
        count++;
    }
    code = whi_lags_reserve(lease->engine->lags, count);
    if (code != WH_OK) {
        atomic_store(&lease->owner, lease->now_owner); /* whose row is to go */
        whi_lease_doubt(lease);
    }
    return code;
}

static void done(whi_job *job, int code, const char *sentence) {
    whi_lease *lease = (whi_lease *)job;

    if (code == WH_OK && lease->lags != NULL) {
        code = make_room(lease);
        sentence = code == WH_OK ? sentence : wh_last_error();
    }
    if (code == WH_OK) {
        beaten(lease);
        atomic_store(&lease->next_beat, lease->started_us + WHI_BEAT_US);
    } else {
        forget_taking(lease);
        free_lags(lease);
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

void whi_lease_want(whi_lease *lease, int share) {
    int64_t now_us = whi_monotonic_us();

    atomic_store(&lease->turned_at, now_us);
    atomic_store(&lease->share, share);
    atomic_store(&lease->rest_at, 0);
    if (atomic_exchange(&lease->resting, 0)) {
        hasten(lease);
    }
    if (atomic_load(&lease->off)) {
        atomic_store(&lease->off, 0);
        atomic_store(&lease->next_beat, 0);
    }
    if (atomic_load(&lease->owner) == 0 && now_us >= atomic_load(&lease->next_beat)) {
        beat(lease, now_us);
    }
}

void whi_lease_offered(whi_lease *lease) {
    if (atomic_load(&lease->owner) != 0 && atomic_load(&lease->engine->position->count) == 0 &&
        !atomic_load(&lease->resting) && !atomic_load(&lease->beating)) {
        hasten(lease);
    }
}

/* They leave, and the beat gives back what has left. */
static void rest(whi_lease *lease) {
    atomic_store(&lease->rest_at, 0);
    atomic_store(&lease->resting, 1);
    whi_position_leave(lease->engine->position, WH_PARTITIONS);
    atomic_store(&lease->next_beat, 0);
}

void whi_lease_rest(whi_lease *lease) {
    if (atomic_load(&lease->owner) != 0 && atomic_load(&lease->engine->position->count) > 0) {
        atomic_store(&lease->rest_at, whi_monotonic_us() + WHI_REST_US);
        whi_writer_nudge(lease->engine->writer);
    }
}

/* A turn that lasts is a turn: who is in it is not asleep. */
static int is_idle_for(const whi_lease *lease, int64_t now_us, int64_t us) {
    const wh_engine *engine = lease->engine;

    return !atomic_load(&engine->started) && !atomic_load(&engine->stepping) &&
           now_us - atomic_load(&lease->turned_at) > us;
}

/* Others are there, and this engine keeps its share from them. */
static int is_drowsy(const whi_lease *lease, int64_t now_us) {
    return lease->old_sharers > 0 && atomic_load(&lease->engine->position->count) > 0 &&
           !atomic_load(&lease->resting) && is_idle_for(lease, now_us, WHI_DROWSY_US);
}

int64_t whi_lease_pulse(void *payload, int64_t now_us) {
    whi_lease *lease = payload;
    int64_t next = atomic_load(&lease->next_beat), rest_at = atomic_load(&lease->rest_at);

    if (atomic_load(&lease->owner) == 0 || atomic_load(&lease->beating)) {
        return INT64_MAX;
    }
    if (rest_at != 0 && now_us >= rest_at) {
        rest(lease);
        next = rest_at = 0;
    }
    if (is_drowsy(lease, now_us)) {
        rest(lease);
        next = 0;
    }
    if (is_idle_for(lease, now_us, WHI_ASLEEP_US)) {
        atomic_store(&lease->off, 1);
        next = 0;
    }
    if (now_us < next) {
        return rest_at != 0 && rest_at < next ? rest_at : next;
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
    ending.job.rows = 1;
    if (atomic_load(&lease->owner) != 0 || atomic_load(&lease->beating) || atomic_load(&lease->engine->jobs_open) > 0) {
        code = whi_writer_run(lease->engine->writer, &ending.job);
    }
    atomic_store(&lease->until, 0);
    atomic_store(&lease->owner, 0);
    whi_position_reset(lease->engine->position);
    whi_lags_drop(lease->engine->lags, lease->engine->position, 1);
    return code;
}
