/* Secrets and signatures: Standard Webhooks v1 (HMAC-SHA256) and v1a (ed25519).
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 *
 * A whi_signer is a secret made ready: its keyed context is set up once and
 * re-armed for every message (0.8 us against 1.6 us for 1 KiB). It belongs to one
 * thread. Of webhook.h, wh_sign lives in sign.c, wh_secret and wh_secret_pair in
 * secret.c, which also reads secrets for it and for wh_verify, in systems/standard_verify.c. */
#ifndef WHI_SIGN_H
#define WHI_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

typedef struct whi_signer whi_signer;

/* Reads a secret: "whsec_" and base64 of 1 to 128 bytes (also without the
 * prefix), "whsk_" and base64 of 64 bytes (seed and public key) or of 32 (seed).
 * WH_ESECRET says what was expected, never the text itself. */
int whi_signer_new(whi_signer **out, const char *secret);
void whi_signer_free(whi_signer *signer); /* wipes */

/* Appends "v1,…" or "v1a,…" over "id.timestamp.body". */
int whi_signer_sign(whi_signer *signer, const char *id, int64_t timestamp, const void *body, size_t size, whi_buf *out);

/* 64 signatures of "v1a," and 88 letters take 5,951 bytes; headers up to this. */
#define WHI_SIGNATURES_SIZE 8192
#define WHI_SIGNED_ID_MAXIMUM 512

/* WH_EINVALID for an id that must not be signed: empty, too long, with control
 * characters, with blanks around it (which a header loses), or with a run of digits alone after a full stop. The last
 * one because "a.1" signed at 2 with the body "x" is the same text as "a" signed at 1 with the body "2.x"; the standard
 * therefore wants no full stops that a stranger chooses, and this is the least that tells the two apart.
 * whi_signer_sign trusts that its ids passed. */
int whi_signed_id_check(const char *id);

/* 0, or WH_ESECRET with what was expected: for validation without a signer.
 * public_key: 1 takes "whpk_…" too. */
int whi_secret_check(const char *secret, int public_key);

/* The public key of a "whsk_…" as "whpk_…", out of WH_SECRET_SIZE bytes. */
int whi_secret_public(const char *secret, char *out);

/* Compares without telling by its time where the two differ. */
int whi_equal(const void *a, const void *b, size_t size);

#endif
