/* What waits and is due: what it costs where there is little of it and much, and what bare SQLite needs for the same
 * rows of the same files in the same run: what grows there is the file's own. */
#include <stdio.h>
#include <stdlib.h>

#include "engine/context.h"
#include "engine/inbox.h"
#include "grow.h"

#define DRAINED 10000 /* deliveries of one measurement: where there is little, a thousand that wait again and again */

/* As they were before they were sent. */
#define MAKE_DUE                                                                                                       \
    "UPDATE webhook_deliveries SET state = 1, attempts = 0, tries = 0, due = 1, status = 0, first_at = NULL,"          \
    " first_us = NULL, first_code = NULL, first_status = NULL"

static void wait_again(const stock *self) {
    if (self->events <= GROW_LITTLE) {
        stock_execute(self, MAKE_DUE);
        stock_number(self, "PRAGMA wal_checkpoint");
    }
    whi_stir(self->engine);
}

/* What an application wrote, all of it at once, is merged before: that is none of ours. */
static void make_all_due(const stock *self) {
    stock_execute(self, MAKE_DUE);
    stock_number(self, "PRAGMA wal_checkpoint(TRUNCATE)");
    whi_stir(self->engine);
}

static void drain_some(const stock *self, long count) {
    long long before = atomic_load(&self->engine->count.delivered);

    while (atomic_load(&self->engine->count.delivered) - before < count) {
        bench_check(wh_step(self->engine) < 0 ? WH_EINTERNAL : WH_OK, "step");
    }
    if (self->events <= GROW_LITTLE) { /* the last ones are recorded; of many, those of the time before were */
        bench_check(wh_run(self->engine), "run");
    }
}

/* ---- bare SQLite: the same rows of the same file, found by the same index, as many at a time, with caches as large;
 * nothing is sent */

#define LANES 100
#define TURN 64 /* lanes between two commits */
#define ROOM 16 /* deliveries of one lane */
#define PRAGMAS "PRAGMA synchronous = NORMAL; PRAGMA secure_delete = FAST; PRAGMA cache_size = "

typedef struct bare_file {
    const stock *of;
    sqlite3 *reading, *writing;
    sqlite3_stmt *find, *change;
    int64_t subscriptions[LANES];
    int next; /* the lane whose turn it is */
} bare_file;

static bare_file bares_open[2];

static void must(const bare_file *self, int good) {
    if (!good) {
        fprintf(stderr, "bench: %s, %s\n", sqlite3_errmsg(self->reading), sqlite3_errmsg(self->writing));
        exit(1);
    }
}

static void open_bare(bare_file *self, const stock *of) {
    char sql[128];

    *self = (bare_file){ .of = of };
    for (int i = 0; i < LANES; i++) {
        snprintf(sql, sizeof sql, "SELECT id FROM webhook_subscriptions ORDER BY id LIMIT 1 OFFSET %d", i);
        self->subscriptions[i] = stock_number(of, sql);
    }
    must(self,
         sqlite3_open(of->file, &self->reading) == SQLITE_OK && sqlite3_open(of->file, &self->writing) == SQLITE_OK);
    sqlite3_busy_timeout(self->reading, 10000);
    sqlite3_busy_timeout(self->writing, 10000);
    must(self, sqlite3_exec(self->reading, PRAGMAS "-2048", NULL, NULL, NULL) == SQLITE_OK &&
                   sqlite3_exec(self->writing, PRAGMAS "-6144", NULL, NULL, NULL) == SQLITE_OK);
    must(self, sqlite3_prepare_v2(self->reading,
                                  "SELECT d.event, e.id, e.type, e.tenant, e.time, e.payload FROM webhook_deliveries d"
                                  " INDEXED BY webhook_deliveries_open CROSS JOIN webhook_events e ON e.number ="
                                  " d.event WHERE d.state = 1 AND d.subscription = ?1 ORDER BY d.due, d.event LIMIT ?2",
                                  -1, &self->find, NULL) == SQLITE_OK);
    must(self, sqlite3_prepare_v2(self->writing,
                                  "UPDATE webhook_deliveries SET state = 3, attempts = 1, tries = 1, due = 0,"
                                  " turn = turn + 1, updated_at = 1, status = 204, first_at = 1, first_us = 1,"
                                  " first_code = 0, first_status = 204 WHERE event = ?1 AND subscription = ?2",
                                  -1, &self->change, NULL) == SQLITE_OK);
}

static void close_bare(const stock *of) {
    for (int i = 0; i < 2; i++) {
        if (bares_open[i].of == of) {
            sqlite3_finalize(bares_open[i].find);
            sqlite3_finalize(bares_open[i].change);
            sqlite3_close(bares_open[i].reading);
            sqlite3_close(bares_open[i].writing);
            bares_open[i].of = NULL;
        }
    }
}

