/* Formats with an HMAC of the body in a header. What is known of each vendor's is in the
 * table of wh_verify_as. */
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "pure/verify_parts.h"

/* The header's one signature, behind a fixed text, over the parts. */
struct simple {
    const char *name; /* "header " and its name */
    const char *prefix, *digest;
    int accepted;
};

#define HEADER "header "
#define NAME_OF(name) ((name) + sizeof HEADER - 1)

static int simple_read(const whi_check *check, const struct simple *format, whi_check_list *list) {
    size_t skip = strlen(format->prefix);
    const char *value;
    int code = whi_check_header(check, NAME_OF(format->name), &value);

    if (code != WH_OK) {
        return code;
    }
    whi_check_list_init(list, format->name, format->digest);
    if (strncmp(value, format->prefix, skip) != 0) {
        return whi_fail(WH_ESIG_FORMAT, "%s: expected \"%s\" and a signature", format->name, format->prefix);
    }
    return whi_check_list_add(list, value + skip, strlen(value + skip), format->accepted);
}

static int simple_check(const whi_check *check, const struct simple *format) {
    whi_check_part part = { check->body, check->size };
    whi_check_list list;
    int code = simple_read(check, format, &list);

    return code == WH_OK ? whi_check_match(check, &list, &part, 1) : code;
}

int whi_check_callfire(const whi_check *check) {
    static const struct simple format = { HEADER "x-callfire-signature", "", "SHA1", WHI_CHECK_BASE64 };

    return simple_check(check, &format);
}

int whi_check_github(const whi_check *check) {
    static const struct simple format = { HEADER "x-hub-signature-256", "sha256=", "SHA256", WHI_CHECK_HEX };

    return simple_check(check, &format);
}

int whi_check_shopify(const whi_check *check) {
    static const struct simple format = { HEADER "x-shopify-hmac-sha256", "", "SHA256", WHI_CHECK_BASE64 };

    return simple_check(check, &format);
}

/* ----------------------------------------------------------------------- Slack */

#define SLACK_STAMP "x-slack-request-timestamp"

int whi_check_slack(const whi_check *check) {
    static const struct simple format = { HEADER "x-slack-signature", "v0=", "SHA256", WHI_CHECK_HEX };
    whi_check_list list;
    const char *stamp;
    int64_t seconds = 0;
    int code = simple_read(check, &format, &list);

    if (code == WH_OK) {
        code = whi_check_header(check, SLACK_STAMP, &stamp);
    }
    if (code == WH_OK) {
        code = whi_stamp_read(HEADER SLACK_STAMP, stamp, strlen(stamp), &seconds);
    }
    if (code == WH_OK) {
        code = whi_stamp_check(HEADER SLACK_STAMP, seconds, check->options->tolerance, check->options->now);
    }
    if (code != WH_OK) {
        return code;
    }
    whi_check_part parts[] = { { "v0:", 3 }, { stamp, strlen(stamp) }, { ":", 1 }, { check->body, check->size } };

    return whi_check_match(check, &list, parts, 4);
}

/* --------------------------------------------------- Stripe, Truto: name=value, … */

/* A part of such a header, parted at its first "=": base64 ends with some too. */
struct pair {
    const char *name, *value;
    size_t name_size, value_size;
};

static int pair_is(const struct pair *pair, const char *name) {
    return pair->name_size == strlen(name) && memcmp(pair->name, name, pair->name_size) == 0;
}

/* The next one, and 1; 0 at the end; WH_ESIG_FORMAT. */
static int pair_next(const char *header, const char **at, struct pair *out) {
    size_t size;
    const char *equals;

    *at += strspn(*at, " \t,");
    size = strcspn(*at, ",");
    if (size == 0) {
        return 0;
    }
    equals = memchr(*at, '=', size);
    if (equals == NULL) {
        return whi_fail(WH_ESIG_FORMAT, HEADER "%s: expected name=value, parted by commas", header);
    }
    out->name = *at;
    out->name_size = (size_t)(equals - *at);
    out->value = equals + 1;
    out->value_size = size - out->name_size - 1;
    *at += size;
    while (out->value_size > 0 && strchr(" \t", out->value[out->value_size - 1]) != NULL) {
        out->value_size--;
    }
    return 1;
}

