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
#include "work/poll_commit.h"
#include "work/poll_run.h"

#define THREADS 8
#define OF_ONE_SOURCE 2
#define BLOCKED_US INT64_C(20000) /* between two looks whether a receiver has got what there was */
#define LIST_ROWS 500
#define CUT_NS INT64_C(50000000) /* between two cuts of who has yet to end */

typedef struct entry {
    int64_t id, due;
    whi_registration **list;
    size_t count;
    int running, blocked;
    int again; /* it was wished for while it was being read */
    int joins; /* of a poll: a history has been sent, and is to be read along */
    char trouble[WHI_POLL_RUN_SIZE];
} entry;

struct whi_polls {
    wh_engine *engine;
    pthread_mutex_t lock; /* around what follows but the atomics */
    pthread_cond_t work;
    pthread_t threads[THREADS];
    int thread_count, serving, idle;
    atomic_int stop, running, blocked;
    atomic_llong next;             /* ms: the first that is due */
    atomic_llong handled, changes; /* of the news, and of the registry's changes, what was looked at */
    int64_t blocked_us;            /* monotonic: when the blocked ones were looked at */
    entry **entries;               /* by their ids */
    size_t count;
};

/* ------------------------------------------------------------------- the list of them */

static void free_entry(entry *self) {
    for (size_t i = 0; i < self->count; i++) {
        whi_registration_unref(self->list[i]);
    }
    whi_free(self->list);
    whi_free(self);
}

typedef struct polled {
    int64_t id;
    whi_registration *registration;
} polled;

typedef struct gathering {
    polled *list;
    size_t count, room;
} gathering;

static int add(gathering *self, int64_t id, whi_registration *registration) {
    if (self->count == self->room) {
        size_t room = self->room > 0 ? self->room * 2 : 64;
        polled *list = whi_realloc(self->list, room * sizeof *list);
        if (list == NULL) {
            return WH_ENOMEM;
        }
        self->list = list;
        self->room = room;
    }
    atomic_fetch_add(&registration->refs, 1);
    self->list[self->count++] = (polled){ id, registration };
    return WH_OK;
}

static int gather(whi_registration *registration, void *payload) {
    int code = add(payload, registration->poll, registration);

    return code == WH_OK && registration->subscription->poll_history
               ? add(payload, registration->subscription->id, registration)
               : code;
}

static int compare(const void *a, const void *b) {
    const polled *one = a, *other = b;

    if (one->id != other->id) {
        return one->id < other->id ? -1 : 1;
    }
    return one->registration->subscription->id < other->registration->subscription->id ? -1 : 1;
}

static entry *make_entry(const polled *list, size_t count) {
    entry *made = whi_calloc(1, sizeof *made);

    if (made == NULL) {
        return NULL;
    }
    made->id = list[0].id;
    made->list = whi_alloc(count * sizeof *made->list);
    if (made->list == NULL) {
        whi_free(made);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        atomic_fetch_add(&list[i].registration->refs, 1);
        made->list[i] = list[i].registration;
    }
    made->count = count;
    return made;
}

static entry *find(const struct whi_polls *self, int64_t id) {
    size_t from = 0, to = self->count;

    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (self->entries[middle]->id == id) {
            return self->entries[middle];
        }
        if (self->entries[middle]->id < id) {
            from = middle + 1;
        } else {
            to = middle;
        }
    }
    return NULL;
}

/* Who reads has the former entry, which goes when that is done. */
static void inherit(const struct whi_polls *self, entry *made) {
    entry *former = find(self, made->id);

    if (former != NULL) {
        made->running = former->running;
        made->blocked = former->blocked;
        made->joins = former->joins;
        made->again = former->again;
        memcpy(made->trouble, former->trouble, sizeof made->trouble);
    }
}

static void replace(struct whi_polls *self, entry **entries, size_t count) {
    int blocked = 0;

    for (size_t i = 0; i < count; i++) {
        inherit(self, entries[i]);
        blocked += entries[i]->blocked;
    }
    for (size_t i = 0; i < self->count; i++) {
        free_entry(self->entries[i]);
    }
    whi_free(self->entries);
    self->entries = entries;
    self->count = count;
    atomic_store(&self->blocked, blocked);
}

