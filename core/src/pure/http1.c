#include "pure/http1.h"

#include <stdint.h>
#include <string.h>

#include "base/ascii.h"
#include "base/hex.h"

#define MORE 0
#define WHOLE 1

/* Where one reads. */
typedef struct reader {
    const char *at, *end;
} reader;

/* What the head says of the body. */
typedef struct framing {
    size_t length, maximum;
    int lengths, encodings, hosts, expects;
    int refused; /* a status, or 0 */
} framing;

static int is_token(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (!whi_ascii_is_letter(text[i]) && !whi_ascii_is_digit(text[i]) &&
            (text[i] == '\0' || strchr("!#$%&'*+-.^_`|~", text[i]) == NULL)) {
            return 0;
        }
    }
    return size > 0;
}

static int is_visible(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] <= ' ' || text[i] > '~') {
            return 0;
        }
    }
    return size > 0;
}

/* RFC 9110 5.5: anything but control characters, tabs apart. */
static int is_value(const char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (((unsigned char)text[i] < ' ' && text[i] != '\t') || text[i] == 0x7f) {
            return 0;
        }
    }
    return 1;
}

static int is_word(const whi_http1_text *text, const char *word) {
    return text->size == strlen(word) && whi_ascii_same_part(text->text, word, text->size);
}

/* WHOLE and the next line, without its end; MORE; or 400 for a line feed without its carriage return. */
static int read_line(reader *from, whi_http1_text *out) {
    const char *feed = memchr(from->at, '\n', (size_t)(from->end - from->at));

    if (feed == NULL) {
        return MORE;
    }
    if (feed == from->at || feed[-1] != '\r') {
        return 400;
    }
    out->text = from->at;
    out->size = (size_t)(feed - 1 - from->at);
    from->at = feed + 1;
    return WHOLE;
}

/* ------------------------------------------------------------------------- the head */

static int read_version(whi_http1 *out, const char *text, size_t size) {
    if (size != 8 || memcmp(text, "HTTP/", 5) != 0 || !whi_ascii_is_digit(text[5]) || text[6] != '.' ||
        !whi_ascii_is_digit(text[7])) {
        return 400;
    }
    out->minor = text[7] != '0';
    return text[5] == '1' ? WHOLE : 505;
}

static int read_start(whi_http1 *out, const whi_http1_text *line) {
    const char *end = line->text + line->size, *first = memchr(line->text, ' ', line->size), *second;

    second = first != NULL ? memchr(first + 1, ' ', (size_t)(end - first - 1)) : NULL;
    if (second == NULL) {
        return 400;
    }
    out->method = (whi_http1_text){ line->text, (size_t)(first - line->text) };
    out->target = (whi_http1_text){ first + 1, (size_t)(second - first - 1) };
    if (!is_token(out->method.text, out->method.size) || !is_visible(out->target.text, out->target.size)) {
        return 400;
    }
    return read_version(out, second + 1, (size_t)(end - second - 1));
}

static int read_field(const whi_http1_text *line, whi_http1_field *out) {
    const char *colon = memchr(line->text, ':', line->size), *end = line->text + line->size;

    if (colon == NULL || !is_token(line->text, (size_t)(colon - line->text))) {
        return 400;
    }
    out->name = (whi_http1_text){ line->text, (size_t)(colon - line->text) };
    for (colon++; colon < end && (*colon == ' ' || *colon == '\t'); colon++) {}
    while (end > colon && (end[-1] == ' ' || end[-1] == '\t')) {
        end--;
    }
    out->value = (whi_http1_text){ colon, (size_t)(end - colon) };
    return is_value(colon, (size_t)(end - colon)) ? WHOLE : 400;
}

static int read_length(framing *body, const whi_http1_text *value) {
    body->lengths++;
    body->length = 0;
    for (size_t i = 0; i < value->size; i++) {
        if (!whi_ascii_is_digit(value->text[i])) {
            return 400;
        }
        if (body->length <= body->maximum) {
            body->length = body->length * 10 + (size_t)(value->text[i] - '0');
        }
    }
    return value->size > 0 ? WHOLE : 400;
}

/* "close" is one of the words between the commas. */
static int has_close(const whi_http1_text *value) {
    for (size_t i = 0; i + 5 <= value->size; i++) {
        int begins = i == 0 || strchr(", \t", value->text[i - 1]) != NULL;
        int ends = i + 5 == value->size || strchr(", \t", value->text[i + 5]) != NULL;
        if (begins && ends && whi_ascii_same_part(value->text + i, "close", 5)) {
            return 1;
        }
    }
    return 0;
}

static int see_field(whi_http1 *out, framing *body, const whi_http1_field *field) {
    if (is_word(&field->name, "content-length")) {
        return read_length(body, &field->value);
    }
    if (is_word(&field->name, "transfer-encoding")) {
        body->encodings++;
        body->refused = is_word(&field->value, "chunked") ? body->refused : 501;
    } else if (is_word(&field->name, "host")) {
        body->hosts++;
    } else if (is_word(&field->name, "expect")) {
        body->expects = 1;
        body->refused = is_word(&field->value, "100-continue") ? body->refused : 417;
    } else if (is_word(&field->name, "connection")) {
        out->keeps &= !has_close(&field->value);
    }
    return WHOLE;
}

static int judge(const whi_http1 *out, const framing *body) {
    if (body->lengths + body->encodings > 1 || body->hosts > 1 || (out->minor > 0 && body->hosts == 0) ||
        (out->minor == 0 && body->encodings > 0)) {
        return 400;
    }
    return body->refused != 0 ? body->refused : body->length > body->maximum ? 413 : WHOLE;
}

