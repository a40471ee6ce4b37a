/* bench_backlog - what it costs to read the deliveries that are due when a thousand and when a million
 * of them wait, spread over 100 subscriptions, all due. Goal: within 1.5 times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ident.h"
#include "bench.h"
#include "outside/store.h"
#include "pure/delivery.h"

#define SUBSCRIPTIONS 100
#define ROOM 10 /* deliveries: what one lane has room for */
#define NOW BENCH_TIME

static whi_store *store;

static int each(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    (void)event;
    ++*(long *)payload;
    return 0;
}

static int known(int64_t event, void *payload) {
    (void)event;
    (void)payload;
    return 0;
}

/* us of CPU per delivery, for one round over the subscriptions. */
static double read_once(void) {
    double start = bench_cpu();
    long given = 0;

    for (int64_t s = 1; s <= SUBSCRIPTIONS; s++) {
        whi_store_waiting asked = { s, NOW + 5000, ROOM, known, each, &given };
        int64_t next;

        bench_check(store->vtable->waiting(store, &asked, &next), "waiting");
    }
    return (bench_cpu() - start) / (double)given * 1e6;
}

static double measure(long backlog) {
    double costs[BENCH_ROUNDS * 3];
    whi_store_options options = { .durability = WH_NORMAL };
    char file[256];

    bench_file(file, sizeof file);
    bench_check(whi_store_open(&store, file, &options), "open");
    bench_fill(store, backlog, SUBSCRIPTIONS, NOW);
    for (int i = 0; i < BENCH_ROUNDS * 3; i++) {
        costs[i] = read_once();
    }
    whi_store_close(store);
    bench_remove(file);
    return bench_median(costs, BENCH_ROUNDS * 3);
}

int main(void) {
    double small = measure(1000), large = measure(1000000);

    printf("backlog  reading %d: %.1f us a delivery with 1,000 waiting, %.1f with 1,000,000, ratio %.2f\n", ROOM, small,
           large, large / small);
    return 0;
}
