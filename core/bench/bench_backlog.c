/* bench_backlog - what it costs to claim deliveries when a thousand and when a million
 * of them wait, spread over 100 subscriptions, all due. Goal: within 1.5 times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../tests/store_once.h"
#include "base/ident.h"
#include "bench.h"
#include "pure/delivery.h"

#define SUBSCRIPTIONS 100
#define CLAIM 10 /* deliveries a claim: what one lane has room for */
#define NOW BENCH_TIME

static whi_store *store;

static int each(const whi_delivery_row *row, const whi_event_row *event, void *payload) {
    (void)row;
    (void)event;
    ++*(long *)payload;
    return 0;
}

/* us of CPU per delivery claimed, for one sweep over the subscriptions. The rows are
 * given back, so that the backlog stays what it is. */
static double claim_once(void) {
    double start, cost;
    long claimed = 0;
    int64_t owner;

    bench_check(whi_store_begin(store), "begin");
    bench_check(whi_store_worker_add(store, 0, &owner), "worker_add");
    bench_check(whi_store_commit(store, NULL), "commit");
    start = bench_cpu();
    for (int64_t s = 1; s <= SUBSCRIPTIONS; s++) {
        int64_t due;
        bench_check(whi_store_begin(store), "begin");
        bench_check(whi_store_delivery_claim(store, owner, s, NOW + 5000, CLAIM, each, &claimed, &due), "claim");
        bench_check(whi_store_commit(store, NULL), "commit");
    }
    cost = (bench_cpu() - start) / (double)claimed * 1e6;
    bench_check(whi_store_begin(store), "begin");
    bench_check(whi_store_worker_remove(store, owner), "worker_remove");
    for (int count = 1; count > 0;) {
        bench_check(whi_store_worker_sweep(store, NOW, 1000, &count), "release");
    }
    bench_check(whi_store_commit(store, NULL), "commit");
    return cost;
}

static double measure(long backlog) {
    double costs[BENCH_ROUNDS * 3];
    whi_store_options options = { WH_NORMAL };
    char file[256];

    bench_file(file, sizeof file);
    bench_check(whi_store_open(&store, file, &options), "open");
    bench_fill(store, backlog, SUBSCRIPTIONS, NOW);
    for (int i = 0; i < BENCH_ROUNDS * 3; i++) {
        costs[i] = claim_once();
    }
    whi_store_close(store);
    bench_remove(file);
    return bench_median(costs, BENCH_ROUNDS * 3);
}

int main(void) {
    double small = measure(1000), large = measure(1000000);

    printf("backlog  claim of %d: %.1f us a delivery with 1,000 waiting, %.1f with 1,000,000, ratio %.2f\n", CLAIM,
           small, large, large / small);
    return 0;
}
