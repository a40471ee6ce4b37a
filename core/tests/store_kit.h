/* What the tests of the store share: short words for writing rows, and a bag that
 * rows are seen in. */
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
#include <sqlite3.h>

#include "base/error.h"
#include "base/ident.h"
#include "outside/store.h"
#include "pure/delivery.h"

#define NOW INT64_C(1790000000000)
#define V(store) ((store)->vtable)
#define OK(call) assert_ok((call), __LINE__)
#define KIT __attribute__((unused)) /* not every test uses every word */

static char folder[] = "/tmp/webhook-store-XXXXXX";
static char path[128];

KIT static void assert_ok(int code, int line) {
    if (code != WH_OK) {
        fail_msg("line %d: %d %s: %s", line, code, wh_error_name(code), wh_last_error());
    }
}

KIT static int scrub(void **state) {
    static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
    char name[160];

    (void)state;
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
    return 0;
}

KIT static whi_store *opened(const char *name) {
    whi_store *store = NULL;

    OK(whi_store_sqlite.open(&store, name, NULL));
    assert_non_null(store);
    return store;
}

/* ------------------------------- what any other program does to the file at path */

KIT static void execute(const char *sql) {
    sqlite3 *db;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

KIT static int64_t asked(const char *sql) {
    sqlite3 *db;
    sqlite3_stmt *statement;
    int64_t number;

    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    number = sqlite3_column_int64(statement, 0);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

/* ------------------------------------------------------------ short writing */

KIT static int64_t number_at(int64_t ms, int counter) {
    return whi_ident_first(ms) + counter;
}

KIT static int add_event(whi_store *store, int64_t number, const char *id, int64_t owner, int *duplicate) {
    whi_event_row row = { .number = number,
                          .id = id,
                          .type = "order.paid",
                          .tenant = "acme",
                          .time = NOW - 5,
                          .accepted_at = NOW,
                          .payload = "{\"id\":7}",
                          .payload_size = 8,
                          .owner = owner };
    int known = 0, code = V(store)->event_add(store, &row, &known);

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

    any.was = WHI_WAS_ANY;
    return V(store)->delivery_put(store, &any, &done);
}

KIT static int add_worker(whi_store *store, int64_t *owner) {
    return V(store)->worker_add(store, owner);
}

/* What a worker had is anybody's. */
KIT static int release_worker(whi_store *store, int64_t owner, int64_t now, int limit, int *count) {
    int code = V(store)->worker_remove(store, owner);

    return code == WH_OK ? V(store)->worker_sweep(store, now, limit, count) : code;
}

KIT static void put(whi_store *store, int64_t event, int64_t subscription, int state, int64_t due) {
    whi_delivery_row row = delivery(event, subscription, state, due);

    OK(write_row(store, &row));
}

KIT static int64_t subscribe(whi_store *store, const char *tenant, int status, const char *document) {
    whi_subscription_row row = { .version = 1, .tenant = tenant, .status = status };

    row.document = document;
    row.document_size = strlen(document);
    OK(V(store)->subscription_put(store, &row));
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
    all->states[all->count++] = row->state;
    all->last = *row;
    all->event = *event;
    copy(all->text, sizeof all->text, event->payload, event->payload_size);
    copy(all->body, sizeof all->body, row->body, row->body_size);
    copy(all->error, sizeof all->error, row->error, row->error ? strlen(row->error) : 0);
    return stop(all);
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

/* ------------------------------------------------------------------- kinds */

typedef void (*body_fn)(whi_store *store);

KIT static void on_both(body_fn body) {
    whi_store *store = opened(path);

    body(store);
    V(store)->close(store);
    scrub(NULL);
    store = opened(":memory:");
    body(store);
    V(store)->close(store);
}

/* The tests of a file, in a folder of their own. */
#define RUN_STORE_TESTS(tests)                                                                                         \
    (mkdtemp(folder) == NULL ? 1 : (in_folder(), left_folder(cmocka_run_group_tests(tests, NULL, NULL))))

KIT static void in_folder(void) {
    snprintf(path, sizeof path, "%s/test.db", folder);
}

KIT static int left_folder(int failed) {
    rmdir(folder);
    return failed;
}

#endif
