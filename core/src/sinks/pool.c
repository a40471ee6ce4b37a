/* Tests: test_database. */
#include "sinks/pool.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"
#include "engine/memory.h"
#include "pure/delivery.h"
#include "sinks/http_request.h"

/* What is kept for a lane. */
typedef struct kept {
    whi_pool *pool;
    int64_t version; /* of the subscription, that the pool is for */
    void *signers;   /* a whi_http_kept, or NULL */
} kept;

/* -------------------------------------------------------------------------- pools */

static int is_same_text(const char *a, const char *b) {
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static whi_database_settings settings_of(const whi_subscription *s) {
    static const whi_database_settings normal = { 0 };

    return s->database != NULL ? *s->database : normal;
}

static const whi_pool_work *work_of(const whi_subscription *s) {
    return whi_subscription_is_queue(s) ? &whi_pool_queue : &whi_pool_database;
}

static int is_for(const whi_pool *pool, const whi_subscription *s) {
    whi_database_settings settings = settings_of(s);

    return pool->work == work_of(s) && is_same_text(pool->url, s->url) && is_same_text(pool->password, s->password) &&
           strcmp(pool->settings.schema, settings.schema) == 0 && strcmp(pool->settings.prefix, settings.prefix) == 0 &&
           pool->settings.create == settings.create && pool->settings.removes == settings.removes &&
           pool->settings.times == settings.times && pool->timeout == s->timeout && pool->insecure == s->insecure;
}

static void unref_pool(whi_pool *pool) {
    if (--pool->refs > 0) {
        return;
    }
    whi_free(pool->url);
    whi_free_secret(pool->password, pool->password != NULL ? strlen(pool->password) : 0);
    whi_free(pool);
}

static void close_pool(whi_pool *pool) {
    wh_engine *engine = pool->sink->engine;

    pool->work->close(pool);
    whi_written_leave(engine, pool->written);
    pool->written = NULL;
}

static int fill_pool(whi_pool *pool, const whi_subscription *s) {
    pool->url = whi_strdup(s->url, WH_ZSTR);
    pool->password = whi_strdup(s->password, WH_ZSTR);
    pool->settings = settings_of(s);
    pool->timeout = s->timeout;
    pool->insecure = s->insecure;
    pool->kind = WHI_POOL_UNKNOWN;
    whi_tickets_init(&pool->queue);
    return pool->url != NULL && (s->password == NULL || pool->password != NULL) ? WH_OK : whi_fail_memory();
}

static int make_pool(whi_sink *sink, const whi_subscription *s, whi_pool **out) {
    whi_pool *pool = whi_calloc(1, sizeof *pool);
    int code;

    if (pool == NULL) {
        return whi_fail_memory();
    }
    pool->refs = 1;
    pool->sink = sink;
    pool->work = work_of(s);
    code = fill_pool(pool, s);
    code = code == WH_OK ? pool->work->open(pool, s) : code;
    if (code != WH_OK) {
        unref_pool(pool);
        return code;
    }
    pool->written = whi_written_join(sink->engine, s->url);
    pool->next = sink->pools;
    sink->pools = pool;
    *out = pool;
    return WH_OK;
}

static int find_pool(whi_sink *sink, const whi_subscription *s, whi_pool **out) {
    whi_pool *pool = sink->pools;

    while (pool != NULL && !is_for(pool, s)) {
        pool = pool->next;
    }
    *out = pool;
    return pool != NULL ? WH_OK : make_pool(sink, s, out);
}

static void forget(void *payload) {
    kept *self = payload;

    if (self->pool != NULL) {
        unref_pool(self->pool);
    }
    if (self->signers != NULL) {
        whi_http_forget(self->signers);
    }
    whi_free(self);
}

/* The pool of a lane: looked for once for each version of its subscription. */
static int pool_of(whi_sink *sink, whi_parcel *parcel, whi_pool **out) {
    const whi_subscription *s = parcel->delivery->registration->subscription;
    kept *self = *parcel->kept;
    int code;

    if (self == NULL) {
        self = *parcel->kept = whi_calloc(1, sizeof *self);
    }
    if (self == NULL) {
        return whi_fail_memory();
    }
    if (self->pool == NULL || self->version != s->version || self->pool->sink == NULL) {
        code = find_pool(sink, s, out);
        if (code != WH_OK) {
            return code;
        }
        (*out)->refs++;
        if (self->pool != NULL) {
            unref_pool(self->pool);
        }
        self->pool = *out;
        self->version = s->version;
    }
    *out = self->pool;
    return WH_OK;
}

/* ------------------------------------------------------------------------- sending */

static whi_ticket *take_ticket(whi_sink *sink) {
    whi_ticket *ticket = sink->free_tickets;

    if (ticket == NULL) {
        return whi_calloc(1, sizeof *ticket);
    }
    sink->free_tickets = ticket->next;
    return ticket;
}

/* Its delivery, whose account has the message, is still there. */
static void forget_message(whi_sink *sink, whi_ticket *ticket) {
    if (ticket->message != NULL) {
        whi_memory_count(sink->engine->memory, ticket->parcel->delivery->event->account, WHI_POT_BODIES,
                         -(long long)ticket->message_size);
        whi_free(ticket->message);
        ticket->message = NULL;
    }
}

static void give_ticket(whi_sink *sink, whi_ticket *ticket) {
    forget_message(sink, ticket);
    ticket->next = sink->free_tickets;
    sink->free_tickets = ticket;
}

/* Under the lock, before a pool is ready. A thread more, if all have something to do, or will as soon as they wake;
 * 0: there is none at all. */
static int has_thread(whi_sink *sink) {
    if (sink->ready_count >= sink->idle && sink->thread_count < WHI_POOL_THREADS + sink->held &&
        pthread_create(&sink->threads[sink->thread_count], NULL, whi_pool_serve, sink) == 0) {
        sink->thread_count++;
    }
    return sink->thread_count > 0;
}

/* Under the lock. */
static void note_waits(whi_sink *sink) {
    sink->waits = sink->ready_count > 0 && whi_pool_is_full(sink);
}

static int queue_ticket(whi_pool *pool, whi_ticket *ticket) {
    whi_sink *sink = pool->sink;
    int code = WH_OK;

    pthread_mutex_lock(&sink->lock);
    if (has_thread(sink)) {
        whi_tickets_add(&pool->queue, ticket);
        whi_pool_ready(pool);
        note_waits(sink);
    } else {
        code = whi_fail(WH_ERESOURCE, "the system starts no more threads");
    }
    pthread_mutex_unlock(&sink->lock);
    return code;
}

/* Want of something here is no attempt; that it cannot be opened as it is, its owner has to mend. */
static void fail_parcel(whi_parcel *parcel, int code) {
    int is_owners = code == WH_EINVALID;

    parcel->outcome = is_owners ? WHI_OUTCOME_RETRY : WHI_OUTCOME_NONE;
    parcel->code = code;
    if (is_owners) {
        snprintf(parcel->sentence, sizeof parcel->sentence, "%s: %s", wh_error_name(code), wh_last_error());
    } else {
        snprintf(parcel->sentence, sizeof parcel->sentence, "%s", wh_last_error());
    }
    parcel->done(parcel, parcel->payload);
}

static int prepare(whi_pool *pool, whi_ticket *ticket) {
    kept *self = *ticket->parcel->kept;

    return pool->work->prepare != NULL ? pool->work->prepare(pool, ticket, &self->signers) : WH_OK;
}

static void submit_one(whi_sink *sink, whi_parcel *parcel) {
    whi_ticket *ticket = take_ticket(sink);
    whi_pool *pool = NULL;
    int code = ticket != NULL ? pool_of(sink, parcel, &pool) : whi_fail_memory();

    parcel->status = parcel->answers = parcel->overloaded = parcel->aborts = 0;
    parcel->retry_after = -1;
    parcel->duration_us = 0;
    parcel->answer = NULL;
    parcel->answer_size = 0;
    if (code == WH_OK) {
        ticket->parcel = parcel;
        whi_delivery_bytes(parcel->delivery, &ticket->size);
        code = prepare(pool, ticket);
        code = code == WH_OK ? queue_ticket(pool, ticket) : code;
    }
    if (code != WH_OK) {
        if (ticket != NULL) {
            give_ticket(sink, ticket);
        }
        fail_parcel(parcel, code);
    }
}

static void pool_sink_submit(whi_sink *sink, whi_parcel *const *parcels, size_t count) {
    for (size_t i = 0; i < count; i++) {
        submit_one(sink, parcels[i]);
    }
}

/* ------------------------------------------------------------------ what has ended */

static void tell_all(whi_sink *sink, whi_ticket_list *list) {
    whi_ticket *ticket = list->first;

    while (ticket != NULL) {
        whi_ticket *next = ticket->next;
        whi_parcel *parcel = ticket->parcel;
        give_ticket(sink, ticket);
        parcel->done(parcel, parcel->payload);
        ticket = next;
    }
}

static void tell_ended(whi_sink *sink) {
    whi_ticket_list list;

    if (!atomic_load(&sink->has_ended)) {
        return;
    }
    whi_tickets_init(&list);
    pthread_mutex_lock(&sink->lock);
    whi_tickets_move(&list, &sink->ended);
    atomic_store(&sink->has_ended, 0);
    pthread_mutex_unlock(&sink->lock);
    tell_all(sink, &list);
}

/* Under the lock. */
static int is_idle(const whi_pool *pool) {
    return !pool->is_ready && !pool->is_running && pool->queue.first == NULL;
}

/* Closing a connection may wait for its other end, so a thread rests the pool first. */
static void look_after(whi_sink *sink, whi_pool **place, int64_t now_us) {
    whi_pool *pool = *place;
    int goes;

    pthread_mutex_lock(&sink->lock);
    goes = is_idle(pool) && now_us - pool->settled_us >= WHI_POOL_REST_US;
    if (goes && pool->is_connected && has_thread(sink)) {
        whi_pool_ready(pool);
    }
    goes = goes && !pool->is_ready && pool->refs == 1;
    pthread_mutex_unlock(&sink->lock);
    if (goes) {
        *place = pool->next;
        close_pool(pool);
        unref_pool(pool);
    }
}

/* A pool that waits has a thread for each batch that is held. */
static void hold_old(whi_sink *sink, int64_t now_us) {
    pthread_mutex_lock(&sink->lock);
    note_waits(sink);
    for (whi_pool *pool = sink->pools; pool != NULL && sink->waits; pool = pool->next) {
        if (whi_pool_hold(pool, now_us) && has_thread(sink)) {
            pthread_cond_broadcast(&sink->work);
        }
    }
    pthread_mutex_unlock(&sink->lock);
}

static void pool_sink_tick(whi_sink *sink) {
    int64_t now_us = sink->pools != NULL ? whi_monotonic_us() : 0;

    tell_ended(sink);
    for (whi_pool **place = &sink->pools; *place != NULL;) {
        whi_pool *pool = *place;
        look_after(sink, place, now_us);
        place = *place == pool ? &pool->next : place;
    }
    hold_old(sink, now_us);
}

/* A pool that is to rest may do so a little later: what else there is to do wakes the worker often enough, and there
 * is nothing that waits for it. For what gets old somebody does. */
static int pool_sink_timeout(const whi_sink *sink) {
    if (atomic_load(&sink->has_ended)) {
        return 0;
    }
    if (sink->waits) {
        return (int)(WHI_POOL_SLOW_US / 4000);
    }
    return sink->pools != NULL ? (int)(WHI_POOL_REST_US / 1000) : -1;
}

static void pool_sink_ready(whi_sink *sink, const whi_ready *ready, int count) {
    (void)sink;
    (void)ready;
    (void)count;
}

static void cut_pool(whi_pool *pool, whi_ticket_list *list) {
    whi_tickets_move(list, &pool->queue);
    if (pool->is_running && !pool->is_cut) {
        pool->is_cut = 1;
        pool->work->cut(pool);
    }
}

static void pool_sink_cut(whi_sink *sink, const whi_parcel *only, const char *sentence) {
    whi_ticket_list list;

    (void)only;
    whi_tickets_init(&list);
    pthread_mutex_lock(&sink->lock);
    snprintf(sink->sentence, sizeof sink->sentence, "%s", sentence);
    for (whi_pool *pool = sink->pools; pool != NULL; pool = pool->next) {
        cut_pool(pool, &list);
    }
    pthread_mutex_unlock(&sink->lock);
    for (whi_ticket *ticket = list.first; ticket != NULL; ticket = ticket->next) {
        whi_parcel_cut(ticket->parcel, sentence);
    }
    tell_all(sink, &list);
}

/* ------------------------------------------------------------------------- opening */

static int pool_sink_open(whi_sink **out, wh_engine *engine, whi_poller *poller) {
    whi_sink *sink = whi_calloc(1, sizeof *sink);

    *out = sink;
    if (sink == NULL) {
        return whi_fail_memory();
    }
    sink->engine = engine;
    sink->poller = poller;
    sink->slow_us = WHI_POOL_SLOW_US;
    pthread_mutex_init(&sink->lock, NULL);
    pthread_cond_init(&sink->work, NULL);
    pthread_cond_init(&sink->left, NULL);
    whi_tickets_init(&sink->ended);
    for (enum whi_pool_kind kind = 0; kind < WHI_POOL_KINDS; kind++) {
        sink->ready_end[kind] = &sink->ready[kind];
    }
    return WH_OK;
}

static int runs(const whi_sink *sink) {
    return sink->running[WHI_POOL_QUICK] + sink->running[WHI_POOL_UNKNOWN] + sink->running[WHI_POOL_SLOW] + sink->held >
           0;
}

static void end_threads(whi_sink *sink) {
    whi_ticket_list dropped;

    whi_tickets_init(&dropped);
    pthread_mutex_lock(&sink->lock);
    sink->closing = 1;
    pthread_cond_broadcast(&sink->work);
    for (whi_pool *pool = sink->pools; pool != NULL; pool = pool->next) {
        cut_pool(pool, &dropped);
    }
    while (runs(sink)) {
        pthread_cond_wait(&sink->left, &sink->lock);
    }
    for (whi_pool *pool = sink->pools; pool != NULL; pool = pool->next) {
        whi_tickets_move(&dropped, &pool->queue);
    }
    whi_tickets_move(&dropped, &sink->ended);
    pthread_mutex_unlock(&sink->lock);
    for (int i = 0; i < sink->thread_count; i++) {
        pthread_join(sink->threads[i], NULL);
    }
    while (dropped.first != NULL) {
        whi_ticket *ticket = dropped.first;
        dropped.first = ticket->next;
        give_ticket(sink, ticket);
    }
}

static void free_rest(whi_sink *sink) {
    whi_http_request_free(sink->making);
    while (sink->pools != NULL) {
        whi_pool *pool = sink->pools;
        sink->pools = pool->next;
        close_pool(pool);
        pool->sink = NULL;
        unref_pool(pool);
    }
    while (sink->free_tickets != NULL) {
        whi_ticket *next = sink->free_tickets->next;
        whi_free(sink->free_tickets);
        sink->free_tickets = next;
    }
}

static void pool_sink_close(whi_sink *sink) {
    if (sink == NULL) {
        return;
    }
    end_threads(sink);
    free_rest(sink);
    pthread_cond_destroy(&sink->left);
    pthread_cond_destroy(&sink->work);
    pthread_mutex_destroy(&sink->lock);
    whi_free(sink);
}

const whi_sink_vtable whi_sink_pool = {
    .open = pool_sink_open,
    .close = pool_sink_close,
    .submit = pool_sink_submit,
    .ready = pool_sink_ready,
    .tick = pool_sink_tick,
    .timeout = pool_sink_timeout,
    .forget = forget,
    .cut = pool_sink_cut,
    .batches = WHI_BATCH_PARCELS,
};
