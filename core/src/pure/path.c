#include "pure/path.h"

#include <string.h>

static int is_index(const char *text, size_t size) {
    if (size == 1 && *text == '*') {
        return 1;
    }
    for (size_t i = 0; i < size; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return 0;
        }
    }
    return 1;
}

static int ends_with_index(const char *name, size_t size) {
    size_t open = size;

    if (size < 2 || name[size - 1] != ']') {
        return 0;
    }
    while (open > 0 && name[open - 1] != '[') {
        open--;
    }
    return open > 0 && is_index(name + open, size - 1 - open);
}

int whi_name_is_misread(const char *name, size_t size) {
    if (size == 1 && (*name == '*' || *name == '$')) {
        return 1;
    }
    return size > 0 && (*name == '[' || *name == '"' || ends_with_index(name, size));
}

int whi_path_is_misread(const char *path, size_t size) {
    if (size > 1 && path[0] == '.' && path[1] != '.') {
        return 1;
    }
    for (size_t at = 0; at <= size;) {
        const char *dot = memchr(path + at, '.', size - at);
        size_t length = dot != NULL ? (size_t)(dot - path) - at : size - at;
        if (whi_name_is_misread(path + at, length)) {
            return 1;
        }
        at += length + 1;
    }
    return 0;
}
