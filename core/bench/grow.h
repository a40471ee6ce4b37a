/* The parts of bench_grow: stores with little and with much in them, and rows of its table. */
#ifndef GROW_H
#define GROW_H

#include <sqlite3.h>
#include <stdint.h>

#include "bench.h"

#define GROW_LITTLE 1000
#define GROW_URL "\"url\":\"https://example.com/\""
#define GROW_ROUNDS 32 /* at most */

typedef struct stock {
    char file[256];
    wh_engine *engine;
    char event[WH_ID_SIZE], subscription[WH_ID_SIZE]; /* the oldest event, and one of its subscriptions */
    long events, subscriptions;
    sqlite3 *program; /* an application's own connection to the file */
} stock;

/* So many subscriptions, and events that the first hundred of them got, one a millisecond, the last of them so many
 * days ago. waiting: each subscription has a delivery that waits for tomorrow. */
void stock_make(stock *self, long events, long subscriptions, int waiting, int days);
void stock_free(stock *self);
void stock_execute(const stock *self, const char *sql);
int64_t stock_number(const stock *self, const char *sql);
wh_engine *stock_open(const char *file, int durability);

/* The table: what there is little and much of, what is done, its unit, both figures, and the median of their ratios. */
void grow_head(void);
void grow_row(const char *with, const char *what, const char *unit, double little, double much, double factor);

/* Medians of both, and of their ratios. */
void grow_rounds(const char *with, const char *what, const char *unit, double *little, double *much, int rounds);

/* ---- rows that need more than a store */
void grow_purge(long events, int rounds);         /* publishing beside a purge, and whether that keeps pace */
void grow_backlog(long events, int rounds);       /* what waits and is due */
void grow_failing(int rounds);                    /* an attempt that fails, and one that succeeds */
void grow_rules(int rounds);                      /* one rule on a payload, and a hundred */
void grow_connections(int receivers, int rounds); /* receivers whose connections are kept */
void grow_down(long waiting);                     /* memory, while a receiver is down */
void grow_looking_back(const stock *little, const stock *much, int rounds); /* a backtest on all that there is */

#endif
