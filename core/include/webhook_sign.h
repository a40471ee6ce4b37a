/* Secrets, signatures, and the order of what was received: what a receiver needs, and a sender without an engine. None
 * of these functions has state; any thread may call them. webhook.h includes this header. */
#ifndef WEBHOOK_SIGN_H
#define WEBHOOK_SIGN_H

#include "webhook.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A fresh symmetric secret of 24 random bytes, "whsec_…". Errors of both: invalid (NULL), internal. */
WH_API int wh_secret(char out[WH_SECRET_SIZE]);

/* A fresh ed25519 pair, "whsk_…" and "whpk_…". */
WH_API int wh_secret_pair(char secret[WH_SECRET_SIZE], char public_key[WH_SECRET_SIZE]);

/* The value of the `webhook-signature` header of Standard Webhooks: one
 * signature per secret, in order, space-separated. "whsec_…" (or bare base64, padded or not)
 * signs v1, "whsk_…" v1a. timestamp is in seconds. out is freed with wh_free.
 * Errors: invalid, secret, memory. */
WH_API int wh_sign(const char *const *secrets, size_t count, const char *id, int64_t timestamp, const void *body,
                   size_t size, char **out);

/* Checks a request that was received against Standard Webhooks: headers
 * webhook-id, webhook-timestamp, webhook-signature (or svix-…). secrets may be
 * "whsec_…" and "whpk_…"; one match suffices, and a signature that cannot be read is passed
 * over where another can. Blanks around a header's value are no part of it. tolerance in seconds either way
 * (0: 300, negative: the time is not checked); now in ms, 0 for the machine's
 * clock. Compares in constant time. Errors say which check failed:
 * signature_header, _format, _old, _new, _mismatch, secret. */
WH_API int wh_verify(const char *const *secrets, size_t secret_count, const wh_header *headers, size_t header_count,
                     const void *body, size_t size, int64_t tolerance, int64_t now);

/* The formats of other senders that wh_verify_as reads, and what their secrets are:
 *   standard   as wh_verify
 *   unified    Unified.to: `sig256`, or `sig` alone, in the body, over data and nonce; hex or base64
 *   truto      Truto: X-Truto-Signature, hex or base64
 *   callfire   CallFire: X-CallFire-Signature
 *   github     GitHub: X-Hub-Signature-256
 *   stripe     Stripe: Stripe-Signature, with its timestamp
 *   slack      Slack: X-Slack-Signature with X-Slack-Request-Timestamp
 *   shopify    Shopify: X-Shopify-Hmac-Sha256
 *   rfc9421    HTTP Message Signatures, hmac-sha256 and ed25519 (a "whpk_…"), with a
 *              Content-Digest that covers the body
 * A secret is the text as its sender shows it. */
typedef struct wh_verify_options {
    size_t size;           /* WH_VERIFY_INIT */
    const char *format;    /* one of the above; NULL: told by the headers, and for unified by the body */
    int64_t tolerance;     /* seconds, where the format has a time; 0: 300, negative: not checked */
    int64_t now;           /* ms; 0: the machine's clock */
    const char *method;    /* rfc9421: of the request, "POST" by default */
    const char *url;       /* rfc9421, or a form that signs it: the target URI, for signatures that cover parts of it */
    const char *signature; /* a form of signatures, as `signature` of a subscription's document has it, or a known
                              one's name; NULL: format says. found receives "form" then */
} wh_verify_options;

#define WH_VERIFY_INIT                                                                                                 \
    { sizeof(wh_verify_options), NULL, 0, 0, NULL, NULL, NULL }

/* Checks a request of any of these senders. found, if not NULL, receives the format
 * (static). Errors as wh_verify; signature_header too when no format is to be seen. */
WH_API int wh_verify_as(const wh_verify_options *options, const char *const *secrets, size_t secret_count,
                        const wh_header *headers, size_t header_count, const void *body, size_t size,
                        const char **found);

/* A form of signatures, for a product whose receivers verify already, and are to go on:
 *
 *   {"digest": "sha256", "encoding": "hex", "key": "text",
 *    "signed": "{timestamp}.{body}",
 *    "headers": {"Stripe-Signature": "t={timestamp},{signatures}"}, "each": "v1={signature}", "between": ","}
 *
 *   digest    sha256 (default), sha1, sha512: the HMAC
 *   encoding  hex (default), base64
 *   key       text (default): the secret's bytes; base64: what it encodes, behind an underscore if it has one
 *   signed    {body}, once, and literals, {id}, {timestamp} (seconds), {type} (of the event), {url}
 *   headers   1 to 8 lines, of literals, {id}, {timestamp}, {type}, and in one of them {signature}, the first secret's,
 *             or {signatures}: all secrets', each as `each` has it, with `between` between them
 *
 * It is data: there is nothing else in it. Requests have its lines, and webhook-id; webhook-timestamp and
 * webhook-signature are not sent. The bodies are as they are without. Known forms have names: "github", "shopify",
 * "slack", "stripe", "svix". */

/* The number of a request that has its place in an order (`order` of wh_subscribe): its header
 * webhook-sequence. Among the events of one subscription and key it ascends with the order of
 * acceptance, and each retry and replay has that of the first attempt. Nobody can call back a
 * request that has left, so after a death, or a pause beyond the lease, an older one may come late. A
 * receiver that keeps the highest number of each key, and ignores a lower one, has the order without
 * exception. Call it when the signature holds; the number itself is not signed:
 * core/docs/delivery.md says what that means. Errors, with *out 0: signature_header: the request has no
 * place in an order; signature_format: the header is there twice, or no number from 1 to 2^63 - 1; invalid. */
WH_API int wh_sequence(const wh_header *headers, size_t header_count, int64_t *out);

#ifdef __cplusplus
}
#endif

#endif
