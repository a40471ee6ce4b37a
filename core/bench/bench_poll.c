/* bench_poll [SCRIPT] - readings in which nothing has changed: 1,000 subscriptions on 100 sources of 10,000 objects
 * each, which 10 share each time, against scanning the same bytes with the engine's own JSON scanner, and against a
 * loop in Lua with lua-cjson and a table of ids (bench_poll.lua is SCRIPT). CPU of all threads, measured in turns
 * within each round; medians of the rounds. Goals: half as fast as the scanner, 5 times the loop. Then memory with
 * 10,000 and with 1,000,000 objects, bytes on the disk of an object beyond its id (goal: 48), and what a look-up costs
 * among 1,000 and among 1,000,000 remembered objects (goal: 1.3), in the order of a list and in none. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"
#include "engine/context.h"
#include "life/open.h"
#include "pure/json.h"
#include "remote.h"
#include "webhook_source.h"

#define ROUNDS 3
#define SOURCES 100
#define SHARING 10
#define OBJECTS 10000
#define PAGE 1000
#define PAGES (OBJECTS / PAGE)
#define ALL (SOURCES * OBJECTS)
#define PAGE_SIZE ((size_t)PAGE * 512)
#define ID_BYTES 7 /* as it is kept: a letter and digits, on average */
#define LOOKS 20000

static struct {
    char *text;
    size_t size;
} pages[PAGES];
static size_t page_bytes; /* of all of them */
static char ids[SOURCES][WH_ID_SIZE];

/* ------------------------------------------------------------------------ the objects */

static size_t write_object(int number, char *out, size_t room) {
    return (size_t)snprintf(
        out, room,
        "{\"id\":%d,\"created_at\":\"2026-03-%02dT09:14:00Z\",\"updated_at\":\"2026-11-%02dT10:%02d:"
        "00Z\",\"name\":\"Ada Lovelace %d\",\"emails\":[{\"email\":\"ada%d@example.com\",\"type\":"
        "\"WORK\"}],\"telephones\":[{\"telephone\":\"+44 20 7946 %04d\"}],\"company\":\"Analytical "
        "Engines Ltd\",\"title\":\"Programmer\",\"address\":{\"city\":\"London\",\"country_code\":"
        "\"GB\",\"postal_code\":\"W1J 7NT\"},\"is_active\":true,\"score\":%d.25}",
        100000 + number, 1 + number % 28, 1 + number % 28, number % 60, number, number, number % 10000, number % 100);
}

static void make_pages(void) {
    for (int i = 0; i < PAGES; i++) {
        char *text = malloc(PAGE_SIZE);
        size_t used = 1;
        text[0] = '[';
        for (int k = 0; k < PAGE; k++) {
            text[used] = ',';
            used += k > 0;
            used += write_object(i * PAGE + k, text + used, PAGE_SIZE - used);
        }
        memcpy(text + used, "]", 2);
        pages[i].text = text;
        pages[i].size = used + 1;
        page_bytes += pages[i].size;
    }
}

static void list(void *payload, const wh_source_query *query, wh_source_call *call) {
    wh_source_page page = { .size = sizeof page, .retry_after = -1 };
    long at = query->page != NULL ? strtol(query->page, NULL, 10) : 0;
    char next[32];

    (void)payload;
    snprintf(next, sizeof next, "%ld", at + 1);
    page.items = pages[at].text;
    page.items_size = pages[at].size;
    page.next = at + 1 < PAGES ? next : NULL;
    call->answer(call, &page);
}

/* ------------------------------------------------------------------------ the engine */

static void subscribe(wh_engine *engine, int source) {
    char document[300];

    for (int i = 0; i < SHARING; i++) {
        snprintf(document, sizeof document,
                 "{\"url\":\"http://example.com/%d\",\"source\":\"con_%d\",\"events\":[\"crm_contact.*\"],"
                 "\"poll\":{\"type\":\"crm_contact\",\"interval\":31536000000}}",
                 i, source);
        bench_check(wh_subscribe(engine, document, WH_ZSTR, ids[source]), "subscribe");
    }
}

static void check_runs(wh_engine *engine, int last) {
    for (int i = 0; i <= last; i++) {
        char *document;
        size_t size;
        bench_check(wh_subscription(engine, ids[i], &document, &size), "subscription");
        if (strstr(document, " ok pages=10 objects=10000 sent=0 ") == NULL) {
            fprintf(stderr, "bench_poll: not read as expected: %s\n", document);
            exit(1);
        }
        wh_free(document);
    }
}

/* us of an object. */
static double read_all(wh_engine *engine) {
    double start;

    for (int i = 0; i < SOURCES; i++) {
        bench_check(wh_poll_now(engine, ids[i], 0), "poll");
    }
    start = bench_cpu();
    bench_check(wh_run(engine), "run");
    return (bench_cpu() - start) / ALL * 1e6;
}

static double scan_all(void) {
    static whi_json json;
    double start = bench_cpu();

    for (int i = 0; i < SOURCES; i++) {
        for (int k = 0; k < PAGES; k++) {
            bench_check(whi_json_scan(&json, pages[k].text, pages[k].size, WHI_JSON_DEPTH_MAXIMUM), "scan");
        }
    }
    return (bench_cpu() - start) / ALL * 1e6;
}

static int start_loop(const char *script) {
    if (script == NULL || (!remote_start("lua5.4", script) && !remote_start("lua", script))) {
        return 0;
    }
    for (int i = 0; i < PAGES; i++) {
        remote_tell(pages[i].text);
    }
    return remote_ask("begin") == OBJECTS;
}

