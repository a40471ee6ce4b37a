/* Tests: test_engine_poll. */
#include "work/poll.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/halt.h"
#include "base/mem.h"
#include "engine/inbox.h"
#include "engine/lease.h"
#include "engine/position.h"
#include "engine/registry.h"
#include "engine/source.h"
#include "engine/source_kept.h"
#include "pure/poll.h"
#include "pure/poll_order.h"
#include "work/poll_entries.h"
#include "work/poll_forget.h"
#include "work/poll_run.h"

#define THREADS 8
#define OF_ONE_SOURCE 2
#define BLOCKED_US INT64_C(20000) /* between two looks whether a receiver has got what there was */
#define LIST_ROWS 500
#define CUT_NS INT64_C(50000000) /* between two cuts of who has yet to end */

typedef whi_poll_entry entry;
typedef whi_poll_tenant tenant;

typedef struct reading {
    whi_poll_job job;
    whi_poll_result result;
    char trouble[WHI_POLL_RUN_SIZE];
} reading;

struct whi_polls {
    wh_engine *engine;
    pthread_mutex_t lock; /* around what follows but the atomics */
    pthread_cond_t work;
    pthread_t threads[THREADS];
    int thread_count, serving, idle;
    atomic_int stop, running, blocked;
    atomic_llong next;             /* ms: the first that is due */
    atomic_llong latest;           /* ms: the latest time that a turn was at */
    atomic_llong handled, changes; /* of the news, and of the registry's changes, what was looked at */
    int64_t blocked_us;            /* monotonic: when the blocked ones were looked at */
    whi_poll_entries all;
    long long begun, looks;           /* readings and looks at who is next, so far */
    const reading *readings[THREADS]; /* under way: also of what has no entry any more */
    int reading_count;
};

/* ------------------------------------------------------------------- the list of them */

/* The lock is held. */
static void refresh(struct whi_polls *self) {
    int64_t changes = whi_registry_poll_changes(self->engine->registry);
    int blocked = 0;

    if (whi_poll_entries_read(&self->all, self->engine->registry, whi_now(self->engine)) != WH_OK) {
        return;
    }
    for (size_t i = 0; i < self->all.count; i++) {
        blocked += self->all.list[i]->blocked;
    }
    atomic_store(&self->blocked, blocked);
    atomic_store(&self->changes, changes);
}

/* ------------------------------------------------------------- wishes, and what is to go */

static const reading *reading_of(const struct whi_polls *self, int64_t id) {
    for (int i = 0; i < self->reading_count; i++) {
        if (self->readings[i]->job.id == id) {
            return self->readings[i];
        }
    }
    return NULL;
}

/* It is due now, and no earlier than what was due before. */
static void wish(const struct whi_polls *self, entry *one) {
    int64_t now = whi_now(self->engine);

    one->due = one->due < now ? one->due : now;
    one->again = reading_of(self, one->id) != NULL;
}

/* What is to be believed waits for the reading that it is said of. */
static int note_wish(const wh_backend_poll *row, void *payload) {
    struct whi_polls *self = payload;
    entry *found = row->asked & (WH_POLL_NOW | WH_POLL_RESUME) ? whi_poll_entry_find(&self->all, row->id) : NULL;

    if (found != NULL) {
        wish(self, found);
    }
    return WH_OK;
}

typedef struct orphans {
    const struct whi_polls *polls;
    int64_t last;
    whi_poll_version list[LIST_ROWS];
    size_t count, rows;
} orphans;

static int note_orphan(const wh_backend_poll *row, void *payload) {
    orphans *self = payload;

    self->last = row->id;
    self->rows++;
    if (whi_poll_entry_find(&self->polls->all, row->id) == NULL) {
        whi_poll_version *version = &self->list[self->count++];
        version->id = row->id;
        version->turn = row->turn;
        memcpy(version->salt, row->salt, sizeof version->salt);
    }
    return WH_OK;
}

static int is_changed(const struct whi_polls *self) {
    return whi_registry_poll_changes(self->engine->registry) != atomic_load(&self->changes);
}

/* Nobody has made a subscription for one of them meanwhile. The lock is let go of then. */
static void forget(struct whi_polls *self, const orphans *found) {
    int taken = 0;

    if (whi_registry_sync(self->engine->registry) != WH_OK || is_changed(self)) {
        return; /* another look follows */
    }
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < found->count && !atomic_load(&self->stop); i++) {
        taken |= whi_poll_forget(self->engine, &found->list[i]) == WH_ECONFLICT;
    }
    pthread_mutex_lock(&self->lock);
    if (taken) {
        atomic_store(&self->changes, -1); /* a reading was not at its end yet: another look follows */
    }
}

