#include "pure/nats.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "webhook.h"

#define DEPTH 16
#define WORDS 5 /* of a message's line: subject, number, reply, bytes of headers, bytes */
#define NUMBER_MAXIMUM 9

/* ----------------------------------------------------------------------- lines */

static void tell(whi_nats_said *out, enum whi_nats_kind kind, size_t taken) {
    out->kind = kind;
    out->taken = taken;
}

typedef struct word {
    const char *text;
    size_t size;
} word;

/* How many words; one more than room where there are more. */
static size_t split(const char *text, size_t size, word words[], size_t room) {
    size_t count = 0;

    for (size_t at = 0; at < size; at++) {
        size_t from = at;

        while (at < size && text[at] != ' ' && text[at] != '\t') {
            at++;
        }
        if (at > from && count == room) {
            return room + 1;
        }
        if (at > from) {
            words[count++] = (word){ text + from, at - from };
        }
    }
    return count;
}

static int read_number(const word *from, size_t *out) {
    *out = 0;
    for (size_t i = 0; i < from->size; i++) {
        if (!whi_ascii_is_digit(from->text[i])) {
            return 0;
        }
        *out = *out * 10 + (size_t)(from->text[i] - '0');
    }
    return from->size > 0 && from->size <= NUMBER_MAXIMUM;
}

/* "NATS/1.0 503": a message without a payload has its state there. */
static int status_of(const char *headers, size_t size) {
    static const char version[] = "NATS/1.0 ";
    size_t at = sizeof version - 1;
    int status = 0;

    if (size < at + 3 || memcmp(headers, version, at) != 0) {
        return 0;
    }
    for (size_t i = at; i < at + 3; i++) {
        if (!whi_ascii_is_digit(headers[i])) {
            return 0;
        }
        status = status * 10 + (headers[i] - '0');
    }
    return status;
}

/* bytes: all that has come; line: what stands behind "MSG" or "HMSG", behind: where its bytes begin. */
static void read_message(const char *bytes, size_t size, const char *line, size_t line_size, size_t behind,
                         int has_headers, whi_nats_said *out) {
    word words[WORDS];
    size_t count = split(line, line_size, words, WORDS), least = has_headers ? 4 : 3, headers = 0, all = 0;

    if (count < least || count > least + 1 || !read_number(&words[count - 1], &all) ||
        (has_headers && !read_number(&words[count - 2], &headers)) || headers > all || all > WHI_NATS_MESSAGE_MAXIMUM) {
        tell(out, WHI_NATS_WRONG, 0);
        return;
    }
    if (size - behind < all + 2) {
        tell(out, WHI_NATS_MORE, 0);
        return;
    }
    if (memcmp(bytes + behind + all, "\r\n", 2) != 0) {
        tell(out, WHI_NATS_WRONG, 0);
        return;
    }
    tell(out, WHI_NATS_MESSAGE, behind + all + 2);
    out->subject = words[0].text;
    out->subject_size = words[0].size;
    out->status = status_of(bytes + behind, headers);
    out->text = bytes + behind + headers;
    out->size = all - headers;
}

/* Without blanks around, and without quotes. */
static void keep_text(whi_nats_said *out, const char *text, size_t size) {
    while (size > 0 && (*text == ' ' || *text == '\t' || *text == '\'')) {
        text++;
        size--;
    }
    while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '\'')) {
        size--;
    }
    out->text = text;
    out->size = size;
}

static const struct {
    const char *name;
    enum whi_nats_kind kind;
} verbs[] = {
    { "MSG", WHI_NATS_MESSAGE }, { "HMSG", WHI_NATS_MESSAGE }, { "PING", WHI_NATS_PING }, { "PONG", WHI_NATS_PONG },
    { "+OK", WHI_NATS_OK },      { "-ERR", WHI_NATS_ERROR },   { "INFO", WHI_NATS_INFO },
};

static void read_line(const char *bytes, size_t size, size_t line, whi_nats_said *out) {
    size_t name = 0, behind = line + 2;

    while (name < line && bytes[name] != ' ' && bytes[name] != '\t') {
        name++;
    }
    for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (strlen(verbs[i].name) != name || !whi_ascii_same_part(bytes, verbs[i].name, name)) {
            continue;
        }
        if (verbs[i].kind == WHI_NATS_MESSAGE) {
            read_message(bytes, size, bytes + name, line - name, behind, name == 4, out);
            return;
        }
        tell(out, verbs[i].kind, behind);
        keep_text(out, bytes + name, line - name);
        return;
    }
    tell(out, WHI_NATS_WRONG, 0);
}