static void compare(wh_engine *engine, const char *script) {
    double ours[ROUNDS], scan[ROUNDS], loop[ROUNDS], to_scan[ROUNDS], to_loop[ROUNDS], marks = read_all(engine);
    int loops = start_loop(script);

    for (int i = 0; i < ROUNDS; i++) {
        ours[i] = read_all(engine);
        scan[i] = scan_all();
        loop[i] = loops ? remote_ask("read") / ALL * 1e6 : 0;
        to_scan[i] = scan[i] / ours[i];
        to_loop[i] = loop[i] / ours[i];
    }
    check_runs(engine, SOURCES - 1);
    printf("poll     %d subscriptions, %d sources of %d unchanged objects of %zu bytes: %.2f us an object\n",
           SOURCES * SHARING, SOURCES, OBJECTS, page_bytes / OBJECTS, bench_median(ours, ROUNDS));
    printf("         by marks, as the first time in a process: %.2f us\n", marks);
    printf("         scanning the same bytes %.2f us: %.2f times as fast as that\n", bench_median(scan, ROUNDS),
           bench_median(to_scan, ROUNDS));
    if (loops) {
        printf("         lua-cjson and a table of ids %.2f us: %.2f times as fast as that\n",
               bench_median(loop, ROUNDS), bench_median(to_loop, ROUNDS));
    } else {
        printf("         lua-cjson is left out: no Lua 5.4 that has it\n");
    }
}

static void readings(const char *script) {
    wh_source source = { .size = sizeof source, .can = WH_SOURCE_ALL, .list = list };
    double one, all;
    struct stat before, after;
    wh_engine *engine;
    char file[100];

    bench_file(file, sizeof file);
    bench_check(whi_open(&engine, file, NULL, &bench_transport_null), "open");
    bench_check(wh_source_add(engine, "crm_contact", &source), "source");
    subscribe(engine, 0);
    bench_check(wh_run(engine), "run");
    one = bench_rss_mb();
    for (int i = 1; i < SOURCES; i++) {
        subscribe(engine, i);
    }
    (void)stat(file, &before);
    bench_check(wh_run(engine), "run");
    all = bench_rss_mb();
    compare(engine, script);
    printf("memory   with %d objects %.1f MB, with %d %.1f MB\n", OBJECTS, one, ALL, all);
    wh_close(engine); /* what is beside the file comes into it */
    (void)stat(file, &after);
    printf("disk     %.1f bytes of an object beyond its id\n",
           (double)(after.st_size - before.st_size) / (ALL - OBJECTS) - ID_BYTES);
    bench_remove(file);
}

/* --------------------------------------------------------------------------- look-ups */

static size_t write_id(long number, char out[24]) {
    return (size_t)snprintf(out, 24, "n%ld", 1000000 + number);
}

static void fill(whi_store *store, int64_t seen, long count) {
    char id[24];

    bench_check(whi_store_begin(store), "begin");
    for (long i = 0; i < count; i++) {
        whi_fact fact = { .kind = WH_FACT_SEEN };
        whi_answer answer;
        fact.of.object = (wh_backend_seen){ seen, id, write_id(i, id), i * 7919, 1 };
        bench_check(whi_store_write(store, &fact, &answer), "remember");
    }
    bench_check(whi_store_commit(store, NULL), "commit");
}

/* us of one; in the order of a list from a place in it, or in none. */
static double look_up(whi_store *store, int64_t seen, long count, int in_order) {
    static uint32_t drawn = 1;
    double start = bench_cpu();
    char id[24];
    long first = count > LOOKS ? (long)(drawn = drawn * 1664525u + 1013904223u) % (count - LOOKS) : 0;

    for (long i = 0; i < LOOKS; i++) {
        long number = (first + i) % count;
        wh_backend_seen one = { .seen = seen, .id = id };
        int found;
        if (!in_order) {
            drawn = drawn * 1664525u + 1013904223u;
            number = (long)(drawn >> 4) % count;
        }
        one.id_size = write_id(number, id);
        bench_check(store->vtable->seen_get(store, &one, &found), "look");
    }
    return (bench_cpu() - start) / LOOKS * 1e6;
}

static void look_ups(void) {
    static const char *const orders[] = { "in no order", "in the order of a list" };
    wh_engine *engine;
    char file[100];

    bench_file(file, sizeof file);
    bench_check(whi_open(&engine, file, NULL, &bench_transport_null), "open");
    fill(engine->store, 1, 1000);
    fill(engine->store, 2, 1000000);
    for (int in_order = 1; in_order >= 0; in_order--) {
        double few[BENCH_ROUNDS], many[BENCH_ROUNDS], ratio[BENCH_ROUNDS];
        for (int i = 0; i < BENCH_ROUNDS; i++) {
            few[i] = look_up(engine->store, 1, 1000, in_order);
            many[i] = look_up(engine->store, 2, 1000000, in_order);
            ratio[i] = many[i] / few[i];
        }
        printf("look-up  %s: among 1,000 %.2f us, among 1,000,000 %.2f us, ratio %.2f\n", orders[in_order],
               bench_median(few, BENCH_ROUNDS), bench_median(many, BENCH_ROUNDS), bench_median(ratio, BENCH_ROUNDS));
    }
    wh_close(engine);
    bench_remove(file);
}

int main(int argc, char **argv) {
    make_pages();
    readings(argc > 1 ? argv[1] : NULL);
    look_ups();
    return 0;
}
