/* crash - proves that nothing is lost when processes die.
 *
 * Starts publishers and workers on one store as processes, kills them with SIGKILL at
 * random moments, starts new ones, and in the end compares the publishers' own journal
 * (written after each publish that returned) with the receiver's own log:
 *   - every event of the journal arrived at every subscription that wants it,
 *   - nothing that a rule or a filter dropped was sent,
 *   - nothing is stuck: the store says that it is idle.
 * Arrivals beyond the first are counted as duplicates; at least once allows them.
 *
 *   crash [--kills N] [--seed S] [--store FILE] [--keep]
 *
 * The receiver answers every 13th request with 500, so that retries are in it, too. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "receive.h"
#include "webhook.h"
#include "webhook_rule.h"

#define PUBLISHERS 2
#define WORKERS 2
#define CHILDREN (PUBLISHERS + WORKERS)
#define PAUSE_MS_MIN 20
#define PAUSE_MS_MAX 160
#define SETTLE_S 120
#define LEASE_S 12 /* what a killed worker had is taken over after ten seconds */

static const char *self_path;
static char store[256], journal[280], log_path[280], port_text[16];

static void die(const char *what) {
    fprintf(stderr, "crash: %s: %s\n", what, errno ? strerror(errno) : wh_last_error());
    exit(1);
}

static wh_engine *open_engine(void) {
    static const char *const allow[] = { "127.0.0.1" };
    wh_options options = WH_OPTIONS_INIT;
    wh_engine *engine;

    options.allow = allow;
    options.allow_count = 1;
    options.rules = wh_rule_lua();
    errno = 0;
    if (wh_open(&engine, store, &options) != WH_OK) {
        die("open");
    }
    return engine;
}

/* ------------------------------------------------------------------- the children */

static void write_line(int fd, const char *line) {
    size_t size = strlen(line);

    if (write(fd, line, size) != (ssize_t)size) {
        die("journal");
    }
}

/* One event, or a few in a batch; each third is one that the rule drops. */
static void publish_some(wh_engine *engine, int fd, long *number) {
    wh_event events[4] = { WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT, WH_EVENT_INIT };
    char payloads[4][96];
    wh_receipt receipts[4];
    size_t count = (size_t)(1 + *number % 4);

    for (size_t i = 0; i < count; i++) {
        long n = (*number)++;
        snprintf(payloads[i], sizeof payloads[i], "{\"n\":%ld,\"by\":%d,\"drop\":%s}", n, (int)getpid(),
                 n % 3 == 0 ? "true" : "false");
        events[i].type = "order.paid";
        events[i].payload = payloads[i];
        events[i].payload_size = WH_ZSTR;
    }
    if (wh_publish_batch(engine, events, count, receipts) != WH_OK) {
        fprintf(stderr, "crash: publish: %s\n", wh_last_error());
        return;
    }
    for (size_t i = 0; i < count; i++) {
        char line[WH_ID_SIZE + 8];
        snprintf(line, sizeof line, "%.71s %d\n", receipts[i].id, strstr(payloads[i], "true") != NULL);
        write_line(fd, line);
    }
}

static _Noreturn void run_publisher(void) {
    wh_engine *engine = open_engine();
    int fd = open(journal, O_WRONLY | O_APPEND | O_CREAT, 0600);
    long number = 0;

    if (fd < 0) {
        die(journal);
    }
    for (;;) {
        publish_some(engine, fd, &number);
        usleep(2000);
    }
}

static _Noreturn void run_worker(void) {
    wh_engine *engine = open_engine();

    errno = 0;
    if (wh_start(engine, 2) != WH_OK) {
        die("start");
    }
    for (;;) {
        pause();
    }
}

static pid_t start(const char *role) {
    pid_t pid = fork();

    if (pid == 0) {
        execl(self_path, self_path, "--role", role, "--store", store, (char *)NULL);
        _exit(127);
    }
    if (pid < 0) {
        die("fork");
    }
    return pid;
}

static const char *role_of(int child) {
    return child < PUBLISHERS ? "publisher" : "worker";
}

