/* Requests of other senders, for the tests of wh_verify_as. */
#ifndef VERIFY_KIT_H
#define VERIFY_KIT_H

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base64.h"
#include "fault.h"
#include "webhook.h"

#define NOW_SECONDS 1700000000
#define NOW (INT64_C(1700000000) * 1000)
#define HEADERS 12

struct request {
    const char *format, *secret, *body;
    wh_header headers[HEADERS];
    int64_t now, tolerance;
    const char *method, *url;
};

static const char *found;

static inline int verify(const struct request *r) {
    wh_verify_options options = WH_VERIFY_INIT;

    options.format = r->format;
    options.now = r->now != 0 ? r->now : NOW;
    options.tolerance = r->tolerance;
    options.method = r->method;
    options.url = r->url;
    return wh_verify_as(&options, &r->secret, 1, r->headers, HEADERS, r->body, WH_ZSTR, &found);
}

static inline void set(struct request *r, const char *name, const char *value) {
    for (size_t i = 0; i < HEADERS; i++) {
        if (r->headers[i].name == NULL || strcmp(r->headers[i].name, name) == 0) {
            r->headers[i] = (wh_header){ name, value };
            return;
        }
    }
    fail_msg("no room for %s", name);
}

static inline int verify_with(const struct request *r, const char *name, const char *value) {
    struct request changed = *r;

    set(&changed, name, value);
    return verify(&changed);
}

/* An HMAC that the code under test had no part in. */
static inline const char *hmac(const char *secret, const char *text, int sha1, int hex) {
    static char out[100];
    uint8_t bytes[EVP_MAX_MD_SIZE];
    unsigned int size;

    assert_non_null(HMAC(sha1 ? EVP_sha1() : EVP_sha256(), secret, (int)strlen(secret), (const uint8_t *)text,
                         strlen(text), bytes, &size));
    if (!hex) {
        whi_base64_encode(bytes, size, out);
    }
    for (unsigned int i = 0; i < size && hex; i++) {
        snprintf(out + 2 * i, 3, "%02x", bytes[i]);
    }
    return out;
}

static inline void without_memory(const struct request *r) {
    int code, failed;
    long n = 0;

    do {
        fault_set(n++);
        code = verify(r);
        failed = fault_clear();
        assert_true(code == WH_OK || (code == WH_ENOMEM && failed));
    } while (failed);
    assert_int_equal(code, WH_OK);
}

#endif
