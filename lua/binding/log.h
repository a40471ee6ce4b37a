/* Log lines of an engine's threads, queued until the host's own thread asks: a thread
 * of the engine never touches a Lua state. Beyond 1000 lines the newest are dropped and
 * counted. */
#ifndef WHL_LOG_H
#define WHL_LOG_H

#include "binding.h"

#define WHL_LOG_SIZE 4096

typedef struct whl_log whl_log;

/* A line with its parts: zero-terminated texts, one behind the other: the line, the message, and of each field its
 * name and its value, before which a letter says whether it is a text ('t') or a number ('n'). */
typedef struct whl_log_line {
    int level;
    int64_t time;
    size_t size;
    char text[WHL_LOG_SIZE];
} whl_log_line;

/* NULL without memory. Freed after the engine that writes to it has closed. */
whl_log *whl_log_new(void);
void whl_log_free(whl_log *log); /* NULL does nothing */

/* The wh_log_record_fn; payload is the queue. Fields that have no room are left out. Any thread. */
void whl_log_add(const wh_log_record *record, void *payload);

/* Takes the oldest line. 0 if there is none. */
int whl_log_take(whl_log *log, whl_log_line *out);

#endif
