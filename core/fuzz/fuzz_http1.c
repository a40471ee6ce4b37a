/* Requests that anybody may send to a receiver. Read in whole or in parts they are the same request, and what is read
 * stays within the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/http1.h"

#define MAXIMUM 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void within(const whi_http1_text *text, const char *bytes, size_t size) {
    must(text->text >= bytes && text->size <= size && text->text + text->size <= bytes + size);
}

static void check(const whi_http1 *found, const char *bytes, size_t size) {
    must(found->size > 0 && found->size <= size && !found->waits);
    must(found->field_count <= WHI_HTTP1_FIELDS && found->body.size <= MAXIMUM);
    within(&found->method, bytes, found->size);
    within(&found->target, bytes, found->size);
    within(&found->body, bytes, found->size);
    for (size_t i = 0; i < found->field_count; i++) {
        within(&found->fields[i].name, bytes, found->size);
        within(&found->fields[i].value, bytes, found->size);
        must(memchr(found->fields[i].value.text, '\n', found->fields[i].value.size) == NULL);
    }
}

static int read_copy(whi_http1 *found, const uint8_t *data, size_t size, char **copy) {
    *copy = malloc(size + 1);
    must(*copy != NULL);
    memcpy(*copy, data, size);
    return whi_http1_read(found, *copy, size, MAXIMUM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static whi_http1 all, part;
    char *bytes, *start;
    int code = read_copy(&all, data, size, &bytes), before;

    must(code == 0 || code == 1 || (code >= 400 && code <= 505));
    if (code == 1) {
        check(&all, bytes, size);
        before = read_copy(&part, data, all.size, &start);
        must(before == 1 && part.size == all.size && part.body.size == all.body.size);
        must(memcmp(part.body.text, all.body.text, all.body.size) == 0);
        free(start);
    } else {
        must(memcmp(bytes, data, size) == 0);
    }
    before = read_copy(&part, data, size / 2, &start);
    must(before == 0 || before == code); /* what is wrong is so whatever follows */
    free(start);
    free(bytes);
    return 0;
}
