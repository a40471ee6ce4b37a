/* A damaged file must give errors, never a crash or an endless loop: a store, and an
 * application's database that would be adopted.
 *
 * The input's first byte chooses the small valid file: even, a store; odd, an
 * application's. The rest is a list of damages to it, five bytes each: an offset
 * (4 bytes, little-endian, modulo the size of the file) and the byte to put there.
 * What is left over (1 to 4 bytes) says how much is cut off the end, in 512 bytes. */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../tests/store_once.h"
#include "base/ident.h"
#include "pure/delivery.h"

#define NOW INT64_C(1790000000000)
#define V(store) ((store)->vtable)

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[] = "/tmp/webhook-fuzz-XXXXXX";
static char path[64];

typedef struct image {
    unsigned char *bytes;
    size_t size;
} image;

static image store_image, application_image;

static void scrub(void) {
    static const char *const tails[] = { "", "-wal", "-shm", "-journal" };
    char name[80];

    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

static void leave(void) {
    scrub();
    rmdir(folder);
    free(store_image.bytes);
    free(application_image.bytes);
}

static void fill(whi_store *store) {
    static const int states[] = { WHI_WAITING, WHI_DELIVERED, WHI_EXHAUSTED, WHI_HELD, WHI_CANCELLED };
    int64_t first = whi_ident_first(NOW), owner, position;
    whi_subscription_row subscription = { .version = 1, .tenant = "t", .status = 1, .document = "{}" };
    int known;

    subscription.document_size = 2;
    whi_store_begin(store);
    whi_store_worker_add(store, 1, &owner);
    whi_store_partition_take(store, owner, 200, &position, &known);
    whi_store_position(store, owner, first + 7);
    whi_store_subscription_put(store, &subscription);
    for (int i = 0; i < 12; i++) {
        whi_event_row event = { .number = first + i, .type = "a.b", .payload = "{}", .payload_size = 2 };
        whi_delivery_row row = { .event = first + i, .subscription = 1 + i % 3, .version = 1, .state = states[i % 5] };
        whi_attempt_row attempt = { .event = first + i, .subscription = 1 + i % 3, .n = 1, .response = "x" };
        whi_attempt_row second = attempt;

        event.alone = i == 9;
        event.id = i % 2 ? (const char[]){ 'k', (char)('a' + i), 0 } : NULL;
        row.turn = WHI_TURN_ABSENT;
        row.body = i % 4 ? NULL : "[1]";
        row.body_size = 3;
        attempt.response_size = second.response_size = 1;
        second.n = 2;
        row.attempt = i % 5 ? &attempt : NULL;
        whi_store_event_add(store, &event, &known);
        whi_store_delivery_put(store, &row, &known);
        whi_store_attempt_add(store, &second);
    }
    whi_store_commit(store, NULL);
}

static void load(image *out) {
    FILE *file = fopen(path, "rb");

    if (file == NULL || fseek(file, 0, SEEK_END) != 0) {
        abort();
    }
    out->size = (size_t)ftell(file);
    rewind(file);
    out->bytes = malloc(out->size);
    if (out->bytes == NULL || fread(out->bytes, 1, out->size, file) != out->size) {
        abort();
    }
    fclose(file);
    scrub();
}

static void make_store(void) {
    whi_store *store;

    if (whi_store_sqlite.open(&store, path, NULL) != WH_OK) {
        abort();
    }
    fill(store);
    whi_store_close(store);
    load(&store_image);
}

static void make_application(void) {
    sqlite3 *db;

    if (sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db,
                     "PRAGMA page_size = 512; PRAGMA application_id = 77; PRAGMA user_version = 2;"
                     "CREATE TABLE orders (id INTEGER PRIMARY KEY AUTOINCREMENT, total, note UNIQUE);"
                     "CREATE INDEX orders_total ON orders (total) WHERE total > 1;"
                     "CREATE VIEW dear AS SELECT * FROM orders WHERE total > 100;"
                     "CREATE TRIGGER t AFTER INSERT ON orders BEGIN UPDATE orders SET total = 1; END;"
                     "INSERT INTO orders (total, note) VALUES (5, 'a'), (6, 'b'), (7, hex(zeroblob(600)));"
                     "ANALYZE; DELETE FROM orders WHERE id = 2",
                     NULL, NULL, NULL) != SQLITE_OK) {
        abort();
    }
    sqlite3_close(db);
    load(&application_image);
}