/* ----------------------------------------------------------------------- the judge */

typedef struct seen {
    char id[WH_ID_SIZE];
    int dropped;   /* journal: the rule drops it */
    int accepted;  /* in the journal */
    int all, kept; /* arrivals at /all and /kept */
} seen;

static seen *table;
static size_t table_size = 1 << 16, table_used;

static seen *look_up(const char *id) {
    uint64_t hash = UINT64_C(14695981039346656037);
    size_t at;

    for (const char *c = id; *c; c++) {
        hash = (hash ^ (unsigned char)*c) * UINT64_C(1099511628211);
    }
    for (at = hash & (table_size - 1); table[at].id[0] != '\0'; at = (at + 1) & (table_size - 1)) {
        if (strcmp(table[at].id, id) == 0) {
            return &table[at];
        }
    }
    if (++table_used > table_size / 2) {
        fprintf(stderr, "crash: too many events for the judge's table\n");
        exit(1);
    }
    snprintf(table[at].id, sizeof table[at].id, "%s", id);
    return &table[at];
}

static void read_journal(void) {
    FILE *file = fopen(journal, "r");
    char id[WH_ID_SIZE];
    int dropped;

    if (file == NULL) {
        die(journal);
    }
    while (fscanf(file, "%71s %d", id, &dropped) == 2) {
        seen *event = look_up(id);
        event->accepted = 1;
        event->dropped = dropped;
    }
    fclose(file);
}

/* "path id status body" lines. */
static long read_log(void) {
    FILE *file = fopen(log_path, "r");
    char path[32], id[WH_ID_SIZE], body[256];
    long wrong = 0;
    int status;

    if (file == NULL) {
        die(log_path);
    }
    while (fscanf(file, "%31s %71s %d %255[^\n]", path, id, &status, body) == 4) {
        seen *event = look_up(id);
        int drop = strstr(body, "\"drop\":true") != NULL;
        if (strcmp(path, "/kept") == 0 || strcmp(path, "/filtered") == 0) {
            wrong += drop;
            event->kept += status == 200 && strcmp(path, "/kept") == 0;
        } else {
            event->all += status == 200;
        }
    }
    fclose(file);
    return wrong;
}

static int judge(int kills, unsigned seed) {
    long accepted = 0, lost = 0, duplicates = 0, unknown = 0, wrong;

    table = calloc(table_size, sizeof *table);
    read_journal();
    wrong = read_log();
    for (size_t i = 0; i < table_size; i++) {
        const seen *event = &table[i];
        if (event->id[0] == '\0') {
            continue;
        }
        accepted += event->accepted;
        unknown += !event->accepted; /* accepted, but killed before the journal was written */
        if (event->accepted && (event->all == 0 || (!event->dropped && event->kept == 0))) {
            if (lost++ < 10) {
                fprintf(stderr, "crash: lost: %s (all %d, kept %d)\n", event->id, event->all, event->kept);
            }
        }
        duplicates += event->all > 1 ? event->all - 1 : 0;
        duplicates += event->kept > 1 ? event->kept - 1 : 0;
    }
    printf("kills %d, seed %u: %ld events accepted, %ld lost, %ld duplicates, %ld sent although dropped, "
           "%ld accepted without a journal line\n",
           kills, seed, accepted, lost, duplicates, wrong, unknown);
    free(table);
    return lost == 0 && wrong == 0 && accepted > 0 ? 0 : 1;
}

/* ------------------------------------------------------------------------ the driver */

static void subscribe(wh_engine *engine, const char *path, const char *more) {
    char document[512];

    snprintf(document, sizeof document,
             "{\"url\":\"http://127.0.0.1:%s%s\",\"retry\":[0,200,200,500,500,1000,1000,2000]%s}", port_text, path,
             more);
    errno = 0;
    if (wh_subscribe(engine, document, WH_ZSTR, NULL) != WH_OK) {
        die("subscribe");
    }
}

