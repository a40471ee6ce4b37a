/* What keeping an event costs: the store's hot cycle against bare SQLite.
 *
 *   bench_store [DIRECTORY [SECONDS [PAYLOAD]]]
 *
 * Cycle: begin; N events added; N deliveries written in their last state, each with its attempt;
 * the position moved on; commit. In two commits: the events in one, the rest in another, as an engine
 * makes them that does not wait for the receivers. Bare: the fewest statements that keep as much, an
 * insert each into a table of events and of deliveries, with their attempts, with integer keys.
 * Both in WAL mode, synchronous=FULL, 8 KiB pages, in turn, and CPU time is compared:
 * the wall time is the disk's. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/ident.h"
#include "outside/store.h"
#include "pure/delivery.h"

#define NOW INT64_C(1790000000000)
#define ROUNDS 5
#define BATCH 512 /* the largest */

static char *payload;
static size_t payload_size = 1024;
static double seconds = 0.4; /* of each measured piece */
static char path[512];

static double cpu_now(void) {
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static double wall_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_store: %s: %s\n", what, wh_last_error());
        exit(1);
    }
}

static void scrub(void) {
    static const char *const tails[] = { "", "-wal", "-shm" };
    char name[520];

    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

/* -------------------------------------------------------------------- store */

typedef struct kind {
    const char *name;
    void *(*open)(void);
    void (*cycle)(void *self, int count);
    void (*close)(void *self);
} kind;

static int64_t number, owner;

static void *store_open(void) {
    whi_store *store;
    int64_t position;
    int taken;

    number = whi_ident_first(NOW);
    need(whi_store_open(&store, path, NULL) == 0, "open");
    need(whi_store_begin(store) == 0 && whi_store_worker_add(store, 1, &owner) == 0, "worker_add");
    need(whi_store_partition_take(store, owner, WH_PARTITIONS, &position, &taken) == 0, "partition_take");
    need(whi_store_commit(store, NULL) == 0, "commit");
    return store;
}

static void store_close(void *self) {
    whi_store *store = self;

    whi_store_close(store);
}

static void add_event(whi_store *store, int64_t event, const char *id) {
    whi_fact *fact;
    whi_event_row row = { .number = event, .id = id, .type = "order.paid", .tenant = "" };

    row.time = row.accepted_at = NOW + event;
    row.payload = payload;
    row.payload_size = payload_size;
    need(whi_store_add(store, WH_FACT_EVENT, NULL, &fact) == 0, "event");
    fact->of.event = row;
}

/* All up to this event is decided. */
static void add_position(whi_store *store, int64_t event) {
    whi_fact *fact;

    need(whi_store_add(store, WH_FACT_POSITION, NULL, &fact) == 0, "position");
    fact->of.position.owner = owner;
    fact->of.position.position = event;
}

static whi_answer written; /* the last one */

/* attempt: NULL, or that of the row. */
static void add_delivery(whi_store *store, int64_t event, int state, int projected, int64_t turn,
                         const whi_attempt_row *attempt) {
    whi_delivery_row row = { .event = event, .subscription = 17, .version = 3, .state = state, .turn = turn };
    whi_fact *fact;

    row.holder = owner;
    row.attempts = row.tries = state == WHI_DELIVERED;
    row.status = state == WHI_DELIVERED ? 200 : 0;
    row.due = NOW;
    row.created_at = row.updated_at = NOW + event;
    row.body = projected ? payload : NULL;
    row.body_size = payload_size;
    row.attempt = attempt;
    need(whi_store_add(store, WH_FACT_DELIVERY, &written, &fact) == 0, "delivery");
    fact->of.delivery = row;
}

/* Delivered, with the attempt; index: in the batch, for what has to stay until the commit. */
static void add_sent(whi_store *store, int64_t event, int index, int projected, int64_t turn) {
    static whi_attempt_row attempts[BATCH];
    whi_attempt_row *row = &attempts[index];

    *row = (whi_attempt_row){ .event = event, .subscription = 17, .n = 1, .duration_us = 1234, .status = 200 };
    row->at = NOW + event;
    row->response = "{\"ok\":true}";
    row->response_size = 11;
    add_delivery(store, event, WHI_DELIVERED, projected, turn, row);
}

static void commit(whi_store *store) {
    need(whi_store_commit(store, NULL) == 0 && written.done, "commit");
}

static void add_events(whi_store *store, int64_t first, int count, int own_ids) {
    static char ids[BATCH][64];

    for (int i = 0; i < count; i++) {
        snprintf(ids[i], sizeof ids[i], "%08lx-%ld", random(), (long)(first + i));
        add_event(store, first + i, own_ids ? ids[i] : NULL);
    }
}

static void add_delivered(whi_store *store, int64_t first, int count, int projected) {
    for (int i = 0; i < count; i++) {
        add_sent(store, first + i, i, projected, WHI_TURN_ABSENT);
    }
    add_position(store, first + count - 1);
}

static void cycle(whi_store *store, int count, int own_ids, int projected) {
    int64_t first = number;

    number += count;
    need(whi_store_begin(store) == 0, "begin");
    add_events(store, first, count, own_ids);
    add_delivered(store, first, count, projected);
    commit(store);
}

static void store_cycle(void *self, int count) {
    cycle(self, count, 0, 0);
}

static void store_two_commits(void *self, int count) {
    int64_t first = number;

    number += count;
    need(whi_store_begin(self) == 0, "begin");
    add_events(self, first, count, 0);
    need(whi_store_commit(self, NULL) == 0 && whi_store_begin(self) == 0, "between");
    add_delivered(self, first, count, 0);
    commit(self);
}

static void store_ids(void *self, int count) {
    cycle(self, count, 1, 0);
}

static void store_projected(void *self, int count) {
    cycle(self, count, 0, 1);
}

static int nothing(const whi_delivery_row *row, const whi_event_row *event, void *counter) {
    (void)row;
    (void)event;
    *(int *)counter += 1;
    return 0;
}

static int known(int64_t event, void *counter) {
    (void)event;
    (void)counter;
    return 0;
}

static int read_due(whi_store *store, int count) {
    int given = 0;
    int64_t next;
    whi_store_waiting asked = { 17, NOW, count, known, nothing, &given };

    need(store->vtable->waiting(store, &asked, &next) == 0, "waiting");
    return given;
}

/* The way of what does not fit into memory: written as waiting, read, written again. */
static void store_waiting(void *self, int count) {
    whi_store *store = self;
    int64_t first = number;

    number += count;
    need(whi_store_begin(store) == 0, "begin");
    for (int i = 0; i < count; i++) {
        add_event(store, first + i, NULL);
        add_delivery(store, first + i, WHI_WAITING, 0, WHI_TURN_ABSENT, NULL);
    }
    commit(store);
    need(read_due(store, count) == count, "all are given");
    need(whi_store_begin(store) == 0, "begin");
    for (int i = 0; i < count; i++) {
        add_sent(store, first + i, i, 0, 0);
    }
    add_position(store, first + count - 1);
    commit(store);
}

/* ------------------------------------------------------------------ backlog */

/* 100 are read out of many that wait, and each is written again as delivered: CPU of one. */
static double backlog(int waiting) {
    whi_store *store = store_open();
    int64_t first = number;
    double cpu = 0;
    int given = 0, taken = 0;

    for (int i = 0; i < waiting; i++) {
        need(i % 500 != 0 || whi_store_begin(store) == 0, "begin");
        add_event(store, first + i, NULL);
        add_delivery(store, first + i, WHI_WAITING, 0, WHI_TURN_ABSENT, NULL);
        if ((i + 1) % 500 == 0) {
            commit(store);
        }
    }
    cpu = cpu_now();
    for (taken = 0; taken < 1000; taken += 100) {
        given += read_due(store, 100);
        need(whi_store_begin(store) == 0, "begin");
        for (int i = 0; i < 100; i++) {
            add_delivery(store, first + taken + i, WHI_DELIVERED, 0, 0, NULL);
        }
        commit(store);
    }
    cpu = cpu_now() - cpu;
    need(given == 1000, "all are given");
    store_close(store);
    scrub();
    return cpu / 1000 * 1e6;
}

static void backlogs(void) {
    static const int sizes[] = { 1000, 100000, 1000000 };

    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        printf("read and record, 100 of %7d waiting: %6.2f us CPU/delivery\n", sizes[i], backlog(sizes[i]));
    }
}

