/* A subscription's document as a store keeps it, with what is secret in it sealed.
 *
 * Which members those are is said in whi_secret_members alone: a new one is sealed when it stands there. A member that
 * is sealed is a text, where it else is a list or an object, so a document tells by itself, and documents with and
 * without may stand side by side. The place of a member's value is "subscription ID version N MEMBER", with the row's
 * number as the ID. */
#ifndef WHI_SEAL_DOCUMENT_H
#define WHI_SEAL_DOCUMENT_H

#include "pure/seal.h"

#define WHI_SECRET_MEMBERS 6
extern const char *const whi_secret_members[WHI_SECRET_MEMBERS];

/* Of the row that a document stands in, or will. */
typedef struct whi_seal_place {
    int64_t subscription, version;
} whi_seal_place;

/* Appends the document with its secret members sealed, by a nonce each. */
int whi_seal_document(const whi_seal_key *key, const whi_seal_place *place,
                      const uint8_t nonces[WHI_SECRET_MEMBERS][WHI_SEAL_NONCE], const char *text, size_t size,
                      whi_buf *out);

/* Appends the document with its members opened. Errors: as whi_unseal, json. */
int whi_unseal_document(const whi_keyring *keys, const whi_seal_place *place, const char *text, size_t size,
                        whi_buf *out);

/* 0: no member is sealed, for certain; costs a look at the bytes. */
int whi_seal_document_may(const char *text, size_t size);

/* *out 1: each secret member that is there is sealed by this key. */
int whi_seal_document_is_by(const whi_seal_key *key, const char *text, size_t size, int *out);

#endif
