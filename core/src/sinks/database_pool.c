/* Tests: test_database. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "pure/delivery.h"
#include "pure/json.h"
#include "sinks/database.h"

/* What a thread uses for one batch after the other. */
typedef struct batch {
    whi_pool *pool;
    whi_ticket_list tickets;
    whi_json json;
    whi_object *objects;
    whi_object_result *results;
    size_t count, capacity;
    int is_cut; /* 1: it was ended from here, as the sentence says */
    char sentence[WHI_SENTENCE];
} batch;

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

static void tell(whi_parcel *parcel, int outcome, int code, const char *sentence) {
    parcel->outcome = outcome;
    parcel->code = code;
    parcel->answers = outcome == WHI_OUTCOME_SUCCESS || outcome == WHI_OUTCOME_SET_ASIDE;
    parcel->overloaded = outcome == WHI_OUTCOME_RETRY;
    snprintf(parcel->sentence, sizeof parcel->sentence, "%s", sentence);
}

void whi_parcel_cut(whi_parcel *parcel, const char *sentence) {
    tell(parcel, WHI_OUTCOME_CUT, WH_ECLOSED, sentence);
}

static void set_aside(whi_parcel *parcel, const char *why) {
    char sentence[WHI_SENTENCE];

    snprintf(sentence, sizeof sentence, "%s: %s", wh_error_name(WH_EINVALID), why);
    tell(parcel, WHI_OUTCOME_SET_ASIDE, WH_EINVALID, sentence);
}

/* Nothing answered, or what did has said why not. */
static int code_of(const whi_object_result *result) {
    return result->outcome == WHI_OBJECT_AGAIN && result->state[0] == '\0' ? WH_ECONNECT : WH_ESTATUS;
}

static void tell_result(whi_parcel *parcel, const whi_object_result *result, size_t others) {
    char sentence[WHI_SENTENCE];
    int code = code_of(result);
    size_t size = (size_t)snprintf(sentence, sizeof sentence, "%s: %.7s%s%.240s", wh_error_name(code), result->state,
                                   result->state[0] != '\0' ? ": " : "", result->sentence);

    if (others > 0) {
        snprintf(sentence + size, sizeof sentence - size, " (and %zu more of its objects)", others);
    }
    tell(parcel, result->outcome == WHI_OBJECT_ALONE ? WHI_OUTCOME_SET_ASIDE : WHI_OUTCOME_RETRY, code, sentence);
}

/* What is to be tried again counts for more than what cannot be written: it is written, or set aside, then. */
static int is_worse(int outcome, int than) {
    static const int ranks[] = {
        [WHI_OBJECT_WRITTEN] = 0, [WHI_OBJECT_ALONE] = 1, [WHI_OBJECT_AGAIN] = 2, [WHI_OBJECT_OWNER] = 3
    };

    return ranks[outcome] > ranks[than];
}

static void judge(batch *self, whi_ticket *ticket, int64_t took_us) {
    const whi_object_result *worst = NULL;
    whi_parcel *parcel = ticket->parcel;
    size_t failed = 0;

    parcel->duration_us = took_us;
    if (parcel->outcome == WHI_OUTCOME_SET_ASIDE) {
        return; /* it has no objects */
    }
    for (size_t i = ticket->first; i < ticket->first + ticket->count; i++) {
        const whi_object_result *one = &self->results[i];
        failed += one->outcome != WHI_OBJECT_WRITTEN;
        worst = worst == NULL || is_worse(one->outcome, worst->outcome) ? one : worst;
    }
    if (failed == 0) {
        tell(parcel, WHI_OUTCOME_SUCCESS, WH_OK, "");
    } else if (worst->outcome == WHI_OBJECT_AGAIN && self->is_cut) {
        whi_parcel_cut(parcel, self->sentence);
    } else {
        tell_result(parcel, worst, failed - 1);
    }
}

/* ----------------------------------------------------------------------- objects */

