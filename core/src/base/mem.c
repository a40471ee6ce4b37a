/* Tests: test_base. */
#include "base/mem.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"

int (*whi_mem_fault)(void);

static int fails(void) {
    return whi_mem_fault != NULL && whi_mem_fault();
}

void *whi_alloc(size_t size) {
    return fails() ? NULL : malloc(size ? size : 1);
}

void *whi_calloc(size_t count, size_t size) {
    return fails() ? NULL : calloc(count ? count : 1, size ? size : 1);
}

void *whi_realloc(void *memory, size_t size) {
    return fails() ? NULL : realloc(memory, size ? size : 1);
}

void whi_free(void *memory) {
    free(memory);
}

void wh_free(void *memory) {
    free(memory);
}

char *whi_strdup(const char *text, size_t size) {
    char *copy;

    if (text == NULL) {
        return NULL;
    }
    if (size == WH_ZSTR) {
        size = strlen(text);
    }
    copy = whi_alloc(size + 1);
    if (copy != NULL) {
        memcpy(copy, text, size);
        copy[size] = '\0';
    }
    return copy;
}

void whi_wipe(void *memory, size_t size) {
    if (memory != NULL) {
        OPENSSL_cleanse(memory, size);
    }
}

void whi_free_secret(void *memory, size_t size) {
    whi_wipe(memory, size);
    free(memory);
}