static int read_fields(reader *from, whi_http1 *out, framing *body) {
    for (;;) {
        whi_http1_text line = { NULL, 0 };
        int code = read_line(from, &line);

        if (code != WHOLE || line.size == 0) {
            return code;
        }
        if (out->field_count == WHI_HTTP1_FIELDS) {
            return 431;
        }
        code = read_field(&line, &out->fields[out->field_count]);
        code = code == WHOLE ? see_field(out, body, &out->fields[out->field_count++]) : code;
        if (code != WHOLE) {
            return code;
        }
    }
}

/* One empty line before a request is passed over (RFC 9112 2.2). */
static int read_head(reader *from, whi_http1 *out, framing *body) {
    whi_http1_text line = { NULL, 0 };
    int code = read_line(from, &line);

    if (code == WHOLE && line.size == 0) {
        code = read_line(from, &line);
    }
    code = code == WHOLE ? read_start(out, &line) : code;
    out->keeps = code == WHOLE && out->minor > 0;
    code = code == WHOLE ? read_fields(from, out, body) : code;
    return code == WHOLE ? judge(out, body) : code;
}

/* ------------------------------------------------------------------------- the body */

/* "1a", perhaps with extensions behind a semicolon. */
static int read_chunk_size(const whi_http1_text *line, size_t *out) {
    size_t digits = 0;

    for (*out = 0; digits < line->size && whi_hex_digit(line->text[digits]) >= 0; digits++) {
        if (digits == 8) {
            return 413;
        }
        *out = *out * 16 + (size_t)whi_hex_digit(line->text[digits]);
    }
    if (digits == 0 || !is_value(line->text, line->size)) {
        return 400;
    }
    while (digits < line->size && (line->text[digits] == ' ' || line->text[digits] == '\t')) {
        digits++;
    }
    return digits == line->size || line->text[digits] == ';' ? WHOLE : 400;
}

/* Fields behind the last chunk are read, and mean nothing. */
static int read_trailer(reader *from) {
    const char *begin = from->at;

    for (;;) {
        whi_http1_text line = { NULL, 0 };
        whi_http1_field field;
        int code = read_line(from, &line);

        if (code == MORE && from->end - begin > WHI_HTTP1_HEAD) {
            return 431;
        }
        if (code != WHOLE || line.size == 0) {
            return code;
        }
        code = from->at - begin > WHI_HTTP1_HEAD ? 431 : read_field(&line, &field);
        if (code != WHOLE) {
            return code;
        }
    }
}

/* One chunk: its bytes, none for the last. */
static int read_chunk(reader *from, size_t room, whi_http1_text *out) {
    whi_http1_text line = { NULL, 0 };
    int code = read_line(from, &line);

    if (code == MORE || (code == WHOLE && line.size > WHI_HTTP1_LINE)) {
        return from->end - from->at > WHI_HTTP1_LINE || code == WHOLE ? 400 : MORE;
    }
    code = code == WHOLE ? read_chunk_size(&line, &out->size) : code;
    if (code != WHOLE || out->size == 0) {
        return code;
    }
    if (out->size > room) {
        return 413;
    }
    if ((size_t)(from->end - from->at) < out->size + 2) {
        return MORE;
    }
    out->text = from->at;
    from->at += out->size + 2;
    return memcmp(from->at - 2, "\r\n", 2) == 0 ? WHOLE : 400;
}

/* Goes through the chunks; into: NULL, or where their bytes are moved together. */
static int read_chunks(reader *from, size_t maximum, char *into, size_t *size) {
    for (*size = 0;;) {
        whi_http1_text chunk = { NULL, 0 };
        int code = read_chunk(from, maximum - *size, &chunk);

        if (code != WHOLE) {
            return code;
        }
        if (chunk.size == 0) {
            return read_trailer(from);
        }
        if (into != NULL) {
            memmove(into + *size, chunk.text, chunk.size);
        }
        *size += chunk.size;
    }
}

static int read_body(reader *from, whi_http1 *out, const framing *body, char *bytes) {
    char *begin = bytes + (from->at - bytes);
    reader again = *from;
    int code = WHOLE;

    out->body = (whi_http1_text){ begin, body->length };
    if (body->encodings > 0) {
        code = read_chunks(&again, body->maximum, NULL, &out->body.size);
        if (code == WHOLE) {
            code = read_chunks(from, body->maximum, begin, &out->body.size);
        }
    } else if ((size_t)(from->end - from->at) < body->length) {
        code = MORE;
    } else {
        from->at += body->length;
    }
    return code;
}

int whi_http1_read(whi_http1 *out, char *bytes, size_t size, size_t body_maximum) {
    reader from = { bytes, bytes + size };
    framing body = { .maximum = body_maximum };
    int code, waits;

    memset(out, 0, sizeof *out);
    code = read_head(&from, out, &body);
    if ((code == MORE && size > WHI_HTTP1_HEAD) || (code == WHOLE && from.at - bytes > WHI_HTTP1_HEAD)) {
        return 431;
    }
    waits = code == WHOLE && body.expects && out->minor > 0;
    code = code == WHOLE ? read_body(&from, out, &body, bytes) : code;
    if (code != WHOLE) {
        memset(out, 0, sizeof *out);
        out->waits = waits && code == MORE;
        return code;
    }
    out->size = (size_t)(from.at - bytes);
    return WHOLE;
}
