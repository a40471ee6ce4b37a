#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "webhook_backend.h"

static _Thread_local whi_error last = { .index = -1 };

struct entry {
    int code;
    const char *name, *group, *text;
};

static const struct entry table[] = {
#define WH_X(code, number, name, group, text) { number, name, group, text },
    WH_ERRORS(WH_X)
#undef WH_X
};

static const struct entry *find(int code) {
    static const struct entry ok = { WH_OK, "ok", "none", "success" };
    static const struct entry unknown = { 1, "unknown", "internal", "an unknown error" };

    if (code == WH_OK) {
        return &ok;
    }
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].code == code) {
            return &table[i];
        }
    }
    return &unknown;
}

const char *wh_error_name(int code) {
    return find(code)->name;
}

const char *wh_error_group(int code) {
    return find(code)->group;
}

const char *wh_error_text(int code) {
    return find(code)->text;
}

const char *wh_last_error(void) {
    return last.sentence;
}

const char *wh_last_error_field(void) {
    return last.field;
}

int64_t wh_last_error_index(void) {
    return last.index;
}

int64_t wh_last_error_line(void) {
    return last.line;
}

const whi_error *whi_error_last(void) {
    return &last;
}

int whi_error_again(int code, const whi_error *kept) {
    if (kept != &last) {
        last = *kept;
    }
    return code;
}

void whi_error_place(const whi_error *error, char out[WHI_PLACE_SIZE]) {
    const char *dot = error->field[0] != '\0' ? "." : "";

    if (error->index < 0) {
        snprintf(out, WHI_PLACE_SIZE, "%s", error->field);
    } else if (error->is_of_event) {
        snprintf(out, WHI_PLACE_SIZE, "events[%lld]%s%s", (long long)error->index, dot, error->field);
    } else {
        snprintf(out, WHI_PLACE_SIZE, "%s[%lld]", error->field, (long long)error->index);
    }
}

void whi_error_clear(void) {
    last = (whi_error){ .index = -1 };
}

/* ------------------------------------------------------------------ new sentences */

/* Not the whole struct is set: its buffers are a kilobyte, and errors are answers too. */
static void set_parts(const char *field, int64_t index) {
    size_t size = field != NULL ? strnlen(field, sizeof last.field - 1) : 0;

    if (size > 0) {
        memmove(last.field, field, size); /* may be the one that is there */
    }
    last.field[size] = '\0';
    last.index = index;
    last.is_of_event = 0;
    last.line = 0;
    last.is_of_size = 0;
}

static void write_item(int64_t index, char out[40]) {
    out[0] = '\0';
    if (index >= 0) {
        snprintf(out, 40, "[%lld]", (long long)index);
    }
}

/* Writes the sentence's beginning, "field: " or "field[3]: "; nothing for NULL. */
static void begin(const char *field, int64_t index) {
    char item[40] = "";
    size_t size;

    set_parts(field, index);
    last.reason = 0;
    if (field != NULL) {
        write_item(index, item);
        size = (size_t)snprintf(last.sentence, sizeof last.sentence, "%s%s: ", field, item);
        last.reason = size < sizeof last.sentence ? size : sizeof last.sentence - 1;
    }
}

