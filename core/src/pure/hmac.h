/* HMAC of any digest: keying a context is written here, what goes into it where it is known. */
#ifndef WHI_HMAC_H
#define WHI_HMAC_H

#include <openssl/evp.h>
#include <stddef.h>

/* A keyed context for digest ("SHA1", "SHA256"), for EVP_MAC_CTX_free, which wipes the key. It can
 * be used again: EVP_MAC_init(context, NULL, 0, NULL). NULL if OpenSSL cannot. */
EVP_MAC_CTX *whi_hmac_new(const char *digest, const void *key, size_t size);

#endif
