/* A source's document, a zero byte, a page of its API: whatever both are, what a page becomes is a JSON array of
 * objects that have an id, and the first object is as its item was in its id's bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/source_page.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

/* A rule that gives its item back, or drops it where it is short. */
static int make(void *payload, const char *item, size_t size, whi_buf *out, int *dropped) {
    (void)payload;
    *dropped = size < 12;
    whi_buf_add(out, item, size);
    return WH_OK;
}

static void check_items(const whi_source_found *found) {
    whi_json json = { 0 };

    must(whi_json_scan(&json, found->items.data, found->items.size, WHI_JSON_DEPTH_MAXIMUM) == WH_OK);
    must(json.nodes[0].type == WHI_JSON_ARRAY && json.nodes[0].count == found->made && found->made <= found->count);
    for (uint32_t at = 1; at < json.nodes[0].next; at = json.nodes[at].next) {
        uint32_t id = whi_json_member(&json, at, "id", 2);

        must(json.nodes[at].type == WHI_JSON_OBJECT && id != WHI_JSON_NONE);
        must(json.nodes[id].type == WHI_JSON_STRING || json.nodes[id].type == WHI_JSON_NUMBER);
    }
    whi_json_free(&json);
}

static void read_page(const whi_source_document *document, const char *text, size_t size) {
    static const whi_source_maker maker = { make, NULL };
    static const whi_source_place_of_page place = { 2, 20, "/next" };
    whi_source_found found;
    whi_json json = { 0 };

    if (whi_json_scan(&json, text, size, 100) == WH_OK) {
        if (whi_source_page_read(&found, document, &json, &place, &maker) == WH_OK) {
            check_items(&found);
        }
        whi_source_found_free(&found);
    }
    whi_json_free(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const uint8_t *end = size > 0 ? memchr(data, '\0', size) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : size;
    char *text = malloc(size + 1);
    whi_source_document document;

    must(text != NULL);
    memcpy(text, data, size);
    if (whi_source_document_read(&document, text, length) == WH_OK && end != NULL) {
        read_page(&document, text + length + 1, size - length - 1);
    }
    whi_source_document_free(&document);
    free(text);
    return 0;
}
