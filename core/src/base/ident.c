/* Tests: test_base. */
#include "base/ident.h"

#include <string.h>

#define EPOCH_MS INT64_C(1704067200000) /* 2024-01-01T00:00:00Z; 41 bits last until 2093 */
#define LOW_BITS 22                     /* a counter; it borrows from the next millisecond when it runs over */
#define LEAST_BITS 10

/* Crockford: no i, l, o, u. https://www.crockford.com/base32.html */
static const char digits[] = "0123456789abcdefghjkmnpqrstvwxyz";

static void encode(int64_t number, char *out) {
    uint64_t rest = (uint64_t)number;

    for (int i = WHI_IDENT_DIGITS - 1; i >= 0; i--) {
        out[i] = digits[rest & 31];
        rest >>= 5;
    }
}

static int decode(const char *text, int64_t *out) {
    uint64_t number = 0;

    for (int i = 0; i < WHI_IDENT_DIGITS; i++) {
        const char *digit = text[i] ? strchr(digits, text[i]) : NULL;
        if (digit == NULL) {
            return WH_EINVALID;
        }
        if (i == 0 && digit - digits > 7) { /* 63 bits: 3 in the first digit */
            return WH_EINVALID;
        }
        number = number << 5 | (uint64_t)(digit - digits);
    }
    *out = (int64_t)number;
    return WH_OK;
}

void whi_ident_format(const char *prefix, int64_t number, char *out) {
    size_t size = strlen(prefix);

    memcpy(out, prefix, size);
    encode(number, out + size);
    out[size + WHI_IDENT_DIGITS] = '\0';
}

int whi_ident_parse(const char *prefix, const char *text, int64_t *out) {
    size_t size = strlen(prefix);

    if (text == NULL || strncmp(text, prefix, size) != 0 || strlen(text + size) != WHI_IDENT_DIGITS) {
        return WH_EINVALID;
    }
    return decode(text + size, out);
}

void whi_ident_delivery(int64_t event, int64_t subscription, char *out) {
    memcpy(out, "dlv_", 4);
    encode(event, out + 4);
    encode(subscription, out + 4 + WHI_IDENT_DIGITS);
    out[4 + 2 * WHI_IDENT_DIGITS] = '\0';
}

int whi_ident_parse_delivery(const char *text, int64_t *event, int64_t *subscription) {
    if (text == NULL || strncmp(text, "dlv_", 4) != 0 || strlen(text + 4) != 2 * WHI_IDENT_DIGITS ||
        decode(text + 4, event) != WH_OK) {
        return WH_EINVALID;
    }
    return decode(text + 4 + WHI_IDENT_DIGITS, subscription);
}

int64_t whi_ident_after(int64_t last, int64_t now_ms) {
    int64_t first = whi_ident_first(now_ms);

    return first > last ? first : last + 1;
}

int64_t whi_ident_time(int64_t number) {
    return (number >> LOW_BITS) + EPOCH_MS;
}

int64_t whi_ident_first(int64_t ms) {
    int64_t past = ms - EPOCH_MS;

    if (past < 0) {
        return 0;
    }
    if (past >> 41 != 0) {
        past = (INT64_C(1) << 41) - 1;
    }
    return past << LOW_BITS;
}

int64_t whi_ident_least(int64_t ms, unsigned chance) {
    return ms < EPOCH_MS ? 1 : (ms - EPOCH_MS) << LEAST_BITS | (chance & ((1u << LEAST_BITS) - 1));
}
