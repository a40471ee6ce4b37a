/* The input as a key file, and as a document: never a crash. Keys that are read can be found again. What a document
 * has sealed comes back, byte for byte, and one that is sealed by nobody's hand does not open unless it holds. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pure/seal_document.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAXIMUM ((size_t)1 << 24)

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void as_keys(const char *text, size_t size) {
    whi_keyring keys;

    if (whi_keyring_read(&keys, text, size) == WH_OK) {
        must(keys.count > 0 && keys.count <= WHI_SEAL_KEYS);
        for (size_t i = 0; i < keys.count; i++) {
            must(whi_keyring_find(&keys, keys.keys[i].id, strlen(keys.keys[i].id)) == &keys.keys[i]);
        }
    }
}

static void must_return(const whi_keyring *keys, const whi_seal_place *place, const char *text, size_t size,
                        const whi_buf *kept) {
    whi_buf back;
    int is_by;

    whi_buf_init(&back, MAXIMUM);
    must(whi_unseal_document(keys, place, kept->data, kept->size, &back) == WH_OK);
    must(back.size == size && memcmp(back.data, text, size) == 0);
    must(whi_seal_document_is_by(&keys->keys[0], kept->data, kept->size, &is_by) == WH_OK && is_by);
    whi_buf_free(&back);
}

static void as_document(const whi_keyring *keys, const char *text, size_t size) {
    static const uint8_t nonces[WHI_SECRET_MEMBERS][WHI_SEAL_NONCE] = { "defghijklmno", "pqrstuvwxyz!",
                                                                        "bcdefghijklm" };
    whi_seal_place place = { 5, 3 };
    whi_buf kept, opened;

    whi_buf_init(&kept, MAXIMUM);
    whi_buf_init(&opened, MAXIMUM);
    if (whi_seal_document(&keys->keys[0], &place, nonces, text, size, &kept) == WH_OK && kept.size > 0) {
        must_return(keys, &place, text, size, &kept);
    }
    (void)whi_unseal_document(keys, &place, text, size, &opened);
    (void)whi_seal_document_may(text, size);
    whi_buf_free(&kept);
    whi_buf_free(&opened);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char line[] = "k1 AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    whi_keyring keys;
    char *text = malloc(size + 1);

    must(text != NULL && whi_keyring_read(&keys, line, strlen(line)) == WH_OK);
    memcpy(text, data, size);
    as_keys(text, size);
    as_document(&keys, text, size);
    free(text);
    return 0;
}
