/* Envelopes: the body and the headers that a delivery has in a system.
 *
 * What is stored of a delivery is its data: the event's payload, or what rule and fields
 * made of it. The envelope around it is made when it is sent, of things that do not change
 * between two attempts: the version of the subscription that made the data, the event, and a
 * nonce drawn from both by the secret. So a retry sends the same bytes, and is signed with the
 * secrets valid now. Without an envelope the data are the body. */
#ifndef WHI_ENVELOPE_H
#define WHI_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "pure/projection.h"
#include "systems/system.h"

typedef struct whi_envelope {
    const whi_subscription *made_by; /* the version that made the data; its system is the envelope's */
    const whi_subscription *now;     /* the version in force: its secrets sign */
    const whi_projection *fields;    /* made_by's, for systems whose mask is over the whole body; or NULL */
    const char *event_id, *event_type;
    int64_t event_time; /* ms */
    const char *data;   /* JSON */
    size_t data_size;
    int *unlike; /* NULL, or 0 that becomes 1: who writes the data anew to verify them will have others */
} whi_envelope;

/* Appends the body. */
int whi_envelope_body(const whi_envelope *envelope, whi_buf *out);

#define WHI_ENVELOPE_LINES 4

/* The headers that come with these bytes, Content-Type and User-Agent apart: each appended to
 * text with its zero byte ("X-Signature: …"); lines, which has room for
 * WHI_ENVELOPE_LINES, receives where each begins in text->data when all are written. */
int whi_envelope_headers(const whi_envelope *envelope, const void *body, size_t size, whi_buf *text, const char **lines,
                         size_t *count);

/* ------------------------------------------------------------------- for the systems */

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

#endif
