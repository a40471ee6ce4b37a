/* What the benchmarks of the engine share. Every program measures the engine and its
 * yardstick in turns within one run and prints medians and their ratio: machines are
 * noisy, ratios of neighbours in time are not. */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "outside/store.h"
#include "outside/transport.h"
#include "webhook.h"

#define BENCH_ROUNDS 5

double bench_now(void); /* s, monotonic */
double bench_cpu(void); /* s of this process, all threads */
double bench_median(double *values, int count);
double bench_rss_mb(void); /* resident size of this process */

/* A JSON payload of exactly this size; never freed. */
const char *bench_payload(size_t size);

/* A fresh store's file name, removed with its companions by bench_remove. */
void bench_file(char *out, size_t size);
void bench_remove(const char *file);

/* Ends the program with the library's last sentence when code is an error. */
void bench_check(int code, const char *what);

/* Every fsync of this process takes so much longer. */
extern int bench_sync_us;

/* A transport that answers everything at once, without a network, with bench_answer (204); one that
 * never answers. */
extern int bench_answer;
extern const whi_transport_vtable bench_transport_null;
extern const whi_transport_vtable bench_transport_mute;

/* Fills a store with deliveries that wait, spread over subscriptions 1, 2, …, due within
 * a second from a time. */
#define BENCH_TIME INT64_C(1795000000000)
void bench_fill(whi_store *store, long count, int subscriptions, int64_t due);

#endif
