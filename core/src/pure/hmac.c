#include "pure/hmac.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <stdint.h>

#include "base/crypto.h"

EVP_MAC_CTX *whi_hmac_new(const char *digest, const void *key, size_t size) {
    OSSL_PARAM parameters[] = { /* which OpenSSL reads alone, though its type says otherwise */
                                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)(uintptr_t)digest, 0),
                                OSSL_PARAM_construct_end()
    };
    EVP_MAC_CTX *context;
    EVP_MAC *mac;

    whi_crypto_begin();
    mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    context = mac != NULL ? EVP_MAC_CTX_new(mac) : NULL;
    EVP_MAC_free(mac);
    if (context != NULL && EVP_MAC_init(context, key, size, parameters) != 1) {
        EVP_MAC_CTX_free(context);
        return NULL;
    }
    return context;
}