static int group(struct whi_polls *self, const gathering *all) {
    entry **entries = whi_alloc((all->count + 1) * sizeof *entries);
    size_t count = 0, first = 0;

    for (size_t i = 0; entries != NULL && i < all->count; i++) {
        if (i + 1 == all->count || all->list[i + 1].id != all->list[i].id) {
            entries[count] = make_entry(&all->list[first], i + 1 - first);
            if (entries[count] == NULL) {
                while (count > 0) {
                    free_entry(entries[--count]);
                }
                whi_free(entries);
                return WH_ENOMEM;
            }
            count++;
            first = i + 1;
        }
    }
    if (entries == NULL) {
        return WH_ENOMEM;
    }
    replace(self, entries, count);
    return WH_OK;
}

/* The lock is held. */
static void refresh(struct whi_polls *self) {
    gathering all = { 0 };
    int64_t changes = whi_registry_poll_changes(self->engine->registry);
    int code = whi_registry_polls(self->engine->registry, gather, &all);

    if (code == WH_OK) {
        if (all.count > 0) {
            qsort(all.list, all.count, sizeof *all.list, compare);
        }
        code = group(self, &all);
    }
    for (size_t i = 0; i < all.count; i++) {
        whi_registration_unref(all.list[i].registration);
    }
    whi_free(all.list);
    if (code == WH_OK) {
        atomic_store(&self->changes, changes);
    }
}

/* ------------------------------------------------------------- wishes, and what is to go */

static void wish(entry *self) {
    self->due = 0;
    self->again = self->running;
}

static int note_wish(const wh_backend_poll *row, void *payload) {
    entry *found = find(payload, row->id);

    if (found != NULL) {
        wish(found);
    }
    return WH_OK;
}

typedef struct orphans {
    const struct whi_polls *polls;
    int64_t last, list[LIST_ROWS];
    size_t count, rows;
} orphans;

static int note_orphan(const wh_backend_poll *row, void *payload) {
    orphans *self = payload;

    self->last = row->id;
    self->rows++;
    if (find(self->polls, row->id) == NULL) {
        self->list[self->count++] = row->id;
    }
    return WH_OK;
}

static int is_changed(const struct whi_polls *self) {
    return whi_registry_poll_changes(self->engine->registry) != atomic_load(&self->changes);
}

/* Nobody has made a subscription for one of them meanwhile. The lock is let go of then. */
static void forget(struct whi_polls *self, const orphans *found) {
    if (whi_registry_sync(self->engine->registry) != WH_OK || is_changed(self)) {
        return; /* another look follows */
    }
    pthread_mutex_unlock(&self->lock);
    for (size_t i = 0; i < found->count && !atomic_load(&self->stop); i++) {
        (void)whi_poll_forget(self->engine, found->list[i]);
    }
    pthread_mutex_lock(&self->lock);
}

/* What a reading has taken up since is another's row by then: it goes by its turn. What a subscription polls that
 * cannot be read here is not known: while there is one, no row is known to be nobody's. */
