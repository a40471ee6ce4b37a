/* Verifying what somebody sent: what the formats share. check.c has headers, times, HMACs over
 * every secret and ed25519, check_header.c headers with one HMAC and such of name=value.
 *
 * Every secret is tried, and every signature of a request is compared in constant time. */
#ifndef WHI_CHECK_H
#define WHI_CHECK_H

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

/* A header's value without the blanks around it, which are no part of it (RFC 9110 5.5): behind its size may
 * still come some. */
typedef struct whi_value {
    const char *text; /* zero-terminated; NULL: the header is not there */
    size_t size;
} whi_value;

/* The value of the header prefix and name, in any case.
 * WH_ESIG_FORMAT if it is there twice: whoever reads the other one would see another message. */
int whi_header_find(const wh_header *headers, size_t count, const char *prefix, const char *name, whi_value *out);

/* The same, which must be there (WH_ESIG_HEADER) and not be too long (WH_ESIG_FORMAT). */
int whi_check_header(const whi_check *check, const char *name, whi_value *out);

whi_value whi_value_of(const char *text);

#define WHI_STAMP_DIGITS 15 /* seconds with so many digits fit into milliseconds of 64 bits */

/* Seconds since 1970 in digits alone; name begins the sentence. */
int whi_stamp_read(const char *name, const char *text, size_t size, int64_t *out);

/* tolerance in s and now in ms, as in wh_verify. */
int whi_stamp_check(const char *name, int64_t seconds, int64_t tolerance, int64_t now);

/* ---------------------------------------------------------------------- HMACs */

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

/* Adds one: hex or base64, whichever of those in accepted has this length. WH_ESIG_FORMAT for what is
 * neither, which is no reason to refuse a request that has another one. */
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

/* Sets *matched if the ed25519 signature is that of the text, and leaves it alone otherwise. */
int whi_check_ed25519(EVP_PKEY *key, const uint8_t *signature, const uint8_t *text, size_t size, int *matched);

/* -------------------------------------------------------------- headers, again */

/* A header with one signature, behind a fixed text, over the parts. */
typedef struct whi_check_simple {
    const char *name; /* "header " and its name */
    const char *prefix, *digest;
    int accepted; /* enum whi_check_text */
} whi_check_simple;

#define WHI_CHECK_NAME "header "

/* Reads the signature into the list. */
int whi_check_simple_read(const whi_check *check, const whi_check_simple *format, whi_check_list *list);

/* 0 when it is over the body. */
int whi_check_simple_body(const whi_check *check, const whi_check_simple *format);

/* A part of a header of name=value, …, parted at its first "=": base64 ends with some too. */
typedef struct whi_check_pair {
    const char *name, *value;
    size_t name_size, value_size;
} whi_check_pair;

int whi_check_pair_is(const whi_check_pair *pair, const char *name);

/* The next one, and 1; 0 at the end. One without "=" is a name alone, for nobody: the vendors' own libraries
 * pass it over. */
int whi_check_pair_next(const char **at, whi_check_pair *out);

/* Keeps one that may come once. WH_ESIG_FORMAT. */
int whi_check_pair_once(const char *header, const whi_check_pair *pair, whi_check_pair *out);

/* ------------------------------------------------------------------- a format */

/* How a sender's signatures are told and verified. */
typedef struct whi_format {
    const char *name;
    const char *header, *other; /* each tells it; NULL */
    /* Where no header tells any format: 1 if the body tells this one; 0 if not; or an error. NULL: never. */
    int (*is_in_body)(const whi_check *check);
    int (*check)(const whi_check *check);
} whi_format;

#endif
