/* The log's memory of what it said: a line that comes again within a minute is counted, not
 * given again. When its minute is over, it says how often it came.
 *
 * Some lines are remembered at once, because a store that fails has several parts complain in
 * turn. Whatever waits to be told is told by the next line, whichever it is, and at the end.
 * The host's function is called without a lock, so it may take its time. */
#ifndef WHI_ENGINE_LOG_H
#define WHI_ENGINE_LOG_H

#include <pthread.h>
#include <stdint.h>

#include "base/error.h"
#include "engine/options.h"
#include "webhook.h"

#define WHI_LOG_SIZE (WHI_ERROR_SIZE * 2)
#define WHI_LOG_LINES 4
#define WHI_LOG_US INT64_C(60000000)

typedef struct whi_log_line {
    int level;
    long long more; /* times that it came and was not given */
    int64_t until;  /* monotonic us; 0: the place is free */
    char text[WHI_LOG_SIZE];
} whi_log_line;

typedef struct whi_log_memory {
    pthread_mutex_t lock;
    whi_log_line lines[WHI_LOG_LINES];
} whi_log_memory;

typedef struct whi_logger {
    wh_log_fn call;          /* both NULL: nobody listens */
    wh_log_record_fn record; /* in its place */
    void *payload;
    const wh_clock *clock;
    int level; /* what is beyond it is not said */
    whi_log_memory memory;
} whi_logger;

/* Of the options those of the log are looked at; the clock says when. */
void whi_log_open(whi_logger *log, const whi_options *options, const wh_clock *clock);

/* Tells what was counted; after it nothing is logged. */
void whi_log_close(whi_logger *log);

/* A log line; levels as in webhook.h. Any thread. */
void whi_log(whi_logger *log, int level, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The same of the same words each time, with what they are about. What is below WH_LOG_INFO is not counted: each one is
 * said. */
void whi_log_fields(whi_logger *log, int level, const char *message, const wh_log_field *fields, size_t count);

/* 1: a line of this level would be said. For who would have to gather its fields. */
int whi_log_says(const whi_logger *log, int level);

/* "message name=text name=7 name=\"a text\"", of out's size at most. */
void whi_log_line_write(char *out, size_t size, const char *message, const wh_log_field *fields, size_t count);

/* ---- the memory alone */

void whi_log_begin(whi_log_memory *memory);
void whi_log_end(whi_log_memory *memory);

/* 1 if the line is to be given, and is remembered; 0 if it is counted. */
int whi_log_is_new(whi_log_memory *memory, int level, const char *text, int64_t now);

/* 1 if out, of WHI_LOG_SIZE bytes, holds a line that tells how often one came; asked again until
 * 0. For those whose time is over; with INT64_MAX for all. */
int whi_log_told(whi_log_memory *memory, int64_t now, int *level, char *out);

#endif