static int reserve(batch *self) {
    size_t capacity = self->capacity > 0 ? self->capacity * 2 : WHI_BATCH_PARCELS;
    whi_object *objects;
    whi_object_result *results;

    if (self->count < self->capacity) {
        return WH_OK;
    }
    objects = whi_realloc(self->objects, capacity * sizeof *objects);
    self->objects = objects != NULL ? objects : self->objects;
    results = objects != NULL ? whi_realloc(self->results, capacity * sizeof *results) : NULL;
    self->results = results != NULL ? results : self->results;
    if (results == NULL) {
        return whi_fail_memory();
    }
    self->capacity = capacity;
    return WH_OK;
}

static int add_object(batch *self, whi_ticket *ticket, uint32_t node) {
    const whi_event *event = ticket->parcel->delivery->event;
    whi_object *object;
    int code = reserve(self);

    if (code != WH_OK) {
        return code;
    }
    object = &self->objects[self->count];
    *object = (whi_object){ .connection = event->source != NULL ? event->source : "",
                            .type = ticket->type,
                            .version = event->number,
                            .synced_at = ticket->parcel->started_at,
                            .deleted = ticket->deleted };
    object->bytes = whi_json_span(&self->json, node, &object->size);
    self->results[self->count++] = (whi_object_result){ .outcome = WHI_OBJECT_AGAIN };
    ticket->count++;
    return WH_OK;
}

static int has_id(const whi_json *json, uint32_t node) {
    uint32_t id = whi_json_member(json, node, "id", 2);

    return id != WHI_JSON_NONE && (json->nodes[id].type == WHI_JSON_STRING || json->nodes[id].type == WHI_JSON_NUMBER);
}

/* NULL: all of them have an id; else what is wrong. */
static const char *check_objects(const whi_json *json) {
    const whi_json_node *nodes = json->nodes;

    if (nodes[0].type == WHI_JSON_OBJECT) {
        return has_id(json, 0) ? NULL : "the object has no id, by which a row is found";
    }
    if (nodes[0].type != WHI_JSON_ARRAY) {
        return "the payload is neither an object with an id nor a list of such, as rows are made of";
    }
    for (uint32_t at = 1; at < nodes[0].next; at = nodes[at].next) {
        if (!has_id(json, at)) {
            return "an item of the list is no object with an id, by which a row is found";
        }
    }
    return NULL;
}

static int add_all(batch *self, whi_ticket *ticket) {
    const whi_json_node *nodes = self->json.nodes;
    int code = WH_OK;

    if (nodes[0].type == WHI_JSON_OBJECT) {
        return add_object(self, ticket, 0);
    }
    for (uint32_t at = 1; code == WH_OK && at < nodes[0].next; at = nodes[at].next) {
        code = add_object(self, ticket, at);
    }
    return code;
}

/* The objects of a delivery; one that has none to give is set aside. */
static int unpack(batch *self, whi_ticket *ticket) {
    const whi_delivery *delivery = ticket->parcel->delivery;
    const char *wrong, *bytes = whi_delivery_bytes(delivery, &ticket->size);
    int code = whi_json_scan(&self->json, bytes, ticket->size, WHI_JSON_DEPTH_MAXIMUM);

    ticket->first = self->count;
    ticket->count = 0;
    ticket->parcel->outcome = WHI_OUTCOME_RETRY;
    if (code == WH_ENOMEM) {
        return code;
    }
    wrong = code == WH_OK ? check_objects(&self->json) : wh_last_error();
    if (wrong != NULL) {
        set_aside(ticket->parcel, wrong);
        return WH_OK;
    }
    whi_database_type(delivery->event->type, ticket->type, &ticket->deleted);
    return add_all(self, ticket);
}

/* No memory: what it lacked was here, so it is no attempt. */
static int unpack_all(batch *self) {
    int code = WH_OK;

    self->count = 0;
    for (whi_ticket *ticket = self->tickets.first; ticket != NULL && code == WH_OK; ticket = ticket->next) {
        code = unpack(self, ticket);
    }
    return code;
}

