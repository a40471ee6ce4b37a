#include "forge.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "crash.h"
#include "journal.h"
#include "receive.h"
#include "rows.h"

/* Two arrivals that were right. */
typedef struct models {
    arrival all, once;
} models;

static void see(const arrival *one, void *payload) {
    models *self = payload;

    if (one->status == 200 && strcmp(one->path, routes[ROUTE_ALL].path) == 0) {
        self->all = *one;
    } else if (strncmp(one->path, ONCE_PATH, strlen(ONCE_PATH)) == 0) {
        self->once = *one;
    }
}

static void arrive(const char *path, const char *id, int verified, int drop, uint64_t hash) {
    arrival one = { .at = 1, .status = 200, .verified = verified, .drop = drop, .hash = hash };

    snprintf(one.path, sizeof one.path, "%s", path);
    snprintf(one.id, sizeof one.id, "%s", id);
    if (receive_note(&one) < 0) {
        die(here.log);
    }
}

static void accept_at(const char *id, char kind, int64_t begin) {
    entry line = { .kind = kind, .origin = ORIGIN_SERVER, .type = TYPE_FIFO, .begin = begin, .end = begin + 1 };
    int journal = journal_open();

    snprintf(line.id, sizeof line.id, "%s", id);
    snprintf(line.writer, sizeof line.writer, "forged");
    line.hash = 1;
    journal_write(journal, &line, 1);
}

/* The first was acknowledged before the second was published, and comes after it. */
static void overtake(void) {
    accept_at("forged-first", JOURNAL_ACCEPTED, 1);
    accept_at("forged-second", JOURNAL_ACCEPTED, 10);
    arrive(routes[ROUTE_FIFO].path, "forged-second", 1, 0, 1);
    arrive(routes[ROUTE_FIFO].path, "forged-first", 1, 0, 1);
    arrive(routes[ROUTE_ALL].path, "forged-first", 1, 0, 1);
    arrive(routes[ROUTE_ALL].path, "forged-second", 1, 0, 1);
}

static void strand(void) {
    sqlite3 *db = NULL;
    static const char mark[] = "UPDATE webhook_partitions SET owner = 1000000000, position = 1 WHERE id = 7";

    if (sqlite3_open(here.store, &db) != SQLITE_OK || sqlite3_exec(db, mark, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "crash: %s: %s\n", here.store, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
}

void forge(void) {
    models found = { .all = { .at = 0 } };

    receive_read(here.log, see, &found);
    if (found.all.id[0] == '\0' || found.once.id[0] == '\0') {
        errno = ENOENT;
        die("nothing to forge after");
    }
    accept_at("forged-lost", JOURNAL_ACCEPTED, 1);
    accept_at("forged-ghost", JOURNAL_ROLLED_BACK, 1);
    arrive(routes[ROUTE_ALL].path, "forged-ghost", 1, 0, 1);
    arrive(routes[ROUTE_ALL].path, found.all.id, 1, 0, found.all.hash + 1);
    arrive(routes[ROUTE_ALL].path, "forged-unsigned", 0, 0, 1);
    arrive(routes[ROUTE_KEPT].path, "forged-dropped", 1, 1, 1);
    arrive(found.once.path, "forged-other", 1, 0, 1);
    overtake();
    strand();
    rows_forge();
}
