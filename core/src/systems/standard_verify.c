/* Standard Webhooks: wh_verify. What signs is pure/sign.c. Tests: test_sign. */
#include "systems/standard_verify.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "base/error.h"
#include "base/halt.h"
#include "base/mem.h"
#include "pure/secret.h"
#include "pure/sign.h"
#include "webhook.h"

#define SIGNATURES_MAXIMUM 64

static const char stamp_name[] = "timestamp header";

/* One signature of the header, decoded. */
struct signature {
    int version; /* of enum version */
    uint8_t bytes[WHI_ED_SIGNATURE];
};

enum version { VERSION_1, VERSION_1A };

struct request {
    whi_value id, stamp, signatures;
    struct signature list[SIGNATURES_MAXIMUM]; /* those of a known version */
    size_t count;
};

static int headers_of(struct request *request, const wh_header *headers, size_t count, const char *prefix) {
    int code = whi_header_find(headers, count, prefix, "id", &request->id);

    if (code == WH_OK) {
        code = whi_header_find(headers, count, prefix, "timestamp", &request->stamp);
    }
    if (code == WH_OK) {
        code = whi_header_find(headers, count, prefix, "signature", &request->signatures);
    }
    return code;
}

static int header_missing(const struct request *request, const char *prefix) {
    const char *name = request->id.text == NULL           ? "id"
                       : request->stamp.text == NULL      ? "timestamp"
                       : request->signatures.text == NULL ? "signature"
                                                          : NULL;

    return name == NULL ? WH_OK : whi_fail(WH_ESIG_HEADER, "header %s%s: missing", prefix, name);
}

/* All three of one family: parts of two are never mixed. */
static int headers_read(struct request *request, const wh_header *headers, size_t count) {
    int code = headers_of(request, headers, count, "webhook-");

    if (code != WH_OK) {
        return code;
    }
    if (request->id.text != NULL || request->stamp.text != NULL || request->signatures.text != NULL) {
        return header_missing(request, "webhook-");
    }
    code = headers_of(request, headers, count, "svix-");
    if (code != WH_OK) {
        return code;
    }
    if (request->id.text == NULL && request->stamp.text == NULL && request->signatures.text == NULL) {
        return whi_fail(WH_ESIG_HEADER, "headers webhook-id, webhook-timestamp and webhook-signature: missing");
    }
    return header_missing(request, "svix-");
}

/* One "version,base64"; a version that is not known is passed over, as the
 * standard wants it. WH_ESIG_FORMAT for what cannot be read. */
static int signature_read(struct request *request, const char *text, size_t size) {
    struct signature *signature = &request->list[request->count];
    const char *comma = memchr(text, ',', size);
    size_t letters, expected, bytes;

    if (comma == NULL) {
        return whi_fail(WH_ESIG_FORMAT, "signature header: expected \"v1,\" and base64, found no comma");
    }
    letters = size - (size_t)(comma + 1 - text);
    if (comma - text == 2 && memcmp(text, "v1", 2) == 0) {
        signature->version = VERSION_1;
        expected = WHI_MAC_SIZE;
    } else if (comma - text == 3 && memcmp(text, "v1a", 3) == 0) {
        signature->version = VERSION_1A;
        expected = WHI_ED_SIGNATURE;
    } else {
        return WH_OK;
    }
    if (whi_base64_decode(comma + 1, letters, signature->bytes, sizeof signature->bytes, &bytes) != WH_OK ||
        bytes != expected) {
        return whi_fail(WH_ESIG_FORMAT, "signature header: expected base64 of %zu bytes after \"%.*s,\"", expected,
                        (int)(comma - text), text);
    }
    request->count++;
    return WH_OK;
}

/* What cannot be read is passed over where something else can: it says nothing about that. */
static int signatures_read(struct request *request) {
    const char *at = request->signatures.text;
    size_t found = 0, unread = 0;

    if (request->signatures.size > WHI_SIGNATURES_SIZE) {
        return whi_fail(WH_ESIG_FORMAT, "signature header: longer than %d bytes", WHI_SIGNATURES_SIZE);
    }
    for (;;) {
        size_t size;

        at += strspn(at, " \t");
        size = strcspn(at, " \t");
        if (size == 0) {
            break;
        }
        if (++found > SIGNATURES_MAXIMUM) {
            return whi_fail(WH_ESIG_FORMAT, "signature header: more than %d signatures", SIGNATURES_MAXIMUM);
        }
        unread += signature_read(request, at, size) != WH_OK;
        at += size;
    }
    if (found == 0) {
        return whi_fail(WH_ESIG_FORMAT, "signature header: empty");
    }
    return unread == found ? WH_ESIG_FORMAT : WH_OK; /* the sentence is that of the last one */
}