static void put_back(batch *self, int code) {
    for (whi_ticket *ticket = self->tickets.first; ticket != NULL; ticket = ticket->next) {
        tell(ticket->parcel, WHI_OUTCOME_NONE, code, wh_last_error());
    }
}

/* ------------------------------------------------------------------------- a batch */

static int is_cut(batch *self) {
    whi_sink *sink = self->pool->sink;

    pthread_mutex_lock(&sink->lock);
    self->is_cut = self->pool->is_cut;
    memcpy(self->sentence, sink->sentence, sizeof self->sentence);
    pthread_mutex_unlock(&sink->lock);
    return self->is_cut;
}

static int is_away(const whi_object_result *results, size_t count) {
    size_t again = 0;

    for (size_t i = 0; i < count; i++) {
        again += results[i].outcome == WHI_OBJECT_AGAIN;
    }
    return again == count;
}

/* Each call more would wait for its own time-out: what is left goes again for the same reason. */
static void give_up_from(batch *self, size_t at) {
    for (size_t i = at; i < self->count; i++) {
        self->results[i] = self->results[at - 1];
    }
}

/* The objects of whole deliveries, from this one on, that go into one call; its ticket moves behind them. Only within a
 * call an object that comes twice in one delivery, with one version, is told from the other: the last one counts. */
static size_t count_call(const whi_ticket **ticket) {
    size_t count = 0;

    while (*ticket != NULL && (count == 0 || count + (*ticket)->count <= WHI_BATCH_OBJECTS)) {
        count += (*ticket)->count;
        *ticket = (*ticket)->next;
    }
    return count;
}

static int write_objects(batch *self) {
    const whi_destinations *calls = self->pool->sink->engine->destinations;
    const whi_ticket *ticket = self->tickets.first;
    size_t count;
    int code = WH_OK;

    for (size_t at = 0; code == WH_OK && at < self->count; at += count) {
        count = count_call(&ticket);
        if (is_cut(self)) {
            return WH_OK; /* the rest is to go again */
        }
        code = calls->write(self->pool->destination, self->objects + at, count, self->results + at);
        if (code == WH_OK && is_away(self->results + at, count)) {
            give_up_from(self, at + count);
            return WH_OK;
        }
    }
    return code;
}

/* The end of the process waits for what is being written, as long as it waits for anything. */
static int write_in_time(batch *self) {
    int code = whi_halt_enter();

    if (code == WH_OK) {
        code = write_objects(self);
        whi_halt_leave();
    }
    return code;
}

enum whi_pool_kind whi_pool_judge(int fails, size_t rows, int64_t took_us) {
    if (fails) {
        return WHI_POOL_SLOW;
    }
    return took_us > WHI_POOL_SLOW_US + (int64_t)rows * WHI_POOL_ROW_US ? WHI_POOL_UNKNOWN : WHI_POOL_QUICK;
}

static enum whi_pool_kind kind_of(const batch *self, int64_t took_us) {
    int fails = 0;

    for (size_t i = 0; i < self->count; i++) {
        fails |= self->results[i].outcome == WHI_OBJECT_AGAIN || self->results[i].outcome == WHI_OBJECT_OWNER;
    }
    return self->is_cut ? self->pool->kind : whi_pool_judge(fails, self->count, took_us);
}

static void count_rows(const batch *self) {
    whi_written *written = self->pool->written;
    int64_t oldest = INT64_MAX;

    for (size_t i = 0; i < self->count; i++) {
        atomic_fetch_add(&written->rows, self->results[i].outcome == WHI_OBJECT_WRITTEN);
        atomic_fetch_add(&written->set_aside, self->results[i].outcome == WHI_OBJECT_ALONE);
    }
    for (const whi_ticket *ticket = self->tickets.first; ticket != NULL; ticket = ticket->next) {
        int64_t accepted_at = ticket->parcel->delivery->event->accepted_at;
        oldest = accepted_at < oldest ? accepted_at : oldest;
    }
    atomic_fetch_add(&written->batches, 1);
    atomic_store(&written->lag_ms, whi_now(self->pool->sink->engine) - oldest);
}

