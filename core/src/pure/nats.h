/* What a server of NATS says, read out of bytes that have come: lines that end with CR LF, and messages with so many
 * bytes behind theirs. Nothing is kept here; who asks has the bytes.
 *
 * The protocol is that of https://docs.nats.io/reference/reference-protocols/nats-protocol; what an answer of JetStream
 * holds, and its numbers, is nats-server's own list of errors (server/errors.json) of version 2.9. */
#ifndef WHI_NATS_H
#define WHI_NATS_H

#include <stddef.h>
#include <stdint.h>

#include "pure/json.h"

/* An INFO names all servers of a cluster, an answer is a few hundred bytes. */
#define WHI_NATS_LINE_MAXIMUM 65536
#define WHI_NATS_MESSAGE_MAXIMUM 65536
#define WHI_NATS_SUBJECT_SIZE 256 /* with its zero byte */

enum whi_nats_kind {
    WHI_NATS_MORE, /* there has to come more */
    WHI_NATS_INFO,
    WHI_NATS_MESSAGE,
    WHI_NATS_PING,
    WHI_NATS_PONG,
    WHI_NATS_OK,
    WHI_NATS_ERROR,
    WHI_NATS_WRONG, /* it is not NATS, or more than is taken */
};

/* Texts point into the bytes. */
typedef struct whi_nats_said {
    enum whi_nats_kind kind;
    size_t taken;     /* bytes, 0 with WHI_NATS_MORE and WHI_NATS_WRONG */
    const char *text; /* of INFO its object, of an error the words between its quotes, of a message its payload */
    size_t size;
    const char *subject; /* of a message */
    size_t subject_size;
    int status; /* that a message's headers begin with, 503: nobody has taken what was asked; 0: none */
} whi_nats_said;

void whi_nats_read(const char *bytes, size_t size, whi_nats_said *out);

/* 1 if messages may be published to it: names with dots between, none of them empty or a wildcard, without blanks and
 * control characters. */
int whi_nats_subject_is_good(const char *subject);

typedef struct whi_nats_info {
    int64_t max_payload; /* bytes, headers and all; 0: not said */
    int wants_tls, has_tls, has_headers;
} whi_nats_info;

/* scratch: zeroed at first. 0, or the code of what is no object. */
int whi_nats_info_read(whi_nats_info *out, whi_json *scratch, const char *text, size_t size);

#define WHI_NATS_DESCRIPTION 160

/* An answer of JetStream. */
typedef struct whi_nats_answer {
    int has_stream;     /* a stream has it */
    int code, err_code; /* as HTTP's, and which error it is; 0: none */
    char description[WHI_NATS_DESCRIPTION];
} whi_nats_answer;

#define WHI_NATS_TOO_LARGE 10054         /* message size exceeds maximum allowed */
#define WHI_NATS_HEADERS_TOO_LARGE 10097 /* header size exceeds maximum allowed of 64k */
#define WHI_NATS_OTHER_STREAM 10060      /* expected stream does not match */

int whi_nats_answer_read(whi_nats_answer *out, whi_json *scratch, const char *text, size_t size);

#endif
