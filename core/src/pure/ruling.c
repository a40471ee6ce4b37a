/* Tests: test_ruling. */
#include "pure/ruling.h"

#include <stdio.h>
#include <string.h>

#include "base/ascii.h"
#include "base/error.h"
#include "pure/json.h"

#define DEPTH 8 /* of what a rule returned: more than the members that there are have */

const char *const whi_ruled_names[] = { "ordinary", "success", "retry", "give_up", "disable", NULL };

/* ------------------------------------------------------------------------- reading */

typedef struct reading {
    whi_json json;
    whi_ruling *out;
    int64_t now;
    int has_after, has_at;
} reading;

static int refuse(const char *sentence) {
    return whi_fail(WH_ERULE_RESULT, "%s", sentence);
}

static int read_outcome(reading *self, uint32_t node) {
    for (int i = WHI_RULED_SUCCESS; whi_ruled_names[i] != NULL; i++) {
        if (self->json.nodes[node].type == WHI_JSON_STRING &&
            whi_json_string_is(&self->json, node, whi_ruled_names[i], strlen(whi_ruled_names[i]))) {
            self->out->outcome = i;
            return WH_OK;
        }
    }
    return refuse("outcome: expected \"success\", \"retry\", \"give_up\" or \"disable\"");
}

/* 1 and ms. */
static int is_span(const reading *self, uint32_t node, int64_t most, int64_t *out) {
    double seconds = self->json.nodes[node].type == WHI_JSON_NUMBER ? whi_json_double(&self->json, node) : -1;

    if (!(seconds >= 0 && seconds <= (double)most)) {
        return 0;
    }
    *out = (int64_t)(seconds * 1000);
    return 1;
}

static int read_after(reading *self, uint32_t node) {
    self->has_after = 1;
    return is_span(self, node, WHI_RULING_WAIT, &self->out->wait) ? WH_OK
                                                                  : refuse("after: expected 0 to 2592000 seconds");
}

static int read_at(reading *self, uint32_t node) {
    int64_t at;

    self->has_at = 1;
    if (self->json.nodes[node].type != WHI_JSON_NUMBER || !whi_json_whole(&self->json, node, &at) || at < 0 ||
        at / 1000 > self->now / 1000 + WHI_RULING_WAIT) {
        return refuse("at: expected ms since 1970, at most 30 days from now");
    }
    self->out->wait = at > self->now ? at - self->now : 0;
    return WH_OK;
}

static int read_pause(reading *self, uint32_t node) {
    return is_span(self, node, WHI_RULING_PAUSE, &self->out->pause) ? WH_OK
                                                                    : refuse("pause: expected 0 to 86400 seconds");
}

/* Not in the midst of a letter. */
static size_t cut(const char *text, size_t size) {
    size_t end = size < WHI_RULING_REASON ? size : WHI_RULING_REASON - 1;

    while (end < size && end > 0 && ((unsigned char)text[end] & 0xc0) == 0x80) {
        end--;
    }
    return end;
}

static int read_reason(reading *self, uint32_t node) {
    whi_buf scratch;
    const char *text;
    size_t size;

    if (self->json.nodes[node].type != WHI_JSON_STRING) {
        return refuse("reason: expected a text");
    }
    whi_buf_init(&scratch, WHI_JSON_MAXIMUM);
    text = whi_json_string(&self->json, node, &scratch, &size);
    if (text != NULL) {
        size = cut(text, size);
        for (size_t i = 0; i < size; i++) {
            self->out->reason[i] = (unsigned char)text[i] < ' ' ? ' ' : text[i];
        }
        self->out->reason[size] = '\0';
    }
    whi_buf_free(&scratch);
    return text != NULL ? WH_OK : whi_fail_memory();
}

static const struct {
    const char *name;
    int (*read)(reading *self, uint32_t node);
} members[] = {
    { "outcome", read_outcome }, { "after", read_after },   { "at", read_at },
    { "pause", read_pause },     { "reason", read_reason },
};

static int read_member(reading *self, uint32_t name) {
    for (size_t i = 0; i < sizeof members / sizeof members[0]; i++) {
        if (whi_json_string_is(&self->json, name, members[i].name, strlen(members[i].name))) {
            return members[i].read(self, name + 1);
        }
    }
    return refuse("expected no members but outcome, after, at, pause and reason");
}

static int check(const reading *self) {
    if (self->has_after && self->has_at) {
        return refuse("at: expected none beside after");
    }
    return self->out->wait < 0 || self->out->outcome == WHI_RULED_RETRY
               ? WH_OK
               : refuse("after and at: expected none without the outcome \"retry\"");
}

static int read_all(reading *self) {
    int code = WH_OK;

    if (self->json.nodes[0].type != WHI_JSON_OBJECT) {
        return refuse("a response rule returns nothing, or a table with outcome, after, at, pause or reason");
    }
    for (uint32_t at = whi_json_first(&self->json, 0); at != WHI_JSON_NONE && code == WH_OK;
         at = whi_json_next_name(&self->json, 0, at)) {
        code = read_member(self, at);
    }
    return code == WH_OK ? check(self) : code;
}