int LLVMFuzzerInitialize(int *argc, char ***argv) {
    (void)argc;
    (void)argv;
    if (mkdtemp(folder) == NULL) {
        abort();
    }
    snprintf(path, sizeof path, "%s/f.db", folder);
    make_store();
    make_application();
    atexit(leave);
    return 0;
}

static int see_event(const whi_event_row *row, void *payload) {
    volatile size_t *sum = payload;

    *sum += strlen(row->type) + row->payload_size + (row->payload_size ? (size_t)row->payload[0] : 0);
    return 0;
}

static int see_delivery(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    volatile size_t *sum = payload;

    *sum += (event != NULL ? strlen(event->type) : 0) + (row->body_size ? (size_t)row->body[row->body_size - 1] : 0);
    return 0;
}

static int knows(int64_t event, void *payload) {
    (void)payload;
    return event % 2 == 0;
}

static int see_attempt(const whi_attempt_row *row, void *payload) {
    volatile size_t *sum = payload;

    *sum += row->response_size + (row->response_size ? (size_t)row->response[row->response_size - 1] : 0);
    *sum += row->error != NULL ? strlen(row->error) : 0;
    return 0;
}

static int see_subscription(const whi_subscription_row *row, void *payload) {
    volatile size_t *sum = payload;

    *sum += strlen(row->tenant) + row->document_size;
    return 0;
}

static int see_lane(int64_t subscription, int64_t due, void *payload) {
    volatile size_t *sum = payload;

    *sum += (size_t)(subscription + due);
    return 0;
}

static int see_worker(const whi_worker_row *row, void *payload) {
    volatile size_t *sum = payload;

    *sum += (size_t)(row->owner + row->beat + row->position) + (size_t)row->share;
    return 0;
}

static int see_partition(const whi_partition_row *row, void *payload) {
    volatile size_t *sum = payload;

    *sum += (size_t)row->id + (size_t)(row->owner + row->position);
    return 0;
}

static void read_all(whi_store *store, void *sum) {
    whi_store_query query = { .rows = 100 };
    whi_store_waiting asked = { 1, INT64_MAX, 9, knows, see_delivery, sum };
    whi_store_place place;
    int64_t after = 0, count, upto;
    whi_store_work work;

    V(store)->event_list(store, &query, see_event, sum, &place);
    for (query.state = 0; query.state <= WHI_CANCELLED; query.state++) {
        V(store)->delivery_list(store, &query, see_delivery, sum, &place);
        query.subscription = 1;
    }
    for (int i = 0; i < 12; i++) {
        V(store)->delivery_get(store, whi_ident_first(NOW) + i, 1 + i % 3, see_delivery, sum);
        V(store)->attempt_list(store, whi_ident_first(NOW) + i, 1 + i % 3, see_attempt, sum);
    }
    query = (whi_store_query){ .rows = 100 };
    V(store)->subscription_list(store, &query, see_subscription, sum, &place);
    V(store)->subscription_changes(store, &after, see_subscription, sum);
    V(store)->subscription_then(store, 1, INT64_MAX, see_subscription, sum);
    V(store)->subscription_count(store, &count);
    V(store)->event_number(store, "kb", NULL, &count);
    V(store)->lanes(store, see_lane, sum);
    V(store)->waiting(store, &asked, &upto);
    V(store)->event_log(store, 0, 50, NULL, see_event, sum, &upto);
    V(store)->event_log(store, 0, 50, "t", see_event, sum, &upto);
    V(store)->work(store, &work);
}