static bare_file *bare_of(const stock *of) {
    for (int i = 0; i < 2; i++) {
        if (bares_open[i].of == NULL) {
            open_bare(&bares_open[i], of);
        }
        if (bares_open[i].of == of) {
            return &bares_open[i];
        }
    }
    return NULL;
}

/* A turn: what it has found. */
typedef struct found {
    int64_t event, subscription;
} found;

static int find_turn(bare_file *self, found list[TURN * ROOM]) {
    int count = 0, got;

    for (int lane = 0; lane < TURN; lane++, self->next = (self->next + 1) % LANES) {
        int64_t subscription = self->subscriptions[self->next];

        sqlite3_bind_int64(self->find, 1, subscription);
        sqlite3_bind_int64(self->find, 2, ROOM);
        while ((got = sqlite3_step(self->find)) == SQLITE_ROW) {
            (void)sqlite3_column_text(self->find, 5);
            list[count++] = (found){ sqlite3_column_int64(self->find, 0), subscription };
        }
        must(self, got == SQLITE_DONE && sqlite3_reset(self->find) == SQLITE_OK);
    }
    return count;
}

static void drain_bare(const stock *on, long count) {
    bare_file *self = bare_of(on);
    static found list[TURN * ROOM];

    while (count > 0) {
        int here = find_turn(self, list);

        must(self, sqlite3_exec(self->writing, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
        for (int i = 0; i < here; i++) {
            sqlite3_bind_int64(self->change, 1, list[i].event);
            sqlite3_bind_int64(self->change, 2, list[i].subscription);
            must(self, sqlite3_step(self->change) == SQLITE_DONE && sqlite3_reset(self->change) == SQLITE_OK);
        }
        must(self, sqlite3_exec(self->writing, "COMMIT", NULL, NULL, NULL) == SQLITE_OK);
        count -= here;
    }
}

/* What a delivery costs: us of CPU, bytes that the system was asked to read and to write. */
typedef struct draining {
    double us, read, written;
} draining;

typedef void (*drain_fn)(const stock *on, long count);

static void read_io(double *read, double *written) {
    FILE *file = fopen("/proc/self/io", "r");
    unsigned long long in = 0, out = 0;

    if (file != NULL) {
        if (fscanf(file, "rchar: %llu wchar: %llu", &in, &out) != 2) {
            in = out = 0;
        }
        fclose(file);
    }
    *read = (double)in;
    *written = (double)out;
}

static void drain_piece(const stock *on, drain_fn way, long count, draining *sum) {
    double in, out, read, written, began;

    wait_again(on);
    read_io(&in, &out);
    began = bench_cpu();
    way(on, count);
    sum->us += (bench_cpu() - began) * 1e6 / DRAINED;
    read_io(&read, &written);
    sum->read += (read - in) / DRAINED;
    sum->written += (written - out) / DRAINED;
}

static draining drain(const stock *on, drain_fn way) {
    long piece = on->events <= GROW_LITTLE ? GROW_LITTLE : DRAINED;
    draining sum = { 0, 0, 0 };

    for (long done = 0; done < DRAINED; done += piece) {
        drain_piece(on, way, piece, &sum);
    }
    return sum;
}

static void compare_drains(const char *with, drain_fn way, const char *names[3], const stock *little, const stock *much,
                           int rounds) {
    double us[2][GROW_ROUNDS], read[2][GROW_ROUNDS], written[2][GROW_ROUNDS];

    for (int i = 0; i < rounds; i++) {
        for (int k = 0; k < 2; k++) {
            draining got = drain(k == 0 ? little : much, way);
            us[k][i] = got.us;
            read[k][i] = got.read;
            written[k][i] = got.written;
        }
    }
    grow_rounds(with, names[0], "us", us[0], us[1], rounds);
    grow_rounds(with, names[1], "bytes", read[0], read[1], rounds);
    grow_rounds(with, names[2], "bytes", written[0], written[1], rounds);
}

void grow_backlog(long events, int rounds) {
    static const char *ours[] = { "what waits and is due, a delivery", "the same, read of the file",
                                  "the same, written to it" };
    static const char *bares[] = { "bare SQLite, the same rows", "the same, read of the file",
                                   "the same, written to it" };
    static stock little, much;
    long least = (long)DRAINED * 2 * (rounds + 1);
    char with[64];

    events = events > least ? events : least;

    snprintf(with, sizeof with, "%ld that wait, not %d", events, GROW_LITTLE);
    stock_make(&little, GROW_LITTLE, GROW_LITTLE, 0, 0);
    stock_make(&much, events, GROW_LITTLE, 0, 0);
    make_all_due(&much);
    compare_drains(with, drain_some, ours, &little, &much, rounds);
    compare_drains(with, drain_bare, bares, &little, &much, rounds);
    close_bare(&little);
    close_bare(&much);
    stock_free(&little);
    stock_free(&much);
}
