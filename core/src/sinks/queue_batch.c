/* Tests: test_queue_redis, test_queue_rabbitmq, test_queue_nats. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/ident.h"
#include "base/mem.h"
#include "engine/memory.h"
#include "engine/queue.h"
#include "pure/delivery.h"
#include "sinks/http_request.h"
#include "sinks/pool.h"

#define MESSAGE_ID_SIZE (WH_ID_SIZE * 2)

_Static_assert(WHI_MESSAGE_LINES >= WHI_REQUEST_LINES, "the last line says how the body is packed");

/* ------------------------------------------------------------------- a message
 * It is what a request would be, made where requests are, on the worker's thread: signers and what a version of the
 * subscription says are the worker's. It is kept in one piece, with its texts behind it. */

typedef struct whi_sealed {
    whi_message message;
    char id[MESSAGE_ID_SIZE];
    const char *lines[];
} whi_sealed;

static size_t size_of_lines(const whi_request *request) {
    size_t size = 0;

    for (size_t i = 0; i < request->line_count; i++) {
        size += strlen(request->lines[i]) + 1;
    }
    return size;
}

/* An event goes to a subscription once, so both make a name for the delivery, whenever it is sent. */
static void name_message(whi_sealed *self, const whi_delivery *delivery) {
    char subscription[WH_ID_SIZE];

    whi_ident_format("sub_", delivery->registration->subscription->id, subscription);
    snprintf(self->id, sizeof self->id, "%s.%s", delivery->event->id, subscription);
}

static void fill(whi_sealed *self, const whi_request *request, char *texts, int copies, const whi_delivery *delivery) {
    whi_message *message = &self->message;

    name_message(self, delivery);
    for (size_t i = 0; i < request->line_count; i++) {
        size_t size = strlen(request->lines[i]) + 1;
        self->lines[i] = memcpy(texts, request->lines[i], size);
        texts += size;
    }
    message->id = self->id;
    message->type = delivery->event->type;
    message->key = delivery->key;
    message->lines = self->lines;
    message->line_count = request->line_count;
    message->body = copies && request->body_size > 0 ? memcpy(texts, request->body, request->body_size) : request->body;
    message->size = request->body_size;
}

/* What is wrapped is in a buffer of the request's; else it is the delivery's own, which stays. */
static int seal(const whi_request *request, const whi_parcel *parcel, whi_ticket *ticket) {
    size_t own, texts = size_of_lines(request), table = request->line_count * sizeof(char *);
    int copies = request->body != whi_delivery_bytes(parcel->delivery, &own);
    size_t size = sizeof(whi_sealed) + table + texts + (copies ? request->body_size : 0);
    whi_sealed *self = whi_alloc(size);

    ticket->message = self;
    if (self == NULL) {
        return whi_fail_memory();
    }
    ticket->message_size = size;
    fill(self, request, (char *)self->lines + table, copies, parcel->delivery);
    self->message.sent_at = parcel->started_at;
    return WH_OK;
}

static int prepare(whi_pool *pool, whi_ticket *ticket, void **kept) {
    whi_sink *sink = pool->sink;
    whi_http_request *making = sink->making;
    int code;

    if (making == NULL) {
        making = sink->making = whi_http_request_new(sink->engine);
    }
    if (making == NULL) {
        return whi_fail_memory();
    }
    making->parcel = ticket->parcel;
    making->kept = kept;
    code = whi_http_fill(making);
    code = code == WH_OK ? seal(&making->request, ticket->parcel, ticket) : code;
    if (code == WH_OK) {
        whi_memory_count(sink->engine->memory, ticket->parcel->delivery->event->account, WHI_POT_BODIES,
                         (long long)ticket->message_size);
    }
    return code;
}

/* --------------------------------------------------------------------- a batch */

typedef struct batch {
    whi_batch *base;
    whi_message *messages;
    whi_object_result *results;
} batch;

static int gather(batch *self) {
    size_t count = 0;

    self->messages = whi_calloc(self->base->count, sizeof *self->messages);
    self->results = whi_calloc(self->base->count, sizeof *self->results);
    if (self->messages == NULL || self->results == NULL) {
        return whi_fail_memory();
    }
    for (const whi_ticket *ticket = self->base->tickets.first; ticket != NULL; ticket = ticket->next) {
        self->messages[count++] = ticket->message->message;
    }
    return WH_OK;
}

/* The end of the process waits for what is being written, as long as it waits for anything. */
static int send_in_time(batch *self) {
    int code = whi_halt_enter();

    if (code == WH_OK) {
        whi_queue_write(self->base->pool->receiver, self->messages, self->base->count, self->results);
        whi_halt_leave();
    }
    return code;
}

static void judge(const batch *self, whi_parcel *parcel, const whi_object_result *result, int64_t took_us) {
    parcel->duration_us = took_us;
    if (result->outcome == WHI_OBJECT_WRITTEN) {
        whi_parcel_tell(parcel, WHI_OUTCOME_SUCCESS, WH_OK, "");
    } else if (result->outcome == WHI_OBJECT_AGAIN && self->base->is_cut) {
        whi_parcel_cut(parcel, self->base->sentence);
    } else {
        whi_parcel_tell_result(parcel, result, 0);
    }
}

static enum whi_pool_kind judge_all(batch *self, int64_t took_us) {
    size_t at = 0, written = 0, alone = 0;

    (void)whi_batch_is_cut(self->base);
    for (whi_ticket *ticket = self->base->tickets.first; ticket != NULL; ticket = ticket->next, at++) {
        written += self->results[at].outcome == WHI_OBJECT_WRITTEN;
        alone += self->results[at].outcome == WHI_OBJECT_ALONE;
        judge(self, ticket->parcel, &self->results[at], took_us);
    }
    whi_batch_count(self->base, written, alone);
    return self->base->is_cut ? self->base->pool->kind : whi_pool_judge(written + alone < at, at, took_us);
}

static enum whi_pool_kind run(whi_batch *base) {
    batch self = { .base = base };
    int64_t began_us = whi_monotonic_us();
    enum whi_pool_kind became = base->pool->kind;
    int code = gather(&self);

    code = code == WH_OK ? send_in_time(&self) : code;
    if (code == WH_OK) {
        became = judge_all(&self, whi_monotonic_us() - began_us);
    } else {
        whi_batch_put_back(base, code);
    }
    whi_free(self.messages);
    whi_free(self.results);
    return became;
}

/* ---------------------------------------------------------------------- its pool */

static int open_queue(whi_pool *pool, const whi_subscription *subscription) {
    whi_queue *queue = NULL;
    int code = whi_queue_of(pool->sink->engine, subscription, &queue);

    pool->receiver = queue;
    return code;
}

static void close_queue(whi_pool *pool) {
    whi_queue_close(pool->receiver);
}

static void cut_queue(whi_pool *pool) {
    whi_queue_cut(pool->receiver);
}

static void rest_queue(whi_pool *pool) {
    whi_queue_rest(pool->receiver);
}

const whi_pool_work whi_pool_queue = {
    .open = open_queue,
    .close = close_queue,
    .prepare = prepare,
    .cut = cut_queue,
    .rest = rest_queue,
    .run = run,
};
