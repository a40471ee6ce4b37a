/* Secrets in text and in bytes, shared by those who sign and those who verify. */
#ifndef WHI_SECRET_H
#define WHI_SECRET_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#define WHI_ED_SEED 32 /* RFC 8032: private seed, public key and signature of ed25519 */
#define WHI_ED_PUBLIC 32
#define WHI_ED_SIGNATURE 64
#define WHI_MAC_SIZE 32 /* of HMAC-SHA256 */
#define WHI_KEY_MAXIMUM 128
#define WHI_SECRETS_MAXIMUM 64 /* of one message */

enum whi_key_kind {
    WHI_KEY_MAC,    /* "whsec_…" or bare base64 */
    WHI_KEY_SECRET, /* "whsk_…": a seed, perhaps with its public key */
    WHI_KEY_PUBLIC, /* "whpk_…" */
};

/* A secret's bytes. Whoever read it wipes it. */
typedef struct whi_key {
    enum whi_key_kind kind;
    size_t size;
    uint8_t bytes[WHI_KEY_MAXIMUM];
} whi_key;

/* Reads any of the three kinds and checks it: WH_ESECRET says what was expected
 * and leaves the key wiped. text may be NULL. */
int whi_key_read(whi_key *key, const char *text);

/* Turns a secret or public key into its public key. */
int whi_key_public(whi_key *key);

/* The pair of a seed, for EVP_PKEY_free, and its public key. */
int whi_key_pair(EVP_PKEY **out, const uint8_t *seed, uint8_t public_key[WHI_ED_PUBLIC]);

/* WH_ESECRET for a public key where one that signs is wanted. */
int whi_fail_public_key(void);

/* WH_EINTERNAL: OpenSSL could not do this. Leaves its queue of errors empty. */
int whi_fail_crypto(const char *what);

/* A keyed context for HMAC-SHA256, for EVP_MAC_CTX_free. */
int whi_mac_new(EVP_MAC_CTX **out, const whi_key *key);

/* What is signed, "id.timestamp.body", in the parts that it is made of. */
typedef struct whi_message {
    const char *id;
    const char *stamp; /* ".1614265330." */
    const void *body;
    size_t id_size, stamp_size, size;
} whi_message;

#define WHI_STAMP_SIZE 24 /* '.', an int64_t, '.' */

/* Re-arms the context, which may be used again afterwards. */
int whi_mac_make(EVP_MAC_CTX *mac, const whi_message *message, uint8_t out[WHI_MAC_SIZE]);

/* The message in one piece, for whi_free: ed25519 reads it twice. */
int whi_message_join(const whi_message *message, uint8_t **out, size_t *out_size);

/* WH_EINVALID if the secrets or the body cannot be: no secret, too many, no bytes
 * for a size. *size is what was given, and the body's true size afterwards. */
int whi_message_check(const char *const *secrets, size_t count, const void *body, size_t *size);

#endif