int whi_ruling_read(whi_ruling *out, const char *text, size_t size, int64_t now) {
    reading self = { .out = out, .now = now };
    int code = whi_json_scan(&self.json, text, size, DEPTH);

    *out = WHI_RULING_NONE;
    code = code == WH_OK       ? read_all(&self)
           : code == WH_ENOMEM ? code
                               : refuse("outcome, after, at, pause and reason are no tables");
    whi_json_free(&self.json);
    if (code != WH_OK) {
        *out = WHI_RULING_NONE;
    }
    return code;
}

/* ------------------------------------------------------------------------- telling */

void whi_ruling_say(const whi_ruling *ruling, char out[WHI_RULING_SENTENCE]) {
    char wait[40] = "", pause[40] = "";

    out[0] = '\0';
    if (ruling->outcome == WHI_RULED_ORDINARY && ruling->pause == 0 && ruling->reason[0] == '\0') {
        return;
    }
    if (ruling->wait >= 0) {
        snprintf(wait, sizeof wait, " in %lld ms", (long long)ruling->wait);
    }
    if (ruling->pause > 0) {
        snprintf(pause, sizeof pause, ", pause of %lld ms", (long long)ruling->pause);
    }
    snprintf(out, WHI_RULING_SENTENCE, "response rule: %s%s%s%s%s", whi_ruled_names[ruling->outcome], wait, pause,
             ruling->reason[0] != '\0' ? ": " : "", ruling->reason);
}

/* -------------------------------------------------------------------------- answers */

typedef struct line {
    const char *name, *value;
    size_t name_size, value_size;
    int told; /* 1: with one before of its name */
} line;

static size_t trim(const char **text, size_t size) {
    while (size > 0 && (unsigned char)**text <= ' ') {
        (*text)++;
        size--;
    }
    while (size > 0 && (unsigned char)(*text)[size - 1] <= ' ') {
        size--;
    }
    return size;
}

/* 1: text holds a field. */
static int split(const char *text, size_t size, line *out) {
    const char *colon = memchr(text, ':', size);

    if (colon == NULL || colon == text) {
        return 0;
    }
    *out = (line){ .name = text, .name_size = (size_t)(colon - text), .value = colon + 1 };
    out->value_size = trim(&out->value, size - out->name_size - 1);
    return 1;
}

static size_t split_all(const whi_buf *lines, line out[WHI_RULING_HEADERS]) {
    const char *at = lines->data, *end = at + lines->size;
    size_t count = 0;

    while (at < end && count < WHI_RULING_HEADERS) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        stop = stop != NULL ? stop : end;
        count += (size_t)split(at, (size_t)(stop - at), &out[count]);
        at = stop < end ? stop + 1 : end;
    }
    return count;
}

static void write_name(whi_buf *out, const line *one) {
    char name[128];
    size_t size = one->name_size < sizeof name ? one->name_size : sizeof name - 1;

    for (size_t i = 0; i < size; i++) {
        name[i] = whi_ascii_lower(one->name[i]);
    }
    name[size] = '\0';
    whi_json_write_name(out, name);
}

static void write_header(whi_buf *out, whi_buf *value, line *lines, size_t count, size_t at) {
    whi_buf_clear(value);
    for (size_t i = at; i < count; i++) {
        line *one = &lines[i];
        if (one->name_size == lines[at].name_size && whi_ascii_same_part(one->name, lines[at].name, one->name_size)) {
            whi_buf_text(value, i > at ? ", " : "");
            whi_buf_add(value, one->value, one->value_size);
            one->told = 1;
        }
    }
    write_name(out, &lines[at]);
    whi_json_write_string(out, value->size > 0 ? value->data : "", value->size);
}

static void write_headers(whi_buf *out, const whi_buf *given) {
    line lines[WHI_RULING_HEADERS];
    size_t count = given->size > 0 ? split_all(given, lines) : 0;
    whi_buf value;

    whi_buf_init(&value, WHI_RULING_LINES + 2 * WHI_RULING_HEADERS);
    whi_buf_char(out, '{');
    for (size_t i = 0; i < count; i++) {
        if (!lines[i].told) {
            write_header(out, &value, lines, count, i);
        }
    }
    whi_buf_char(out, '}');
    whi_buf_free(&value);
}

void whi_ruling_answer(whi_buf *out, int status, const whi_buf *lines, const char *body, size_t body_size,
                       int attempt) {
    whi_buf_format(out, "{\"status\":%d", status);
    whi_json_write_name(out, "headers");
    write_headers(out, lines);
    whi_json_write_name(out, "body");
    whi_json_write_string(out, body_size > 0 ? body : "", body_size);
    whi_buf_format(out, ",\"attempt\":%d}", attempt);
}
