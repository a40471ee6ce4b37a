/* Tests: test_database. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "pure/delivery.h"
#include "sinks/pool.h"

void whi_tickets_init(whi_ticket_list *list) {
    list->first = NULL;
    list->end = &list->first;
}

void whi_tickets_add(whi_ticket_list *list, whi_ticket *ticket) {
    ticket->next = NULL;
    *list->end = ticket;
    list->end = &ticket->next;
}

void whi_tickets_move(whi_ticket_list *list, whi_ticket_list *from) {
    if (from->first != NULL) {
        *list->end = from->first;
        list->end = from->end;
        whi_tickets_init(from);
    }
}

/* ----------------------------------------------------------------------- telling */

void whi_parcel_tell(whi_parcel *parcel, int outcome, int code, const char *sentence) {
    parcel->outcome = outcome;
    parcel->code = code;
    parcel->answers = outcome == WHI_OUTCOME_SUCCESS || outcome == WHI_OUTCOME_SET_ASIDE;
    parcel->overloaded = outcome == WHI_OUTCOME_RETRY;
    snprintf(parcel->sentence, sizeof parcel->sentence, "%s", sentence);
}

void whi_parcel_cut(whi_parcel *parcel, const char *sentence) {
    whi_parcel_tell(parcel, WHI_OUTCOME_CUT, WH_ECLOSED, sentence);
}

/* Nothing answered, or what did has said why not. */
static int code_of(const whi_object_result *result) {
    return result->outcome == WHI_OBJECT_AGAIN && result->state[0] == '\0' ? WH_ECONNECT : WH_ESTATUS;
}

void whi_parcel_tell_result(whi_parcel *parcel, const whi_object_result *result, size_t others) {
    char sentence[WHI_SENTENCE];
    int code = code_of(result);
    size_t size = (size_t)snprintf(sentence, sizeof sentence, "%s: %.7s%s%.240s", wh_error_name(code), result->state,
                                   result->state[0] != '\0' ? ": " : "", result->sentence);

    if (others > 0) {
        snprintf(sentence + size, sizeof sentence - size, " (and %zu more of its objects)", others);
    }
    whi_parcel_tell(parcel, result->outcome == WHI_OBJECT_ALONE ? WHI_OUTCOME_SET_ASIDE : WHI_OUTCOME_RETRY, code,
                    sentence);
}

/* ----------------------------------------------------------------------- batches */

void whi_batch_put_back(whi_batch *self, int code) {
    for (whi_ticket *ticket = self->tickets.first; ticket != NULL; ticket = ticket->next) {
        whi_parcel_tell(ticket->parcel, WHI_OUTCOME_NONE, code, wh_last_error());
    }
}

int whi_batch_is_cut(whi_batch *self) {
    whi_sink *sink = self->pool->sink;

    pthread_mutex_lock(&sink->lock);
    self->is_cut = self->pool->is_cut;
    memcpy(self->sentence, sink->sentence, sizeof self->sentence);
    pthread_mutex_unlock(&sink->lock);
    return self->is_cut;
}

enum whi_pool_kind whi_pool_judge(int fails, size_t rows, int64_t took_us) {
    if (fails) {
        return WHI_POOL_SLOW;
    }
    return took_us > WHI_POOL_SLOW_US + (int64_t)rows * WHI_POOL_ROW_US ? WHI_POOL_UNKNOWN : WHI_POOL_QUICK;
}

void whi_batch_count(const whi_batch *self, size_t written, size_t set_aside) {
    whi_written *counts = self->pool->written;
    int64_t oldest = INT64_MAX;

    if (counts == NULL) {
        return;
    }
    for (const whi_ticket *ticket = self->tickets.first; ticket != NULL; ticket = ticket->next) {
        int64_t accepted_at = ticket->parcel->delivery->event->accepted_at;
        oldest = accepted_at < oldest ? accepted_at : oldest;
    }
    atomic_fetch_add(&counts->rows, (long long)written);
    atomic_fetch_add(&counts->set_aside, (long long)set_aside);
    atomic_fetch_add(&counts->batches, 1);
    atomic_store(&counts->lag_ms, whi_now(self->pool->sink->engine) - oldest);
}

/* --------------------------------------------------------------------- the threads */

void whi_pool_ready(whi_pool *pool) {
    whi_sink *sink = pool->sink;

    if (pool->is_ready || pool->is_running) {
        return;
    }
    pool->is_ready = 1;
    sink->ready_count++;
    pool->next_ready = NULL;
    *sink->ready_end[pool->kind] = pool;
    sink->ready_end[pool->kind] = &pool->next_ready;
    pthread_cond_signal(&sink->work);
}

int whi_pool_is_full(const whi_sink *sink) {
    return sink->running[WHI_POOL_QUICK] + sink->running[WHI_POOL_UNKNOWN] + sink->running[WHI_POOL_SLOW] >=
           WHI_POOL_THREADS;
}

