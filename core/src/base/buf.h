/* A growing run of bytes with a maximum.
 *
 * Appending never fails loudly: the first failure (no memory, over the maximum)
 * sticks, later appends do nothing, and whi_buf_status tells at the end. There is
 * always a zero byte behind the data that is not counted. */
#ifndef WHI_BUF_H
#define WHI_BUF_H

#include <stddef.h>
#include <stdint.h>

typedef struct whi_buf {
    char *data; /* NULL while empty */
    size_t size, capacity;
    size_t maximum;
    int failed; /* 0, WH_ENOMEM or WH_ELIMIT */
} whi_buf;

void whi_buf_init(whi_buf *buf, size_t maximum);
void whi_buf_free(whi_buf *buf);

/* Empties it, keeps the memory, forgets a failure. */
void whi_buf_clear(whi_buf *buf);

void whi_buf_add(whi_buf *buf, const void *bytes, size_t size);
void whi_buf_text(whi_buf *buf, const char *text); /* up to its zero byte */
static inline void whi_buf_char(whi_buf *buf, char byte);
void whi_buf_int(whi_buf *buf, int64_t number); /* decimal */
void whi_buf_format(whi_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Room for size more bytes, to be filled by the caller, who then adds to ->size.
 * NULL if it failed. */
char *whi_buf_reserve(whi_buf *buf, size_t size);

/* 0, or the code of the first failure, with its sentence set. */
int whi_buf_status(const whi_buf *buf);

/* Hands the memory over (zero-terminated, for wh_free) and leaves the buffer
 * empty. Returns whi_buf_status; out is NULL when it is not 0. size may be NULL. */
int whi_buf_take(whi_buf *buf, char **out, size_t *size);

static inline void whi_buf_char(whi_buf *buf, char byte) {
    if (buf->failed || buf->size >= buf->maximum || buf->size + 1 >= buf->capacity) {
        whi_buf_add(buf, &byte, 1);
        return;
    }
    buf->data[buf->size++] = byte;
    buf->data[buf->size] = '\0';
}

#endif
