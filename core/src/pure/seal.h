/* Sealing: what is secret in a store, encrypted by a key of the operator's.
 *
 * A sealed text is "seal:1:ID:BASE64", where ID names the key, and the base64 is a nonce of 12 bytes, what AES-256-GCM
 * made of the text, and its tag of 16. Its place in the store is what GCM calls additional data: a value that is moved
 * to another row, member or version does not open there. Whoever has the key opens it with any tool:
 * core/docs/operating.md has the places.
 *
 * A key file has a key a line, "ID BASE64", of 32 bytes; lines that are empty or begin with # are passed over. The
 * first key seals, all of them open. */
#ifndef WHI_SEAL_H
#define WHI_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define WHI_SEAL_KEY 32
#define WHI_SEAL_NONCE 12
#define WHI_SEAL_TAG 16
#define WHI_SEAL_ID 33   /* of a key's id, with a zero byte */
#define WHI_SEAL_KEYS 32 /* of one file */

typedef struct whi_seal_key {
    char id[WHI_SEAL_ID];
    uint8_t bytes[WHI_SEAL_KEY];
} whi_seal_key;

/* Whoever has one wipes it. */
typedef struct whi_keyring {
    size_t count; /* 1 or more */
    whi_seal_key keys[WHI_SEAL_KEYS];
} whi_keyring;

/* Reads the text of a key file. WH_EINVALID of the field "key_file" names the line, and nothing that stands in it. */
int whi_keyring_read(whi_keyring *out, const char *text, size_t size);

/* NULL: there is none of this id. */
const whi_seal_key *whi_keyring_find(const whi_keyring *keys, const char *id, size_t size);

/* Appends the sealed text. place: where it will stand. A nonce is never used twice with one key. WH_EINTERNAL. */
int whi_seal(const whi_seal_key *key, const char *place, const uint8_t nonce[WHI_SEAL_NONCE], const void *text,
             size_t size, whi_buf *out);

/* 1 for a sealed text; id (which may be NULL) receives its key's, within the text. */
int whi_seal_is(const char *text, size_t size, const char **id, size_t *id_size);

/* Appends what was sealed, which is shorter; whoever reserved as much leaves no copy behind. keys may be NULL: none.
 * WH_EKEY: the key is not there; WH_ECORRUPT: it does not open: damaged, moved from elsewhere, or by another key of
 * this id. */
int whi_unseal(const whi_keyring *keys, const char *place, const char *text, size_t size, whi_buf *out);

#endif