/* Each of the matching functions sets *matched and leaves it alone otherwise. */
static int match_mac(const whi_key *key, const struct request *request, const whi_message *message, int *matched) {
    uint8_t bytes[WHI_MAC_SIZE];
    EVP_MAC_CTX *mac;
    int code = whi_mac_new(&mac, key);

    if (code != WH_OK) {
        return code;
    }
    code = whi_mac_make(mac, message, bytes);
    EVP_MAC_CTX_free(mac);
    if (code != WH_OK) {
        return code;
    }
    for (size_t i = 0; i < request->count; i++) {
        if (request->list[i].version == VERSION_1 && whi_equal(request->list[i].bytes, bytes, WHI_MAC_SIZE)) {
            *matched = 1;
        }
    }
    whi_wipe(bytes, sizeof bytes);
    return WH_OK;
}

static int match_any(EVP_PKEY *key, const struct request *request, const uint8_t *text, size_t size, int *matched) {
    for (size_t i = 0; i < request->count && !*matched; i++) {
        int code;

        if (request->list[i].version != VERSION_1A) {
            continue;
        }
        code = whi_check_ed25519(key, request->list[i].bytes, text, size, matched);
        if (code != WH_OK) {
            return code;
        }
    }
    return WH_OK;
}

static int match_public(whi_key *key, const struct request *request, const whi_message *message, int *matched) {
    EVP_PKEY *public_key;
    uint8_t *joined;
    size_t size;
    int code = whi_key_public(key);

    if (code != WH_OK) {
        return code;
    }
    code = whi_message_join(message, &joined, &size);
    if (code != WH_OK) {
        return code;
    }
    whi_crypto_begin();
    public_key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, WHI_ED_PUBLIC);
    code = public_key != NULL ? match_any(public_key, request, joined, size, matched)
                              : whi_fail_crypto("read an ed25519 public key");
    EVP_PKEY_free(public_key);
    whi_free(joined);
    return code;
}

/* All secrets are read, also after a match: a broken one is to show at once and
 * not on the day that it is needed. */
static int match_all(const char *const *secrets, size_t count, const struct request *request,
                     const whi_message *message) {
    int matched = 0;

    for (size_t i = 0; i < count; i++) {
        whi_key key;
        int code = whi_key_read(&key, secrets[i]);

        if (code != WH_OK) {
            return whi_fail_renamed_item(code, "secrets", i);
        }
        if (!matched) {
            code = key.kind == WHI_KEY_MAC ? match_mac(&key, request, message, &matched)
                                           : match_public(&key, request, message, &matched);
        }
        whi_wipe(&key, sizeof key);
        if (code != WH_OK) {
            return code;
        }
    }
    return matched
               ? WH_OK
               : whi_fail(WH_ESIG_MISMATCH, "signature header: none of %zu known signatures fits one of %zu secrets",
                          request->count, count);
}

static int id_check(const whi_value *value) {
    char id[WHI_SIGNED_ID_MAXIMUM + 2]; /* one more than may be: too long stays too long */
    size_t size = value->size <= WHI_SIGNED_ID_MAXIMUM ? value->size : WHI_SIGNED_ID_MAXIMUM + 1;

    memcpy(id, value->text, size);
    id[size] = '\0';
    if (whi_signed_id_check(id) == WH_OK) {
        return WH_OK;
    }
    whi_fail_renamed(WH_ESIG_FORMAT, NULL);
    return whi_fail_within(WH_ESIG_FORMAT, "id header");
}

static int request_read(struct request *request, const wh_header *headers, size_t count, int64_t tolerance,
                        int64_t now) {
    int64_t seconds = 0;
    int code;

    request->count = 0;
    code = headers_read(request, headers, count);
    if (code != WH_OK) {
        return code;
    }
    code = id_check(&request->id);
    if (code == WH_OK) {
        code = whi_stamp_read(stamp_name, request->stamp.text, request->stamp.size, &seconds);
    }
    if (code == WH_OK) {
        code = signatures_read(request);
    }
    if (code == WH_OK) {
        code = whi_stamp_check(stamp_name, seconds, tolerance, now);
    }
    return code;
}

int wh_verify(const char *const *secrets, size_t secret_count, const wh_header *headers, size_t header_count,
              const void *body, size_t size, int64_t tolerance, int64_t now) {
    char stamp[WHI_STAMP_SIZE];
    whi_message message = { NULL, stamp, body, 0, 0, size };
    struct request request;
    int code = whi_message_check(secrets, secret_count, body, &message.size);

    if (code == WH_OK && headers == NULL && header_count > 0) {
        code = whi_fail_field(WH_EINVALID, "headers", "no array, but a count of %zu", header_count);
    }
    if (code == WH_OK) {
        code = request_read(&request, headers, header_count, tolerance, now);
    }
    if (code != WH_OK) {
        return code;
    }
    message.id = request.id.text;
    message.id_size = request.id.size;
    message.stamp_size = request.stamp.size + 2; /* as it came, so that "0123" stays what was signed */
    stamp[0] = '.';
    memcpy(stamp + 1, request.stamp.text, message.stamp_size - 2);
    stamp[message.stamp_size - 1] = '.';
    return match_all(secrets, secret_count, &request, &message);
}

int whi_check_timed(const whi_check *check) {
    return wh_verify(check->secrets, check->secret_count, check->headers, check->header_count, check->body, check->size,
                     check->options->tolerance, check->options->now);
}
