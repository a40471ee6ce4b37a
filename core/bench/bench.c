#include "bench.h"

#include "base/ident.h"
#include "pure/delivery.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int bench_sync_us, bench_answer = 204;

/* In front of the C library's and visible, so that SQLite's calls come here. */
__attribute__((visibility("default"))) int fdatasync(int fd) {
    int result = (int)syscall(SYS_fdatasync, fd);

    if (bench_sync_us > 0) {
        usleep((useconds_t)bench_sync_us);
    }
    return result;
}

__attribute__((visibility("default"))) int fsync(int fd) {
    int result = (int)syscall(SYS_fsync, fd);

    if (bench_sync_us > 0) {
        usleep((useconds_t)bench_sync_us);
    }
    return result;
}

double bench_now(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_cpu(void) {
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return values[count / 2];
}

double bench_rss_mb(void) {
    long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file != NULL) {
        if (fscanf(file, "%ld %ld", &pages, &resident) != 2) {
            resident = 0;
        }
        fclose(file);
    }
    return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576.0;
}

const char *bench_payload(size_t size) {
    static const char head[] = "{\"id\":9007199254740993,\"type\":\"invoice\",\"total\":1200.50,\"text\":\"";
    char *payload = malloc(size + 1);

    memset(payload, 'x', size);
    memcpy(payload, head, sizeof head - 1);
    memcpy(payload + size - 2, "\"}", 2);
    payload[size] = '\0';
    return payload;
}

void bench_file(char *out, size_t size) {
    const char *folder = getenv("BENCH_DIR");
    int fd;

    snprintf(out, size, "%s/webhook-bench-XXXXXX", folder != NULL ? folder : "/tmp");
    fd = mkstemp(out);
    if (fd < 0) {
        perror(out);
        exit(1);
    }
    close(fd);
}

void bench_remove(const char *file) {
    static const char *const ends[] = { "", "-wal", "-shm" };
    char name[300];

    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", file, ends[i]);
        unlink(name);
    }
}

void bench_check(int code, const char *what) {
    if (code < 0) {
        fprintf(stderr, "%s: %s\n", what, wh_last_error());
        exit(1);
    }
}

/* --------------------------------------------------------------- null transport */

struct whi_transport {
    whi_request **open;
    size_t count, capacity;
};

static int open_null(whi_transport **out, const whi_transport_options *options) {
    (void)options;
    *out = calloc(1, sizeof **out);
    return WH_OK;
}

static void close_null(whi_transport *transport) {
    free(transport->open);
    free(transport);
}

static int send_null(whi_transport *transport, whi_request *request) {
    if (transport->count == transport->capacity) {
        transport->capacity = transport->capacity ? transport->capacity * 2 : 64;
        transport->open = realloc(transport->open, transport->capacity * sizeof *transport->open);
    }
    transport->open[transport->count++] = request;
    return WH_OK;
}

static int send_mute(whi_transport *transport, whi_request *request) {
    (void)transport;
    (void)request;
    return WH_OK;
}

static void ready_null(whi_transport *transport, const whi_ready *list, int count) {
    (void)transport;
    (void)list;
    (void)count;
}

static void tick_null(whi_transport *transport) {
    size_t count = transport->count;

    transport->count = 0;
    for (size_t i = 0; i < count; i++) {
        transport->open[i]->status = bench_answer;
        transport->open[i]->done(transport->open[i], transport->open[i]->payload);
    }
}

static int timeout_null(const whi_transport *transport) {
    return transport->count > 0 ? 0 : -1;
}

static void cut_null(whi_transport *transport, const whi_request *only, const char *message) {
    (void)transport;
    (void)only;
    (void)message;
}

const whi_transport_vtable bench_transport_null = { open_null, close_null,   send_null, ready_null,
                                                    tick_null, timeout_null, cut_null };
const whi_transport_vtable bench_transport_mute = { open_null, close_null,   send_mute, ready_null,
                                                    tick_null, timeout_null, cut_null };

/* ----------------------------------------------------------------------- backlog */

#define FILL 2000 /* events of one transaction */

static void add_waiting(whi_store *store, int64_t number, int subscriptions, int64_t due) {
    whi_event_row event = { 0 };
    whi_delivery_row delivery = { 0 };
    int duplicate, done;

    event.number = whi_ident_first(BENCH_TIME) + number;
    event.type = "invoice.paid";
    event.tenant = "";
    event.time = event.accepted_at = BENCH_TIME;
    event.payload = "{\"id\":7}";
    event.payload_size = 8;
    delivery.event = event.number;
    delivery.subscription = 1 + number % subscriptions;
    delivery.turn = WHI_TURN_ABSENT;
    delivery.version = 1;
    delivery.state = WHI_WAITING;
    delivery.due = due + number % 1000;
    delivery.created_at = delivery.updated_at = BENCH_TIME;
    bench_check(whi_store_event_add(store, &event, &duplicate), "event_add");
    bench_check(whi_store_delivery_put(store, &delivery, &done), "delivery_put");
    bench_check(done ? WH_OK : WH_ECONFLICT, "a delivery that is there");
}

/* What has its deliveries needs no fan-out: whoever opens the store finds nothing beyond the positions. */
static void decide_all(whi_store *store, int64_t last) {
    int64_t owner, position;
    int count;

    bench_check(whi_store_begin(store), "begin");
    bench_check(whi_store_worker_add(store, 0, &owner), "worker_add");
    bench_check(whi_store_partition_take(store, owner, WH_PARTITIONS, &position, &count), "partition_take");
    bench_check(whi_store_position(store, owner, last), "position");
    bench_check(whi_store_worker_remove(store, owner), "worker_remove");
    bench_check(whi_store_commit(store, NULL), "commit");
}

void bench_fill(whi_store *store, long count, int subscriptions, int64_t due) {
    for (long i = 0; i < count;) {
        bench_check(whi_store_begin(store), "begin");
        for (int k = 0; k < FILL && i < count; k++, i++) {
            add_waiting(store, i, subscriptions, due);
        }
        bench_check(whi_store_commit(store, NULL), "commit");
    }
    decide_all(store, whi_ident_first(BENCH_TIME) + count - 1);
}
