#include "base/base64.h"

#include <stdint.h>

#include "webhook.h"

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

size_t whi_base64_encode(const void *bytes, size_t size, char *out) {
    const uint8_t *in = bytes;
    char *at = out;

    for (; size >= 3; size -= 3, in += 3) {
        *at++ = letters[in[0] >> 2];
        *at++ = letters[(in[0] << 4 | in[1] >> 4) & 63];
        *at++ = letters[(in[1] << 2 | in[2] >> 6) & 63];
        *at++ = letters[in[2] & 63];
    }
    if (size > 0) {
        unsigned second = size == 2 ? in[1] : 0;
        *at++ = letters[in[0] >> 2];
        *at++ = letters[(in[0] << 4 | second >> 4) & 63];
        *at++ = size == 2 ? letters[second << 2 & 63] : '=';
        *at++ = '=';
    }
    *at = '\0';
    return (size_t)(at - out);
}

/* All bits set if first <= letter <= last, else none: no branch, no table. */
static uint32_t within(uint32_t letter, uint32_t first, uint32_t last) {
    return 0u - (((first - 1 - letter) & (letter - last - 1)) >> 31);
}

/* 0 to 63, or all bits set for what is no letter of the alphabet. */
static uint32_t value(uint8_t byte) {
    uint32_t c = byte;
    uint32_t upper = within(c, 'A', 'Z'), lower = within(c, 'a', 'z'), digit = within(c, '0', '9');
    uint32_t plus = within(c, '+', '+'), slash = within(c, '/', '/');

    return (upper & (c - 'A')) | (lower & (c - 'a' + 26)) | (digit & (c - '0' + 52)) | (plus & 62) | (slash & 63) |
           ~(upper | lower | digit | plus | slash);
}

int whi_base64_decode(const char *text, size_t size, void *out, size_t room, size_t *out_size) {
    const uint8_t *in = (const uint8_t *)text;
    uint8_t *at = out;
    uint32_t wrong = 0;
    size_t padding, bytes;

    if (size % 4 != 0) {
        return WH_EINVALID;
    }
    padding = size == 0 || in[size - 1] != '=' ? 0 : in[size - 2] != '=' ? 1 : 2;
    bytes = size / 4 * 3 - padding;
    if (bytes > room) {
        return WH_EINVALID;
    }
    for (size_t i = 0; i < bytes; i += 3, in += 4) {
        size_t rest = bytes - i;
        uint32_t a = value(in[0]), b = value(in[1]);
        uint32_t c = rest > 1 ? value(in[2]) : 0, d = rest > 2 ? value(in[3]) : 0;

        wrong |= (a | b | c | d) & ~63u;
        wrong |= rest == 1 ? b & 15 : rest == 2 ? c & 3 : 0;
        *at++ = (uint8_t)(a << 2 | b >> 4);
        if (rest > 1) {
            *at++ = (uint8_t)(b << 4 | c >> 2);
        }
        if (rest > 2) {
            *at++ = (uint8_t)(c << 6 | d);
        }
    }
    *out_size = bytes;
    return wrong == 0 ? WH_OK : WH_EINVALID;
}
