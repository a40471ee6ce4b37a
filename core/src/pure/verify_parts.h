/* Verifying what somebody sent: one file a family of formats, and what they share.
 *
 *   verify.c          Standard Webhooks
 *   verify_as.c       which format it is, and the table of them
 *   verify_mac.c      HMACs in hex and base64, over every secret
 *   verify_header.c   formats with one HMAC in a header
 *   verify_body.c     Unified.to, which has it in the body
 *   verify_rfc9421.c  HTTP Message Signatures; its texts are structured.h's, the lines that
 *                     are signed signature_base.h's
 *
 * Every secret is tried, and every signature of a request is compared in constant time. */
#ifndef WHI_VERIFY_PARTS_H
#define WHI_VERIFY_PARTS_H

#include <openssl/evp.h>
#include <stddef.h>
#include <stdint.h>

#include "webhook.h"

/* One request to be judged. */
typedef struct whi_check {
    const wh_verify_options *options; /* never NULL */
    const char *const *secrets;
    size_t secret_count;
    const wh_header *headers;
    size_t header_count;
    const char *body; /* never NULL */
    size_t size;
} whi_check;

#define WHI_CHECK_HEADER_MAXIMUM 8192 /* bytes of a header that is read */
#define WHI_CHECK_SECRET_MAXIMUM 1024 /* bytes of a secret that is a plain text */

/* The value of the header prefix and name, in any case; NULL if it is not there.
 * WH_ESIG_FORMAT if it is there twice: whoever reads the other one would see another message. */
int whi_header_find(const wh_header *headers, size_t count, const char *prefix, const char *name, const char **out);

/* The same, which must be there (WH_ESIG_HEADER) and not be too long (WH_ESIG_FORMAT). */
int whi_check_header(const whi_check *check, const char *name, const char **out);

/* Seconds since 1970 in digits alone; name begins the sentence. */
int whi_stamp_read(const char *name, const char *text, size_t size, int64_t *out);

/* tolerance in s and now in ms, as in wh_verify. */
int whi_stamp_check(const char *name, int64_t seconds, int64_t tolerance, int64_t now);

/* ------------------------------------------------------------------ verify_mac.c */

#define WHI_CHECK_DIGEST 32 /* bytes of the longest digest that is compared */
#define WHI_CHECK_SIGNATURES 64

enum whi_check_text {
    WHI_CHECK_HEX = 1,
    WHI_CHECK_BASE64 = 2,
};

/* The signatures of one request, decoded, all of one size. */
typedef struct whi_check_list {
    const char *name;   /* of their header, for sentences */
    const char *digest; /* "SHA1", "SHA256" */
    size_t bytes;       /* that the digest has */
    size_t count;
    uint8_t list[WHI_CHECK_SIGNATURES][WHI_CHECK_DIGEST];
} whi_check_list;

void whi_check_list_init(whi_check_list *list, const char *name, const char *digest);

/* Adds one: hex or base64, whichever of those in accepted has this length. */
int whi_check_list_add(whi_check_list *list, const char *text, size_t size, int accepted);

/* A part of what is signed; parts follow one another without anything between. */
typedef struct whi_check_part {
    const void *bytes;
    size_t size;
} whi_check_part;

/* HMAC over the parts; *out_size receives the digest's bytes. */
int whi_check_hmac(const char *digest, const void *key, size_t key_size, const whi_check_part *parts, size_t count,
                   uint8_t out[WHI_CHECK_DIGEST], size_t *out_size);

/* 0 when the text of one secret, as its bytes are, gives one of the signatures. */
int whi_check_match(const whi_check *check, const whi_check_list *list, const whi_check_part *parts, size_t count);

/* ---------------------------------------------------------------------- verify.c */

/* Sets *matched if the ed25519 signature is that of the text, and leaves it alone otherwise. */
int whi_check_ed25519(EVP_PKEY *key, const uint8_t *signature, const uint8_t *text, size_t size, int *matched);

/* ----------------------------------------------------------------- the formats */

int whi_check_truto(const whi_check *check);
int whi_check_callfire(const whi_check *check);
int whi_check_github(const whi_check *check);
int whi_check_stripe(const whi_check *check);
int whi_check_slack(const whi_check *check);
int whi_check_shopify(const whi_check *check);
int whi_check_unified(const whi_check *check);
int whi_check_rfc9421(const whi_check *check);

/* 1 if the body is an object with a nonce and a sig or sig256; 0 if not; or an error. */
int whi_check_is_unified(const whi_check *check);

#endif
