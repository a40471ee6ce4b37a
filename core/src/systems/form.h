/* Signatures by a form: which lines sign a request, as data, so that an existing product's receivers verify what comes
 * from here as they did before.
 *
 *   {"digest": "sha256", "encoding": "hex", "key": "text",
 *    "signed": "{timestamp}.{body}",
 *    "headers": {"Stripe-Signature": "t={timestamp},{signatures}"}, "each": "v1={signature}", "between": ","}
 *
 * In texts {id}, {timestamp} (s), {type} and {url} stand for those of the request, {body} in `signed` for the body,
 * which is there once, and {signature} and {signatures} in `headers` for the first secret's, or for those of all, each
 * as `each` has it with `between` between them; one of the two is there once. Nothing else is a brace. digest: sha1,
 * sha256 or sha512; encoding: hex or base64; key: "text", the secret's bytes, or "base64", what it encodes behind an
 * underscore if it has one ("whsec_…").
 *
 * Forms of known senders have names: whi_form_named. */
#ifndef WHI_FORM_H
#define WHI_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "systems/check.h"
#include "webhook.h"

#define WHI_FORM_BYTES 4096
#define WHI_FORM_HEADERS 8
#define WHI_FORM_PARTS 16
#define WHI_FORM_DIGEST 64 /* bytes of the longest */

enum whi_form_what {
    WHI_FORM_LITERAL,
    WHI_FORM_ID,
    WHI_FORM_TIMESTAMP,
    WHI_FORM_TYPE,
    WHI_FORM_URL,
    WHI_FORM_BODY,
    WHI_FORM_SIGNATURE,
    WHI_FORM_SIGNATURES,
    WHI_FORM_WHATS
};

typedef struct whi_form_part {
    enum whi_form_what what;
    const char *text; /* of a literal */
    size_t size;
} whi_form_part;

typedef struct whi_form_text {
    whi_form_part parts[WHI_FORM_PARTS];
    size_t count;
} whi_form_text;

typedef struct whi_form {
    char *arena;        /* what the texts point to */
    const char *digest; /* "SHA256" */
    size_t digest_size;
    int base64, base64_key;
    const char *names[WHI_FORM_HEADERS];
    whi_form_text values[WHI_FORM_HEADERS];
    size_t header_count;
    whi_form_text signed_text, each;
    const char *between; /* NULL: the first secret alone signs */
} whi_form;

/* What is signed. */
typedef struct whi_form_message {
    const char *id, *type, *url; /* NULL: there is none */
    int64_t timestamp;           /* s */
    const void *body;
    size_t size;
} whi_form_message;

/* Reads the object, or the name of a known one, as a JSON text or as it is. WH_EINVALID of "signature" and its member.
 */
int whi_form_read(whi_form **out, const char *json, size_t size);
void whi_form_free(whi_form *form);

/* The object of a known sender: "github", "stripe", "slack", "shopify", "svix"; NULL: none of that name. */
const char *whi_form_named(const char *name, size_t size);

/* WH_ESECRET: no secret of this form. */
int whi_form_check_secret(const whi_form *form, const char *secret);

/* HMAC over what is signed, raw. */
int whi_form_digest(const whi_form *form, const whi_form_message *message, const char *secret,
                    uint8_t out[WHI_FORM_DIGEST]);

/* Appends the lines, "Name: value", each with its zero byte; header_count of them. */
int whi_form_sign(const whi_form *form, const whi_form_message *message, char *const *secrets, size_t count,
                  whi_buf *out);

/* 0 when the request is signed so: as wh_verify_as. */
int whi_form_verify(const whi_form *form, const whi_check *check);

#endif
