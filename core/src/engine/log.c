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

/* ------------------------------------------------------------------------ the line */

typedef struct writing {
    char *out;
    size_t size, used; /* a byte is left for the end */
} writing;

static void put(writing *self, char byte) {
    if (self->used + 1 < self->size) {
        self->out[self->used++] = byte;
    }
}

static void put_text(writing *self, const char *text) {
    for (; *text != '\0'; text++) {
        put(self, (unsigned char)*text < ' ' ? ' ' : *text);
    }
}

static int is_bare(const char *text) {
    size_t size = strlen(text);

    return size > 0 && strcspn(text, " \"=\\\t\r\n") == size;
}

static void put_value(writing *self, const char *text) {
    if (is_bare(text)) {
        put_text(self, text);
        return;
    }
    put(self, '"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            put(self, '\\');
        }
        put(self, (unsigned char)*text < ' ' ? ' ' : *text);
    }
    put(self, '"');
}

static void put_field(writing *self, const wh_log_field *field) {
    char digits[24];

    put(self, ' ');
    put_text(self, field->name);
    put(self, '=');
    if (field->text != NULL) {
        put_value(self, field->text);
    } else {
        snprintf(digits, sizeof digits, "%lld", (long long)field->number);
        put_text(self, digits);
    }
}

void whi_log_line_write(char *out, size_t size, const char *message, const wh_log_field *fields, size_t count) {
    writing self = { out, size, 0 };

    put_text(&self, message);
    for (size_t i = 0; i < count; i++) {
        put_field(&self, &fields[i]);
    }
    out[self.used] = '\0';
}

/* -------------------------------------------------------------------------- the log */

static void say(whi_logger *log, wh_log_record *record) {
    if (log->record != NULL) {
        record->size = sizeof *record;
        record->time = whi_clock_now(log->clock);
        log->record(record, log->payload);
    } else {
        log->call((int)record->level, record->line, log->payload);
    }
}

static void tell_all(whi_logger *log, int64_t now) {
    char line[WHI_LOG_SIZE];
    int level;

    while (whi_log_told(&log->memory, now, &level, line)) {
        say(log, &(wh_log_record){ .level = level, .message = line, .line = line });
    }
}

void whi_log_open(whi_logger *log, const whi_options *options, const wh_clock *clock) {
    log->clock = clock;
    log->call = options->log;
    log->record = options->log_record;
    log->payload = options->log_payload;
    log->level = options->log_level;
    whi_log_begin(&log->memory);
}

int whi_log_says(const whi_logger *log, int level) {
    return level <= log->level && (log->call != NULL || log->record != NULL);
}

void whi_log_fields(whi_logger *log, int level, const char *message, const wh_log_field *fields, size_t count) {
    char line[WHI_LOG_SIZE];
    int64_t now;

    if (!whi_log_says(log, level)) {
        return;
    }
    now = whi_monotonic_us();
    whi_log_line_write(line, sizeof line, message, fields, count);
    tell_all(log, now);
    if (level > WH_LOG_INFO || whi_log_is_new(&log->memory, level, line, now)) {
        say(log, &(wh_log_record){
                     .level = level, .message = message, .line = line, .fields = fields, .field_count = count });
    }
}

void whi_log(whi_logger *log, int level, const char *format, ...) {
    char line[WHI_LOG_SIZE];
    va_list arguments;

    if (!whi_log_says(log, level)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    whi_log_fields(log, level, line, NULL, 0);
}

void whi_log_close(whi_logger *log) {
    if (log->call != NULL || log->record != NULL) {
        tell_all(log, INT64_MAX);
    }
    whi_log_end(&log->memory);
}
