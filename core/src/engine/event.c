/* Tests: test_engine. */
#include "engine/event.h"

#include <string.h>

#include "base/ident.h"
#include "base/mem.h"
#include "pure/delivery.h"

/* Copies text behind at and moves at on. */
static const char *place(char **at, const char *text, size_t size) {
    char *start = *at;

    memcpy(start, text, size);
    start[size] = '\0';
    *at = start + size + 1;
    return start;
}

whi_event *whi_event_new(wh_engine *engine, const whi_event_row *row) {
    const char *source_text = row->source != NULL ? row->source : "", *key_text = row->key != NULL ? row->key : "";
    size_t type = strlen(row->type), tenant = strlen(row->tenant), source = strlen(source_text), key = strlen(key_text);
    size_t size = sizeof(whi_event) + type + tenant + source + key + row->payload_size + 5;
    whi_account *account = whi_memory_open(engine->memory, row->tenant);
    whi_event *event = account != NULL ? whi_alloc(size) : NULL;
    char *at;

    if (event == NULL) {
        whi_memory_close(engine->memory, account);
        return NULL;
    }
    memset(event, 0, sizeof *event);
    event->account = account;
    atomic_init(&event->refs, 1);
    atomic_init(&event->unwritten, 1);
    event->number = row->number;
    event->time = row->time;
    event->accepted_at = row->accepted_at;
    event->own_id = row->id != NULL;
    if (row->id != NULL) {
        size_t id = strlen(row->id);
        memcpy(event->id, row->id, id < WH_ID_SIZE ? id : WH_ID_SIZE - 1);
    } else {
        whi_ident_format("msg_", row->number, event->id);
    }
    at = (char *)(event + 1);
    event->type = place(&at, row->type, type);
    event->tenant = place(&at, row->tenant, tenant);
    event->source = place(&at, source_text, source);
    event->key = place(&at, key_text, key);
    event->payload = place(&at, row->payload != NULL ? row->payload : "", row->payload_size);
    event->payload_size = row->payload_size;
    event->charged = size;
    whi_memory_count(engine->memory, account, WHI_POT_EVENTS, (long long)size);
    atomic_fetch_add(&engine->events_open, 1);
    return event;
}

void whi_event_ref(whi_event *event) {
    atomic_fetch_add_explicit(&event->refs, 1, memory_order_relaxed);
}

void whi_event_forget_found(whi_event *event) {
    for (size_t i = event->found_at; i < event->found_count; i++) {
        whi_registration_unref(event->found[i]);
    }
    whi_free(event->found);
    event->found = NULL;
    event->found_count = event->found_at = 0;
}

void whi_event_unref(wh_engine *engine, whi_event *event) {
    if (event == NULL || atomic_fetch_sub(&event->refs, 1) != 1) {
        return;
    }
    whi_event_forget_found(event);
    whi_position_forget(engine->position, &event->mark, event->number, event->owner);
    whi_memory_count(engine->memory, event->account, WHI_POT_EVENTS, -(long long)event->charged);
    whi_memory_close(engine->memory, event->account);
    atomic_fetch_sub(&engine->events_open, 1);
    whi_free(event);
}

whi_delivery *whi_delivery_new(wh_engine *engine, whi_event *event, whi_registration *registration) {
    whi_delivery *delivery = whi_calloc(1, sizeof *delivery);

    if (delivery == NULL) {
        return NULL;
    }
    whi_event_ref(event);
    atomic_fetch_add(&registration->refs, 1);
    whi_position_hold(engine->position, registration->subscription->id);
    delivery->event = event;
    delivery->pot = WHI_POT_BODIES;
    delivery->registration = registration;
    delivery->way = (whi_way){ .event = event->number, .subscription = registration->subscription->id };
    delivery->turn = WHI_TURN_ABSENT;
    delivery->version = registration->subscription->version;
    delivery->created_at = whi_now(engine);
    return delivery;
}

void whi_delivery_move(wh_engine *engine, whi_delivery *delivery, int move, int64_t due) {
    int next;

    if (whi_delivery_next(delivery->state, move, &next) != WH_OK) {
        atomic_fetch_add(&engine->count.forbidden, 1);
        whi_log(&engine->log, WH_LOG_ERROR, "event %s: %s", delivery->event->id, wh_last_error());
        return;
    }
    delivery->state = next;
    delivery->due = next == WHI_WAITING ? due : 0;
}

void whi_delivery_wait(wh_engine *engine, whi_delivery *delivery, int64_t due) {
    if (delivery->state == WHI_WAITING) {
        delivery->due = due;
    } else {
        whi_delivery_move(engine, delivery, WHI_RELEASE, due);
    }
}

void whi_delivery_free(wh_engine *engine, whi_delivery *delivery) {
    if (delivery == NULL) {
        return;
    }
    whi_underway_leave(engine->underway, &delivery->way);
    whi_position_release(engine->position, delivery->registration->subscription->id);
    whi_delivery_take_body(engine, delivery, NULL, 0);
    whi_event_unref(engine, delivery->event);
    whi_registration_unref(delivery->registration);
    whi_free(delivery->key);
    whi_free(delivery->headers);
    whi_free(delivery->error);
    whi_free(delivery->attempt);
    whi_free(delivery);
}

static void count_body(wh_engine *engine, const whi_delivery *delivery, int sign) {
    if (delivery->body != NULL) {
        whi_memory_count(engine->memory, delivery->event->account, delivery->pot,
                         sign * (long long)delivery->body_size);
    }
}

void whi_delivery_take_body(wh_engine *engine, whi_delivery *delivery, char *body, size_t size) {
    count_body(engine, delivery, -1);
    whi_free(delivery->body);
    delivery->body = body;
    delivery->body_size = size;
    count_body(engine, delivery, 1);
}

void whi_delivery_count_record(wh_engine *engine, whi_delivery *delivery) {
    count_body(engine, delivery, -1);
    delivery->pot = WHI_POT_RECORDS;
    count_body(engine, delivery, 1);
}

void whi_delivery_fill_row(const whi_delivery *delivery, whi_delivery_row *row) {
    memset(row, 0, sizeof *row);
    row->event = delivery->event->number;
    row->subscription = delivery->registration->subscription->id;
    row->turn = delivery->turn;
    row->version = delivery->version;
    row->state = delivery->state;
    row->attempts = delivery->attempts;
    row->tries = delivery->tries;
    row->due = delivery->due;
    row->created_at = delivery->created_at;
    row->updated_at = delivery->attempt != NULL ? delivery->attempt->at + delivery->attempt->duration_us / 1000
                                                : delivery->created_at;
    row->status = delivery->status;
    row->error = delivery->error;
    row->key = delivery->key;
    row->headers = delivery->headers;
    row->latest = delivery->registration->subscription->order == WHI_ORDER_LATEST;
    row->abort = delivery->abort;
    if (delivery->turn == WHI_TURN_ABSENT || delivery->body_is_new) {
        row->body = delivery->body;
        row->body_size = delivery->body_size;
    }
}

const char *whi_delivery_bytes(const whi_delivery *delivery, size_t *size) {
    *size = delivery->body != NULL ? delivery->body_size : delivery->event->payload_size;
    return delivery->body != NULL ? delivery->body : delivery->event->payload;
}
