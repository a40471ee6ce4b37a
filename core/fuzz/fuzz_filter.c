/* Filters, a zero byte, the payload: never a crash, and a path that failed is named when
 * and only when the payload does not pass. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/filter.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void match(const whi_filter *filter, const char *text, size_t size) {
    const char *failed = NULL;
    whi_json json = { 0 };
    int passes;

    if (whi_json_scan(&json, text, size, 100) == WH_OK) {
        passes = whi_filter_match(filter, &json, &failed);
        must(passes == (failed == NULL) && (passes || filter != NULL));
    }
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(size ? size : 1);
    whi_filter *filter;

    must(text != NULL);
    memcpy(text, data, size);
    if (whi_filter_parse(&filter, text, first) == WH_OK && end != NULL) {
        match(filter, text + first + 1, size - first - 1);
    }
    whi_filter_free(filter);
    free(text);
    return 0;
}
