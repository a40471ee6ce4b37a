/* What each process does until it is killed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "crash.h"
#include "journal.h"
#include "people.h"
#include "sql.h"
#include "write.h"

#define ONCE_EVERY_US INT64_C(2000000)
#define ONCE_KEPT 16
#define START_TRIES 100
#define POLL_MS 1000
#define LEAK_EVERY_US INT64_C(100000)
#define LEAK_BYTES 524288
#define LEAK_ROW_BYTES 2097152 /* so that it shows on a busy machine, too */
#define LEAK_FILES 2

static void *publish_for_ever(void *payload) {
    writer *self = payload;

    for (;;) {
        write_events(self);
        write_rest();
    }
    return NULL;
}

static writer *writer_new(wh_engine *engine, char origin, int thread) {
    writer *self = calloc(1, sizeof *self);

    if (self == NULL) {
        die("memory");
    }
    self->engine = engine;
    self->origin = origin;
    self->journal = journal_open();
    snprintf(self->name, sizeof self->name, "w%d-%d", here.number, thread);
    return self;
}

/* ------------------------------------------------------------------------- servers */

/* Where events are kept for a time only, so are these: used ones stay for ever by
 * themselves, and the file would grow. */
static void forget_once(wh_engine *engine, const char *id) {
    if (here.retain > 0 && id[0] != '\0' && wh_subscription_delete(engine, id) != WH_OK) {
        atomic_fetch_add(&here.shared->refused, 1);
    }
}

/* One in two seconds; written down when it is made, as events are. */
static void make_once(wh_engine *engine, int journal, int n) {
    static char ids[ONCE_KEPT][WH_ID_SIZE];
    char *id = ids[n % ONCE_KEPT];
    entry line = { .kind = JOURNAL_ONCE, .origin = ORIGIN_SERVER };

    forget_once(engine, id);
    id[0] = '\0';
    snprintf(line.id, sizeof line.id, ONCE_PATH "%d-%d", here.number, n);
    snprintf(line.writer, sizeof line.writer, "w%d", here.number);
    line.begin = now_us();
    if (subscribe_once(engine, line.id, id) != WH_OK) {
        atomic_fetch_add(&here.shared->refused, 1);
        return;
    }
    line.end = now_us();
    journal_write(journal, &line, 1);
}

static _Noreturn void be_server(void) {
    wh_engine *engine = open_engine();
    int journal = journal_open();
    pthread_t thread;

    for (int i = 0; wh_start(engine, 2) != WH_OK; i++) {
        if (i == START_TRIES) {
            die("start");
        }
        rest_us(100000); /* the file is locked for a while */
    }
    for (int i = 0; i < WRITERS_OF_SERVER; i++) {
        if (pthread_create(&thread, NULL, publish_for_ever, writer_new(engine, ORIGIN_SERVER, i)) != 0) {
            die("thread");
        }
    }
    for (int n = 0;; n++) {
        make_once(engine, journal, n);
        rest_us(ONCE_EVERY_US);
        write_rest();
    }
}

/* ------------------------------------------------------------------------- workers */

static void step(wh_engine *engine, struct pollfd *fd) {
    int done = wh_step(engine), timeout;

    if (done == 0) {
        timeout = wh_timeout(engine);
        poll(fd, 1, timeout < 0 || timeout > POLL_MS ? POLL_MS : timeout);
    } else if (done < 0) {
        rest_us(10000);
    }
}

/* Those with an even number step, the others run. */
static _Noreturn void be_worker(void) {
    wh_engine *engine = open_engine();
    struct pollfd fd = { .fd = wh_fd(engine), .events = POLLIN };

    for (;;) {
        if (here.number % 2 == 1) {
            wh_run(engine);
        }
        step(engine, &fd);
    }
}

static _Noreturn void be_publisher(void) {
    publish_for_ever(writer_new(open_engine(), ORIGIN_PUBLISHER, 0));
    abort();
}

static _Noreturn void be_sql(void) {
    sql_writer *self = sql_open();
    writer *names = writer_new(NULL, ORIGIN_SQL, 0);

    for (;;) {
        sql_write(self, names);
        write_rest();
    }
}

/* ------------------------------------------------------------------------- a leaker */

static void *leak_memory(void *payload) {
    for (;;) {
        char *lost = malloc(LEAK_BYTES);
        if (lost != NULL) {
            memset(lost, 1, LEAK_BYTES);
        }
        for (int i = 0; i < LEAK_FILES; i++) {
            (void)!open("/dev/null", O_RDONLY | O_CLOEXEC);
        }
        rest_us(LEAK_EVERY_US);
    }
    return payload;
}

/* By itself, since it waits for the store's lock. */
static void *leak_rows(void *payload) {
    sql_writer *self = payload;
    char *bytes = calloc(1, LEAK_ROW_BYTES);

    for (;;) {
        sql_leak(self, bytes, LEAK_ROW_BYTES);
        rest_us(LEAK_EVERY_US);
    }
    return NULL;
}

/* Also keeps the store busy as a worker does, so that its leak is one among others' noise. */
static _Noreturn void be_leaker(void) {
    pthread_t memory, rows;

    if (pthread_create(&memory, NULL, leak_memory, NULL) != 0 ||
        pthread_create(&rows, NULL, leak_rows, sql_open()) != 0) {
        die("thread");
    }
    be_worker();
}

void act(enum role role) {
    static void (*const parts[ROLES])(void) = {
        [ROLE_SERVER] = be_server, [ROLE_WORKER] = be_worker, [ROLE_PUBLISHER] = be_publisher,
        [ROLE_SQL] = be_sql,       [ROLE_LEAKER] = be_leaker,
    };

    parts[role]();
    abort();
}