/* Outside the lock. */
static enum whi_pool_kind run_batch(batch *self, int was_cut) {
    int64_t began_us = whi_monotonic_us(), took_us;
    int code = unpack_all(self);

    if (was_cut) { /* what came too late for the last batch would end this one */
        self->pool->sink->engine->destinations->rest(self->pool->destination);
    }
    code = code == WH_OK && self->count > 0 ? write_in_time(self) : code;
    took_us = whi_monotonic_us() - began_us;
    if (code != WH_OK) {
        put_back(self, code);
        return self->pool->kind;
    }
    (void)is_cut(self);
    if (self->pool->written != NULL && self->count > 0) {
        count_rows(self);
    }
    for (whi_ticket *ticket = self->tickets.first; ticket != NULL; ticket = ticket->next) {
        judge(self, ticket, took_us);
    }
    return self->count > 0 ? kind_of(self, took_us) : self->pool->kind;
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
}

static void end_run(whi_pool *pool) {
    if (pool->is_held) {
        pool->sink->held--;
    } else {
        pool->sink->running[pool->runs_as]--;
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

static void take_tickets(batch *self) {
    whi_ticket_list *queue = &self->pool->queue;
    size_t bytes = 0;

    whi_tickets_init(&self->tickets);
    for (int count = 0; queue->first != NULL && count < WHI_BATCH_PARCELS && bytes < WHI_BATCH_BYTES; count++) {
        whi_ticket *ticket = queue->first;
        queue->first = ticket->next;
        bytes += ticket->size;
        whi_tickets_add(&self->tickets, ticket);
    }
    if (queue->first == NULL) {
        queue->end = &queue->first;
    }
}

static void hand_back(batch *self) {
    whi_sink *sink = self->pool->sink;

    if (self->tickets.first != NULL) {
        whi_tickets_move(&sink->ended, &self->tickets);
        atomic_store(&sink->has_ended, 1);
        whi_poller_wake(sink->poller);
    }
}

/* Under the lock, and outside of it while it works. One without tickets rests. */
static void run_pool(batch *self, whi_pool *pool) {
    whi_sink *sink = pool->sink;
    int was_cut = pool->is_cut;

    self->pool = pool;
    begin_run(pool);
    take_tickets(self);
    pthread_mutex_unlock(&sink->lock);
    if (self->tickets.first != NULL) {
        enum whi_pool_kind became = run_batch(self, was_cut);
        pthread_mutex_lock(&sink->lock);
        pool->kind = became;
    } else {
        sink->engine->destinations->rest(pool->destination);
        pthread_mutex_lock(&sink->lock);
    }
    pool->is_connected = self->tickets.first != NULL;
    end_run(pool);
    if (pool->queue.first != NULL) {
        whi_pool_ready(pool);
    }
    hand_back(self);
    pthread_cond_broadcast(&sink->left);
    pthread_cond_broadcast(&sink->work); /* others may run by now that were too many of their kind */
}

static void free_batch(batch *self) {
    whi_json_free(&self->json);
    whi_free(self->objects);
    whi_free(self->results);
}

void *whi_pool_serve(void *payload) {
    whi_sink *sink = payload;
    batch self = { 0 };

    pthread_mutex_lock(&sink->lock);
    while (!sink->closing) {
        whi_pool *pool = next_pool(sink);
        if (pool != NULL) {
            run_pool(&self, pool);
            continue;
        }
        sink->idle++;
        pthread_cond_wait(&sink->work, &sink->lock);
        sink->idle--;
    }
    pthread_mutex_unlock(&sink->lock);
    free_batch(&self);
    return NULL;
}
