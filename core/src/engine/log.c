#include "engine/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"

void whi_log_begin(whi_log_memory *memory) {
    pthread_mutex_init(&memory->lock, NULL);
}

void whi_log_end(whi_log_memory *memory) {
    pthread_mutex_destroy(&memory->lock);
}

/* ---------------------------------------------------------------------- remembering */

static whi_log_line *find(whi_log_memory *memory, int level, const char *text, int64_t now) {
    for (int i = 0; i < WHI_LOG_LINES; i++) {
        whi_log_line *line = &memory->lines[i];
        if (line->until > now && line->level == level && strcmp(line->text, text) == 0) {
            return line;
        }
    }
    return NULL;
}

/* The place of the oldest one that has nothing to tell; NULL while all of them repeat. */
static whi_log_line *take_place(whi_log_memory *memory) {
    whi_log_line *oldest = NULL;

    for (int i = 0; i < WHI_LOG_LINES; i++) {
        whi_log_line *line = &memory->lines[i];
        if (line->more == 0 && (oldest == NULL || line->until < oldest->until)) {
            oldest = line;
        }
    }
    return oldest;
}

static int count_or_keep(whi_log_memory *memory, int level, const char *text, int64_t now) {
    whi_log_line *line = find(memory, level, text, now);

    if (line != NULL) {
        line->more++;
        return 0;
    }
    line = take_place(memory);
    if (line != NULL) {
        line->level = level;
        line->until = now + WHI_LOG_US;
        snprintf(line->text, sizeof line->text, "%s", text);
    }
    return 1;
}

int whi_log_is_new(whi_log_memory *memory, int level, const char *text, int64_t now) {
    int is_new;

    pthread_mutex_lock(&memory->lock);
    is_new = count_or_keep(memory, level, text, now);
    pthread_mutex_unlock(&memory->lock);
    return is_new;
}

/* -------------------------------------------------------------------------- telling */

static int tell(whi_log_line *line, int *level, char *out) {
    int used = snprintf(out, WHI_LOG_SIZE, "%lld more time%s: ", line->more, line->more == 1 ? "" : "s");

    snprintf(out + used, WHI_LOG_SIZE - (size_t)used, "%.*s", WHI_LOG_SIZE - used - 1, line->text);
    *level = line->level;
    line->more = 0;
    line->until = 0;
    return 1;
}

int whi_log_told(whi_log_memory *memory, int64_t now, int *level, char *out) {
    int told = 0;

    pthread_mutex_lock(&memory->lock);
    for (int i = 0; i < WHI_LOG_LINES && !told; i++) {
        whi_log_line *line = &memory->lines[i];
        told = line->more > 0 && line->until <= now ? tell(line, level, out) : 0;
    }
    pthread_mutex_unlock(&memory->lock);
    return told;
}

/* -------------------------------------------------------------------------- the log */

static void tell_all(whi_logger *log, int64_t now) {
    char line[WHI_LOG_SIZE];
    int level;

    while (whi_log_told(&log->memory, now, &level, line)) {
        log->call(level, line, log->payload);
    }
}

void whi_log_open(whi_logger *log, wh_log_fn call, void *payload) {
    log->call = call;
    log->payload = payload;
    whi_log_begin(&log->memory);
}

void whi_log(whi_logger *log, int level, const char *format, ...) {
    char line[WHI_LOG_SIZE];
    int64_t now = whi_monotonic_us();
    va_list arguments;

    if (log->call == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (char *at = line; *at != '\0'; at++) {
        *at = (unsigned char)*at < ' ' ? ' ' : *at;
    }
    tell_all(log, now);
    if (whi_log_is_new(&log->memory, level, line, now)) {
        log->call(level, line, log->payload);
    }
}

void whi_log_close(whi_logger *log) {
    if (log->call != NULL) {
        tell_all(log, INT64_MAX);
    }
    whi_log_end(&log->memory);
}
