#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static _Thread_local char sentence[WHI_ERROR_SIZE];

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
    return sentence;
}

int whi_fail(int code, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    return code;
}

int whi_fail_within(int code, const char *format, ...) {
    char inner[WHI_ERROR_SIZE];
    va_list arguments;
    int used;

    memcpy(inner, sentence, sizeof inner);
    va_start(arguments, format);
    used = vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof sentence) {
        snprintf(sentence + used, sizeof sentence - (size_t)used, ": %s", inner);
    }
    return code;
}

int whi_fail_memory(void) {
    return whi_fail(WH_ENOMEM, "out of memory");
}

void whi_error_clear(void) {
    sentence[0] = '\0';
}
