#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "crash.h"
#include "webhook_rule.h"

#define LOCKED_US INT64_C(60000000)

setup here;

const char *const type_names[TYPES] = { "order.paid",   "order.fifo",  "order.keyed",
                                        "order.capped", "order.fails", "order.hangs" };

const route_info routes[ROUTES] = {
    [ROUTE_ALL] = { "/all", (1u << TYPES) - 1, 0, 1, "\"events\":[\"order.*\"]" },
    [ROUTE_KEPT] = { "/kept", 1u << TYPE_PAID, 1, 1,
                     "\"events\":[\"order.paid\"],\"rule\":\"return payload.drop == false\"" },
    [ROUTE_FILTERED] = { "/filtered", 1u << TYPE_PAID, 1, 0,
                         "\"events\":[\"order.paid\"],\"filters\":{\"drop\":false},\"fields\":\"n,drop\"" },
    [ROUTE_FIFO] = { "/fifo", 1u << TYPE_FIFO, 0, 1, "\"events\":[\"order.fifo\"],\"order\":\"fifo\"" },
    [ROUTE_KEY] = { "/key", 1u << TYPE_KEYED, 0, 1, "\"events\":[\"order.keyed\"],\"order\":\"key\"" },
    [ROUTE_LATEST] = { "/latest", 1u << TYPE_KEYED, 0, 1, "\"events\":[\"order.keyed\"],\"order\":\"latest\"" },
    [ROUTE_CAPPED] = { "/capped", 1u << TYPE_CAPPED, 0, 1, "\"events\":[\"order.capped\"],\"concurrency\":2" },
    [ROUTE_FAILS] = { "/fails", 1u << TYPE_FAILS, 0, 1, "\"events\":[\"order.fails\"]" },
    [ROUTE_HANGS] = { "/hangs", 1u << TYPE_HANGS, 0, 1, "\"events\":[\"order.hangs\"],\"timeout\":1000" },
};

void die(const char *what) {
    fprintf(stderr, "crash: %s: %s\n", what, errno != 0 ? strerror(errno) : wh_last_error());
    exit(1);
}

/* ---------------------------------------------------------------------- time, hash */

int64_t now_us(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

void rest_us(int64_t us) {
    struct timespec time = { (time_t)(us / 1000000), (long)(us % 1000000) * 1000 };

    nanosleep(&time, NULL);
}

uint64_t hash_of(const char *bytes, size_t size) {
    uint64_t hash = UINT64_C(14695981039346656037);

    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ (unsigned char)bytes[i]) * UINT64_C(1099511628211);
    }
    return hash;
}

/* --------------------------------------------------------------------------- files */

void setup_names(const char *store) {
    snprintf(here.store, sizeof here.store, "%s", store);
    snprintf(here.journal, sizeof here.journal, "%s.journal", store);
    snprintf(here.log, sizeof here.log, "%s.log", store);
    snprintf(here.messages, sizeof here.messages, "%s.messages", store);
    snprintf(here.control, sizeof here.control, "%s.control", store);
    snprintf(here.folder, sizeof here.folder, "%s.rows", store);
    snprintf(here.rows, sizeof here.rows, "%s/rows.db", here.folder);
}

void setup_share(int make) {
    int fd = open(here.control, O_RDWR | O_CLOEXEC | (make ? O_CREAT : 0), 0600);

    if (fd < 0 || (make && ftruncate(fd, sizeof *here.shared) < 0)) {
        die(here.control);
    }
    if (make && mkdir(here.folder, 0700) != 0) {
        die(here.folder);
    }
    here.shared = mmap(NULL, sizeof *here.shared, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (here.shared == MAP_FAILED) {
        die(here.control);
    }
    close(fd);
}

static void remove_rows(void) {
    static const char *const ends[] = { "", "-wal", "-shm", "-journal" };
    char name[320];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", here.rows, ends[i]);
        unlink(name);
    }
    rmdir(here.folder);
}

void setup_remove(void) {
    static const char *const ends[] = { "", "-wal", "-shm", ".journal", ".log", ".messages", ".control", ".samples" };
    char name[300];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", here.store, ends[i]);
        unlink(name);
    }
    remove_rows();
}

/* -------------------------------------------------------------------------- engine */

/* What the engines say goes to a file, which is kept where something failed. */
static void note(int level, const char *line, void *payload) {
    char text[600];
    int size = snprintf(text, sizeof text, "%lld process %d, level %d: %.500s\n", (long long)now_us() / 1000,
                        here.number, level, line);
    int fd = open(here.messages, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

    (void)payload;
    if (fd < 0 || write(fd, text, (size_t)size) != size) {
        fprintf(stderr, "crash: %s", text);
    }
    close(fd);
}

wh_engine *open_engine(void) {
    static const char *const allow[] = { "127.0.0.1" };
    const char *const files[] = { here.folder };
    wh_options options = WH_OPTIONS_INIT;
    int64_t end = now_us() + LOCKED_US;
    wh_engine *engine;
    int code;

    options.allow = allow;
    options.allow_count = 1;
    options.files = files;
    options.file_count = here.retain == 0;
    options.rules = wh_rule_lua();
    options.retain = options.retain_failed = here.retain;
    options.log = note;
    while ((code = wh_open(&engine, here.store, &options)) == WH_ELOCKED && now_us() < end) {
        rest_us(10000);
    }
    if (code != WH_OK) {
        errno = 0;
        die("open");
    }
    return engine;
}

/* ------------------------------------------------------------------- subscriptions */

int route_wants(enum route route, enum type type, int drop) {
    return (routes[route].types >> type & 1) != 0 && !(drop && routes[route].drops);
}

/* The list is long enough for an event to outlast what the receivers refuse by count. */
static int subscribe(wh_engine *engine, const char *path, const char *more, char *id) {
    char document[1280];

    snprintf(document, sizeof document,
             "{\"url\":\"http://127.0.0.1:%d%s\",\"secrets\":[\"" SECRET "\"],\"retry\":[0,200,200,200,200,500,500,500,"
             "500,500,1000,1000,1000,1000,1000,1000,2000,2000,2000,2000],%s}",
             here.port, path, more);
    return wh_subscribe(engine, document, WH_ZSTR, id);
}

/* What goes to ROUTE_ALL goes to rows, too; in soaks, which measure files and descriptors, it does not. */
static int subscribe_with_rows(wh_engine *engine) {
    char more[512];

    snprintf(more, sizeof more, "%s,\"also\":{\"url\":\"sqlite:%s\"}", routes[ROUTE_ALL].more, here.rows);
    return subscribe(engine, routes[ROUTE_ALL].path, more, NULL);
}

void subscribe_all(wh_engine *engine) {
    for (int i = 0; i < ROUTES; i++) {
        int code = i == ROUTE_ALL && here.retain == 0 ? subscribe_with_rows(engine)
                                                      : subscribe(engine, routes[i].path, routes[i].more, NULL);
        if (code != WH_OK) {
            errno = 0;
            die(routes[i].path);
        }
    }
}

int subscribe_once(wh_engine *engine, const char *path, char *id) {
    return subscribe(engine, path, "\"events\":[\"order.paid\"],\"single_use\":true", id);
}
