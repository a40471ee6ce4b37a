/* A page of a source: never a crash, and each id that is kept comes back as one that is packed the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/poll_page.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void comes_back(const whi_poll_page *page, const whi_poll_object *object) {
    whi_json json = { 0 };
    whi_poll_id again;
    whi_buf text;

    whi_buf_init(&text, SIZE_MAX / 4);
    whi_poll_id_write(whi_poll_page_id(page, object), object->id_size, &text);
    must(whi_json_scan(&json, text.data, text.size, 1) == WH_OK);
    must(whi_poll_id_pack(&again, &json, 0) == WH_OK);
    must(again.size == object->id_size && memcmp(again.bytes, whi_poll_page_id(page, object), again.size) == 0);
    whi_json_free(&json);
    whi_buf_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const unsigned char salt[WHI_POLL_SALT];
    static const char *const without[] = { "fetched_at", NULL };
    whi_poll_reader reader = { salt, without, NULL, 4096, 64 };
    whi_poll_page page = { 0 };
    char *text = malloc(size ? size : 1);

    must(text != NULL);
    memcpy(text, data, size);
    if (whi_poll_page_read(&page, &reader, text, size) == WH_OK) {
        must(page.count + page.skipped == page.json.nodes[0].count);
        for (size_t i = 0; i < page.count; i++) {
            must(page.list[i].content >= 0 && page.list[i].content < INT64_C(1) << 47);
            comes_back(&page, &page.list[i]);
        }
    }
    whi_poll_page_free(&page);
    free(text);
    return 0;
}
