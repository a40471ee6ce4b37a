/* The list of fields, a zero byte, the payload: what is kept of JSON is JSON, no longer
 * than it, and the same when it is taken again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/projection.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void project(const whi_projection *fields, const char *text, size_t size, int again) {
    whi_json json = { 0 };
    whi_buf out;

    if (whi_json_scan(&json, text, size, 100) == WH_OK) {
        whi_buf_init(&out, size);
        must(whi_projection_write(fields, &json, 0, &out) == WH_OK);
        must(whi_json_check(out.data, out.size, 100) == WH_OK);
        if (again) {
            project(fields, out.data, out.size, 0);
        } else {
            must(out.size == size && memcmp(out.data, text, size) == 0);
        }
        whi_buf_free(&out);
    }
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t list = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(size ? size : 1);
    whi_projection *fields;

    must(text != NULL);
    memcpy(text, data, size);
    if (whi_projection_parse(&fields, text, list) == WH_OK && end != NULL) {
        project(fields, text + list + 1, size - list - 1, 1);
    }
    whi_projection_free(fields);
    free(text);
    return 0;
}