/* What a reading has taken up since is another's row by then: it goes by its turn. What a subscription polls that
 * cannot be read here is not known: while there is one, no row is known to be nobody's. */
static void forget_orphans(struct whi_polls *self) {
    whi_store *store = self->engine->store;
    orphans *found = whi_registry_left_out(self->engine->registry, NULL) == 0 ? whi_calloc(1, sizeof *found) : NULL;
    int code;

    if (found == NULL) {
        return;
    }
    found->polls = self;
    do {
        found->rows = found->count = 0;
        code = store->vtable->poll_list(store, found->last, 0, LIST_ROWS, note_orphan, found);
        if (code == WH_OK && found->count > 0) {
            forget(self, found);
        }
    } while (code == WH_OK && found->rows == LIST_ROWS && !atomic_load(&self->stop));
    whi_free(found);
}

static int is_news(const struct whi_polls *self) {
    return atomic_load(&self->engine->sources->news) != atomic_load(&self->handled);
}

/* The lock is held. */
static void look(struct whi_polls *self) {
    whi_store *store = self->engine->store;
    long long news = atomic_load(&self->engine->sources->news);
    int changed = is_changed(self);

    atomic_fetch_add(&self->running, 1); /* who waits for all waits for this, too */
    atomic_store(&self->next, 0);        /* before the news count as handled: who has seen nobody run finds it due */
    if (changed) {
        refresh(self);
    }
    if (changed || news != atomic_load(&self->handled)) {
        (void)store->vtable->poll_list(store, 0, 1, INT32_MAX, note_wish, self);
        atomic_store(&self->handled, news);
    }
    if (changed) {
        forget_orphans(self);
    }
    atomic_fetch_sub(&self->running, 1);
}

/* -------------------------------------------------------------------------- the next */

/* Nobody shares a poll yet while all of its subscriptions are sent what is there. */
static int is_wanted(const entry *self) {
    for (size_t i = 0; i < self->count; i++) {
        const whi_subscription *s = self->list[i]->subscription;
        if (whi_subscription_is_enabled(s) && (!s->poll_history || s->id == self->id || self->joins)) {
            return 1;
        }
    }
    return 0;
}

static int is_open(const struct whi_polls *self, const entry *one) {
    return !one->blocked && reading_of(self, one->id) == NULL && is_wanted(one);
}

/* Without a source it waits for one: no time is due. */
static whi_source *source_of(struct whi_polls *self, const entry *one) {
    return whi_source_get(self->engine->sources, one->list[0]->subscription->poll_type);
}

static int has_source(const struct whi_polls *self, const entry *one) {
    return whi_source_is(self->engine->sources, one->list[0]->subscription->poll_type);
}

/* How many readers each tenant has, and how many tenants have something under way, or due that can be read here. */
static size_t count_active(struct whi_polls *self, int64_t now) {
    size_t active = 0;

    self->looks++;
    for (size_t i = 0; i < self->all.tenant_count; i++) {
        self->all.tenants[i].readers = 0;
    }
    for (int i = 0; i < self->reading_count; i++) {
        tenant *its = whi_poll_tenant_find(&self->all, self->readings[i]->job.list[0]->subscription->tenant);
        if (its != NULL) {
            its->readers++;
            active += its->round != self->looks;
            its->round = self->looks;
        }
    }
    for (size_t i = 0; i < self->all.count; i++) {
        tenant *its = &self->all.tenants[self->all.list[i]->tenant];
        const entry *one = self->all.list[i];
        if (its->round != self->looks && one->due <= now && is_open(self, one) && has_source(self, one)) {
            active++;
            its->round = self->looks;
        }
    }
    return active;
}

/* Of its tenant at this source. */
static size_t readers_at(const struct whi_polls *self, const entry *one, const whi_source *source) {
    size_t count = 0;

    for (int i = 0; i < self->reading_count; i++) {
        const whi_poll_job *job = &self->readings[i]->job;
        count += job->source == source && strcmp(job->list[0]->subscription->tenant, whi_poll_tenant_of(one)) == 0;
    }
    return count;
}

static int has_share(const struct whi_polls *self, const entry *one, const whi_source *source, size_t active) {
    return self->all.tenants[one->tenant].readers < whi_poll_share(THREADS, self->all.tenant_count, active) &&
           readers_at(self, one, source) < whi_poll_share(OF_ONE_SOURCE, self->all.tenant_count, active);
}

typedef struct candidate {
    entry *one;
    whi_source *source;
    whi_poll_place place;
} candidate;