static int pair_once(const char *header, const struct pair *pair, struct pair *out) {
    if (out->name != NULL) {
        return whi_fail(WH_ESIG_FORMAT, HEADER "%s: %.*s found twice, expected once", header, (int)pair->name_size,
                        pair->name);
    }
    *out = *pair;
    return WH_OK;
}

#define STRIPE "stripe-signature"

/* Schemes that are not known ("v0" is Stripe's for tests) are passed over. */
static int stripe_read(const char *value, struct pair *stamp, whi_check_list *list) {
    struct pair pair;
    int code;

    while ((code = pair_next(STRIPE, &value, &pair)) == 1) {
        if (pair_is(&pair, "t")) {
            code = pair_once(STRIPE, &pair, stamp);
        } else if (pair_is(&pair, "v1")) {
            code = whi_check_list_add(list, pair.value, pair.value_size, WHI_CHECK_HEX);
        } else {
            code = WH_OK;
        }
        if (code != WH_OK) {
            return code;
        }
    }
    if (code == WH_OK && (stamp->name == NULL || list->count == 0)) {
        return whi_fail(WH_ESIG_FORMAT, HEADER STRIPE ": no %s, expected \"t=…,v1=…\"",
                        stamp->name == NULL ? "t" : "v1");
    }
    return code;
}

int whi_check_stripe(const whi_check *check) {
    struct pair stamp = { NULL, NULL, 0, 0 };
    whi_check_list list;
    const char *value;
    int64_t seconds = 0;
    int code = whi_check_header(check, STRIPE, &value);

    whi_check_list_init(&list, HEADER STRIPE, "SHA256");
    if (code == WH_OK) {
        code = stripe_read(value, &stamp, &list);
    }
    if (code == WH_OK) {
        code = whi_stamp_read(HEADER STRIPE ", t", stamp.value, stamp.value_size, &seconds);
    }
    if (code == WH_OK) {
        code = whi_stamp_check(HEADER STRIPE ", t", seconds, check->options->tolerance, check->options->now);
    }
    if (code != WH_OK) {
        return code;
    }
    whi_check_part parts[] = { { stamp.value, stamp.value_size }, { ".", 1 }, { check->body, check->size } };

    return whi_check_match(check, &list, parts, 3);
}

#define TRUTO "x-truto-signature"

static int truto_read(const char *value, struct pair *format, struct pair *signature) {
    struct pair pair;
    int code;

    while ((code = pair_next(TRUTO, &value, &pair)) == 1) {
        code = pair_is(&pair, "format") ? pair_once(TRUTO, &pair, format)
               : pair_is(&pair, "v")    ? pair_once(TRUTO, &pair, signature)
                                        : WH_OK;
        if (code != WH_OK) {
            return code;
        }
    }
    if (code == WH_OK && (format->name == NULL || signature->name == NULL)) {
        return whi_fail(WH_ESIG_FORMAT, HEADER TRUTO ": no %s, expected \"format=sha256,v=…\"",
                        format->name == NULL ? "format" : "v");
    }
    return code;
}

/* Hex or base64: the vendor's pages and the code of its customers do not agree. */
int whi_check_truto(const whi_check *check) {
    struct pair format = { NULL, NULL, 0, 0 }, signature = format;
    whi_check_part part = { check->body, check->size };
    whi_check_list list;
    const char *value;
    int code = whi_check_header(check, TRUTO, &value);

    whi_check_list_init(&list, HEADER TRUTO, "SHA256");
    if (code == WH_OK) {
        code = truto_read(value, &format, &signature);
    }
    if (code == WH_OK && (format.value_size != 6 || memcmp(format.value, "sha256", 6) != 0)) {
        code = whi_fail(WH_ESIG_FORMAT, HEADER TRUTO ": another format, expected \"format=sha256\"");
    }
    if (code == WH_OK) {
        code = whi_check_list_add(&list, signature.value, signature.value_size, WHI_CHECK_HEX | WHI_CHECK_BASE64);
    }
    return code == WH_OK ? whi_check_match(check, &list, &part, 1) : code;
}