/* Only what began as quick: the others are bounded by their own parts, whatever they do. */
int whi_pool_hold(whi_pool *pool, int64_t now_us) {
    whi_sink *sink = pool->sink;

    if (!pool->is_running || pool->is_held || pool->runs_as != WHI_POOL_QUICK || sink->held >= WHI_POOL_HELD ||
        now_us - pool->began_us < sink->slow_us) {
        return 0;
    }
    pool->is_held = 1;
    sink->running[WHI_POOL_QUICK]--;
    sink->held++;
    return 1;
}

static void begin_run(whi_pool *pool) {
    pool->is_running = 1;
    pool->is_cut = 0;
    pool->runs_as = pool->kind;
    pool->began_us = whi_monotonic_us();
    pool->sink->running[pool->kind]++;
    if (pool->written != NULL) {
        atomic_fetch_add(&pool->written->busy, 1);
    }
}

static void end_run(whi_pool *pool) {
    if (pool->is_held) {
        pool->sink->held--;
    } else {
        pool->sink->running[pool->runs_as]--;
    }
    if (pool->written != NULL) {
        atomic_fetch_add(&pool->written->busy, -1);
    }
    pool->is_running = pool->is_held = 0;
    pool->settled_us = whi_monotonic_us();
}

static int may_run(const whi_sink *sink, enum whi_pool_kind kind) {
    int slow = sink->running[WHI_POOL_SLOW], unsure = slow + sink->running[WHI_POOL_UNKNOWN];

    if (sink->ready[kind] == NULL || whi_pool_is_full(sink) ||
        (kind == WHI_POOL_SLOW && slow >= WHI_POOL_THREADS / 2)) {
        return 0;
    }
    return kind == WHI_POOL_QUICK || unsure < WHI_POOL_THREADS * 3 / 4;
}

static whi_pool *next_pool(whi_sink *sink) {
    for (enum whi_pool_kind kind = 0; kind < WHI_POOL_KINDS; kind++) {
        whi_pool *pool = sink->ready[kind];
        if (may_run(sink, kind)) {
            sink->ready[kind] = pool->next_ready;
            if (sink->ready[kind] == NULL) {
                sink->ready_end[kind] = &sink->ready[kind];
            }
            pool->is_ready = 0;
            sink->ready_count--;
            return pool;
        }
    }
    return NULL;
}

static void take_tickets(whi_batch *self) {
    whi_ticket_list *queue = &self->pool->queue;
    size_t bytes = 0;

    whi_tickets_init(&self->tickets);
    self->count = 0;
    for (int count = 0; queue->first != NULL && count < WHI_BATCH_PARCELS && bytes < WHI_BATCH_BYTES; count++) {
        whi_ticket *ticket = queue->first;
        queue->first = ticket->next;
        bytes += ticket->size;
        whi_tickets_add(&self->tickets, ticket);
        self->count++;
    }
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
}

static void hand_back(whi_batch *self) {
    whi_sink *sink = self->pool->sink;

    if (self->tickets.first != NULL) {
        whi_tickets_move(&sink->ended, &self->tickets);
        atomic_store(&sink->has_ended, 1);
        whi_poller_wake(sink->poller);
    }
}

/* What came too late for the last batch would end this one, so that begins with a new connection. */
static enum whi_pool_kind run_batch(whi_batch *self) {
    if (self->was_cut) {
        self->pool->work->rest(self->pool);
    }
    return self->pool->work->run(self);
}

/* Under the lock, and outside of it while it works. One without tickets rests. */
static void run_pool(whi_pool *pool) {
    whi_batch self = { .pool = pool, .was_cut = pool->is_cut };
    whi_sink *sink = pool->sink;

    begin_run(pool);
    take_tickets(&self);
    pthread_mutex_unlock(&sink->lock);
    if (self.tickets.first != NULL) {
        enum whi_pool_kind became = run_batch(&self);
        pthread_mutex_lock(&sink->lock);
        pool->kind = became;
    } else {
        pool->work->rest(pool);
        pthread_mutex_lock(&sink->lock);
    }
    pool->is_connected = self.tickets.first != NULL;
    end_run(pool);
    if (pool->queue.first != NULL) {
        whi_pool_ready(pool);
    }
    hand_back(&self);
    pthread_cond_broadcast(&sink->left);
    pthread_cond_broadcast(&sink->work); /* others may run by now that were too many of their kind */
}

void *whi_pool_serve(void *payload) {
    whi_sink *sink = payload;

    pthread_mutex_lock(&sink->lock);
    while (!sink->closing) {
        whi_pool *pool = next_pool(sink);
        if (pool != NULL) {
            run_pool(pool);
            continue;
        }
        sink->idle++;
        pthread_cond_wait(&sink->work, &sink->lock);
        sink->idle--;
    }
    pthread_mutex_unlock(&sink->lock);
    return NULL;
}