static whi_poll_place place_of(const struct whi_polls *self, const entry *one) {
    const tenant *its = &self->all.tenants[one->tenant];

    return (whi_poll_place){ its->readers, its->served, one->due, one->read };
}

/* At a source that the best so far has a reader's place at, the found one takes over that place. */
static int has_place(const candidate *best, const candidate *found) {
    return best->source == found->source || whi_source_enter(found->source, OF_ONE_SOURCE);
}

/* 1: it is the best so far. */
static int take(candidate *best, candidate *found) {
    if ((best->one != NULL && !whi_poll_is_before(&found->place, &best->place)) || !has_place(best, found)) {
        return 0;
    }
    if (best->one != NULL) {
        if (best->source != found->source) {
            whi_source_leave(best->source);
        }
        whi_source_unref(best->source);
    }
    *best = *found;
    return 1;
}

/* Whose turn it is of those that are due and can be read now, and when the next one is. The lock is held. */
static entry *pick(struct whi_polls *self, whi_source **source) {
    int64_t now = whi_now(self->engine), next = INT64_MAX;
    size_t active = count_active(self, now);
    candidate best = { 0 };

    for (size_t i = 0; i < self->all.count; i++) {
        candidate found = { .one = self->all.list[i] };
        found.source = is_open(self, found.one) ? source_of(self, found.one) : NULL;
        if (found.source == NULL) {
            continue;
        }
        found.place = place_of(self, found.one);
        if (found.place.due > now) {
            next = found.place.due < next ? found.place.due : next;
        } else if (has_share(self, found.one, found.source, active) && take(&best, &found)) {
            continue;
        }
        whi_source_unref(found.source);
    }
    atomic_store(&self->next, best.one != NULL ? 0 : next); /* until it counts as running, something is due */
    *source = best.source;
    return best.one;
}

/* A copy: the list may change meanwhile. */
static int begin(struct whi_polls *self, entry *one, whi_source *source, reading *out) {
    out->job = (whi_poll_job){ self->engine, source, one->id, 0, NULL, 0, &self->stop, NULL, out->trouble };
    out->job.is_ours = whi_position_has(self->engine->position, one->id);
    out->job.list = whi_alloc(one->count * sizeof *out->job.list);
    memcpy(out->trouble, one->trouble, sizeof out->trouble);
    if (out->job.list == NULL) {
        return 0;
    }
    one->same = one->same != NULL ? one->same : whi_poll_same_new(self->engine);
    out->job.same = one->same;
    if (one->same != NULL) {
        whi_poll_same_ref(one->same);
    }
    for (size_t i = 0; i < one->count; i++) {
        atomic_fetch_add(&one->list[i]->refs, 1);
        out->job.list[i] = one->list[i];
    }
    out->job.count = one->count;
    return 1;
}

static void join_poll(struct whi_polls *self, int64_t poll) {
    entry *one = whi_poll_entry_find(&self->all, poll);

    if (one != NULL) {
        one->joins = 1;
        wish(self, one);
    }
}

static void add_reading(struct whi_polls *self, entry *one, const reading *added) {
    self->readings[self->reading_count++] = added;
    one->read = self->all.tenants[one->tenant].served = ++self->begun;
}

static void remove_reading(struct whi_polls *self, const reading *removed) {
    int kept = 0;

    for (int i = 0; i < self->reading_count; i++) {
        if (self->readings[i] != removed) {
            self->readings[kept++] = self->readings[i];
        }
    }
    self->reading_count = kept;
}

static void end(struct whi_polls *self, reading *done) {
    entry *one = whi_poll_entry_find(&self->all, done->job.id);
    int64_t now = whi_now(self->engine);

    remove_reading(self, done);
    if (one != NULL) {
        one->due = one->again || done->result.due < now ? now : done->result.due;
        one->again = 0;
        one->blocked = done->result.is_blocked;
        atomic_fetch_add(&self->blocked, one->blocked);
        memcpy(one->trouble, done->trouble, sizeof one->trouble);
    }
    if (done->result.has_sent) {
        join_poll(self, done->job.list[0]->poll);
    }
    for (size_t i = 0; i < done->job.count; i++) {
        whi_registration_unref(done->job.list[i]);
    }
    whi_free(done->job.list);
    whi_poll_same_unref(done->job.same);
}

