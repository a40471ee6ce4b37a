/* What the profiles' envelopes share; for envelope*.c alone. */
#ifndef WHI_ENVELOPE_PARTS_H
#define WHI_ENVELOPE_PARTS_H

#include "pure/envelope.h"

/* The data without blanks around it. */
const char *whi_envelope_data(const whi_envelope *envelope, size_t *size);

/* The text that signs now, or NULL. */
const char *whi_envelope_secret(const whi_envelope *envelope);

typedef struct whi_signed {
    const void *bytes;
    size_t size;
} whi_signed;

#define WHI_DIGEST_MAXIMUM 32

/* HMAC over the two parts, one behind the other; digest "SHA1" or "SHA256". *out_size receives 20 or 32. */
int whi_envelope_hmac(const char *digest, const char *secret, whi_signed first, whi_signed second,
                      uint8_t out[WHI_DIGEST_MAXIMUM], size_t *out_size);

/* The same, appended as the encoding has it: hex or base64. */
int whi_envelope_sign(const char *digest, const char *secret, int encoding, whi_signed first, whi_signed second,
                      whi_buf *out);

/* One file each. */
int whi_envelope_unified(const whi_envelope *envelope, whi_buf *out);
int whi_envelope_truto(const whi_envelope *envelope, whi_buf *out);
int whi_envelope_callfire(const whi_envelope *envelope, whi_buf *out);

/* The value of the signature's header, appended. */
int whi_envelope_sign_truto(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out);
int whi_envelope_sign_callfire(const whi_envelope *envelope, const void *body, size_t size, whi_buf *out);

#endif
