/* Answers that any receiver may send. Read in whole or in parts they are the same answer, and the pieces of its body
 * lie within the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/answer.h"

#define MAXIMUM 2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    whi_answer answer;
    int code;
    size_t used, body_size;
    uint32_t body; /* a sum that minds the order */
} outcome;

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void add_body(outcome *out, const whi_answer_bytes *body) {
    for (size_t i = 0; i < body->size; i++) {
        out->body = out->body * 31 + (unsigned char)body->text[i];
    }
    out->body_size += body->size;
}

/* A part in memory of its own, so that no byte behind it is read unnoticed. */
static void feed(outcome *out, const uint8_t *data, size_t size) {
    char *bytes = malloc(size > 0 ? size : 1);
    whi_answer_bytes from = { bytes, size }, body;

    must(bytes != NULL);
    memcpy(bytes, data, size);
    do {
        out->code = whi_answer_read(&out->answer, &from, &body);
        must((out->code == WHI_ANSWER_BODY) == (body.size > 0));
        must(from.text + from.size == bytes + size);
        must(body.size == 0 || (body.text >= bytes && body.text + body.size <= from.text));
        add_body(out, &body);
    } while (out->code == WHI_ANSWER_BODY);
    must(out->code != WHI_ANSWER_MORE || from.size == 0);
    out->used += size - from.size;
    free(bytes);
}

static void read_parts(outcome *out, const uint8_t *data, size_t size, size_t part) {
    memset(out, 0, sizeof *out);
    whi_answer_begin(&out->answer, MAXIMUM);
    for (size_t at = 0; at < size && out->code == WHI_ANSWER_MORE; at += part) {
        feed(out, data + at, part < size - at ? part : size - at);
    }
}

static void check(const outcome *all) {
    const whi_answer *answer = &all->answer;

    must(answer->head_bytes <= MAXIMUM && all->body_size <= all->used);
    must(memchr(answer->retry_after, '\0', sizeof answer->retry_after) != NULL);
    must(!answer->headed || (answer->status >= 200 && answer->status <= 999));
    must(all->code != WHI_ANSWER_WHOLE || answer->headed);
    must(!whi_answer_ends(answer) || (all->code == WHI_ANSWER_MORE && answer->headed && !answer->keeps));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const size_t parts[] = { 1, 2, 3, 7, 64 };
    static outcome all, other;

    read_parts(&all, data, size, size);
    check(&all);
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        read_parts(&other, data, size, parts[i]);
        must(other.code == all.code && other.used == all.used);
        must(other.body == all.body && other.body_size == all.body_size);
        must(other.answer.headed == all.answer.headed && other.answer.head_bytes == all.answer.head_bytes);
        must(other.answer.status == all.answer.status && other.answer.keeps == all.answer.keeps);
        must(other.answer.keep_seconds == all.answer.keep_seconds);
        must(strcmp(other.answer.retry_after, all.answer.retry_after) == 0);
    }
    return 0;
}