/* The lock is held, and let go of meanwhile. */
static void read_one(struct whi_polls *self, entry *one, whi_source *source) {
    reading done;

    if (begin(self, one, source, &done)) {
        add_reading(self, one, &done);
        atomic_fetch_add(&self->running, 1);
        pthread_mutex_unlock(&self->lock);
        if (whi_halt_enter() == WH_OK) {
            whi_poll_read(&done.job, &done.result);
            whi_halt_leave();
        } else {
            done.result = (whi_poll_result){ INT64_MAX, 0, 0 };
        }
        pthread_mutex_lock(&self->lock);
        end(self, &done);
        atomic_store(&self->next, 0); /* who looks next finds out; before it runs no more */
        atomic_fetch_sub(&self->running, 1);
    } else {
        one->due = whi_now(self->engine) + 1000;
    }
    whi_source_leave(source);
    whi_source_unref(source);
    whi_inbox_wake(self->engine->inboxes[0]);
}

static void *serve(void *payload) {
    struct whi_polls *self = payload;

    pthread_mutex_lock(&self->lock);
    while (!atomic_load(&self->stop)) {
        whi_source *source = NULL;
        entry *one = NULL;
        if (whi_lease_owner(self->engine->lease) != 0) {
            look(self);
            one = pick(self, &source);
        }
        if (one != NULL) {
            read_one(self, one, source);
        } else {
            self->idle++;
            pthread_cond_wait(&self->work, &self->lock);
            self->idle--;
        }
    }
    self->serving--;
    pthread_cond_broadcast(&self->work);
    pthread_mutex_unlock(&self->lock);
    return NULL;
}

/* ------------------------------------------------------------------- seen from a worker */

static struct whi_polls *make(wh_engine *engine) {
    struct whi_polls *self = whi_calloc(1, sizeof *self);

    if (self != NULL) {
        self->engine = engine;
        pthread_mutex_init(&self->lock, NULL);
        pthread_cond_init(&self->work, NULL);
        atomic_store(&self->changes, -1);
    }
    return self;
}

/* The lock is held. */
static void wake(struct whi_polls *self) {
    if (self->idle > 0) {
        pthread_cond_signal(&self->work);
    } else if (self->thread_count < THREADS &&
               pthread_create(&self->threads[self->thread_count], NULL, serve, self) == 0) {
        self->thread_count++;
        self->serving++;
    }
}

static int is_put_back(const struct whi_polls *self, int64_t now) {
    return now + WHI_POLL_PUT_BACK < atomic_load(&self->latest);
}

static int is_due(const struct whi_polls *self) {
    int64_t now = whi_now(self->engine);

    return is_news(self) || is_changed(self) || atomic_load(&self->next) <= now || is_put_back(self, now);
}

/* What was planned by a clock that was ahead is looked at again; its rows say whether it is time. The lock is held. */
static void follow_clock(struct whi_polls *self) {
    int64_t now = whi_now(self->engine);

    if (is_put_back(self, now)) {
        for (size_t i = 0; i < self->all.count; i++) {
            self->all.list[i]->due = now < self->all.list[i]->due ? now : self->all.list[i]->due;
        }
        atomic_store(&self->next, 0);
        atomic_store(&self->latest, now);
    }
}

static void note_time(struct whi_polls *self) {
    int64_t now = whi_now(self->engine);

    if (now > atomic_load(&self->latest)) {
        atomic_store(&self->latest, now);
    }
}

/* Whose receiver has got what there was goes on. The lock is held. */
static void unblock(struct whi_polls *self) {
    whi_store *store = self->engine->reader;
    int blocked = 0;

    for (size_t i = 0; i < self->all.count; i++) {
        entry *one = self->all.list[i];
        int64_t waiting = 1, oldest;
        if (one->blocked && store->vtable->waiting_count(store, one->id, 1, &waiting, &oldest) == WH_OK &&
            waiting == 0) {
            one->blocked = 0;
            one->due = whi_now(self->engine);
            atomic_store(&self->next, 0);
        }
        blocked += one->blocked;
    }
    atomic_store(&self->blocked, blocked);
}

/* 0: somebody has the lock, and it is not known. */
static int look_at_blocked(struct whi_polls *self, int64_t after_us) {
    int64_t now_us = whi_monotonic_us();

    if (atomic_load(&self->blocked) == 0) {
        return 1;
    }
    if (pthread_mutex_trylock(&self->lock) != 0) {
        return 0;
    }
    if (now_us - self->blocked_us >= after_us) {
        self->blocked_us = now_us;
        unblock(self);
    }
    pthread_mutex_unlock(&self->lock);
    return 1;
}

