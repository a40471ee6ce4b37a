#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "webhook_backend.h"

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

int wh_fail(int code, const char *text) {
    return whi_fail(code, "%s", text);
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
    size_t used, size = strlen(sentence);
    va_list arguments;

    memcpy(inner, sentence, size);
    va_start(arguments, format);
    vsnprintf(sentence, sizeof sentence - 2, format, arguments);
    va_end(arguments);
    used = strlen(sentence);
    memcpy(sentence + used, ": ", 2);
    used += 2;
    size = size < sizeof sentence - 1 - used ? size : sizeof sentence - 1 - used;
    memcpy(sentence + used, inner, size);
    sentence[used + size] = '\0';
    return code;
}

int whi_fail_memory(void) {
    return whi_fail(WH_ENOMEM, "out of memory");
}

void whi_error_clear(void) {
    sentence[0] = '\0';
}
