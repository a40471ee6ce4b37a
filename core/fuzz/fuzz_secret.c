/* Secrets of a subscription's document. Bytes have one text only, and whoever checks a
 * secret agrees with whoever uses it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/buf.h"
#include "pure/sign.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int good) {
    if (!good) {
        abort();
    }
}

static void check_base64(const char *text, size_t size) {
    size_t bytes;
    uint8_t *out = malloc(size + 1);
    char *again = malloc(WHI_BASE64_SIZE(size) + 1);

    must(out != NULL && again != NULL);
    if (whi_base64_decode(text, size, out, size, &bytes) == WH_OK) {
        must(whi_base64_encode(out, bytes, again) == size && memcmp(again, text, size) == 0);
    }
    free(out);
    free(again);
}

static void check_secret(const char *text) {
    char public_key[WH_SECRET_SIZE], again[WH_SECRET_SIZE];
    whi_signer *signer;
    whi_buf buf;
    int good = whi_signer_new(&signer, text) == WH_OK;

    must(good == (whi_secret_check(text, 0) == WH_OK));
    if (good) {
        whi_buf_init(&buf, 1000);
        must(whi_signer_sign(signer, "id", 1, text, strlen(text), &buf) == WH_OK);
        whi_buf_free(&buf);
        whi_signer_free(signer);
    }
    if (whi_secret_public(text, public_key) == WH_OK) {
        must(whi_secret_check(public_key, 1) == WH_OK && whi_secret_check(public_key, 0) == WH_ESECRET);
        must(whi_secret_public(public_key, again) == WH_OK && strcmp(again, public_key) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char *text = malloc(size + 1);

    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    check_base64(text, size);
    check_secret(text);
    free(text);
    return 0;
}