/* --------------------------------------------------------------------- bare */

enum { BEGIN, COMMIT, EVENT, DELIVERY, STATEMENTS };

typedef struct bare {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
} bare;

static void run(bare *self, int which) {
    int result = sqlite3_step(self->statements[which]);

    need(result == SQLITE_DONE, sqlite3_errmsg(self->db));
    sqlite3_reset(self->statements[which]);
}

static void *bare_open(void) {
    static const char *const texts[] = { "BEGIN IMMEDIATE", "COMMIT", "INSERT INTO events VALUES (?, ?, ?, ?, ?)",
                                         "INSERT INTO deliveries VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)" };
    bare *self = calloc(1, sizeof *self);

    number = 1;
    need(self != NULL &&
             sqlite3_open_v2(path, &self->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) ==
                 SQLITE_OK,
         "bare open");
    need(sqlite3_exec(self->db,
                      "PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA cache_size = -16384; PRAGMA secure_delete = OFF;"
                      "CREATE TABLE events (id INTEGER PRIMARY KEY, type TEXT, time, accepted, payload TEXT);"
                      "CREATE TABLE deliveries (id INTEGER PRIMARY KEY, event, subscription, state, status, at,"
                      " attempt_at, attempt_duration, attempt_status, attempt_response)",
                      NULL, NULL, NULL) == SQLITE_OK,
         "bare tables");
    for (int i = 0; i < STATEMENTS; i++) {
        need(sqlite3_prepare_v3(self->db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &self->statements[i], NULL) ==
                 SQLITE_OK,
             "bare statements");
    }
    return self;
}