void whi_nats_read(const char *bytes, size_t size, whi_nats_said *out) {
    size_t within = size < WHI_NATS_LINE_MAXIMUM ? size : WHI_NATS_LINE_MAXIMUM;
    const char *end = size > 0 ? memchr(bytes, '\n', within) : NULL;

    memset(out, 0, sizeof *out);
    if (end == NULL) {
        tell(out, within == WHI_NATS_LINE_MAXIMUM ? WHI_NATS_WRONG : WHI_NATS_MORE, 0);
    } else if (end == bytes || end[-1] != '\r') {
        tell(out, WHI_NATS_WRONG, 0);
    } else {
        read_line(bytes, size, (size_t)(end - bytes) - 1, out);
    }
}

/* --------------------------------------------------------------------- subjects */

int whi_nats_subject_is_good(const char *subject) {
    size_t size = strlen(subject);

    if (size == 0 || size >= WHI_NATS_SUBJECT_SIZE || subject[0] == '.' || subject[size - 1] == '.' ||
        strstr(subject, "..") != NULL) {
        return 0;
    }
    for (size_t i = 0; i < size; i++) {
        unsigned char letter = (unsigned char)subject[i];

        if (letter <= ' ' || letter == 0x7f || letter == '*' || letter == '>') {
            return 0;
        }
    }
    return 1;
}

/* --------------------------------------------------------------------- documents */

static int64_t number_of(const whi_json *json, uint32_t object, const char *name) {
    uint32_t node = whi_json_member(json, object, name, strlen(name));
    size_t size = 0, number = 0;
    const char *text = node != WHI_JSON_NONE ? whi_json_span(json, node, &size) : "";
    word digits = { text, size };

    return read_number(&digits, &number) ? (int64_t)number : 0;
}

static int is_true(const whi_json *json, uint32_t object, const char *name) {
    uint32_t node = whi_json_member(json, object, name, strlen(name));

    return node != WHI_JSON_NONE && json->nodes[node].type == WHI_JSON_TRUE;
}

static int scan(whi_json *scratch, const char *text, size_t size) {
    int code = whi_json_scan(scratch, text, size, DEPTH);

    return code == WH_OK && scratch->nodes[0].type != WHI_JSON_OBJECT
               ? whi_fail(WH_EJSON, "expected an object where the server says what it is")
               : code;
}

int whi_nats_info_read(whi_nats_info *out, whi_json *scratch, const char *text, size_t size) {
    int code = scan(scratch, text, size);

    memset(out, 0, sizeof *out);
    if (code == WH_OK) {
        out->max_payload = number_of(scratch, 0, "max_payload");
        out->wants_tls = is_true(scratch, 0, "tls_required");
        out->has_tls = out->wants_tls || is_true(scratch, 0, "tls_available");
        out->has_headers = is_true(scratch, 0, "headers");
    }
    return code;
}

static int keep_description(whi_nats_answer *out, const whi_json *json, uint32_t error) {
    uint32_t node = whi_json_member(json, error, "description", 11);
    const char *text;
    whi_buf scratch;
    size_t size;

    if (node == WHI_JSON_NONE || json->nodes[node].type != WHI_JSON_STRING) {
        return WH_OK;
    }
    whi_buf_init(&scratch, WHI_NATS_MESSAGE_MAXIMUM);
    text = whi_json_string(json, node, &scratch, &size);
    if (text != NULL) {
        snprintf(out->description, sizeof out->description, "%.*s", (int)size, text);
    }
    whi_buf_free(&scratch);
    return text != NULL ? WH_OK : WH_ENOMEM;
}

int whi_nats_answer_read(whi_nats_answer *out, whi_json *scratch, const char *text, size_t size) {
    int code = scan(scratch, text, size);
    uint32_t error, stream;

    memset(out, 0, sizeof *out);
    if (code != WH_OK) {
        return code;
    }
    error = whi_json_member(scratch, 0, "error", 5);
    stream = whi_json_member(scratch, 0, "stream", 6);
    out->has_stream =
        error == WHI_JSON_NONE && stream != WHI_JSON_NONE && scratch->nodes[stream].type == WHI_JSON_STRING;
    if (error == WHI_JSON_NONE) {
        return WH_OK;
    }
    out->code = (int)number_of(scratch, error, "code");
    out->err_code = (int)number_of(scratch, error, "err_code");
    return keep_description(out, scratch, error);
}