/* Non-zero: something failed. */
static int arrange(whi_store *store, void *sum) {
    int64_t owner, position;
    int count;

    return whi_store_worker_add(store, 1, &owner) ||
           whi_store_partition_take(store, owner, WH_PARTITIONS, &position, &count) ||
           whi_store_position(store, owner, whi_ident_first(NOW) + 99) ||
           whi_store_partition_give(store, owner, 3, whi_ident_first(NOW)) ||
           whi_store_lag(store, owner, 1, 4, whi_ident_first(NOW), &count) ||
           whi_store_lag_list(store, see_lane, sum) || whi_store_partition_list(store, see_partition, sum) ||
           whi_store_worker_list(store, see_worker, sum) || whi_store_worker_remove(store, 1);
}

/* A row with its attempts: as it is added, as it is changed, and of another one alone. Non-zero: something
 * failed. */
static int record(whi_store *store, int64_t event) {
    whi_attempt_row attempt = { .event = event, .subscription = 1, .n = 1, .error = "e", .response = "x" };
    whi_delivery_row row = { .event = event, .subscription = 1, .state = WHI_WAITING, .attempt = &attempt };
    int done, code;

    attempt.response_size = 1;
    row.key = "k";
    row.turn = WHI_TURN_ABSENT;
    code = whi_store_delivery_put(store, &row, &done);
    row.turn = WHI_TURN_ANY;
    code = code == WH_OK ? whi_store_delivery_put(store, &row, &done) : code;
    attempt.event = whi_ident_first(NOW);
    return code == WH_OK ? whi_store_attempt_add(store, &attempt) : code;
}

static void write_all(whi_store *store, void *sum) {
    whi_event_row event = { .number = whi_ident_first(NOW) + 99, .id = "z", .type = "t", .payload = "1" };
    int64_t after = 0;
    int count = 0, failed;

    event.payload_size = 1;
    if (whi_store_begin(store) != WH_OK) {
        return;
    }
    failed = whi_store_event_add(store, &event, &count) || record(store, event.number) ||
             whi_store_delivery_again(store, 1, 1, "k", NOW, 0, &count) ||
             whi_store_delivery_drop(store, whi_ident_first(NOW), 1, &count) ||
             whi_store_delivery_cancel(store, 2, NOW, 9, &count) || arrange(store, sum) ||
             whi_store_purge(store, event.number, event.number, 50, &after, &count) ||
             whi_store_setting_put(store, "retain", 5, 1, &after) || whi_store_commit(store, NULL);
    if (failed) {
        whi_store_rollback(store);
    }
}

static void save(const image *whole, const uint8_t *data, size_t size) {
    size_t cut = 0, keep;
    unsigned char *bytes = malloc(whole->size);
    FILE *file = fopen(path, "wb");

    if (bytes == NULL || file == NULL) {
        abort();
    }
    memcpy(bytes, whole->bytes, whole->size);
    for (; size >= 5; data += 5, size -= 5) {
        uint32_t at = data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 | (uint32_t)data[3] << 24;

        bytes[at % whole->size] = data[4];
    }
    for (size_t i = 0; i < size; i++) {
        cut = cut << 8 | data[i];
    }
    keep = whole->size - cut * 512 % whole->size;
    if (fwrite(bytes, 1, keep, file) != keep) {
        abort();
    }
    fclose(file);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    volatile size_t sum = 0;
    whi_store *store;

    if (size == 0) {
        return 0;
    }
    scrub();
    save(data[0] % 2 ? &application_image : &store_image, data + 1, size - 1);
    if (whi_store_sqlite.open(&store, path, NULL) != WH_OK) {
        return 0;
    }
    read_all(store, (void *)&sum);
    write_all(store, (void *)&sum);
    whi_store_close(store);
    return 0;
}
