/* What writing objects to a database costs: a destination in a file of SQLite against the bare upsert.
 *
 *   bench_destination [DIRECTORY [BATCH [ROUNDS]]]
 *
 * Each round writes a batch of objects with 12 fields, as versions that are newer than those before, in one
 * transaction. Bare: one prepared upsert of the same columns, whose values are there already: nobody reads JSON, looks
 * for columns or asks for versions. In turn, and CPU time is compared: the wall time is the disk's. */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "outside/destination.h"

#define FIELDS 12
#define TEXT_SIZE 512

static int batch = 500, rounds = 40;
static char (*texts)[TEXT_SIZE];
static whi_object *objects;
static whi_object_result *results;
static whi_destination *destination;
static sqlite3 *bare;
static sqlite3_stmt *upsert;

static void need(int good, const char *what) {
    if (!good) {
        fprintf(stderr, "bench_destination: %s\n", what);
        exit(1);
    }
}

static void make_objects(void) {
    texts = calloc((size_t)batch, sizeof *texts);
    objects = calloc((size_t)batch, sizeof *objects);
    results = calloc((size_t)batch, sizeof *results);
    need(texts != NULL && objects != NULL && results != NULL, "memory");
    for (int i = 0; i < batch; i++) {
        int used = snprintf(texts[i], TEXT_SIZE, "{\"id\":\"object-%06d\"", i);

        for (int field = 0; field < FIELDS; field++) {
            used += snprintf(texts[i] + used, (size_t)(TEXT_SIZE - used),
                             field % 3 == 0 ? ",\"number_%d\":%d" : ",\"field_%d\":\"a text of some letters %d\"",
                             field, i);
        }
        (void)snprintf(texts[i] + used, (size_t)(TEXT_SIZE - used), "}");
        objects[i] = (whi_object){ "connection", "row", texts[i], strlen(texts[i]), 0, 1700000000000, 0 };
    }
}

static void open_bare(const char *path) {
    char sql[2048] = "CREATE TABLE row (connection TEXT, id TEXT, version INTEGER, synced TEXT, raw TEXT", put[2048];
    int used, put_used;

    need(sqlite3_open(path, &bare) == SQLITE_OK, "opening");
    used = (int)strlen(sql);
    put_used = snprintf(put, sizeof put, "INSERT INTO row VALUES (?,?,?,?,?");
    for (int field = 0; field < FIELDS; field++) {
        used += snprintf(sql + used, sizeof sql - (size_t)used, ", f%d %s", field, field % 3 == 0 ? "INTEGER" : "TEXT");
        put_used += snprintf(put + put_used, sizeof put - (size_t)put_used, ",?");
    }
    (void)snprintf(sql + used, sizeof sql - (size_t)used, ", PRIMARY KEY (connection, id))");
    put_used += snprintf(put + put_used, sizeof put - (size_t)put_used,
                         ") ON CONFLICT (connection, id) DO UPDATE SET version = excluded.version, synced ="
                         " excluded.synced, raw = excluded.raw");
    for (int field = 0; field < FIELDS; field++) {
        put_used += snprintf(put + put_used, sizeof put - (size_t)put_used, ", f%d = excluded.f%d", field, field);
    }
    need(sqlite3_exec(bare, sql, NULL, NULL, NULL) == SQLITE_OK, sqlite3_errmsg(bare));
    need(sqlite3_prepare_v2(bare, put, -1, &upsert, NULL) == SQLITE_OK, sqlite3_errmsg(bare));
}

static double run_bare(int version) {
    double begin = bench_cpu();

    need(sqlite3_exec(bare, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, "begin");
    for (int i = 0; i < batch; i++) {
        char id[32];

        (void)snprintf(id, sizeof id, "object-%06d", i);
        sqlite3_bind_text(upsert, 1, "connection", -1, SQLITE_STATIC);
        sqlite3_bind_text(upsert, 2, id, -1, SQLITE_STATIC);
        sqlite3_bind_int64(upsert, 3, version);
        sqlite3_bind_text(upsert, 4, "2023-11-14T22:13:20.000Z", -1, SQLITE_STATIC);
        sqlite3_bind_text(upsert, 5, texts[i], (int)objects[i].size, SQLITE_STATIC);
        for (int field = 0; field < FIELDS; field++) {
            if (field % 3 == 0) {
                sqlite3_bind_int64(upsert, 6 + field, i);
            } else {
                sqlite3_bind_text(upsert, 6 + field, "a text of some letters 123", -1, SQLITE_STATIC);
            }
        }
        need(sqlite3_step(upsert) == SQLITE_DONE, sqlite3_errmsg(bare));
        sqlite3_reset(upsert);
    }
    need(sqlite3_exec(bare, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "commit");
    return bench_cpu() - begin;
}

static double run_ours(int version) {
    double begin = bench_cpu();

    for (int i = 0; i < batch; i++) {
        objects[i].version = version;
    }
    need(whi_destination_write(destination, objects, (size_t)batch, results) == WH_OK, "write");
    for (int i = 0; i < batch; i++) {
        need(results[i].outcome == WHI_OBJECT_WRITTEN, results[i].sentence);
    }
    return bench_cpu() - begin;
}

static void open_ours(const char *path) {
    whi_destination_options options = { 0 };
    char url[600];

    (void)snprintf(url, sizeof url, "sqlite:%s", path);
    options.url = url;
    options.allow_files = 1;
    bench_check(whi_destination_open(&destination, &options), "open");
}

int main(int argc, char **argv) {
    char ours_path[512], bare_path[512];
    double *ours, *theirs;

    batch = argc > 2 ? (int)strtol(argv[2], NULL, 10) : batch;
    rounds = argc > 3 ? (int)strtol(argv[3], NULL, 10) : rounds;
    (void)snprintf(ours_path, sizeof ours_path, "%s/bench-destination-%d", argc > 1 ? argv[1] : "/tmp", (int)getpid());
    (void)snprintf(bare_path, sizeof bare_path, "%s/bench-bare-%d", argc > 1 ? argv[1] : "/tmp", (int)getpid());
    ours = calloc((size_t)rounds, sizeof *ours);
    theirs = calloc((size_t)rounds, sizeof *theirs);
    need(ours != NULL && theirs != NULL && batch > 0 && rounds > 0, "usage");
    make_objects();
    open_ours(ours_path);
    open_bare(bare_path);
    for (int i = 0; i < rounds; i++) {
        ours[i] = run_ours(i + 1);
        theirs[i] = run_bare(i + 1);
    }
    printf("batches of %d: %.0f objects/s of CPU, bare %.0f, ratio %.2f\n", batch, batch / bench_median(ours, rounds),
           batch / bench_median(theirs, rounds), bench_median(theirs, rounds) / bench_median(ours, rounds));
    sqlite3_finalize(upsert);
    sqlite3_close(bare);
    whi_destination_close(destination);
    bench_remove(ours_path);
    bench_remove(bare_path);
    return 0;
}
