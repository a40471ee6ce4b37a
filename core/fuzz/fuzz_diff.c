/* Two JSON texts with a zero byte between them: what is told of them is bounded, lines are
 * whole, nothing differs from itself, and both ways tell as much. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "pure/diff.h"
#include "webhook.h"

#define LINES 50
#define DEPTH 100

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

/* The lines, each of its form; returns how many. */
static size_t check_lines(const whi_buf *out) {
    const char *at = out->data, *end = out->size > 0 ? at + out->size : at;
    size_t lines = 0;

    must(out->size == 0 || whi_utf8_check(out->data, out->size));
    for (; at < end; lines++) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        must(stop != NULL && (size_t)(stop - at) < 2 * WHI_DIFF_TEXT + 20);
        must((at[0] == '-' || at[0] == '+') && at[1] == ' ');
        at = stop + 1;
    }
    return lines;
}

static size_t diff(const whi_json *first, const whi_json *second, size_t most) {
    whi_buf out;
    size_t count;

    whi_buf_init(&out, (2 * WHI_DIFF_TEXT + 20) * LINES);
    must(whi_diff(first, second, most, &out, &count) == WH_OK);
    must(count <= most && check_lines(&out) == count);
    whi_buf_free(&out);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *split = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t left = split != NULL ? (size_t)(split - data) : size;
    char *text = malloc(size ? size : 1);
    whi_json first = { 0 }, second = { 0 };

    must(text != NULL);
    memcpy(text, data, size);
    if (split != NULL && whi_json_scan(&first, text, left, DEPTH) == WH_OK &&
        whi_json_scan(&second, text + left + 1, size - left - 1, DEPTH) == WH_OK) {
        size_t count = diff(&first, &second, LINES);
        must(diff(&second, &first, LINES) == count);
        must(diff(&first, &second, 1) == (count > 0));
        must(diff(&first, &first, LINES) == 0);
        must(count > 0 || whi_json_equal(&first, 0, &second, 0));
    }
    whi_json_free(&first);
    whi_json_free(&second);
    free(text);
    return 0;
}
