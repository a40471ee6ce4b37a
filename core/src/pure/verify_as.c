#include <string.h>

#include "base/error.h"
#include "pure/secret.h"
#include "pure/verify_parts.h"
#include "webhook.h"

static int check_standard(const whi_check *check) {
    return wh_verify(check->secrets, check->secret_count, check->headers, check->header_count, check->body, check->size,
                     check->options->tolerance, check->options->now);
}

/* Each with the headers that tell it. Not webhook-id: others send one beside their own. */
static const struct format {
    const char *name, *header, *other;
    int (*check)(const whi_check *check);
} formats[] = {
    { "standard", "webhook-signature", "svix-signature", check_standard },
    { "unified", NULL, NULL, whi_check_unified },
    { "truto", "x-truto-signature", NULL, whi_check_truto },
    { "callfire", "x-callfire-signature", NULL, whi_check_callfire },
    { "github", "x-hub-signature-256", NULL, whi_check_github },
    { "stripe", "stripe-signature", NULL, whi_check_stripe },
    { "slack", "x-slack-signature", NULL, whi_check_slack },
    { "shopify", "x-shopify-hmac-sha256", NULL, whi_check_shopify },
    { "rfc9421", "signature-input", NULL, whi_check_rfc9421 },
};

enum {
    UNIFIED = 1,
    FORMATS = sizeof formats / sizeof formats[0],
};

static int has_header(const whi_check *check, const char *name) {
    const char *value = NULL;

    /* Twice is there too: that is for the format to refuse. */
    return name != NULL &&
           (whi_header_find(check->headers, check->header_count, "", name, &value) != WH_OK || value != NULL);
}

static int is_told(const whi_check *check, const struct format *format) {
    return has_header(check, format->header) || has_header(check, format->other);
}

/* Two senders' headers on one request: what one signed must not pass for the other's. */
static int fail_ambiguous(const struct format *a, const struct format *b) {
    return whi_fail(WH_ESIG_FORMAT, "headers: those of \"%s\" and of \"%s\", expected one format, or to be told which",
                    a->name, b->name);
}

static int detect_body(const whi_check *check, const struct format **out) {
    int is = whi_check_is_unified(check);

    if (is < 0) {
        return is;
    }
    if (!is) {
        return whi_fail(WH_ESIG_HEADER, "headers: no signature of a known format, and none in the body");
    }
    *out = &formats[UNIFIED];
    return WH_OK;
}

static int detect(const whi_check *check, const struct format **out) {
    const struct format *found = NULL;

    for (size_t i = 0; i < FORMATS; i++) {
        if (!is_told(check, &formats[i])) {
            continue;
        }
        if (found != NULL) {
            return fail_ambiguous(found, &formats[i]);
        }
        found = &formats[i];
    }
    *out = found;
    return found != NULL ? WH_OK : detect_body(check, out);
}

static int by_name(const char *name, const struct format **out) {
    for (size_t i = 0; i < FORMATS; i++) {
        if (strcmp(formats[i].name, name) == 0) {
            *out = &formats[i];
            return WH_OK;
        }
    }
    return whi_fail(WH_EINVALID,
                    "format: found \"%.40s\", expected standard, unified, truto, callfire, github, stripe, slack, "
                    "shopify or rfc9421",
                    name);
}

static int input_check(whi_check *check) {
    int code = whi_message_check(check->secrets, check->secret_count, check->body, &check->size);

    if (code == WH_OK && check->headers == NULL && check->header_count > 0) {
        code = whi_fail(WH_EINVALID, "headers: no array, but a count of %zu", check->header_count);
    }
    if (code == WH_OK && check->options->version != 1) {
        code = whi_fail(WH_EINVALID, "options: version %u, expected 1", check->options->version);
    }
    check->body = check->body != NULL ? check->body : "";
    return code;
}

int wh_verify_as(const wh_verify_options *options, const char *const *secrets, size_t secret_count,
                 const wh_header *headers, size_t header_count, const void *body, size_t size, const char **found) {
    static const wh_verify_options defaults = WH_VERIFY_INIT;
    whi_check check = {
        options != NULL ? options : &defaults, secrets, secret_count, headers, header_count, body, size
    };
    const struct format *format = NULL;
    int code = input_check(&check);

    if (found != NULL) {
        *found = NULL;
    }
    if (code == WH_OK) {
        code = check.options->format != NULL ? by_name(check.options->format, &format) : detect(&check, &format);
    }
    if (code != WH_OK) {
        return code;
    }
    if (found != NULL) {
        *found = format->name;
    }
    return format->check(&check);
}
