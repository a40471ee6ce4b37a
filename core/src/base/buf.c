/* Tests: test_base. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"

void whi_buf_init(whi_buf *buf, size_t maximum) {
    memset(buf, 0, sizeof *buf);
    buf->maximum = maximum;
}

void whi_buf_free(whi_buf *buf) {
    whi_free(buf->data);
    whi_buf_init(buf, buf->maximum);
}

void whi_buf_clear(whi_buf *buf) {
    buf->size = 0;
    buf->failed = 0;
    if (buf->data != NULL) {
        buf->data[0] = '\0';
    }
}

char *whi_buf_reserve(whi_buf *buf, size_t size) {
    size_t capacity;
    char *data;

    if (buf->failed) {
        return NULL;
    }
    if (size > buf->maximum || buf->size > buf->maximum - size) {
        buf->failed = WH_ELIMIT;
        return NULL;
    }
    if (buf->size + size < buf->capacity) {
        return buf->data + buf->size;
    }
    capacity = buf->capacity ? buf->capacity * 2 : 64;
    if (capacity < buf->size + size + 1) {
        capacity = buf->size + size + 1;
    }
    data = whi_realloc(buf->data, capacity);
    if (data == NULL) {
        buf->failed = WH_ENOMEM;
        return NULL;
    }
    buf->data = data;
    buf->capacity = capacity;
    return data + buf->size;
}

void whi_buf_add(whi_buf *buf, const void *bytes, size_t size) {
    char *room = whi_buf_reserve(buf, size);

    if (room == NULL) {
        return;
    }
    if (size > 0) {
        memcpy(room, bytes, size);
    }
    room[size] = '\0';
    buf->size += size;
}

void whi_buf_text(whi_buf *buf, const char *text) {
    whi_buf_add(buf, text, strlen(text));
}

void whi_buf_int(whi_buf *buf, int64_t number) {
    char digits[24];
    char *end = digits + sizeof digits, *at = end;
    uint64_t rest = number < 0 ? 0 - (uint64_t)number : (uint64_t)number;

    do {
        *--at = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (number < 0) {
        *--at = '-';
    }
    whi_buf_add(buf, at, (size_t)(end - at));
}

void whi_buf_format(whi_buf *buf, const char *format, ...) {
    va_list arguments;
    char *room;
    int size;

    va_start(arguments, format);
    size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0 || (room = whi_buf_reserve(buf, (size_t)size)) == NULL) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(room, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buf->size += (size_t)size;
}

int whi_buf_status(const whi_buf *buf) {
    if (buf->failed == WH_ENOMEM) {
        return whi_fail_memory();
    }
    if (buf->failed == WH_ELIMIT) {
        return whi_fail(WH_ELIMIT, "the text is larger than the limit of %zu bytes", buf->maximum);
    }
    return WH_OK;
}

int whi_buf_take(whi_buf *buf, char **out, size_t *size) {
    int code;

    *out = NULL;
    whi_buf_add(buf, "", 0);
    code = whi_buf_status(buf);
    if (code != WH_OK) {
        whi_buf_free(buf);
        return code;
    }
    *out = buf->data;
    if (size != NULL) {
        *size = buf->size;
    }
    whi_buf_init(buf, buf->maximum);
    return WH_OK;
}
