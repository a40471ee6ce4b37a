/* An answer of HTTP/1.1 out of bytes, for senders: status, what matters of the head, and where the body ends. It is
 * given bytes as they come, in parts of any size, and reads them with the same result; it allocates nothing and keeps
 * of the head what is below.
 *
 * Strict, as RFC 9112 lets a client be: what two readers could understand in two ways is refused, since behind an
 * answer that was understood wrongly the next one on its connection belongs to nobody. So HTTP/0.9, folded lines, a
 * blank before a colon, a control character, two lengths that differ. Where the body ends is decided in the order of
 * RFC 9112 6.3; informational heads (1xx) are passed over. What servers often do and whose status nobody can mistake
 * is an answer: a status line without its reason; and behind which nothing is read any more, so that the connection is
 * not kept: heads whose lines end with a line feed alone, and a length beside chunks.
 *
 * Not locked: an answer belongs to who reads it. */
#ifndef WHI_ANSWER_H
#define WHI_ANSWER_H

#include <stddef.h>
#include <stdint.h>

#define WHI_ANSWER_VALUE 256       /* so many bytes of a field that matters are too many: refused, or passed over */
#define WHI_ANSWER_CHUNK_LINE 1024 /* bytes between two chunks */

enum whi_answer_code {
    WHI_ANSWER_MORE = 0,  /* all bytes are used, and more must come */
    WHI_ANSWER_BODY,      /* a piece of the body; read on with what is left */
    WHI_ANSWER_WHOLE,     /* it has ended; what is left of the bytes is none of its */
    WHI_ANSWER_BAD = -1,  /* no plain HTTP/1.1; once it is headed: a body that is framed badly */
    WHI_ANSWER_LONG = -2, /* its heads and trailers have more bytes than allowed */
    WHI_ANSWER_OTHER = -3 /* "101 Switching Protocols", which nobody had asked for */
};

typedef struct whi_answer_bytes {
    const char *text;
    size_t size;
} whi_answer_bytes;

typedef struct whi_answer {
    int headed; /* 1: the final head was read to its last line; what it says stands, whatever the body is */
    int status; /* 200 …, once it is headed; before, of the head that is read */
    int minor;  /* of HTTP/1.x */
    int keeps;  /* 1, once it is headed: the connection may carry another request, if all of the answer came */
    int64_t keep_seconds; /* for how long the other side says that it keeps the connection, -1: it does not say */
    char retry_after[64]; /* the field's value, "" without one or when it is longer */
    size_t head_bytes;    /* of all heads and of trailers; 0: nothing of it has come */

    /* The reader's own. */
    size_t head_maximum, line_bytes; /* the latter between two chunks */
    int step, trails, field;         /* trails: behind the last chunk */
    int bare;                        /* a line ended with a line feed alone */
    int closes, stays;               /* words of Connection */
    int lengths, codings, chunked;   /* what frames the body; the last coding is "chunked" */
    int64_t length, left;            /* of the body; of what is read of it, or of a chunk */
    size_t seen, digits, name_size, value_size;
    char name[20], value[WHI_ANSWER_VALUE];
} whi_answer;

/* Before its first byte. head_maximum: bytes that heads and trailers may have together. */
void whi_answer_begin(whi_answer *answer, size_t head_maximum);

/* Reads on; moves `from` behind what was used. With WHI_ANSWER_BODY `body` is a piece of the body within the bytes, of
 * one byte at least. After WHI_ANSWER_WHOLE or an error it is not called again before whi_answer_begin. */
int whi_answer_read(whi_answer *answer, whi_answer_bytes *from, whi_answer_bytes *body);

/* The other side has ended the stream behind all that was read. 1: the answer ends there as it should. */
int whi_answer_ends(const whi_answer *answer);

#endif