/* Without a source there is nothing to read, but it may be that something is to be forgotten. */
static int has_work(const wh_engine *engine) {
    const struct whi_polls *self = engine->polls;

    if (atomic_load(&engine->stop) != 0) {
        return 0;
    }
    return atomic_load(&engine->sources->count) > 0 || !atomic_load(&engine->sources->swept) ||
           (self != NULL && (is_changed(self) || atomic_load(&self->running) > 0));
}

static int is_one(const wh_backend_poll *row, void *payload) {
    (void)row;
    *(int *)payload = 1;
    return WH_OK;
}

/* Once: a process that forgot a poll may have ended in the middle, and where nobody polls nobody looks. */
static int has_left(wh_engine *engine) {
    whi_store *store = engine->reader;
    int found = 0;

    if (atomic_load(&engine->sources->swept)) {
        return 0;
    }
    if (store->vtable->poll_list == NULL || store->vtable->poll_list(store, 0, 0, 1, is_one, &found) == WH_OK) {
        atomic_store(&engine->sources->swept, 1);
    }
    return found;
}

static void turn(wh_engine *engine) {
    struct whi_polls *self;

    if (!has_work(engine) || whi_lease_owner(engine->lease) == 0) {
        return;
    }
    if (engine->polls == NULL && (has_left(engine) || whi_registry_poll_changes(engine->registry) > 0)) {
        engine->polls = make(engine);
    }
    self = engine->polls;
    if (self == NULL) {
        return;
    }
    (void)look_at_blocked(self, BLOCKED_US);
    note_time(self);
    if (is_due(self) && pthread_mutex_trylock(&self->lock) == 0) {
        follow_clock(self);
        wake(self);
        pthread_mutex_unlock(&self->lock);
    }
}

/* While nothing begins, before all threads are there and at a stop, nothing is found out. */
void whi_polls_turn(wh_engine *engine) {
    int begins = atomic_load(&engine->stop) == 0;

    whi_sources_again(engine);
    turn(engine);
    if (begins) {
        atomic_store(&engine->sources->settled, !whi_polls_busy(engine));
    }
}

int64_t whi_polls_timeout(const wh_engine *engine) {
    const struct whi_polls *self = engine->polls;
    int64_t wait, next;

    if (self == NULL || !has_work(engine)) {
        return INT64_MAX;
    }
    next = atomic_load(&self->next);
    wait = next == INT64_MAX ? INT64_MAX : next - whi_now(engine);
    wait = wait > 0 ? wait : 10; /* it is woken when one has ended */
    return atomic_load(&self->blocked) > 0 && wait > BLOCKED_US / 1000 ? BLOCKED_US / 1000 : wait;
}

int whi_polls_busy(wh_engine *engine) {
    struct whi_polls *self = engine->polls;

    if (!has_work(engine)) {
        return 0;
    }
    if (self == NULL) {
        return atomic_load(&engine->sources->count) > 0 && whi_registry_poll_changes(engine->registry) > 0;
    }
    return !look_at_blocked(self, 0) || atomic_load(&self->running) > 0 || is_due(self);
}

void whi_polls_doubt(wh_engine *engine) {
    if (atomic_load(&engine->sources->count) > 0) {
        atomic_fetch_add(&engine->sources->news, 1);
    }
}

static void wait_a_little(struct whi_polls *self) {
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += CUT_NS;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_cond_timedwait(&self->work, &self->lock, &until);
}

/* Who was about to ask when the others were cut is cut with the next. */
static void cut_all(struct whi_polls *self) {
    pthread_mutex_lock(&self->lock);
    pthread_cond_broadcast(&self->work);
    while (self->serving > 0) {
        pthread_mutex_unlock(&self->lock);
        whi_sources_cut(self->engine->sources);
        pthread_mutex_lock(&self->lock);
        if (self->serving > 0) {
            wait_a_little(self);
        }
    }
    pthread_mutex_unlock(&self->lock);
}

void whi_polls_stop(wh_engine *engine) {
    struct whi_polls *self = engine->polls;

    atomic_store(&engine->sources->settled, 0); /* who starts again finds out anew */
    if (self == NULL) {
        return;
    }
    atomic_store(&self->stop, 1);
    cut_all(self);
    for (int i = 0; i < self->thread_count; i++) {
        pthread_join(self->threads[i], NULL);
    }
    self->thread_count = 0;
    atomic_store(&self->next, 0);
    atomic_store(&self->stop, 0);
}

void whi_polls_end(wh_engine *engine) {
    struct whi_polls *self = engine->polls;

    if (self == NULL) {
        return;
    }
    whi_polls_stop(engine);
    engine->polls = NULL;
    whi_poll_entries_free(&self->all);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    whi_free(self);
}