static void forget_orphans(struct whi_polls *self) {
    whi_store *store = self->engine->store;
    orphans found = { .polls = self };
    int code;

    if (whi_registry_left_out(self->engine->registry, NULL) > 0) {
        return;
    }
    do {
        found.rows = found.count = 0;
        code = store->vtable->poll_list(store, found.last, 0, LIST_ROWS, note_orphan, &found);
        if (code == WH_OK && found.count > 0) {
            forget(self, &found);
        }
    } while (code == WH_OK && found.rows == LIST_ROWS && !atomic_load(&self->stop));
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
    atomic_store(&self->next, 0);
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

static int is_open(const entry *self) {
    return !self->running && !self->blocked && is_wanted(self);
}

/* Without a source it waits for one: no time is due. */
static whi_source *source_of(struct whi_polls *self, const entry *one) {
    return whi_source_get(self->engine->sources, one->list[0]->subscription->poll_type);
}

/* The first that is due and can be read now, and when the next one is. The lock is held. */
static entry *pick(struct whi_polls *self, whi_source **source) {
    int64_t now = whi_now(self->engine), next = INT64_MAX;
    entry *picked = NULL;

    for (size_t i = 0; i < self->count; i++) {
        entry *one = self->entries[i];
        whi_source *found = is_open(one) ? source_of(self, one) : NULL;
        if (found == NULL) {
            continue;
        }
        if (one->due > now) {
            next = one->due < next ? one->due : next;
        } else if (picked == NULL && whi_source_enter(found, OF_ONE_SOURCE)) {
            picked = one;
            *source = found;
            continue;
        } else if (picked != NULL) {
            next = now;
        }
        whi_source_unref(found);
    }
    atomic_store(&self->next, picked != NULL ? 0 : next); /* until it counts as running, something is due */
    return picked;
}

typedef struct reading {
    whi_poll_job job;
    whi_poll_result result;
    char trouble[WHI_POLL_RUN_SIZE];
} reading;

/* A copy: the list may change meanwhile. */
static int begin(struct whi_polls *self, entry *one, whi_source *source, reading *out) {
    out->job = (whi_poll_job){ self->engine, source, one->id, 0, NULL, 0, &self->stop, out->trouble };
    out->job.is_ours = whi_position_has(self->engine->position, one->id);
    out->job.list = whi_alloc(one->count * sizeof *out->job.list);
    memcpy(out->trouble, one->trouble, sizeof out->trouble);
    if (out->job.list == NULL) {
        return 0;
    }
    for (size_t i = 0; i < one->count; i++) {
        atomic_fetch_add(&one->list[i]->refs, 1);
        out->job.list[i] = one->list[i];
    }
    out->job.count = one->count;
    return 1;
}

static void join_poll(struct whi_polls *self, int64_t poll) {
    entry *one = find(self, poll);

    if (one != NULL) {
        one->joins = 1;
        wish(one);
    }
}

static void end(struct whi_polls *self, reading *done) {
    entry *one = find(self, done->job.id);

    if (one != NULL) {
        one->running = 0;
        one->due = one->again ? 0 : done->result.due;
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
}

/* The lock is held, and let go of meanwhile. */
static void read_one(struct whi_polls *self, entry *one, whi_source *source) {
    reading done;

    one->running = 1;
    if (begin(self, one, source, &done)) {
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
        one->running = 0;
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

static int is_due(const struct whi_polls *self) {
    return is_news(self) || is_changed(self) || atomic_load(&self->next) <= whi_now(self->engine);
}

/* Whose receiver has got what there was goes on. The lock is held. */
static void unblock(struct whi_polls *self) {
    whi_store *store = self->engine->reader;
    int blocked = 0;

    for (size_t i = 0; i < self->count; i++) {
        entry *one = self->entries[i];
        int64_t waiting = 1, oldest;
        if (one->blocked && store->vtable->waiting_count(store, one->id, 1, &waiting, &oldest) == WH_OK &&
            waiting == 0) {
            one->blocked = 0;
            one->due = 0;
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

static int has_work(const wh_engine *engine) {
    return atomic_load(&engine->sources->count) > 0 && atomic_load(&engine->stop) == 0;
}

static void turn(wh_engine *engine) {
    struct whi_polls *self;

    if (!has_work(engine) || whi_lease_owner(engine->lease) == 0) {
        return;
    }
    if (engine->polls == NULL && whi_registry_poll_changes(engine->registry) > 0) {
        engine->polls = make(engine);
    }
    self = engine->polls;
    if (self == NULL) {
        return;
    }
    (void)look_at_blocked(self, BLOCKED_US);
    if (is_due(self) && pthread_mutex_trylock(&self->lock) == 0) {
        wake(self);
        pthread_mutex_unlock(&self->lock);
    }
}

void whi_polls_turn(wh_engine *engine) {
    whi_sources_again(engine);
    turn(engine);
    atomic_store(&engine->sources->settled, !whi_polls_busy(engine));
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
        return whi_registry_poll_changes(engine->registry) > 0;
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
    replace(self, NULL, 0);
    pthread_cond_destroy(&self->work);
    pthread_mutex_destroy(&self->lock);
    whi_free(self);
}
