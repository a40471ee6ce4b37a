/* A Link header: a target that is found stands between < and > in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/link.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);
    whi_buf out, quoted;

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    whi_buf_init(&out, size + 1);
    whi_buf_init(&quoted, size + 3);
    if (whi_link_find(text, "next", &out) == 1) {
        whi_buf_char(&quoted, '<');
        whi_buf_add(&quoted, out.data, out.size);
        whi_buf_char(&quoted, '>');
        must(whi_buf_status(&quoted) == WH_OK && strstr(text, quoted.data) != NULL);
    } else {
        must(out.size == 0);
    }
    whi_buf_free(&quoted);
    whi_buf_free(&out);
    free(text);
    return 0;
}
