#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define LINES 1000

typedef struct entry {
    int level;
    char *line;
} entry;

struct whl_log {
    pthread_mutex_t lock;
    size_t first, count;
    unsigned long long dropped;
    entry entries[LINES];
};

whl_log *whl_log_new(void) {
    whl_log *log = whi_calloc(1, sizeof *log);

    if (log != NULL) {
        pthread_mutex_init(&log->lock, NULL);
    }
    return log;
}

void whl_log_free(whl_log *log) {
    if (log == NULL) {
        return;
    }
    for (size_t i = 0; i < log->count; i++) {
        whi_free(log->entries[(log->first + i) % LINES].line);
    }
    pthread_mutex_destroy(&log->lock);
    whi_free(log);
}

void whl_log_add(int level, const char *line, void *payload) {
    char *copy = whi_strdup(line, WH_ZSTR);
    whl_log *log = payload;
    entry *made;

    pthread_mutex_lock(&log->lock);
    if (copy == NULL || log->count == LINES) {
        log->dropped++;
        pthread_mutex_unlock(&log->lock);
        whi_free(copy);
        return;
    }
    made = &log->entries[(log->first + log->count++) % LINES];
    made->level = level;
    made->line = copy;
    pthread_mutex_unlock(&log->lock);
}

static int take_entry(whl_log *log, int *level, char *out, size_t size) {
    entry *oldest = &log->entries[log->first];

    *level = oldest->level;
    snprintf(out, size, "%s", oldest->line);
    whi_free(oldest->line);
    log->first = (log->first + 1) % LINES;
    log->count--;
    return 1;
}

int whl_log_take(whl_log *log, int *level, char *out, size_t size) {
    int taken = 0;

    pthread_mutex_lock(&log->lock);
    if (log->count > 0) {
        taken = take_entry(log, level, out, size);
    } else if (log->dropped > 0) {
        *level = WH_LOG_WARNING;
        snprintf(out, size, "%llu log lines were dropped: the queue holds %d", log->dropped, LINES);
        log->dropped = 0;
        taken = 1;
    }
    pthread_mutex_unlock(&log->lock);
    return taken;
}
