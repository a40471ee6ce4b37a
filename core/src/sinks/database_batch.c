/* Tests: test_database. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "pure/delivery.h"
#include "pure/json.h"
#include "sinks/pool.h"

typedef struct batch {
    whi_batch *base;
    whi_json json;
    whi_object *objects;
    whi_object_result *results;
    size_t count, capacity;
} batch;

static void set_aside(whi_parcel *parcel, const char *why) {
    char sentence[WHI_SENTENCE];

    snprintf(sentence, sizeof sentence, "%s: %s", wh_error_name(WH_EINVALID), why);
    whi_parcel_tell(parcel, WHI_OUTCOME_SET_ASIDE, WH_EINVALID, sentence);
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
        whi_parcel_tell(parcel, WHI_OUTCOME_SUCCESS, WH_OK, "");
    } else if (worst->outcome == WHI_OBJECT_AGAIN && self->base->is_cut) {
        whi_parcel_cut(parcel, self->base->sentence);
    } else {
        whi_parcel_tell_result(parcel, worst, failed - 1);
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

static int unpack_all(batch *self) {
    int code = WH_OK;

    self->count = 0;
    for (whi_ticket *ticket = self->base->tickets.first; ticket != NULL && code == WH_OK; ticket = ticket->next) {
        code = unpack(self, ticket);
    }
    return code;
}

/* ------------------------------------------------------------------------- a batch */

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
    const whi_destinations *calls = self->base->pool->sink->engine->destinations;
    const whi_ticket *ticket = self->base->tickets.first;
    size_t count;
    int code = WH_OK;

    for (size_t at = 0; code == WH_OK && at < self->count; at += count) {
        count = count_call(&ticket);
        if (whi_batch_is_cut(self->base)) {
            return WH_OK; /* the rest is to go again */
        }
        code = calls->write(self->base->pool->receiver, self->objects + at, count, self->results + at);
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

static enum whi_pool_kind kind_of(const batch *self, int64_t took_us) {
    int fails = 0;

    for (size_t i = 0; i < self->count; i++) {
        fails |= self->results[i].outcome == WHI_OBJECT_AGAIN || self->results[i].outcome == WHI_OBJECT_OWNER;
    }
    return self->base->is_cut ? self->base->pool->kind : whi_pool_judge(fails, self->count, took_us);
}

static void count_rows(const batch *self) {
    size_t written = 0, alone = 0;

    for (size_t i = 0; i < self->count; i++) {
        written += self->results[i].outcome == WHI_OBJECT_WRITTEN;
        alone += self->results[i].outcome == WHI_OBJECT_ALONE;
    }
    whi_batch_count(self->base, written, alone);
}

static enum whi_pool_kind run_batch(batch *self) {
    int64_t began_us = whi_monotonic_us(), took_us;
    int code = unpack_all(self);

    code = code == WH_OK && self->count > 0 ? write_in_time(self) : code;
    took_us = whi_monotonic_us() - began_us;
    if (code != WH_OK) {
        whi_batch_put_back(self->base, code);
        return self->base->pool->kind;
    }
    (void)whi_batch_is_cut(self->base);
    if (self->count > 0) {
        count_rows(self);
    }
    for (whi_ticket *ticket = self->base->tickets.first; ticket != NULL; ticket = ticket->next) {
        judge(self, ticket, took_us);
    }
    return self->count > 0 ? kind_of(self, took_us) : self->base->pool->kind;
}

static enum whi_pool_kind run(whi_batch *base) {
    batch self = { .base = base };
    enum whi_pool_kind became = run_batch(&self);

    whi_json_free(&self.json);
    whi_free(self.objects);
    whi_free(self.results);
    return became;
}

/* ---------------------------------------------------------------------- its pool */

static int open_database(whi_pool *pool, const whi_subscription *subscription) {
    whi_destination *destination = NULL;
    int code = whi_database_open(pool->sink->engine, subscription, &destination);

    pool->receiver = destination;
    return code;
}

static void close_database(whi_pool *pool) {
    pool->sink->engine->destinations->close(pool->receiver);
}

static void cut_database(whi_pool *pool) {
    pool->sink->engine->destinations->cut(pool->receiver);
}

static void rest_database(whi_pool *pool) {
    pool->sink->engine->destinations->rest(pool->receiver);
}

const whi_pool_work whi_pool_database = {
    .open = open_database,
    .close = close_database,
    .cut = cut_database,
    .rest = rest_database,
    .run = run,
};
