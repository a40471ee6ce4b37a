#include "base/sized.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"

#define SIZE_MAXIMUM 4096 /* no struct of ours comes near: what claims more is none */

static int is_zero(const unsigned char *bytes, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] != 0) {
            return 0;
        }
    }
    return 1;
}

/* Sizes of structs that begin with a size_t are multiples of its own: the number 1, which former
 * versions of these structs began with, is none. */
static int is_size(size_t size) {
    return size >= sizeof size && size <= SIZE_MAXIMUM && size % sizeof size == 0;
}

size_t whi_sized_read(void *out, size_t full, const void *given) {
    size_t size;

    memcpy(&size, given, sizeof size);
    memset(out, 0, full);
    if (is_size(size)) {
        memcpy(out, given, size < full ? size : full);
    }
    memcpy(out, &full, sizeof full);
    return size;
}

static int take(void *out, size_t full, const void *given, const char *init, const char *field) {
    int is_expression = strncmp(init, "sizeof", 6) == 0; /* the struct has no _INIT to begin as */
    size_t size = whi_sized_read(out, full, given);

    if (!is_size(size)) {
        return whi_fail_field(WH_EINVALID, field, "expected %s%s, found %zu",
                              is_expression ? "" : "that of a struct which begins as ", init, size);
    }
    if (size > full && !is_zero((const unsigned char *)given + full, size - full)) {
        return whi_fail_field(WH_EINVALID, field, "found %zu bytes set, of which this library knows %zu (%s)", size,
                              full, init);
    }
    return WH_OK;
}

int wh_struct_take(void *out, size_t full, const void *given, const char *init) {
    return take(out, full, given, init, "size");
}

int whi_struct_take_part(void *out, size_t full, const void *given, const char *init, const char *owner) {
    char field[40];

    snprintf(field, sizeof field, "%s.size", owner);
    return take(out, full, given, init, field);
}

int whi_sized_clear(void *out, size_t least) {
    size_t size;

    memcpy(&size, out, sizeof size);
    if (!is_size(size) || size < least) {
        return 0;
    }
    memset((unsigned char *)out + sizeof size, 0, size - sizeof size);
    return 1;
}
