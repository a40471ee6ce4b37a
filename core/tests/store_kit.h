/* What the tests of stores share: short words for writing rows, and a bag that rows are seen in.
 *
 * The programs test_store*.c whose name has no back end in it are the suite of all of them: nothing
 * in them knows what a store is made of, and each test runs on the store that it is given. Where they
 * run is in store_places.h. */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/error.h"
#include "base/ident.h"
#include "pure/delivery.h"
#include "store_once.h"

#define NOW INT64_C(1790000000000)
#define V(store) ((store)->vtable)
#define OK(call) assert_ok((call), __LINE__)
#define KIT __attribute__((unused)) /* not every test uses every word */

KIT static void assert_ok(int code, int line) {
    if (code != WH_OK) {
        fail_msg("line %d: %d %s: %s", line, code, wh_error_name(code), wh_last_error());
    }
}

KIT static whi_store *opened(const char *name) {
    whi_store *store = NULL;

    OK(whi_store_open(&store, name, NULL));
    assert_non_null(store);
    return store;
}

/* ------------------------------------------------------------ short writing */

KIT static int64_t number_at(int64_t ms, int counter) {
    return whi_ident_first(ms) + counter;
}

KIT static int add_event(whi_store *store, int64_t number, const char *id, int *duplicate) {
    whi_event_row row = { .number = number,
                          .id = id,
                          .type = "order.paid",
                          .tenant = "acme",
                          .time = NOW - 5,
                          .accepted_at = NOW,
                          .payload = "{\"id\":7}",
                          .payload_size = 8 };
    int known = 0, code = whi_store_event_add(store, &row, &known);

    if (duplicate != NULL) {
        *duplicate = known;
    }
    return code;
}

KIT static whi_delivery_row delivery(int64_t event, int64_t subscription, int state, int64_t due) {
    whi_delivery_row row = { .event = event,
                             .subscription = subscription,
                             .version = 3,
                             .state = state,
                             .due = due,
                             .created_at = NOW,
                             .updated_at = NOW };
    return row;
}

/* As if nobody else had it. */
KIT static int write_row(whi_store *store, const whi_delivery_row *row) {
    whi_delivery_row any = *row;
    int done;

    any.turn = WHI_TURN_ANY;
    return whi_store_delivery_put(store, &any, &done);
}

KIT static int add_worker(whi_store *store, int64_t *owner) {
    return whi_store_worker_add(store, 1, owner);
}

/* Every event up to this one is decided, by somebody who has left. */
KIT static int decide_up_to(whi_store *store, int64_t number) {
    int64_t owner, position;
    int count, code = whi_store_worker_add(store, 0, &owner);

    code = code == WH_OK ? whi_store_partition_take(store, owner, WH_PARTITIONS, &position, &count) : code;
    code = code == WH_OK ? whi_store_position(store, owner, number) : code;
    return code == WH_OK ? whi_store_worker_remove(store, owner) : code;
}

KIT static void put(whi_store *store, int64_t event, int64_t subscription, int state, int64_t due) {
    whi_delivery_row row = delivery(event, subscription, state, due);

    OK(write_row(store, &row));
}

KIT static int64_t subscribe(whi_store *store, const char *tenant, int status, const char *document) {
    whi_subscription_row row = { .version = 1, .tenant = tenant, .status = status };

    row.document = document;
    row.document_size = strlen(document);
    OK(whi_store_subscription_put(store, &row));
    return row.id;
}

/* ------------------------------------------------------------ short reading */

typedef struct seen {
    int count;
    int64_t events[64], subscriptions[64], dues[64];
    int states[64], deleted[64], stop_after;
    char text[256], body[64], id[64], error[64];
    whi_delivery_row last;
    whi_event_row event;
    whi_attempt_row attempt;
} seen;

KIT static void copy(char *out, size_t room, const char *bytes, size_t size) {
    if (bytes == NULL) {
        snprintf(out, room, "(null)");
        return;
    }
    assert_true(size < room);
    memcpy(out, bytes, size);
    out[size] = '\0';
}

KIT static int stop(const seen *all) {
    return all->stop_after != 0 && all->count >= all->stop_after;
}

KIT static int see_event(const whi_event_row *row, void *payload) {
    seen *all = payload;

    all->events[all->count++] = row->number;
    all->event = *row;
    copy(all->text, sizeof all->text, row->payload, row->payload_size);
    copy(all->id, sizeof all->id, row->id, row->id ? strlen(row->id) : 0);
    return stop(all);
}

KIT static int see_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    seen *all = payload;

    assert_string_equal(event->type, "order.paid");
    assert_int_equal(event->number, row->event);
    all->events[all->count] = row->event;
    all->subscriptions[all->count] = row->subscription;
    all->dues[all->count] = row->due;
    all->states[all->count++] = row->state;
    all->last = *row;
    all->event = *event;
    copy(all->text, sizeof all->text, event->payload, event->payload_size);
    copy(all->body, sizeof all->body, row->body, row->body_size);
    copy(all->error, sizeof all->error, row->error, row->error ? strlen(row->error) : 0);
    return stop(all);
}

KIT static int knows_none(int64_t event, void *payload) {
    (void)event;
    (void)payload;
    return 0;
}

/* What is due, as one reads it who knows of none; the answer is the next due. */
KIT static int64_t see_due(whi_store *store, int64_t subscription, int64_t now, int limit, seen *all) {
    whi_store_waiting asked = { subscription, now, limit, knows_none, see_delivery, all };
    int64_t next;

    OK(V(store)->waiting(store, &asked, &next));
    return next;
}

KIT static int64_t turn_of(whi_store *store, int64_t event, int64_t subscription) {
    seen all = { 0 };

    OK(V(store)->delivery_get(store, event, subscription, see_delivery, &all));
    return all.last.turn;
}

KIT static int see_attempt(const whi_attempt_row *row, void *payload) {
    seen *all = payload;

    all->attempt = *row;
    all->states[all->count++] = row->n;
    copy(all->text, sizeof all->text, row->response, row->response_size);
    copy(all->error, sizeof all->error, row->error, row->error ? strlen(row->error) : 0);
    return stop(all);
}

KIT static int see_subscription(const whi_subscription_row *row, void *payload) {
    seen *all = payload;

    all->subscriptions[all->count] = row->id;
    all->states[all->count] = row->status;
    all->dues[all->count] = row->version;
    all->deleted[all->count++] = row->deleted;
    copy(all->text, sizeof all->text, row->document, row->document_size);
    copy(all->id, sizeof all->id, row->tenant, strlen(row->tenant));
    return stop(all);
}

KIT static int see_lane(int64_t subscription, int64_t due, void *payload) {
    seen *all = payload;

    all->subscriptions[all->count] = subscription;
    all->dues[all->count++] = due;
    return stop(all);
}

KIT static int is_there(whi_store *store, int64_t event) {
    seen all = { 0 };

    return V(store)->event_get(store, event, see_event, &all) == WH_OK;
}

#endif
