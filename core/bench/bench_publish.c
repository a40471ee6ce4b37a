/* bench_publish - durable events per second, single and batched, from one and from four
 * threads, against bare SQLite inserting the same rows with as many per commit. Once
 * with the disk as it is, once with every fsync 5 ms slower. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define PAYLOAD 1024
#define SECONDS 0.6
#define BATCH_MAXIMUM 100

typedef struct task {
    wh_engine *engine;
    sqlite3 *db;
    int batch;
    long done;
    double end;
} task;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void *publish(void *payload) {
    task *self = payload;
    const char *text = bench_payload(PAYLOAD);
    wh_event events[BATCH_MAXIMUM];

    for (int i = 0; i < self->batch; i++) {
        events[i] = (wh_event)WH_EVENT_INIT;
        events[i].type = "invoice.paid";
        events[i].payload = text;
        events[i].payload_size = PAYLOAD;
    }
    while (bench_now() < self->end) {
        bench_check(wh_publish_batch(self->engine, events, (size_t)self->batch, NULL), "publish");
        self->done += self->batch;
    }
    return NULL;
}

/* ------------------------------------------------------------------- bare SQLite */

static sqlite3_stmt *statements[4];

static void run(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE) {
        fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(sqlite3_db_handle(statement)));
        exit(1);
    }
    sqlite3_reset(statement);
}

static sqlite3 *open_bare(const char *file) {
    static const char *const texts[] = { "BEGIN IMMEDIATE", "COMMIT",
                                         "INSERT INTO events VALUES(?,'invoice.paid','',?,?,?)",
                                         "INSERT INTO pending VALUES(0,?)" };
    sqlite3 *db;

    sqlite3_open(file, &db);
    sqlite3_exec(
        db,
        "PRAGMA page_size=8192; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
        "CREATE TABLE events(number INTEGER PRIMARY KEY, type TEXT, tenant TEXT, time INT, accepted INT, payload "
        "TEXT); CREATE TABLE pending(owner INT, event INT, PRIMARY KEY(owner, event)) WITHOUT ROWID",
        NULL, NULL, NULL);
    for (int i = 0; i < 4; i++) {
        if (sqlite3_prepare_v3(db, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &statements[i], NULL) != SQLITE_OK) {
            fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
            exit(1);
        }
    }
    return db;
}

static void close_bare(sqlite3 *db) {
    for (int i = 0; i < 4; i++) {
        sqlite3_finalize(statements[i]);
    }
    sqlite3_close(db);
}

/* As many rows per commit as the engine makes of the same calls: with several threads
 * each of them holds the lock for its own commit, which is what bare SQLite offers. */
static void *insert(void *payload) {
    static long number;
    task *self = payload;
    const char *text = bench_payload(PAYLOAD);

    while (bench_now() < self->end) {
        pthread_mutex_lock(&lock);
        run(statements[0]);
        for (int i = 0; i < self->batch; i++) {
            number++;
            sqlite3_bind_int64(statements[2], 1, number);
            sqlite3_bind_int64(statements[2], 2, 1795000000000);
            sqlite3_bind_int64(statements[2], 3, 1795000000000);
            sqlite3_bind_text(statements[2], 4, text, PAYLOAD, SQLITE_STATIC);
            run(statements[2]);
            sqlite3_bind_int64(statements[3], 1, number);
            run(statements[3]);
        }
        run(statements[1]);
        pthread_mutex_unlock(&lock);
        self->done += self->batch;
    }
    return NULL;
}

/* ------------------------------------------------------------------------ rounds */

static double run_threads(void *(*body)(void *), wh_engine *engine, sqlite3 *db, int threads, int batch) {
    pthread_t ids[8];
    task tasks[8];
    double start = bench_now();
    long done = 0;

    for (int i = 0; i < threads; i++) {
        tasks[i] = (task){ engine, db, batch, 0, start + SECONDS };
        if (i > 0) {
            pthread_create(&ids[i], NULL, body, &tasks[i]);
        }
    }
    body(&tasks[0]);
    for (int i = 0; i < threads; i++) {
        if (i > 0) {
            pthread_join(ids[i], NULL);
        }
        done += tasks[i].done;
    }
    return (double)done / (bench_now() - start);
}

static double ours(int threads, int batch) {
    wh_engine *engine;
    char file[256];
    double rate;

    bench_file(file, sizeof file);
    bench_check(wh_open(&engine, file, NULL), "open");
    rate = run_threads(publish, engine, NULL, threads, batch);
    wh_close(engine);
    bench_remove(file);
    return rate;
}

static double bare(int threads, int batch) {
    char file[256];
    double rate;
    sqlite3 *db;

    bench_file(file, sizeof file);
    db = open_bare(file);
    rate = run_threads(insert, NULL, db, threads, batch);
    close_bare(db);
    bench_remove(file);
    return rate;
}

static void compare(int threads, int batch, int sync_us) {
    double a[BENCH_ROUNDS], b[BENCH_ROUNDS], ratio[BENCH_ROUNDS];

    bench_sync_us = sync_us;
    for (int i = 0; i < BENCH_ROUNDS; i++) {
        a[i] = ours(threads, batch);
        b[i] = bare(threads, batch);
        ratio[i] = a[i] / b[i];
    }
    printf("publish  threads %d  batch %3d  fsync +%d ms: %8.0f events/s, bare SQLite %8.0f, ratio %.2f\n", threads,
           batch, sync_us / 1000, bench_median(a, BENCH_ROUNDS), bench_median(b, BENCH_ROUNDS),
           bench_median(ratio, BENCH_ROUNDS));
}

int main(void) {
    static const int batches[] = { 1, 10, 100 };

    for (int sync_us = 0; sync_us <= 5000; sync_us += 5000) {
        for (int threads = 1; threads <= 4; threads += 3) {
            for (int i = 0; i < 3; i++) {
                compare(threads, batches[i], sync_us);
            }
        }
    }
    return 0;
}