static void pause_randomly(unsigned *seed) {
    int ms = PAUSE_MS_MIN + rand_r(seed) % (PAUSE_MS_MAX - PAUSE_MS_MIN);
    struct timespec time = { 0, ms * 1000000L };

    nanosleep(&time, NULL);
}

static void kill_child(pid_t pid) {
    int status;

    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    if (!WIFSIGNALED(status)) {
        fprintf(stderr, "crash: a child ended by itself, status %d\n", status);
        exit(1);
    }
}

static void settle(wh_engine *engine) {
    const struct timespec pause = { 0, 200000000 };
    time_t end = time(NULL) + SETTLE_S;
    int quiet = 0;

    sleep(LEASE_S);
    while (time(NULL) < end && quiet < 3) {
        nanosleep(&pause, NULL);
        quiet = wh_idle(engine) == 1 && receive_quiet_ms() > 1000 ? quiet + 1 : 0;
    }
    if (quiet < 3) {
        fprintf(stderr, "crash: something is stuck: not idle after %d seconds\n", SETTLE_S);
        exit(1);
    }
}

static int drive(int kills, unsigned seed) {
    unsigned chance = seed;
    pid_t children[CHILDREN];
    wh_engine *engine;

    snprintf(port_text, sizeof port_text, "%d", receive_start(log_path, 13));
    engine = open_engine();
    subscribe(engine, "/all", "");
    subscribe(engine, "/kept", ",\"rule\":\"return payload.drop == false\"");
    subscribe(engine, "/filtered", ",\"filters\":{\"drop\":false},\"fields\":\"n,drop\"");
    for (int i = 0; i < CHILDREN; i++) {
        children[i] = start(role_of(i));
    }
    for (int i = 0; i < kills; i++) {
        int victim = rand_r(&chance) % CHILDREN;
        pause_randomly(&chance);
        kill_child(children[victim]);
        children[victim] = start(role_of(victim));
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        kill_child(children[i]);
    }
    settle(engine);
    for (int i = PUBLISHERS; i < CHILDREN; i++) {
        kill_child(children[i]);
    }
    wh_close(engine);
    return judge(kills, seed);
}

static void remove_files(void) {
    static const char *const ends[] = { "", "-wal", "-shm", ".journal", ".log" };
    char name[300];

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        snprintf(name, sizeof name, "%s%s", store, ends[i]);
        unlink(name);
    }
}

static void temporary_store(void) {
    int fd;

    snprintf(store, sizeof store, "/tmp/webhook-crash-XXXXXX");
    fd = mkstemp(store);
    if (fd < 0) {
        die(store);
    }
    close(fd);
}

int main(int argc, char **argv) {
    static const struct option options[] = { { "kills", 1, NULL, 'k' }, { "seed", 1, NULL, 's' },
                                             { "store", 1, NULL, 'f' }, { "role", 1, NULL, 'r' },
                                             { "keep", 0, NULL, 'K' },  { NULL, 0, NULL, 0 } };
    unsigned seed = (unsigned)time(NULL);
    const char *role = NULL;
    int kills = 50, keep = 0, option, result;

    self_path = "/proc/self/exe";
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (option) {
        case 'k':
            kills = (int)strtol(optarg, NULL, 10);
            break;
        case 's':
            seed = (unsigned)strtoul(optarg, NULL, 10);
            break;
        case 'f':
            snprintf(store, sizeof store, "%s", optarg);
            break;
        case 'r':
            role = optarg;
            break;
        case 'K':
            keep = 1;
            break;
        default:
            return 2;
        }
    }
    if (store[0] == '\0') {
        temporary_store();
    }
    snprintf(journal, sizeof journal, "%s.journal", store);
    snprintf(log_path, sizeof log_path, "%s.log", store);
    if (role != NULL) {
        strcmp(role, "worker") == 0 ? run_worker() : run_publisher();
    }
    setvbuf(stdout, NULL, _IOLBF, 0);
    result = drive(kills, seed);
    if (!keep && result == 0) {
        remove_files();
    } else {
        printf("kept: %s\n", store);
    }
    return result;
}