/* A sentence is one line, whatever name of the caller's stands in it: logs and headers take it as it is. */
static void keep_one_line(void) {
    for (char *at = last.sentence; *at != '\0'; at++) {
        *at = (unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at;
    }
}

static void go_on(const char *format, va_list arguments) {
    vsnprintf(last.sentence + last.reason, sizeof last.sentence - last.reason, format, arguments);
    keep_one_line();
}

int whi_fail(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    begin(NULL, -1);
    go_on(format, arguments);
    va_end(arguments);
    return code;
}

int whi_fail_field(int code, const char *field, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    begin(field, -1);
    go_on(format, arguments);
    va_end(arguments);
    return code;
}

int whi_fail_item(int code, const char *list, size_t index, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    begin(list, (int64_t)index);
    go_on(format, arguments);
    va_end(arguments);
    return code;
}

int whi_fail_size(const char *field, size_t size, long long limit) {
    whi_fail_field(WH_ELIMIT, field, "%zu bytes are more than the limit of %lld", size, limit);
    last.is_of_size = 1;
    return WH_ELIMIT;
}

int whi_fail_rule_of(const char *field, int code, const wh_rule_error *error) {
    char place[40] = "";

    if (error->line > 0) {
        snprintf(place, sizeof place, "line %lld: ", (long long)error->line);
    }
    whi_fail_field(code, field, "%s%s", place, error->text[0] != '\0' ? error->text : wh_error_text(code));
    last.line = error->line;
    last.reason += strlen(place);
    return code;
}

int whi_fail_rule(int code, const wh_rule_error *error) {
    return whi_fail_rule_of("rule", code, error);
}

int whi_fail_memory(void) {
    return whi_fail(WH_ENOMEM, "out of memory");
}

/* Copies: what a part has to say may be what wh_last_error said. */
int wh_fail(int code, const char *text) {
    return wh_fail_field(code, NULL, text);
}

int wh_fail_field(int code, const char *field, const char *text) {
    size_t size = field != NULL ? strlen(field) : 0;
    char copy[WHI_ERROR_SIZE];

    if (size > 0 && strncmp(text, field, size) == 0 && strncmp(text + size, ": ", 2) == 0) {
        text += size + 2; /* the sentence has said it */
    }
    snprintf(copy, sizeof copy, "%s", text);
    return whi_fail_field(code, field, "%s", copy);
}

/* --------------------------------------------------- words in front of a sentence */

static void put_in_front(const char *words) {
    char inner[WHI_ERROR_SIZE];
    size_t used, size = strlen(last.sentence);

    memcpy(inner, last.sentence, size);
    used = (size_t)snprintf(last.sentence, sizeof last.sentence - 2, "%s", words);
    used = used < sizeof last.sentence - 2 ? used : sizeof last.sentence - 3;
    memcpy(last.sentence + used, ": ", 2);
    used += 2;
    size = size < sizeof last.sentence - 1 - used ? size : sizeof last.sentence - 1 - used;
    memcpy(last.sentence + used, inner, size);
    last.sentence[used + size] = '\0';
    last.reason = last.reason < size ? last.reason + used : used + size;
    keep_one_line();
}

static int put_place_in_front(int code, const char *field, int64_t index) {
    char words[WHI_ERROR_SIZE], item[40];
    int64_t line = last.line;
    int is_of_size = last.is_of_size;
    size_t reason = line > 0 ? last.reason : 0;

    set_parts(field, index);
    last.line = line;
    last.is_of_size = is_of_size;
    last.reason = reason;
    write_item(index, item);
    snprintf(words, sizeof words, "%.400s%s", field, item);
    put_in_front(words);
    return code;
}

int whi_fail_within(int code, const char *format, ...) {
    char words[WHI_ERROR_SIZE];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(words, sizeof words, format, arguments);
    va_end(arguments);
    last.field[0] = '\0';
    last.index = -1;
    last.reason = 0;
    put_in_front(words);
    return code;
}

int whi_fail_within_field(int code, const char *field) {
    return put_place_in_front(code, field, -1);
}

int whi_fail_within_item(int code, const char *list, size_t index) {
    return put_place_in_front(code, list, (int64_t)index);
}

int whi_fail_within_event(int code, size_t index) {
    char words[40];

    snprintf(words, sizeof words, "event %zu", index);
    last.index = (int64_t)index;
    last.is_of_event = 1;
    put_in_front(words);
    return code;
}

int whi_fail_renamed(int code, const char *field) {
    return wh_fail_field(code, field, last.sentence + last.reason);
}

int whi_fail_renamed_item(int code, const char *list, size_t index) {
    char reason[WHI_ERROR_SIZE];

    snprintf(reason, sizeof reason, "%s", last.sentence + last.reason);
    return whi_fail_item(code, list, index, "%s", reason);
}