static void bare_close(void *payload_self) {
    bare *self = payload_self;

    for (int i = 0; i < STATEMENTS; i++) {
        sqlite3_finalize(self->statements[i]);
    }
    sqlite3_close(self->db);
    free(self);
}

static void bare_event(bare *self, int64_t id) {
    sqlite3_stmt *insert = self->statements[EVENT];

    sqlite3_bind_int64(insert, 1, id);
    sqlite3_bind_text(insert, 2, "order.paid", -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert, 3, NOW + id);
    sqlite3_bind_int64(insert, 4, NOW + id);
    sqlite3_bind_text64(insert, 5, payload, payload_size, SQLITE_STATIC, SQLITE_UTF8);
    run(self, EVENT);
}

static void bare_delivery(bare *self, int64_t id) {
    sqlite3_stmt *insert = self->statements[DELIVERY];
    const int64_t numbers[] = { id, id, 17, 3, 200, NOW, NOW, 1234, 200 };

    for (int i = 0; i < 9; i++) {
        sqlite3_bind_int64(insert, i + 1, numbers[i]);
    }
    sqlite3_bind_blob(insert, 10, "{\"ok\":true}", 11, SQLITE_STATIC);
    run(self, DELIVERY);
}

static void bare_cycle(void *payload_self, int count) {
    bare *self = payload_self;
    int64_t first = number;

    number += count;
    run(self, BEGIN);
    for (int i = 0; i < count; i++) {
        bare_event(self, first + i);
    }
    for (int i = 0; i < count; i++) {
        bare_delivery(self, first + i);
    }
    run(self, COMMIT);
}

/* ---------------------------------------------------------------- measuring */

static double measure(const kind *which, int count, double *rate) {
    void *self = which->open();
    long done = 0;
    double cpu, wall;

    which->cycle(self, count);
    cpu = cpu_now();
    wall = wall_now();
    while (wall_now() - wall < seconds) {
        which->cycle(self, count);
        done += count;
    }
    cpu = cpu_now() - cpu;
    *rate = (double)done / (wall_now() - wall);
    which->close(self);
    scrub();
    return cpu / (double)done * 1e6;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;

    return left < right ? -1 : left > right;
}

/* Medians of rounds in which the kinds take turns. */
static void row(const kind *ours, const kind *theirs, int count) {
    double mine[ROUNDS], yours[ROUNDS], rates[ROUNDS], other;

    for (int i = 0; i < ROUNDS; i++) {
        mine[i] = measure(ours, count, &rates[i]);
        yours[i] = measure(theirs, count, &other);
    }
    qsort(mine, ROUNDS, sizeof mine[0], compare);
    qsort(yours, ROUNDS, sizeof yours[0], compare);
    qsort(rates, ROUNDS, sizeof rates[0], compare);
    printf("%-26s N=%-4d %7.2f us CPU/event  bare %6.2f  ratio %.2f  %8.0f events/s\n", ours->name, count,
           mine[ROUNDS / 2], yours[ROUNDS / 2], mine[ROUNDS / 2] / yours[ROUNDS / 2], rates[ROUNDS / 2]);
}

int main(int argc, char **argv) {
    static const kind theirs = { "bare", bare_open, bare_cycle, bare_close };
    static const kind ours[] = { { "cycle", store_open, store_cycle, store_close },
                                 { "cycle in two commits", store_open, store_two_commits, store_close },
                                 { "cycle, ids of callers", store_open, store_ids, store_close },
                                 { "cycle, projected bodies", store_open, store_projected, store_close },
                                 { "cycle by waiting, read", store_open, store_waiting, store_close } };
    static const int counts[] = { 1, 10, 100, BATCH };

    snprintf(path, sizeof path, "%s/bench_store.db", argc > 1 ? argv[1] : ".");
    seconds = argc > 2 ? strtod(argv[2], NULL) : seconds;
    payload_size = argc > 3 ? (size_t)strtoul(argv[3], NULL, 10) : payload_size;
    payload = malloc(payload_size);
    need(payload != NULL, "memory");
    memset(payload, 'x', payload_size);
    scrub();
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("SQLite %s, payload %zu bytes\n", sqlite3_libversion(), payload_size);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        row(&ours[0], &theirs, counts[i]);
    }
    row(&ours[1], &theirs, 1);
    for (size_t i = 1; i < sizeof ours / sizeof ours[0]; i++) {
        row(&ours[i], &theirs, 100);
    }
    backlogs();
    free(payload);
    return 0;
}
