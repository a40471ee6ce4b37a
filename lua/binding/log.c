#include "log.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"

#define LINES 1000

typedef struct entry {
    int level;
    int64_t time;
    size_t size;
    char *text;
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
        whi_free(log->entries[(log->first + i) % LINES].text);
    }
    pthread_mutex_destroy(&log->lock);
    whi_free(log);
}

/* ------------------------------------------------------------------------ writing */

/* As much as has room, with its zero byte. */
static void put(whl_log_line *line, const char *text) {
    size_t room = WHL_LOG_SIZE - line->size, size = strlen(text);

    size = size < room ? size : room - 1;
    memcpy(line->text + line->size, text, size);
    line->text[line->size + size] = '\0';
    line->size += size + 1;
}

static void put_field(whl_log_line *line, const wh_log_field *field) {
    char digits[24];
    const char *text = field->text;

    if (text == NULL) {
        snprintf(digits, sizeof digits, "%lld", (long long)field->number);
        text = digits;
    }
    if (WHL_LOG_SIZE - line->size < strlen(field->name) + strlen(text) + 3) {
        return;
    }
    put(line, field->name);
    line->text[line->size++] = field->text != NULL ? 't' : 'n';
    put(line, text);
}

static void write_line(whl_log_line *line, const wh_log_record *record) {
    line->level = (int)record->level;
    line->time = record->time;
    line->size = 0;
    put(line, record->line);
    if (line->size < WHL_LOG_SIZE) {
        put(line, record->message);
    }
    for (size_t i = 0; i < record->field_count; i++) {
        put_field(line, &record->fields[i]);
    }
}

/* The lock is held. */
static void keep(whl_log *log, const whl_log_line *line, char *text) {
    log->entries[(log->first + log->count++) % LINES] = (entry){ line->level, line->time, line->size, text };
}

void whl_log_add(const wh_log_record *record, void *payload) {
    whl_log_line line;
    whl_log *log = payload;
    char *text;

    write_line(&line, record);
    text = whi_alloc(line.size);
    if (text != NULL) {
        memcpy(text, line.text, line.size);
    }
    pthread_mutex_lock(&log->lock);
    if (text != NULL && log->count < LINES) {
        keep(log, &line, text);
        text = NULL;
    } else {
        log->dropped++;
    }
    pthread_mutex_unlock(&log->lock);
    whi_free(text);
}

/* ------------------------------------------------------------------------- taking */

static int take_entry(whl_log *log, whl_log_line *out) {
    entry *oldest = &log->entries[log->first];

    out->level = oldest->level;
    out->time = oldest->time;
    out->size = oldest->size;
    memcpy(out->text, oldest->text, oldest->size);
    whi_free(oldest->text);
    log->first = (log->first + 1) % LINES;
    log->count--;
    return 1;
}

static int take_dropped(whl_log *log, whl_log_line *out) {
    const wh_log_field field = { "dropped", NULL, (int64_t)log->dropped };
    char line[96];

    snprintf(line, sizeof line, "%llu log lines were dropped: the queue holds %d", log->dropped, LINES);
    write_line(out, &(wh_log_record){
                        .level = WH_LOG_WARNING, .line = line, .message = line, .fields = &field, .field_count = 1 });
    log->dropped = 0;
    return 1;
}

int whl_log_take(whl_log *log, whl_log_line *out) {
    int taken = 0;

    pthread_mutex_lock(&log->lock);
    if (log->count > 0) {
        taken = take_entry(log, out);
    } else if (log->dropped > 0) {
        taken = take_dropped(log, out);
    }
    pthread_mutex_unlock(&log->lock);
    return taken;
}
