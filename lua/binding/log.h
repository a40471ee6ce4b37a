/* Log lines of an engine's threads, queued until the host's own thread asks: a thread
 * of the engine never touches a Lua state. Beyond 1000 lines the newest are dropped and
 * counted. */
#ifndef WHL_LOG_H
#define WHL_LOG_H

#include "binding.h"

typedef struct whl_log whl_log;

/* NULL without memory. Freed after the engine that writes to it has closed. */
whl_log *whl_log_new(void);
void whl_log_free(whl_log *log); /* NULL does nothing */

/* The wh_log_fn; payload is the queue. Any thread. */
void whl_log_add(int level, const char *line, void *payload);

/* Takes the oldest line into out, which is cut to size. 0 if there is none. */
int whl_log_take(whl_log *log, int *level, char *out, size_t size);

#endif
